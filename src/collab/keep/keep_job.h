/* keep_job.h: one command about what is kept beside records, on its way; for keep*.c only. Home thread only.
 *
 *     waiting ----> reading <----> deciding ----> committing ----> answered
 *                      ^___________________________|  somebody else was faster
 *
 * A command is decided by one function of its kind, which is called again and again until nothing that it asks for is unknown: it asks for
 * objects, people and the record as if they were there, gets NULL or false for what has to be read first, and returns. So it says in one place, in
 * order, what is looked at and what comes of it, and a decision that lost a race is simply made again.
 *
 * The commands of a room wait in line while the first is reading. When it has gone to the store, the next may read: the store does what it is
 * asked in order, so it sees what the first one wrote. */
#pragma once

#include "base/limits.h"
#include "collab/keep/keep.h"
#include "collab/keep/notice.h"

#define KEEP_IDS_MAX LIMIT_NOTIFIED  /* notifications in one command */
#define KEEP_PEOPLE_MAX LIMIT_PEOPLE /* mentioned in one comment, told in one notification */

struct keep_line;

struct known_object {
    struct known_object *next;
    struct object object;
    bool is_known;
};
struct known_user {
    struct known_user *next;
    struct span name, user_id;
    bool is_known;
};
/* What was read from the store for a decision. */
struct keep_facts {
    struct known_object *objects;
    struct known_user *users;
    bool wants_record, has_record; /* the record's state; empty: there is none */
    struct span record;
    bool wants_list, has_list; /* somebody's objects of a kind in a state */
    struct object listed;      /* kind, owner, state */
    uint32_t list_count, list_count_max;
    uint64_t list_total;
    struct object *list;
};

enum keep_step {
    KEEP_WAITING,
    KEEP_READING,
    KEEP_COMMITTING,
    KEEP_LOOKING,  /* it is refused, unless the store knows that the same was done before */
    KEEP_REPEATING /* it was: what became of it is being read */
};

struct keep_job {
    struct list node; /* line->waiting or line->under_way */
    struct keep_line *line;
    struct hub *hub;
    struct command *command;
    enum keep_step step;
    unsigned attempts, asked_count;
    uint64_t hash;      /* of what was asked, when it has an idempotency key */
    struct json input;  /* of the command's input */
    bool is_privileged; /* an admin, or the server itself */
    /* Of the record whose room it is; NULL: it is no record's. Looked up anew for each decision. */
    const struct type *type;
    struct span entity_id;
    struct arena arena; /* facts, and what was decided; begins anew with each attempt */
    struct keep_facts facts;
    enum err failure; /* of reading */
    /* What was decided: */
    enum err verdict;
    struct span field;            /* what was wrong */
    struct store_request *commit; /* owned; NULL: there is nothing to do, and that is fine */
    struct event *said;           /* owned: to be heard in its room, which is kept in memory, when it is committed */
    struct object object;         /* what is answered; without an id: only a body */
    uint64_t shown;               /* the record's fields that it tells about */
    bool is_view;                 /* remembered, so that it is not kept again soon */
    struct position position;     /* of what this repeats */
};

/* ---- keep_read.c ---- */

/* NULL: not known yet. Revision 0: it is not there. */
const struct object *keep_object(struct keep_job *job, enum object_kind kind, struct span id);
/* A username (in any case), or '#' and an id. False: not known yet. An empty *user_id: nobody. */
bool keep_user(struct keep_job *job, struct span name, struct span *user_id);
/* The state of the record whose room it is. False: not known yet. */
bool keep_record(struct keep_job *job, struct span *state);
/* The oldest of somebody's objects of a kind in a state that whoever asks may see, and how many of them there are in all
 * (facts.list_total). False: not known yet. */
bool keep_list(struct keep_job *job, enum object_kind kind, struct span owner, struct span state, uint32_t count_max);
/* Something that was asked for is not known yet: return, whatever the rest would be. */
bool keep_is_unknown(const struct keep_job *job);
/* Asks the store for all that is unknown. */
void keep_read_unknown(struct keep_job *job);
/* What it answered, without an error. */
void keep_learn(struct keep_job *job, const struct store_request *request);
void keep_copy_object(struct arena *arena, const struct object *from, struct object *to);

/* ---- keep_job.c ---- */

/* Takes command and what is in *input. In no line yet. */
struct keep_job *keep_job_new(struct hub *hub, struct command *command, struct json *input);
/* Out of its line. */
void keep_job_free(struct keep_job *job);
/* Nothing is decided; what is known stays. */
void keep_job_undecide(struct keep_job *job);
/* Nothing is known, either. */
void keep_job_forget(struct keep_job *job);

/* A request that comes back here. */
struct store_request *keep_new_request(struct keep_job *job, enum store_kind kind);
void keep_send(struct keep_job *job, struct store_request *request);
/* The command's idempotency key, if it has one. */
void keep_set_op(struct keep_job *job, struct store_request *request);
/* The commit that is to be filled, by whoever decides. */
struct store_request *keep_new_commit(struct keep_job *job);
/* Gives it, with what a repeat will be told. */
struct store_request *keep_take_commit(struct keep_job *job);

/* Refuses: for `return keep_refuse(job, ERR_BAD_FIELD, "text")`. */
enum err keep_refuse(struct keep_job *job, enum err err, const char *field);
/* Puts an object (its spans are copied) and makes it the answer. */
void keep_put(struct keep_job *job, const struct object *object);
/* An event about it by whoever sent the command. */
struct commit_event *keep_say(struct keep_job *job, const struct object *object, enum object_verb verb);

/* The answers: give. `request`: the commit, which is done; NULL: there was nothing to do. */
struct answer *keep_refusal(const struct keep_job *job, enum err err);
struct answer *keep_outcome(const struct keep_job *job, const struct store_request *request);
/* Of a repeat: the object of the first one, which stood there. */
struct answer *keep_outcome_again(const struct keep_job *job, const struct object *object, struct position position);

/* ---- deciding, one function per kind: OK (job->commit or not), or an error with job->field ---- */
must_check enum err keep_comment(struct keep_job *job);
must_check enum err keep_message(struct keep_job *job);
must_check enum err keep_notification(struct keep_job *job);
must_check enum err keep_preferences(struct keep_job *job);
must_check enum err keep_activity(struct keep_job *job);
must_check enum err keep_conflict(struct keep_job *job);

/* keep_activity.c: whoever looked at a record a moment ago is not noted again; a small memory, which forgets. */
struct keep_views;
void keep_views_free(struct keep_views *views);
void keep_view_forget(struct keep_job *job);

/* ---- keep_input.c: a command's input. What is wrong is in job->field ---- */

/* Spans live in the input. Characters are code points. Missing: ERR_MISSING_FIELD when required, else an empty span. */
must_check enum err keep_input_text(struct keep_job *job, const char *key, size_t characters_max, bool is_required,
                                    struct span *out);
/* A text of one line without control characters. */
must_check enum err keep_input_label(struct keep_job *job, const char *key, size_t characters_max, bool is_required,
                                     struct span *out);
/* An object or array, as it was sent. */
must_check enum err keep_input_json(struct keep_job *job, const char *key, bool is_array, size_t bytes_max,
                                    struct span *out);
/* An id: a string, or a whole number. Copied. */
must_check enum err keep_input_id(struct keep_job *job, yyjson_val *value, const char *key, struct span *out);
/* Which one is meant. */
must_check enum err keep_input_object_id(struct keep_job *job, struct span *out);

/* ---- keep_people.c: who is meant ---- */

struct keep_people {
    uint32_t count;
    struct span ids[KEEP_PEOPLE_MAX]; /* no id twice */
};
/* The ids or usernames that a member of the input lists; `are_given`: ids, which nobody checks. ERR_UNKNOWN_USER. */
must_check enum err keep_people_listed(struct keep_job *job, const char *key, bool are_given,
                                       struct keep_people *people);
/* And those whom a text names with an @. */
must_check enum err keep_people_named(struct keep_job *job, struct span text, struct keep_people *people);
bool keep_people_have(const struct keep_people *people, struct span id);
/* The body of somebody's preferences; empty: he has none, or it is not known yet. */
struct span keep_preferences_of(struct keep_job *job, struct span user_id);
/* A notification by whoever sent the command, about the record of the room, if it is one's, in this state; the rest is the caller's. */
struct notice keep_notice(struct keep_job *job, struct span type, struct span state);
/* Into his inbox, with the commit, if he wants it: his preferences were asked for before. False: he does not. */
bool keep_tell(struct keep_job *job, const struct notice *notice, struct span user_id);
/* The first so many characters, and dots when there were more. */
struct span keep_excerpt(struct arena *arena, struct span text, size_t characters_max);

/* ---- keep_body.c: bodies that are there already ---- */

struct keep_edit {
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
};
must_check enum err keep_edit_open(struct keep_edit *edit, struct span body);
void keep_edit_text(struct keep_edit *edit, const char *key, struct span text);
void keep_edit_flag(struct keep_edit *edit, const char *key, bool value);
void keep_edit_time(struct keep_edit *edit, const char *key, int64_t time_ms);
void keep_edit_value(struct keep_edit *edit, const char *key, yyjson_mut_val *value);
void keep_edit_remove(struct keep_edit *edit, const char *key);
struct span keep_edit_close(struct keep_edit *edit, struct arena *arena);
/* A member of a body that is a string, copied; else empty. */
struct span keep_body_text(struct arena *arena, struct span body, const char *key);
/* The same of a record's state. */
struct span keep_field_text(struct arena *arena, struct span state, struct span field);

/* What the body of something new begins with: a new id, made now by whoever sent the command, about the record of the room. */
struct object_head keep_head(struct keep_job *job, enum object_kind kind, struct span state);

/* ---- keep_access.c: who may ---- */

/* May he read the record of the room: ERR_NOT_FOUND when the room is no record's, ERR_FORBIDDEN. */
must_check enum err keep_may_read(struct keep_job *job);
/* Records of types that are not stored are there if somebody says so. */
bool keep_is_there(const struct keep_job *job, struct span state);
bool keep_may_update(const struct keep_job *job);
/* Of what is kept, what he may see. */
struct object_rights keep_rights(const struct keep_job *job);
/* The room is his own (or he is an admin): ERR_NOT_FOUND when it is no user's, ERR_FORBIDDEN. *user_id: whose it is. */
must_check enum err keep_may_manage(struct keep_job *job, struct span *user_id);
/* The field that a path begins with, as a bit; 0: there is no such field, or he may not read it. No path: no bits, and true. */
must_check bool keep_may_see(struct keep_job *job, struct span path, uint64_t *shown);
