/* Records, changes and users as REST prints them. */
#include "peer/rest/rest.h"

#include "collab/room/color.h"

void rest_write_record(struct buf *out, const struct type *type, const struct list_row *row, uint64_t mask)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", type->name);
    json_member_string(out, "id", row->id);
    json_member_u64(out, "version", row->version);
    json_member_time(out, "updated_at", row->updated_ms);
    json_append_key(out, "data");
    state_write(out, type, row->state, mask);
    buf_append_char(out, '}');
}

const char *rest_verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_APPLIED] = "applied",
        [VERDICT_MERGED] = "merged",
        [VERDICT_CONFLICT] = "conflict",
        [VERDICT_REJECTED] = "rejected",
    };
    return names[verdict];
}

static void member_number(struct buf *out, const char *key, uint64_t number)
{
    if (number)
        json_member_u64(out, key, number);
}

/* How it came about. */
static void write_provenance(struct buf *out, const struct change *change)
{
    json_member_string(out, "verdict", span_from_str(rest_verdict_name(change->verdict)));
    if (change->has_strategy || change->verdict == VERDICT_MERGED)
        json_member_string(out, "strategy", span_from_str(strategy_name(change->strategy)));
    member_number(out, "base_version", change->base_version);
    member_number(out, "undo_of", change->undo_of);
    member_number(out, "restored", change->restored);
    if (change->resolves.len)
        json_member_string(out, "resolves", change->resolves);
    if (change->group.len)
        json_member_string(out, "group", change->group);
}

static bool is_readable_path(const struct type *type, const struct path *path, uint64_t mask)
{
    struct op op = {.path = *path};
    return op_is_readable(type, &op, mask);
}

/* Values that lost. */
static void write_superseded(struct buf *out, const struct type *type, const struct change *change, uint64_t mask)
{
    if (change->superseded_count == 0)
        return;
    json_append_key(out, "superseded");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->superseded_count; i++) {
        const struct superseded *lost = &change->superseded[i];
        struct buf path = BUF_EMPTY;
        if (!is_readable_path(type, &lost->path, mask))
            continue;
        if (out->data[out->len - 1] != '[')
            buf_append_char(out, ',');
        path_append(&path, &lost->path);
        buf_append_char(out, '{');
        json_member_string(out, "path", buf_span(&path));
        json_member_raw(out, "value", lost->value);
        json_member_u64(out, "by_version", lost->by_version);
        buf_append_char(out, '}');
        buf_deinit(&path);
    }
    buf_append_char(out, ']');
}

void rest_write_change(struct buf *out, const struct type *type, const struct change *change, uint64_t mask)
{
    buf_append_char(out, '{');
    json_member_string(out, "id", change->id);
    json_member_string(out, "entity_type", type->name);
    json_member_string(out, "entity_id", change->entity_id);
    json_member_string(out, "action", change->kind == CHANGE_ACTION ? change->action : change_word(change->kind));
    ops_write(out, type, change, mask);
    json_member_u64(out, "version", change->version);
    json_member_id(out, "user_id", change->user_id);
    json_member_string(out, "username", change->username);
    json_member_time(out, "timestamp", change->time_ms);
    write_provenance(out, change);
    write_superseded(out, type, change, mask);
    if (change->metadata.len)
        json_member_raw(out, "metadata", change->metadata);
    buf_append_char(out, '}');
}

void rest_write_user(struct buf *out, const char *key, const struct identity *identity)
{
    struct color color = color_at(color_preferred(identity->user_id));
    json_append_key(out, key);
    buf_append_char(out, '{');
    json_member_id(out, "id", identity->user_id);
    json_member_string(out, "username", identity->username);
    json_member_string(out, "name", identity->name);
    if (identity->avatar.len)
        json_member_string(out, "avatar", identity->avatar);
    else
        json_member_raw(out, "avatar", SPAN("null"));
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < identity->role_count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, identity->roles[i]);
    }
    buf_append_char(out, ']');
    json_member_string(out, "color", color_span(&color));
    buf_append_char(out, '}');
}
