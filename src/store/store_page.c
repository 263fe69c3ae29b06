/* Where a page ends and the next one begins: a time or a number, and the row, of one question. */
#include "store/sqlite_internal.h"

#include "base/base64.h"

#include <string.h>

struct span place_print(struct arena *arena, const struct place *place)
{
    struct buf text = BUF_EMPTY;
    struct span cursor;

    base64url_encode(&text, span_of(place, sizeof(*place)));
    cursor = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return cursor;
}

enum err place_read(struct span cursor, uint64_t query, struct place *out)
{
    struct buf bytes = BUF_EMPTY;
    enum err err = base64url_decode(&bytes, cursor);

    if (err != OK || bytes.len != sizeof(*out))
        err = ERR_BAD_FIELD;
    else
        memcpy(out, bytes.data, sizeof(*out));
    if (err == OK && out->query != query)
        err = ERR_BAD_FIELD;
    buf_deinit(&bytes);
    return err;
}

uint64_t place_query(const struct span *parts, size_t count)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    for (size_t i = 0; i < count; i++) {
        buf_append(&text, &parts[i].len, sizeof(parts[i].len));
        buf_append_span(&text, parts[i]);
    }
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash;
}
