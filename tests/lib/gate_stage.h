/* gate_stage.h: a gate between doubles, made anew for every test: rooms that note what comes, and a backend that answers when the test says
 * so. The worker it belongs to is the `stage` of rest_stage.h. */
#pragma once

#include "lib/rest_stage.h"
#include "peer/gate.h"
#include "peer/session.h"

struct gate_stage {
    struct gate_rules rules;
    struct buf sent;     /* "join lobby, publish lobby, ": what went to the rooms */
    struct buf answered; /* "not_found: sentence, ": what clients were answered */
    unsigned ask_count;  /* ever */
    enum err ended_by;   /* the newest session that was */
};

extern struct gate_stage gated;

/* cmocka's, around each test. */
int gate_stage_set_up(void **state);
int gate_stage_tear_down(void **state);
/* The gate is made again, with the rules as they are now. */
void gated_set_rules(void);
/* What the gate left for later. */
void gated_run_errands(void);

/* Ann is user 7, an editor. */
struct session *gated_connect(const char *user_id, const char *role);
struct session *gated_connect_ann(void);
struct command *gated_command(struct session *session, enum command_kind kind, const char *room);
void gated_say(struct session *session, enum command_kind kind, const char *room);
void gated_publish(struct session *session, const char *room, const char *data);

/* The backend answers what it was asked at that place. */
void gated_tell(unsigned place, enum err err, const char *text);
void gated_allow(unsigned place);

/* That was sent, or answered; what comes next is looked at alone. */
void assert_next(struct buf *found, const char *text);
