/* record_settling.h: a conflict while it is settled: what record_resolve.c, which decides whether it may be,
 * record_settling.c, which makes the change that does it, and record_refresh.c, which brings it up to date when it may not, share. Nobody
 * else includes it. */
#pragma once

#include "collab/record/record_making.h"

/* A place of the conflict. */
struct place {
    struct path path;
    yyjson_val *mine, *theirs; /* of the body; NULL: nothing */
    yyjson_val *now;           /* of the present state; NULL: nothing */
    bool is_move;              /* it is about an item's place in its list: the values are order keys */
};

enum resolution { RESOLUTION_LOCAL, RESOLUTION_REMOTE, RESOLUTION_MERGED };

struct settling {
    struct making *making;
    const struct object *object;
    struct json body, state, input;
    struct change local; /* the parked one */
    enum resolution resolution;
    uint32_t place_count;
    struct place *places;
    uint64_t shown;
    struct tail_changes news; /* settling_read_news: what was changed since the conflict was shown */
};

static inline yyjson_val *none_if_null(yyjson_val *value)
{
    return yyjson_is_null(value) ? NULL : value;
}

/* The parked change on the present state, its values where it was in conflict. False: it cannot be, or something is being read. */
bool settling_make_local(struct settling *settling, struct change *change);
/* What the person wants there, of the input. False: it cannot be. */
bool settling_make_merged(struct settling *settling, struct change *change);
/* The value, or the values by path, of the input; NULL: there are none. */
yyjson_val *settling_merged_value(const struct settling *settling);

/* ---- record_refresh.c ---- */
/* What was changed since the conflict was shown. False: it is being read. */
bool settling_read_news(struct settling *settling);
/* Into the body: what is there now, and who put it there. */
void settling_put_news(const struct settling *settling, yyjson_mut_doc *doc, yyjson_mut_val *root);
