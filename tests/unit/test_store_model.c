/* The store and the model of a store that the simulations use are told the same things, drawn by chance, and must
 * answer the same. A failure prints its seed. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rand.h"
#include "lib/model_store.h"
#include "lib/store_fixture.h"
#include "store/sqlite_internal.h"

#include <string.h>

enum { SEEDS = 15, BATCHES = 150, BATCH_MAX = 8 };

static const char *const ids[] = {"O-1", "O-2", "O-3", "O-4"};
static const char *const rooms[] = {"order:O-1",     "order:O-2", "order:O-3",    "order:O-4",
                                    "order-updates", "records",   "notifications"};
static const char *const objects[] = {"x", "y", "z"};
static const char *const owners[] = {"5", "6"};
static const char *const keys[] = {"", "", "", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"};

#define PICK(rand, list) ((list)[rand_below((rand), sizeof(list) / sizeof((list)[0]))])

static struct store_fixture fixture;
static struct model_store model;
static struct rand dice;
static uint64_t seed;

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

/* ---- the same request for both ---- */

struct wish {
    enum store_kind kind;
    const char *id, *room, *key;
    uint64_t version, hash, since, number;
    bool is_delete, is_message, is_announcement, has_alert, is_other_epoch, is_noted, grants;
    uint32_t count_max;
    struct object objects[2]; /* put beside, or asked for */
    uint32_t object_count;
};

static uint64_t version_now(const char *id)
{
    const struct model_change *change = model_store_record(&model, arena_printf(&fixture.arena, "order:%s", id));

    return change ? change->version : 0;
}

/* One that there is, or the next one of it; mostly with the revision that comes next. */
static struct object draw_object(void)
{
    static const enum object_kind kinds[] = {OBJECT_LOCK, OBJECT_COMMENT, OBJECT_NOTIFICATION};
    struct object object = {.kind = PICK(&dice, kinds)};
    const struct object *before;

    object.id = span_from_str(PICK(&dice, objects));
    before = model_store_object(&model, object.kind, object.id);
    object.revision = (before ? before->revision : 0) + 1 + rand_below(&dice, 12) / 11;
    object.room = arena_printf(&fixture.arena, "order:%s", PICK(&dice, ids));
    object.owner = span_from_str(PICK(&dice, owners));
    object.state = rand_below(&dice, 2) ? SPAN("unread") : SPAN("read");
    object.time_ms = (int64_t)rand_below(&dice, 3);
    object.body = rand_below(&dice, 4)
                      ? arena_printf(&fixture.arena, "{\"token\":0,\"owner\":\"%.*s\"}", SPAN_ARG(object.owner))
                      : SPAN_EMPTY;
    return object;
}

static void draw_objects(struct wish *wish)
{
    wish->object_count = (uint32_t)rand_below(&dice, 3);
    wish->objects[0] = draw_object();
    wish->objects[1] = draw_object();
    if (wish->objects[0].kind == wish->objects[1].kind && span_equal(wish->objects[0].id, wish->objects[1].id))
        wish->object_count = 1;
    wish->grants = wish->object_count > 0 && wish->objects[0].body.len > 0 && rand_below(&dice, 3) == 0;
    wish->is_noted = rand_below(&dice, 2);
}

static struct wish draw_wish(uint64_t number)
{
    static const enum store_kind questions[] = {STORE_RECORD_LOAD,  STORE_RECORD_LOAD,  STORE_ROOM_OPEN,
                                                STORE_EVENTS_READ,  STORE_EVENTS_READ,  STORE_EVENTS_READ,
                                                STORE_OP_FIND,      STORE_CHANGES_READ, STORE_RECORD_AT,
                                                STORE_OBJECTS_READ, STORE_OBJECTS_LIST};
    struct wish wish = {.number = number};

    wish.kind = rand_below(&dice, 10) < 6 ? STORE_COMMIT : PICK(&dice, questions);
    draw_objects(&wish);
    wish.id = PICK(&dice, ids);
    wish.room = PICK(&dice, rooms);
    wish.key = PICK(&dice, keys);
    wish.hash = rand_below(&dice, 3);
    wish.version = version_now(wish.id) + 1 + rand_below(&dice, 8) / 6 - rand_below(&dice, 8) / 7; /* mostly right */
    wish.is_delete = rand_below(&dice, 6) == 0;
    wish.is_message = rand_below(&dice, 3) == 0;
    wish.is_announcement = !wish.is_message && rand_below(&dice, 8) == 0;
    wish.has_alert = rand_below(&dice, 3) == 0;
    wish.since = rand_below(&dice, 12) ? rand_below(&dice, 60) : 0;
    wish.is_other_epoch = rand_below(&dice, 10) == 0;
    wish.count_max = rand_below(&dice, 5) ? 10000 : 3;
    return wish;
}

/* A second event, in the record's room and in another. */
static void add_alert(struct store_request *request, const struct wish *wish)
{
    struct commit_event *entry = commit_add_event(request);
    struct event *event = event_new(EVENT_ALERT, SPAN_EMPTY);
    struct buf body = BUF_EMPTY;

    event->type = fixture.type;
    event->id = arena_printf(&event->arena, "a%llu", (unsigned long long)wish->number);
    event->alert.rule = SPAN("low");
    event_print(&body, event);
    entry->event = event;
    entry->body = arena_copy(&request->arena, buf_span(&body));
    commit_show_in(request, entry, arena_printf(&request->arena, "order:%s", wish->id));
    commit_show_in(request, entry, SPAN("notifications"));
    buf_deinit(&body);
}

/* The first event tells of the lock. */
static void make_grant(struct store_request *request)
{
    struct commit_event *entry = &request->commit.events[0];
    struct event *event = event_new(EVENT_OBJECT, SPAN_EMPTY);

    event->id = SPAN("g");
    event->object.kind = request->commit.objects[0].kind;
    event->object.body = arena_copy(&event->arena, request->commit.objects[0].body);
    event_unref(entry->event);
    entry->event = event;
    request->commit.grants = true;
}

static void add_objects(struct store_request *request, const struct wish *wish)
{
    for (uint32_t i = 0; i < wish->object_count; i++) {
        struct object *object = commit_add_object(request);

        *object = wish->objects[i];
        object->body = arena_copy(&request->arena, object->body);
    }
    if (wish->is_noted)
        store_fixture_note(request, "did");
    if (wish->grants && !request->commit.has_change)
        make_grant(request);
}

static struct store_request *commit_of(const struct wish *wish)
{
    const char *text = arena_printf(&fixture.arena, "{\"qty\":%llu}", (unsigned long long)wish->number).data;
    struct store_request *request;

    if (wish->is_message) {
        request = store_fixture_message(&fixture, wish->room, text);
        add_objects(request, wish);
        return request;
    }
    request = wish->is_delete ? store_fixture_delete(&fixture, wish->id, wish->version)
                              : store_fixture_change(&fixture, wish->id, wish->version, SPAN_EMPTY, text);
    if (wish->has_alert)
        add_alert(request, wish);
    if (wish->is_announcement)
        request->commit.has_change = false;
    add_objects(request, wish);
    request->room = arena_printf(&request->arena, "order:%s", wish->id);
    return request;
}

static struct store_request *request_of(const struct wish *wish, uint64_t epoch)
{
    struct store_request *request = wish->kind == STORE_COMMIT ? commit_of(wish) : store_request_new(wish->kind);

    if (wish->kind == STORE_COMMIT || wish->kind == STORE_OP_FIND)
        store_fixture_set_op(request, "5", wish->key, wish->hash,
                             arena_printf(&fixture.arena, "%llu", (unsigned long long)wish->number).data);
    if (wish->kind == STORE_OP_FIND)
        request->commit.answer = SPAN_EMPTY;
    if (wish->kind == STORE_OBJECTS_READ || wish->kind == STORE_OBJECTS_LIST) {
        request->object_count = wish->kind == STORE_OBJECTS_READ ? 2 : 1;
        request->objects = arena_alloc(&request->arena, sizeof(wish->objects));
        memcpy(request->objects, wish->objects, sizeof(wish->objects));
    }
    if (wish->kind == STORE_RECORD_AT)
        request->version = wish->since / 2;
    if (wish->kind == STORE_RECORD_LOAD || wish->kind == STORE_RECORD_AT || wish->kind == STORE_CHANGES_READ) {
        request->type = fixture.type;
        request->entity_id = span_from_str(wish->id);
        request->room = arena_printf(&request->arena, "order:%s", wish->id);
    } else if (wish->kind != STORE_COMMIT) {
        request->room = span_from_str(wish->room);
    }
    request->since = (struct position){wish->is_other_epoch ? epoch + 1 : epoch, wish->since};
    request->count_max = wish->count_max;
    return request;
}

/* ---- the same answer from both ---- */

static void check(bool is_same, const char *what, const struct wish *wish)
{
    if (!is_same)
        fail_msg("%s of request %llu (kind %d) differs; seed %llu", what, (unsigned long long)wish->number,
                 (int)wish->kind, (unsigned long long)seed);
}

static void compare_position(struct position a, struct position b, const char *what, const struct wish *wish)
{
    check(a.offset == b.offset && (a.epoch == 0) == (b.epoch == 0), what, wish);
}

static void compare_events(const struct store_request *a, const struct store_request *b, const struct wish *wish)
{
    struct buf text_a = BUF_EMPTY, text_b = BUF_EMPTY;

    check(a->event_count == b->event_count, "how many events", wish);
    for (uint32_t i = 0; i < a->event_count; i++) {
        event_print(&text_a, a->events[i]);
        event_print(&text_b, b->events[i]);
        check(a->events[i]->position.offset == b->events[i]->position.offset, "an event's offset", wish);
        check(span_equal(a->events[i]->room, b->events[i]->room), "an event's room", wish);
    }
    check(span_equal(buf_span(&text_a), buf_span(&text_b)), "an event", wish);
    buf_deinit(&text_a);
    buf_deinit(&text_b);
}

static void compare_objects(const struct store_request *a, const struct store_request *b, const struct wish *wish)
{
    check(a->object_count == b->object_count, "how many objects", wish);
    for (uint32_t i = 0; i < a->object_count; i++) {
        const struct object *one = &a->objects[i], *other = &b->objects[i];

        check(one->kind == other->kind && span_equal(one->id, other->id), "which object", wish);
        check(one->revision == other->revision, "an object's revision", wish);
        check(span_equal(one->room, other->room) && span_equal(one->owner, other->owner), "whose object", wish);
        check(span_equal(one->state, other->state) && one->time_ms == other->time_ms, "an object's state", wish);
        check(span_equal(one->body, other->body), "an object's body", wish);
    }
}

static void compare_changes(const struct store_request *a, const struct store_request *b, const struct wish *wish)
{
    struct buf text_a = BUF_EMPTY, text_b = BUF_EMPTY;

    check(a->change_count == b->change_count, "how many changes", wish);
    for (uint32_t i = 0; i < a->change_count; i++) {
        check(a->changes[i]->version == b->changes[i]->version, "a change's version", wish);
        change_print(&text_a, a->changes[i]);
        change_print(&text_b, b->changes[i]);
    }
    check(span_equal(buf_span(&text_a), buf_span(&text_b)), "a change", wish);
    buf_deinit(&text_a);
    buf_deinit(&text_b);
}

static void compare(const struct store_request *a, const struct store_request *b, const struct wish *wish)
{
    check(a->err == b->err, "the result", wish);
    check(a->is_repeat == b->is_repeat, "whether it is a repeat", wish);
    if (a->is_repeat || wish->kind == STORE_ROOM_OPEN || wish->kind == STORE_EVENTS_READ)
        compare_position(a->position, b->position, "the position", wish);
    if (a->is_repeat)
        check(span_equal(a->commit.answer, b->commit.answer), "the answer", wish);
    if (wish->kind == STORE_RECORD_LOAD || wish->kind == STORE_RECORD_AT || wish->kind == STORE_CHANGES_READ ||
        wish->kind == STORE_OBJECTS_LIST || a->err == ERR_CONFLICT) {
        check(a->found == b->found && a->version == b->version, "the version", wish);
        check(!a->found || span_equal(a->state, b->state), "the state", wish);
    }
    check(a->is_complete == b->is_complete, "whether it is complete", wish);
    compare_events(a, b, wish);
    compare_objects(a, b, wish);
    compare_changes(a, b, wish);
    if (a->err != OK || a->is_repeat)
        return;
    check(a->commit.sequence == b->commit.sequence, "the number", wish);
    for (uint32_t i = 0; i < a->commit.event_count; i++)
        for (uint32_t j = 0; j < a->commit.events[i].room_count; j++)
            compare_position(a->commit.events[i].positions[j], b->commit.events[i].positions[j], "a place", wish);
}

/* ---- telling them ---- */

static void ignore_event(void *arg, struct event *event)
{
    (void)arg, (void)event;
}

static void ignore_request(void *arg, struct store_request *request)
{
    (void)arg, (void)request;
}

static const struct model_sink sink = {NULL, ignore_event, ignore_request};

/* The model's rooms have an epoch each. */
static uint64_t model_epoch(const char *room)
{
    struct store_request *request = store_request_new(STORE_ROOM_OPEN);
    uint64_t epoch;

    request->room = span_from_str(room);
    model_store_execute(&model, request, OK, &sink);
    epoch = request->position.epoch;
    store_request_free(request);
    return epoch;
}

/* Makes the disk fail at the last moment. */
static int refuse_commit(void *arg)
{
    (void)arg;
    return 1;
}

static void run_batch(uint64_t first_number)
{
    enum err failure = rand_below(&dice, 8) == 0 ? ERR_STORAGE : OK;
    struct store_request *ours[BATCH_MAX], *theirs[BATCH_MAX];
    struct wish wishes[BATCH_MAX];
    size_t count = 1 + rand_below(&dice, BATCH_MAX);

    /* The model goes first, one by one, so that versions are drawn from what the batch has done already. */
    for (size_t i = 0; i < count; i++) {
        wishes[i] = draw_wish(first_number + i);
        ours[i] = request_of(&wishes[i], fixture.store->epoch);
        theirs[i] = request_of(&wishes[i], model_epoch(wishes[i].room));
        model_store_execute(&model, theirs[i], wishes[i].kind == STORE_COMMIT ? failure : OK, &sink);
    }
    (void)sqlite3_commit_hook(fixture.store->sql.db, failure == OK ? NULL : refuse_commit, NULL);
    store_execute(fixture.store, ours, count, fixture.wall_ms);
    (void)sqlite3_commit_hook(fixture.store->sql.db, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        compare(ours[i], theirs[i], &wishes[i]);
        store_request_free(ours[i]);
        store_request_free(theirs[i]);
    }
}

/* Both have the same lines in the feed, the change's own body with those that are changes. */
static void compare_feeds(void)
{
    struct activity_query query = {.limit = 7};
    unsigned left = model.line_count;
    struct activity_page page;

    do {
        assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
        for (uint32_t i = 0; i < page.count; i++) {
            const struct model_line *line = &model.lines[--left];

            if (page.rows[i].seq != line->seq || !span_equal(page.rows[i].entity_id, span_from_str(line->entity_id)) ||
                !span_equal(page.rows[i].body, span_from_str(line->body)))
                fail_msg("line %llu of the feed differs; seed %llu", (unsigned long long)line->seq,
                         (unsigned long long)seed);
        }
        query.cursor = page.next;
    } while (page.next.len > 0);
    assert_int_equal(left, 0);
}

static void run_seed(void)
{
    rand_seed(&dice, seed);
    model_store_init(&model, fixture.registry, seed);
    for (uint64_t i = 0; i < BATCHES; i++) {
        run_batch(i * BATCH_MAX);
        if (rand_below(&dice, 20) == 0)
            store_fixture_reopen(&fixture);
        else if (rand_below(&dice, 20) == 0)
            rooms_forget(&fixture.store->rooms); /* nothing may depend on what is remembered */
        else if (rand_below(&dice, 20) == 0)
            assert_int_equal(index_all(fixture.store), OK); /* nor on how far the indexes go */
        arena_reset(&fixture.arena);
    }
    compare_feeds();
    model_store_deinit(&model);
}

static void the_store_and_its_model_say_the_same(void **state)
{
    (void)state;
    for (seed = 1; seed <= SEEDS; seed++) {
        run_seed();
        store_fixture_deinit(&fixture);
        store_fixture_init(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_store_and_its_model_say_the_same, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
