/* Durable changes: each connection sends changes of records picked at random and waits for their acknowledgements,
 * at most a window of them at once. Without a rate every acknowledgement lets the next change go; with one the
 * changes fall due by the clock, and a change that found all windows full is late: its latency counts from when it
 * was due. */
#include "load/scenario.h"

#include "base/clock.h"
#include "base/memory.h"
#include "load/meter.h"
#include "load/pace.h"
#include "load/script.h"

#include <assert.h>
#include <stdlib.h>

static const double second_ns = 1e9;
static const uint64_t drain_ns = 2000000000;

struct changes {
    struct swarm *swarm;
    const struct plan *plan;
    struct pace pace;     /* with a rate */
    uint64_t *busy;       /* of each connection: a bit for each place of its window */
    uint64_t *started_ns; /* of each place of each window */
    uint64_t sent, answered;
    uint32_t next_number; /* with a rate: whose turn it is */
    bool is_measuring;
    struct latency latency;
};

static bool has_place(const struct changes *changes, uint32_t number)
{
    return (~changes->busy[number] & (UINT64_MAX >> (64 - changes->plan->window))) != 0;
}

static void start_change(struct changes *changes, uint32_t number, uint64_t due_ns)
{
    const struct plan *plan = changes->plan;
    struct swarm *swarm = changes->swarm;
    uint32_t place = (uint32_t)__builtin_ctzll(~changes->busy[number]);
    uint32_t record = (uint32_t)rand_below(&swarm->rand, plan->record_count);

    assert(place < plan->window);
    changes->busy[number] |= (uint64_t)1 << place;
    changes->started_ns[number * plan->window + place] = due_ns;
    plan->script->append_update(plan, record, ++changes->sent, place, swarm_compose(swarm));
    swarm_say(swarm, number);
}

/* Takes the acknowledgements that the last poll brought. */
static void take_answers(struct changes *changes, bool goes_on)
{
    const struct swarm *swarm = changes->swarm;
    uint64_t now_ns = clock_mono_ns();

    for (uint32_t i = 0; i < swarm->ack_count; i++) {
        uint32_t number = swarm->acks[i].number, place = swarm->acks[i].ack_id;

        if (place >= changes->plan->window || (changes->busy[number] >> place & 1) == 0)
            continue;
        changes->busy[number] &= ~((uint64_t)1 << place);
        changes->answered++;
        if (changes->is_measuring)
            latency_add(&changes->latency, now_ns - changes->started_ns[number * changes->plan->window + place]);
        if (goes_on && changes->plan->rate <= 0)
            start_change(changes, number, now_ns);
    }
}

/* Who has room for a change, beginning with whose turn it is; false: nobody. */
static bool find_number(struct changes *changes, uint32_t *number)
{
    uint32_t count = changes->swarm->count;

    for (uint32_t i = 0; i < count; i++) {
        *number = (changes->next_number + i) % count;
        if (has_place(changes, *number)) {
            changes->next_number = (*number + 1) % count;
            return true;
        }
    }
    return false;
}

/* Gives when the next change is due; UINT64_MAX when only an answer can bring it. */
static uint64_t start_due(struct changes *changes)
{
    uint64_t due_ns, now_ns = clock_mono_ns();
    uint32_t number;

    if (changes->plan->rate <= 0)
        return UINT64_MAX;
    while ((due_ns = pace_due_ns(&changes->pace)) <= now_ns) {
        if (!find_number(changes, &number))
            return UINT64_MAX;
        (void)pace_take(&changes->pace);
        start_change(changes, number, due_ns);
    }
    return due_ns;
}

static void run_until(struct changes *changes, uint64_t until_ns)
{
    while (clock_mono_ns() < until_ns) {
        uint64_t due_ns = start_due(changes);

        swarm_poll(changes->swarm, due_ns < until_ns ? due_ns : until_ns);
        take_answers(changes, true);
    }
}

static uint64_t drain(struct changes *changes)
{
    uint64_t deadline_ns = clock_mono_ns() + drain_ns;

    while (changes->answered < changes->sent && clock_mono_ns() < deadline_ns) {
        swarm_poll(changes->swarm, deadline_ns);
        take_answers(changes, false);
    }
    return changes->sent - changes->answered;
}

static bool measure(struct changes *changes, struct report *report)
{
    const struct plan *plan = changes->plan;
    struct meter meter;
    uint64_t answered;

    run_until(changes, clock_mono_ns() + (uint64_t)(plan->warmup_seconds * second_ns));
    answered = changes->answered;
    changes->is_measuring = true;
    if (!meter_start(&meter, plan))
        return false;
    run_until(changes, meter.start_ns + (uint64_t)(plan->seconds * second_ns));
    if (!meter_stop(&meter))
        return false;
    changes->is_measuring = false;
    answered = changes->answered - answered;
    report_count(report, "connections", plan->connections);
    report_count(report, "window", plan->window);
    report_count(report, "records", plan->record_count);
    report_number(report, "rate", plan->rate, 1);
    report_number(report, "seconds", meter_seconds(&meter), 3);
    report_count(report, "acks", answered);
    report_number(report, "acks_per_s", (double)answered / meter_seconds(&meter), 1);
    report_count(report, "missing", drain(changes));
    scenario_report_latency(report, &changes->latency);
    meter_report_each(&meter, report, "server_cpu_us_per_ack", answered, 1e3);
    meter_report(&meter, report);
    return changes->swarm->lost == 0;
}

bool scenario_changes(struct swarm *swarm, struct report *report)
{
    const struct plan *plan = swarm->plan;
    struct changes changes = {.swarm = swarm, .plan = plan};
    bool is_measured;

    if (!swarm_open(swarm, swarm->count))
        return false;
    changes.busy = memory_array(swarm->count, sizeof(*changes.busy));
    changes.started_ns = memory_array((size_t)swarm->count * plan->window, sizeof(*changes.started_ns));
    if (plan->rate > 0)
        pace_init(&changes.pace, 1, plan->rate, clock_mono_ns(), 0);
    for (uint32_t i = 0; plan->rate <= 0 && i < swarm->count * plan->window; i++)
        start_change(&changes, i % swarm->count, clock_mono_ns());
    is_measured = measure(&changes, report);
    pace_deinit(&changes.pace);
    free(changes.busy);
    free(changes.started_ns);
    return is_measured;
}
