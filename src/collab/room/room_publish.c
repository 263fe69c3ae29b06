/* What members say in a room. In a free room it is numbered here and kept in memory; in a record's room the store numbers and keeps
 * it, and it is acknowledged and heard when it is durable. What is volatile is neither numbered nor kept in either. */
#include "base/buf.h"
#include "collab/type/access.h"
#include "collab/room/presence.h"

#include <assert.h>

/* ---- the event ---------------------------------------------------------------------------------------------------- */

/* Whoever is here as a person is at hand; the others are looked up. */
static struct span color_of(const struct room *room, const struct member *member, struct arena *arena,
                            const struct identity *identity)
{
    if (member && member->person)
        return color_span(&member->person->color);
    return presence_color(room, arena, identity->user_id);
}

/* Small things besides: an id, a colour, what alignment takes. */
enum { MESSAGE_EXTRA_BYTES = 144 };

static size_t text_bytes(const struct command *command)
{
    const struct identity *identity = command->identity;
    size_t bytes = MESSAGE_EXTRA_BYTES + identity->user_id.len + identity->username.len + identity->name.len +
                   command->publish.name.len + command->publish.data.len;

    for (uint32_t i = 0; i < command->publish.binary_count; i++)
        bytes += command->publish.binaries[i].len + 2 * sizeof(struct span);
    return bytes;
}

/* member: NULL when the server speaks for him. */
static struct event *message_event(struct room *room, const struct member *member, const struct command *command)
{
    struct event *event = event_new_for(EVENT_MESSAGE, room->name, text_bytes(command));
    struct arena *arena = &event->arena;

    event->time_ms = room->hub->wall_ms;
    event->moment = room->hub->ports.moment ? room->hub->ports.moment(room->hub->ports.world) : 0;
    event->origin = command->session;
    event->includes_origin = command->publish.includes_origin;
    event_set_user(event, command->identity, color_of(room, member, arena, command->identity));
    event->message.name = arena_copy(arena, command->publish.name);
    event->message.data = arena_copy(arena, command->publish.data);
    event->message.is_volatile = command->publish.is_volatile;
    event->message.binary_count = command->publish.binary_count;
    if (command->publish.binary_count > 0)
        event->message.binaries = arena_alloc(arena, command->publish.binary_count * sizeof(struct span));
    for (uint32_t i = 0; i < command->publish.binary_count; i++)
        event->message.binaries[i] = arena_copy(arena, command->publish.binaries[i]);
    if (!command->publish.is_volatile)
        event->id = hub_new_event_id(room->hub, arena);
    return event;
}

static void acknowledge(struct hub *hub, const struct command *command, struct position position, bool is_repeat)
{
    struct answer *answer;

    if (!command_wants(command, OK))
        return;
    answer = answer_new(command, OK);
    answer->position = position;
    answer->is_repeat = is_repeat;
    hub_answer(hub, command, answer);
}

static uint64_t hash_of(const struct command *command)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    buf_printf(&text, "publish %zu %zu %zu ", command->room.len, command->publish.name.len, command->publish.data.len);
    buf_append_span(&text, command->room);
    buf_append_span(&text, command->publish.name);
    buf_append_span(&text, command->publish.data);
    for (uint32_t i = 0; i < command->publish.binary_count; i++)
        buf_append_span(&text, command->publish.binaries[i]);
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

/* ---- said here ---------------------------------------------------------------------------------------------------- */

static void say_volatile(struct room *room, const struct member *member, const struct command *command)
{
    struct event *event = message_event(room, member, command);

    acknowledge(room->hub, command, room_position(room), false);
    room_deliver(room, event);
    event_unref(event);
}

static void say_here(struct room *room, const struct member *member, const struct command *command)
{
    struct event *event = message_event(room, member, command);

    event->position = (struct position){room->epoch, room->log.head + 1};
    room_publish_numbered(room, event);
    acknowledge(room->hub, command, event->position, false);
    event_unref(event);
}

static void publish_here(struct room *room, const struct member *member, const struct command *command)
{
    const struct span user_id = command->identity->user_id;
    const struct span id = command->publish.id;
    const uint64_t hash = id.len > 0 ? hash_of(command) : 0;
    uint64_t offset = 0;
    enum err err = id.len > 0 ? recent_ids_find(&room->recent_ids, user_id, id, hash, &offset) : ERR_NOT_FOUND;

    if (err == OK) {
        acknowledge(room->hub, command, (struct position){room->epoch, offset}, true);
        return;
    }
    if (err != ERR_NOT_FOUND) {
        hub_refuse(room->hub, command, err, SPAN("id"));
        return;
    }
    say_here(room, member, command);
    if (id.len > 0)
        recent_ids_add(&room->recent_ids, user_id, id, hash, room->log.head);
}

/* ---- said through the store --------------------------------------------------------------------------------------- */

static void store_message(struct room *room, const struct member *member, struct command *command)
{
    struct hub *hub = room->hub;
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct commit_event *entry = commit_add_event(request);
    struct arena *arena = &request->arena;
    const struct identity *identity = command->identity;
    struct buf body = BUF_EMPTY;

    request->asker = ASKER_ROOM;
    entry->event = message_event(room, member, command);
    event_print(&body, entry->event);
    entry->body = arena_copy(arena, buf_span(&body));
    buf_deinit(&body);
    commit_show_in(request, entry, room->name);
    request->room = entry->rooms[0];
    request->commit.user_id = arena_copy(arena, identity->user_id);
    request->commit.time_ms = hub->wall_ms;
    if (command->publish.id.len > 0) {
        request->commit.op_id =
            arena_printf(arena, "%.*s:%.*s", SPAN_ARG(identity->user_id), SPAN_ARG(command->publish.id));
        request->commit.op_hash = hash_of(command);
        request->commit.answer = SPAN("{}");
    }
    list_push_tail(&hub->publishing, &command->node);
    room->publishing_count++;
    hub_store(hub, request, command);
}

void room_on_message_stored(struct hub *hub, struct store_request *request)
{
    struct command *command = request->context;
    struct room *room = room_find(hub, command->room);

    assert(room && room->publishing_count > 0);
    room->publishing_count--;
    if (request->err != OK)
        hub_refuse(hub, command, request->err, SPAN_EMPTY);
    else if (request->is_repeat)
        acknowledge(hub, command, request->position.epoch ? request->position : room_position(room), true);
    else
        acknowledge(hub, command, request->commit.events[0].positions[0], false);
    command_free(command);
    store_request_free(request);
    room_settle(room);
}

/* ---- who may ------------------------------------------------------------------------------------------------------ */

static enum err check(const struct room *room, const struct member *member, const struct command *command)
{
    const struct hub *hub = room->hub;

    if (member == NULL && !command->publish.as_server)
        return ERR_NOT_MEMBER;
    if (room->is_servers)
        return ERR_FORBIDDEN;
    if (room->type && !access_allows(command->identity->access, room->type, VERB_READ))
        return ERR_FORBIDDEN;
    if (room->publishing_count >= hub->limits.changes_waiting_max)
        return ERR_OVERLOADED;
    return OK;
}

void room_publish(struct room *room, struct command *command)
{
    struct member *member = room_member(room, command->session);
    enum err err = check(room, member, command);

    if (err == OK && member)
        presence_touch(member);
    if (err == OK && room->is_durable && !command->publish.is_volatile) {
        store_message(room, member, command);
        return;
    }
    if (err != OK)
        hub_refuse(room->hub, command, err, SPAN_EMPTY);
    else if (command->publish.is_volatile)
        say_volatile(room, member, command);
    else
        publish_here(room, member, command);
    command_free(command);
}
