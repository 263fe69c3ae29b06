#include "simulation/sim.h"

#include <string.h>

typedef unsigned long long ull;

enum { STATE_BYTES_MAX = 1 << 20 };

static const char *name_of(const struct sim_client *client, const struct sim_seat *seat)
{
    return sim_rooms[seat - client->seats].name;
}

static bool is_state(const struct sim_seat *seat, const struct model_change *row)
{
    const struct span state = row == NULL || row->is_delete ? SPAN_EMPTY : span_of(row->state, row->state_len);

    return span_equal(buf_span(&seat->state), state);
}

/* Values as they were told must be those that come out. */
static void check_values(struct sim *sim, const struct sim_client *client, const struct sim_seat *seat,
                         const struct change *told, const struct change *done)
{
    for (uint32_t i = 0; i < told->op_count; i++)
        sim_check(sim,
                  told->ops[i].kind == OP_TEST || (span_equal(told->ops[i].before, done->ops[i].before) &&
                                                   span_equal(told->ops[i].after, done->ops[i].after)),
                  "client %u: version %llu of %s tells of values that were not there (operation %u)", client->index,
                  (ull)told->version, name_of(client, seat), i);
}

/* As a client does it: what it is told of is done to its own copy. */
void sim_replica_fold(struct sim *sim, struct sim_client *client, struct sim_seat *seat, const struct change *change)
{
    struct change copy = *change;
    struct buf out = BUF_EMPTY;
    struct arena arena;
    enum err err;

    if (!seat->has_state || sim->report->failed)
        return;
    sim_check(sim, change->version == seat->version + 1, "client %u: version %llu of %s after %llu", client->index,
              (ull)change->version, name_of(client, seat), (ull)seat->version);
    arena_init(&arena, 4096);
    copy.ops = arena_alloc(&arena, change->op_count * sizeof(*copy.ops));
    if (change->op_count > 0)
        memcpy(copy.ops, change->ops, change->op_count * sizeof(*copy.ops));
    err = change_apply(&arena, NULL, buf_span(&seat->state), STATE_BYTES_MAX, &copy, &out);
    sim_check(sim, err == OK, "client %u cannot do version %llu of %s: %s", client->index, (ull)change->version,
              name_of(client, seat), err_code(err));
    if (err == OK)
        check_values(sim, client, seat, change, &copy);
    buf_deinit(&seat->state);
    seat->state = out;
    sim_check(sim,
              is_state(seat, model_store_version(&sim->store, sim_room_name((unsigned)(seat - client->seats)),
                                                 change->version)),
              "client %u: version %llu of %s came out as %.*s", client->index, (ull)change->version,
              name_of(client, seat), SPAN_ARG(buf_span(&seat->state)));
    sim->report->folded++;
    arena_deinit(&arena);
}

/* It may have heard what came of its own change (an alert), and lost its connection before the answer: where it stands is behind the change,
 * and what it knows is not. */
static bool knows_all_before(const struct sim *sim, const struct sim_client *client, const struct sim_seat *seat,
                             uint64_t offset)
{
    return model_store_version_at(&sim->store, sim_room_name((unsigned)(seat - client->seats)), offset) ==
           seat->version;
}

/* What was missed must lead from what it knew to what it is told now. Then it begins anew with that. */
void sim_replica_join(struct sim *sim, struct sim_client *client, struct sim_seat *seat, const struct sim_tag *tag,
                      const struct answer *answer)
{
    if (tag->had_since && !answer->is_resync && seat->has_state &&
        knows_all_before(sim, client, seat, tag->since.offset)) {
        for (uint32_t i = 0; i < answer->missed_count; i++) {
            const struct event *event = answer->missed[i];

            if (event->kind != EVENT_CHANGE || event->change.change->version <= seat->version)
                continue;
            sim_replica_fold(sim, client, seat, event->change.change);
            seat->version = event->change.change->version;
        }
        sim_check(sim, span_equal(buf_span(&seat->state), answer->has_record ? answer->record : SPAN_EMPTY),
                  "client %u missed something of %s, and comes to another state", client->index, name_of(client, seat));
    }
    buf_reset(&seat->state);
    if (answer->has_record)
        buf_append_span(&seat->state, answer->record);
    seat->has_state = client->folds;
}

void sim_replica_check_quiet(struct sim *sim, const struct sim_client *client, const struct sim_seat *seat)
{
    const struct model_change *last = model_store_record(&sim->store, sim_room_name((unsigned)(seat - client->seats)));

    if (!seat->has_state)
        return;
    sim_check(sim, seat->version == (last ? last->version : 0), "client %u knows %s at version %llu", client->index,
              name_of(client, seat), (ull)seat->version);
    sim_check(sim, is_state(seat, last), "client %u has another %s than the server", client->index,
              name_of(client, seat));
}
