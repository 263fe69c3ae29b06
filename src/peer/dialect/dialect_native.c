/* The native dialect's door: which message goes where, who it is, what is answered. docs/protocol/native.md; its parts are in dialect_native_hear.h. */
#include "peer/dialect/dialect_native_hear.h"

#include "base/log.h"
#include "collab/type/access.h"

struct verb_row {
    struct span type;
    enum err (*hear)(struct native_hearing *hearing);
    bool is_conflated; /* never refused by a rate */
    bool before_login;
    bool wants_object;                                       /* a payload that is there must be an object */
    bool is_change;                                          /* an error is its verdict */
    uint32_t (*count)(const struct native_hearing *hearing); /* what a rate charges it as; NULL: 1 */
};

/* ---- who it is ---- */

static void on_login(struct session *session, struct span message_id, enum err err)
{
    if (err) {
        native_say_failure(session, message_id, &(struct native_failure){.err = err, .field = SPAN("token")});
    } else if (message_id.len) {
        struct buf text = BUF_EMPTY;
        native_write_ack_user(&text, message_id, session->identity, session->token_expires_ms);
        native_say_text(session, &text);
    }
}

static enum err hear_auth(struct native_hearing *hearing)
{
    yyjson_val *token = json_get(hearing->payload, "token");
    hearing->field = SPAN("token");
    return dialogue_login(hearing->session, token ? token : json_get(hearing->message.root, "token"),
                          hearing->message.id, on_login);
}

static enum err hear_ping(struct native_hearing *hearing)
{
    struct buf text = BUF_EMPTY;
    native_write_pong(&text, hearing->message.id);
    native_say_text(hearing->session, &text);
    return OK;
}

/* A client may answer a ping it never got. */
static enum err hear_pong(struct native_hearing *hearing)
{
    (void)hearing;
    return OK;
}

static const struct verb_row verbs[] = {
    {SPAN_INIT("cursor"), native_hear_cursor, .is_conflated = true, .wants_object = true},
    {SPAN_INIT("publish"), native_hear_publish, .wants_object = false},
    {SPAN_INIT("update"), native_hear_update, .wants_object = true, .is_change = true},
    {SPAN_INIT("typing"), native_hear_typing, .is_conflated = true, .wants_object = true},
    {SPAN_INIT("presence"), native_hear_presence, .is_conflated = true, .wants_object = true},
    {SPAN_INIT("subscribe"), native_hear_subscribe, .wants_object = true},
    {SPAN_INIT("unsubscribe"), native_hear_unsubscribe, .wants_object = true},
    {SPAN_INIT("presence_get"), native_hear_look, .wants_object = true},
    {SPAN_INIT("action"), native_hear_action, .wants_object = true, .is_change = true},
    {SPAN_INIT("sync"), native_hear_sync, .wants_object = true, .count = native_queue_count},
    {SPAN_INIT("undo"), native_hear_undo, .wants_object = true, .is_change = true},
    {SPAN_INIT("redo"), native_hear_redo, .wants_object = true, .is_change = true},
    {SPAN_INIT("restore"), native_hear_restore, .wants_object = true, .is_change = true},
    {SPAN_INIT("lock"), native_hear_lock, .wants_object = true},
    {SPAN_INIT("comment"), native_hear_comment, .wants_object = true},
    {SPAN_INIT("conflict"), native_hear_conflict, .wants_object = true},
    {SPAN_INIT("notification"), native_hear_notification, .wants_object = true},
    {SPAN_INIT("activity"), native_hear_activity, .wants_object = true},
    {SPAN_INIT("chat"), native_hear_chat, .wants_object = true},
    {SPAN_INIT("preferences"), native_hear_preferences, .wants_object = true},
    {SPAN_INIT("list"), native_hear_list, .wants_object = true},
    {SPAN_INIT("read"), native_hear_read, .wants_object = true},
    {SPAN_INIT("diff"), native_hear_diff, .wants_object = true},
    {SPAN_INIT("auth"), hear_auth, .before_login = true, .wants_object = true},
    {SPAN_INIT("ping"), hear_ping, .before_login = true},
    {SPAN_INIT("pong"), hear_pong, .before_login = true},
};

static const struct verb_row *verb_of(struct span type)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (span_equal(type, verbs[i].type))
            return &verbs[i];
    return NULL;
}

static enum err hear_message(struct native_hearing *hearing, bool is_text, struct span payload,
                             const struct verb_row **heard)
{
    struct session *session = hearing->session;
    enum err err = message_read(&hearing->message, is_text, payload, &hearing->field);
    const struct verb_row *verb = *heard = err ? NULL : verb_of(hearing->message.type);
    hearing->payload = err ? NULL : json_get(hearing->message.root, "payload");
    uint32_t count = verb && verb->count ? verb->count(hearing) : 1;
    enum err rate = session_take_message(session, count, payload.len, verb && verb->is_conflated, &hearing->retry_ms);
    if (rate || err)
        return rate ? rate : err;
    log_debug("message.heard", "session=%llu type=" LOG_QUOTED " bytes=%zu", (unsigned long long)session->id,
              LOG_TEXT(hearing->message.type), payload.len);
    hearing->field = SPAN("type");
    if (!verb)
        return ERR_UNKNOWN_TYPE;
    hearing->field = SPAN_EMPTY;
    if (!session->identity && !verb->before_login)
        return ERR_NOT_AUTHENTICATED;
    if (verb->wants_object && hearing->payload && !yyjson_is_obj(hearing->payload)) {
        if (yyjson_is_null(hearing->payload)) {
            hearing->payload = NULL;
        } else {
            hearing->field = SPAN("payload");
            return ERR_BAD_FIELD;
        }
    }
    return verb->hear(hearing);
}

static void hear(struct session *session, bool is_text, struct span payload)
{
    struct native_hearing hearing = {.session = session, .arena = &hearing.message.arena};
    const struct verb_row *verb = NULL;
    enum err err = hear_message(&hearing, is_text, payload, &verb);
    if (err == ERR_UNSUPPORTED && !is_text)
        session_end(session, err);
    else if (err)
        native_say_failure(session, hearing.message.id,
                           &(struct native_failure){.err = err,
                                                    .field = hearing.field,
                                                    .retry_ms = hearing.retry_ms,
                                                    .is_verdict = verb && verb->is_change && err != ERR_RATE_LIMITED});
    message_deinit(&hearing.message);
}

/* ---- answers from the rooms ---- */

static void say_ack(struct session *session, const struct waiting *waiting, const struct answer *answer, uint64_t mask)
{
    struct buf text = BUF_EMPTY;
    native_write_ack(&text, waiting_id(waiting), answer, (enum native_ask)waiting->kind, mask, waiting->gathering);
    session_say(session, buf_span(&text), !session_is_long_answer(answer->kind));
    buf_deinit(&text);
}

/* What the server asked for by itself (being online) is nobody's error. */
static bool is_own_question(const struct answer *answer)
{
    return !answer->tag && answer->kind == COMMAND_JOIN && span_equal(answer->room, SPAN(ROOM_PRESENCE));
}

static void answer(struct session *session, const struct answer *answer)
{
    struct waiting *waiting = dialogue_take(session, answer->tag);
    uint64_t mask = answer->type ? access_readable(session->identity->access, answer->type) : UINT64_MAX;
    bool is_refused = answer->err && answer->err != ERR_RESYNC;
    if (waiting && waiting->kind == NATIVE_QUEUED) {
        native_queue_answer(session, waiting, answer, mask);
        return;
    }
    if (is_refused && !(waiting && waiting->gathering)) {
        enum native_ask ask = waiting ? (enum native_ask)waiting->kind : NATIVE_PLAIN;
        struct native_failure failure = native_failure_of(answer, ask);
        failure.mask = mask;
        if (!is_own_question(answer))
            native_say_failure(session, waiting ? waiting_id(waiting) : SPAN_EMPTY, &failure);
    } else if (waiting) {
        say_ack(session, waiting, answer, mask);
    }
    waiting_free(waiting);
}

const struct dialect dialect_native = {
    .name = "native",
    .hear = hear,
    .say = native_say,
    .answer = answer,
    .closed = dialogue_close,
};
