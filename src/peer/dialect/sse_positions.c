#include "peer/dialect/sse_positions.h"

#include "base/map.h"

/* "a1b2c3d4e5f60718.81237.4711,..." */
#define HASH_DIGITS 16
#define TEXT_BYTES_MAX 8192

void sse_channel_init(struct sse_channel *channel, struct span room)
{
    *channel = (struct sse_channel){.room = room, .hash = hash_stable(room)};
}

static bool parse_hash(struct span text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_letter = c >= 'a' && c <= 'f';
        if (!is_letter && (c < '0' || c > '9'))
            return false;
        *out = *out << 4 | (uint64_t)(is_letter ? c - 'a' + 10 : c - '0');
    }
    return text.len == HASH_DIGITS;
}

static bool parse_place(struct span text, uint64_t *hash, struct position *position)
{
    struct span name, epoch;
    return span_cut(&text, '.', &name) && span_cut(&text, '.', &epoch) && parse_hash(name, hash) &&
           span_parse_u64(epoch, &position->epoch) && span_parse_u64(text, &position->offset);
}

static void take(struct sse_channel *channels, uint32_t count, uint64_t hash, struct position position)
{
    for (uint32_t i = 0; i < count; i++) {
        if (channels[i].hash == hash) {
            channels[i].has_since = true;
            channels[i].position = position;
        }
    }
}

enum err sse_positions_read(struct span text, struct sse_channel *channels, uint32_t count)
{
    struct span place;
    if (text.len > TEXT_BYTES_MAX || span_ends_with(text, SPAN(",")))
        return ERR_BAD_FIELD;
    while (span_cut(&text, ',', &place)) {
        struct position position;
        uint64_t hash;
        if (!parse_place(place, &hash, &position))
            return ERR_BAD_FIELD;
        take(channels, count, hash, position);
    }
    return OK;
}

void sse_positions_write(struct buf *out, const struct sse_channel *channels, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, "%s%016llx.%llu.%llu", i ? "," : "", (unsigned long long)channels[i].hash,
                   (unsigned long long)channels[i].position.epoch, (unsigned long long)channels[i].position.offset);
}
