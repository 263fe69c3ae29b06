/* How somebody wants to be told of things: which types of notifications he wants at all, and in which ways. */
#include "base/utf8.h"
#include "base/limits.h"
#include "collab/keep/keep_job.h"

enum { TYPES_MAX = LIMIT_PREFERENCE_TYPES, TYPE_CHARACTERS_MAX = 64 };

static const char *const ways[] = {"on", "toast", "badge", "sound", "desktop"};
enum { WAY_COUNT = sizeof(ways) / sizeof(ways[0]) };

/* Only what is known is kept. False: one of them is not true or false. */
static bool print_choice(struct buf *out, yyjson_val *choice)
{
    if (!yyjson_is_obj(choice))
        return false;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < WAY_COUNT; i++) {
        yyjson_val *value = json_get(choice, ways[i]);

        if (value && !yyjson_is_bool(value))
            return false;
        if (value)
            json_member_bool(out, ways[i], yyjson_get_bool(value));
    }
    buf_append_char(out, '}');
    return true;
}

static bool print_types(struct buf *out, yyjson_val *types)
{
    yyjson_val *key, *choice;
    size_t i, max;

    json_append_key(out, "types");
    buf_append_char(out, '{');
    if (types && (!yyjson_is_obj(types) || yyjson_obj_size(types) > TYPES_MAX))
        return false;
    yyjson_obj_foreach(types, i, max, key, choice)
    {
        if (!utf8_is_label(json_text(key), TYPE_CHARACTERS_MAX))
            return false;
        if (i > 0)
            buf_append_char(out, ',');
        json_append_string(out, json_text(key));
        buf_append_char(out, ':');
        if (!print_choice(out, choice))
            return false;
    }
    buf_append_char(out, '}');
    return true;
}

static yyjson_val *member(const struct keep_job *job, const char *key)
{
    yyjson_val *value = json_get(job->input.root, key);

    return yyjson_is_null(value) ? NULL : value;
}

static enum err print(struct keep_job *job, struct buf *out, struct span user_id, int64_t created_ms)
{
    yyjson_val *fallback = member(job, "default");

    buf_append_char(out, '{');
    json_member_string(out, "id", user_id);
    json_member_string(out, "kind", object_kind_name(OBJECT_PREFERENCES));
    keep_member_time(out, "created_at", created_ms);
    keep_member_time(out, "updated_at", job->hub->wall_ms);
    json_member_string(out, "user_id", user_id);
    if (!print_types(out, member(job, "types")))
        return keep_refuse(job, ERR_BAD_FIELD, "types");
    json_append_key(out, "default");
    if (fallback == NULL)
        BUF_APPEND_LITERAL(out, "{}");
    else if (!print_choice(out, fallback))
        return keep_refuse(job, ERR_BAD_FIELD, "default");
    buf_append_char(out, '}');
    return OK;
}

static enum err put(struct keep_job *job, struct span user_id)
{
    const struct object *before = keep_object(job, OBJECT_PREFERENCES, user_id);
    struct object after = {.kind = OBJECT_PREFERENCES,
                           .id = user_id,
                           .room = job->command->room,
                           .owner = user_id,
                           .time_ms = before && before->revision > 0 ? before->time_ms : job->hub->wall_ms,
                           .revision = before ? before->revision + 1 : 0};
    struct commit_event *entry;
    struct buf body = BUF_EMPTY;
    enum err err = print(job, &body, user_id, after.time_ms);

    if (err != OK || before == NULL)
        goto done;
    after.body = arena_copy(&job->arena, buf_span(&body));
    (void)keep_new_commit(job);
    keep_put(job, &after);
    entry = keep_say(job, &after, OBJECT_EDIT);
    commit_show_in(job->commit, entry, after.room);
    keep_print_event(job->commit, entry);
done:
    buf_deinit(&body);
    return err;
}

enum err keep_preferences(struct keep_job *job)
{
    struct span user_id;
    enum err err = keep_may_manage(job, &user_id);

    if (err != OK)
        return err;
    return job->command->object.verb == OBJECT_EDIT ? put(job, user_id) : keep_refuse(job, ERR_UNKNOWN_ACTION, "verb");
}
