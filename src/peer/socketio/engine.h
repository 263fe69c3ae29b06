/* engine.h: Engine.IO 4 sessions of one worker: the HTTP requests and WebSockets that carry one, its heartbeat, its
 * queue while nobody polls, and the change from polling to WebSocket. What its messages mean is its owner's business
 * (socketio.h, or a test program).
 *
 * A session lives on the worker that opened it; its id begins with that worker's number, so that a request which comes
 * to another one is known there as foreign and handed over (net/hand_over.h). Home thread only. No function here calls
 * one of the events: they all come from the loop. Source: the Engine.IO protocol document, revision 4. */
#pragma once

#include "base/map.h"
#include "net/websocket_conn.h"
#include "wire/engineio.h"

struct engine;

enum engine_end {
    ENGINE_LEFT,  /* the client closed it */
    ENGINE_LOST,  /* its connection broke, or it gave up a poll */
    ENGINE_DEAD,  /* no pong in time */
    ENGINE_BAD,   /* it broke the protocol */
    ENGINE_SLOW,  /* more waits for it than may wait */
    ENGINE_ENDED, /* by engine_close */
};

struct engine_events {
    /* A message. The payload is valid during the call; a WebSocket's may be written to. */
    void (*on_message)(struct engine *engine, bool is_text, struct span payload);
    /* Everything that was sent before the last ping has arrived. NULL is fine. */
    void (*on_pong)(struct engine *engine);
    /* Once; the session is gone after it. */
    void (*on_closed)(struct engine *engine, enum engine_end end);
};

struct engine_settings {
    uint64_t ping_interval_ms, ping_timeout_ms; /* 25,000 and 20,000 */
    size_t payload_bytes_max;                   /* 1,000,000: a POST's body, a WebSocket's message */
    uint64_t probe_ms;                          /* 10,000: a WebSocket that was opened to take over does so in time */
    bool allows_upgrades;
    size_t gzip_bytes_min, gzip_bytes_max; /* answers to polls of 1,024 bytes to 512 KiB are compressed; 0: none is */
    enum deflate_policy deflate_policy;
    size_t queue_bytes_max;        /* waiting for a poll: hard, 1 MiB ... */
    size_t queue_bytes_soft;       /* ... and 256 KiB ... */
    uint64_t queue_soft_ms;        /* ... for longer than 10 s */
    uint32_t fragments_max;        /* 1,024 */
    uint32_t pings_per_second_max; /* WebSocket pings that are answered */
};
extern const struct engine_settings engine_settings_default;

struct engine_host {
    struct loop *loop;
    struct conn_host *conn_host;
    unsigned worker; /* at most 255 */
    struct engine_settings settings;
    const struct engine_events *events;
    struct map engines; /* sid -> struct engine */
    uint32_t count;     /* sessions that are not closed yet */
    struct list ready;  /* polls that can be answered */
    struct list ended;  /* whose owner has not heard of it yet, or whose memory is to go */
    struct loop_timer soon;
    struct gzipper *gzipper; /* made when the first answer is worth it */
};

/* The caller has filled in everything up to `events`. */
void engine_host_init(struct engine_host *host);
/* Every connection must be closed; forgets sessions that nobody polls any more (their owners are told). */
void engine_host_deinit(struct engine_host *host);

/* ---- requests: each of these takes the exchange ------------------------------------------------------------------ */

enum engine_ask {
    ENGINE_REFUSED,  /* it was answered */
    ENGINE_GREETING, /* a new session: engine_open it, or engine_refuse it */
    ENGINE_OWN,      /* of a session here: engine_serve it */
    ENGINE_FOREIGN,  /* of a session whose home is worker *home */
};
/* Looks what a request wants. Nothing but refusals is answered here, and preflights (OPTIONS). */
enum engine_ask engine_look(const struct engine_host *host, struct http_exchange *exchange, unsigned *home);
/* Opens a session and answers with its id. NULL: the WebSocket's handshake was bad; it was refused. */
struct engine *engine_open(struct engine_host *host, struct http_exchange *exchange, void *user);
/* A poll, a POST, a WebSocket that wants to take over. */
void engine_serve(struct engine_host *host, struct http_exchange *exchange);
/* 400, or 403 for EIO_FORBIDDEN, with the protocol's body. */
void engine_refuse(struct http_exchange *exchange, enum eio_refusal refusal);
/* For http_handlers.body_limit: what this host's POSTs may carry; too much is refused without words. A second POST that begins while
 * one of the same session is read ends the session, and so does one whose connection dies: what came of it, nobody can say. */
size_t engine_body_limit(struct engine_host *host, struct http_exchange *exchange);

/* ---- a session --------------------------------------------------------------------------------------------------- */

void *engine_user(const struct engine *engine);
void engine_set_user(struct engine *engine, void *user);
struct engine_host *engine_host_of(const struct engine *engine);
struct span engine_sid(const struct engine *engine); /* a secret: whoever knows it can speak for the client */
bool engine_is_open(const struct engine *engine);
/* The WebSocket that carries it; NULL while it polls. */
struct websocket *engine_socket(const struct engine *engine);

/* Sends one message: text (a "4" is put before it) or binary. Counted: it may make a slow reader of the client. */
void engine_send(struct engine *engine, bool is_text, struct span payload, bool is_counted);
/* Among what was sent just now is a secret: the next answer to a poll is not compressed, so that nobody learns of it from the
 * length of what is there besides. */
void engine_keep_plain(struct engine *engine);
/* While it polls: queues what was encoded before for many. A text frame holds whole packets with their digits,
 * separated by EIO_SEPARATOR; a binary frame the bytes of one message. A key as conn_send's. */
void engine_queue(struct engine *engine, struct frame *frame, bool is_text, uint64_t conflate_key, bool is_counted);
/* Ends it: a WebSocket with this code and reason, a polling client with a close packet on its next poll. on_closed
 * follows. */
void engine_close(struct engine *engine, enum engine_end end, uint16_t code, struct span reason);
