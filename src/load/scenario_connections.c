/* What connections cost by themselves: to make, and to have. */
#include "load/scenario.h"

#include "base/clock.h"
#include "load/meter.h"

static const double second_ns = 1e9;

/* The first few connections also load what all share (code, tables, a first block of each pool): they are made
 * before the server's memory is read for the first time. */
static uint32_t first_few(uint32_t count)
{
    return count / 10 < 100 ? count / 10 : 100;
}

static void report_connections(const struct plan *plan, struct report *report)
{
    report_count(report, "connections", plan->connections);
    report_word(report, "depth", plan_depth_name(plan));
    if (plan->depth == PLAN_JOINED)
        report_count(report, "room_size", plan_room_size(plan));
}

/* Signed: freed memory counts as less than nothing. */
static double bytes_each(size_t before, size_t after, uint32_t count)
{
    return ((double)after - (double)before) / count;
}

bool scenario_idle(struct swarm *swarm, struct report *report)
{
    const struct plan *plan = swarm->plan;
    uint32_t first = first_few(swarm->count), added = swarm->count - first;
    struct meter making, having;

    if (!swarm_open(swarm, first))
        return false;
    swarm_rest(swarm, clock_mono_ns() + (uint64_t)(second_ns / 2));
    if (!meter_start(&making, plan) || !swarm_open(swarm, swarm->count) || !meter_stop(&making))
        return false;
    if (!meter_start(&having, plan))
        return false;
    swarm_rest(swarm, having.start_ns + (uint64_t)(plan->seconds * second_ns));
    if (!meter_stop(&having))
        return false;
    report_connections(plan, report);
    report_number(report, "connected_per_s", added / meter_seconds(&making), 1);
    if (plan->pid != 0) {
        report_number(report, "server_resident_bytes_per_connection",
                      bytes_each(making.server_before.resident_bytes, having.server_after.resident_bytes, added), 0);
        report_number(report, "server_anonymous_bytes_per_connection",
                      bytes_each(making.server_before.anonymous_bytes, having.server_after.anonymous_bytes, added), 0);
    }
    meter_report(&having, report);
    return swarm->lost == 0;
}

bool scenario_connect(struct swarm *swarm, struct report *report)
{
    const struct plan *plan = swarm->plan;
    uint32_t first = first_few(swarm->count), added = swarm->count - first;
    struct meter meter;

    if (!swarm_open(swarm, first))
        return false;
    latency_reset(&swarm->connecting);
    if (!meter_start(&meter, plan) || !swarm_open(swarm, swarm->count) || !meter_stop(&meter))
        return false;
    report_connections(plan, report);
    report_count(report, "in_flight", plan->in_flight);
    report_number(report, "seconds", meter_seconds(&meter), 3);
    report_number(report, "connected_per_s", added / meter_seconds(&meter), 1);
    scenario_report_latency(report, &swarm->connecting);
    meter_report_each(&meter, report, "server_cpu_us_per_connection", added, 1e3);
    meter_report(&meter, report);
    return true;
}
