#include "lib/change_stage.h"

#include "collab/type/access.h"

static const char types[] =
    "{\"order\":{\"fields\":{"
    "\"title\":{\"kind\":\"string\",\"required\":true,\"max\":20},"
    "\"status\":{\"kind\":\"enum\",\"values\":[\"draft\",\"open\",\"done\"],\"default\":\"draft\",\"required\":true},"
    "\"approved_by\":{\"kind\":\"string\",\"read_only\":true},"
    "\"approved_at\":{\"kind\":\"date\",\"read_only\":true},"
    "\"qty\":{\"kind\":\"integer\",\"min\":0,\"max\":100},"
    "\"price\":{\"kind\":\"number\",\"write\":[\"manager\"]},"
    "\"rush\":{\"kind\":\"boolean\"},"
    "\"due\":{\"kind\":\"date\"},"
    "\"notes\":{\"kind\":\"text\"},"
    "\"tags\":{\"kind\":\"json\"},"
    "\"address\":{\"kind\":\"object\"},"
    "\"items\":{\"kind\":\"collection\"}},"
    "\"actions\":{"
    "\"approve\":{\"event\":\"approved\",\"when\":{\"status\":[\"open\"],\"rush\":[false,null]},"
    "\"set\":{\"status\":\"done\",\"approved_by\":\"$username\",\"approved_at\":\"$now\",\"notes\":\"$input.note?\"}},"
    "\"adjust\":{\"add\":{\"qty\":\"$input.delta\"}}}}}";

struct tried tried;
static struct json json;

int change_stage_set_up(void **state)
{
    (void)state;
    type_stage_init(types);
    tried.type = type_find(registry, SPAN("order"));
    return 0;
}

int change_stage_tear_down(void **state)
{
    json_deinit(&json);
    json = (struct json){0};
    buf_deinit(&tried.state);
    return type_stage_tear_down(state);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

yyjson_val *change_stage_json(const char *text)
{
    json_deinit(&json);
    assert_int_equal(json_parse(&json, span_from_str(text), &json_limits_default), OK);
    return json.root;
}

uint64_t change_stage_writable(const char *role)
{
    struct span name = span_from_str(role);

    return access_writable(access_of(registry, &name, 1), tried.type);
}

typedef enum err read_change(struct arena *arena, const struct type *type, yyjson_val *json, uint64_t writable,
                             struct change *change, struct span *field);

static enum err read_with(read_change *read, const char *text)
{
    tried.field = SPAN_EMPTY;
    return read(&arena, tried.type, change_stage_json(text), change_stage_writable("editor"), &tried.change,
                &tried.field);
}

enum err change_try_patch(const char *text)
{
    tried.change = (struct change){.entity_id = SPAN("ORD-1")};
    return read_with(change_from_patch, text);
}

enum err change_try_record(const char *text)
{
    tried.change = (struct change){0};
    return read_with(change_from_record, text);
}

enum err change_try(const char *text)
{
    tried.change = (struct change){0};
    return read_with(change_from_json, text);
}

/* ---- applying ----------------------------------------------------------------------------------------------------- */

enum err change_try_on(const char *state)
{
    buf_reset(&tried.state);
    return change_apply(&arena, tried.type, span_from_str(state), 65536, &tried.change, &tried.state);
}

void assert_wrong(enum err err, enum err expected, const char *field)
{
    assert_string_equal(err_code(err), err_code(expected));
    assert_text(tried.field, field);
}

void assert_applied(const char *state, const char *expected)
{
    assert_string_equal(err_code(change_try_on(state)), "ok");
    assert_text(buf_span(&tried.state), expected);
}

void assert_op(const char *change, const char *state, const char *expected)
{
    assert_string_equal(err_code(change_try(change)), "ok");
    assert_applied(state, expected);
}
