#include "wire/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_event(struct span id, struct span name, struct span data, struct span wanted)
{
    struct buf out = BUF_EMPTY;

    assert_int_equal(sse_append_event(&out, id, name, data), OK);
    assert_true(span_equal(buf_span(&out), wanted));
    buf_deinit(&out);
}

static void an_event_has_an_id_a_name_and_data(void **state)
{
    (void)state;
    expect_event(SPAN("7"), SPAN("user_joined"), SPAN("{}"), SPAN("id: 7\nevent: user_joined\ndata: {}\n\n"));
}

static void id_and_name_may_be_missing(void **state)
{
    (void)state;
    expect_event(SPAN_EMPTY, SPAN_EMPTY, SPAN("x"), SPAN("data: x\n\n"));
    expect_event(SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY, SPAN("data: \n\n"));
}

static void every_line_of_the_data_is_marked(void **state)
{
    (void)state;
    expect_event(SPAN_EMPTY, SPAN_EMPTY, SPAN("a\nb\rc\r\nd"), SPAN("data: a\ndata: b\ndata: c\ndata: d\n\n"));
    expect_event(SPAN_EMPTY, SPAN_EMPTY, SPAN("a\n\nevent: x"), SPAN("data: a\ndata: \ndata: event: x\n\n"));
    expect_event(SPAN_EMPTY, SPAN_EMPTY, SPAN("a\n\r"), SPAN("data: a\ndata: \ndata: \n\n"));
    expect_event(SPAN_EMPTY, SPAN_EMPTY, SPAN("a\r\n"), SPAN("data: a\ndata: \n\n"));
}

static void an_id_or_name_cannot_end_its_line(void **state)
{
    static const struct span bad[] = {SPAN_INIT("a\nb"), SPAN_INIT("a\r"), SPAN_INIT("\na"), SPAN_INIT("a\0b")};
    struct buf out = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(sse_append_event(&out, bad[i], SPAN("n"), SPAN("d")), ERR_BAD_FIELD);
        assert_int_equal(sse_append_event(&out, SPAN("1"), bad[i], SPAN("d")), ERR_BAD_FIELD);
    }
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void a_comment_stays_on_its_line(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    sse_append_comment(&out, SPAN("still\nhere\r\ndata: x"));
    assert_true(span_equal(buf_span(&out), SPAN(": still here  data: x\n\n")));
    buf_deinit(&out);
}

static void the_retry_delay_is_in_milliseconds(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    sse_append_retry(&out, 3000);
    assert_true(span_equal(buf_span(&out), SPAN("retry: 3000\n\n")));
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_an_id_a_name_and_data), cmocka_unit_test(id_and_name_may_be_missing),
        cmocka_unit_test(every_line_of_the_data_is_marked),   cmocka_unit_test(an_id_or_name_cannot_end_its_line),
        cmocka_unit_test(a_comment_stays_on_its_line),        cmocka_unit_test(the_retry_delay_is_in_milliseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
