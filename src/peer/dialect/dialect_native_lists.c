/* Hearing the native dialect: lists of what is kept beside records, and one's own preferences. They come from the store's reader
 * (docs/decisions/0001-peers-read-the-store.md); what somebody may not read is left out of them. */
#include "peer/dialect/dialect_native_hear.h"

#include "base/clock.h"
#include "base/limits.h"
#include "collab/type/access.h"
#include "peer/dialect/activity_say.h"

struct listing {              /* question->state */
    struct span room;         /* whose objects; of activities: of the record; or empty */
    struct span own_id, with; /* of messages with somebody: the two; `with` is an id or a username */
    struct object_query query;
    struct object_page page;
    struct object_rights rights; /* whose inbox it is */
    uint64_t unread_count;
    struct activity_query activity_query;
    struct activity_page activity_page;
    struct object preferences;
};

/* ---- on the reader's thread ---- */

/* Where two people write to each other is known when it is known who is meant. */
static enum err find_conversation(struct native_question *question, struct store_reader *reader)
{
    struct listing *listing = question->state;
    enum err err = store_user_resolve(reader, &question->arena, &listing->with);
    if (err == OK)
        listing->room = listing->query.room = object_dm_room(&question->arena, listing->own_id, listing->with);
    return err;
}

static enum err run_activities(struct native_question *question, struct store_reader *reader)
{
    struct listing *listing = question->state;
    struct activity_query *query = &listing->activity_query;
    enum err err = store_user_resolve(reader, &question->arena, &query->user_id);
    return err ? err : store_activity(reader, &question->arena, query, &listing->activity_page);
}

static enum err run_objects(struct native_question *question, struct store_reader *reader)
{
    struct listing *listing = question->state;
    struct object_query *query = &listing->query;
    enum err err = OK;
    if (listing->with.len)
        err = find_conversation(question, reader);
    else if (query->kind == OBJECT_CONFLICT)
        err = store_user_resolve(reader, &question->arena, &query->owner);
    if (err || (err = store_objects(reader, &question->arena, query, &listing->page)) ||
        query->kind != OBJECT_NOTIFICATION)
        return err;
    return store_object_count(reader, OBJECT_NOTIFICATION, query->owner, SPAN("unread"), &listing->rights,
                              &listing->unread_count);
}

/* Who never said anything has none. */
static enum err run_preferences(struct native_question *question, struct store_reader *reader)
{
    struct listing *listing = question->state;
    enum err err =
        store_object_get(reader, &question->arena, OBJECT_PREFERENCES, listing->query.owner, &listing->preferences);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- back home ---- */

static void separate(struct buf *out)
{
    if (out->data[out->len - 1] != '[')
        buf_append_char(out, ',');
}

/* The rights are those of now: they may have changed since it was asked for. */
static void write_objects(struct buf *out, const struct listing *listing, const struct session *session)
{
    const struct type_registry *registry = session->host->registry;
    const struct access *access = session->identity->access;
    for (uint32_t i = 0; i < listing->page.count; i++) {
        const struct object *object = &listing->page.objects[i];
        if (!object_is_shown(registry, access, object))
            continue;
        const struct object_view view = object_view_of(registry, access, object->room, object->body, OBJECT_CAMEL);
        separate(out);
        object_write(out, object->kind, object->body, &view);
    }
}

static void write_activities(struct buf *out, const struct listing *listing, const struct session *session)
{
    for (uint32_t i = 0; i < listing->activity_page.count; i++) {
        const struct activity_row *row = &listing->activity_page.rows[i];
        struct event *event = NULL;
        uint64_t mask;
        /* What the configuration has no type for any more cannot be shown to anybody. */
        if (event_read(row->body, SPAN_EMPTY, (struct position){0}, session->host->registry, &event) == OK &&
            event_is_readable(session->identity->access, event, &mask)) {
            separate(out);
            activity_say(out, event, mask, OBJECT_CAMEL);
        }
        event_unref(event);
    }
}

static void open_page(struct buf *out, enum object_kind kind)
{
    json_member_string(out, "kind", object_kind_name(kind));
    json_append_key(out, "items");
    buf_append_char(out, '[');
}

static void say_activities(const struct native_question *question, const struct session *session, struct buf *out)
{
    const struct listing *listing = question->state;
    open_page(out, OBJECT_ACTIVITY);
    write_activities(out, listing, session);
    buf_append_char(out, ']');
    json_member_text(out, "nextCursor", listing->activity_page.next);
}

static void say_objects(const struct native_question *question, const struct session *session, struct buf *out)
{
    const struct listing *listing = question->state;
    open_page(out, listing->query.kind);
    write_objects(out, listing, session);
    buf_append_char(out, ']');
    if (listing->query.kind == OBJECT_NOTIFICATION)
        json_member_u64(out, "unreadCount", listing->unread_count);
    json_member_text(out, "nextCursor", listing->page.next);
}

static void say_preferences(const struct native_question *question, const struct session *session, struct buf *out)
{
    const struct listing *listing = question->state;
    (void)session;
    json_append_key(out, "preferences");
    if (listing->preferences.body.len)
        object_write(out, OBJECT_PREFERENCES, listing->preferences.body, &(struct object_view){.style = OBJECT_CAMEL});
    else
        BUF_APPEND_LITERAL(out, "{}");
}

/* ---- asking ---- */

static enum err take_time(struct native_hearing *hearing, const char *name, int64_t *out)
{
    yyjson_val *value = json_get(hearing->payload, name);
    if (!value || yyjson_is_null(value) || clock_parse_iso(json_text(value), out))
        return OK;
    hearing->field = span_from_str(name);
    return ERR_BAD_FIELD;
}

/* A type by the name it has in a message; empty: none is asked for. */
static enum err take_type(struct native_hearing *hearing, struct native_question *question, const struct type **type,
                          struct span *name)
{
    enum err err = native_question_text(hearing, question, "entityType", "entity_type", name);
    *type = type_find(hearing->session->host->registry, *name);
    if (err || name->len == 0)
        return err;
    hearing->field = SPAN("entityType");
    if (!*type)
        return ERR_NOT_FOUND;
    *name = (*type)->name; /* it may have been an alias */
    hearing->field = SPAN_EMPTY;
    return OK;
}

/* A record's room, which he may read. */
static enum err take_record(struct native_hearing *hearing, struct native_question *question)
{
    struct listing *listing = question->state;
    const struct type *type;
    struct span id;
    return native_question_record(hearing, question, &type, &id, &listing->room);
}

static bool is_about_record(const struct native_hearing *hearing)
{
    return json_get2(hearing->payload, "entityId", "entity_id") || json_get(hearing->payload, "entity") ||
           json_get(hearing->message.root, "channel");
}

/* Locks and conflicts are looked for in one record, in those of a type, or everywhere. */
static enum err take_any(struct native_hearing *hearing, struct native_question *question)
{
    struct listing *listing = question->state;
    struct object_query *query = &listing->query;
    const struct type *type;
    enum err err = OK;
    if (query->kind == OBJECT_CONFLICT)
        err = native_question_text(hearing, question, "assignedTo", "assigned_to", &query->owner);
    if (err)
        return err;
    if (is_about_record(hearing))
        return take_record(hearing, question);
    if ((err = take_type(hearing, question, &type, &query->type)))
        return err;
    return !type || access_allows(hearing->session->identity->access, type, VERB_READ) ? OK : ERR_FORBIDDEN;
}

/* Messages of a record, of a free room, or `with` somebody: what two people say among themselves is not asked for by a room's name. */
static enum err take_conversation(struct native_hearing *hearing, struct native_question *question)
{
    struct listing *listing = question->state;
    struct arena *arena = &question->arena;
    const struct identity *identity = hearing->session->identity;
    struct span with, room, id;
    enum err err = native_text(hearing, "with", "with", &with);
    if (err)
        return err;
    if (with.len) {
        listing->own_id = arena_copy(arena, identity->user_id);
        listing->with = arena_copy(arena, with);
        return OK;
    }
    if (json_get2(hearing->payload, "entityType", "entity_type"))
        return take_record(hearing, question);
    if ((err = native_channel(hearing, &room)))
        return err;
    const struct type *type = type_of_room(hearing->session->host->registry, room, &id);
    if (type && !access_allows(identity->access, type, VERB_READ))
        return ERR_FORBIDDEN;
    hearing->field = SPAN("channel");
    if (span_starts_with(room, SPAN(ROOM_OF_USER)) || span_starts_with(room, SPAN(ROOM_OF_TWO)))
        return ERR_NOT_FOUND;
    hearing->field = SPAN_EMPTY;
    listing->room = arena_copy(arena, room);
    return OK;
}

/* One's own. What is hidden in it is not counted; his rights by the question's types, which are there as long as it is. */
static enum err take_inbox(struct native_hearing *hearing, struct native_question *question)
{
    const struct identity *identity = hearing->session->identity;
    struct listing *listing = question->state;
    listing->query.owner = arena_copy(&question->arena, identity->user_id);
    listing->rights = (struct object_rights){question->registry,
                                             access_of(question->registry, identity->roles, identity->role_count)};
    return OK;
}

/* Whose objects are meant. */
static enum err take_place(struct native_hearing *hearing, struct native_question *question)
{
    struct object_query *query = &((struct listing *)question->state)->query;
    switch (query->kind) {
    case OBJECT_NOTIFICATION: return take_inbox(hearing, question);
    case OBJECT_MESSAGE: return take_conversation(hearing, question);
    case OBJECT_CONFLICT:
    case OBJECT_LOCK: return take_any(hearing, question);
    default: return take_record(hearing, question);
    }
}

static enum err take_objects(struct native_hearing *hearing, enum object_kind kind, struct native_question *question)
{
    struct listing *listing = question->state;
    struct object_query *query = &listing->query;
    enum err err;
    question->run = run_objects;
    question->say = say_objects;
    query->kind = kind;
    query->newest_first = kind != OBJECT_COMMENT; /* a thread is read from its beginning */
    query->past_ms = kind == OBJECT_LOCK ? hearing->session->host->wall_ms : 0;
    if ((err = take_place(hearing, question)) ||
        (err = native_question_text(hearing, question, "state", "state", &query->state)))
        return err;
    query->room = listing->room;
    hearing->field = SPAN("state");
    if (query->state.len && !object_state_is_known(kind, query->state))
        return ERR_BAD_FIELD;
    return native_question_page(hearing, question, &query->cursor, &query->limit);
}

static enum err take_activity(struct native_hearing *hearing, struct native_question *question)
{
    struct listing *listing = question->state;
    struct activity_query *query = &listing->activity_query;
    const struct type *type;
    enum err err;
    question->run = run_activities;
    question->say = say_activities;
    if ((err = native_question_text(hearing, question, "userId", "user_id", &query->user_id)) ||
        (err = native_question_text(hearing, question, "customerId", "customer_id", &query->customer_id)) ||
        (err = native_question_text(hearing, question, "action", "action", &query->action)) ||
        (err = native_question_text(hearing, question, "entityId", "entity_id", &query->entity_id)) ||
        (err = take_time(hearing, "since", &query->since_ms)) ||
        (err = take_time(hearing, "until", &query->until_ms)) ||
        (err = take_type(hearing, question, &type, &query->type)) ||
        (err = native_question_page(hearing, question, &query->cursor, &query->limit)))
        return err;
    hearing->field = SPAN("entityType");
    if (!type && query->entity_id.len)
        return ERR_MISSING_FIELD;
    hearing->field = SPAN_EMPTY;
    return OK;
}

/* "comment" or "comments". */
static bool kind_of(struct span name, enum object_kind *out)
{
    if (span_ends_with(name, SPAN("s")) && !span_equal(name, SPAN("preferences")))
        name = span_slice(name, 0, name.len - 1);
    if (span_equal(name, SPAN("chat")))
        name = SPAN("message");
    return object_kind_parse(name, out) && *out != OBJECT_PREFERENCES;
}

static enum err list_kind(struct native_hearing *hearing, enum object_kind kind)
{
    struct native_question *question;
    enum err err = native_question_new(hearing, sizeof(struct listing), &question);
    if (err)
        return err;
    err = kind == OBJECT_ACTIVITY ? take_activity(hearing, question) : take_objects(hearing, kind, question);
    return native_question_ask(hearing, question, err);
}

enum err native_hear_list(struct native_hearing *hearing)
{
    yyjson_val *name = json_get(hearing->payload, "kind");
    enum object_kind kind;
    hearing->field = SPAN("kind");
    if (!name)
        return ERR_MISSING_FIELD;
    bool is_history = span_equal(json_text(name), SPAN("change")) || span_equal(json_text(name), SPAN("changes"));
    if (!is_history && !kind_of(json_text(name), &kind))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    return is_history ? native_list_changes(hearing) : list_kind(hearing, kind);
}

enum err native_list_preferences(struct native_hearing *hearing)
{
    struct native_question *question;
    enum err err = native_question_new(hearing, sizeof(struct listing), &question);
    if (err)
        return err;
    struct listing *listing = question->state;
    question->run = run_preferences;
    question->say = say_preferences;
    listing->query.owner = arena_copy(&question->arena, hearing->session->identity->user_id);
    return native_question_ask(hearing, question, OK);
}
