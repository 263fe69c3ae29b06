#include "collab/room/recent_ids.h"

#include "base/buf.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct recent_id {
    uint64_t hash, offset;
    uint32_t key_len;
    char key[]; /* the user's id, NUL, the id: a user's id has no NUL in it */
};

void recent_ids_deinit(struct recent_ids *ids)
{
    for (uint32_t i = 0; i < ids->count; i++)
        free(ids->ring[i]);
    free(ids->ring);
    map_deinit(&ids->by_key);
    *ids = (struct recent_ids){0};
}

static struct span key_of(const struct recent_id *entry)
{
    return span_of(entry->key, entry->key_len);
}

static void append_key(struct buf *key, struct span user_id, struct span id)
{
    buf_append_span(key, user_id);
    buf_append_char(key, '\0');
    buf_append_span(key, id);
}

enum err recent_ids_find(const struct recent_ids *ids, struct span user_id, struct span id, uint64_t hash,
                         uint64_t *offset)
{
    struct buf key = BUF_EMPTY;
    const struct recent_id *entry;

    if (ids->count == 0)
        return ERR_NOT_FOUND;
    append_key(&key, user_id, id);
    entry = map_get(&ids->by_key, buf_span(&key));
    buf_deinit(&key);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    if (entry->hash != hash)
        return ERR_ID_REUSED;
    *offset = entry->offset;
    return OK;
}

/* The place of the next one; the oldest has to make room when all are taken. */
static struct recent_id **place(struct recent_ids *ids)
{
    struct recent_id **place;

    if (ids->ring == NULL)
        ids->ring = memory_array(RECENT_IDS_MAX, sizeof(*ids->ring));
    place = &ids->ring[ids->next];
    ids->next = (ids->next + 1) % RECENT_IDS_MAX;
    if (*place) {
        map_remove(&ids->by_key, key_of(*place));
        free(*place);
    } else {
        ids->count++;
    }
    return place;
}

void recent_ids_add(struct recent_ids *ids, struct span user_id, struct span id, uint64_t hash, uint64_t offset)
{
    struct buf key = BUF_EMPTY;
    struct recent_id *entry;

    append_key(&key, user_id, id);
    entry = memory_alloc(sizeof(*entry) + key.len);
    entry->hash = hash;
    entry->offset = offset;
    entry->key_len = (uint32_t)key.len;
    memcpy(entry->key, key.data, key.len);
    buf_deinit(&key);
    *place(ids) = entry;
    if (map_put(&ids->by_key, key_of(entry), entry) != NULL)
        assert(false); /* it was not new */
}
