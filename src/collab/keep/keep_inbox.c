/* Notifications by command: told by a client or a backend to those who look at a record or to single people; marked as read, or put away, by
 * those who got them. */
#include "collab/keep/keep_job.h"

#include "base/limits.h"
#include "base/utf8.h"

enum {
    TYPE_CHARACTERS_MAX = 64,
    TITLE_CHARACTERS_MAX = LIMIT_TITLE_CHARACTERS,
    MESSAGE_CHARACTERS_MAX = LIMIT_NOTICE_CHARACTERS,
    DATA_BYTES_MAX = LIMIT_DATA_BYTES,
    ACTIONS_BYTES_MAX = LIMIT_ACTIONS_BYTES,
    ACTIONS_MAX = LIMIT_ACTIONS,
    LABEL_CHARACTERS_MAX = 100,
    URL_BYTES_MAX = 2000
};

/* ---- what is told ------------------------------------------------------------------------------------------------- */

static enum err read_priority(struct keep_job *job, struct span *priority)
{
    static const struct span words[] = {SPAN_INIT("low"), SPAN_INIT("normal"), SPAN_INIT("high"), SPAN_INIT("urgent")};
    enum err err = keep_input_label(job, "priority", TYPE_CHARACTERS_MAX, false, priority);

    if (err != OK)
        return err;
    if (priority->len == 0)
        *priority = SPAN("normal");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (span_equal(words[i], *priority))
            return OK;
    return keep_refuse(job, ERR_BAD_FIELD, "priority");
}

/* Where a click leads must not be a script. */
static bool is_address(struct span url)
{
    return url.len <= URL_BYTES_MAX && (span_starts_with(url, SPAN("/")) || span_starts_with(url, SPAN("https://")) ||
                                        span_starts_with(url, SPAN("http://")));
}

static bool is_action(yyjson_val *action)
{
    yyjson_val *url = json_get(action, "url");

    return yyjson_is_obj(action) && utf8_is_label(json_get_text(action, "label"), LABEL_CHARACTERS_MAX) &&
           (url == NULL || is_address(json_text(url)));
}

static enum err read_actions(struct keep_job *job, struct span *actions)
{
    enum err err = keep_input_json(job, "actions", true, ACTIONS_BYTES_MAX, actions);
    yyjson_val *list = json_get(job->input.root, "actions"), *action;
    size_t i, max;

    if (err != OK || actions->len == 0)
        return err;
    if (yyjson_arr_size(list) > ACTIONS_MAX)
        return keep_refuse(job, ERR_BAD_FIELD, "actions");
    yyjson_arr_foreach(list, i, max, action)
    {
        if (!is_action(action))
            return keep_refuse(job, ERR_BAD_FIELD, "actions");
    }
    return OK;
}

/* What is said in it; whom it is from and what it is about was there before. */
static enum err read_notice(struct keep_job *job, struct notice *notice)
{
    enum err err;

    if ((err = keep_input_label(job, "type", TYPE_CHARACTERS_MAX, false, &notice->type)) != OK ||
        (err = read_priority(job, &notice->priority)) != OK ||
        (err = keep_input_label(job, "title", TITLE_CHARACTERS_MAX, true, &notice->title)) != OK ||
        (err = keep_input_text(job, "message", MESSAGE_CHARACTERS_MAX, false, &notice->message)) != OK ||
        (err = keep_input_json(job, "data", false, DATA_BYTES_MAX, &notice->data)) != OK)
        return err;
    if (notice->type.len == 0)
        notice->type = SPAN("info");
    return read_actions(job, &notice->actions);
}

/* What his own session sends him he did not do himself in this sense: an application may well remind its user. */
static void tell(struct keep_job *job, const struct notice *notice, struct span user_id)
{
    struct notice told = *notice;

    if (span_equal(user_id, told.from_user_id))
        told.from_user_id = told.from_username = told.from_name = SPAN_EMPTY;
    (void)keep_tell(job, &told, user_id);
}

/* ---- told to those who look at a record --------------------------------------------------------------------------- */

/* It is an event and nothing else: nobody has it in his inbox but those who are named. */
static void say(struct keep_job *job, const struct notice *notice)
{
    struct object *object = &job->object;
    struct commit_event *entry;
    struct buf body = BUF_EMPTY;

    object->kind = OBJECT_NOTIFICATION;
    object->id = hub_new_event_id(job->hub, &job->arena);
    object->room = job->command->room;
    notice_print(&body, notice, object->id, job->hub->wall_ms, SPAN_EMPTY, NULL);
    object->body = arena_copy(&job->arena, buf_span(&body));
    buf_deinit(&body);
    entry = keep_say(job, object, OBJECT_ADD);
    commit_show_in(job->commit, entry, job->command->room);
    commit_show_in(job->commit, entry, SPAN(ROOM_ALERTS));
    keep_print_event(job->commit, entry);
    object->id = SPAN_EMPTY; /* it is not kept as an object: a repeat gets this body */
}

static enum err tell_about_record(struct keep_job *job)
{
    struct keep_people people = {0};
    struct notice notice;
    struct span state;
    enum err err;

    if ((err = keep_may_read(job)) != OK)
        return err;
    if (!keep_may_update(job))
        return ERR_FORBIDDEN;
    (void)keep_record(job, &state);
    notice = keep_notice(job, SPAN_EMPTY, state);
    if ((err = read_notice(job, &notice)) != OK ||
        (err = keep_people_listed(job, "to", job->command->object.as_server, &people)) != OK)
        return err;
    for (uint32_t i = 0; i < people.count; i++)
        (void)keep_preferences_of(job, people.ids[i]);
    if (keep_is_unknown(job))
        return OK;
    (void)keep_new_commit(job);
    say(job, &notice);
    for (uint32_t i = 0; i < people.count; i++)
        tell(job, &notice, people.ids[i]);
    return OK;
}

/* ---- told to one person ------------------------------------------------------------------------------------------- */

/* Nobody has it for an id, and somebody for a username: it was meant for him, and he would never find it. Somebody whom no account
 * names may be known by his token. */
static bool is_only_a_name(struct keep_job *job, struct span user_id)
{
    struct span by_id = SPAN_EMPTY, by_name = SPAN_EMPTY;
    const bool knows_id = keep_user(job, arena_printf(&job->arena, "#%.*s", SPAN_ARG(user_id)), &by_id);
    const bool knows_name = keep_user(job, user_id, &by_name); /* both are asked for at once */

    return knows_id && knows_name && by_id.len == 0 && by_name.len > 0;
}

/* By a backend or an admin: a person writes to another one by a message. Of what he does not want the answer has no object. */
static enum err tell_user(struct keep_job *job)
{
    struct notice notice = keep_notice(job, SPAN_EMPTY, SPAN_EMPTY);
    struct span user_id;
    enum err err;

    if ((err = keep_may_manage(job, &user_id)) != OK)
        return err;
    if (!job->is_privileged)
        return ERR_FORBIDDEN;
    if ((err = read_notice(job, &notice)) != OK)
        return err;
    (void)keep_preferences_of(job, user_id);
    if (is_only_a_name(job, user_id))
        return keep_refuse(job, ERR_UNKNOWN_USER, "to");
    if (keep_is_unknown(job))
        return OK;
    (void)keep_new_commit(job);
    tell(job, &notice, user_id);
    if (job->commit->commit.object_count > 0)
        keep_copy_object(&job->arena, &job->commit->commit.objects[0], &job->object);
    return OK;
}

/* ---- marked ------------------------------------------------------------------------------------------------------- */

struct marking {
    struct span owner, state; /* state: what they become; empty: they go */
    struct object_rights rights;
    struct span word; /* the same for people */
    uint32_t found_count, count;
    const struct object *objects[KEEP_IDS_MAX]; /* to be changed */
};

/* Somebody else's is not there, and neither is what he may not see: it is not counted. */
static void mark(struct marking *marking, const struct object *object)
{
    if (object == NULL || object->revision == 0 || !span_equal(object->owner, marking->owner) ||
        !object_may_be_seen(&marking->rights, object))
        return;
    marking->found_count++;
    for (uint32_t i = 0; i < marking->count; i++)
        if (span_equal(marking->objects[i]->id, object->id))
            return;
    if (!span_equal(object->state, marking->state))
        marking->objects[marking->count++] = object;
}

static enum err mark_listed(struct keep_job *job, yyjson_val *list, struct marking *marking)
{
    yyjson_val *item;
    struct span id;
    size_t i, max;
    enum err err;

    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > KEEP_IDS_MAX)
        return keep_refuse(job, ERR_BAD_FIELD, "ids");
    yyjson_arr_foreach(list, i, max, item)
    {
        if ((err = keep_input_id(job, item, "ids", &id)) != OK)
            return err;
        mark(marking, keep_object(job, OBJECT_NOTIFICATION, id));
    }
    return OK;
}

static enum err mark_one(struct keep_job *job, struct marking *marking)
{
    struct span id;
    enum err err = keep_input_object_id(job, &id);

    if (err == OK)
        mark(marking, keep_object(job, OBJECT_NOTIFICATION, id));
    return err;
}

static enum err choose(struct keep_job *job, struct marking *marking)
{
    yyjson_val *ids = json_get(job->input.root, "ids");
    const bool is_all =
        job->command->object.verb == OBJECT_READ && json_get_bool(job->input.root, "all", false) && ids == NULL;
    enum err err = OK;

    if (ids)
        err = mark_listed(job, ids, marking);
    else if (!is_all)
        err = mark_one(job, marking);
    if (err != OK || !keep_list(job, OBJECT_NOTIFICATION, marking->owner, SPAN("unread"), is_all ? KEEP_IDS_MAX : 0))
        return err;
    if (!is_all)
        return marking->found_count > 0 || keep_is_unknown(job) || (ids && yyjson_arr_size(ids) == 0)
                   ? OK
                   : keep_refuse(job, ERR_NOT_FOUND, ids ? "ids" : "object_id");
    for (uint32_t i = 0; i < job->facts.list_count; i++)
        mark(marking, &job->facts.list[i]);
    return OK;
}

/* How many are unread then: the list was read before, and what is marked here may have been among them. */
static uint64_t count_unread(const struct keep_job *job, const struct marking *marking)
{
    uint64_t count = job->facts.list_total;

    for (uint32_t i = 0; i < marking->count; i++) {
        if (span_equal(marking->state, SPAN("unread")))
            count++;
        else if (span_equal(marking->objects[i]->state, SPAN("unread")) && count > 0)
            count--;
    }
    return count;
}

static struct span print_marking(struct keep_job *job, const struct marking *marking)
{
    struct buf text = BUF_EMPTY;
    struct span body;

    buf_append_char(&text, '{');
    json_member_string(&text, "kind", object_kind_name(OBJECT_NOTIFICATION));
    json_append_key(&text, "ids");
    buf_append_char(&text, '[');
    for (uint32_t i = 0; i < marking->count; i++) {
        if (i > 0)
            buf_append_char(&text, ',');
        json_append_string(&text, marking->objects[i]->id);
    }
    buf_append_char(&text, ']');
    json_member_string(&text, "state", marking->word);
    keep_member_time(&text, "updated_at", job->hub->wall_ms);
    json_member_u64(&text, "count", marking->count);
    json_member_u64(&text, "unread_count", count_unread(job, marking));
    buf_append_char(&text, '}');
    body = arena_copy(&job->arena, buf_span(&text));
    buf_deinit(&text);
    return body;
}

static enum err put_marked(struct keep_job *job, const struct object *before, const struct marking *marking)
{
    struct object *after = commit_add_object(job->commit);
    struct arena *arena = &job->commit->arena;
    struct keep_edit edit;
    enum err err;

    *after = (struct object){.kind = before->kind,
                             .id = arena_copy(arena, before->id),
                             .room = arena_copy(arena, before->room),
                             .owner = arena_copy(arena, before->owner),
                             .state = marking->state,
                             .time_ms = before->time_ms,
                             .revision = before->revision + 1};
    if (marking->state.len == 0)
        return OK;
    if ((err = keep_edit_open(&edit, before->body)) != OK)
        return err;
    keep_edit_text(&edit, "state", marking->state);
    keep_edit_time(&edit, "updated_at", job->hub->wall_ms);
    after->body = keep_edit_close(&edit, arena);
    return OK;
}

/* One event for all of them, in his own room: his other tabs count what is left. */
static enum err commit_marking(struct keep_job *job, const struct marking *marking)
{
    struct commit_event *entry;
    enum err err = OK;

    (void)keep_new_commit(job);
    for (uint32_t i = 0; i < marking->count && err == OK; i++)
        err = put_marked(job, marking->objects[i], marking);
    if (err != OK)
        return err;
    if (marking->count == 1)
        job->object.id = marking->objects[0]->id;
    entry = keep_say(job, &job->object, job->command->object.verb);
    job->object.id = SPAN_EMPTY; /* a repeat gets this body */
    commit_show_in(job->commit, entry, job->command->room);
    keep_print_event(job->commit, entry);
    return OK;
}

static enum err mark_some(struct keep_job *job, struct span state, struct span word)
{
    struct marking marking = {.state = state, .word = word, .rights = keep_rights(job)};
    enum err err;

    if ((err = keep_may_manage(job, &marking.owner)) != OK || (err = choose(job, &marking)) != OK ||
        keep_is_unknown(job))
        return err;
    job->object.kind = OBJECT_NOTIFICATION;
    job->object.body = print_marking(job, &marking);
    return marking.count > 0 ? commit_marking(job, &marking) : OK;
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

enum err keep_notification(struct keep_job *job)
{
    switch (job->command->object.verb) {
    case OBJECT_ADD: return job->type ? tell_about_record(job) : tell_user(job);
    case OBJECT_READ: return mark_some(job, SPAN("read"), SPAN("read"));
    case OBJECT_UNREAD: return mark_some(job, SPAN("unread"), SPAN("unread"));
    case OBJECT_REMOVE: return mark_some(job, SPAN_EMPTY, SPAN("dismissed"));
    default: return keep_refuse(job, ERR_UNKNOWN_ACTION, "verb");
    }
}
