#include "lib/net_stage.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { GUARD_MS = 10000 };

static void on_turn_end(void *arg)
{
    struct stage *stage = arg;

    conn_host_flush(stage->host);
    if (stage->is_fact && stage->is_fact(stage->arg))
        loop_stop(stage->loop);
    if (stage->turns_left > 0 && --stage->turns_left == 0)
        loop_stop(stage->loop);
    else if (stage->turns_left > 0)
        loop_wake(stage->loop);
}

static void on_late(struct loop_timer *timer)
{
    struct stage *stage = LIST_OWNER(timer, struct stage, guard);

    stage->is_late = true;
    loop_stop(stage->loop);
}

void stage_init(struct stage *stage, const struct conn_limits *limits)
{
    *stage = (struct stage){.loop = loop_new()};
    stage->host = conn_host_new(stage->loop, limits ? limits : &conn_limits_default);
    stage->guard.on_time = on_late;
    loop_on_turn_end(stage->loop, on_turn_end, stage);
}

void stage_deinit(struct stage *stage)
{
    conn_host_free(stage->host);
    loop_free(stage->loop);
}

void stage_until(struct stage *stage, bool (*is_fact)(void *arg), void *arg)
{
    stage->is_fact = is_fact;
    stage->arg = arg;
    loop_timer_set(stage->loop, &stage->guard, loop_now_ms(stage->loop) + GUARD_MS);
    if (!is_fact(arg)) {
        loop_wake(stage->loop);
        loop_run(stage->loop);
    }
    loop_timer_stop(stage->loop, &stage->guard);
    stage->is_fact = NULL;
    if (stage->is_late)
        fail_msg("what was waited for did not happen");
}

void stage_turns(struct stage *stage, unsigned count)
{
    stage->turns_left = count;
    loop_wake(stage->loop);
    loop_run(stage->loop);
}

/* ---- far ends ----------------------------------------------------------------------------------------------------- */

static void hear(struct far *far)
{
    ssize_t len = recv(far->watch.fd, buf_reserve(&far->heard, 65536), 65536, 0);

    if (len > 0)
        far->heard.len += (size_t)len;
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        far->is_ended = true;
}

static void say(struct far *far)
{
    ssize_t len = far->to_say.len > 0 ? send(far->watch.fd, far->to_say.data, far->to_say.len, MSG_NOSIGNAL) : 0;

    if (len > 0)
        buf_consume(&far->to_say, (size_t)len);
    else if (len < 0 && errno != EAGAIN && errno != EINTR)
        buf_reset(&far->to_say); /* nobody hears it any more */
    if (far->to_say.len == 0 && far->ends_after) {
        far->ends_after = false;
        shutdown(far->watch.fd, SHUT_WR);
    }
}

static int wanted(const struct far *far, int events)
{
    return (far->is_ended ? 0 : events & LOOP_READ) | (far->to_say.len > 0 || far->ends_after ? LOOP_WRITE : 0);
}

static void on_ready(struct loop_watch *watch, int events)
{
    struct far *far = (struct far *)(void *)watch;

    if (events & LOOP_READ)
        hear(far);
    if (events & LOOP_WRITE)
        say(far);
    loop_watch_set(watch, wanted(far, watch->events));
}

void far_adopt(struct far *far, struct stage *stage, int fd)
{
    static const struct loop_watch_calls calls = {.on_ready = on_ready};

    *far = (struct far){.stage = stage, .watch = {.calls = &calls}, .is_open = true};
    loop_watch_open(stage->loop, &far->watch, fd);
    loop_watch_set(&far->watch, LOOP_READ);
}

struct conn *far_open(struct far *far, struct stage *stage)
{
    struct conn_remote remote = {.family = CONN_UNIX};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    far_adopt(far, stage, fds[0]);
    return conn_open(stage->host, fds[1], &remote, NULL, 0);
}

void far_say(struct far *far, struct span bytes)
{
    buf_append_span(&far->to_say, bytes);
    loop_watch_set(&far->watch, far->watch.events | LOOP_WRITE);
}

void far_end(struct far *far)
{
    far->ends_after = true;
    loop_watch_set(&far->watch, far->watch.events | LOOP_WRITE);
}

void far_listen(struct far *far, bool is_listening)
{
    loop_watch_set(&far->watch, wanted(far, is_listening ? LOOP_READ : 0));
}

void far_close(struct far *far)
{
    if (!far->is_open)
        return;
    far->is_open = false;
    loop_watch_close(&far->watch);
    stage_turns(far->stage, 2); /* the watch's memory must stay until then */
    buf_deinit(&far->heard);
    buf_deinit(&far->to_say);
}

static bool has_ended(void *arg)
{
    return ((struct far *)arg)->is_ended;
}

void far_until_ended(struct far *far)
{
    stage_until(far->stage, has_ended, far);
}

struct wanted_bytes {
    struct far *far;
    size_t count;
    const char *text;
};

static bool has_bytes(void *arg)
{
    struct wanted_bytes *bytes = arg;

    return bytes->far->heard.len >= bytes->count;
}

void far_until_bytes(struct far *far, size_t count)
{
    struct wanted_bytes bytes = {.far = far, .count = count};

    stage_until(far->stage, has_bytes, &bytes);
}

bool far_has(const struct far *far, const char *text)
{
    return far->heard.len > 0 && memmem(far->heard.data, far->heard.len, text, strlen(text)) != NULL;
}

static bool has_text(void *arg)
{
    struct wanted_bytes *bytes = arg;

    return far_has(bytes->far, bytes->text);
}

void far_until_text(struct far *far, const char *text)
{
    struct wanted_bytes bytes = {.far = far, .text = text};

    stage_until(far->stage, has_text, &bytes);
}

char *pattern(size_t len)
{
    char *bytes = memory_alloc(len);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}
