/* conn_stage.h: a connection whose owner writes down what happens to it and does what the test told it to, and its far end. Made anew for
 * every test, as `pair`. */
#pragma once

#include "lib/net_stage.h"
#include "net/conn_internal.h"

struct near {
    struct conn *conn;
    struct buf heard;
    size_t takes_max; /* of each call; 0: everything */
    unsigned bytes_count, drained_count, end_count, slow_count, closed_count;
    bool closes_on_bytes, pauses_on_bytes, closes_on_drained;
    struct near *closes_too; /* on_closed */
    struct near *gives_to;   /* on_bytes: the conn's next owner */
    size_t refills;          /* on_drained: so many pieces */
    struct span piece;
};

extern const struct conn_events near_events;
extern const struct conn_events near_plain_events; /* no say in ends and slow readers */

struct pair {
    struct stage stage;
    struct near near;
    struct far far;
};

extern struct pair pair;

/* cmocka's, around each test. */
int conn_stage_set_up(void **state);
int conn_stage_tear_down(void **state);
/* Another connection, with these limits or the default ones. */
void pair_reopen(const struct conn_limits *limits);

/* Facts about a near end, for stage_until. */
bool near_has_closed(void *near);
bool near_has_heard(void *near);
bool near_has_heard_six(void *near); /* bytes */
bool near_has_ended(void *near);
bool near_is_slow(void *near);
bool near_is_blocked(void *near);
void assert_heard(const struct buf *heard, const char *text);

/* Fills the socket with four megabytes of the pattern until it takes no more; the far end does not listen. */
void pair_block(void);
