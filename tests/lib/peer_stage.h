/* peer_stage.h: a peer_host on its own: real sockets and HTTP (net_stage.h), a real store in a folder of its own, and doubles where the
 * rest of the program would be. Jobs run and commands are answered when the test says so, so that whatever may happen in between
 * can be made to happen. There is one account: 7, "ann", role "editor". */
#pragma once

#include "lib/net_stage.h"
#include "lib/store_fixture.h"
#include "peer/rest/route.h"

#define PEER_STAGE_COMMANDS_MAX 16

struct peer_stage {
    struct stage net;
    struct store_fixture store;
    struct peer_limits limits;
    struct token_rules tokens;
    struct admission_limits admission_limits;
    struct http_limits http_limits;
    struct peer_host host;
    struct mail *oldest, **newest;                     /* jobs on their way */
    unsigned job_count;                                /* that ever were */
    bool is_busy;                                      /* no room for more to compute */
    struct command *commands[PEER_STAGE_COMMANDS_MAX]; /* sent and not answered */
    unsigned command_count;
    unsigned revoke_count;
};

void peer_stage_init(struct peer_stage *stage);
/* Everything must be over: what is still on its way is run and dropped first. */
void peer_stage_deinit(struct peer_stage *stage);

/* Runs the jobs that wait, and those that they lead to, until there is none. */
void peer_stage_run_jobs(struct peer_stage *stage);
/* Runs them as far as the store, and keeps what it said from the worker until peer_stage_finish_jobs. */
void peer_stage_begin_jobs(struct peer_stage *stage);
void peer_stage_finish_jobs(struct peer_stage *stage);

/* The oldest command that waits; the caller fills in the answer made for it and gives it back to the host. */
struct answer *peer_stage_answer(struct peer_stage *stage, enum err err);
void peer_stage_send_answer(struct peer_stage *stage, struct answer *answer); /* takes */

/* A login of account 7; gives the cookie's value, in the store fixture's arena. */
struct span peer_stage_log_in(struct peer_stage *stage, int64_t expires_ms);
/* A change of the role or of being disabled is a new generation. */
void peer_stage_set_account(struct peer_stage *stage, const char *role, bool is_disabled);

/* A client: a socket pair whose near end is served. */
void peer_stage_connect(struct peer_stage *stage, struct far *far);
/* Account 7 asks; what he is looked up with is done, and what the endpoint asked of the store. `headers` are lines, each with its end. */
void peer_stage_ask(struct peer_stage *stage, struct far *far, const char *method, const char *path,
                    const char *headers, const char *body);
