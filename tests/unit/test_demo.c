#include "server/demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/types_builtin.h"

#include <stdlib.h>
#include <string.h>

/* Everything the generator gave, by room name ("part:PN-10001"). */
struct kept {
    struct span key;
    const struct type *type;
    struct json json;
    struct span text;
};

struct world {
    struct type_registry *registry;
    struct arena arena;
    struct map records;
    size_t count;
    size_t counts[64]; /* by type */
    uint64_t digest;
};

static void keep(void *arg, const struct type *type, struct span id, struct span state)
{
    struct world *world = arg;
    struct kept *kept = arena_alloc(&world->arena, sizeof(*kept));

    kept->type = type;
    kept->key = arena_printf(&world->arena, "%.*s:%.*s", SPAN_ARG(type->name), SPAN_ARG(id));
    kept->text = arena_copy(&world->arena, state);
    assert_int_equal(json_parse(&kept->json, kept->text, &json_limits_default), OK);
    assert_null(map_put(&world->records, kept->key, kept)); /* no id twice */
    world->counts[type->index]++;
    world->count++;
    world->digest = world->digest * 31 + hash_stable(kept->key);
    world->digest = world->digest * 31 + hash_stable(kept->text);
}

static void generate(struct world *world, struct span extra)
{
    struct buf why = BUF_EMPTY;
    size_t count;

    *world = (struct world){0};
    if (type_registry_new(types_builtin(), extra, &world->registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    buf_deinit(&why);
    arena_init(&world->arena, 65536);
    map_init(&world->records);
    count = demo_generate(world->registry, keep, world);
    assert_int_equal(count, world->count);
}

static void forget(struct world *world)
{
    for (struct map_entry *entry = map_first(&world->records); entry; entry = map_next(&world->records, entry))
        json_deinit(&((struct kept *)entry->value)->json);
    map_deinit(&world->records);
    arena_deinit(&world->arena);
    type_registry_unref(world->registry);
}

static struct kept *find(const struct world *world, const char *room)
{
    struct kept *kept = map_get(&world->records, span_from_str(room));

    if (kept == NULL)
        fail_msg("there is no %s", room);
    return kept;
}

static void there_are_as_many_as_promised(void **state)
{
    static const struct {
        const char *type;
        size_t count;
    } expected[] = {
        {"work_order", 500},  {"eco", 60},         {"part", 2000},    {"vendor", 80},
        {"procurement", 150}, {"inventory", 1200}, {"customer", 800}, {"order", 1500},
        {"project", 40},      {"employee", 120},   {"pricing", 40},   {"division", 6},
    };
    struct world world;

    (void)state;
    generate(&world, SPAN_EMPTY);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct type *type = type_find(world.registry, span_from_str(expected[i].type));

        if (world.counts[type->index] != expected[i].count)
            fail_msg("%s: %zu", expected[i].type, world.counts[type->index]);
    }
    find(&world, "work_order:WO-1001");
    find(&world, "eco:ECO-101");
    find(&world, "part:PN-10001");
    find(&world, "inventory:SKU-0001");
    find(&world, "customer:CUST-0001");
    find(&world, "order:ORD-10001");
    forget(&world);
}

static void every_record_suits_its_type(void **state)
{
    struct world world;

    (void)state;
    generate(&world, SPAN_EMPTY);
    for (struct map_entry *entry = map_first(&world.records); entry; entry = map_next(&world.records, entry)) {
        const struct kept *kept = entry->value;
        yyjson_obj_iter members;
        yyjson_val *key;

        yyjson_obj_iter_init(kept->json.root, &members);
        while ((key = yyjson_obj_iter_next(&members)) != NULL) {
            const struct field *field = type_field(kept->type, json_text(key));

            if (field == NULL || !field_accepts(field, yyjson_obj_iter_get_val(key)))
                fail_msg("%.*s: %s", SPAN_ARG(kept->key), yyjson_get_str(key));
        }
        for (uint32_t i = 0; i < kept->type->field_count; i++)
            if (kept->type->fields[i].is_required && yyjson_obj_getn(kept->json.root, kept->type->fields[i].name.data,
                                                                     kept->type->fields[i].name.len) == NULL)
                fail_msg("%.*s lacks %.*s", SPAN_ARG(kept->key), SPAN_ARG(kept->type->fields[i].name));
    }
    forget(&world);
}

static void every_reference_leads_somewhere(void **state)
{
    struct world world;
    size_t reference_count = 0;

    (void)state;
    generate(&world, SPAN_EMPTY);
    for (struct map_entry *entry = map_first(&world.records); entry; entry = map_next(&world.records, entry)) {
        const struct kept *kept = entry->value;

        for (uint32_t i = 0; i < kept->type->field_count; i++) {
            const struct field *field = &kept->type->fields[i];
            yyjson_val *value = yyjson_obj_getn(kept->json.root, field->name.data, field->name.len);
            char room[256];

            if (field->kind != FIELD_REFERENCE || value == NULL)
                continue;
            snprintf(room, sizeof(room), "%.*s:%s", SPAN_ARG(field->target), yyjson_get_str(value));
            find(&world, room);
            reference_count++;
        }
    }
    assert_true(reference_count > 5000);
    forget(&world);
}

/* On any machine, with any compiler: the sum was written down once. It changes only when the data is changed. */
static void it_is_always_the_same(void **state)
{
    struct world first, second;

    (void)state;
    generate(&first, SPAN_EMPTY);
    generate(&second, SPAN_EMPTY);
    assert_true(first.digest == second.digest);
    if (first.digest != UINT64_C(0x9478e2e443bfcb74))
        fail_msg("the digest is 0x%llx", (unsigned long long)first.digest);
    forget(&first);
    forget(&second);
}

static void a_newcomer_finds_something_to_do(void **state)
{
    struct world world;
    const struct kept *kept;

    (void)state;
    generate(&world, SPAN_EMPTY);
    kept = find(&world, "eco:ECO-101");
    assert_true(span_equal(json_get_text(kept->json.root, "status"), SPAN("submitted")));
    kept = find(&world, "work_order:WO-1001");
    assert_true(span_equal(json_get_text(kept->json.root, "status"), SPAN("open")));
    assert_false(json_get_bool(kept->json.root, "kitted", true));
    kept = find(&world, "procurement:PO-2001");
    assert_true(span_equal(json_get_text(kept->json.root, "status"), SPAN("submitted")));
    kept = find(&world, "division:DIV-1");
    assert_true(yyjson_get_num(json_get(kept->json.root, "cash_balance")) >
                yyjson_get_num(json_get(kept->json.root, "cash_threshold")));
    kept = find(&world, "inventory:SKU-0001");
    assert_true(yyjson_get_int(json_get(kept->json.root, "qty_on_hand")) >
                yyjson_get_int(json_get(kept->json.root, "reorder_point")));
    forget(&world);
}

static void other_types_get_no_data_that_does_not_suit_them(void **state)
{
    struct world world;

    (void)state;
    generate(&world, SPAN("{\"pricing\":null,\"eco\":{\"fields\":{\"other\":{\"kind\":\"text\"}}}}"));
    assert_null(type_find(world.registry, SPAN("pricing")));
    assert_int_equal(world.counts[type_find(world.registry, SPAN("eco"))->index], 0);
    assert_int_equal(world.counts[type_find(world.registry, SPAN("part"))->index], 2000);
    forget(&world);
}

static void the_accounts_are_as_documented(void **state)
{
    static const char *expected[] = {"1 admin Ada Admin admin", "2 mgarcia Maria Garcia manager,approver",
                                     "3 akhan Amir Khan editor", "4 lchen Li Chen viewer",
                                     "5 jsmith John Smith editor"};

    (void)state;
    for (size_t i = 0; i < DEMO_ACCOUNT_COUNT; i++) {
        const struct demo_account *account = &demo_accounts[i];
        char text[256];

        snprintf(text, sizeof(text), "%.*s %.*s %.*s %.*s%s%.*s", SPAN_ARG(account->id), SPAN_ARG(account->username),
                 SPAN_ARG(account->name), SPAN_ARG(account->roles[0]), account->role_count > 1 ? "," : "",
                 SPAN_ARG(account->roles[1]));
        assert_string_equal(text, expected[i]);
        assert_true(span_equal(account->password, SPAN("demo")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_as_promised),
        cmocka_unit_test(every_record_suits_its_type),
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(it_is_always_the_same),
        cmocka_unit_test(a_newcomer_finds_something_to_do),
        cmocka_unit_test(other_types_get_no_data_that_does_not_suit_them),
        cmocka_unit_test(the_accounts_are_as_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
