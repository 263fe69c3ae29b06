/* A seat's way back:
 *
 *     asking ----> joining ----> settled: the old socket again
 *        |            |
 *        +------------+--------> given up: a new one
 *
 * While it joins, what was missed and what happens meanwhile is collected, in the order of each room; between rooms the
 * clock decides. */
#include "peer/socketio/socketio_recovery.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/metric.h"
#include "peer/dialect.h"
#include "peer/fanout.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

struct missed_event {
    struct event *event; /* owned reference */
    int64_t moment;      /* never earlier than the one before it in its room */
    uint32_t place;
};

struct sio_return {
    struct sio_pid pid;
    bool has_mark, is_failed;
    struct sio_mark mark;    /* the client's offset */
    struct sio_facts *facts; /* once it joins */
    uint32_t pending;        /* joins */
    struct missed_event *missed;
    uint32_t count, capacity;
    size_t bytes;
};

static struct sio_keeper *keeper_of(const struct seat *seat)
{
    return &seat->session->host->socketio->keeper;
}

/* ---- asking ---- */

struct sio_return *recovery_read(yyjson_val *auth)
{
    yyjson_val *pid = json_get(auth, "pid"), *offset = json_get(auth, "offset");
    struct sio_return request = {0};
    if (!yyjson_is_str(pid) || !sio_pid_read(json_text(pid), &request.pid))
        return NULL;
    request.has_mark = offset != NULL;
    if (offset && (!yyjson_is_str(offset) || !sio_mark_read(json_text(offset), &request.mark)))
        return NULL;
    struct sio_return *returning = NEW(struct sio_return);
    *returning = request;
    return returning;
}

static void return_free(struct sio_return *returning)
{
    for (uint32_t i = 0; i < returning->count; i++)
        event_unref(returning->missed[i].event);
    free(returning->missed);
    sio_facts_free(returning->facts);
    free(returning);
}

void recovery_begin(struct seat *seat)
{
    const struct session *session = seat->session;
    struct sio_ask ask = {
        .pid = seat->returning->pid,
        .asker = session->id,
        .nsp = sio_nsp(seat->socket),
        .user_id = session->identity->user_id,
        .is_stranger = seat->is_stranger,
    };
    sio_keeper_ask(keeper_of(seat), &ask);
}

static void begin_anew(struct seat *seat)
{
    return_free(seat->returning);
    seat->returning = NULL;
    seat_welcome(seat);
}

/* ---- collecting ---- */

static int64_t last_moment(const struct sio_return *returning, struct span room)
{
    for (uint32_t i = returning->count; i > 0; i--)
        if (span_equal(returning->missed[i - 1].event->room, room))
            return returning->missed[i - 1].moment;
    return INT64_MIN;
}

/* What he said himself he is not told, unless he would have been then. */
static bool is_his_own(const struct sio_facts *facts, const struct event *event)
{
    for (uint32_t i = 0; i < facts->past_count && !event->includes_origin; i++)
        if (facts->past[i] == event->origin)
            return true;
    return false;
}

static void collect(struct session *session, struct fanout *fanout, uint64_t conflate_key)
{
    struct sio_return *returning = seat_of(session)->returning;
    struct event *event = fanout->event;
    (void)conflate_key;
    if (!returning->facts)
        return; /* given up to a newer connection */
    returning->bytes += event_bytes(event);
    if (returning->count == LIMIT_SIO_MISSED || returning->bytes > LIMIT_SIO_MISSED_BYTES)
        returning->is_failed = true;
    if (returning->is_failed || is_his_own(returning->facts, event))
        return;
    if (returning->count == returning->capacity) {
        returning->capacity = returning->capacity ? returning->capacity * 2 : 16;
        returning->missed = memory_resize(returning->missed, returning->capacity * sizeof *returning->missed);
    }
    int64_t moment = event->moment ? event->moment : event->time_ms * NS_PER_MS;
    int64_t earliest = last_moment(returning, event->room);
    returning->missed[returning->count] =
        (struct missed_event){event_ref(event), moment > earliest ? moment : earliest, returning->count};
    returning->count++;
}

static void collect_missed(struct session *session, struct fanout *fanout)
{
    collect(session, fanout, 0);
}

static int compare(const void *a, const void *b)
{
    const struct missed_event *left = a, *right = b;
    if (left->moment != right->moment)
        return left->moment < right->moment ? -1 : 1;
    return left->place < right->place ? -1 : left->place > right->place;
}

/* ---- back, or not ---- */

/* The others need not hear that somebody came and went. */
static void leave_all(struct session *session)
{
    LIST_EACH (&session->memberships, node) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        struct command *command;
        struct span room = span_of(membership->room, membership->room_len);
        if (membership->is_left || session_command(session, COMMAND_LEAVE, room, 0, false, &command) != OK)
            continue;
        command->leave.reason = LEAVE_DISCONNECTED;
        session_send(session, command);
    }
}

static void speak(struct seat *seat)
{
    seat->session->dialect = seat_dialect(seat);
    seat->session->outlet = &outlet_socketio;
}

static void fail(struct seat *seat)
{
    leave_all(seat->session);
    speak(seat);
    sio_keeper_forget(keeper_of(seat), &seat->returning->pid);
    metric_add(METRIC_recoveries_failed, 1);
    begin_anew(seat);
}

/* It stands where it stood, until it has the rest; it may break off again before it has any of it. */
static void restore_life(struct seat *seat)
{
    const struct sio_return *returning = seat->returning;
    const struct sio_facts *facts = returning->facts;
    struct sio_life *life = seat->life = NEW(struct sio_life);
    life->pid = facts->pid;
    life->past_count = facts->past_count;
    memcpy(life->past, facts->past, sizeof facts->past);
    life->track.is_cut = returning->has_mark;
    if (returning->has_mark)
        sio_track_add(&life->track, &returning->mark);
    for (uint32_t i = 0; i < facts->room_count; i++) {
        struct membership *membership = session_membership(seat->session, facts->rooms[i].name);
        if (membership)
            membership->since = facts->rooms[i].since;
    }
}

static void say_who_is_there(struct seat *seat, const struct sio_facts *facts)
{
    for (uint32_t i = 0; i < facts->room_count; i++)
        if (seat->vocabulary && facts->rooms[i].is_present && facts->rooms[i].listens)
            seat->vocabulary->returned(seat->session, facts->rooms[i].name);
}

static void succeed(struct seat *seat)
{
    struct sio_return *returning = seat->returning;
    restore_life(seat);
    seat->vocabulary = returning->facts->vocabulary;
    speak(seat);
    seat->returning = NULL;
    if (returning->count)
        qsort(returning->missed, returning->count, sizeof *returning->missed, compare);
    for (uint32_t i = 0; i < returning->count; i++)
        slice_replay(seat->session, returning->missed[i].event);
    sio_accept(seat->socket, span_of(returning->facts->sid, sizeof returning->facts->sid),
               span_of(seat->life->pid.text, SIO_PID_BYTES));
    metric_add(METRIC_recoveries, 1);
    say_who_is_there(seat, returning->facts);
    return_free(returning);
}

static void settle(struct seat *seat)
{
    if (seat->session->is_closing || !seat->returning->facts)
        return; /* in a turn of its own it goes */
    if (seat->returning->is_failed)
        fail(seat);
    else
        succeed(seat);
}

/* ---- joining ---- */

static bool say_anything(const struct event *event, uint64_t mask, struct buf *out)
{
    (void)event;
    (void)mask;
    (void)out;
    return true;
}

static void on_answer(struct session *session, const struct answer *answer)
{
    struct sio_return *returning = seat_of(session)->returning;
    if (answer->err || answer->is_resync)
        returning->is_failed = true;
}

/* After what came with the answer. */
static void on_answered(struct session *session)
{
    struct seat *seat = seat_of(session);
    if (--seat->returning->pending == 0)
        settle(seat);
}

static void send_nothing(struct session *session, struct span message, bool counted)
{
    (void)session;
    (void)message;
    (void)counted;
}

static const struct dialect dialect_returning = {
    .name = "returning",
    .say = say_anything,
    .answer = on_answer,
};

static void close_seat(struct session *session, enum err reason, uint16_t code, struct span text)
{
    outlet_socketio.close(session, reason, code, text);
}

static const struct outlet outlet_returning = {
    .send_shared = collect,
    .replay = collect_missed,
    .send = send_nothing,
    .close = close_seat,
    .answered = on_answered,
};

static bool find_stands(const struct sio_return *returning, struct sio_facts *facts)
{
    const struct sio_track *track = &facts->track;
    uint32_t count = 0;
    if (returning->has_mark ? !sio_track_find(track, &returning->mark, &count) : track->is_cut)
        return false;
    for (uint32_t i = 0; i < facts->room_count; i++) {
        struct sio_facts_room *room = &facts->rooms[i];
        room->since.offset = sio_track_stand(track, count, sio_mark_of(room->name, 0).room, room->since.offset);
    }
    return true;
}

static bool rejoin(struct session *session, const struct sio_facts_room *room)
{
    struct command *command;
    if (session_command(session, COMMAND_JOIN, room->name, 0, true, &command) != OK)
        return false;
    command->join.listens = room->listens;
    command->join.is_present = room->is_present;
    command->join.has_since = room->listens;
    command->join.since = room->since;
    session_send(session, command);
    return true;
}

static void join_all(struct seat *seat)
{
    struct session *session = seat->session;
    struct sio_return *returning = seat->returning;
    const struct sio_facts *facts = returning->facts;
    session->dialect = &dialect_returning;
    session->outlet = &outlet_returning;
    if (facts->is_stranger)
        seat_be_stranger(seat, span_of(facts->sid, sizeof facts->sid));
    /* The last one first, as it was. */
    for (uint32_t i = facts->room_count; i > 0; i--) {
        bool is_sent = rejoin(session, &facts->rooms[i - 1]);
        returning->pending += is_sent;
        returning->is_failed |= !is_sent;
    }
    if (returning->pending == 0)
        settle(seat);
}

bool recovery_found(struct peer_host *host, session_id asker, struct sio_facts *facts)
{
    struct session *session = session_find(host, asker);
    struct seat *seat = session && !session->is_closing ? seat_of(session) : NULL;
    if (!seat)
        return false;
    if (!facts || facts->is_relay != seat->is_relay || !find_stands(seat->returning, facts)) {
        if (facts) /* he may know better the next time */
            sio_keeper_keep(keeper_of(seat), facts);
        metric_add(METRIC_recoveries_failed, 1);
        begin_anew(seat);
        return true;
    }
    seat->returning->facts = facts;
    join_all(seat);
    return true;
}

/* ---- while it is connected ---- */

void recovery_enroll(struct seat *seat)
{
    seat->life = NEW(struct sio_life);
    sio_keeper_enroll(keeper_of(seat), seat->session->id, &seat->life->pid);
}

/* What is forgotten of a room's events becomes where the socket stands in it. */
static void cut(struct seat *seat, uint32_t count)
{
    struct sio_track *track = &seat->life->track;
    LIST_EACH (&seat->session->memberships, node) {
        struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        uint64_t room = sio_mark_of(span_of(membership->room, membership->room_len), 0).room;
        membership->since.offset = sio_track_stand(track, count, room, membership->since.offset);
    }
    sio_track_cut(track, count);
}

void recovery_sent(struct seat *seat, const struct sio_mark *mark)
{
    if (!seat->life)
        return;
    if (sio_track_is_full(&seat->life->track))
        cut(seat, LIMIT_SIO_TRACKED / 2);
    sio_track_add(&seat->life->track, mark);
}

void recovery_on_pong(struct seat *seat)
{
    uint32_t count = seat->life ? sio_track_pong(&seat->life->track) : 0;
    if (count)
        cut(seat, count);
}

/* ---- the end of a connection ---- */

static void life_free(struct seat *seat)
{
    if (!seat->life)
        return;
    sio_track_deinit(&seat->life->track);
    free(seat->life);
    seat->life = NULL;
}

static void note_rooms(struct sio_facts *facts, const struct session *session)
{
    uint32_t count = 0;
    LIST_EACH (&session->memberships, node)
        count++;
    facts->rooms = arena_alloc(&facts->arena, (count + 1) * sizeof *facts->rooms);
    LIST_EACH (&session->memberships, node) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        if (membership->is_left || !membership->is_joined)
            continue;
        facts->rooms[facts->room_count++] = (struct sio_facts_room){
            .name = arena_copy(&facts->arena, span_of(membership->room, membership->room_len)),
            .since = membership->since,
            .listens = membership->slice != NULL,
            .is_present = membership->is_present,
        };
    }
}

/* The one that is longest ago gives way: what he said then he has long since been past. */
static void note_past(struct sio_facts *facts, const struct sio_life *life, session_id session)
{
    uint32_t skipped = life->past_count == SIO_PAST_MAX;
    facts->past_count = life->past_count - skipped;
    memcpy(facts->past, life->past + skipped, facts->past_count * sizeof *facts->past);
    facts->past[facts->past_count++] = session;
}

/* Takes the seat's track. */
static struct sio_facts *facts_of(struct seat *seat)
{
    const struct session *session = seat->session;
    struct sio_facts *facts = sio_facts_new();
    facts->pid = seat->life->pid;
    memcpy(facts->sid, sio_sid(seat->socket).data, sizeof facts->sid);
    facts->nsp = arena_copy(&facts->arena, sio_nsp(seat->socket));
    facts->user_id = arena_copy(&facts->arena, session->identity->user_id);
    facts->is_stranger = seat->is_stranger;
    facts->is_relay = seat->is_relay;
    facts->vocabulary = seat->vocabulary;
    facts->until_ms = loop_now_ms(session->host->loop) + seat->recovery_ms;
    facts->track = seat->life->track;
    seat->life->track = (struct sio_track){0};
    note_rooms(facts, session);
    note_past(facts, seat->life, session->id);
    life_free(seat);
    return facts;
}

/* A connection that broke, and not a client that left, was sent away or broke the protocol. */
static bool may_return(const struct seat *seat, enum engine_end end)
{
    const struct session *session = seat->session;
    if (end == ENGINE_BAD || engine_is_open(socketio_engine(sio_client(seat->socket))))
        return false;
    return !session->is_closing || session->ended_by == ERR_SLOW_CONSUMER || session->ended_by == ERR_DRAINING;
}

void recovery_part(struct seat *seat, enum engine_end end)
{
    if (seat->returning) {
        struct sio_facts *facts = seat->returning->facts;
        seat->returning->facts = NULL;
        if (facts && may_return(seat, end))
            sio_keeper_keep(keeper_of(seat), facts);
        else if (facts) {
            sio_keeper_forget(keeper_of(seat), &facts->pid);
            sio_facts_free(facts);
        }
        return_free(seat->returning);
        seat->returning = NULL;
    } else if (seat->life && may_return(seat, end)) {
        sio_keeper_keep(keeper_of(seat), facts_of(seat));
    } else if (seat->life) {
        sio_keeper_forget(keeper_of(seat), &seat->life->pid);
    }
    life_free(seat);
}

static bool is_his(const struct seat *seat, const struct sio_ask *ask)
{
    return span_equal(sio_nsp(seat->socket), ask->nsp) && seat->is_stranger == ask->is_stranger &&
           (seat->is_stranger || span_equal(seat->session->identity->user_id, ask->user_id));
}

struct sio_facts *recovery_give_up(struct peer_host *host, session_id holder, const struct sio_ask *ask)
{
    struct session *session = session_find(host, holder);
    struct seat *seat = session && !session->is_closing ? seat_of(session) : NULL;
    struct sio_facts *facts = NULL;
    if (!seat || !is_his(seat, ask))
        return NULL;
    if (seat->life) {
        facts = facts_of(seat);
    } else if (seat->returning) {
        facts = seat->returning->facts;
        seat->returning->facts = NULL;
    }
    if (facts)
        engine_close(socketio_engine(sio_client(seat->socket)), ENGINE_LOST, 1000, SPAN("came back elsewhere"));
    return facts;
}
