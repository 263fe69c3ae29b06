/* typing.h: who is typing in which field. Starts and stops are said; a start that is not renewed ends by itself, and so does one whose
 * session is gone. Home thread only. */
#pragma once

#include "collab/room/presence.h"

struct typing;

/* ERR_TOO_LARGE: the field's name; ERR_TOO_MANY: fields at once. */
must_check enum err typing_set(struct member *member, struct span field, bool is_typing);
/* The session types nowhere any more. */
void typing_stop_session(struct person *person, session_id session);
void typing_clear(struct person *person);    /* and nobody hears of it */
void typing_on_alarm(struct typing *typing); /* ALARM_TYPING */
struct typing *typing_of_alarm(struct alarm *alarm);
