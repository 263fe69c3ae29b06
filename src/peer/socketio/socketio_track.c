#include "peer/socketio/socketio_track.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_BITS 48 /* of the hash: twelve digits */
#define ROOM_DIGITS 12
#define MARKS_FIRST 16

/* ---- marks ---- */

struct sio_mark sio_mark_of(struct span room, uint64_t offset)
{
    uint64_t hash = hash_stable(room);
    return (struct sio_mark){(hash ^ hash >> ROOM_BITS) & ((UINT64_C(1) << ROOM_BITS) - 1), offset};
}

void sio_mark_write(struct buf *out, const struct sio_mark *mark)
{
    buf_printf(out, "%012llx-%llu", (unsigned long long)mark->room, (unsigned long long)mark->offset);
}

static bool read_digit(char digit, uint64_t *value)
{
    if (digit >= '0' && digit <= '9')
        *value = *value << 4 | (uint64_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *value = *value << 4 | (uint64_t)(digit - 'a' + 10);
    else
        return false;
    return true;
}

bool sio_mark_read(struct span text, struct sio_mark *mark)
{
    *mark = (struct sio_mark){0};
    if (text.len < ROOM_DIGITS + 2 || text.data[ROOM_DIGITS] != '-')
        return false;
    for (size_t i = 0; i < ROOM_DIGITS; i++)
        if (!read_digit(text.data[i], &mark->room))
            return false;
    return span_parse_u64(span_slice(text, ROOM_DIGITS + 1, text.len), &mark->offset);
}

/* Without its bracket, and the blanks before it. */
static struct span opened(struct span array)
{
    size_t len = array.len - 1;
    while (array.data[len - 1] == ' ' || (array.data[len - 1] >= '\t' && array.data[len - 1] <= '\r'))
        len--;
    return span_slice(array, 0, len);
}

void sio_append_marked(struct buf *out, struct span array, const struct sio_mark *mark)
{
    buf_append_span(out, opened(array));
    BUF_APPEND_LITERAL(out, ",\"");
    sio_mark_write(out, mark);
    BUF_APPEND_LITERAL(out, "\"]");
}

void sio_append_unmarked(struct buf *out, struct span array)
{
    struct span open = opened(array);
    buf_append_span(out, open);
    if (open.data[open.len - 1] == '"')
        BUF_APPEND_LITERAL(out, ",null");
    buf_append_char(out, ']');
}

/* ---- the track ---- */

void sio_track_deinit(struct sio_track *track)
{
    free(track->marks);
    *track = (struct sio_track){0};
}

bool sio_track_is_full(const struct sio_track *track)
{
    return track->count == LIMIT_SIO_TRACKED;
}

void sio_track_add(struct sio_track *track, const struct sio_mark *mark)
{
    if (track->count == track->capacity) {
        track->capacity = track->capacity ? track->capacity * 2 : MARKS_FIRST;
        track->marks = memory_resize(track->marks, track->capacity * sizeof *track->marks);
    }
    track->marks[track->count++] = *mark;
}

/* A pong says that what was sent before its ping has come. What was sent before the pong before that was. The last of them
 * stays: it may be the one that the client names. */
uint32_t sio_track_pong(struct sio_track *track)
{
    uint32_t surplus = track->arrived > 1 ? track->arrived - 1 : 0;
    track->arrived = track->count;
    return surplus;
}

void sio_track_cut(struct sio_track *track, uint32_t count)
{
    if (count == 0)
        return;
    track->count -= count;
    track->arrived = track->arrived > count ? track->arrived - count : 0;
    track->is_cut = true;
    memmove(track->marks, track->marks + count, track->count * sizeof *track->marks);
    if (track->capacity > MARKS_FIRST && track->count < track->capacity / 4) {
        track->capacity /= 2;
        track->marks = memory_resize(track->marks, track->capacity * sizeof *track->marks);
    }
}

bool sio_track_find(const struct sio_track *track, const struct sio_mark *last, uint32_t *count)
{
    for (uint32_t i = track->count; i > 0; i--) {
        if (track->marks[i - 1].room != last->room || track->marks[i - 1].offset != last->offset)
            continue;
        *count = i;
        return true;
    }
    return false;
}

uint64_t sio_track_stand(const struct sio_track *track, uint32_t count, uint64_t room, uint64_t base)
{
    for (uint32_t i = 0; i < count; i++)
        if (track->marks[i].room == room && track->marks[i].offset > base)
            base = track->marks[i].offset;
    return base;
}
