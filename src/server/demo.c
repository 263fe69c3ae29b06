#include "server/demo.h"

#include "server/demo_record.h"

const struct demo_account demo_accounts[DEMO_ACCOUNT_COUNT] = {
    {SPAN_INIT("1"), SPAN_INIT("admin"), SPAN_INIT("Ada Admin"), SPAN_INIT("demo"), 1, {SPAN_INIT("admin")}},
    {SPAN_INIT("2"),
     SPAN_INIT("mgarcia"),
     SPAN_INIT("Maria Garcia"),
     SPAN_INIT("demo"),
     2,
     {SPAN_INIT("manager"), SPAN_INIT("approver")}},
    {SPAN_INIT("3"), SPAN_INIT("akhan"), SPAN_INIT("Amir Khan"), SPAN_INIT("demo"), 1, {SPAN_INIT("editor")}},
    {SPAN_INIT("4"), SPAN_INIT("lchen"), SPAN_INIT("Li Chen"), SPAN_INIT("demo"), 1, {SPAN_INIT("viewer")}},
    {SPAN_INIT("5"), SPAN_INIT("jsmith"), SPAN_INIT("John Smith"), SPAN_INIT("demo"), 1, {SPAN_INIT("editor")}},
};

enum { ARENA_BLOCK_BYTES = 32 * 1024 };

size_t demo_generate(struct type_registry *registry, demo_sink *sink, void *arg)
{
    /* What is referred to comes before what refers to it. */
    static void (*const makers[])(struct demo *) = {
        demo_divisions, demo_vendors, demo_parts,     demo_items,    demo_customers, demo_prices,
        demo_orders,    demo_ecos,    demo_purchases, demo_projects, demo_employees, demo_work_orders,
    };
    struct demo demo = {.registry = registry, .sink = sink, .arg = arg};

    arena_init(&demo.arena, ARENA_BLOCK_BYTES);
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
        makers[i](&demo);
    buf_deinit(&demo.json);
    buf_deinit(&demo.state);
    arena_deinit(&demo.arena);
    return demo.count;
}
