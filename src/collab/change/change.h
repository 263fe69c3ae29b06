/* change.h: a change to a record: an atomic batch of operations on paths, in the vocabulary of the append-only change
 * log. Parsing, printing and applying are pure functions on JSON values.
 *
 * Paths: `status`, `a.b` and `/a/b` are the same; an item of a collection is addressed by id, `/items/@i7f3/qty`; a
 * position (`items/2`, `items[2]`) is refused: ERR_POSITION_IN_PATH. With a slash in it a path is read as RFC 6901
 * says (~1 is '/', ~0 is '~'). Only fields that are objects and collections have something inside.
 *
 * A record's state is a JSON object as clients see it. A collection in it is an array of objects, each with its "id"
 * and its order key "pos", sorted by (pos, id). Limits: 256 operations, 48 KiB. */
#pragma once

#include "base/limits.h"
#include "collab/identity.h"
#include "collab/type/type.h"

enum op_kind { OP_SET, OP_DEL, OP_INS, OP_MOV, OP_INC, OP_TXT, OP_TEST };

#define CHANGE_OPS_MAX LIMIT_CHANGE_OPS
#define CHANGE_BYTES_MAX (48 * 1024)
#define PATH_DEPTH_MAX 16

struct path {
    uint32_t depth;
    struct span steps[PATH_DEPTH_MAX]; /* decoded; an item's step keeps its leading '@' */
};
/* Spans point into the arena. ERR_BAD_PATH, ERR_POSITION_IN_PATH. */
must_check enum err path_parse(struct arena *arena, struct span text, struct path *out);
void path_append(struct buf *out, const struct path *path); /* canonical: /a/b/@id */

struct op {
    enum op_kind kind;
    struct path path;
    struct span value;  /* JSON: the new value, the amount of inc, the edit of txt (text.h), what test expects (empty:
                         * nothing there) */
    struct span pos;    /* of ins and mov */
    struct span before; /* JSON as it was when committed; empty: was not there. Filled by change_apply */
    struct span after;  /* JSON as it is then */
    /* What the client saw there when he made the change; empty: he did not say. With it and no base_version, the
     * version he saw is found by it. */
    struct span expected;
};

enum change_kind { CHANGE_CREATE, CHANGE_UPDATE, CHANGE_DELETE, CHANGE_ACTION };

/* What became of a change. */
enum verdict {
    VERDICT_APPLIED,  /* as it was sent */
    VERDICT_MERGED,   /* brought onto what others did meanwhile: `ops` and `superseded` say how */
    VERDICT_CONFLICT, /* nothing was changed: both values are kept in a conflict until a person decides */
    VERDICT_REJECTED, /* an error says why */
};

/* A value that lost against another one: nothing that somebody wrote disappears without a trace. */
struct superseded {
    struct path path;
    struct span value;   /* JSON: what was wanted there, or was there */
    uint64_t by_version; /* of the change that won; the change's own version when it is the one that won */
};

struct change {
    enum change_kind kind;
    struct span id; /* the client's idempotency key; empty: none */
    struct span type, entity_id;
    struct span action;    /* of CHANGE_ACTION: "approve" */
    uint64_t base_version; /* the version it was made against; 0: the current one */
    bool must_match;       /* If-Match: refuse unless base_version is current */
    uint32_t op_count;
    struct op *ops;
    struct span metadata;   /* a JSON object, or empty */
    bool has_strategy;      /* the client asks for: */
    enum strategy strategy; /* at commit: the one that was used */
    uint64_t fence;         /* the token of the lock it was made under; 0: none given */
    uint64_t stamp;         /* a hybrid logical clock: milliseconds << 16 | counter; 0: the server's (crdt) */
    struct span source;     /* who breaks ties between equal stamps: the tab or queue that sent it; else the user */
    uint64_t undo_of;       /* version of the change that this one takes back; 0: none */
    uint64_t undo_from;     /* of several, the first one's; 0: as many as belong to its burst or group */
    uint64_t restored;      /* version of the state that this one brings back; 0: none */
    struct span resolves;   /* id of the conflict that it settles; empty: none */
    struct span group;      /* changes of one user in one group are undone together; may be empty */
    /* filled at commit: */
    enum verdict verdict;
    uint32_t superseded_count;
    struct superseded *superseded;
    uint64_t version;
    struct span user_id, username;
    int64_t time_ms;
    uint32_t failed_op; /* when change_apply failed: which one */
};

/* The four ways to make a change. The caller has zeroed *change, and may have set entity_id, id, base_version,
 * must_match and metadata: these stay (what names another record than entity_id is ERR_BAD_FIELD). Kind, type, action
 * and operations are filled in, spans in the arena. On failure *field names what was wrong (in the arena; may be
 * empty). */

/* A JSON merge patch (RFC 7396): one level deep for objects that the type declares, registers replaced whole, null
 * takes a value away. Values are checked against the type's fields: ERR_UNKNOWN_FIELD, ERR_BAD_FIELD, ERR_TOO_DEEP,
 * ERR_MISSING_FIELD (a required field's null). `writable`: bits of the fields that may be written (ERR_FORBIDDEN). */
must_check enum err change_from_patch(struct arena *arena, const struct type *type, yyjson_val *patch,
                                      uint64_t writable, struct change *change, struct span *field);
/* The whole new record: required fields, defaults, checks as above. A member "id" becomes entity_id when that is
 * empty. */
must_check enum err change_from_record(struct arena *arena, const struct type *type, yyjson_val *record,
                                       uint64_t writable, struct change *change, struct span *field);
/* The operations of an action on the record's present state; ERR_BAD_STATE when its conditions do not hold. `input`
 * is the request's object or NULL (ERR_MISSING_FIELD for what the action needs of it); now_ms is the wall clock. */
must_check enum err change_from_action(struct arena *arena, const struct type *type, const struct action *action,
                                       yyjson_val *state, yyjson_val *input, const struct identity *who, int64_t now_ms,
                                       struct change *change, struct span *field);
/* A client's Change object, {id, entityType, entityId, version | baseVersion, metadata, strategy, fence | fencingToken
 * | lockToken, stamp | hlc, source | src | clientId, group} in either spelling, with
 *     ops: [{op, path, value | n | pos, before}, ...]     op is set, del, ins, mov, inc, txt or test
 * or as a batch of one with {operation, path, after}: insert, update, delete, move, increment, text. Without a path
 * (or with "/") such an operation is on the whole record: then insert makes a CHANGE_CREATE, delete a CHANGE_DELETE,
 * update is a merge patch. Checks paths, values and the fields that may be written as above; whether this kind of
 * change is allowed is for the caller. */
must_check enum err change_from_json(struct arena *arena, const struct type *type, yyjson_val *object,
                                     uint64_t writable, struct change *change, struct span *field);
/* What is around the operations in such an object, alone; to be followed by change_from_patch or change_from_record. */
must_check enum err change_head_from_json(struct arena *arena, const struct type *type, yyjson_val *object,
                                          struct change *change, struct span *field);

/* Applies all operations or none to `state` (a record's JSON object text; empty for a create), fills before and after
 * of each (spans in the arena) and appends the new state's text to *out (nothing for a delete). A total function: an
 * operation whose target is missing or of another kind does nothing. Refused are: ERR_CONFLICT when a test fails,
 * ERR_BAD_FIELD when an inc or txt leaves what the field may hold, ERR_BAD_OFFSET when a text edit does not fit,
 * ERR_CYCLIC_MOVE when items of a collection would be inside of each other by their `parent`, ERR_TOO_LARGE past
 * state_bytes_max; failed_op says which. `type` NULL: a replay of what was committed, so that neither tests nor
 * ranges nor circles are checked anew. An ins without a pos puts the item last and notes the pos it got. */
must_check enum err change_apply(struct arena *arena, const struct type *type, struct span state,
                                 size_t state_bytes_max, struct change *change, struct buf *out);

/* The body stored in the log and read back: one JSON object with everything above. Members it does not know are
 * ignored. */
void change_print(struct buf *out, const struct change *change);
/* ERR_BAD_MESSAGE, ERR_BAD_JSON. Copies the body into the arena. */
must_check enum err change_read(struct arena *arena, struct span body, struct change *change);
/* Whether the change did nothing (every op's before equals its after). Creating and deleting is never nothing, and
 * neither is having lost, since what was wanted is to be kept, nor a step back, or the next one would be the same. */
bool change_is_empty(const struct change *change);
