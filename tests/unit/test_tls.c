#include "lib/net_stage.h"

#include "base/memory.h"
#include "base/rand.h"
#include "net/http.h"
#include "net/tls.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- certificates made on the spot -------------------------------------------------------------------------------- */

static char folder[] = "/tmp/tls_XXXXXX";
static char certificate_file[64], key_file[64], other_key_file[64];

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

/* A key of its own and a certificate of that name, signed by itself. */
static void make_certificate(const char *name, const char *certificate_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *subject;
    FILE *file;

    assert_true(key && certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    file = fopen(certificate_path, "wb");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    write_key(key_path, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int make_files(void **state)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(certificate_file, sizeof(certificate_file), "%s/cert.pem", folder);
    snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    snprintf(other_key_file, sizeof(other_key_file), "%s/other.pem", folder);
    make_certificate("first", certificate_file, key_file);
    write_key(other_key_file, other);
    EVP_PKEY_free(other);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(certificate_file);
    unlink(key_file);
    unlink(other_key_file);
    return rmdir(folder);
}

static struct tls *make_tls(void)
{
    struct tls *tls = NULL;
    struct buf why = BUF_EMPTY;

    if (tls_new(span_from_str(certificate_file), span_from_str(key_file), &tls, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    return tls;
}

/* ---- a server that echoes, and a client in memory ----------------------------------------------------------------- */

struct server {
    struct stage stage;
    struct far far;
    struct tls *tls;
    struct conn *conn;
    bool echoes;
    unsigned closed_count, end_count;
    SSL_CTX *context;
    SSL *client;
    BIO *in, *out;
    struct buf heard; /* by the client, clear */
};

static size_t on_bytes(void *owner, char *bytes, size_t len)
{
    struct server *server = owner;

    if (server->echoes)
        conn_send_bytes(server->conn, (struct span){bytes, len});
    return len;
}

static void on_end(void *owner)
{
    struct server *server = owner;

    server->end_count++;
    conn_finish(server->conn, 1000);
}

static void on_closed(void *owner)
{
    ((struct server *)owner)->closed_count++;
}

static const struct conn_events events = {.on_bytes = on_bytes, .on_end = on_end, .on_closed = on_closed};

static void open_server_with(struct server *server, struct tls *tls, uint64_t handshake_ms)
{
    struct conn_remote remote = {.family = CONN_UNIX};
    int fds[2];

    *server = (struct server){.tls = tls, .echoes = true};
    stage_init(&server->stage, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    far_adopt(&server->far, &server->stage, fds[0]);
    server->conn = conn_open(server->stage.host, fds[1], &remote, tls, handshake_ms);
    conn_set_owner(server->conn, &events, server);
    server->context = SSL_CTX_new(TLS_client_method());
    server->client = SSL_new(server->context);
    server->in = BIO_new(BIO_s_mem());
    server->out = BIO_new(BIO_s_mem());
    SSL_set_bio(server->client, server->in, server->out);
    SSL_set_connect_state(server->client);
}

static void open_server(struct server *server)
{
    open_server_with(server, make_tls(), 10000);
}

static void close_server(struct server *server)
{
    far_close(&server->far);
    stage_deinit(&server->stage);
    assert_int_equal(server->closed_count, 1);
    SSL_free(server->client);
    SSL_CTX_free(server->context);
    tls_unref(server->tls);
    buf_deinit(&server->heard);
    ERR_clear_error();
}

/* Moves what there is between the far end and the client. */
static void pump(struct server *server)
{
    char *bytes;
    long len;
    size_t count;

    if (server->far.heard.len > 0) {
        BIO_write(server->in, server->far.heard.data, (int)server->far.heard.len);
        buf_reset(&server->far.heard);
    }
    if (!SSL_is_init_finished(server->client))
        SSL_do_handshake(server->client);
    while (SSL_read_ex(server->client, buf_reserve(&server->heard, 65536), 65536, &count) == 1)
        server->heard.len += count;
    len = BIO_get_mem_data(server->out, &bytes);
    if (len > 0) {
        far_say(&server->far, (struct span){bytes, (size_t)len});
        (void)BIO_reset(server->out);
    }
}

static bool is_connected(void *arg)
{
    struct server *server = arg;

    pump(server);
    return SSL_is_init_finished(server->client);
}

static bool has_ended(void *arg)
{
    struct server *server = arg;

    pump(server);
    return server->far.is_ended;
}

struct wanted {
    struct server *server;
    size_t count;
};

static bool has_heard(void *arg)
{
    struct wanted *wanted = arg;

    pump(wanted->server);
    return wanted->server->heard.len >= wanted->count;
}

static void until_heard(struct server *server, size_t count)
{
    struct wanted wanted = {server, count};

    stage_until(&server->stage, has_heard, &wanted);
}

static bool has_closed(void *arg)
{
    return ((struct server *)arg)->closed_count > 0;
}

static void write_clear(struct server *server, const char *bytes, size_t len)
{
    size_t count;

    assert_int_equal(SSL_write_ex(server->client, bytes, len, &count), 1);
    pump(server);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void files_that_do_not_serve_are_named(void **state)
{
    struct tls *tls = NULL;
    struct buf why = BUF_EMPTY;

    (void)state;
    assert_int_equal(tls_new(SPAN("/nowhere/cert.pem"), span_from_str(key_file), &tls, &why), ERR_CONFIG);
    assert_true(span_starts_with(buf_span(&why), SPAN("/nowhere/cert.pem: ")));
    buf_reset(&why);
    assert_int_equal(tls_new(span_from_str(certificate_file), SPAN("/nowhere/key.pem"), &tls, &why), ERR_CONFIG);
    assert_true(span_starts_with(buf_span(&why), SPAN("/nowhere/key.pem: ")));
    buf_reset(&why);
    assert_int_equal(tls_new(span_from_str(key_file), span_from_str(key_file), &tls, &why), ERR_CONFIG);
    buf_reset(&why);
    assert_int_equal(tls_new(span_from_str(certificate_file), span_from_str(other_key_file), &tls, &why), ERR_CONFIG);
    assert_true(span_starts_with(buf_span(&why), span_from_str(other_key_file)));
    assert_null(tls);
    buf_deinit(&why);
}

static void subject_of_server(struct server *server, char *name, int size)
{
    X509 *certificate = SSL_get1_peer_certificate(server->client);

    assert_non_null(certificate);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, size);
    X509_free(certificate);
}

static void a_reload_serves_new_handshakes_and_keeps_the_old_on_error(void **state)
{
    struct server server;
    struct tls *tls = make_tls();
    struct buf why = BUF_EMPTY;
    char name[32];
    FILE *file;

    (void)state;
    make_certificate("second", certificate_file, key_file);
    open_server_with(&server, tls_ref(tls), 10000);
    stage_until(&server.stage, is_connected, &server);
    subject_of_server(&server, name, sizeof(name));
    assert_string_equal(name, "first");
    assert_int_equal(tls_reload(tls, &why), OK); /* while one is connected */
    write_clear(&server, "x", 1);
    until_heard(&server, 1);
    close_server(&server);

    open_server_with(&server, tls_ref(tls), 10000);
    stage_until(&server.stage, is_connected, &server);
    subject_of_server(&server, name, sizeof(name));
    assert_string_equal(name, "second");
    close_server(&server);

    file = fopen(certificate_file, "wb");
    fputs("no certificate", file);
    fclose(file);
    assert_int_equal(tls_reload(tls, &why), ERR_CONFIG);
    assert_true(why.len > 0);
    open_server_with(&server, tls_ref(tls), 10000);
    stage_until(&server.stage, is_connected, &server);
    subject_of_server(&server, name, sizeof(name));
    assert_string_equal(name, "second");
    close_server(&server);
    buf_deinit(&why);
    tls_unref(tls);
    make_certificate("first", certificate_file, key_file);
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static void bytes_travel_both_ways(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    assert_true(conn_is_tls(server.conn));
    write_clear(&server, "hello", 5);
    until_heard(&server, 5);
    assert_memory_equal(server.heard.data, "hello", 5);
    assert_int_equal(conn_bytes_received(server.conn), 5);
    close_server(&server);
}

static void large_streams_arrive_whole(void **state)
{
    struct server server;
    size_t len = 2000000;
    char *bytes = memory_alloc(len);

    (void)state;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 253);
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    write_clear(&server, bytes, len);
    until_heard(&server, len);
    assert_int_equal(server.heard.len, len);
    assert_memory_equal(server.heard.data, bytes, len);
    free(bytes);
    close_server(&server);
}

static void small_frames_of_a_turn_share_a_record(void **state)
{
    struct server server;
    struct frame *frame = frame_new(SPAN("abcd"));
    size_t before;

    (void)state;
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    stage_turns(&server.stage, 3); /* tickets */
    pump(&server);
    before = server.far.heard.len;
    for (int i = 0; i < 100; i++)
        conn_send(server.conn, frame, 0);
    stage_turns(&server.stage, 3);
    assert_true(server.far.heard.len - before < 400 + 60);
    until_heard(&server, 400);
    frame_unref(frame);
    close_server(&server);
}

static bool is_blocked(void *arg)
{
    return conn_is_blocked(((struct server *)arg)->conn);
}

static void a_slow_reader_gets_the_stream_and_the_latest_of_a_key(void **state)
{
    struct server server;
    size_t len = 3000000;
    char *bytes = memory_alloc(len);

    (void)state;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 253);
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    far_listen(&server.far, false);
    conn_send_bytes(server.conn, (struct span){bytes, len});
    stage_until(&server.stage, is_blocked, &server);
    for (int i = 0; i < 10; i++) {
        struct frame *frame = frame_new((struct span){&"0123456789"[i], 1});

        conn_send(server.conn, frame, 5);
        frame_unref(frame);
    }
    far_listen(&server.far, true);
    until_heard(&server, len + 1);
    assert_int_equal(server.heard.len, len + 1);
    assert_memory_equal(server.heard.data, bytes, len);
    assert_int_equal(server.heard.data[len], '9');
    free(bytes);
    close_server(&server);
}

static void any_mix_of_sizes_and_pauses_keeps_the_stream(void **state)
{
    char *bytes = memory_alloc(200000);

    (void)state;
    for (size_t i = 0; i < 200000; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct server server;
        struct buf sent = BUF_EMPTY;
        struct rand rand;

        rand_seed(&rand, seed);
        open_server(&server);
        stage_until(&server.stage, is_connected, &server);
        for (int i = 0; i < 100; i++) {
            size_t from = rand_below(&rand, 1000), len = 1 + rand_below(&rand, i % 10 == 0 ? 190000 : 500);

            conn_send_bytes(server.conn, (struct span){bytes + from, len});
            buf_append(&sent, bytes + from, len);
            if (rand_below(&rand, 4) == 0)
                far_listen(&server.far, rand_below(&rand, 2) == 0);
            if (rand_below(&rand, 4) == 0)
                stage_turns(&server.stage, 1);
        }
        far_listen(&server.far, true);
        until_heard(&server, sent.len);
        assert_int_equal(server.heard.len, sent.len);
        assert_memory_equal(server.heard.data, sent.data, sent.len);
        buf_deinit(&sent);
        close_server(&server);
    }
    free(bytes);
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

static void finish_says_goodbye(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    write_clear(&server, "x", 1); /* the client is done with its handshake before the server */
    until_heard(&server, 1);
    conn_send_bytes(server.conn, SPAN("last words"));
    conn_finish(server.conn, 10000);
    stage_until(&server.stage, has_ended, &server);
    assert_int_equal(server.heard.len, 11);
    assert_true(SSL_get_shutdown(server.client) & SSL_RECEIVED_SHUTDOWN);
    far_end(&server.far);
    stage_until(&server.stage, has_closed, &server);
    close_server(&server);
}

static void the_peers_goodbye_is_its_end(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* with and without close_notify */
        struct server server;

        open_server(&server);
        stage_until(&server.stage, is_connected, &server);
        write_clear(&server, "x", 1);
        until_heard(&server, 1);
        if (i == 0)
            SSL_shutdown(server.client);
        pump(&server);
        far_end(&server.far);
        stage_until(&server.stage, has_closed, &server);
        assert_int_equal(server.end_count, 1);
        close_server(&server);
    }
}

static void a_close_while_bytes_wait_frees_everything(void **state)
{
    struct server server;
    char *bytes = memory_alloc(3000000);

    (void)state;
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    far_listen(&server.far, false);
    conn_send_bytes(server.conn, (struct span){bytes, 3000000});
    stage_until(&server.stage, is_blocked, &server);
    conn_close(server.conn);
    stage_until(&server.stage, has_closed, &server);
    free(bytes);
    close_server(&server);
}

/* ---- handshakes --------------------------------------------------------------------------------------------------- */

static void a_handshake_may_come_byte_by_byte(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    while (!SSL_is_init_finished(server.client)) {
        char *bytes;
        long len;

        if (server.far.heard.len > 0) {
            BIO_write(server.in, server.far.heard.data, (int)server.far.heard.len);
            buf_reset(&server.far.heard);
        }
        SSL_do_handshake(server.client);
        len = BIO_get_mem_data(server.out, &bytes);
        for (long i = 0; i < len; i++) {
            far_say(&server.far, (struct span){bytes + i, 1});
            stage_turns(&server.stage, 2);
        }
        (void)BIO_reset(server.out);
        stage_turns(&server.stage, 1);
    }
    write_clear(&server, "x", 1);
    until_heard(&server, 1);
    close_server(&server);
}

static void a_handshake_has_a_deadline(void **state)
{
    struct server server;

    (void)state;
    open_server_with(&server, make_tls(), 20);
    far_say(&server.far, SPAN("\x16\x03\x01\x02\x00"));
    stage_until(&server.stage, has_closed, &server);
    close_server(&server);
}

static void old_versions_and_weak_ciphers_get_no_connection(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct server server;

        open_server(&server);
        SSL_set_security_level(server.client, 0);
        if (i == 0) {
            SSL_set_min_proto_version(server.client, TLS1_VERSION);
            SSL_set_max_proto_version(server.client, TLS1_1_VERSION);
        } else {
            SSL_set_max_proto_version(server.client, TLS1_2_VERSION);
            assert_int_equal(
                SSL_set_cipher_list(server.client, i == 1 ? "AES128-SHA:AES256-GCM-SHA384" : "ECDHE-ECDSA-AES128-SHA"),
                1);
        }
        stage_until(&server.stage, has_ended, &server);
        assert_false(SSL_is_init_finished(server.client));
        close_server(&server);
    }
}

static void tls_1_2_with_a_modern_cipher_is_served(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    SSL_set_max_proto_version(server.client, TLS1_2_VERSION);
    stage_until(&server.stage, is_connected, &server);
    write_clear(&server, "hello", 5);
    until_heard(&server, 5);
    close_server(&server);
}

static void plain_http_is_told_where_it_is(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    far_say(&server.far, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 400 Bad Request\r\n"));
    assert_true(far_has(&server.far, "use https://"));
    close_server(&server);
}

static void garbage_is_closed(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    far_say(&server.far,
            SPAN("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10 and so on and so forth and more of the same"));
    far_until_ended(&server.far);
    close_server(&server);
}

static void too_many_key_updates_end_it(void **state)
{
    struct server server;

    (void)state;
    open_server(&server);
    stage_until(&server.stage, is_connected, &server);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(SSL_key_update(server.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        write_clear(&server, "x", 1);
    }
    until_heard(&server, 32);
    for (int i = 0; i < 2 && !server.far.is_ended; i++) {
        SSL_key_update(server.client, SSL_KEY_UPDATE_NOT_REQUESTED);
        write_clear(&server, "y", 1);
    }
    stage_until(&server.stage, has_closed, &server);
    close_server(&server);
}

static void only_http_1_1_is_agreed_on(void **state)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", two[] = "\x02h2";
    const unsigned char *picked;
    unsigned len;
    struct server server;

    (void)state;
    open_server(&server);
    assert_int_equal(SSL_set_alpn_protos(server.client, both, sizeof(both) - 1), 0);
    stage_until(&server.stage, is_connected, &server);
    SSL_get0_alpn_selected(server.client, &picked, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(picked, "http/1.1", 8);
    close_server(&server);

    open_server(&server);
    assert_int_equal(SSL_set_alpn_protos(server.client, two, sizeof(two) - 1), 0);
    stage_until(&server.stage, has_ended, &server);
    close_server(&server);
}

/* ---- with HTTP on top --------------------------------------------------------------------------------------------- */

static void on_request(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    http_respond(exchange, 200, "text/plain", exchange->body);
}

static void count_closed(void *arg, struct conn *conn, void *user)
{
    (void)conn;
    (void)user;
    ((struct server *)arg)->closed_count++;
}

static void a_body_cut_short_is_refused(void **state)
{
    static const struct http_handlers handlers = {.on_request = on_request, .on_closed = count_closed};
    struct server server;
    const char *request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";

    (void)state;
    open_server(&server);
    http_serve(server.conn, &handlers, &server, &http_limits_default, NULL);
    stage_until(&server.stage, is_connected, &server);
    write_clear(&server, request, strlen(request));
    far_end(&server.far); /* without close_notify, as somebody in the middle would */
    stage_until(&server.stage, has_ended, &server);
    assert_non_null(memmem(server.heard.data, server.heard.len, "HTTP/1.1 400 ", 13));
    close_server(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_do_not_serve_are_named),
        cmocka_unit_test(a_reload_serves_new_handshakes_and_keeps_the_old_on_error),
        cmocka_unit_test(bytes_travel_both_ways),
        cmocka_unit_test(large_streams_arrive_whole),
        cmocka_unit_test(small_frames_of_a_turn_share_a_record),
        cmocka_unit_test(a_slow_reader_gets_the_stream_and_the_latest_of_a_key),
        cmocka_unit_test(any_mix_of_sizes_and_pauses_keeps_the_stream),
        cmocka_unit_test(finish_says_goodbye),
        cmocka_unit_test(the_peers_goodbye_is_its_end),
        cmocka_unit_test(a_close_while_bytes_wait_frees_everything),
        cmocka_unit_test(a_handshake_may_come_byte_by_byte),
        cmocka_unit_test(a_handshake_has_a_deadline),
        cmocka_unit_test(old_versions_and_weak_ciphers_get_no_connection),
        cmocka_unit_test(tls_1_2_with_a_modern_cipher_is_served),
        cmocka_unit_test(plain_http_is_told_where_it_is),
        cmocka_unit_test(garbage_is_closed),
        cmocka_unit_test(too_many_key_updates_end_it),
        cmocka_unit_test(only_http_1_1_is_agreed_on),
        cmocka_unit_test(a_body_cut_short_is_refused),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
