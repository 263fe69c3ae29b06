/* loop.h: the event loop of one thread, libuv behind a dozen functions. This folder is the only one that includes <uv.h>.
 *
 * A turn: due timers, ready file descriptors, mail (on_wake), then on_turn_end, where connections flush what was queued and
 * what was closed is collected. So a pointer that is valid at the start of a callback is valid until the turn ends.
 * All functions belong to the loop's thread, except loop_wake. */
#pragma once

#include "base/heap.h"

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *loop); /* everything opened on it must be closed */
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop);
uint64_t loop_now_ms(const struct loop *loop);                                       /* monotonic, read once per turn */
void loop_on_turn_end(struct loop *loop, void (*on_turn_end)(void *arg), void *arg); /* one owner: the worker */
void loop_on_wake(struct loop *loop, void (*on_wake)(void *arg), void *arg);         /* one owner: the worker */
void loop_wake(struct loop *loop); /* any thread: on_wake runs soon, once for any number of calls */

/* A timer with a callback. Embedded by its owner; exact to the millisecond; a timer that is not set costs no event. */
struct loop_timer {
    struct timer timer; /* first */
    void (*on_time)(struct loop_timer *timer);
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ms); /* moves it when set */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Readiness of a file descriptor, level-triggered. Embedded by its owner; `handle` holds libuv's. The memory must stay
 * until on_closed has run, which is at the end of a later turn. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
#ifdef __linux__
#define LOOP_HANDLE_BYTES 160
#else
#define LOOP_HANDLE_BYTES 192
#endif
struct loop_watch;
struct loop_watch_calls {
    void (*on_ready)(struct loop_watch *watch, int events);
    void (*on_closed)(struct loop_watch *watch); /* NULL is fine */
};
struct loop_watch {
    _Alignas(8) unsigned char handle[LOOP_HANDLE_BYTES];
    const struct loop_watch_calls *calls; /* the owner sets it */
    int fd;
    int events; /* what is waited for now */
};
void loop_watch_open(struct loop *loop, struct loop_watch *watch, int fd); /* takes the fd: closes it; no events yet */
void loop_watch_set(struct loop_watch *watch, int events);                 /* 0: none; cheap when nothing changes */
void loop_watch_close(struct loop_watch *watch);                           /* once */
