#include "peer/socketio/socketio_recovery.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "collab/type/access.h"
#include "collab/room/color.h"
#include "peer/dialect/dialect_relay.h"
#include "peer/socketio/namespace.h"

#include <stdlib.h>
#include <string.h>

#define HEARING_ARENA_BYTES 512

static struct guest *guest_of(const struct sio_socket *socket)
{
    return socketio_user(sio_client(socket));
}

void **sio_session_state(const struct session *session)
{
    return &seat_of(session)->vocabulary_state;
}

enum err sio_command(struct sio_hearing *hearing, enum command_kind kind, struct span room, unsigned asked,
                     struct command **out)
{
    return session_command(hearing->session, kind, room, sio_tag(hearing, asked), true, out);
}

/* ---- undecided --------------------------------------------------------------------------------------------------- */

static void answer_nothing(struct session *session, const struct answer *answer)
{
    (void)session;
    (void)answer;
}

const struct dialect dialect_undecided = {
    .name = "socket.io",
    .answer = answer_nothing,
};

static void greet(struct session *session)
{
    const struct identity *identity = session->identity;
    struct color color = color_at(color_preferred(identity->user_id));
    struct buf text = BUF_EMPTY;
    buf_append_char(&text, '{');
    json_member_string(&text, "sid", sio_sid(session->transport));
    json_member_string(&text, "user_id", identity->user_id);
    json_member_string(&text, "username", identity->username);
    json_member_string(&text, "color", color_span(&color));
    buf_append_char(&text, '}');
    sio_session_emit(session, "connection_established", buf_span(&text));
    buf_deinit(&text);
}

/* Whoever is connected is online for the whole server, seen but not listening. */
static void announce(struct session *session)
{
    struct command *command;
    if (session_command(session, COMMAND_JOIN, SPAN(ROOM_PRESENCE), 0, true, &command) != OK)
        return;
    command->join.is_present = true;
    session_send(session, command);
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

const struct dialect *seat_dialect(const struct seat *seat)
{
    if (seat->is_relay)
        return &dialect_relay;
    return seat->vocabulary ? seat->vocabulary->dialect : &dialect_undecided;
}

static const struct sio_verb *verb_of(const struct sio_vocabulary *vocabulary, struct span name)
{
    for (const struct sio_verb *verb = vocabulary->verbs; verb->name; verb++)
        if (span_equal(name, span_from_str(verb->name)))
            return verb;
    return NULL;
}

/* The first event that belongs to a vocabulary decides which one this socket hears from now on. */
static const struct sio_verb *decide(struct seat *seat, struct span name)
{
    static const struct sio_vocabulary *const vocabularies[] = {&vocabulary_inventory, &vocabulary_projects};
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        const struct sio_verb *verb = verb_of(vocabularies[i], name);
        if (!verb)
            continue;
        seat->vocabulary = vocabularies[i];
        seat->session->dialect = vocabularies[i]->dialect;
        if (seat->session->dialect->opened)
            seat->session->dialect->opened(seat->session);
        return verb;
    }
    return NULL;
}

static enum err check_rate(struct seat *seat, const struct sio_verb *verb, struct sio_hearing *hearing)
{
    struct session *session = seat->session;
    double max = session->host->limits->changes_per_minute_max;
    enum err err =
        session_take_message(session, 1, hearing->event->text.len, verb && verb->is_conflated, &hearing->retry_ms);
    if (err || !verb || !verb->is_counted || !seat->vocabulary || !seat->vocabulary->limits_changes || max <= 0)
        return err;
    if (bucket_take(&seat->changes, max / 60, max, 1, loop_now_ms(session->host->loop), &hearing->retry_ms))
        return OK;
    metric_add(METRIC_rate_limited, 1);
    metric_add(METRIC_suspicious, 1);
    return ERR_RATE_LIMITED;
}

static enum err hear_verb(struct seat *seat, struct sio_hearing *hearing)
{
    const struct sio_verb *verb =
        seat->vocabulary ? verb_of(seat->vocabulary, hearing->name) : decide(seat, hearing->name);
    enum err err = check_rate(seat, verb, hearing);
    if (err)
        return err;
    if (!verb) {
        hearing->field = SPAN("event");
        return ERR_UNKNOWN_TYPE;
    }
    return verb->hear(hearing);
}

static enum err hear_relayed(struct seat *seat, struct sio_hearing *hearing)
{
    enum err err = check_rate(seat, NULL, hearing);
    return err ? err : relay_hear(hearing);
}

/* A name may be a number: then its digits. */
static struct span name_of(struct arena *arena, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    if (yyjson_is_str(value))
        return json_text(value);
    json_append_value(&text, value);
    struct span name = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return name;
}

static void on_event(struct sio_socket *socket, const struct sio_event *event)
{
    struct seat *seat = sio_user(socket);
    struct session *session = seat->session;
    struct arena arena;
    if (session->is_closing)
        return;
    arena_init(&arena, HEARING_ARENA_BYTES);
    struct sio_hearing hearing = {
        .session = session,
        .event = event,
        .arena = &arena,
        .name = name_of(&arena, yyjson_arr_get(event->data, 0)),
        .payload = yyjson_arr_get(event->data, 1),
    };
    log_debug("event.heard", "session=%llu event=" LOG_QUOTED " bytes=%zu", (unsigned long long)session->id,
              LOG_TEXT(hearing.name), event->text.len);
    enum err err = seat->is_relay ? hear_relayed(seat, &hearing) : hear_verb(seat, &hearing);
    if (err)
        sio_session_fail(session, sio_tag(&hearing, 0), err, hearing.field, SPAN_EMPTY, hearing.retry_ms);
    arena_deinit(&arena);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* To leave a namespace or to close the session is to leave; anything else may be a broken line or a reload, which gets a
 * grace. */
static enum leave_reason leave_reason(const struct session *session, enum engine_end end)
{
    if (session->is_closing)
        return session->ended_by == ERR_SLOW_CONSUMER || session->ended_by == ERR_DRAINING ? LEAVE_DISCONNECTED
                                                                                           : LEAVE_DEAD;
    return end == ENGINE_LEFT ? LEAVE_ASKED : LEAVE_DISCONNECTED;
}

/* ---- names that match a pattern ---------------------------------------------------------------------------------- */

struct dynamic_name {
    uint32_t count, len; /* seats here */
    char text[];
};

/* NULL: there are too many. Clients choose these names, so their number is bounded. */
static struct dynamic_name *dynamic_enter(struct map *names, struct span nsp)
{
    struct dynamic_name *name = map_get(names, nsp);
    if (!name && names->count >= LIMIT_SIO_NAMES)
        return NULL;
    if (!name) {
        name = memory_alloc(sizeof *name + nsp.len);
        name->len = (uint32_t)nsp.len;
        memcpy(name->text, nsp.data, nsp.len);
        map_put(names, span_of(name->text, name->len), name);
    }
    name->count++;
    return name;
}

static void dynamic_leave(struct map *names, struct dynamic_name *name)
{
    if (!name || --name->count > 0)
        return;
    map_remove(names, span_of(name->text, name->len));
    free(name);
}

static void seat_free(struct seat *seat, enum engine_end end)
{
    struct session *session = seat->session;
    if (seat->check)
        credentials_cancel(seat->check);
    if (session) {
        recovery_part(seat, end);
        sio_surveys_on_gone(&session->host->socketio->surveys, session->id);
        loop_timer_stop(session->host->loop, &seat->closing);
        session_close(session, leave_reason(session, end));
    }
    dynamic_leave(&guest_of(seat->socket)->host->socketio->dynamic, seat->dynamic);
    free(seat->returning);
    free(seat);
}

static void reject(struct seat *seat, enum err err)
{
    struct sio_socket *socket = seat->socket;
    struct buf data = BUF_EMPTY;
    sio_write_error(&data, err, SPAN_EMPTY, SPAN_EMPTY, 0);
    seat_free(seat, ENGINE_LEFT);
    sio_reject(socket, span_from_str(err_sentence(err)), buf_span(&data));
    buf_deinit(&data);
}

/* A client that comes back by itself gets no word of farewell but the code; the others are told why before they go. */
static void on_closing(struct loop_timer *timer)
{
    struct seat *seat = LIST_OWNER(timer, struct seat, closing);
    enum err reason = seat->session->ended_by;
    struct socketio *client = sio_client(seat->socket);
    if (!sio_is_connected(seat->socket)) {
        reject(seat, reason);
        return;
    }
    if (reason == ERR_DRAINING || reason == ERR_SLOW_CONSUMER) {
        engine_close(socketio_engine(client), reason == ERR_SLOW_CONSUMER ? ENGINE_SLOW : ENGINE_ENDED,
                     seat->close_code, seat->close_text);
        return;
    }
    struct buf text = BUF_EMPTY;
    BUF_APPEND_LITERAL(&text, "[\"error\",{\"error\":");
    sio_write_error(&text, reason, SPAN_EMPTY, SPAN_EMPTY, 0);
    BUF_APPEND_LITERAL(&text, "}]");
    sio_emit(seat->socket, buf_span(&text), NULL, 0, NULL);
    buf_deinit(&text);
    sio_disconnect(seat->socket);
}

static void on_disconnect(struct sio_socket *socket, enum engine_end end)
{
    seat_free(sio_user(socket), end);
}

void socketio_guest_free(struct guest *guest)
{
    if (guest->is_waiting)
        admission_wait_end(guest->host->admission);
    identity_unref(guest->identity);
    free(guest);
}

static void on_gone(struct socketio *client, enum engine_end end)
{
    (void)end;
    socketio_guest_free(socketio_user(client));
}

/* ---- connecting to a namespace ----------------------------------------------------------------------------------- */

static struct identity *stranger(struct peer_host *host, struct span sid)
{
    struct buf id = BUF_EMPTY;
    BUF_APPEND_LITERAL(&id, "anonymous:");
    buf_append_span(&id, sid);
    struct identity *identity = identity_new(buf_span(&id), SPAN("anonymous"), SPAN("anonymous"), SPAN_EMPTY, NULL, 0,
                                             access_of(host->registry, NULL, 0));
    buf_deinit(&id);
    return identity;
}

/* Somebody was found out to be there: the place of those who have not said who they are is free again. */
static void stop_waiting(struct guest *guest)
{
    if (guest->is_waiting)
        admission_wait_end(guest->host->admission);
    guest->is_waiting = false;
}

static void seat_open(struct seat *seat, struct peer_host *host)
{
    seat->session = session_open(host, seat_dialect(seat), &outlet_socketio, seat->socket);
    seat->session->state = seat;
}

void seat_welcome(struct seat *seat)
{
    struct span pid = SPAN_EMPTY;
    if (seat->recovery_ms) {
        recovery_enroll(seat);
        pid = span_of(seat->life->pid.text, sizeof seat->life->pid.text);
    }
    sio_accept(seat->socket, SPAN_EMPTY, pid);
    if (seat->is_relay) {
        relay_opened(seat->session);
        return;
    }
    greet(seat->session);
    announce(seat->session);
}

static void welcome(struct seat *seat)
{
    stop_waiting(guest_of(seat->socket));
    if (seat->returning)
        recovery_begin(seat);
    else
        seat_welcome(seat);
}

/* Takes the identity's reference. */
static void sit_down(struct seat *seat, struct peer_host *host, struct identity *identity, int64_t expires_ms,
                     const uint8_t *login_key)
{
    seat_open(seat, host);
    enum err err = session_authenticate(seat->session, identity, expires_ms, login_key);
    if (err)
        reject(seat, err);
    else
        welcome(seat);
}

void seat_be_stranger(struct seat *seat, struct span sid)
{
    struct session *session = seat->session;
    identity_unref(session->identity);
    session->identity = stranger(session->host, sid);
    session->access = session->identity->access;
}

static void sit_down_as_stranger(struct seat *seat, struct peer_host *host)
{
    seat->is_stranger = true;
    seat_open(seat, host);
    seat_be_stranger(seat, sio_sid(seat->socket));
    welcome(seat);
}

static void on_token_checked(void *arg, const struct credentials_result *result)
{
    struct seat *seat = arg;
    struct guest *guest = guest_of(seat->socket);
    seat->check = NULL;
    if (result->err)
        reject(seat, result->err);
    else
        sit_down(seat, guest->host, result->identity, result->expires_ms,
                 result->has_login_key ? result->login_key : NULL);
}

/* What is configured now decides; who is connected already stays. False: there is no such namespace. */
static bool find_namespace(const struct peer_host *host, struct span nsp, struct seat *seat, bool *is_anonymous,
                           bool *is_dynamic)
{
    const struct namespace *found = host->namespaces ? namespace_find(host->namespaces, nsp) : NULL;
    *is_anonymous = found && found->is_anonymous;
    *is_dynamic = found && found->kind != NAMESPACE_NAMED;
    seat->is_relay = found && found->is_relay;
    seat->recovery_ms = found ? found->recovery_ms : 0;
    return found || span_equal(nsp, SPAN("/"));
}

static void check_token(struct seat *seat, struct peer_host *host, struct span token)
{
    /* Decided at once, the seat may be gone already. */
    struct credentials_check *check = credentials_check_token(host, token, on_token_checked, seat);
    if (check)
        seat->check = check;
}

static void identify(struct seat *seat, yyjson_val *token, bool is_anonymous)
{
    struct guest *guest = guest_of(seat->socket);
    struct peer_host *host = guest->host;
    if (yyjson_is_str(token))
        check_token(seat, host, json_text(token));
    else if (token && !yyjson_is_null(token))
        reject(seat, ERR_BAD_TOKEN);
    else if (guest->identity)
        sit_down(seat, host, identity_ref(guest->identity), guest->expires_ms,
                 guest->has_login_key ? guest->login_key : NULL);
    else if (is_anonymous)
        sit_down_as_stranger(seat, host);
    else
        reject(seat, guest->err);
}

static void on_connect(struct sio_socket *socket, yyjson_val *auth)
{
    struct seat *seat = NEW(struct seat);
    struct peer_host *host = guest_of(socket)->host;
    bool is_anonymous, is_dynamic;
    seat->socket = socket;
    seat->closing.on_time = on_closing;
    if (!find_namespace(host, sio_nsp(socket), seat, &is_anonymous, &is_dynamic)) {
        free(seat);
        sio_reject(socket, SPAN("Invalid namespace"), SPAN_EMPTY);
        return;
    }
    sio_set_user(socket, seat);
    if (is_dynamic && !(seat->dynamic = dynamic_enter(&host->socketio->dynamic, sio_nsp(socket)))) {
        reject(seat, ERR_TOO_MANY);
        return;
    }
    if (seat->recovery_ms)
        seat->returning = recovery_read(auth);
    identify(seat, json_get(auth, "token"), is_anonymous);
}

static void on_ack(struct sio_socket *socket, const struct sio_event *event)
{
    struct session *session = ((struct seat *)sio_user(socket))->session;
    enum err err = session_take_message(session, 1, event->text.len, true, NULL);
    (void)err; /* it was asked for */
    sio_surveys_on_answer(&session->host->socketio->surveys, session->id, event);
}

static void on_pong(struct sio_socket *socket)
{
    struct seat *seat = sio_user(socket);
    recovery_on_pong(seat);
}

const struct socketio_events socketio_session_events = {
    .on_connect = on_connect,
    .on_event = on_event,
    .on_ack = on_ack,
    .on_disconnect = on_disconnect,
    .on_pong = on_pong,
    .on_gone = on_gone,
};
