#include "collab/record/lock.h"

#include "base/utf8.h"

#include <assert.h>

static enum err fail(struct arena *arena, enum err err, struct span name, struct span *field)
{
    *field = arena_copy(arena, name);
    return err;
}

static yyjson_val *get(yyjson_val *input, const char *key)
{
    yyjson_val *value = json_get(input, key);

    return yyjson_is_null(value) ? NULL : value;
}

/* A register is locked whole; only objects and collections have something inside. */
static enum err check_shape(const struct type *type, const struct path *path)
{
    const struct field *field = type_field(type, path->steps[0]);

    if (field == NULL)
        return ERR_UNKNOWN_FIELD;
    if (path->depth == 1)
        return OK;
    if (field->kind != FIELD_OBJECT && field->kind != FIELD_COLLECTION)
        return ERR_BAD_PATH;
    return (path->steps[1].data[0] == '@') == (field->kind == FIELD_COLLECTION) ? OK : ERR_BAD_PATH;
}

static enum err take_path(struct arena *arena, const struct type *type, yyjson_val *input, struct lock_ask *ask,
                          struct span *field)
{
    yyjson_val *path = get(input, "path");
    enum err err;

    if (path && !yyjson_is_str(path))
        return fail(arena, ERR_BAD_FIELD, SPAN("path"), field);
    if (json_text(path).len == 0 || span_equal(json_text(path), SPAN("/")))
        return OK; /* the whole record */
    if ((err = path_parse(arena, json_text(path), &ask->path)) != OK)
        return fail(arena, err, SPAN("path"), field);
    if ((err = check_shape(type, &ask->path)) != OK)
        return fail(arena, err, ask->path.steps[0], field);
    return OK;
}

/* In milliseconds, or in seconds; compared with the limits before anything is calculated with it. */
static enum err take_ttl(struct arena *arena, yyjson_val *input, struct lock_ask *ask, struct span *field)
{
    const char *name = get(input, "ttl_ms") ? "ttl_ms" : "ttl";
    const uint64_t unit = get(input, "ttl_ms") ? 1 : 1000;
    yyjson_val *ttl = get(input, name);

    if (ttl == NULL)
        return OK;
    if (!yyjson_is_uint(ttl) || yyjson_get_uint(ttl) < LOCK_TTL_MIN_MS / unit ||
        yyjson_get_uint(ttl) > LOCK_TTL_MAX_MS / unit)
        return fail(arena, ERR_BAD_FIELD, span_from_str(name), field);
    ask->has_ttl = true;
    ask->ttl_ms = yyjson_get_uint(ttl) * unit;
    return OK;
}

static enum err take_token(struct arena *arena, yyjson_val *input, struct lock_ask *ask, struct span *field)
{
    yyjson_val *token = get(input, "token");

    if (token == NULL)
        return OK;
    if (!yyjson_is_uint(token) || yyjson_get_uint(token) == 0)
        return fail(arena, ERR_BAD_FIELD, SPAN("token"), field);
    ask->has_token = true;
    ask->token = yyjson_get_uint(token);
    return OK;
}

/* Some clients know users by number. */
static enum err take_user(struct arena *arena, yyjson_val *input, struct lock_ask *ask, struct span *field)
{
    yyjson_val *user_id = get(input, "user_id");

    if (yyjson_is_uint(user_id))
        ask->to_user_id = arena_printf(arena, "%llu", (unsigned long long)yyjson_get_uint(user_id));
    else if (json_text(user_id).len > 0)
        ask->to_user_id = arena_copy(arena, json_text(user_id));
    else if (user_id)
        return fail(arena, ERR_BAD_FIELD, SPAN("user_id"), field);
    return OK;
}

static bool is_note(struct span note)
{
    uint32_t codepoint;

    if (note.len > LOCK_NOTE_BYTES_MAX)
        return false;
    while (utf8_next(&note, &codepoint))
        if (utf8_is_control(codepoint) && codepoint != '\n')
            return false;
    return true;
}

static enum err take_rest(struct arena *arena, yyjson_val *input, struct lock_ask *ask, struct span *field)
{
    yyjson_val *soft = get(input, "soft"), *note = get(input, "note");

    if (soft && !yyjson_is_bool(soft))
        return fail(arena, ERR_BAD_FIELD, SPAN("soft"), field);
    if (note && (!yyjson_is_str(note) || !is_note(json_text(note))))
        return fail(arena, ERR_BAD_FIELD, SPAN("note"), field);
    ask->is_soft = yyjson_get_bool(soft);
    ask->note = arena_copy(arena, json_text(note));
    return OK;
}

static bool is_lock_verb(enum object_verb verb)
{
    return verb == OBJECT_ADD || verb == OBJECT_REMOVE || verb == OBJECT_RENEW || verb == OBJECT_REQUEST ||
           verb == OBJECT_HAND_OVER || verb == OBJECT_FORCE;
}

enum err lock_ask_parse(struct arena *arena, const struct type *type, enum object_verb verb, yyjson_val *input,
                        struct lock_ask *ask, struct span *field)
{
    enum err err;

    *ask = (struct lock_ask){.verb = verb};
    *field = SPAN_EMPTY;
    if (!is_lock_verb(verb))
        return fail(arena, ERR_BAD_FIELD, SPAN("verb"), field);
    if (input && !yyjson_is_obj(input))
        return ERR_BAD_REQUEST;
    if ((err = take_path(arena, type, input, ask, field)) != OK || (err = take_ttl(arena, input, ask, field)) != OK ||
        (err = take_token(arena, input, ask, field)) != OK || (err = take_user(arena, input, ask, field)) != OK)
        return err;
    return take_rest(arena, input, ask, field);
}
