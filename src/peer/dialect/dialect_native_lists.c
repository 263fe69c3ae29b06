/* Hearing the native dialect: lists of what is kept beside records, and one's own preferences. They come from the store's reader
 * (docs/decisions/0001-peers-read-the-store.md); what somebody may not read is left out of them. */
#include "peer/dialect/dialect_native_hear.h"

#include "base/memory.h"
#include "collab/type/access.h"
#include "peer/dialect/activity_say.h"

#include <stdlib.h>

#define LIST_ROWS_DEFAULT 50
#define LIST_ROWS_MAX 200
#define CURSOR_BYTES_MAX 1024
#define ARENA_BLOCK_BYTES 1024

/* One question on its way to the reader and back. */
struct listing {
    struct store_job job; /* first */
    struct peer_host *host;
    session_id session;
    struct arena arena; /* everything below lives here */
    struct span message_id;
    struct span room; /* whose objects; of activities: of the record, or empty */
    bool is_activity, is_preferences;
    struct object_query query;
    struct object_page page;
    uint64_t unread_count;
    struct activity_query activity_query;
    struct activity_page activity_page;
    struct object preferences;
    enum err err;
};

/* ---- on the reader's thread ---- */

static enum err read_objects(struct listing *listing, struct store_reader *reader)
{
    enum err err = store_objects(reader, &listing->arena, &listing->query, &listing->page);
    if (err || listing->query.kind != OBJECT_NOTIFICATION)
        return err;
    return store_object_count(reader, OBJECT_NOTIFICATION, listing->query.owner, SPAN("unread"),
                              &listing->unread_count);
}

static enum err read_preferences(struct listing *listing, struct store_reader *reader)
{
    enum err err =
        store_object_get(reader, &listing->arena, OBJECT_PREFERENCES, listing->query.owner, &listing->preferences);
    return err == ERR_NOT_FOUND ? OK : err; /* who never said anything has none */
}

static void run(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct listing *listing = (struct listing *)job;
    (void)store;
    if (listing->is_activity)
        listing->err = store_activity(reader, &listing->arena, &listing->activity_query, &listing->activity_page);
    else if (listing->is_preferences)
        listing->err = read_preferences(listing, reader);
    else
        listing->err = read_objects(listing, reader);
}

/* ---- back home ---- */

static void listing_free(struct listing *listing)
{
    arena_deinit(&listing->arena);
    free(listing);
}

static void separate(struct buf *out)
{
    if (out->data[out->len - 1] != '[')
        buf_append_char(out, ',');
}

/* The rights are those of now: they may have changed since it was asked for. */
static void write_objects(struct buf *out, const struct listing *listing, const struct session *session)
{
    struct span id;
    struct object_view view = {.style = OBJECT_CAMEL,
                               .type = type_of_room(session->host->registry, listing->room, &id)};
    if (view.type)
        view.mask = access_readable(session->identity->access, view.type);
    for (uint32_t i = 0; i < listing->page.count; i++) {
        const struct object *object = &listing->page.objects[i];
        if (!object_is_shown(session->host->registry, session->identity->access, listing->room, object->body))
            continue;
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

static void write_page(struct buf *out, const struct listing *listing, const struct session *session)
{
    struct span next = listing->is_activity ? listing->activity_page.next : listing->page.next;
    enum object_kind kind = listing->is_activity ? OBJECT_ACTIVITY : listing->query.kind;
    json_member_string(out, "kind", object_kind_name(kind));
    json_append_key(out, "items");
    buf_append_char(out, '[');
    if (listing->is_activity)
        write_activities(out, listing, session);
    else
        write_objects(out, listing, session);
    buf_append_char(out, ']');
    if (kind == OBJECT_NOTIFICATION)
        json_member_u64(out, "unreadCount", listing->unread_count);
    if (next.len)
        json_member_string(out, "nextCursor", next);
    else
        json_member_raw(out, "nextCursor", SPAN("null"));
}

static void write_preferences(struct buf *out, const struct listing *listing)
{
    json_append_key(out, "preferences");
    if (listing->preferences.body.len)
        object_write(out, OBJECT_PREFERENCES, listing->preferences.body, &(struct object_view){.style = OBJECT_CAMEL});
    else
        BUF_APPEND_LITERAL(out, "{}");
}

static void say(struct session *session, const struct listing *listing)
{
    struct buf text = BUF_EMPTY;
    native_open_ack(&text, listing->message_id);
    if (listing->is_preferences)
        write_preferences(&text, listing);
    else
        write_page(&text, listing, session);
    BUF_APPEND_LITERAL(&text, "}}");
    session_say(session, buf_span(&text), false); /* their number is bounded instead: session_is_busy */
    buf_deinit(&text);
}

static void say_refusal(struct session *session, const struct listing *listing)
{
    struct native_failure failure = {.err = listing->err};
    if (listing->err == ERR_TIMEOUT) { /* of the statement, not of the client */
        failure.err = ERR_OVERLOADED;
        failure.message = SPAN("The search took too long: ask for less.");
    } else if (listing->err == ERR_BAD_FIELD) {
        failure.field = SPAN("cursor");
    }
    native_say_failure(session, listing->message_id, &failure);
}

static void done(struct store_job *job, void *worker)
{
    struct listing *listing = (struct listing *)job;
    struct session *session = worker ? session_find(listing->host, listing->session) : NULL;
    if (session) {
        if (listing->err)
            say_refusal(session, listing);
        else
            say(session, listing);
        session_on_answered(session);
    }
    listing_free(listing);
}

/* ---- asking ---- */

static struct listing *listing_new(const struct native_hearing *hearing)
{
    struct listing *listing = NEW(struct listing);
    listing->job.run = run;
    listing->job.done = done;
    listing->host = hearing->session->host;
    listing->session = hearing->session->id;
    arena_init(&listing->arena, ARENA_BLOCK_BYTES);
    listing->message_id = arena_copy(&listing->arena, hearing->message.id);
    return listing;
}

/* Long answers are limited by how many are on their way. */
static void send(struct session *session, struct listing *listing)
{
    session->answers_due++;
    session->host->read_job(session->host->world, &listing->job);
}

static enum err take_text(struct native_hearing *hearing, struct arena *arena, const char *name, const char *other,
                          struct span *out)
{
    struct span text;
    enum err err = native_text(hearing, name, other, &text);
    *out = arena_copy(arena, text);
    return err;
}

static enum err take_page(struct native_hearing *hearing, struct arena *arena, struct span *cursor, uint32_t *limit)
{
    yyjson_val *count = json_get(hearing->payload, "limit"), *from = json_get(hearing->payload, "cursor");
    *limit = LIST_ROWS_DEFAULT;
    hearing->field = SPAN("limit");
    if (count && !yyjson_is_null(count)) {
        if (!yyjson_is_uint(count) || yyjson_get_uint(count) == 0 || yyjson_get_uint(count) > LIST_ROWS_MAX)
            return ERR_BAD_FIELD;
        *limit = (uint32_t)yyjson_get_uint(count);
    }
    hearing->field = SPAN("cursor");
    if (from && !yyjson_is_null(from) && (!yyjson_is_str(from) || json_text(from).len > CURSOR_BYTES_MAX))
        return ERR_BAD_FIELD;
    *cursor = arena_copy(arena, json_text(from));
    hearing->field = SPAN_EMPTY;
    return OK;
}

/* A record's room, which he may read. */
static enum err take_record(struct native_hearing *hearing, struct listing *listing)
{
    const struct type *type;
    struct span id, room;
    enum err err = native_record(hearing, &type, &id, &room);
    if (err)
        return err;
    if (!access_allows(hearing->session->identity->access, type, VERB_READ))
        return ERR_FORBIDDEN;
    listing->room = arena_copy(&listing->arena, room);
    return OK;
}

/* Messages of a record, of a free room, or `with` somebody: what two people say among themselves is not asked for by a room's name. */
static enum err take_conversation(struct native_hearing *hearing, struct listing *listing)
{
    const struct identity *identity = hearing->session->identity;
    struct span with, room, id;
    enum err err = native_text(hearing, "with", "with", &with);
    if (err)
        return err;
    if (with.len) {
        listing->room = object_dm_room(&listing->arena, identity->user_id, with);
        return OK;
    }
    if (json_get2(hearing->payload, "entityType", "entity_type"))
        return take_record(hearing, listing);
    if ((err = native_channel(hearing, &room)))
        return err;
    const struct type *type = type_of_room(hearing->session->host->registry, room, &id);
    if (type && !access_allows(identity->access, type, VERB_READ))
        return ERR_FORBIDDEN;
    hearing->field = SPAN("channel");
    if (span_starts_with(room, SPAN(ROOM_OF_USER)) || span_starts_with(room, SPAN(ROOM_OF_TWO)))
        return ERR_NOT_FOUND;
    hearing->field = SPAN_EMPTY;
    listing->room = arena_copy(&listing->arena, room);
    return OK;
}

static enum err take_objects(struct native_hearing *hearing, enum object_kind kind, struct listing *listing)
{
    struct object_query *query = &listing->query;
    enum err err;
    query->kind = kind;
    query->newest_first = kind != OBJECT_COMMENT; /* a thread is read from its beginning */
    if (kind == OBJECT_NOTIFICATION)
        query->owner = arena_copy(&listing->arena, hearing->session->identity->user_id);
    else if ((err = kind == OBJECT_MESSAGE ? take_conversation(hearing, listing) : take_record(hearing, listing)))
        return err;
    query->room = listing->room;
    if ((err = take_text(hearing, &listing->arena, "state", "state", &query->state)))
        return err;
    return take_page(hearing, &listing->arena, &query->cursor, &query->limit);
}

static enum err take_activity(struct native_hearing *hearing, struct listing *listing)
{
    struct activity_query *query = &listing->activity_query;
    struct arena *arena = &listing->arena;
    enum err err;
    listing->is_activity = true;
    if ((err = take_text(hearing, arena, "userId", "user_id", &query->user_id)) ||
        (err = take_text(hearing, arena, "customerId", "customer_id", &query->customer_id)) ||
        (err = take_text(hearing, arena, "action", "action", &query->action)) ||
        (err = take_text(hearing, arena, "entityType", "entity_type", &query->type)) ||
        (err = take_text(hearing, arena, "entityId", "entity_id", &query->entity_id)) ||
        (err = take_page(hearing, arena, &query->cursor, &query->limit)))
        return err;
    const struct type *type = type_find(hearing->session->host->registry, query->type);
    hearing->field = SPAN("entityType");
    if (query->type.len ? !type : query->entity_id.len > 0)
        return type || query->type.len == 0 ? ERR_MISSING_FIELD : ERR_NOT_FOUND;
    if (type)
        query->type = arena_copy(arena, type->name); /* it may have been an alias */
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

enum err native_hear_list(struct native_hearing *hearing)
{
    yyjson_val *name = json_get(hearing->payload, "kind");
    enum object_kind kind;
    hearing->field = SPAN("messageId");
    if (!hearing->message.has_id)
        return ERR_MISSING_FIELD;
    hearing->field = SPAN("kind");
    if (!name)
        return ERR_MISSING_FIELD;
    if (!kind_of(json_text(name), &kind))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    struct listing *listing = listing_new(hearing);
    enum err err = kind == OBJECT_ACTIVITY ? take_activity(hearing, listing) : take_objects(hearing, kind, listing);
    if (err)
        listing_free(listing);
    else
        send(hearing->session, listing);
    return err;
}

enum err native_list_preferences(struct native_hearing *hearing)
{
    hearing->field = SPAN("messageId");
    if (!hearing->message.has_id)
        return ERR_MISSING_FIELD;
    hearing->field = SPAN_EMPTY;
    struct listing *listing = listing_new(hearing);
    listing->is_preferences = true;
    listing->query.owner = arena_copy(&listing->arena, hearing->session->identity->user_id);
    send(hearing->session, listing);
    return OK;
}
