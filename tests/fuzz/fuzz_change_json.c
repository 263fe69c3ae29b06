/* What a client sends as a Change, as a merge patch and as a record: when it is accepted and can be applied, its stored form
 * reads back the same, and a replay of that gives the same state. Nothing is half done when it cannot. */
#include "collab/change/change.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char types[] =
    "{\"order\":{\"aliases\":[\"o\"],\"fields\":{"
    "\"title\":{\"kind\":\"string\",\"required\":true,\"max\":40},"
    "\"status\":{\"kind\":\"enum\",\"values\":[\"draft\",\"open\",\"done\"],\"default\":\"draft\",\"required\":true},"
    "\"by\":{\"kind\":\"string\",\"read_only\":true},\"qty\":{\"kind\":\"integer\",\"min\":-100,\"max\":100},"
    "\"price\":{\"kind\":\"number\"},\"rush\":{\"kind\":\"boolean\"},\"due\":{\"kind\":\"date\"},"
    "\"notes\":{\"kind\":\"text\"},\"tags\":{\"kind\":\"json\"},\"address\":{\"kind\":\"object\"},"
    "\"parent\":{\"kind\":\"reference\",\"target\":\"order\"},\"items\":{\"kind\":\"collection\"}}}}";

static const char full_state[] =
    "{\"title\":\"A\",\"status\":\"open\",\"qty\":5,\"price\":1.5,\"rush\":true,"
    "\"notes\":\"a\xf0\x9f\x98\x80z \xe0\xb8\xaa\",\"tags\":[1,{\"a\":null}],\"address\":{\"city\":\"Bern\",\"geo\":{\"lat\":1}},"
    "\"items\":[{\"id\":\"a\",\"pos\":\"V000\",\"qty\":1,\"name\":\"x\",\"inner\":[{\"id\":\"k\",\"pos\":\"1\"}]},"
    "{\"id\":\"b\",\"pos\":\"V001\"}]}";

static struct type_registry *registry(void)
{
    static struct type_registry *made;
    struct buf why = BUF_EMPTY;

    if (made == NULL && type_registry_new(span_of(types, sizeof(types) - 1), SPAN_EMPTY, &made, &why) != OK)
        abort();
    return made;
}

static void assert_same_ops(const struct change *a, const struct change *b)
{
    assert(a->kind == b->kind && a->op_count == b->op_count && a->base_version == b->base_version);
    assert(span_equal(a->id, b->id) && span_equal(a->metadata, b->metadata));
    assert(a->stamp == b->stamp && span_equal(a->source, b->source) && span_equal(a->group, b->group));
    for (uint32_t i = 0; i < a->op_count; i++) {
        const struct op *one = &a->ops[i], *other = &b->ops[i];

        assert(one->kind == other->kind && one->path.depth == other->path.depth);
        for (uint32_t k = 0; k < one->path.depth; k++)
            assert(span_equal(one->path.steps[k], other->path.steps[k]));
        assert(span_equal(one->value, other->value) && span_equal(one->pos, other->pos));
        assert(span_equal(one->before, other->before) && span_equal(one->after, other->after));
    }
}

static void check_stored_form(struct arena *arena, const struct change *change, struct span state, struct span after)
{
    struct buf body = BUF_EMPTY, replayed = BUF_EMPTY;
    struct change again;

    change_print(&body, change);
    assert(change_read(arena, buf_span(&body), &again) == OK);
    assert_same_ops(change, &again);
    assert(change_apply(arena, NULL, state, SIZE_MAX, &again, &replayed) == OK);
    assert(span_equal(buf_span(&replayed), after));
    assert_same_ops(change, &again);
    buf_deinit(&body);
    buf_deinit(&replayed);
}

static void check_items(yyjson_val *items)
{
    yyjson_arr_iter iter;
    yyjson_val *item;
    struct span pos = SPAN_EMPTY, id = SPAN_EMPTY;

    assert(yyjson_is_arr(items));
    yyjson_arr_iter_init(items, &iter);
    while ((item = yyjson_arr_iter_next(&iter)) != NULL) {
        struct span next_pos = json_get_text(item, "pos"), next_id = json_get_text(item, "id");

        assert(order_key_is_valid(next_pos) && item_id_is_valid(next_id));
        assert(span_compare(pos, next_pos) < 0 || (span_equal(pos, next_pos) && span_compare(id, next_id) < 0));
        pos = next_pos;
        id = next_id;
    }
}

static void check_state(struct span text)
{
    const struct json_limits limits = {1 << 20, 64, 1 << 16};
    struct json json;

    assert(json_parse(&json, text, &limits) == OK);
    if (json_get(json.root, "items"))
        check_items(json_get(json.root, "items"));
    json_deinit(&json);
}

static void apply(struct arena *arena, struct change *change, struct span state)
{
    const struct type *type = type_find(registry(), SPAN("order"));
    struct buf after = BUF_EMPTY;

    if (change_apply(arena, type, state, 65536, change, &after) == OK) {
        if (change->kind != CHANGE_DELETE)
            check_state(buf_span(&after));
        check_stored_form(arena, change, state, buf_span(&after));
    } else {
        assert(after.len == 0);
    }
    buf_deinit(&after);
}

typedef enum err maker(struct arena *arena, const struct type *type, yyjson_val *value, uint64_t writable,
                       struct change *change, struct span *field);

static void check(maker *make, yyjson_val *value, struct span state)
{
    const struct type *type = type_find(registry(), SPAN("order"));
    struct change change = {.entity_id = SPAN("ORD-1")};
    struct span field = SPAN_EMPTY;
    struct arena arena;

    arena_init(&arena, 16384);
    if (make(&arena, type, value, ~(uint64_t)4, &change, &field) == OK)
        apply(&arena, &change, state);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span state = span_of(full_state, sizeof(full_state) - 1);
    struct json json;

    if (json_parse(&json, span_of(data, len), &json_limits_default) != OK)
        return 0;
    check(change_from_json, json.root, state);
    check(change_from_json, json.root, SPAN("{}"));
    check(change_from_patch, json.root, state);
    check(change_from_record, json.root, SPAN_EMPTY);
    json_deinit(&json);
    return 0;
}
