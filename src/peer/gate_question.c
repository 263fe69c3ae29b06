#include "peer/gate_question.h"

#include "base/utf8.h"
#include "collab/type/type.h"
#include "wire/json.h"

#include <math.h>

/* ---- which ---- */

static bool is_own_room(const struct command *command)
{
    struct span room = command->room;
    const struct span prefix = SPAN(ROOM_OF_USER);
    return span_starts_with(room, prefix) &&
           span_equal(span_slice(room, prefix.len, room.len), command->identity->user_id);
}

static bool is_joined_by_the_server(const struct command *command)
{
    return span_equal(command->room, SPAN(ROOM_PRESENCE)) || span_equal(command->room, SPAN(ROOM_RECORDS)) ||
           is_own_room(command);
}

static unsigned hook_of_object(const struct command *command)
{
    if (command->object.as_server || (command->object.kind == OBJECT_LOCK && command->object.verb == OBJECT_RENEW))
        return 0;
    bool settles = command->object.kind == OBJECT_CONFLICT && command->object.verb == OBJECT_RESOLVE;
    return settles ? GATE_CHANGE : GATE_OBJECT;
}

unsigned gate_hook_of(const struct command *command)
{
    switch (command->kind) {
    case COMMAND_JOIN:
    case COMMAND_LOOK: return is_joined_by_the_server(command) ? 0 : GATE_JOIN;
    case COMMAND_PUBLISH: return command->publish.as_server ? 0 : GATE_PUBLISH;
    case COMMAND_CHANGE:
    case COMMAND_ACTION:
    case COMMAND_UNDO:
    case COMMAND_RESTORE: return GATE_CHANGE;
    case COMMAND_OBJECT: return hook_of_object(command);
    case COMMAND_LEAVE:
    case COMMAND_PRESENCE:
    case COMMAND_TOUCH:
    case COMMAND_TYPING:
    case COMMAND_CURSOR:
    case COMMAND_MIRROR: break;
    }
    return 0;
}

/* ---- the question ---- */

static struct span hook_name(unsigned hook)
{
    return hook == GATE_JOIN      ? SPAN("join")
           : hook == GATE_PUBLISH ? SPAN("publish")
           : hook == GATE_CHANGE  ? SPAN("change")
                                  : SPAN("object");
}

static void print_user(struct buf *out, const struct identity *identity)
{
    json_append_key(out, "user");
    buf_append_char(out, '{');
    json_member_id(out, "id", identity->user_id);
    json_member_string(out, "username", identity->username);
    json_member_string(out, "name", identity->name);
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < identity->role_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_append_string(out, identity->roles[i]);
    }
    BUF_APPEND_LITERAL(out, "]}");
}

static void member_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len)
        json_member_string(out, key, text);
}

static void print_op(struct buf *out, const struct op *op)
{
    static const struct span names[] = {
        [OP_SET] = SPAN_INIT("set"),   [OP_DEL] = SPAN_INIT("del"), [OP_INS] = SPAN_INIT("ins"),
        [OP_MOV] = SPAN_INIT("mov"),   [OP_INC] = SPAN_INIT("inc"), [OP_TXT] = SPAN_INIT("txt"),
        [OP_TEST] = SPAN_INIT("test"),
    };
    struct buf path = BUF_EMPTY;
    path_append(&path, &op->path);
    buf_append_char(out, '{');
    json_member_string(out, "op", names[op->kind]);
    json_member_string(out, "path", buf_span(&path));
    member_if_any(out, "pos", op->pos);
    if (op->value.len)
        json_member_raw(out, "value", op->value);
    if (op->expected.len)
        json_member_raw(out, "before", op->expected);
    buf_append_char(out, '}');
    buf_deinit(&path);
}

/* As it was asked for: what the stored form adds is not known yet. */
static void print_change(struct buf *out, const struct change *change)
{
    static const struct span kinds[] = {
        [CHANGE_CREATE] = SPAN_INIT("create"),
        [CHANGE_UPDATE] = SPAN_INIT("update"),
        [CHANGE_DELETE] = SPAN_INIT("delete"),
        [CHANGE_ACTION] = SPAN_INIT("action"),
    };
    json_append_key(out, "change");
    buf_append_char(out, '{');
    json_member_string(out, "kind", kinds[change->kind]);
    member_if_any(out, "id", change->id);
    if (change->base_version)
        json_member_u64(out, "base_version", change->base_version);
    json_append_key(out, "ops");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        print_op(out, &change->ops[i]);
    }
    buf_append_char(out, ']');
    if (change->metadata.len)
        json_member_raw(out, "metadata", change->metadata);
    if (change->has_strategy)
        json_member_string(out, "strategy", span_from_str(strategy_name(change->strategy)));
    member_if_any(out, "group", change->group);
    buf_append_char(out, '}');
}

static void print_undo(struct buf *out, const struct command *command)
{
    json_append_key(out, command->undo.is_redo ? "redo" : "undo");
    buf_append_char(out, '{');
    if (command->undo.version)
        json_member_u64(out, "version", command->undo.version);
    member_if_any(out, "change_id", command->undo.change_id);
    buf_append_char(out, '}');
}

static void print_object(struct buf *out, const struct command *command)
{
    json_member_string(out, "kind", object_kind_name(command->object.kind));
    json_member_string(out, "verb", object_verb_name(command->object.kind, command->object.verb));
    member_if_any(out, "object_id", command->object.object_id);
    json_member_raw(out, "input", command->object.input.len ? command->object.input : SPAN("{}"));
}

static void print_what(struct buf *out, const struct command *command)
{
    switch (command->kind) {
    case COMMAND_PUBLISH:
        json_member_string(out, "event", command->publish.name);
        json_member_raw(out, "data", command->publish.data);
        break;
    case COMMAND_CHANGE: print_change(out, command->change); break;
    case COMMAND_ACTION:
        json_member_string(out, "action", command->action.name);
        json_member_raw(out, "input", command->action.input.len ? command->action.input : SPAN("{}"));
        break;
    case COMMAND_UNDO: print_undo(out, command); break;
    case COMMAND_RESTORE: json_member_u64(out, "version", command->restore.version); break;
    case COMMAND_OBJECT: print_object(out, command); break;
    default: break; /* the room says it all */
    }
}

void gate_print_question(struct buf *out, const struct command *command, const struct type_registry *registry)
{
    struct span id;
    const struct type *type = type_of_room(registry, command->room, &id);
    buf_append_char(out, '{');
    json_member_string(out, "hook", hook_name(gate_hook_of(command)));
    print_user(out, command->identity);
    json_member_string(out, "room", command->room);
    if (type) {
        json_member_string(out, "entity_type", type->name);
        json_member_string(out, "entity_id", id);
    }
    print_what(out, command);
    buf_append_char(out, '}');
}

/* ---- the answer ---- */

/* One line for people, whatever the backend has put there. */
static struct span message_of(struct arena *arena, struct span text)
{
    struct span rest = text;
    uint32_t character;
    size_t len = 0;
    while (utf8_next(&rest, &character) && !utf8_is_control(character) && text.len - rest.len <= GATE_MESSAGE_BYTES_MAX)
        len = text.len - rest.len;
    return arena_copy(arena, span_slice(text, 0, len));
}

static uint64_t cache_ms_of(yyjson_val *value)
{
    double seconds = yyjson_is_num(value) ? yyjson_get_num(value) : 0;
    return seconds > 0 ? (uint64_t)(fmin(seconds, 86400) * 1000) : 0;
}

struct gate_verdict gate_read_answer(struct arena *arena, struct span text)
{
    static const struct json_limits limits = {64 * 1024, 32, 4096};
    struct gate_verdict verdict = {.err = ERR_BACKEND_UNAVAILABLE};
    struct json json = {0};
    if (json_parse(&json, text, &limits) == OK && yyjson_is_bool(json_get(json.root, "allow"))) {
        if (json_get_bool(json.root, "allow", false)) {
            verdict.err = OK;
            verdict.cache_ms = cache_ms_of(json_get(json.root, "cache_seconds"));
        } else {
            verdict.err = ERR_BACKEND_REFUSED;
            verdict.message = message_of(arena, json_get_text(json.root, "message"));
        }
    }
    json_deinit(&json);
    return verdict;
}
