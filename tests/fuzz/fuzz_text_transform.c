/* Two edits of one text, each a JSON array, with a line break between them: what is accepted is rewritten so that both orders give the same
 * text, and is taken back by its inverse. */
#include "collab/change/text.h"
#include "collab/change/transform.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char text[] = "a\xf0\x9f\x98\x80z \xe0\xb8\xaa\xc3\xa4 the pump \xf0\x9f\x98\x80\xf0\x9f\x98\x80 leaks";

/* Empty: it is none. */
static struct span read_edit(struct arena *arena, struct span input)
{
    struct json json;
    struct buf edit = BUF_EMPTY;
    struct span copy;

    if (json_parse(&json, input, &json_limits_default) != OK)
        return SPAN_EMPTY;
    if (text_edit_is_valid(json.root))
        text_edit_write(&edit, json.root);
    copy = edit.len > 0 ? arena_copy(arena, buf_span(&edit)) : SPAN_EMPTY;
    json_deinit(&json);
    buf_deinit(&edit);
    return copy;
}

static enum err apply(struct arena *arena, struct span before, struct span edit, struct span *after)
{
    struct buf out = BUF_EMPTY;
    struct json json;
    enum err err;

    *after = before;
    if (edit.len == 0)
        return OK; /* nothing was left of it */
    assert(json_parse(&json, edit, &(struct json_limits){1 << 20, 8, 1 << 16}) == OK);
    if ((err = text_edit_apply(before, json.root, &out)) == OK)
        *after = arena_copy(arena, buf_span(&out));
    json_deinit(&json);
    buf_deinit(&out);
    return err;
}

static void check_back(struct arena *arena, struct span before, struct span edit, struct span after)
{
    struct span back;

    assert(apply(arena, after, text_invert(arena, before, edit), &back) == OK);
    assert(span_equal(back, before));
}

static void check(struct arena *arena, struct span a, struct span b)
{
    const struct span before = span_of(text, sizeof(text) - 1);
    struct span after_a, after_b, one, other;

    if (apply(arena, before, a, &after_a) != OK || apply(arena, before, b, &after_b) != OK)
        return;
    assert(apply(arena, after_a, text_transform(arena, b, a, SIDE_LATE), &one) == OK);
    assert(apply(arena, after_b, text_transform(arena, a, b, SIDE_EARLY), &other) == OK);
    assert(span_equal(one, other));
    check_back(arena, before, a, after_a);
    check_back(arena, before, b, after_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *middle = len > 0 ? memchr(data, '\n', len) : NULL;
    struct arena arena;
    struct span a, b;

    if (middle == NULL)
        return 0;
    arena_init(&arena, 16384);
    a = read_edit(&arena, span_of(data, (size_t)(middle - data)));
    b = read_edit(&arena, span_of(middle + 1, len - (size_t)(middle - data) - 1));
    if (a.len > 0 && b.len > 0)
        check(&arena, a, b);
    arena_deinit(&arena);
    return 0;
}
