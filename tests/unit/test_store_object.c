#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

static enum err put(enum object_kind kind, const char *id, uint64_t revision, const char *body)
{
    return store_fixture_commit(&fixture, store_fixture_object(&fixture, kind, id, revision, body));
}

/* In the fixture's arena. */
static struct object read_object(enum object_kind kind, const char *id)
{
    struct store_request *request = store_request_new(STORE_OBJECTS_READ);
    struct object object = {.kind = kind, .id = span_from_str(id)};

    request->object_count = 1;
    request->objects = &object;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    object.room = arena_copy(&fixture.arena, object.room);
    object.owner = arena_copy(&fixture.arena, object.owner);
    object.state = arena_copy(&fixture.arena, object.state);
    object.body = arena_copy(&fixture.arena, object.body);
    store_request_free(request);
    return object;
}

static void set_owner(struct store_request *request, const char *owner, const char *state)
{
    request->commit.objects[0].owner = span_from_str(owner);
    request->commit.objects[0].state = span_from_str(state);
}

/* ---- putting ---- */

static void an_object_is_found_as_it_was_put(void **state)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_COMMENT, "c1", 1, "{\"text\":\"one\"}");
    struct object object;

    (void)state;
    set_owner(request, "5", "open");
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
    assert_int_equal(put(OBJECT_CONFLICT, "c1", 1, "{\"id\":\"c1\"}"), OK); /* another kind, another object */
    store_fixture_reopen(&fixture);
    object = read_object(OBJECT_COMMENT, "c1");
    assert_int_equal(object.revision, 1);
    assert_text(object.body, "{\"text\":\"one\"}");
    assert_text(object.room, "order:O-1");
    assert_text(object.owner, "5");
    assert_text(object.state, "open");
    assert_int_equal(object.time_ms, fixture.wall_ms);
    assert_int_equal(read_object(OBJECT_COMMENT, "c2").revision, 0);
    assert_int_equal(read_object(OBJECT_COMMENT, "c2").body.len, 0);
}

static void each_put_has_the_next_revision(void **state)
{
    (void)state;
    assert_int_equal(put(OBJECT_COMMENT, "c1", 2, "{\"n\":2}"), ERR_CONFLICT);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 1, "{\"n\":1}"), OK);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 1, "{\"n\":1}"), ERR_CONFLICT);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 3, "{\"n\":3}"), ERR_CONFLICT);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 2, "{\"n\":2}"), OK);
    assert_text(read_object(OBJECT_COMMENT, "c1").body, "{\"n\":2}");
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 2); /* the refused ones left nothing */
}

static void an_object_that_goes_may_come_again(void **state)
{
    (void)state;
    assert_int_equal(put(OBJECT_LOCK, "l1", 1, "{\"token\":1}"), OK);
    assert_int_equal(put(OBJECT_LOCK, "l1", 1, ""), ERR_CONFLICT);
    assert_int_equal(put(OBJECT_LOCK, "l1", 2, ""), OK);
    assert_int_equal(read_object(OBJECT_LOCK, "l1").revision, 0);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM object"), 0);
    assert_int_equal(put(OBJECT_LOCK, "l1", 3, "{\"token\":2}"), ERR_CONFLICT);
    assert_int_equal(put(OBJECT_LOCK, "l1", 1, "{\"token\":2}"), OK);
}

static void one_stale_object_refuses_the_whole_commit(void **state)
{
    struct store_request *request = store_fixture_change(&fixture, "O-1", 2, SPAN("{\"qty\":1}"), "{\"qty\":2}");
    struct store_request *other = store_fixture_message(&fixture, "records", "{}");
    struct store_request *batch[] = {request, other};
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(put(OBJECT_COMMENT, "old", 1, "{}"), OK);
    *commit_add_object(request) =
        (struct object){.kind = OBJECT_COMMENT, .id = SPAN("new"), .revision = 1, .body = SPAN("{}")};
    *commit_add_object(request) =
        (struct object){.kind = OBJECT_COMMENT, .id = SPAN("old"), .revision = 1, .body = SPAN("{}")};
    store_fixture_note(request, "updated");
    store_fixture_set_op(request, "5", "key", 1, "answer");
    store_execute(fixture.store, batch, 2, fixture.wall_ms);
    assert_int_equal(request->err, ERR_CONFLICT);
    assert_int_equal(request->version, 1); /* the record is not what was in the way */
    assert_int_equal(other->err, OK);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"qty\":1}");
    assert_int_equal(read_object(OBJECT_COMMENT, "new").revision, 0);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM op"), 0);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM activity"), 0);

    request->commit.objects[1].revision = 2;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(read_object(OBJECT_COMMENT, "new").revision, 1);
    assert_int_equal(read_object(OBJECT_COMMENT, "old").revision, 2);
    store_request_free(request);
    store_request_free(other);
}

static void a_stale_change_puts_no_object(void **state)
{
    struct store_request *request = store_fixture_change(&fixture, "O-1", 5, SPAN_EMPTY, "{\"qty\":2}");

    (void)state;
    *commit_add_object(request) =
        (struct object){.kind = OBJECT_COMMENT, .id = SPAN("c1"), .revision = 1, .body = SPAN("{}")};
    assert_int_equal(store_fixture_commit(&fixture, request), ERR_CONFLICT);
    assert_int_equal(read_object(OBJECT_COMMENT, "c1").revision, 0);
}

static void a_repeat_is_a_repeat_although_the_object_went_on(void **state)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_COMMENT, "c1", 1, "{\"n\":1}");

    (void)state;
    store_fixture_set_op(request, "5", "key", 77, "answer");
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 2, "{\"n\":2}"), OK);
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_true(request->is_repeat);
    assert_text(read_object(OBJECT_COMMENT, "c1").body, "{\"n\":2}");
    store_request_free(request);
}

static void what_comes_later_in_a_batch_sees_the_object(void **state)
{
    struct store_request *first = store_fixture_object(&fixture, OBJECT_COMMENT, "c1", 1, "{\"n\":1}");
    struct store_request *late = store_fixture_object(&fixture, OBJECT_COMMENT, "c1", 1, "{\"n\":7}");
    struct store_request *second = store_fixture_object(&fixture, OBJECT_COMMENT, "c1", 2, "{\"n\":2}");
    struct store_request *batch[] = {first, late, second};

    (void)state;
    store_execute(fixture.store, batch, 3, fixture.wall_ms);
    assert_int_equal(first->err, OK);
    assert_int_equal(late->err, ERR_CONFLICT);
    assert_int_equal(second->err, OK);
    assert_text(read_object(OBJECT_COMMENT, "c1").body, "{\"n\":2}");
    for (size_t i = 0; i < 3; i++)
        store_request_free(batch[i]);
}

static int refuse_commit(void *arg)
{
    (void)arg;
    return 1;
}

static void a_transaction_that_fails_leaves_nothing(void **state)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_LOCK, "l1", 1, "{\"token\":0}");

    (void)state;
    request->commit.grants = true;
    store_fixture_note(request, "locked");
    (void)sqlite3_commit_hook(fixture.store->sql.db, refuse_commit, NULL);
    assert_int_equal(store_fixture_execute(&fixture, request), ERR_STORAGE);
    (void)sqlite3_commit_hook(fixture.store->sql.db, NULL, NULL);
    assert_int_equal(read_object(OBJECT_LOCK, "l1").revision, 0);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM activity"), 0);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM event"), 0);

    assert_int_equal(store_fixture_execute(&fixture, request), OK); /* the same once more */
    assert_int_equal(read_object(OBJECT_LOCK, "l1").revision, 1);
    store_request_free(request);
}

static void as_many_as_may_be_go_in_one_commit(void **state)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_COMMENT, "c0", 1, "{}");

    (void)state;
    for (int i = 1; i < COMMIT_OBJECTS_MAX; i++)
        *commit_add_object(request) = (struct object){.kind = OBJECT_NOTIFICATION,
                                                      .id = arena_printf(&request->arena, "n%d", i),
                                                      .revision = 1,
                                                      .body = SPAN("{}")};
    for (int i = 1; i < COMMIT_EVENTS_MAX; i++) {
        struct commit_event *entry = commit_add_event(request);

        entry->event = event_ref(request->commit.events[0].event);
        entry->body = request->commit.events[0].body;
        commit_show_in(request, entry, arena_printf(&request->arena, "user:%d", i));
    }
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM object"), COMMIT_OBJECTS_MAX);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM event"), COMMIT_EVENTS_MAX);
    store_request_free(request);
}

/* ---- numbers and tokens ---- */

static uint64_t take_lock(const char *id, uint64_t revision)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_LOCK, id, revision, "{\"token\":0}");
    struct store_request *told;
    uint64_t token;

    request->commit.grants = true;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    token = request->commit.sequence;
    assert_text(read_object(OBJECT_LOCK, id).body,
                arena_printf(&fixture.arena, "{\"token\":%llu}", (unsigned long long)token).data);
    assert_true(span_equal(request->commit.events[0].event->object.body, read_object(OBJECT_LOCK, id).body));
    told = store_fixture_events(&fixture, "order:O-1", request->commit.events[0].positions[0].offset - 1, 10);
    assert_int_equal(told->event_count, 1);
    assert_true(span_equal(told->events[0]->object.body, read_object(OBJECT_LOCK, id).body));
    store_request_free(told);
    store_request_free(request);
    return token;
}

static void the_token_is_in_the_lock_and_in_its_event(void **state)
{
    (void)state;
    assert_true(take_lock("order:O-1#", 1) > 0);
}

static void tidy_everything(void)
{
    fixture.wall_ms += 600001;
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM event WHERE version = 0"), 0);
}

static void tokens_grow_across_restarts_and_pruning(void **state)
{
    uint64_t last = 0, revision = 1;

    (void)state;
    for (int round = 0; round < 12; round++) {
        uint64_t token = take_lock("order:O-1#", revision++);

        assert_true(token > last);
        last = token;
        if (round % 3 == 0)
            tidy_everything(); /* no event is left that would tell of the number */
        if (round % 4 == 0)
            store_fixture_reopen(&fixture);
        if (round % 5 == 0)
            assert_int_equal(store_fixture_put(&fixture, "O-2", "{\"qty\":1}"), OK);
    }
}

static void a_failed_commit_gives_its_number_to_nobody_who_was_told(void **state)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_LOCK, "b", 1, "{\"token\":0}");
    uint64_t before = take_lock("a", 1), after;

    (void)state;
    request->commit.grants = true;
    (void)sqlite3_commit_hook(fixture.store->sql.db, refuse_commit, NULL);
    assert_int_equal(store_fixture_execute(&fixture, request), ERR_STORAGE);
    (void)sqlite3_commit_hook(fixture.store->sql.db, NULL, NULL);
    store_request_free(request);
    after = take_lock("b", 1);
    assert_true(after > before);
}

static void a_commit_has_the_number_of_its_first_event(void **state)
{
    struct store_request *request = store_fixture_message(&fixture, "records", "{}");
    struct store_request *silent = store_request_new(STORE_COMMIT);
    uint64_t first;

    (void)state;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    first = request->commit.sequence;
    assert_int_equal(store_fixture_number(&fixture, "SELECT max(seq) FROM event"), first);
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(request->commit.sequence, first + 1);
    assert_int_equal(store_fixture_execute(&fixture, silent), OK);
    assert_int_equal(silent->commit.sequence, 0);
    store_request_free(request);
    store_request_free(silent);
}

static void no_token_is_given_again_after_a_copy_came_back(void **state)
{
    struct span copy = span_from_str(store_fixture_path(&fixture, "copy"));
    uint64_t last;

    (void)state;
    take_lock("a", 1);
    assert_int_equal(store_backup(store_fixture_reader(&fixture), copy, &fixture.why), OK);
    for (uint64_t i = 2; i < 10; i++)
        last = take_lock("a", i);
    store_fixture_close(&fixture);
    assert_int_equal(store_restore(fixture.options.folder, copy, &fixture.why), OK);
    store_fixture_reopen(&fixture);
    assert_int_equal(read_object(OBJECT_LOCK, "a").revision, 1);
    assert_true(take_lock("a", 2) > last);
    last = take_lock("a", 3);
    tidy_everything();
    store_fixture_reopen(&fixture);
    assert_true(take_lock("a", 4) > last);
}

/* ---- asking ---- */

static void a_record_comes_with_its_locks(void **state)
{
    struct store_request *other = store_fixture_object(&fixture, OBJECT_LOCK, "order:O-2#", 1, "{\"token\":9}");
    struct store_request *load = store_request_new(STORE_RECORD_LOAD);

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    other->commit.objects[0].room = SPAN("order:O-2");
    assert_int_equal(store_fixture_commit(&fixture, other), OK);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 1, "{}"), OK);
    load->type = fixture.type;
    load->entity_id = SPAN("O-1");
    assert_int_equal(store_fixture_execute(&fixture, load), OK);
    assert_int_equal(load->object_count, 0);
    assert_int_equal(put(OBJECT_LOCK, "order:O-1#/qty", 1, "{\"token\":1}"), OK);
    assert_int_equal(put(OBJECT_LOCK, "order:O-1#", 1, "{\"token\":2}"), OK);
    assert_int_equal(store_fixture_execute(&fixture, load), OK);
    assert_true(load->found);
    assert_int_equal(load->object_count, 2);
    assert_text(load->objects[0].id, "order:O-1#/qty");
    assert_int_equal(load->objects[0].kind, OBJECT_LOCK);
    assert_int_equal(load->objects[1].revision, 1);
    assert_text(load->objects[1].body, "{\"token\":2}");
    assert_int_equal(put(OBJECT_LOCK, "order:O-1#/qty", 2, ""), OK);
    assert_int_equal(store_fixture_execute(&fixture, load), OK);
    assert_int_equal(load->object_count, 1);
    store_request_free(load);
}

static struct store_request *list(const char *owner, const char *state, uint32_t count_max)
{
    struct store_request *request = store_request_new(STORE_OBJECTS_LIST);

    request->objects = arena_alloc(&request->arena, sizeof(*request->objects));
    request->object_count = 1;
    request->objects[0] =
        (struct object){.kind = OBJECT_NOTIFICATION, .owner = span_from_str(owner), .state = span_from_str(state)};
    request->count_max = count_max;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    return request;
}

static void what_an_owner_has_in_a_state_is_listed_and_counted(void **state)
{
    struct store_request *found;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct store_request *request =
            store_fixture_object(&fixture, OBJECT_NOTIFICATION, arena_printf(&fixture.arena, "n%d", i).data, 1, "{}");

        set_owner(request, i < 5 ? "7" : "8", i == 2 ? "read" : "unread");
        request->commit.objects[0].time_ms = 100 - i;
        assert_int_equal(store_fixture_commit(&fixture, request), OK);
    }
    found = list("7", "unread", 3);
    assert_int_equal(found->version, 4);
    assert_int_equal(found->object_count, 3);
    assert_text(found->objects[0].id, "n4"); /* the oldest */
    assert_text(found->objects[2].id, "n1");
    store_request_free(found);
    found = list("7", "unread", 0);
    assert_int_equal(found->version, 4);
    assert_int_equal(found->object_count, 0);
    store_request_free(found);
    found = list("9", "unread", 10);
    assert_int_equal(found->version, 0);
    assert_int_equal(found->object_count, 0);
    store_request_free(found);
}

static void put_notice(const char *id, const char *body)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_NOTIFICATION, id, 1, body);

    set_owner(request, "7", "unread");
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

static struct store_request *list_for(const struct object_rights *rights, uint32_t count_max)
{
    struct store_request *request = store_request_new(STORE_OBJECTS_LIST);

    request->objects = arena_alloc(&request->arena, sizeof(*request->objects));
    request->object_count = 1;
    request->objects[0] = (struct object){.kind = OBJECT_NOTIFICATION, .owner = SPAN("7"), .state = SPAN("unread")};
    request->rights = *rights;
    request->count_max = count_max;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    return request;
}

static void only_what_may_be_seen_is_listed_and_counted(void **state)
{
    static const char types[] = "{\"deal\":{\"fields\":{\"limit\":{\"kind\":\"number\",\"read\":[\"manager\"]}}}}";
    const struct span manager = SPAN("manager");
    struct object_rights rights = {0};
    struct type_registry *registry;
    struct store_request *found;
    struct buf why = BUF_EMPTY;
    uint64_t count;

    (void)state;
    assert_int_equal(type_registry_new(span_from_str(types), SPAN_EMPTY, &registry, &why), OK);
    put_notice("n1", "{\"entity_type\":\"deal\",\"fields\":[{\"path\":\"/limit\"}]}");
    put_notice("n2", "{\"entity_type\":\"deal\"}");
    put_notice("n3", "{}");
    rights = (struct object_rights){registry, access_of(registry, NULL, 0)};
    found = list_for(&rights, 1);
    assert_int_equal(found->version, 2);
    assert_int_equal(found->object_count, 1);
    assert_text(found->objects[0].id, "n2");
    store_request_free(found);
    assert_int_equal(store_object_count(store_fixture_reader(&fixture), OBJECT_NOTIFICATION, SPAN("7"), SPAN("unread"),
                                        &rights, &count),
                     OK);
    assert_int_equal(count, 2);
    rights.access = access_of(registry, &manager, 1);
    found = list_for(&rights, 9);
    assert_int_equal(found->version, 3);
    assert_int_equal(found->object_count, 3);
    store_request_free(found);
    type_registry_unref(registry);
}

static void people_are_found_by_name_in_any_case_and_by_id(void **state)
{
    struct account account = {.username = SPAN("JSmith")}, gone = {.username = SPAN("gone"), .is_disabled = true};
    struct span names[] = {SPAN("jsmith"), SPAN("JSMITH"), SPAN("nobody"), SPAN("gone"),
                           SPAN(""),       SPAN_EMPTY,     SPAN_EMPTY,     SPAN("#")};
    struct store_request *request = store_request_new(STORE_USERS_FIND);

    (void)state;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &account), OK);
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &gone), OK);
    names[5] = arena_printf(&fixture.arena, "#%.*s", SPAN_ARG(account.id));
    names[6] = arena_printf(&fixture.arena, "#%.*s", SPAN_ARG(gone.id));
    request->name_count = 8;
    request->names = names;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_true(account.id.len > 0);
    assert_true(span_equal(request->user_ids[0], account.id));
    assert_true(span_equal(request->user_ids[1], account.id));
    assert_int_equal(request->user_ids[2].len, 0);
    assert_int_equal(request->user_ids[3].len, 0);
    assert_int_equal(request->user_ids[4].len, 0);
    assert_true(span_equal(request->user_ids[5], account.id));
    assert_int_equal(request->user_ids[6].len, 0);
    assert_int_equal(request->user_ids[7].len, 0);
    store_request_free(request);
}

static void the_roles_of_accounts_are_those_of_now(void **state)
{
    struct span both[] = {SPAN("buyer"), SPAN("manager")}, names[4];
    struct account anna = {.username = SPAN("anna"), .roles = both, .role_count = 2};
    struct account bert = {.username = SPAN("bert"), .roles = both, .role_count = 1};
    struct account gone = {.username = SPAN("gone"), .roles = both, .role_count = 1};
    struct store_request *request = store_request_new(STORE_ROLES_READ);

    (void)state;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &anna), OK);
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &bert), OK);
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &gone), OK);
    names[0] = anna.id;
    names[1] = bert.id;
    names[2] = gone.id;
    names[3] = SPAN("nobody");
    bert.is_disabled = true;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &bert), OK);
    assert_int_equal(store_account_remove(fixture.store, gone.id), OK);
    request->name_count = 4;
    request->names = names;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_true(request->roles[0].is_known && request->roles[0].is_active);
    assert_int_equal(request->roles[0].count, 2);
    assert_true(span_equal(request->roles[0].names[1], SPAN("manager")));
    assert_true(request->roles[1].is_known && !request->roles[1].is_active);
    assert_true(request->roles[2].is_known && !request->roles[2].is_active);
    assert_false(request->roles[3].is_known);
    store_request_free(request);
}

static void people_are_listed_by_role(void **state)
{
    struct span buyer = SPAN("buyer"), both[] = {SPAN("buyer"), SPAN("manager")};
    struct account anna = {.username = SPAN("anna"), .roles = &buyer, .role_count = 1};
    struct account bert = {.username = SPAN("bert"), .roles = both, .role_count = 2};
    struct account gone = {.username = SPAN("gone"), .roles = &buyer, .role_count = 1, .is_disabled = true};
    struct span names[] = {SPAN("@manager"), SPAN("BERT"), SPAN("nobody"), SPAN("@buyer"), SPAN("@buy")};
    struct store_request *request = store_request_new(STORE_USERS_LIST);

    (void)state;
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &anna), OK);
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &bert), OK);
    assert_int_equal(store_account_put(fixture.store, &fixture.arena, &gone), OK);
    request->name_count = 5;
    request->names = names;
    request->count_max = 1;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(request->user_count, 3);
    assert_true(span_equal(request->user_ids[0], bert.id) && request->user_of[0] == 0);
    assert_true(span_equal(request->user_ids[1], bert.id) && request->user_of[1] == 1);
    assert_true(span_equal(request->user_ids[2], anna.id) && request->user_of[2] == 3);
    assert_int_equal(request->name_users[1], 1);
    assert_int_equal(request->name_users[2], 0);
    assert_int_equal(request->name_users[3], 2); /* bert, too, who is one too many */
    assert_int_equal(request->name_users[4], 0);
    store_request_free(request);
}

static void objects_come_back_with_a_copy(void **state)
{
    struct span copy = span_from_str(store_fixture_path(&fixture, "copy"));

    (void)state;
    assert_int_equal(put(OBJECT_COMMENT, "c1", 1, "{\"n\":1}"), OK);
    assert_int_equal(store_backup(store_fixture_reader(&fixture), copy, &fixture.why), OK);
    assert_int_equal(put(OBJECT_COMMENT, "c1", 2, "{\"n\":2}"), OK);
    store_fixture_close(&fixture);
    assert_int_equal(store_restore(fixture.options.folder, copy, &fixture.why), OK);
    store_fixture_reopen(&fixture);
    assert_text(read_object(OBJECT_COMMENT, "c1").body, "{\"n\":1}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_found_as_it_was_put),
        TEST(each_put_has_the_next_revision),
        TEST(an_object_that_goes_may_come_again),
        TEST(one_stale_object_refuses_the_whole_commit),
        TEST(a_stale_change_puts_no_object),
        TEST(a_repeat_is_a_repeat_although_the_object_went_on),
        TEST(what_comes_later_in_a_batch_sees_the_object),
        TEST(a_transaction_that_fails_leaves_nothing),
        TEST(as_many_as_may_be_go_in_one_commit),
        TEST(the_token_is_in_the_lock_and_in_its_event),
        TEST(tokens_grow_across_restarts_and_pruning),
        TEST(a_failed_commit_gives_its_number_to_nobody_who_was_told),
        TEST(a_commit_has_the_number_of_its_first_event),
        TEST(no_token_is_given_again_after_a_copy_came_back),
        TEST(a_record_comes_with_its_locks),
        TEST(what_an_owner_has_in_a_state_is_listed_and_counted),
        TEST(only_what_may_be_seen_is_listed_and_counted),
        TEST(people_are_found_by_name_in_any_case_and_by_id),
        TEST(the_roles_of_accounts_are_those_of_now),
        TEST(people_are_listed_by_role),
        TEST(objects_come_back_with_a_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
