/* caller.h: one client: its socket, its handshake, its frames. It knows nothing of what is said: that is the
 * script's. The swarm owns it, polls its socket and decides when it is ready. */
#pragma once

#include "load/plan.h"
#include "load/dialer.h"
#include "wire/websocket.h"

/*  NEW -> CONNECTING -> UPGRADING -> GREETING -> READY
 *              \____________\___________\_________\___-> CLOSED */
enum caller_state {
    CALLER_NEW,
    CALLER_CONNECTING,
    CALLER_UPGRADING,
    CALLER_GREETING, /* upgraded; logs in and joins, as the script says */
    CALLER_READY,
    CALLER_CLOSED,
};

struct caller {
    int fd;
    uint32_t number;
    enum caller_state state;
    uint8_t step;    /* the script's */
    bool is_dirty;   /* in the swarm's list of those that have something to send */
    bool is_blocked; /* the socket takes no more: waits until it is writable */
    uint64_t opened_ns;
    struct ws ws;
    struct buf response; /* what has come of the answer to the upgrade */
    struct buf out;      /* frames that are yet to be sent */
    char failure[64];    /* why it is closed */
};

enum caller_news {
    CALLER_QUIET,    /* all input was used */
    CALLER_UPGRADED, /* it greets from now on */
    CALLER_HEARD,    /* a message */
    CALLER_GONE,     /* it is closed */
};

void caller_init(struct caller *caller, uint32_t number);
void caller_deinit(struct caller *caller);

/* Starts the connection; false when that failed at once: the caller is closed. */
bool caller_open(struct caller *caller, struct dialer *dialer, uint64_t now_ns);
/* The connection has come to an end, good or bad; if good the upgrade is in `out` now. False: the caller is closed. */
bool caller_connected(struct caller *caller, const struct plan *plan);
/* Reads what there is into scratch; empty: nothing yet, or the caller is closed. */
struct span caller_read(struct caller *caller, char *scratch, size_t scratch_bytes);
/* What comes next in the input, until CALLER_QUIET or CALLER_GONE. The message is valid until the next call. Pings are
 * answered into `out`. */
enum caller_news caller_next(struct caller *caller, struct span *input, const uint8_t mask[4], struct span *message);
void caller_say(struct caller *caller, struct span text, const uint8_t mask[4]);
/* Sends what it can of `out`. False: the caller is closed. */
bool caller_flush(struct caller *caller);
void caller_close(struct caller *caller, const char *failure);
