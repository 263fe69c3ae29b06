/* person.h: one person in one room, with all his sessions there: two tabs are one person. What is known of him is put together
 * from what his sessions said. Knows nothing of events; presence.h says what others hear of him. Home thread only. */
#pragma once

#include "collab/room/room.h"

enum { SAID_PAGE, SAID_SECTION, SAID_ACTIVITY, SAID_EDITING_ROW, SAID_COUNT };

/* Texts of one session, in one block of memory: most say nothing or a page. */
struct whereabouts {
    uint16_t lens[SAID_COUNT];
    char text[];
};

enum { PENDING_PRESENCE = 1, PENDING_CURSOR = 2 };

struct person {
    struct room *room;
    struct identity *identity; /* his latest session's; owned reference */
    struct list in_room;
    struct list in_pending; /* room->pending, when there is something to say at the next tick: */
    struct list in_moved;   /* room->moved */
    struct list sessions;   /* members, the most recently active one last */
    struct list typings;    /* typing.h */
    struct alarm alarm;
    session_id first_session;       /* that brought him: a name for him that lasts while he is here */
    session_id pending_origin;      /* who caused what is pending, when it was one session; else 0 */
    session_id cursor_session;      /* whose cursor it is */
    char *cursor;                   /* JSON, or NULL */
    int64_t since_ms, last_seen_ms; /* wall clock */
    uint64_t shown;                 /* what the others were told last: person_fingerprint */
    uint64_t conflate_key;          /* its two lowest bits are free */
    uint32_t session_count;
    uint32_t cursor_len;
    uint32_t color_number; /* in the room's set; OWN_COLOR: he chose one */
    struct color color;
    uint8_t pending;
    uint16_t key_len;
    char key[]; /* in hub->people: the room's serial and his id */
};

#define OWN_COLOR UINT32_MAX

struct person *person_find(const struct room *room, struct span user_id);
/* With a colour that nobody else has. */
struct person *person_new(struct room *room, struct identity *identity, session_id session);
/* Frees him; he has no session left. */
void person_free(struct person *person);

void person_attach(struct person *person, struct member *member);
void person_detach(struct member *member);
/* The session did something now. */
void person_touch(struct member *member);

/* ERR_TOO_LARGE and ERR_EXISTS (somebody else has that colour) with the field's name; then nothing was changed. */
must_check enum err person_check(const struct person *person, const struct presence_change *change, struct span *field);
/* What a change that was checked says of a session. */
void person_apply(struct member *member, const struct presence_change *change);
void person_set_cursor(struct member *member, struct span cursor); /* empty: none */
void person_set_editing_row(struct member *member, struct span row);

enum status person_status(const struct person *person);
/* His editing row: the most recently active session's that has one. Borrowed. */
struct span person_editing_row(const struct person *person);
/* Everything about him; the spans point into him. */
void person_describe(const struct person *person, struct presence *out);
/* A number that changes when something changes that others are told of. */
uint64_t person_fingerprint(const struct person *person);
/* When the next thing happens to him by itself: he becomes idle, or a broken connection's grace ends. UINT64_MAX: never. */
uint64_t person_deadline(const struct person *person);
