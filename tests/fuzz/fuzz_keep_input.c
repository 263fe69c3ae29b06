/* The input of commands about comments, messages, notifications and so on: what is accepted is within what was asked for. And preferences, as
 * somebody may have left them: they always say something. */
#include "base/utf8.h"
#include "collab/keep/keep_job.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CHARACTERS_MAX = 20, JSON_BYTES_MAX = 64 };

static bool has_control(struct span text)
{
    uint32_t codepoint;

    while (utf8_next(&text, &codepoint))
        if (utf8_is_control(codepoint))
            return true;
    return false;
}

static void check_texts(struct keep_job *job)
{
    struct span out;

    if (keep_input_text(job, "text", CHARACTERS_MAX, true, &out) == OK)
        assert(out.len > 0 && out.len <= (size_t)4 * CHARACTERS_MAX);
    if (keep_input_text(job, "text", CHARACTERS_MAX, false, &out) == OK)
        assert(out.len <= (size_t)4 * CHARACTERS_MAX);
    if (keep_input_label(job, "title", CHARACTERS_MAX, true, &out) == OK)
        assert(out.len > 0 && out.len <= (size_t)4 * CHARACTERS_MAX && !has_control(out));
}

static void check_values(struct keep_job *job)
{
    struct span out;

    if (keep_input_json(job, "data", false, JSON_BYTES_MAX, &out) == OK && out.len > 0)
        assert(out.len <= JSON_BYTES_MAX && out.data[0] == '{');
    if (keep_input_json(job, "actions", true, JSON_BYTES_MAX, &out) == OK && out.len > 0)
        assert(out.len <= JSON_BYTES_MAX && out.data[0] == '[');
    if (keep_input_id(job, json_get(job->input.root, "user_id"), "user_id", &out) == OK)
        assert(out.len > 0 && !has_control(out));
}

static void check_lists(struct keep_job *job)
{
    struct keep_people people;

    if (keep_people_listed(job, "mentions", true, &people) != OK)
        return;
    assert(people.count <= KEEP_PEOPLE_MAX);
    for (uint32_t i = 0; i < people.count; i++)
        for (uint32_t k = 0; k < i; k++)
            assert(!span_equal(people.ids[i], people.ids[k]));
}

static void check_preferences(struct span input)
{
    struct notice_ways normal = notice_ways_of(input, SPAN("mention"), SPAN("normal"));
    struct notice_ways none = notice_ways_of(SPAN_EMPTY, SPAN("mention"), SPAN("normal"));

    (void)normal;
    assert(none.is_on && none.toast && none.badge && !none.sound && !none.desktop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct command command = {.kind = COMMAND_OBJECT};
    struct keep_job job = {.command = &command};

    check_preferences(span_of(data, len));
    if (json_parse(&job.input, span_of(data, len), &json_limits_default) != OK)
        return 0;
    arena_init(&job.arena, 4096);
    check_texts(&job);
    check_values(&job);
    check_lists(&job);
    arena_deinit(&job.arena);
    json_deinit(&job.input);
    return 0;
}
