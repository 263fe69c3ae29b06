#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_error_is_complete(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ERR_COUNT; i++) {
        enum err err = (enum err)i;
        struct span code = span_from_str(err_code(err));
        struct span sentence = span_from_str(err_sentence(err));
        unsigned close_code = err_close_code(err);

        assert_true(code.len > 0);
        for (size_t k = 0; k < code.len; k++)
            assert_true(code.data[k] == '_' || (code.data[k] >= 'a' && code.data[k] <= 'z') ||
                        (code.data[k] >= '0' && code.data[k] <= '9'));
        assert_true(sentence.len > 10 && span_ends_with(sentence, SPAN(".")));
        assert_in_range(err_http_status(err), 400, 599);
        assert_true(close_code == 0 || (close_code >= 1002 && close_code <= 1014) ||
                    (close_code >= 4000 && close_code <= 4999));
        assert_true(close_code != 0 || !err_is_counted(err)); /* else what would they end a connection with? */
    }
}

static void mistakes_are_counted_and_refusals_are_not(void **state)
{
    (void)state;
    assert_true(err_is_counted(ERR_BAD_JSON));
    assert_true(err_is_counted(ERR_MISSING_FIELD));
    assert_true(err_is_counted(ERR_RATE_LIMITED));
    assert_true(err_is_counted(ERR_ID_REUSED));
    assert_true(err_is_counted(ERR_FORBIDDEN));
    assert_false(err_is_counted(ERR_CONFLICT));
    assert_false(err_is_counted(ERR_TOO_MANY));
    assert_false(err_is_counted(ERR_NOT_FOUND));
    assert_false(err_is_counted(OK));
}

static void a_code_leads_back_to_an_error_with_that_code(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERR_COUNT; i++) {
        struct span code = span_from_str(err_code((enum err)i));
        enum err found = err_from_code(code);

        assert_true(found < ERR_COUNT);
        assert_true(span_equal(span_from_str(err_code(found)), code));
    }
    assert_int_equal(err_from_code(SPAN("conflict")), ERR_CONFLICT);
    assert_int_equal(err_from_code(SPAN("no_such_code")), ERR_COUNT);
    assert_int_equal(err_from_code(SPAN_EMPTY), ERR_COUNT);
}

static void success_is_zero_and_ok(void **state)
{
    (void)state;
    assert_int_equal(OK, 0);
    assert_string_equal(err_code(OK), "ok");
    assert_int_equal(err_http_status(OK), 200);
    assert_int_equal(err_close_code(OK), 0);
}

static void errors_carry_the_numbers_of_their_row(void **state)
{
    (void)state;
    assert_int_equal(err_http_status(ERR_TOO_LARGE), 413);
    assert_int_equal(err_close_code(ERR_TOO_LARGE), 1009);
    assert_int_equal(err_close_code(ERR_NOT_FOUND), 0);
    assert_string_equal(err_sentence(ERR_NOT_AUTHENTICATED), "Log in first.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_is_complete),
        cmocka_unit_test(a_code_leads_back_to_an_error_with_that_code),
        cmocka_unit_test(mistakes_are_counted_and_refusals_are_not),
        cmocka_unit_test(success_is_zero_and_ok),
        cmocka_unit_test(errors_carry_the_numbers_of_their_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
