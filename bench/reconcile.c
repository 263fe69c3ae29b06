/* How fast a change that was made against an older version is brought onto the present one: one `set` against 10, 100
 * and 1,000 operations that others made meanwhile on other places of the record, with everything that belongs to it
 * (looking for what meets, applying, printing the new state). One line of JSON for each:
 *
 *     bench/reconcile [milliseconds per line]
 *
 *     {"concurrent":1000,"strategy":"operational-transform","pairs_per_cpu_second":...,"ns_per_pair":...} */
#include "base/span.h"
#include "collab/change/reconcile.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CONCURRENT_MAX = 1000 };

static const char types[] =
    "{\"order\":{\"strategy\":\"operational-transform\",\"strategies_allowed\":[\"last-write-wins\",\"crdt\","
    "\"manual\"],\"fields\":{\"title\":{\"kind\":\"string\"},\"status\":{\"kind\":\"string\"},"
    "\"qty\":{\"kind\":\"integer\"},\"notes\":{\"kind\":\"text\"},\"address\":{\"kind\":\"object\"},"
    "\"items\":{\"kind\":\"collection\"}}}}";
static const char state[] =
    "{\"title\":\"Order\",\"status\":\"open\",\"qty\":5,\"notes\":\"call back\",\"address\":{\"city\":\"Ghent\"},"
    "\"items\":[{\"id\":\"i1\",\"pos\":\"a\",\"qty\":1},{\"id\":\"i2\",\"pos\":\"b\",\"qty\":2}]}";

/* What others do: no two beside each other at the same place, all of them near the place of the `set`. */
static const struct {
    enum op_kind kind;
    const char *path, *value;
} others[] = {
    {OP_SET, "/title", "\"x\""},       {OP_INC, "/qty", "1"},
    {OP_SET, "/items/@i1/qty", "2"},   {OP_TXT, "/notes", "[\"a\"]"},
    {OP_SET, "/address/zip", "\"1\""}, {OP_SET, "/items/@i2/qty", "3"},
    {OP_SET, "/address/city", "\"\""},
};

struct bench {
    struct arena kept, arena;
    const struct type *type;
    struct change *since[CONCURRENT_MAX];
    struct op mine;
};

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_op(struct bench *bench, struct op *op, enum op_kind kind, const char *path, const char *value)
{
    const enum err err = path_parse(&bench->kept, span_from_str(path), &op->path);

    assert(err == OK);
    op->kind = kind;
    op->value = span_from_str(value);
    op->before = SPAN("0");
    op->after = op->value;
}

static void set_up(struct bench *bench)
{
    arena_init(&bench->kept, 1 << 20);
    arena_init(&bench->arena, 1 << 16);
    for (size_t i = 0; i < CONCURRENT_MAX; i++) {
        const size_t which = i % (sizeof(others) / sizeof(others[0]));
        struct change *change = arena_alloc(&bench->kept, sizeof(*change));

        change->ops = arena_alloc(&bench->kept, sizeof(struct op));
        change->op_count = 1;
        change->version = 2 + i;
        change->user_id = SPAN("6");
        make_op(bench, change->ops, others[which].kind, others[which].path, others[which].value);
        bench->since[i] = change;
    }
    make_op(bench, &bench->mine, OP_SET, "/status", "\"closed\"");
}

static void settle(struct bench *bench, enum strategy strategy, uint32_t count, struct buf *after)
{
    struct op op = bench->mine;
    struct change change = {.kind = CHANGE_UPDATE,
                            .ops = &op,
                            .op_count = 1,
                            .base_version = 1,
                            .user_id = SPAN("5"),
                            .has_strategy = true,
                            .strategy = strategy};
    const struct reconcile_input input = {.type = bench->type,
                                          .state = SPAN(state),
                                          .state_bytes_max = 1 << 20,
                                          .since = (const struct change *const *)bench->since,
                                          .since_count = count,
                                          .present_version = 1 + count};
    struct reconciled out;

    buf_reset(after);
    arena_reset(&bench->arena);
    reconcile(&bench->arena, &input, &change, after, &out);
    assert(out.verdict == VERDICT_APPLIED);
}

static void run(struct bench *bench, enum strategy strategy, uint32_t count, double seconds)
{
    struct buf after = BUF_EMPTY;
    const double start = cpu_seconds();
    double used = 0;
    uint64_t pairs = 0;

    for (; used < seconds; used = cpu_seconds() - start)
        for (int i = 0; i < 100; i++, pairs += count)
            settle(bench, strategy, count, &after);
    printf("{\"concurrent\":%u,\"strategy\":\"%s\",\"pairs_per_cpu_second\":%.0f,\"ns_per_pair\":%.2f}\n", count,
           strategy_name(strategy), (double)pairs / used, used * 1e9 / (double)pairs);
    fflush(stdout);
    buf_deinit(&after);
}

int main(int argc, char **argv)
{
    static const uint32_t counts[] = {10, 100, 1000};
    static const enum strategy strategies[] = {STRATEGY_OPERATIONAL_TRANSFORM, STRATEGY_LAST_WRITE_WINS, STRATEGY_CRDT,
                                               STRATEGY_MANUAL};
    static struct bench bench;
    struct type_registry *registry;
    struct buf why = BUF_EMPTY;
    uint64_t milliseconds = 500;

    if (argc > 1 && !span_parse_u64(span_from_str(argv[1]), &milliseconds)) {
        fprintf(stderr, "usage: reconcile [milliseconds per line]\n");
        return 2;
    }
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &registry, &why) != OK)
        return 1;
    bench.type = type_find(registry, SPAN("order"));
    set_up(&bench);
    for (size_t s = 0; s < sizeof(strategies) / sizeof(strategies[0]); s++)
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            run(&bench, strategies[s], counts[i], (double)milliseconds / 1000);
    arena_deinit(&bench.kept);
    arena_deinit(&bench.arena);
    type_registry_unref(registry);
    return 0;
}
