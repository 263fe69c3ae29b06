/* record_plan.h: what a command makes of a record as it is: who may, against which version, with which operations, what becomes of
 * the record, who hears of it. Decides, and changes nothing. */
#pragma once

#include "collab/record.h"

struct record_plan {
    enum err err; /* refused; `field` says what was wrong */
    struct span field;
    struct store_request *request; /* what is to be committed; NULL: it does nothing, and that is fine */
    bool changes;                  /* the request writes the record: what it is then */
    struct snapshot after;
};

/* Whether his roles allow it at all, whatever the record is. */
must_check enum err record_plan_authorise(const struct hub *hub, const struct command *command, struct span *field);
/* `hash` is record_plan_hash's. */
void record_plan_make(struct hub *hub, const struct snapshot *present, struct command *command, uint64_t hash,
                      struct record_plan *plan);
/* Frees what the caller has not taken. */
void record_plan_deinit(struct record_plan *plan);
/* To keep the id of a command that does nothing to the record at this version: sent again later, when it would do something by
 * then, it must still do nothing. */
struct store_request *plan_keep_id(struct hub *hub, const struct command *command, uint64_t hash, uint64_t version);

/* The command's idempotency key, or an empty span. */
struct span record_plan_id(const struct command *command);
/* Of what was asked with it (0 without an id): to be taken before the change is applied, which may add to its operations. */
uint64_t record_plan_hash(const struct command *command);
/* Under which key, and for what, the store knows it. */
void plan_set_op(struct store_request *request, const struct command *command, uint64_t hash);
/* The version that the first answer told, from what the store kept of it. */
uint64_t plan_kept_version(struct span answer);
