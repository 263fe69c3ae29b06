/* Chat: in a record's room, in a room of any other name, and from one person to another. */
#include "collab/keep/keep_job.h"
#include "base/limits.h"
#include "collab/room/presence.h"

enum { TEXT_CHARACTERS_MAX = LIMIT_TEXT_CHARACTERS, DATA_BYTES_MAX = LIMIT_DATA_BYTES, EXCERPT_CHARACTERS_MAX = 200 };

struct saying {
    struct span text, data;
    struct span to;    /* of a direct message: whose id; else empty */
    struct span room;  /* to which the message belongs */
    struct span state; /* the record's */
};

static enum err read_input(struct keep_job *job, struct saying *saying)
{
    enum err err = keep_input_text(job, "text", TEXT_CHARACTERS_MAX, true, &saying->text);

    return err == OK ? keep_input_json(job, "data", false, DATA_BYTES_MAX, &saying->data) : err;
}

static struct span print(struct keep_job *job, const struct object_head *head, const struct saying *saying)
{
    struct buf text = BUF_EMPTY;
    struct span body;

    keep_open_body(&text, head);
    if (saying->to.len > 0)
        json_member_string(&text, "to_user_id", saying->to);
    else
        json_member_string(&text, "room", saying->room);
    json_member_string(&text, "text", saying->text);
    if (saying->data.len > 0)
        json_member_raw(&text, "data", saying->data);
    buf_append_char(&text, '}');
    body = arena_copy(&job->arena, buf_span(&text));
    buf_deinit(&text);
    return body;
}

static void put(struct keep_job *job, const struct saying *saying)
{
    const struct object_head head = keep_head(job, OBJECT_MESSAGE, saying->state);
    const struct object message = {.kind = OBJECT_MESSAGE,
                                   .id = head.id,
                                   .room = saying->room,
                                   .owner = job->command->identity->user_id,
                                   .time_ms = head.time_ms,
                                   .revision = 1,
                                   .body = print(job, &head, saying)};

    (void)keep_new_commit(job);
    keep_put(job, &message);
}

/* ---- in a record's room ------------------------------------------------------------------------------------------- */

static enum err say_about_record(struct keep_job *job, struct saying *saying)
{
    struct commit_event *entry;
    enum err err;

    if ((err = keep_may_read(job)) != OK || (err = read_input(job, saying)) != OK)
        return err;
    if (!keep_record(job, &saying->state))
        return OK;
    put(job, saying);
    entry = keep_say(job, &job->object, OBJECT_ADD);
    commit_show_in(job->commit, entry, saying->room);
    keep_print_event(job->commit, entry);
    return OK;
}

/* ---- in a room that is kept in memory ----------------------------------------------------------------------------- */

/* What the room hears when it is on the disk. */
static struct event *event_of(struct keep_job *job, const struct saying *saying)
{
    struct event *event = event_new_for(EVENT_OBJECT, saying->room, job->object.body.len + EXCERPT_CHARACTERS_MAX);
    const struct identity *who = job->command->identity;
    struct arena *arena = &event->arena;

    event->time_ms = job->hub->wall_ms;
    event->origin = job->command->session;
    event->id = hub_new_event_id(job->hub, arena);
    event_set_user(event, who, presence_color(room_find(job->hub, saying->room), arena, who->user_id));
    event->object.kind = OBJECT_MESSAGE;
    event->object.verb = OBJECT_ADD;
    event->object.id = arena_copy(arena, job->object.id);
    event->object.body = arena_copy(arena, job->object.body);
    return event;
}

static enum err say_in_free_room(struct keep_job *job, struct saying *saying)
{
    const struct room *room = room_find(job->hub, saying->room);
    enum err err;

    if (room_is_durable(job->hub->registry, saying->room)) /* the server speaks there */
        return ERR_FORBIDDEN;
    /* Anybody could put words into what others say among themselves. */
    if (span_starts_with(saying->room, SPAN(ROOM_OF_TWO)))
        return ERR_FORBIDDEN;
    if (!job->command->object.as_server && (room == NULL || room_member(room, job->command->session) == NULL))
        return ERR_NOT_MEMBER;
    if ((err = read_input(job, saying)) != OK)
        return err;
    put(job, saying);
    job->said = event_of(job, saying);
    return OK;
}

/* ---- from one person to another ----------------------------------------------------------------------------------- */

static void tell(struct keep_job *job, const struct saying *saying)
{
    struct notice notice = keep_notice(job, SPAN("message"), SPAN_EMPTY);

    notice.title = notice.from_name;
    notice.message = keep_excerpt(&job->arena, saying->text, EXCERPT_CHARACTERS_MAX);
    notice.data = notice_data(&job->arena, "message_id", job->object.id, SPAN_EMPTY);
    (void)keep_tell(job, &notice, saying->to);
}

static void commit_direct(struct keep_job *job, struct saying *saying)
{
    const struct span from = job->command->identity->user_id;
    struct commit_event *entry;

    saying->room = object_dm_room(&job->arena, saying->to, from);
    put(job, saying);
    entry = keep_say(job, &job->object, OBJECT_ADD);
    commit_show_in(job->commit, entry, job->command->room);
    if (!span_equal(saying->to, from))
        commit_show_in(job->commit, entry, keep_user_room(&job->arena, from));
    keep_print_event(job->commit, entry);
    tell(job, saying);
}

static enum err say_to_user(struct keep_job *job, struct saying *saying)
{
    const struct span to = span_slice(job->command->room, sizeof(ROOM_OF_USER) - 1, job->command->room.len);
    yyjson_val *member = json_get(job->input.root, "to");
    struct span named = to;
    enum err err;

    if (member && !yyjson_is_null(member) && (err = keep_input_id(job, member, "to", &named)) != OK)
        return err;
    if (!span_equal(named, to))
        return keep_refuse(job, ERR_BAD_FIELD, "to");
    if ((err = read_input(job, saying)) != OK)
        return err;
    (void)keep_user(job, arena_printf(&job->arena, "#%.*s", SPAN_ARG(to)), &saying->to);
    (void)keep_preferences_of(job, to);
    if (keep_is_unknown(job))
        return OK;
    if (saying->to.len == 0)
        return keep_refuse(job, ERR_UNKNOWN_USER, "to");
    commit_direct(job, saying);
    return OK;
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

enum err keep_message(struct keep_job *job)
{
    struct saying saying = {.room = job->command->room};

    if (job->command->object.verb != OBJECT_ADD)
        return keep_refuse(job, ERR_UNKNOWN_ACTION, "verb");
    if (job->type)
        return say_about_record(job, &saying);
    if (span_starts_with(saying.room, SPAN(ROOM_OF_USER)))
        return say_to_user(job, &saying);
    return say_in_free_room(job, &saying);
}
