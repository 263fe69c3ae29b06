/* OpenSSL on a non-blocking socket. A BIO of our own, because the stock one writes without MSG_NOSIGNAL. The error queue is
 * per thread and must be empty before each call, or an older connection's error is taken for this one's. */
#include "net/tls_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KEY_UPDATES_MAX = 32 };

struct tls {
    atomic_uint ref_count;
    pthread_mutex_t mutex; /* of context: replaced by tls_reload */
    SSL_CTX *context;
    BIO_METHOD *method;
    char *certificate_file, *key_file;
};

struct tls_session {
    SSL *ssl;
    struct tls *tls; /* its BIO method is in use */
    int fd;
    unsigned key_update_count;
    bool is_eof;    /* the socket ended, with or without close_notify */
    bool is_failed; /* SSL_shutdown must not be called any more */
};

/* ---- the socket as a BIO ------------------------------------------------------------------------------------------- */

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t count = recv(session->fd, bytes, (size_t)len, 0);

    BIO_clear_retry_flags(bio);
    if (count < 0 && would_block())
        BIO_set_retry_read(bio);
    if (count == 0)
        session->is_eof = true;
    return (int)count;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t count = send(session->fd, bytes, (size_t)len, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (count < 0 && would_block())
        BIO_set_retry_write(bio);
    return (int)count;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is buffered here */
}

static BIO_METHOD *method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

    assert(method != NULL);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}

/* ---- contexts ------------------------------------------------------------------------------------------------------ */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *picked;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&picked, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = picked;
    return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase would make OpenSSL ask the terminal. */
static int on_passphrase(char *text, int size, int is_writing, void *arg)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static bool set_strength(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets keep the sessions at the clients */
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_default_passwd_cb(context, on_passphrase);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

static enum err fail(const char *file, const char *what, struct buf *why)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason =
        error && ERR_SYSTEM_ERROR(error) ? strerror((int)ERR_GET_REASON(error)) : ERR_reason_error_string(error);

    buf_printf(why, "%s: %s: %s", file, what, reason ? reason : "unknown error");
    ERR_clear_error();
    return ERR_CONFIG;
}

static enum err context_new(const struct tls *tls, SSL_CTX **out, struct buf *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    enum err err = OK;

    assert(context != NULL);
    ERR_clear_error();
    if (!set_strength(context))
        err = fail("openssl", "does not know our ciphers", why);
    else if (SSL_CTX_use_certificate_chain_file(context, tls->certificate_file) != 1)
        err = fail(tls->certificate_file, "cannot use the certificate", why);
    else if (SSL_CTX_use_PrivateKey_file(context, tls->key_file, SSL_FILETYPE_PEM) != 1)
        err = fail(tls->key_file, "cannot use the key", why);
    else if (SSL_CTX_check_private_key(context) != 1)
        err = fail(tls->key_file, "the key does not fit the certificate", why);
    if (err == OK) {
        *out = context;
        context = NULL;
    }
    SSL_CTX_free(context);
    return err;
}

enum err tls_new(struct span certificate_file, struct span key_file, struct tls **out, struct buf *why)
{
    struct tls *tls = NEW(struct tls);
    enum err err;

    atomic_init(&tls->ref_count, 1);
    pthread_mutex_init(&tls->mutex, NULL);
    tls->method = method_new();
    tls->certificate_file = span_to_str(certificate_file);
    tls->key_file = span_to_str(key_file);
    if ((err = context_new(tls, &tls->context, why)) != OK)
        goto done;
    *out = tls;
    tls = NULL;
done:
    tls_unref(tls);
    return err;
}

struct tls *tls_ref(struct tls *tls)
{
    atomic_fetch_add_explicit(&tls->ref_count, 1, memory_order_relaxed);
    return tls;
}

void tls_unref(struct tls *tls)
{
    if (tls == NULL || atomic_fetch_sub_explicit(&tls->ref_count, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    pthread_mutex_destroy(&tls->mutex);
    free(tls->certificate_file);
    free(tls->key_file);
    free(tls);
}

enum err tls_reload(struct tls *tls, struct buf *why)
{
    SSL_CTX *context = NULL, *old;
    enum err err = context_new(tls, &context, why);

    if (err != OK)
        return err;
    pthread_mutex_lock(&tls->mutex);
    old = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->mutex);
    SSL_CTX_free(old); /* connections hold references of their own */
    return OK;
}

/* ---- sessions ------------------------------------------------------------------------------------------------------ */

static void on_message(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
    struct tls_session *session = arg;

    (void)version;
    (void)ssl;
    if (!is_sent && type == SSL3_RT_HANDSHAKE && len > 0 && *(const unsigned char *)bytes == SSL3_MT_KEY_UPDATE)
        session->key_update_count++;
}

struct tls_session *tls_session_new(struct tls *tls, int fd)
{
    struct tls_session *session = NEW(struct tls_session);
    BIO *bio = BIO_new(tls->method);

    pthread_mutex_lock(&tls->mutex);
    session->ssl = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->mutex);
    assert(session->ssl != NULL && bio != NULL); /* out of memory */
    session->tls = tls_ref(tls);
    session->fd = fd;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio); /* takes it */
    SSL_set_msg_callback(session->ssl, on_message);
    SSL_set_msg_callback_arg(session->ssl, session);
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_move(struct tls_session *session, int fd)
{
    session->fd = fd;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    tls_unref(session->tls);
    free(session);
}

static int step_of(struct tls_session *session, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ: return TLS_AGAIN_READ;
    case SSL_ERROR_WANT_WRITE: return TLS_AGAIN_WRITE;
    case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
    default:
        session->is_failed = true;
        /* Without close_notify: HTTP and WebSocket know themselves whether what came was whole. */
        return session->is_eof ? TLS_ENDED : TLS_FAILED;
    }
}

/* Somebody speaks HTTP to the TLS port: a word in his language. */
static void answer_plain_http(struct tls_session *session)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 39\r\n"
                                 "Connection: close\r\n\r\nThis port speaks HTTPS: use https://.\r\n";

    (void)!send(session->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
}

int tls_session_handshake(struct tls_session *session)
{
    int result;

    ERR_clear_error();
    if ((result = SSL_do_handshake(session->ssl)) == 1)
        return 0;
    result = step_of(session, result);
    if (result == TLS_FAILED && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST)
        answer_plain_http(session);
    return result;
}

ssize_t tls_session_read(struct tls_session *session, char *bytes, size_t len)
{
    size_t count = 0;
    int result;

    ERR_clear_error();
    result = SSL_read_ex(session->ssl, bytes, len, &count);
    if (session->key_update_count > KEY_UPDATES_MAX) {
        session->is_failed = true;
        return TLS_FAILED;
    }
    return result == 1 ? (ssize_t)count : step_of(session, result);
}

ssize_t tls_session_write(struct tls_session *session, const char *bytes, size_t len)
{
    size_t count = 0;
    int result;

    ERR_clear_error();
    result = SSL_write_ex(session->ssl, bytes, len, &count);
    return result == 1 ? (ssize_t)count : step_of(session, result);
}

void tls_session_end(struct tls_session *session)
{
    ERR_clear_error();
    if (!session->is_failed && !SSL_in_init(session->ssl))
        (void)SSL_shutdown(session->ssl);
}
