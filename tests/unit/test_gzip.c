#include "wire/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>

/* Any other program's reading of it. */
static void assert_holds(struct span file, struct span text)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)file.data, .avail_in = (uInt)file.len};
    char *out = malloc(text.len + 1);

    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)text.len + 1;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, text.len);
    assert_memory_equal(out, text.data, text.len);
    inflateEnd(&stream);
    free(out);
}

static void what_goes_in_comes_out_time_and_again(void **state)
{
    struct gzipper *gzipper = gzipper_new(1);
    struct buf text = BUF_EMPTY, file = BUF_EMPTY;

    (void)state;
    for (size_t size = 0; size < 300000; size = size * 3 + 1) {
        while (text.len < size)
            buf_append_char(&text, (char)(text.len * text.len % 251));
        buf_reset(&file);
        gzipper_append(gzipper, buf_span(&text), &file);
        assert_holds(buf_span(&file), buf_span(&text));
    }
    buf_deinit(&file);
    buf_deinit(&text);
    gzipper_free(gzipper);
}

static void it_is_appended(void **state)
{
    struct gzipper *gzipper = gzipper_new(9);
    struct buf file = BUF_EMPTY;

    (void)state;
    buf_append_char(&file, 'x');
    gzipper_append(gzipper, SPAN("hello"), &file);
    assert_int_equal(file.data[0], 'x');
    assert_holds(span_slice(buf_span(&file), 1, file.len), SPAN("hello"));
    buf_deinit(&file);
    gzipper_free(gzipper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_time_and_again),
        cmocka_unit_test(it_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
