#include "load/swarm.h"

#include "base/clock.h"
#include "base/memory.h"
#include "load/script.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 512, SCRATCH_BYTES = 256 << 10, SAMPLED_CALLERS = 64, SEED = 20260219 };

static const uint64_t second_ns = 1000000000;

/* As many files as the system lets us have. */
static void lift_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

enum err swarm_init(struct swarm *swarm, const struct plan *plan)
{
    uint32_t count = plan_connection_count(plan);

    *swarm = (struct swarm){.plan = plan, .count = count, .epoll_fd = -1};
    swarm->sample_every = count > SAMPLED_CALLERS ? count / SAMPLED_CALLERS : 1;
    swarm->callers = memory_array(count, sizeof(*swarm->callers));
    swarm->dirty = memory_array(count, sizeof(struct caller *));
    swarm->scratch = memory_alloc(SCRATCH_BYTES);
    rand_seed(&swarm->rand, SEED);
    for (uint32_t i = 0; i < count; i++)
        caller_init(&swarm->callers[i], i);
    lift_file_limit();
    swarm->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (swarm->epoll_fd < 0)
        return ERR_IO;
    return dialer_init(&swarm->dialer, plan->host, plan->port);
}

void swarm_deinit(struct swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->count; i++)
        caller_deinit(&swarm->callers[i]);
    if (swarm->epoll_fd >= 0)
        (void)close(swarm->epoll_fd);
    free(swarm->callers);
    free(swarm->dirty);
    free(swarm->acks);
    free(swarm->scratch);
    buf_deinit(&swarm->text);
    *swarm = (struct swarm){.epoll_fd = -1};
}

static void note_failure(struct swarm *swarm, const char *what, struct span detail)
{
    if (swarm->failure[0] == '\0')
        (void)snprintf(swarm->failure, sizeof(swarm->failure), "%s%.*s", what, SPAN_ARG(span_slice(detail, 0, 100)));
}

static void note_closed(struct swarm *swarm, const struct caller *caller, bool was_ready)
{
    assert(caller->state == CALLER_CLOSED);
    if (was_ready)
        swarm->lost++;
    else
        swarm->failed++;
    note_failure(swarm,
                 was_ready ? "a connection was lost: " : "a connection failed: ", span_from_str(caller->failure));
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

static void watch(struct swarm *swarm, struct caller *caller, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = caller};
    int failed = epoll_ctl(swarm->epoll_fd, operation, caller->fd, &event);

    assert(!failed);
}

static void mark_dirty(struct swarm *swarm, struct caller *caller)
{
    if (caller->is_dirty || caller->is_blocked)
        return;
    assert(swarm->dirty_count < swarm->count);
    caller->is_dirty = true;
    swarm->dirty[swarm->dirty_count++] = caller;
}

static void flush(struct swarm *swarm, struct caller *caller)
{
    bool was_ready = caller->state == CALLER_READY, was_blocked = caller->is_blocked;

    if (caller->state == CALLER_CLOSED)
        return;
    if (!caller_flush(caller))
        note_closed(swarm, caller, was_ready);
    else if (caller->is_blocked != was_blocked)
        watch(swarm, caller, EPOLL_CTL_MOD, caller->is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void flush_all(struct swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->dirty_count; i++) {
        swarm->dirty[i]->is_dirty = false;
        flush(swarm, swarm->dirty[i]);
    }
    swarm->dirty_count = 0;
}

static const uint8_t *next_mask(struct swarm *swarm, uint8_t mask[4])
{
    uint64_t bits = rand_next(&swarm->rand) | 1; /* never all zero, which servers need not unmask */

    memcpy(mask, &bits, 4);
    return mask;
}

struct buf *swarm_compose(struct swarm *swarm)
{
    buf_reset(&swarm->text);
    return &swarm->text;
}

static void say(struct swarm *swarm, struct caller *caller, struct span text)
{
    uint8_t mask[4];

    caller_say(caller, text, next_mask(swarm, mask));
    mark_dirty(swarm, caller);
}

void swarm_say(struct swarm *swarm, uint32_t number)
{
    assert(number < swarm->count);
    if (swarm->callers[number].state == CALLER_READY)
        say(swarm, &swarm->callers[number], buf_span(&swarm->text));
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

static void greet(struct swarm *swarm, struct caller *caller, struct span heard)
{
    const struct script *script = swarm->plan->script;
    struct buf *text = swarm_compose(swarm);

    switch (script->greet(swarm->plan, caller->number, &caller->step, heard, text)) {
    case SCRIPT_WAIT: break;
    case SCRIPT_READY:
        caller->state = CALLER_READY;
        swarm->ready++;
        latency_add(&swarm->connecting, clock_mono_ns() - caller->opened_ns);
        break;
    case SCRIPT_REFUSED:
        note_failure(swarm, "refused: ", heard);
        caller_close(caller, "refused");
        note_closed(swarm, caller, false);
        return;
    }
    if (text->len > 0)
        say(swarm, caller, buf_span(text));
}

static void take_ack(struct swarm *swarm, const struct caller *caller, struct span message)
{
    const struct script *script = swarm->plan->script;
    uint32_t ack_id;

    if (script->read_ack_id == NULL || !script->read_ack_id(message, &ack_id))
        return;
    if (swarm->ack_count == swarm->ack_room) {
        swarm->ack_room = swarm->ack_room > 0 ? swarm->ack_room * 2 : 1024;
        swarm->acks = memory_resize(swarm->acks, swarm->ack_room * sizeof(*swarm->acks));
    }
    swarm->acks[swarm->ack_count++] = (struct swarm_ack){caller->number, ack_id};
}

static void take_sample(struct swarm *swarm, struct span message)
{
    uint64_t sent_ns, now_ns;

    if (!script_find_sent(message, &sent_ns))
        return;
    now_ns = clock_mono_ns();
    if (now_ns > sent_ns)
        latency_add(&swarm->latency, now_ns - sent_ns);
}

static void hear(struct swarm *swarm, struct caller *caller, struct span message)
{
    const struct script *script = swarm->plan->script;
    enum script_fact fact = script->hear(message);

    if (fact == SCRIPT_PING)
        say(swarm, caller, script->pong);
    if (caller->state == CALLER_GREETING) {
        greet(swarm, caller, message);
        return;
    }
    switch (fact) {
    case SCRIPT_DELIVERY:
        swarm->delivered++;
        if (swarm->is_sampling && caller->number % swarm->sample_every == swarm->sample_every - 1)
            take_sample(swarm, message);
        break;
    case SCRIPT_ACK: take_ack(swarm, caller, message); break;
    case SCRIPT_ERROR:
        swarm->errors++;
        note_failure(swarm, "error: ", message);
        take_ack(swarm, caller, message);
        break;
    default: break;
    }
}

static void read_from(struct swarm *swarm, struct caller *caller)
{
    bool was_ready = caller->state == CALLER_READY;
    struct span input = caller_read(caller, swarm->scratch, SCRATCH_BYTES), message;
    uint8_t mask[4];

    next_mask(swarm, mask);
    for (;;) {
        enum caller_news news = caller_next(caller, &input, mask, &message);

        if (news == CALLER_QUIET)
            break;
        if (news == CALLER_GONE) {
            note_closed(swarm, caller, was_ready);
            return;
        }
        if (news == CALLER_UPGRADED)
            greet(swarm, caller, SPAN_EMPTY);
        else
            hear(swarm, caller, message);
        if (caller->state == CALLER_CLOSED)
            return;
        was_ready = caller->state == CALLER_READY;
    }
    if (caller->out.len > 0)
        mark_dirty(swarm, caller);
}

static void handle(struct swarm *swarm, struct caller *caller, uint32_t events)
{
    if (caller->state == CALLER_CONNECTING) {
        if (!caller_connected(caller, swarm->plan)) {
            note_closed(swarm, caller, false);
            return;
        }
        watch(swarm, caller, EPOLL_CTL_MOD, EPOLLIN);
        mark_dirty(swarm, caller);
        return;
    }
    if (caller->is_blocked && (events & EPOLLOUT) != 0)
        flush(swarm, caller);
    if (caller->state != CALLER_CLOSED && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read_from(swarm, caller);
}

void swarm_poll(struct swarm *swarm, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t now_ns, left_ns;
    struct timespec wait;
    int count;

    swarm->ack_count = 0;
    flush_all(swarm);
    now_ns = clock_mono_ns();
    left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    wait = (struct timespec){(time_t)(left_ns / second_ns), (long)(left_ns % second_ns)};
    count = epoll_pwait2(swarm->epoll_fd, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct caller *caller = events[i].data.ptr;

        if (caller->state != CALLER_CLOSED)
            handle(swarm, caller, events[i].events);
    }
}

void swarm_rest(struct swarm *swarm, uint64_t until_ns)
{
    while (clock_mono_ns() < until_ns)
        swarm_poll(swarm, until_ns);
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static void open_next(struct swarm *swarm)
{
    struct caller *caller = &swarm->callers[swarm->opened++];

    if (caller_open(caller, &swarm->dialer, clock_mono_ns()))
        watch(swarm, caller, EPOLL_CTL_ADD, EPOLLOUT);
    else
        note_closed(swarm, caller, false);
}

bool swarm_open(struct swarm *swarm, uint32_t count)
{
    uint32_t settled = swarm->ready + swarm->failed;
    uint64_t deadline_ns = clock_mono_ns() + 10 * second_ns;

    assert(count <= swarm->count);
    while (settled < count && swarm->failed == 0) {
        uint32_t before = settled;

        while (swarm->opened < count && swarm->opened - swarm->ready < swarm->plan->in_flight && swarm->failed == 0)
            open_next(swarm);
        swarm_poll(swarm, deadline_ns);
        settled = swarm->ready + swarm->failed;
        if (settled > before)
            deadline_ns = clock_mono_ns() + 10 * second_ns;
        if (clock_mono_ns() >= deadline_ns) {
            note_failure(swarm, "connections hang: the server does not answer", SPAN_EMPTY);
            return false;
        }
    }
    return swarm->failed == 0 && swarm->lost == 0;
}
