/* socketio_survey.h: an event that is said to sockets of a relay for the sake of their acknowledgements, as io.to(room).timeout(ms).emitWithAck does: on every
 * worker those who are meant are asked, and when all have answered or the time is over, the answers come together where they were asked for.
 *
 * One per worker, home thread only. Bounded: surveys at once, and the bytes of what comes back. */
#pragma once

#include "base/list.h"
#include "peer/host.h"
#include "peer/socketio/socketio.h"

struct sio_surveys {
    struct peer_host *host;
    struct list questions; /* to sockets here */
    struct list surveys;   /* that were begun here */
    uint32_t survey_count;
    uint64_t serial;
};

void sio_surveys_init(struct sio_surveys *surveys, struct peer_host *host);
void sio_surveys_deinit(struct sio_surveys *surveys);

struct sio_survey_plan { /* copied */
    struct span nsp;
    struct span id;     /* of one socket; empty: all that are */
    struct span *rooms; /* in any of these; none: in the namespace */
    size_t room_count;
    struct span array; /* name and arguments, JSON */
    uint64_t timeout_ms;
};
/* `done` is called once, in a later turn: {"ok", "answers":[{"sid","args"}], "missing":["sid"], "count"}. ERR_OVERLOADED: too many at once. */
must_check enum err sio_survey(struct sio_surveys *surveys, const struct sio_survey_plan *plan, session_id asker,
                               void (*done)(struct peer_host *host, session_id asker, struct buf *json));

/* An acknowledgement came. */
void sio_surveys_on_answer(struct sio_surveys *surveys, session_id session, const struct sio_event *event);
/* A socket will not answer any more. */
void sio_surveys_on_gone(struct sio_surveys *surveys, session_id session);
