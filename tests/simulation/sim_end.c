#include "simulation/sim.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- when all is quiet -------------------------------------------------------------------------------------------- */

void sim_check_looked(struct sim *sim, const struct sim_tag *tag, const struct answer *answer)
{
    struct sim_people *look = &sim->looks[tag->room];

    /* When there is no place for one more room, there is nobody in it. */
    sim_check(sim, answer->err == OK || (answer->err == ERR_TOO_MANY && sim->limits.rooms_max == 3),
              "cannot look into %s: %s", sim_rooms[tag->room].name, err_code(answer->err));
    if (tag->wants_record) {
        if (answer->err == OK)
            sim_check_record(sim, tag->room, answer);
        return;
    }
    look->is_known = true;
    look->position = answer->position;
    sim_take_people(sim, tag->room, answer, look->people, &look->count);
}

static bool is_user_in(const struct sim *sim, unsigned user, unsigned room)
{
    for (unsigned i = 0; i < sim->client_count; i++) {
        const struct sim_client *client = &sim->clients[i];

        if (client->user == user && client->seats[room].is_joined && client->seats[room].is_present)
            return true;
    }
    return false;
}

static void check_people(struct sim *sim, unsigned room)
{
    struct sim_people *look = &sim->looks[room];
    unsigned count = 0;

    for (unsigned user = 0; user < SIM_USERS; user++) {
        char id[2] = {(char)('1' + user), 0};
        const bool is_in = is_user_in(sim, user, room);

        count += is_in;
        sim_check(sim, (sim_find_person(look->people, look->count, id) != NULL) == is_in, "user %s is %s in %s", id,
                  is_in ? "missing" : "a ghost", sim_rooms[room].name);
    }
    sim_check(sim, count == look->count, "%u people in %s, and not %u", look->count, sim_rooms[room].name, count);
}

static void check_believes(struct sim *sim, const struct sim_client *client, struct sim_seat *seat, unsigned room)
{
    struct sim_people *look = &sim->looks[room];
    const char himself[2] = {(char)('1' + client->user), 0};
    const unsigned others = look->count - (sim_find_person(look->people, look->count, himself) != NULL);
    const unsigned known_others =
        seat->person_count - (sim_find_person(seat->people, seat->person_count, himself) != NULL);

    sim_check(sim, known_others == others, "client %u believes in %u others in %s, and there are %u", client->index,
              known_others, sim_rooms[room].name, others);
    for (unsigned i = 0; i < look->count; i++) {
        const struct sim_person *is = &look->people[i];
        const struct sim_person *known = sim_find_person(seat->people, seat->person_count, is->user_id);
        const bool is_himself = strcmp(is->user_id, himself) == 0;

        sim_check(sim, known != NULL || is_himself, "client %u does not know of user %s in %s", client->index,
                  is->user_id, sim_rooms[room].name);
        if (known == NULL || is_himself)
            continue;
        sim_check(sim,
                  strcmp(known->color, is->color) == 0 && strcmp(known->page, is->page) == 0 &&
                      strcmp(known->row, is->row) == 0 && strcmp(known->cursor, is->cursor) == 0,
                  "client %u has an old picture of user %s in %s: %s %s %s %s, and he is %s %s %s %s", client->index,
                  is->user_id, sim_rooms[room].name, known->color, known->page, known->row, known->cursor, is->color,
                  is->page, is->row, is->cursor);
        sim_check(sim, known->status == is->status && known->intent == is->intent,
                  "client %u believes user %s in %s to be %d %d, and he is %d %d", client->index, is->user_id,
                  sim_rooms[room].name, (int)known->status, (int)known->intent, (int)is->status, (int)is->intent);
    }
}

static void check_seat(struct sim *sim, struct sim_client *client, unsigned room)
{
    struct sim_seat *seat = &client->seats[room];

    sim_check(sim, !seat->wants || seat->is_joined, "client %u was never told that it is in %s", client->index,
              sim_rooms[room].name);
    sim_check(sim, seat->joins_waiting == 0, "client %u still waits for %s", client->index, sim_rooms[room].name);
    if (!seat->is_joined || !seat->listens)
        return;
    sim_check(sim, seat->position.epoch == sim->looks[room].position.epoch, "client %u is in a %s of the past",
              client->index, sim_rooms[room].name);
    sim_check_no_gap(sim, client, seat, sim->looks[room].position.offset + 1);
    sim_check(sim, seat->typing_count == 0, "somebody types in %s for ever", sim_rooms[room].name);
    check_believes(sim, client, seat, room);
    if (sim_rooms[room].is_record)
        sim_replica_check_quiet(sim, client, seat);
}

void sim_check_quiet(struct sim *sim)
{
    for (unsigned room = 0; room < SIM_ROOMS; room++) {
        sim_check(sim, sim->looks[room].is_known, "nobody could look into %s", sim_rooms[room].name);
        check_people(sim, room);
        for (unsigned i = 0; i < sim->client_count; i++)
            check_seat(sim, &sim->clients[i], room);
    }
}

/* ---- when all is over --------------------------------------------------------------------------------------------- */

void sim_check_answers(struct sim *sim)
{
    for (unsigned i = 0; i < sim->tag_count; i++) {
        const struct sim_tag *tag = &sim->tags[i];

        sim_check(sim, tag->answers == tag->wants_answer || (tag->life != sim->life && tag->answers == 0),
                  "command %u (kind %d, %s) has %u answers", i, (int)tag->kind, sim_rooms[tag->room].name,
                  tag->answers);
    }
}

static unsigned count_changes(const struct sim *sim, const char *op_id, uint64_t *version)
{
    unsigned count = 0;

    for (unsigned i = 0; i < sim->store.change_count; i++) {
        const struct model_change *change = &sim->store.changes[i];

        if (change->op_id && strcmp(change->op_id, op_id) == 0) {
            count++;
            *version = change->version;
        }
    }
    return count;
}

static void check_op(struct sim *sim, unsigned index)
{
    const struct sim_op *op = &sim->ops[index];
    const struct span room = sim_room_name(op->room);
    uint64_t version = 0;
    unsigned count;
    char id[32];

    (void)snprintf(id, sizeof(id), "%u:op%u", op->user + 1, index);
    count = count_changes(sim, id, &version);
    sim_check(sim, count <= 1, "%s changed %s %u times", id, sim_rooms[op->room].name, count);
    if (!op->is_acknowledged || (op->kind == SIM_PUBLISH && (sim_rooms[op->room].is_free || op->is_volatile)))
        return;
    if (op->has_id)
        sim_check(sim, model_store_op(&sim->store, span_from_str(id)) != NULL, "%s was acknowledged, and is lost", id);
    if (op->is_change)
        sim_check(sim,
                  op->has_id ? count == 1 && version == op->version
                             : model_store_version(&sim->store, room, op->version) != NULL,
                  "version %llu of %s was acknowledged to %s, and is lost", (ull)op->version, sim_rooms[op->room].name,
                  id);
}

void sim_check_store(struct sim *sim)
{
    for (unsigned i = 0; i < sim->op_count; i++)
        check_op(sim, i);
    for (unsigned i = 0; i < sim->store.change_count; i++) {
        const struct model_change *change = &sim->store.changes[i];

        const struct model_change *before =
            model_store_version(&sim->store, span_from_str(change->record), change->version - 1);

        sim_check(sim, change->version == 1 || before, "%s has a version %llu without the one before", change->record,
                  (ull)change->version);
        sim_check(sim,
                  before == NULL || before->is_delete != change->is_delete ||
                      strcmp(before->state, change->state) != 0 || strncmp(change->record, "sheet", 5) == 0,
                  "version %llu of %s changes nothing", (ull)change->version, change->record);
    }
}

void sim_check_nobody_left(struct sim *sim)
{
    for (unsigned i = 0; i < sim->worker_count; i++) {
        const struct hub_counts counts = hub_counts(sim->hubs[i]);

        sim_check(sim, counts.members == 0 && counts.people == 0, "%u sessions and %u people are left", counts.members,
                  counts.people);
        sim_check(sim, counts.rooms == 0 && counts.log_bytes == 0, "%u rooms and %zu bytes of logs are left",
                  counts.rooms, counts.log_bytes);
        sim_check(sim, counts.records <= sim->limits.records_cached_max, "%u records are cached", counts.records);
        sim_check(sim, counts.records_busy == 0, "%u records are busy", counts.records_busy);
        sim_check(sim, hub_next_deadline(sim->hubs[i]) == UINT64_MAX, "a timer is left");
    }
}
