/* model_store.h: what a store promises (collab/ports.h), as simply as it can be said: tables in memory, one request after the other. For tests
 * of the core; also the truth that simulations compare with. Nothing is ever taken out of a table, so going back to an
 * earlier moment is cutting its end off. */
#pragma once

#include "collab/ports.h"

struct model_room {
    char *name;
    uint64_t epoch;
    uint64_t head;
};

struct model_event {
    unsigned room;
    uint64_t offset;
    uint64_t version; /* of a change; else 0 */
    session_id origin;
    char *body;
    size_t body_len;
};

struct model_change { /* a version of a record */
    char *record;     /* its room's name */
    uint64_t version;
    bool is_delete;
    char *state;
    size_t state_len;
    char *body; /* of its event */
    size_t body_len;
    char *op_id; /* NULL: none */
};

struct model_object {     /* one put of an object; the last one is what there is */
    struct object object; /* owned spans; an empty body: it went */
};

struct model_line { /* of the activity feed */
    uint64_t seq;
    bool is_change;
    char *action, *user_id, *type, *entity_id, *customer_id, *body;
};

struct model_user {
    char *name, *id;
    const char *role; /* one is enough; borrowed */
};

struct model_op {
    char *id;
    uint64_t hash;
    char *answer;
    struct position position;
};

struct model_store {
    const struct type_registry *registry;
    uint64_t seed;       /* of the rooms' epochs */
    uint32_t events_max; /* of a room, kept for reading */
    uint64_t sequence;   /* of the last event of a commit */
    unsigned room_count, event_count, change_count, op_count, object_count, line_count, user_count;
    unsigned room_capacity, event_capacity, change_capacity, op_capacity, object_capacity, line_capacity, user_capacity;
    struct model_room *rooms;
    struct model_event *events;
    struct model_change *changes;
    struct model_op *ops;
    struct model_object *objects;
    struct model_line *lines;
    struct model_user *users;
};

/* Where what was done goes: a commit's events, one per room that shows it, come right before its completion. */
struct model_sink {
    void *arg;
    void (*committed)(void *arg, struct event *event);      /* borrows */
    void (*done)(void *arg, struct store_request *request); /* takes */
};

void model_store_init(struct model_store *store, const struct type_registry *registry, uint64_t seed);
void model_store_deinit(struct model_store *store);
/* Somebody whom STORE_USERS_FIND finds. */
void model_store_add_user(struct model_store *store, struct span name, struct span id);
/* Does one request. `failure` != OK: a commit fails with it, and nothing is written. */
void model_store_execute(struct model_store *store, struct store_request *request, enum err failure,
                         const struct model_sink *sink);

struct model_moment {
    unsigned room_count, event_count, change_count, op_count, object_count, line_count, user_count;
    uint64_t sequence;
};
struct model_moment model_store_now(const struct model_store *store);
/* As if everything after that moment had never been. */
void model_store_go_back(struct model_store *store, struct model_moment moment);

/* Reading for checks. NULL: none. */
const struct model_room *model_store_room(const struct model_store *store, struct span name);
const struct model_change *model_store_record(const struct model_store *store, struct span room); /* its last version */
const struct model_change *model_store_version(const struct model_store *store, struct span room, uint64_t version);
const struct model_event *model_store_event(const struct model_store *store, struct span room, uint64_t offset);
const struct model_op *model_store_op(const struct model_store *store, struct span op_id);
/* As it was put last; NULL when it went or never was. */
const struct object *model_store_object(const struct model_store *store, enum object_kind kind, struct span id);
/* The version of a record after the events of its room up to this offset. */
uint64_t model_store_version_at(const struct model_store *store, struct span room, uint64_t offset);
