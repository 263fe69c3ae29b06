/* keep.h: what is kept beside records (object.h), at its room's home: comments, chat, notifications, preferences, activities and the
 * assignment of conflicts. Home thread only. Locks and the settling of conflicts are the record's business (record.c): they decide over
 * changes.
 *
 * A command is checked, what it needs is read (the comment that is answered or edited, who is mentioned, how they want to be told), and
 * what comes of it is one commit: the objects, their events, the inboxes of those concerned, the line in the activity feed. When somebody else was faster
 * (the object's revision is another by then), it is read and decided again. Commands for one object are done in the order in which they came. */
#pragma once

#include "collab/hub_internal.h"

/* COMMAND_OBJECT of every kind but OBJECT_LOCK and but OBJECT_RESOLVE of a conflict. Takes command. */
void keep_command(struct hub *hub, struct command *command);
/* Completions of what was asked here (asker ASKER_KEEP); context is a struct keep_job. Takes request. */
void keep_on_stored(struct hub *hub, struct store_request *request);
/* With all that is under way; nobody hears of it. */
void keep_free(struct hub *hub);

/* ---- for others who make commits (record_plan.c, record_conflict.c, lock) ---- */

/* What somebody is to be told in his inbox. */
struct notice {
    struct span user_id; /* whose inbox */
    struct span
        type; /* "mention", "assignment", "alert", "conflict", "lock_request", "lock_lost", "message", or an application's own */
    struct span priority; /* "low", "normal", "high", "urgent"; empty: normal */
    struct span title, message;
    struct span data;         /* a JSON object, or empty */
    struct span actions;      /* a JSON array, or empty */
    const struct type *about; /* the record, or NULL */
    struct span entity_id, entity_name;
    struct span from_user_id, from_username, from_name; /* who caused it; empty: the server */
    uint64_t shown;                                     /* the record's fields that it tells about */
};
/* Adds the notification to a commit: the object in his inbox, the event in his own room. `preferences`: the body of his preferences (empty: the
 * defaults). False: he does not want this kind, nothing was added. Nobody is told of what he did himself. */
bool notice_add(struct hub *hub, struct store_request *request, const struct notice *notice, struct span preferences);

/* The line of the activity feed for an event of the commit: fills entry->activity and shows the event in the feeds: "activity-feed",
 * "feed:user:ID", and "feed:customer:ID" when the record is a customer or refers to one (`state`: the record's, JSON, or empty). */
void activity_note(struct store_request *request, struct commit_event *entry, const struct type *type,
                   struct span entity_id, struct span state, struct span user_id, struct span action);

/* An event about an object, with the object's body, still without rooms: the caller shows it (commit_show_in), may set its origin, and prints it. Valid
 * until the next event is added. type: of the record, or NULL; who: NULL for the server. */
struct commit_event *keep_add_event(struct hub *hub, struct store_request *request, const struct identity *who,
                                    const struct type *type, struct span entity_id, const struct object *object,
                                    enum object_verb verb, uint64_t shown);
/* When all is set and before the request goes: the stored form, into entry->body. */
void keep_print_event(struct store_request *request, struct commit_event *entry);

/* What every body begins with (object.h: common members). */
struct object_head {
    enum object_kind kind;
    struct span id;
    int64_t time_ms;                     /* made now */
    struct span user_id, username, name; /* who made it; empty: the server */
    const struct type *type;             /* the record that it is about, or NULL */
    struct span entity_id, entity_name;
};
/* The brace and the common members; the caller adds its own and the closing brace. */
void keep_open_body(struct buf *out, const struct object_head *head);
/* "key":"2026-02-19T13:30:00.123Z" */
void keep_member_time(struct buf *out, const char *key, int64_t time_ms);
/* What people call a record: the value of its label field, or empty. */
struct span keep_label(struct arena *arena, const struct type *type, struct span state);

/* A user's own room. */
struct span keep_user_room(struct arena *arena, struct span user_id);
