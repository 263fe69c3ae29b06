/* A session's life, its heartbeat, and what it sends. */
#include "peer/socketio/engine_internal.h"

#include "base/base64.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/rand.h"
#include "wire/gzip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SID_RANDOM_BYTES = 20, CLOSING_MS = 5000 };

const struct engine_settings engine_settings_default = {
    .ping_interval_ms = 25000,
    .ping_timeout_ms = 20000,
    .payload_bytes_max = 1000000,
    .probe_ms = 10000,
    .allows_upgrades = true,
    .gzip_bytes_min = 1024,
    .gzip_bytes_max = (size_t)512 * 1024,
    .deflate_policy = DEFLATE_SHARED,
    .queue_bytes_max = (size_t)1024 * 1024,
    .queue_bytes_soft = (size_t)256 * 1024,
    .queue_soft_ms = 10000,
    .fragments_max = 1024,
    .pings_per_second_max = 20,
};

static void on_time(struct loop_timer *timer);

/* ---- life ---- */

static struct span sid_of(const struct engine *engine)
{
    return span_of(engine->sid, sizeof engine->sid);
}

static void make_sid(struct engine *engine)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[SID_RANDOM_BYTES];
    struct buf text = BUF_EMPTY;
    rand_bytes(random, sizeof random);
    buf_append_char(&text, digits[engine->host->worker >> 4 & 15]);
    buf_append_char(&text, digits[engine->host->worker & 15]);
    base64url_encode(&text, span_of(random, sizeof random));
    assert(text.len == sizeof engine->sid);
    memcpy(engine->sid, text.data, text.len);
    buf_deinit(&text);
}

struct engine *engine_new(struct engine_host *host, void *user)
{
    struct engine *engine = NEW(struct engine);
    engine->host = host;
    engine->user = user;
    engine->timer.on_time = on_time;
    list_init(&engine->in_ready);
    list_init(&engine->in_ended);
    make_sid(engine);
    map_put(&host->engines, sid_of(engine), engine);
    host->count++;
    metric_add(METRIC_connections_engineio, 1);
    return engine;
}

static void do_soon(struct engine_host *host)
{
    if (!timer_is_scheduled(&host->soon.timer))
        loop_timer_set(host->loop, &host->soon, loop_now_ms(host->loop));
}

static void tell_soon(struct engine *engine)
{
    if (list_is_empty(&engine->in_ended))
        list_push_tail(&engine->host->ended, &engine->in_ended);
    do_soon(engine->host);
}

void engine_finish(struct engine *engine, enum engine_end end, uint16_t code, struct span reason)
{
    struct engine_host *host = engine->host;
    struct websocket *socket = engine->socket;
    if (engine->state == ENGINE_OVER)
        return;
    if (engine->state != ENGINE_CLOSING)
        engine->end = (uint8_t)end;
    engine->state = ENGINE_OVER;
    if (engine->poll)
        engine_answer_poll(engine, end != ENGINE_LEFT);
    engine_forget_post(engine);
    engine_drop_probe(engine);
    engine->socket = NULL;
    if (socket) {
        websocket_set_user(socket, NULL);
        websocket_close(socket, code, reason);
    }
    loop_timer_stop(host->loop, &engine->timer);
    list_remove(&engine->in_ready);
    engine_queue_deinit(&engine->queue);
    map_remove(&host->engines, sid_of(engine));
    tell_soon(engine);
}

void engine_close(struct engine *engine, enum engine_end end, uint16_t code, struct span reason)
{
    if (!engine_is_open(engine))
        return;
    if (engine->state == ENGINE_CARRIED || engine->poll) {
        engine_finish(engine, end, code, reason);
        return;
    }
    /* Nobody polls just now: what was said last waits for the poll that is surely on its way. */
    engine_drop_probe(engine);
    engine->state = ENGINE_CLOSING;
    engine->end = (uint8_t)end;
    loop_timer_set(engine->host->loop, &engine->timer, loop_now_ms(engine->host->loop) + CLOSING_MS);
    tell_soon(engine);
}

static void reap(struct engine *engine)
{
    struct engine_host *host = engine->host;
    list_remove(&engine->in_ended);
    if (!engine->was_told) {
        engine->was_told = true;
        host->count--;
        metric_add(METRIC_connections_engineio, -1);
        host->events->on_closed(engine, (enum engine_end)engine->end);
        engine->user = NULL;
    }
    if (engine->state == ENGINE_OVER)
        free(engine);
}

static void on_soon(struct loop_timer *timer)
{
    struct engine_host *host = LIST_OWNER(timer, struct engine_host, soon);
    while (!list_is_empty(&host->ready)) {
        struct engine *engine = LIST_OWNER(host->ready.next, struct engine, in_ready);
        list_remove(&engine->in_ready);
        if (engine->is_slow)
            engine_finish(engine, ENGINE_SLOW, 0, SPAN_EMPTY);
        else if (engine->poll)
            engine_answer_poll(engine, false);
    }
    while (!list_is_empty(&host->ended))
        reap(LIST_OWNER(host->ended.next, struct engine, in_ended));
}

void engine_host_init(struct engine_host *host)
{
    assert(host->worker < 256 && host->events && host->events->on_message && host->events->on_closed);
    map_init(&host->engines);
    list_init(&host->ready);
    list_init(&host->ended);
    host->soon.on_time = on_soon;
}

void engine_host_deinit(struct engine_host *host)
{
    struct map_entry *entry;
    while ((entry = map_first(&host->engines)))
        engine_finish(entry->value, ENGINE_ENDED, 1001, SPAN_EMPTY);
    on_soon(&host->soon);
    loop_timer_stop(host->loop, &host->soon);
    map_deinit(&host->engines);
    gzipper_free(host->gzipper);
    host->gzipper = NULL;
}

/* ---- the heartbeat ---- */

void engine_start(struct engine *engine)
{
    struct engine_host *host = engine->host;
    engine->awaits_pong = false;
    loop_timer_set(host->loop, &engine->timer, loop_now_ms(host->loop) + host->settings.ping_interval_ms);
}

static void send_packet(struct engine *engine, enum eio_type type)
{
    char digit = (char)('0' + (int)type);
    if (engine->socket) {
        websocket_send(engine->socket, true, span_of(&digit, 1));
        return;
    }
    struct frame *frame = frame_new(span_of(&digit, 1));
    engine_queue(engine, frame, true, 0, false);
    frame_unref(frame);
}

/* The clock runs from when the ping was due, so that a late turn of the loop does not add to the client's time. After a
 * long stop he still gets some. */
static void ping(struct engine *engine)
{
    struct engine_host *host = engine->host;
    uint64_t now_ms = loop_now_ms(host->loop), timeout_ms = host->settings.ping_timeout_ms;
    uint64_t due_ms = engine->timer.timer.deadline + timeout_ms;
    engine->awaits_pong = true;
    send_packet(engine, EIO_PING);
    loop_timer_set(host->loop, &engine->timer, due_ms > now_ms + timeout_ms / 2 ? due_ms : now_ms + timeout_ms);
}

static void on_time(struct loop_timer *timer)
{
    struct engine *engine = LIST_OWNER(timer, struct engine, timer);
    if (engine->state == ENGINE_CLOSING)
        engine_finish(engine, ENGINE_ENDED, 0, SPAN_EMPTY);
    else if (engine->awaits_pong)
        engine_finish(engine, ENGINE_DEAD, 1001, SPAN("ping timeout"));
    else
        ping(engine);
}

/* Within a turn what came from the network is heard before the timers that are due: what is too late must not win. */
void engine_catch_up(struct engine *engine)
{
    struct loop *loop = engine->host->loop;
    if (!timer_is_scheduled(&engine->timer.timer) || engine->timer.timer.deadline > loop_now_ms(loop))
        return;
    loop_timer_stop(loop, &engine->timer);
    on_time(&engine->timer);
}

/* ---- hearing ---- */

bool engine_hear(struct engine *engine, const struct eio_packet *packet)
{
    const struct engine_events *events = engine->host->events;
    switch (packet->type) {
    case EIO_MESSAGE: events->on_message(engine, !packet->is_binary, packet->data); return true;
    case EIO_PONG:
        if (events->on_pong && engine->awaits_pong)
            events->on_pong(engine);
        engine_start(engine);
        return true;
    case EIO_CLOSE: engine_finish(engine, ENGINE_LEFT, 1000, SPAN_EMPTY); return true;
    case EIO_NOOP:
    case EIO_UPGRADE: /* a client may repeat what it has said on the WebSocket */ return true;
    default: /* the server greets and pings, not the client */ return false;
    }
}

/* ---- saying ---- */

void engine_append_open(const struct engine *engine, struct buf *out)
{
    const struct engine_settings *settings = &engine->host->settings;
    struct eio_handshake handshake = {
        .sid = sid_of(engine),
        .may_upgrade = !engine->socket && settings->allows_upgrades,
        .ping_interval_ms = (unsigned)settings->ping_interval_ms,
        .ping_timeout_ms = (unsigned)settings->ping_timeout_ms,
        .payload_bytes_max = settings->payload_bytes_max,
    };
    eio_append_text(out, EIO_OPEN, SPAN_EMPTY);
    eio_append_handshake(out, &handshake);
}

/* Nothing is closed in the middle of a delivery: it is marked, and ended in a turn of its own. */
static void watch_backlog(struct engine *engine)
{
    const struct engine_settings *settings = &engine->host->settings;
    struct engine_queue *queue = &engine->queue;
    uint64_t now_ms = loop_now_ms(engine->host->loop);
    if (queue->counted_bytes <= settings->queue_bytes_soft)
        queue->backlog_since_ms = 0;
    else if (queue->backlog_since_ms == 0)
        queue->backlog_since_ms = now_ms;
    engine->is_slow = queue->counted_bytes > settings->queue_bytes_max ||
                      (queue->backlog_since_ms && now_ms - queue->backlog_since_ms > settings->queue_soft_ms);
}

void engine_queue(struct engine *engine, struct frame *frame, bool is_text, uint64_t conflate_key, bool is_counted)
{
    if (engine->state != ENGINE_POLLING || engine->is_slow || (is_text && frame->len == 0))
        return;
    engine_queue_push(&engine->queue, frame, is_text, conflate_key, is_counted);
    watch_backlog(engine);
    if (!engine->poll && !engine->is_slow)
        return;
    if (list_is_empty(&engine->in_ready))
        list_push_tail(&engine->host->ready, &engine->in_ready);
    do_soon(engine->host);
}

static void send_on_socket(struct engine *engine, bool is_text, struct span payload, bool is_counted)
{
    struct buf text = BUF_EMPTY;
    if (is_text) {
        buf_reserve(&text, payload.len + 1);
        eio_append_text(&text, EIO_MESSAGE, payload);
        payload = buf_span(&text);
    }
    if (is_counted)
        websocket_send(engine->socket, is_text, payload);
    else
        websocket_send_uncounted(engine->socket, is_text, payload);
    buf_deinit(&text);
}

void engine_send(struct engine *engine, bool is_text, struct span payload, bool is_counted)
{
    if (engine->socket) {
        send_on_socket(engine, is_text, payload, is_counted);
        return;
    }
    if (engine->state != ENGINE_POLLING)
        return;
    struct frame *frame = frame_new_blank(payload.len + is_text);
    if (is_text)
        frame->data[0] = '4';
    if (payload.len)
        memcpy(frame->data + is_text, payload.data, payload.len);
    engine_queue(engine, frame, is_text, 0, is_counted);
    frame_unref(frame);
}

void engine_keep_plain(struct engine *engine)
{
    engine->keeps_plain = engine->state == ENGINE_POLLING;
}

/* ---- what is known about one ---- */

void *engine_user(const struct engine *engine)
{
    return engine->user;
}

void engine_set_user(struct engine *engine, void *user)
{
    engine->user = user;
}

struct engine_host *engine_host_of(const struct engine *engine)
{
    return engine->host;
}

struct span engine_sid(const struct engine *engine)
{
    return sid_of(engine);
}

bool engine_is_open(const struct engine *engine)
{
    return engine->state == ENGINE_POLLING || engine->state == ENGINE_CARRIED;
}

struct websocket *engine_socket(const struct engine *engine)
{
    return engine->socket;
}
