#include "collab/record/lock_internal.h"

#include "base/clock.h"

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void member_time(struct buf *out, const char *key, int64_t wall_ms)
{
    json_append_key(out, key);
    buf_append_char(out, '"');
    clock_append_iso(out, wall_ms);
    buf_append_char(out, '"');
}

static void member_path(struct buf *out, const struct path *path)
{
    struct buf text = BUF_EMPTY;

    path_append(&text, path);
    json_member_string(out, "path", buf_span(&text));
    buf_deinit(&text);
}

/* The record is the room's: "type:id", before the '#' of the lock's id. The type's name has no colon. */
static void print_entity(struct buf *out, const struct lock *lock)
{
    const size_t colon = span_find(lock->id, ':');
    struct buf path = BUF_EMPTY;
    size_t tail;

    path_append(&path, &lock->path);
    tail = 1 + path.len + (lock->is_soft ? 2 + lock->user_id.len : 0);
    if (colon + 1 + tail <= lock->id.len) {
        json_member_string(out, "entity_type", span_slice(lock->id, 0, colon));
        json_member_string(out, "entity_id", span_slice(lock->id, colon + 1, lock->id.len - colon - 1 - tail));
    }
    buf_deinit(&path);
}

static void print_holder(struct buf *out, const struct lock *lock)
{
    json_member_string(out, "user_id", lock->user_id);
    json_member_string(out, "username", lock->username);
    json_member_string(out, "name", lock->name);
    json_member_string(out, "locked_by", lock->user_id);
    json_member_string(out, "locked_by_name", lock->name);
}

static void print_requests(struct buf *out, const struct lock *lock)
{
    json_append_key(out, "requests");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < lock->request_count; i++) {
        const struct lock_request *request = &lock->requests[i];

        buf_append_str(out, i > 0 ? ",{" : "{");
        json_member_string(out, "user_id", request->user_id);
        json_member_string(out, "username", request->username);
        json_member_string(out, "name", request->name);
        json_member_string(out, "note", request->note);
        member_time(out, "at", request->at_ms);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

int64_t lock_wall_of(uint64_t at_ms, uint64_t now_ms, int64_t wall_ms)
{
    return wall_ms + ((int64_t)at_ms - (int64_t)now_ms);
}

void lock_print(struct buf *out, const struct lock *lock, uint64_t now_ms, int64_t wall_ms)
{
    buf_append_char(out, '{');
    json_member_string(out, "id", lock->id);
    json_member_string(out, "kind", SPAN("lock"));
    print_entity(out, lock);
    member_path(out, &lock->path);
    json_member_u64(out, "token", lock->token);
    json_member_bool(out, "soft", lock->is_soft);
    json_member_u64(out, "ttl_ms", lock->ttl_ms);
    print_holder(out, lock);
    member_time(out, "locked_at", lock->locked_at_ms);
    member_time(out, "expires_at", lock_wall_of(lock_ends_ms(lock, now_ms), now_ms, wall_ms));
    member_time(out, "created_at", lock->locked_at_ms);
    member_time(out, "updated_at", wall_ms);
    print_requests(out, lock);
    if (lock->note.len > 0)
        json_member_string(out, "note", lock->note);
    buf_append_char(out, '}');
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static struct span keep_text(struct lock *lock, yyjson_val *object, const char *key)
{
    return arena_copy(&lock->arena, json_get_text(object, key));
}

static void read_requests(struct lock *lock, yyjson_val *requests)
{
    yyjson_arr_iter iter;
    yyjson_val *item;

    yyjson_arr_iter_init(requests, &iter);
    while ((item = yyjson_arr_iter_next(&iter)) != NULL && lock->request_count < LOCK_REQUESTS_MAX) {
        struct lock_request *request = &lock->requests[lock->request_count++];

        request->user_id = keep_text(lock, item, "user_id");
        request->username = keep_text(lock, item, "username");
        request->name = keep_text(lock, item, "name");
        request->note = keep_text(lock, item, "note");
        (void)clock_parse_iso(json_get_text(item, "at"), &request->at_ms);
    }
}

static struct lock *read_body(const struct object *object, yyjson_val *body, const struct path *path)
{
    struct lock *lock = lock_new(object->id, path);

    lock->user_id = keep_text(lock, body, "user_id");
    lock->username = keep_text(lock, body, "username");
    lock->name = keep_text(lock, body, "name");
    lock->is_soft = json_get_bool(body, "soft", false);
    lock->token = yyjson_get_uint(json_get(body, "token"));
    lock->ttl_ms = yyjson_get_uint(json_get(body, "ttl_ms"));
    lock->locked_at_ms = object->time_ms;
    lock->revision = object->revision;
    (void)clock_parse_iso(json_get_text(body, "expires_at"), &lock->stored_ends_ms);
    read_requests(lock, json_get(body, "requests"));
    return lock;
}

struct lock *lock_read(struct span room, const struct object *object)
{
    struct lock *lock = NULL;
    struct json json;
    struct path path = {0};
    struct arena arena;

    arena_init(&arena, 512);
    if (json_parse(&json, object->body, &json_limits_default) != OK)
        goto done;
    if (object->kind != OBJECT_LOCK || !span_starts_with(object->id, room))
        goto done;
    if (json_get_text(json.root, "path").len > 0 && path_parse(&arena, json_get_text(json.root, "path"), &path) != OK)
        goto done;
    lock = read_body(object, json.root, &path);
done:
    json_deinit(&json);
    arena_deinit(&arena);
    return lock;
}
