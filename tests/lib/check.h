/* check.h: cmocka, with what it wants included before it, and what tests say about spans. */
#pragma once

#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void assert_text(struct span text, const char *expected);
