/* Each lane is a thread with a mailbox; the two that hash passwords share a bounded queue instead.
 *
 * The writing lane takes everything that waits and goes through it in order: requests next to each other are one
 * batch, a job between them ends it. What the store did with a batch becomes one piece of mail per worker, in the
 * store's order. So while the disk flushes one batch the next one gathers by itself; where flushes are short and commits
 * many, commit_pace.h says how long they wait for company. */
#include "store/store_thread.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/commit_pace.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    COMPUTE_LANES = 2,
    COMPUTE_WAITING_MAX = 32,
    TIDY_PAUSE_MS = 1000, /* between looks at what is old when nobody asks for anything */
};

/* What comes into a lane's box. */
enum { LANE_REQUEST, LANE_JOB, LANE_STOP };

struct mail_request {
    struct mail mail;
    struct store_request *request;
};

struct lane {
    struct store_thread *thread;
    pthread_t pthread;
    bool is_started;
    struct mailbox box;
    sem_t wake;
    struct mail stop;
};

/* What one worker hears of a batch. */
struct outbox {
    struct store_fact *facts;
    uint32_t count, capacity;
};

struct store_thread {
    struct store_thread_options options;
    struct store *store;
    struct store_reader *reader;
    struct lane writer, reading;
    struct commit_pace pace;  /* the writer's */
    _Atomic uint32_t waiting; /* requests */
    struct store_request **batch;
    struct outbox *outboxes; /* a worker each */
    struct {
        pthread_mutex_t mutex; /* guards what follows */
        pthread_cond_t changed;
        struct mail *oldest, **newest;
        unsigned count;
        bool is_stopping;
        pthread_t pthreads[COMPUTE_LANES];
        unsigned started;
    } compute;
};

/* ---- mail to the workers ---- */

static void add_fact(struct outbox *outbox, struct store_fact fact)
{
    if (outbox->count == outbox->capacity) {
        outbox->capacity = outbox->capacity ? outbox->capacity * 2 : 64;
        outbox->facts = memory_resize(outbox->facts, outbox->capacity * sizeof(*outbox->facts));
    }
    outbox->facts[outbox->count++] = fact;
}

static void post_facts(struct store_thread *thread, unsigned worker, const struct store_fact *facts, uint32_t count)
{
    struct mail_store *mail = memory_resize(NULL, sizeof(*mail) + count * sizeof(*facts));

    *mail = (struct mail_store){.mail = {.kind = MAIL_STORE}, .count = count};
    memcpy(mail->facts, facts, count * sizeof(*facts));
    thread->options.post(thread->options.arg, worker, &mail->mail);
}

static void post_outboxes(struct store_thread *thread)
{
    for (unsigned worker = 0; worker < thread->options.worker_count; worker++) {
        struct outbox *outbox = &thread->outboxes[worker];

        if (outbox->count > 0)
            post_facts(thread, worker, outbox->facts, outbox->count);
        outbox->count = 0;
    }
}

/* Every room's view of the event to the worker that is the room's home, as room_home in collab/hub.h has it. */
static void tell_event(struct store_thread *thread, struct commit_event *event)
{
    for (uint32_t i = 0; i < event->room_count; i++) {
        unsigned home = (unsigned)(hash_stable(event->rooms[i]) % thread->options.worker_count);
        struct event *view = event_in_room(event->event, event->rooms[i], event->positions[i]);

        add_fact(&thread->outboxes[home], (struct store_fact){.event = view});
    }
}

static void tell(struct store_thread *thread, struct store_request *request)
{
    bool is_written = request->kind == STORE_COMMIT && request->err == OK && !request->is_repeat;

    assert(request->worker < thread->options.worker_count);
    for (uint32_t i = 0; is_written && i < request->commit.event_count; i++)
        tell_event(thread, &request->commit.events[i]);
    add_fact(&thread->outboxes[request->worker], (struct store_fact){.request = request});
}

static void post_job(struct store_thread *thread, struct store_job *job)
{
    job->mail.kind = MAIL_JOB_DONE;
    thread->options.post(thread->options.arg, job->worker, &job->mail);
}

/* ---- lanes ---- */

static void wake_lane(void *arg)
{
    int failed = sem_post(&((struct lane *)arg)->wake);

    assert(!failed);
}

/* Until something is posted, or for a while. More wakes than mail are possible, and harmless. */
static void wait_lane(struct lane *lane, uint64_t while_ms)
{
    uint64_t until_ns = clock_mono_ns() + while_ms * 1000000;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};

    while (sem_clockwait(&lane->wake, CLOCK_MONOTONIC, &until) != 0) {
        assert(errno == EINTR || errno == ETIMEDOUT);
        if (errno == ETIMEDOUT)
            return;
    }
}

/* Signals are the main thread's. */
static int start_thread(pthread_t *pthread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(pthread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static enum err lane_start(struct lane *lane, struct store_thread *thread, void *(*run)(void *arg))
{
    int failed = sem_init(&lane->wake, 0, 0);

    assert(!failed);
    lane->thread = thread;
    mailbox_init(&lane->box, wake_lane, lane);
    lane->is_started = true;
    if (start_thread(&lane->pthread, run, lane) == 0)
        return OK;
    lane->is_started = false;
    sem_destroy(&lane->wake);
    return ERR_TOO_MANY;
}

/* Everything posted before is done before. */
static void lane_stop(struct lane *lane)
{
    if (!lane->is_started)
        return;
    lane->stop.kind = LANE_STOP;
    mailbox_post(&lane->box, &lane->stop);
    pthread_join(lane->pthread, NULL);
    sem_destroy(&lane->wake);
    lane->is_started = false;
}

/* ---- the lane that writes ---- */

static void execute(struct store_thread *thread, uint32_t count)
{
    store_execute(thread->store, thread->batch, count, clock_wall_ms());
    for (uint32_t i = 0; i < count; i++)
        tell(thread, thread->batch[i]);
    post_outboxes(thread);
    atomic_fetch_sub_explicit(&thread->waiting, count, memory_order_relaxed);
}

/* As many requests from the front as make a batch; gives how many. */
static uint32_t gather(struct store_thread *thread, struct mail **list)
{
    uint32_t count = 0;

    while (*list && (*list)->kind == LANE_REQUEST && count < thread->options.batch_max) {
        struct mail_request *mail = (struct mail_request *)*list;

        *list = mail->mail.next;
        thread->batch[count++] = mail->request;
        free(mail);
    }
    return count;
}

static void run_write_job(struct store_thread *thread, struct mail *mail)
{
    struct store_job *job = (struct store_job *)mail;

    job->run(job, thread->store, NULL);
    post_job(thread, job);
}

/* Gives whether to go on. */
static bool write_all(struct store_thread *thread, struct mail *list)
{
    bool goes_on = true;
    uint32_t count;

    while (list) {
        if ((count = gather(thread, &list)) > 0) {
            execute(thread, count);
            (void)store_tidy(thread->store,
                             clock_wall_ms()); /* one step; what it did not do waits for the next batch */
        } else {
            struct mail *mail = list;

            list = mail->next;
            if (mail->kind == LANE_STOP)
                goes_on = false;
            else
                run_write_job(thread, mail);
        }
    }
    return goes_on;
}

/* How many commits; 0: there is something else among them, that somebody waits for. */
static uint32_t count_commits(const struct mail *list)
{
    uint32_t count = 0;

    for (; list; list = list->next, count++)
        if (list->kind != LANE_REQUEST || ((const struct mail_request *)list)->request->kind != STORE_COMMIT)
            return 0;
    return count;
}

static void append(struct mail **list, struct mail *more)
{
    while (*list)
        list = &(*list)->next;
    *list = more;
}

static void wait_ns(uint64_t ns)
{
    const struct timespec span = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

/* Everything that waits, and what comes while that waits for company. */
static struct mail *take_all(struct store_thread *thread)
{
    struct mail *list = mailbox_take(&thread->writer.box);
    const uint64_t wait = commit_pace_wait_ns(&thread->pace, clock_mono_ns(), count_commits(list));

    if (wait > 0) {
        wait_ns(wait);
        append(&list, mailbox_take(&thread->writer.box));
    }
    if (list)
        commit_pace_note(&thread->pace, clock_mono_ns(), count_commits(list));
    return list;
}

static void *run_writer(void *arg)
{
    struct lane *lane = arg;
    struct store_thread *thread = lane->thread;
    bool goes_on = true;

    pthread_setname_np(pthread_self(), "store-write");
    while (goes_on) {
        struct mail *list = take_all(thread);

        if (list)
            goes_on = write_all(thread, list);
        else if (!store_tidy(thread->store, clock_wall_ms()))
            wait_lane(lane, TIDY_PAUSE_MS);
    }
    return NULL;
}

/* ---- the lane that reads ---- */

static bool read_all(struct store_thread *thread, struct mail *list)
{
    bool goes_on = true;

    while (list) {
        struct mail *mail = list;
        struct store_job *job = (struct store_job *)mail;

        list = mail->next;
        if (mail->kind == LANE_STOP) {
            goes_on = false;
        } else {
            job->run(job, NULL, thread->reader);
            post_job(thread, job);
        }
    }
    return goes_on;
}

static void *run_reading(void *arg)
{
    struct lane *lane = arg;
    bool goes_on = true;

    pthread_setname_np(pthread_self(), "store-read");
    while (goes_on) {
        struct mail *list = mailbox_take(&lane->box);

        if (list)
            goes_on = read_all(lane->thread, list);
        else
            wait_lane(lane, TIDY_PAUSE_MS);
    }
    return NULL;
}

/* ---- the lanes that compute ---- */

/* NULL: there is nothing left to do, ever. */
static struct store_job *next_compute_job(struct store_thread *thread)
{
    struct mail *mail;

    pthread_mutex_lock(&thread->compute.mutex);
    while (!thread->compute.oldest && !thread->compute.is_stopping)
        pthread_cond_wait(&thread->compute.changed, &thread->compute.mutex);
    mail = thread->compute.oldest;
    if (mail) {
        thread->compute.oldest = mail->next;
        if (!mail->next)
            thread->compute.newest = &thread->compute.oldest;
        thread->compute.count--;
    }
    pthread_mutex_unlock(&thread->compute.mutex);
    return (struct store_job *)mail;
}

static void *run_compute(void *arg)
{
    struct store_thread *thread = arg;
    struct store_job *job;

    pthread_setname_np(pthread_self(), "store-compute");
    while ((job = next_compute_job(thread)) != NULL) {
        job->run(job, NULL, NULL);
        post_job(thread, job);
    }
    return NULL;
}

static enum err compute_start(struct store_thread *thread)
{
    pthread_mutex_init(&thread->compute.mutex, NULL);
    pthread_cond_init(&thread->compute.changed, NULL);
    thread->compute.newest = &thread->compute.oldest;
    for (; thread->compute.started < COMPUTE_LANES; thread->compute.started++)
        if (start_thread(&thread->compute.pthreads[thread->compute.started], run_compute, thread) != 0)
            return ERR_TOO_MANY;
    return OK;
}

static void compute_stop(struct store_thread *thread)
{
    pthread_mutex_lock(&thread->compute.mutex);
    thread->compute.is_stopping = true;
    pthread_cond_broadcast(&thread->compute.changed);
    pthread_mutex_unlock(&thread->compute.mutex);
    while (thread->compute.started > 0)
        pthread_join(thread->compute.pthreads[--thread->compute.started], NULL);
    pthread_cond_destroy(&thread->compute.changed);
    pthread_mutex_destroy(&thread->compute.mutex);
}

/* ---- from outside ---- */

/* The options' spans are the store's and the reader's to copy; here only numbers and functions are kept. */
static struct store_thread *thread_new(const struct store_thread_options *options)
{
    struct store_thread *thread = NEW(struct store_thread);

    assert(options->worker_count > 0 && options->batch_max > 0);
    thread->options = *options;
    thread->options.store = (struct store_options){0};
    thread->batch = memory_array(options->batch_max, sizeof(struct store_request *));
    commit_pace_init(&thread->pace, (uint64_t)options->gather_us * 1000, clock_mono_ns());
    thread->outboxes = memory_array(options->worker_count, sizeof(*thread->outboxes));
    return thread;
}

enum err store_thread_start(const struct store_thread_options *options, struct store_thread **out, struct buf *why)
{
    struct store_thread *thread = thread_new(options);
    enum err err;

    if ((err = compute_start(thread)) != OK)
        goto no_thread;
    if ((err = store_open(&options->store, &thread->store, why)) != OK ||
        (err = store_reader_open(&options->store, &thread->reader, why)) != OK)
        goto done;
    if ((err = lane_start(&thread->writer, thread, run_writer)) != OK ||
        (err = lane_start(&thread->reading, thread, run_reading)) != OK)
        goto no_thread;
    *out = thread;
    thread = NULL;
    goto done;
no_thread:
    buf_append_str(why, "a thread cannot be started");
done:
    store_thread_stop(thread);
    return err;
}

void store_thread_stop(struct store_thread *thread)
{
    if (thread == NULL)
        return;
    lane_stop(&thread->writer);
    lane_stop(&thread->reading);
    compute_stop(thread);
    store_reader_close(thread->reader); /* first: the last one to close cleans up, and a reader must not */
    store_close(thread->store);
    for (unsigned i = 0; i < thread->options.worker_count; i++)
        free(thread->outboxes[i].facts);
    free(thread->outboxes);
    free(thread->batch);
    free(thread);
}

void store_thread_request(struct store_thread *thread, struct store_request *request)
{
    struct mail_request *mail;

    if (atomic_fetch_add_explicit(&thread->waiting, 1, memory_order_relaxed) >= thread->options.queue_max) {
        atomic_fetch_sub_explicit(&thread->waiting, 1, memory_order_relaxed);
        request->err = ERR_OVERLOADED;
        post_facts(thread, request->worker, &(struct store_fact){.request = request}, 1);
        return;
    }
    mail = NEW(struct mail_request);
    mail->mail.kind = LANE_REQUEST;
    mail->request = request;
    mailbox_post(&thread->writer.box, &mail->mail);
}

void store_thread_write_job(struct store_thread *thread, struct store_job *job)
{
    job->mail.kind = LANE_JOB;
    mailbox_post(&thread->writer.box, &job->mail);
}

void store_thread_read_job(struct store_thread *thread, struct store_job *job)
{
    job->mail.kind = LANE_JOB;
    mailbox_post(&thread->reading.box, &job->mail);
}

bool store_thread_compute_job(struct store_thread *thread, struct store_job *job)
{
    bool takes;

    pthread_mutex_lock(&thread->compute.mutex);
    takes = thread->compute.count < COMPUTE_WAITING_MAX;
    if (takes) {
        job->mail.next = NULL;
        *thread->compute.newest = &job->mail;
        thread->compute.newest = &job->mail.next;
        thread->compute.count++;
        pthread_cond_signal(&thread->compute.changed);
    }
    pthread_mutex_unlock(&thread->compute.mutex);
    return takes;
}
