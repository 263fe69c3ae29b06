#include "base/rand.h"
#include "lib/lock_double.h"

#include <stdio.h>

enum { PLACES = 7, PEOPLE = 4, STEPS = 120, PLAYS = 2000 };

static const char *const places[PLACES] = {"", "price", "status", "items", "/items/@a", "/items/@a/qty", "/items/@b"};

/* One play: what its people believe to hold, and the greatest token that each place has seen in a grant or a write. */
static struct play {
    uint64_t seed;
    struct rand rand;
    uint64_t known[PEOPLE][PLACES]; /* tokens that they were told, ever */
    uint64_t seen[PLACES];
    uint64_t last_token;
    bool is_here[PEOPLE];
    unsigned granted, written, refused;
} play;

static void holds(bool it_does, const char *what)
{
    if (!it_does)
        fail_msg("%s: seed %llu", what, (unsigned long long)play.seed);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)rand_below(&play.rand, bound);
}

static bool is_within(const struct path *a, const struct path *b)
{
    for (uint32_t i = 0; i < a->depth && i < b->depth; i++)
        if (!span_equal(a->steps[i], b->steps[i]))
            return false;
    return true;
}

static bool is_alive(const struct lock *lock)
{
    return !lock->is_soft && (lock->session_count > 0 || lock->expires_ms > locks.scene.now_ms);
}

static void nobody_else_holds_it(void)
{
    uint32_t count = 0;

    LIST_EACH (&locks.set.locks, node) {
        const struct lock *a = LIST_OWNER(node, struct lock, node);

        count++;
        for (const struct list *other = node->next; other != &locks.set.locks; other = other->next) {
            const struct lock *b = LIST_OWNER(other, struct lock, node);

            holds(!span_equal(a->id, b->id), "two locks with one id");
            holds(!is_alive(a) || !is_alive(b) || span_equal(a->user_id, b->user_id) || !is_within(&a->path, &b->path),
                  "two people hold the same");
        }
    }
    holds(count == locks.set.count && count <= LOCKS_PER_RECORD_MAX, "the count is wrong");
}

static void random_ask(unsigned user, unsigned place)
{
    static const enum object_verb verbs[] = {OBJECT_ADD,     OBJECT_ADD,       OBJECT_ADD,   OBJECT_REMOVE,
                                             OBJECT_RENEW,   OBJECT_HAND_OVER, OBJECT_FORCE, OBJECT_REQUEST,
                                             OBJECT_REQUEST, OBJECT_RENEW};
    const enum object_verb verb = verbs[draw(10)];
    char input[160], token[40] = "";

    if (draw(2) && play.known[user][place] > 0)
        (void)snprintf(token, sizeof(token), ",\"token\":%llu", (unsigned long long)play.known[user][place]);
    (void)snprintf(input, sizeof(input), "{\"path\":\"%s\",\"soft\":%s%s,\"ttl\":%u}", places[place],
                   draw(8) ? "false" : "true", token, 1 + draw(10));
    if (play.is_here[user])
        lock_as(user);
    else
        lock_as_rest(user);
    locks.scene.may_force = draw(3) == 0;
    if (lock_ask(verb, input) != OK)
        play.refused++;
    if (locks.decision.err == OK && locks.decision.grant) {
        play.granted++;
        holds(locks.sequence > play.last_token, "a token did not grow");
        play.last_token = locks.sequence;
    }
    if (locks.decision.lock && locks.decision.verb != OBJECT_REQUEST && !locks.decision.lock->is_soft) {
        const unsigned owner = (unsigned)(locks.decision.lock->user_id.data[0] - '0');

        play.known[owner][place] = locks.decision.lock->token;
        holds(locks.decision.lock->token >= play.seen[place], "a token went back");
        play.seen[place] = locks.decision.lock->token;
    }
}

static void random_write(unsigned user, unsigned place)
{
    const uint64_t fence = draw(3) ? play.known[user][place] : draw(2) ? 0 : 100 + draw(60);
    const enum err err = lock_write(place ? CHANGE_UPDATE : CHANGE_DELETE, user, place ? places[place] : NULL, fence,
                                    lock_needs_all, false);

    if (err != OK)
        return;
    play.written++;
    holds(fence == 0 || fence <= locks.sequence, "a write passed with a token that was never given");
    LIST_EACH (&locks.set.locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);
        struct path path = {0};

        if (place)
            assert_int_equal(path_parse(&locks.arena, span_from_str(places[place]), &path), OK);
        holds(!is_alive(lock) || !is_within(&lock->path, &path) ||
                  span_equal(lock->user_id, locks.users[user]->user_id),
              "a write passed although somebody else holds it");
    }
    if (fence == play.known[user][place] && fence > 0)
        holds(fence >= play.seen[place], "a write passed with a token older than one that was seen");
}

static void random_session(unsigned user)
{
    const bool is_broken = draw(2);

    lock_as(user);
    if (play.is_here[user]) {
        const uint32_t count = lock_leave(user, is_broken);

        for (uint32_t i = 0; i < count; i++)
            lock_store(&locks.many[i]);
    } else {
        lock_set_session_came(&locks.set, locks.users[user]->user_id, user + 1, locks.scene.now_ms);
    }
    play.is_here[user] = !play.is_here[user];
}

/* Loaded anew, or after a restart: then everybody is gone. */
static void random_load(void)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    const uint32_t count = lock_stored(objects);

    if (draw(2)) {
        lock_set_deinit(&locks.set);
        for (unsigned i = 0; i < PEOPLE; i++)
            play.is_here[i] = false;
    }
    lock_set_load(&locks.set, locks.scene.room, objects, count, &locks.limits, locks.scene.now_ms);
}

static void random_step(void)
{
    const unsigned user = draw(PEOPLE), place = draw(PLACES), what = draw(100);

    if (what < 45)
        random_ask(user, place);
    else if (what < 75)
        random_write(user, place);
    else if (what < 85)
        random_session(user);
    else if (what < 93)
        locks.scene.now_ms += draw(12000);
    else if (what < 97)
        (void)lock_expire();
    else
        random_load();
    nobody_else_holds_it();
}

static void no_two_people_ever_hold_the_same(void **state)
{
    unsigned granted = 0, written = 0, refused = 0;

    for (uint64_t seed = 1; seed <= PLAYS; seed++) {
        play = (struct play){.seed = seed};
        rand_seed(&play.rand, seed);
        (void)lock_double_set_up(state);
        for (unsigned i = 0; i < STEPS; i++)
            random_step();
        (void)lock_double_tear_down(state);
        granted += play.granted;
        written += play.written;
        refused += play.refused;
    }
    print_message("%u locks granted, %u asks refused, %u writes allowed\n", granted, refused, written);
    assert_true(granted > 5 * PLAYS && written > PLAYS && refused > 5 * PLAYS);
    (void)lock_double_set_up(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_two_people_ever_hold_the_same),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
