#include "collab/change/change_build.h"

#include <assert.h>

/* The first name of each is the one that is printed. */
static const struct {
    struct span name;
    enum op_kind kind;
} names[] = {
    {SPAN_INIT("set"), OP_SET},       {SPAN_INIT("update"), OP_SET}, {SPAN_INIT("del"), OP_DEL},
    {SPAN_INIT("delete"), OP_DEL},    {SPAN_INIT("ins"), OP_INS},    {SPAN_INIT("insert"), OP_INS},
    {SPAN_INIT("mov"), OP_MOV},       {SPAN_INIT("move"), OP_MOV},   {SPAN_INIT("inc"), OP_INC},
    {SPAN_INIT("increment"), OP_INC}, {SPAN_INIT("txt"), OP_TXT},    {SPAN_INIT("text"), OP_TXT},
    {SPAN_INIT("test"), OP_TEST},
};

enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

struct span op_name(enum op_kind kind)
{
    size_t i = 0;

    while (i < NAME_COUNT && names[i].kind != kind)
        i++;
    assert(i < NAME_COUNT);
    return names[i].name;
}

bool op_kind_parse(struct span name, enum op_kind *out)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (span_equal(names[i].name, name)) {
            *out = names[i].kind;
            return true;
        }
    }
    return false;
}

bool change_is_empty(const struct change *change)
{
    if (change->kind == CHANGE_CREATE || change->kind == CHANGE_DELETE || change->superseded_count > 0 ||
        change->undo_of != 0)
        return false;
    for (uint32_t i = 0; i < change->op_count; i++)
        if (!span_equal(change->ops[i].before, change->ops[i].after))
            return false;
    return true;
}
