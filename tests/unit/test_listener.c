#include "lib/net_stage.h"

#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void addresses_are_read(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        bool is_unix;
    } rows[] = {
        {"127.0.0.1:8000", "127.0.0.1", 8000, false},
        {"localhost:0", "localhost", 0, false},
        {":8000", "", 8000, false},
        {"[::]:8000", "::", 8000, false},
        {"[::1]:65535", "::1", 65535, false},
        {"unix:/a/b", "/a/b", 0, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listener_address address;
        struct buf why = BUF_EMPTY;

        assert_int_equal(listener_parse(span_from_str(rows[i].text), &address, &why), OK);
        assert_string_equal(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
        assert_int_equal(address.is_unix, rows[i].is_unix);
    }
}

static void what_is_no_address_is_said_so(void **state)
{
    static const char *rows[] = {"",          "8000",    "host",     "host:", "host:65536", "host:-1", "host: 80",
                                 "[::1]8000", "[::1:80", "::1:8000", "[]:80", "unix:",      "a:b:1"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listener_address address;
        struct buf why = BUF_EMPTY;

        if (listener_parse(span_from_str(rows[i]), &address, &why) != ERR_CONFIG)
            fail_msg("%s", rows[i]);
        assert_true(why.len > 0);
        buf_deinit(&why);
    }
}

/* ---- accepting ---------------------------------------------------------------------------------------------------- */

struct server {
    struct stage stage;
    struct listener *listener;
    int fd;
    unsigned accepted, closed;
    struct conn_address address;
};

static size_t on_bytes(void *owner, char *bytes, size_t len)
{
    (void)owner;
    (void)bytes;
    return len;
}

static void on_closed(void *owner)
{
    ((struct server *)owner)->closed++;
}

static const struct conn_events events = {.on_bytes = on_bytes, .on_closed = on_closed};

static void on_accept(void *arg, struct conn *conn)
{
    struct server *server = arg;

    server->accepted++;
    server->address = conn_address(conn);
    conn_set_owner(conn, &events, server);
}

static void open_server(struct server *server, const char *text)
{
    struct listener_address address;
    struct buf why = BUF_EMPTY;

    *server = (struct server){0};
    stage_init(&server->stage, NULL);
    assert_int_equal(listener_parse(span_from_str(text), &address, &why), OK);
    if (listener_bind(&address, &server->fd, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    server->listener = listener_open(server->stage.host, server->fd, NULL, 1000, on_accept, server);
}

static void close_server(struct server *server)
{
    listener_close(server->listener);
    stage_deinit(&server->stage);
    assert_int_equal(server->accepted, server->closed);
}

static int dial_v4(const struct server *server)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(listener_port(server->fd))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static bool has_one(void *arg)
{
    return ((struct server *)arg)->accepted == 1;
}

static bool has_many(void *arg)
{
    return ((struct server *)arg)->accepted == 300;
}

static bool has_closed_many(void *arg)
{
    return ((struct server *)arg)->closed == 300;
}

static void connections_arrive_with_their_address(void **state)
{
    struct server server;
    int fd, value = 0;
    socklen_t len = sizeof(value);

    (void)state;
    open_server(&server, "127.0.0.1:0");
    fd = dial_v4(&server);
    stage_until(&server.stage, has_one, &server);
    assert_string_equal(server.address.text, "127.0.0.1");
    assert_true(server.address.port > 0);
    assert_false(server.address.is_local);
    assert_int_equal(getsockopt(server.fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_int_not_equal(value, 0);
    close(fd);
    close_server(&server);
}

static void a_dual_stack_socket_names_ipv4_peers_as_such(void **state)
{
    struct server server;
    int fd;

    (void)state;
    open_server(&server, ":0");
    fd = dial_v4(&server);
    stage_until(&server.stage, has_one, &server);
    assert_string_equal(server.address.text, "127.0.0.1");
    close(fd);
    close_server(&server);
}

static void a_crowd_is_accepted_over_several_turns(void **state)
{
    struct server server;
    int fds[300];

    (void)state;
    open_server(&server, "127.0.0.1:0");
    for (int i = 0; i < 300; i++)
        fds[i] = dial_v4(&server);
    stage_turns(&server.stage, 1);
    assert_true(server.accepted < 300);
    stage_until(&server.stage, has_many, &server);
    for (int i = 0; i < 300; i++)
        close(fds[i]);
    stage_until(&server.stage, has_closed_many, &server);
    close_server(&server);
}

static void peers_that_reset_at_once_do_no_harm(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, "127.0.0.1:0");
    for (int i = 0; i < 300; i++) {
        struct linger linger = {.l_onoff = 1};
        int fd = dial_v4(&server);

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(fd);
    }
    stage_until(&server.stage, has_closed_many, &server);
    close_server(&server);
}

static void out_of_descriptors_it_rests_and_comes_back(void **state)
{
    struct server server;
    struct rlimit before, low;
    int fd, spare[64], count = 0;

    (void)state;
    open_server(&server, "127.0.0.1:0");
    fd = dial_v4(&server);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 64 && (spare[count] = dup(0)) >= 0)
        count++;

    stage_turns(&server.stage, 10);
    assert_int_equal(server.accepted, 0);

    while (count > 0)
        close(spare[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    stage_until(&server.stage, has_one, &server);
    close(fd);
    close_server(&server);
}

static void a_port_can_have_a_socket_for_each_worker(void **state)
{
    struct server first;
    struct listener_address address = {.text = SPAN("127.0.0.1"), .host = "127.0.0.1"};
    struct buf why = BUF_EMPTY;
    int second = -1;

    (void)state;
    open_server(&first, "127.0.0.1:0");
    address.port = listener_port(first.fd);
    assert_int_equal(listener_bind(&address, &second, &why), OK);
    assert_int_equal(listener_port(second), address.port);
    close(second);
    close_server(&first);
}

/* ---- Unix sockets ------------------------------------------------------------------------------------------------- */

static void a_unix_socket_is_private_and_replaces_a_dead_one(void **state)
{
    char folder[] = "/tmp/listener_XXXXXX", text[64], *path = text + 5;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct listener_address address;
    struct buf why = BUF_EMPTY;
    struct server server;
    struct stat status;
    int fd, other = -1;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text), "unix:%s/socket", folder);
    memcpy(name.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* somebody was killed here */
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);

    open_server(&server, text);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    stage_until(&server.stage, has_one, &server);
    assert_true(server.address.is_local);
    assert_string_equal(server.address.text, "unix");

    /* a living one stays */
    assert_int_equal(listener_parse(span_from_str(text), &address, &why), OK);
    assert_int_equal(listener_bind(&address, &other, &why), ERR_IO);
    assert_true(why.len > 0);
    buf_deinit(&why);
    close(fd);
    close_server(&server);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(what_is_no_address_is_said_so),
        cmocka_unit_test(connections_arrive_with_their_address),
        cmocka_unit_test(a_dual_stack_socket_names_ipv4_peers_as_such),
        cmocka_unit_test(a_crowd_is_accepted_over_several_turns),
        cmocka_unit_test(peers_that_reset_at_once_do_no_harm),
        cmocka_unit_test(out_of_descriptors_it_rests_and_comes_back),
        cmocka_unit_test(a_port_can_have_a_socket_for_each_worker),
        cmocka_unit_test(a_unix_socket_is_private_and_replaces_a_dead_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
