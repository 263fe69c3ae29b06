/* Socket.IO as the protocol's test suites expect it. What comes back is the text that came: order and numbers as they
 * were. */
#include "conformance/conformance.h"

#include "base/memory.h"
#include "peer/socketio.h"

#include <stdlib.h>

struct socketio_echo {
    struct socketio_host host;
};

static void on_connect(struct sio_socket *socket, const struct sio_greeting *greeting)
{
    const struct socketio_echo *echo = sio_host(socket)->arg;
    struct buf array = BUF_EMPTY;

    if (!span_equal(sio_nsp(socket), SPAN("/")) && !span_equal(sio_nsp(socket), SPAN("/custom"))) {
        sio_reject(socket, SPAN("Invalid namespace"), SPAN_EMPTY);
        return;
    }
    sio_accept(socket, echo->host.settings.recovery_ms > 0);
    buf_append_span(&array, SPAN("[\"auth\","));
    buf_append_span(&array, greeting->text.len ? greeting->text : SPAN("{}"));
    buf_append_char(&array, ']');
    sio_emit(socket, &(struct sio_emission){.array = buf_span(&array)});
    buf_deinit(&array);
}

/* The arguments behind the name, with their commas: `,1,{"a":2}` of `["message",1,{"a":2}]`. */
static struct span arguments(const struct sio_event *event)
{
    struct span name = json_slice(event->json, yyjson_arr_get_first(event->data)), text = event->text;
    size_t start = (size_t)(name.data + name.len - text.data);

    return span_slice(text, start, text.len - 1);
}

static void send_back(struct sio_socket *socket, const struct sio_event *event, struct span array)
{
    sio_emit(socket, &(struct sio_emission){
                         .array = array, .binaries = event->binaries, .binary_count = event->binary_count});
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
        send_back(socket, event, buf_span(&array));
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
    echo->host.settings = socketio_settings_default;
    echo->host.settings.connect_ms = options->connect_timeout_ms;
    echo->host.settings.json.bytes_max = options->payload_bytes_max;
    if (!options->has_recovery)
        echo->host.settings.recovery_ms = 0;
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
