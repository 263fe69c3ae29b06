/* The CPU time is taken from the process's CPU clock, which has nanoseconds; /proc/PID/stat counts in hundredths of a
 * second, too coarse for a server that is busy for 3 % of a ten second measurement. */
#include "load/process.h"

#include "base/span.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 8192, STAT_USER = 14, STAT_SYSTEM = 15, STAT_AFTER_NAME = 3 };

/* /proc/PID/NAME, cut at the buffer's size. */
static struct span read_file(pid_t pid, const char *name, char bytes[FILE_BYTES_MAX])
{
    char path[64];
    ssize_t len = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        len = read(fd, bytes, FILE_BYTES_MAX);
        (void)close(fd);
    }
    return span_of(bytes, len > 0 ? (size_t)len : 0);
}

/* The name in brackets may hold blanks and brackets itself: fields are counted from the last bracket on. */
static bool read_ticks(struct span stat, struct process_use *use)
{
    struct span field;
    size_t name_end = stat.len;

    while (name_end > 0 && stat.data[name_end - 1] != ')')
        name_end--;
    if (name_end == 0)
        return false;
    stat = span_slice(stat, name_end + 1, stat.len);
    for (int i = STAT_AFTER_NAME; i <= STAT_SYSTEM; i++) {
        if (!span_cut(&stat, ' ', &field))
            return false;
        if (i == STAT_USER && !span_parse_u64(field, &use->user_ticks))
            return false;
    }
    return span_parse_u64(field, &use->system_ticks);
}

/* A line such as "VmRSS:      1234 kB". */
static size_t read_kilobytes(struct span status, struct span name)
{
    struct span line, number;
    uint64_t kilobytes = 0;

    while (span_cut(&status, '\n', &line)) {
        if (!span_starts_with(line, name))
            continue;
        line = span_trim(span_slice(line, name.len, line.len));
        if (!span_cut(&line, ' ', &number) || !span_parse_u64(number, &kilobytes))
            return 0;
        return (size_t)kilobytes * 1024;
    }
    return 0;
}

bool process_read(pid_t pid, struct process_use *use)
{
    char bytes[FILE_BYTES_MAX];
    struct timespec used;
    struct span status;
    clockid_t clock;

    *use = (struct process_use){0};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return false;
    use->cpu_ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    if (!read_ticks(read_file(pid, "stat", bytes), use))
        return false;
    status = read_file(pid, "status", bytes);
    use->resident_bytes = read_kilobytes(status, SPAN("VmRSS:"));
    use->anonymous_bytes = read_kilobytes(status, SPAN("RssAnon:"));
    return use->resident_bytes > 0;
}
