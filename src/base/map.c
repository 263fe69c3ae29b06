#include "base/map.h"

#include "base/memory.h"
#include "base/rand.h"
#include "base/wraps.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- the hash ---- */

/* Written once, before any thread reads it; every map of the process shares it. */
static struct {
    pthread_once_t once;
    uint64_t key[2];
} hash_key = {.once = PTHREAD_ONCE_INIT};

static void draw_key(void)
{
    rand_bytes(hash_key.key, sizeof(hash_key.key));
}

/* Up to eight bytes as a little-endian number, wherever they lie. */
static uint64_t load_little_endian(const unsigned char *bytes, size_t len)
{
    uint64_t word = 0;

    memcpy(&word, bytes, len);
    return le64toh(word);
}

void map_hash_seed(const uint8_t key[16])
{
    pthread_once(&hash_key.once, draw_key); /* or the first map would draw over it */
    hash_key.key[0] = load_little_endian(key, 8);
    hash_key.key[1] = load_little_endian(key + 8, 8);
}

/* Inlined, all of it: every message is looked up several times, and the four words then stay in registers. */
#define INLINED WRAPS __attribute__((always_inline)) static inline

INLINED uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

INLINED void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

INLINED void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v); /* one round per word: the 1 of SipHash-1-3 */
    v[0] ^= word;
}

WRAPS uint64_t map_hash(struct span key)
{
    const unsigned char *bytes = (const unsigned char *)key.data;
    size_t whole = key.len - key.len % 8;
    uint64_t v[4];

    pthread_once(&hash_key.once, draw_key);
    v[0] = hash_key.key[0] ^ 0x736f6d6570736575u; /* "somepseudorandomlygeneratedbytes" */
    v[1] = hash_key.key[1] ^ 0x646f72616e646f6du;
    v[2] = hash_key.key[0] ^ 0x6c7967656e657261u;
    v[3] = hash_key.key[1] ^ 0x7465646279746573u;
    for (size_t i = 0; i < whole; i += 8)
        sip_absorb(v, load_little_endian(bytes + i, 8));
    /* The last word is what is left over, with the length in its top byte. */
    sip_absorb(v, (uint64_t)(key.len & 0xff) << 56 |
                      (whole < key.len ? load_little_endian(bytes + whole, key.len - whole) : 0));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

WRAPS uint64_t hash_stable(struct span key)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < key.len; i++) {
        hash ^= (unsigned char)key.data[i];
        hash *= 0x100000001b3u;
    }
    return hash;
}

/* ---- the table ----
 * Linear probing: an entry sits at its hash's slot or in the run of full slots that follows it. */

enum { FIRST_CAPACITY = 8 };

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_deinit(struct map *map)
{
    free(map->entries);
    map_init(map);
}

static uint32_t short_hash(struct span key)
{
    return (uint32_t)map_hash(key);
}

static size_t slot_of(const struct map *map, uint32_t hash)
{
    return hash & (map->capacity - 1);
}

static size_t slot_after(const struct map *map, size_t slot)
{
    return (slot + 1) & (map->capacity - 1);
}

/* The key's entry, or the empty one where it would go. There always is an empty one. */
static struct map_entry *find(const struct map *map, struct span key, uint32_t hash)
{
    size_t slot = slot_of(map, hash);

    for (;;) {
        struct map_entry *entry = &map->entries[slot];

        if (entry->value == NULL || (entry->hash == hash && span_equal(map_entry_key(entry), key)))
            return entry;
        slot = slot_after(map, slot);
    }
}

static void resize(struct map *map, size_t capacity)
{
    struct map old = *map;

    map->entries = memory_array(capacity, sizeof(*map->entries));
    map->capacity = capacity;
    for (struct map_entry *entry = map_first(&old); entry; entry = map_next(&old, entry))
        *find(map, map_entry_key(entry), entry->hash) = *entry;
    free(old.entries);
}

void *map_get(const struct map *map, struct span key)
{
    return map->count > 0 ? find(map, key, short_hash(key))->value : NULL;
}

void *map_put(struct map *map, struct span key, void *value)
{
    uint32_t hash = short_hash(key);
    struct map_entry *entry;
    void *replaced;

    assert(value != NULL && key.len <= UINT32_MAX && map->capacity <= UINT32_MAX);
    if (map->capacity == 0)
        resize(map, FIRST_CAPACITY);
    else if (map->count >= map->capacity / 4 * 3)
        resize(map, map->capacity * 2);
    entry = find(map, key, hash);
    replaced = entry->value;
    if (replaced == NULL)
        map->count++;
    /* The key, too, when the entry was there: the old one usually dies with the value it is replaced with. */
    *entry = (struct map_entry){key.data, value, (uint32_t)key.len, hash};
    return replaced;
}

/* Empties a slot and moves up what probed past it, so that lookups need no tombstones to step over. */
static void close_gap(struct map *map, size_t gap)
{
    const size_t mask = map->capacity - 1;

    for (size_t slot = slot_after(map, gap); map->entries[slot].value; slot = slot_after(map, slot)) {
        size_t home = slot_of(map, map->entries[slot].hash);
        /* Distances are taken around the ring; a wrapped difference is what the mask expects. */
        size_t from_home = (slot + map->capacity - home) & mask;
        size_t from_gap = (slot + map->capacity - gap) & mask;

        if (from_home >= from_gap) {
            map->entries[gap] = map->entries[slot];
            gap = slot;
        }
    }
    map->entries[gap] = (struct map_entry){0};
}

void *map_remove(struct map *map, struct span key)
{
    struct map_entry *entry;
    void *value;

    if (map->count == 0)
        return NULL;
    entry = find(map, key, short_hash(key));
    value = entry->value;
    if (value == NULL)
        return NULL;
    close_gap(map, (size_t)(entry - map->entries));
    map->count--;
    /* A crowd that came and went must not leave a large table to walk through for ever. */
    if (map->capacity > FIRST_CAPACITY && map->count < map->capacity / 8)
        resize(map, map->capacity / 2);
    return value;
}

static struct map_entry *first_from(const struct map *map, size_t slot)
{
    for (; slot < map->capacity; slot++)
        if (map->entries[slot].value)
            return &map->entries[slot];
    return NULL;
}

struct map_entry *map_first(const struct map *map)
{
    return first_from(map, 0);
}

struct map_entry *map_next(const struct map *map, struct map_entry *entry)
{
    return first_from(map, (size_t)(entry - map->entries) + 1);
}
