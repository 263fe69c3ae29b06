/* sim.h: a whole server without a machine: hubs, the store, the mail between them and clients, in one thread and in virtual time, all
 * of it drawn from one seed. Mail is delayed but never overtakes on its way from one worker to another; the store is slow, fails and
 * is killed with the process; clients come and go, and send again what was not acknowledged. What each of them sees is checked
 * against the truth as it happens.
 *
 *     sim_world.c   time, hubs, the store, crashes
 *     sim_client.c  what clients do
 *     sim_mail.c    what is on its way
 *     sim_check.c   what must hold all the time
 *     sim_end.c     what must hold when all is quiet, and when all is over */
#pragma once

#include "base/rand.h"
#include "collab/hub.h"
#include "lib/model_store.h"

enum {
    SIM_WORKERS_MAX = 3,
    SIM_CLIENTS_MAX = 6,
    SIM_USERS = 4,
    SIM_ROOMS = 8,
    SIM_PEOPLE_MAX = 8,
    SIM_TYPING_MAX = 16,
};

/* A fault in the world around the core, to see whether the checks notice. */
enum sim_fault {
    SIM_FAULT_NONE,
    SIM_FAULT_SKIP,      /* an event is lost on its way to a worker */
    SIM_FAULT_DOUBLE,    /* an event is delivered twice */
    SIM_FAULT_REORDER,   /* an event overtakes another one */
    SIM_FAULT_EARLY_ACK, /* the store says that it is done before it is */
    SIM_FAULT_GHOST,     /* nobody tells the hub that a connection broke */
};

struct sim_report {
    bool failed;
    char why[400];
    bool faulted; /* the fault did happen */
    unsigned commands, events, changes, crashes, resumes, resyncs, repeats;
};

struct sim_room {
    const char *name;
    bool is_free, is_record;
};
extern const struct sim_room sim_rooms[SIM_ROOMS];

/* ---- clients ---- */

struct sim_person { /* what a client believes of somebody */
    char user_id[8];
    char color[8];
    enum status status;
    enum intent intent;
    char page[24], row[24], cursor[24];
};

struct sim_seat {   /* a client in a room */
    bool wants;     /* it is there, or will be when it is back */
    bool is_joined; /* and was told so */
    bool listens, is_present;
    unsigned joins_waiting, joins_stale; /* a join that a leave has overtaken tells nothing */
    struct position position;            /* epoch 0: knows nothing yet */
    uint64_t version;                    /* of the record, in a record's room */
    unsigned person_count, typing_count;
    struct sim_person people[SIM_PEOPLE_MAX];
    uint64_t typing[SIM_TYPING_MAX]; /* hashes of who and where */
};

enum sim_op_kind { SIM_PUBLISH, SIM_CREATE, SIM_UPDATE, SIM_INCREMENT, SIM_DELETE, SIM_APPROVE };
struct sim_op { /* something that must happen once, however often it is sent */
    enum sim_op_kind kind;
    unsigned room;
    unsigned value, user;
    bool has_id, is_volatile, includes_origin, must_match;
    uint64_t base_version;
    bool is_acknowledged;
    uint64_t version;         /* that was acknowledged */
    bool is_change;           /* ... for a change that made a version */
    struct position position; /* that was acknowledged */
    session_id session;       /* whose change it was, and ... */
    unsigned tag;             /* the command of it that was acknowledged first */
    unsigned first_count;     /* acknowledgements that were no repeats: other workers' mail may overtake them */
};

struct sim_client {
    unsigned index, user;
    session_id session; /* 0: not connected */
    struct sim_seat seats[SIM_ROOMS];
};

struct sim_tag { /* a command on its way */
    session_id session;
    enum command_kind kind;
    unsigned client, room;
    int op; /* index, or -1 */
    unsigned life, answers;
    bool wants_answer, listens, had_since;
    bool is_again; /* what it asks for was acknowledged before it was sent */
    bool is_asked_by_checker;
    struct position since;
};

/* ---- the world ---- */

struct sim_mail;
struct sim_truth;

struct sim {
    uint64_t seed;
    struct rand rand;
    enum sim_fault fault;
    struct sim_report *report;
    struct type_registry *registry;
    struct identity *users[SIM_USERS];
    struct hub_limits limits;
    unsigned worker_count, client_count;
    uint64_t now_ms;
    int64_t wall_offset_ms;
    unsigned life;  /* of the process: grows with each crash */
    bool is_ending; /* no more trouble */
    bool reads_fail;
    unsigned trouble; /* of 1,000 batches so many fail */

    struct hub *hubs[SIM_WORKERS_MAX];
    struct ports ports[SIM_WORKERS_MAX];
    struct sim_port {
        struct sim *sim;
        unsigned worker;
    } port_worlds[SIM_WORKERS_MAX];
    uint64_t wake_ms[SIM_WORKERS_MAX]; /* the earliest wake-up that is on its way */
    struct sim_mail **mails;           /* a heap by time */
    unsigned mail_count, mail_capacity;
    uint64_t mail_serial;
    uint64_t link_ms[SIM_WORKERS_MAX + 1]
                    [SIM_WORKERS_MAX + 1]; /* when the last mail on it arrives; the last is the store */

    struct model_store store;
    struct store_request *queue[4096], *batch[4096];
    unsigned queue_count, batch_count;
    bool is_committing;
    struct model_moment batch_start;
    struct event *held; /* by a fault */
    unsigned held_worker;

    struct sim_client clients[SIM_CLIENTS_MAX];
    uint64_t session_serial;
    struct sim_op *ops;
    unsigned op_count, op_capacity;
    struct sim_tag *tags;
    unsigned tag_count, tag_capacity;
    struct sim_truth *truths;
    unsigned truth_count, truth_capacity;
    struct sim_people {
        bool is_known;
        struct position position;
        unsigned count;
        struct sim_person people[SIM_PEOPLE_MAX];
    } looks[SIM_ROOMS]; /* at the end: what the hub says */
};

/* Plays the seed. False: something did not hold, and the report says what. */
bool sim_run(uint64_t seed, enum sim_fault fault, struct sim_report *report);

/* sim_world.c */
void sim_send(struct sim *sim, struct command *command, unsigned worker);
uint64_t sim_random(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, unsigned of_1000);

/* sim_client.c */
void sim_client_step(struct sim *sim, struct sim_client *client);
void sim_client_on_answer(struct sim *sim, const struct answer *answer);
void sim_client_on_event(struct sim *sim, unsigned worker, const struct event *event);
void sim_client_lose(struct sim *sim, struct sim_client *client);   /* its server is gone */
void sim_client_settle(struct sim *sim, struct sim_client *client); /* comes back if it was away */
void sim_client_leave_all(struct sim *sim, struct sim_client *client);
void sim_look(struct sim *sim, unsigned room);

/* sim_check.c */
__attribute__((format(printf, 3, 4))) void sim_check(struct sim *sim, bool holds, const char *format, ...);
void sim_truth_add(struct sim *sim, const struct event *event);
void sim_truth_free(struct sim *sim);
void sim_check_event(struct sim *sim, struct sim_client *client, struct sim_seat *seat, const struct event *event);
void sim_check_joined(struct sim *sim, struct sim_client *client, unsigned room, const struct sim_tag *tag,
                      const struct answer *answer);
void sim_check_acknowledged(struct sim *sim, struct sim_client *client, const struct sim_tag *tag,
                            const struct answer *answer);
struct span sim_room_name(unsigned room);
struct sim_person *sim_find_person(struct sim_person *people, unsigned count, const char *user_id);
void sim_take_people(struct sim *sim, unsigned room, const struct answer *answer, struct sim_person *people,
                     unsigned *count);
/* Everything behind where it stands and before `offset` must be its own: only that is not sent to it. */
void sim_check_no_gap(struct sim *sim, const struct sim_client *client, const struct sim_seat *seat, uint64_t offset);

/* sim_end.c */
void sim_check_looked(struct sim *sim, const struct sim_tag *tag, const struct answer *answer);
void sim_check_quiet(struct sim *sim);
void sim_check_answers(struct sim *sim);
void sim_check_nobody_left(struct sim *sim);
void sim_check_store(struct sim *sim);
