/* libuv orders one iteration as: timers, prepare, poll, check, closing handles. Our turn ends in the check phase; timers
 * that came due before the poll get a turn of their own in the prepare phase, so that what they queue is not left lying
 * while the loop sleeps. All our timers share one of libuv's, armed for the earliest. */
#include "net/loop.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
    uv_async_t async;
    uv_timer_t alarm;
    uv_prepare_t prepare;
    uv_check_t check;
    struct timer_heap timers;
    uint64_t alarm_ms; /* what `alarm` is armed for; 0: not armed */
    bool is_woken;
    bool has_work; /* timers ran: the turn must end before the loop sleeps */
    void (*on_turn_end)(void *arg);
    void *turn_end_arg;
    void (*on_wake)(void *arg);
    void *wake_arg;
};

_Static_assert(sizeof(uv_poll_t) <= sizeof(((struct loop_watch *)0)->handle), "loop_watch.handle is too small");
_Static_assert(_Alignof(uv_poll_t) <= 8, "loop_watch.handle is not aligned enough");

static void on_async(uv_async_t *async)
{
    ((struct loop *)async->data)->is_woken = true;
}

static void run_timers(struct loop *loop)
{
    uint64_t now = uv_now(&loop->uv);
    struct timer *timer;

    /* Counted, because a callback may set a timer for "now" again and again: the rest has to wait for the next turn. */
    for (uint32_t count = loop->timers.count; count > 0; count--) {
        struct loop_timer *due;

        if ((timer = timer_heap_expire(&loop->timers, now)) == NULL)
            break;
        loop->has_work = true;
        due = (struct loop_timer *)(void *)timer;
        due->on_time(due);
    }
}

static void on_alarm(uv_timer_t *alarm)
{
    struct loop *loop = alarm->data;

    loop->alarm_ms = 0;
    run_timers(loop);
    loop->has_work = true;
}

/* The alarm may be early (its timer was moved or stopped): that costs one empty turn and saves moving it each time. */
static void arm_alarm(struct loop *loop)
{
    const struct timer *first = timer_heap_first(&loop->timers);
    uint64_t now = uv_now(&loop->uv);

    if (first == NULL || (loop->alarm_ms != 0 && loop->alarm_ms <= first->deadline))
        return;
    loop->alarm_ms = first->deadline > 0 ? first->deadline : 1;
    uv_timer_start(&loop->alarm, on_alarm, first->deadline > now ? first->deadline - now : 0, 0);
}

static void end_turn(struct loop *loop)
{
    loop->has_work = false;
    if (loop->is_woken) {
        loop->is_woken = false;
        if (loop->on_wake)
            loop->on_wake(loop->wake_arg);
    }
    if (loop->on_turn_end)
        loop->on_turn_end(loop->turn_end_arg);
    arm_alarm(loop);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    if (loop->has_work)
        end_turn(loop);
}

static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;

    run_timers(loop);
    end_turn(loop);
}

struct loop *loop_new(void)
{
    struct loop *loop = NEW(struct loop);
    int failed = uv_loop_init(&loop->uv);

    failed |= uv_async_init(&loop->uv, &loop->async, on_async);
    failed |= uv_timer_init(&loop->uv, &loop->alarm);
    failed |= uv_prepare_init(&loop->uv, &loop->prepare);
    failed |= uv_check_init(&loop->uv, &loop->check);
    failed |= uv_prepare_start(&loop->prepare, on_prepare);
    failed |= uv_check_start(&loop->check, on_check);
    assert(failed == 0); /* only at start, and only without file descriptors */
    loop->async.data = loop->alarm.data = loop->prepare.data = loop->check.data = loop;
    loop->has_work = true; /* what was queued before loop_run leaves first */
    timer_heap_init(&loop->timers);
    return loop;
}

void loop_free(struct loop *loop)
{
    int failed;

    if (loop == NULL)
        return;
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* runs the callbacks of whatever is closing */
    failed = uv_loop_close(&loop->uv);
    assert(failed == 0);
    timer_heap_deinit(&loop->timers);
    free(loop);
}

void loop_run(struct loop *loop)
{
    uv_update_time(&loop->uv);
    arm_alarm(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

void loop_on_turn_end(struct loop *loop, void (*on_turn_end)(void *arg), void *arg)
{
    loop->on_turn_end = on_turn_end;
    loop->turn_end_arg = arg;
}

void loop_on_wake(struct loop *loop, void (*on_wake)(void *arg), void *arg)
{
    loop->on_wake = on_wake;
    loop->wake_arg = arg;
}

void loop_wake(struct loop *loop)
{
    uv_async_send(&loop->async);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ms)
{
    timer_schedule(&loop->timers, &timer->timer, deadline_ms);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    timer_cancel(&loop->timers, &timer->timer);
}

static uv_poll_t *poll_of(struct loop_watch *watch)
{
    return (uv_poll_t *)(void *)watch->handle;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct loop_watch *watch = poll->data;
    int wanted = watch->events;

    if (status == 0) {
        watch->calls->on_ready(watch,
                               ((events & UV_READABLE) ? LOOP_READ : 0) | ((events & UV_WRITABLE) ? LOOP_WRITE : 0));
        return;
    }
    /* The socket has an error pending and libuv has stopped watching it. The owner's next read or write finds the
     * reason; if it makes none, it still waits for what it waited for. */
    watch->events = 0;
    watch->calls->on_ready(watch, wanted);
    if (watch->events == 0 && !uv_is_closing((uv_handle_t *)poll))
        loop_watch_set(watch, wanted);
}

void loop_watch_open(struct loop *loop, struct loop_watch *watch, int fd)
{
    uv_poll_t *poll = poll_of(watch);
    int failed = uv_poll_init(&loop->uv, poll, fd);

    assert(failed == 0);
    poll->data = watch;
    watch->fd = fd;
    watch->events = 0;
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    uv_poll_t *poll = poll_of(watch);
    int failed;

    if (watch->events == events)
        return;
    watch->events = events;
    if (events == 0)
        failed = uv_poll_stop(poll);
    else
        failed = uv_poll_start(
            poll, ((events & LOOP_READ) ? UV_READABLE : 0) | ((events & LOOP_WRITE) ? UV_WRITABLE : 0), on_poll);
    assert(failed == 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct loop_watch *watch = handle->data;

    if (watch->calls->on_closed)
        watch->calls->on_closed(watch);
}

void loop_watch_close(struct loop_watch *watch)
{
    int fd = watch->fd;

    assert(fd >= 0);
    watch->fd = -1;
    watch->events = 0;
    uv_close((uv_handle_t *)poll_of(watch), on_poll_closed); /* stops watching, so the fd may go at once */
    close(fd);
}
