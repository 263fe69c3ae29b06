/* record_plan.h: what a command makes of a record as it is: who may, against which version, with which operations, what becomes of
 * the record, who hears of it. Decides; the only things it changes are the record's locks, and only when what comes of it is to be
 * asked of the store next. */
#pragma once

#include "collab/record/record.h"

/* Four people and how they want to be told, the same of those who are alerted, an old state, a conflict: 12. Of a lock what those are and
 * how they want to be told who wait for it. */
enum { PLAN_READS_MAX = 16 };
/* What was read for a command so far; the log that was read went to the record's tail. Owned requests. */
struct record_reads {
    uint32_t count;
    struct store_request *requests[PLAN_READS_MAX];
};
void record_reads_clear(struct record_reads *reads);

/* What is answered besides the record. */
struct record_outcome {
    enum verdict verdict;
    enum strategy strategy;
    uint32_t skipped_count;
    enum err err;   /* to be answered when all is committed: of a conflict that was only refreshed */
    uint64_t grant; /* lock.h: of a lock that is granted */
    /* People whom its alerts are told, and those who are too many: counted as they were found, before what they want. */
    uint32_t alerted_count, left_out_count;
    /* An object to be shown. Its body: empty, when it is the commit's first event's. */
    bool has_object;
    enum object_kind object_kind;
    struct span object_id, object;
    uint64_t object_shown;
};

struct record_plan {
    enum err err; /* refused; `field` says what was wrong */
    struct span field;
    struct store_request *need;    /* to be read before it can be decided: then nothing else is said */
    bool waits;                    /* it is to be decided when nothing is under way: then nothing else is said */
    bool sweeps;                   /* locks that have expired have to go before: then nothing else is said */
    struct store_request *request; /* what is to be committed; NULL: it does nothing, and that is fine */
    bool changes;                  /* the request writes the record: what it is then */
    struct snapshot after;
    bool locks; /* the request is of the record's locks, which are as if it was done */
    struct record_outcome outcome;
};

/* Whether his roles allow it at all, whatever the record is. */
must_check enum err record_plan_authorise(const struct hub *hub, const struct command *command, struct span *field);
/* What comes of it on the record's present state. `hash` is record_plan_hash's. */
void record_plan_make(struct record *record, struct command *command, uint64_t hash, const struct record_reads *reads,
                      struct record_plan *plan);
/* Frees what the caller has not taken. */
void record_plan_deinit(struct record_plan *plan);
/* The state on which the next change builds. */
const struct snapshot *record_present(const struct record *record);

/* ---- record_key.c: idempotency ---- */

/* The command's idempotency key, or an empty span. */
struct span record_plan_id(const struct command *command);
/* Of what was asked with it (0 without an id): to be taken before the change is applied, which may add to its operations. */
uint64_t record_plan_hash(const struct command *command);
/* Under which key, and for what, the store knows it. */
void plan_set_op(struct store_request *request, const struct command *command, uint64_t hash);
/* To keep the id of a command that does nothing to the record at this version: sent again later, when it would do something by
 * then, it must still do nothing. */
struct store_request *plan_keep_id(struct hub *hub, const struct command *command, uint64_t hash, uint64_t version,
                                   const struct record_outcome *outcome);
/* What the first answer told is kept with the request's op id, if it has one. */
void plan_keep_answer(struct store_request *request, uint64_t version, const struct record_outcome *outcome);
/* And read again: the version; the outcome's texts are in the arena. */
uint64_t plan_read_answer(struct arena *arena, struct span answer, struct record_outcome *outcome);
