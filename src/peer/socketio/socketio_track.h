/* socketio_track.h: what a socket was sent, so that it can be recovered: a mark for each event that has a place in a room's log, in the order in which they
 * went out. The mark stands on the wire as the event's last argument; a client that comes back says the last one that it saw, and by that it is known where
 * it stood in every room. A mark names its room by a hash. Pure.
 *
 * Bounded: what the client is known to have is forgotten, and the oldest when there are too many. */
#pragma once

#include "base/buf.h"

#define SIO_MARK_TEXT_MAX 40

struct sio_mark {
    uint64_t room; /* a hash */
    uint64_t offset;
};

struct sio_mark sio_mark_of(struct span room, uint64_t offset);
void sio_mark_write(struct buf *out, const struct sio_mark *mark);
bool sio_mark_read(struct span text, struct sio_mark *mark); /* false: it is none of ours */

/* A packet's array with the mark as its last item. */
void sio_append_marked(struct buf *out, struct span array, const struct sio_mark *mark);
/* The array of an event that has no place: with a null behind a text that the client would take for a mark. */
void sio_append_unmarked(struct buf *out, struct span array);

struct sio_track {
    struct sio_mark *marks;
    uint32_t count, capacity;
    uint32_t arrived; /* so many of them were sent before the last pong */
    bool is_cut;      /* some were forgotten: what came first is not known any more */
};

void sio_track_deinit(struct sio_track *track);
bool sio_track_is_full(const struct sio_track *track); /* to be cut before more is added */
void sio_track_add(struct sio_track *track, const struct sio_mark *mark);
/* The client has answered a ping. Gives how many of the first marks it surely has, and needs no more: to be cut. */
uint32_t sio_track_pong(struct sio_track *track);
/* Forgets the first ones. */
void sio_track_cut(struct sio_track *track, uint32_t count);
/* How many marks a client has that saw `last` last. False: it is not known any more. */
bool sio_track_find(const struct sio_track *track, const struct sio_mark *last, uint32_t *count);
/* The offset behind which a room's events were not among the first `count`; `base` when none of it was. */
uint64_t sio_track_stand(const struct sio_track *track, uint32_t count, uint64_t room, uint64_t base);
