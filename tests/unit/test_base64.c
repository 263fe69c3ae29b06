#include "base/base64.h"
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct pair {
    struct span bytes, standard, url;
} pairs[] = {
    /* RFC 4648, section 10 */
    {SPAN_INIT(""), SPAN_INIT(""), SPAN_INIT("")},
    {SPAN_INIT("f"), SPAN_INIT("Zg=="), SPAN_INIT("Zg")},
    {SPAN_INIT("fo"), SPAN_INIT("Zm8="), SPAN_INIT("Zm8")},
    {SPAN_INIT("foo"), SPAN_INIT("Zm9v"), SPAN_INIT("Zm9v")},
    {SPAN_INIT("foob"), SPAN_INIT("Zm9vYg=="), SPAN_INIT("Zm9vYg")},
    {SPAN_INIT("fooba"), SPAN_INIT("Zm9vYmE="), SPAN_INIT("Zm9vYmE")},
    {SPAN_INIT("foobar"), SPAN_INIT("Zm9vYmFy"), SPAN_INIT("Zm9vYmFy")},
    /* where the two differ */
    {SPAN_INIT("\xfb\xff\xbf"), SPAN_INIT("+/+/"), SPAN_INIT("-_-_")},
    {SPAN_INIT("\0\0"), SPAN_INIT("AAA="), SPAN_INIT("AAA")},
};

static void assert_holds(struct buf *buf, struct span expected)
{
    assert_true(span_equal(buf_span(buf), expected));
    buf_reset(buf);
}

static void known_bytes_have_known_texts_in_both_directions(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        base64_encode(&out, pairs[i].bytes);
        assert_holds(&out, pairs[i].standard);
        base64url_encode(&out, pairs[i].bytes);
        assert_holds(&out, pairs[i].url);
        assert_int_equal(base64_decode(&out, pairs[i].standard), OK);
        assert_holds(&out, pairs[i].bytes);
        assert_int_equal(base64url_decode(&out, pairs[i].url), OK);
        assert_holds(&out, pairs[i].bytes);
    }
    buf_deinit(&out);
}

static void both_append_to_what_is_there(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    buf_append_str(&out, "b:");
    base64_encode(&out, SPAN("f"));
    assert_holds(&out, SPAN("b:Zg=="));
    buf_append_str(&out, "b:");
    assert_int_equal(base64_decode(&out, SPAN("Zg==")), OK);
    assert_holds(&out, SPAN("b:f"));
    buf_deinit(&out);
}

static void anything_but_the_one_spelling_is_refused(void **state)
{
    static const struct span bad[] = {
        SPAN_INIT("Zg"),       SPAN_INIT("Zg="),  SPAN_INIT("Zg==="),    SPAN_INIT("Z==="),  SPAN_INIT("===="),
        SPAN_INIT("Zm9v===="), SPAN_INIT("Zh=="), SPAN_INIT("Zm9="),     SPAN_INIT("Zm9v "), SPAN_INIT("Zm9v\n"),
        SPAN_INIT("Zm\n9v"),   SPAN_INIT("Z=9v"), SPAN_INIT("Zg==Zg=="), SPAN_INIT("-_-_"),  SPAN_INIT("Zm9\0"),
        SPAN_INIT("Zm9\xff"),  SPAN_INIT("="),    SPAN_INIT("=="),       SPAN_INIT("Zm9!"),  SPAN_INIT("Zm9v=g=="),
    };
    struct buf out = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(base64_decode(&out, bad[i]), ERR_BAD_MESSAGE);
    buf_deinit(&out);
}

static void the_url_form_has_no_padding_and_its_own_alphabet(void **state)
{
    static const struct span bad[] = {
        SPAN_INIT("Zg=="), SPAN_INIT("Zm8="), SPAN_INIT("+/+/"), SPAN_INIT("Z"),    SPAN_INIT("Zm9vZ"),
        SPAN_INIT("Zh"),   SPAN_INIT("Zm9"),  SPAN_INIT("Zg "),  SPAN_INIT("Zm.v"),
    };
    struct buf out = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(base64url_decode(&out, bad[i]), ERR_BAD_MESSAGE);
    buf_deinit(&out);
}

static void random_bytes_survive_the_way_there_and_back(void **state)
{
    struct buf text = BUF_EMPTY, bytes = BUF_EMPTY;
    unsigned char data[100];

    (void)state;
    rand_bytes(data, sizeof(data));
    for (size_t len = 0; len <= sizeof(data); len++) {
        base64_encode(&text, span_of(data, len));
        assert_int_equal(text.len, (len + 2) / 3 * 4);
        assert_int_equal(base64_decode(&bytes, buf_span(&text)), OK);
        assert_holds(&bytes, span_of(data, len));
        buf_reset(&text);
        base64url_encode(&text, span_of(data, len));
        assert_int_equal(base64url_decode(&bytes, buf_span(&text)), OK);
        assert_holds(&bytes, span_of(data, len));
        buf_reset(&text);
    }
    buf_deinit(&text);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes_have_known_texts_in_both_directions),
        cmocka_unit_test(both_append_to_what_is_there),
        cmocka_unit_test(anything_but_the_one_spelling_is_refused),
        cmocka_unit_test(the_url_form_has_no_padding_and_its_own_alphabet),
        cmocka_unit_test(random_bytes_survive_the_way_there_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
