#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/store_fixture.h"
#include "store/sqlite_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    store_fixture_init(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_fixture_deinit(&fixture);
    return 0;
}

static void assert_span(struct span span, const char *text)
{
    if (!span_equal(span, span_from_str(text)))
        fail_msg("\"%.*s\" is not \"%s\"", SPAN_ARG(span), text);
}

static void exec(const char *text)
{
    assert_int_equal(sqlite3_exec(fixture.store->sql.db, text, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t number(const char *text)
{
    int64_t result;

    assert_int_equal(sql_number(fixture.store->sql.db, text, &result), OK);
    return result;
}

/* ---- commits ---- */

static void a_change_is_numbered_in_every_room_that_shows_it(void **state)
{
    struct store_request *first = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct store_request *second = store_fixture_change(&fixture, "O-2", 1, SPAN_EMPTY, "{\"title\":\"two\"}");
    struct store_request *batch[] = {first, second};

    (void)state;
    store_execute(fixture.store, batch, 2, fixture.wall_ms);
    assert_int_equal(first->err, OK);
    assert_int_equal(second->err, OK);
    assert_int_equal(first->commit.events[0].positions[0].offset, 1);
    assert_int_equal(first->commit.events[0].positions[1].offset, 1);
    assert_int_equal(second->commit.events[0].positions[0].offset, 1); /* its own room */
    assert_int_equal(second->commit.events[0].positions[1].offset, 2); /* the channel */
    assert_int_equal(second->commit.events[0].positions[2].offset, 2);
    assert_int_not_equal(first->commit.events[0].positions[0].epoch, 0);
    store_request_free(first);
    store_request_free(second);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 2);
}

static void a_record_is_found_as_it_was_left(void **state)
{
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\",\"qty\":3}"), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":4}"), OK);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\",\"qty\":4}");
    assert_int_equal(version, 2);
    assert_int_equal(store_fixture_state(&fixture, "O-9", &version).len, 0);
    assert_int_equal(version, 0);
}

static void what_comes_later_in_a_batch_sees_what_came_before(void **state)
{
    struct store_request *change = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct store_request *load = store_request_new(STORE_RECORD_LOAD);
    struct store_request *room = store_request_new(STORE_ROOM_OPEN);
    struct store_request *before = store_request_new(STORE_ROOM_OPEN);
    struct store_request *batch[] = {before, change, load, room};

    (void)state;
    load->type = fixture.type;
    load->entity_id = SPAN("O-1");
    room->room = before->room = SPAN("order:O-1");
    store_execute(fixture.store, batch, 4, fixture.wall_ms);
    assert_int_equal(before->position.offset, 0);
    assert_true(load->found);
    assert_int_equal(load->version, 1);
    assert_int_equal(room->position.offset, 1);
    for (size_t i = 0; i < 4; i++)
        store_request_free(batch[i]);
}

static void a_change_that_is_late_is_refused_alone(void **state)
{
    struct store_request *good = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct store_request *late = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"other\"}");
    struct store_request *early = store_fixture_change(&fixture, "O-2", 2, SPAN_EMPTY, "{\"title\":\"none\"}");
    struct store_request *next = store_fixture_change(&fixture, "O-1", 2, SPAN("{\"title\":\"one\"}"), "{\"qty\":1}");
    struct store_request *batch[] = {good, late, early, next};
    uint64_t version;

    (void)state;
    store_execute(fixture.store, batch, 4, fixture.wall_ms);
    assert_int_equal(good->err, OK);
    assert_int_equal(late->err, ERR_CONFLICT);
    assert_int_equal(late->version, 1);
    assert_int_equal(early->err, ERR_CONFLICT);
    assert_int_equal(next->err, OK);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\",\"qty\":1}");
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 2); /* the refused ones left no gap */
    assert_int_equal(store_fixture_position(&fixture, "order:O-2").offset, 0);
    for (size_t i = 0; i < 4; i++)
        store_request_free(batch[i]);
}

static void a_record_that_is_made_again_goes_on_with_its_versions(void **state)
{
    struct store_request *removal;
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    removal = store_fixture_delete(&fixture, "O-1", 2);
    assert_int_equal(store_fixture_execute(&fixture, removal), OK);
    store_request_free(removal);
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len, 0);
    assert_int_equal(version, 2);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"again\"}"), OK);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"again\"}");
    assert_int_equal(version, 3);
}

/* ---- idempotency keys ---- */

static enum err change_with_op(const char *id, uint64_t version, const char *user, const char *op, uint64_t hash,
                               struct store_request **out)
{
    *out = store_fixture_change(&fixture, id, version, SPAN_EMPTY, "{\"title\":\"one\"}");
    store_fixture_set_op(*out, user, op, hash, id);
    return store_fixture_execute(&fixture, *out);
}

static void a_key_seen_before_gets_the_first_answer_and_writes_nothing(void **state)
{
    struct store_request *first, *repeat;

    (void)state;
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &first), OK);
    assert_false(first->is_repeat);
    assert_int_equal(change_with_op("O-2", 1, "5", "key", 77, &repeat), OK);
    assert_true(repeat->is_repeat);
    assert_span(repeat->commit.answer, "O-1");
    assert_int_equal(repeat->position.epoch, first->commit.events[0].positions[0].epoch);
    assert_int_equal(repeat->position.offset, 1);
    store_request_free(first);
    store_request_free(repeat);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 1);
    assert_int_equal(store_fixture_position(&fixture, "order:O-2").offset, 0);
}

static void a_repeat_is_a_repeat_although_the_record_went_on(void **state)
{
    struct store_request *first, *repeat;

    (void)state;
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &repeat), OK);
    assert_true(repeat->is_repeat);
    store_request_free(first);
    store_request_free(repeat);
}

static void a_key_used_for_something_else_is_refused(void **state)
{
    struct store_request *first, *other;

    (void)state;
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(change_with_op("O-2", 1, "5", "key", 78, &other), ERR_ID_REUSED);
    assert_false(other->is_repeat);
    assert_span(other->commit.answer, "O-1");
    store_request_free(first);
    store_request_free(other);
}

static void keys_of_different_users_have_nothing_to_do_with_each_other(void **state)
{
    struct store_request *first, *other;

    (void)state;
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(change_with_op("O-2", 1, "6", "key", 77, &other), OK);
    assert_false(other->is_repeat);
    store_request_free(first);
    store_request_free(other);
}

static void a_refused_change_does_not_use_up_its_key(void **state)
{
    struct store_request *early, *good;

    (void)state;
    assert_int_equal(change_with_op("O-1", 5, "5", "key", 77, &early), ERR_CONFLICT);
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &good), OK);
    assert_false(good->is_repeat);
    store_request_free(early);
    store_request_free(good);
}

static void a_key_can_be_asked_for_without_writing(void **state)
{
    struct store_request *first, *find = store_request_new(STORE_OP_FIND);

    (void)state;
    store_fixture_set_op(find, "5", "key", 77, "");
    assert_int_equal(store_fixture_execute(&fixture, find), OK);
    assert_false(find->is_repeat);
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(store_fixture_execute(&fixture, find), OK);
    assert_true(find->is_repeat);
    assert_span(find->commit.answer, "O-1");
    find->commit.op_hash = 78;
    assert_int_equal(store_fixture_execute(&fixture, find), ERR_ID_REUSED);
    assert_false(find->is_repeat);
    assert_span(find->commit.answer, "O-1");
    store_request_free(first);
    store_request_free(find);
}

static void old_keys_are_forgotten_and_young_ones_kept(void **state)
{
    struct store_request *first, *again;

    (void)state;
    fixture.options.op_age_ms = 1000;
    store_fixture_reopen(&fixture);
    assert_int_equal(change_with_op("O-1", 1, "5", "old", 77, &first), OK);
    store_request_free(first);
    fixture.wall_ms += 900;
    assert_int_equal(change_with_op("O-2", 1, "5", "young", 77, &first), OK);
    store_request_free(first);
    while (store_tidy(fixture.store, fixture.wall_ms + 200))
        ;
    assert_int_equal(change_with_op("O-3", 1, "5", "young", 77, &again), OK);
    assert_true(again->is_repeat);
    store_request_free(again);
    assert_int_equal(change_with_op("O-3", 1, "5", "old", 77, &again), OK);
    assert_false(again->is_repeat);
    store_request_free(again);
}

/* ---- reading events ---- */

static void what_was_missed_is_given_in_order(void **state)
{
    struct store_request *missed;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{\"n\":1}"), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
    missed = store_fixture_events(&fixture, "order:O-1", 1, 100);
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 2);
    assert_int_equal(missed->events[0]->kind, EVENT_MESSAGE);
    assert_span(missed->events[0]->message.data, "{\"n\":1}");
    assert_int_equal(missed->events[0]->position.offset, 2);
    assert_int_equal(missed->events[1]->kind, EVENT_CHANGE);
    assert_int_equal(missed->events[1]->position.offset, 3);
    assert_int_equal(missed->events[1]->change.change->version, 2);
    assert_span(missed->events[1]->room, "order:O-1");
    assert_int_equal(missed->position.offset, 3);
    store_request_free(missed);
}

static void a_position_that_cannot_be_served_gives_nothing(void **state)
{
    struct store_request *missed;

    (void)state;
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "1"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "2"), OK);

    missed = store_fixture_events(&fixture, "order:O-1", 3, 100); /* the future */
    assert_false(missed->is_complete);
    store_request_free(missed);

    missed = store_fixture_events(&fixture, "order:O-1", 0, 1); /* more than asked for */
    assert_false(missed->is_complete);
    assert_int_equal(missed->event_count, 0);
    missed->since.epoch++; /* another history */
    missed->count_max = 100;
    assert_int_equal(store_fixture_execute(&fixture, missed), OK);
    assert_false(missed->is_complete);
    store_request_free(missed);

    missed = store_fixture_events(&fixture, "order:O-1", 2, 100); /* nothing was missed */
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 0);
    store_request_free(missed);
}

/* ---- what is old ---- */

static void old_events_go_but_heads_and_history_stay(void **state)
{
    struct store_request *missed;
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    for (int i = 0; i < 700; i++)
        assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    fixture.wall_ms += 600001;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
    assert_int_equal(number("SELECT count(*) FROM event"), 2); /* the two changes */
    assert_int_equal(number("SELECT count(*) FROM room_event"),
                     2); /* the young change, in the channel and in records */
    missed = store_fixture_events(&fixture, "order:O-1", 1, 10000);
    assert_false(missed->is_complete);
    store_request_free(missed);
    missed = store_fixture_events(&fixture, "order-updates", 1, 10000);
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 1);
    store_request_free(missed);

    fixture.wall_ms += 600001;
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 702);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 2);
    assert_int_equal(store_fixture_say(&fixture, "order-updates", "{}"), OK);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 3);
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len > 0, true);
    assert_int_equal(version, 2);
}

static void a_room_without_any_event_left_goes_on_counting(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    fixture.wall_ms += 600001;
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
    assert_int_equal(number("SELECT count(*) FROM event"), 0);
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 2);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 3);
    /* and the new event will be looked at when it is old, too */
    fixture.wall_ms += 600001;
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
    assert_int_equal(number("SELECT count(*) FROM event"), 0);
}

static void a_crowded_room_keeps_only_so_many(void **state)
{
    struct store_request *batch[1500];

    (void)state;
    fixture.options.log_events_max = 100;
    store_fixture_reopen(&fixture);
    for (size_t i = 0; i < 1500; i++)
        batch[i] = store_fixture_message(&fixture, "order-updates", "{}");
    store_execute(fixture.store, batch, 1500, fixture.wall_ms);
    for (size_t i = 0; i < 1500; i++) {
        assert_int_equal(batch[i]->err, OK);
        store_request_free(batch[i]);
    }
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
    assert_int_equal(number("SELECT count(*) FROM room_event"), 1500 - 1024 + 100);
    assert_int_equal(number("SELECT min(offset) FROM room_event"), 1024 - 100 + 1);
}

static void places_of_any_size_are_read_back(void **state)
{
    static const uint64_t offsets[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 9007199254740991, INT64_MAX};
    struct buf bytes = BUF_EMPTY;
    struct span rest;
    int64_t room_id;
    uint64_t offset;

    (void)state;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
        places_append(&bytes, (int64_t)offsets[9 - i], offsets[i]);
    rest = buf_span(&bytes);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_true(places_next(&rest, &room_id, &offset));
        assert_int_equal(room_id, offsets[9 - i]);
        assert_int_equal(offset, offsets[i]);
    }
    assert_false(places_next(&rest, &room_id, &offset));
    rest = SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"); /* no number of ours */
    assert_false(places_next(&rest, &room_id, &offset));
    rest = SPAN("\x01\x80"); /* cut */
    assert_false(places_next(&rest, &room_id, &offset));
    buf_deinit(&bytes);
}

static void the_wal_goes_back_into_the_file(void **state)
{
    struct stat status;

    (void)state;
    fixture.store->checkpoint_frames = 20;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
        while (store_tidy(fixture.store, fixture.wall_ms))
            ;
    }
    assert_int_equal(stat(store_fixture_path(&fixture, "collabd.db-wal"), &status), 0);
    assert_in_range(status.st_size, 1, 60 * 4200);
}

/* ---- restarts ---- */

static void a_restart_keeps_heads_epoch_keys_and_records(void **state)
{
    struct store_request *first, *again;
    struct position before, after;
    uint64_t version;

    (void)state;
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &first), OK);
    store_request_free(first);
    before = store_fixture_position(&fixture, "records");
    store_fixture_reopen(&fixture);
    after = store_fixture_position(&fixture, "records");
    assert_int_equal(after.offset, 1);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(change_with_op("O-1", 1, "5", "key", 77, &again), OK);
    assert_true(again->is_repeat);
    store_request_free(again);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\"}");
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 2);
}

static void forgetting_rooms_costs_nothing_but_time(void **state)
{
    (void)state;
    fixture.store->rooms.count_max = 200;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            char id[16];

            (void)snprintf(id, sizeof(id), "O-%d", i);
            assert_int_equal(store_fixture_put(&fixture, id, "{\"qty\":1}"), OK);
        }
    }
    assert_in_range(fixture.store->rooms.count, 1, 200);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 1000);
    assert_int_equal(store_fixture_position(&fixture, "order:O-7").offset, 2);
}

/* ---- when the world fails ---- */

static void a_full_disk_is_an_error_for_all_and_passes(void **state)
{
    struct store_request *batch[3];
    char limit[64];
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    (void)snprintf(limit, sizeof(limit), "PRAGMA max_page_count=%lld", (long long)number("PRAGMA page_count"));
    exec(limit);
    batch[0] = store_fixture_change(&fixture, "O-1", 2, SPAN("{\"title\":\"one\"}"), "{\"qty\":1}");
    batch[1] = store_fixture_change(&fixture, "O-2", 1, SPAN_EMPTY, "{\"title\":\"two\"}");
    batch[1]->commit.new_state = arena_printf(&batch[1]->arena, "{\"title\":\"%050000d\"}", 7);
    batch[2] = store_request_new(STORE_RECORD_LOAD);
    batch[2]->type = fixture.type;
    batch[2]->entity_id = SPAN("O-1");
    store_execute(fixture.store, batch, 3, fixture.wall_ms);
    assert_int_equal(batch[0]->err, ERR_STORAGE_FULL);
    assert_int_equal(batch[1]->err, ERR_STORAGE_FULL);
    assert_int_equal(batch[2]->err, OK);    /* reading goes on ... */
    assert_int_equal(batch[2]->version, 1); /* ... and does not tell of what was undone */

    exec("PRAGMA max_page_count=1000000");
    store_execute(fixture.store, batch, 3, fixture.wall_ms);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(batch[i]->err, OK);
    assert_int_equal(batch[0]->commit.events[0].positions[0].offset, 2);
    assert_int_equal(batch[1]->commit.events[0].positions[1].offset, 3);
    for (size_t i = 0; i < 3; i++)
        store_request_free(batch[i]);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\",\"qty\":1}");
}

/* The first record of a type gives the type its number, too. */
static void what_was_undone_is_not_remembered(void **state)
{
    struct store_request *request = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct list_query query = {.type = fixture.type, .limit = 10};
    char limit[64];
    struct list_page page;
    uint64_t version;

    (void)state;
    request->commit.new_state = arena_printf(&request->arena, "{\"title\":\"%050000d\"}", 7);
    (void)snprintf(limit, sizeof(limit), "PRAGMA max_page_count=%lld", (long long)number("PRAGMA page_count"));
    exec(limit);
    assert_int_equal(store_fixture_execute(&fixture, request), ERR_STORAGE_FULL);
    exec("PRAGMA max_page_count=1000000");
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len, 0);
    assert_int_equal(version, 0);
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(request->commit.events[0].positions[0].offset, 1);
    assert_int_equal(store_list(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_int_equal(page.total, 1);
    store_request_free(request);
}

static void a_read_only_database_is_an_error_and_passes(void **state)
{
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    exec("PRAGMA query_only=1");
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), ERR_READ_ONLY);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\"}");
    exec("PRAGMA query_only=0");
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
}

/* A row that says the room is behind where it is: the next place is taken. */
static void a_damaged_row_is_an_error_and_no_crash(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    exec("INSERT INTO room_event (room_id, offset, seq) "
         "SELECT id, 9007199254740991, 1 FROM room WHERE name = 'records'");
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), ERR_STORAGE);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    exec("DELETE FROM room_event WHERE offset = 9007199254740991");
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
}

/* ---- opening ---- */

static void assert_refused(enum err err, const char *word)
{
    assert_int_equal(store_fixture_open(&fixture), err);
    buf_append_char(&fixture.why, '\0');
    if (strstr(fixture.why.data, word) == NULL)
        fail_msg("no \"%s\" in: %s", word, fixture.why.data);
}

static void write_file(const char *name, const char *text, size_t len)
{
    int fd = open(store_fixture_path(&fixture, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static void only_one_store_is_open_on_a_folder(void **state)
{
    struct store *second = NULL;

    (void)state;
    assert_int_equal(store_open(&fixture.options, &second, &fixture.why), ERR_CONFIG);
    assert_null(second);
    assert_true(fixture.why.len > 0);
}

static void files_are_for_their_owner_only(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat(store_fixture_path(&fixture, "collabd.db"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(store_fixture_path(&fixture, "collabd.db-wal"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_file_of_another_program_is_refused_and_left_alone(void **state)
{
    sqlite3 *db;

    (void)state;
    store_fixture_close(&fixture);
    write_file("collabd.db", "this is a letter, not a database", 32);
    assert_refused(ERR_CONFIG, "not a database");

    assert_int_equal(unlink(store_fixture_path(&fixture, "collabd.db")), 0);
    assert_int_equal(sqlite3_open(store_fixture_path(&fixture, "collabd.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE recipe (name TEXT)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_refused(ERR_CONFIG, "another program");
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    exec("PRAGMA user_version=999");
    store_fixture_close(&fixture);
    assert_refused(ERR_CONFIG, "newer");
}

static void a_trigger_of_others_is_refused(void **state)
{
    (void)state;
    exec("CREATE TRIGGER thief AFTER INSERT ON event BEGIN DELETE FROM account; END");
    store_fixture_close(&fixture);
    assert_refused(ERR_CONFIG, "trigger");
}

/* What a killed process leaves behind: the files as they are, without a farewell. */
static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 22];
    int fd = open(store_fixture_path(&fixture, from), O_RDONLY);
    ssize_t len = read(fd, bytes, sizeof(bytes));

    assert_in_range(len, 0, (ssize_t)sizeof(bytes) - 1);
    close(fd);
    write_file(to, bytes, (size_t)len);
}

static void remove_file(const char *name)
{
    assert_int_equal(unlink(store_fixture_path(&fixture, name)), 0);
}

/* Leaves the folder as if the process had been killed at this moment. */
static void kill_store(void)
{
    copy_file("collabd.db", "kept");
    copy_file("collabd.db-wal", "kept-wal");
    store_fixture_close(&fixture);
    copy_file("kept", "collabd.db");
    copy_file("kept-wal", "collabd.db-wal");
    remove_file("kept");
    remove_file("kept-wal");
}

static void what_was_acknowledged_survives_the_end_of_the_process(void **state)
{
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    kill_store();
    store_fixture_reopen(&fixture);
    assert_span(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\"}");
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 1);
}

static uint64_t next_sequence(void)
{
    struct store_request *request = store_fixture_message(&fixture, "records", "{}");
    uint64_t sequence;

    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    sequence = request->commit.sequence;
    store_request_free(request);
    return sequence;
}

/* What tells the number is kept, or it is kept that it was told. */
static void no_number_of_a_commit_is_given_twice_after_a_kill(void **state)
{
    uint64_t last = 0;

    (void)state;
    for (int round = 0; round < 6; round++) {
        uint64_t next = next_sequence();

        assert_true(next > last);
        last = next;
        fixture.wall_ms += 600001;
        while (round % 2 && store_tidy(fixture.store, fixture.wall_ms))
            ;
        kill_store();
        store_fixture_reopen(&fixture);
    }
}

static void a_missing_wal_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    kill_store();
    remove_file("collabd.db-wal");
    assert_refused(ERR_STORAGE, "missing");
}

static void a_wal_of_another_database_is_noticed(void **state)
{
    struct store_fixture other;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    kill_store();
    store_fixture_init(&other);
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_fixture_put(&other, "O-2", "{\"title\":\"two\"}"), OK);
    assert_int_equal(store_fixture_say(&other, "order:O-2", "{}"), OK);
    assert_int_equal(store_meta_put(other.store, SPAN("other"), SPAN("x")), OK);
    assert_int_equal(
        rename(store_fixture_path(&other, "collabd.db-wal"), store_fixture_path(&fixture, "collabd.db-wal")), 0);
    assert_refused(ERR_STORAGE, "collabd.db-wal belongs to another");
    /* and looking at it did not bring it into the file */
    assert_refused(ERR_STORAGE, "collabd.db-wal belongs to another");
    store_fixture_deinit(&other);
}

static void a_wal_of_another_time_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    assert_int_equal(store_meta_put(fixture.store, SPAN("other"), SPAN("x")), OK);
    copy_file("collabd.db-wal", "old-wal");
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"two\"}"), OK);
    store_fixture_reopen(&fixture);
    kill_store();
    copy_file("old-wal", "collabd.db-wal");
    assert_refused(ERR_STORAGE, "another time");
}

static void a_damaged_file_is_noticed_when_it_was_not_closed(void **state)
{
    char zeros[4096] = {0};
    int fd;

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_int_equal(
            store_fixture_say(&fixture, "order:O-1", "{\"text\":\"something that fills a page, slowly but surely\"}"),
            OK);
    store_fixture_reopen(&fixture); /* all in the file */
    kill_store();
    fd = open(store_fixture_path(&fixture, "collabd.db"), O_RDWR);
    assert_true(lseek(fd, -3 * 4096, SEEK_END) > 0);
    assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    close(fd);
    assert_refused(ERR_STORAGE, "damaged");
}

/* A file that may not be written. The superuser may write anything, so he becomes nobody for a moment. */
static void a_file_that_may_not_be_written_is_refused(void **state)
{
    (void)state;
    store_fixture_close(&fixture);
    assert_int_equal(chmod(store_fixture_path(&fixture, "collabd.db"), 0444), 0);
    assert_int_equal(chmod(fixture.folder, 0777), 0);
    assert_int_equal(chmod(store_fixture_path(&fixture, "collabd.lock"), 0666), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(store_fixture_open(&fixture), ERR_READ_ONLY);
    assert_true(fixture.why.len > 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void missing_folders_are_made(void **state)
{
    struct store_options options = fixture.options;
    struct store *store;

    (void)state;
    options.folder = span_from_str(store_fixture_path(&fixture, "a"));
    assert_int_equal(store_open(&options, &store, &fixture.why), OK);
    store_close(store);
    assert_int_equal(unlink(store_fixture_path(&fixture, "a/collabd.db")), 0);
    assert_int_equal(unlink(store_fixture_path(&fixture, "a/collabd.lock")), 0);
    assert_int_equal(rmdir(store_fixture_path(&fixture, "a")), 0);
}

/* ---- numbers and import ---- */

static uint64_t next_number(void)
{
    uint64_t result = 0;

    assert_int_equal(store_next_number(fixture.store, SPAN("order"), &result), OK);
    return result;
}

static void numbers_go_on_after_those_that_exist(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-0041", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_put(&fixture, "X-99", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-777", "{}"), OK); /* a room, but no record */
    assert_int_equal(next_number(), 42);
    assert_int_equal(next_number(), 43);
    assert_int_equal(store_fixture_put(&fixture, "O-50", "{\"qty\":1}"), OK);
    assert_int_equal(next_number(), 51);
    store_fixture_reopen(&fixture);
    assert_int_equal(next_number(), 52);
    kill_store();
    store_fixture_reopen(&fixture);
    assert_in_range(next_number(), 53, 52 + 17); /* a crash may cost some numbers, but gives none twice */
}

static void numbers_of_what_was_deleted_are_not_given_again(void **state)
{
    struct store_request *removal = store_fixture_delete(&fixture, "O-9", 2);

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-9", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_execute(&fixture, removal), OK);
    store_request_free(removal);
    assert_int_equal(next_number(), 10);
}

static void numbers_of_an_unknown_type_are_refused(void **state)
{
    uint64_t result;

    (void)state;
    assert_int_equal(store_next_number(fixture.store, SPAN("ghost"), &result), ERR_UNKNOWN_TYPE);
}

static void an_import_makes_records_and_skips_those_that_exist(void **state)
{
    struct span ids[2500], states[2500];
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-7", "{\"title\":\"mine\"}"), OK);
    for (int i = 0; i < 2500; i++) {
        ids[i] = arena_printf(&fixture.arena, "O-%d", i);
        states[i] = arena_printf(&fixture.arena, "{\"title\":\"t%d\",\"qty\":%d}", i, i);
    }
    assert_int_equal(store_import(fixture.store, fixture.type, ids, states, 2500, SPAN("1"), 777), OK);
    assert_int_equal(store_import(fixture.store, fixture.type, ids, states, 2500, SPAN("1"), 888), OK);
    assert_span(store_fixture_state(&fixture, "O-7", &version), "{\"title\":\"mine\"}");
    assert_span(store_fixture_state(&fixture, "O-2499", &version), "{\"title\":\"t2499\",\"qty\":2499}");
    assert_int_equal(version, 1);
    assert_int_equal(number("SELECT count(*) FROM record"), 2500);
    assert_int_equal(number("SELECT updated_ms FROM record WHERE id = 'O-3'"), 777);
    assert_int_equal(store_fixture_position(&fixture, "order:O-3").offset, 1);
    assert_int_equal(next_number(), 2500);
}

static void an_import_with_a_bad_record_says_so(void **state)
{
    struct span ids[] = {SPAN("O-1"), SPAN("O-2")}, states[] = {SPAN("{\"qty\":1}"), SPAN("{\"qty\":\"many\"}")};
    struct span bad_id = SPAN("a/b");
    uint64_t version;

    (void)state;
    assert_int_equal(store_import(fixture.store, fixture.type, ids, states, 2, SPAN("1"), 777), ERR_BAD_FIELD);
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len, 0);
    assert_int_equal(store_import(fixture.store, fixture.type, &bad_id, states, 1, SPAN("1"), 777), ERR_BAD_NAME);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_numbered_in_every_room_that_shows_it),
        TEST(a_record_is_found_as_it_was_left),
        TEST(what_comes_later_in_a_batch_sees_what_came_before),
        TEST(a_change_that_is_late_is_refused_alone),
        TEST(a_record_that_is_made_again_goes_on_with_its_versions),
        TEST(a_key_seen_before_gets_the_first_answer_and_writes_nothing),
        TEST(a_repeat_is_a_repeat_although_the_record_went_on),
        TEST(a_key_used_for_something_else_is_refused),
        TEST(keys_of_different_users_have_nothing_to_do_with_each_other),
        TEST(a_refused_change_does_not_use_up_its_key),
        TEST(a_key_can_be_asked_for_without_writing),
        TEST(old_keys_are_forgotten_and_young_ones_kept),
        TEST(what_was_missed_is_given_in_order),
        TEST(a_position_that_cannot_be_served_gives_nothing),
        TEST(old_events_go_but_heads_and_history_stay),
        TEST(a_room_without_any_event_left_goes_on_counting),
        TEST(a_crowded_room_keeps_only_so_many),
        TEST(places_of_any_size_are_read_back),
        TEST(the_wal_goes_back_into_the_file),
        TEST(a_restart_keeps_heads_epoch_keys_and_records),
        TEST(forgetting_rooms_costs_nothing_but_time),
        TEST(a_full_disk_is_an_error_for_all_and_passes),
        TEST(what_was_undone_is_not_remembered),
        TEST(a_read_only_database_is_an_error_and_passes),
        TEST(a_damaged_row_is_an_error_and_no_crash),
        TEST(only_one_store_is_open_on_a_folder),
        TEST(files_are_for_their_owner_only),
        TEST(a_file_of_another_program_is_refused_and_left_alone),
        TEST(a_newer_schema_is_refused),
        TEST(a_trigger_of_others_is_refused),
        TEST(what_was_acknowledged_survives_the_end_of_the_process),
        TEST(no_number_of_a_commit_is_given_twice_after_a_kill),
        TEST(a_missing_wal_is_noticed),
        TEST(a_wal_of_another_database_is_noticed),
        TEST(a_wal_of_another_time_is_noticed),
        TEST(a_damaged_file_is_noticed_when_it_was_not_closed),
        TEST(a_file_that_may_not_be_written_is_refused),
        TEST(missing_folders_are_made),
        TEST(numbers_go_on_after_those_that_exist),
        TEST(numbers_of_what_was_deleted_are_not_given_again),
        TEST(numbers_of_an_unknown_type_are_refused),
        TEST(an_import_makes_records_and_skips_those_that_exist),
        TEST(an_import_with_a_bad_record_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
