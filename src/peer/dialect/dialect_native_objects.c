/* Hearing the native dialect: what is kept beside records: locks, comments, conflicts, chat, notifications, preferences, and what people do. */
#include "peer/dialect/dialect_native_hear.h"

#include "peer/dialect/object_say.h"

/* What a message says about itself, and not about the object. */
static const char *const envelope_names[] = {"action",     "id",          "entity_type", "entity_id",
                                             "comment_id", "conflict_id", "lock_id",     NULL};

struct wish {
    enum object_kind kind;
    enum object_verb verb;
    struct span room;
    struct span object_id;
    enum native_ask ask;       /* NATIVE_PLAIN: NATIVE_OBJECT */
    const char *const *except; /* members of the payload that are no input */
};

static enum err send(struct native_hearing *hearing, const struct wish *wish)
{
    struct span key;
    struct command *command;
    struct buf input = BUF_EMPTY;
    enum err err = native_key(hearing, hearing->payload, &key);
    if (err ||
        (err = native_command(hearing, COMMAND_OBJECT, wish->room, wish->ask ? wish->ask : NATIVE_OBJECT, &command)))
        return err;
    object_input(&input, &hearing->message.json, hearing->payload, wish->except);
    command->object.kind = wish->kind;
    command->object.verb = wish->verb;
    command->object.object_id = arena_copy(&command->arena, wish->object_id);
    command->object.id = arena_copy(&command->arena, key);
    command->object.input = arena_copy(&command->arena, buf_span(&input));
    session_send(hearing->session, command);
    buf_deinit(&input);
    return OK;
}

/* What is to be done: the member `action`, as the kind calls it. */
static enum err read_verb(struct native_hearing *hearing, struct wish *wish)
{
    yyjson_val *action = json_get(hearing->payload, "action");
    hearing->field = SPAN("action");
    if (!action)
        return ERR_MISSING_FIELD;
    if (!object_verb_parse(wish->kind, json_text(action), &wish->verb))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err record_room(struct native_hearing *hearing, struct wish *wish)
{
    const struct type *type;
    struct span id;
    return native_record(hearing, &type, &id, &wish->room);
}

/* The id of the object that is meant; required unless it is made by this. */
static enum err read_object_id(struct native_hearing *hearing, const char *name, const char *other, struct wish *wish)
{
    enum err err = native_text(hearing, name, other, &wish->object_id);
    if (err || wish->object_id.len || wish->verb == OBJECT_ADD)
        return err;
    hearing->field = span_from_str(name);
    return ERR_MISSING_FIELD;
}

static struct span own_room(struct native_hearing *hearing)
{
    return arena_printf(hearing->arena, ROOM_OF_USER "%.*s", SPAN_ARG(hearing->session->identity->user_id));
}

/* ---- about a record ---- */

enum err native_hear_lock(struct native_hearing *hearing)
{
    struct wish wish = {.kind = OBJECT_LOCK, .except = envelope_names};
    enum err err = read_verb(hearing, &wish);
    if (err || (err = record_room(hearing, &wish)))
        return err;
    return send(hearing, &wish);
}

enum err native_hear_comment(struct native_hearing *hearing)
{
    struct wish wish = {.kind = OBJECT_COMMENT, .ask = NATIVE_COMMENT, .except = envelope_names};
    enum err err = read_verb(hearing, &wish);
    if (err || (err = record_room(hearing, &wish)) || (err = read_object_id(hearing, "commentId", "comment_id", &wish)))
        return err;
    return send(hearing, &wish);
}

enum err native_hear_conflict(struct native_hearing *hearing)
{
    struct wish wish = {.kind = OBJECT_CONFLICT, .ask = NATIVE_CONFLICT, .except = envelope_names};
    enum err err = read_verb(hearing, &wish);
    if (err || (err = record_room(hearing, &wish)) ||
        (err = read_object_id(hearing, "conflictId", "conflict_id", &wish)))
        return err;
    return send(hearing, &wish);
}

/* Its `action` is what was done. */
enum err native_hear_activity(struct native_hearing *hearing)
{
    static const char *const except[] = {"id", "entity_type", "entity_id", "entity", NULL};
    struct wish wish = {.kind = OBJECT_ACTIVITY, .verb = OBJECT_ADD, .except = except};
    enum err err = record_room(hearing, &wish);
    return err ? err : send(hearing, &wish);
}

/* ---- between people ---- */

static bool is_about_record(struct native_hearing *hearing)
{
    return json_get2(hearing->payload, "entityType", "entity_type") != NULL;
}

/* The room of a record, of somebody (`to`), or the channel. */
static enum err destination(struct native_hearing *hearing, struct wish *wish)
{
    struct span to;
    enum err err;
    if (is_about_record(hearing))
        return record_room(hearing, wish);
    if ((err = native_text(hearing, "to", "to", &to)))
        return err;
    if (to.len == 0)
        return native_channel(hearing, &wish->room);
    wish->room = arena_printf(hearing->arena, ROOM_OF_USER "%.*s", SPAN_ARG(to));
    if (room_name_is_valid(wish->room))
        return OK;
    hearing->field = SPAN("to");
    return ERR_BAD_NAME;
}

enum err native_hear_chat(struct native_hearing *hearing)
{
    static const char *const except[] = {"id", "entity_type", "entity_id", "to", NULL};
    struct wish wish = {.kind = OBJECT_MESSAGE, .verb = OBJECT_ADD, .except = except};
    enum err err = destination(hearing, &wish);
    return err ? err : send(hearing, &wish);
}

/* About a record it is told to those who are with it, and comes into the inboxes of those in `to`; else it is told to one. */
static enum err tell(struct native_hearing *hearing)
{
    static const char *const about_record[] = {"id", "entity_type", "entity_id", NULL};
    static const char *const to_one[] = {"id", "to", NULL};
    struct wish wish = {.kind = OBJECT_NOTIFICATION, .verb = OBJECT_ADD};
    wish.except = is_about_record(hearing) ? about_record : to_one;
    enum err err = destination(hearing, &wish);
    return err ? err : send(hearing, &wish);
}

/* Without an action one is told to others; else those in his own inbox are meant, by `ids`, one `notificationId`, or `all`. */
enum err native_hear_notification(struct native_hearing *hearing)
{
    static const char *const except[] = {"action", "id", "notification_id", NULL};
    struct wish wish = {.kind = OBJECT_NOTIFICATION, .ask = NATIVE_NOTIFICATION, .verb = OBJECT_ADD, .except = except};
    enum err err = json_get(hearing->payload, "action") ? read_verb(hearing, &wish) : OK;
    if (err)
        return err;
    if (wish.verb == OBJECT_ADD)
        return tell(hearing);
    wish.room = own_room(hearing);
    err = native_text(hearing, "notificationId", "notification_id", &wish.object_id);
    return err ? err : send(hearing, &wish);
}

enum err native_hear_preferences(struct native_hearing *hearing)
{
    static const char *const except[] = {"action", "id", NULL};
    struct wish wish = {.kind = OBJECT_PREFERENCES, .verb = OBJECT_EDIT, .except = except};
    if (span_equal(json_get_text(hearing->payload, "action"), SPAN("get")))
        return native_list_preferences(hearing);
    enum err err = read_verb(hearing, &wish);
    if (err)
        return err;
    wish.room = own_room(hearing);
    return send(hearing, &wish);
}
