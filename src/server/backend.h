/* backend.h: questions to an application's backend: a thread of its own that POSTs them to one URL, at most 64 at once, and mails what it said
 * to the workers that asked. A backend that fails five times in a row is left alone for five seconds.
 *
 * What is asked and what an answer means is for those who ask (peer/gate.h, peer/credentials.h): here an answer is a JSON object that came with
 * status 200 in time; all else is ERR_BACKEND_UNAVAILABLE. */
#pragma once

#include "peer/host.h"

struct backend;

struct backend_options {
    struct span url, secret;
    uint64_t timeout_ms; /* from being asked to the answer's last byte */
    void (*post)(void *arg, unsigned worker, struct mail *mail);
    void *arg;
};

/* ERR_TOO_MANY: no thread could be started. */
must_check enum err backend_start(const struct backend_options *options, struct backend **out);
/* What was not answered yet is answered as unavailable. Nobody may ask any more. NULL is fine. */
void backend_stop(struct backend *backend);
/* Any thread; takes. The mail that comes back is `ask->errand.mail`, to ask->worker. */
void backend_ask(struct backend *backend, struct backend_ask *ask);
