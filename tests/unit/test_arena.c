#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static void assert_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], 0);
}

static void every_allocation_is_aligned_zero_and_its_own(void **state)
{
    unsigned char *taken[200];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        taken[i] = arena_alloc(&arena, i);
        assert_int_equal((uintptr_t)taken[i] % alignof(max_align_t), 0);
        assert_zero(taken[i], i);
        memset(taken[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(taken[i][k], i);
}

static void memory_is_zero_again_after_a_reset(void **state)
{
    unsigned char *first = memset(arena_alloc(&arena, 500), 0xff, 500);
    unsigned char *second;

    (void)state;
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    second = arena_alloc(&arena, 500);
    assert_ptr_equal(first, second); /* the block was kept */
    assert_zero(second, 500);
}

static void a_reset_keeps_one_block_of_many(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        memset(arena_alloc(&arena, 700), i, 700);
    assert_true(arena.used_bytes >= 50 * 700);
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    memset(arena_alloc(&arena, 1000), 1, 1000);
    arena_reset(&arena);
    arena_reset(&arena);
}

static void a_large_request_gets_a_block_of_its_own(void **state)
{
    char *before = arena_alloc(&arena, 16);
    char *large = memset(arena_alloc(&arena, 100000), 7, 100000);
    char *after = arena_alloc(&arena, 16);

    (void)state;
    assert_true(after > before && after - before < 1024); /* the rest of the first block is still in use */
    assert_int_equal(large[99999], 7);
}

static void a_large_first_request_is_not_kept(void **state)
{
    (void)state;
    memset(arena_alloc(&arena, 100000), 7, 100000);
    arena_reset(&arena);
    assert_null(arena.blocks);
    assert_zero(arena_alloc(&arena, 100), 100);
}

static void a_copy_is_followed_by_a_nul(void **state)
{
    struct span copy = arena_copy(&arena, SPAN("room:1"));
    struct span empty = arena_copy(&arena, SPAN_EMPTY);

    (void)state;
    assert_int_equal(copy.len, 6);
    assert_string_equal(copy.data, "room:1");
    assert_int_equal(empty.len, 0);
    assert_string_equal(empty.data, "");
}

static void printf_gives_text_of_any_length(void **state)
{
    struct span text = arena_printf(&arena, "%s:%2000d", "id", 5);

    (void)state;
    assert_int_equal(text.len, 2003);
    assert_true(span_starts_with(text, SPAN("id: ")));
    assert_true(span_ends_with(text, SPAN(" 5")));
    assert_int_equal(text.data[2003], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_allocation_is_aligned_zero_and_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_zero_again_after_a_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_keeps_one_block_of_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_request_gets_a_block_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_first_request_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_followed_by_a_nul, set_up, tear_down),
        cmocka_unit_test_setup_teardown(printf_gives_text_of_any_length, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
