/* The way back of what was committed. Exact: on the state right after it, it restores what was before. */
#include "collab/change/change_build.h"
#include "collab/change/number.h"
#include "collab/change/transform.h"
#include "collab/change/undo.h"

static void put_item_back(struct arena *arena, const struct op *op, struct op *back)
{
    back->kind = OP_INS;
    back->value = op->before;
    back->pos = json_get_text(json_in_arena_read(arena, op->before), "pos");
}

/* A decimal that does not come out even is put back as it was. */
static void count_back(struct arena *arena, const struct op *op, struct op *back)
{
    const struct span amount = number_negative(arena, op->value);

    if (!span_equal(number_sum(arena, op->after, amount), op->before))
        return;
    back->kind = OP_INC;
    back->value = amount;
}

static void edit_back(struct arena *arena, const struct op *op, struct op *back)
{
    back->kind = OP_TXT;
    back->value = text_invert(arena, json_text(json_in_arena_read(arena, op->before)), op->value);
}

bool op_invert(struct arena *arena, const struct op *op, struct op *back)
{
    if (span_equal(op->before, op->after))
        return false;
    *back = (struct op){.kind = OP_SET, .path = op->path, .value = op->before};
    if (op->before.len == 0) {
        back->kind = OP_DEL;
        return true;
    }
    switch (op->kind) {
    case OP_DEL:
        if (path_is_item(&op->path))
            put_item_back(arena, op, back);
        break;
    case OP_MOV:
        back->kind = OP_MOV;
        back->value = SPAN_EMPTY;
        back->pos = json_text(json_in_arena_read(arena, op->before));
        break;
    case OP_INC: count_back(arena, op, back); break;
    case OP_TXT: edit_back(arena, op, back); break;
    default: break;
    }
    return true;
}

void change_invert(struct arena *arena, const struct change *change, struct op **ops, uint32_t *count)
{
    *ops = arena_alloc(arena, change->op_count * sizeof(struct op));
    *count = 0;
    for (uint32_t i = change->op_count; i-- > 0;)
        if (op_invert(arena, &change->ops[i], &(*ops)[*count]))
            ++*count;
}
