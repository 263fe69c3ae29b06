#include "peer/session.h"

#include "base/limits.h"
#include "auth/login_key.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "peer/dialect.h"
#include "peer/gate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A wall clock may be set while a token is valid: look again at least this often. */
#define EXPIRY_CHECK_MS (60 * 1000)

/* Activity anywhere keeps a person from becoming away: said to the server-wide presence room this often at most. */
#define TOUCH_MS (10 * 1000)

static void on_time(struct loop_timer *timer);

struct session *session_open(struct peer_host *host, const struct dialect *dialect, const struct outlet *outlet,
                             void *transport)
{
    struct session *session = NEW(struct session);
    session->id = (uint64_t)host->worker << 48 | ++host->session_serial;
    session->host = host;
    session->dialect = dialect;
    session->outlet = outlet;
    session->transport = transport;
    session->timer.on_time = on_time;
    list_init(&session->memberships);
    list_push_tail(&host->sessions_all, &session->in_host);
    map_put(&host->sessions, span_of(&session->id, sizeof session->id), session);
    return session;
}

struct session *session_find(struct peer_host *host, session_id id)
{
    return map_get(&host->sessions, span_of(&id, sizeof id));
}

static void membership_free(struct membership *membership)
{
    slice_remove(membership->session->host, membership);
    list_remove(&membership->in_session);
    free(membership);
}

/* Rooms that the server joins on a client's behalf take nothing from what he may join. */
static bool is_counted(struct span room)
{
    return !span_equal(room, SPAN(ROOM_PRESENCE)) && !span_equal(room, SPAN(ROOM_RECORDS));
}

static void count(struct membership *membership, int change)
{
    if (is_counted(span_of(membership->room, membership->room_len)))
        membership->session->membership_count += (uint32_t)change;
}

/* The room hears of it; the membership stays only while answers of overtaken joins are on their way. */
static void membership_leave(struct membership *membership)
{
    struct session *session = membership->session;
    slice_remove(session->host, membership);
    membership->is_joined = false;
    membership->joins_stale += membership->joins_waiting;
    membership->joins_waiting = 0;
    if (!membership->is_left)
        count(membership, -1);
    membership->is_left = true;
    if (membership->joins_stale == 0)
        membership_free(membership);
}

/* On its way to its room's home. */
static void depart(struct peer_host *host, struct command *command)
{
    if (host->gate)
        gate_send(host->gate, command);
    else
        host->send_command(host->world, command);
}

static void send_leave(struct membership *membership, enum leave_reason reason)
{
    struct session *session = membership->session;
    struct command *command =
        command_new(COMMAND_LEAVE, session->id, session->identity, span_of(membership->room, membership->room_len));
    command->leave.reason = reason;
    depart(session->host, command);
}

void session_close(struct session *session, enum leave_reason reason)
{
    struct peer_host *host = session->host;
    LIST_EACH (&session->memberships, node) {
        struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        if (!membership->is_left)
            send_leave(membership, reason);
        membership_free(membership);
    }
    if (session->dialect->closed)
        session->dialect->closed(session);
    loop_timer_stop(host->loop, &session->timer);
    if (session->is_waiting_auth)
        admission_wait_end(host->admission);
    if (session->is_counted_user)
        admission_user_leave(host->admission, session->identity->user_id);
    map_remove(&host->sessions, span_of(&session->id, sizeof session->id));
    list_remove(&session->in_host);
    identity_unref(session->identity);
    free(session->resume);
    free(session);
}

void session_end(struct session *session, enum err reason)
{
    if (session->is_closing)
        return;
    session->is_closing = true;
    session->ended_by = reason;
    unsigned code = err_close_code(reason);
    log_info("session.ended", "session=%llu reason=%s", (unsigned long long)session->id, err_code(reason));
    session->outlet->close(session, reason, (uint16_t)(code ? code : 1008), span_from_str(err_code(reason)));
}

/* ---- who it is ---- */

static void arm_expiry(struct session *session)
{
    if (session->token_expires_ms == 0)
        return;
    int64_t left_ms = session->token_expires_ms - session->host->wall_ms;
    uint64_t wait_ms = left_ms <= 0 ? 0 : left_ms > EXPIRY_CHECK_MS ? EXPIRY_CHECK_MS : (uint64_t)left_ms;
    loop_timer_set(session->host->loop, &session->timer, loop_now_ms(session->host->loop) + wait_ms);
}

static void on_time(struct loop_timer *timer)
{
    struct session *session = LIST_OWNER(timer, struct session, timer);
    if (session->is_waiting_auth)
        session_end(session, ERR_AUTH_TIMEOUT);
    else if (session->token_expires_ms <= session->host->wall_ms)
        session_end(session, ERR_TOKEN_EXPIRED);
    else
        arm_expiry(session);
}

enum err session_wait(struct session *session)
{
    enum err err = admission_wait(session->host->admission);
    if (err)
        return err;
    session->is_waiting_auth = true;
    loop_timer_set(session->host->loop, &session->timer,
                   loop_now_ms(session->host->loop) + session->host->limits->auth_ms);
    return OK;
}

/* The key is a digest: its first bytes tell one user's logins apart as well as all of them. */
uint64_t session_login_mark(struct span login_key)
{
    uint64_t mark = 0;
    if (login_key.len)
        memcpy(&mark, login_key.data, sizeof mark);
    return mark;
}

enum err session_authenticate(struct session *session, struct identity *identity, int64_t token_expires_ms,
                              const uint8_t *login_key)
{
    struct peer_host *host = session->host;
    if (session->identity && !span_equal(session->identity->user_id, identity->user_id)) {
        identity_unref(identity);
        return ERR_FORBIDDEN;
    }
    if (!session->is_counted_user) {
        enum err err = admission_user_enter(host->admission, identity->user_id);
        if (err) {
            identity_unref(identity);
            return err;
        }
        session->is_counted_user = true;
    }
    if (session->is_waiting_auth) {
        session->is_waiting_auth = false;
        admission_wait_end(host->admission);
    }
    bool is_first = !session->identity;
    identity_unref(session->identity);
    session->identity = identity;
    session->access = identity->access;
    session->token_expires_ms = token_expires_ms;
    session->login_mark = session_login_mark(span_of(login_key, login_key ? LOGIN_KEY_BYTES : 0));
    loop_timer_stop(host->loop, &session->timer);
    arm_expiry(session);
    if (is_first && session->dialect->opened)
        session->dialect->opened(session);
    return OK;
}

/* ---- how much ---- */

enum err session_take_message(struct session *session, uint32_t count, size_t bytes, bool is_conflated,
                              uint64_t *retry_ms)
{
    const struct peer_limits *limits = session->host->limits;
    uint64_t now_ms = loop_now_ms(session->host->loop);
    metric_add(METRIC_messages_received, 1);
    if (is_conflated)
        return OK;
    const struct bucket before = session->messages; /* what is refused for its bytes is no message that was taken */
    if (bucket_take(&session->messages, limits->messages_per_second, limits->messages_burst, count, now_ms, retry_ms) &&
        bucket_take(&session->bytes, limits->bytes_per_second, limits->bytes_burst, (double)bytes, now_ms, retry_ms))
        return OK;
    session->messages = before;
    metric_add(METRIC_rate_limited, 1);
    return ERR_RATE_LIMITED;
}

bool session_count_error(struct session *session, enum err err)
{
    uint32_t max = session->host->limits->errors_per_minute_max;
    metric_add(METRIC_messages_bad, 1);
    if (session->is_closing)
        return false;
    if (max == 0 || !err_is_counted(err) ||
        bucket_take(&session->errors, max / 60.0, max, 1, loop_now_ms(session->host->loop), NULL))
        return true;
    metric_add(METRIC_suspicious, 1);
    log_warn("suspicious.errors", "session=%llu reason=%s", (unsigned long long)session->id, err_code(err));
    session_end(session, err);
    return false;
}

/* ---- rooms ---- */

struct membership *session_membership(struct session *session, struct span room)
{
    LIST_EACH (&session->memberships, node) {
        struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        if (span_equal(span_of(membership->room, membership->room_len), room))
            return membership;
    }
    return NULL;
}

static struct membership *membership_new(struct session *session, struct span room)
{
    struct membership *membership = memory_alloc(sizeof *membership + room.len);
    membership->session = session;
    memcpy(membership->room, room.data, room.len);
    membership->room_len = (uint32_t)room.len;
    membership->is_left = true;
    list_push_head(&session->memberships, &membership->in_session); /* where he came last he speaks most */
    return membership;
}

enum err session_command(struct session *session, enum command_kind kind, struct span room, uint64_t tag,
                         bool wants_answer, struct command **out)
{
    *out = NULL;
    if (!session->identity)
        return ERR_NOT_AUTHENTICATED;
    if (!room_name_is_valid(room))
        return ERR_BAD_NAME;
    if (kind == COMMAND_JOIN) {
        struct membership *membership = session_membership(session, room);
        bool is_new = !membership || membership->is_left;
        if (is_new && is_counted(room) && session->membership_count >= session->host->limits->rooms_per_session_max)
            return ERR_TOO_MANY;
    }
    struct command *command = command_new(kind, session->id, session->identity, room);
    command->tag = tag;
    command->wants_answer = wants_answer;
    *out = command;
    return OK;
}

/* Joining again with a position replays from there: what is delivered meanwhile would come twice, so it waits for the answer. */
static void membership_join(struct session *session, const struct command *command)
{
    struct membership *membership = session_membership(session, command->room);
    if (!membership)
        membership = membership_new(session, command->room);
    if (membership->is_left) {
        membership->is_left = false;
        count(membership, +1);
    }
    membership->joins_waiting++;
    if (command->join.has_since)
        slice_remove(session->host, membership);
}

void session_mute(struct session *session, struct span room)
{
    struct membership *membership = session_membership(session, room);
    if (membership)
        slice_remove(session->host, membership);
}

static void touch(struct session *session)
{
    uint32_t now_ms = (uint32_t)loop_now_ms(session->host->loop);
    if (now_ms - session->touched_ms < TOUCH_MS)
        return;
    const struct membership *membership = session_membership(session, SPAN(ROOM_PRESENCE));
    if (!membership || membership->is_left)
        return;
    session->touched_ms = now_ms;
    depart(session->host, command_new(COMMAND_TOUCH, session->id, session->identity, SPAN(ROOM_PRESENCE)));
}

void session_send(struct session *session, struct command *command)
{
    struct membership *membership;
    if (command->kind != COMMAND_LEAVE && command->kind != COMMAND_LOOK)
        touch(session);
    if (command->kind == COMMAND_JOIN) {
        command->wants_answer = true;
        membership_join(session, command);
    } else if (command->kind == COMMAND_LEAVE && (membership = session_membership(session, command->room))) {
        membership_leave(membership);
    }
    if (session_is_long_answer(command->kind) && command->wants_answer) {
        session->answers_due++;
        session->is_replaying |= command->kind == COMMAND_JOIN && command->join.has_since;
    }
    depart(session->host, command);
}

bool session_is_busy(const struct session *session)
{
    return session->is_replaying || session->answers_due >= LIMIT_LONG_ANSWERS_WAITING;
}

void session_on_answered(struct session *session)
{
    assert(session->answers_due > 0);
    if (--session->answers_due == 0)
        session->is_replaying = false;
    if (session->outlet->answered)
        session->outlet->answered(session);
}

bool session_on_joined(struct session *session, const struct answer *answer)
{
    struct membership *membership = session_membership(session, answer->room);
    assert(membership);
    if (membership->joins_stale > 0) {
        if (--membership->joins_stale == 0 && membership->is_left)
            membership_free(membership);
        return false;
    }
    assert(membership->joins_waiting > 0);
    membership->joins_waiting--;
    if (answer->err == OK) {
        membership->is_joined = true;
        membership->is_present |= answer->is_present;
        if (answer->listens && !membership->slice) {
            membership->since = answer->position;
            slice_add(session->host, membership);
        }
    } else if (!membership->is_joined && membership->joins_waiting == 0) {
        count(membership, -1);
        membership_free(membership);
    }
    return answer->err == OK;
}

struct span room_canonical(struct arena *arena, const struct type_registry *registry, struct span name)
{
    struct span id;
    const struct type *type = type_of_room(registry, name, &id);
    if (!type)
        return name;
    return arena_printf(arena, "%.*s:%.*s", SPAN_ARG(type->name), SPAN_ARG(id));
}

void session_say(struct session *session, struct span message, bool counted)
{
    if (session->is_closing)
        return;
    metric_add(METRIC_messages_sent, 1);
    session->outlet->send(session, message, counted);
}
