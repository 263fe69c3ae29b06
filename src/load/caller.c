#include "load/caller.h"

#include "load/script.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RESPONSE_BYTES_MAX = 16384, MESSAGE_BYTES_MAX = 16 << 20 };

/* Every caller sends the same key, so what the server has to answer is known in advance. */
#define KEY "Y29sbGFiZCBiZW5jaCBrZQ=="

void caller_init(struct caller *caller, uint32_t number)
{
    static const struct ws_limits limits = {.message_bytes_max = MESSAGE_BYTES_MAX};

    *caller = (struct caller){.fd = -1, .number = number};
    ws_init(&caller->ws, false, false, &limits);
}

void caller_deinit(struct caller *caller)
{
    if (caller->fd >= 0)
        (void)close(caller->fd);
    caller->fd = -1;
    ws_deinit(&caller->ws);
    buf_deinit(&caller->response);
    buf_deinit(&caller->out);
}

void caller_close(struct caller *caller, const char *failure)
{
    if (caller->state == CALLER_CLOSED)
        return;
    (void)snprintf(caller->failure, sizeof(caller->failure), "%s", failure);
    caller->state = CALLER_CLOSED;
    if (caller->fd >= 0)
        (void)close(caller->fd);
    caller->fd = -1;
    buf_deinit(&caller->response);
    buf_deinit(&caller->out);
}

/* ---- the way in -------------------------------------------------------------------------------------------------- */

bool caller_open(struct caller *caller, struct dialer *dialer, uint64_t now_ns)
{
    assert(caller->state == CALLER_NEW);
    caller->opened_ns = now_ns;
    caller->fd = dialer_connect(dialer);
    if (caller->fd < 0) {
        caller_close(caller, strerror(errno));
        return false;
    }
    caller->state = CALLER_CONNECTING;
    return true;
}

static void append_upgrade(struct caller *caller, const struct plan *plan)
{
    struct span token = plan_token(plan, caller->number);
    bool is_ipv6 = strchr(plan->host, ':') != NULL;

    BUF_APPEND_LITERAL(&caller->out, "GET ");
    plan->script->append_target(plan, caller->number, &caller->out);
    buf_printf(&caller->out, " HTTP/1.1\r\nHost: %s%s%s:%s\r\n", is_ipv6 ? "[" : "", plan->host, is_ipv6 ? "]" : "",
               plan->port);
    if (plan->login == PLAN_LOGIN_HEADER && token.len > 0)
        buf_printf(&caller->out, "Authorization: Bearer %.*s\r\n", SPAN_ARG(token));
    BUF_APPEND_LITERAL(&caller->out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                     "Sec-WebSocket-Key: " KEY "\r\n\r\n");
}

bool caller_connected(struct caller *caller, const struct plan *plan)
{
    int failure = 0;
    socklen_t len = sizeof(failure);

    assert(caller->state == CALLER_CONNECTING);
    if (getsockopt(caller->fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0 || failure != 0) {
        caller_close(caller, strerror(failure != 0 ? failure : errno));
        return false;
    }
    caller->state = CALLER_UPGRADING;
    append_upgrade(caller, plan);
    return true;
}

/* The server has understood the upgrade: 101, and the key's digest among the headers. */
static bool is_accepted(struct span response)
{
    struct buf accept = BUF_EMPTY;
    bool is_found;

    ws_append_accept(&accept, SPAN(KEY));
    is_found = memmem(response.data, response.len, accept.data, accept.len) != NULL;
    buf_deinit(&accept);
    return is_found && span_starts_with(response, SPAN("HTTP/1.1 101 "));
}

/* Takes the response from the input; what follows it is left there. */
static enum caller_news take_response(struct caller *caller, struct span *input)
{
    size_t before = caller->response.len;
    struct span response, status;
    const char *end;
    char failure[64];

    buf_append_span(&caller->response, *input);
    response = buf_span(&caller->response);
    end = memmem(response.data, response.len, "\r\n\r\n", 4);
    if (end == NULL && response.len < RESPONSE_BYTES_MAX) {
        *input = SPAN_EMPTY;
        return CALLER_QUIET;
    }
    if (end == NULL || !is_accepted(span_slice(response, 0, (size_t)(end - response.data) + 4))) {
        status = span_slice(response, 0, span_find(response, '\r'));
        (void)snprintf(failure, sizeof(failure), "upgrade refused: %.40s", status.len > 0 ? status.data : "");
        failure[strcspn(failure, "\r\n")] = '\0';
        caller_close(caller, failure);
        return CALLER_GONE;
    }
    *input = span_slice(*input, (size_t)(end - response.data) + 4 - before, input->len);
    buf_deinit(&caller->response);
    caller->state = CALLER_GREETING;
    return CALLER_UPGRADED;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

struct span caller_read(struct caller *caller, char *scratch, size_t scratch_bytes)
{
    ssize_t len = recv(caller->fd, scratch, scratch_bytes, 0);

    if (len > 0)
        return span_of(scratch, (size_t)len);
    if (len == 0)
        caller_close(caller, "the server hung up");
    else if (errno != EAGAIN && errno != EINTR)
        caller_close(caller, strerror(errno));
    return SPAN_EMPTY;
}

static enum caller_news take_leave(struct caller *caller, enum ws_step step, const struct ws_event *event)
{
    char failure[64];

    (void)snprintf(failure, sizeof(failure), "%s %u %.*s", step == WS_BAD ? "bad frame, " : "closed by the server,",
                   event->code, (int)(event->payload.len < 32 ? event->payload.len : 32),
                   event->payload.len > 0 ? event->payload.data : "");
    caller_close(caller, failure);
    return CALLER_GONE;
}

enum caller_news caller_next(struct caller *caller, struct span *input, const uint8_t mask[4], struct span *message)
{
    struct ws_event event;
    enum ws_step step;

    if (caller->state == CALLER_CLOSED)
        return CALLER_GONE;
    if (caller->state == CALLER_UPGRADING)
        return input->len > 0 ? take_response(caller, input) : CALLER_QUIET;
    while ((step = ws_feed(&caller->ws, input, &event)) != WS_MORE) {
        switch (step) {
        case WS_MESSAGE: *message = event.payload; return CALLER_HEARD;
        case WS_PING: ws_append_frame(&caller->out, WS_OP_PONG, false, event.payload, mask); break;
        case WS_CLOSE:
        case WS_BAD: return take_leave(caller, step, &event);
        default: break;
        }
    }
    return CALLER_QUIET;
}

void caller_say(struct caller *caller, struct span text, const uint8_t mask[4])
{
    assert(caller->state == CALLER_GREETING || caller->state == CALLER_READY);
    ws_append_frame(&caller->out, WS_TEXT, false, text, mask);
}

bool caller_flush(struct caller *caller)
{
    ssize_t len;

    if (caller->state == CALLER_CLOSED || caller->out.len == 0)
        return caller->state != CALLER_CLOSED;
    len = send(caller->fd, caller->out.data, caller->out.len, MSG_NOSIGNAL);
    if (len < 0 && errno != EAGAIN && errno != EINTR) {
        caller_close(caller, strerror(errno));
        return false;
    }
    caller->is_blocked = len < (ssize_t)caller->out.len;
    if (len > 0)
        buf_consume(&caller->out, (size_t)len);
    return true;
}
