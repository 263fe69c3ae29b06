/* Records in bulk, and numbers for ids that the server makes. */
#include "store/sqlite_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    IMPORT_BATCH = 1000,  /* records in a transaction */
    NUMBERS_AT_ONCE = 16, /* what a crash can cost: numbers that nobody gets */
};

/* ---- generated numbers ---- The table says up to where numbers may have been given out; what was given out in fact
 * is in memory, and is written when the store is closed. So most numbers cost no disk flush. */

/* The number in an id of this type's own form: "WO-" and digits. */
static bool number_of(const struct type *shape, struct span id, uint64_t *number)
{
    struct span digits;

    if (!span_starts_with(id, shape->id_prefix))
        return false;
    digits = span_slice(id, shape->id_prefix.len, id.len);
    while (digits.len > 1 && digits.data[0] == '0')
        digits = span_slice(digits, 1, digits.len); /* "SKU-0001" */
    return span_parse_u64(digits, number) && *number < SQL_NUMBER_MAX;
}

void numbers_note(struct stored_type *type, const struct type *shape, struct span id)
{
    uint64_t number;

    if (type->knows_number && number_of(shape, id, &number) && number > type->number)
        type->number = number;
}

static enum err load_number(struct store *store, struct stored_type *type, const struct type *shape)
{
    sqlite3_stmt *counter = store->sql.statements[SQL_counter_get];
    sqlite3_stmt *ids = store->sql.statements[SQL_record_ids];
    uint64_t number;
    enum err err;

    type->number = 0;
    sql_bind_text(counter, 1, shape->name);
    if ((err = sql_row(counter)) == OK) {
        type->number = sql_column_u64(counter, 0);
        sqlite3_reset(counter);
    } else if (err != ERR_NOT_FOUND) {
        return err;
    }
    type->reserved = type->number;
    sql_bind_i64(ids, 1, type->id);
    while ((err = sql_row(ids)) == OK)
        if (number_of(shape, sql_column(ids, 0), &number) && number > type->number)
            type->number = number;
    type->knows_number = err == ERR_NOT_FOUND;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err reserve(struct store *store, struct stored_type *type, uint64_t upto)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_counter_put];
    enum err err;

    sql_bind_text(statement, 1, type->name);
    sql_bind_u64(statement, 2, upto);
    if ((err = sql_run(statement)) == OK)
        type->reserved = upto;
    return err;
}

static enum err next_number(struct store *store, const struct type *shape, uint64_t *out)
{
    struct stored_type *type;
    enum err err;

    if ((err = store_type_id(store, shape->name, &type)) != OK)
        return err;
    if (!type->knows_number && (err = load_number(store, type, shape)) != OK)
        return err;
    if (type->number + 1 > SQL_NUMBER_MAX - NUMBERS_AT_ONCE)
        return ERR_TOO_MANY;
    if (type->number + 1 > type->reserved && (err = reserve(store, type, type->number + NUMBERS_AT_ONCE)) != OK)
        return err;
    *out = ++type->number;
    return OK;
}

/* Whether the next one is known and kept already. */
static bool take_reserved(struct store *store, struct span name, uint64_t *out)
{
    for (uint32_t i = 0; i < store->type_count && !store->is_stale; i++) {
        struct stored_type *type = &store->types[i];

        if (type->knows_number && type->number < type->reserved && span_equal(type->name, name)) {
            *out = ++type->number;
            return true;
        }
    }
    return false;
}

enum err store_next_number(struct store *store, struct span type, uint64_t *out)
{
    const struct type *shape = store->registry ? type_find(store->registry, type) : NULL;
    enum err err;

    if (shape == NULL)
        return ERR_UNKNOWN_TYPE;
    if (take_reserved(store, shape->name, out))
        return OK;
    if ((err = store_begin(store)) != OK)
        return err;
    return store_end(store, next_number(store, shape, out));
}

void numbers_give_back(struct store *store)
{
    for (uint32_t i = 0; i < store->type_count && !store->is_stale; i++) {
        struct stored_type *type = &store->types[i];

        if (type->knows_number && type->number < type->reserved && reserve(store, type, type->number) != OK)
            return;
    }
}

/* ---- import ---- Each record is made by a change like any other, so that its history begins where it begins. It is
 * numbered in its own room only: nobody listens to the feeds yet. */

struct import {
    struct store *store;
    const struct type *type;
    struct span user_id;
    int64_t wall_ms;
    struct buf state, body, room;
};

static struct span label_of(struct arena *arena, const struct type *type, yyjson_val *record)
{
    char *key = span_to_str(type->label);
    struct span label = json_get_text(record, key);

    free(key);
    return label.len > 0 ? arena_copy(arena, label) : SPAN_EMPTY;
}

/* The change that makes the record, and the state it makes. */
static enum err make_change(struct import *import, struct arena *arena, struct span id, yyjson_val *record,
                            struct change *change)
{
    struct span field;
    enum err err;

    change->entity_id = id;
    if ((err = change_from_record(arena, import->type, record, UINT64_MAX, change, &field)) != OK)
        return err;
    change->version = 1;
    change->user_id = import->user_id;
    change->time_ms = import->wall_ms;
    buf_reset(&import->state);
    return change_apply(arena, import->type, SPAN_EMPTY, SIZE_MAX, change, &import->state);
}

static void make_event(struct import *import, struct store_request *request, struct span id, yyjson_val *record,
                       struct change *change)
{
    struct commit_event *place = commit_add_event(request);
    struct event *event = event_new(EVENT_CHANGE, SPAN_EMPTY);

    event->time_ms = import->wall_ms;
    event->user_id = import->user_id;
    event->type = import->type;
    event->entity_id = id;
    event->id = arena_printf(&event->arena, "import:%.*s", SPAN_ARG(buf_span(&import->room)));
    event->change.change = change;
    event->change.action = SPAN("create");
    event->change.event = SPAN("created");
    event->change.label = label_of(&event->arena, import->type, record);
    buf_reset(&import->body);
    event_print(&import->body, event);
    place->event = event;
    place->body = buf_span(&import->body);
    commit_show_in(request, place, buf_span(&import->room));
}

static enum err write_record(struct import *import, struct span id, yyjson_val *record)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct change change = {0};
    enum err err;

    if ((err = make_change(import, &request->arena, id, record, &change)) != OK)
        goto done;
    make_event(import, request, id, record, &change);
    request->type = import->type;
    request->entity_id = id;
    request->commit.has_change = true;
    request->commit.user_id = import->user_id;
    request->commit.version = 1;
    request->commit.time_ms = import->wall_ms;
    request->commit.new_state = buf_span(&import->state);
    err = commit_write(import->store, request, import->wall_ms);
    assert(err != OK || request->err == OK); /* it was asked before whether the record exists */
done:
    store_request_free(request);
    return err;
}

static enum err import_one(struct import *import, struct span id, struct span state)
{
    struct stored_room *room;
    struct json json = {0};
    enum err err;

    record_room_name(&import->room, import->type, id);
    if ((err = rooms_find(import->store, buf_span(&import->room), &room)) != OK || room->version > 0)
        return err;
    if ((err = json_parse(&json, state, &json_limits_default)) == OK)
        err = write_record(import, id, json.root);
    json_deinit(&json);
    return err;
}

static enum err import_batch(struct import *import, const struct span *ids, const struct span *states, size_t count)
{
    enum err err = store_begin(import->store);

    if (err != OK)
        return err;
    for (size_t i = 0; i < count && err == OK; i++)
        err = record_id_is_valid(ids[i]) ? import_one(import, ids[i], states[i]) : ERR_BAD_NAME;
    return store_end(import->store, err);
}

enum err store_import(struct store *store, const struct type *type, const struct span *ids, const struct span *states,
                      size_t count, struct span user_id, int64_t wall_ms)
{
    struct import import = {.store = store, .type = type, .user_id = user_id, .wall_ms = wall_ms};
    enum err err = OK;

    for (size_t at = 0; at < count && err == OK; at += IMPORT_BATCH)
        err = import_batch(&import, ids + at, states + at, count - at < IMPORT_BATCH ? count - at : IMPORT_BATCH);
    buf_deinit(&import.state);
    buf_deinit(&import.body);
    buf_deinit(&import.room);
    return err;
}
