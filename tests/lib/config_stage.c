#include "lib/config_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

struct config_stage reading;

int config_stage_set_up(void **state)
{
    int fd;

    (void)state;
    reading = (struct config_stage){.file = "/tmp/test_config_XXXXXX"};
    fd = mkstemp(reading.file);
    return fd >= 0 ? close(fd) : -1;
}

static void forget(void)
{
    config_deinit(&reading.config);
    buf_deinit(&reading.report.text);
    reading.report = (struct config_report){0};
}

int config_stage_tear_down(void **state)
{
    (void)state;
    forget();
    return unlink(reading.file);
}

void config_try(const char *text, const char *variables, const char *flags)
{
    char *words[2][WORDS_MAX + 3] = {{NULL}};
    struct config_input input = {0};
    FILE *file;

    forget();
    for (int i = 0; i < 2; i++) {
        struct span rest = span_from_str(i == 0 ? variables : flags);
        struct span word;
        int count = 0;

        while (count < WORDS_MAX && span_cut(&rest, ' ', &word))
            words[i][count++] = span_to_str(word);
        if (i == 1 && text != NULL) {
            words[i][count++] = strdup("--config");
            words[i][count++] = strdup(reading.file);
        }
        input.argc = count;
    }
    if (text != NULL) {
        file = fopen(reading.file, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    input.environment = words[0];
    input.argv = words[1];
    reading.err = config_load(&reading.config, &input, &reading.report);
    for (int i = 0; i < 2; i++)
        for (char **word = words[i]; *word; word++)
            free(*word);
}

const struct config *config_read(const char *text, const char *variables, const char *flags)
{
    config_try(text, variables, flags);
    if (reading.err != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&reading.report.text)));
    assert_int_equal(reading.report.problem_count, 0);
    return &reading.config;
}

void assert_problems(const char *expected)
{
    struct buf text = BUF_EMPTY;
    struct span rest = buf_span(&reading.report.text), line;
    struct span file = span_from_str(reading.file);

    assert_int_equal(reading.err, ERR_CONFIG);
    while (span_cut(&rest, '\n', &line)) {
        bool is_of_file = span_starts_with(line, file);

        if (text.len > 0)
            buf_append_char(&text, '\n');
        buf_append_str(&text, is_of_file ? "it" : "");
        buf_append_span(&text, is_of_file ? span_slice(line, file.len, line.len) : line);
    }
    buf_append_char(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
}
