/* Bodies that are there already: changed member by member, so that what this version of the program does not know of stays. */
#include "collab/keep/keep_job.h"

#include "base/clock.h"

const struct json_limits keep_body_limits = {16 * 1024 * 1024, 128, 1024 * 1024};

/* ---- changing ----------------------------------------------------------------------------------------------------- */

enum err keep_edit_open(struct keep_edit *edit, struct span body)
{
    struct json json = {0};

    *edit = (struct keep_edit){0};
    if (json_parse(&json, body, &keep_body_limits) != OK)
        return ERR_INTERNAL;
    edit->doc = yyjson_doc_mut_copy(json.doc, NULL); /* the strings, too */
    edit->root = yyjson_mut_doc_get_root(edit->doc);
    json_deinit(&json);
    return OK;
}

void keep_edit_value(struct keep_edit *edit, const char *key, yyjson_mut_val *value)
{
    yyjson_mut_obj_put(edit->root, yyjson_mut_strcpy(edit->doc, key), value);
}

void keep_edit_text(struct keep_edit *edit, const char *key, struct span text)
{
    keep_edit_value(edit, key, yyjson_mut_strncpy(edit->doc, text.data ? text.data : "", text.len));
}

void keep_edit_flag(struct keep_edit *edit, const char *key, bool value)
{
    keep_edit_value(edit, key, yyjson_mut_bool(edit->doc, value));
}

void keep_edit_time(struct keep_edit *edit, const char *key, int64_t time_ms)
{
    struct buf text = BUF_EMPTY;

    clock_append_iso(&text, time_ms);
    keep_edit_text(edit, key, buf_span(&text));
    buf_deinit(&text);
}

void keep_edit_remove(struct keep_edit *edit, const char *key)
{
    yyjson_mut_obj_remove_key(edit->root, key);
}

struct span keep_edit_close(struct keep_edit *edit, struct arena *arena)
{
    struct buf text = BUF_EMPTY;
    struct span body;

    json_append_mut(&text, edit->root);
    body = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    yyjson_mut_doc_free(edit->doc);
    *edit = (struct keep_edit){0};
    return body;
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

static struct span member_text(struct arena *arena, struct span object, struct span key)
{
    struct json json = {0};
    struct span text;

    if (object.len == 0 || json_parse(&json, object, &keep_body_limits) != OK)
        return SPAN_EMPTY;
    text = json_text(yyjson_obj_getn(json.root, key.data, key.len));
    text = text.len > 0 ? arena_copy(arena, text) : SPAN_EMPTY;
    json_deinit(&json);
    return text;
}

struct span keep_body_text(struct arena *arena, struct span body, const char *key)
{
    return member_text(arena, body, span_from_str(key));
}

struct span keep_field_text(struct arena *arena, struct span state, struct span field)
{
    return member_text(arena, state, field);
}

/* ---- beginning ---------------------------------------------------------------------------------------------------- */

struct object_head keep_head(struct keep_job *job, enum object_kind kind, struct span state)
{
    const struct identity *who = job->command->identity;
    struct object_head head = {.kind = kind,
                               .id = hub_new_event_id(job->hub, &job->arena),
                               .time_ms = job->hub->wall_ms,
                               .user_id = who->user_id,
                               .username = who->username,
                               .name = who->name,
                               .type = job->type,
                               .entity_id = job->entity_id};

    if (job->type)
        head.entity_name = keep_label(&job->arena, job->type, state);
    return head;
}
