/* A path that is accepted has steps within the limits, and its canonical form is read as the same path. */
#include "collab/change/change.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_again(struct arena *arena, const struct path *path)
{
    struct buf text = BUF_EMPTY;
    struct path again;

    path_append(&text, path);
    assert(path_parse(arena, buf_span(&text), &again) == OK);
    assert(again.depth == path->depth);
    for (uint32_t i = 0; i < path->depth; i++)
        assert(span_equal(again.steps[i], path->steps[i]));
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct path path;

    arena_init(&arena, 4096);
    if (path_parse(&arena, span_of(data, len), &path) == OK) {
        assert(path.depth > 0 && path.depth <= PATH_DEPTH_MAX);
        check_again(&arena, &path);
    }
    arena_deinit(&arena);
    return 0;
}
