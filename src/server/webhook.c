/* The thread asks the store's threads as workers do, and waits for each answer: it has nothing else to do. */
#include "server/webhook.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/rand.h"
#include "server/outbound.h"
#include "server/webhook_batch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define META_WEBHOOK "webhook"
#define SEQ_MAX (((uint64_t)1 << 53) - 1)

enum {
    EVENTS_MAX = 100,
    LOOK_MS = 100, /* how often it looks whether something was committed */
    STORAGE_PAUSE_MS = 1000,
    TIMEOUT_MS = 10000,
    BACKOFF_MS = 1000,
    BACKOFF_MAX_MS = 5 * 60 * 1000,
    UNSAVED_MAX = 10000, /* events nobody wants, before their place is noted */
    ARENA_BLOCK_BYTES = 64 * 1024,
};

struct webhook {
    struct webhook_options options;
    char *url;
    struct span secret; /* owned */
    CURLM *multi;       /* keeps the connection; from its poll webhook_stop wakes */
    pthread_t thread;
    atomic_bool is_stopping;
    pthread_mutex_t mutex; /* guards the registry: */
    struct type_registry *registry;
    /* the thread's: */
    struct webhook_place place, saved;
    struct arena arena;
    struct log_page page;
    struct buf body;
    struct webhook_batch batch; /* what is in the body */
    uint64_t backoff_ms;        /* 0: it accepted the last one */
    enum err err;               /* of the last job */
};

/* ---- the store ---- */

struct webhook_job {
    struct store_job job; /* first */
    struct webhook *webhook;
    void (*work)(struct webhook *webhook, struct store *store, struct store_reader *reader);
    sem_t *is_done;
};

static void run_job(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct webhook_job *webhook_job = (struct webhook_job *)(void *)job;

    webhook_job->work(webhook_job->webhook, store, reader);
    sem_post(webhook_job->is_done);
}

static void free_job(struct store_job *job, void *worker)
{
    (void)worker;
    free(job);
}

/* Does it on one of the store's threads; gives what it came to. */
static enum err run_there(struct webhook *webhook, bool is_write,
                          void (*work)(struct webhook *webhook, struct store *store, struct store_reader *reader))
{
    struct webhook_job *job = NEW(struct webhook_job);
    sem_t is_done;

    sem_init(&is_done, 0, 0);
    *job = (struct webhook_job){.job = {.run = run_job, .done = free_job}, .webhook = webhook, .work = work};
    job->is_done = &is_done;
    if (is_write)
        store_thread_write_job(webhook->options.store, &job->job);
    else
        store_thread_read_job(webhook->options.store, &job->job);
    while (sem_wait(&is_done) && errno == EINTR) {}
    sem_destroy(&is_done);
    return webhook->err;
}

static void work_load(struct webhook *webhook, struct store *store, struct store_reader *reader)
{
    struct span text;

    (void)reader;
    webhook->err = store_meta_get(store, &webhook->arena, SPAN(META_WEBHOOK), &text);
    if (!webhook->err && !webhook_place_read(text, &webhook->place))
        webhook->err = ERR_STORAGE;
}

static void work_find_end(struct webhook *webhook, struct store *store, struct store_reader *reader)
{
    (void)store;
    webhook->err = store_log_end(reader, &webhook->place.done);
    webhook->place.upto = webhook->place.done;
}

static void work_save(struct webhook *webhook, struct store *store, struct store_reader *reader)
{
    struct buf text = BUF_EMPTY;

    (void)reader;
    webhook_place_print(&text, &webhook->place);
    webhook->err = store_meta_put(store, SPAN(META_WEBHOOK), buf_span(&text));
    buf_deinit(&text);
}

static void work_read(struct webhook *webhook, struct store *store, struct store_reader *reader)
{
    bool is_again = webhook->place.id[0] != '\0';

    (void)store;
    webhook->err = store_log(reader, &webhook->arena, webhook->place.done, is_again ? webhook->place.upto : SEQ_MAX,
                             EVENTS_MAX, &webhook->page);
}

static enum err save(struct webhook *webhook)
{
    enum err err = run_there(webhook, true, work_save);

    if (!err)
        webhook->saved = webhook->place;
    return err;
}

/* ---- waiting ---- */

/* Until something is to be done, or webhook_stop; in pieces, because nobody tells when something is committed. */
static void pause_for(struct webhook *webhook, uint64_t ms)
{
    if (!atomic_load(&webhook->is_stopping))
        (void)curl_multi_poll(webhook->multi, NULL, 0, (int)ms, NULL);
}

static void wait_for_commit(struct webhook *webhook, int64_t commits)
{
    while (!atomic_load(&webhook->is_stopping) && metric_get(METRIC_store_commits) == commits)
        pause_for(webhook, LOOK_MS);
}

static void wait_ms(struct webhook *webhook, uint64_t ms)
{
    uint64_t until_ms = clock_mono_ms() + ms, now_ms;

    while (!atomic_load(&webhook->is_stopping) && (now_ms = clock_mono_ms()) < until_ms)
        pause_for(webhook, until_ms - now_ms);
}

/* ---- delivering ---- */

static void note_outcome(struct webhook *webhook, bool is_accepted, const char *why)
{
    if (is_accepted) {
        if (webhook->backoff_ms > 0)
            log_info("webhook.up", "%s", "");
        webhook->backoff_ms = 0;
        return;
    }
    metric_add(METRIC_webhook_failures, 1);
    if (webhook->backoff_ms == 0)
        log_warn("webhook.down", "reason=" LOG_QUOTED, LOG_TEXT(span_from_str(why)));
    webhook->backoff_ms = webhook->backoff_ms == 0 ? BACKOFF_MS : webhook->backoff_ms * 2;
    if (webhook->backoff_ms > BACKOFF_MAX_MS)
        webhook->backoff_ms = BACKOFF_MAX_MS;
}

/* Runs one request to its end, or until webhook_stop. */
static CURLcode perform(struct webhook *webhook, struct outbound *call)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1, left;
    CURLMsg *message;

    (void)curl_multi_add_handle(webhook->multi, call->easy);
    while (running > 0 && !atomic_load(&webhook->is_stopping)) {
        (void)curl_multi_perform(webhook->multi, &running);
        if (running > 0)
            (void)curl_multi_poll(webhook->multi, NULL, 0, LOOK_MS, NULL);
    }
    while ((message = curl_multi_info_read(webhook->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            code = message->data.result;
    (void)curl_multi_remove_handle(webhook->multi, call->easy);
    return code;
}

static bool post(struct webhook *webhook)
{
    struct outbound call;
    struct buf headers = BUF_EMPTY;
    char text[64];
    CURLcode code;
    long status;

    buf_printf(&headers, "Collabd-Delivery: %s\nCollabd-Event: ", webhook->place.id);
    webhook_print_kinds(&headers, webhook->batch.kinds);
    outbound_init(&call, webhook->url, webhook->secret, buf_span(&headers), buf_span(&webhook->body),
                  clock_wall_ms() / 1000, TIMEOUT_MS);
    code = perform(webhook, &call);
    status = outbound_status(&call, code);
    (void)snprintf(text, sizeof(text), "it answered with status %ld", status);
    if (!atomic_load(&webhook->is_stopping) || status > 0)
        note_outcome(webhook, status >= 200 && status<300, status> 0 ? text
                              : call.error[0]                        ? call.error
                                                                     : curl_easy_strerror(code));
    outbound_deinit(&call);
    buf_deinit(&headers);
    return status >= 200 && status < 300;
}

/* Everything up to upto is over. */
static void move_on(struct webhook *webhook, uint64_t upto)
{
    webhook->place.done = webhook->place.upto = upto;
    webhook->place.id[0] = '\0';
    buf_reset(&webhook->body);
    webhook->batch = (struct webhook_batch){0};
}

static void deliver(struct webhook *webhook)
{
    if (!post(webhook)) {
        wait_ms(webhook, webhook->backoff_ms);
        return;
    }
    metric_add(METRIC_webhook_deliveries, 1);
    metric_add(METRIC_webhook_events, webhook->batch.count);
    move_on(webhook, webhook->place.upto);
}

/* ---- batches ---- */

static void print_batch(struct webhook *webhook)
{
    struct type_registry *registry;

    pthread_mutex_lock(&webhook->mutex);
    registry = type_registry_ref(webhook->registry);
    pthread_mutex_unlock(&webhook->mutex);
    buf_reset(&webhook->body);
    webhook->batch = webhook_print_batch(&webhook->body, &webhook->page, webhook->options.kinds, registry);
    metric_add(METRIC_webhook_skipped, (int64_t)(webhook->page.skipped + webhook->batch.lost));
    type_registry_unref(registry);
}

/* A new batch is noted before it leaves: should we die meanwhile, the same one is sent again, under the same id. */
static enum err note_batch(struct webhook *webhook)
{
    uint64_t random[2];
    enum err err;

    if (webhook->place.id[0] != '\0')
        return OK;
    rand_bytes(random, sizeof(random));
    (void)snprintf(webhook->place.id, sizeof(webhook->place.id), "%016llx%016llx", (unsigned long long)random[0],
                   (unsigned long long)random[1]);
    webhook->place.upto = webhook->page.upto;
    if ((err = save(webhook)) != OK)
        move_on(webhook, webhook->place.done); /* read again later */
    return err;
}

/* What comes next, up to a batch that is to be delivered. Gives whether there was anything. */
static enum err look(struct webhook *webhook, bool *has_more)
{
    bool is_again = webhook->place.id[0] != '\0';
    enum err err;

    arena_reset(&webhook->arena);
    if ((err = run_there(webhook, false, work_read)) != OK)
        return err;
    *has_more = webhook->page.count > 0 || is_again;
    print_batch(webhook);
    if (webhook->batch.count > 0)
        return note_batch(webhook);
    move_on(webhook, is_again ? webhook->place.upto : webhook->page.upto);
    return OK;
}

/* What was delivered last is noted when nothing more comes, else with the next batch. */
static bool is_unsaved(const struct webhook *webhook, bool is_idle)
{
    return webhook->saved.id[0] != '\0' ? is_idle : webhook->place.done > webhook->saved.done + UNSAVED_MAX;
}

static void *run(void *arg)
{
    struct webhook *webhook = arg;

    pthread_setname_np(pthread_self(), "webhook");
    while (!atomic_load(&webhook->is_stopping)) {
        int64_t commits = metric_get(METRIC_store_commits);
        bool has_more = true;
        enum err err = OK;

        if (webhook->batch.count > 0) {
            deliver(webhook);
            continue;
        }
        err = look(webhook, &has_more);
        if (!err && webhook->batch.count == 0 && is_unsaved(webhook, !has_more))
            err = save(webhook);
        if (err)
            wait_ms(webhook, STORAGE_PAUSE_MS);
        else if (!has_more)
            wait_for_commit(webhook, commits);
    }
    if (webhook->place.done > webhook->saved.done)
        (void)!save(webhook); /* else it is sent once more: no harm */
    return NULL;
}

/* ---- life ---- */

static enum err find_place(struct webhook *webhook)
{
    enum err err = run_there(webhook, true, work_load);

    webhook->saved = webhook->place;
    if (err != ERR_NOT_FOUND)
        return err;
    if ((err = run_there(webhook, false, work_find_end)) == OK)
        err = save(webhook);
    return err;
}

/* Signals are the main thread's. */
static enum err start_thread(struct webhook *webhook)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&webhook->thread, NULL, run, webhook);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? ERR_TOO_MANY : OK;
}

static void webhook_free(struct webhook *webhook)
{
    (void)curl_multi_cleanup(webhook->multi);
    pthread_mutex_destroy(&webhook->mutex);
    type_registry_unref(webhook->registry);
    arena_deinit(&webhook->arena);
    buf_deinit(&webhook->body);
    free(webhook->url);
    free((void *)(uintptr_t)webhook->secret.data);
    free(webhook);
    curl_global_cleanup();
}

enum err webhook_start(const struct webhook_options *options, struct webhook **out, struct buf *why)
{
    struct webhook *webhook = NEW(struct webhook);
    enum err err;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    webhook->options = *options;
    webhook->url = span_to_str(options->url);
    webhook->secret = span_of(memory_copy(options->secret.data, options->secret.len), options->secret.len);
    webhook->registry = type_registry_ref(options->registry);
    webhook->multi = curl_multi_init();
    assert(webhook->multi);
    pthread_mutex_init(&webhook->mutex, NULL);
    arena_init(&webhook->arena, ARENA_BLOCK_BYTES);
    if ((err = find_place(webhook)) != OK || (err = start_thread(webhook)) != OK) {
        buf_printf(why, "The webhook cannot start: %s", err_code(err));
        webhook_free(webhook);
        return err;
    }
    *out = webhook;
    return OK;
}

void webhook_stop(struct webhook *webhook)
{
    if (!webhook)
        return;
    atomic_store(&webhook->is_stopping, true);
    (void)curl_multi_wakeup(webhook->multi);
    pthread_join(webhook->thread, NULL);
    webhook_free(webhook);
}

void webhook_set_registry(struct webhook *webhook, struct type_registry *registry)
{
    struct type_registry *before;

    pthread_mutex_lock(&webhook->mutex);
    before = webhook->registry;
    webhook->registry = type_registry_ref(registry);
    pthread_mutex_unlock(&webhook->mutex);
    type_registry_unref(before);
}
