/* Hearing the projects vocabulary: docs/protocol/socketio.md. Saying it is dialect_projects_say.c. */
#include "peer/dialect/dialect_projects.h"

#include "collab/type/access.h"

enum asked { ASKED_CHANGE = VOCABULARY_OWN, ASKED_CAPACITY, ASKED_MESSAGE, ASKED_COUNT };

/* ---- rooms -------------------------------------------------------------------------------------------------------- */

static enum err project_room(struct sio_hearing *hearing, struct span *id, struct span *room)
{
    enum err err = vocabulary_object(hearing);
    return err ? err : vocabulary_record_room(hearing, PROJECTS_TYPE, "projectId", "project_id", id, room);
}

static enum err division_room(struct sio_hearing *hearing, struct span *id, struct span *room)
{
    enum err err = vocabulary_object(hearing);
    const char *key = json_get(hearing->payload, "division") ? "division" : "divisionId";
    return err ? err : vocabulary_record_room(hearing, PROJECTS_DIVISION_TYPE, key, "division_id", id, room);
}

static enum err hear_project_join(struct sio_hearing *hearing)
{
    struct span id, room;
    enum err err = project_room(hearing, &id, &room);
    return err ? err : vocabulary_enter(hearing, room, "projectId");
}

static enum err hear_project_leave(struct sio_hearing *hearing)
{
    struct span id, room;
    enum err err = project_room(hearing, &id, &room);
    return err ? err : vocabulary_leave(hearing, room, "projectId");
}

static enum err hear_division_join(struct sio_hearing *hearing)
{
    struct span id, room;
    enum err err = division_room(hearing, &id, &room);
    return err ? err : vocabulary_enter(hearing, room, "division");
}

static enum err hear_division_leave(struct sio_hearing *hearing)
{
    struct span id, room;
    enum err err = division_room(hearing, &id, &room);
    return err ? err : vocabulary_leave(hearing, room, "division");
}

/* ---- changes ------------------------------------------------------------------------------------------------------ */

static enum err type_of(struct sio_hearing *hearing, const char *name, struct vocabulary_change *change)
{
    change->type = type_find(hearing->session->host->registry, span_from_str(name));
    return change->type ? OK : ERR_UNSUPPORTED; /* the configuration took it away */
}

static enum err hear_capacity(struct sio_hearing *hearing)
{
    struct vocabulary_change change = {.field = SPAN("hours")};
    enum err err = vocabulary_object(hearing);
    if (err || (err = type_of(hearing, PROJECTS_EMPLOYEE_TYPE, &change)) ||
        (err = vocabulary_record_room(hearing, PROJECTS_EMPLOYEE_TYPE, "employeeId", "employee_id", &change.id,
                                      &change.room)) ||
        (err = vocabulary_value(hearing, "hours", "hours", &change.value)))
        return err;
    hearing->field = SPAN("hours");
    if (!yyjson_is_num(change.value))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    return vocabulary_change(hearing, &change, ASKED_CAPACITY);
}

static enum err hear_update(struct sio_hearing *hearing)
{
    struct vocabulary_change change = {.patch = NULL};
    enum err err = project_room(hearing, &change.id, &change.room);
    if (err || (err = type_of(hearing, PROJECTS_TYPE, &change)))
        return err;
    change.patch = json_get2(hearing->payload, "changes", "data");
    if (change.patch) {
        hearing->field = SPAN("changes");
        if (!yyjson_is_obj(change.patch))
            return ERR_BAD_FIELD;
        hearing->field = SPAN_EMPTY;
        return vocabulary_change(hearing, &change, ASKED_CHANGE);
    }
    if ((err = vocabulary_text(hearing, "field", "field", true, &change.field)) ||
        (err = vocabulary_value(hearing, "value", "newValue", &change.value)))
        return err;
    return vocabulary_change(hearing, &change, ASKED_CHANGE);
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

/* To somebody, else to those on a project or in a division. */
static enum err destination(struct sio_hearing *hearing, struct span *room)
{
    struct span to, id;
    enum err err = vocabulary_object(hearing);
    if (err || (err = vocabulary_text(hearing, "to", "userId", false, &to)))
        return err;
    if (to.len == 0)
        return json_get2(hearing->payload, "division", "divisionId") ? division_room(hearing, &id, room)
                                                                     : project_room(hearing, &id, room);
    *room = arena_printf(hearing->arena, ROOM_OF_USER "%.*s", SPAN_ARG(to));
    hearing->field = SPAN("to");
    if (!room_name_is_valid(*room))
        return ERR_BAD_NAME;
    hearing->field = SPAN_EMPTY;
    return OK;
}

static struct span message_input(struct arena *arena, yyjson_val *payload)
{
    yyjson_val *text = json_get(payload, "text"), *data = json_get(payload, "data");
    struct buf input = BUF_EMPTY;
    buf_append_char(&input, '{');
    if (text) {
        json_append_key(&input, "text");
        json_append_value(&input, text);
    }
    if (data) {
        json_append_key(&input, "data");
        json_append_value(&input, data);
    }
    buf_append_char(&input, '}');
    struct span copy = arena_copy(arena, buf_span(&input));
    buf_deinit(&input);
    return copy;
}

static enum err hear_message(struct sio_hearing *hearing)
{
    struct span room, key;
    struct command *command;
    enum err err = destination(hearing, &room);
    if (err || (err = vocabulary_text(hearing, "id", "id", false, &key)) ||
        (err = sio_command(hearing, COMMAND_OBJECT, room, ASKED_MESSAGE, &command)))
        return err;
    command->object.kind = OBJECT_MESSAGE;
    command->object.verb = OBJECT_ADD;
    command->object.id = arena_copy(&command->arena, key);
    command->object.input = message_input(&command->arena, hearing->payload);
    session_send(hearing->session, command);
    return OK;
}

/* ---- presence ----------------------------------------------------------------------------------------------------- */

static enum err typing(struct sio_hearing *hearing, bool is_typing)
{
    struct span id, room, field;
    struct command *command;
    enum err err = project_room(hearing, &id, &room);
    if (err || (err = vocabulary_text(hearing, "field", "field", false, &field)) ||
        (err = vocabulary_member(hearing, room, "projectId")) ||
        (err = sio_command(hearing, COMMAND_TYPING, room, VOCABULARY_PLAIN, &command)))
        return err;
    command->is_quiet = !hearing->event->has_ack;
    command->typing.field = arena_copy(&command->arena, field);
    command->typing.is_typing = is_typing;
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_typing_start(struct sio_hearing *hearing)
{
    return typing(hearing, true);
}

static enum err hear_typing_stop(struct sio_hearing *hearing)
{
    return typing(hearing, false);
}

static void set_status(struct command *command, enum status status)
{
    command->presence.given = PRESENCE_STATUS;
    command->presence.status = status;
}

/* He is as he says everywhere: among all people, and in every project and division where he is seen. */
static enum err hear_presence(struct sio_hearing *hearing)
{
    struct session *session = hearing->session;
    struct span status, id;
    struct command *command;
    enum err err = vocabulary_object(hearing);
    if (err || (err = vocabulary_text(hearing, "status", "status", false, &status)))
        return err;
    bool is_idle = span_equal(status, SPAN("idle")) || span_equal(status, SPAN("away"));
    hearing->field = SPAN("status");
    if (status.len && !is_idle && !span_equal(status, SPAN("online")))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = sio_command(hearing, COMMAND_PRESENCE, SPAN(ROOM_PRESENCE), VOCABULARY_PLAIN, &command)))
        return err;
    set_status(command, is_idle ? STATUS_AWAY : STATUS_ONLINE);
    session_send(session, command);
    LIST_EACH (&session->memberships, node) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        struct span room = span_of(membership->room, membership->room_len);
        if (membership->is_left || !type_of_room(session->host->registry, room, &id) ||
            session_command(session, COMMAND_PRESENCE, room, 0, false, &command) != OK)
            continue;
        set_status(command, is_idle ? STATUS_AWAY : STATUS_ONLINE);
        session_send(session, command);
    }
    return OK;
}

static const struct sio_verb verbs[] = {
    {"typing:start", hear_typing_start, true, false},
    {"typing:stop", hear_typing_stop, true, false},
    {"capacity:update", hear_capacity, false, true},
    {"project:update", hear_update, false, true},
    {"project:join", hear_project_join, false, true},
    {"project:leave", hear_project_leave, false, true},
    {"division:join", hear_division_join, false, true},
    {"division:leave", hear_division_leave, false, true},
    {"presence:set", hear_presence, false, true},
    {"message:send", hear_message, false, true},
    {NULL, NULL, false, false},
};

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void write_people(struct buf *out, const struct answer *answer)
{
    json_append_key(out, "presence");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        buf_append_str(out, i ? ",{" : "{");
        projects_write_presence(out, &answer->presences[i], false, answer->type, answer->entity_id);
        json_member_time(out, "lastSeen", answer->presences[i].last_seen_ms);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* Who asked for no acknowledgement hears of the others one by one, in the only words he knows. */
static void say_people(struct session *session, const struct answer *answer)
{
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        struct buf text = BUF_EMPTY;
        if (span_equal(answer->presences[i].user_id, session->identity->user_id))
            continue;
        buf_append_char(&text, '{');
        projects_write_presence(&text, &answer->presences[i], false, answer->type, answer->entity_id);
        buf_append_char(&text, '}');
        sio_session_emit(session, "presence:change", buf_span(&text));
        buf_deinit(&text);
    }
}

static uint64_t readable(const struct session *session, const struct answer *answer)
{
    return answer->type ? access_readable(session->identity->access, answer->type) : 0;
}

static void answer_join(struct session *session, const struct answer *answer)
{
    struct buf ack = BUF_EMPTY;
    buf_append_char(&ack, '{');
    projects_write_place(&ack, answer->type, answer->entity_id);
    write_people(&ack, answer);
    json_append_key(&ack, "record");
    if (answer->type && answer->has_record)
        record_write(&ack, answer->type, answer->entity_id, answer->version, answer->record, readable(session, answer));
    else
        BUF_APPEND_LITERAL(&ack, "null");
    if (!vocabulary_acknowledge(session, answer, span_slice(buf_span(&ack), 1, ack.len)))
        say_people(session, answer);
    buf_deinit(&ack);
}

static void answer_change(struct session *session, const struct answer *answer)
{
    struct buf ack = BUF_EMPTY;
    buf_append_char(&ack, '{');
    projects_write_place(&ack, answer->type, answer->entity_id);
    json_member_u64(&ack, "version", answer->version);
    (void)vocabulary_acknowledge(session, answer, span_slice(buf_span(&ack), 1, ack.len));
    buf_deinit(&ack);
}

/* What comes of the hours only the server knows: who asked for no acknowledgement is told like everybody else. */
static void answer_capacity(struct session *session, const struct answer *answer)
{
    struct buf told = BUF_EMPTY;
    buf_append_char(&told, '{');
    if (answer->type && answer->has_record)
        projects_write_capacity(&told, answer->type, answer->entity_id, answer->record, readable(session, answer));
    else
        json_member_string(&told, "employeeId", answer->entity_id);
    json_member_u64(&told, "version", answer->version);
    if (!vocabulary_acknowledge(session, answer, span_slice(buf_span(&told), 1, told.len))) {
        if (answer->is_repeat)
            json_member_bool(&told, "repeat", true);
        buf_append_char(&told, '}');
        sio_session_emit(session, "capacity:updated", buf_span(&told));
    }
    buf_deinit(&told);
}

static void answer_message(struct session *session, const struct answer *answer)
{
    struct buf ack = BUF_EMPTY;
    buf_append_char(&ack, '{');
    projects_write_message(&ack, answer->type, answer->entity_id, answer->object);
    (void)vocabulary_acknowledge(session, answer, span_slice(buf_span(&ack), 1, ack.len));
    buf_deinit(&ack);
}

static void answer(struct session *session, const struct answer *answer)
{
    static void (*const ways[ASKED_COUNT])(struct session *, const struct answer *) = {
        [VOCABULARY_JOIN] = answer_join,
        [ASKED_CHANGE] = answer_change,
        [ASKED_CAPACITY] = answer_capacity,
        [ASKED_MESSAGE] = answer_message,
    };
    vocabulary_answer(session, answer, ways);
}

/* What is for him wherever he is: who is online, alerts, everybody's capacity, and his own room. */
static void opened(struct session *session)
{
    const struct type *employee = type_find(session->host->registry, SPAN(PROJECTS_EMPLOYEE_TYPE));
    struct arena arena;
    vocabulary_join(session, SPAN(ROOM_PRESENCE), true, true);
    vocabulary_join(session, SPAN(ROOM_ALERTS), true, false);
    if (employee)
        vocabulary_join(session, employee->channel, true, false);
    arena_init(&arena, 256);
    vocabulary_join(session, arena_printf(&arena, "user:%.*s", SPAN_ARG(session->identity->user_id)), true, false);
    arena_deinit(&arena);
}

static void returned(struct session *session, struct span room)
{
    vocabulary_look(session, room, VOCABULARY_JOIN);
}

static const struct dialect dialect_projects = {
    .name = "projects",
    .say = projects_say,
    .answer = answer,
    .opened = opened,
    .closed = vocabulary_close,
};

const struct sio_vocabulary vocabulary_projects = {
    .name = "projects",
    .verbs = verbs,
    .dialect = &dialect_projects,
    .limits_changes = true,
    .returned = returned,
};
