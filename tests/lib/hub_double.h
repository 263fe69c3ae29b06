/* hub_double.h: one hub with a world around it that remembers what it was told, in the order in which it was told. For tests of rooms,
 * presence and records: commands go in with a line, and what came out is looked at. Time stands still until a test moves it. */
#pragma once

#include "collab/hub.h"
#include "lib/model_store.h"

enum { DOUBLE_USERS = 9, DOUBLE_SAID_MAX = 4096, DOUBLE_ASKED_MAX = 256 };

struct double_said { /* one thing the hub said: an answer, an event for a worker, or a command for another hub */
    struct answer *answer;
    bool is_lent; /* hub_double_ask gave it out */
    struct event *event;
    unsigned worker;
    struct command *relayed;
};

struct hub_double {
    struct hub *hub;
    struct type_registry *registry;
    struct hub_limits limits;
    struct ports ports;
    unsigned worker_count;
    struct identity *users[DOUBLE_USERS]; /* by number; 1: admin, 2 to 7: editors, 8: a viewer */
    uint64_t now_ms;
    struct rand *random;
    struct model_store store;
    bool is_store_slow; /* what is asked waits for hub_double_store */
    enum err failure;   /* commits and reads fail with it */
    struct store_request *asked[DOUBLE_ASKED_MAX];
    unsigned asked_count;
    struct double_said said[DOUBLE_SAID_MAX];
    unsigned said_count, heard; /* those before `heard` were looked at */
    uint64_t next_tag;
    unsigned left_out_times, alerted, left_out; /* of alerts that name too many */
};

extern const char hub_double_types[];

/* A fresh one, worker 0 of 1 until hub_double_restart says otherwise. */
struct hub_double *hub_double_new(void);
void hub_double_free(struct hub_double *world);
/* The process is killed and comes up again: a new hub, with the limits and the number of workers as they are now. What was on its way to
 * the store is lost. */
void hub_double_restart(struct hub_double *world);

/* Session `number` on worker `worker`. */
session_id hub_double_session(unsigned worker, unsigned number);
/* A command of that user and session, to be filled in and given to hub_double_do. */
struct command *hub_double_command(struct hub_double *world, enum command_kind kind, session_id session, unsigned user,
                                   const char *room);
/* Takes command. What waits for a store that is not slow is done before this returns. */
void hub_double_do(struct hub_double *world, struct command *command);
/* As above, and lends its answer; what else was said counts as not yet looked at. NULL: none. */
struct answer *hub_double_ask(struct hub_double *world, struct command *command);
/* Lets the store do what it was asked: all, or the first so many. */
void hub_double_store_all(struct hub_double *world);
void hub_double_store_some(struct hub_double *world, unsigned count);
void hub_double_advance(struct hub_double *world, uint64_t ms);

/* The common ones. */
struct answer *hub_double_join(struct hub_double *world, session_id session, unsigned user, const char *room);
struct answer *hub_double_listen(struct hub_double *world, session_id session, unsigned user, const char *room);
struct answer *hub_double_resume(struct hub_double *world, session_id session, unsigned user, const char *room,
                                 struct position since);
struct answer *hub_double_leave(struct hub_double *world, session_id session, unsigned user, const char *room,
                                enum leave_reason reason);
struct answer *hub_double_publish(struct hub_double *world, session_id session, unsigned user, const char *room,
                                  const char *id, const char *data);
/* A change of one register, in the words of a JSON merge patch ({"title":"x"}): a create, an update, or a delete when it is NULL. */
struct answer *hub_double_change(struct hub_double *world, session_id session, unsigned user, const char *room,
                                 enum change_kind kind, const char *id, const char *patch);
struct command *hub_double_change_command(struct hub_double *world, session_id session, unsigned user, const char *room,
                                          enum change_kind kind, const char *id, const char *patch);

/* A change as a client writes it. */
struct command *hub_double_json_command(struct hub_double *world, session_id session, unsigned user, const char *room,
                                        const char *json);

/* What was said since this was called last (or since the last answer that was asked for): the next event for a worker of that kind,
 * lent; NULL: none. Passes over everything else. */
struct event *hub_double_event(struct hub_double *world, unsigned worker, enum event_kind kind);
struct answer *hub_double_answer(struct hub_double *world);
/* Nobody has anything to look at any more. */
void hub_double_hush(struct hub_double *world);
/* How many events of a kind there are to look at, whoever they are for. */
unsigned hub_double_count(const struct hub_double *world, enum event_kind kind);
/* Somebody in an answer's list; NULL: not there. */
const struct presence *hub_double_person(const struct answer *answer, const char *user_id);
bool span_is(struct span span, const char *text);
