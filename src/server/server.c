#include "server/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "server/admin.h"
#include "server/admin_socket.h"
#include "server/backend.h"
#include "server/demo.h"
#include "server/demo_load.h"
#include "server/file.h"
#include "server/hooks.h"
#include "server/types_builtin.h"
#include "server/webhook.h"
#include "server/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEARTBEAT_MS 1000
#define LISTENERS_MAX 32
#define WORKERS_MAX 64

struct server_thread {
    struct server *server;
    struct worker *worker;
    struct worker_listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    pthread_t thread;
    bool is_running;
};

struct server {
    struct config *config;
    bool (*reread)(void *arg, struct config *out);
    void *arg;
    struct buf why; /* what went wrong, for the log */
    int signal_fd, admin_fd;
    uint8_t secret[ADMIN_SECRET_BYTES];
    struct shared *shared;
    struct tls *tls;
    struct worker_ring ring;
    struct webhook *webhook; /* NULL: none is configured */
    struct server_thread *threads;
    bool has_demo_account[DEMO_ACCOUNT_COUNT];
    bool is_draining;
    _Atomic bool is_over; /* every worker has stopped */
};

/* ---- the data ---- */

static struct store_options store_options(const struct server *server)
{
    return (struct store_options){.folder = server->config->data,
                                  .log_events_max = server->config->log_events_max,
                                  .log_age_ms = server->config->log_age_ms,
                                  .op_age_ms = server->config->op_age_ms,
                                  .activity_age_ms = server->config->activity_age_ms,
                                  .message_age_ms = server->config->message_age_ms,
                                  .history_age_ms = server->config->history_age_ms,
                                  .registry = server->shared ? server->shared->registry : NULL};
}

/* Before the store's threads start: the signing key, and the demonstration data if asked for. */
static enum err prepare_data(struct server *server)
{
    struct store *store;
    enum err err;
    struct type_registry *registry;
    if ((err = type_registry_new(types_builtin(), server->config->types, &registry, &server->why)))
        return err;
    struct store_options options = store_options(server);
    options.registry = registry;
    if (!(err = store_open(&options, &store, &server->why))) {
        if (!(err = admin_token_secret(store, server->secret)) && server->config->demo)
            err = demo_load(store, registry, clock_wall_ms(), server->has_demo_account, &server->why);
        store_close(store);
    }
    type_registry_unref(registry);
    return err;
}

static void post(void *arg, unsigned worker, struct mail *mail)
{
    struct worker_ring *ring = arg;
    worker_post(ring->workers[worker], mail);
}

static enum err start_store(struct server *server)
{
    struct store_thread_options options = {.store = store_options(server),
                                           .worker_count = server->ring.count,
                                           .post = post,
                                           .arg = &server->ring,
                                           .batch_max = server->config->store_batch_max,
                                           .gather_us = server->config->store_gather_us,
                                           .queue_max = server->config->store_queue_max};
    return store_thread_start(&options, &server->ring.store, &server->why);
}

static enum err start_backend(struct server *server)
{
    const struct config *config = server->config;
    struct backend_options options = {.url = config->backend_url,
                                      .secret = config->backend_secret,
                                      .timeout_ms = config->backend_timeout_ms,
                                      .post = post,
                                      .arg = &server->ring};
    enum err err = config->backend_url.len ? backend_start(&options, &server->ring.backend) : OK;
    if (err)
        buf_append_str(&server->why, "A thread cannot be started");
    return err;
}

static enum err start_webhook(struct server *server)
{
    const struct config *config = server->config;
    struct webhook_options options = {.url = config->webhook_url,
                                      .secret = config->webhook_secret,
                                      .registry = server->shared->registry,
                                      .store = server->ring.store};
    enum err err = config->webhook_url.len ? hooks_events(&config->webhook_events, &options.kinds, &server->why) : OK;
    if (err || config->webhook_url.len == 0)
        return err;
    return webhook_start(&options, &server->webhook, &server->why);
}

/* ---- listening ---- */

/* One address: a socket for each worker (TCP), or one that the first worker serves (Unix). */
static enum err listen_on(struct server *server, struct span text, bool is_optional)
{
    struct listener_address address;
    enum err err = listener_parse(text, &address, &server->why);
    if (!err)
        err = listener_probe(&address, &server->why);
    for (unsigned i = 0; !err && i < (address.is_unix ? 1 : server->ring.count); i++) {
        struct server_thread *thread = &server->threads[i];
        int fd;
        if (thread->listener_count == LISTENERS_MAX) {
            buf_printf(&server->why, "More than %d addresses to listen on.", LISTENERS_MAX);
            return ERR_CONFIG;
        }
        if ((err = listener_bind(&address, &fd, &server->why)))
            break;
        if (address.port == 0 && !address.is_unix)
            address.port = listener_port(fd); /* the others share it */
        thread->listeners[thread->listener_count++] = (struct worker_listener){fd, server->tls};
    }
    if (err && is_optional) { /* a machine without IPv6 */
        buf_reset(&server->why);
        return OK;
    }
    if (!err && address.is_unix)
        log_info("server.listening", "address=%.*s", SPAN_ARG(text));
    else if (!err)
        log_info("server.listening", "address=%s://%s:%u", server->tls ? "https" : "http", address.host, address.port);
    return err;
}

/* The files of Unix sockets go with the server. */
static void remove_sockets(const struct server *server)
{
    struct listener_address address;
    struct buf why = BUF_EMPTY;
    for (size_t i = 0; i < server->config->listen.count; i++)
        if (listener_parse(server->config->listen.items[i], &address, &why) == OK && address.is_unix)
            unlink(address.host);
    buf_deinit(&why);
}

/* "localhost:PORT" is both loopback addresses, so that a browser finds it whichever it tries first. */
static enum err listen_localhost(struct server *server, struct span port)
{
    struct buf text = BUF_EMPTY;
    buf_printf(&text, "127.0.0.1:%.*s", SPAN_ARG(port));
    enum err err = listen_on(server, buf_span(&text), false);
    buf_reset(&text);
    buf_printf(&text, "[::1]:%.*s", SPAN_ARG(port));
    if (!err && !span_equal(port, SPAN("0")))
        err = listen_on(server, buf_span(&text), true);
    buf_deinit(&text);
    return err;
}

static enum err listen_all(struct server *server)
{
    const struct config *config = server->config;
    enum err err = OK;
    if (config->tls_certificate.len)
        err = tls_new(config->tls_certificate, config->tls_key, &server->tls, &server->why);
    for (size_t i = 0; !err && i < config->listen.count; i++) {
        struct span text = config->listen.items[i];
        const struct span localhost = SPAN("localhost:");
        err = span_starts_with(text, localhost) ? listen_localhost(server, span_slice(text, localhost.len, text.len))
                                                : listen_on(server, text, false);
    }
    return err;
}

/* ---- workers ---- */

static void take_ring_limits(struct server *server)
{
    const struct config *config = server->config;
    server->ring.conn_limits = (struct conn_limits){.queue_bytes_max = config->conn_queue_bytes_max,
                                                    .queue_bytes_soft = config->conn_queue_bytes_soft,
                                                    .queue_soft_ms = config->conn_queue_soft_ms};
    server->ring.http_limits = config_http_limits(config);
    server->ring.hub_limits = config_hub_limits(config);
    server->ring.gate_rules = hooks_gate_rules(config, &server->ring.asks_who);
}

static struct admission_limits admission_limits(const struct config *config)
{
    return (struct admission_limits){.connections_max = config->connections_max,
                                     .users_max = config->users_max,
                                     .connections_per_address_max = config->connections_per_address_max,
                                     .handshakes_per_second = config->handshakes_per_second,
                                     .handshakes_burst = config->handshakes_burst,
                                     .sessions_per_user_max = config->connections_per_user_max,
                                     .unauthenticated_percent_max = config->unauthenticated_percent_max,
                                     .memory_bytes_max = config->mem_limit_bytes,
                                     .requests = {.reads = {config->rest_reads_per_second, config->rest_reads_burst},
                                                  .writes = {config->rest_writes_per_second, config->rest_writes_burst},
                                                  .backend_factor = config->rest_backend_factor}};
}

static unsigned worker_count(const struct config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->workers)
        return config->workers;
    return processors < 1 ? 1 : processors > WORKERS_MAX ? WORKERS_MAX : (unsigned)processors;
}

static void make_workers(struct server *server)
{
    server->ring.count = worker_count(server->config);
    server->ring.admission = admission_new(&(struct admission_limits){0});
    struct admission_limits limits = admission_limits(server->config);
    admission_set_limits(server->ring.admission, &limits);
    take_ring_limits(server);
    server->ring.workers = memory_array(server->ring.count, sizeof *server->ring.workers);
    server->threads = memory_array(server->ring.count, sizeof *server->threads);
    for (unsigned i = 0; i < server->ring.count; i++) {
        server->ring.workers[i] = worker_new(i, &server->ring, server->shared);
        server->threads[i].worker = server->ring.workers[i];
        server->threads[i].server = server;
    }
}

static void *run_worker(void *arg)
{
    struct server_thread *thread = arg;
    char name[16];
    snprintf(name, sizeof name, "worker-%u", worker_index(thread->worker));
    prctl(PR_SET_NAME, name);
    worker_run(thread->worker, thread->listeners, thread->listener_count);
    return NULL;
}

static void start_workers(struct server *server)
{
    for (unsigned i = 0; i < server->ring.count; i++) {
        struct server_thread *thread = &server->threads[i];
        int failure = pthread_create(&thread->thread, NULL, run_worker, thread);
        if (failure) {
            log_error("server.failed", "reason=%s", log_text(span_from_str(strerror(failure))));
            abort();
        }
        thread->is_running = true;
    }
    for (unsigned i = 0; i < server->ring.count; i++)
        worker_ready(server->ring.workers[i]);
}

static void join_workers(struct server *server)
{
    for (unsigned i = 0; i < server->ring.count; i++)
        if (server->threads[i].is_running)
            pthread_join(server->threads[i].thread, NULL);
}

/* ---- the admin socket ---- */

struct admin_job { /* one request on its way through a store thread, while the main thread waits */
    struct store_job job;
    struct admin *admin;
    sem_t *is_done;
};

static void run_admin_job(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct admin_job *admin_job = (struct admin_job *)job;
    admin_run(admin_job->admin, store, reader, clock_wall_ms());
    sem_post(admin_job->is_done);
}

static void free_admin_job(struct store_job *job, void *worker)
{
    (void)worker;
    free(job);
}

static void answer_admin(void *arg, struct span request, struct buf *out)
{
    struct server *server = arg;
    struct admin admin;
    if (admin_prepare(&admin, request) == OK) {
        sem_t is_done;
        sem_init(&is_done, 0, 0);
        struct admin_job *job = NEW(struct admin_job);
        job->job = (struct store_job){.run = run_admin_job, .done = free_admin_job};
        job->admin = &admin;
        job->is_done = &is_done;
        if (admin_needs_reader(&admin))
            store_thread_read_job(server->ring.store, &job->job);
        else
            store_thread_write_job(server->ring.store, &job->job);
        while (sem_wait(&is_done) && errno == EINTR) {}
        sem_destroy(&is_done);
    }
    if (admin.revoked_user.len)
        worker_revoke(server->ring.workers[0], admin.revoked_user);
    buf_append_span(out, buf_span(&admin.answer));
    admin_deinit(&admin);
}

/* ---- signals and time ---- */

static bool open_signals(struct server *server)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit for files (ulimit -f) is a disk that is full, not the end */
    /* Before any thread starts, so that all of them inherit it. */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL))
        return false;
    server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return server->signal_fd >= 0;
}

struct registry_job {
    struct store_job job;
    struct type_registry *registry; /* owned reference */
};

static void run_registry_job(struct store_job *job, struct store *store, struct store_reader *reader)
{
    (void)reader;
    store_set_registry(store, ((struct registry_job *)job)->registry);
}

static void free_registry_job(struct store_job *job, void *worker)
{
    (void)worker;
    type_registry_unref(((struct registry_job *)job)->registry);
    free(job);
}

/* The store reads events back as what their types are now. */
static void tell_store(struct server *server, struct type_registry *registry)
{
    struct registry_job *job = NEW(struct registry_job);
    job->job = (struct store_job){.run = run_registry_job, .done = free_registry_job};
    job->registry = type_registry_ref(registry);
    store_thread_write_job(server->ring.store, &job->job);
}

static void reload(struct server *server)
{
    struct config *fresh = NEW(struct config);
    struct shared *shared = NULL;
    buf_reset(&server->why);
    if (server->reread(server->arg, fresh) &&
        shared_new(fresh, span_of(server->secret, sizeof server->secret), &shared, &server->why) == OK) {
        log_configure((enum log_level)fresh->log_level, (enum log_format)fresh->log_format);
        struct admission_limits limits = admission_limits(fresh);
        admission_set_limits(server->ring.admission, &limits);
        tell_store(server, shared->registry);
        if (server->webhook)
            webhook_set_registry(server->webhook, shared->registry);
        for (unsigned i = 0; i < server->ring.count; i++)
            worker_reload(server->ring.workers[i], shared);
        shared_unref(server->shared);
        server->shared = shared;
        if (server->tls && tls_reload(server->tls, &server->why))
            log_error("config.tls_kept", "reason=%s", log_text(buf_span(&server->why)));
        struct buf kept = BUF_EMPTY;
        config_changed_for_restart(server->config, fresh, &kept);
        log_info("config.reloaded", "needs_restart=" LOG_QUOTED, LOG_TEXT(buf_span(&kept)));
        buf_deinit(&kept);
    } else {
        log_error("config.kept", "reason=%s", log_text(buf_span(&server->why)));
    }
    config_deinit(fresh);
    free(fresh);
}

static void *wait_for_workers(void *arg)
{
    struct server *server = arg;
    join_workers(server);
    server->is_over = true;
    kill(getpid(), SIGTERM); /* wakes the main thread */
    return NULL;
}

static void drain(struct server *server)
{
    pthread_t waiter;
    if (server->is_draining)
        return;
    server->is_draining = true;
    log_info("server.draining", "%s", "");
    for (unsigned i = 0; i < server->ring.count; i++)
        worker_drain(server->ring.workers[i], server->config->drain_ms);
    if (pthread_create(&waiter, NULL, wait_for_workers, server) == 0)
        pthread_detach(waiter);
}

static void on_signal(struct server *server)
{
    struct signalfd_siginfo info;
    while (read(server->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(server);
        else
            drain(server);
    }
}

static void measure_memory(struct server *server)
{
    struct buf text = BUF_EMPTY, why = BUF_EMPTY;
    struct span rest, pages;
    uint64_t count;
    if (file_read(SPAN("/proc/self/statm"), 4096, &text, &why) == OK) {
        rest = buf_span(&text);
        span_cut(&rest, ' ', &pages);
        span_cut(&rest, ' ', &pages);
        if (span_parse_u64(pages, &count)) {
            size_t bytes = (size_t)count * (size_t)sysconf(_SC_PAGESIZE);
            metric_set(METRIC_memory_bytes, (int64_t)bytes);
            admission_set_memory(server->ring.admission, bytes);
        }
    }
    buf_deinit(&text);
    buf_deinit(&why);
}

static void watch(struct server *server)
{
    while (!server->is_over) {
        struct pollfd ready[2] = {{.fd = server->signal_fd, .events = POLLIN},
                                  {.fd = server->admin_fd, .events = POLLIN}};
        poll(ready, server->is_draining ? 1 : 2, HEARTBEAT_MS);
        if (ready[0].revents)
            on_signal(server);
        if (ready[1].revents && !server->is_draining)
            admin_socket_serve(server->admin_fd, answer_admin, server);
        measure_memory(server);
    }
}

/* ---- life ---- */

static void raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* What a person who started it by hand wants to see; logs go to standard error. */
static void greet(const struct server *server)
{
    const struct server_thread *first = &server->threads[0];
    for (unsigned i = 0; i < first->listener_count; i++) {
        uint16_t port = listener_port(first->listeners[i].fd);
        if (port == 0 || i > 0)
            continue;
        printf("collabd is ready on %s://localhost:%u\n", server->tls ? "https" : "http", port);
    }
    printf("  WebSocket at /ws and /api/v1/ws, Server-Sent Events at /api/v1/events, REST at /api/v1\n");
    if (server->config->demo)
        demo_print_accounts(stdout, server->has_demo_account);
    fflush(stdout);
}

static enum err start(struct server *server)
{
    enum err err;
    umask(0077);
    raise_fd_limit();
    if (!open_signals(server)) {
        buf_printf(&server->why, "Cannot watch signals: %s", strerror(errno));
        return ERR_IO;
    }
    if ((err = prepare_data(server)) ||
        (err =
             shared_new(server->config, span_of(server->secret, sizeof server->secret), &server->shared, &server->why)))
        return err;
    make_workers(server);
    if ((err = listen_all(server)) || (err = start_store(server)) || (err = start_backend(server)) ||
        (err = start_webhook(server)) ||
        (err = admin_socket_listen(server->config->data, &server->admin_fd, &server->why)))
        return err;
    start_workers(server);
    return OK;
}

/* However far the start has come. */
static void release(struct server *server)
{
    webhook_stop(server->webhook);
    backend_stop(server->ring.backend);
    store_thread_stop(server->ring.store);
    for (unsigned i = 0; i < server->ring.count; i++)
        worker_free(server->ring.workers[i]);
    admission_free(server->ring.admission);
    tls_unref(server->tls);
    shared_unref(server->shared);
    free(server->ring.workers);
    free(server->threads);
    if (server->admin_fd >= 0)
        close(server->admin_fd);
    if (server->signal_fd >= 0)
        close(server->signal_fd);
    buf_deinit(&server->why);
}

static void stop(struct server *server)
{
    remove_sockets(server);
    admin_socket_remove(server->config->data);
    release(server);
    log_info("server.stopped", "%s", "");
}

int server_run(struct config *config, bool (*reread)(void *arg, struct config *out), void *arg)
{
    struct server server = {.config = config, .reread = reread, .arg = arg, .signal_fd = -1, .admin_fd = -1};
    log_configure((enum log_level)config->log_level, (enum log_format)config->log_format);
    if (start(&server)) {
        fprintf(stderr, "collabd: %.*s\n", SPAN_ARG(buf_span(&server.why)));
        release(&server);
        return 1;
    }
    greet(&server);
    watch(&server);
    stop(&server);
    return 0;
}
