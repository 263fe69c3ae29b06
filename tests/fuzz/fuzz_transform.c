/* Two lists of operations made on one state, drawn from the input: doing the first and then the second rewritten gives the same as the
 * other way round. */
#include "collab/change/transform.h"
#include "collab/change/state.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char state_text[] =
    "{\"title\":\"a\xf0\x9f\x98\x80z\",\"qty\":5,\"price\":1.5,\"tags\":[1],"
    "\"address\":{\"city\":\"Bern\",\"n\":3},\"items\":[{\"id\":\"a\",\"pos\":\"b\",\"qty\":1,"
    "\"name\":\"x\xc3\xa4y\"},{\"id\":\"b\",\"pos\":\"c\",\"qty\":2,\"name\":\"\"}]}";

/* What is at a place is of one kind, as types have it: nobody counts a text. */
struct place {
    const char *path, *values[4];
    bool is_number, is_text;
};

#define NUMBERS {"1", "-2.5", "100000", "0.1"}, true, false
#define TEXTS {"\"t\"", "\"\"", "\"\xf0\x9f\x98\x80\"", "\"a b\""}, false, true
#define OBJECTS {"{\"city\":\"Rome\"}", "{}", "{\"n\":7}", "{\"city\":\"\",\"n\":0}"}, false, false
#define ITEMS {"{\"qty\":1}", "{}", "{\"name\":\"x\"}", "{\"qty\":2,\"name\":\"y\"}"}, false, false
#define LISTS {"[]", "[{\"id\":\"a\",\"pos\":\"a\"}]", "[]", "[{\"id\":\"z\",\"pos\":\"b\",\"qty\":1}]"}, false, false
#define REGISTERS {"1", "\"t\"", "[2]", "null"}, false, false

static const struct place places[] = {
    {"title", TEXTS},          {"qty", NUMBERS},          {"price", NUMBERS},       {"tags", REGISTERS},
    {"address", OBJECTS},      {"address/city", TEXTS},   {"address/n", NUMBERS},   {"items", LISTS},
    {"items/@a", ITEMS},       {"items/@a/qty", NUMBERS}, {"items/@a/name", TEXTS}, {"items/@b", ITEMS},
    {"items/@b/qty", NUMBERS}, {"items/@b/name", TEXTS},  {"items/@new", ITEMS},    {"items/@other", ITEMS}};
static const char *const amounts[] = {"1", "-7", "0.1", "1000000", "-0.25"};
static const char *const edits[] = {"[1,\"Q\"]",     "[{\"d\":1}]", "[\"\xf0\x9f\x98\x80\"]", "[1,{\"d\":2}]",
                                    "[3,\"e\"]",     "[4,\"z\"]",   "[\"n\",{\"d\":3}]",      "[3,{\"d\":1},\"w\"]",
                                    "[1,{\"d\":1}]", "[2,\"R\"]"};

#define COUNT_OF(list) (sizeof(list) / sizeof(list[0]))

struct bytes {
    const uint8_t *data;
    size_t len;
};

static size_t take(struct bytes *bytes, size_t bound)
{
    uint8_t byte = bytes->len > 0 ? bytes->data[0] : 0;

    if (bytes->len > 0) {
        bytes->data++;
        bytes->len--;
    }
    return byte % bound;
}

static bool is_item(const struct path *path)
{
    return path->depth == 2 && path->steps[1].data[0] == '@';
}

/* Whether somebody could send it; what is on a new item is not, before it is there. */
static bool draw(struct arena *arena, struct bytes *bytes, unsigned side, struct op *op)
{
    const struct place *place = &places[take(bytes, COUNT_OF(places))];

    *op = (struct op){.kind = (enum op_kind)take(bytes, OP_TXT + 1)};
    if (path_parse(arena, span_from_str(place->path), &op->path) != OK)
        return false;
    switch (op->kind) {
    case OP_SET: op->value = span_from_str(place->values[take(bytes, COUNT_OF(place->values))]); break;
    case OP_INC: op->value = span_from_str(amounts[take(bytes, COUNT_OF(amounts))]); break;
    case OP_TXT: op->value = span_from_str(edits[take(bytes, COUNT_OF(edits))]); break;
    case OP_MOV: op->pos = arena_printf(arena, "%c%c", (int)('a' + take(bytes, 5)), (int)('p' + side)); break;
    case OP_INS:
        op->pos = arena_printf(arena, "%c", (int)('a' + take(bytes, 5)));
        op->value =
            arena_printf(arena, "{\"id\":\"%.*s\",\"pos\":\"%.*s\",\"qty\":%u}",
                         SPAN_ARG(span_slice(op->path.steps[op->path.depth - 1], 1, 99)), SPAN_ARG(op->pos), side);
        break;
    default: break;
    }
    if (op->kind == OP_INC || op->kind == OP_TXT)
        return op->kind == OP_INC ? place->is_number : place->is_text;
    return is_item(&op->path) || (op->kind != OP_INS && op->kind != OP_MOV);
}

static bool apply(struct arena *arena, struct change *change, struct span state, struct span *after)
{
    struct buf out = BUF_EMPTY;
    enum err err = change_apply(arena, NULL, state, SIZE_MAX, change, &out);

    if (err == OK)
        *after = arena_copy(arena, buf_span(&out));
    else
        assert(out.len == 0);
    buf_deinit(&out);
    return err == OK;
}

/* An operation that cannot be done is left out: nobody saw a state on which it could be made. */
static struct change draw_change(struct arena *arena, struct bytes *bytes, unsigned side)
{
    struct change change = {.kind = CHANGE_UPDATE, .ops = arena_alloc(arena, 6 * sizeof(struct op))};
    struct span state = span_of(state_text, sizeof(state_text) - 1);

    for (size_t left = 1 + take(bytes, 6); left > 0; left--) {
        struct change one = {.kind = CHANGE_UPDATE, .ops = &change.ops[change.op_count], .op_count = 1};

        if (draw(arena, bytes, side, one.ops) && apply(arena, &one, state, &state) && !change_is_empty(&one))
            change.op_count++;
    }
    for (uint32_t i = 0; i < change.op_count; i++)
        change.ops[i].before = change.ops[i].after = SPAN_EMPTY;
    return change;
}

static struct span without_empty(struct arena *arena, struct span state)
{
    static const char *const containers[] = {"address", "items"};
    struct op ops[COUNT_OF(containers)];
    struct change change = {.kind = CHANGE_UPDATE, .ops = ops};

    for (size_t i = 0; i < COUNT_OF(containers); i++) {
        struct op *op = &ops[change.op_count];

        *op = (struct op){.kind = OP_DEL};
        if (path_parse(arena, span_from_str(containers[i]), &op->path) == OK &&
            state_value(arena, state, &op->path).len == 2)
            change.op_count++;
    }
    (void)apply(arena, &change, state, &state);
    return state;
}

static bool is_same(struct arena *arena, struct span a, struct span b)
{
    return value_is_same(without_empty(arena, a), without_empty(arena, b), false);
}

/* Of two items that both put in under one name, which no two clients do, nothing is promised. */
static bool make_the_same_item(const struct change *a, const struct change *b)
{
    for (uint32_t i = 0; i < a->op_count; i++)
        for (uint32_t k = 0; k < b->op_count; k++)
            if (a->ops[i].kind == OP_INS && b->ops[k].kind == OP_INS &&
                path_relation(&a->ops[i].path, &b->ops[k].path) == RELATION_SAME)
                return true;
    return false;
}

static void check_both_ways(struct arena *arena, const struct change *a, const struct change *b)
{
    const struct span state = span_of(state_text, sizeof(state_text) - 1);
    struct change a_late = *a, b_early = *b, a_first = *a, b_first = *b;
    struct span one, other;

    a_first.ops = ops_copy(arena, a->ops, a->op_count);
    b_first.ops = ops_copy(arena, b->ops, b->op_count);
    a_late.ops = ops_copy(arena, a->ops, a->op_count);
    b_early.ops = ops_copy(arena, b->ops, b->op_count);
    transform_both(arena, a_late.ops, &a_late.op_count, b_early.ops, &b_early.op_count, SIDE_LATE);
    assert(a_late.op_count <= a->op_count && b_early.op_count <= b->op_count);
    if (!apply(arena, &a_first, state, &one) || !apply(arena, &b_first, state, &other))
        return;
    assert(apply(arena, &b_early, one, &one));
    assert(apply(arena, &a_late, other, &other));
    assert(is_same(arena, one, other));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes bytes = {data, len};
    struct change a, b;
    struct arena arena;

    arena_init(&arena, 16384);
    a = draw_change(&arena, &bytes, 0);
    b = draw_change(&arena, &bytes, 1);
    if (!make_the_same_item(&a, &b))
        check_both_ways(&arena, &a, &b);
    arena_deinit(&arena);
    return 0;
}
