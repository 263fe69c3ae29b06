/* lock_internal.h: what lock.c, lock_set.c and lock_print.c share. Nobody else includes it. */
#pragma once

#include "collab/record/lock.h"

/* Neither gone nor expired. */
bool lock_is_live(const struct lock *lock, uint64_t now_ms);
/* When it ends if nobody keeps it alive or renews it from now on. */
uint64_t lock_ends_ms(const struct lock *lock, uint64_t now_ms);
/* Monotonic time as the wall clock tells it now. */
int64_t lock_wall_of(uint64_t at_ms, uint64_t now_ms, int64_t wall_ms);
/* From now on this session keeps it alive. */
void lock_keep(struct lock *lock, session_id session);
/* Whether the second path is the first one or inside of it. */
bool lock_path_covers(const struct path *outer, const struct path *inner);
bool lock_path_overlaps(const struct path *a, const struct path *b);
/* The texts are copied into the lock's own memory; in no set yet. */
struct lock *lock_new(struct span id, const struct path *path);
void lock_free(struct lock *lock);
void lock_set_remove(struct lock_set *set, struct lock *lock); /* frees it */
struct lock *lock_set_find(const struct lock_set *set, struct span id);
/* A lock as the store has it. NULL: it is none. */
struct lock *lock_read(struct span room, const struct object *object);
/* What is said and put of a lock that was changed, or of one that goes, which is freed. */
void lock_tell(struct arena *arena, const struct lock_scene *scene, enum object_verb verb, struct lock *lock,
               struct lock_decision *decision);
/* That it ends later is put, and nobody is told. */
void lock_extend(struct arena *arena, const struct lock_scene *scene, struct lock *lock,
                 struct lock_decision *decision);
void lock_take_away(struct lock_set *set, struct arena *arena, const struct lock_scene *scene, enum object_verb verb,
                    struct lock *lock, struct lock_decision *decision);
