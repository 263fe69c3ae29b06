/* What the native dialect answers, in the envelope of docs/protocol/native.md. Pure. */
#include "peer/dialect/dialect_native.h"

#include "collab/type/access.h"
#include "peer/dialect/record_say.h"

/* Conflicts in the answer to a queue are told whole up to here, and then only by their ids. */
#define RESULT_CONFLICT_BYTES_MAX (32 * 1024)

static void open_answer(struct buf *out, const char *type, struct span message_id)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", span_from_str(type));
    if (message_id.len)
        json_member_string(out, "replyTo", message_id);
}

void native_open_ack(struct buf *out, struct span message_id)
{
    open_answer(out, "ack", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{");
}

/* ---- errors ---- */

/* What somebody gave as an object's input has another name inside. */
static struct span name_of(struct span inside, enum native_ask ask)
{
    static const struct {
        struct span inside, here;
    } names[] = {{SPAN_INIT("ttl_ms"), SPAN_INIT("ttlMs")},
                 {SPAN_INIT("user_id"), SPAN_INIT("userId")},
                 {SPAN_INIT("parent_id"), SPAN_INIT("parentId")},
                 {SPAN_INIT("merged_value"), SPAN_INIT("mergedValue")}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_equal(inside, names[i].inside))
            return names[i].here;
    if (!span_equal(inside, SPAN("object_id")))
        return inside;
    return ask == NATIVE_COMMENT        ? SPAN("commentId")
           : ask == NATIVE_CONFLICT     ? SPAN("conflictId")
           : ask == NATIVE_NOTIFICATION ? SPAN("notificationId")
                                        : SPAN_EMPTY;
}

static struct span field_of(const struct answer *answer, enum native_ask ask)
{
    if (answer->err == ERR_ID_REUSED)
        return SPAN("id");
    return answer->kind == COMMAND_OBJECT ? name_of(answer->field, ask) : answer->field;
}

static bool is_change(enum command_kind kind)
{
    return kind == COMMAND_CHANGE || kind == COMMAND_ACTION || kind == COMMAND_UNDO || kind == COMMAND_RESTORE;
}

struct native_failure native_failure_of(const struct answer *answer, enum native_ask ask)
{
    return (struct native_failure){
        .err = answer->err,
        .field = field_of(answer, ask),
        .message = answer->message,
        .current_version = answer->current_version,
        .is_verdict = is_change(answer->kind),
        .has_lock = answer->has_object && answer->object_kind == OBJECT_LOCK,
        .lock = answer->object,
        .conflict = answer->has_object && answer->object_kind == OBJECT_CONFLICT ? answer : NULL,
    };
}

/* Whether he may see all that the object tells about. */
static bool may_see_object(const struct answer *answer, uint64_t mask)
{
    const struct type *type = answer->type;
    if (!type || type->field_count == 0)
        return true;
    return (answer->object_shown & (UINT64_MAX >> (64 - type->field_count)) & ~mask) == 0;
}

static void write_object_id(struct buf *out, struct span body)
{
    struct json json = {0};
    buf_append_char(out, '{');
    if (json_parse(&json, body, &json_limits_kept) == OK)
        json_member_string(out, "id", json_get_text(json.root, "id"));
    json_deinit(&json);
    buf_append_char(out, '}');
}

static void write_object(struct buf *out, const struct answer *answer, uint64_t mask, size_t bytes_max)
{
    const struct object_view view = {OBJECT_CAMEL, answer->type, mask};
    if (may_see_object(answer, mask) && answer->object.len <= bytes_max)
        object_write(out, answer->object_kind, answer->object, &view);
    else
        write_object_id(out, answer->object);
}

static void write_failure(struct buf *out, const struct native_failure *failure)
{
    enum err err = failure->err;
    json_members_error(out, err, failure->field, failure->message);
    if (failure->is_verdict)
        json_member_string(out, "verdict", SPAN("rejected"));
    if (failure->current_version)
        json_member_u64(out, "currentVersion", failure->current_version);
    if (err == ERR_RATE_LIMITED)
        json_member_u64(out, "retryAfterMs", failure->retry_ms);
    if (failure->has_lock) {
        json_append_key(out, "lock");
        object_write(out, OBJECT_LOCK, failure->lock, &(struct object_view){.style = OBJECT_CAMEL});
    }
    if (failure->conflict) {
        json_append_key(out, "conflict");
        write_object(out, failure->conflict, failure->mask, SIZE_MAX);
    }
}

void native_write_error(struct buf *out, struct span message_id, const struct native_failure *failure)
{
    open_answer(out, "error", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{");
    write_failure(out, failure);
    BUF_APPEND_LITERAL(out, "}}");
}

void native_write_result_error(struct buf *out, struct span change_id, const struct native_failure *failure)
{
    buf_append_char(out, '{');
    json_member_text(out, "id", change_id);
    json_member_string(out, "verdict", SPAN("rejected"));
    BUF_APPEND_LITERAL(out, ",\"error\":{");
    write_failure(out, failure);
    BUF_APPEND_LITERAL(out, "}}");
}

/* ---- who, and is he there ---- */

void native_write_pong(struct buf *out, struct span message_id)
{
    open_answer(out, "pong", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{}}");
}

void native_write_ack_user(struct buf *out, struct span message_id, const struct identity *identity, int64_t expires_ms)
{
    open_answer(out, "ack", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{\"user\":{");
    json_member_string(out, "id", identity->user_id);
    json_member_string(out, "username", identity->username);
    json_member_string(out, "name", identity->name);
    BUF_APPEND_LITERAL(out, ",\"roles\":[");
    for (uint32_t i = 0; i < identity->role_count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, identity->roles[i]);
    }
    BUF_APPEND_LITERAL(out, "]}");
    if (expires_ms)
        json_member_time(out, "expiresAt", expires_ms);
    BUF_APPEND_LITERAL(out, "}}");
}

/* ---- rooms and records ---- */

static void write_record(struct buf *out, const struct answer *answer, uint64_t mask)
{
    json_append_key(out, "record");
    if (answer->has_record)
        record_write(out, answer->type, answer->entity_id, answer->version, answer->record, mask);
    else
        BUF_APPEND_LITERAL(out, "null");
}

/* Of the room of all people: who is at which record. */
static void write_places(struct buf *out, const struct answer *answer)
{
    if (answer->place_count == 0)
        return;
    json_append_key(out, "places");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < answer->place_count; i++) {
        buf_append_str(out, i > 0 ? ",{" : "{");
        presence_write(out, &answer->places[i]);
        json_member_string(out, "room", answer->places[i].room);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void write_join(struct buf *out, const struct answer *answer, uint64_t mask)
{
    json_member_position(out, "position", answer->position);
    json_member_bool(out, "resync", answer->is_resync);
    json_member_u64(out, "missed", answer->missed_count);
    json_append_key(out, "presence");
    presences_write(out, answer->presences, answer->presence_count);
    write_places(out, answer);
    if (answer->type)
        write_record(out, answer, mask);
}

/* A queue's changes are done even when the record cannot be looked at afterwards. */
static void write_sync(struct buf *out, const struct answer *answer, uint64_t mask, const struct gathering *results)
{
    if (answer->err && answer->err != ERR_RESYNC) {
        const struct native_failure failure = native_failure_of(answer, NATIVE_SYNC);
        json_append_key(out, "error");
        buf_append_char(out, '{');
        write_failure(out, &failure);
        buf_append_char(out, '}');
    } else {
        write_record(out, answer, mask);
        json_member_position(out, "position", answer->position);
    }
    if (!results)
        return;
    json_append_key(out, "results");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < results->count; i++) {
        if (i)
            buf_append_char(out, ',');
        buf_append_span(out, buf_span(&results->parts[i]));
    }
    buf_append_char(out, ']');
}

/* ---- changes ---- */

/* What became of it. */
static void write_verdict(struct buf *out, const struct answer *answer, uint64_t mask, size_t conflict_bytes_max)
{
    json_member_text(out, "id", answer->change ? answer->change->id : answer->op_id);
    json_member_string(out, "verdict", span_from_str(verdict_name(answer->verdict)));
    json_member_u64(out, "version", answer->version);
    json_member_position(out, "position", answer->position);
    json_member_string(out, "strategy", span_from_str(strategy_name(answer->strategy)));
    if (answer->is_repeat)
        json_member_bool(out, "repeat", true);
    if (answer->kind == COMMAND_UNDO || answer->kind == COMMAND_RESTORE)
        json_member_u64(out, "skipped", answer->skipped_count);
    if (answer->has_object && answer->object_kind == OBJECT_CONFLICT) {
        json_append_key(out, "conflict");
        write_object(out, answer, mask, conflict_bytes_max);
    }
}

/* What is there now, where a change of one operation was made. */
static void write_value(struct buf *out, const struct answer *answer, uint64_t mask)
{
    const struct change *change = answer->change;
    if (change->op_count == 1 && change->ops[0].path.depth > 0 && op_is_readable(answer->type, &change->ops[0], mask))
        json_member_raw(out, "value", change->ops[0].after);
}

/* As the event calls it that others hear: "update", "approve". */
static struct span action_of(const struct answer *answer)
{
    struct span action = answer->event ? answer->event->change.action : answer->change->action;
    return action.len ? action : change_word(answer->change->kind);
}

static void write_change(struct buf *out, const struct answer *answer, uint64_t mask)
{
    write_verdict(out, answer, mask, SIZE_MAX);
    if (!answer->change || !answer->type)
        return;
    if (answer->verdict != VERDICT_CONFLICT)
        write_value(out, answer, mask);
    superseded_say(out, answer->type, answer->change, mask, OBJECT_CAMEL);
    json_append_key(out, "change");
    buf_append_char(out, '{');
    change_write(out, answer->type, answer->change, action_of(answer), mask);
    buf_append_char(out, '}');
}

void native_write_result(struct buf *out, const struct answer *answer, uint64_t mask)
{
    buf_append_char(out, '{');
    write_verdict(out, answer, mask, RESULT_CONFLICT_BYTES_MAX);
    if (answer->change && answer->type)
        superseded_say(out, answer->type, answer->change, mask, OBJECT_CAMEL);
    buf_append_char(out, '}');
}

/* ---- objects ---- */

/* The object under its kind's name; of several at once what they have in common (how many there are, what is unread). */
static void write_object_answer(struct buf *out, const struct answer *answer, uint64_t mask)
{
    if (answer->has_object) {
        object_append_key(out, object_kind_name(answer->object_kind), OBJECT_CAMEL);
        write_object(out, answer, mask, SIZE_MAX);
    }
    if (answer->object_kind == OBJECT_CONFLICT && answer->version) /* settling one is a change */
        json_member_u64(out, "version", answer->version);
    json_member_position(out, "position", answer->position);
    if (answer->is_repeat)
        json_member_bool(out, "repeat", true);
}

void native_write_ack(struct buf *out, struct span message_id, const struct answer *answer, enum native_ask ask,
                      uint64_t mask, const struct gathering *results)
{
    open_answer(out, "ack", message_id);
    if (answer->room.len)
        json_member_string(out, "channel", answer->room);
    BUF_APPEND_LITERAL(out, ",\"payload\":{");
    switch (ask) {
    case NATIVE_SUBSCRIBE: write_join(out, answer, mask); break;
    case NATIVE_LOOK:
        json_append_key(out, "presence");
        presences_write(out, answer->presences, answer->presence_count);
        write_places(out, answer);
        json_member_position(out, "position", answer->position);
        break;
    case NATIVE_SYNC: write_sync(out, answer, mask, results); break;
    case NATIVE_PUBLISH:
        json_member_position(out, "position", answer->position);
        if (answer->is_repeat)
            json_member_bool(out, "repeat", true);
        break;
    case NATIVE_CHANGE: write_change(out, answer, mask); break;
    case NATIVE_OBJECT:
    case NATIVE_COMMENT:
    case NATIVE_CONFLICT:
    case NATIVE_NOTIFICATION: write_object_answer(out, answer, mask); break;
    case NATIVE_QUEUED:
    case NATIVE_PLAIN: break;
    }
    BUF_APPEND_LITERAL(out, "}}");
}
