#include "collab/object.h"
#include "lib/check.h"

static void a_kind_is_known_by_its_name(void **state)
{
    enum object_kind kind;

    (void)state;
    for (unsigned i = 0; i < OBJECT_KIND_COUNT; i++) {
        assert_true(object_kind_parse(object_kind_name((enum object_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(object_kind_parse(SPAN("comments"), &kind));
    assert_false(object_kind_parse(SPAN_EMPTY, &kind));
}

static void what_is_asked_for_has_a_word_and_so_has_what_happened(void **state)
{
    enum object_verb verb;

    (void)state;
    assert_true(object_verb_parse(OBJECT_LOCK, SPAN("acquire"), &verb));
    assert_int_equal(verb, OBJECT_ADD);
    assert_text(object_verb_name(OBJECT_LOCK, OBJECT_ADD), "acquire");
    assert_text(object_event_name(OBJECT_LOCK, OBJECT_ADD), "acquired");
    assert_false(object_verb_parse(OBJECT_COMMENT, SPAN("acquire"), &verb));
    assert_false(object_verb_parse(OBJECT_LOCK, SPAN_EMPTY, &verb)); /* nobody asks for its end */
}

static void an_object_is_in_a_state_of_its_kind(void **state)
{
    (void)state;
    assert_true(object_state_is_known(OBJECT_COMMENT, SPAN("open")));
    assert_true(object_state_is_known(OBJECT_CONFLICT, SPAN("resolved")));
    assert_true(object_state_is_known(OBJECT_NOTIFICATION, SPAN("unread")));
    assert_false(object_state_is_known(OBJECT_COMMENT, SPAN("unread")));
    assert_false(object_state_is_known(OBJECT_NOTIFICATION, SPAN("open")));
    assert_false(object_state_is_known(OBJECT_LOCK, SPAN("open")));
    assert_false(object_state_is_known(OBJECT_COMMENT, SPAN_EMPTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_is_known_by_its_name),
        cmocka_unit_test(what_is_asked_for_has_a_word_and_so_has_what_happened),
        cmocka_unit_test(an_object_is_in_a_state_of_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
