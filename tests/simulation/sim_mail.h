/* sim_mail.h: what is on its way between the workers and the store, and what falls due: one heap by time. */
#pragma once

#include "simulation/sim.h"

struct sim_facts { /* what a batch of the store tells one worker: in one mail, so that no command gets in between */
    unsigned count, capacity;
    struct sim_fact {
        struct event *event;
        struct store_request *request;
    } * facts;
};

enum mail_kind {
    MAIL_COMMAND,
    MAIL_ANSWER,
    MAIL_EVENT,
    MAIL_REQUEST,
    MAIL_FACTS,
    MAIL_WAKE,
    MAIL_BATCH,
    MAIL_STEP,
    MAIL_CRASH
};

struct sim_mail {
    uint64_t due_ms, serial;
    enum mail_kind kind;
    unsigned to;
    struct command *command;
    struct answer *answer;
    struct event *event;
    struct store_request *request;
    struct sim_facts *facts;
};

/* As it is; its time must be set. Takes mail. */
void sim_mail_put(struct sim *sim, struct sim_mail *mail);
/* The next one. Gives it. */
struct sim_mail *sim_mail_take(struct sim *sim);
void sim_mail_free(struct sim_mail *mail);
/* New mail, to be filled in, that arrives at a time ... */
struct sim_mail *sim_mail_post(struct sim *sim, enum mail_kind kind, unsigned to, uint64_t due_ms);
/* ... or by a link: after a while, but never before what was sent on it earlier. */
struct sim_mail *sim_mail_send(struct sim *sim, enum mail_kind kind, unsigned from, unsigned to);
struct sim_fact *sim_facts_add(struct sim_facts *facts);
