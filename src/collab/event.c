#include "collab/event.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* Events and answers are the first thing in their own arenas: one piece of memory each, with room for: */
enum {
    EVENT_TEXT_BYTES = 448,  /* one person's presence */
    VIEW_TEXT_BYTES = 48,    /* a room's name */
    ANSWER_TEXT_BYTES = 704, /* a few people's presence; up to 1 KiB in all malloc keeps at hand */
};

/* ---- events ------------------------------------------------------------------------------------------------------- */

/* Where an event of a kind ends. Logs hold them by the thousand, and most kinds need a fraction of the largest one. */
#define END_OF(member) (offsetof(struct event, member) + sizeof(((struct event *)NULL)->member))
static const size_t event_sizes[EVENT_KIND_COUNT] = {
    [EVENT_USER_JOINED] = END_OF(presence), [EVENT_USER_LEFT] = END_OF(presence),
    [EVENT_PRESENCE] = END_OF(presence),    [EVENT_PRESENCE_REFRESH] = END_OF(presences),
    [EVENT_TYPING] = END_OF(typing),        [EVENT_CURSOR] = END_OF(cursor),
    [EVENT_MESSAGE] = END_OF(message),      [EVENT_CHANGE] = END_OF(change),
    [EVENT_ALERT] = END_OF(alert),          [EVENT_OBJECT] = END_OF(object),
};

static struct event *event_alloc(enum event_kind kind, size_t text_bytes)
{
    struct event *event;
    struct arena arena;

    arena_init(&arena, event_sizes[kind] + text_bytes);
    event = arena_alloc(&arena, event_sizes[kind]);
    event->arena = arena;
    atomic_init(&event->ref_count, 1);
    event->kind = kind;
    return event;
}

struct event *event_new_for(enum event_kind kind, struct span room, size_t text_bytes)
{
    struct event *event = event_alloc(kind, text_bytes + room.len);

    event->room = arena_copy(&event->arena, room);
    return event;
}

struct event *event_new(enum event_kind kind, struct span room)
{
    return event_new_for(kind, room, EVENT_TEXT_BYTES);
}

struct event *event_ref(struct event *event)
{
    uint32_t before = atomic_fetch_add_explicit(&event->ref_count, 1, memory_order_relaxed);

    assert(before > 0);
    return event;
}

void event_unref(struct event *event)
{
    while (event) {
        struct event *base = event->base;
        struct arena arena;

        if (atomic_fetch_sub_explicit(&event->ref_count, 1, memory_order_acq_rel) > 1)
            return;
        arena = event->arena;
        arena_deinit(&arena);
        event = base;
    }
}

struct event *event_in_room(struct event *event, struct span room, struct position position)
{
    const size_t head = offsetof(struct event, kind);
    struct event *view = event_alloc(event->kind, VIEW_TEXT_BYTES);
    struct arena arena = view->arena;

    /* All but the count, which other threads may be changing while we look. */
    memcpy((char *)view + head, (const char *)event + head, event_sizes[event->kind] - head);
    view->arena = arena;
    view->room = arena_copy(&view->arena, room);
    view->position = position;
    view->base = event_ref(event->base ? event->base : event);
    return view;
}

void event_set_user(struct event *event, const struct identity *identity, struct span color)
{
    event->user_id = arena_copy(&event->arena, identity->user_id);
    event->username = arena_copy(&event->arena, identity->username);
    event->name = arena_copy(&event->arena, identity->name);
    event->color = arena_copy(&event->arena, color);
}

static struct span copy_if_any(struct arena *arena, struct span text)
{
    return text.len > 0 ? arena_copy(arena, text) : SPAN_EMPTY;
}

void presence_copy(struct arena *arena, const struct presence *from, struct presence *to)
{
    *to = *from;
    to->user_id = copy_if_any(arena, from->user_id);
    to->username = copy_if_any(arena, from->username);
    to->name = copy_if_any(arena, from->name);
    to->avatar = copy_if_any(arena, from->avatar);
    to->color = copy_if_any(arena, from->color);
    to->page = copy_if_any(arena, from->page);
    to->section = copy_if_any(arena, from->section);
    to->activity = copy_if_any(arena, from->activity);
    to->editing_row = copy_if_any(arena, from->editing_row);
    to->cursor = copy_if_any(arena, from->cursor);
    to->room = copy_if_any(arena, from->room);
}

static void copy_op(struct arena *arena, const struct op *from, struct op *to)
{
    *to = *from;
    for (uint32_t i = 0; i < from->path.depth; i++)
        to->path.steps[i] = arena_copy(arena, from->path.steps[i]);
    to->value = copy_if_any(arena, from->value);
    to->pos = copy_if_any(arena, from->pos);
    to->before = copy_if_any(arena, from->before);
    to->after = copy_if_any(arena, from->after);
    to->expected = SPAN_EMPTY; /* it was asked for, and held */
}

static struct superseded *copy_superseded(struct arena *arena, const struct change *change)
{
    struct superseded *copies;

    if (change->superseded_count == 0)
        return NULL;
    copies = arena_alloc(arena, change->superseded_count * sizeof(*copies));
    for (uint32_t i = 0; i < change->superseded_count; i++) {
        const struct superseded *from = &change->superseded[i];

        copies[i] = *from;
        copies[i].value = copy_if_any(arena, from->value);
        for (uint32_t j = 0; j < from->path.depth; j++)
            copies[i].path.steps[j] = arena_copy(arena, from->path.steps[j]);
    }
    return copies;
}

void event_set_change(struct event *event, const struct change *change)
{
    struct arena *arena = &event->arena;
    struct change *copy = arena_alloc(arena, sizeof(*copy));

    assert(event->kind == EVENT_CHANGE);
    *copy = *change;
    copy->id = copy_if_any(arena, change->id);
    copy->type = copy_if_any(arena, change->type);
    copy->entity_id = copy_if_any(arena, change->entity_id);
    copy->action = copy_if_any(arena, change->action);
    copy->metadata = copy_if_any(arena, change->metadata);
    copy->user_id = copy_if_any(arena, change->user_id);
    copy->username = copy_if_any(arena, change->username);
    copy->source = copy_if_any(arena, change->source);
    copy->resolves = copy_if_any(arena, change->resolves);
    copy->group = copy_if_any(arena, change->group);
    copy->superseded = copy_superseded(arena, change);
    copy->ops = arena_alloc(arena, change->op_count * sizeof(*copy->ops));
    for (uint32_t i = 0; i < change->op_count; i++)
        copy_op(arena, &change->ops[i], &copy->ops[i]);
    event->change.change = copy;
}

/* A view counts what it shares, too: several views of one event in one log are rare, and a bound may be a little early. */
size_t event_bytes(const struct event *event)
{
    size_t bytes = event->arena.used_bytes;

    return event->base ? bytes + event_bytes(event->base) : bytes;
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

struct answer *answer_new(const struct command *command, enum err err)
{
    struct answer *answer;
    struct arena arena;

    arena_init(&arena, sizeof(*answer) + ANSWER_TEXT_BYTES);
    answer = arena_alloc(&arena, sizeof(*answer));
    answer->arena = arena;
    answer->session = command->session;
    answer->tag = command->tag;
    answer->kind = command->kind;
    answer->err = err;
    answer->room = arena_copy(&answer->arena, command->room);
    return answer;
}

void answer_free(struct answer *answer)
{
    struct arena arena;

    if (answer == NULL)
        return;
    for (uint32_t i = 0; i < answer->missed_count; i++)
        event_unref(answer->missed[i]);
    event_unref(answer->event);
    arena = answer->arena;
    arena_deinit(&arena);
}
