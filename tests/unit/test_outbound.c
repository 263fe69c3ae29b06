#include "server/outbound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_signature_is_the_hmac_of_time_and_body(void **state)
{
    struct buf header = BUF_EMPTY;

    (void)state;
    outbound_sign(&header, SPAN("a secret that both of them know"), 1700000000, SPAN("{\"hook\":\"join\"}"));
    /* as openssl dgst -sha256 -hmac says */
    assert_true(span_equal(buf_span(&header),
                           SPAN("t=1700000000,v1=5eaae9f064396c869a5f3bd8b8f42c79e8a5a6b431e94aa9af186e3929fdf02b")));
    buf_deinit(&header);
}

static void assert_url(const char *url, enum err expected)
{
    struct buf why = BUF_EMPTY;

    if (outbound_check_url(span_from_str(url), &why) != expected)
        fail_msg("%s", url);
    assert_int_equal(why.len > 0, expected != OK);
    buf_deinit(&why);
}

static void only_urls_of_http_are_taken(void **state)
{
    (void)state;
    assert_url("http://127.0.0.1:3000/hooks", OK);
    assert_url("https://app.example.com/hooks?tenant=1", OK);
    assert_url("http://[::1]:3000", OK);
    assert_url("ftp://app.example.com/", ERR_CONFIG);
    assert_url("file:///etc/passwd", ERR_CONFIG);
    assert_url("app.example.com", ERR_CONFIG);
    assert_url("http://", ERR_CONFIG);
    assert_url("http://a b/", ERR_CONFIG);
    assert_url("http://app.example.com:99999/", ERR_CONFIG);
    assert_url("http://user:word@app.example.com/", ERR_CONFIG);
    assert_url("", ERR_CONFIG);
}

static void a_short_secret_is_none(void **state)
{
    struct buf why = BUF_EMPTY;

    (void)state;
    assert_int_equal(outbound_check_secret(SPAN("fifteen letters"), &why), ERR_CONFIG);
    assert_int_equal(outbound_check_secret(SPAN("sixteen  letters"), &why), OK);
    assert_null(memmem(why.data, why.len, "fifteen", 7)); /* it is not repeated */
    buf_deinit(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_the_hmac_of_time_and_body),
        cmocka_unit_test(only_urls_of_http_are_taken),
        cmocka_unit_test(a_short_secret_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
