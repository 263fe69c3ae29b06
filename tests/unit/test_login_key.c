#include "auth/login_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void a_new_key_is_found_again_by_its_cookie(void **state)
{
    struct buf cookie = BUF_EMPTY;
    uint8_t made[LOGIN_KEY_BYTES], found[LOGIN_KEY_BYTES];

    (void)state;
    login_key_new(&cookie, made);
    assert_int_equal(cookie.len, 43);
    assert_true(login_key_of(buf_span(&cookie), found));
    assert_memory_equal(made, found, LOGIN_KEY_BYTES);
    buf_deinit(&cookie);
}

static void it_may_be_appended_to_something(void **state)
{
    struct buf header = BUF_EMPTY;
    uint8_t made[LOGIN_KEY_BYTES], found[LOGIN_KEY_BYTES];

    (void)state;
    BUF_APPEND_LITERAL(&header, "collabd_session=");
    login_key_new(&header, made);
    assert_true(login_key_of(span_slice(buf_span(&header), 16, header.len), found));
    assert_memory_equal(made, found, LOGIN_KEY_BYTES);
    buf_deinit(&header);
}

static void the_key_is_the_sha256_of_the_value(void **state)
{
    /* printf AAAA...A (43) | sha256sum */
    static const uint8_t expected[LOGIN_KEY_BYTES] = {
        0x0f, 0x00, 0x73, 0x85, 0xb6, 0xf9, 0xd4, 0xb7, 0xee, 0xb2, 0x74, 0x86, 0x05, 0xaf, 0xe1, 0xa9,
        0x84, 0xa0, 0xa3, 0xbf, 0xa3, 0xf0, 0x14, 0xd0, 0x9e, 0x2a, 0x78, 0x4c, 0xe9, 0xe5, 0xcd, 0x1a,
    };
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    assert_true(login_key_of(SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), key));
    assert_memory_equal(key, expected, sizeof(key));
}

static void two_keys_are_never_the_same(void **state)
{
    struct buf first = BUF_EMPTY, second = BUF_EMPTY;
    uint8_t a[LOGIN_KEY_BYTES], b[LOGIN_KEY_BYTES];

    (void)state;
    login_key_new(&first, a);
    login_key_new(&second, b);
    assert_memory_not_equal(a, b, LOGIN_KEY_BYTES);
    assert_false(span_equal(buf_span(&first), buf_span(&second)));
    buf_deinit(&first);
    buf_deinit(&second);
}

static void what_cannot_be_ours_is_refused(void **state)
{
    static const struct span refused[] = {
        SPAN_INIT(""),
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),   /* 42 */
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), /* 44 */
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),  /* padding */
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+"),  /* the other alphabet */
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"),  /* bits left over */
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA"),
        SPAN_INIT("AAAAAAAAAAAAAAAAAAAAA\0AAAAAAAAAAAAAAAAAAAAA"),
    };
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(login_key_of(refused[i], key));
}

static void secrets_are_equal_when_every_byte_is(void **state)
{
    (void)state;
    assert_true(secret_equal(SPAN_EMPTY, SPAN("")));
    assert_true(secret_equal(SPAN("abc\0d"), SPAN("abc\0d")));
    assert_false(secret_equal(SPAN("abc\0d"), SPAN("abc\0e")));
    assert_false(secret_equal(SPAN("xbc"), SPAN("abc")));
    assert_false(secret_equal(SPAN("abc"), SPAN("abcd")));
    assert_false(secret_equal(SPAN(""), SPAN("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_found_again_by_its_cookie),
        cmocka_unit_test(it_may_be_appended_to_something),
        cmocka_unit_test(the_key_is_the_sha256_of_the_value),
        cmocka_unit_test(two_keys_are_never_the_same),
        cmocka_unit_test(what_cannot_be_ours_is_refused),
        cmocka_unit_test(secrets_are_equal_when_every_byte_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
