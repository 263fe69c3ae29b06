#include "peer/dialect/record_say.h"

#include "peer/dialect/dialogue.h"

/* ---- members under names of ours ---- */

static void member_string(struct buf *out, struct span name, struct span text, enum object_style style)
{
    object_append_key(out, name, style);
    json_append_string(out, text);
}

static void member_user(struct buf *out, struct span user_id, enum object_style style)
{
    if (style == OBJECT_CAMEL)
        json_member_string(out, "userId", user_id);
    else
        json_member_id(out, "user_id", user_id);
}

/* 0: there is none. */
static void member_version(struct buf *out, struct span name, uint64_t version, enum object_style style)
{
    if (version == 0)
        return;
    object_append_key(out, name, style);
    buf_append_u64(out, version);
}

static void member_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len)
        json_member_string(out, key, text);
}

static void separate(struct buf *out)
{
    if (out->data[out->len - 1] != '[')
        buf_append_char(out, ',');
}

/* ---- records ---- */

void record_say(struct buf *out, const struct type *type, const struct list_row *row, uint64_t mask,
                enum object_style style)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", type->name);
    json_member_string(out, "id", row->id);
    json_member_u64(out, "version", row->version);
    json_member_time(out, style == OBJECT_CAMEL ? "updatedAt" : "updated_at", row->updated_ms);
    json_append_key(out, "data");
    state_write(out, type, row->state, mask);
    buf_append_char(out, '}');
}

/* ---- changes ---- */

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_APPLIED] = "applied",
        [VERDICT_MERGED] = "merged",
        [VERDICT_CONFLICT] = "conflict",
        [VERDICT_REJECTED] = "rejected",
    };
    return names[verdict];
}

static void write_lost(struct buf *out, const struct superseded *lost, enum object_style style)
{
    struct buf path = BUF_EMPTY;
    path_append(&path, &lost->path);
    buf_append_char(out, '{');
    json_member_string(out, "path", buf_span(&path));
    json_member_raw(out, "value", lost->value);
    object_append_key(out, SPAN("by_version"), style);
    buf_append_u64(out, lost->by_version);
    buf_append_char(out, '}');
    buf_deinit(&path);
}

void superseded_say(struct buf *out, const struct type *type, const struct change *change, uint64_t mask,
                    enum object_style style)
{
    bool is_open = false;
    for (uint32_t i = 0; i < change->superseded_count; i++) {
        const struct op at = {.path = change->superseded[i].path};
        if (!op_is_readable(type, &at, mask))
            continue;
        if (!is_open) {
            json_append_key(out, "superseded");
            buf_append_char(out, '[');
        }
        is_open = true;
        separate(out);
        write_lost(out, &change->superseded[i], style);
    }
    if (is_open)
        buf_append_char(out, ']');
}

/* How it came about. */
static void write_provenance(struct buf *out, const struct change *change, enum object_style style)
{
    json_member_string(out, "verdict", span_from_str(verdict_name(change->verdict)));
    if (change->has_strategy || change->verdict == VERDICT_MERGED)
        json_member_string(out, "strategy", span_from_str(strategy_name(change->strategy)));
    member_version(out, SPAN("base_version"), change->base_version, style);
    member_version(out, SPAN("undo_of"), change->undo_of, style);
    member_version(out, SPAN("restored"), change->restored, style);
    member_if_any(out, "resolves", change->resolves);
    member_if_any(out, "group", change->group);
}

void change_say(struct buf *out, const struct type *type, const struct change *change, uint64_t mask,
                enum object_style style)
{
    buf_append_char(out, '{');
    json_member_string(out, "id", change->id);
    member_string(out, SPAN("entity_type"), type->name, style);
    member_string(out, SPAN("entity_id"), change->entity_id, style);
    json_member_string(out, "action", change->kind == CHANGE_ACTION ? change->action : change_word(change->kind));
    ops_write(out, type, change, mask);
    json_member_u64(out, "version", change->version);
    member_user(out, change->user_id, style);
    json_member_string(out, "username", change->username);
    json_member_time(out, "timestamp", change->time_ms);
    if (style == OBJECT_CAMEL)
        json_member_bool(out, "resolved", true); /* as in the event that told of it */
    write_provenance(out, change, style);
    superseded_say(out, type, change, mask, style);
    if (change->metadata.len)
        json_member_raw(out, "metadata", change->metadata);
    buf_append_char(out, '}');
}

/* ---- what differs ---- */

static void write_op(struct buf *out, const struct op *op)
{
    static const char *const words[] = {
        [OP_SET] = "update", [OP_DEL] = "delete", [OP_INS] = "insert", [OP_MOV] = "move",
        [OP_INC] = "update", [OP_TXT] = "update", [OP_TEST] = "test",
    };
    struct buf path = BUF_EMPTY;
    path_append(&path, &op->path);
    buf_append_char(out, '{');
    json_member_string(out, "operation", span_from_str(words[op->kind]));
    json_member_string(out, "path", buf_span(&path));
    json_member_raw(out, "before", op->before);
    json_member_raw(out, "after", op->after);
    buf_append_char(out, '}');
    buf_deinit(&path);
}

void alert_say(struct buf *out, const struct event *event)
{
    json_member_string(out, "rule", event->alert.rule);
    json_member_string(out, "priority", event->alert.priority);
    json_member_string(out, "title", event->alert.title);
    json_member_string(out, "message", event->alert.message);
    json_append_key(out, "value");
    json_append_number(out, event->alert.value);
    json_append_key(out, "limit");
    json_append_number(out, event->alert.limit);
}

void difference_say(struct buf *out, const struct type *type, const struct record_difference *difference, uint64_t mask)
{
    json_member_u64(out, "from", difference->from);
    json_member_u64(out, "to", difference->to);
    json_append_key(out, "ops");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < difference->change.op_count; i++) {
        const struct op *op = &difference->change.ops[i];
        if (!op_is_readable(type, op, mask))
            continue;
        separate(out);
        write_op(out, op);
    }
    buf_append_char(out, ']');
}
