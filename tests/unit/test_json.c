#include "wire/json.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err verdict(struct span text)
{
    /* exactly as long as the text, so that reading past it shows */
    char *copy = text.len > 0 ? memory_copy(text.data, text.len) : NULL;
    struct json json;
    enum err err = json_parse(&json, span_of(copy, text.len), &json_limits_default);

    json_deinit(&json);
    free(copy);
    return err;
}

static void expect_each(const struct span *texts, size_t count, enum err wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (verdict(texts[i]) != wanted)
            print_error("%s: %.*s\n", wanted == OK ? "refused" : "accepted", SPAN_ARG(texts[i]));
        assert_int_equal(verdict(texts[i]), wanted);
    }
}

#define EXPECT_EACH(texts, wanted) expect_each((texts), sizeof(texts) / sizeof(*(texts)), (wanted))

/* ---- what is JSON ---- */

static void valid_texts_are_accepted(void **state)
{
    static const struct span texts[] = {
        SPAN_INIT("{}"),
        SPAN_INIT("[]"),
        SPAN_INIT("null"),
        SPAN_INIT("true"),
        SPAN_INIT("false"),
        SPAN_INIT("0"),
        SPAN_INIT("-0"),
        SPAN_INIT("-1"),
        SPAN_INIT("\"\""),
        SPAN_INIT("\"a\""),
        SPAN_INIT(" [ ] "),
        SPAN_INIT("\t\r\n{ \"a\" : [ 1 , 2 ] }\n"),
        SPAN_INIT("[1.5]"),
        SPAN_INIT("[0e1]"),
        SPAN_INIT("[0e+1]"),
        SPAN_INIT("[1E22]"),
        SPAN_INIT("[1E-2]"),
        SPAN_INIT("[1E+2]"),
        SPAN_INIT("[123e65]"),
        SPAN_INIT("[20e1]"),
        SPAN_INIT("[123.456e78]"),
        SPAN_INIT("[-0.1]"),
        SPAN_INIT("[4 ]"),
        SPAN_INIT("[[] ]"),
        SPAN_INIT("[\"\\u0060\"]"),
        SPAN_INIT("[\"\\uD801\\udc37\"]"),
        SPAN_INIT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
        SPAN_INIT("[\"\\\\a\"]"),
        SPAN_INIT("[\"a/*b*/c\"]"),
        SPAN_INIT("[\"\\uFFFF\"]"),
        SPAN_INIT("[\"\x7f\"]"),
        SPAN_INIT("[\"\xf4\x8f\xbf\xbf\"]"),
        SPAN_INIT("[\"\xe2\x80\xa8\"]"),
        SPAN_INIT("[\"\\u0001\"]"),
        SPAN_INIT("{\"\":0}"),
        SPAN_INIT("{\"a\":{\"a\":1},\"b\":[]}"),
        SPAN_INIT("{\"\\u0061\":1,\"b\":2}"),
        SPAN_INIT("[1,null,3]"),
        SPAN_INIT("[\"\\\\u0000\"]"),
        SPAN_INIT("[9223372036854775807,-9223372036854775808,18446744073709551615]"),
        SPAN_INIT("[1.7976931348623157e308,5e-324]"),
    };

    (void)state;
    EXPECT_EACH(texts, OK);
}

static void broken_texts_are_refused(void **state)
{
    static const struct span texts[] = {
        SPAN_INIT(""),
        SPAN_INIT(" "),
        SPAN_INIT("["),
        SPAN_INIT("]"),
        SPAN_INIT("{"),
        SPAN_INIT("[1"),
        SPAN_INIT("[1,]"),
        SPAN_INIT("[,1]"),
        SPAN_INIT("[1,,2]"),
        SPAN_INIT("[1 2]"),
        SPAN_INIT("[1]]"),
        SPAN_INIT("[1]x"),
        SPAN_INIT("1 2"),
        SPAN_INIT("{}{}"),
        SPAN_INIT("{\"a\"}"),
        SPAN_INIT("{\"a\":}"),
        SPAN_INIT("{\"a\":1,}"),
        SPAN_INIT("{a:1}"),
        SPAN_INIT("{'a':1}"),
        SPAN_INIT("{1:1}"),
        SPAN_INIT("{\"a\" \"b\"}"),
        SPAN_INIT("{\"a\":1 \"b\":2}"),
        SPAN_INIT("[\"a"),
        SPAN_INIT("[\"a\\\"]"),
        SPAN_INIT("[\"\\x\"]"),
        SPAN_INIT("[\"\\u00\"]"),
        SPAN_INIT("[\"\\u00g0\"]"),
        SPAN_INIT("[\"\\"),
        SPAN_INIT("[\"\t\"]"),
        SPAN_INIT("[\"\n\"]"),
        SPAN_INIT("[\"\0\"]"),
        SPAN_INIT("[\x0c]"),
        SPAN_INIT("\0"),
        SPAN_INIT("[]\0"),
        SPAN_INIT("[+1]"),
        SPAN_INIT("[01]"),
        SPAN_INIT("[-01]"),
        SPAN_INIT("[1.]"),
        SPAN_INIT("[.1]"),
        SPAN_INIT("[-]"),
        SPAN_INIT("[1e]"),
        SPAN_INIT("[1e+]"),
        SPAN_INIT("[0x1]"),
        SPAN_INIT("[1_000]"),
        SPAN_INIT("[NaN]"),
        SPAN_INIT("[Infinity]"),
        SPAN_INIT("[-Infinity]"),
        SPAN_INIT("[nan]"),
        SPAN_INIT("[inf]"),
        SPAN_INIT("[tru]"),
        SPAN_INIT("[True]"),
        SPAN_INIT("nul"),
        SPAN_INIT("[1]//c"),
        SPAN_INIT("/*c*/[1]"),
        SPAN_INIT("\xef\xbb\xbf[1]"),
        SPAN_INIT("\xff\xfe[\0]\0"),
        SPAN_INIT("\xfe\xff\0[\0]"),
        SPAN_INIT("[\"\xff\"]"),
        SPAN_INIT("[\"\xc0\x80\"]"),
        SPAN_INIT("[\"\xed\xa0\x80\"]"),
        SPAN_INIT("[\"\xf4\x90\x80\x80\"]"),
        SPAN_INIT("[\"\xe2\x82\"]"),
        SPAN_INIT("[\xc3\xa9]"),
        SPAN_INIT("\xc2\xa0[]"),
        SPAN_INIT("[1\xe2\x80\x83]"),
        SPAN_INIT("undefined"),
        SPAN_INIT("[\"a\":1]"),
        SPAN_INIT("{[]:1}"),
        SPAN_INIT("{\"a\":1]"),
        SPAN_INIT("[1}"),
        SPAN_INIT("- 1"),
        SPAN_INIT("[1e1.5]"),
    };

    (void)state;
    EXPECT_EACH(texts, ERR_BAD_JSON);
}

static void text_holds_no_nul_and_no_lone_surrogate(void **state)
{
    static const struct span texts[] = {
        SPAN_INIT("[\"\\u0000\"]"),        SPAN_INIT("{\"a\\u0000b\":1}"), SPAN_INIT("\"\\u0000\""),
        SPAN_INIT("[\"\\ud800\"]"),        SPAN_INIT("[\"\\udc00\"]"),     SPAN_INIT("[\"\\ud800\\ud800\"]"),
        SPAN_INIT("[\"\\udc37\\ud801\"]"), SPAN_INIT("[\"\\ud800x\"]"),    SPAN_INIT("{\"\\udead\":1}"),
        SPAN_INIT("[\"\\ud800\\u0041\"]"),
    };

    (void)state;
    EXPECT_EACH(texts, ERR_BAD_JSON);
}

static void numbers_are_not_rounded_behind_our_back(void **state)
{
    static const struct span good[] = {
        SPAN_INIT("[100000000000000000000]"),  SPAN_INIT("[123456789012345680000]"),
        SPAN_INIT("[-123456789012345680000]"), SPAN_INIT("[999999999999999900000]"),
        SPAN_INIT("18446744073709552000"),
    };
    static const struct span bad[] = {
        SPAN_INIT("[18446744073709551616]"),
        SPAN_INIT("[-9223372036854775809]"),
        SPAN_INIT("[123456789012345678901]"),
        SPAN_INIT("[-123123123123123123123123123123]"),
        SPAN_INIT("[100000000000000000000000000000000000000000000000000]"),
        SPAN_INIT("[1e999]"),
        SPAN_INIT("[-1e999]"),
        SPAN_INIT("[1.5e309]"),
        SPAN_INIT("[0.4e00669999999999999999999999999999969999999006]"),
        SPAN_INIT("[123123e100000]"),
    };

    (void)state;
    EXPECT_EACH(good, OK);
    EXPECT_EACH(bad, ERR_BAD_JSON);
}

static void a_big_number_is_a_double(void **state)
{
    struct json json;

    (void)state;
    assert_int_equal(json_parse(&json, SPAN("123456789012345680000"), &json_limits_default), OK);
    assert_true(yyjson_is_real(json.root));
    assert_true(yyjson_get_real(json.root) == 123456789012345680000.0);
    assert_true(span_equal(json_slice(&json, json.root), json.text));
    json_deinit(&json);
}

/* ---- limits ---- */

static struct buf repeated(const char *part, size_t count)
{
    struct buf out = BUF_EMPTY;

    for (size_t i = 0; i < count; i++)
        buf_append_str(&out, part);
    return out;
}

static void depth_has_a_limit(void **state)
{
    static const unsigned depths[] = {32, 33};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf arrays = BUF_EMPTY, objects = BUF_EMPTY;

        for (unsigned k = 0; k < depths[i]; k++) {
            buf_append_str(&arrays, "[");
            buf_append_str(&objects, k + 1 < depths[i] ? "{\"a\":" : "{");
        }
        for (unsigned k = 0; k < depths[i]; k++) {
            buf_append_str(&arrays, "]");
            buf_append_str(&objects, "}");
        }
        assert_int_equal(verdict(buf_span(&arrays)), i == 0 ? OK : ERR_BAD_JSON);
        assert_int_equal(verdict(buf_span(&objects)), i == 0 ? OK : ERR_BAD_JSON);
        buf_deinit(&arrays);
        buf_deinit(&objects);
    }
}

static void siblings_do_not_add_to_the_depth(void **state)
{
    struct buf text = BUF_EMPTY;

    (void)state;
    buf_append_str(&text, "[[]");
    for (int i = 0; i < 100; i++)
        buf_append_str(&text, ",[[]],{\"a\":{}}");
    buf_append_str(&text, "]");
    assert_int_equal(verdict(buf_span(&text)), OK);
    buf_deinit(&text);
}

static void brackets_without_end_cost_little_memory(void **state)
{
    static const char *const parts[] = {"[", "{\"a\":", "[1,", "[[],"};
    struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = 32, .members_max = 4096};

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct buf text = repeated(parts[i], 100000);
        struct json json;

        assert_int_equal(json_parse(&json, buf_span(&text), &limits), ERR_BAD_JSON);
        assert_int_equal(verdict(buf_span(&text)), ERR_TOO_LARGE);
        buf_deinit(&text);
    }
}

static void members_are_counted_in_all_containers(void **state)
{
    struct json_limits limits = {.bytes_max = 1000, .depth_max = 8, .members_max = 6};
    struct json json;

    (void)state;
    assert_int_equal(json_parse(&json, SPAN("{\"a\":[1,2,3],\"b\":{\"c\":0}}"), &limits), OK);
    json_deinit(&json);
    assert_int_equal(json_parse(&json, SPAN("{\"a\":[1,2,3],\"b\":{\"c\":0,\"d\":0}}"), &limits), ERR_BAD_JSON);
    assert_int_equal(json_parse(&json, SPAN("[1,2,3,4,5,6,7]"), &limits), ERR_BAD_JSON);
    assert_null(json.doc);
    json_deinit(&json);
}

static void the_default_limits_hold(void **state)
{
    (void)state;
    for (size_t count = 4096; count <= 4097; count++) {
        struct buf text = BUF_EMPTY;

        buf_append_char(&text, '{');
        for (size_t i = 0; i < count; i++)
            buf_printf(&text, "%s\"k%zu\":%zu", i > 0 ? "," : "", i, i);
        buf_append_char(&text, '}');
        assert_int_equal(verdict(buf_span(&text)), count == 4096 ? OK : ERR_BAD_JSON);
        buf_deinit(&text);
    }
}

static void a_text_has_a_length_limit(void **state)
{
    struct buf text = repeated(" ", 65535);

    (void)state;
    buf_append_char(&text, '1');
    assert_int_equal(verdict(buf_span(&text)), OK);
    buf_append_char(&text, ' ');
    assert_int_equal(verdict(buf_span(&text)), ERR_TOO_LARGE);
    buf_deinit(&text);
}

/* ---- keys ---- */

static void a_key_may_come_once(void **state)
{
    static const struct span texts[] = {
        SPAN_INIT("{\"type\":\"update\",\"type\":\"ping\"}"),
        SPAN_INIT("{\"type\":1,\"\\u0074ype\":1}"),
        SPAN_INIT("{\"\":1,\"\":1}"),
        SPAN_INIT("{\"a\":{\"b\":1,\"c\":{},\"b\":[]}}"),
        SPAN_INIT("[{\"x\":[1,{}],\"y\":1,\"x\":2}]"),
        SPAN_INIT("{\"\\u00e9\":1,\"\xc3\xa9\":1}"),
    };

    (void)state;
    EXPECT_EACH(texts, ERR_BAD_JSON);
}

static void a_doubled_key_is_found_among_many(void **state)
{
    (void)state;
    for (size_t count = 2; count < 200; count++) {
        struct buf text = BUF_EMPTY;

        buf_append_char(&text, '{');
        for (size_t i = 0; i < count; i++)
            buf_printf(&text, "\"key%zu\":[{\"a\":1}],", i);
        buf_printf(&text, "\"key%zu\":1}", count);
        assert_int_equal(verdict(buf_span(&text)), OK);
        text.len -= 4; /* ":1} */
        while (text.data[text.len - 1] != 'y')
            text.len--;
        buf_printf(&text, "%zu\":1}", count / 2);
        assert_int_equal(verdict(buf_span(&text)), ERR_BAD_JSON);
        buf_deinit(&text);
    }
}

/* ---- slices ---- */

/* Every value's slice, read again, is the same value; `text` has no blanks, so printing the value gives the slice. */
static void expect_slices(struct span text)
{
    struct json json;
    struct buf printed = BUF_EMPTY;

    assert_int_equal(json_parse(&json, text, &json_limits_default), OK);
    for (size_t i = 0; i < yyjson_doc_get_val_count(json.doc); i++) {
        struct span slice = json_slice(&json, json.root + i);

        buf_reset(&printed);
        json_append_value(&printed, json.root + i);
        if (!span_equal(slice, buf_span(&printed)))
            print_error("%.*s: %.*s\n", SPAN_ARG(text), SPAN_ARG(slice));
        assert_true(span_equal(slice, buf_span(&printed)));
    }
    buf_deinit(&printed);
    json_deinit(&json);
}

static void a_slice_is_the_text_of_a_value(void **state)
{
    (void)state;
    expect_slices(SPAN("1"));
    expect_slices(SPAN("\"x\""));
    expect_slices(SPAN("[]"));
    expect_slices(SPAN("[1,2,[3,[],{},4],true,[null]]"));
    expect_slices(SPAN("[[[[1]]],[[]],[]]"));
    expect_slices(SPAN("{\"a\":1,\"b\":{\"c\":[1,\"d\",2.5],\"e\":{}},\"f\":false,\"g\":null}"));
    expect_slices(SPAN("{\"a\\\"b\":\"\\\\\",\"c\":\"}]\",\"d\":[\"{\",\"[\\\"\"]}"));
}

static void a_slice_keeps_blanks_and_spelling(void **state)
{
    struct span text = SPAN(" { \"p\\u0061y\" : [ 1.50 , \"\\u0041\" ] , \"n\" : -1e2 ,\"o\":{ }}\n");
    struct json json;

    (void)state;
    assert_int_equal(json_parse(&json, text, &json_limits_default), OK);
    assert_true(span_equal(json_slice(&json, json_get(json.root, "pay")), SPAN("[ 1.50 , \"\\u0041\" ]")));
    assert_true(span_equal(json_slice(&json, json_get(json.root, "n")), SPAN("-1e2")));
    assert_true(span_equal(json_slice(&json, json_get(json.root, "o")), SPAN("{ }")));
    assert_true(span_equal(json_slice(&json, json.root), span_slice(text, 1, text.len - 2)));
    assert_true(span_equal(json_slice(&json, yyjson_arr_get_first(json_get(json.root, "pay"))), SPAN("1.50")));
    assert_true(span_equal(json_slice(&json, yyjson_arr_get_last(json_get(json.root, "pay"))), SPAN("\"\\u0041\"")));
    json_deinit(&json);
}

/* ---- reading ---- */

static void members_are_found_by_name_and_type(void **state)
{
    struct json json;
    int64_t number = 7;

    (void)state;
    assert_int_equal(
        json_parse(
            &json,
            SPAN("{\"s\":\"text\",\"i\":-5,\"u\":18446744073709551615,\"f\":1.0,\"b\":true,\"camelCase\":\"c\"}"),
            &json_limits_default),
        OK);
    assert_true(span_equal(json_get_text(json.root, "s"), SPAN("text")));
    assert_int_equal(json_get_text(json.root, "i").len, 0);
    assert_int_equal(json_get_text(json.root, "none").len, 0);
    assert_true(span_equal(json_get_text2(json.root, "camel_case", "camelCase"), SPAN("c")));
    assert_null(json_get2(json.root, "x", "y"));
    assert_true(json_get_i64(json.root, "i", &number));
    assert_int_equal(number, -5);
    assert_false(json_get_i64(json.root, "u", &number));
    assert_false(json_get_i64(json.root, "f", &number));
    assert_false(json_get_i64(json.root, "s", &number));
    assert_false(json_get_i64(json.root, "none", &number));
    assert_int_equal(number, -5);
    assert_true(json_get_bool(json.root, "b", false));
    assert_true(json_get_bool(json.root, "i", true));
    assert_false(json_get_bool(NULL, "i", false));
    assert_null(json_get(json_get(json.root, "s"), "x"));
    json_deinit(&json);
}

/* ---- writing ---- */

static void expect_written(struct buf *out, struct span wanted)
{
    if (!span_equal(buf_span(out), wanted))
        print_error("%.*s\n", SPAN_ARG(buf_span(out)));
    assert_true(span_equal(buf_span(out), wanted));
    buf_deinit(out);
}

static void strings_are_escaped(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    json_append_string(&out, SPAN("a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f \xc3\xa9 </script> </"));
    expect_written(&out, SPAN("\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f \xc3\xa9 <\\/script> <\\/\""));
    json_append_string(&out, SPAN_EMPTY);
    expect_written(&out, SPAN("\"\""));
}

static void text_that_is_not_utf8_is_repaired(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    json_append_string(&out, SPAN("a\xff\"</b"));
    expect_written(&out, SPAN("\"a\xef\xbf\xbd\\\"<\\/b\""));
}

static void values_are_written_compactly_and_safe_for_pages(void **state)
{
    struct json json;
    struct buf out = BUF_EMPTY;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *array = yyjson_mut_arr(doc);

    (void)state;
    assert_int_equal(json_parse(&json, SPAN("{ \"a\" : [ 1, 2.50, \"</x></y>\" ] }"), &json_limits_default), OK);
    json_append_value(&out, json.root);
    expect_written(&out, SPAN("{\"a\":[1,2.5,\"<\\/x><\\/y>\"]}"));
    json_deinit(&json);
    yyjson_mut_arr_add_str(doc, array, "</");
    json_append_mut(&out, array);
    expect_written(&out, SPAN("[\"<\\/\"]"));
    yyjson_mut_doc_free(doc);
}

static void numbers_are_short_and_come_back(void **state)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {5, "5"},
        {-7, "-7"},
        {0.1, "0.1"},
        {1.5, "1.5"},
        {-0.0, "-0.0"},
        {1e21, "1e21"},
        {5e-324, "5e-324"},
        {9007199254740991.0, "9007199254740991"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {0.30000000000000004, "0.30000000000000004"},
        {INFINITY, "null"},
        {NAN, "null"},
    };

    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where 1.5 is printed 1,5 */
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_EMPTY;

        json_append_number(&out, cases[i].number);
        expect_written(&out, span_from_str(cases[i].text));
    }
    (void)setlocale(LC_ALL, "C");
}

static void members_are_separated_by_commas(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    buf_append_char(&out, '{');
    json_member_string(&out, "s", SPAN("x\n"));
    json_member_i64(&out, "i", INT64_MIN);
    json_member_u64(&out, "u", UINT64_MAX);
    json_member_bool(&out, "b", true);
    json_member_raw(&out, "r", SPAN("[1]"));
    json_member_raw(&out, "n", SPAN_EMPTY);
    json_append_key(&out, "o");
    buf_append_char(&out, '{');
    json_member_bool(&out, "f", false);
    buf_append_str(&out, "}}");
    expect_written(&out,
                   SPAN("{\"s\":\"x\\n\",\"i\":-9223372036854775808,\"u\":18446744073709551615,\"b\":true,\"r\":[1],"
                        "\"n\":null,\"o\":{\"f\":false}}"));
}

static void an_id_is_a_number_when_it_is_one(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    buf_append_char(&out, '{');
    json_member_id(&out, "a", SPAN("5"));
    json_member_id(&out, "b", SPAN("0"));
    json_member_id(&out, "c", SPAN("05"));
    json_member_id(&out, "d", SPAN("-5"));
    json_member_id(&out, "e", SPAN("u5"));
    json_member_id(&out, "f", SPAN_EMPTY);
    json_member_id(&out, "g", SPAN("9007199254740991"));
    json_member_id(&out, "h", SPAN("9007199254740992"));
    expect_written(&out,
                   SPAN("{\"a\":5,\"b\":0,\"c\":\"05\",\"d\":\"-5\",\"e\":\"u5\",\"f\":\"\",\"g\":9007199254740991,"
                        "\"h\":\"9007199254740992\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_accepted),
        cmocka_unit_test(broken_texts_are_refused),
        cmocka_unit_test(text_holds_no_nul_and_no_lone_surrogate),
        cmocka_unit_test(numbers_are_not_rounded_behind_our_back),
        cmocka_unit_test(a_big_number_is_a_double),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(siblings_do_not_add_to_the_depth),
        cmocka_unit_test(brackets_without_end_cost_little_memory),
        cmocka_unit_test(members_are_counted_in_all_containers),
        cmocka_unit_test(the_default_limits_hold),
        cmocka_unit_test(a_text_has_a_length_limit),
        cmocka_unit_test(a_key_may_come_once),
        cmocka_unit_test(a_doubled_key_is_found_among_many),
        cmocka_unit_test(a_slice_is_the_text_of_a_value),
        cmocka_unit_test(a_slice_keeps_blanks_and_spelling),
        cmocka_unit_test(members_are_found_by_name_and_type),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(text_that_is_not_utf8_is_repaired),
        cmocka_unit_test(values_are_written_compactly_and_safe_for_pages),
        cmocka_unit_test(numbers_are_short_and_come_back),
        cmocka_unit_test(members_are_separated_by_commas),
        cmocka_unit_test(an_id_is_a_number_when_it_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
