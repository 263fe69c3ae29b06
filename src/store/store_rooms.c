/* What the writer remembers of rooms, so that a commit asks the database nothing it knows: row ids, heads, record versions. Least
 * recently used ones go. What is remembered runs ahead of the file inside a transaction; when that fails everything is forgotten. */
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
    LIST_EACH(&cache->recent, node)
    {
        list_remove(node);
        free(room_of(node));
    }
    map_deinit(&cache->by_name);
    cache->count = 0;
}

static void forget_oldest(struct room_cache *cache)
{
    struct stored_room *room = room_of(cache->recent.prev);

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
        forget_oldest(cache);
    return room;
}

static enum err load(struct store *store, struct span name, struct stored_room **out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_room_find];
    int64_t id = 0;
    uint64_t head = 0;
    enum err err;

    sql_bind_text(statement, 1, name);
    if ((err = sql_row(statement)) == OK) {
        id = sqlite3_column_int64(statement, 0);
        head = sql_column_u64(statement, 1);
        sqlite3_reset(statement);
    } else if (err != ERR_NOT_FOUND) {
        return err;
    }
    *out = remember(&store->rooms, name);
    (*out)->id = id;
    (*out)->head = head;
    return OK;
}

enum err rooms_find(struct store *store, struct span name, struct stored_room **out)
{
    struct stored_room *room = map_get(&store->rooms.by_name, name);

    if (room == NULL)
        return load(store, name, out);
    list_remove(&room->node);
    list_push_head(&store->rooms.recent, &room->node);
    *out = room;
    return OK;
}

enum err rooms_find_record(struct store *store, struct span name, struct stored_room **out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_record_version];
    enum err err;

    if ((err = rooms_find(store, name, out)) != OK || (*out)->knows_record)
        return err;
    if ((*out)->id != 0) {
        sql_bind_i64(statement, 1, (*out)->id);
        if ((err = sql_row(statement)) == OK) {
            (*out)->version = sql_column_u64(statement, 0);
            (*out)->is_deleted = sqlite3_column_int(statement, 1) != 0;
            sqlite3_reset(statement);
        } else if (err != ERR_NOT_FOUND) {
            return err;
        }
    }
    (*out)->knows_record = true;
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
