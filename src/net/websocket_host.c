/* What a worker keeps for all of its WebSockets: scratch buffers, zlib states that need no context, and a wheel of lists
 * that says when to look at which connection. The wheel costs a connection two pointers and touches it about once per ping
 * interval; its timer is set for the next list that holds anything. */
#include "net/websocket_internal.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { DEFLATE_LEVEL = 3, WINDOW_BITS_MAX = 15 };

static void on_time(struct loop_timer *timer);

struct websocket_host *websocket_host(struct conn_host *host)
{
    if (host->websocket == NULL) {
        struct websocket_host *websocket = NEW(struct websocket_host);

        websocket->host = host;
        websocket->timer.on_time = on_time;
        for (size_t i = 0; i < WHEEL_SLOTS; i++)
            list_init(&websocket->wheel[i]);
        host->websocket = websocket;
    }
    return host->websocket;
}

void websocket_host_free(struct websocket_host *host)
{
    if (host == NULL)
        return;
    loop_timer_stop(conn_host_loop(host->host), &host->timer);
    for (size_t i = 0; i < sizeof(host->deflaters) / sizeof(host->deflaters[0]); i++)
        deflater_free(host->deflaters[i]);
    inflater_free(host->inflater);
    while (host->kinds) {
        struct websocket_kind *kind = host->kinds;

        host->kinds = kind->next;
        free(kind);
    }
    buf_deinit(&host->encoded);
    buf_deinit(&host->compressed);
    buf_deinit(&host->inflated);
    free(host);
}

/* There are a few: with and without compression, and again after a reload that changed a limit. */
const struct websocket_kind *websocket_kind(struct websocket_host *host, const struct websocket_kind *like)
{
    const size_t head = offsetof(struct websocket_kind, events);
    struct websocket_kind *kind;

    for (kind = host->kinds; kind; kind = kind->next) {
        if (memcmp((const char *)kind + head, (const char *)like + head, sizeof(*kind) - head) == 0)
            return kind;
    }
    kind = memory_copy(like, sizeof(*like));
    kind->next = host->kinds;
    host->kinds = kind;
    return kind;
}

struct deflater *websocket_deflater(struct websocket *socket)
{
    struct websocket_host *host = websocket_host(conn_host_of(socket->conn));
    struct deflater **shared = &host->deflaters[socket->server_window_bits];

    if (socket->deflater)
        return socket->deflater;
    if (*shared == NULL)
        *shared = deflater_new(socket->server_window_bits, false, DEFLATE_LEVEL);
    return *shared;
}

struct inflater *websocket_inflater(struct websocket *socket)
{
    struct websocket_host *host = websocket_host(conn_host_of(socket->conn));

    if (socket->inflater)
        return socket->inflater;
    if (host->inflater == NULL)
        host->inflater = inflater_new(WINDOW_BITS_MAX, false); /* reads what any smaller window wrote */
    return host->inflater;
}

/* ---- the wheel ---------------------------------------------------------------------------------------------------- */

static void set_timer(struct websocket_host *host)
{
    for (uint64_t tick = host->tick + 1; tick <= host->tick + WHEEL_SLOTS; tick++) {
        if (!list_is_empty(&host->wheel[tick % WHEEL_SLOTS])) {
            loop_timer_set(conn_host_loop(host->host), &host->timer, tick * WHEEL_TICK_MS);
            return;
        }
    }
}

void websocket_schedule(struct websocket *socket, uint64_t delay_ms)
{
    struct websocket_host *host = websocket_host(conn_host_of(socket->conn));
    struct loop *loop = conn_host_loop(host->host);
    uint64_t now_ms = loop_now_ms(loop);
    uint64_t tick = (now_ms + delay_ms) / WHEEL_TICK_MS + 1;

    if (!timer_is_scheduled(&host->timer.timer))
        host->tick = now_ms / WHEEL_TICK_MS; /* the wheel was empty and stood still */
    if (tick >= host->tick + WHEEL_SLOTS)
        tick = host->tick + WHEEL_SLOTS - 1;
    list_remove(&socket->wheel);
    list_push_tail(&host->wheel[tick % WHEEL_SLOTS], &socket->wheel);
    if (!timer_is_scheduled(&host->timer.timer) || host->timer.timer.deadline > tick * WHEEL_TICK_MS)
        loop_timer_set(loop, &host->timer, tick * WHEEL_TICK_MS);
}

static void turn(struct websocket_host *host, uint64_t tick, uint64_t now_ms)
{
    struct list *slot = &host->wheel[tick % WHEEL_SLOTS];
    struct list due;

    /* Taken out first: a check may schedule into this very slot, one round later. */
    list_init(&due);
    while (!list_is_empty(slot)) {
        struct list *node = slot->next;

        list_remove(node);
        list_push_tail(&due, node);
    }
    while (!list_is_empty(&due)) {
        struct websocket *socket = LIST_OWNER(due.next, struct websocket, wheel);

        list_remove(&socket->wheel);
        websocket_check(socket, now_ms);
    }
}

static void on_time(struct loop_timer *timer)
{
    struct websocket_host *host = LIST_OWNER(timer, struct websocket_host, timer);
    uint64_t now_ms = loop_now_ms(conn_host_loop(host->host));
    uint64_t last = now_ms / WHEEL_TICK_MS;
    uint64_t first =
        last > host->tick + WHEEL_SLOTS ? last - WHEEL_SLOTS : host->tick; /* after a long stop: once round */

    for (uint64_t tick = first + 1; tick <= last; tick++) {
        host->tick = tick;
        turn(host, tick, now_ms);
    }
    host->tick = last;
    set_timer(host);
}
