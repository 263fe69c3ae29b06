#include "collab/type/access.h"
#include "lib/type_stage.h"
#include "server/types_builtin.h"

#include <pthread.h>

static const char types[] =
    "{\"order\":{\"roles\":{\"read\":[\"viewer\",\"editor\",\"manager\"],\"create\":[\"editor\"],"
    "\"update\":[\"editor\"],\"delete\":[\"manager\"]},"
    "\"fields\":{\"title\":{\"kind\":\"string\"},"
    "\"price\":{\"kind\":\"number\",\"write\":[\"manager\"]},"
    "\"cost\":{\"kind\":\"number\",\"read\":[\"manager\"]},"
    "\"state\":{\"kind\":\"string\",\"read_only\":true}},"
    "\"actions\":{\"ship\":{\"set\":{\"state\":\"shipped\"}},"
    "\"approve\":{\"roles\":[\"approver\"],\"set\":{\"state\":\"approved\"}}}},"
    "\"note\":{\"roles\":{\"create\":\"*\"},\"fields\":{\"text\":{\"kind\":\"text\"}}}}";

enum { TITLE = 1, PRICE = 2, COST = 4, STATE = 8 };

static const struct type *order, *note;

static int set_up(void **state)
{
    (void)state;
    type_stage_init(types);
    order = type_find(registry, SPAN("order"));
    note = type_find(registry, SPAN("note"));
    return 0;
}

static const struct access *access_with(const char *role)
{
    struct span name = span_from_str(role);

    return access_of(registry, &name, 1);
}

static void each_verb_has_its_roles(void **state)
{
    (void)state;
    assert_true(access_allows(access_with("viewer"), order, VERB_READ));
    assert_false(access_allows(access_with("viewer"), order, VERB_CREATE));
    assert_false(access_allows(access_with("viewer"), order, VERB_UPDATE));
    assert_false(access_allows(access_with("viewer"), order, VERB_DELETE));
    assert_true(access_allows(access_with("editor"), order, VERB_CREATE));
    assert_true(access_allows(access_with("editor"), order, VERB_UPDATE));
    assert_false(access_allows(access_with("editor"), order, VERB_DELETE));
    assert_true(access_allows(access_with("manager"), order, VERB_DELETE));
}

static void who_may_write_one_field_may_update(void **state)
{
    (void)state;
    assert_true(access_allows(access_with("manager"), order, VERB_UPDATE));
    assert_int_equal(access_writable(access_with("manager"), order), PRICE);
    assert_false(access_allows(access_with("manager"), order, VERB_CREATE));
}

static void fields_may_have_roles_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(access_readable(access_with("viewer"), order), TITLE | PRICE | STATE);
    assert_int_equal(access_writable(access_with("viewer"), order), 0);
    assert_int_equal(access_writable(access_with("editor"), order), TITLE); /* cost cannot even be read */
    assert_int_equal(access_readable(access_with("manager"), order), TITLE | PRICE | COST | STATE);
}

static void nobody_writes_what_is_read_only(void **state)
{
    (void)state;
    assert_int_equal(access_writable(access_with("admin"), order), TITLE | PRICE | COST);
}

static void actions_have_roles_or_those_of_updating(void **state)
{
    const struct action *ship = type_action(order, SPAN("ship")), *approve = type_action(order, SPAN("approve"));

    (void)state;
    assert_true(access_allows_action(access_with("editor"), order, ship));
    assert_false(access_allows_action(access_with("editor"), order, approve));
    assert_true(access_allows_action(access_with("approver"), order, approve));
    assert_false(access_allows_action(access_with("approver"), order, ship));
    assert_true(access_allows_action(access_with("admin"), order, approve));
}

static void the_admin_may_do_everything(void **state)
{
    const struct access *admin = access_with("admin");

    (void)state;
    assert_true(access_is_admin(admin));
    for (int verb = VERB_READ; verb <= VERB_DELETE; verb++)
        assert_true(access_allows(admin, order, (enum verb)verb));
    assert_false(access_is_admin(access_with("manager")));
}

static void somebody_without_roles_has_what_everybody_has(void **state)
{
    const struct access *nobody = access_of(registry, NULL, 0);

    (void)state;
    assert_false(access_allows(nobody, order, VERB_READ));
    assert_int_equal(access_readable(nobody, order), 0);
    assert_true(access_allows(nobody, note, VERB_READ));
    assert_true(access_allows(nobody, note, VERB_CREATE));
    assert_false(access_allows(nobody, note, VERB_DELETE));
    assert_ptr_equal(access_with("stranger"), nobody);
}

static void several_roles_add_up(void **state)
{
    struct span roles[] = {SPAN_INIT("manager"), SPAN_INIT("editor")};
    struct span turned[] = {SPAN_INIT("editor"), SPAN_INIT("manager"), SPAN_INIT("editor")};
    const struct access *both = access_of(registry, roles, 2);

    (void)state;
    assert_int_equal(access_writable(both, order), TITLE | PRICE | COST);
    assert_true(access_allows(both, order, VERB_DELETE));
    assert_ptr_equal(access_of(registry, turned, 3), both);
}

static void who_may_read_every_field_may_read_all(void **state)
{
    (void)state;
    assert_true(access_reads_all(access_with("admin"), registry));
    assert_true(access_reads_all(access_with("manager"), registry));
    assert_false(access_reads_all(access_with("editor"), registry)); /* not the cost */
    assert_false(access_reads_all(access_with("nobody"), registry)); /* no order */
}

static void an_audience_is_named_by_roles(void **state)
{
    struct span names[] = {SPAN_INIT("manager")};
    struct role_set audience = {.count = 1, .names = names}, empty = {0};

    (void)state;
    assert_true(access_in_audience(access_with("manager"), &audience));
    assert_true(access_in_audience(access_with("admin"), &audience));
    assert_false(access_in_audience(access_with("viewer"), &audience));
    assert_true(access_in_audience(access_with("viewer"), &empty));
}

/* After a reload there are records of the new registry and people of the old one. */
static void access_counts_for_the_types_of_another_registry(void **state)
{
    static const char reloaded[] = "{\"first\":{\"fields\":{\"x\":{\"kind\":\"text\"}}},"
                                   "\"order\":{\"roles\":{\"read\":[\"viewer\"],\"update\":[\"approver\"]},"
                                   "\"fields\":{\"a\":{\"kind\":\"text\"},\"title\":{\"kind\":\"text\"}},"
                                   "\"actions\":{\"zap\":{\"roles\":[\"editor\"],\"set\":{\"a\":\"\"}}}},"
                                   "\"z\":{\"fields\":{\"x\":{\"kind\":\"text\"}}}}";
    struct type_registry *other;
    struct buf why = BUF_EMPTY;
    const struct type *new_order;

    (void)state;
    assert_int_equal(type_registry_new(SPAN(reloaded), SPAN_EMPTY, &other, &why), OK);
    new_order = type_find(other, SPAN("order"));
    assert_true(access_allows(access_with("viewer"), new_order, VERB_READ));
    assert_false(access_allows(access_with("editor"), new_order, VERB_UPDATE));
    assert_true(access_allows_action(access_with("editor"), new_order, type_action(new_order, SPAN("zap"))));
    assert_int_equal(access_writable(access_with("admin"), new_order), 3);
    assert_int_equal(access_readable(access_with("viewer"), new_order), 3);
    type_registry_unref(other);
}

static void *find_often(void *argument)
{
    static const char *names[] = {"viewer", "editor", "manager", "approver"};
    uintptr_t seed = (uintptr_t)argument;
    uintptr_t wrong = 0;

    for (uintptr_t i = 0; i < 4000; i++) {
        struct span roles[] = {span_from_str(names[(i + seed) % 4]), span_from_str(names[(i / 4 + seed) % 4])};
        const struct access *access = access_of(registry, roles, 2);

        wrong += access != access_of(registry, roles, 2);
        wrong += !access_allows(access, note, VERB_READ);
    }
    return (void *)wrong;
}

static void any_thread_finds_the_same_access(void **state)
{
    pthread_t threads[4];
    void *wrong;

    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_often, (void *)i), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* ---- the builtin types ---- */

static uint64_t bit(const struct type *type, const char *field)
{
    return (uint64_t)1 << type_field(type, span_from_str(field))->index;
}

static void the_builtin_roles_are_as_documented(void **state)
{
    struct type_registry *builtin;
    struct buf why = BUF_EMPTY;
    struct span editor = SPAN("editor"), manager = SPAN("manager"), viewer = SPAN("viewer"),
                approver = SPAN("approver");
    const struct type *eco, *division, *employee, *pricing;

    (void)state;
    assert_int_equal(type_registry_new(types_builtin(), SPAN_EMPTY, &builtin, &why), OK);
    for (uint32_t i = 0; i < builtin->type_count; i++) {
        const struct type *type = &builtin->types[i];

        assert_true(access_allows(access_of(builtin, &viewer, 1), type, VERB_READ));
        assert_false(access_allows(access_of(builtin, &viewer, 1), type, VERB_UPDATE));
        assert_false(access_allows(access_of(builtin, &viewer, 1), type, VERB_CREATE));
        assert_false(access_allows(access_of(builtin, &editor, 1), type, VERB_DELETE));
        assert_true(access_allows(access_of(builtin, &manager, 1), type, VERB_DELETE));
    }
    eco = type_find(builtin, SPAN("eco"));
    division = type_find(builtin, SPAN("division"));
    employee = type_find(builtin, SPAN("employee"));
    pricing = type_find(builtin, SPAN("pricing"));
    assert_true(access_allows_action(access_of(builtin, &approver, 1), eco, type_action(eco, SPAN("approve"))));
    assert_false(access_allows_action(access_of(builtin, &manager, 1), eco, type_action(eco, SPAN("approve"))));
    assert_true(access_allows_action(access_of(builtin, &editor, 1), eco, type_action(eco, SPAN("implement"))));
    assert_false(access_writable(access_of(builtin, &editor, 1), division) & bit(division, "cash_balance"));
    assert_true(access_writable(access_of(builtin, &manager, 1), division) & bit(division, "cash_balance"));
    assert_true(access_writable(access_of(builtin, &editor, 1), employee) & bit(employee, "hours"));
    assert_false(access_readable(access_of(builtin, &editor, 1), employee) & bit(employee, "hourly_rate"));
    assert_false(access_allows(access_of(builtin, &editor, 1), pricing, VERB_UPDATE));
    type_registry_unref(builtin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, type_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_verb_has_its_roles),
        TEST(who_may_write_one_field_may_update),
        TEST(fields_may_have_roles_of_their_own),
        TEST(nobody_writes_what_is_read_only),
        TEST(actions_have_roles_or_those_of_updating),
        TEST(the_admin_may_do_everything),
        TEST(somebody_without_roles_has_what_everybody_has),
        TEST(several_roles_add_up),
        TEST(who_may_read_every_field_may_read_all),
        TEST(an_audience_is_named_by_roles),
        TEST(access_counts_for_the_types_of_another_registry),
        TEST(any_thread_finds_the_same_access),
        TEST(the_builtin_roles_are_as_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
