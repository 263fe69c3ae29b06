#include "load/meter.h"

#include "base/clock.h"

#include <math.h>
#include <unistd.h>

static bool read_both(const struct meter *meter, struct process_use *server, struct process_use *self)
{
    *server = (struct process_use){0};
    if (!process_read(getpid(), self))
        return false;
    return meter->plan->pid == 0 || process_read((pid_t)meter->plan->pid, server);
}

bool meter_start(struct meter *meter, const struct plan *plan)
{
    *meter = (struct meter){.plan = plan, .start_ns = clock_mono_ns()};
    return read_both(meter, &meter->server_before, &meter->self_before);
}

bool meter_stop(struct meter *meter)
{
    meter->stop_ns = clock_mono_ns();
    return read_both(meter, &meter->server_after, &meter->self_after);
}

double meter_seconds(const struct meter *meter)
{
    return (double)(meter->stop_ns - meter->start_ns) / 1e9;
}

static double cpu_ns(const struct process_use *before, const struct process_use *after)
{
    return (double)(after->cpu_ns - before->cpu_ns);
}

void meter_report_each(const struct meter *meter, struct report *report, const char *name, uint64_t count,
                       double unit_ns)
{
    if (meter->plan->pid != 0)
        report_number(report, name, cpu_ns(&meter->server_before, &meter->server_after) / unit_ns / (double)count, 1);
}

/* NAN when the ticks are too few to tell. */
static double system_percent(const struct process_use *before, const struct process_use *after)
{
    double user = (double)(after->user_ticks - before->user_ticks);
    double system = (double)(after->system_ticks - before->system_ticks);

    return user + system >= 10 ? 100 * system / (user + system) : NAN;
}

void meter_report(const struct meter *meter, struct report *report)
{
    double percent_ns = meter_seconds(meter) * 1e7;

    if (meter->plan->pid != 0) {
        report_number(report, "server_cpu_percent", cpu_ns(&meter->server_before, &meter->server_after) / percent_ns,
                      2);
        report_number(report, "server_system_percent", system_percent(&meter->server_before, &meter->server_after), 0);
        report_count(report, "server_resident_bytes", meter->server_after.resident_bytes);
    }
    report_number(report, "generator_cpu_percent", cpu_ns(&meter->self_before, &meter->self_after) / percent_ns, 2);
}
