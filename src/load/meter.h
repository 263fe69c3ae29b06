/* meter.h: what a stretch of time cost: the server's CPU and memory (when plan->pid says who that is) and our own
 * CPU, which tells whether the generator was the narrow place. */
#pragma once

#include "base/err.h"
#include "load/plan.h"
#include "load/process.h"
#include "load/report.h"

struct meter {
    const struct plan *plan;
    uint64_t start_ns, stop_ns;
    struct process_use server_before, server_after, self_before, self_after;
};

/* False when there is no process plan->pid. */
must_check bool meter_start(struct meter *meter, const struct plan *plan);
must_check bool meter_stop(struct meter *meter);
double meter_seconds(const struct meter *meter);
/* The server's CPU time divided by `count` of something: a row "server_cpu_UNIT_per_THING" named by the caller, in
 * units of unit_ns. Nothing without a pid. */
void meter_report_each(const struct meter *meter, struct report *report, const char *name, uint64_t count,
                       double unit_ns);
void meter_report(const struct meter *meter, struct report *report);
