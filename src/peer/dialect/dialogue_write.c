/* The printing half of dialogue.h. */
#include "base/clock.h"
#include "peer/dialect/dialogue.h"

const char *status_name(enum status status)
{
    static const char *const names[] = {
        [STATUS_ONLINE] = "online", [STATUS_AWAY] = "away", [STATUS_OFFLINE] = "offline"};
    return names[status];
}

const char *intent_name(enum intent intent)
{
    return intent == INTENT_EDITING ? "editing" : intent == INTENT_VIEWING ? "viewing" : NULL;
}

void json_member_time(struct buf *out, const char *key, int64_t wall_ms)
{
    json_append_key(out, key);
    buf_append_char(out, '"');
    clock_append_iso(out, wall_ms);
    buf_append_char(out, '"');
}

void json_members_error(struct buf *out, enum err err, struct span field, struct span message)
{
    json_member_string(out, "code", span_from_str(err_code(err)));
    json_member_string(out, "message", message.len ? message : span_from_str(err_sentence(err)));
    if (field.len)
        json_member_string(out, "field", field);
}

void json_member_position(struct buf *out, const char *key, struct position position)
{
    if (position.epoch == 0)
        return;
    json_append_key(out, key);
    buf_append_char(out, '{');
    json_member_u64(out, "epoch", position.epoch);
    json_member_u64(out, "offset", position.offset);
    buf_append_char(out, '}');
}

void json_member_text(struct buf *out, const char *key, struct span text)
{
    if (text.len)
        json_member_string(out, key, text);
    else
        json_member_raw(out, key, SPAN("null"));
}

void presence_write(struct buf *out, const struct presence *presence)
{
    json_member_string(out, "userId", presence->user_id);
    json_member_string(out, "username", presence->username);
    json_member_string(out, "name", presence->name);
    if (presence->avatar.len)
        json_member_string(out, "avatar", presence->avatar);
    json_member_string(out, "color", presence->color);
    json_member_string(out, "status", span_from_str(status_name(presence->status)));
    json_member_text(out, "action", span_from_str(intent_name(presence->intent)));
    json_member_time(out, "lastSeen", presence->last_seen_ms);
    json_append_key(out, "currentLocation");
    buf_append_char(out, '{');
    json_member_string(out, "page", presence->page);
    if (presence->section.len)
        json_member_string(out, "section", presence->section);
    buf_append_char(out, '}');
    json_member_text(out, "activity", presence->activity);
    json_member_text(out, "editingRow", presence->editing_row);
    json_member_raw(out, "cursor", presence->cursor);
    json_member_u64(out, "sessions", presence->session_count);
}

void presences_write(struct buf *out, const struct presence *presences, uint32_t count)
{
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(out, i ? ",{" : "{");
        presence_write(out, &presences[i]);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

struct span change_word(enum change_kind kind)
{
    return kind == CHANGE_CREATE ? SPAN("create") : kind == CHANGE_DELETE ? SPAN("delete") : SPAN("update");
}

static uint64_t all_fields(const struct type *type)
{
    return type->field_count >= 64 ? UINT64_MAX : (UINT64_C(1) << type->field_count) - 1;
}

void state_write(struct buf *out, const struct type *type, struct span state, uint64_t mask)
{
    if ((mask & all_fields(type)) == all_fields(type)) {
        buf_append_span(out, state);
        return;
    }
    struct json json;
    buf_append_char(out, '{');
    if (json_parse(&json, state, &json_limits_kept) == OK) {
        yyjson_val *key;
        yyjson_obj_iter iter = yyjson_obj_iter_with(json.root);
        while ((key = yyjson_obj_iter_next(&iter))) {
            const struct field *field = type_field(type, json_text(key));
            if (!field || !(mask >> field->index & 1))
                continue;
            if (out->data[out->len - 1] != '{')
                buf_append_char(out, ',');
            json_append_string(out, json_text(key));
            buf_append_char(out, ':');
            json_append_value(out, yyjson_obj_iter_get_val(key));
        }
    }
    json_deinit(&json);
    buf_append_char(out, '}');
}

void record_write(struct buf *out, const struct type *type, struct span id, uint64_t version, struct span state,
                  uint64_t mask)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", type->name);
    json_member_string(out, "id", id);
    json_member_u64(out, "version", version);
    json_append_key(out, "data");
    state_write(out, type, state, mask);
    buf_append_char(out, '}');
}

bool op_is_readable(const struct type *type, const struct op *op, uint64_t mask)
{
    if (mask == UINT64_MAX || op->path.depth == 0)
        return true;
    const struct field *field = type_field(type, op->path.steps[0]);
    return field && (mask >> field->index & 1);
}

static const char *op_word(enum op_kind kind)
{
    return kind == OP_INS ? "insert" : kind == OP_DEL ? "delete" : kind == OP_MOV ? "move" : "update";
}

/* Of an increment and of an edit of a text the values before and after do not say what was meant. */
static void write_meaning(struct buf *out, const struct op *op)
{
    if (op->kind == OP_INC) {
        json_member_string(out, "op", SPAN("inc"));
        json_member_raw(out, "n", op->value);
    } else if (op->kind == OP_TXT) {
        json_member_string(out, "op", SPAN("txt"));
        json_member_raw(out, "value", op->value);
    }
}

static void write_op(struct buf *out, const struct op *op)
{
    struct buf path = BUF_EMPTY;
    path_append(&path, &op->path);
    json_member_string(out, "operation", span_from_str(op_word(op->kind)));
    json_member_string(out, "path", buf_span(&path));
    json_member_raw(out, "before", op->before);
    json_member_raw(out, "after", op->after);
    write_meaning(out, op);
    buf_deinit(&path);
}

/* The operations that may be shown; the first of them also stands in the change itself, its one-operation form. */
void ops_write(struct buf *out, const struct type *type, const struct change *change, uint64_t mask)
{
    bool is_first = true;
    for (uint32_t i = 0; i < change->op_count && is_first; i++) {
        if (op_is_readable(type, &change->ops[i], mask)) {
            write_op(out, &change->ops[i]);
            is_first = false;
        }
    }
    json_append_key(out, "ops");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!op_is_readable(type, &change->ops[i], mask))
            continue;
        if (out->data[out->len - 1] != '[')
            buf_append_char(out, ',');
        buf_append_char(out, '{');
        write_op(out, &change->ops[i]);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}
