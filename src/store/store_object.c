/* What is kept beside records, as the writer sees it: a row each, put with the commit that it belongs to. */
#include "store/sqlite_internal.h"

#include <assert.h>

/* ---- reading ---- */

static void bind_key(sqlite3_stmt *statement, const struct object *object)
{
    sql_bind_text(statement, 1, object_kind_name(object->kind));
    sql_bind_text(statement, 2, object->id);
}

void object_read(sqlite3_stmt *statement, struct arena *arena, struct object *out)
{
    out->id = sql_column_copy(statement, 0, arena);
    out->room = sql_column_copy(statement, 1, arena);
    out->owner = sql_column_copy(statement, 2, arena);
    out->state = sql_column_copy(statement, 3, arena);
    out->time_ms = sqlite3_column_int64(statement, 4);
    out->revision = sql_column_u64(statement, 5);
    out->body = sql_column_copy(statement, 6, arena);
}

enum err object_find(struct sql *sql, struct arena *arena, struct object *object)
{
    sqlite3_stmt *statement = sql->statements[SQL_object_get];
    enum err err;

    bind_key(statement, object);
    err = sql_row(statement);
    *object = (struct object){.kind = object->kind, .id = object->id};
    if (err != OK)
        return err;
    object_read(statement, arena, object);
    sqlite3_reset(statement);
    return OK;
}

/* All rows of a statement that gives objects, into the request's arena. */
static enum err read_all(sqlite3_stmt *statement, struct store_request *request, enum object_kind kind)
{
    struct object object = {.kind = kind};
    struct buf objects = BUF_EMPTY;
    enum err err;

    request->object_count = 0;
    while ((err = sql_row(statement)) == OK) {
        object_read(statement, &request->arena, &object);
        buf_append(&objects, &object, sizeof(object));
        request->object_count++;
    }
    if (request->object_count > 0)
        request->objects = (struct object *)(void *)arena_copy(&request->arena, buf_span(&objects)).data;
    buf_deinit(&objects);
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err objects_load_locks(struct store *store, struct store_request *request, struct span room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_locks];

    sql_bind_text(statement, 1, room);
    return read_all(statement, request, OBJECT_LOCK);
}

static enum err count_rows(struct sql *sql, const struct object *like, uint64_t *out)
{
    sqlite3_stmt *statement = sql->statements[SQL_object_count];
    enum err err;

    sql_bind_text(statement, 1, object_kind_name(like->kind));
    sql_bind_text(statement, 2, like->owner);
    sql_bind_text(statement, 3, like->state);
    if ((err = sql_row(statement)) != OK)
        return err;
    *out = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

/* An owner's objects in a state, oldest first. The statement is for sql_row. */
static sqlite3_stmt *walk(struct sql *sql, const struct object *like, int64_t limit)
{
    sqlite3_stmt *statement = sql->statements[SQL_object_list];

    sql_bind_text(statement, 1, object_kind_name(like->kind));
    sql_bind_text(statement, 2, like->owner);
    sql_bind_text(statement, 3, like->state);
    sql_bind_i64(statement, 4, limit);
    return statement;
}

/* What is needed to say whether it may be seen, valid until the next row. */
static struct object seen_in(sqlite3_stmt *statement, enum object_kind kind)
{
    return (struct object){.kind = kind, .room = sql_column(statement, 1), .body = sql_column(statement, 6)};
}

enum err objects_count(struct sql *sql, enum object_kind kind, struct span owner, struct span state,
                       const struct object_rights *rights, uint64_t *out)
{
    const struct object like = {.kind = kind, .owner = owner, .state = state};
    sqlite3_stmt *statement;
    enum err err;

    *out = 0;
    if (object_rights_are_whole(rights))
        return count_rows(sql, &like, out);
    statement = walk(sql, &like, -1);
    while ((err = sql_row(statement)) == OK) {
        const struct object object = seen_in(statement, kind);

        *out += object_may_be_seen(rights, &object);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* All are looked at, because the rest is counted; only those that are asked for are copied. */
static enum err list_visible(struct store *store, struct store_request *request, const struct object *like)
{
    sqlite3_stmt *statement = walk(&store->sql, like, -1);
    enum err err;

    request->objects = arena_alloc(&request->arena, request->count_max * sizeof(*request->objects));
    while ((err = sql_row(statement)) == OK) {
        const struct object object = seen_in(statement, like->kind);

        if (!object_may_be_seen(&request->rights, &object))
            continue;
        if (request->version++ < request->count_max) {
            struct object *out = &request->objects[request->object_count++];

            out->kind = like->kind;
            object_read(statement, &request->arena, out);
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The first of what there is stands where the question stood, and would be the same question again. */
enum err objects_list(struct store *store, struct store_request *request)
{
    const struct object asked = request->objects[0];
    enum err err;

    assert(asked.owner.len > 0 && asked.state.len > 0);
    request->version = 0;
    request->object_count = 0;
    if (!object_rights_are_whole(&request->rights))
        return list_visible(store, request, &asked);
    if ((err = count_rows(&store->sql, &asked, &request->version)) != OK)
        return err;
    return read_all(walk(&store->sql, &asked, request->count_max), request, asked.kind);
}

/* ---- writing ---- */

static enum err find_revision(struct store *store, const struct object *object, uint64_t *out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_revision];
    enum err err;

    *out = 0;
    bind_key(statement, object);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    *out = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

/* One object twice in a commit would be its own conflict, noticed too late. */
static bool is_named_before(const struct store_request *request, uint32_t index)
{
    const struct object *objects = request->commit.objects;

    for (uint32_t i = 0; i < index; i++)
        if (objects[i].kind == objects[index].kind && span_equal(objects[i].id, objects[index].id))
            return true;
    return false;
}

enum err objects_check(struct store *store, const struct store_request *request, bool *is_good)
{
    uint64_t revision;
    enum err err;

    assert(request->commit.object_count <= COMMIT_OBJECTS_MAX);
    *is_good = true;
    for (uint32_t i = 0; i < request->commit.object_count && *is_good; i++) {
        const struct object *object = &request->commit.objects[i];

        assert(object->id.len > 0 && object->revision > 0 && !is_named_before(request, i));
        if ((err = find_revision(store, object, &revision)) != OK)
            return err;
        *is_good = object->revision == revision + 1;
    }
    return OK;
}

static enum err remove_row(struct store *store, const struct object *object)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_remove];

    bind_key(statement, object);
    return sql_run(statement);
}

static enum err put(struct store *store, const struct object *object, int64_t wall_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_put];

    if (object->body.len == 0)
        return remove_row(store, object);
    bind_key(statement, object);
    sql_bind_text(statement, 3, object->room);
    sql_bind_text(statement, 4, object->owner);
    sql_bind_text(statement, 5, object->state);
    sql_bind_i64(statement, 6, object->time_ms);
    sql_bind_i64(statement, 7, wall_ms);
    sql_bind_u64(statement, 8, object->revision);
    sql_bind_text(statement, 9, object->body);
    if (object->kind == OBJECT_NOTIFICATION && object->revision == 1)
        inboxes_note(store, object->owner);
    return sql_run(statement);
}

enum err objects_put(struct store *store, const struct store_request *request, int64_t wall_ms)
{
    enum err err = OK;

    for (uint32_t i = 0; i < request->commit.object_count && err == OK; i++)
        err = put(store, &request->commit.objects[i], wall_ms);
    return err;
}
