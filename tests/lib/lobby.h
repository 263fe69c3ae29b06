/* lobby.h: people in one room, "lobby", of a test's hub (hub_stage.h), where Ada is from the beginning and watches: what they do there, and
 * how it looks to others. */
#pragma once

#include "lib/hub_stage.h"

/* cmocka's; hub_stage_tear_down belongs to it. */
int lobby_set_up(void **state);

struct answer *lobby_join(session_id session);
void lobby_leave(session_id session, enum leave_reason reason);
struct answer *lobby_change(session_id session, struct presence_change presence);
void lobby_type(session_id session, const char *field, bool is_typing);
struct answer *lobby_point(session_id session, const char *cursor, const char *row);
void lobby_touch(session_id session);
/* Time for what waits to be said together. */
void lobby_tick(void);

/* Who is there, as somebody is told who only looks. */
const struct answer *lobby_look(void);
const struct presence *lobby_maria(void);
/* Nothing was said of anybody. */
void assert_quiet(void);
