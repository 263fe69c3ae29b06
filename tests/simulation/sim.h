/* sim.h: a whole server without a machine: hubs, the store, the mail between them and clients, in one thread and in virtual time, all
 * of it drawn from one seed. Mail is delayed but never overtakes on its way from one worker to another; the store is slow, fails and
 * is killed with the process; clients come and go, and send again what was not acknowledged. What each of them sees is checked
 * against the truth as it happens.
 *
 *     sim_world.c    time, hubs, crashes
 *     sim_store.c    the store
 *     sim_client.c   what clients do
 *     sim_edit.c     what they do to records: changes made on what they know, also while they are away, locks, undo, conflicts
 *     sim_draw.c     what such a change is
 *     sim_mail.c     what is on its way
 *     sim_check.c    what must hold all the time
 *     sim_replica.c  each client's own copy of the records
 *     sim_ledger.c   what must hold of the log: folded from its start, with locks, undo and conflicts
 *     sim_end.c      what must hold when all is quiet, and when all is over */
#pragma once

#include "base/rand.h"
#include "collab/hub.h"
#include "lib/model_store.h"

enum {
    SIM_WORKERS_MAX = 3,
    SIM_STORE = SIM_WORKERS_MAX, /* among those who send mail */
    SIM_CLIENTS_MAX = 6,
    SIM_USERS = 4,
    SIM_ROOMS = 11,
    SIM_SHEETS = 9, /* the first room of a record under all strategies; there are ... */
    SIM_SHEET_COUNT = 2,
    SIM_PEOPLE_MAX = 8,
    SIM_TYPING_MAX = 16,
    SIM_QUEUE_MAX = 12,
    SIM_PLACES = 4,
};

/* A fault in the world around the core, to see whether the checks notice. */
enum sim_fault {
    SIM_FAULT_NONE,
    SIM_FAULT_SKIP,      /* an event is lost on its way to a worker */
    SIM_FAULT_DOUBLE,    /* an event is delivered twice */
    SIM_FAULT_REORDER,   /* an event overtakes another one */
    SIM_FAULT_EARLY_ACK, /* the store says that it is done before it is */
    SIM_FAULT_GHOST,     /* nobody tells the hub that a connection broke */
    SIM_FAULT_FORGET,    /* the store forgets which changes it has had */
    SIM_FAULT_STALE,     /* the store keeps the state before a change instead of the one after it */
    SIM_FAULT_NO_LOCKS,  /* the configuration says nothing of locks */
    SIM_FAULT_NO_MANUAL, /* ... nor of conflicts that people settle */
    SIM_FAULT_TOKEN,     /* a lock's token is that of an earlier one */
    SIM_FAULT_BLIND,     /* in the log that is read all changes are one person's */
};

/* Where the process may end between two steps of what belongs together. */
enum sim_point {
    SIM_POINT_APPLIED,      /* a change was decided, and is on its way to the store */
    SIM_POINT_COMMITTED,    /* it is on the disk, and nobody knows */
    SIM_POINT_ACKNOWLEDGED, /* the answer is on its way */
    SIM_POINT_HEARD,        /* the answer was heard, and others were not told yet */
    SIM_POINT_COUNT
};

struct sim_report {
    bool failed;
    char why[400];
    bool faulted; /* the fault did happen */
    unsigned commands, events, changes, crashes, resumes, resyncs, repeats;
    unsigned edits, merged, parked, rejected, undone, settled, locked, fenced, folded, logged;
    unsigned points[SIM_POINT_COUNT];
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
    uint64_t version;                    /* of the record, in a record's room, and its state then: */
    struct buf state;                    /* empty: there is none */
    bool has_state;
    unsigned person_count, typing_count;
    struct sim_person people[SIM_PEOPLE_MAX];
    uint64_t typing[SIM_TYPING_MAX]; /* hashes of who and where */
};

enum sim_op_kind {
    SIM_PUBLISH,
    SIM_CREATE,
    SIM_UPDATE,
    SIM_INCREMENT,
    SIM_DELETE,
    SIM_APPROVE,
    SIM_EDIT,    /* of a sheet: text */
    SIM_UNDO,    /* redo, of_version */
    SIM_RESTORE, /* of_version */
    SIM_RESOLVE, /* text is the conflict's id */
};
/* What became of it, as its client was told. */
enum sim_fate { SIM_UNTOLD, SIM_COMMITTED, SIM_PARKED, SIM_REJECTED };
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
    /* what is done to sheets: */
    char *text;      /* the client's Change object: the same bytes however often it is sent */
    unsigned client; /* who sends it */
    uint64_t of_version, fence, stamp;
    bool redo, has_strategy;
    enum strategy strategy;
    enum sim_fate fate;
    unsigned under_way;      /* copies of it that were sent and not answered */
    uint64_t unheard;        /* when a copy of it was done whose answer nobody heard; 0: never */
    unsigned logged, parked; /* how often it is in the log, and among the conflicts */
};

struct sim_client {
    unsigned index, user;
    session_id session; /* 0: not connected */
    struct sim_seat seats[SIM_ROOMS];
    bool folds;                                   /* keeps copies of the records, and does to them what it hears of */
    unsigned queue_count, queue[SIM_QUEUE_MAX];   /* what it was not told the end of yet, in order */
    uint64_t tokens[SIM_SHEET_COUNT][SIM_PLACES]; /* of locks that it got */
    /* ... and keeps as long as it is there: who took one from inside the room has not left it since */
    bool is_there[SIM_SHEET_COUNT][SIM_PLACES];
};

struct sim_tag { /* a command on its way */
    session_id session;
    enum command_kind kind;
    unsigned client, room;
    int op; /* index, or -1 */
    unsigned life, answers;
    uint64_t answered; /* when its answer was given, in the order of all answers */
    bool wants_answer, listens, had_since;
    bool is_again;  /* what it asks for was acknowledged before it was sent */
    bool is_known;  /* ... or done, so that the store knows it */
    unsigned place; /* of a lock; was it asked for from inside the room? */
    bool is_member;
    enum object_verb verb;
    bool is_asked_by_checker, wants_record;
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
    struct type_registry *registry, *hub_registry; /* what is true, and what the hubs believe */
    struct identity *users[SIM_USERS];
    struct hub_limits limits;
    unsigned worker_count, client_count;
    uint64_t now_ms;
    uint64_t answers; /* that were given */
    int64_t wall_offset_ms;
    unsigned life;  /* of the process: grows with each crash */
    bool is_ending; /* no more trouble */
    bool reads_fail;
    unsigned trouble; /* of 1,000 batches so many fail */
    bool has_sheets;  /* most of what is done is done to the sheets */
    bool crash_is_due;

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
    uint64_t first_grant; /* TOKEN */
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
/* Perhaps the process ends here: after what is being done, with all that is under way. */
void sim_point(struct sim *sim, enum sim_point point);

/* sim_store.c */
void sim_store_take(struct sim *sim, struct store_request *request); /* takes */
void sim_store_finish(struct sim *sim);                              /* the batch is on the disk */

/* sim_client.c */
void sim_client_step(struct sim *sim, struct sim_client *client);
void sim_client_on_answer(struct sim *sim, const struct answer *answer);
void sim_client_on_event(struct sim *sim, unsigned worker, const struct event *event);
void sim_client_lose(struct sim *sim, struct sim_client *client);   /* its server is gone */
void sim_client_settle(struct sim *sim, struct sim_client *client); /* comes back if it was away */
void sim_client_leave_all(struct sim *sim, struct sim_client *client);
void sim_look(struct sim *sim, unsigned room, bool wants_record);
/* A command of this client, to be filled in; its tag is the last one. */
struct command *sim_command(struct sim *sim, struct sim_client *client, enum command_kind kind, unsigned room);
struct sim_tag *sim_last_tag(struct sim *sim);
void sim_client_send(struct sim *sim, struct command *command);
struct sim_op *sim_add_op(struct sim *sim);
void sim_client_join(struct sim *sim, struct sim_client *client, unsigned room, bool listens, bool is_present);
void sim_client_vanish(struct sim *sim, struct sim_client *client);
void sim_client_send_again(struct sim *sim, struct sim_client *client);
void sim_send_op(struct sim *sim, struct sim_client *client, unsigned index);

/* sim_edit.c */
void sim_edit_step(struct sim *sim, struct sim_client *client); /* connected or not */
void sim_edit_fill(struct sim *sim, struct command *command, const struct sim_op *op, struct span id);
enum command_kind sim_edit_command(const struct sim_op *op);
void sim_edit_send_queue(struct sim *sim, struct sim_client *client, unsigned count);
void sim_edit_on_answer(struct sim *sim, struct sim_client *client, const struct sim_tag *tag,
                        const struct answer *answer);
void sim_edit_on_lock(struct sim *sim, const struct event *event);
void sim_edit_leave(struct sim_client *client, unsigned room);
void sim_edit_free(struct sim *sim);

/* sim_draw.c: a Change object of one to three operations on a sheet as it is; *needs_lock when one of them does. */
void sim_draw_change(struct sim *sim, struct span state, bool exists, struct buf *out, bool *needs_lock);
extern const char *const sim_places[SIM_PLACES]; /* what is locked */

/* sim_replica.c */
void sim_replica_fold(struct sim *sim, struct sim_client *client, struct sim_seat *seat, const struct change *change);
void sim_replica_join(struct sim *sim, struct sim_client *client, struct sim_seat *seat, const struct sim_tag *tag,
                      const struct answer *answer);
void sim_replica_check_quiet(struct sim *sim, const struct sim_client *client, const struct sim_seat *seat);

/* sim_ledger.c */
void sim_check_ledger(struct sim *sim);

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
/* The record that is told is the stored one of that moment. */
void sim_check_record(struct sim *sim, unsigned room, const struct answer *answer);
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
