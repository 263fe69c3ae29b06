/* People in rooms who hear what others in their room say. Paced: each speaker at his rate. Saturated: as much as a
 * window of messages, which not everybody has heard yet, lets through. */
#include "load/scenario.h"

#include "base/clock.h"
#include "load/meter.h"
#include "load/pace.h"
#include "load/script.h"

enum { PHASE_SEED = 1 };

static const double second_ns = 1e9;
static const uint64_t drain_ns = 1000000000; /* how long nothing may arrive before the rest is missing */

struct broadcast {
    struct swarm *swarm;
    const struct plan *plan;
    struct pace pace;
    struct buf payload;
    uint64_t sent;
    uint32_t listeners;    /* who hear one message */
    uint32_t speakers;     /* in all rooms */
    uint32_t next_speaker; /* saturated */
};

static void speak(struct broadcast *broadcast, uint32_t speaker)
{
    const struct plan *plan = broadcast->plan;
    const struct script *script = plan->script;
    uint32_t per_room = plan_speaker_count(plan);
    uint32_t number = speaker / per_room * plan_room_size(plan) + speaker % per_room;
    struct buf *text = swarm_compose(broadcast->swarm);

    buf_reset(&broadcast->payload);
    script_append_payload(&broadcast->payload, clock_mono_ns(), plan->payload_bytes);
    if (plan->scenario == PLAN_HOT)
        script->append_cursor(plan, number, buf_span(&broadcast->payload), text);
    else
        script->append_publish(plan, number, buf_span(&broadcast->payload), text);
    swarm_say(broadcast->swarm, number);
    broadcast->sent++;
}

/* Gives when there will be something to say again. */
static uint64_t speak_at_pace(struct broadcast *broadcast)
{
    uint64_t due_ns, now_ns = clock_mono_ns();

    while ((due_ns = pace_due_ns(&broadcast->pace)) <= now_ns)
        speak(broadcast, pace_take(&broadcast->pace));
    return due_ns;
}

static void fill_window(struct broadcast *broadcast)
{
    uint64_t heard = broadcast->swarm->delivered / broadcast->listeners;
    uint64_t window = (uint64_t)broadcast->plan->window * broadcast->speakers;

    while (broadcast->sent - heard < window) {
        speak(broadcast, broadcast->next_speaker);
        broadcast->next_speaker = (broadcast->next_speaker + 1) % broadcast->speakers;
    }
}

static void run_until(struct broadcast *broadcast, uint64_t until_ns)
{
    while (clock_mono_ns() < until_ns) {
        uint64_t due_ns = until_ns;

        if (broadcast->plan->scenario == PLAN_SATURATE)
            fill_window(broadcast);
        else
            due_ns = speak_at_pace(broadcast);
        swarm_poll(broadcast->swarm, due_ns < until_ns ? due_ns : until_ns);
    }
}

/* What is still on its way belongs to what was delivered. Gives how many deliveries are missing in the end. */
static uint64_t drain(struct broadcast *broadcast)
{
    struct swarm *swarm = broadcast->swarm;
    uint64_t expected = broadcast->sent * broadcast->listeners;
    uint64_t deadline_ns = clock_mono_ns() + drain_ns;

    while (swarm->delivered < expected && clock_mono_ns() < deadline_ns) {
        uint64_t before = swarm->delivered;

        swarm_poll(swarm, deadline_ns);
        if (swarm->delivered > before)
            deadline_ns = clock_mono_ns() + drain_ns;
    }
    return expected > swarm->delivered ? expected - swarm->delivered : 0;
}

static void fill_report(const struct broadcast *broadcast, const struct meter *meter, uint64_t sent, uint64_t delivered,
                        uint64_t missing, struct report *report)
{
    const struct plan *plan = broadcast->plan;
    double seconds = meter_seconds(meter);

    report_count(report, "rooms", plan->rooms);
    report_count(report, "room_size", plan_room_size(plan));
    report_count(report, "speakers", broadcast->speakers);
    report_count(report, "payload_bytes", plan->payload_bytes);
    if (plan->scenario == PLAN_SATURATE)
        report_count(report, "window", plan->window);
    else
        report_number(report, "rate", plan->rate, 2);
    report_number(report, "seconds", seconds, 3);
    report_count(report, "sent", sent);
    report_number(report, "sent_per_s", (double)sent / seconds, 1);
    report_count(report, "delivered", delivered);
    report_number(report, "delivered_per_s", (double)delivered / seconds, 1);
    report_count(report, plan->scenario == PLAN_HOT ? "conflated" : "missing", missing);
    scenario_report_latency(report, &broadcast->swarm->latency);
    meter_report_each(meter, report, "server_cpu_ns_per_delivery", delivered, 1);
    if (plan->scenario == PLAN_HOT)
        meter_report_each(meter, report, "server_cpu_us_per_cursor", sent, 1e3);
    meter_report(meter, report);
}

static bool measure(struct broadcast *broadcast, struct report *report)
{
    const struct plan *plan = broadcast->plan;
    struct swarm *swarm = broadcast->swarm;
    uint64_t sent, delivered;
    struct meter meter;

    run_until(broadcast, clock_mono_ns() + (uint64_t)(plan->warmup_seconds * second_ns));
    sent = broadcast->sent;
    delivered = swarm->delivered;
    swarm->is_sampling = true;
    if (!meter_start(&meter, plan))
        return false;
    run_until(broadcast, meter.start_ns + (uint64_t)(plan->seconds * second_ns));
    if (!meter_stop(&meter))
        return false;
    swarm->is_sampling = false;
    sent = broadcast->sent - sent;
    delivered = swarm->delivered - delivered;
    fill_report(broadcast, &meter, sent, delivered, drain(broadcast), report);
    return swarm->lost == 0;
}

bool scenario_broadcast(struct swarm *swarm, struct report *report)
{
    const struct plan *plan = swarm->plan;
    struct broadcast broadcast = {
        .swarm = swarm,
        .plan = plan,
        .listeners = plan_room_size(plan) - 1,
        .speakers = plan->rooms * plan_speaker_count(plan),
    };
    bool is_measured;

    if (!swarm_open(swarm, swarm->count))
        return false;
    if (plan->scenario != PLAN_SATURATE)
        pace_init(&broadcast.pace, broadcast.speakers, plan->rate, clock_mono_ns(), PHASE_SEED);
    is_measured = measure(&broadcast, report);
    pace_deinit(&broadcast.pace);
    buf_deinit(&broadcast.payload);
    return is_measured;
}
