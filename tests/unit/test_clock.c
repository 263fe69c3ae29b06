#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    int64_t wall_ms;
    struct span text;
} moments[] = {
    {0, SPAN_INIT("1970-01-01T00:00:00.000Z")},
    {-1, SPAN_INIT("1969-12-31T23:59:59.999Z")},
    {1771507800123, SPAN_INIT("2026-02-19T13:30:00.123Z")},
    {951782400000, SPAN_INIT("2000-02-29T00:00:00.000Z")},
    {4107542399999, SPAN_INIT("2100-02-28T23:59:59.999Z")},
    {4107542400000, SPAN_INIT("2100-03-01T00:00:00.000Z")}, /* no leap day in 2100 */
    {2147483648000, SPAN_INIT("2038-01-19T03:14:08.000Z")},
    {-62167219200000, SPAN_INIT("0000-01-01T00:00:00.000Z")},
    {-62162121600000, SPAN_INIT("0000-02-29T00:00:00.000Z")},
    {253402300799999, SPAN_INIT("9999-12-31T23:59:59.999Z")},
};

static void assert_reads(const char *text, int64_t expected)
{
    int64_t wall_ms = -7;

    assert_true(clock_parse_iso(span_from_str(text), &wall_ms));
    assert_true(wall_ms == expected);
}

static void moments_are_written_and_read_the_same(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        int64_t wall_ms;

        clock_append_iso(&out, moments[i].wall_ms);
        assert_true(span_equal(buf_span(&out), moments[i].text));
        assert_true(clock_parse_iso(moments[i].text, &wall_ms));
        assert_true(wall_ms == moments[i].wall_ms);
        buf_reset(&out);
    }
    buf_deinit(&out);
}

static void every_day_of_ten_thousand_years_comes_back(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    for (int64_t day = -719528; day <= 2932896; day++) {
        int64_t wall_ms = day * 86400000 + 1;
        int64_t read;

        buf_reset(&out);
        clock_append_iso(&out, wall_ms);
        assert_true(clock_parse_iso(buf_span(&out), &read));
        assert_true(read == wall_ms);
    }
    buf_deinit(&out);
}

static void the_calendar_is_the_c_librarys(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    for (int64_t day = -719528; day <= 2932896; day += 13) {
        time_t seconds = (time_t)(day * 86400 + day % 86400 * (day < 0 ? -1 : 1));
        char expected[64];
        struct tm tm;

        assert_non_null(gmtime_r(&seconds, &tm));
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.000Z", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        buf_reset(&out);
        clock_append_iso(&out, (int64_t)seconds * 1000);
        assert_true(span_equal(buf_span(&out), span_from_str(expected)));
    }
    buf_deinit(&out);
}

static void times_that_four_digits_cannot_show_are_clamped(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    clock_append_iso(&out, INT64_MAX);
    clock_append_iso(&out, INT64_MIN);
    assert_true(span_equal(buf_span(&out), SPAN("9999-12-31T23:59:59.999Z0000-01-01T00:00:00.000Z")));
    buf_deinit(&out);
}

static void fractions_and_offsets_are_optional(void **state)
{
    (void)state;
    assert_reads("2026-02-19T13:30:00Z", 1771507800000);
    assert_reads("2026-02-19T13:30:00", 1771507800000);
    assert_reads("2026-02-19T13:30:00.5Z", 1771507800500);
    assert_reads("2026-02-19T13:30:00.123456789Z", 1771507800123);
    assert_reads("2026-02-19T14:30:00.123+01:00", 1771507800123);
    assert_reads("2026-02-19T08:00:00-05:30", 1771507800000);
    assert_reads("2026-02-20T00:30:00+11:00", 1771507800000);
    assert_reads("2026-02-19T13:30:00-00:00", 1771507800000);
}

static void anything_else_is_refused(void **state)
{
    static const struct span refused[] = {
        SPAN_INIT(""),
        SPAN_INIT("2026-02-19"),
        SPAN_INIT("2026-02-19T13:30"),
        SPAN_INIT("2026-02-19 13:30:00Z"),
        SPAN_INIT("2026-02-29T00:00:00Z"),
        SPAN_INIT("2026-04-31T00:00:00Z"),
        SPAN_INIT("2100-02-29T00:00:00Z"),
        SPAN_INIT("2026-00-19T00:00:00Z"),
        SPAN_INIT("2026-13-19T00:00:00Z"),
        SPAN_INIT("2026-02-00T00:00:00Z"),
        SPAN_INIT("2026-01-32T00:00:00Z"),
        SPAN_INIT("2026-02-19T24:00:00Z"),
        SPAN_INIT("2026-02-19T13:60:00Z"),
        SPAN_INIT("2026-02-19T13:30:60Z"),
        SPAN_INIT("2026-02-19T13:30:00."),
        SPAN_INIT("2026-02-19T13:30:00.Z"),
        SPAN_INIT("2026-02-19T13:30:00.1234567890Z"),
        SPAN_INIT("2026-02-19T13:30:00+1:00"),
        SPAN_INIT("2026-02-19T13:30:00+0100"),
        SPAN_INIT("2026-02-19T13:30:00+24:00"),
        SPAN_INIT("2026-02-19T13:30:00+"),
        SPAN_INIT("2026-02-19T13:30:00Z "),
        SPAN_INIT("2026-02-19T13:30:00Zulu"),
        SPAN_INIT("+2026-02-19T13:30:00Z"),
        SPAN_INIT("-026-02-19T13:30:00Z"),
        SPAN_INIT("2026-2-19T13:30:00Z"),
        SPAN_INIT("2026-02-19T13:3\0:00Z"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        int64_t wall_ms;

        assert_false(clock_parse_iso(refused[i], &wall_ms));
    }
}

static void the_monotonic_clock_never_goes_back(void **state)
{
    uint64_t before = clock_mono_ns();

    (void)state;
    assert_true(before > 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_mono_ns();

        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_mono_ms() >= before / 1000000);
}

static void the_wall_clock_counts_from_1970(void **state)
{
    int64_t before = (int64_t)time(NULL);

    (void)state;
    assert_true(clock_wall_ms() / 1000 >= before - 1); /* time() may lag by a tick, never by more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_written_and_read_the_same),
        cmocka_unit_test(every_day_of_ten_thousand_years_comes_back),
        cmocka_unit_test(the_calendar_is_the_c_librarys),
        cmocka_unit_test(times_that_four_digits_cannot_show_are_clamped),
        cmocka_unit_test(fractions_and_offsets_are_optional),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_counts_from_1970),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
