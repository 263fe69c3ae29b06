/* websocket_session.h: a session on a WebSocket: the handshake's credentials, the outlet, the end. Which dialect is spoken is the caller's choice. */
#pragma once

#include "peer/rest/route.h"

struct dialect;

/* Answers an upgrade request (426 to anything else): with credentials it opens as their user; without it opens and waits for a first message that
 * brings a token; with bad ones it is refused (401). Takes the request. `?epoch=&offset=` is kept for the dialect as session->resume. */
void websocket_session_handle(struct request *request, const struct dialect *dialect);
