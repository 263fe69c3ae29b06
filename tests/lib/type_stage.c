#include "lib/type_stage.h"

#include "server/types_builtin.h"

struct type_registry *registry;

static void read_types(struct span types)
{
    struct buf why = BUF_EMPTY;

    if (type_registry_new(types, SPAN_EMPTY, &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    buf_deinit(&why);
}

void type_stage_init(const char *types)
{
    (void)arena_stage_set_up(NULL);
    read_types(span_from_str(types));
}

int type_stage_set_up(void **state)
{
    (void)arena_stage_set_up(state);
    read_types(types_builtin());
    return 0;
}

int type_stage_tear_down(void **state)
{
    type_registry_unref(registry);
    return arena_stage_tear_down(state);
}
