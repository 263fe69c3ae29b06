/* Engine.IO with nothing above it. */
#include "conformance/conformance.h"

#include "base/memory.h"
#include "peer/socketio/engine.h"

#include <stdlib.h>

struct engine_echo {
    struct engine_host host;
    struct span greeting;
};

static void on_message(struct engine *engine, bool is_text, struct span payload)
{
    engine_send(engine, is_text, payload, true);
}

static void on_closed(struct engine *engine, enum engine_end end)
{
    (void)engine;
    (void)end;
}

static const struct engine_events events = {.on_message = on_message, .on_closed = on_closed};

struct engine_echo *engine_echo_new(struct conn_host *conn_host, const struct conformance_options *options)
{
    struct engine_echo *echo = NEW(struct engine_echo);

    echo->greeting = options->greeting;
    echo->host.loop = conn_host_loop(conn_host);
    echo->host.conn_host = conn_host;
    echo->host.settings = engine_settings_default;
    echo->host.settings.ping_interval_ms = options->ping_interval_ms;
    echo->host.settings.ping_timeout_ms = options->ping_timeout_ms;
    echo->host.settings.payload_bytes_max = options->payload_bytes_max;
    echo->host.settings.allows_upgrades = options->allows_upgrades;
    echo->host.events = &events;
    engine_host_init(&echo->host);
    return echo;
}

void engine_echo_free(struct engine_echo *echo)
{
    engine_host_deinit(&echo->host);
    free(echo);
}

static void open(struct engine_echo *echo, struct http_exchange *exchange)
{
    struct engine *engine = engine_open(&echo->host, exchange, echo);

    if (engine && echo->greeting.len)
        engine_send(engine, true, echo->greeting, true);
}

void engine_echo_serve(struct engine_echo *echo, struct http_exchange *exchange)
{
    unsigned home;

    switch (engine_look(&echo->host, exchange, &home)) {
    case ENGINE_GREETING: open(echo, exchange); break;
    case ENGINE_OWN: engine_serve(&echo->host, exchange); break;
    case ENGINE_FOREIGN: engine_refuse(exchange, EIO_UNKNOWN_SID); break;
    case ENGINE_REFUSED: break;
    }
}

size_t engine_echo_body_limit(struct engine_echo *echo, struct http_exchange *exchange)
{
    return engine_body_limit(&echo->host, exchange);
}
