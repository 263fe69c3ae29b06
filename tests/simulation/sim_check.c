#include "simulation/sim.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* What was said in a room under one epoch, by offset. */
struct sim_truth {
    unsigned room;
    uint64_t epoch;
    unsigned count; /* of places; an empty id: nobody listened, so nobody saw it */
    struct said {
        char id[17];
        session_id origin;
        bool includes_origin;
    } * said;
};

void sim_check(struct sim *sim, bool holds, const char *format, ...)
{
    va_list args;

    if (holds || sim->report->failed)
        return;
    sim->report->failed = true;
    va_start(args, format);
    vsnprintf(sim->report->why, sizeof(sim->report->why), format, args);
    va_end(args);
}

static unsigned room_index(struct span name)
{
    unsigned i = 0;

    while (i < SIM_ROOMS && !span_equal(name, span_from_str(sim_rooms[i].name)))
        i++;
    return i;
}

struct span sim_room_name(unsigned room)
{
    return span_from_str(sim_rooms[room].name);
}

/* ---- the truth ---------------------------------------------------------------------------------------------------- */

static struct sim_truth *find_truth(struct sim *sim, unsigned room, uint64_t epoch)
{
    for (unsigned i = 0; i < sim->truth_count; i++) {
        if (sim->truths[i].room == room && sim->truths[i].epoch == epoch)
            return &sim->truths[i];
    }
    return NULL;
}

static struct sim_truth *new_truth(struct sim *sim, unsigned room, uint64_t epoch)
{
    if (sim->truth_count == sim->truth_capacity) {
        sim->truth_capacity = sim->truth_capacity ? sim->truth_capacity * 2 : 16;
        sim->truths = memory_resize(sim->truths, sim->truth_capacity * sizeof(*sim->truths));
    }
    sim->truths[sim->truth_count] = (struct sim_truth){.room = room, .epoch = epoch};
    return &sim->truths[sim->truth_count++];
}

static const struct said *find_said(struct sim *sim, unsigned room, struct position position)
{
    const struct sim_truth *truth = find_truth(sim, room, position.epoch);

    if (truth == NULL || position.offset >= truth->count || truth->said[position.offset].id[0] == 0)
        return NULL;
    return &truth->said[position.offset];
}

void sim_truth_add(struct sim *sim, const struct event *event)
{
    const unsigned room = room_index(event->room);
    const uint64_t offset = event->position.offset;
    struct sim_truth *truth;
    struct said *said;
    char id[17];

    if (offset == 0 || room == SIM_ROOMS)
        return;
    truth = find_truth(sim, room, event->position.epoch);
    if (truth == NULL)
        truth = new_truth(sim, room, event->position.epoch);
    if (offset >= truth->count) {
        truth->said = memory_resize(truth->said, (offset + 1) * sizeof(*truth->said));
        memset(truth->said + truth->count, 0, (offset + 1 - truth->count) * sizeof(*truth->said));
        truth->count = (unsigned)offset + 1;
    }
    said = &truth->said[offset];
    (void)snprintf(id, sizeof(id), "%.*s", SPAN_ARG(event->id));
    sim_check(sim, said->id[0] == 0 || strcmp(said->id, id) == 0, "two events at offset %llu of %s", (ull)offset,
              sim_rooms[room].name);
    memcpy(said->id, id, sizeof(id));
    said->origin = event->origin;
    said->includes_origin = event->includes_origin;
}

void sim_truth_free(struct sim *sim)
{
    for (unsigned i = 0; i < sim->truth_count; i++)
        free(sim->truths[i].said);
    free(sim->truths);
}

/* Everything behind where it stands and before `offset` must be its own: only that is not sent to it. */
void sim_check_no_gap(struct sim *sim, const struct sim_client *client, const struct sim_seat *seat, uint64_t offset)
{
    const unsigned room = (unsigned)(seat - client->seats);

    for (uint64_t i = seat->position.offset + 1; i < offset && !sim->report->failed; i++) {
        const struct said *said = find_said(sim, room, (struct position){seat->position.epoch, i});

        sim_check(sim, said && said->origin == client->session && !said->includes_origin,
                  "client %u at %llu of %s hears of %llu: %llu is lost", client->index, (ull)seat->position.offset,
                  sim_rooms[room].name, (ull)offset, (ull)i);
    }
}

/* ---- what it believes of people ----------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, struct span text)
{
    (void)snprintf(out, size, "%.*s", SPAN_ARG(text));
}

static struct sim_person person_of(const struct presence *presence)
{
    struct sim_person person = {.status = presence->status, .intent = presence->intent};

    copy_text(person.user_id, sizeof(person.user_id), presence->user_id);
    copy_text(person.color, sizeof(person.color), presence->color);
    copy_text(person.page, sizeof(person.page), presence->page);
    copy_text(person.row, sizeof(person.row), presence->editing_row);
    copy_text(person.cursor, sizeof(person.cursor), presence->cursor);
    return person;
}

struct sim_person *sim_find_person(struct sim_person *people, unsigned count, const char *user_id)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(people[i].user_id, user_id) == 0)
            return &people[i];
    }
    return NULL;
}

/* Who was seen only after he listened was not told of himself: he knows. */
static void on_presence(struct sim *sim, const struct sim_client *client, struct sim_seat *seat,
                        const struct event *event, const struct presence *presence)
{
    const struct sim_person person = person_of(presence);
    const bool is_himself = span_equal(presence->user_id, sim->users[client->user]->user_id);
    struct sim_person *known = sim_find_person(seat->people, seat->person_count, person.user_id);

    if (!span_equal(presence->room, event->room)) {
        sim_check(sim, event->type != NULL && span_equal(event->room, SPAN(ROOM_PRESENCE)),
                  "presence in the wrong room");
        return;
    }
    if (event->kind == EVENT_USER_JOINED) {
        sim_check(sim, known == NULL, "user %s joined %.*s again", person.user_id, SPAN_ARG(event->room));
        sim_check(sim, seat->person_count < SIM_PEOPLE_MAX, "more people than there are");
        if (!sim->report->failed)
            seat->people[seat->person_count++] = person;
        return;
    }
    sim_check(sim, known != NULL || is_himself, "user %s is not in %.*s and does %d", person.user_id,
              SPAN_ARG(event->room), (int)event->kind);
    if (known && event->kind == EVENT_USER_LEFT)
        *known = seat->people[--seat->person_count];
    else if (known)
        *known = person;
}

static void on_cursor(struct sim *sim, const struct sim_client *client, struct sim_seat *seat,
                      const struct event *event)
{
    struct sim_person *known;
    char user_id[8];

    if (span_equal(event->user_id, sim->users[client->user]->user_id))
        return;

    copy_text(user_id, sizeof(user_id), event->user_id);
    known = sim_find_person(seat->people, seat->person_count, user_id);
    sim_check(sim, known != NULL, "the cursor of user %s, who is not there", user_id);
    if (known == NULL)
        return;
    copy_text(known->cursor, sizeof(known->cursor), event->cursor.data);
    copy_text(known->row, sizeof(known->row), event->cursor.editing_row);
}

/* Nobody looks at what he types himself, in whichever of his pages. */
static void on_typing(struct sim *sim, const struct sim_client *client, struct sim_seat *seat,
                      const struct event *event)
{
    const uint64_t who = hash_stable(event->user_id) * 31 + hash_stable(event->typing.field);
    unsigned i = 0;

    if (span_equal(event->user_id, sim->users[client->user]->user_id))
        return;
    while (i < seat->typing_count && seat->typing[i] != who)
        i++;
    if (!event->typing.is_typing && i < seat->typing_count)
        seat->typing[i] = seat->typing[--seat->typing_count];
    else if (event->typing.is_typing && i == seat->typing_count && i < SIM_TYPING_MAX)
        seat->typing[seat->typing_count++] = who;
    sim_check(sim, i < SIM_TYPING_MAX, "more typing than there is");
}

static void on_passing(struct sim *sim, const struct sim_client *client, struct sim_seat *seat,
                       const struct event *event)
{
    switch (event->kind) {
    case EVENT_USER_JOINED:
    case EVENT_USER_LEFT:
    case EVENT_PRESENCE: on_presence(sim, client, seat, event, &event->presence); break;
    case EVENT_PRESENCE_REFRESH:
        for (uint32_t i = 0; i < event->presences.count; i++)
            on_presence(sim, client, seat, event, &event->presences.entries[i]);
        break;
    case EVENT_CURSOR: on_cursor(sim, client, seat, event); break;
    case EVENT_TYPING: on_typing(sim, client, seat, event); break;
    default:
        sim_check(sim, event->kind == EVENT_MESSAGE && event->message.is_volatile, "event %d without an offset",
                  (int)event->kind);
    }
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

static void check_change(struct sim *sim, struct sim_client *client, struct sim_seat *seat, unsigned room,
                         const struct event *event)
{
    const struct model_event *row = model_store_event(&sim->store, event->room, event->position.offset);
    const uint64_t version = event->change.change->version;

    sim_check(sim, row && row->version == version, "version %llu of %s is not what is stored at %llu", (ull)version,
              sim_rooms[room].name, (ull)event->position.offset);
    if (!sim_rooms[room].is_record)
        return;
    sim_check(sim, version > seat->version, "version %llu of %s after %llu", (ull)version, sim_rooms[room].name,
              (ull)seat->version);
    sim_replica_fold(sim, client, seat, event->change.change);
    seat->version = version;
}

void sim_check_event(struct sim *sim, struct sim_client *client, struct sim_seat *seat, const struct event *event)
{
    const unsigned room = (unsigned)(seat - client->seats);

    if (event->origin == client->session && !event->includes_origin)
        return; /* it gets an answer instead */
    if (event->position.offset == 0) {
        on_passing(sim, client, seat, event);
        return;
    }
    sim_check(sim, event->position.epoch == seat->position.epoch, "client %u hears of another epoch in %s",
              client->index, sim_rooms[room].name);
    sim_check(sim, event->position.offset > seat->position.offset, "client %u at %llu of %s hears %llu again",
              client->index, (ull)seat->position.offset, sim_rooms[room].name, (ull)event->position.offset);
    sim_check_no_gap(sim, client, seat, event->position.offset);
    seat->position = event->position;
    if (event->kind == EVENT_CHANGE)
        check_change(sim, client, seat, room, event);
}

/* ---- joining ------------------------------------------------------------------------------------------------------ */

static void check_missed(struct sim *sim, unsigned room, const struct sim_tag *tag, const struct answer *answer)
{
    uint64_t offset = tag->since.offset;

    sim_check(sim, answer->position.epoch == tag->since.epoch, "not told of a new epoch in %s", sim_rooms[room].name);
    for (uint32_t i = 0; i < answer->missed_count; i++) {
        const struct event *event = answer->missed[i];
        const struct said *said = find_said(sim, room, event->position);

        offset++;
        sim_check(sim, event->position.epoch == tag->since.epoch && event->position.offset == offset,
                  "missed in %s: %llu instead of %llu", sim_rooms[room].name, (ull)event->position.offset, (ull)offset);
        sim_check(sim, said == NULL || span_equal(event->id, span_from_str(said->id)), "another event at %llu of %s",
                  (ull)offset, sim_rooms[room].name);
    }
    sim_check(sim, offset == answer->position.offset, "missed in %s: up to %llu of %llu", sim_rooms[room].name,
              (ull)offset, (ull)answer->position.offset);
}

/* Told to load anew, although what was missed is kept? */
static void check_resync(struct sim *sim, unsigned room, const struct sim_tag *tag, const struct answer *answer)
{
    const uint64_t missed = answer->position.offset - tag->since.offset;

    sim->report->resyncs++;
    if (answer->position.epoch != tag->since.epoch || sim->limits.log_events_max == 5 || sim->limits.log_age_ms == 300)
        return;
    if (sim_rooms[room].is_free)
        sim_check(sim, sim->limits.hub_log_bytes_max == 4000, "%llu missed in %s, and told to load anew", (ull)missed,
                  sim_rooms[room].name);
    else
        sim_check(sim, sim->store.events_max == 5 || sim->reads_fail || sim->trouble > 0,
                  "%llu missed in %s, and told to load anew", (ull)missed, sim_rooms[room].name);
}

void sim_check_record(struct sim *sim, unsigned room, const struct answer *answer)
{
    const uint64_t version = model_store_version_at(&sim->store, sim_room_name(room), answer->position.offset);
    const struct model_change *row = model_store_version(&sim->store, sim_room_name(room), version);
    const bool exists = row && !row->is_delete;

    sim_check(sim, answer->has_record == exists && answer->version == (exists ? version : 0),
              "%s at %llu has version %llu, and not %llu", sim_rooms[room].name, (ull)answer->position.offset,
              (ull)version, (ull)answer->version);
    sim_check(sim, !exists || span_equal(answer->record, span_of(row->state, row->state_len)),
              "%s at version %llu is not as it is stored", sim_rooms[room].name, (ull)version);
}

void sim_take_people(struct sim *sim, unsigned room, const struct answer *answer, struct sim_person *people,
                     unsigned *count)
{
    *count = 0;
    sim_check(sim, answer->presence_count <= SIM_USERS && answer->people_count == answer->presence_count,
              "%u people in %s", answer->presence_count, sim_rooms[room].name);
    for (uint32_t i = 0; i < answer->presence_count && !sim->report->failed; i++) {
        const struct sim_person person = person_of(&answer->presences[i]);

        sim_check(sim, !sim_find_person(people, *count, person.user_id), "user %s is twice in %s", person.user_id,
                  sim_rooms[room].name);
        for (unsigned j = 0; j < *count; j++)
            sim_check(sim, strcmp(people[j].color, person.color) != 0, "two are %s in %s", person.color,
                      sim_rooms[room].name);
        people[(*count)++] = person;
    }
}

void sim_check_joined(struct sim *sim, struct sim_client *client, unsigned room, const struct sim_tag *tag,
                      const struct answer *answer)
{
    struct sim_seat *seat = &client->seats[room];

    if (!tag->had_since)
        sim_check(sim, answer->missed_count == 0 && !answer->is_resync, "told what it did not ask");
    else if (answer->is_resync)
        check_resync(sim, room, tag, answer);
    else
        check_missed(sim, room, tag, answer);
    if (seat->is_joined && seat->listens) {
        sim_check(sim, answer->listens, "joining again ended listening in %s", sim_rooms[room].name);
        sim_check(sim, answer->position.epoch == seat->position.epoch, "another epoch under a listener");
        sim_check_no_gap(sim, client, seat, answer->position.offset + 1);
    }
    if (sim_rooms[room].is_record) {
        sim_check_record(sim, room, answer);
        sim_replica_join(sim, client, seat, tag, answer);
    }
    if (tag->listens) /* who does not is not told who is there */
        sim_take_people(sim, room, answer, seat->people, &seat->person_count);
    seat->typing_count = seat->is_joined ? seat->typing_count : 0;
    seat->is_joined = true;
    seat->wants = true;
    seat->listens = answer->listens;
    seat->is_present = answer->is_present;
    seat->position = answer->position;
    seat->version = model_store_version_at(&sim->store, sim_room_name(room), answer->position.offset);
}

/* ---- acknowledgements --------------------------------------------------------------------------------------------- */

static bool is_same(struct position a, struct position b)
{
    return a.epoch == b.epoch && a.offset == b.offset;
}

static bool may_be_refused(const struct sim *sim, const struct sim_op *op, enum err err)
{
    switch (err) {
    case ERR_LOCKED:
    case ERR_LOCK_REQUIRED: return true;
    case ERR_LOCK_LOST: return op->fence > 0;
    case ERR_NOT_FOUND: return true;
    case ERR_CONFLICT: return op->kind != SIM_UNDO || sim->trouble > 0;
    case ERR_EXISTS:
    case ERR_PRECONDITION:
    case ERR_BAD_OFFSET:
    case ERR_BAD_FIELD:
    case ERR_STRATEGY: return op->kind == SIM_EDIT || op->kind == SIM_RESOLVE || op->kind == SIM_UNDO;
    case ERR_BAD_VERSION: return op->kind == SIM_EDIT || op->kind == SIM_RESTORE;
    case ERR_NOTHING_TO_UNDO:
    case ERR_UNDO_BLOCKED:
    case ERR_UNSUPPORTED: return op->kind == SIM_UNDO;
    case ERR_MISSING_FIELD: /* one value for several places */
    case ERR_ALREADY_RESOLVED: return op->kind == SIM_RESOLVE;
    default: return false;
    }
}

/* Refused is fine, if there was a reason. Not because of what never came to be, and not what was done before. */
static void check_refused(struct sim *sim, const struct sim_op *op, const struct sim_tag *tag,
                          const struct answer *answer)
{
    const enum err err = answer->err;
    const bool is_busy = err == ERR_OVERLOADED || err == ERR_STORAGE || err == ERR_STORAGE_FULL;
    const bool has_trouble =
        sim->trouble > 0 || sim->limits.changes_waiting_max < 1000 || sim->limits.records_cached_max < 1000;

    sim_check(sim,
              answer->current_version == 0 ||
                  model_store_version(&sim->store, sim_room_name(op->room), answer->current_version),
              "refused because of version %llu of %s, which never was", (ull)answer->current_version,
              sim_rooms[op->room].name);
    sim_check(sim, is_busy || !(tag->is_again || tag->is_known) || op->kind == SIM_PUBLISH,
              "%s sent again is refused with %s", sim_rooms[op->room].name, err_code(err));
    if (is_busy)
        sim_check(sim, has_trouble, "refused with %s, and nothing is wrong", err_code(err));
    else if (op->kind == SIM_PUBLISH)
        sim_check(sim, err == ERR_NOT_MEMBER, "a message is refused with %s", err_code(err));
    else if (op->kind >= SIM_EDIT)
        sim_check(sim, may_be_refused(sim, op, err), "what is done to a sheet (%d) is refused with %s", (int)op->kind,
                  err_code(err));
    else
        sim_check(sim,
                  err == ERR_EXISTS || err == ERR_NOT_FOUND || err == ERR_PRECONDITION || err == ERR_BAD_VERSION ||
                      err == ERR_BAD_STATE || (err == ERR_CONFLICT && sim->trouble > 0),
                  "a change is refused with %s", err_code(err));
}

static void check_claimed_once(struct sim *sim, const struct sim_op *op)
{
    for (unsigned i = 0; i < sim->op_count; i++) {
        const struct sim_op *other = &sim->ops[i];

        if (other == op || !other->is_acknowledged || other->room != op->room)
            continue;
        sim_check(sim, !op->is_change || !other->is_change || other->version != op->version,
                  "version %llu of %s is acknowledged to two", (ull)op->version, sim_rooms[op->room].name);
        sim_check(sim,
                  op->session == 0 || op->session != other->session ||
                      (op->tag < other->tag) == (op->version < other->version),
                  "a session's changes to %s are versions %llu and %llu, and were sent in another order",
                  sim_rooms[op->room].name, (ull)op->version, (ull)other->version);
        sim_check(sim,
                  op->position.offset == 0 || op->kind != SIM_PUBLISH || other->kind != SIM_PUBLISH ||
                      !is_same(other->position, op->position),
                  "offset %llu of %s is acknowledged to two", (ull)op->position.offset, sim_rooms[op->room].name);
    }
}

static void on_published(struct sim *sim, struct sim_op *op, const struct answer *answer)
{
    if (op->is_volatile)
        return;
    sim_check(sim, answer->position.epoch != 0 && answer->position.offset != 0, "a message without an offset");
    if (op->is_acknowledged && (!sim_rooms[op->room].is_free || op->position.epoch == answer->position.epoch))
        sim_check(sim, (answer->is_repeat || op->first_count == 0) && is_same(op->position, answer->position),
                  "a message to %s sent again is at %llu, and was at %llu", sim_rooms[op->room].name,
                  (ull)answer->position.offset, (ull)op->position.offset);
}

static void on_changed(struct sim *sim, struct sim_op *op, const struct answer *answer)
{
    const struct span room = sim_room_name(op->room);

    if (op->is_acknowledged)
        sim_check(sim, (answer->is_repeat || op->first_count == 0) && answer->version == op->version,
                  "%s sent again makes version %llu, and made %llu", sim_rooms[op->room].name, (ull)answer->version,
                  (ull)op->version);
    op->is_change = op->is_change || answer->change != NULL;
    op->version = answer->version;
    sim_check(sim, answer->version == 0 || model_store_version(&sim->store, room, answer->version),
              "version %llu of %s is acknowledged, and never was", (ull)answer->version, sim_rooms[op->room].name);
    if (answer->change == NULL)
        return;
    sim->report->changes++;
    op->session = answer->session;
    op->tag = (unsigned)answer->tag;
    sim_check(sim, !answer->is_repeat && answer->version == answer->change->version, "a change of another version");
    sim_check(sim, model_store_version_at(&sim->store, room, answer->position.offset) == answer->version,
              "%s is at version %llu at %llu", sim_rooms[op->room].name, (ull)answer->version,
              (ull)answer->position.offset);
}

/* Its own event is not sent to it: the acknowledgement brings it forward. What else came of its change (an alert) may be heard before. */
static void move_on(struct sim *sim, struct sim_client *client, const struct sim_op *op, const struct answer *answer)
{
    struct sim_seat *seat = &client->seats[op->room];

    if (!seat->is_joined || !seat->listens || answer->is_repeat || answer->position.epoch != seat->position.epoch)
        return;
    if (answer->change && answer->version > seat->version) {
        sim_replica_fold(sim, client, seat, answer->change);
        seat->version = answer->version;
    }
    if (answer->position.offset <= seat->position.offset)
        return;
    sim_check_no_gap(sim, client, seat, answer->position.offset);
    seat->position = answer->position;
}

void sim_check_acknowledged(struct sim *sim, struct sim_client *client, const struct sim_tag *tag,
                            const struct answer *answer)
{
    struct sim_op *op = &sim->ops[tag->op];

    if (answer->err != OK) {
        check_refused(sim, op, tag, answer);
        return;
    }
    sim->report->repeats += answer->is_repeat;
    if (op->kind == SIM_PUBLISH)
        on_published(sim, op, answer);
    else
        on_changed(sim, op, answer);
    if (!op->is_acknowledged || !sim_rooms[op->room].is_free || op->position.epoch != answer->position.epoch)
        op->position = op->is_volatile ? (struct position){0} : answer->position;
    op->is_acknowledged = true;
    op->first_count += !answer->is_repeat;
    check_claimed_once(sim, op);
    move_on(sim, client, op, answer);
}
