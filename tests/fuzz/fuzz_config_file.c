/* A configuration file. Whatever is in it: problems come with a line, and what was accepted is accepted again when
 * it is written out, with the same result. */
#include "server/config_row.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 64 * 1024 };

static void write_file(int fd, const uint8_t *data, size_t size)
{
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
}

static void check_problems(const struct config_report *report, struct span path)
{
    struct span rest = buf_span(&report->text);
    struct span line;
    unsigned count = 0;

    while (span_cut(&rest, '\n', &line)) {
        assert(span_starts_with(line, path));
        count++;
    }
    assert(count == report->problem_count);
}

static void check_values(struct config *config)
{
    const struct config_input nothing = {0};
    struct config_report report = {0};
    struct buf text = BUF_EMPTY, why = BUF_EMPTY;
    struct config again;
    enum err err = config_load(&again, &nothing, &report);

    assert(err == OK);
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_rows[i].type == CONFIG_GROUP)
            continue;
        buf_reset(&text);
        config_value_write(config, &config_rows[i], &text);
        /* What a rate is lifted to and the processors that were counted are no input: 0 is in every range they
         * have. */
        err = config_value_parse(&again, &config_rows[i], buf_span(&text), &why);
        assert(err == OK && config_value_equal(config, &again, &config_rows[i]));
    }
    buf_deinit(&text);
    buf_deinit(&why);
    config_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    char *argv[] = {"--config", path};
    const struct config_input input = {.argc = 2, .argv = argv};
    struct config_report report = {0};
    struct config config;
    enum err err;

    if (size > FILE_BYTES_MAX)
        return 0;
    if (fd < 0 && (fd = memfd_create("config", MFD_CLOEXEC)) < 0)
        abort();
    write_file(fd, data, size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    err = config_load(&config, &input, &report);
    assert((err == OK) == (report.problem_count == 0));
    check_problems(&report, span_from_str(path));
    check_values(&config);
    buf_deinit(&report.text);
    config_deinit(&config);
    return 0;
}
