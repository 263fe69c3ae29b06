/* What the handlers of native messages share: who, where, which. */
#include "peer/dialect/dialect_native_hear.h"

#include "base/limits.h"

void native_say_text(struct session *session, struct buf *text)
{
    session_say(session, buf_span(text), true);
    buf_deinit(text);
}

void native_say_failure(struct session *session, struct span message_id, const struct native_failure *failure)
{
    struct buf text = BUF_EMPTY;
    native_write_error(&text, message_id, failure);
    native_say_text(session, &text);
    session_count_error(session, failure->err);
}

enum err native_command(struct native_hearing *hearing, enum command_kind kind, struct span room, enum native_ask ask,
                        struct command **out)
{
    struct session *session = hearing->session;
    uint64_t tag = 0;
    enum err err = session_command(session, kind, room, 0, true, out);
    if (err)
        return err;
    if (hearing->message.has_id && (err = dialogue_wait(session, ask, hearing->message.id, &tag))) {
        command_free(*out);
        return err;
    }
    (*out)->tag = tag;
    (*out)->is_quiet = !hearing->message.has_id && kind != COMMAND_JOIN;
    return OK;
}

enum err native_channel(struct native_hearing *hearing, struct span *room)
{
    hearing->field = SPAN("channel");
    yyjson_val *channel = json_get(hearing->message.root, "channel");
    if (!channel)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(channel))
        return ERR_BAD_FIELD;
    *room = json_text(channel);
    if (!room_name_is_valid(*room))
        return ERR_BAD_NAME;
    if (span_equal(*room, SPAN("inbox")))
        *room = arena_printf(hearing->arena, ROOM_OF_USER "%.*s", SPAN_ARG(hearing->session->identity->user_id));
    *room = room_canonical(hearing->arena, hearing->session->host->registry, *room);
    hearing->field = SPAN_EMPTY;
    return OK;
}

/* A record is also known as `entity: {type, id}`: so it stands in what people did. */
static struct span read_entity(const struct native_hearing *hearing, struct span *id)
{
    yyjson_val *entity = json_get(hearing->payload, "entity");
    *id = json_get_text2(hearing->payload, "entityId", "entity_id");
    if (!yyjson_is_obj(entity))
        return json_get_text2(hearing->payload, "entityType", "entity_type");
    *id = json_get_text(entity, "id");
    return json_get_text(entity, "type");
}

enum err native_record(struct native_hearing *hearing, const struct type **type, struct span *id, struct span *room)
{
    const struct type_registry *registry = hearing->session->host->registry;
    struct span type_name = read_entity(hearing, id);
    if (type_name.len == 0 && json_get(hearing->message.root, "channel")) {
        enum err err = native_channel(hearing, room);
        if (err)
            return err;
        hearing->field = SPAN("channel");
        *type = type_of_room(registry, *room, id);
        if (!*type)
            return ERR_BAD_NAME;
        hearing->field = SPAN_EMPTY;
        return OK;
    }
    hearing->field = SPAN("entityType");
    if (type_name.len == 0)
        return ERR_MISSING_FIELD;
    *type = type_find(registry, type_name);
    if (!*type)
        return ERR_NOT_FOUND;
    hearing->field = SPAN("entityId");
    if (id->len == 0)
        return ERR_MISSING_FIELD;
    if (!record_id_is_valid(*id))
        return ERR_BAD_NAME;
    *room = arena_printf(hearing->arena, "%.*s:%.*s", SPAN_ARG((*type)->name), SPAN_ARG(*id));
    hearing->field = SPAN_EMPTY;
    return OK;
}

enum err native_key(struct native_hearing *hearing, yyjson_val *object, struct span *out)
{
    yyjson_val *id = json_get(object, "id");
    *out = SPAN_EMPTY;
    if (!id)
        return OK;
    hearing->field = SPAN("id");
    if (!yyjson_is_str(id) || json_text(id).len == 0 || json_text(id).len > LIMIT_ID_BYTES)
        return ERR_BAD_FIELD;
    *out = json_text(id);
    hearing->field = SPAN_EMPTY;
    return OK;
}

enum err native_text(struct native_hearing *hearing, const char *name, const char *other, struct span *out)
{
    yyjson_val *value = json_get2(hearing->payload, name, other);
    *out = json_text(value);
    if (!value || yyjson_is_null(value) || (yyjson_is_str(value) && out->len <= LIMIT_ID_BYTES))
        return OK;
    hearing->field = span_from_str(name);
    return ERR_BAD_FIELD;
}

enum err native_version(struct native_hearing *hearing, const char *name, const char *other, uint64_t *out)
{
    yyjson_val *value = json_get2(hearing->payload, name, other);
    *out = 0;
    if (!value || yyjson_is_null(value))
        return OK;
    hearing->field = span_from_str(name);
    if (!yyjson_is_num(value))
        return ERR_BAD_FIELD;
    if (!yyjson_is_uint(value))
        return ERR_BAD_VERSION;
    *out = yyjson_get_uint(value);
    hearing->field = SPAN_EMPTY;
    return OK;
}
