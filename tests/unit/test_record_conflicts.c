#include "collab/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/hub_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hub_double *world;

/* Sessions and users: 21 is user 2's, 31 user 3's; Ada may do everything. */
enum { ADA = 11, MARIA = 21, AMIR = 31, LI = 41, VERA = 81 };
static const char room[] = "contract:C-1";

static int set_up(void **state)
{
    (void)state;
    world = hub_double_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hub_double_free(world);
    return 0;
}

/* ---- builders ---- */

static struct command *change_of(session_id session, const char *json_text)
{
    struct command *command = hub_double_command(world, COMMAND_CHANGE, session, (unsigned)session / 10, room);
    struct span id, field;
    const struct type *type = type_of_room(world->registry, command->room, &id);
    struct json json = {0};

    command->change = arena_alloc(&command->arena, sizeof(struct change));
    if (json_parse(&json, arena_copy(&command->arena, span_from_str(json_text)), &json_limits_default) != OK ||
        change_from_json(&command->arena, type, json.root, UINT64_MAX, command->change, &field) != OK)
        fail_msg("no change: %s", json_text);
    json_deinit(&json);
    return command;
}

static struct answer *change(session_id session, const char *json_text)
{
    return hub_double_ask(world, change_of(session, json_text));
}

/* Version 1 is Li's, version 2 Maria's. */
static void given_two_versions(void)
{
    hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"title\":\"A\",\"price\":5,\"terms\":\"none\"}");
    change(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}");
}

static struct answer *amir_clashes(const char *id)
{
    char text[200];

    (void)snprintf(text, sizeof(text),
                   "{\"id\":\"%s\",\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7},"
                   "{\"op\":\"txt\",\"path\":\"terms\",\"value\":[4,\"!\"]}]}",
                   id);
    return change(AMIR, text);
}

static struct command *resolve_of(session_id session, const char *id, const char *input)
{
    struct command *command = hub_double_command(world, COMMAND_OBJECT, session, (unsigned)session / 10, room);

    command->object.kind = OBJECT_CONFLICT;
    command->object.verb = OBJECT_RESOLVE;
    command->object.object_id = arena_copy(&command->arena, span_from_str(id));
    command->object.input = arena_copy(&command->arena, span_from_str(input));
    return command;
}

static struct answer *resolve(session_id session, const char *id, const char *input)
{
    return hub_double_ask(world, resolve_of(session, id, input));
}

static yyjson_doc *parse(struct span text)
{
    yyjson_doc *doc = yyjson_read(text.data, text.len, 0);

    assert_non_null(doc);
    return doc;
}

/* The answer's conflict's id. */
static const char *id_of(const struct answer *answer)
{
    static char id[64];
    yyjson_doc *doc = parse(answer->object);
    struct span text = json_get_text(yyjson_doc_get_root(doc), "id");

    assert_true(text.len > 3 && text.len < sizeof(id));
    (void)snprintf(id, sizeof(id), "%.*s", SPAN_ARG(text));
    yyjson_doc_free(doc);
    return id;
}

static void assert_member(struct span body, const char *pointer, const char *json)
{
    yyjson_doc *doc = parse(body);
    yyjson_val *value = yyjson_doc_ptr_get(doc, pointer);
    char *text = value ? yyjson_val_write(value, 0, NULL) : NULL;

    assert_string_equal(text ? text : "(nothing)", json);
    free(text);
    yyjson_doc_free(doc);
}

static void assert_state(uint64_t version, const char *state)
{
    const struct model_change *row = model_store_record(&world->store, span_from_str(room));

    assert_string_equal(row->state, state);
    assert_int_equal(row->version, version);
}

static void assert_refused(const struct answer *answer, enum err err)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), err_code(err));
}

static void assert_conflict(const struct answer *answer, uint64_t version)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), "ok");
    assert_int_equal(answer->verdict, VERDICT_CONFLICT);
    assert_int_equal(answer->version, version);
    assert_true(answer->has_object);
    assert_int_equal(answer->object_kind, OBJECT_CONFLICT);
}

static const struct object *stored(const char *id)
{
    return model_store_object(&world->store, OBJECT_CONFLICT, span_from_str(id));
}

/* ---- opened ---- */

static void two_who_want_different_things_leave_it_to_a_person(void **state)
{
    const struct answer *answer;

    (void)state;
    given_two_versions();
    answer = amir_clashes("c1");
    assert_conflict(answer, 2);
    assert_null(answer->change);
    assert_state(2, "{\"title\":\"A\",\"price\":6,\"terms\":\"none\"}"); /* nothing of it, not even what nobody minds */
    assert_member(answer->object, "/state", "\"open\"");
    assert_member(answer->object, "/user_id", "\"3\"");
    assert_member(answer->object, "/entity_name", "\"A\"");
    assert_member(answer->object, "/fields/0/path", "\"/price\"");
    assert_member(answer->object, "/fields/0/base", "5");
    assert_member(answer->object, "/fields/0/mine", "7");
    assert_member(answer->object, "/fields/0/theirs", "6");
    assert_member(answer->object, "/fields/1", "(nothing)");
    assert_member(answer->object, "/base_version", "1");
    assert_member(answer->object, "/current_version", "2");
    assert_member(answer->object, "/remote/0/user_id", "\"2\"");
    assert_member(answer->object, "/local/ops/1/path", "\"/terms\"");
    assert_int_equal(answer->object_shown, 2);
    assert_non_null(stored(id_of(answer)));
    assert_int_equal(stored(id_of(answer))->revision, 1);
    assert_true(span_is(stored(id_of(answer))->room, room));
}

static void who_wants_the_same_is_not_in_conflict(void **state)
{
    const struct answer *answer;

    (void)state;
    given_two_versions();
    answer = change(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6},"
                          "{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"}]}");
    assert_string_equal(err_code(answer->err), "ok");
    assert_int_not_equal(answer->verdict, VERDICT_CONFLICT);
    assert_state(3, "{\"title\":\"B\",\"price\":6,\"terms\":\"none\"}");
}

static void a_conflict_is_heard_in_the_room_and_by_those_whose_work_it_is(void **state)
{
    const struct event *event;
    bool maria = false, amir = false, in_room = false;

    (void)state;
    given_two_versions();
    hub_double_join(world, ADA, 1, room);
    hub_double_join(world, MARIA, 2, "user:2");
    hub_double_join(world, AMIR, 3, "user:3");
    amir_clashes("c1");
    while ((event = hub_double_event(world, 0, EVENT_OBJECT))) {
        in_room |= span_is(event->room, room) && event->object.kind == OBJECT_CONFLICT &&
                   event->object.verb == OBJECT_ADD && event->object.shown == 2;
        maria |= span_is(event->room, "user:2") && event->object.kind == OBJECT_NOTIFICATION;
        amir |= span_is(event->room, "user:3") && event->object.kind == OBJECT_NOTIFICATION;
    }
    assert_true(in_room);
    assert_true(maria);
    assert_true(amir);
}

static void the_same_change_again_gets_the_same_conflict(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    answer = amir_clashes("c1");
    assert_conflict(answer, 2);
    assert_true(answer->is_repeat);
    assert_string_equal(id_of(answer), id);
    hub_double_restart(world);
    assert_string_equal(id_of(amir_clashes("c1")), id);
    assert_int_equal(world->store.change_count, 2);
}

static void a_conflict_with_what_never_came_to_be_is_none(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"price\":5,\"terms\":\"none\"}");
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, change_of(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}"));
    hub_double_do(world, change_of(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}"));
    assert_int_equal(world->asked_count, 1); /* the second waits until it is certain */
    world->failure = ERR_STORAGE;
    hub_double_store_some(world, 1);
    world->failure = OK;
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    answer = hub_double_answer(world);
    assert_int_equal(answer->verdict, VERDICT_APPLIED);
    assert_int_equal(answer->version, 2);
    assert_int_equal(world->store.object_count, 0);
    assert_state(2, "{\"price\":7,\"terms\":\"none\"}");
}

static void those_behind_a_conflict_wait_for_it_and_go_on(void **state)
{
    (void)state;
    hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"price\":5}");
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, change_of(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}"));
    hub_double_do(world, change_of(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}"));
    hub_double_do(world, change_of(LI, "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"T\"}]}"));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 2);
    assert_conflict(hub_double_answer(world), 2);
    assert_int_equal(hub_double_answer(world)->version, 3);
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
}

static void a_conflict_that_cannot_be_kept_is_refused_and_may_be_sent_again(void **state)
{
    (void)state;
    given_two_versions();
    world->is_store_slow = true;
    hub_double_hush(world);
    amir_clashes("c1");
    hub_double_store_some(world, 1); /* how they want to be told */
    assert_int_equal(world->asked[0]->kind, STORE_COMMIT);
    world->failure = ERR_STORAGE_FULL;
    hub_double_store_all(world);
    world->failure = OK;
    world->is_store_slow = false;
    assert_refused(hub_double_answer(world), ERR_STORAGE_FULL);
    assert_conflict(amir_clashes("c1"), 2);
}

/* ---- settled ---- */

static void the_parked_change_is_made_when_somebody_decides_for_it(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    answer = resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_string_equal(err_code(answer->err), "ok");
    assert_int_equal(answer->version, 3);
    assert_true(span_is(answer->change->resolves, id));
    assert_state(3, "{\"title\":\"A\",\"price\":7,\"terms\":\"none!\"}");
    assert_member(answer->object, "/state", "\"resolved\"");
    assert_member(answer->object, "/resolution", "\"local\"");
    assert_member(answer->object, "/resolved_by", "\"4\"");
    assert_member(answer->object, "/resolved_version", "3");
    assert_int_equal(stored(id)->revision, 2);
    assert_true(span_is(stored(id)->state, "resolved"));
}

static void what_nobody_minded_is_brought_onto_what_happened_since(void **state)
{
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    change(MARIA, "{\"ops\":[{\"op\":\"txt\",\"path\":\"terms\",\"value\":[\"almost \"]}]}");
    assert_string_equal(err_code(resolve(LI, id, "{\"resolution\":\"local\"}")->err), "ok");
    assert_state(4, "{\"title\":\"A\",\"price\":7,\"terms\":\"almost none!\"}");
}

static void deciding_for_the_others_changes_nothing(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    hub_double_join(world, ADA, 1, room);
    answer = resolve(LI, id, "{\"resolution\":\"remote\"}");
    assert_string_equal(err_code(answer->err), "ok");
    assert_null(answer->change);
    assert_int_equal(answer->version, 2);
    assert_member(answer->object, "/resolution", "\"remote\"");
    assert_state(2, "{\"title\":\"A\",\"price\":6,\"terms\":\"none\"}");
    assert_int_equal(hub_double_event(world, 0, EVENT_OBJECT)->object.verb, OBJECT_RESOLVE);
}

static void a_value_made_of_both_is_checked_like_any(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    assert_refused(resolve(LI, id, "{\"resolution\":\"merged\"}"), ERR_MISSING_FIELD);
    assert_refused(resolve(LI, id, "{\"resolution\":\"merged\",\"value\":\"much\"}"), ERR_BAD_FIELD);
    assert_refused(resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{\"title\":\"B\"}}"), ERR_BAD_FIELD);
    assert_refused(resolve(LI, id, "{\"resolution\":\"both\"}"), ERR_BAD_FIELD);
    assert_refused(resolve(LI, id, "{}"), ERR_MISSING_FIELD);
    answer = resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{\"price\":6.5}}");
    assert_string_equal(err_code(answer->err), "ok");
    /* and what nobody disputed of the parked change is done, too */
    assert_state(3, "{\"title\":\"A\",\"price\":6.5,\"terms\":\"none!\"}");
    assert_member(answer->object, "/merged_value/price", "6.5");
}

static void a_place_that_changed_again_is_shown_anew(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    change(MARIA, "{\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":8}]}");
    hub_double_join(world, ADA, 1, room);
    answer = resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_refused(answer, ERR_CONFLICT);
    assert_int_equal(answer->current_version, 3);
    assert_member(answer->object, "/fields/0/theirs", "8");
    assert_member(answer->object, "/current_version", "3");
    assert_member(answer->object, "/state", "\"open\"");
    assert_int_equal(hub_double_event(world, 0, EVENT_OBJECT)->object.verb, OBJECT_EDIT);
    assert_refused(resolve(LI, id, "{\"resolution\":\"local\",\"version\":2}"), ERR_CONFLICT); /* he saw the old one */
    assert_string_equal(err_code(resolve(LI, id, "{\"resolution\":\"local\",\"version\":3}")->err), "ok");
    assert_state(4, "{\"title\":\"A\",\"price\":7,\"terms\":\"none!\"}");
}

static void of_two_who_settle_it_at_once_one_is_told(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, resolve_of(LI, id, "{\"resolution\":\"local\"}"));
    hub_double_do(world, resolve_of(MARIA, id, "{\"resolution\":\"remote\"}"));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 3);
    answer = hub_double_answer(world);
    assert_refused(answer, ERR_ALREADY_RESOLVED);
    assert_member(answer->object, "/resolution", "\"local\"");
}

/* Somebody assigned it meanwhile. */
static void a_conflict_that_was_put_by_others_is_read_and_settled_again(void **state)
{
    char id[64];
    struct object *object;

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, resolve_of(LI, id, "{\"resolution\":\"local\"}"));
    hub_double_store_some(world, 1); /* it is read */
    object = (struct object *)(uintptr_t)stored(id);
    object->revision++;
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 3);
    assert_int_equal(stored(id)->revision, 3);
}

static void settling_that_cannot_be_kept_leaves_it_open(void **state)
{
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, resolve_of(LI, id, "{\"resolution\":\"local\"}"));
    hub_double_store_some(world, 1);
    world->failure = ERR_STORAGE;
    hub_double_store_some(world, 1);
    world->failure = OK;
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_true(span_is(stored(id)->state, "open"));
    world->is_store_slow = false;
    assert_string_equal(err_code(resolve(LI, id, "{\"resolution\":\"local\"}")->err), "ok");
}

static void who_may_not_write_the_fields_may_not_settle(void **state)
{
    char id[64];
    const struct answer *answer;

    (void)state;
    hub_double_change(world, ADA, 1, room, CHANGE_CREATE, "", "{\"secret\":\"a\"}");
    change(ADA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"secret\",\"value\":\"b\"}]}");
    answer = change(12, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"secret\",\"value\":\"c\"}]}");
    assert_conflict(answer, 2);
    (void)snprintf(id, sizeof(id), "%s", id_of(answer));
    assert_refused(resolve(VERA, id, "{\"resolution\":\"remote\"}"), ERR_FORBIDDEN);
    assert_refused(resolve(LI, id, "{\"resolution\":\"remote\"}"), ERR_FORBIDDEN);
    assert_string_equal(err_code(resolve(ADA, id, "{\"resolution\":\"remote\"}")->err), "ok");
}

static void what_is_no_conflict_of_the_record_is_not_settled(void **state)
{
    (void)state;
    given_two_versions();
    assert_refused(resolve(LI, "CF-1", "{\"resolution\":\"local\"}"), ERR_NOT_FOUND);
    assert_refused(resolve(LI, "", "{\"resolution\":\"local\"}"), ERR_MISSING_FIELD);
}

static struct answer *amir_deletes(void)
{
    struct command *command = hub_double_change_command(world, AMIR, 3, room, CHANGE_DELETE, "", NULL);

    command->change->base_version = 1;
    return hub_double_ask(world, command);
}

static void taking_away_what_somebody_works_on_is_left_to_a_person(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    answer = amir_deletes();
    assert_conflict(answer, 2);
    assert_member(answer->object, "/fields/0/path", "\"\"");
    assert_int_equal(answer->object_shown, (1 << 5) - 1); /* the whole record is in it */
    (void)snprintf(id, sizeof(id), "%s", id_of(answer));
    assert_refused(resolve(LI, id, "{\"resolution\":\"merged\",\"value\":1}"), ERR_BAD_FIELD);
    change(MARIA, "{\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":8}]}");
    assert_refused(resolve(LI, id, "{\"resolution\":\"local\"}"), ERR_CONFLICT); /* it is another record by now */
    assert_string_equal(err_code(resolve(LI, id, "{\"resolution\":\"local\"}")->err), "ok");
    assert_true(model_store_record(&world->store, span_from_str(room))->is_delete);
}

static void a_conflict_over_a_record_that_is_gone_can_only_be_closed(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    given_two_versions();
    (void)snprintf(id, sizeof(id), "%s", id_of(amir_clashes("c1")));
    hub_double_change(world, LI, 4, room, CHANGE_DELETE, "", NULL);
    assert_refused(resolve(LI, id, "{\"resolution\":\"local\"}"), ERR_CONFLICT);
    assert_refused(resolve(LI, id, "{\"resolution\":\"local\"}"), ERR_NOT_FOUND);
    answer = resolve(LI, id, "{\"resolution\":\"remote\"}");
    assert_string_equal(err_code(answer->err), "ok");
    assert_int_equal(answer->version, 0);
}

/* ---- older than all that is kept ---- */

static struct command *doc_change(session_id session, const char *patch)
{
    struct command *command =
        hub_double_change_command(world, session, (unsigned)session / 10, "doc:D-1", CHANGE_UPDATE, "", patch);

    command->change->base_version = 1;
    return command;
}

/* Version 1 and 2 of three are known no more but as states. */
static void given_a_log_that_was_cut(void)
{
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":1,\"body\":\"b\"}");
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_UPDATE, "", "{\"title\":\"B\"}");
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_UPDATE, "", "{\"qty\":2}");
    hub_double_restart(world);
    world->is_store_slow = true;
}

static struct answer *send_to_cut_log(struct command *command, bool is_state_kept)
{
    hub_double_do(world, command);
    while (world->asked_count > 0) {
        if (world->asked[0]->kind == STORE_CHANGES_READ)
            world->asked[0]->count_max = 1;
        if (world->asked[0]->kind == STORE_RECORD_AT && !is_state_kept)
            world->asked[0]->version = 99;
        hub_double_store_some(world, 1);
    }
    return hub_double_answer(world);
}

static void what_is_too_old_to_be_brought_over_is_left_to_a_person(void **state)
{
    const struct answer *answer;

    (void)state;
    given_a_log_that_was_cut();
    answer = send_to_cut_log(doc_change(AMIR, "{\"title\":\"C\",\"body\":\"c\"}"), true);
    assert_conflict(answer, 3);
    assert_member(answer->object, "/fields/0/path", "\"/title\"");
    assert_member(answer->object, "/fields/0/base", "\"A\"");
    assert_member(answer->object, "/fields/0/theirs", "\"B\"");
    assert_member(answer->object, "/fields/1", "(nothing)");
    assert_string_equal(model_store_record(&world->store, SPAN("doc:D-1"))->state,
                        "{\"title\":\"B\",\"qty\":2,\"body\":\"b\"}");
}

static void what_nobody_touched_is_done_however_old_it_is(void **state)
{
    const struct answer *answer;

    (void)state;
    given_a_log_that_was_cut();
    answer = send_to_cut_log(doc_change(AMIR, "{\"body\":\"c\"}"), true);
    assert_string_equal(err_code(answer->err), "ok");
    assert_int_not_equal(answer->verdict, VERDICT_CONFLICT);
    assert_int_equal(answer->version, 4);
}

static void when_nothing_is_known_of_it_all_is_left_to_a_person(void **state)
{
    const struct answer *answer;

    (void)state;
    given_a_log_that_was_cut();
    answer = send_to_cut_log(doc_change(AMIR, "{\"body\":\"c\"}"), false);
    assert_conflict(answer, 3);
    assert_member(answer->object, "/fields/0/mine", "\"c\"");
    assert_member(answer->object, "/fields/0/theirs", "\"b\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_who_want_different_things_leave_it_to_a_person),
        TEST(who_wants_the_same_is_not_in_conflict),
        TEST(a_conflict_is_heard_in_the_room_and_by_those_whose_work_it_is),
        TEST(the_same_change_again_gets_the_same_conflict),
        TEST(a_conflict_with_what_never_came_to_be_is_none),
        TEST(those_behind_a_conflict_wait_for_it_and_go_on),
        TEST(a_conflict_that_cannot_be_kept_is_refused_and_may_be_sent_again),
        TEST(the_parked_change_is_made_when_somebody_decides_for_it),
        TEST(what_nobody_minded_is_brought_onto_what_happened_since),
        TEST(deciding_for_the_others_changes_nothing),
        TEST(a_value_made_of_both_is_checked_like_any),
        TEST(a_place_that_changed_again_is_shown_anew),
        TEST(of_two_who_settle_it_at_once_one_is_told),
        TEST(a_conflict_that_was_put_by_others_is_read_and_settled_again),
        TEST(settling_that_cannot_be_kept_leaves_it_open),
        TEST(who_may_not_write_the_fields_may_not_settle),
        TEST(what_is_no_conflict_of_the_record_is_not_settled),
        TEST(taking_away_what_somebody_works_on_is_left_to_a_person),
        TEST(a_conflict_over_a_record_that_is_gone_can_only_be_closed),
        TEST(what_is_too_old_to_be_brought_over_is_left_to_a_person),
        TEST(what_nobody_touched_is_done_however_old_it_is),
        TEST(when_nothing_is_known_of_it_all_is_left_to_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
