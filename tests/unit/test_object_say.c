/* Bodies of objects as clients see them, in either case of the names, and what clients send as input. */
#include "collab/change/change.h"
#include "lib/say_stage.h"
#include "peer/dialect/object_say.h"

static const struct object_view camel = {.style = OBJECT_CAMEL}, snake = {.style = OBJECT_SNAKE};

static void assert_object(enum object_kind kind, const char *body, const struct object_view *view, const char *expected)
{
    struct buf text = BUF_EMPTY;
    object_write(&text, kind, span_from_str(body), view);
    buf_append_char(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
}

/* ---- saying ---- */

static void our_names_are_rewritten_and_users_values_are_not(void **state)
{
    (void)state;
    assert_object(
        OBJECT_ACTIVITY,
        "{\"id\":\"a\",\"created_at\":\"now\",\"metadata\":{\"my_key\":{\"its_key\":1.0}},\"action\":\"viewed\"}",
        &camel,
        "{\"id\":\"a\",\"createdAt\":\"now\",\"metadata\":{\"my_key\":{\"its_key\":1.0}},\"action\":\"viewed\"}");
    assert_object(OBJECT_NOTIFICATION,
                  "{\"to_user_id\":\"3\",\"data\":{\"a_b\":2},\"actions\":[{\"do_it\":true}],\"show\":{\"toast\":true},"
                  "\"state\":\"unread\"}",
                  &camel,
                  "{\"toUserId\":\"3\",\"data\":{\"a_b\":2},\"actions\":[{\"do_it\":true}],\"show\":{\"toast\":true},"
                  "\"state\":\"unread\",\"read\":false}");
}

static void names_of_types_and_emoji_are_users_own(void **state)
{
    (void)state;
    assert_object(OBJECT_PREFERENCES,
                  "{\"default\":{\"on\":true},\"types\":{\"low_stock\":{\"on\":false}},\"updated_at\":\"x\"}", &camel,
                  "{\"default\":{\"on\":true},\"types\":{\"low_stock\":{\"on\":false}},\"updatedAt\":\"x\"}");
    assert_object(
        OBJECT_COMMENT, "{\"parent_id\":\"c\",\"reactions\":{\"so_what\":[\"3\",\"u-1\"]},\"state\":\"resolved\"}",
        &camel,
        "{\"parentId\":\"c\",\"reactions\":{\"so_what\":[\"3\",\"u-1\"]},\"state\":\"resolved\",\"resolved\":true}");
}

static void in_snake_case_users_are_numbers_when_they_are_some(void **state)
{
    (void)state;
    assert_object(
        OBJECT_COMMENT,
        "{\"user_id\":\"3\",\"mentions\":[\"5\",\"u-1\",\"007\"],\"reactions\":{\"+1\":[\"2\"]},\"text\":\"3\"}",
        &snake,
        "{\"user_id\":3,\"mentions\":[5,\"u-1\",\"007\"],\"reactions\":{\"+1\":[2]},\"text\":\"3\",\"resolved\":false}");
    assert_object(OBJECT_CONFLICT, "{\"assigned_to\":null,\"state\":\"open\"}", &snake,
                  "{\"assigned_to\":null,\"state\":\"open\",\"resolution_strategy\":\"manual\",\"resolved\":false}");
}

static void a_lock_can_be_renewed(void **state)
{
    (void)state;
    assert_object(OBJECT_LOCK,
                  "{\"path\":\"\",\"locked_by\":\"3\",\"locked_by_name\":\"A\",\"token\":9007199254740991,"
                  "\"requests\":[{\"user_id\":\"5\",\"at\":\"x\"}]}",
                  &camel,
                  "{\"path\":\"\",\"lockedBy\":\"3\",\"lockedByName\":\"A\",\"token\":9007199254740991,"
                  "\"requests\":[{\"userId\":\"5\",\"at\":\"x\"}],\"renewable\":true}");
    assert_object(OBJECT_LOCK, "", &camel, "null");
}

/* ---- conflicts ---- */

#define LOCAL                                                                                                             \
    "{\"kind\":\"update\",\"id\":\"c1\",\"type\":\"work_order\",\"entity_id\":\"WO-1\",\"base_version\":3,\"ops\":["      \
    "{\"op\":\"set\",\"path\":\"/status\",\"value\":\"open\"},{\"op\":\"set\",\"path\":\"/cost_estimate\",\"value\":5}]," \
    "\"user_id\":\"5\",\"username\":\"jsmith\",\"time_ms\":1771507800123}"
#define REMOTE                                                                                                       \
    "{\"kind\":\"update\",\"type\":\"work_order\",\"entity_id\":\"WO-1\",\"ops\":[{\"op\":\"set\",\"path\":\"/"      \
    "status\",\"value\":\"completed\",\"before\":\"open\"}],\"version\":4,\"user_id\":\"3\",\"username\":\"akhan\"," \
    "\"time_ms\":1771507800123}"
#define REMOTE_SAID                                                                                                    \
    "{\"id\":\"\",\"entityType\":\"work_order\",\"entityId\":\"WO-1\",\"action\":\"update\",\"operation\":\"update\"," \
    "\"path\":\"/status\",\"before\":\"open\",\"after\":\"completed\",\"ops\":[{\"operation\":\"update\",\"path\":\"/" \
    "status\",\"before\":\"open\",\"after\":\"completed\"}],\"version\":4,\"userId\":\"3\",\"username\":\"akhan\","    \
    "\"timestamp\":\"2026-02-19T13:30:00.123Z\",\"resolved\":true}"

static void a_conflict_has_both_changes_as_changes(void **state)
{
    (void)state;
    assert_object(OBJECT_CONFLICT,
                  "{\"id\":\"k\",\"state\":\"open\",\"remote\":[" REMOTE "," REMOTE "],\"base_version\":3,"
                  "\"fields\":[{\"path\":\"/status\",\"base\":{\"a_b\":1},\"mine\":\"open\",\"theirs\":null}]}",
                  &camel,
                  "{\"id\":\"k\",\"state\":\"open\",\"remoteChange\":" REMOTE_SAID ",\"remoteChanges\":[" REMOTE_SAID
                  "," REMOTE_SAID "],\"baseVersion\":3,"
                  "\"fields\":[{\"path\":\"/status\",\"base\":{\"a_b\":1},\"mine\":\"open\",\"theirs\":null}],"
                  "\"resolutionStrategy\":\"manual\",\"resolved\":false}");
}

static void a_conflict_shows_only_what_may_be_read(void **state)
{
    const struct type *type = type_find(registry, SPAN("work_order"));
    const struct object_view view = {OBJECT_SNAKE, type, all_but("work_order", "cost_estimate")};
    (void)state;
    assert_object(
        OBJECT_CONFLICT, "{\"local\":" LOCAL ",\"merged_value\":{\"a_b\":1},\"state\":\"resolved\"}", &view,
        "{\"local_change\":{\"id\":\"c1\",\"entity_type\":\"work_order\",\"entity_id\":\"WO-1\",\"action\":\"update\","
        "\"operation\":\"update\",\"path\":\"/status\",\"before\":null,\"after\":\"open\",\"ops\":[{\"operation\":"
        "\"update\",\"path\":\"/status\",\"before\":null,\"after\":\"open\"}],\"version\":3,\"user_id\":5,"
        "\"username\":\"jsmith\",\"timestamp\":\"2026-02-19T13:30:00.123Z\",\"resolved\":true},"
        "\"merged_value\":{\"a_b\":1},\"state\":\"resolved\",\"resolution_strategy\":\"manual\",\"resolved\":true}");
}

static void a_conflict_over_a_whole_record_shows_only_what_may_be_read(void **state)
{
    const struct type *type = type_find(registry, SPAN("work_order"));
    const struct object_view view = {OBJECT_CAMEL, type, all_but("work_order", "cost_estimate")};
    (void)state;
    assert_object(
        OBJECT_CONFLICT,
        "{\"fields\":[{\"path\":\"\",\"base\":{\"title\":\"t\",\"cost_estimate\":5},\"mine\":null,"
        "\"theirs\":{\"cost_estimate\":6}},{\"path\":\"/title\",\"mine\":{\"cost_estimate\":7}}],\"state\":\"open\"}",
        &view,
        "{\"fields\":[{\"path\":\"\",\"base\":{\"title\":\"t\"},\"mine\":null,\"theirs\":{}},"
        "{\"path\":\"/title\",\"mine\":{\"cost_estimate\":7}}],\"state\":\"open\",\"resolutionStrategy\":\"manual\","
        "\"resolved\":false}");
}

static void a_damaged_change_is_null(void **state)
{
    (void)state;
    assert_object(OBJECT_CONFLICT, "{\"local\":7,\"remote\":{}}", &camel,
                  "{\"localChange\":null,\"remoteChanges\":[],\"resolutionStrategy\":\"manual\",\"resolved\":false}");
    assert_object(OBJECT_COMMENT, "[1]", &camel, "{}");
    assert_object(OBJECT_COMMENT, "{\"te", &camel, "{}");
}

/* ---- rights ---- */

static void a_records_name_is_hidden_with_its_field(void **state)
{
    const struct type *type = type_find(registry, SPAN("work_order"));
    const struct object_view view = {OBJECT_CAMEL, type, all_but("work_order", "title")};
    (void)state;
    assert_object(OBJECT_ACTIVITY, "{\"entity_name\":\"Secret\",\"entity_id\":\"WO-1\"}", &view,
                  "{\"entityName\":null,\"entityId\":\"WO-1\"}");
}

static bool is_readable(const char *body, uint64_t mask)
{
    const struct type *type = type_find(registry, SPAN("work_order"));
    struct json json;
    assert_int_equal(json_parse(&json, span_from_str(body), &json_limits_default), OK);
    bool is_readable = object_is_readable(type, mask, json.root);
    json_deinit(&json);
    return is_readable;
}

static void an_object_about_a_hidden_field_is_not_readable(void **state)
{
    const uint64_t mask = all_but("work_order", "cost_estimate");
    (void)state;
    assert_false(is_readable("{\"path\":\"/cost_estimate\"}", mask));
    assert_false(is_readable("{\"path\":\"cost_estimate.inner\"}", mask));
    assert_false(is_readable("{\"data\":{\"path\":\"/cost_estimate\"}}", mask));
    assert_false(is_readable("{\"fields\":[{\"path\":\"/status\"},{\"path\":\"/cost_estimate\"}]}", mask));
    assert_true(is_readable("{\"path\":\"/cost_estimate\"}", UINT64_MAX));
    assert_true(is_readable("{\"path\":\"\",\"fields\":[{\"path\":\"/status\"}]}", mask));
    assert_true(is_readable("{\"data\":{\"path\":\"/pages/7\"}}", mask));
    assert_true(is_readable("{}", mask));
}

static void in_an_inbox_it_is_seen_by_the_type_that_it_is_about(void **state)
{
    const struct type *type = type_find(registry, SPAN("employee"));
    const struct span role = SPAN("editor");
    const struct access *access = access_of(registry, &role, 1);
    const struct span body = SPAN("{\"entity_type\":\"employee\",\"fields\":[{\"path\":\"/hourly_rate\"}]}");
    const struct object_view view = object_view_of(registry, access, SPAN("user:3"), body, OBJECT_SNAKE);
    (void)state;
    assert_ptr_equal(view.type, type);
    assert_int_equal(view.mask, access_readable(access, type));
    assert_int_equal(view.mask & all_but("employee", "hourly_rate"), view.mask);
    assert_false(object_is_shown(registry, access,
                                 &(struct object){.kind = OBJECT_NOTIFICATION, .room = SPAN("user:3"), .body = body}));
    assert_null(object_view_of(registry, access, SPAN("user:3"), SPAN("{}"), OBJECT_SNAKE).type);
    assert_ptr_equal(object_view_of(registry, access, SPAN("employee:E-1"), SPAN("{}"), OBJECT_SNAKE).type, type);
}

static void of_a_type_that_is_gone_only_admins_see_locks_and_conflicts(void **state)
{
    const struct span roles[] = {SPAN("editor"), SPAN("admin")};
    struct object object = {.room = SPAN("gone:G-1"), .body = SPAN("{\"entity_type\":\"gone\",\"path\":\"/price\"}")};
    (void)state;
    for (unsigned is_admin = 0; is_admin < 2; is_admin++) {
        const struct access *access = access_of(registry, &roles[is_admin], 1);
        object.kind = OBJECT_LOCK;
        assert_int_equal(object_is_shown(registry, access, &object), is_admin);
        object.kind = OBJECT_CONFLICT;
        assert_int_equal(object_is_shown(registry, access, &object), is_admin);
        object.kind = OBJECT_NOTIFICATION; /* an application may tell of things that are not ours */
        assert_true(object_is_shown(registry, access, &object));
    }
}

/* ---- input ---- */

static void assert_input(const char *object, const char *const *except, const char *expected)
{
    struct buf text = BUF_EMPTY;
    struct json json;
    assert_int_equal(json_parse(&json, span_from_str(object), &json_limits_default), OK);
    object_input(&text, &json, json.root, except);
    buf_append_char(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
    json_deinit(&json);
}

static const char *const nothing[] = {NULL};

static void input_is_in_snake_case_with_values_as_they_were(void **state)
{
    (void)state;
    assert_input("{\"ttlMs\": 1.50, \"parent_id\":\"p\",\"data\":{\"aB\": [1, 2]}}", nothing,
                 "{\"ttl_ms\":1.50,\"parent_id\":\"p\",\"data\":{\"aB\": [1, 2]}}");
    assert_input("{}", nothing, "{}");
    assert_input("{\"a\\\"B\":1}", nothing, "{\"a\\\"_b\":1}");
}

static void what_the_message_says_of_itself_is_no_input(void **state)
{
    static const char *const except[] = {"entity_type", "action", NULL};
    (void)state;
    assert_input("{\"entityType\":\"order\",\"entity_type\":\"order\",\"action\":\"add\",\"text\":\"t\"}", except,
                 "{\"text\":\"t\"}");
}

static void of_one_name_in_both_cases_the_first_counts(void **state)
{
    (void)state;
    assert_input("{\"userId\":\"1\",\"user_id\":\"2\",\"UserId\":3}", nothing, "{\"user_id\":\"1\",\"_user_id\":3}");
}

static void endless_input_is_cut(void **state)
{
    struct buf object = BUF_EMPTY, expected = BUF_EMPTY;
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&object, "%s\"m%u\":%u", i ? "," : "{", i, i);
    buf_append_str(&object, "}");
    for (unsigned i = 0; i < 64; i++)
        buf_printf(&expected, "%s\"m%u\":%u", i ? "," : "{", i, i);
    buf_append_str(&expected, "}");
    buf_append_char(&object, '\0');
    buf_append_char(&expected, '\0');
    assert_input(object.data, nothing, expected.data);
    buf_deinit(&object);
    buf_deinit(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_names_are_rewritten_and_users_values_are_not),
        cmocka_unit_test(names_of_types_and_emoji_are_users_own),
        cmocka_unit_test(in_snake_case_users_are_numbers_when_they_are_some),
        cmocka_unit_test(a_lock_can_be_renewed),
        cmocka_unit_test(a_conflict_has_both_changes_as_changes),
        cmocka_unit_test(a_conflict_shows_only_what_may_be_read),
        cmocka_unit_test(a_conflict_over_a_whole_record_shows_only_what_may_be_read),
        cmocka_unit_test(a_damaged_change_is_null),
        cmocka_unit_test(a_records_name_is_hidden_with_its_field),
        cmocka_unit_test(an_object_about_a_hidden_field_is_not_readable),
        cmocka_unit_test(in_an_inbox_it_is_seen_by_the_type_that_it_is_about),
        cmocka_unit_test(of_a_type_that_is_gone_only_admins_see_locks_and_conflicts),
        cmocka_unit_test(input_is_in_snake_case_with_values_as_they_were),
        cmocka_unit_test(what_the_message_says_of_itself_is_no_input),
        cmocka_unit_test(of_one_name_in_both_cases_the_first_counts),
        cmocka_unit_test(endless_input_is_cut),
    };
    return cmocka_run_group_tests(tests, type_stage_set_up, type_stage_tear_down);
}
