#include "peer/socketio_session.h"

#include "auth/bucket.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "collab/access.h"
#include "collab/color.h"
#include "net/hand_over.h"
#include "peer/dialect_relay.h"
#include "peer/fanout.h"
#include "peer/namespace.h"

#include <stdlib.h>
#include <string.h>

#define TAG_ASKED_SHIFT 56
#define TAG_HAS_ACK (UINT64_C(1) << 55)
#define TAG_ACK_ID (TAG_HAS_ACK - 1)
#define HEARING_ARENA_BYTES 512
#define CONNECT_MS 45000
#define ASSEMBLY_MS 10000
#define NAMESPACES_MAX 16
#define RECOVERY_MS 120000
#define RECOVERY_PACKETS_MAX 256
#define RECOVERY_BYTES_MAX (256 * 1024)
#define RECOVERY_AWAY_MAX 1000

struct socketio_peers {
    struct socketio_host sockets;
    struct peer_host *host;
};

/* A client: whom its handshake named. */
struct guest {
    struct peer_host *host;
    struct identity *identity; /* NULL: nobody */
    enum err err;              /* why nobody */
    int64_t expires_ms;
    bool has_login_key, is_waiting;
    uint8_t login_key[32];
};

/* A client in a namespace. */
struct seat {
    struct sio_socket *socket;
    struct session *session;                 /* NULL until it is known who it is */
    struct credentials_check *check;         /* of the token that came with the CONNECT */
    const struct sio_vocabulary *vocabulary; /* NULL: a relay, or undecided */
    bool is_relay;
    bool recovers; /* it may come back after its connection broke */
    void *vocabulary_state;
    struct bucket changes;
    struct loop_timer closing; /* session_end may come at any moment: the session goes in a turn of its own */
    uint16_t close_code;
    struct span close_text;
};

static struct seat *seat_of(const struct session *session)
{
    return session->state;
}

static struct guest *guest_of(const struct sio_socket *socket)
{
    return socketio_user(sio_client(socket));
}

struct sio_socket *sio_session_socket(const struct session *session)
{
    return session->transport;
}

void **sio_session_state(const struct session *session)
{
    return &seat_of(session)->vocabulary_state;
}

/* ---- the outlet ------------------------------------------------------------------------------------------------- */

/* A socket that may come back keeps what it was sent, numbered for itself. */
static void send_recoverable(struct sio_socket *socket, const struct fanout *fanout)
{
    const struct event *event = fanout->event;
    if (event->position.offset)
        sio_emit(socket, fanout->text, fanout->binaries, fanout->binary_count, NULL);
    else
        sio_emit_volatile(socket, fanout->text, fanout->binaries, fanout->binary_count);
}

/* On a WebSocket frames that were encoded once for all; while the client polls, packets that wait for the poll. */
static void send_fanout(struct session *session, struct fanout *fanout, uint64_t key, bool is_counted)
{
    struct sio_socket *socket = session->transport;
    if (seat_of(session)->recovers) {
        send_recoverable(socket, fanout);
        return;
    }
    struct engine *engine = socketio_engine(sio_client(socket));
    struct websocket *web = engine_socket(engine);
    struct span nsp = sio_nsp(socket);
    if (!web) {
        engine_queue(engine, fanout_packet(fanout, nsp, PACKET_POLLED), true, key, is_counted);
        for (uint32_t i = 0; i < fanout->binary_count; i++)
            engine_queue(engine, fanout_attachment(fanout, i, true), false, 0, is_counted);
        return;
    }
    struct frame *frame =
        fanout_packet(fanout, nsp, websocket_has_deflate(web) ? PACKET_WEBSOCKET_DEFLATED : PACKET_WEBSOCKET);
    if (!is_counted)
        conn_send_uncounted(websocket_conn(web), frame);
    else
        websocket_send_frame(web, frame, key);
    for (uint32_t i = 0; i < fanout->binary_count; i++) {
        frame = fanout_attachment(fanout, i, false);
        if (!is_counted)
            conn_send_uncounted(websocket_conn(web), frame);
        else
            websocket_send_frame(web, frame, 0);
    }
}

static void send_shared(struct session *session, struct fanout *fanout, uint64_t conflate_key)
{
    send_fanout(session, fanout, conflate_key, true);
}

static void replay(struct session *session, struct fanout *fanout)
{
    send_fanout(session, fanout, 0, false);
}

static void send_one(struct session *session, struct span array, bool is_counted)
{
    (void)is_counted;
    sio_emit(session->transport, array, NULL, 0, NULL);
}

static void close_seat(struct session *session, enum err reason, uint16_t code, struct span text)
{
    struct seat *seat = seat_of(session);
    (void)reason;
    seat->close_code = code;
    seat->close_text = text; /* of an error's code: static */
    loop_timer_set(session->host->loop, &seat->closing, loop_now_ms(session->host->loop));
}

static const struct outlet outlet_socketio = {
    .send_shared = send_shared,
    .replay = replay,
    .send = send_one,
    .close = close_seat,
};

/* ---- saying things to one ---------------------------------------------------------------------------------------- */

void sio_session_emit(struct session *session, const char *name, struct span payload)
{
    struct buf text = BUF_EMPTY;
    buf_append_char(&text, '[');
    json_append_string(&text, span_from_str(name));
    if (payload.len) {
        buf_append_char(&text, ',');
        buf_append_span(&text, payload);
    }
    buf_append_char(&text, ']');
    session_say(session, buf_span(&text), true);
    buf_deinit(&text);
}

uint64_t sio_tag(const struct sio_hearing *hearing, unsigned asked)
{
    uint64_t tag = (uint64_t)asked << TAG_ASKED_SHIFT;
    return hearing->event->has_ack ? tag | TAG_HAS_ACK | (hearing->event->ack_id & TAG_ACK_ID) : tag;
}

unsigned sio_tag_asked(uint64_t tag)
{
    return (unsigned)(tag >> TAG_ASKED_SHIFT);
}

bool sio_session_acknowledge(struct session *session, uint64_t tag, struct span argument)
{
    struct buf text = BUF_EMPTY;
    if (!(tag & TAG_HAS_ACK))
        return false;
    if (session->is_closing)
        return true;
    buf_append_char(&text, '[');
    buf_append_span(&text, argument);
    buf_append_char(&text, ']');
    sio_acknowledge(session->transport, tag & TAG_ACK_ID, buf_span(&text), NULL, 0);
    buf_deinit(&text);
    return true;
}

static void write_error(struct buf *out, enum err err, struct span field, struct span message, uint64_t retry_ms)
{
    buf_append_char(out, '{');
    json_member_string(out, "code", span_from_str(err_code(err)));
    json_member_string(out, "message", message.len ? message : span_from_str(err_sentence(err)));
    if (field.len)
        json_member_string(out, "field", field);
    if (retry_ms)
        json_member_u64(out, "retry_after_ms", retry_ms);
    buf_append_char(out, '}');
}

void sio_session_fail(struct session *session, uint64_t tag, enum err err, struct span field, struct span message,
                      uint64_t retry_ms)
{
    struct buf text = BUF_EMPTY;
    BUF_APPEND_LITERAL(&text, "{\"error\":");
    write_error(&text, err, field, message, retry_ms);
    buf_append_char(&text, '}');
    if (!sio_session_acknowledge(session, tag, buf_span(&text)))
        sio_session_emit(session, "error", buf_span(&text));
    buf_deinit(&text);
    session_count_error(session, err);
}

enum err sio_command(struct sio_hearing *hearing, enum command_kind kind, struct span room, unsigned asked,
                     struct command **out)
{
    return session_command(hearing->session, kind, room, sio_tag(hearing, asked), true, out);
}

/* ---- undecided --------------------------------------------------------------------------------------------------- */

static void hear_nothing(struct session *session, bool is_text, struct span payload)
{
    (void)session;
    (void)is_text;
    (void)payload;
}

static bool say_nothing(const struct event *event, uint64_t mask, struct buf *out)
{
    (void)event;
    (void)mask;
    (void)out;
    return false;
}

static void answer_nothing(struct session *session, const struct answer *answer)
{
    (void)session;
    (void)answer;
}

const struct dialect dialect_undecided = {
    .name = "socket.io",
    .hear = hear_nothing,
    .say = say_nothing,
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
        session_take_message(session, hearing->event->text.len, verb && verb->is_conflated, &hearing->retry_ms);
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

/* A client that comes back by itself gets no word of farewell but the code; the others are told why before they go. */
static void on_closing(struct loop_timer *timer)
{
    struct seat *seat = LIST_OWNER(timer, struct seat, closing);
    enum err reason = seat->session->ended_by;
    struct socketio *client = sio_client(seat->socket);
    if (client && (reason == ERR_DRAINING || reason == ERR_SLOW_CONSUMER)) {
        engine_close(socketio_engine(client), reason == ERR_SLOW_CONSUMER ? ENGINE_SLOW : ENGINE_ENDED,
                     seat->close_code, seat->close_text);
        return;
    }
    struct buf text = BUF_EMPTY;
    BUF_APPEND_LITERAL(&text, "[\"error\",{\"error\":");
    write_error(&text, reason, SPAN_EMPTY, SPAN_EMPTY, 0);
    BUF_APPEND_LITERAL(&text, "}]");
    sio_emit(seat->socket, buf_span(&text), NULL, 0, NULL);
    buf_deinit(&text);
    sio_disconnect(seat->socket);
}

/* To leave a namespace or to close the session is to leave; anything else may be a broken line or a reload, which gets a
 * grace. */
static enum leave_reason leave_reason(const struct session *session, enum engine_end end)
{
    if (session->is_closing)
        return session->ended_by == ERR_SLOW_CONSUMER || session->ended_by == ERR_DRAINING ? LEAVE_DISCONNECTED
                                                                                           : LEAVE_DEAD;
    return end == ENGINE_LEFT ? LEAVE_ASKED : LEAVE_DISCONNECTED;
}

static void seat_free(struct seat *seat, enum engine_end end)
{
    struct session *session = seat->session;
    if (seat->check)
        credentials_cancel(seat->check);
    if (session) {
        loop_timer_stop(session->host->loop, &seat->closing);
        session_close(session, leave_reason(session, end));
    }
    free(seat);
}

static void on_disconnect(struct sio_socket *socket, enum engine_end end)
{
    seat_free(sio_user(socket), end);
}

static void guest_free(struct guest *guest)
{
    if (guest->is_waiting)
        admission_wait_end(guest->host->admission);
    identity_unref(guest->identity);
    free(guest);
}

static void on_gone(struct socketio *client, enum engine_end end)
{
    (void)end;
    guest_free(socketio_user(client));
}

/* ---- connecting to a namespace ----------------------------------------------------------------------------------- */

static void reject(struct seat *seat, enum err err)
{
    struct sio_socket *socket = seat->socket;
    struct buf data = BUF_EMPTY;
    write_error(&data, err, SPAN_EMPTY, SPAN_EMPTY, 0);
    seat_free(seat, ENGINE_LEFT);
    sio_reject(socket, span_from_str(err_sentence(err)), buf_span(&data));
    buf_deinit(&data);
}

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
    seat->session =
        session_open(host, seat->is_relay ? &dialect_relay : &dialect_undecided, &outlet_socketio, seat->socket);
    seat->session->state = seat;
}

static void welcome(struct seat *seat)
{
    stop_waiting(guest_of(seat->socket));
    if (seat->recovers)
        sio_accept_recoverable(seat->socket);
    else
        sio_accept(seat->socket, SPAN_EMPTY, SPAN_EMPTY);
    if (seat->is_relay) {
        relay_opened(seat->session);
        return;
    }
    greet(seat->session);
    announce(seat->session);
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

static void sit_down_as_stranger(struct seat *seat, struct peer_host *host)
{
    seat_open(seat, host);
    seat->session->identity = stranger(host, sio_sid(seat->socket));
    seat->session->access = seat->session->identity->access;
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

/* What is configured now decides; who is connected already stays. */
static bool find_namespace(const struct peer_host *host, struct span nsp, bool *is_relay, bool *is_anonymous,
                           bool *recovers)
{
    const struct namespace *found = host->namespaces ? namespace_find(host->namespaces, nsp) : NULL;
    *is_relay = found != NULL;
    *is_anonymous = found && found->is_anonymous;
    *recovers = found && found->recovers;
    return found || span_equal(nsp, SPAN("/"));
}

static void on_connect(struct sio_socket *socket, yyjson_val *auth)
{
    struct guest *guest = guest_of(socket);
    struct peer_host *host = guest->host;
    yyjson_val *token = json_get(auth, "token");
    bool is_relay, is_anonymous, recovers;
    if (!find_namespace(host, sio_nsp(socket), &is_relay, &is_anonymous, &recovers)) {
        sio_reject(socket, SPAN("Invalid namespace"), SPAN_EMPTY);
        return;
    }
    struct seat *seat = NEW(struct seat);
    seat->socket = socket;
    seat->is_relay = is_relay;
    seat->recovers = recovers;
    seat->closing.on_time = on_closing;
    sio_set_user(socket, seat);
    if (yyjson_is_str(token)) {
        /* Decided at once, the seat may be gone already. */
        struct credentials_check *check = credentials_check_token(host, json_text(token), on_token_checked, seat);
        if (check)
            seat->check = check;
    } else if (token && !yyjson_is_null(token)) {
        reject(seat, ERR_BAD_TOKEN);
    } else if (guest->identity) {
        sit_down(seat, host, identity_ref(guest->identity), guest->expires_ms,
                 guest->has_login_key ? guest->login_key : NULL);
    } else if (is_anonymous) {
        sit_down_as_stranger(seat, host);
    } else {
        reject(seat, guest->err);
    }
}

/* Who knows the private id of a socket has it again; what the new connection's handshake said of him is not asked. */
static void on_return(struct sio_socket *socket, yyjson_val *auth)
{
    (void)auth;
    stop_waiting(guest_of(socket));
}

static const struct socketio_events events = {
    .on_connect = on_connect,
    .on_event = on_event,
    .on_disconnect = on_disconnect,
    .on_return = on_return,
    .on_gone = on_gone,
};

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* A cookie or token that is no good any more keeps nobody out: the CONNECT may bring a better one. */
static void on_greeted(void *arg, const struct credentials_result *result)
{
    struct request *request = arg;
    struct peer_host *host = request->host;
    struct http_exchange *exchange = request->exchange;
    struct guest *guest = NEW(struct guest);
    request->check = NULL;
    guest->host = host;
    guest->identity = result->identity;
    guest->err = result->err;
    guest->expires_ms = result->expires_ms;
    guest->has_login_key = result->has_login_key;
    memcpy(guest->login_key, result->login_key, sizeof guest->login_key);
    if (!guest->identity && admission_wait(host->admission)) {
        guest_free(guest);
        request_fail(request, ERR_TOO_MANY, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    guest->is_waiting = !guest->identity;
    request_forget(request);
    struct socketio *client = socketio_open(&host->socketio->sockets, exchange, guest);
    if (!client)
        guest_free(guest);
    else if (guest->is_waiting)
        socketio_set_connect_deadline(client, host->limits->auth_ms);
}

static void greet_request(struct request *request)
{
    if (request->host->is_draining) {
        request_fail(request, ERR_DRAINING, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    struct credentials_check *check =
        credentials_check_request(request->host, request->exchange, true, on_greeted, request);
    /* When it was decided at once the request is gone already. */
    if (check)
        request->check = check;
}

/* A connection on its way to the worker where the session lives. What follows the request is kept at the end of this
 * turn; after that it goes as a whole. */
struct transfer {
    struct loop_timer timer;
    struct peer_host *host;
    struct http_exchange *exchange;
    unsigned home;
};

static void on_transfer_gone(struct http_exchange *exchange)
{
    struct transfer *transfer = exchange->user;
    loop_timer_stop(transfer->host->loop, &transfer->timer);
    free(transfer);
}

static void on_transfer_time(struct loop_timer *timer)
{
    struct transfer *transfer = LIST_OWNER(timer, struct transfer, timer);
    struct peer_host *host = transfer->host;
    transfer->exchange->on_gone = NULL;
    host->hand_over(host->world, transfer->home, http_hand_over(transfer->exchange));
    free(transfer);
}

static void hand_over(struct peer_host *host, struct http_exchange *exchange, unsigned home)
{
    if (home >= host->worker_count) {
        engine_refuse(exchange, EIO_UNKNOWN_SID);
        return;
    }
    struct transfer *transfer = NEW(struct transfer);
    transfer->host = host;
    transfer->exchange = exchange;
    transfer->home = home;
    transfer->timer.on_time = on_transfer_time;
    exchange->user = transfer;
    exchange->on_gone = on_transfer_gone;
    loop_timer_set(host->loop, &transfer->timer, loop_now_ms(host->loop));
}

void socketio_session_handle(struct request *request)
{
    struct peer_host *host = request->host;
    struct http_exchange *exchange = request->exchange;
    struct engine_host *engines = &host->socketio->sockets.engines;
    unsigned home;
    enum engine_ask ask = engine_look(engines, exchange, &home);
    if (ask == ENGINE_GREETING) {
        greet_request(request);
        return;
    }
    request_forget(request);
    if (ask == ENGINE_OWN)
        engine_serve(engines, exchange);
    else if (ask == ENGINE_FOREIGN)
        hand_over(host, exchange, home);
}

size_t socketio_session_body_limit(struct peer_host *host, struct http_exchange *exchange)
{
    return engine_body_limit(&host->socketio->sockets.engines, exchange);
}

/* ---- per worker -------------------------------------------------------------------------------------------------- */

struct socketio_peers *socketio_peers_new(struct peer_host *host)
{
    struct socketio_peers *peers = NEW(struct socketio_peers);
    struct engine_host *engines = &peers->sockets.engines;
    peers->host = host;
    engines->loop = host->loop;
    engines->conn_host = host->conn_host;
    engines->worker = host->worker;
    engines->settings = engine_settings_default;
    engines->settings.ping_interval_ms = host->limits->engine_ping_interval_ms;
    engines->settings.ping_timeout_ms = host->limits->engine_ping_timeout_ms;
    engines->settings.payload_bytes_max = host->limits->engine_payload_bytes_max;
    peers->sockets.settings = (struct socketio_settings){
        .connect_ms = CONNECT_MS,
        .assembly_ms = ASSEMBLY_MS,
        .namespaces_max = NAMESPACES_MAX,
        .recovery_ms = RECOVERY_MS,
        .recovery_packets_max = RECOVERY_PACKETS_MAX,
        .recovery_bytes_max = RECOVERY_BYTES_MAX,
        .recovery_away_max = RECOVERY_AWAY_MAX,
        .json = {host->limits->message_bytes_max, json_limits_default.depth_max, json_limits_default.members_max},
    };
    peers->sockets.events = &events;
    socketio_host_init(&peers->sockets);
    return peers;
}

void socketio_peers_free(struct socketio_peers *peers)
{
    if (!peers)
        return;
    socketio_host_deinit(&peers->sockets);
    free(peers);
}
