#include "collab/room/presence.h"

#include "collab/room/places.h"
#include "collab/room/typing.h"

#include <assert.h>

/* The two lowest bits of a person's conflate key say of what an event is the latest word (typing.c has the third). */
enum { CONFLATE_PRESENCE = 1, CONFLATE_CURSOR = 2 };
/* And the same word in two rooms is two words. */
#define CONFLATE_MIRROR 0x9E3779B97F4A7C14u

enum {
    REFRESH_PEOPLE_MAX = 200, /* in one event: a room of thousands is refreshed over several */
    CURSOR_BYTES_MAX = 1024,
    EDITING_ROW_BYTES_MAX = 128,
};

/* ---- events ------------------------------------------------------------------------------------------------------- */

struct event *presence_event(struct room *room, enum event_kind kind, const struct person *person, session_id origin)
{
    struct event *event = event_new(kind, room->name);

    event->time_ms = room->hub->wall_ms;
    event->origin = origin;
    event->type = room->type;
    if (room->type)
        event->entity_id = arena_copy(&event->arena, room->entity_id);
    if (person)
        event_set_user(event, person->identity, color_span(&person->color));
    return event;
}

/* Somebody who left is offline and does nothing. */
static void describe(const struct person *person, bool is_gone, struct presence *presence)
{
    person_describe(person, presence);
    if (is_gone) {
        presence->status = STATUS_OFFLINE;
        presence->intent = INTENT_NONE;
    }
}

/* Who looks at a record is also told in the room of all people, so that an overview need not be in every record's room. */
static void mirror(const struct person *person, const struct presence *presence, session_id origin)
{
    struct event *event;
    struct command *command;

    if (person->room->type == NULL)
        return;
    event = presence_event(person->room, EVENT_PRESENCE, person, origin);
    event->room = SPAN(ROOM_PRESENCE);
    event->conflate_key = (person->conflate_key ^ CONFLATE_MIRROR) | CONFLATE_PRESENCE;
    presence_copy(&event->arena, presence, &event->presence);
    command = command_new(COMMAND_MIRROR, origin, NULL, SPAN(ROOM_PRESENCE));
    command->mirror.event = event;
    hub_relay(person->room->hub, command);
}

static void say(struct person *person, enum event_kind kind, session_id origin)
{
    struct room *room = person->room;
    struct event *event = presence_event(room, kind, person, origin);
    struct presence presence;

    describe(person, kind == EVENT_USER_LEFT, &presence);
    presence_copy(&event->arena, &presence, &event->presence);
    if (kind == EVENT_PRESENCE)
        event->conflate_key = person->conflate_key | CONFLATE_PRESENCE;
    room_deliver(room, event);
    event_unref(event);
    mirror(person, &presence, origin);
    list_remove(&person->in_moved); /* this said when he was last seen, too */
    person->shown = person_fingerprint(person);
}

static void say_cursor(struct person *person, session_id origin)
{
    struct room *room = person->room;
    struct event *event = presence_event(room, EVENT_CURSOR, person, origin);

    event->cursor.data = arena_copy(&event->arena, span_of(person->cursor, person->cursor_len));
    event->cursor.editing_row = arena_copy(&event->arena, person_editing_row(person));
    event->conflate_key = person->conflate_key | CONFLATE_CURSOR;
    room_deliver(room, event);
    event_unref(event);
    person->shown = person_fingerprint(person); /* the row was told with the cursor */
}

/* ---- the tick ----------------------------------------------------------------------------------------------------- */

static void flush(struct person *person)
{
    const uint8_t pending = person->pending;
    const session_id origin = person->pending_origin;

    list_remove(&person->in_pending);
    person->pending = 0;
    if ((pending & PENDING_PRESENCE) && person_fingerprint(person) != person->shown)
        say(person, EVENT_PRESENCE, origin);
    if (pending & PENDING_CURSOR)
        say_cursor(person, origin);
}

/* What is said within a tick is said once, the last of it. When two of his sessions said something, both have to hear what
 * came out of it. */
static void mark(struct person *person, uint8_t what, session_id origin)
{
    struct room *room = person->room;
    struct hub *hub = room->hub;

    person->pending_origin = person->pending == 0 || person->pending_origin == origin ? origin : 0;
    person->pending |= what;
    if (hub->limits.tick_ms == 0) {
        flush(person);
        return;
    }
    if (list_is_empty(&person->in_pending))
        list_push_tail(&room->pending, &person->in_pending);
    if (!alarm_is_set(&room->tick))
        alarm_set(hub, &room->tick, hub->now_ms + hub->limits.tick_ms);
}

void presence_on_tick(struct room *room)
{
    LIST_EACH (&room->pending, node) {
        flush(LIST_OWNER(node, struct person, in_pending));
    }
}

/* ---- being seen --------------------------------------------------------------------------------------------------- */

static void arm(struct person *person)
{
    const uint64_t deadline = person_deadline(person);
    struct hub *hub = person->room->hub;

    if (deadline == UINT64_MAX)
        alarm_cancel(hub, &person->alarm);
    else
        alarm_set(hub, &person->alarm, deadline);
}

/* Every keystroke and every move of the mouse comes by here. So an alarm that is set stays as it is; when it goes off too
 * early, it is set anew. */
static void seen(struct member *member)
{
    struct person *person = member->person;
    struct room *room = person->room;
    const enum status before = person_status(person);

    person_touch(member);
    if (person_status(person) != before)
        mark(person, PENDING_PRESENCE, 0); /* his own pages were told that he is away */
    if (!alarm_is_set(&person->alarm))
        arm(person);
    if (list_is_empty(&person->in_moved))
        list_push_tail(&room->moved, &person->in_moved);
    if (!alarm_is_set(&room->refresh))
        alarm_set(room->hub, &room->refresh, room->hub->now_ms + room->hub->limits.refresh_ms);
}

void presence_touch(struct member *member)
{
    if (member->person)
        seen(member);
}

void presence_on_refresh(struct room *room)
{
    struct event *event;
    struct presence presence;
    uint32_t count = 0;

    if (list_is_empty(&room->moved))
        return;
    event = presence_event(room, EVENT_PRESENCE_REFRESH, NULL, 0);
    event->presences.entries =
        arena_alloc(&event->arena, (room->people_count < REFRESH_PEOPLE_MAX ? room->people_count : REFRESH_PEOPLE_MAX) *
                                       sizeof(struct presence));
    while (count < REFRESH_PEOPLE_MAX && !list_is_empty(&room->moved)) {
        struct person *person = LIST_OWNER(room->moved.next, struct person, in_moved);

        list_remove(&person->in_moved);
        person_describe(person, &presence);
        presence_copy(&event->arena, &presence, &event->presences.entries[count++]);
    }
    event->presences.count = count;
    room_deliver(room, event);
    event_unref(event);
    if (!list_is_empty(&room->moved))
        alarm_set(room->hub, &room->refresh, room->hub->now_ms + room->hub->limits.refresh_ms);
}

/* ---- coming ------------------------------------------------------------------------------------------------------- */

/* Broken connections of somebody who is back: the new session is what became of them. */
static void drop_lingering(struct person *person, const struct member *except)
{
    LIST_EACH (&person->sessions, node) {
        struct member *member = LIST_OWNER(node, struct member, in_person);

        if (member->lingers_until > 0 && member != except) {
            person_detach(member);
            room_remove_member(member);
        }
    }
}

static void set_identity(struct person *person, struct identity *identity)
{
    identity_ref(identity);
    identity_unref(person->identity);
    person->identity = identity;
}

bool presence_enter(struct member *member, struct identity *identity, const struct presence_change *change)
{
    struct room *room = member->room;
    struct presence_change allowed = *change;
    struct person *person = member->person ? member->person : person_find(room, identity->user_id);
    const bool is_new = person == NULL;
    struct span field;

    if (is_new)
        person = person_new(room, identity, member->key.session);
    else
        set_identity(person, identity);
    if (member->person == NULL) {
        person_attach(person, member);
        drop_lingering(person, member);
    }
    member->lingers_until = 0;
    if (person_check(person, &allowed, &field) != OK)
        allowed.given &= ~(uint32_t)PRESENCE_COLOR;
    person_apply(member, &allowed);
    return is_new;
}

void presence_announce(struct member *member, bool is_new)
{
    struct person *person = member->person;

    if (is_new) {
        person_touch(member);
        say(person, EVENT_USER_JOINED, member->key.session);
        arm(person);
        return;
    }
    seen(member);
    mark(person, PENDING_PRESENCE, member->key.session);
    arm(person);
}

/* ---- doing something ---------------------------------------------------------------------------------------------- */

enum err presence_change(struct member *member, const struct presence_change *change, struct span *field)
{
    enum err err;

    if (member->person == NULL)
        return ERR_NOT_MEMBER;
    if ((err = person_check(member->person, change, field)) != OK)
        return err;
    person_apply(member, change);
    seen(member);
    mark(member->person, PENDING_PRESENCE, member->key.session);
    return OK;
}

enum err presence_cursor(struct member *member, struct span data, const struct span *editing_row, struct span *field)
{
    if (member->person == NULL)
        return ERR_NOT_MEMBER;
    *field = SPAN("cursor");
    if (data.len > CURSOR_BYTES_MAX)
        return ERR_TOO_LARGE;
    *field = SPAN("editing_row");
    if (editing_row && editing_row->len > EDITING_ROW_BYTES_MAX)
        return ERR_TOO_LARGE;
    if (data.len > 0) /* a row without a position leaves the position as it was */
        person_set_cursor(member, data);
    if (editing_row)
        person_set_editing_row(member, *editing_row);
    seen(member);
    mark(member->person, PENDING_CURSOR, member->key.session);
    return OK;
}

/* ---- going -------------------------------------------------------------------------------------------------------- */

void presence_linger(struct member *member)
{
    const struct hub *hub = member->room->hub;

    assert(member->person);
    member->lingers_until = hub->now_ms + hub->limits.grace_ms;
    typing_stop_session(member->person, member->key.session);
    arm(member->person);
}

static void leave(struct person *person, session_id origin)
{
    say(person, EVENT_USER_LEFT, origin);
    person_free(person);
}

void presence_exit(struct member *member)
{
    struct person *person = member->person;
    const session_id session = member->key.session;

    assert(person);
    typing_stop_session(person, session);
    person_detach(member);
    if (list_is_empty(&person->sessions)) {
        leave(person, session);
        return;
    }
    mark(person, PENDING_PRESENCE, session);
    arm(person);
}

/* Somebody may have come back or moved since the alarm was set: what is due is asked of the sessions. */
void presence_on_alarm(struct person *person)
{
    const struct hub *hub = person->room->hub;

    LIST_EACH (&person->sessions, node) {
        struct member *member = LIST_OWNER(node, struct member, in_person);

        if (member->lingers_until == 0 || member->lingers_until > hub->now_ms)
            continue;
        person_detach(member);
        room_remove_member(member);
    }
    if (list_is_empty(&person->sessions)) {
        leave(person, 0);
        return;
    }
    mark(person, PENDING_PRESENCE, 0);
    arm(person);
}

void presence_clear(struct room *room)
{
    LIST_EACH (&room->people, person_node) {
        struct person *person = LIST_OWNER(person_node, struct person, in_room);

        typing_clear(person);
        LIST_EACH (&person->sessions, node) {
            struct member *member = LIST_OWNER(node, struct member, in_person);

            person_detach(member);
            room_remove_member(member);
        }
        person_free(person);
    }
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

void presence_list(const struct room *room, struct answer *answer)
{
    const uint32_t list_max = room->hub->limits.presence_list_max;
    struct presence presence;

    answer->people_count = room->people_count;
    answer->presences =
        arena_alloc(&answer->arena, (room->people_count < list_max ? room->people_count : list_max) * sizeof(presence));
    LIST_EACH (&room->people, node) {
        if (answer->presence_count == list_max)
            break;
        person_describe(LIST_OWNER(node, struct person, in_room), &presence);
        presence_copy(&answer->arena, &presence, &answer->presences[answer->presence_count++]);
    }
}

struct span presence_color(const struct room *room, struct arena *arena, struct span user_id)
{
    const struct person *person = room ? person_find(room, user_id) : NULL;
    const struct color color = person ? person->color : color_at(color_preferred(user_id));

    return arena_copy(arena, color_span(&color));
}

void presence_on_mirror(struct hub *hub, struct command *command)
{
    struct room *room = room_find(hub, command->room);

    places_note(hub, command);
    if (room && room->is_open)
        room_deliver(room, command->mirror.event);
    command_free(command);
}
