#include "lib/tls_stage.h"

#include <openssl/x509.h>
#include <stdio.h>

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

static void assert_served_as(const char *name)
{
    char subject[32];
    X509 *certificate;

    channel_until_connected();
    certificate = SSL_get1_peer_certificate(channel.client);
    assert_non_null(certificate);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject, sizeof(subject));
    assert_string_equal(subject, name);
    X509_free(certificate);
}

static void a_reload_serves_new_handshakes_and_keeps_the_old_on_error(void **state)
{
    struct tls *tls = tls_stage_tls();
    struct buf why = BUF_EMPTY;
    FILE *file;

    (void)state;
    tls_stage_make_certificate("second");
    channel_reopen(tls_ref(tls), 10000);
    assert_served_as("first");
    assert_int_equal(tls_reload(tls, &why), OK); /* while one is connected */
    channel_write("x", 1);
    channel_until_heard(1);

    channel_reopen(tls_ref(tls), 10000);
    assert_served_as("second");

    file = fopen(certificate_file, "wb");
    fputs("no certificate", file);
    fclose(file);
    assert_int_equal(tls_reload(tls, &why), ERR_CONFIG);
    assert_true(why.len > 0);
    channel_reopen(tls_ref(tls), 10000);
    assert_served_as("second");
    buf_deinit(&why);
    tls_unref(tls);
    tls_stage_make_certificate("first");
}

/* ---- handshakes --------------------------------------------------------------------------------------------------- */

static void a_handshake_may_come_byte_by_byte(void **state)
{
    (void)state;
    while (!SSL_is_init_finished(channel.client)) {
        char *bytes;
        long len;

        if (channel.far.heard.len > 0) {
            BIO_write(channel.in, channel.far.heard.data, (int)channel.far.heard.len);
            buf_reset(&channel.far.heard);
        }
        SSL_do_handshake(channel.client);
        len = BIO_get_mem_data(channel.out, &bytes);
        for (long i = 0; i < len; i++) {
            far_say(&channel.far, (struct span){bytes + i, 1});
            stage_turns(&channel.stage, 2);
        }
        (void)BIO_reset(channel.out);
        stage_turns(&channel.stage, 1);
    }
    channel_write("x", 1);
    channel_until_heard(1);
}

static void a_handshake_has_a_deadline(void **state)
{
    (void)state;
    channel_reopen(NULL, 20);
    far_say(&channel.far, SPAN("\x16\x03\x01\x02\x00"));
    channel_until_closed();
}

static void old_versions_and_weak_ciphers_get_no_connection(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        channel_reopen(NULL, 10000);
        SSL_set_security_level(channel.client, 0);
        if (i == 0) {
            SSL_set_min_proto_version(channel.client, TLS1_VERSION);
            SSL_set_max_proto_version(channel.client, TLS1_1_VERSION);
        } else {
            SSL_set_max_proto_version(channel.client, TLS1_2_VERSION);
            assert_int_equal(
                SSL_set_cipher_list(channel.client, i == 1 ? "AES128-SHA:AES256-GCM-SHA384" : "ECDHE-ECDSA-AES128-SHA"),
                1);
        }
        channel_until_ended();
        assert_false(SSL_is_init_finished(channel.client));
    }
}

static void tls_1_2_with_a_modern_cipher_is_served(void **state)
{
    (void)state;
    SSL_set_max_proto_version(channel.client, TLS1_2_VERSION);
    channel_until_connected();
    channel_write("hello", 5);
    channel_until_heard(5);
}

static void plain_http_is_told_where_it_is(void **state)
{
    (void)state;
    far_say(&channel.far, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    far_until_ended(&channel.far);
    assert_true(far_has(&channel.far, "HTTP/1.1 400 Bad Request\r\n"));
    assert_true(far_has(&channel.far, "use https://"));
}

static void garbage_is_closed(void **state)
{
    (void)state;
    far_say(&channel.far,
            SPAN("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10 and so on and so forth and more of the same"));
    far_until_ended(&channel.far);
}

static void too_many_key_updates_end_it(void **state)
{
    (void)state;
    channel_until_connected();
    for (int i = 0; i < 32; i++) {
        assert_int_equal(SSL_key_update(channel.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        channel_write("x", 1);
    }
    channel_until_heard(32);
    for (int i = 0; i < 2 && !channel.far.is_ended; i++) {
        SSL_key_update(channel.client, SSL_KEY_UPDATE_NOT_REQUESTED);
        channel_write("y", 1);
    }
    channel_until_closed();
}

static void only_http_1_1_is_agreed_on(void **state)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", two[] = "\x02h2";
    const unsigned char *picked;
    unsigned len;

    (void)state;
    assert_int_equal(SSL_set_alpn_protos(channel.client, both, sizeof(both) - 1), 0);
    channel_until_connected();
    SSL_get0_alpn_selected(channel.client, &picked, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(picked, "http/1.1", 8);

    channel_reopen(NULL, 10000);
    assert_int_equal(SSL_set_alpn_protos(channel.client, two, sizeof(two) - 1), 0);
    channel_until_ended();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tls_stage_set_up, tls_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_that_do_not_serve_are_named),
        TEST(a_reload_serves_new_handshakes_and_keeps_the_old_on_error),
        TEST(a_handshake_may_come_byte_by_byte),
        TEST(a_handshake_has_a_deadline),
        TEST(old_versions_and_weak_ciphers_get_no_connection),
        TEST(tls_1_2_with_a_modern_cipher_is_served),
        TEST(plain_http_is_told_where_it_is),
        TEST(garbage_is_closed),
        TEST(too_many_key_updates_end_it),
        TEST(only_http_1_1_is_agreed_on),
    };

    return cmocka_run_group_tests(tests, tls_stage_make_files, tls_stage_remove_files);
}
