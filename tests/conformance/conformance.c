/*
 * conformance --listen HOST:PORT: the server's own transport with handlers that public test suites expect.
 *
 *   /echo   a WebSocket that sends every message back: text as text, binary as binary, up to 16 MiB, in any number of
 *           fragments, compressed as the client offered
 *   /http   answers any method with the body it got, up to 16 MiB; so do / and *, which some suites ask for
 *
 * The limits per second are off; all others are the product's. One thread. Runs until SIGTERM or SIGINT.
 */
#include "net/http.h"
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

/* ---- /http -------------------------------------------------------------------------------------------------------- */

static void on_request(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    if (span_equal(exchange->path, SPAN("/echo"))) {
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

static const struct http_handlers handlers = {.on_request = on_request};

struct program {
    struct conn_host *host;
    struct http_limits limits;
};

static void on_accept(void *arg, struct conn *conn)
{
    struct program *program = arg;

    http_serve(conn, &handlers, NULL, &program->limits, NULL);
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

static int serve(const char *text)
{
    struct program program = {.limits = http_limits_default};
    struct listener_address address;
    struct listener *listener = NULL;
    struct buf why = BUF_EMPTY;
    int fd = -1, status = 1;

    program.limits.body_bytes_max = MESSAGE_BYTES_MAX;
    running = loop_new();
    program.host = conn_host_new(running, &conn_limits_default);
    if (listener_parse(span_from_str(text), &address, &why) != OK || listener_bind(&address, &fd, &why) != OK) {
        fprintf(stderr, "conformance: %.*s\n", SPAN_ARG(buf_span(&why)));
        goto done;
    }
    loop_on_turn_end(running, on_turn_end, program.host);
    loop_on_wake(running, on_wake, NULL);
    listener = listener_open(program.host, fd, NULL, HANDSHAKE_MS, on_accept, &program);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    printf("listening on port %u\n", listener_port(fd));
    fflush(stdout);
    loop_run(running);
    status = 0;
done:
    listener_close(listener);
    conn_host_free(program.host);
    loop_free(running);
    buf_deinit(&why);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--listen") == 0)
        return serve(argv[2]);
    fprintf(stderr, "usage: %s --listen HOST:PORT\n", argv[0]);
    return 2;
}
