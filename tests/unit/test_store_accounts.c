#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

static struct account put(const char *id, const char *username, const char *hash)
{
    static struct span roles[] = {SPAN_INIT("editor"), SPAN_INIT("say \"hi\"\n")};
    struct account account = {.id = span_from_str(id),
                              .username = span_from_str(username),
                              .name = SPAN("John Smith"),
                              .password_hash = span_from_str(hash),
                              .roles = roles,
                              .role_count = 2};

    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    return account;
}

/* ---- accounts ---- */

static void an_account_is_found_by_name_and_by_id(void **state)
{
    struct account made = put("", "jsmith", "hash"), found;

    (void)state;
    assert_text(made.id, "1");
    assert_int_equal(made.generation, 1);
    assert_int_equal(store_account_find(fixture.store, &fixture.arena, SPAN("jsmith"), &found), OK);
    assert_text(found.id, "1");
    assert_text(found.name, "John Smith");
    assert_text(found.password_hash, "hash");
    assert_int_equal(found.avatar.len, 0);
    assert_int_equal(found.role_count, 2);
    assert_text(found.roles[0], "editor");
    assert_text(found.roles[1], "say \"hi\"\n");
    assert_false(found.is_disabled);
    assert_int_equal(store_account_get(fixture.store, &fixture.arena, SPAN("1"), &found), OK);
    assert_text(found.username, "jsmith");
    assert_int_equal(store_account_get(fixture.store, &fixture.arena, SPAN("2"), &found), ERR_NOT_FOUND);
    assert_int_equal(store_account_find(fixture.store, &fixture.arena, SPAN("jsmit"), &found), ERR_NOT_FOUND);
    assert_int_equal(store_account_find(fixture.store, &fixture.arena, SPAN("' OR 1=1 --"), &found), ERR_NOT_FOUND);
}

static void names_that_differ_in_case_only_are_one_name(void **state)
{
    struct account found, twin = {.username = SPAN("JSmith")};

    (void)state;
    put("", "jsmith", "hash");
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &twin), ERR_EXISTS);
    assert_int_equal(store_account_find(fixture.store, &fixture.arena, SPAN("JSMITH"), &found), OK);
    assert_text(found.username, "jsmith");
}

static void assert_resolves(const char *user, const char *expected)
{
    struct span id = span_from_str(user);

    assert_int_equal(store_user_resolve(store_fixture_reader(&fixture), &fixture.arena, &id), OK);
    assert_text(id, expected);
}

static void a_user_is_meant_by_his_id_or_by_his_name(void **state)
{
    (void)state;
    put("", "jsmith", "hash");
    put("ext-7", "1x", "");
    assert_resolves("1", "1");
    assert_resolves("JSmith", "1");
    assert_resolves("1X", "ext-7");
    assert_resolves("ext-7", "ext-7");
    assert_resolves("known by his token", "known by his token");
    assert_resolves("", "");
}

static void an_id_counts_before_a_name(void **state)
{
    (void)state;
    put("", "jsmith", "hash");
    put("jsmith", "other", "");
    assert_resolves("jsmith", "jsmith");
}

static void an_account_without_a_name_is_refused(void **state)
{
    struct account nobody = {.name = SPAN("Nobody")};

    (void)state;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &nobody), ERR_BAD_NAME);
}

static void new_ids_go_on_after_chosen_ones(void **state)
{
    (void)state;
    assert_text(put("5", "five", "x").id, "5");
    assert_text(put("", "six", "x").id, "6");
    assert_text(put("3", "three", "x").id, "3");
    assert_text(put("bob@example.com", "bob", "x").id, "bob@example.com");
    assert_text(put("", "seven", "x").id, "7");
}

static void an_id_is_never_given_twice(void **state)
{
    (void)state;
    put("", "one", "x");
    put("", "two", "x");
    assert_int_equal(store_account_remove(fixture.store, SPAN("2")), OK);
    store_fixture_reopen(&fixture);
    assert_text(put("", "three", "x").id, "3");
}

static void the_generation_grows_when_password_roles_or_access_change(void **state)
{
    struct account account = put("1", "jsmith", "hash");
    struct span role = SPAN("viewer");

    (void)state;
    account.name = SPAN("Johnny");
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(account.generation, 1);
    account.password_hash = SPAN("other");
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(account.generation, 2);
    account.roles = &role;
    account.role_count = 1;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(account.generation, 3);
    account.is_disabled = true;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(account.generation, 4);
    assert_int_equal(store_account_get(fixture.store, &fixture.arena, SPAN("1"), &account), OK);
    assert_int_equal(account.generation, 4);
    assert_true(account.is_disabled);
    assert_text(account.name, "Johnny");
}

static void the_generation_grows_when_it_is_asked_to_and_never_shrinks(void **state)
{
    struct account account = put("1", "jsmith", "hash");

    (void)state;
    account.generation++;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(account.generation, 2);
    account.generation = 0;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(account.generation, 2);
}

static void a_removed_account_leaves_its_name_but_not_its_generation(void **state)
{
    struct account found, again;
    struct login login = {.key = SPAN("k1"), .user_id = SPAN("1"), .expires_ms = INT64_MAX};

    (void)state;
    put("1", "jsmith", "hash");
    assert_int_equal(store_login_put(fixture.store, &login), OK);
    assert_int_equal(store_account_remove(fixture.store, SPAN("1")), OK);
    assert_int_equal(store_account_remove(fixture.store, SPAN("1")), ERR_NOT_FOUND);
    assert_int_equal(store_account_get(fixture.store, &fixture.arena, SPAN("1"), &found), ERR_NOT_FOUND);
    assert_int_equal(store_account_find(fixture.store, &fixture.arena, SPAN("jsmith"), &found), ERR_NOT_FOUND);
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, SPAN("k1"), &login), ERR_NOT_FOUND);
    again = put("1", "jsmith", "hash"); /* tokens of the first one must not be good for this one */
    assert_true(again.generation > 2);
}

static void accounts_are_listed_in_the_order_of_their_ids(void **state)
{
    struct account *accounts;
    uint32_t count;

    (void)state;
    put("10", "ten", "x");
    put("9", "nine", "x");
    put("8", "eight", "x");
    assert_int_equal(store_account_remove(fixture.store, SPAN("8")), OK);
    assert_int_equal(store_account_list(fixture.store, &fixture.arena, &accounts, &count), OK);
    assert_int_equal(count, 2);
    assert_text(accounts[0].username, "nine");
    assert_text(accounts[1].username, "ten");
    assert_int_equal(accounts[1].role_count, 2);
}

static void a_refused_account_is_no_failure_of_the_store(void **state)
{
    struct account twin = {.username = SPAN("jsmith")};

    (void)state;
    put("", "jsmith", "hash");
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &twin), ERR_EXISTS);
    assert_false(fixture.store->is_failing);
    assert_text(put("", "next", "x").id, "2");
}

/* ---- logins ---- */

static void a_login_survives_a_restart_and_ends_when_told(void **state)
{
    struct login login = {
        .key = SPAN("\x01\x00\xff key"), .user_id = SPAN("5"), .created_ms = 10, .expires_ms = 20, .generation = 3};
    struct login found;

    (void)state;
    assert_int_equal(store_login_put(fixture.store, &login), OK);
    store_fixture_reopen(&fixture);
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, login.key, &found), OK);
    assert_text(found.user_id, "5");
    assert_true(span_equal(found.key, login.key));
    assert_int_equal(found.created_ms, 10);
    assert_int_equal(found.expires_ms, 20);
    assert_int_equal(found.generation, 3);
    assert_int_equal(store_login_remove(fixture.store, login.key), OK);
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, login.key, &found), ERR_NOT_FOUND);
}

static void all_logins_of_a_user_end_together(void **state)
{
    struct login login = {.user_id = SPAN("5"), .expires_ms = 20}, found;

    (void)state;
    login.key = SPAN("a");
    assert_int_equal(store_login_put(fixture.store, &login), OK);
    login.key = SPAN("b");
    assert_int_equal(store_login_put(fixture.store, &login), OK);
    login.key = SPAN("c");
    login.user_id = SPAN("6");
    assert_int_equal(store_login_put(fixture.store, &login), OK);
    assert_int_equal(store_login_remove_all(fixture.store, SPAN("5")), OK);
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, SPAN("a"), &found), ERR_NOT_FOUND);
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, SPAN("b"), &found), ERR_NOT_FOUND);
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, SPAN("c"), &found), OK);
}

/* ---- revoked tokens ---- */

static void a_revoked_token_stays_revoked_until_it_expires(void **state)
{
    bool is_revoked;

    (void)state;
    assert_int_equal(store_token_revoke(fixture.store, SPAN("t1"), 5000), OK);
    assert_int_equal(store_token_revoke(fixture.store, SPAN("t1"), 4000), OK); /* again: does not shorten it */
    store_fixture_reopen(&fixture);
    assert_int_equal(store_token_is_revoked(fixture.store, SPAN("t1"), &is_revoked), OK);
    assert_true(is_revoked);
    assert_int_equal(store_token_is_revoked(fixture.store, SPAN("t2"), &is_revoked), OK);
    assert_false(is_revoked);
    while (store_tidy(fixture.store, 4500))
        ;
    assert_int_equal(store_token_is_revoked(fixture.store, SPAN("t1"), &is_revoked), OK);
    assert_true(is_revoked);
}

static void what_has_expired_is_removed(void **state)
{
    struct login login = {.key = SPAN("a"), .user_id = SPAN("5"), .expires_ms = 5000};
    bool is_revoked;

    (void)state;
    assert_int_equal(store_login_put(fixture.store, &login), OK);
    assert_int_equal(store_token_revoke(fixture.store, SPAN("t1"), 5000), OK);
    while (store_tidy(fixture.store, 5001))
        ;
    assert_int_equal(store_login_get(fixture.store, &fixture.arena, SPAN("a"), &login), ERR_NOT_FOUND);
    assert_int_equal(store_token_is_revoked(fixture.store, SPAN("t1"), &is_revoked), OK);
    assert_false(is_revoked);
}

/* ---- small values ---- */

static void a_small_value_is_kept_and_replaced(void **state)
{
    struct span value;

    (void)state;
    assert_int_equal(store_meta_get(fixture.store, &fixture.arena, SPAN("token_secret"), &value), ERR_NOT_FOUND);
    assert_int_equal(store_meta_put(fixture.store, SPAN("token_secret"), SPAN("\x00\x01\xfe")), OK);
    assert_int_equal(store_meta_put(fixture.store, SPAN("token_secret"), SPAN("\x00\x02\xfe")), OK);
    store_fixture_reopen(&fixture);
    assert_int_equal(store_meta_get(fixture.store, &fixture.arena, SPAN("token_secret"), &value), OK);
    assert_true(span_equal(value, SPAN("\x00\x02\xfe")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_account_is_found_by_name_and_by_id),
        TEST(names_that_differ_in_case_only_are_one_name),
        TEST(a_user_is_meant_by_his_id_or_by_his_name),
        TEST(an_id_counts_before_a_name),
        TEST(an_account_without_a_name_is_refused),
        TEST(new_ids_go_on_after_chosen_ones),
        TEST(an_id_is_never_given_twice),
        TEST(the_generation_grows_when_password_roles_or_access_change),
        TEST(the_generation_grows_when_it_is_asked_to_and_never_shrinks),
        TEST(a_removed_account_leaves_its_name_but_not_its_generation),
        TEST(accounts_are_listed_in_the_order_of_their_ids),
        TEST(a_refused_account_is_no_failure_of_the_store),
        TEST(a_login_survives_a_restart_and_ends_when_told),
        TEST(all_logins_of_a_user_end_together),
        TEST(a_revoked_token_stays_revoked_until_it_expires),
        TEST(what_has_expired_is_removed),
        TEST(a_small_value_is_kept_and_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
