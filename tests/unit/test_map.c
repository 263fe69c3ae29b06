#include "base/map.h"
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 2000 };

struct room {
    char name[24];
    struct span key;
    bool is_in;
};

static struct room rooms[NAMES];

static int make_rooms(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(rooms[i].name, sizeof(rooms[i].name), "room:%zu", i);
        rooms[i].key = span_from_str(rooms[i].name);
        rooms[i].is_in = false;
    }
    return 0;
}

static size_t count_by_walking(const struct map *map)
{
    size_t count = 0;

    for (struct map_entry *entry = map_first(map); entry; entry = map_next(map, entry))
        count++;
    return count;
}

static void an_empty_map_finds_nothing(void **state)
{
    struct map map;

    (void)state;
    map_init(&map);
    assert_null(map_get(&map, SPAN("a")));
    assert_null(map_remove(&map, SPAN("a")));
    assert_null(map_first(&map));
    map_deinit(&map);
}

static void what_was_put_is_found_until_removed(void **state)
{
    struct map map;
    int value = 1;

    (void)state;
    map_init(&map);
    assert_null(map_put(&map, SPAN("a"), &value));
    assert_ptr_equal(map_get(&map, SPAN("a")), &value);
    assert_null(map_get(&map, SPAN("b")));
    assert_null(map_remove(&map, SPAN("b")));
    assert_ptr_equal(map_remove(&map, SPAN("a")), &value);
    assert_null(map_get(&map, SPAN("a")));
    assert_int_equal(map.count, 0);
    map_deinit(&map);
}

static void the_empty_name_and_names_with_nul_are_names(void **state)
{
    struct map map;
    int values[3];

    (void)state;
    map_init(&map);
    map_put(&map, SPAN_EMPTY, &values[0]);
    map_put(&map, SPAN("\0"), &values[1]);
    map_put(&map, SPAN("\0\0"), &values[2]);
    assert_ptr_equal(map_get(&map, SPAN("")), &values[0]);
    assert_ptr_equal(map_get(&map, SPAN("\0")), &values[1]);
    assert_ptr_equal(map_get(&map, SPAN("\0\0")), &values[2]);
    map_deinit(&map);
}

static void replacing_gives_the_old_value_and_borrows_the_new_key(void **state)
{
    struct map map;
    int old_value, new_value;
    char *old_key = span_to_str(SPAN("a"));
    char *new_key = span_to_str(SPAN("a"));

    (void)state;
    map_init(&map);
    map_put(&map, span_from_str(old_key), &old_value);
    assert_ptr_equal(map_put(&map, span_from_str(new_key), &new_value), &old_value);
    free(old_key); /* with the old value its key may go */
    assert_ptr_equal(map_get(&map, SPAN("a")), &new_value);
    assert_ptr_equal(map_first(&map)->key_data, new_key);
    assert_int_equal(map.count, 1);
    map_deinit(&map);
    free(new_key);
}

static void a_map_grows_and_shrinks_with_its_entries(void **state)
{
    struct map map;
    size_t capacity;

    make_rooms(state);
    map_init(&map);
    for (size_t i = 0; i < NAMES; i++)
        assert_null(map_put(&map, rooms[i].key, &rooms[i]));
    assert_int_equal(map.count, NAMES);
    capacity = map.capacity;
    assert_true(capacity > NAMES);
    for (size_t i = 0; i < NAMES; i++)
        assert_ptr_equal(map_get(&map, rooms[i].key), &rooms[i]);
    for (size_t i = 0; i < NAMES - 1; i++)
        assert_ptr_equal(map_remove(&map, rooms[i].key), &rooms[i]);
    assert_true(map.capacity < capacity / 8);
    assert_ptr_equal(map_get(&map, rooms[NAMES - 1].key), &rooms[NAMES - 1]);
    map_deinit(&map);
}

static void walking_visits_every_entry_once(void **state)
{
    struct map map;

    make_rooms(state);
    map_init(&map);
    for (size_t i = 0; i < NAMES; i++)
        map_put(&map, rooms[i].key, &rooms[i]);
    for (struct map_entry *entry = map_first(&map); entry; entry = map_next(&map, entry)) {
        struct room *room = entry->value;

        assert_true(span_equal(map_entry_key(entry), room->key));
        assert_false(room->is_in);
        room->is_in = true;
    }
    for (size_t i = 0; i < NAMES; i++)
        assert_true(rooms[i].is_in);
    map_deinit(&map);
}

/* Against the simplest map there is: a flag in each room. */
static void random_changes_never_lose_or_invent_an_entry(void **state)
{
    struct map map;
    struct rand rand;
    size_t count = 0;

    make_rooms(state);
    map_init(&map);
    rand_seed(&rand, 1);
    for (unsigned step = 0; step < 200000; step++) {
        /* The crowd comes and goes, so that the table grows and shrinks on the way. */
        bool is_arriving = rand_below(&rand, 8) < (step / 20000 % 2 ? 2u : 6u);
        struct room *room = &rooms[rand_below(&rand, NAMES)];
        void *expected = room->is_in ? room : NULL;

        assert_ptr_equal(map_get(&map, room->key), expected);
        assert_ptr_equal(is_arriving ? map_put(&map, room->key, room) : map_remove(&map, room->key), expected);
        count = count + is_arriving - room->is_in;
        room->is_in = is_arriving;
        assert_int_equal(map.count, count);
    }
    assert_int_equal(count_by_walking(&map), count);
    for (size_t i = 0; i < NAMES; i++)
        assert_ptr_equal(map_get(&map, rooms[i].key), rooms[i].is_in ? &rooms[i] : NULL);
    map_deinit(&map);
}

static void the_keyed_hash_is_siphash_1_3(void **state)
{
    uint8_t key[16] = {0};
    char bytes[63];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    map_hash_seed(key);
    assert_true(map_hash(SPAN_EMPTY) == 0xd1fba762150c532cu);
    assert_true(map_hash(SPAN("a")) == 0x407448d2b89b1813u);
    assert_true(map_hash(SPAN("1234567")) == 0xa33d651594fdae81u);
    assert_true(map_hash(SPAN("12345678")) == 0x3489982430560a87u);
    assert_true(map_hash(SPAN("123456789")) == 0x0fbc0f0007965fcfu);
    assert_true(map_hash(span_of(bytes, sizeof(bytes))) == 0x385d3e39e5f37359u);
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    map_hash_seed(key);
    assert_true(map_hash(SPAN_EMPTY) == 0xabac0158050fc4dcu);
}

static void the_stable_hash_is_fnv_1a(void **state)
{
    (void)state;
    assert_true(hash_stable(SPAN_EMPTY) == 0xcbf29ce484222325u);
    assert_true(hash_stable(SPAN("a")) == 0xaf63dc4c8601ec8cu);
    assert_true(hash_stable(SPAN("foobar")) == 0x85944171f73967e8u);
    assert_true(hash_stable(SPAN("\xff")) == 0xaf64724c8602eb6eu);
}

static void *hash_a_name(void *hash)
{
    *(uint64_t *)hash = map_hash(SPAN("room:1"));
    return NULL;
}

/* Runs first: nobody has drawn the process's key yet. */
static void threads_that_start_together_draw_one_key(void **state)
{
    pthread_t threads[4];
    uint64_t hashes[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_a_name, &hashes[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 1; i < 4; i++)
        assert_true(hashes[i] == hashes[0]);
    assert_true(hashes[0] != hash_stable(SPAN("room:1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_start_together_draw_one_key),
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(what_was_put_is_found_until_removed),
        cmocka_unit_test(the_empty_name_and_names_with_nul_are_names),
        cmocka_unit_test(replacing_gives_the_old_value_and_borrows_the_new_key),
        cmocka_unit_test(a_map_grows_and_shrinks_with_its_entries),
        cmocka_unit_test(walking_visits_every_entry_once),
        cmocka_unit_test(random_changes_never_lose_or_invent_an_entry),
        cmocka_unit_test(the_keyed_hash_is_siphash_1_3),
        cmocka_unit_test(the_stable_hash_is_fnv_1a),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
