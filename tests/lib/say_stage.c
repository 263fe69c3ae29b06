#include "lib/say_stage.h"

uint64_t all_but(const char *type, const char *field)
{
    const struct type *found = type_find(registry, span_from_str(type));

    return ALL_FIELDS & ~(UINT64_C(1) << type_field(found, span_from_str(field))->index);
}

struct op set_op(const char *field, const char *before, const char *after)
{
    struct op op = {
        .kind = OP_SET, .value = span_from_str(after), .before = span_from_str(before), .after = span_from_str(after)};

    op.path.depth = 1;
    op.path.steps[0] = span_from_str(field);
    return op;
}

void assert_said(say_event *say, struct event *event, uint64_t mask, const char *expected)
{
    struct buf text = BUF_EMPTY;
    const bool has_words = say(event, mask, &text);

    assert_true(has_words == (expected != NULL));
    assert_text(buf_span(&text), expected ? expected : ""); /* nothing half said */
    buf_deinit(&text);
    event_unref(event);
}
