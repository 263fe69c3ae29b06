/* lock_double.h: the locks of one record, order:O-1, with the decisions about them and a store that does at once what is decided. For tests
 * of lock.h: who asks is said with a line, then he asks, writes or leaves, and what was decided is looked at in `locks`. There is one
 * at a time, made anew for every test. */
#pragma once

#include "collab/record/lock.h"
#include "collab/type/access.h"
#include "lib/check.h"

enum { LOCK_USERS = 20, LOCK_GRACE_MS = 15000, LOCK_TTL_MS = 30000 };

struct lock_double {
    struct type_registry *registry;
    const struct type *type; /* orders: status, note, price, address and items */
    struct identity *users[LOCK_USERS];
    struct lock_limits limits;
    struct arena arena;
    struct lock_set set;
    struct lock_scene scene;                         /* who asks, and when */
    struct lock_decision decision;                   /* the newest */
    uint64_t sequence;                               /* the store's */
    struct lock_decision many[LOCKS_PER_RECORD_MAX]; /* of lock_expire and lock_leave */
    const struct lock *in_the_way;                   /* of the newest write */
};

extern struct lock_double locks;

/* cmocka's: the users and their types for a whole program, the record and its locks for each test. */
int lock_double_set_up_all(void **state);
int lock_double_tear_down_all(void **state);
int lock_double_set_up(void **state);
int lock_double_tear_down(void **state);

/* Who asks: user n, who is in the room with session n + 1, or without a connection, as REST asks. */
void lock_as(unsigned user);
void lock_as_rest(unsigned user);

/* What is asked, read from JSON text. */
enum err lock_parse(enum object_verb verb, const char *input, struct lock_ask *ask, struct span *field);
/* Decides, and leaves it on its way to the store. */
enum err lock_try(enum object_verb verb, const char *input);
/* Decides, and the store does it. */
enum err lock_ask(enum object_verb verb, const char *input);
enum err lock_ask_with(enum object_verb verb, const char *path, uint64_t token);
/* That user takes a lock and gets it; its token. */
uint64_t lock_take(unsigned user, const char *input);
void lock_store(const struct lock_decision *decision);

/* What expired by now is swept up; how many. */
uint32_t lock_expire(void);
/* That user's session ends; how many locks go with it, which are not yet with the store. */
uint32_t lock_leave(unsigned user, bool is_broken);

/* A change of that kind to one path, or to none (NULL); `needs` says what may only be written with a lock. */
enum err lock_write(enum change_kind kind, unsigned user, const char *path, uint64_t fence,
                    bool (*needs)(const void *context, const struct op *op), bool enforces);
bool lock_needs_price(const void *context, const struct op *op);
bool lock_needs_all(const void *context, const struct op *op);
/* An update of the price, which needs its lock. */
enum err lock_write_price(unsigned user, uint64_t fence);
/* An update where the type enforces all locks. */
enum err lock_write_enforced(unsigned user, const char *path);

/* The objects of a store that has done all that is decided; how many. */
uint32_t lock_stored(struct object objects[LOCKS_PER_RECORD_MAX]);
