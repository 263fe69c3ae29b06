#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fresh_memory_is_zero(void **state)
{
    unsigned char *bytes = memory_alloc(1000);
    uint32_t *numbers = memory_array(10, sizeof(*numbers));

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(numbers[i], 0);
    free(bytes);
    free(numbers);
}

static void nothing_at_all_can_be_allocated(void **state)
{
    void *memory[] = {memory_alloc(0), memory_array(0, 8), memory_array(8, 0), memory_copy(NULL, 0),
                      memory_resize(NULL, 0)};

    (void)state;
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
        assert_non_null(memory[i]);
        free(memory[i]);
    }
}

static void resizing_keeps_the_bytes(void **state)
{
    char *bytes = memory_copy("abc", 4);

    (void)state;
    bytes = memory_resize(bytes, 100000);
    assert_string_equal(bytes, "abc");
    bytes = memory_resize(bytes, 2);
    assert_memory_equal(bytes, "ab", 2);
    free(bytes);
}

static void an_object_gets_the_size_of_its_type(void **state)
{
    struct pair {
        uint64_t a, b;
    } *pair = NEW(struct pair);

    (void)state;
    assert_true(pair->a == 0 && pair->b == 0);
    pair->b = 1;
    free(pair);
}

/* In a process of its own, whose standard error is a pipe. */
static void a_size_beyond_everything_ends_the_process_with_one_line(void **state)
{
    char line[200] = {0};
    size_t len = 0;
    ssize_t got;
    int ends[2];
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests */
        free(memory_array(SIZE_MAX / 2, 3));
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], line + len, sizeof(line) - 1 - len)) > 0)
        len += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(line, "{\"level\":\"error\",\"event\":\"memory.exhausted\",\"bytes\":18446744073709551615}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_memory_is_zero),
        cmocka_unit_test(nothing_at_all_can_be_allocated),
        cmocka_unit_test(resizing_keeps_the_bytes),
        cmocka_unit_test(an_object_gets_the_size_of_its_type),
        cmocka_unit_test(a_size_beyond_everything_ends_the_process_with_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
