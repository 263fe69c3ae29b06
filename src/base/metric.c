#include "base/metric.h"

#include <assert.h>
#include <stdatomic.h>

enum kind { GAUGE, COUNTER };

static const struct row {
    enum kind kind;
    const char *name;
    const char *help;
} rows[METRIC_COUNT] = {
#define METRIC(kind, name, help) [METRIC_##name] = {kind, #name, help},
#include "base/metric.def"
#undef METRIC
};

/* The process counts as a whole, so its counters belong to no worker: one of the few mutable statics there are. */
static _Atomic int64_t values[METRIC_COUNT];

void metric_add(enum metric metric, int64_t count)
{
    assert((unsigned)metric < METRIC_COUNT);
    assert(rows[metric].kind == GAUGE || count >= 0);
    atomic_fetch_add_explicit(&values[metric], count, memory_order_relaxed);
}

void metric_set(enum metric metric, int64_t value)
{
    assert((unsigned)metric < METRIC_COUNT);
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

int64_t metric_get(enum metric metric)
{
    assert((unsigned)metric < METRIC_COUNT);
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

const char *metric_name(enum metric metric)
{
    assert((unsigned)metric < METRIC_COUNT);
    return rows[metric].name;
}

bool metric_is_counter(enum metric metric)
{
    assert((unsigned)metric < METRIC_COUNT);
    return rows[metric].kind == COUNTER;
}

void metric_write_prometheus(struct buf *out)
{
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        const char *suffix = row->kind == COUNTER ? "_total" : "";

        buf_printf(out, "# HELP collabd_%s%s %s\n", row->name, suffix, row->help);
        buf_printf(out, "# TYPE collabd_%s%s %s\n", row->name, suffix, row->kind == COUNTER ? "counter" : "gauge");
        buf_printf(out, "collabd_%s%s %lld\n", row->name, suffix, (long long)metric_get((enum metric)i));
    }
}
