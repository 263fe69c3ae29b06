/* The command line: options as --option-name VALUE or --option-name=VALUE, the subcommand's own flags, words. */
#include "server/config_row.h"

#include <string.h>

enum flag_kind {
    FLAG_WORD,
    FLAG_OPTION,
    FLAG_OWN,  /* the subcommand's */
    FLAG_FILE, /* --config */
    FLAG_HELP,
    FLAG_UNKNOWN,
    FLAG_BARE, /* its value is missing */
};

struct flag {
    enum flag_kind kind;
    const struct config_row *row; /* of an option */
    struct span word;             /* as it was given, without its value */
    struct span name;             /* as in config.def: with _ */
    struct span value;            /* of a word: the word */
};

struct walk {
    struct config *config;
    const struct config_input *input;
    int at;
    bool is_past_flags; /* after -- */
};

/* "log-level" -> "log_level", in the arena. */
static struct span option_name(struct config *config, struct span text)
{
    struct span copy = arena_copy(&config->arena, text);

    for (size_t i = 0; i < copy.len; i++)
        if (copy.data[i] == '-')
            ((char *)(uintptr_t)copy.data)[i] = '_';
    return copy;
}

static bool is_own(const struct config_input *input, struct span name)
{
    for (const char *const *flag = input->other_flags; flag != NULL && *flag != NULL; flag++)
        if (span_equal(name, span_from_str(*flag)))
            return true;
    return false;
}

static struct span peek(const struct walk *walk)
{
    return walk->at < walk->input->argc ? span_from_str(walk->input->argv[walk->at]) : SPAN_EMPTY;
}

/* The value is behind the = or the next word. --demo alone is true; --data --demo has forgotten something. */
static void take_value(struct walk *walk, struct flag *flag, bool has_value)
{
    bool is_bool = flag->kind == FLAG_OPTION && flag->row->type == CONFIG_bool;
    struct span next = peek(walk);

    if (has_value)
        return;
    flag->value = next;
    if (is_bool && !span_equal(next, SPAN("true")) && !span_equal(next, SPAN("false")))
        flag->value = SPAN("true");
    else if (walk->at == walk->input->argc || span_starts_with(next, SPAN("--")))
        flag->kind = FLAG_BARE;
    else
        walk->at++;
}

static void read_flag(struct walk *walk, struct span text, struct flag *flag)
{
    struct span rest = span_slice(text, 2, text.len);
    bool has_value = span_find(rest, '=') < rest.len;
    struct span name = SPAN_EMPTY;

    (void)span_cut(&rest, '=', &name);
    *flag = (struct flag){.kind = FLAG_OPTION,
                          .word = arena_copy(&walk->config->arena, span_slice(text, 0, 2 + name.len)),
                          .name = option_name(walk->config, name),
                          .value = rest};
    flag->row = config_row_find(flag->name);
    if (is_own(walk->input, name)) {
        flag->kind = FLAG_OWN;
        flag->name = arena_copy(&walk->config->arena, name);
    } else if (span_equal(name, SPAN("config"))) {
        flag->kind = FLAG_FILE;
    } else if (flag->row == NULL) {
        flag->kind = FLAG_UNKNOWN;
        if (!has_value && !span_starts_with(peek(walk), SPAN("-")))
            walk->at++; /* most likely its value: one mistake is enough */
        return;
    }
    take_value(walk, flag, has_value);
}

static bool next_flag(struct walk *walk, struct flag *flag)
{
    struct span text;

    if (walk->at >= walk->input->argc)
        return false;
    text = span_from_str(walk->input->argv[walk->at++]);
    if (!walk->is_past_flags && span_equal(text, SPAN("--"))) {
        walk->is_past_flags = true;
        return next_flag(walk, flag);
    }
    *flag = (struct flag){.kind = FLAG_WORD, .value = text};
    if (walk->is_past_flags || text.len < 2 || text.data[0] != '-')
        return true;
    if (span_equal(text, SPAN("-h")) || span_equal(text, SPAN("--help")))
        flag->kind = FLAG_HELP;
    else if (span_starts_with(text, SPAN("--")))
        read_flag(walk, text, flag);
    else
        *flag = (struct flag){.kind = FLAG_UNKNOWN, .name = text};
    return true;
}

static void add_own(struct config *config, const struct flag *flag)
{
    struct config_flag *flags = arena_alloc(&config->arena, (config->flag_count + 1) * sizeof(*flags));

    if (config->flag_count > 0)
        memcpy(flags, config->flags, config->flag_count * sizeof(*flags));
    flags[config->flag_count++] = (struct config_flag){flag->name, arena_copy(&config->arena, flag->value)};
    config->flags = flags;
}

void config_flags_read(struct config *config, const struct config_input *input, struct config_report *report)
{
    const struct config_place place = {SPAN("command line"), 0};
    struct walk walk = {config, input, 0, false};
    struct flag flag;

    while (next_flag(&walk, &flag)) {
        switch (flag.kind) {
        case FLAG_WORD:
            config_list_add(config, &config->words, arena_copy(&config->arena, flag.value));
            if (config->words.count == input->words_max + 1)
                config_problem(report, &place, SPAN(""), "nobody asked for the word %.*s", SPAN_ARG(flag.value));
            break;
        case FLAG_OPTION: break; /* when its turn has come */
        case FLAG_OWN: add_own(config, &flag); break;
        case FLAG_FILE: config->file = arena_copy(&config->arena, flag.value); break;
        case FLAG_HELP: config->wants_help = true; break;
        case FLAG_UNKNOWN: config_problem_unknown(report, &place, flag.name); break;
        case FLAG_BARE: config_problem(report, NULL, flag.word, "its value is missing"); break;
        }
    }
}

/* --listen may be given more than once: each adds to those before it. */
static void apply(struct config *config, const struct flag *flag, struct config_report *report)
{
    const struct config_place place = {flag->word, 0};
    struct config_list *list = (struct config_list *)(void *)((char *)config + flag->row->offset);
    struct config_list earlier = {NULL, 0}, later;

    if (flag->row->type == CONFIG_list && span_starts_with(config_place_of(config, flag->row)->source, SPAN("--")))
        earlier = *list;
    config_value_apply(config, flag->row, flag->value, &place, report);
    if (earlier.count == 0)
        return;
    later = *list;
    *list = (struct config_list){NULL, 0};
    for (size_t i = 0; i < earlier.count; i++)
        config_list_add(config, list, earlier.items[i]);
    for (size_t i = 0; i < later.count; i++)
        config_list_add(config, list, later.items[i]);
}

void config_flags_apply(struct config *config, const struct config_input *input, struct config_report *report)
{
    struct walk walk = {config, input, 0, false};
    struct flag flag;

    while (next_flag(&walk, &flag))
        if (flag.kind == FLAG_OPTION)
            apply(config, &flag, report);
}
