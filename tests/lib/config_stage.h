/* config_stage.h: a configuration that is read from a file, variables and flags, as `reading`, and what was said about it. */
#pragma once

#include "lib/check.h"
#include "server/config.h"

struct config_stage {
    char file[64]; /* "it" in expectations */
    struct config config;
    struct config_report report;
    enum err err;
};

extern struct config_stage reading;

/* cmocka's, around each test. */
int config_stage_set_up(void **state);
int config_stage_tear_down(void **state);

/* The text goes into the file (NULL: there is none); flags and variables are separated by blanks. */
void config_try(const char *text, const char *variables, const char *flags);
/* The same, and nothing is wrong with it. */
const struct config *config_read(const char *text, const char *variables, const char *flags);
/* Exactly this is wrong; "it" at the beginning of a line is the file. */
void assert_problems(const char *expected);
