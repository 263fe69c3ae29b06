#include "base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static int reset_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        metric_set((enum metric)i, 0);
    return 0;
}

static void a_gauge_goes_up_and_down(void **state)
{
    (void)state;
    metric_add(METRIC_connections, 3);
    metric_add(METRIC_connections, -1);
    assert_int_equal(metric_get(METRIC_connections), 2);
    metric_set(METRIC_connections, 7);
    assert_int_equal(metric_get(METRIC_connections), 7);
    assert_int_equal(metric_get(METRIC_rooms), 0);
}

static void *count_to_ten_thousand(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10000; i++)
        metric_add(METRIC_events, 1);
    return NULL;
}

static void nothing_is_lost_when_threads_count_together(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_to_ten_thousand, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(metric_get(METRIC_events), 40000);
}

static void a_metric_knows_its_name_and_kind(void **state)
{
    (void)state;
    assert_string_equal(metric_name(METRIC_connections_websocket), "connections_websocket");
    assert_false(metric_is_counter(METRIC_connections_websocket));
    assert_true(metric_is_counter(METRIC_events));
}

static void prometheus_gets_every_row_with_help_type_and_value(void **state)
{
    struct buf out = BUF_EMPTY;
    struct span rest, line;
    size_t lines = 0;

    (void)state;
    metric_add(METRIC_events, 12);
    metric_set(METRIC_rooms, -3);
    metric_write_prometheus(&out);
    buf_append_char(&out, '\0');
    assert_non_null(strstr(out.data, "# HELP collabd_events_total events in rooms\n"
                                     "# TYPE collabd_events_total counter\n"
                                     "collabd_events_total 12\n"));
    assert_non_null(strstr(out.data, "# TYPE collabd_rooms gauge\ncollabd_rooms -3\n"));
    rest = span_from_str(out.data);
    assert_true(span_ends_with(rest, SPAN("\n")));
    while (span_cut(&rest, '\n', &line)) {
        assert_true(line.len > 0);
        lines++;
    }
    assert_int_equal(lines, 3 * METRIC_COUNT);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_gauge_goes_up_and_down, reset_all),
        cmocka_unit_test_setup(nothing_is_lost_when_threads_count_together, reset_all),
        cmocka_unit_test_setup(a_metric_knows_its_name_and_kind, reset_all),
        cmocka_unit_test_setup(prometheus_gets_every_row_with_help_type_and_value, reset_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
