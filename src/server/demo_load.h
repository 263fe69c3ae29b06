/* demo_load.h: puts the demonstration accounts and data into a store that does not have them yet. Main thread, before the server starts. */
#pragma once

#include "store/store.h"

#include <stdio.h>

/* Does nothing when it was done before, so that what people changed stays changed. ERR_* with a sentence in *why. */
must_check enum err demo_load(struct store *store, struct type_registry *registry, int64_t wall_ms, struct buf *why);
void demo_print_accounts(FILE *out);
