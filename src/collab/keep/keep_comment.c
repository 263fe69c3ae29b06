/* Comments on a record or one of its fields: threads two levels deep. A comment stays when it is deleted, without its text, so that what was
 * answered to it does not lose its place. */
#include "collab/change/change.h"
#include "base/limits.h"
#include "collab/keep/keep_comment.h"

#include <assert.h>

enum { TEXT_CHARACTERS_MAX = LIMIT_TEXT_CHARACTERS, PATH_CHARACTERS_MAX = 1000, EXCERPT_CHARACTERS_MAX = 200 };

/* ---- telling people ----------------------------------------------------------------------------------------------- */

struct told {                                     /* who is told, and of what */
    const struct keep_people *mentioned, *before; /* before: those who were told already; or NULL */
    struct span replied_to;                       /* whose comment was answered; or empty */
    struct span text, path, state;
};

static bool is_new(const struct told *told, uint32_t i)
{
    return told->before == NULL || !keep_people_have(told->before, told->mentioned->ids[i]);
}

static void ask_preferences(struct keep_job *job, const struct told *told)
{
    for (uint32_t i = 0; i < told->mentioned->count; i++)
        if (is_new(told, i))
            (void)keep_preferences_of(job, told->mentioned->ids[i]);
    if (told->replied_to.len > 0)
        (void)keep_preferences_of(job, told->replied_to);
}

static void tell(struct keep_job *job, const struct told *told, struct span user_id, struct span type, const char *verb)
{
    struct notice notice = keep_notice(job, type, told->state);

    notice.title = arena_printf(&job->arena, "%.*s %s %.*s", SPAN_ARG(notice.from_name), verb, SPAN_ARG(notice.record));
    notice.message = keep_excerpt(&job->arena, told->text, EXCERPT_CHARACTERS_MAX);
    notice.data = notice_data(&job->arena, "comment_id", job->object.id, told->path);
    (void)keep_tell(job, &notice, user_id);
}

static void tell_people(struct keep_job *job, const struct told *told)
{
    for (uint32_t i = 0; i < told->mentioned->count; i++)
        if (is_new(told, i))
            tell(job, told, told->mentioned->ids[i], SPAN("mention"), "mentioned you on");
    if (told->replied_to.len > 0 && !keep_people_have(told->mentioned, told->replied_to))
        tell(job, told, told->replied_to, SPAN("reply"), "answered you on");
}

static enum err find_mentioned(struct keep_job *job, struct span text, struct keep_people *people)
{
    enum err err = keep_people_listed(job, "mentions", false, people);

    return err == OK ? keep_people_named(job, text, people) : err;
}

static void print_mentions(struct buf *out, const struct keep_people *people)
{
    json_append_key(out, "mentions");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < people->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_append_string(out, people->ids[i]);
    }
    buf_append_char(out, ']');
}

/* ---- writing one -------------------------------------------------------------------------------------------------- */

static void show(struct keep_job *job, struct commit_event *entry)
{
    commit_show_in(job->commit, entry, job->command->room);
    commit_show_in(job->commit, entry, SPAN(ROOM_COMMENTS));
}

struct adding {
    struct span text, path, parent_id; /* parent_id: of the first comment of the thread; empty: this one is */
    struct span state;                 /* the record's */
    struct keep_people mentioned;
    struct told told;
};

/* One form of the path, whatever it was written in: clients compare it with those of locks and changes. */
static enum err canonical(struct keep_job *job, struct span path, struct span *out)
{
    struct buf text = BUF_EMPTY;
    struct path steps;
    enum err err;

    if (path.len == 0)
        return OK;
    if ((err = path_parse(&job->arena, path, &steps)) != OK)
        return keep_refuse(job, err, "path");
    path_append(&text, &steps);
    *out = arena_copy(&job->arena, buf_span(&text));
    buf_deinit(&text);
    return OK;
}

static enum err read_path(struct keep_job *job, struct adding *adding)
{
    struct span path;
    enum err err = keep_input_text(job, "path", PATH_CHARACTERS_MAX, false, &path);

    if (err != OK || (err = canonical(job, path, &adding->path)) != OK)
        return err;
    return keep_may_see(job, adding->path, &job->shown) ? OK : keep_refuse(job, ERR_UNKNOWN_FIELD, "path");
}

/* An answer is about what the first comment of its thread is about. */
static enum err read_parent(struct keep_job *job, struct adding *adding)
{
    yyjson_val *member = json_get(job->input.root, "parent_id");
    const struct object *parent;
    struct span id, first_id;
    enum err err;

    if (member == NULL || yyjson_is_null(member))
        return OK;
    if ((err = keep_input_id(job, member, "parent_id", &id)) != OK || !(parent = keep_object(job, OBJECT_COMMENT, id)))
        return err;
    adding->path = keep_body_text(&job->arena, parent->body, "path");
    if (parent->revision == 0 || !span_equal(parent->room, job->command->room) || parent->state.len == 0 ||
        !keep_may_see(job, adding->path, &job->shown))
        return keep_refuse(job, ERR_NOT_FOUND, "parent_id");
    first_id = keep_body_text(&job->arena, parent->body, "parent_id");
    adding->parent_id = first_id.len > 0 ? first_id : id;
    adding->told.replied_to = parent->owner;
    return OK;
}

static struct span print(struct keep_job *job, const struct object_head *head, const struct adding *adding)
{
    struct buf text = BUF_EMPTY;
    struct span body;

    keep_open_body(&text, head);
    if (adding->parent_id.len > 0)
        json_member_string(&text, "parent_id", adding->parent_id);
    if (adding->path.len > 0)
        json_member_string(&text, "path", adding->path);
    json_member_string(&text, "text", adding->text);
    print_mentions(&text, &adding->mentioned);
    json_member_raw(&text, "reactions", SPAN("{}"));
    json_member_string(&text, "state", SPAN("open"));
    json_member_bool(&text, "deleted", false);
    buf_append_char(&text, '}');
    body = arena_copy(&job->arena, buf_span(&text));
    buf_deinit(&text);
    return body;
}

static void commit_new(struct keep_job *job, const struct adding *adding)
{
    const struct identity *who = job->command->identity;
    const struct object_head head = keep_head(job, OBJECT_COMMENT, adding->state);
    struct object comment = {.kind = OBJECT_COMMENT,
                             .id = head.id,
                             .room = job->command->room,
                             .owner = who->user_id,
                             .state = SPAN("open"),
                             .time_ms = head.time_ms,
                             .revision = 1,
                             .body = print(job, &head, adding)};
    struct store_request *request = keep_new_commit(job);
    struct commit_event *entry;

    keep_put(job, &comment);
    entry = keep_say(job, &comment, OBJECT_ADD);
    show(job, entry);
    activity_note(request, entry, job->type, job->entity_id, adding->state, who->user_id,
                  object_activity_name(OBJECT_COMMENT, OBJECT_ADD));
    keep_print_event(request, entry);
    tell_people(job, &adding->told);
}

static enum err add(struct keep_job *job)
{
    struct adding adding = {0};
    enum err err;

    if ((err = keep_input_text(job, "text", TEXT_CHARACTERS_MAX, true, &adding.text)) != OK ||
        (err = read_path(job, &adding)) != OK || (err = read_parent(job, &adding)) != OK ||
        (err = find_mentioned(job, adding.text, &adding.mentioned)) != OK)
        return err;
    adding.told.mentioned = &adding.mentioned;
    adding.told.text = adding.text;
    adding.told.path = adding.path;
    if (!keep_record(job, &adding.state) || keep_is_unknown(job))
        return OK;
    if (!keep_is_there(job, adding.state))
        return ERR_NOT_FOUND;
    adding.told.state = adding.state;
    ask_preferences(job, &adding.told);
    if (!keep_is_unknown(job))
        commit_new(job, &adding);
    return OK;
}

/* ---- one that is there -------------------------------------------------------------------------------------------- */

/* The comment that the command names, if he may know of it. NULL with OK: it is not known yet. */
static enum err find(struct keep_job *job, const struct object **out)
{
    const struct object *comment;
    struct span id;
    enum err err;

    *out = NULL;
    if ((err = keep_input_object_id(job, &id)) != OK || !(comment = keep_object(job, OBJECT_COMMENT, id)))
        return err;
    if (comment->revision == 0 || !span_equal(comment->room, job->command->room) || comment->state.len == 0 ||
        !keep_may_see(job, keep_body_text(&job->arena, comment->body, "path"), &job->shown))
        return keep_refuse(job, ERR_NOT_FOUND, "object_id");
    *out = comment;
    job->object = *comment; /* the answer, if nothing is done */
    return OK;
}

static bool is_his(const struct keep_job *job, const struct object *comment)
{
    return job->is_privileged || span_equal(comment->owner, job->command->identity->user_id);
}

void keep_comment_changed(struct keep_job *job, const struct object *before, struct keep_edit *edit, struct span state)
{
    struct object comment = *before;
    struct commit_event *entry;

    keep_edit_time(edit, "updated_at", job->hub->wall_ms);
    comment.revision++;
    comment.state = state;
    comment.body = keep_edit_close(edit, &job->arena);
    (void)keep_new_commit(job);
    keep_put(job, &comment);
    entry = keep_say(job, &comment, job->command->object.verb);
    show(job, entry);
    keep_print_event(job->commit, entry);
}

static void read_mentioned(struct keep_job *job, const struct object *comment, struct keep_people *people)
{
    struct json json = {0};
    yyjson_val *list, *item;
    size_t i, max;

    if (json_parse(&json, comment->body, &keep_body_limits) != OK)
        return;
    list = json_get(json.root, "mentions");
    yyjson_arr_foreach(list, i, max, item)
    {
        if (people->count < KEEP_PEOPLE_MAX)
            people->ids[people->count++] = arena_copy(&job->arena, json_text(item));
    }
    json_deinit(&json);
}

static void edit_mentions(struct keep_edit *edit, const struct keep_people *people)
{
    yyjson_mut_val *list = yyjson_mut_arr(edit->doc);

    for (uint32_t i = 0; i < people->count; i++)
        yyjson_mut_arr_add_strncpy(edit->doc, list, people->ids[i].data, people->ids[i].len);
    keep_edit_value(edit, "mentions", list);
}

static enum err edit_text(struct keep_job *job, const struct object *comment)
{
    struct keep_people mentioned = {0}, before = {0};
    struct told told = {.mentioned = &mentioned, .before = &before};
    struct keep_edit edit;
    enum err err;

    if (!is_his(job, comment))
        return ERR_FORBIDDEN;
    if ((err = keep_input_text(job, "text", TEXT_CHARACTERS_MAX, true, &told.text)) != OK ||
        (err = find_mentioned(job, told.text, &mentioned)) != OK)
        return err;
    read_mentioned(job, comment, &before);
    if (!keep_record(job, &told.state) || keep_is_unknown(job))
        return OK;
    ask_preferences(job, &told);
    if (keep_is_unknown(job) || (err = keep_edit_open(&edit, comment->body)) != OK)
        return err;
    told.path = keep_body_text(&job->arena, comment->body, "path");
    keep_edit_text(&edit, "text", told.text);
    edit_mentions(&edit, &mentioned);
    keep_edit_time(&edit, "edited_at", job->hub->wall_ms);
    keep_comment_changed(job, comment, &edit, comment->state);
    tell_people(job, &told);
    return OK;
}

static enum err take_away(struct keep_job *job, const struct object *comment)
{
    struct keep_edit edit;
    enum err err;

    if (!is_his(job, comment))
        return ERR_FORBIDDEN;
    if ((err = keep_edit_open(&edit, comment->body)) != OK)
        return err;
    keep_edit_text(&edit, "text", SPAN_EMPTY);
    keep_edit_value(&edit, "mentions", yyjson_mut_arr(edit.doc));
    keep_edit_value(&edit, "reactions", yyjson_mut_obj(edit.doc));
    keep_edit_flag(&edit, "deleted", true);
    keep_comment_changed(job, comment, &edit, SPAN_EMPTY);
    return OK;
}

static enum err settle(struct keep_job *job, const struct object *comment, bool is_resolved)
{
    const struct span state = is_resolved ? SPAN("resolved") : SPAN("open");
    struct keep_edit edit;
    enum err err;

    if (span_equal(comment->state, state))
        return OK;
    if ((err = keep_edit_open(&edit, comment->body)) != OK)
        return err;
    keep_edit_text(&edit, "state", state);
    if (is_resolved) {
        keep_edit_text(&edit, "resolved_by", job->command->identity->user_id);
        keep_edit_time(&edit, "resolved_at", job->hub->wall_ms);
    } else {
        keep_edit_remove(&edit, "resolved_by");
        keep_edit_remove(&edit, "resolved_at");
    }
    keep_comment_changed(job, comment, &edit, state);
    return OK;
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

static enum err change(struct keep_job *job)
{
    const struct object *comment;
    enum err err;

    if ((err = find(job, &comment)) != OK || comment == NULL)
        return err;
    switch (job->command->object.verb) {
    case OBJECT_EDIT: return edit_text(job, comment);
    case OBJECT_REMOVE: return take_away(job, comment);
    case OBJECT_RESOLVE: return settle(job, comment, true);
    case OBJECT_REOPEN: return settle(job, comment, false);
    default: assert(job->command->object.verb == OBJECT_REACT); return keep_react(job, comment);
    }
}

enum err keep_comment(struct keep_job *job)
{
    enum err err = keep_may_read(job);

    if (err != OK)
        return err;
    switch (job->command->object.verb) {
    case OBJECT_ADD: return add(job);
    case OBJECT_EDIT:
    case OBJECT_REMOVE:
    case OBJECT_RESOLVE:
    case OBJECT_REOPEN:
    case OBJECT_REACT: return change(job);
    default: return keep_refuse(job, ERR_UNKNOWN_ACTION, "verb");
    }
}
