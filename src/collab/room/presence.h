/* presence.h: what others hear of the people in a room: who came and left, what changed (conflated within a tick), where their
 * cursors are, who is idle by now. Presence is never stored and has no offset: the latest word counts. Home thread only. */
#pragma once

#include "collab/room/person.h"

/* The session is somebody who is there, from now on or still. Says nothing yet: the answer to the join goes first. True: he
 * was not here before. What the change says of a colour that somebody else has is ignored. */
bool presence_enter(struct member *member, struct identity *identity, const struct presence_change *change);
void presence_announce(struct member *member, bool is_new);

must_check enum err presence_change(struct member *member, const struct presence_change *change, struct span *field);
must_check enum err presence_cursor(struct member *member, struct span data, const struct span *editing_row,
                                    struct span *field);
/* The session did something: it is not idle, and was last seen now. */
void presence_touch(struct member *member);

/* The connection broke: he has the grace to come back before anybody hears of it. */
void presence_linger(struct member *member);
/* The session is not there any more (the member stays, as a listener, or goes right after). */
void presence_exit(struct member *member);
/* Everybody goes, and nobody hears of it: the room itself goes. */
void presence_clear(struct room *room);

void presence_on_tick(struct room *room);      /* ALARM_TICK */
void presence_on_refresh(struct room *room);   /* ALARM_REFRESH */
void presence_on_alarm(struct person *person); /* ALARM_PERSON */

/* Who is here, for an answer. */
void presence_list(const struct room *room, struct answer *answer);
/* An ephemeral event about a person: who, in which colour, of which record. */
struct event *presence_event(struct room *room, enum event_kind kind, const struct person *person, session_id origin);
/* Somebody's colour in this room, or the one he would like to have when he is not here. Borrowed or in the arena. */
struct span presence_color(const struct room *room, struct arena *arena, struct span user_id);
/* A person's presence elsewhere, for the room of all people. Takes command. */
void presence_on_mirror(struct hub *hub, struct command *command);
