#include "peer/host.h"

#include "peer/credentials.h"
#include "peer/dialect.h"
#include "peer/gate.h"

#include <assert.h>
#include <stdlib.h>

void peer_host_init(struct peer_host *host)
{
    map_init(&host->sessions);
    map_init(&host->slices);
    map_init(&host->logins);
    list_init(&host->sessions_all);
}

void peer_host_deinit(struct peer_host *host)
{
    assert(host->sessions.count == 0);
    assert(host->slices.count == 0);
    map_deinit(&host->sessions);
    map_deinit(&host->slices);
    credentials_forget_all(host);
    map_deinit(&host->logins);
}

void peer_host_on_answer(struct peer_host *host, struct answer *answer)
{
    struct session *session = session_find(host, answer->session);
    if (session) {
        /* The order is the promise: the answer with its position first, then what was missed, then what happens from now on. A join that a
         * leave has overtaken is answered too, but replays nothing. */
        bool is_current = answer->kind == COMMAND_JOIN && session_on_joined(session, answer);
        session->dialect->answer(session, answer);
        for (uint32_t i = 0; is_current && i < answer->missed_count; i++)
            slice_replay(session, answer->missed[i]);
    }
    /* A request's session ends with its answer. */
    if (session_is_long_answer(answer->kind) && (session = session_find(host, answer->session)))
        session_on_answered(session);
    answer_free(answer);
}

void peer_host_on_event(struct peer_host *host, struct event *event)
{
    slice_deliver(host, event);
}

static bool is_revoked(const struct session *session, struct span user_id, struct span login_key)
{
    if (!session->identity || !span_equal(session->identity->user_id, user_id))
        return false;
    return login_key.len == 0 || (session->login_mark && session->login_mark == session_login_mark(login_key));
}

void peer_host_on_revoke(struct peer_host *host, struct span user_id, struct span login_key)
{
    credentials_forget(host, user_id, login_key);
    if (host->gate)
        gate_forget(host->gate, user_id);
    LIST_EACH (&host->sessions_all, node) {
        struct session *session = LIST_OWNER(node, struct session, in_host);
        if (!is_revoked(session, user_id, login_key))
            continue;
        if (host->gate)
            gate_revoke(host->gate, session->id);
        session_end(session, ERR_SESSION_REVOKED);
    }
}

bool peer_host_drain(struct peer_host *host, unsigned batch)
{
    unsigned ended = 0;
    LIST_EACH (&host->sessions_all, node) {
        struct session *session = LIST_OWNER(node, struct session, in_host);
        if (session->is_closing)
            continue;
        if (ended == batch)
            return true;
        session_end(session, ERR_DRAINING);
        ended++;
    }
    return host->sessions.count > 0;
}
