/* The log of each sheet, read from its start when all is over. */
#include "simulation/sim.h"

#include "collab/change/transform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

enum { LOCKS_MAX = 128, CONFLICTS_MAX = 512 };

struct held {
    struct span id;
    struct path path;
    unsigned user;
    bool is_soft;
    bool has_expired; /* somebody else has it by now: only its end is still to be told */
    uint64_t token;
};

/* Who wrote where, newest last. */
struct written {
    enum op_kind kind;
    struct path path;
    unsigned user;
    uint64_t version;
    struct span source, after;
};

struct ledger {
    struct sim *sim;
    unsigned room;
    struct arena arena;
    struct buf state;
    uint64_t version, token;
    unsigned held_count, written_count, written_capacity, conflict_count;
    struct held held[LOCKS_MAX];
    struct written *written;
    struct span settled[CONFLICTS_MAX];
    unsigned settled_count;
    struct written made; /* the record, the last time that somebody sent one */
};

static const char *name_of(const struct ledger *ledger)
{
    return sim_rooms[ledger->room].name;
}

static unsigned user_of(struct span user_id)
{
    return user_id.len == 1 ? (unsigned)(user_id.data[0] - '1') : SIM_USERS;
}

/* "op17": what its client called it. */
static struct sim_op *op_of(const struct ledger *ledger, struct span id)
{
    uint64_t index;

    if (!span_starts_with(id, SPAN("op")) || !span_parse_u64(span_slice(id, 2, id.len), &index) ||
        index >= ledger->sim->op_count)
        return NULL;
    return &ledger->sim->ops[index];
}

/* ---- the state ---------------------------------------------------------------------------------------------------- */

static void fold(struct ledger *ledger, const struct change *change)
{
    struct sim *sim = ledger->sim;
    const struct model_change *row = model_store_version(&sim->store, sim_room_name(ledger->room), change->version);
    struct change copy = *change;
    struct buf out = BUF_EMPTY;
    enum err err;

    sim_check(sim, change->version == ledger->version + 1, "the log of %s has version %llu after %llu", name_of(ledger),
              (ull)change->version, (ull)ledger->version);
    ledger->version = change->version;
    copy.ops = arena_alloc(&ledger->arena, change->op_count * sizeof(*copy.ops));
    if (change->op_count > 0)
        memcpy(copy.ops, change->ops, change->op_count * sizeof(*copy.ops));
    err = change_apply(&ledger->arena, NULL, buf_span(&ledger->state), 1 << 20, &copy, &out);
    sim_check(sim, change->superseded_count > 0 || change->kind != CHANGE_UPDATE || !change_is_empty(&copy),
              "version %llu of %s changes nothing, and nothing was lost", (ull)change->version, name_of(ledger));
    buf_deinit(&ledger->state);
    ledger->state = out;
    sim_check(sim, err == OK && row && span_equal(buf_span(&out), span_of(row->state, row->state_len)),
              "version %llu of %s is %.*s, and its log says %.*s", (ull)change->version, name_of(ledger),
              row ? (int)row->state_len : 0, row ? row->state : "", SPAN_ARG(buf_span(&out)));
}

/* ---- locks -------------------------------------------------------------------------------------------------------- */

static bool covers(const struct path *outer, const struct path *inner)
{
    const enum relation relation = path_relation(inner, outer);

    return outer->depth == 0 || relation == RELATION_SAME || relation == RELATION_INSIDE;
}

static bool overlaps(const struct path *a, const struct path *b)
{
    return covers(a, b) || covers(b, a);
}

static void let_go(struct ledger *ledger, struct span id)
{
    for (unsigned i = 0; i < ledger->held_count; i++)
        if (span_equal(ledger->held[i].id, id))
            ledger->held[i--] = ledger->held[--ledger->held_count];
}

static struct held read_lock(struct ledger *ledger, const struct event *event, yyjson_val *body)
{
    struct held lock = {.id = arena_copy(&ledger->arena, event->object.id)};
    const struct span path = json_get_text(body, "path");

    if (path.len > 0)
        sim_check(ledger->sim, path_parse(&ledger->arena, arena_copy(&ledger->arena, path), &lock.path) == OK,
                  "a lock of %s has no path", name_of(ledger));
    lock.user = user_of(json_get_text(body, "locked_by"));
    lock.is_soft = json_get_bool(body, "soft", false);
    lock.token = yyjson_get_uint(json_get(body, "token"));
    return lock;
}

static void grant(struct ledger *ledger, const struct held *lock)
{
    sim_check(ledger->sim, lock->token > ledger->token, "token %llu of %s comes after %llu", (ull)lock->token,
              name_of(ledger), (ull)ledger->token);
    ledger->token = lock->token;
    for (unsigned i = 0; i < ledger->held_count; i++)
        if (!lock->is_soft && !ledger->held[i].is_soft && lock->user != ledger->held[i].user &&
            overlaps(&lock->path, &ledger->held[i].path))
            ledger->held[i].has_expired = true;
}

/* One that others have got meanwhile can only expire, or be taken anew. */
static void check_end(struct ledger *ledger, const struct event *event)
{
    for (unsigned i = 0; i < ledger->held_count; i++)
        sim_check(ledger->sim,
                  !ledger->held[i].has_expired || !span_equal(ledger->held[i].id, event->object.id) ||
                      event->object.verb == OBJECT_EXPIRE || event->object.verb == OBJECT_ADD,
                  "%.*s was granted to two", SPAN_ARG(event->object.id));
}

static void on_lock(struct ledger *ledger, const struct event *event, yyjson_val *body)
{
    const enum object_verb verb = event->object.verb;
    const struct held lock = read_lock(ledger, event, body);

    check_end(ledger, event);
    let_go(ledger, event->object.id);
    if (verb == OBJECT_ADD || verb == OBJECT_HAND_OVER)
        grant(ledger, &lock);
    if (verb == OBJECT_ADD || verb == OBJECT_HAND_OVER || verb == OBJECT_REQUEST || verb == OBJECT_RENEW) {
        if (ledger->held_count < LOCKS_MAX)
            ledger->held[ledger->held_count++] = lock;
    }
}

static bool holds(const struct ledger *ledger, unsigned user, const struct path *path, uint64_t fence)
{
    for (unsigned i = 0; i < ledger->held_count; i++) {
        const struct held *lock = &ledger->held[i];

        if (lock->user == user && !lock->has_expired &&
            (fence ? lock->token == fence : !lock->is_soft && covers(&lock->path, path)))
            return true;
    }
    return false;
}

static bool is_in(const struct op *op, const char *field)
{
    return op->kind != OP_TEST && op->path.depth > 0 && span_equal(op->path.steps[0], span_from_str(field));
}

static void check_locks(struct ledger *ledger, const struct change *change)
{
    const struct sim_op *sent = op_of(ledger, change->id);
    const unsigned user = user_of(change->user_id);

    if (sent && sent->fence > 0)
        sim_check(ledger->sim, holds(ledger, user, NULL, sent->fence),
                  "version %llu of %s was made with token %llu, which its author did not hold", (ull)change->version,
                  name_of(ledger), (ull)sent->fence);
    for (uint32_t i = 0; i < change->op_count && change->kind != CHANGE_CREATE; i++)
        sim_check(ledger->sim, !is_in(&change->ops[i], "price") || holds(ledger, user, &change->ops[i].path, 0),
                  "version %llu of %s writes a price without the lock", (ull)change->version, name_of(ledger));
}

/* What is held by the log is what is stored. */
static void check_held(struct ledger *ledger)
{
    const struct model_store *store = &ledger->sim->store;

    for (unsigned i = 0; i < ledger->held_count; i++) {
        sim_check(ledger->sim, false, "everybody is gone, and user %u still holds %.*s", ledger->held[i].user + 1,
                  SPAN_ARG(ledger->held[i].id));
        sim_check(ledger->sim, model_store_object(store, OBJECT_LOCK, ledger->held[i].id) != NULL,
                  "%.*s is held, and not stored", SPAN_ARG(ledger->held[i].id));
    }
    for (unsigned i = 0; i < store->object_count; i++) {
        const struct object *object = &store->objects[i].object;
        unsigned k = 0;

        if (object->kind != OBJECT_LOCK || !span_equal(object->room, sim_room_name(ledger->room)) ||
            !model_store_object(store, OBJECT_LOCK, object->id))
            continue;
        while (k < ledger->held_count && !span_equal(ledger->held[k].id, object->id))
            k++;
        sim_check(ledger->sim, k < ledger->held_count, "%.*s is stored, and not held", SPAN_ARG(object->id));
    }
}

/* ---- who wrote where ---------------------------------------------------------------------------------------------- */

static void note(struct ledger *ledger, const struct change *change, enum op_kind kind, const struct path *path,
                 struct span after)
{
    if (ledger->written_count == ledger->written_capacity) {
        ledger->written_capacity = ledger->written_capacity ? ledger->written_capacity * 2 : 64;
        ledger->written = realloc(ledger->written, ledger->written_capacity * sizeof(*ledger->written));
        if (ledger->written == NULL)
            abort();
    }
    ledger->written[ledger->written_count++] =
        (struct written){kind, *path, user_of(change->user_id), change->version, change->source, after};
}

static void note_all(struct ledger *ledger, const struct change *change)
{
    const struct path whole = {0};

    if (change->kind == CHANGE_CREATE || change->kind == CHANGE_DELETE)
        note(ledger, change, OP_DEL, &whole, SPAN_EMPTY);
    if (change->kind == CHANGE_CREATE && change->undo_of == 0 && change->restored == 0)
        ledger->made = ledger->written[ledger->written_count - 1];
    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];

        if (op->kind != OP_TEST && !span_equal(op->before, op->after))
            note(ledger, change, op->kind, &op->path, op->after);
    }
}

/* A new value for an item leaves it in its place, and a move leaves its value. */
static bool is_apart(const struct written *written, const struct op *op)
{
    return (written->kind == OP_MOV && op->kind == OP_SET && op->path.depth >= written->path.depth) ||
           (op->kind == OP_MOV && written->path.depth >= op->path.depth &&
            (written->kind == OP_SET || written->kind == OP_INC));
}

static const struct written *last_at(const struct ledger *ledger, const struct op *op)
{
    for (unsigned i = ledger->written_count; i-- > 0;)
        if (overlaps(&ledger->written[i].path, &op->path) && !is_apart(&ledger->written[i], op))
            return &ledger->written[i];
    return NULL;
}

/* What it takes back in several steps is its own after the first. */
static bool wrote_before(const struct change *change, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (overlaps(&change->ops[i].path, &change->ops[index].path))
            return true;
    return false;
}

/* Edits of texts and sums are brought onto those of others; all else would destroy them. */
static void check_undo(struct ledger *ledger, const struct change *change)
{
    const unsigned user = user_of(change->user_id);

    for (uint32_t i = 0; i < change->op_count && change->undo_of > 0; i++) {
        const struct op *op = &change->ops[i];
        const struct written *last = last_at(ledger, op);

        if (op->kind == OP_TXT || op->kind == OP_INC || op->kind == OP_TEST || span_equal(op->before, op->after))
            continue;
        if (last && last->path.depth == 0 && (op->before.len == 0 || wrote_before(change, i)))
            continue; /* the record was made anew without it: nothing of anybody's is there */
        sim_check(ledger->sim, last && last->user == user,
                  "version %llu of %s undoes %llu, and takes back what user %u did in %llu", (ull)change->version,
                  name_of(ledger), (ull)change->undo_of, last ? last->user + 1 : 0, last ? (ull)last->version : 0);
    }
}

/* Whether a field is again what it was when the change was made: then nothing is written over. */
static bool is_as_before(const struct ledger *ledger, const struct change *change, const struct op *op)
{
    const struct model_change *row =
        model_store_version(&ledger->sim->store, sim_room_name(ledger->room), change->base_version);
    struct json json = {0};
    yyjson_val *value = NULL;
    bool is_same;

    if (row && json_parse(&json, span_of(row->state, row->state_len), &json_limits_default) == OK)
        value = json_get(json.root, "terms");
    is_same = span_equal(value ? json_slice(&json, value) : SPAN_EMPTY, op->before);
    json_deinit(&json);
    return is_same;
}

static bool is_over(const struct ledger *ledger, const struct change *change, const struct op *first,
                    const struct op *last)
{
    return first && !span_equal(first->before, last->after) && !is_as_before(ledger, change, first);
}

/* Whoever made the record anew himself knows that nothing is left of what was there before. */
static bool is_of_before(const struct ledger *ledger, const struct change *change, const struct written *other)
{
    const struct written *made = &ledger->made;

    return other->version < made->version && made->user == user_of(change->user_id) &&
           span_equal(made->source, change->source);
}

/* A value under `manual` is never written over another one that its author had not seen. What counts is what the change does to it in
 * the end. */
static void check_manual(struct ledger *ledger, const struct change *change)
{
    const struct op *first = NULL, *last = NULL;

    if (change->base_version == 0 || change->resolves.len > 0 || change->kind != CHANGE_UPDATE)
        return;
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!is_in(&change->ops[i], "terms"))
            continue;
        first = first ? first : &change->ops[i];
        last = &change->ops[i];
    }
    if (!is_over(ledger, change, first, last))
        return;
    for (unsigned i = 0; i < ledger->written_count; i++) {
        const struct written *other = &ledger->written[i];
        const bool is_own = other->user == user_of(change->user_id) && span_equal(other->source, change->source);
        const bool is_text = other->kind == OP_TXT && last->kind == OP_TXT;

        sim_check(ledger->sim,
                  other->version <= change->base_version || !overlaps(&other->path, &last->path) || is_own || is_text ||
                      span_equal(other->after, last->after) || other->path.depth == 0 ||
                      is_of_before(ledger, change, other),
                  "version %llu of %s, made on %llu, writes over the terms of %llu", (ull)change->version,
                  name_of(ledger), (ull)change->base_version, (ull)other->version);
    }
}

/* ---- conflicts ---------------------------------------------------------------------------------------------------- */

static void on_conflict(struct ledger *ledger, const struct event *event)
{
    if (event->object.verb != OBJECT_RESOLVE)
        return;
    for (unsigned i = 0; i < ledger->settled_count; i++)
        sim_check(ledger->sim, !span_equal(ledger->settled[i], event->object.id), "%.*s is settled twice",
                  SPAN_ARG(event->object.id));
    if (ledger->settled_count < CONFLICTS_MAX)
        ledger->settled[ledger->settled_count++] = arena_copy(&ledger->arena, event->object.id);
}

static bool is_settled(const struct ledger *ledger, struct span id)
{
    for (unsigned i = 0; i < ledger->settled_count; i++)
        if (span_equal(ledger->settled[i], id))
            return true;
    return false;
}

/* Each conflict once, in its first form. */
static void check_conflicts(struct ledger *ledger)
{
    const struct model_store *store = &ledger->sim->store;

    for (unsigned i = 0; i < store->object_count; i++) {
        const struct object *object = &store->objects[i].object;
        const struct object *last;
        struct sim_op *op;
        struct json json = {0};

        if (object->kind != OBJECT_CONFLICT || object->revision != 1 ||
            !span_equal(object->room, sim_room_name(ledger->room)))
            continue;
        last = model_store_object(store, OBJECT_CONFLICT, object->id);
        sim_check(ledger->sim, last != NULL, "%.*s is gone", SPAN_ARG(object->id));
        if (last == NULL || json_parse(&json, object->body, &json_limits_default) != OK)
            continue;
        sim_check(ledger->sim, is_settled(ledger, object->id) == span_equal(last->state, SPAN("resolved")),
                  "%.*s is %.*s", SPAN_ARG(object->id), SPAN_ARG(last->state));
        op = op_of(ledger, json_get_text(json_get(json.root, "local"), "id"));
        if (op)
            op->parked++;
        json_deinit(&json);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static void on_change(struct ledger *ledger, const struct change *change)
{
    struct sim_op *op = op_of(ledger, change->id);

    if (op && op->kind == SIM_EDIT)
        op->logged++;
    fold(ledger, change);
    check_locks(ledger, change);
    check_undo(ledger, change);
    check_manual(ledger, change);
    note_all(ledger, change);
}

static void on_object(struct ledger *ledger, const struct event *event)
{
    struct json json = {0};

    if (event->object.kind == OBJECT_CONFLICT)
        on_conflict(ledger, event);
    if (event->object.kind != OBJECT_LOCK)
        return;
    if (json_parse(&json, event->object.body, &json_limits_default) == OK)
        on_lock(ledger, event, json.root);
    json_deinit(&json);
}

static void read_log(struct ledger *ledger)
{
    struct sim *sim = ledger->sim;
    struct event *events[4096];
    unsigned count = 0;

    for (unsigned i = 0; i < sim->store.event_count && count < 4096 && !sim->report->failed; i++) {
        const struct model_event *row = &sim->store.events[i];
        const struct model_room *room = &sim->store.rooms[row->room];
        const struct span name = span_from_str(room->name);
        struct event *event;

        if (!span_equal(name, sim_room_name(ledger->room)))
            continue;
        if (event_read(span_of(row->body, row->body_len), name, (struct position){room->epoch, row->offset},
                       sim->hub_registry, &event) != OK) {
            sim_check(sim, false, "an event of %s cannot be read", name_of(ledger));
            return;
        }
        events[count++] = event; /* its texts are needed until the end */
        if (event->kind == EVENT_CHANGE)
            on_change(ledger, event->change.change);
        else if (event->kind == EVENT_OBJECT)
            on_object(ledger, event);
        sim->report->logged++;
    }
    check_held(ledger);
    check_conflicts(ledger);
    while (count > 0)
        event_unref(events[--count]);
}

/* What its client was told is what became of it. */
static void check_fate(struct sim *sim, unsigned index)
{
    const struct sim_op *op = &sim->ops[index];
    const char *const name = sim_rooms[op->room].name;

    if (op->kind != SIM_EDIT)
        return;
    sim_check(sim, op->logged + op->parked <= 1, "op%u is %u times in the log of %s and %u times among its conflicts",
              index, op->logged, name, op->parked);
    sim_check(sim, op->fate != SIM_REJECTED || op->logged + op->parked == 0,
              "op%u was refused, and is in the log of %s (%u) or its conflicts (%u)", index, name, op->logged,
              op->parked);
    sim_check(sim, op->fate != SIM_PARKED || op->parked == 1, "op%u is no conflict of %s", index, name);
    sim_check(sim, op->fate != SIM_COMMITTED || op->parked == 0, "op%u was committed, and is a conflict of %s", index,
              name);
    sim_check(sim, op->fate != SIM_COMMITTED || !op->is_change || op->logged == 1, "op%u is not in the log of %s",
              index, name);
}

void sim_check_ledger(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_SHEET_COUNT && sim->has_sheets; i++) {
        struct ledger *ledger = calloc(1, sizeof(*ledger));

        if (ledger == NULL)
            abort();
        ledger->sim = sim;
        ledger->room = SIM_SHEETS + i;
        arena_init(&ledger->arena, 65536);
        read_log(ledger);
        arena_deinit(&ledger->arena);
        buf_deinit(&ledger->state);
        free(ledger->written);
        free(ledger);
    }
    for (unsigned i = 0; i < sim->op_count; i++)
        check_fate(sim, i);
}
