/* Idempotency: what makes two commands the same one, and what is kept of the first one's answer. */
#include "collab/record/record_making.h"

struct span record_plan_id(const struct command *command)
{
    switch (command->kind) {
    case COMMAND_CHANGE: return command->change->id;
    case COMMAND_ACTION: return command->action.id;
    case COMMAND_UNDO: return command->undo.id;
    case COMMAND_RESTORE: return command->restore.id;
    default: return command->object.id;
    }
}

/* ---- what was asked ----------------------------------------------------------------------------------------------- */

static void append_number(struct buf *out, uint64_t number)
{
    buf_append_char(out, ' ');
    buf_append_u64(out, number);
    buf_append_char(out, ' ');
}

static void append_sized(struct buf *out, struct span text)
{
    append_number(out, text.len);
    buf_append_span(out, text);
}

static void append_change(struct buf *out, const struct change *change)
{
    buf_append_str(out, " change ");
    buf_append_u64(out, change->kind);
    for (uint32_t i = 0; i < change->op_count; i++) {
        append_number(out, change->ops[i].kind);
        path_append(out, &change->ops[i].path);
        append_sized(out, change->ops[i].value);
        append_sized(out, change->ops[i].pos);
    }
}

static void append_object(struct buf *out, const struct command *command)
{
    buf_append_str(out, " object ");
    append_number(out, command->object.kind);
    append_number(out, command->object.verb);
    append_sized(out, command->object.object_id);
    append_sized(out, command->object.input);
}

static void append_asked(struct buf *out, const struct command *command)
{
    switch (command->kind) {
    case COMMAND_ACTION:
        append_sized(out, command->action.name);
        append_sized(out, command->action.input);
        break;
    case COMMAND_UNDO:
        buf_append_str(out, command->undo.is_redo ? " redo " : " undo ");
        append_number(out, command->undo.version);
        append_sized(out, command->undo.change_id);
        break;
    case COMMAND_RESTORE:
        buf_append_str(out, " restore ");
        append_number(out, command->restore.version);
        break;
    case COMMAND_OBJECT: append_object(out, command); break;
    default: append_change(out, command->change);
    }
}

/* What was asked, not against which version: who comes back from a long time offline may well know a newer one by now. */
uint64_t record_plan_hash(const struct command *command)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    if (record_plan_id(command).len == 0)
        return 0;
    buf_append_span(&text, command->room);
    append_sized(&text, command->identity->user_id);
    append_asked(&text, command);
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

void plan_set_op(struct store_request *request, const struct command *command, uint64_t hash)
{
    const struct span id = record_plan_id(command);

    if (id.len == 0)
        return;
    request->commit.op_id =
        arena_printf(&request->arena, "%.*s:%.*s", SPAN_ARG(command->identity->user_id), SPAN_ARG(id));
    request->commit.op_hash = hash;
}

/* ---- what was answered -------------------------------------------------------------------------------------------- */

/* Only what is not evident: most changes are applied as they were sent. */
static void print_outcome(struct buf *out, const struct record_outcome *outcome)
{
    if (outcome->verdict != VERDICT_APPLIED)
        json_member_u64(out, "verdict", outcome->verdict);
    if (outcome->strategy != STRATEGY_LAST_WRITE_WINS)
        json_member_u64(out, "strategy", outcome->strategy);
    if (outcome->skipped_count > 0)
        json_member_u64(out, "skipped", outcome->skipped_count);
    if (!outcome->has_object)
        return;
    json_member_string(out, "object", object_kind_name(outcome->object_kind));
    json_member_string(out, "object_id", outcome->object_id);
    json_member_u64(out, "shown", outcome->object_shown);
}

void plan_keep_answer(struct store_request *request, uint64_t version, const struct record_outcome *outcome)
{
    struct buf text = BUF_EMPTY;

    if (request->commit.op_id.len == 0)
        return;
    buf_append_char(&text, '{');
    json_member_string(&text, "type", request->type->name);
    json_member_string(&text, "id", request->entity_id);
    json_member_u64(&text, "version", version);
    print_outcome(&text, outcome);
    buf_append_char(&text, '}');
    request->commit.answer = arena_copy(&request->arena, buf_span(&text));
    buf_deinit(&text);
}

static uint64_t number_of(yyjson_val *object, const char *key)
{
    return yyjson_get_uint(json_get(object, key));
}

uint64_t plan_read_answer(struct arena *arena, struct span answer, struct record_outcome *outcome)
{
    struct json json = {0};
    uint64_t version;

    *outcome = (struct record_outcome){0};
    if (json_parse(&json, answer, &json_limits_default) != OK)
        return 0;
    version = number_of(json.root, "version");
    outcome->verdict = (enum verdict)number_of(json.root, "verdict");
    outcome->strategy = (enum strategy)number_of(json.root, "strategy");
    outcome->skipped_count = (uint32_t)number_of(json.root, "skipped");
    outcome->has_object = object_kind_parse(json_get_text(json.root, "object"), &outcome->object_kind);
    outcome->object_id = arena_copy(arena, json_get_text(json.root, "object_id"));
    outcome->object_shown = number_of(json.root, "shown");
    json_deinit(&json);
    return version;
}
