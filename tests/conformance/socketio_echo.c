/* Socket.IO as the protocol's test suites expect it. What comes back is the text that came: order and numbers as they
 * were. */
#include "conformance/conformance.h"
#include "conformance/socketio_memory.h"

#include "base/memory.h"
#include "peer/socketio/socketio.h"

#include <stdlib.h>

struct socketio_echo {
    struct socketio_host host;
    struct memories memories;
};

static void emit(struct sio_socket *socket, struct span array, const struct span *binaries, unsigned binary_count)
{
    struct buf numbered = BUF_EMPTY;

    if (sio_user(socket))
        array = memory_add(sio_user(socket), array, binaries, binary_count, &numbered);
    sio_emit(socket, array, binaries, binary_count, NULL);
    buf_deinit(&numbered);
}

static void emit_auth(struct sio_socket *socket, yyjson_val *auth)
{
    struct buf array = BUF_EMPTY;

    buf_append_span(&array, SPAN("[\"auth\","));
    buf_append_span(&array, auth ? sio_heard(socket) : SPAN("{}"));
    buf_append_char(&array, ']');
    emit(socket, buf_span(&array), NULL, 0);
    buf_deinit(&array);
}

static void on_connect(struct sio_socket *socket, yyjson_val *auth)
{
    if (!span_equal(sio_nsp(socket), SPAN("/")) && !span_equal(sio_nsp(socket), SPAN("/custom"))) {
        sio_reject(socket, SPAN("Invalid namespace"), SPAN_EMPTY);
        return;
    }
    struct socketio_echo *echo = socketio_host_of(sio_client(socket))->arg;
    struct memory *memory = echo->memories.keeps_ms ? memory_recall(&echo->memories, socket, auth) : NULL;
    sio_set_user(socket, memory);
    sio_accept(socket, memory_sid(memory), memory_pid(memory));
    memory_meet(memory, socket);
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
        emit(socket, buf_span(&array), event->binaries, event->binary_count);
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
    bool has_left = engine_is_open(socketio_engine(sio_client(socket)));

    if (sio_user(socket))
        memory_part(sio_user(socket), !has_left && end != ENGINE_BAD);
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
    echo->host.settings = (struct socketio_settings){.connect_ms = options->connect_timeout_ms,
                                                     .assembly_ms = 10000,
                                                     .namespaces_max = 16,
                                                     .json = json_limits_default};
    echo->host.settings.json.bytes_max = options->payload_bytes_max;
    echo->host.events = &events;
    echo->host.arg = echo;
    socketio_host_init(&echo->host);
    memories_init(&echo->memories, engines->loop, options->has_recovery ? 120000 : 0);
    return echo;
}

void socketio_echo_free(struct socketio_echo *echo)
{
    socketio_host_deinit(&echo->host);
    memories_deinit(&echo->memories);
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

size_t socketio_echo_body_limit(struct socketio_echo *echo, struct http_exchange *exchange)
{
    return engine_body_limit(&echo->host.engines, exchange);
}
