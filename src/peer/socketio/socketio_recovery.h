/* socketio_recovery.h: connection state recovery: a socket whose connection broke comes back on another one, on any worker, is in its rooms again, and has
 * every event once. Its facts (socketio_keeper.h) say where it stood; the rooms' logs have what it missed. Nothing is said to it before everything is there:
 * what cannot be had in full makes it a new socket.
 *
 * Who it is has been found out anew by then, and each room is joined anew: what he may not do any more he does not get back. Home thread only. */
#pragma once

#include "peer/socketio/socketio_seat.h"

/* What a CONNECT's auth asks for: {pid, offset}. NULL: nothing. */
struct sio_return *recovery_read(yyjson_val *auth);
/* The seat's session is who it is: asks for the facts. It ends with the old socket again, or seat_welcome. */
void recovery_begin(struct seat *seat);
/* Gives a new socket its private id. */
void recovery_enroll(struct seat *seat);
/* Before the seat goes. */
void recovery_part(struct seat *seat, enum engine_end end);

/* An event with a place in its room was sent. */
void recovery_sent(struct seat *seat, const struct sio_mark *mark);
void recovery_on_pong(struct seat *seat);

/* From the keepers. False: nobody waits for it any more. Takes the facts (NULL: there are none) if it gives true. */
bool recovery_found(struct peer_host *host, session_id asker, struct sio_facts *facts);
/* The facts of a socket that is connected here, whose connection ends then. NULL: it is not, or not his who asks. */
struct sio_facts *recovery_give_up(struct peer_host *host, session_id holder, const struct sio_ask *ask);
