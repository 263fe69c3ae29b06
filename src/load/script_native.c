/* collabd's own dialect (docs/protocol/native.md). What is published carries no messageId, so nothing but an error
 * answers it; the greeting's steps and the changes do, and wait for their acknowledgement. */
#include "load/script.h"

#include <string.h>

enum step { STEP_BEGIN, STEP_LOGIN, STEP_JOIN };

#define LOGIN_ID "login"
#define JOIN_ID "join"

static void append_target(const struct plan *plan, uint32_t number, struct buf *out)
{
    struct span token = plan_token(plan, number);

    buf_append_span(out, plan->path);
    if (plan->login != PLAN_LOGIN_QUERY || token.len == 0)
        return;
    buf_append_char(out, span_find(plan->path, '?') < plan->path.len ? '&' : '?');
    BUF_APPEND_LITERAL(out, "token=");
    buf_append_span(out, token);
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

/* The value of "type". The server writes it first; should it stand elsewhere, it is searched for. */
static struct span message_type(struct span message)
{
    static const struct span opening = SPAN_INIT("{\"type\":\""), key = SPAN_INIT("\"type\":\"");
    const char *found;

    if (span_starts_with(message, opening))
        return span_slice(message, opening.len, message.len);
    found = memmem(message.data, message.len, key.data, key.len);
    if (found == NULL)
        return SPAN_EMPTY;
    return span_slice(message, (size_t)(found - message.data) + key.len, message.len);
}

static enum script_fact hear(struct span message)
{
    struct span type = message_type(message);

    if (span_starts_with(type, SPAN("publish\"")) || span_starts_with(type, SPAN("cursor\"")))
        return SCRIPT_DELIVERY;
    if (span_starts_with(type, SPAN("ack\"")))
        return SCRIPT_ACK;
    return span_starts_with(type, SPAN("error\"")) ? SCRIPT_ERROR : SCRIPT_OTHER;
}

/* The text of "replyTo", unless it has escapes: ours have none. */
static struct span reply_to(struct span message)
{
    static const struct span key = SPAN_INIT("\"replyTo\":\"");
    const char *found = memmem(message.data, message.len, key.data, key.len);
    struct span rest;

    if (found == NULL)
        return SPAN_EMPTY;
    rest = span_slice(message, (size_t)(found - message.data) + key.len, message.len);
    return span_slice(rest, 0, span_find(rest, '"'));
}

static bool read_ack_id(struct span ack, uint32_t *ack_id)
{
    uint64_t number;

    if (!span_parse_u64(reply_to(ack), &number) || number > UINT32_MAX)
        return false;
    *ack_id = (uint32_t)number;
    return true;
}

/* ---- speaking ---------------------------------------------------------------------------------------------------- */

static void append_login(const struct plan *plan, uint32_t number, struct buf *out)
{
    BUF_APPEND_LITERAL(out, "{\"type\":\"auth\",\"messageId\":\"" LOGIN_ID "\",\"payload\":{\"token\":\"");
    buf_append_span(out, plan_token(plan, number));
    BUF_APPEND_LITERAL(out, "\"}}");
}

static void append_join(const struct plan *plan, uint32_t number, struct buf *out)
{
    BUF_APPEND_LITERAL(out, "{\"type\":\"subscribe\",\"messageId\":\"" JOIN_ID "\",\"channel\":\"");
    plan_append_room(plan, number, out);
    BUF_APPEND_LITERAL(out, "\",\"payload\":{}}");
}

/* Says what comes after `step`, or is ready when that is all. */
static enum script_greeting go_on(const struct plan *plan, uint32_t number, uint8_t *step, struct buf *say)
{
    bool wants_login = plan->login == PLAN_LOGIN_MESSAGE && plan->depth != PLAN_UPGRADED && plan->token_count > 0;

    if (*step == STEP_BEGIN && wants_login) {
        *step = STEP_LOGIN;
        append_login(plan, number, say);
        return SCRIPT_WAIT;
    }
    if (*step != STEP_JOIN && plan->depth == PLAN_JOINED) {
        *step = STEP_JOIN;
        append_join(plan, number, say);
        return SCRIPT_WAIT;
    }
    return SCRIPT_READY;
}

static enum script_greeting greet(const struct plan *plan, uint32_t number, uint8_t *step, struct span heard,
                                  struct buf *say)
{
    struct span awaited = *step == STEP_LOGIN ? SPAN(LOGIN_ID) : SPAN(JOIN_ID);

    if (*step == STEP_BEGIN)
        return go_on(plan, number, step, say);
    switch (hear(heard)) {
    case SCRIPT_ERROR: return SCRIPT_REFUSED;
    case SCRIPT_ACK: return span_equal(reply_to(heard), awaited) ? go_on(plan, number, step, say) : SCRIPT_WAIT;
    default: return SCRIPT_WAIT;
    }
}

static void append_to_room(const struct plan *plan, uint32_t number, const char *type, struct span payload,
                           struct buf *out)
{
    BUF_APPEND_LITERAL(out, "{\"type\":\"");
    buf_append_str(out, type);
    BUF_APPEND_LITERAL(out, "\",\"channel\":\"");
    plan_append_room(plan, number, out);
    BUF_APPEND_LITERAL(out, "\",\"payload\":");
    buf_append_span(out, payload);
    BUF_APPEND_LITERAL(out, "}");
}

static void append_publish(const struct plan *plan, uint32_t number, struct span payload, struct buf *out)
{
    append_to_room(plan, number, "publish", payload, out);
}

static void append_cursor(const struct plan *plan, uint32_t number, struct span payload, struct buf *out)
{
    append_to_room(plan, number, "cursor", payload, out);
}

static void append_update(const struct plan *plan, uint32_t record, uint64_t value, uint32_t ack_id, struct buf *out)
{
    buf_printf(out,
               "{\"type\":\"update\",\"messageId\":\"%u\",\"payload\":{\"entityType\":\"%s\",\"entityId\":\"%s%u\","
               "\"patch\":{\"%s\":\"checked %llu\"}}}",
               ack_id, plan->record_type, plan->record_prefix, plan->record_first + record, plan->record_field,
               (unsigned long long)value);
}

const struct script script_native = {
    .name = "native",
    .append_target = append_target,
    .greet = greet,
    .hear = hear,
    .append_publish = append_publish,
    .append_cursor = append_cursor,
    .append_update = append_update,
    .read_ack_id = read_ack_id,
};
