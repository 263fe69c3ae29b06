/* demo_load.h: puts the demonstration accounts and data into a store that does not have them yet. Main thread, before the server starts. */
#pragma once

#include "server/demo.h"
#include "store/store.h"

#include <stdio.h>

/* Loads nothing when it was done before, so that what people changed stays changed. `is_there`: which of the accounts there are, since somebody
 * else may have an id or a name of theirs. ERR_* with a sentence in *why. */
must_check enum err demo_load(struct store *store, struct type_registry *registry, int64_t wall_ms,
                              bool is_there[DEMO_ACCOUNT_COUNT], struct buf *why);
void demo_print_accounts(FILE *out, const bool is_there[DEMO_ACCOUNT_COUNT]);
