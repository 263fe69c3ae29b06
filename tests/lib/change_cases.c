#include "lib/change_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "collab/change/state.h"
#include "collab/change/transform.h"

#include <stdio.h>
#include <stdlib.h>

#define FIELDS(price, qty)                                                            \
    "\"fields\":{\"title\":{\"kind\":\"string\"},\"notes\":{\"kind\":\"text\"},"      \
    "\"qty\":{\"kind\":\"integer\"" qty "},\"price\":{\"kind\":\"number\"" price "}," \
    "\"tags\":{\"kind\":\"json\"},\"address\":{\"kind\":\"object\"},\"items\":{\"kind\":\"collection\"}}"
#define TYPE(name, strategy) "\"" name "\":{\"strategy\":\"" strategy "\"," FIELDS("", "") "}"

static const char types[] =
    "{" TYPE("lww", "last-write-wins") "," TYPE("ot", "operational-transform") "," TYPE("crdt", "crdt") "," TYPE(
        "lock", "lock-based") "," TYPE("manual", "manual") ",\"mixed\":{"
                                                           "\"strategy\":\"operational-transform\"," FIELDS(
                                                               ",\"strategy\":\"manual\"",
                                                               ",\"strategy\":\"crdt\"") "}}";

/* ---- seeds ---- */

static uint64_t number(const char *name, uint64_t fallback)
{
    uint64_t value;

    return span_parse_u64(span_from_str(getenv(name)), &value) ? value : fallback;
}

void cases_init(struct cases *cases, uint64_t ordinary_count)
{
    struct buf why = BUF_EMPTY;

    *cases = (struct cases){.left = number("CASES", ordinary_count), .seed = number("SIMULATION_SEED", 1) - 1};
    cases->is_whole = cases->left >= ordinary_count;
    arena_init(&cases->arena, 64 * 1024);
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &cases->registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
}

void cases_deinit(struct cases *cases)
{
    arena_deinit(&cases->arena);
    type_registry_unref(cases->registry);
}

bool cases_next(struct cases *cases)
{
    if (cases->left-- == 0)
        return false;
    arena_reset(&cases->arena);
    rand_seed(&cases->rand, ++cases->seed);
    cases->new_items = 0;
    return true;
}

const struct type *cases_type(const struct cases *cases, const char *name)
{
    return type_find(cases->registry, span_from_str(name));
}

uint64_t cases_below(struct cases *cases, uint64_t bound)
{
    return rand_below(&cases->rand, bound);
}

bool cases_one_in(struct cases *cases, uint64_t bound)
{
    return rand_below(&cases->rand, bound) == 0;
}

enum op_kind cases_kind(struct cases *cases)
{
    return (enum op_kind)cases_below(cases, OP_KINDS);
}

/* ---- values ---- */

/* Long and short ones, with characters of one and of two UTF-16 units. */
static const char *const letters[] = {"a", "b", "c", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

enum { LETTERS = sizeof(letters) / sizeof(letters[0]), TEXT_MAX = 8, ITEMS_MAX = 4 };

static struct span random_text(struct cases *cases, uint64_t max)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    for (uint64_t i = cases_below(cases, max + 1); i > 0; i--)
        buf_append_str(&text, letters[cases_below(cases, LETTERS)]);
    copy = arena_copy(&cases->arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static struct span quoted(struct cases *cases, uint64_t max)
{
    const struct span text = random_text(cases, max);

    return arena_printf(&cases->arena, "\"%.*s\"", SPAN_ARG(text));
}

static struct span whole_number(struct cases *cases)
{
    return arena_printf(&cases->arena, "%d", (int)cases_below(cases, 20) - 5);
}

static struct span decimal(struct cases *cases)
{
    return arena_printf(&cases->arena, "%d.%d", (int)cases_below(cases, 30), (int)cases_below(cases, 10));
}

static struct span random_pos(struct cases *cases)
{
    return arena_printf(&cases->arena, "%c%c", (int)('a' + cases_below(cases, 6)), (int)('a' + cases_below(cases, 3)));
}

static struct span anything(struct cases *cases)
{
    switch (cases_below(cases, 4)) {
    case 0: return whole_number(cases);
    case 1: return SPAN("[1,{\"k\":\"v\"}]");
    case 2: return SPAN("{\"k\":1,\"l\":[]}");
    default: return quoted(cases, 3);
    }
}

static struct span item_members(struct cases *cases)
{
    const struct span qty = whole_number(cases), name = quoted(cases, TEXT_MAX);

    return arena_printf(&cases->arena, "\"qty\":%.*s,\"name\":%.*s", SPAN_ARG(qty), SPAN_ARG(name));
}

static struct span address(struct cases *cases)
{
    const struct span city = quoted(cases, TEXT_MAX);
    const struct span n = cases_one_in(cases, 5) ? SPAN("\"none\"") : whole_number(cases);

    return arena_printf(&cases->arena, "{\"city\":%.*s,\"n\":%.*s}", SPAN_ARG(city), SPAN_ARG(n));
}

/* i0, i1, ... in order, so that the array is sorted as it is. */
static struct span items(struct cases *cases)
{
    struct buf text = BUF_EMPTY;
    struct span copy;
    const uint64_t count = cases_below(cases, ITEMS_MAX + 1);

    buf_append_char(&text, '[');
    for (uint64_t i = 0; i < count; i++) {
        const struct span members = item_members(cases);

        buf_printf(&text, "%s{\"id\":\"i%llu\",\"pos\":\"%c\",%.*s}", i ? "," : "", (unsigned long long)i,
                   (int)('b' + (int)i), SPAN_ARG(members));
    }
    buf_append_char(&text, ']');
    copy = arena_copy(&cases->arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static struct span field_value(struct cases *cases, struct span name)
{
    switch (name.data[0]) {
    case 'q': return whole_number(cases);
    case 'p': return decimal(cases);
    case 'a': return address(cases);
    case 'i': return items(cases);
    case 'n': return name.len == 1 ? anything(cases) : quoted(cases, TEXT_MAX);
    case 't': return name.data[1] == 'a' ? anything(cases) : quoted(cases, TEXT_MAX);
    default: return quoted(cases, TEXT_MAX);
    }
}

static const struct span fields[] = {SPAN_INIT("title"), SPAN_INIT("notes"),   SPAN_INIT("qty"),  SPAN_INIT("price"),
                                     SPAN_INIT("tags"),  SPAN_INIT("address"), SPAN_INIT("items")};

enum { FIELDS_COUNT = sizeof(fields) / sizeof(fields[0]), ADDRESS = 5, ITEMS = 6 };

struct span cases_state(struct cases *cases)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    buf_append_char(&text, '{');
    for (size_t i = 0; i < FIELDS_COUNT; i++)
        if (!cases_one_in(cases, 5))
            json_member_raw(&text, fields[i].data, field_value(cases, fields[i]));
    buf_append_char(&text, '}');
    copy = arena_copy(&cases->arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

/* ---- operations ---- */

static struct path path_of(struct span a, struct span b, struct span c)
{
    return (struct path){1u + (b.len > 0) + (c.len > 0), {a, b, c}};
}

/* One that is there, most of the time. */
static struct span item_step(struct cases *cases, struct span state)
{
    const struct path path = path_of(fields[ITEMS], SPAN_EMPTY, SPAN_EMPTY);
    struct json json = {0};
    struct span id = SPAN("gone");
    const struct span array = state_value(&cases->arena, state, &path);

    if (array.len > 0 && json_parse(&json, array, &json_limits_default) == OK && yyjson_arr_size(json.root) > 0)
        id = json_get_text(yyjson_arr_get(json.root, cases_below(cases, yyjson_arr_size(json.root))), "id");
    id = arena_printf(&cases->arena, "@%.*s", SPAN_ARG(id));
    json_deinit(&json);
    return id;
}

static struct path number_path(struct cases *cases, struct span state)
{
    switch (cases_below(cases, 4)) {
    case 0: return path_of(SPAN("qty"), SPAN_EMPTY, SPAN_EMPTY);
    case 1: return path_of(SPAN("price"), SPAN_EMPTY, SPAN_EMPTY);
    case 2: return path_of(SPAN("address"), SPAN("n"), SPAN_EMPTY);
    default: return path_of(SPAN("items"), item_step(cases, state), SPAN("qty"));
    }
}

static struct path text_path(struct cases *cases, struct span state)
{
    switch (cases_below(cases, 4)) {
    case 0: return path_of(SPAN("title"), SPAN_EMPTY, SPAN_EMPTY);
    case 1: return path_of(SPAN("notes"), SPAN_EMPTY, SPAN_EMPTY);
    case 2: return path_of(SPAN("address"), SPAN("city"), SPAN_EMPTY);
    default: return path_of(SPAN("items"), item_step(cases, state), SPAN("name"));
    }
}

static struct path item_path(struct cases *cases, struct span state)
{
    return path_of(SPAN("items"), item_step(cases, state), SPAN_EMPTY);
}

static struct path any_path(struct cases *cases, struct span state)
{
    switch (cases_below(cases, 5)) {
    case 0: return number_path(cases, state);
    case 1: return text_path(cases, state);
    case 2: return item_path(cases, state);
    case 3: return path_of(SPAN("address"), SPAN("new"), SPAN_EMPTY);
    default: return path_of(fields[cases_below(cases, FIELDS_COUNT)], SPAN_EMPTY, SPAN_EMPTY);
    }
}

static struct span value_at(struct cases *cases, const struct path *path)
{
    const struct span last = path->steps[path->depth - 1];

    if (last.data[0] == '@') {
        const struct span members = item_members(cases);

        return arena_printf(&cases->arena, "{%.*s}", SPAN_ARG(members));
    }
    return path->depth > 1 && cases_one_in(cases, 4) ? anything(cases) : field_value(cases, last);
}

static void insert_text(struct cases *cases, struct buf *edit)
{
    const struct span text = random_text(cases, 3);

    if (text.len == 0)
        return;
    buf_append_char(edit, edit->len > 1 ? ',' : '[');
    json_append_string(edit, text);
}

/* Keeps, deletes and inserts by chance, character by character. */
static struct span random_edit(struct cases *cases, struct span text)
{
    struct buf edit = BUF_EMPTY;
    struct span copy;
    uint32_t codepoint;

    while (utf8_next(&text, &codepoint)) {
        const int units = codepoint > 0xffff ? 2 : 1;

        if (cases_one_in(cases, 4))
            insert_text(cases, &edit);
        buf_append_char(&edit, edit.len > 0 ? ',' : '[');
        buf_printf(&edit, cases_one_in(cases, 3) ? "{\"d\":%d}" : "%d", units);
    }
    insert_text(cases, &edit);
    if (edit.len == 0)
        BUF_APPEND_LITERAL(&edit, "[\"x\"");
    buf_append_char(&edit, ']');
    copy = arena_copy(&cases->arena, buf_span(&edit));
    buf_deinit(&edit);
    return copy;
}

static void make_txt(struct cases *cases, struct span state, struct op *op)
{
    struct json json = {0};
    struct span there;

    op->path = text_path(cases, state);
    there = state_value(&cases->arena, state, &op->path);
    if (there.len > 0 && json_parse(&json, there, &json_limits_default) != OK)
        fail_msg("%.*s", SPAN_ARG(there));
    op->value = random_edit(cases, json_text(json.root));
    json_deinit(&json);
}

static void make_ins(struct cases *cases, struct span state, struct op *op)
{
    op->path = item_path(cases, state);
    if (!cases_one_in(cases, 4) || span_equal(op->path.steps[1], SPAN("@gone"))) /* else it is there already */
        op->path.steps[1] = arena_printf(&cases->arena, "@n%u", ++cases->new_items);
    op->pos = random_pos(cases);
    op->value = value_at(cases, &op->path);
}

struct op cases_op(struct cases *cases, enum op_kind kind, struct span state)
{
    struct op op = {.kind = kind};

    switch (kind) {
    case OP_SET:
        op.path = any_path(cases, state);
        op.value = value_at(cases, &op.path);
        break;
    case OP_INC:
        op.path = number_path(cases, state);
        op.value = span_equal(op.path.steps[0], SPAN("price")) ? decimal(cases) : whole_number(cases);
        break;
    case OP_TXT: make_txt(cases, state, &op); break;
    case OP_INS: make_ins(cases, state, &op); break;
    case OP_MOV:
        op.path = item_path(cases, state);
        op.pos = random_pos(cases);
        break;
    default: op.path = any_path(cases, state); break;
    }
    return op;
}

struct change cases_change(struct cases *cases, struct span state, uint32_t max)
{
    struct change change = {.kind = CHANGE_UPDATE, .type = SPAN("ot"), .entity_id = SPAN("O-1")};
    const uint32_t count = 1 + (uint32_t)cases_below(cases, max);

    change.ops = arena_alloc(&cases->arena, count * sizeof(struct op));
    while (change.op_count < count) {
        struct op *op = &change.ops[change.op_count];
        struct change one = {.kind = CHANGE_UPDATE, .ops = op, .op_count = 1};

        *op = cases_op(cases, cases_kind(cases), state);
        if (!cases_apply(&cases->arena, &one, state, &state))
            fail_msg("seed %llu makes what is refused: %.*s", (unsigned long long)cases->seed, SPAN_ARG(op->value));
        op->before = op->after = SPAN_EMPTY;
        change.op_count++;
    }
    return change;
}

/* ---- doing and comparing ---- */

bool cases_apply(struct arena *arena, struct change *change, struct span state, struct span *after)
{
    struct buf out = BUF_EMPTY;
    const enum err err = change_apply(arena, NULL, state, SIZE_MAX, change, &out);

    if (err == OK)
        *after = arena_copy(arena, buf_span(&out));
    buf_deinit(&out);
    return err == OK;
}

/* A field that is an object or a collection is there, empty, when nothing is in it. */
static struct span without_empty(struct arena *arena, struct span state)
{
    struct op ops[2];
    struct change change = {.kind = CHANGE_UPDATE, .ops = ops};

    for (size_t i = ADDRESS; i <= ITEMS; i++) {
        const struct path path = path_of(fields[i], SPAN_EMPTY, SPAN_EMPTY);

        if (state_value(arena, state, &path).len == 2)
            ops[change.op_count++] = (struct op){.kind = OP_DEL, .path = path};
    }
    (void)cases_apply(arena, &change, state, &state);
    return state;
}

bool cases_is_same(struct arena *arena, struct span a, struct span b)
{
    return value_is_same(without_empty(arena, a), without_empty(arena, b), false);
}

/* ---- failing ---- */

static bool fails(struct case_trial *trial, case_holds *holds, void *context)
{
    struct arena arena;
    bool is_failing;

    arena_init(&arena, 64 * 1024);
    is_failing = !holds(context, &arena, trial);
    arena_deinit(&arena);
    return is_failing;
}

static bool shrink_change(struct case_trial *trial, struct change *change, case_holds *holds, void *context)
{
    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op op = change->ops[i];

        memmove(&change->ops[i], &change->ops[i + 1], (--change->op_count - i) * sizeof(struct op));
        if (fails(trial, holds, context))
            return true;
        memmove(&change->ops[i + 1], &change->ops[i], (change->op_count++ - i) * sizeof(struct op));
        change->ops[i] = op;
    }
    return false;
}

static bool shrink_state(struct cases *cases, struct case_trial *trial, case_holds *holds, void *context)
{
    const struct span whole = trial->state;

    for (size_t i = 0; i < FIELDS_COUNT; i++) {
        struct op op = {.kind = OP_DEL, .path = path_of(fields[i], SPAN_EMPTY, SPAN_EMPTY)};
        struct change change = {.kind = CHANGE_UPDATE, .ops = &op, .op_count = 1};

        if (cases_apply(&cases->arena, &change, whole, &trial->state) && !change_is_empty(&change) &&
            fails(trial, holds, context))
            return true;
        trial->state = whole;
    }
    return false;
}

static bool shrink(struct cases *cases, struct case_trial *trial, case_holds *holds, void *context)
{
    for (uint32_t i = 0; i < trial->change_count; i++)
        if (shrink_change(trial, &trial->changes[i], holds, context))
            return true;
    return shrink_state(cases, trial, holds, context);
}

void cases_fail(struct cases *cases, struct case_trial trial, case_holds *holds, void *context)
{
    struct buf text = BUF_EMPTY;

    while (shrink(cases, &trial, holds, context))
        ;
    buf_printf(&text, "\n    state %.*s", SPAN_ARG(trial.state));
    for (uint32_t i = 0; i < trial.change_count; i++) {
        buf_append_str(&text, "\n    change ");
        change_print(&text, &trial.changes[i]);
    }
    fail_msg("it does not hold:%.*s\n    play it again with SIMULATION_SEED=%llu CASES=1", SPAN_ARG(buf_span(&text)),
             (unsigned long long)cases->seed);
}
