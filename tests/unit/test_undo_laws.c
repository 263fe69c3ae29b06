/* What must hold of taking back a record's making, and of taking back changes by name: lib/change_cases.h draws what one person does. */
#include "lib/change_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collab/change/change_build.h"
#include "collab/change/transform.h"
#include "collab/change/undo.h"

enum { CASES = 3000, CHANGES_MAX = 6, STEPS_MAX = 10, LOG_MAX = 128 };

static struct cases cases;

struct history {
    struct arena *arena;
    struct span state;
    const struct change *log[LOG_MAX];
    uint32_t count;
    int64_t now_ms;
    bool is_whole; /* nothing that was named was left standing in part */
};

static bool commit(struct history *history, const struct change *made)
{
    struct change *change = arena_alloc(history->arena, sizeof(*change));

    *change = *made;
    change->ops = ops_copy(history->arena, made->ops, made->op_count);
    change->user_id = SPAN("me");
    change->version = 1 + history->count;
    change->time_ms = history->now_ms;
    if (!cases_apply(history->arena, change, history->state, &history->state))
        return false;
    if (change->kind == CHANGE_DELETE)
        history->state = SPAN_EMPTY;
    history->log[history->count++] = change;
    return true;
}

/* The making of the record, as a client would have sent it. */
static bool make_record(struct history *history, struct span state)
{
    struct change change = {.kind = CHANGE_CREATE};
    yyjson_val *root = json_in_arena_read(history->arena, state), *key;
    yyjson_obj_iter members;

    change.ops = arena_alloc(history->arena, (yyjson_obj_size(root) + 1) * sizeof(*change.ops));
    yyjson_obj_iter_init(root, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        size_t len;
        char *text = yyjson_val_write(yyjson_obj_iter_get_val(key), 0, &len);

        change.ops[change.op_count++] = (struct op){
            .kind = OP_SET, .path = {1, {json_text(key)}}, .value = arena_copy(history->arena, span_of(text, len))};
        free(text);
    }
    return commit(history, &change);
}

static enum err step(struct history *history, uint64_t version, bool is_redo)
{
    struct change change = {0};
    struct undo_target target;
    uint32_t skipped = 0;
    enum err err = version ? undo_find(history->log, history->count, version, is_redo, &target)
                           : undo_find_last(NULL, history->log, history->count, SPAN("me"), is_redo, &target);

    if (err == OK)
        err = undo_make(history->arena, history->log, history->count, &target, &change, &skipped);
    if (err != OK)
        return err;
    history->is_whole = history->is_whole && (version == 0 || skipped == 0);
    history->now_ms += 1;
    return commit(history, &change) ? OK : ERR_INTERNAL;
}

/* When he did what, and what he takes back by name. */
struct plan {
    int64_t gap_ms[CHANGES_MAX];
    uint64_t versions[STEPS_MAX];
};

static bool play(struct history *history, const struct plan *plan, const struct case_trial *trial)
{
    if (!make_record(history, trial->state))
        return false;
    history->now_ms = 10000;
    for (uint32_t i = 0; i < trial->change_count; i++) {
        history->now_ms += plan->gap_ms[i];
        if (!commit(history, &trial->changes[i]))
            return false;
    }
    return true;
}

/* ---- a record's whole life ---------------------------------------------------------------------------------------- */

static bool a_life_is_taken_back_and_lived_again(void *context, struct arena *arena, const struct case_trial *trial)
{
    struct history history = {.arena = arena};
    struct span end;

    if (!play(&history, context, trial))
        return true;
    end = history.state;
    while (history.count < LOG_MAX / 2 && step(&history, 0, false) == OK)
        ;
    if (history.state.len > 0)
        return false;
    while (history.count < LOG_MAX && step(&history, 0, true) == OK)
        ;
    return history.state.len > 0 && cases_is_same(arena, history.state, end);
}

/* ---- by name ------------------------------------------------------------------------------------------------------ */

static bool edits_texts(const struct case_trial *trial)
{
    for (uint32_t i = 0; i < trial->change_count; i++)
        for (uint32_t k = 0; k < trial->changes[i].op_count; k++)
            if (trial->changes[i].ops[k].kind == OP_TXT)
                return true;
    return false;
}

/* What can be taken back only in part because of his own later work stays so: such plays say nothing. */
static bool take_back_by_name(struct history *history, const struct plan *plan, const struct case_trial *trial)
{
    history->is_whole = true;
    if (!play(history, plan, trial))
        return false;
    for (uint32_t i = 0; i < STEPS_MAX && trial->change_count > 0; i++)
        (void)step(history, plan->versions[i], false);
    return history->is_whole;
}

static bool the_rest_can_be_taken_back(void *context, struct arena *arena, const struct case_trial *trial)
{
    struct history history = {.arena = arena};
    enum err err = OK;

    /* of a text edit that is taken back out of turn there may be nothing left to take back */
    if (edits_texts(trial) || !take_back_by_name(&history, context, trial))
        return true;
    while (history.count < LOG_MAX && err == OK)
        err = step(&history, 0, false);
    return err == ERR_NOTHING_TO_UNDO && history.state.len == 0;
}

/* ---- drawn -------------------------------------------------------------------------------------------------------- */

static struct case_trial draw(struct change *changes, struct plan *plan)
{
    const struct case_trial trial = {cases_state(&cases), changes, (uint32_t)cases_below(&cases, CHANGES_MAX + 1)};
    struct span state = trial.state;

    for (uint32_t i = 0; i < trial.change_count; i++) {
        struct change change = cases_change(&cases, state, 3);

        changes[i] = change;
        changes[i].ops = ops_copy(&cases.arena, change.ops, change.op_count);
        (void)cases_apply(&cases.arena, &change, state, &state);
        plan->gap_ms[i] = (int64_t)cases_below(&cases, 3) * UNDO_GROUP_MS;
    }
    for (uint32_t i = 0; i < STEPS_MAX; i++)
        plan->versions[i] = trial.change_count == 0 ? 0 : 2 + cases_below(&cases, trial.change_count);
    return trial;
}

static void holds_always(case_holds *holds)
{
    cases_init(&cases, CASES);
    while (cases_next(&cases)) {
        struct change changes[CHANGES_MAX];
        struct plan plan;
        const struct case_trial trial = draw(changes, &plan);

        if (!holds(&plan, &cases.arena, &trial))
            cases_fail(&cases, trial, holds, &plan);
    }
    cases_deinit(&cases);
}

static void a_record_is_taken_back_to_nothing_and_brought_back(void **state)
{
    (void)state;
    holds_always(a_life_is_taken_back_and_lived_again);
}

static void when_some_was_taken_back_by_name_the_rest_is_taken_back_step_by_step(void **state)
{
    (void)state;
    holds_always(the_rest_can_be_taken_back);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_is_taken_back_to_nothing_and_brought_back),
        TEST(when_some_was_taken_back_by_name_the_rest_is_taken_back_step_by_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
