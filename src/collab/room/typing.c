#include "collab/room/typing.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIELD_BYTES_MAX = 128, FIELDS_MAX = 16, CONFLATE_TYPING = 3 };

/* Somebody is typing in a field, in whichever of his sessions said so last. */
struct typing {
    struct list in_person;
    struct person *person;
    struct alarm alarm;
    session_id session;
    uint32_t said_at; /* room->arrivals then: who came later has not heard it */
    uint16_t field_len;
    char field[];
};

static struct span field_of(const struct typing *typing)
{
    return span_of(typing->field, typing->field_len);
}

struct typing *typing_of_alarm(struct alarm *alarm)
{
    return LIST_OWNER(alarm, struct typing, alarm);
}

/* One start or stop replaces the one before it in a reader's queue, but not one of another field. */
static uint64_t conflate_key(const struct typing *typing)
{
    const uint64_t key = typing->person->conflate_key ^ hash_stable(field_of(typing));

    return key | CONFLATE_TYPING;
}

static void say(struct typing *typing, bool is_typing, session_id origin)
{
    struct room *room = typing->person->room;
    struct event *event = presence_event(room, EVENT_TYPING, typing->person, origin);

    event->typing.field = arena_copy(&event->arena, field_of(typing));
    event->typing.is_typing = is_typing;
    event->conflate_key = conflate_key(typing);
    typing->said_at = room->arrivals;
    room_deliver(room, event);
    event_unref(event);
}

static struct typing *find(const struct person *person, struct span field, uint32_t *count)
{
    *count = 0;
    LIST_EACH (&person->typings, node) {
        struct typing *typing = LIST_OWNER(node, struct typing, in_person);

        if (span_equal(field_of(typing), field))
            return typing;
        ++*count;
    }
    return NULL;
}

static void forget(struct typing *typing)
{
    alarm_cancel(typing->person->room->hub, &typing->alarm);
    list_remove(&typing->in_person);
    free(typing);
}

static void stop(struct typing *typing, session_id origin)
{
    say(typing, false, origin);
    forget(typing);
}

static struct typing *start(struct person *person, struct span field)
{
    struct typing *typing = memory_alloc(sizeof(*typing) + field.len);

    typing->person = person;
    typing->alarm.kind = ALARM_TYPING;
    typing->field_len = (uint16_t)field.len;
    if (field.len > 0)
        memcpy(typing->field, field.data, field.len);
    list_push_tail(&person->typings, &typing->in_person);
    return typing;
}

enum err typing_set(struct member *member, struct span field, bool is_typing)
{
    struct room *room = member->room;
    struct hub *hub = room->hub;
    struct typing *typing;
    bool is_new;
    uint32_t count;

    if (field.len > FIELD_BYTES_MAX)
        return ERR_TOO_LARGE;
    typing = find(member->person, field, &count);
    if (!is_typing) {
        if (typing)
            stop(typing, member->key.session);
        return OK;
    }
    is_new = typing == NULL;
    if (is_new && count == FIELDS_MAX)
        return ERR_TOO_MANY;
    if (is_new)
        typing = start(member->person, field);
    typing->session = member->key.session;
    alarm_set(hub, &typing->alarm, hub->now_ms + hub->limits.typing_ms);
    if (is_new || typing->said_at != room->arrivals)
        say(typing, true, member->key.session);
    return OK;
}

void typing_stop_session(struct person *person, session_id session)
{
    LIST_EACH (&person->typings, node) {
        struct typing *typing = LIST_OWNER(node, struct typing, in_person);

        if (typing->session == session)
            stop(typing, session);
    }
}

void typing_clear(struct person *person)
{
    LIST_EACH (&person->typings, node) {
        forget(LIST_OWNER(node, struct typing, in_person));
    }
}

void typing_on_alarm(struct typing *typing)
{
    stop(typing, 0);
}
