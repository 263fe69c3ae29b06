#include "auth/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void a_password_matches_its_hash(void **state)
{
    struct buf hash = BUF_EMPTY;

    (void)state;
    assert_int_equal(password_hash(SPAN("demo"), &hash), OK);
    assert_int_equal(password_verify(SPAN("demo"), buf_span(&hash)), OK);
    assert_int_equal(password_verify(SPAN("Demo"), buf_span(&hash)), ERR_BAD_CREDENTIALS);
    assert_int_equal(password_verify(SPAN("demo "), buf_span(&hash)), ERR_BAD_CREDENTIALS);
    buf_deinit(&hash);
}

static void the_hash_says_how_it_was_made(void **state)
{
    struct buf hash = BUF_EMPTY;

    (void)state;
    assert_int_equal(password_hash(SPAN("demo"), &hash), OK);
    assert_true(span_starts_with(buf_span(&hash), SPAN("$argon2id$v=19$m=19456,t=2,p=1$")));
    buf_deinit(&hash);
}

static void each_hash_has_a_salt_of_its_own(void **state)
{
    struct buf first = BUF_EMPTY, second = BUF_EMPTY;

    (void)state;
    assert_int_equal(password_hash(SPAN("demo"), &first), OK);
    assert_int_equal(password_hash(SPAN("demo"), &second), OK);
    assert_false(span_equal(buf_span(&first), buf_span(&second)));
    buf_deinit(&first);
    buf_deinit(&second);
}

static void a_password_is_bytes(void **state)
{
    struct buf hash = BUF_EMPTY;

    (void)state;
    assert_int_equal(password_hash(SPAN("a\0b \xc3\xa9"), &hash), OK);
    assert_int_equal(password_verify(SPAN("a\0b \xc3\xa9"), buf_span(&hash)), OK);
    assert_int_equal(password_verify(SPAN("a"), buf_span(&hash)), ERR_BAD_CREDENTIALS);
    assert_int_equal(password_verify(SPAN("a\0c \xc3\xa9"), buf_span(&hash)), ERR_BAD_CREDENTIALS);
    buf_deinit(&hash);
}

static void hashes_of_others_are_understood(void **state)
{
    /* echo -n demo | argon2 somesaltsomesalt -id -t 3 -m 12 -p 2 -e */
    struct span foreign =
        SPAN("$argon2id$v=19$m=4096,t=3,p=2$c29tZXNhbHRzb21lc2FsdA$vMorEZ67Z3gMpB8YV3idg0TJZCutQwCIE3z+Ch/PtvI");

    (void)state;
    assert_int_equal(password_verify(SPAN("demo"), foreign), OK);
    assert_int_equal(password_verify(SPAN("demo1"), foreign), ERR_BAD_CREDENTIALS);
}

static void empty_and_endless_passwords_are_refused(void **state)
{
    static char endless[PASSWORD_BYTES_MAX + 1];
    struct buf hash = BUF_EMPTY;
    struct span longest = {endless, PASSWORD_BYTES_MAX};

    (void)state;
    memset(endless, 'x', sizeof(endless));
    assert_int_equal(password_hash(SPAN(""), &hash), ERR_BAD_FIELD);
    assert_int_equal(password_hash(span_of(endless, sizeof(endless)), &hash), ERR_TOO_LARGE);
    assert_int_equal(hash.len, 0);
    assert_int_equal(password_hash(longest, &hash), OK);
    assert_int_equal(password_verify(longest, buf_span(&hash)), OK);
    assert_int_equal(password_verify(span_of(endless, sizeof(endless)), buf_span(&hash)), ERR_BAD_CREDENTIALS);
    assert_int_equal(password_verify(SPAN(""), buf_span(&hash)), ERR_BAD_CREDENTIALS);
    buf_deinit(&hash);
}

static void without_a_valid_hash_nobody_gets_in(void **state)
{
    static const struct span broken[] = {
        SPAN_INIT(""), /* nobody of that name: as slow as a wrong password, and never right */
        SPAN_INIT("demo"),
        SPAN_INIT("$argon2id$v=19$m=19456,t=2,p=1$"),
        SPAN_INIT("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA"),
        SPAN_INIT("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"),
        SPAN_INIT("$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmE"),
        /* four gibibytes, a million rounds, a thousand threads */
        SPAN_INIT("$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmE"),
        SPAN_INIT("$argon2id$v=19$m=19456,t=1000000,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9v"),
        SPAN_INIT("$argon2id$v=19$m=19456,t=2,p=1000$c29tZXNhbHRzb21lc2FsdA$Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmE"),
        SPAN_INIT("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9v\0mFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmE"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(password_verify(SPAN("demo"), broken[i]), ERR_BAD_CREDENTIALS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_matches_its_hash),
        cmocka_unit_test(the_hash_says_how_it_was_made),
        cmocka_unit_test(each_hash_has_a_salt_of_its_own),
        cmocka_unit_test(a_password_is_bytes),
        cmocka_unit_test(hashes_of_others_are_understood),
        cmocka_unit_test(empty_and_endless_passwords_are_refused),
        cmocka_unit_test(without_a_valid_hash_nobody_gets_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
