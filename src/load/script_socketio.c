/* Socket.IO 5 on Engine.IO 4, on WebSocket from the start. The digits: Engine.IO's packet type (0 open, 2 ping, 3
 * pong, 4 message), then Socket.IO's (0 connect, 2 event, 3 acknowledgement, 4 connect error). A namespace other
 * than / stands between them and the rest, with a comma. */
#include "load/script.h"

#include <string.h>

enum step { STEP_BEGIN, STEP_OPEN, STEP_CONNECT, STEP_JOIN };

static void append_target(const struct plan *plan, uint32_t number, struct buf *out)
{
    (void)number;
    buf_append_span(out, plan->path);
    buf_append_char(out, span_find(plan->path, '?') < plan->path.len ? '&' : '?');
    BUF_APPEND_LITERAL(out, "EIO=4&transport=websocket");
}

static enum script_fact hear(struct span message)
{
    if (message.len > 0 && message.data[0] == '2')
        return SCRIPT_PING;
    if (message.len < 2 || message.data[0] != '4')
        return SCRIPT_OTHER;
    switch (message.data[1]) {
    case '2': return SCRIPT_DELIVERY;
    case '3': return SCRIPT_ACK;
    case '4': return SCRIPT_ERROR;
    default: return SCRIPT_OTHER;
    }
}

static void append_namespace(const struct plan *plan, struct buf *out)
{
    if (strcmp(plan->namespace_name, "/") == 0)
        return;
    buf_append_str(out, plan->namespace_name);
    buf_append_char(out, ',');
}

static void append_connect(const struct plan *plan, uint32_t number, struct buf *out)
{
    struct span token = plan_token(plan, number);

    BUF_APPEND_LITERAL(out, "40");
    append_namespace(plan, out);
    if (token.len == 0)
        return;
    BUF_APPEND_LITERAL(out, "{\"token\":\"");
    buf_append_span(out, token);
    BUF_APPEND_LITERAL(out, "\"}");
}

/* 42["say","room",payload], or with the acknowledgement id 0: 420["join","room"] */
static void append_event(const struct plan *plan, uint32_t number, bool wants_ack, const char *event,
                         struct span payload, struct buf *out)
{
    BUF_APPEND_LITERAL(out, "42");
    append_namespace(plan, out);
    if (wants_ack)
        buf_append_char(out, '0');
    BUF_APPEND_LITERAL(out, "[\"");
    buf_append_str(out, event);
    BUF_APPEND_LITERAL(out, "\",\"");
    plan_append_room(plan, number, out);
    buf_append_char(out, '"');
    if (payload.len > 0)
        buf_append_char(out, ',');
    buf_append_span(out, payload);
    buf_append_char(out, ']');
}

/* An application's refusal comes in its acknowledgement. */
static bool has_error(struct span ack)
{
    return memmem(ack.data, ack.len, "\"error\"", 7) != NULL;
}

static enum script_greeting greet(const struct plan *plan, uint32_t number, uint8_t *step, struct span heard,
                                  struct buf *say)
{
    if (*step == STEP_BEGIN) {
        *step = STEP_OPEN;
        return SCRIPT_WAIT;
    }
    if (hear(heard) == SCRIPT_ERROR)
        return SCRIPT_REFUSED;
    if (*step == STEP_OPEN && span_starts_with(heard, SPAN("0"))) {
        if (plan->depth == PLAN_UPGRADED)
            return SCRIPT_READY;
        *step = STEP_CONNECT;
        append_connect(plan, number, say);
    } else if (*step == STEP_CONNECT && span_starts_with(heard, SPAN("40"))) {
        if (plan->depth == PLAN_AUTHENTICATED)
            return SCRIPT_READY;
        *step = STEP_JOIN;
        append_event(plan, number, true, plan->join_event, SPAN_EMPTY, say);
    } else if (*step == STEP_JOIN && hear(heard) == SCRIPT_ACK) {
        return has_error(heard) ? SCRIPT_REFUSED : SCRIPT_READY;
    }
    return SCRIPT_WAIT;
}

static void append_publish(const struct plan *plan, uint32_t number, struct span payload, struct buf *out)
{
    append_event(plan, number, false, plan->say_event, payload, out);
}

const struct script script_socketio = {
    .name = "socketio",
    .pong = SPAN_INIT("3"),
    .append_target = append_target,
    .greet = greet,
    .hear = hear,
    .append_publish = append_publish,
    .append_cursor = append_publish,
};
