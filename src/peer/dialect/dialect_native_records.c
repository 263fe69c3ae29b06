/* Hearing the native dialect: changes of records, and looking at them. */
#include "peer/dialect/dialect_native_hear.h"

#include "collab/type/access.h"

/* ---- changes ---- */

static enum err read_version(yyjson_val *object, uint64_t *version, struct span *field)
{
    yyjson_val *value = json_get(object, "version");
    if (!value)
        value = json_get2(object, "baseVersion", "base_version");
    *version = 0;
    if (!value || yyjson_is_null(value))
        return OK;
    *field = SPAN("version");
    if (!yyjson_is_num(value))
        return ERR_BAD_FIELD;
    if (!yyjson_is_uint(value))
        return ERR_BAD_VERSION;
    *version = yyjson_get_uint(value);
    *field = SPAN_EMPTY;
    return OK;
}

/* Of a whole record: a patch of it, the record itself, or its end. */
static bool is_whole(yyjson_val *object)
{
    struct span operation = json_get_text(object, "operation"), path = json_get_text(object, "path");
    return json_get(object, "patch") || json_get(object, "data") ||
           (span_equal(operation, SPAN("delete")) && (path.len == 0 || span_equal(path, SPAN("/"))));
}

static enum err read_whole(struct arena *arena, const struct type *type, yyjson_val *object, uint64_t writable,
                           struct change *change, struct span *field)
{
    yyjson_val *patch = json_get(object, "patch"), *data = json_get(object, "data");
    enum err err = change_head_from_json(arena, type, object, change, field);
    if (err)
        return err;
    if (patch)
        return change_from_patch(arena, type, patch, writable, change, field);
    if (data)
        return change_from_record(arena, type, data, writable, change, field);
    change->kind = CHANGE_DELETE;
    return OK;
}

static enum err read_change(const struct session *session, const struct type *type, yyjson_val *object,
                            struct arena *arena, struct change *change, struct span *field)
{
    uint64_t version;
    bool must_match;
    const uint64_t writable = access_writable(session->identity->access, type);
    enum err err = read_version(object, &version, field);
    if (err || (err = flag_read(object, "ifMatch", "if_match", false, &must_match, field)))
        return err;
    err = is_whole(object) ? read_whole(arena, type, object, writable, change, field)
                           : change_from_json(arena, type, object, writable, change, field);
    if (err)
        return err;
    change->base_version = version;
    change->must_match |= must_match; /* the change's own word for it may be there, too */
    return OK;
}

enum err native_read_change(struct session *session, const struct type *type, struct span id, yyjson_val *object,
                            struct command *command, struct arena *arena, struct span *field)
{
    struct change *change = command->change = arena_alloc(&command->arena, sizeof *change);
    change->kind = CHANGE_UPDATE;
    change->type = type->name;
    change->entity_id = arena_copy(&command->arena, id);
    enum err err = read_change(session, type, object, &command->arena, change, field);
    *field = arena_copy(arena, *field); /* what was wrong may be named in the command's arena */
    return err ? access_field_error(session->identity->access, type, err, *field) : OK;
}

enum err native_hear_update(struct native_hearing *hearing)
{
    const struct type *type;
    struct span id, room, key;
    struct command *command;
    enum err err = native_record(hearing, &type, &id, &room);
    if (err || (err = native_key(hearing, hearing->payload, &key)) ||
        (err = session_command(hearing->session, COMMAND_CHANGE, room, 0, true, &command)))
        return err;
    command->is_quiet = !hearing->message.has_id;
    if ((err = native_read_change(hearing->session, type, id, hearing->payload, command, hearing->arena,
                                  &hearing->field)) ||
        (hearing->message.has_id &&
         (err = dialogue_wait(hearing->session, NATIVE_CHANGE, hearing->message.id, &command->tag)))) {
        command_free(command);
        return err;
    }
    command->change->id = arena_copy(&command->arena, key);
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_action(struct native_hearing *hearing)
{
    const struct type *type;
    struct span id, room, key;
    uint64_t version;
    struct command *command;
    yyjson_val *action = json_get(hearing->payload, "action"), *input = json_get(hearing->payload, "input");
    bool must_match;
    enum err err = native_record(hearing, &type, &id, &room);
    if (err || (err = read_version(hearing->payload, &version, &hearing->field)) ||
        (err = native_key(hearing, hearing->payload, &key)) ||
        (err = flag_read(hearing->payload, "ifMatch", "if_match", false, &must_match, &hearing->field)))
        return err;
    hearing->field = SPAN("action");
    if (!action)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(action))
        return ERR_BAD_FIELD;
    hearing->field = SPAN("input");
    if (input && !yyjson_is_obj(input))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = native_command(hearing, COMMAND_ACTION, room, NATIVE_CHANGE, &command)))
        return err;
    struct arena *arena = &command->arena;
    command->action.name = arena_copy(arena, json_text(action));
    command->action.id = arena_copy(arena, key);
    command->action.input = input ? arena_copy(arena, json_slice(&hearing->message.json, input)) : SPAN_EMPTY;
    command->action.base_version = version;
    command->action.must_match = must_match;
    session_send(hearing->session, command);
    return OK;
}

/* ---- taking back ---- */

static enum err hear_undo(struct native_hearing *hearing, bool is_redo)
{
    const struct type *type;
    struct span id, room, key, change_id;
    uint64_t version;
    struct command *command;
    enum err err = native_record(hearing, &type, &id, &room);
    if (err || (err = native_key(hearing, hearing->payload, &key)) ||
        (err = native_text(hearing, "changeId", "change_id", &change_id)) ||
        (err = native_version(hearing, "version", "version", &version)) ||
        (err = native_command(hearing, COMMAND_UNDO, room, NATIVE_CHANGE, &command)))
        return err;
    command->undo.is_redo = is_redo;
    command->undo.version = version;
    command->undo.change_id = arena_copy(&command->arena, change_id);
    command->undo.id = arena_copy(&command->arena, key);
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_undo(struct native_hearing *hearing)
{
    return hear_undo(hearing, false);
}

enum err native_hear_redo(struct native_hearing *hearing)
{
    return hear_undo(hearing, true);
}

enum err native_hear_restore(struct native_hearing *hearing)
{
    const struct type *type;
    struct span id, room, key;
    uint64_t version, base_version;
    bool must_match;
    struct command *command;
    enum err err = native_record(hearing, &type, &id, &room);
    if (err || (err = native_key(hearing, hearing->payload, &key)) ||
        (err = native_version(hearing, "version", "version", &version)) ||
        (err = native_version(hearing, "baseVersion", "base_version", &base_version)) ||
        (err = flag_read(hearing->payload, "ifMatch", "if_match", false, &must_match, &hearing->field)))
        return err;
    hearing->field = SPAN("version");
    if (version == 0)
        return json_get(hearing->payload, "version") ? ERR_BAD_VERSION : ERR_MISSING_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = native_command(hearing, COMMAND_RESTORE, room, NATIVE_CHANGE, &command)))
        return err;
    command->restore.version = version;
    command->restore.base_version = base_version;
    command->restore.must_match = must_match;
    command->restore.id = arena_copy(&command->arena, key);
    session_send(hearing->session, command);
    return OK;
}

/* ---- looking ---- */

enum err native_hear_sync(struct native_hearing *hearing)
{
    const struct type *type;
    struct span id, room;
    struct command *command;
    yyjson_val *changes = json_get(hearing->payload, "changes");
    enum err err = native_record(hearing, &type, &id, &room);
    if (err)
        return err;
    if (changes && !yyjson_is_null(changes))
        return native_hear_queue(hearing, type, id, room, changes);
    if ((err = native_command(hearing, COMMAND_LOOK, room, NATIVE_SYNC, &command)))
        return err;
    command->look.wants_record = true;
    session_send(hearing->session, command);
    return OK;
}
