/* What must hold of taking back, whatever was done: lib/change_cases.h draws the changes of two people. */
#include "lib/change_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collab/change/transform.h"
#include "collab/change/undo.h"

enum { ALONE = 3000, TOGETHER = 4000, STEPS_MAX = 8, LOG_MAX = 64 };

static struct cases cases;

struct history {
    struct arena *arena;
    struct span state;
    const struct change *log[LOG_MAX];
    uint32_t count;
    int64_t now_ms;
};

static bool commit(struct history *history, const struct change *made, struct span user)
{
    struct change *change = arena_alloc(history->arena, sizeof(*change));

    *change = *made;
    change->ops = ops_copy(history->arena, made->ops, made->op_count);
    change->user_id = user;
    change->version = 2 + history->count;
    change->time_ms = history->now_ms;
    if (!cases_apply(history->arena, change, history->state, &history->state))
        return false;
    history->log[history->count++] = change;
    return true;
}

/* One step back or forth by `user`. */
static enum err step(struct history *history, struct span user, bool is_redo, struct change *change)
{
    struct undo_target target;
    uint32_t skipped;
    enum err err = undo_find_last(NULL, history->log, history->count, user, is_redo, &target);

    *change = (struct change){0};
    return err == OK ? undo_make(history->arena, history->log, history->count, &target, change, &skipped) : err;
}

/* Not, for one, putting back an empty collection that is there, empty, for other reasons. */
static bool does_something(const struct change *change)
{
    for (uint32_t i = 0; i < change->op_count; i++)
        if (!span_equal(change->ops[i].before, change->ops[i].after))
            return true;
    return false;
}

/* ---- alone ---- */

struct groups {
    int64_t gap_ms[STEPS_MAX];
};

static bool undo_and_redo_leave_all_as_it_was(void *context, struct arena *arena, const struct case_trial *trial)
{
    const struct groups *groups = context;
    struct history history = {.arena = arena, .state = trial->state};
    struct span states[STEPS_MAX + 1], end;
    struct change change;
    uint32_t back = 0;

    for (uint32_t i = 0; i < trial->change_count; i++) {
        history.now_ms += groups->gap_ms[i];
        if (!commit(&history, &trial->changes[i], SPAN("me")))
            return true;
    }
    end = history.state;
    while (step(&history, SPAN("me"), false, &change) == OK) {
        states[back] = history.state;
        history.now_ms += 1;
        if (!commit(&history, &change, SPAN("me")))
            return false;
        back += does_something(history.log[history.count - 1]);
    }
    if (!cases_is_same(arena, history.state, trial->state))
        return false;
    while (back > 0) {
        history.now_ms += 1;
        if (step(&history, SPAN("me"), true, &change) != OK || !commit(&history, &change, SPAN("me")) ||
            !cases_is_same(arena, history.state, states[--back]))
            return false;
    }
    return cases_is_same(arena, history.state, end) && step(&history, SPAN("me"), true, &change) == ERR_NOTHING_TO_UNDO;
}

/* Changes that follow each other, each made on what the one before made. */
static struct case_trial draw(struct change *changes)
{
    const struct case_trial trial = {cases_state(&cases), changes, 1 + (uint32_t)cases_below(&cases, STEPS_MAX)};
    struct history history = {.arena = &cases.arena, .state = trial.state};

    for (uint32_t i = 0; i < trial.change_count; i++) {
        changes[i] = cases_change(&cases, history.state, 3);
        (void)commit(&history, &changes[i], SPAN("me"));
    }
    return trial;
}

static void undoing_and_redoing_everything_leaves_the_record_as_it_was(void **state)
{
    (void)state;
    cases_init(&cases, ALONE);
    while (cases_next(&cases)) {
        struct change changes[STEPS_MAX];
        const struct case_trial trial = draw(changes);
        struct groups groups;

        for (uint32_t i = 0; i < STEPS_MAX; i++)
            groups.gap_ms[i] = (int64_t)cases_below(&cases, 3) * UNDO_GROUP_MS;
        if (!undo_and_redo_leave_all_as_it_was(&groups, &cases.arena, &trial))
            cases_fail(&cases, trial, undo_and_redo_leave_all_as_it_was, &groups);
    }
    cases_deinit(&cases);
}

/* ---- together ---- */

static const struct span people[] = {SPAN_INIT("me"), SPAN_INIT("she")};

enum act { ACT_CHANGE, ACT_UNDO, ACT_REDO };
struct play {
    uint32_t step_count;
    struct {
        uint32_t person;
        enum act act;
    } steps[STEPS_MAX * 2];
};

/* Places of items and what is in them are written by themselves. */
static bool is_same_work(const struct op *op, const struct op *other)
{
    return path_relation(&op->path, &other->path) != RELATION_APART && (op->kind == OP_MOV) == (other->kind == OP_MOV);
}

static struct span last_writer(const struct history *history, const struct op *op)
{
    for (uint32_t i = history->count; i-- > 0;)
        for (uint32_t k = 0; k < history->log[i]->op_count; k++) {
            const struct op *other = &history->log[i]->ops[k];

            if (!span_equal(other->before, other->after) && is_same_work(op, other))
                return history->log[i]->user_id;
        }
    return SPAN_EMPTY;
}

static bool writes_over_others(const struct history *history, const struct change *change, struct span user)
{
    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];

        if (op->kind != OP_INC && op->kind != OP_TXT && !span_equal(last_writer(history, op), user))
            return true;
    }
    return false;
}

static bool others_work_stays(void *context, struct arena *arena, const struct case_trial *trial)
{
    const struct play *play = context;
    struct history history = {.arena = arena, .state = trial->state};
    uint32_t made = 0;

    for (uint32_t i = 0; i < play->step_count; i++) {
        const struct span user = people[play->steps[i].person];
        struct change change;

        history.now_ms += UNDO_GROUP_MS / 2;
        if (play->steps[i].act == ACT_CHANGE) {
            if (made < trial->change_count)
                (void)commit(&history, &trial->changes[made++], user); /* one that does not fit is not made */
            continue;
        }
        if (step(&history, user, play->steps[i].act == ACT_REDO, &change) != OK)
            continue;
        if (writes_over_others(&history, &change, user) || !commit(&history, &change, user))
            return false;
    }
    return true;
}

static void undo_never_changes_what_somebody_else_wrote_last(void **state)
{
    (void)state;
    cases_init(&cases, TOGETHER);
    while (cases_next(&cases)) {
        struct change changes[STEPS_MAX];
        const struct case_trial trial = draw(changes);
        struct play play = {.step_count = STEPS_MAX * 2};

        for (uint32_t i = 0; i < play.step_count; i++) {
            play.steps[i].person = (uint32_t)cases_below(&cases, 2);
            play.steps[i].act = (enum act)cases_below(&cases, 3);
        }
        if (!others_work_stays(&play, &cases.arena, &trial))
            cases_fail(&cases, trial, others_work_stays, &play);
    }
    cases_deinit(&cases);
}

/* ---- and between two states ---- */

static bool leads_there(void *context, struct arena *arena, const struct case_trial *trial)
{
    const struct span *to = context;
    struct change change = {.kind = CHANGE_UPDATE};
    struct span made;

    return change_between(arena, cases_type(&cases, "ot"), trial->state, *to, &change.ops, &change.op_count) == OK &&
           cases_apply(arena, &change, trial->state, &made) && cases_is_same(arena, made, *to);
}

static void the_change_between_two_states_leads_from_one_to_the_other(void **state)
{
    (void)state;
    cases_init(&cases, ALONE);
    while (cases_next(&cases)) {
        const struct case_trial trial = {cases_state(&cases), NULL, 0};
        struct span to = cases_state(&cases);

        if (!leads_there(&to, &cases.arena, &trial))
            cases_fail(&cases, trial, leads_there, &to);
    }
    cases_deinit(&cases);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(undoing_and_redoing_everything_leaves_the_record_as_it_was),
        TEST(undo_never_changes_what_somebody_else_wrote_last),
        TEST(the_change_between_two_states_leads_from_one_to_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
