/* What somebody asks of a lock, with the verb in the first byte: what is accepted is within its limits and names a place that the type has. */
#include "base/utf8.h"
#include "collab/record/lock.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char types[] = "{\"order\":{\"fields\":{\"title\":{\"kind\":\"string\"},\"address\":{\"kind\":\"object\"},"
                            "\"items\":{\"kind\":\"collection\"}}}}";

static struct type_registry *registry(void)
{
    static struct type_registry *made;
    struct buf why = BUF_EMPTY;

    if (made == NULL && type_registry_new(span_of(types, sizeof(types) - 1), SPAN_EMPTY, &made, &why) != OK)
        abort();
    return made;
}

static void check_ask(const struct type *type, const struct lock_ask *ask)
{
    assert(!ask->has_ttl || (ask->ttl_ms >= LOCK_TTL_MIN_MS && ask->ttl_ms <= LOCK_TTL_MAX_MS));
    assert(!ask->has_token || ask->token > 0);
    assert(ask->note.len <= LOCK_NOTE_BYTES_MAX);
    assert(ask->path.depth <= PATH_DEPTH_MAX);
    assert(ask->path.depth == 0 || type_field(type, ask->path.steps[0]) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct type *type = type_find(registry(), SPAN("order"));
    struct lock_ask ask;
    struct span field;
    struct arena arena;
    struct json json;

    if (len == 0 || json_parse(&json, span_of(data + 1, len - 1), &json_limits_default) != OK)
        return 0;
    arena_init(&arena, 4096);
    if (lock_ask_parse(&arena, type, (enum object_verb)(data[0] % OBJECT_VERB_COUNT), json.root, &ask, &field) == OK)
        check_ask(type, &ask);
    arena_deinit(&arena);
    json_deinit(&json);
    return 0;
}
