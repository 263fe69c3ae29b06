/* conformance.h: what the conformance program serves besides its plain echoes: an Engine.IO host and a Socket.IO host,
 * each of which echoes. */
#pragma once

#include "net/http.h"

struct conformance_options {
    uint64_t ping_interval_ms, ping_timeout_ms, connect_timeout_ms;
    size_t payload_bytes_max;
    bool has_recovery, allows_upgrades;
    struct span greeting; /* an Engine.IO message right after open; empty: none */
};

/* Every message comes back: text as text, binary as binary. */
struct engine_echo;
struct engine_echo *engine_echo_new(struct conn_host *conn_host, const struct conformance_options *options);
void engine_echo_free(struct engine_echo *echo); /* after its connections */
void engine_echo_serve(struct engine_echo *echo, struct http_exchange *exchange);
size_t engine_echo_body_limit(struct engine_echo *echo, struct http_exchange *exchange);

/* The namespaces / and /custom: `auth` on connect, `message` comes back as `message-back`, `message-with-ack` is
 * acknowledged with what it carried. */
struct socketio_echo;
struct socketio_echo *socketio_echo_new(struct conn_host *conn_host, const struct conformance_options *options);
void socketio_echo_free(struct socketio_echo *echo);
void socketio_echo_serve(struct socketio_echo *echo, struct http_exchange *exchange);
size_t socketio_echo_body_limit(struct socketio_echo *echo, struct http_exchange *exchange);
