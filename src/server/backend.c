/* The thread sleeps in curl's poll, from which a question wakes it. Questions that find all places taken wait in a list; their time runs from
 * when they were asked, so nobody waits longer than for a backend that does not answer. */
#include "server/backend.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "server/breaker.h"
#include "server/outbound.h"
#include "wire/json.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    CALLS_MAX = 64,
    WAITING_MAX = 10000,
    FAILURES_MAX = 5,
    OPEN_MS = 5000,
    IDLE_MS = 1000, /* a poll without anything to wait for */
    FULL_MS = 20,   /* one while questions wait for a place, whose time may end */
};

struct call { /* a request under way */
    struct outbound outbound;
    struct backend_ask *ask;
};

struct backend {
    struct backend_options options;
    char *url;
    struct span secret; /* owned */
    CURLM *multi;
    pthread_t thread;
    struct mailbox box;
    _Atomic uint32_t waiting; /* asked and not answered */
    atomic_bool is_stopping;
    /* the thread's: */
    struct mail *oldest, **newest; /* questions that have not been sent */
    struct call *calls[CALLS_MAX];
    unsigned call_count;
    struct breaker breaker;
};

/* ---- answering ---- */

static void answer(struct backend *backend, struct backend_ask *ask, enum err err)
{
    ask->err = err;
    atomic_fetch_sub_explicit(&backend->waiting, 1, memory_order_relaxed);
    backend->options.post(backend->options.arg, ask->worker, &ask->errand.mail);
}

static void note_failure(struct backend *backend, const char *why)
{
    metric_add(METRIC_backend_failed, 1);
    if (!breaker_failed(&backend->breaker, clock_mono_ms()))
        return;
    metric_set(METRIC_backend_open, 1);
    log_warn("backend.down", "reason=" LOG_QUOTED, LOG_TEXT(span_from_str(why)));
}

static void note_success(struct backend *backend)
{
    if (!breaker_succeeded(&backend->breaker))
        return;
    metric_set(METRIC_backend_open, 0);
    log_info("backend.up", "%s", "");
}

static bool is_json_object(struct span text)
{
    static const struct json_limits limits = {OUTBOUND_ANSWER_BYTES_MAX, 32, 4096};
    struct json json = {0};
    bool is_object = json_parse(&json, text, &limits) == OK && yyjson_is_obj(json.root);

    json_deinit(&json);
    return is_object;
}

/* What was wrong with an answer; NULL: nothing. */
static const char *fault_of(const struct call *call, CURLcode code, char text[64])
{
    long status = outbound_status(&call->outbound, code);

    if (call->outbound.is_too_long)
        return "its answer is too long";
    if (status == 0)
        return call->outbound.error[0] ? call->outbound.error : curl_easy_strerror(code);
    if (status != 200) {
        (void)snprintf(text, 64, "it answered with status %ld", status);
        return text;
    }
    return is_json_object(buf_span(&call->outbound.answer)) ? NULL : "its answer is no JSON object";
}

/* ---- requests ---- */

static void call_free(struct backend *backend, struct call *call)
{
    for (unsigned i = 0; i < backend->call_count; i++) {
        if (backend->calls[i] == call) {
            backend->calls[i] = backend->calls[--backend->call_count];
            break;
        }
    }
    (void)curl_multi_remove_handle(backend->multi, call->outbound.easy);
    outbound_deinit(&call->outbound);
    free(call);
}

static void finish(struct backend *backend, struct call *call, CURLcode code)
{
    struct backend_ask *ask = call->ask;
    char text[64];
    const char *fault = fault_of(call, code, text);

    if (fault) {
        note_failure(backend, fault);
    } else {
        note_success(backend);
        ask->answer = call->outbound.answer;
        call->outbound.answer = BUF_EMPTY;
    }
    call_free(backend, call);
    answer(backend, ask, fault ? ERR_BACKEND_UNAVAILABLE : OK);
}

static void start(struct backend *backend, struct backend_ask *ask, uint64_t left_ms)
{
    struct call *call = NEW(struct call);
    CURLMcode code;

    call->ask = ask;
    outbound_init(&call->outbound, backend->url, backend->secret, SPAN_EMPTY, buf_span(&ask->body),
                  clock_wall_ms() / 1000, left_ms);
    backend->calls[backend->call_count++] = call;
    metric_add(METRIC_backend_asked, 1);
    code = curl_multi_add_handle(backend->multi, call->outbound.easy);
    assert(code == CURLM_OK);
    (void)code;
}

static void finish_all(struct backend *backend)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(backend->multi, &left)) != NULL) {
        struct call *call = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(backend, call, message->data.result);
    }
}

/* ---- the thread ---- */

static void hear(struct backend *backend)
{
    struct mail *list = mailbox_take(&backend->box);

    if (!list)
        return;
    *backend->newest = list;
    for (struct mail *mail = list; mail; mail = mail->next)
        backend->newest = &mail->next;
}

static struct backend_ask *take_oldest(struct backend *backend)
{
    struct mail *mail = backend->oldest;

    backend->oldest = mail->next;
    if (!backend->oldest)
        backend->newest = &backend->oldest;
    return (struct backend_ask *)(void *)mail;
}

/* Oldest first: those whose time is over, then those for whom there is a place. While the backend is left alone nobody waits. */
static void serve(struct backend *backend)
{
    uint64_t timeout_ms = backend->options.timeout_ms;

    while (backend->oldest) {
        const struct backend_ask *first = (const struct backend_ask *)(const void *)backend->oldest;
        uint64_t now_ms = clock_mono_ms();
        bool is_late = now_ms >= first->asked_ms + timeout_ms;

        if (!is_late && backend->call_count == CALLS_MAX)
            return;
        if (is_late || !breaker_may_pass(&backend->breaker, now_ms))
            answer(backend, take_oldest(backend), ERR_BACKEND_UNAVAILABLE);
        else
            start(backend, take_oldest(backend), first->asked_ms + timeout_ms - now_ms);
    }
}

static void give_up(struct backend *backend)
{
    hear(backend);
    while (backend->call_count > 0) {
        struct backend_ask *ask = backend->calls[0]->ask;

        call_free(backend, backend->calls[0]);
        answer(backend, ask, ERR_BACKEND_UNAVAILABLE);
    }
    while (backend->oldest)
        answer(backend, take_oldest(backend), ERR_BACKEND_UNAVAILABLE);
}

static void *run(void *arg)
{
    struct backend *backend = arg;
    int running;

    pthread_setname_np(pthread_self(), "backend");
    while (!atomic_load(&backend->is_stopping)) {
        hear(backend);
        serve(backend);
        (void)curl_multi_perform(backend->multi, &running);
        finish_all(backend);
        if (!backend->oldest || backend->call_count == CALLS_MAX)
            (void)curl_multi_poll(backend->multi, NULL, 0, backend->oldest ? FULL_MS : IDLE_MS, NULL);
    }
    give_up(backend);
    return NULL;
}

/* ---- from outside ---- */

static void wake(void *arg)
{
    (void)curl_multi_wakeup(((struct backend *)arg)->multi);
}

void backend_ask(struct backend *backend, struct backend_ask *ask)
{
    ask->asked_ms = clock_mono_ms();
    if (atomic_fetch_add_explicit(&backend->waiting, 1, memory_order_relaxed) >= WAITING_MAX)
        answer(backend, ask, ERR_BACKEND_UNAVAILABLE);
    else
        mailbox_post(&backend->box, &ask->errand.mail);
}

static void backend_free(struct backend *backend)
{
    (void)curl_multi_cleanup(backend->multi);
    free(backend->url);
    free((void *)(uintptr_t)backend->secret.data);
    free(backend);
    curl_global_cleanup();
}

/* Signals are the main thread's. */
static int start_thread(struct backend *backend)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&backend->thread, NULL, run, backend);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum err backend_start(const struct backend_options *options, struct backend **out)
{
    struct backend *backend = NEW(struct backend);

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    backend->options = *options;
    backend->url = span_to_str(options->url);
    backend->secret = span_of(memory_copy(options->secret.data, options->secret.len), options->secret.len);
    backend->multi = curl_multi_init();
    assert(backend->multi);
    (void)curl_multi_setopt(backend->multi, CURLMOPT_MAXCONNECTS, (long)CALLS_MAX);
    mailbox_init(&backend->box, wake, backend);
    backend->newest = &backend->oldest;
    breaker_init(&backend->breaker, FAILURES_MAX, OPEN_MS);
    if (start_thread(backend)) {
        backend_free(backend);
        return ERR_TOO_MANY;
    }
    *out = backend;
    return OK;
}

void backend_stop(struct backend *backend)
{
    if (!backend)
        return;
    atomic_store(&backend->is_stopping, true);
    wake(backend);
    pthread_join(backend->thread, NULL);
    backend_free(backend);
}
