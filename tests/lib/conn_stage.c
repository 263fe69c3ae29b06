#include "lib/conn_stage.h"

#include <stdlib.h>
#include <string.h>

struct pair pair;

static size_t on_bytes(void *owner, char *bytes, size_t len)
{
    struct near *near = owner;
    size_t taken = near->takes_max > 0 && near->takes_max < len ? near->takes_max : len;

    near->bytes_count++;
    buf_append(&near->heard, bytes, taken);
    memset(bytes, '!', taken); /* the buffer is lent: nobody reads it again */
    if (near->gives_to)
        conn_set_owner(near->conn, &near_events, near->gives_to);
    if (near->pauses_on_bytes)
        conn_pause(near->conn);
    if (near->closes_on_bytes)
        conn_close(near->conn);
    return taken;
}

static void on_drained(void *owner)
{
    struct near *near = owner;

    near->drained_count++;
    if (near->closes_on_drained)
        conn_close(near->conn);
    if (near->refills > 0) {
        near->refills--;
        conn_send_bytes(near->conn, near->piece);
    }
}

static void on_end(void *owner)
{
    ((struct near *)owner)->end_count++;
}

static void on_slow(void *owner)
{
    ((struct near *)owner)->slow_count++;
}

static void on_closed(void *owner)
{
    struct near *near = owner;

    near->closed_count++;
    if (near->closes_too)
        conn_close(near->closes_too->conn);
}

const struct conn_events near_events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
    .on_slow = on_slow,
    .on_closed = on_closed,
};

const struct conn_events near_plain_events = {.on_bytes = on_bytes, .on_closed = on_closed};

static void open_pair(const struct conn_limits *limits)
{
    stage_init(&pair.stage, limits);
    pair.near = (struct near){.conn = far_open(&pair.far, &pair.stage)};
    conn_set_owner(pair.near.conn, &near_events, &pair.near);
}

static void close_pair(void)
{
    far_close(&pair.far);
    if (pair.near.closed_count == 0)
        conn_close(pair.near.conn);
    stage_turns(&pair.stage, 2);
    assert_int_equal(pair.near.closed_count, 1);
    assert_int_equal(conn_host_count(pair.stage.host), 0);
    stage_deinit(&pair.stage);
    buf_deinit(&pair.near.heard);
}

int conn_stage_set_up(void **state)
{
    (void)state;
    open_pair(NULL);
    return 0;
}

int conn_stage_tear_down(void **state)
{
    (void)state;
    close_pair();
    return 0;
}

void pair_reopen(const struct conn_limits *limits)
{
    close_pair();
    open_pair(limits);
}

bool near_has_closed(void *near)
{
    return ((struct near *)near)->closed_count > 0;
}

bool near_has_heard(void *near)
{
    return ((struct near *)near)->heard.len > 0;
}

bool near_has_heard_six(void *near)
{
    return ((struct near *)near)->heard.len >= 6;
}

bool near_has_ended(void *near)
{
    return ((struct near *)near)->end_count > 0;
}

bool near_is_slow(void *near)
{
    return ((struct near *)near)->slow_count > 0;
}

bool near_is_blocked(void *near)
{
    return conn_is_blocked(((struct near *)near)->conn);
}

void assert_heard(const struct buf *heard, const char *text)
{
    assert_int_equal(heard->len, strlen(text));
    assert_memory_equal(heard->data, text, heard->len);
}

void pair_block(void)
{
    size_t len = 4 * 1024 * 1024;
    char *bytes = pattern(len);

    far_listen(&pair.far, false);
    conn_send_bytes(pair.near.conn, (struct span){bytes, len});
    free(bytes);
    stage_until(&pair.stage, near_is_blocked, &pair.near);
}
