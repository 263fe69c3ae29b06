/* The store: slow, done in batches, now and then full, and as bad as the play wants it. */
#include "simulation/sim_mail.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

/* ---- what workers are told ---------------------------------------------------------------------------------------- */

struct batch_sink {
    struct sim *sim;
    struct sim_facts *facts[SIM_WORKERS_MAX]; /* what each worker is told, in one mail */
};

static struct sim_fact *tell(struct batch_sink *sink, unsigned worker)
{
    struct sim_facts **facts = &sink->facts[worker];

    if (*facts == NULL)
        *facts = NEW(struct sim_facts);
    return sim_facts_add(*facts);
}

static void on_committed(void *arg, struct event *event)
{
    struct batch_sink *sink = arg;

    tell(sink, room_home(event->room, sink->sim->worker_count))->event = event_ref(event);
}

/* As if one person had done it all: then an undo spares nobody. */
static void mix_up(struct sim *sim, const struct store_request *request)
{
    for (uint32_t i = 1; i < request->change_count; i++) {
        sim->report->faulted |= !span_equal(request->changes[i]->user_id, request->changes[0]->user_id);
        request->changes[i]->user_id = request->changes[0]->user_id;
    }
}

static void on_done(void *arg, struct store_request *request)
{
    const struct batch_sink *sink = arg;

    if (sink->sim->fault == SIM_FAULT_BLIND && request->kind == STORE_CHANGES_READ)
        mix_up(sink->sim, request);
    tell(arg, request->worker)->request = request;
}

/* ---- what a bad store does ---------------------------------------------------------------------------------------- */

static void forget(struct sim *sim, struct store_request *request)
{
    if (request->commit.op_id.len == 0 || !model_store_op(&sim->store, request->commit.op_id))
        return;
    request->commit.op_id = SPAN_EMPTY;
    sim->report->faulted = true;
}

static void keep_stale(struct sim *sim, struct store_request *request)
{
    const struct model_change *before = model_store_record(&sim->store, request->room);

    if (!request->commit.has_change || request->commit.is_delete || before == NULL || before->is_delete ||
        request->commit.version != before->version + 1 || sim->report->faulted || !sim_chance(sim, 100))
        return;
    request->commit.new_state = arena_copy(&request->arena, span_of(before->state, before->state_len));
    sim->report->faulted = true;
}

static void go_back(struct sim *sim, const struct store_request *request)
{
    if (!request->commit.grants)
        return;
    if (sim->first_grant == 0) {
        sim->first_grant = sim->store.sequence + 1;
        return;
    }
    sim->store.sequence = sim->first_grant - 1;
    sim->report->faulted = true;
}

/* Before it is done. */
static void spoil(struct sim *sim, struct store_request *request)
{
    if (request->kind != STORE_COMMIT && request->kind != STORE_OP_FIND)
        return;
    switch (sim->fault) {
    case SIM_FAULT_FORGET: forget(sim, request); break;
    case SIM_FAULT_STALE: keep_stale(sim, request); break;
    case SIM_FAULT_TOKEN: go_back(sim, request); break;
    default: break;
    }
}

/* ---- batches ------------------------------------------------------------------------------------------------------ */

static void execute(struct sim *sim)
{
    struct batch_sink batch = {.sim = sim};
    const struct model_sink sink = {&batch, on_committed, on_done};
    const bool fails = !sim->is_ending && sim_chance(sim, sim->trouble);
    const enum err failure = fails ? (sim_chance(sim, 500) ? ERR_STORAGE_FULL : ERR_STORAGE) : OK;

    for (unsigned i = 0; i < sim->batch_count; i++) {
        struct store_request *request = sim->batch[i];

        spoil(sim, request);
        model_store_execute(&sim->store, request, request->kind == STORE_COMMIT || sim->reads_fail ? failure : OK,
                            &sink);
    }
    for (unsigned i = 0; i < sim->worker_count; i++) {
        if (batch.facts[i])
            sim_mail_send(sim, MAIL_FACTS, SIM_STORE, i)->facts = batch.facts[i];
    }
    if (sim->batch_count > 0)
        sim_point(sim, SIM_POINT_COMMITTED);
    sim->batch_count = 0;
}

static uint64_t disk_ms(struct sim *sim)
{
    if (!sim->is_ending && sim_chance(sim, 30))
        return sim_random(sim, 400);
    return sim_random(sim, sim_chance(sim, 200) ? 40 : 4);
}

static void start_batch(struct sim *sim)
{
    if (sim->is_committing || sim->queue_count == 0)
        return;
    memcpy(sim->batch, sim->queue, sim->queue_count * sizeof(*sim->queue));
    sim->batch_count = sim->queue_count;
    sim->queue_count = 0;
    sim->is_committing = true;
    sim->batch_start = model_store_now(&sim->store);
    if (sim->fault == SIM_FAULT_EARLY_ACK)
        execute(sim); /* and only then will it be written */
    sim_mail_post(sim, MAIL_BATCH, SIM_STORE, sim->now_ms + disk_ms(sim));
}

void sim_store_finish(struct sim *sim)
{
    sim->is_committing = false;
    execute(sim); /* nothing, when it was done already */
    start_batch(sim);
}

void sim_store_take(struct sim *sim, struct store_request *request)
{
    assert(sim->queue_count < sizeof(sim->queue) / sizeof(sim->queue[0]));
    sim->queue[sim->queue_count++] = request;
    start_batch(sim);
}
