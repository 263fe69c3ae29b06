#include "store/store_thread.h"
#include "base/memory.h"
#include "lib/store_stage.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { WORKERS = 3, POSTERS = 4, CHANGES_EACH = 200 };

/* A worker that only listens. */
struct ear {
    struct mailbox box;
    sem_t posted; /* once for every piece of mail */
    struct mail *taken;
};

static struct store_thread *thread;
static struct ear ears[WORKERS];

static void post(void *arg, unsigned worker, struct mail *mail)
{
    struct ear *ear = (struct ear *)arg + worker;

    assert_in_range(worker, 0, WORKERS - 1);
    mailbox_post(&ear->box, mail);
    sem_post(&ear->posted);
}

static void start(uint32_t batch_max, uint32_t queue_max)
{
    struct store_thread_options options = {.store = fixture.options,
                                           .worker_count = WORKERS,
                                           .post = post,
                                           .arg = ears,
                                           .batch_max = batch_max,
                                           .queue_max = queue_max};

    if (store_thread_start(&options, &thread, &fixture.why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&fixture.why)));
}

static int set_up(void **state)
{
    (void)state;
    store_fixture_init(&fixture);
    store_fixture_close(&fixture); /* the thread opens its own */
    for (unsigned i = 0; i < WORKERS; i++) {
        mailbox_init(&ears[i].box, NULL, NULL);
        sem_init(&ears[i].posted, 0, 0);
    }
    return 0;
}

static void free_mail(struct mail *mail)
{
    struct mail_store *facts = (struct mail_store *)mail;

    if (mail->kind == MAIL_JOB_DONE) {
        struct store_job *job = (struct store_job *)mail;

        job->done(job, NULL);
        return;
    }
    for (uint32_t i = 0; i < facts->count; i++) {
        event_unref(facts->facts[i].event);
        store_request_free(facts->facts[i].request);
    }
    free(mail);
}

static int tear_down(void **state)
{
    (void)state;
    store_thread_stop(thread);
    thread = NULL;
    for (unsigned i = 0; i < WORKERS; i++) {
        struct mail *mail;

        while ((mail = ears[i].taken) != NULL || (mail = mailbox_take(&ears[i].box)) != NULL) {
            ears[i].taken = mail->next;
            free_mail(mail);
        }
        sem_destroy(&ears[i].posted);
    }
    store_fixture_deinit(&fixture);
    return 0;
}

/* The next piece of mail, when it comes. */
static struct mail *hear(unsigned worker)
{
    struct ear *ear = &ears[worker];
    struct mail *mail;

    while (sem_wait(&ear->posted) != 0)
        ;
    if (ear->taken == NULL)
        ear->taken = mailbox_take(&ear->box);
    assert_non_null(ear->taken);
    mail = ear->taken;
    ear->taken = mail->next;
    return mail;
}

/* A change to a new record, asked for by a worker. */
static struct store_request *change(unsigned worker, const char *id)
{
    struct store_request *request = store_fixture_change(&fixture, id, 1, SPAN_EMPTY, "{\"qty\":1}");

    request->worker = worker;
    return request;
}

/* ---- jobs ---- */

struct test_job {
    struct store_job job;
    sem_t *waits_for;
    uint64_t seen; /* offset of "records" when it ran */
    bool had_store, had_reader;
    struct span id;
    enum err err;
};

static void run_job(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct test_job *test_job = (struct test_job *)job;
    struct store_request *request = store_request_new(STORE_ROOM_OPEN);

    test_job->had_store = store != NULL;
    test_job->had_reader = reader != NULL;
    request->room = SPAN("records");
    while (test_job->waits_for && sem_wait(test_job->waits_for) != 0)
        ;
    if (store)
        store_execute(store, &request, 1, 0);
    test_job->seen = request->position.offset;
    store_request_free(request);
}

static void run_read_job(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct test_job *test_job = (struct test_job *)job;
    struct list_row row;
    struct arena arena;

    test_job->had_store = store != NULL;
    test_job->had_reader = reader != NULL;
    arena_init(&arena, 1024);
    test_job->err = store_record(reader, &arena, fixture.type, test_job->id, &row);
    arena_deinit(&arena);
}

static void free_job(struct store_job *job, void *worker)
{
    (void)worker;
    free(job);
}

static struct test_job *job_new(void (*run)(struct store_job *job, struct store *store, struct store_reader *reader),
                                unsigned worker)
{
    struct test_job *job = NEW(struct test_job);

    job->job.run = run;
    job->job.done = free_job;
    job->job.worker = worker;
    return job;
}

/* ---- tests ---- */

static void a_change_is_told_to_every_rooms_home_before_its_answer(void **state)
{
    struct store_request *request = change(1, "O-1");
    struct span rooms[] = {SPAN("order:O-1"), SPAN("order-updates"), SPAN("records")};
    unsigned facts_left[WORKERS] = {0}, answers = 0, events = 0;

    (void)state;
    start(100, 100);
    for (size_t i = 0; i < 3; i++)
        facts_left[hash_stable(rooms[i]) % WORKERS]++;
    facts_left[1]++; /* the answer */
    store_thread_request(thread, request);
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        struct mail_store *mail;

        if (facts_left[worker] == 0)
            continue;
        mail = (struct mail_store *)hear(worker);
        assert_int_equal(mail->mail.kind, MAIL_STORE);
        assert_int_equal(mail->count, facts_left[worker]);
        for (uint32_t i = 0; i < mail->count; i++) {
            struct event *event = mail->facts[i].event;

            if (event) {
                assert_int_equal(hash_stable(event->room) % WORKERS, worker);
                assert_int_equal(event->position.offset, 1);
                assert_int_equal(event->kind, EVENT_CHANGE);
                events++;
            } else {
                assert_ptr_equal(mail->facts[i].request, request);
                assert_int_equal(request->err, OK);
                assert_int_equal(i, mail->count - 1);
                answers++;
            }
        }
        free_mail(&mail->mail);
    }
    assert_int_equal(events, 3);
    assert_int_equal(answers, 1);
}

static void what_is_refused_is_answered_and_told_to_nobody(void **state)
{
    struct store_request *request = store_fixture_change(&fixture, "O-1", 7, SPAN_EMPTY, "{\"qty\":1}");
    struct mail_store *mail;

    (void)state;
    start(100, 100);
    store_thread_request(thread, request);
    mail = (struct mail_store *)hear(0);
    assert_int_equal(mail->count, 1);
    assert_ptr_equal(mail->facts[0].request, request);
    assert_int_equal(request->err, ERR_CONFLICT);
    free_mail(&mail->mail);
}

static void a_repeat_is_told_to_nobody_again(void **state)
{
    struct mail_store *mail;

    (void)state;
    fixture.options.log_events_max = 100;
    start(100, 100);
    for (int round = 0; round < 2; round++) {
        struct store_request *request = store_fixture_message(&fixture, "order:O-1", "{}");
        unsigned home = (unsigned)(hash_stable(SPAN("order:O-1")) % WORKERS);

        store_fixture_set_op(request, "5", "key", 1, "answer");
        request->worker = home;
        store_thread_request(thread, request);
        mail = (struct mail_store *)hear(home);
        assert_int_equal(mail->count, round == 0 ? 2 : 1);
        assert_int_equal(mail->facts[mail->count - 1].request->is_repeat, round == 1);
        free_mail(&mail->mail);
    }
}

static void jobs_and_requests_are_done_in_the_order_they_came(void **state)
{
    sem_t gate;
    struct test_job *first = job_new(run_job, 2), *between = job_new(run_job, 2), *last = job_new(run_job, 2);

    (void)state;
    sem_init(&gate, 0, 0);
    start(100, 100);
    first->waits_for = &gate; /* so that all that follows waits together */
    store_thread_write_job(thread, &first->job);
    store_thread_request(thread, change(0, "O-1"));
    store_thread_request(thread, change(0, "O-2"));
    store_thread_write_job(thread, &between->job);
    store_thread_request(thread, change(0, "O-3"));
    store_thread_write_job(thread, &last->job);
    sem_post(&gate);
    store_thread_stop(thread);
    thread = NULL;
    assert_true(first->had_store && !first->had_reader);
    assert_int_equal(first->seen, 0);
    assert_int_equal(between->seen, 2);
    assert_int_equal(last->seen, 3);
    sem_destroy(&gate);
}

static void what_was_acknowledged_can_be_read_at_once(void **state)
{
    struct test_job *job = job_new(run_read_job, 0);
    struct mail *mail;

    (void)state;
    start(100, 100);
    store_thread_request(thread, change(1, "O-1"));
    free_mail(hear(1)); /* the answer, with what else the batch was for this worker */
    job->id = SPAN("O-1");
    store_thread_read_job(thread, &job->job);
    while ((mail = hear(0))->kind != MAIL_JOB_DONE)
        free_mail(mail);
    assert_ptr_equal(mail, job);
    assert_true(job->had_reader && !job->had_store);
    assert_int_equal(job->err, OK);
    free_mail(mail);
}

static void run_list(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct list_query query = {.type = fixture.type, .limit = 1000};
    struct test_job *test_job = (struct test_job *)job;
    struct list_page page;
    struct arena arena;

    (void)store;
    arena_init(&arena, 4096);
    test_job->err = store_list(reader, &arena, &query, &page);
    test_job->seen = page.total;
    if (page.count != page.total)
        test_job->err = ERR_INTERNAL;
    arena_deinit(&arena);
}

static void lists_are_answered_while_changes_are_written(void **state)
{
    uint64_t seen = 0;
    unsigned lists = 0;

    (void)state;
    start(4, 100000);
    for (int i = 0; i < 200; i++) {
        store_thread_request(thread, change(1, arena_printf(&fixture.arena, "O-%d", i).data));
        if (i % 5 == 0)
            store_thread_read_job(thread, &job_new(run_list, 0)->job);
    }
    while (lists < 40) {
        struct mail *mail = hear(0);
        struct test_job *job = (struct test_job *)mail;

        if (mail->kind == MAIL_JOB_DONE) {
            assert_int_equal(job->err, OK);
            assert_true(job->seen >= seen); /* never back in time, and each count goes with its rows */
            seen = job->seen;
            lists++;
        }
        free_mail(mail);
    }
}

static void too_many_requests_come_back_unread(void **state)
{
    sem_t gate;
    struct test_job *job = job_new(run_job, 2);
    struct store_request *refused = change(1, "O-3");
    struct mail_store *mail;

    (void)state;
    sem_init(&gate, 0, 0);
    start(100, 2);
    job->waits_for = &gate;
    store_thread_write_job(thread, &job->job);
    store_thread_request(thread, change(0, "O-1"));
    store_thread_request(thread, change(0, "O-2"));
    store_thread_request(thread, refused);
    mail = (struct mail_store *)hear(1);
    assert_int_equal(mail->count, 1);
    assert_ptr_equal(mail->facts[0].request, refused);
    assert_int_equal(refused->err, ERR_OVERLOADED);
    free_mail(&mail->mail);
    sem_post(&gate);
    store_thread_stop(thread);
    thread = NULL;
    assert_int_equal(store_fixture_open(&fixture), OK);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 2);
    sem_destroy(&gate);
}

static void only_so_much_is_computed_and_waits(void **state)
{
    enum { AT_ONCE = 2, WAITING = 32 };
    struct test_job *job;
    unsigned taken = 0;
    sem_t gate;

    (void)state;
    sem_init(&gate, 0, 0);
    start(100, 100);
    /* As long as nobody passes the gate, two are computed and 32 wait. The two may not have begun yet. */
    for (;;) {
        job = job_new(run_job, 0);
        job->waits_for = &gate;
        if (!store_thread_compute_job(thread, &job->job))
            break;
        taken++;
    }
    assert_in_range(taken, WAITING, WAITING + AT_ONCE);
    free(job);
    for (unsigned i = 0; i < taken; i++)
        sem_post(&gate);
    for (unsigned i = 0; i < taken; i++) {
        struct mail *mail = hear(0);

        assert_int_equal(mail->kind, MAIL_JOB_DONE);
        assert_false(((struct test_job *)mail)->had_store);
        assert_false(((struct test_job *)mail)->had_reader);
        free_mail(mail);
    }
    job = job_new(run_job, 0);
    assert_true(store_thread_compute_job(thread, &job->job)); /* there is room again */
    store_thread_stop(thread);
    thread = NULL;
    sem_destroy(&gate);
}

static void stopping_finishes_what_waits(void **state)
{
    struct mail_store *mail;
    unsigned answers = 0;

    (void)state;
    start(7, 1000);
    for (int i = 0; i < 100; i++)
        store_thread_request(thread, change(0, arena_printf(&fixture.arena, "O-%d", i).data));
    store_thread_stop(thread);
    thread = NULL;
    ears[0].taken = mailbox_take(&ears[0].box);
    while (ears[0].taken) {
        mail = (struct mail_store *)ears[0].taken;
        ears[0].taken = mail->mail.next;
        for (uint32_t i = 0; i < mail->count; i++) {
            if (mail->facts[i].request) {
                assert_int_equal(mail->facts[i].request->err, OK);
                answers++;
            }
        }
        free_mail(&mail->mail);
    }
    assert_int_equal(answers, 100);
    assert_int_equal(store_fixture_open(&fixture), OK);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 100);
}

static void a_store_that_cannot_be_opened_starts_nothing(void **state)
{
    struct store_thread_options options = {
        .store = fixture.options, .worker_count = 1, .post = post, .arg = ears, .batch_max = 1, .queue_max = 1};

    (void)state;
    store_fixture_reopen(&fixture); /* holds the folder */
    assert_int_equal(store_thread_start(&options, &thread, &fixture.why), ERR_CONFIG);
    assert_null(thread);
    assert_true(fixture.why.len > 0);
}

/* Several workers at once: every room's events come to its home without a gap, in order, and each worker's answers
 * after its events. */

struct poster {
    pthread_t pthread;
    unsigned number;
    struct store_request *requests[CHANGES_EACH];
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;

    for (int i = 0; i < CHANGES_EACH; i++)
        store_thread_request(thread, poster->requests[i]);
    return NULL;
}

struct account_of_rooms {
    uint64_t heads[2]; /* of order-updates and records */
    unsigned answers;
};

static void check_facts(const struct mail_store *mail, struct account_of_rooms *account)
{
    for (uint32_t i = 0; i < mail->count; i++) {
        const struct event *event = mail->facts[i].event;

        if (mail->facts[i].request) {
            assert_int_equal(mail->facts[i].request->err, OK);
            account->answers++;
        } else if (span_equal(event->room, SPAN("order-updates"))) {
            assert_int_equal(event->position.offset, ++account->heads[0]);
        } else if (span_equal(event->room, SPAN("records"))) {
            assert_int_equal(event->position.offset, ++account->heads[1]);
        }
    }
}

static void many_posters_leave_no_gap_in_any_room(void **state)
{
    static struct poster posters[POSTERS];
    struct account_of_rooms account = {{0, 0}, 0};

    (void)state;
    start(64, 100000);
    for (unsigned p = 0; p < POSTERS; p++) {
        posters[p].number = p;
        for (int i = 0; i < CHANGES_EACH; i++)
            posters[p].requests[i] = change(p % WORKERS, arena_printf(&fixture.arena, "O-%u-%d", p, i).data);
    }
    for (unsigned p = 0; p < POSTERS; p++)
        assert_int_equal(pthread_create(&posters[p].pthread, NULL, post_all, &posters[p]), 0);
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(posters[p].pthread, NULL);
    store_thread_stop(thread);
    thread = NULL;
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        ears[worker].taken = mailbox_take(&ears[worker].box);
        for (struct mail *mail = ears[worker].taken; mail; mail = mail->next)
            check_facts((struct mail_store *)mail, &account);
    }
    assert_int_equal(account.answers, POSTERS * CHANGES_EACH);
    assert_int_equal(account.heads[0], POSTERS * CHANGES_EACH);
    assert_int_equal(account.heads[1], POSTERS * CHANGES_EACH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_told_to_every_rooms_home_before_its_answer),
        TEST(what_is_refused_is_answered_and_told_to_nobody),
        TEST(a_repeat_is_told_to_nobody_again),
        TEST(jobs_and_requests_are_done_in_the_order_they_came),
        TEST(what_was_acknowledged_can_be_read_at_once),
        TEST(lists_are_answered_while_changes_are_written),
        TEST(too_many_requests_come_back_unread),
        TEST(only_so_much_is_computed_and_waits),
        TEST(stopping_finishes_what_waits),
        TEST(a_store_that_cannot_be_opened_starts_nothing),
        TEST(many_posters_leave_no_gap_in_any_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
