#include "lib/tls_stage.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tls_stage channel;
char certificate_file[64], key_file[64], other_key_file[64];
static char folder[] = "/tmp/tls_XXXXXX";

/* ---- certificates made on the spot -------------------------------------------------------------------------------- */

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

void tls_stage_make_certificate(const char *name)
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
    file = fopen(certificate_file, "wb");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    write_key(key_file, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

int tls_stage_make_files(void **state)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(certificate_file, sizeof(certificate_file), "%s/cert.pem", folder);
    snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    snprintf(other_key_file, sizeof(other_key_file), "%s/other.pem", folder);
    tls_stage_make_certificate("first");
    write_key(other_key_file, other);
    EVP_PKEY_free(other);
    return 0;
}

int tls_stage_remove_files(void **state)
{
    (void)state;
    unlink(certificate_file);
    unlink(key_file);
    unlink(other_key_file);
    return rmdir(folder);
}

struct tls *tls_stage_tls(void)
{
    struct tls *tls = NULL;
    struct buf why = BUF_EMPTY;

    if (tls_new(span_from_str(certificate_file), span_from_str(key_file), &tls, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    return tls;
}

/* ---- a server that echoes, and a client in memory ----------------------------------------------------------------- */

static size_t on_bytes(void *owner, char *bytes, size_t len)
{
    (void)owner;
    conn_send_bytes(channel.conn, (struct span){bytes, len});
    return len;
}

static void on_end(void *owner)
{
    (void)owner;
    channel.end_count++;
    conn_finish(channel.conn, 1000);
}

static void on_closed(void *owner)
{
    (void)owner;
    channel.closed_count++;
}

static const struct conn_events events = {.on_bytes = on_bytes, .on_end = on_end, .on_closed = on_closed};

static void open_channel(struct tls *tls, uint64_t handshake_ms)
{
    struct conn_remote remote = {.family = CONN_UNIX};
    int fds[2];

    channel = (struct tls_stage){.tls = tls};
    stage_init(&channel.stage, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    far_adopt(&channel.far, &channel.stage, fds[0]);
    channel.conn = conn_open(channel.stage.host, fds[1], &remote, tls, handshake_ms);
    conn_set_owner(channel.conn, &events, &channel);
    channel.context = SSL_CTX_new(TLS_client_method());
    channel.client = SSL_new(channel.context);
    channel.in = BIO_new(BIO_s_mem());
    channel.out = BIO_new(BIO_s_mem());
    SSL_set_bio(channel.client, channel.in, channel.out);
    SSL_set_connect_state(channel.client);
}

static void close_channel(void)
{
    far_close(&channel.far);
    stage_deinit(&channel.stage);
    assert_int_equal(channel.closed_count, 1);
    SSL_free(channel.client);
    SSL_CTX_free(channel.context);
    tls_unref(channel.tls);
    buf_deinit(&channel.heard);
    ERR_clear_error();
}

int tls_stage_set_up(void **state)
{
    (void)state;
    open_channel(tls_stage_tls(), 10000);
    return 0;
}

int tls_stage_tear_down(void **state)
{
    (void)state;
    close_channel();
    return 0;
}

void channel_reopen(struct tls *tls, uint64_t handshake_ms)
{
    close_channel();
    open_channel(tls ? tls : tls_stage_tls(), handshake_ms);
}

void channel_pump(void)
{
    char *bytes;
    long len;
    size_t count;

    if (channel.far.heard.len > 0) {
        BIO_write(channel.in, channel.far.heard.data, (int)channel.far.heard.len);
        buf_reset(&channel.far.heard);
    }
    if (!SSL_is_init_finished(channel.client))
        SSL_do_handshake(channel.client);
    while (SSL_read_ex(channel.client, buf_reserve(&channel.heard, 65536), 65536, &count) == 1)
        channel.heard.len += count;
    len = BIO_get_mem_data(channel.out, &bytes);
    if (len > 0) {
        far_say(&channel.far, (struct span){bytes, (size_t)len});
        (void)BIO_reset(channel.out);
    }
}

void channel_write(const char *bytes, size_t len)
{
    size_t count;

    assert_int_equal(SSL_write_ex(channel.client, bytes, len, &count), 1);
    channel_pump();
}

/* ---- facts -------------------------------------------------------------------------------------------------------- */

static bool is_connected(void *arg)
{
    (void)arg;
    channel_pump();
    return SSL_is_init_finished(channel.client);
}

static bool has_heard(void *arg)
{
    channel_pump();
    return channel.heard.len >= *(size_t *)arg;
}

static bool has_ended(void *arg)
{
    (void)arg;
    channel_pump();
    return channel.far.is_ended;
}

static bool has_closed(void *arg)
{
    (void)arg;
    return channel.closed_count > 0;
}

static bool is_blocked(void *arg)
{
    (void)arg;
    return conn_is_blocked(channel.conn);
}

void channel_until_connected(void)
{
    stage_until(&channel.stage, is_connected, NULL);
}

void channel_until_heard(size_t count)
{
    stage_until(&channel.stage, has_heard, &count);
}

void channel_until_ended(void)
{
    stage_until(&channel.stage, has_ended, NULL);
}

void channel_until_closed(void)
{
    stage_until(&channel.stage, has_closed, NULL);
}

void channel_until_blocked(void)
{
    stage_until(&channel.stage, is_blocked, NULL);
}
