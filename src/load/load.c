#include "load/load.h"

#include "load/plan.h"
#include "load/scenario.h"
#include "load/script.h"

#include <stdio.h>

void scenario_report_latency(struct report *report, const struct latency *latency)
{
    report_count(report, "latency_samples", latency->count);
    report_number(report, "latency_p50_us", (double)latency_percentile(latency, 50) / 1e3, 1);
    report_number(report, "latency_p90_us", (double)latency_percentile(latency, 90) / 1e3, 1);
    report_number(report, "latency_p99_us", (double)latency_percentile(latency, 99) / 1e3, 1);
    report_number(report, "latency_p999_us", (double)latency_percentile(latency, 99.9) / 1e3, 1);
    report_number(report, "latency_max_us", (double)latency->max_ns / 1e3, 1);
}

static bool run_scenario(struct swarm *swarm, struct report *report)
{
    switch (swarm->plan->scenario) {
    case PLAN_IDLE: return scenario_idle(swarm, report);
    case PLAN_CONNECT: return scenario_connect(swarm, report);
    case PLAN_CHANGES: return scenario_changes(swarm, report);
    default: return scenario_broadcast(swarm, report);
    }
}

static void print(const struct plan *plan, const struct report *report)
{
    struct buf out = BUF_EMPTY;

    if (plan->is_table)
        report_append_table(report, &out);
    else
        report_append_json(report, &out);
    (void)fwrite(out.data, 1, out.len, stdout);
    (void)fflush(stdout);
    buf_deinit(&out);
}

/* What was measured is printed also when something went wrong in the end: it helps to see what. */
static int run(const struct plan *plan)
{
    struct report report = {.row_count = 0};
    struct swarm swarm;
    enum err err = swarm_init(&swarm, plan);
    bool is_measured = false;

    if (err != OK) {
        (void)fprintf(stderr, "bench: %s: %s\n", plan->url, err == ERR_NOT_FOUND ? "no such host" : err_sentence(err));
        goto done;
    }
    report_word(&report, "scenario", plan_scenario_name(plan));
    report_word(&report, "wire", plan->script->name);
    is_measured = run_scenario(&swarm, &report);
    report_count(&report, "errors", swarm.errors);
    report_count(&report, "connections_failed", swarm.failed);
    report_count(&report, "connections_lost", swarm.lost);
    print(plan, &report);
    if (swarm.failure[0] != '\0')
        (void)fprintf(stderr, "bench: %s\n", swarm.failure);
    else if (!is_measured)
        (void)fprintf(stderr, "bench: process %llu cannot be read\n", (unsigned long long)plan->pid);
    is_measured = is_measured && swarm.errors == 0;
done:
    swarm_deinit(&swarm);
    return is_measured ? 0 : 1;
}

int load_main(int argc, char **argv)
{
    struct plan plan;
    int status = plan_init(&plan, argc, argv);

    if (status == 0)
        status = run(&plan);
    plan_deinit(&plan);
    return status > 0 ? status : 0;
}
