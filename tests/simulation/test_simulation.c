#include "simulation/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

/* Under a sanitizer a play takes ten times as long. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SLOW
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SLOW
#endif
#ifdef IS_SLOW
enum { SEEDS = 300, FAULT_SEEDS = 40 };
#else
enum { SEEDS = 10000, FAULT_SEEDS = 250 };
#endif

/* SIM_SEED=n plays one seed, SIM_SEEDS=n that many from a first one (SIM_FIRST, 1). */
static uint64_t number(const char *name, uint64_t fallback)
{
    uint64_t value;

    return span_parse_u64(span_from_str(getenv(name)), &value) ? value : fallback;
}

static void add(struct sim_report *sum, const struct sim_report *report)
{
    sum->commands += report->commands;
    sum->events += report->events;
    sum->changes += report->changes;
    sum->crashes += report->crashes;
    sum->resumes += report->resumes;
    sum->resyncs += report->resyncs;
    sum->repeats += report->repeats;
    sum->edits += report->edits;
    sum->merged += report->merged;
    sum->parked += report->parked;
    sum->rejected += report->rejected;
    sum->undone += report->undone;
    sum->settled += report->settled;
    sum->locked += report->locked;
    sum->fenced += report->fenced;
    sum->folded += report->folded;
    sum->logged += report->logged;
    for (unsigned i = 0; i < SIM_POINT_COUNT; i++)
        sum->points[i] += report->points[i];
}

static void play(uint64_t seed, struct sim_report *sum)
{
    struct sim_report report;

    if (!sim_run(seed, SIM_FAULT_NONE, &report))
        fail_msg("%s\n    replay with SIM_SEED=%llu", report.why, (unsigned long long)seed);
    add(sum, &report);
}

static void what_must_hold_holds_whatever_happens(void **state)
{
    const uint64_t one = number("SIM_SEED", 0);
    const uint64_t first = one ? one : number("SIM_FIRST", 1);
    const uint64_t count = one ? 1 : number("SIM_SEEDS", SEEDS);
    struct sim_report sum = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++)
        play(seed, &sum);
    print_message("%llu seeds: %u commands, %u events, %u changes, %u crashes, %u resumes, %u resyncs, %u repeats\n",
                  (unsigned long long)count, sum.commands, sum.events, sum.changes, sum.crashes, sum.resumes,
                  sum.resyncs, sum.repeats);
    print_message(
        "%u edits of sheets: %u merged, %u in conflict, %u refused; %u undone, %u conflicts settled; %u locks, "
        "%u edits with their tokens; %u changes folded by clients, %u lines of logs read\n",
        sum.edits, sum.merged, sum.parked, sum.rejected, sum.undone, sum.settled, sum.locked, sum.fenced, sum.folded,
        sum.logged);
    print_message("ended between applying and committing %u times, before anybody knew %u, before the answer %u, "
                  "before the others knew %u\n",
                  sum.points[SIM_POINT_APPLIED], sum.points[SIM_POINT_COMMITTED], sum.points[SIM_POINT_ACKNOWLEDGED],
                  sum.points[SIM_POINT_HEARD]);
    if (count < 1000)
        return;
    /* It all did happen. */
    assert_true(sum.changes > count && sum.crashes > count / 4 && sum.repeats > count && sum.resyncs > count / 4);
    assert_true(sum.edits > 10 * count && sum.merged > count && sum.parked > count && sum.rejected > count);
    assert_true(sum.undone > count / 2 && sum.settled > count / 10 && sum.locked > count / 2 && sum.fenced > count / 5);
    assert_true(sum.folded > 10 * count && sum.logged > 10 * count);
    for (unsigned i = 0; i < SIM_POINT_COUNT; i++)
        assert_true(sum.points[i] > count / 200);
}

/* Of the seeds in which the fault happened, most must be noticed. Some faults do no harm: a doubled event that nobody hears. */
static void assert_noticed(enum sim_fault fault, unsigned percent)
{
    unsigned faulted = 0, noticed = 0;

    for (uint64_t seed = 1; seed <= FAULT_SEEDS; seed++) {
        struct sim_report report;
        const bool holds = sim_run(seed, fault, &report);

        faulted += report.faulted;
        noticed += report.faulted && !holds;
    }
    print_message("fault %d: noticed in %u of %u seeds\n", (int)fault, noticed, faulted);
    assert_true(faulted >= FAULT_SEEDS / 5);
    assert_true(noticed * 100 >= faulted * percent);
}

static void an_event_that_is_lost_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_SKIP, 25);
}

static void an_event_that_comes_twice_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_DOUBLE, 25);
}

static void an_event_that_comes_too_late_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_REORDER, 25);
}

static void an_acknowledgement_before_the_commit_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_EARLY_ACK, 10);
}

static void a_session_that_never_leaves_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_GHOST, 25);
}

static void a_store_that_forgets_what_it_has_done_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_FORGET, 80);
}

static void a_state_that_is_not_what_the_log_says_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_STALE, 80);
}

static void a_write_without_a_lock_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_NO_LOCKS, 80);
}

static void a_value_written_over_another_that_a_person_should_settle_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_NO_MANUAL, 60);
}

static void a_token_that_does_not_grow_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_TOKEN, 80);
}

static void an_undo_that_takes_back_the_work_of_others_is_noticed(void **state)
{
    (void)state;
    assert_noticed(SIM_FAULT_BLIND, 10);
}

int main(void)
{
    static const uint8_t key[16] = {7}; /* hashing must not make one play differ from the next */
    const struct CMUnitTest one[] = {cmocka_unit_test(what_must_hold_holds_whatever_happens)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_must_hold_holds_whatever_happens),
        cmocka_unit_test(an_event_that_is_lost_is_noticed),
        cmocka_unit_test(an_event_that_comes_twice_is_noticed),
        cmocka_unit_test(an_event_that_comes_too_late_is_noticed),
        cmocka_unit_test(an_acknowledgement_before_the_commit_is_noticed),
        cmocka_unit_test(a_session_that_never_leaves_is_noticed),
        cmocka_unit_test(a_store_that_forgets_what_it_has_done_is_noticed),
        cmocka_unit_test(a_state_that_is_not_what_the_log_says_is_noticed),
        cmocka_unit_test(a_write_without_a_lock_is_noticed),
        cmocka_unit_test(a_value_written_over_another_that_a_person_should_settle_is_noticed),
        cmocka_unit_test(a_token_that_does_not_grow_is_noticed),
        cmocka_unit_test(an_undo_that_takes_back_the_work_of_others_is_noticed),
    };

    map_hash_seed(key);
    if (getenv("SIM_SEED"))
        return cmocka_run_group_tests_name("one seed", one, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
