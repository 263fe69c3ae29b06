/* errors_docs.h: the page docs/errors.md, generated from the list of errors. */
#pragma once

#include "base/buf.h"

void errors_write_docs(struct buf *out);
