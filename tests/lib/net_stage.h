/* net_stage.h: a loop, a connection host and far ends of socket pairs in one thread, so that tests of net/ speak to real
 * sockets without a second process. A far end collects what it hears and buffers what it says; both need turns of the loop:
 * stage_until() runs it until a fact holds (or fails the test after ten seconds). */
#pragma once

#include "lib/check.h"
#include "net/conn.h"
#include "net/loop.h"

struct stage {
    struct loop *loop;
    struct conn_host *host;
    struct loop_timer guard;
    bool (*is_fact)(void *arg);
    void *arg;
    bool is_late;
    unsigned turns_left; /* stage_turns */
};

void stage_init(struct stage *stage, const struct conn_limits *limits); /* NULL: the defaults */
void stage_deinit(struct stage *stage);
void stage_until(struct stage *stage, bool (*is_fact)(void *arg), void *arg);
void stage_turns(struct stage *stage, unsigned count); /* so many more turns, whatever happens in them */

struct far {
    struct loop_watch watch; /* first */
    struct stage *stage;
    struct buf heard, to_say;
    bool is_ended; /* the near end's FIN came, or a reset */
    bool is_open;
    bool ends_after; /* FIN when everything was said */
};

/* A connected pair: the near end is the conn (give it an owner), the far end is the test's. */
struct conn *far_open(struct far *far, struct stage *stage);
/* The same around a socket that the test connected itself. */
void far_adopt(struct far *far, struct stage *stage, int fd);
void far_say(struct far *far, struct span bytes);
void far_end(struct far *far);                       /* FIN after what was said */
void far_listen(struct far *far, bool is_listening); /* false: stops reading */
void far_close(struct far *far);                     /* both directions, at once; fine when closed */
void far_until_ended(struct far *far);
void far_until_bytes(struct far *far, size_t count);    /* at least so many were heard */
void far_until_text(struct far *far, const char *text); /* it stands in what was heard */
bool far_has(const struct far *far, const char *text);

/* Bytes that are not all the same; to be freed. */
char *pattern(size_t len);
