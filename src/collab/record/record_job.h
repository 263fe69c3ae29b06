/* record_job.h: a command on its way through a record: planned, asked of the store, answered. record.c keeps the line,
 * record_job.c does the single steps. Nobody else includes it. */
#pragma once

#include "collab/record/record_plan.h"

struct job {
    struct list node; /* record->waiting or record->under_way */
    struct record *record;
    struct command *command;
    uint64_t hash;     /* of what was asked */
    unsigned attempts; /* that failed because the tip was dropped */
    bool is_asked;     /* the store has it; else it is in its place among those that conflicted */
    bool is_in_doubt;  /* what was decided holds only if that tip comes to be */
    bool locks;        /* it is a commit of locks */
    enum err verdict;  /* what it will be answered unless the store knows better */
    struct span field;
    uint64_t version; /* of the record it was decided on, or that it makes */
    struct record_outcome outcome;
    struct record_reads reads;
    struct store_request *repeated; /* the store knew it; what its answer shows is being read */
};

/* Takes command; last in line. */
void job_new(struct record *record, struct command *command);
/* What the server itself does to a record's locks, in line with what others do. */
void job_new_for_locks(struct record *record, enum object_verb verb, session_id session, bool is_first);
void job_free(struct job *job);
/* The first in line. False: it has to wait for the store, and so has everybody behind it. */
bool job_submit(struct job *job);
/* Answers, and frees. */
void job_refuse(struct job *job, enum err err, struct span field);
/* Borrows what the store said. */
void job_on_change(struct job *job, struct store_request *request);  /* a commit with a change */
void job_on_verdict(struct job *job, struct store_request *request); /* another commit, or STORE_OP_FIND */
void job_on_read(struct job *job, struct store_request *request);    /* takes request: what it needed is read */

/* record.c */
/* The tip is the plan's. Takes its state. */
void record_set_tip(struct record *record, struct record_plan *plan);
/* Another version is committed. */
void record_advance(struct record *record, const struct store_request *request);
/* From now on nothing is submitted until the store has answered everything and the record was loaded anew. */
void record_abandon_tip(struct record *record);
void record_set_older(struct record *record, struct store_request *request); /* takes */
