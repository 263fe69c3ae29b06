/* map.h: hash map from bytes to a pointer, open addressing, SipHash-1-3 with a key drawn from getrandom(2) once per
 * process, so that names chosen by peers cannot be made to collide. The map borrows the key's bytes: they must stay
 * valid and unchanged while the entry is in (usually they live inside the value). One thread. */
#pragma once

#include "base/span.h"

/* Every connection is in several maps, so this is as small as it can be. */
struct map_entry {
    const char *key_data;
    void *value; /* NULL: empty */
    uint32_t key_len;
    uint32_t hash; /* the lower half: tables are smaller than that */
};

static inline struct span map_entry_key(const struct map_entry *entry)
{
    return (struct span){entry->key_data, entry->key_len};
}

struct map {
    struct map_entry *entries;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

void map_init(struct map *map);
void map_deinit(struct map *map);                      /* frees the table, not the values */
void *map_get(const struct map *map, struct span key); /* NULL: none */
/* Adds or replaces (the key's bytes, too); value must not be NULL. Gives the value it replaced, or NULL. */
void *map_put(struct map *map, struct span key, void *value);
void *map_remove(struct map *map, struct span key); /* gives the value, or NULL */

/* for (struct map_entry *entry = map_first(map); entry; entry = map_next(map, entry)) - no changes inside the loop. */
struct map_entry *map_first(const struct map *map);
struct map_entry *map_next(const struct map *map, struct map_entry *entry);

uint64_t map_hash(struct span key);        /* keyed: differs between processes */
void map_hash_seed(const uint8_t key[16]); /* simulation and tests: before the first map is used */

/* A fixed hash (FNV-1a, 64 bit) for what must be the same in every process: which worker is a room's home. Never for
 * tables keyed by user text. */
uint64_t hash_stable(struct span key);
