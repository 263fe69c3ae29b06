#include "net/loop.h"

#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct bell {
    struct loop_timer timer;
    struct loop *loop;
    char letter;
    char *log;
    bool stops;
    unsigned rings, rings_max; /* rings again at once until then */
};

static void on_bell(struct loop_timer *timer)
{
    struct bell *bell = (struct bell *)(void *)timer;

    strncat(bell->log, &bell->letter, 1);
    if (++bell->rings < bell->rings_max)
        loop_timer_set(bell->loop, timer, loop_now_ms(bell->loop));
    else if (bell->stops)
        loop_stop(bell->loop);
}

static struct bell bell_for(struct loop *loop, char *log, char letter)
{
    return (struct bell){.timer = {.on_time = on_bell}, .loop = loop, .letter = letter, .log = log};
}

static void timers_go_off_by_deadline_and_stopped_ones_do_not(void **state)
{
    struct loop *loop = loop_new();
    char log[8] = "";
    struct bell a = bell_for(loop, log, 'a'), b = bell_for(loop, log, 'b'), c = bell_for(loop, log, 'c');
    uint64_t now = loop_now_ms(loop);

    (void)state;
    c.stops = true;
    loop_timer_set(loop, &c.timer, now + 12);
    loop_timer_set(loop, &a.timer, now + 30); /* moved: */
    loop_timer_set(loop, &a.timer, now + 4);
    loop_timer_set(loop, &b.timer, now + 8);
    loop_timer_stop(loop, &b.timer);
    loop_run(loop);
    assert_string_equal(log, "ac");
    assert_true(loop_now_ms(loop) >= now + 12);
    loop_free(loop);
}

static void a_timer_that_sets_itself_for_now_does_not_hold_the_loop(void **state)
{
    struct loop *loop = loop_new();
    char log[16] = "";
    struct bell again = bell_for(loop, log, 'x'), last = bell_for(loop, log, 'l');

    (void)state;
    again.rings_max = 5;
    last.stops = true;
    loop_timer_set(loop, &again.timer, loop_now_ms(loop));
    loop_timer_set(loop, &last.timer, loop_now_ms(loop) + 20);
    loop_run(loop);
    assert_string_equal(log, "xxxxxl");
    loop_free(loop);
}

static void count(void *arg)
{
    (*(unsigned *)arg)++;
}

static void a_turn_ends_after_timers_before_the_loop_sleeps(void **state)
{
    struct loop *loop = loop_new();
    unsigned turns = 0;
    char log[8] = "";
    struct bell first = bell_for(loop, log, 'a'), second = bell_for(loop, log, 'b');

    (void)state;
    second.stops = true;
    loop_on_turn_end(loop, count, &turns);
    loop_timer_set(loop, &first.timer, loop_now_ms(loop) + 1);
    loop_timer_set(loop, &second.timer, loop_now_ms(loop) + 30);
    loop_run(loop);
    assert_true(turns >= 2 && turns <= 8); /* neither skipped nor spinning */
    loop_free(loop);
}

struct waker {
    struct loop *loop;
    unsigned wakes;
};

static void on_wake(void *arg)
{
    struct waker *waker = arg;

    waker->wakes++;
    loop_stop(waker->loop);
}

static void *wake_often(void *arg)
{
    for (int i = 0; i < 100; i++)
        loop_wake(arg);
    return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
    struct waker waker = {.loop = loop_new()};
    pthread_t thread;

    (void)state;
    loop_on_wake(waker.loop, on_wake, &waker);
    assert_int_equal(pthread_create(&thread, NULL, wake_often, waker.loop), 0);
    loop_run(waker.loop);
    assert_int_equal(waker.wakes, 1);
    pthread_join(thread, NULL);
    loop_free(waker.loop);
}

struct ear {
    struct loop_watch watch;
    struct loop *loop;
    int events;
    bool is_closed;
};

static void on_ready(struct loop_watch *watch, int events)
{
    struct ear *ear = (struct ear *)(void *)watch;

    ear->events |= events;
    loop_stop(ear->loop);
}

static void on_closed(struct loop_watch *watch)
{
    ((struct ear *)(void *)watch)->is_closed = true;
}

static void a_watch_reports_what_was_asked_for(void **state)
{
    static const struct loop_watch_calls calls = {.on_ready = on_ready, .on_closed = on_closed};
    struct ear ear = {.watch = {.calls = &calls}, .loop = loop_new()};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    loop_watch_open(ear.loop, &ear.watch, fds[0]);
    loop_watch_set(&ear.watch, LOOP_WRITE);
    loop_run(ear.loop);
    assert_int_equal(ear.events, LOOP_WRITE);

    ear.events = 0;
    loop_watch_set(&ear.watch, LOOP_READ);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_run(ear.loop);
    assert_int_equal(ear.events, LOOP_READ);

    loop_watch_close(&ear.watch);
    assert_int_equal(send(fds[1], "x", 1, MSG_NOSIGNAL), -1); /* closed at once */
    loop_free(ear.loop);
    assert_true(ear.is_closed);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_go_off_by_deadline_and_stopped_ones_do_not),
        cmocka_unit_test(a_timer_that_sets_itself_for_now_does_not_hold_the_loop),
        cmocka_unit_test(a_turn_ends_after_timers_before_the_loop_sleeps),
        cmocka_unit_test(another_thread_wakes_the_loop),
        cmocka_unit_test(a_watch_reports_what_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
