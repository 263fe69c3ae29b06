/* dialect_relay.h: a Socket.IO namespace as a relay for an application's own rooms and events (namespace.h). Its rooms are
 * ordinary free rooms, "io:/chat#lobby"; everybody in the namespace is in "io:/chat#". A message's data is the array of
 * the event's arguments. */
#pragma once

#include "peer/socketio/socketio_session.h"

extern const struct dialect dialect_relay;

/* The socket was let in. */
void relay_opened(struct session *session);
/* One of its events. */
must_check enum err relay_hear(struct sio_hearing *hearing);

/* What a backend does with the sockets of a namespace (rest_sockets.c). Rooms are the application's names. */
bool relay_is_in(struct session *session, struct span room);
void relay_join(struct session *session, struct span room);
void relay_leave(struct session *session, struct span room);
void relay_write_socket(struct buf *out, const struct session *session); /* {"id","user_id","username","rooms":[]} */
