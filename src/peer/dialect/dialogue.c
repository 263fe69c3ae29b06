#include "peer/dialect/dialogue.h"

#include "base/limits.h"
#include "base/memory.h"
#include "peer/credentials.h"

#include <stdlib.h>
#include <string.h>

/* With its head just below 1 KiB: up to there malloc keeps what was freed at hand. */
#define ARENA_BLOCK_BYTES 960

struct dialogue *dialogue_of(struct session *session)
{
    if (!session->state) {
        struct dialogue *dialogue = NEW(struct dialogue);
        list_init(&dialogue->waiting);
        session->state = dialogue;
    }
    return session->state;
}

/* Nothing waits any more. */
static void settle(struct session *session)
{
    struct dialogue *dialogue = session->state;
    if (!dialogue || dialogue->count > 0 || dialogue->check)
        return;
    free(dialogue);
    session->state = NULL;
}

void dialogue_close(struct session *session)
{
    struct dialogue *dialogue = session->state;
    if (!dialogue)
        return;
    LIST_EACH (&dialogue->waiting, node)
        waiting_free(LIST_OWNER(node, struct waiting, in_dialogue));
    if (dialogue->check)
        credentials_cancel(dialogue->check);
    free((void *)(uintptr_t)dialogue->check_id.data);
    free(dialogue);
    session->state = NULL;
}

enum err dialogue_gather(struct session *session, uint32_t kind, struct span message_id, struct gathering *gathering,
                         uint32_t place, uint64_t *tag)
{
    struct dialogue *dialogue = dialogue_of(session);
    if (dialogue->count >= LIMIT_ANSWERS_WAITING)
        return ERR_OVERLOADED;
    struct waiting *waiting = memory_alloc(sizeof *waiting + message_id.len);
    waiting->tag = ++dialogue->serial;
    waiting->kind = kind;
    waiting->place = place;
    waiting->gathering = gathering;
    if (gathering)
        gathering->ref_count++;
    waiting->id_len = (uint32_t)message_id.len;
    if (message_id.len)
        memcpy(waiting->id, message_id.data, message_id.len);
    list_push_tail(&dialogue->waiting, &waiting->in_dialogue);
    dialogue->count++;
    *tag = waiting->tag;
    return OK;
}

enum err dialogue_wait(struct session *session, uint32_t kind, struct span message_id, uint64_t *tag)
{
    return dialogue_gather(session, kind, message_id, NULL, 0, tag);
}

struct waiting *dialogue_take(struct session *session, uint64_t tag)
{
    struct dialogue *dialogue = session->state;
    if (!dialogue || tag == 0)
        return NULL;
    LIST_EACH (&dialogue->waiting, node) {
        struct waiting *waiting = LIST_OWNER(node, struct waiting, in_dialogue);
        if (waiting->tag == tag) {
            list_remove(node);
            dialogue->count--;
            settle(session);
            return waiting;
        }
    }
    return NULL;
}

struct span waiting_id(const struct waiting *waiting)
{
    return span_of(waiting->id, waiting->id_len);
}

void waiting_free(struct waiting *waiting)
{
    if (!waiting)
        return;
    gathering_unref(waiting->gathering);
    free(waiting);
}

struct gathering *gathering_new(uint32_t count)
{
    struct gathering *gathering = memory_alloc(sizeof *gathering + count * sizeof gathering->parts[0]);
    gathering->ref_count = 1;
    gathering->count = count;
    return gathering;
}

void gathering_unref(struct gathering *gathering)
{
    if (!gathering || --gathering->ref_count > 0)
        return;
    for (uint32_t i = 0; i < gathering->count; i++)
        buf_deinit(&gathering->parts[i]);
    free(gathering);
}

/* ---- logging in on an open connection ---- */

static void on_checked(void *arg, const struct credentials_result *result)
{
    struct session *session = arg;
    struct dialogue *dialogue = session->state;
    struct span message_id = dialogue->check_id;
    dialogue->check = NULL;
    dialogue->check_id = SPAN_EMPTY;
    enum err err = result->err;
    if (!err)
        err = session_authenticate(session, result->identity, result->expires_ms,
                                   result->has_login_key ? result->login_key : NULL);
    dialogue->on_login(session, message_id, err);
    if (err && !session->identity)
        session_end(session, err);
    free((void *)(uintptr_t)message_id.data);
    settle(session);
}

enum err dialogue_login(struct session *session, yyjson_val *token, struct span message_id,
                        void (*on_login)(struct session *session, struct span message_id, enum err err))
{
    if (!token)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(token))
        return ERR_BAD_FIELD;
    struct dialogue *dialogue = dialogue_of(session);
    if (dialogue->check)
        return ERR_OVERLOADED;
    dialogue->on_login = on_login;
    if (message_id.len)
        dialogue->check_id = span_of(span_to_str(message_id), message_id.len);
    /* on_checked may be called before this returns; then there is nothing to keep. */
    struct credentials_check *check = credentials_check_token(session->host, json_text(token), on_checked, session);
    if (check)
        dialogue->check = check;
    return OK;
}

/* ---- reading ---- */

static enum err read_id(struct message *message, struct span *field)
{
    yyjson_val *id = json_get2(message->root, "messageId", "message_id");
    if (!id)
        return OK;
    *field = SPAN("messageId");
    if (!yyjson_is_str(id))
        return ERR_BAD_FIELD;
    struct span text = json_text(id);
    if (text.len == 0 || text.len > LIMIT_ID_BYTES)
        return ERR_BAD_FIELD;
    message->id = text;
    message->has_id = true;
    *field = SPAN_EMPTY;
    return OK;
}

enum err message_read(struct message *message, bool is_text, struct span payload, struct span *field)
{
    memset(message, 0, sizeof *message);
    arena_init(&message->arena, ARENA_BLOCK_BYTES);
    *field = SPAN_EMPTY;
    if (!is_text)
        return ERR_UNSUPPORTED;
    enum err err = json_parse(&message->json, payload, &json_limits_default);
    if (err)
        return err;
    message->root = message->json.root;
    if (!yyjson_is_obj(message->root))
        return ERR_BAD_MESSAGE;
    if ((err = read_id(message, field)))
        return err;
    yyjson_val *type = json_get(message->root, "type");
    *field = SPAN("type");
    if (!type)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(type))
        return ERR_BAD_FIELD;
    message->type = json_text(type);
    *field = SPAN_EMPTY;
    return OK;
}

void message_deinit(struct message *message)
{
    json_deinit(&message->json);
    arena_deinit(&message->arena);
}

/* A number or a decimal string; anything else that is a number (negative, a fraction) is a place that no room has. */
static bool read_place(yyjson_val *value, uint64_t *out)
{
    if (yyjson_is_uint(value))
        *out = yyjson_get_uint(value);
    else if (yyjson_is_num(value))
        *out = UINT64_MAX;
    else if (!yyjson_is_str(value) || !span_parse_u64(json_text(value), out))
        return false;
    return true;
}

enum err position_read(yyjson_val *object, bool *has_position, struct position *out, struct span *field)
{
    yyjson_val *epoch = json_get(object, "epoch"), *offset = json_get(object, "offset");
    *has_position = false;
    if (!epoch && !offset)
        return OK;
    *field = epoch ? SPAN("offset") : SPAN("epoch");
    if (!epoch || !offset)
        return ERR_MISSING_FIELD;
    *field = SPAN("epoch");
    if (!read_place(epoch, &out->epoch))
        return ERR_BAD_FIELD;
    *field = SPAN("offset");
    if (!read_place(offset, &out->offset))
        return ERR_BAD_FIELD;
    *has_position = true;
    *field = SPAN_EMPTY;
    return OK;
}

enum err flag_read(yyjson_val *object, const char *name, const char *other, bool fallback, bool *out,
                   struct span *field)
{
    yyjson_val *value = json_get2(object, name, other);
    *out = value && !yyjson_is_null(value) ? yyjson_get_bool(value) : fallback;
    if (!value || yyjson_is_null(value) || yyjson_is_bool(value))
        return OK;
    *field = span_from_str(name);
    return ERR_BAD_FIELD;
}

struct text_member {
    const char *name, *other;
    uint32_t bit;
    size_t bytes_max;
    struct span *out;
};

/* A string member of at most so many bytes; null clears it. */
static enum err read_text(yyjson_val *object, const struct text_member *member, uint32_t *given, struct span *field)
{
    yyjson_val *value = json_get2(object, member->name, member->other);
    if (!value)
        return OK;
    *field = span_from_str(member->name);
    if (!yyjson_is_str(value) && !yyjson_is_null(value))
        return ERR_BAD_FIELD;
    struct span text = json_text(value);
    if (text.len > member->bytes_max)
        return ERR_BAD_FIELD;
    *member->out = text;
    *given |= member->bit;
    *field = SPAN_EMPTY;
    return OK;
}

static enum err read_status(yyjson_val *object, struct presence_change *out, struct span *field)
{
    yyjson_val *value = json_get(object, "status");
    if (!value)
        return OK;
    struct span text = json_text(value);
    *field = SPAN("status");
    if (span_equal(text, SPAN("online")))
        out->status = STATUS_ONLINE;
    else if (span_equal(text, SPAN("away")) || span_equal(text, SPAN("idle")))
        out->status = STATUS_AWAY;
    else if (span_equal(text, SPAN("offline")))
        out->status = STATUS_OFFLINE;
    else
        return ERR_BAD_FIELD;
    out->given |= PRESENCE_STATUS;
    *field = SPAN_EMPTY;
    return OK;
}

static enum err read_intent(yyjson_val *object, struct presence_change *out, struct span *field)
{
    yyjson_val *value = json_get(object, "action");
    if (!value)
        return OK;
    struct span text = json_text(value);
    *field = SPAN("action");
    if (span_equal(text, SPAN("viewing")))
        out->intent = INTENT_VIEWING;
    else if (span_equal(text, SPAN("editing")))
        out->intent = INTENT_EDITING;
    else if (yyjson_is_null(value) || span_equal(text, SPAN("none")))
        out->intent = INTENT_NONE;
    else
        return ERR_BAD_FIELD;
    out->given |= PRESENCE_INTENT;
    *field = SPAN_EMPTY;
    return OK;
}

enum err presence_read(yyjson_val *object, struct presence_change *out, struct span *field)
{
    enum err err;
    memset(out, 0, sizeof *out);
    if ((err = read_status(object, out, field)) || (err = read_intent(object, out, field)))
        return err;
    yyjson_val *location = json_get2(object, "currentLocation", "current_location");
    if (location && !yyjson_is_obj(location)) {
        *field = SPAN("currentLocation");
        return ERR_BAD_FIELD;
    }
    const struct text_member of_location[] = {
        {"page", "page", PRESENCE_PAGE, LIMIT_PRESENCE_TEXT_BYTES, &out->page},
        {"section", "section", PRESENCE_SECTION, LIMIT_PRESENCE_TEXT_BYTES, &out->section}};
    const struct text_member of_object[] = {
        {"activity", "activity", PRESENCE_ACTIVITY, LIMIT_PRESENCE_TEXT_BYTES, &out->activity},
        {"editingRow", "editing_row", PRESENCE_EDITING_ROW, LIMIT_ID_BYTES, &out->editing_row},
        {"color", "colour", PRESENCE_COLOR, 7, &out->color}};
    for (size_t i = 0; i < sizeof of_location / sizeof *of_location; i++)
        if (location && (err = read_text(location, &of_location[i], &out->given, field)))
            return err;
    for (size_t i = 0; i < sizeof of_object / sizeof *of_object; i++)
        if ((err = read_text(object, &of_object[i], &out->given, field)))
            return span_equal(*field, SPAN("color")) ? ERR_BAD_COLOR : err;
    if ((out->given & PRESENCE_COLOR) && !color_is_valid(out->color)) {
        *field = SPAN("color");
        return ERR_BAD_COLOR;
    }
    return OK;
}

void presence_put(struct command *command, const struct presence_change *presence)
{
    struct presence_change *change = command->kind == COMMAND_JOIN ? &command->join.presence : &command->presence;
    struct span *texts[] = {&change->page, &change->section, &change->activity, &change->editing_row, &change->color};
    *change = *presence;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(&command->arena, *texts[i]);
}
