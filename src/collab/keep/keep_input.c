/* A command's input: what was sent, checked member by member. Members that nobody asks for are not looked at. */
#include "base/utf8.h"
#include "collab/keep/keep_job.h"

enum {
    ID_BYTES_MAX = 160, /* of a user or a comment: it is part of a room's name */
    OBJECT_ID_BYTES_MAX = 400
};

static bool has_at_most(struct span text, size_t characters_max)
{
    struct span rest = text;
    uint32_t codepoint;
    size_t count = 0;

    if (text.len > 4 * characters_max)
        return false;
    while (utf8_next(&rest, &codepoint))
        count++;
    return count <= characters_max;
}

/* null is as good as nothing. */
static yyjson_val *member(const struct keep_job *job, const char *key)
{
    yyjson_val *value = json_get(job->input.root, key);

    return yyjson_is_null(value) ? NULL : value;
}

enum err keep_input_text(struct keep_job *job, const char *key, size_t characters_max, bool is_required,
                         struct span *out)
{
    yyjson_val *value = member(job, key);

    *out = SPAN_EMPTY;
    if (value == NULL)
        return is_required ? keep_refuse(job, ERR_MISSING_FIELD, key) : OK;
    *out = json_text(value);
    if (!yyjson_is_str(value) || (is_required && out->len == 0) || !has_at_most(*out, characters_max))
        return keep_refuse(job, ERR_BAD_FIELD, key);
    return OK;
}

enum err keep_input_label(struct keep_job *job, const char *key, size_t characters_max, bool is_required,
                          struct span *out)
{
    enum err err = keep_input_text(job, key, characters_max, is_required, out);

    if (err == OK && out->len > 0 && !utf8_is_label(*out, characters_max))
        return keep_refuse(job, ERR_BAD_FIELD, key);
    return err;
}

enum err keep_input_json(struct keep_job *job, const char *key, bool is_array, size_t bytes_max, struct span *out)
{
    yyjson_val *value = member(job, key);

    *out = SPAN_EMPTY;
    if (value == NULL)
        return OK;
    if (is_array ? !yyjson_is_arr(value) : !yyjson_is_obj(value))
        return keep_refuse(job, ERR_BAD_FIELD, key);
    *out = json_slice(&job->input, value);
    return out->len <= bytes_max ? OK : keep_refuse(job, ERR_TOO_LARGE, key);
}

enum err keep_input_id(struct keep_job *job, yyjson_val *value, const char *key, struct span *out)
{
    if (yyjson_is_uint(value))
        *out = arena_printf(&job->arena, "%llu", (unsigned long long)yyjson_get_uint(value));
    else
        *out = arena_copy(&job->arena, json_text(value));
    return out->len <= ID_BYTES_MAX && utf8_is_label(*out, ID_BYTES_MAX) ? OK : keep_refuse(job, ERR_BAD_FIELD, key);
}

enum err keep_input_object_id(struct keep_job *job, struct span *out)
{
    *out = job->command->object.object_id;
    if (out->len == 0)
        return keep_refuse(job, ERR_MISSING_FIELD, "object_id");
    return out->len <= OBJECT_ID_BYTES_MAX ? OK : keep_refuse(job, ERR_NOT_FOUND, "object_id");
}
