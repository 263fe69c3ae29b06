/*
 * conformance --listen HOST:PORT [options]: the server's own transport with handlers that public test suites expect.
 *
 *   /echo        a WebSocket that sends every message back: text as text, binary as binary, up to 16 MiB, in any number
 *                of fragments, compressed as the client offered
 *   /http        answers any method with the body it got, up to 16 MiB; so do / and *, which some suites ask for
 *   /engine.io/  Engine.IO: sends every message back
 *   /socket.io/  Socket.IO: namespaces / and /custom; emits `auth`; `message` -> `message-back`; `message-with-ack`
 *
 *   --ping-interval MS  --ping-timeout MS  --connect-timeout MS  --max-payload BYTES  --allow-upgrades on|off
 *   --recovery on|off   --greeting TEXT    (an Engine.IO message sent right after open)
 *
 * The limits per second are off; all others are the product's. One thread. Runs until SIGTERM or SIGINT.
 */
#include "conformance/conformance.h"

#include "net/listener.h"
#include "net/websocket_conn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_BYTES_MAX = 16 * 1024 * 1024,
    QUEUE_BYTES_MAX = 1024 * 1024, /* of echoes that the peer has not read: until then nothing more is read from it */
    HANDSHAKE_MS = 10000,
};

static struct loop *running; /* for the signal handler: loop_wake may be called from anywhere */
static volatile sig_atomic_t is_stopped;

struct program {
    struct conn_host *host;
    struct http_limits limits;
    struct conformance_options options;
    struct engine_echo *engine_echo;
    struct socketio_echo *socketio_echo;
};

/* ---- /echo -------------------------------------------------------------------------------------------------------- */

static void on_message(struct websocket *socket, bool is_text, struct span payload)
{
    websocket_send_uncounted(socket, is_text, payload);
    if (conn_queue_bytes(websocket_conn(socket)) > QUEUE_BYTES_MAX)
        conn_pause(websocket_conn(socket));
}

static void on_drained(struct websocket *socket)
{
    if (conn_is_paused(websocket_conn(socket)))
        conn_resume(websocket_conn(socket));
}

static void on_socket_closed(struct websocket *socket, uint16_t code)
{
    (void)socket;
    (void)code;
}

static const struct websocket_events socket_events = {
    .on_message = on_message,
    .on_drained = on_drained,
    .on_closed = on_socket_closed,
};

static const struct websocket_options socket_options = {
    .events = &socket_events,
    .limits = {.message_bytes_max = MESSAGE_BYTES_MAX},
    .deflate_policy = DEFLATE_AS_OFFERED,
    .allows_deflate = true,
    .ping_ms = 30000,
    .dead_ms = 60000,
};

/* ---- requests ----------------------------------------------------------------------------------------------------- */

/* With or without the slash at the end. */
static bool is_at(const struct http_exchange *exchange, struct span path)
{
    return span_equal(exchange->path, path) || span_equal(exchange->path, span_slice(path, 0, path.len - 1));
}

static bool is_engine(const struct http_exchange *exchange)
{
    return is_at(exchange, SPAN("/engine.io/")) || is_at(exchange, SPAN("/socket.io/"));
}

/* The suites' pages come from anywhere. */
static void allow_origin(struct http_exchange *exchange)
{
    struct span origin = http_header(exchange, "Origin");

    if (origin.len == 0)
        return;
    http_add_header(exchange, "Access-Control-Allow-Origin", origin);
    http_add_header(exchange, "Access-Control-Allow-Credentials", SPAN("true"));
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct program *program = arg;

    if (is_engine(exchange))
        allow_origin(exchange);
    if (is_at(exchange, SPAN("/engine.io/"))) {
        engine_echo_serve(program->engine_echo, exchange);
    } else if (is_at(exchange, SPAN("/socket.io/"))) {
        socketio_echo_serve(program->socketio_echo, exchange);
    } else if (span_equal(exchange->path, SPAN("/echo"))) {
        (void)websocket_accept(exchange, &socket_options);
    } else if (span_equal(exchange->path, SPAN("/http")) || span_equal(exchange->path, SPAN("/")) ||
               span_equal(exchange->path, SPAN("*"))) {
        if (span_equal(exchange->method, SPAN("OPTIONS")))
            http_add_header(exchange, "Allow", SPAN("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        http_respond(exchange, 200, "application/octet-stream", exchange->body);
    } else {
        http_respond_error(exchange, ERR_NOT_FOUND, SPAN_EMPTY, SPAN_EMPTY);
    }
}

static size_t body_limit(void *arg, struct http_exchange *exchange)
{
    struct program *program = arg;

    if (is_at(exchange, SPAN("/engine.io/")))
        return engine_echo_body_limit(program->engine_echo, exchange);
    if (is_at(exchange, SPAN("/socket.io/")))
        return socketio_echo_body_limit(program->socketio_echo, exchange);
    return MESSAGE_BYTES_MAX;
}

static const struct http_handlers handlers = {.on_request = on_request, .body_limit = body_limit};

static void on_accept(void *arg, struct conn *conn)
{
    struct program *program = arg;

    http_serve(conn, &handlers, program, &program->limits, NULL);
}

/* ---- the process -------------------------------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
    loop_wake(running);
}

static void on_wake(void *arg)
{
    (void)arg;
    if (is_stopped)
        loop_stop(running);
}

static void on_turn_end(void *arg)
{
    conn_host_flush(arg);
}

static int serve(struct program *program, struct span where)
{
    struct listener_address address;
    struct listener *listener = NULL;
    struct buf why = BUF_EMPTY;
    int fd = -1, status = 1;

    program->limits.body_bytes_max = MESSAGE_BYTES_MAX;
    running = loop_new();
    program->host = conn_host_new(running, &conn_limits_default);
    program->engine_echo = engine_echo_new(program->host, &program->options);
    program->socketio_echo = socketio_echo_new(program->host, &program->options);
    if (listener_parse(where, &address, &why) != OK || listener_bind(&address, &fd, &why) != OK) {
        fprintf(stderr, "conformance: %.*s\n", SPAN_ARG(buf_span(&why)));
        goto done;
    }
    loop_on_turn_end(running, on_turn_end, program->host);
    loop_on_wake(running, on_wake, NULL);
    listener = listener_open(program->host, fd, NULL, HANDSHAKE_MS, on_accept, program);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    printf("listening on port %u\n", listener_port(fd));
    fflush(stdout);
    loop_run(running);
    status = 0;
done:
    listener_close(listener);
    conn_host_close_all(program->host);
    conn_host_flush(program->host);
    engine_echo_free(program->engine_echo);
    socketio_echo_free(program->socketio_echo);
    conn_host_free(program->host);
    loop_free(running);
    buf_deinit(&why);
    return status;
}

/* ---- the command line --------------------------------------------------------------------------------------------- */

static bool read_number(struct span value, uint64_t max, uint64_t *number)
{
    return span_parse_u64(value, number) && *number > 0 && *number <= max;
}

static bool read_switch(struct span value, bool *is_on)
{
    *is_on = span_equal(value, SPAN("on"));
    return *is_on || span_equal(value, SPAN("off"));
}

static bool read_flag(struct conformance_options *options, struct span *where, struct span flag, struct span value)
{
    const uint64_t day_ms = 86400000;
    uint64_t bytes;

    if (span_equal(flag, SPAN("--ping-interval")))
        return read_number(value, day_ms, &options->ping_interval_ms);
    if (span_equal(flag, SPAN("--ping-timeout")))
        return read_number(value, day_ms, &options->ping_timeout_ms);
    if (span_equal(flag, SPAN("--connect-timeout")))
        return read_number(value, day_ms, &options->connect_timeout_ms);
    if (span_equal(flag, SPAN("--recovery")))
        return read_switch(value, &options->has_recovery);
    if (span_equal(flag, SPAN("--allow-upgrades")))
        return read_switch(value, &options->allows_upgrades);
    if (span_equal(flag, SPAN("--max-payload")) && read_number(value, MESSAGE_BYTES_MAX, &bytes)) {
        options->payload_bytes_max = (size_t)bytes;
        return true;
    }
    if (span_equal(flag, SPAN("--greeting")))
        options->greeting = value;
    else if (span_equal(flag, SPAN("--listen")))
        *where = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct program program = {.limits = http_limits_default,
                              .options = {.ping_interval_ms = 25000,
                                          .ping_timeout_ms = 20000,
                                          .connect_timeout_ms = 45000,
                                          .payload_bytes_max = 1000000,
                                          .allows_upgrades = true}};
    struct span where = SPAN_EMPTY;
    bool is_good = argc % 2 == 1;

    for (int i = 1; is_good && i + 1 < argc; i += 2)
        is_good = read_flag(&program.options, &where, span_from_str(argv[i]), span_from_str(argv[i + 1]));
    if (is_good && where.len > 0)
        return serve(&program, where);
    fprintf(stderr, "usage: %s --listen HOST:PORT [options]\n", argv[0]);
    return 2;
}
