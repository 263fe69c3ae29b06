#include "collab/room/places.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct place {
    struct list node;    /* hub->places_taken */
    struct event *event; /* owned reference */
    size_t key_len;
    char key[]; /* the room, NUL, the user */
};

static struct span key_of(struct arena *arena, const struct presence *presence)
{
    return arena_printf(arena, "%.*s%c%.*s", SPAN_ARG(presence->room), 0, SPAN_ARG(presence->user_id));
}

static struct span key_span(const struct place *place)
{
    return span_of(place->key, place->key_len);
}

static void place_free(struct hub *hub, struct place *place)
{
    map_remove(&hub->places, key_span(place));
    list_remove(&place->node);
    event_unref(place->event);
    free(place);
}

static void take(struct hub *hub, struct span key, struct event *event)
{
    struct place *place;

    if (hub->places.count >= hub->limits.places_max)
        return;
    place = memory_alloc(sizeof(*place) + key.len);
    memcpy(place->key, key.data, key.len);
    place->key_len = key.len;
    place->event = event_ref(event);
    list_init(&place->node);
    list_push_tail(&hub->places_taken, &place->node);
    map_put(&hub->places, key_span(place), place);
}

void places_note(struct hub *hub, struct command *command)
{
    struct event *event = command->mirror.event;
    struct span key = key_of(&command->arena, &event->presence);
    struct place *place = map_get(&hub->places, key);

    if (event->presence.status == STATUS_OFFLINE) {
        if (place)
            place_free(hub, place);
    } else if (place) {
        event_unref(place->event);
        place->event = event_ref(event);
    } else {
        take(hub, key, event);
    }
}

void places_list(const struct hub *hub, const struct identity *identity, struct answer *answer)
{
    const uint32_t list_max = hub->limits.presence_list_max;
    const size_t count = hub->places.count < list_max ? hub->places.count : list_max;

    answer->places = arena_alloc(&answer->arena, count * sizeof(*answer->places));
    LIST_EACH (&hub->places_taken, node) {
        const struct presence *presence = &LIST_OWNER(node, struct place, node)->event->presence;

        if (answer->place_count == count)
            break;
        if (hub_may_read(hub, identity, presence->room) == OK)
            presence_copy(&answer->arena, presence, &answer->places[answer->place_count++]);
    }
}

void places_clear(struct hub *hub)
{
    while (!list_is_empty(&hub->places_taken))
        place_free(hub, LIST_OWNER(hub->places_taken.next, struct place, node));
    map_deinit(&hub->places);
}
