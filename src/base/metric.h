/* metric.h: counters and gauges, one row each in metric.def; /metrics and /socket-stats are made from the rows.
 * metric_add is a relaxed atomic add. Any thread. */
#pragma once

#include "base/buf.h"

enum metric {
#define METRIC(kind, name, help) METRIC_##name,
#include "base/metric.def"
#undef METRIC
    METRIC_COUNT
};

void metric_add(enum metric metric, int64_t count);
void metric_set(enum metric metric, int64_t value);
int64_t metric_get(enum metric metric);
const char *metric_name(enum metric metric);
bool metric_is_counter(enum metric metric);
/* Prometheus text format 0.0.4: every row as collabd_<name>, counters with _total. */
void metric_write_prometheus(struct buf *out);
