/* scenario.h: the measurements. Each is given a swarm in which nobody is connected yet, and fills in the report.
 * False when it could not measure; swarm->failure may say why. */
#pragma once

#include "load/report.h"
#include "load/swarm.h"

must_check bool scenario_broadcast(struct swarm *swarm, struct report *report); /* fanout, rooms, hot, saturate */
must_check bool scenario_idle(struct swarm *swarm, struct report *report);
must_check bool scenario_connect(struct swarm *swarm, struct report *report);
must_check bool scenario_changes(struct swarm *swarm, struct report *report);

/* Rows latency_p50_us and so on, from how many. */
void scenario_report_latency(struct report *report, const struct latency *latency);
