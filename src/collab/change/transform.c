#include "collab/change/transform.h"

#include "collab/change/change_build.h"
#include "collab/change/number.h"

/* ---- addresses ---- */

/* Nearly all pairs lie apart, and most differ in the length of a step already. */
enum relation path_relation(const struct path *a, const struct path *b)
{
    const uint32_t shared = a->depth < b->depth ? a->depth : b->depth;

    for (uint32_t i = 0; i < shared; i++)
        if (a->steps[i].len != b->steps[i].len || memcmp(a->steps[i].data, b->steps[i].data, a->steps[i].len) != 0)
            return RELATION_APART;
    if (a->depth == b->depth)
        return RELATION_SAME;
    return a->depth > b->depth ? RELATION_INSIDE : RELATION_AROUND;
}

/* ---- the table, a row each ---- */

static bool transform_set(struct arena *arena, struct op *a, const struct op *b, enum side side)
{
    struct span total;

    switch (b->kind) {
    case OP_SET: return side == SIDE_LATE;
    case OP_DEL: return !path_is_item(&a->path);
    case OP_INC:
        total = number_is(a->value) ? number_sum(arena, a->value, b->value) : SPAN_EMPTY;
        if (total.len > 0)
            a->value = total;
        return true;
    default: return true;
    }
}

static bool transform_del(const struct op *a, const struct op *b)
{
    switch (b->kind) {
    case OP_SET: return path_is_item(&a->path);
    case OP_DEL: return false;
    default: return true;
    }
}

static bool transform_inc(const struct op *b)
{
    switch (b->kind) {
    case OP_SET: return number_is(b->value);
    case OP_DEL: return false;
    default: return true;
    }
}

static bool transform_txt(struct arena *arena, struct op *a, const struct op *b, enum side side)
{
    switch (b->kind) {
    case OP_SET:
    case OP_DEL: return false;
    case OP_TXT: a->value = text_transform(arena, a->value, b->value, side); return a->value.len > 0;
    default: return true;
    }
}

static bool transform_ins(const struct op *b)
{
    return b->kind != OP_DEL && b->kind != OP_INS;
}

static bool transform_mov(const struct op *b, enum side side)
{
    return b->kind != OP_DEL && (b->kind != OP_MOV || side == SIDE_LATE);
}

static bool transform_same(struct arena *arena, struct op *a, const struct op *b, enum side side)
{
    switch (a->kind) {
    case OP_SET: return transform_set(arena, a, b, side);
    case OP_DEL: return transform_del(a, b);
    case OP_INC: return transform_inc(b);
    case OP_TXT: return transform_txt(arena, a, b, side);
    case OP_INS: return transform_ins(b);
    case OP_MOV: return transform_mov(b, side);
    case OP_TEST: break;
    }
    return true;
}

bool transform_op(struct arena *arena, struct op *a, const struct op *b, enum side side)
{
    if (a->kind == OP_TEST || b->kind == OP_TEST)
        return true;
    switch (path_relation(&a->path, &b->path)) {
    case RELATION_SAME: return transform_same(arena, a, b, side);
    case RELATION_INSIDE: return b->kind != OP_SET && b->kind != OP_DEL;
    default: return true;
    }
}

/* ---- lists ---- */

/* Takes *b through all of a: each of a is rewritten over b, and b goes on to the next one rewritten over this one. What
 * is left of a moves up. False: nothing is left of b. */
static bool carry(struct arena *arena, struct op *a, uint32_t *a_count, struct op *b, enum side side)
{
    bool is_b_left = true;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *a_count; i++) {
        if (is_b_left && path_relation(&a[i].path, &b->path) != RELATION_APART) {
            const struct op before = a[i];
            const bool is_left = transform_op(arena, &a[i], b, side);

            is_b_left = transform_op(arena, b, &before, side_opposite(side));
            if (!is_left)
                continue;
        }
        if (kept++ != i)
            a[kept - 1] = a[i];
    }
    *a_count = kept;
    return is_b_left;
}

void transform_both(struct arena *arena, struct op *a, uint32_t *a_count, struct op *b, uint32_t *b_count,
                    enum side side)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *b_count; i++)
        if (carry(arena, a, a_count, &b[i], side))
            b[kept++] = b[i];
    *b_count = kept;
}

void transform_ops(struct arena *arena, struct op *a, uint32_t *a_count, const struct op *b, uint32_t b_count,
                   enum side side)
{
    struct op *copy = ops_copy(arena, b, b_count);

    transform_both(arena, a, a_count, copy, &b_count, side);
}

struct op *ops_copy(struct arena *arena, const struct op *ops, uint32_t count)
{
    struct op *copy = arena_alloc(arena, count * sizeof(struct op));

    if (count > 0)
        memcpy(copy, ops, count * sizeof(struct op));
    return copy;
}
