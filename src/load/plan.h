/* plan.h: what `collabd bench` was asked to do: the scenario, the server's address, the wire, and how much of
 * everything. Read once at the start, the same from then on. */
#pragma once

#include "base/buf.h"

struct script;

enum plan_scenario { PLAN_FANOUT, PLAN_ROOMS, PLAN_HOT, PLAN_SATURATE, PLAN_IDLE, PLAN_CONNECT, PLAN_CHANGES };
/* How far a connection goes before it counts as ready. */
enum plan_depth { PLAN_UPGRADED, PLAN_AUTHENTICATED, PLAN_JOINED };
/* How it says who it is, where there is a token at all. */
enum plan_login { PLAN_LOGIN_HEADER, PLAN_LOGIN_QUERY, PLAN_LOGIN_MESSAGE };

struct plan {
    enum plan_scenario scenario;
    enum plan_depth depth;
    enum plan_login login;
    const struct script *script;
    bool is_table; /* for people, not JSON */

    const char *url, *host, *port; /* host and port point into url_copy */
    struct span path;              /* with the query, if there is one */
    char *url_copy;

    const char *token, *tokens_file;
    struct span *tokens; /* connection i uses the i-th, and begins again when they are used up */
    uint32_t token_count;
    struct buf token_bytes;

    uint32_t rooms, members, senders;
    uint32_t connections, in_flight, window;
    double rate, seconds, warmup_seconds;
    uint32_t payload_bytes;
    uint64_t pid;

    const char *room_prefix;
    char room_prefix_default[32];                        /* two runs at once do not meet */
    const char *namespace_name, *join_event, *say_event; /* socketio */
    const char *record_type, *record_prefix, *record_field;
    uint32_t record_first, record_count;
};

/* 0, or the exit status after it has said what is wrong (2) or how it is used (--help: -1). */
int plan_init(struct plan *plan, int argc, char **argv);
void plan_deinit(struct plan *plan);

const char *plan_scenario_name(const struct plan *plan);
const char *plan_depth_name(const struct plan *plan);
/* Who is in a room: `members` people, of whom the first plan_speaker_count() speak. Senders of fanout and saturate
 * come on top of the members. */
uint32_t plan_room_size(const struct plan *plan);
uint32_t plan_speaker_count(const struct plan *plan);
uint32_t plan_connection_count(const struct plan *plan);

/* Of the caller with this number. */
void plan_append_room(const struct plan *plan, uint32_t number, struct buf *out);
struct span plan_token(const struct plan *plan, uint32_t number); /* empty: none */
