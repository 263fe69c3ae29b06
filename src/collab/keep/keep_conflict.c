/* Who is to settle a conflict. Settling it is a change, and the record's business (record_conflict.c). */
#include "collab/keep/keep_job.h"

/* Whoever may not see one of its fields does not know of it. */
static bool may_see(struct keep_job *job, const struct object *conflict)
{
    struct json json = {0};
    yyjson_val *fields, *field;
    bool may = true;
    size_t i, max;

    if (json_parse(&json, conflict->body, &keep_body_limits) != OK)
        return false;
    fields = json_get(json.root, "fields");
    yyjson_arr_foreach(fields, i, max, field)
    {
        uint64_t shown = 0;

        may = may && keep_may_see(job, json_get_text(field, "path"), &shown);
        job->shown |= shown;
    }
    json_deinit(&json);
    return may;
}

static enum err find(struct keep_job *job, const struct object **out)
{
    const struct object *conflict;
    struct span id;
    enum err err;

    *out = NULL;
    if ((err = keep_input_object_id(job, &id)) != OK || !(conflict = keep_object(job, OBJECT_CONFLICT, id)))
        return err;
    if (conflict->revision == 0 || !span_equal(conflict->room, job->command->room) || !may_see(job, conflict))
        return keep_refuse(job, ERR_NOT_FOUND, "object_id");
    if (!span_equal(conflict->state, SPAN("open")))
        return ERR_ALREADY_RESOLVED;
    *out = conflict;
    return OK;
}

/* null: to nobody in particular. */
static enum err find_assignee(struct keep_job *job, struct span *user_id)
{
    yyjson_val *member = json_get(job->input.root, "user_id");
    struct span id;
    enum err err;

    *user_id = SPAN_EMPTY;
    if (member == NULL)
        return keep_refuse(job, ERR_MISSING_FIELD, "user_id");
    if (yyjson_is_null(member))
        return OK;
    if ((err = keep_input_id(job, member, "user_id", &id)) != OK)
        return err;
    (void)keep_preferences_of(job, id);
    if (keep_user(job, arena_printf(&job->arena, "#%.*s", SPAN_ARG(id)), user_id) && user_id->len == 0)
        return keep_refuse(job, ERR_UNKNOWN_USER, "user_id");
    return OK;
}

static void tell(struct keep_job *job, struct span user_id, struct span state)
{
    struct notice notice = keep_notice(job, SPAN("assignment"), state);

    notice.priority = SPAN("high");
    notice.title = arena_printf(&job->arena, "%.*s asks you to settle a conflict", SPAN_ARG(notice.from_name));
    notice.message = arena_printf(&job->arena, "Two versions of %.*s wait for a decision.", SPAN_ARG(notice.record));
    notice.data = notice_data(&job->arena, "conflict_id", job->object.id, SPAN_EMPTY);
    (void)keep_tell(job, &notice, user_id);
}

static enum err assign(struct keep_job *job, const struct object *before, struct span user_id, struct span state)
{
    struct object after = *before;
    struct commit_event *entry;
    struct keep_edit edit;
    enum err err = keep_edit_open(&edit, before->body);

    if (err != OK)
        return err;
    if (user_id.len > 0)
        keep_edit_text(&edit, "assigned_to", user_id);
    else
        keep_edit_value(&edit, "assigned_to", yyjson_mut_null(edit.doc));
    keep_edit_time(&edit, "updated_at", job->hub->wall_ms);
    after.body = keep_edit_close(&edit, &job->arena);
    after.owner = user_id;
    after.revision++;
    (void)keep_new_commit(job);
    keep_put(job, &after);
    entry = keep_say(job, &after, OBJECT_ASSIGN);
    commit_show_in(job->commit, entry, job->command->room);
    keep_print_event(job->commit, entry);
    if (user_id.len > 0)
        tell(job, user_id, state);
    return OK;
}

enum err keep_conflict(struct keep_job *job)
{
    const struct object *conflict = NULL;
    struct span user_id = SPAN_EMPTY, state = SPAN_EMPTY;
    enum err err;

    if (job->command->object.verb != OBJECT_ASSIGN)
        return keep_refuse(job, ERR_UNKNOWN_ACTION, "verb");
    if ((err = keep_may_read(job)) != OK)
        return err;
    if (!keep_may_update(job))
        return ERR_FORBIDDEN;
    if ((err = find_assignee(job, &user_id)) != OK || (err = find(job, &conflict)) != OK)
        return err;
    if (!keep_record(job, &state) || keep_is_unknown(job) || conflict == NULL)
        return OK;
    return assign(job, conflict, user_id, state);
}
