/* What the writer remembers of rooms, so that a commit asks the database nothing it knows: row ids, heads, record
 * versions. Least recently used ones go. What is remembered runs ahead of the file inside a transaction; when that
 * fails everything is forgotten. */
#include "store/sqlite_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOMS_MAX = 65536 };

void rooms_init(struct room_cache *cache)
{
    map_init(&cache->by_name);
    list_init(&cache->recent);
    cache->count = 0;
    cache->count_max = ROOMS_MAX;
}

static struct stored_room *room_of(struct list *node)
{
    return LIST_OWNER(node, struct stored_room, node);
}

void rooms_forget(struct room_cache *cache)
{
    LIST_EACH (&cache->recent, node) {
        list_remove(node);
        free(room_of(node));
    }
    map_deinit(&cache->by_name);
    cache->count = 0;
}

static void forget_room(struct room_cache *cache, struct stored_room *room)
{
    list_remove(&room->node);
    map_remove(&cache->by_name, room->name);
    free(room);
    cache->count--;
}

static struct stored_room *remember(struct room_cache *cache, struct span name)
{
    struct stored_room *room = memory_alloc(sizeof(*room) + name.len);

    assert(name.len > 0);
    memcpy(room->text, name.data, name.len);
    room->name = span_of(room->text, name.len);
    list_push_head(&cache->recent, &room->node);
    map_put(&cache->by_name, room->name, room);
    if (++cache->count > cache->count_max)
        forget_room(cache, room_of(cache->recent.prev));
    return room;
}

static enum err load_record(struct store *store, struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_record_find];
    enum err err;

    sql_bind_i64(statement, 1, room->id);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    room->is_record = true;
    room->version = sql_column_u64(statement, 0);
    room->is_deleted = sqlite3_column_int(statement, 1) != 0;
    room->head = sql_column_u64(statement, 2);
    room->last = sql_column_u64(statement, 3);
    room->last_change = sql_column_u64(statement, 4);
    sqlite3_reset(statement);
    return OK;
}

static enum err load(struct store *store, struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_room_find];
    enum err err;

    sql_bind_text(statement, 1, room->name);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err; /* it gets its row with its first event */
    room->id = sqlite3_column_int64(statement, 0);
    room->head = sql_column_u64(statement, 1);
    sqlite3_reset(statement);
    if ((err = load_record(store, room)) != OK || room->is_record) /* whose row knows its head */
        return err;
    return index_tail_head(store, room->id, &room->head);
}

enum err rooms_find(struct store *store, struct span name, struct stored_room **out)
{
    struct stored_room *room = map_get(&store->rooms.by_name, name);
    enum err err;

    if (room) {
        list_remove(&room->node);
        list_push_head(&store->rooms.recent, &room->node);
    } else {
        room = remember(&store->rooms, name);
        if ((err = load(store, room)) != OK) {
            forget_room(&store->rooms, room);
            return err;
        }
    }
    *out = room;
    return OK;
}

enum err rooms_make(struct store *store, struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_room_add];
    enum err err;

    if (room->id != 0)
        return OK;
    sql_bind_text(statement, 1, room->name);
    if ((err = sql_run(statement)) == OK)
        room->id = sqlite3_last_insert_rowid(store->sql.db);
    return err;
}

enum err rooms_make_record(struct store *store, struct stored_room *room, const struct type *type, struct span id)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_record_add];
    struct stored_type *stored_type;
    enum err err;

    if (room->is_record)
        return OK;
    if ((err = rooms_make(store, room)) != OK || (err = store_type_id(store, type->name, &stored_type)) != OK)
        return err;
    sql_bind_i64(statement, 1, room->id);
    sql_bind_i64(statement, 2, stored_type->id);
    sql_bind_text(statement, 3, id);
    sql_bind_u64(statement, 4, room->head); /* was somebody else's room until the type was configured */
    if ((err = sql_run(statement)) == OK)
        room->is_record = room->is_deleted = true;
    return err;
}
