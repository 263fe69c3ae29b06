#include "net/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void a_frame_holds_a_copy_of_its_bytes(void **state)
{
    char bytes[] = "hello";
    struct frame *frame = frame_new((struct span){bytes, 5});

    (void)state;
    bytes[0] = 'x';
    assert_true(span_equal(frame_span(frame), SPAN("hello")));
    frame_unref(frame);
}

static void a_frame_lives_until_its_last_reference_is_gone(void **state)
{
    struct frame *frame = frame_new(SPAN("a"));

    (void)state;
    assert_ptr_equal(frame_ref(frame), frame);
    assert_int_equal(frame->ref_count, 2);
    frame_unref(frame);
    assert_int_equal(frame->ref_count, 1);
    frame_unref(frame);
}

static void an_empty_frame_and_no_frame_are_fine(void **state)
{
    struct frame *frame = frame_new(SPAN_EMPTY);

    (void)state;
    assert_int_equal(frame->len, 0);
    frame_unref(frame);
    frame_unref(NULL);
}

static void a_blank_frame_is_filled_by_its_maker(void **state)
{
    struct frame *frame = frame_new_blank(3);

    (void)state;
    memcpy(frame->data, "abc", 3);
    assert_true(span_equal(frame_span(frame), SPAN("abc")));
    frame_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_holds_a_copy_of_its_bytes),
        cmocka_unit_test(a_frame_lives_until_its_last_reference_is_gone),
        cmocka_unit_test(an_empty_frame_and_no_frame_are_fine),
        cmocka_unit_test(a_blank_frame_is_filled_by_its_maker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
