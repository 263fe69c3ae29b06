#include "server/outbound.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

/* ---- the signature ---- */

void outbound_sign(struct buf *out, struct span secret, int64_t now_s, struct span body)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    struct buf text = BUF_EMPTY;

    buf_append_i64(&text, now_s);
    buf_append_char(&text, '.');
    buf_append_span(&text, body);
    (void)HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len, digest, &len);
    assert(len == 32);
    buf_printf(out, "t=%lld,v1=", (long long)now_s);
    for (unsigned int i = 0; i < len; i++)
        buf_printf(out, "%02x", digest[i]);
    buf_deinit(&text);
}

/* ---- a request ---- */

static size_t on_bytes(char *data, size_t size, size_t count, void *arg)
{
    struct outbound *call = arg;

    if (size * count > OUTBOUND_ANSWER_BYTES_MAX - call->answer.len) {
        call->is_too_long = true;
        return 0; /* ends it */
    }
    buf_append(&call->answer, data, size * count);
    return size * count;
}

static void add_header(struct outbound *call, struct span line)
{
    char *text = span_to_str(line);

    call->headers = curl_slist_append(call->headers, text);
    assert(call->headers);
    free(text);
}

static void add_headers(struct outbound *call, struct span secret, struct span extra, struct span body, int64_t now_s)
{
    struct buf line = BUF_EMPTY;
    struct span text;

    add_header(call, SPAN("Content-Type: application/json"));
    add_header(call, SPAN("Accept: application/json"));
    add_header(call, SPAN("User-Agent: collabd"));
    add_header(call, SPAN("Expect:")); /* the body goes along at once */
    buf_append_str(&line, "Collabd-Signature: ");
    outbound_sign(&line, secret, now_s, body);
    add_header(call, buf_span(&line));
    while (span_cut(&extra, '\n', &text))
        if (text.len > 0)
            add_header(call, text);
    buf_deinit(&line);
}

#define SET(call, option, value)                                           \
    do {                                                                   \
        CURLcode set_code = curl_easy_setopt((call)->easy, option, value); \
        assert(set_code == CURLE_OK);                                      \
        (void)set_code;                                                    \
    } while (0)

void outbound_init(struct outbound *call, const char *url, struct span secret, struct span extra, struct span body,
                   int64_t now_s, uint64_t timeout_ms)
{
    *call = (struct outbound){.easy = curl_easy_init()};
    assert(call->easy);
    add_headers(call, secret, extra, body, now_s);
    SET(call, CURLOPT_URL, url);
    SET(call, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(call, CURLOPT_FOLLOWLOCATION, 0L);
    SET(call, CURLOPT_PROXY, "");
    SET(call, CURLOPT_NOSIGNAL, 1L);
    SET(call, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(call, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(call, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(call, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    SET(call, CURLOPT_POST, 1L);
    SET(call, CURLOPT_POSTFIELDS, body.data);
    SET(call, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    SET(call, CURLOPT_HTTPHEADER, call->headers);
    SET(call, CURLOPT_WRITEFUNCTION, on_bytes);
    SET(call, CURLOPT_WRITEDATA, call);
    SET(call, CURLOPT_ERRORBUFFER, call->error);
    SET(call, CURLOPT_PRIVATE, call);
}

void outbound_deinit(struct outbound *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    buf_deinit(&call->answer);
    *call = (struct outbound){0};
}

long outbound_status(const struct outbound *call, CURLcode code)
{
    long status = 0;

    if (code != CURLE_OK || curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return 0;
    return status;
}

/* ---- what may be configured ---- */

static bool has_part(CURLU *handle, CURLUPart part)
{
    char *text = NULL;
    bool is_there = curl_url_get(handle, part, &text, 0) == CURLUE_OK && text && text[0];

    curl_free(text);
    return is_there;
}

enum err outbound_check_url(struct span url, struct buf *why)
{
    char *text = span_to_str(url);
    CURLU *handle = curl_url();
    enum err err = ERR_CONFIG;

    if (!span_starts_with(url, SPAN("http://")) && !span_starts_with(url, SPAN("https://")))
        buf_append_str(why, "it must begin with https:// or http://");
    else if (memchr(url.data, '\0', url.len) || curl_url_set(handle, CURLUPART_URL, text, 0) != CURLUE_OK ||
             !has_part(handle, CURLUPART_HOST))
        buf_append_str(why, "it is no URL");
    else if (has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD) ||
             has_part(handle, CURLUPART_FRAGMENT))
        buf_append_str(why, "it may have neither a user nor a fragment: requests are signed instead");
    else
        err = OK;
    curl_url_cleanup(handle);
    free(text);
    return err;
}

enum err outbound_check_secret(struct span secret, struct buf *why)
{
    if (secret.len >= OUTBOUND_SECRET_BYTES_MIN)
        return OK;
    buf_printf(why, "a secret of at least %d bytes is needed to sign requests with", OUTBOUND_SECRET_BYTES_MIN);
    return ERR_CONFIG;
}
