/* record_making.h: what the files share in which plans are made: record_plan.c decides who does it, record_change.c makes a
 * change of operations, record_conflict.c and record_resolve.c open and settle conflicts, record_undo.c takes back and restores,
 * record_lock.c and record_lock_ask.c locks, record_announce.c says what happened, record_notice.c and record_alert.c tell whom it concerns. Nobody else includes it.
 *
 * Each function that makes a part of a plan is done when plan->need, plan->waits or plan->err is set. A plan is made anew when what it
 * needs was read, and when the tip on which it was made never came to be: so the command itself is never changed. */
#pragma once

#include "collab/keep/notice.h"
#include "collab/record/record_plan.h"
#include "collab/type/alert.h"
#include "wire/json.h"

struct making {
    struct hub *hub;
    struct record *record;
    const struct snapshot *present;
    struct command *command;
    struct arena *arena; /* the command's */
    uint64_t hash;
    const struct type *type;
    struct span id; /* of the record */
    const struct record_reads *reads;
    struct record_plan *plan;
};

/* States and bodies are ours: they were bounded when they were made. These only keep a damaged row from doing harm. */
extern const struct json_limits record_json_limits;

/* ---- record_plan.c ---- */
void making_refuse(struct making *making, enum err err, struct span field);
/* A commit for the command, with its idempotency key. */
struct store_request *making_commit(const struct making *making);
/* The field that a path leads into, as a mask; of the whole record all of them. */
uint64_t making_shown(const struct making *making, const struct path *path);
/* It is not to be decided while something is under way. True: so it is. */
bool making_waits(struct making *making);
must_check enum err making_check_version(const struct making *making, uint64_t base_version, bool must_match);
/* May he write the fields of these operations? */
must_check enum err making_authorise_ops(const struct making *making, const struct change *change, struct span *field);

/* ---- record_read.c: what was read, or is needed ---- */
/* The plan's need, to be filled: a request about this record, in place of the one before. */
struct store_request *making_need(struct making *making, enum store_kind kind);
/* Objects by kind and id, the revision 0 of those that are not there. NULL: they are being read. */
const struct object *making_object(struct making *making, enum object_kind kind, struct span id);
/* So that they can be asked for one by one: true when all are there. */
bool making_read_objects(struct making *making, enum object_kind kind, const struct span *ids, uint32_t count);
/* The user's id of that name; false: it is being read. Nobody has it: empty. */
bool making_find_user(struct making *making, struct span name, struct span *user_id);
/* What the accounts of these users say that they are: true when that is known of all. */
bool making_read_roles(struct making *making, const struct span *ids, uint32_t count);
/* Of one of them; NULL: it was not read. */
const struct account_roles *making_roles(const struct making *making, struct span user_id);
/* The state at a version; ERR_BAD_VERSION: there is none. False: it is being read. */
bool making_state_at(struct making *making, uint64_t version, enum err *err, struct span *state, bool *exists);
/* The changes after a version, all that are to be had. False: older ones are being read. */
bool making_changes_since(struct making *making, uint64_t version, session_id self, struct tail_changes *changes,
                          bool *is_complete);
/* The same, and what is older is not asked for. */
enum tail_reach making_changes_at_hand(struct making *making, uint64_t version, struct tail_changes *changes);
/* Fills changes->base of those after a version, if the record was deleted among them. False: it is being read. */
bool making_base_of(struct making *making, uint64_t version, struct tail_changes *changes);
/* What is at a place in a state; NULL: nothing. */
yyjson_val *state_find(yyjson_val *state, const struct path *path);
/* As JSON, in the arena; empty for NULL. */
struct span value_text(struct arena *arena, yyjson_val *value);

/* ---- record_change.c ---- */
/* What was asked for as COMMAND_CHANGE and COMMAND_ACTION. */
void plan_change(struct making *making);
void plan_action(struct making *making);
/* A change on the present state, whose operations are his to make: applied, checked against locks, committed. What it has in
 * `superseded` was lost before and is kept with it. Gives the commit, to which more can be added; NULL: there is none. */
struct store_request *plan_apply(struct making *making, struct change *change);
/* Brings a change onto the present state and checks it against the locks; false: it cannot be (plan says why). `reconciled` may hold a conflict. */
struct reconciled;
bool plan_reconcile(struct making *making, struct change *change, const struct tail_changes *since,
                    const struct type *type, struct reconciled *reconciled);

/* ---- record_conflict.c, record_resolve.c ---- */
void plan_conflict(struct making *making, const struct change *change, const struct tail_changes *since,
                   const struct reconciled *reconciled);
void plan_resolve(struct making *making);
#define CONFLICT_REMOTE_MAX 8 /* changes that are shown beside the parked one, the newest */
/* A change as a conflict keeps it: of a large one only who and when. */
void conflict_print_change(struct buf *out, const struct change *change);

/* ---- record_undo.c ---- */
void plan_undo(struct making *making);
void plan_restore(struct making *making);

/* ---- record_announce.c ---- */
void announce_change(struct making *making, struct store_request *request, const struct change *change,
                     struct span named);
void announce_alerts(struct making *making, struct store_request *request, struct span before, struct span after);
/* What an event says that happened to a record: "created", "updated", "approved". */
struct span change_event_name(const struct type *type, const struct change *change);
/* An object of the record's that the commit puts: with its event, which the record's room shows, and `room` if that is not empty. */
void announce_object(struct making *making, struct store_request *request, const struct object *object,
                     struct span body, enum object_verb verb, uint64_t shown, struct span room);

/* ---- record_alert.c ---- */
/* Those into whose inboxes the alerts come that the change raises, as it is applied in plan->after. False: something is being read. */
bool plan_find_alerted(struct making *making, const struct change *change);
void plan_tell_alerted(struct making *making, struct store_request *request, const struct alert *alert);

/* ---- record_notice.c ---- */
/* A notification by whoever sent the command, about the record in this state, of these fields; the rest is the caller's. */
struct notice making_notice(const struct making *making, struct span type, struct span state, uint64_t shown);
/* Into his inbox, with the commit, if he wants it. When his preferences were not asked for before, the defaults have to do. */
void making_tell(struct making *making, struct store_request *request, const struct notice *notice,
                 struct span user_id);
/* Those whom a change makes responsible. False: something is being read. */
bool plan_find_assignees(struct making *making, const struct change *change);
void plan_notify_assignees(struct making *making, struct store_request *request, const struct change *change);
