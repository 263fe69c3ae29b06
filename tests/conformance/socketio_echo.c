/* Socket.IO as the protocol's test suites expect it. What comes back is the text that came: order and numbers as they
 * were. */
#include "conformance/conformance.h"

#include "base/memory.h"
#include "peer/socketio.h"

#include <stdlib.h>

struct socketio_echo {
    struct socketio_host host;
};

static void emit_auth(struct sio_socket *socket, yyjson_val *auth)
{
    struct buf array = BUF_EMPTY;

    buf_append_span(&array, SPAN("[\"auth\","));
    buf_append_span(&array, auth ? sio_heard(socket) : SPAN("{}"));
    buf_append_char(&array, ']');
    sio_emit(socket, buf_span(&array), NULL, 0, NULL);
    buf_deinit(&array);
}

static void on_connect(struct sio_socket *socket, yyjson_val *auth)
{
    if (!span_equal(sio_nsp(socket), SPAN("/")) && !span_equal(sio_nsp(socket), SPAN("/custom"))) {
        sio_reject(socket, SPAN("Invalid namespace"), SPAN_EMPTY);
        return;
    }
    sio_accept_recoverable(socket);
    emit_auth(socket, auth);
}

/* The arguments behind the name, with their commas: `,1,{"a":2}` of `["message",1,{"a":2}]`. */
static struct span arguments(const struct sio_event *event)
{
    struct span array = json_slice(event->json, event->data);
    struct span name = json_slice(event->json, yyjson_arr_get_first(event->data));
    size_t start = (size_t)(name.data + name.len - array.data);

    return span_slice(array, start, array.len - 1 - start);
}

static void on_event(struct sio_socket *socket, const struct sio_event *event)
{
    struct span name = json_text(yyjson_arr_get_first(event->data));
    struct span rest = arguments(event), first;
    struct buf array = BUF_EMPTY;

    if (span_equal(name, SPAN("message"))) {
        buf_append_span(&array, SPAN("[\"message-back\""));
        buf_append_span(&array, rest);
        buf_append_char(&array, ']');
        sio_emit(socket, buf_span(&array), event->binaries, event->binary_count, NULL);
    } else if (span_equal(name, SPAN("message-with-ack")) && event->has_ack) {
        (void)span_cut(&rest, ',', &first); /* the blanks between the name and its comma */
        buf_append_char(&array, '[');
        buf_append_span(&array, rest);
        buf_append_char(&array, ']');
        sio_acknowledge(socket, event->ack_id, buf_span(&array), event->binaries, event->binary_count);
    }
    buf_deinit(&array);
}

static void on_disconnect(struct sio_socket *socket, enum engine_end end)
{
    (void)socket;
    (void)end;
}

static const struct socketio_events events = {
    .on_connect = on_connect,
    .on_event = on_event,
    .on_disconnect = on_disconnect,
    .on_return = emit_auth,
};

struct socketio_echo *socketio_echo_new(struct conn_host *conn_host, const struct conformance_options *options)
{
    struct socketio_echo *echo = NEW(struct socketio_echo);
    struct engine_host *engines = &echo->host.engines;

    engines->loop = conn_host_loop(conn_host);
    engines->conn_host = conn_host;
    engines->settings = engine_settings_default;
    engines->settings.ping_interval_ms = options->ping_interval_ms;
    engines->settings.ping_timeout_ms = options->ping_timeout_ms;
    engines->settings.payload_bytes_max = options->payload_bytes_max;
    engines->settings.allows_upgrades = options->allows_upgrades;
    echo->host.settings = (struct socketio_settings){.connect_ms = options->connect_timeout_ms,
                                                     .assembly_ms = 10000,
                                                     .namespaces_max = 16,
                                                     .json = json_limits_default,
                                                     .recovery_ms = options->has_recovery ? 120000 : 0,
                                                     .recovery_packets_max = 256,
                                                     .recovery_bytes_max = (size_t)256 * 1024,
                                                     .recovery_away_max = 1000};
    echo->host.settings.json.bytes_max = options->payload_bytes_max;
    echo->host.events = &events;
    echo->host.arg = echo;
    socketio_host_init(&echo->host);
    return echo;
}

void socketio_echo_free(struct socketio_echo *echo)
{
    socketio_host_deinit(&echo->host);
    free(echo);
}

void socketio_echo_serve(struct socketio_echo *echo, struct http_exchange *exchange)
{
    unsigned home;

    switch (engine_look(&echo->host.engines, exchange, &home)) {
    case ENGINE_GREETING: (void)socketio_open(&echo->host, exchange, NULL); break;
    case ENGINE_OWN: engine_serve(&echo->host.engines, exchange); break;
    case ENGINE_FOREIGN: engine_refuse(exchange, EIO_UNKNOWN_SID); break;
    case ENGINE_REFUSED: break;
    }
}
