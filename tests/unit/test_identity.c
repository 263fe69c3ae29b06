#include "collab/identity.h"
#include "lib/type_stage.h"
#include "collab/type/access.h"

#include <pthread.h>
#include <string.h>

static int set_up(void **state)
{
    (void)state;
    type_stage_init("{}");
    return 0;
}

static void an_identity_keeps_copies_of_everything(void **state)
{
    char name[] = "John Smith";
    char role[] = "editor";
    struct span roles[] = {{role, 6}, SPAN_INIT("approver")};
    struct identity *identity;

    (void)state;
    identity = identity_new(SPAN("5"), SPAN("jsmith"), SPAN(name), SPAN("https://example.org/j.png"), roles, 2,
                            access_of(registry, roles, 2));
    memset(name, 'x', sizeof(name));
    memset(role, 'x', sizeof(role));
    assert_text(identity->user_id, "5");
    assert_text(identity->username, "jsmith");
    assert_text(identity->name, "John Smith");
    assert_text(identity->avatar, "https://example.org/j.png");
    assert_int_equal(identity->role_count, 2);
    assert_text(identity->roles[0], "editor");
    assert_text(identity->roles[1], "approver");
    identity_unref(identity);
}

static void who_has_no_name_is_called_by_his_username(void **state)
{
    struct identity *identity =
        identity_new(SPAN("9"), SPAN("guest"), SPAN_EMPTY, SPAN_EMPTY, NULL, 0, access_of(registry, NULL, 0));

    (void)state;
    assert_text(identity->name, "guest");
    assert_int_equal(identity->avatar.len, 0);
    identity_unref(identity);
}

static void a_role_is_had_by_its_whole_name(void **state)
{
    struct span roles[] = {SPAN_INIT("editor")};
    struct identity *identity =
        identity_new(SPAN("5"), SPAN("jsmith"), SPAN_EMPTY, SPAN_EMPTY, roles, 1, access_of(registry, roles, 1));

    (void)state;
    assert_true(identity_has_role(identity, SPAN("editor")));
    assert_false(identity_has_role(identity, SPAN("edit")));
    assert_false(identity_has_role(identity, SPAN("admin")));
    identity_unref(identity);
}

static void an_identity_keeps_the_registry_it_was_made_with(void **state)
{
    struct identity *identity =
        identity_new(SPAN("5"), SPAN("jsmith"), SPAN_EMPTY, SPAN_EMPTY, NULL, 0, access_of(registry, NULL, 0));

    (void)state;
    assert_int_equal(registry->ref_count, 2);
    identity_unref(identity);
    assert_int_equal(registry->ref_count, 1);
    identity_unref(NULL);
}

static void *refer_often(void *argument)
{
    for (int i = 0; i < 20000; i++) {
        identity_ref(argument);
        identity_unref(argument);
    }
    return NULL;
}

static void references_may_be_taken_on_any_thread(void **state)
{
    struct identity *identity =
        identity_new(SPAN("5"), SPAN("jsmith"), SPAN_EMPTY, SPAN_EMPTY, NULL, 0, access_of(registry, NULL, 0));
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, refer_often, identity), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(identity->ref_count, 1);
    identity_unref(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_identity_keeps_copies_of_everything, set_up, type_stage_tear_down),
        cmocka_unit_test_setup_teardown(who_has_no_name_is_called_by_his_username, set_up, type_stage_tear_down),
        cmocka_unit_test_setup_teardown(a_role_is_had_by_its_whole_name, set_up, type_stage_tear_down),
        cmocka_unit_test_setup_teardown(an_identity_keeps_the_registry_it_was_made_with, set_up, type_stage_tear_down),
        cmocka_unit_test_setup_teardown(references_may_be_taken_on_any_thread, set_up, type_stage_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
