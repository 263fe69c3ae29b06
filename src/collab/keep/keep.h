/* keep.h: what is kept beside records (object.h), at its room's home: comments, chat, notifications, preferences, activities and the
 * assignment of conflicts. Home thread only. Locks and the settling of conflicts are the record's business (record.c): they decide over
 * changes.
 *
 * A command is checked, what it needs is read (the comment that is answered or edited, who is mentioned, how they want to be told), and
 * what comes of it is one commit: the objects, their events, the inboxes of those concerned, the line in the activity feed. When somebody else was faster
 * (the object's revision is another by then), it is read and decided again. Commands for one object are done in the order in which they came. */
#pragma once

#include "collab/hub_internal.h"
#include "wire/json.h"

/* COMMAND_OBJECT of every kind but OBJECT_LOCK and but OBJECT_RESOLVE of a conflict. Takes command. */
void keep_command(struct hub *hub, struct command *command);
/* Completions of what was asked here (asker ASKER_KEEP); context is a struct keep_job. Takes request. */
void keep_on_stored(struct hub *hub, struct store_request *request);
/* With all that is under way; nobody hears of it. */
void keep_free(struct hub *hub);

/* ---- for others who make commits (collab/record/); notifications: notice.h ---- */

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

/* States and bodies are ours: they were bounded when they were made. These only keep a damaged row from doing harm. */
extern const struct json_limits keep_body_limits;

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
