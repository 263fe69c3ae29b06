#include "server/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/rand.h"
#include "net/hand_over.h"
#include "peer/rest/route.h"
#include "peer/socketio/socketio_session.h"
#include "server/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Work per turn is bounded: so many mails, then the sockets get their turn. */
#define MAILS_PER_TURN 4096
#define DRAIN_BATCH 500
#define DRAIN_STEP_MS 20
/* One system call brings numbers for so many events' ids. */
#define RANDOM_COUNT 64

enum {
    MAIL_COMMAND = 1,
    MAIL_ANSWER,
    MAIL_EVENT,
    MAIL_REVOKE,
    MAIL_RELOAD,
    MAIL_READY,
    MAIL_DRAIN,
    MAIL_PARCEL,
    MAIL_ERRAND
};

struct mail_pointer { /* a command, an answer, an event's reference or a shared set's reference */
    struct mail mail;
    void *pointer;
};

struct mail_revoke {
    struct mail mail;
    uint32_t user_len, key_len;
    char text[];
};

struct mail_drain {
    struct mail mail;
    uint64_t drain_ms;
};

struct worker {
    unsigned index;
    struct worker_ring *ring;
    struct shared *shared;
    struct loop *loop;
    struct conn_host *conn_host;
    struct mailbox mailbox;
    struct ports ports;
    struct hub *hub;
    struct peer_host host;
    struct listener **listeners;
    unsigned listener_count;
    /* Mail for oneself: what a hub says while it works is heard when it is done, in order. */
    struct mail *own_oldest, **own_newest;
    struct mail *taken; /* from the mailbox, not handled yet */
    struct loop_timer hub_timer, drain_timer;
    uint64_t drain_deadline_ms;
    bool is_empty; /* while it drains: counted in ring->empty_count */
    unsigned random_left;
    uint64_t random[RANDOM_COUNT];
};

static void on_turn_end(void *arg);

/* ---- mail ---- */

static void wake(void *arg)
{
    loop_wake(arg);
}

void worker_post(struct worker *worker, struct mail *mail)
{
    mailbox_post(&worker->mailbox, mail);
}

static void post_own(struct worker *worker, struct mail *mail)
{
    mail->next = NULL;
    *worker->own_newest = mail;
    worker->own_newest = &mail->next;
}

/* To another worker's box, or one's own list. */
static void post_to(struct worker *from, unsigned to, struct mail *mail)
{
    if (to == from->index)
        post_own(from, mail);
    else
        worker_post(from->ring->workers[to], mail);
}

static struct mail *mail_pointer(uint32_t kind, void *pointer)
{
    struct mail_pointer *mail = NEW(struct mail_pointer);
    mail->mail.kind = kind;
    mail->pointer = pointer;
    return &mail->mail;
}

/* ---- ports: what the hub asks of the world ---- */

static void port_answer(void *world, struct answer *answer)
{
    post_to(world, session_worker(answer->session), mail_pointer(MAIL_ANSWER, answer));
}

static void port_deliver(void *world, unsigned to, struct event *event)
{
    post_to(world, to, mail_pointer(MAIL_EVENT, event_ref(event)));
}

static void port_relay(void *world, struct command *command)
{
    struct worker *worker = world;
    post_to(worker, room_home(command->room, worker->ring->count), mail_pointer(MAIL_COMMAND, command));
}

static void port_store(void *world, struct store_request *request)
{
    struct worker *worker = world;
    request->worker = worker->index;
    store_thread_request(worker->ring->store, request);
}

static uint64_t port_random(void *world)
{
    struct worker *worker = world;
    if (worker->random_left == 0) {
        rand_bytes(worker->random, sizeof worker->random);
        worker->random_left = RANDOM_COUNT;
    }
    return worker->random[--worker->random_left];
}

static int64_t port_moment(void *world)
{
    (void)world;
    return clock_wall_ns();
}

static void port_left_out(void *world, struct span room, uint32_t told, uint32_t left_out)
{
    (void)world;
    metric_add(METRIC_alert_people_left_out, left_out);
    log_warn("alert.people_left_out", "room=" LOG_QUOTED " told=%u left_out=%u", LOG_TEXT(room), told, left_out);
}

/* ---- doors: what the clients ask of the world ---- */

static void door_write_job(void *world, struct store_job *job)
{
    struct worker *worker = world;
    job->worker = worker->index;
    store_thread_write_job(worker->ring->store, job);
}

static void door_read_job(void *world, struct store_job *job)
{
    struct worker *worker = world;
    job->worker = worker->index;
    store_thread_read_job(worker->ring->store, job);
}

static bool door_compute_job(void *world, struct store_job *job)
{
    struct worker *worker = world;
    job->worker = worker->index;
    return store_thread_compute_job(worker->ring->store, job);
}

static struct mail *mail_revoke(struct span user_id, struct span login_key)
{
    struct mail_revoke *mail = memory_alloc(sizeof *mail + user_id.len + login_key.len);
    mail->mail.kind = MAIL_REVOKE;
    mail->user_len = (uint32_t)user_id.len;
    mail->key_len = (uint32_t)login_key.len;
    if (user_id.len)
        memcpy(mail->text, user_id.data, user_id.len);
    if (login_key.len)
        memcpy(mail->text + user_id.len, login_key.data, login_key.len);
    return &mail->mail;
}

static void door_revoke(void *world, struct span user_id, struct span login_key)
{
    struct worker *worker = world;
    for (unsigned to = 0; to < worker->ring->count; to++)
        post_to(worker, to, mail_revoke(user_id, login_key));
}

static void door_hand_over(void *world, unsigned to, struct conn_parcel *parcel)
{
    parcel->mail.kind = MAIL_PARCEL;
    post_to(world, to, &parcel->mail);
}

static void door_send_errand(void *world, unsigned to, struct peer_errand *errand)
{
    errand->mail.kind = MAIL_ERRAND;
    post_to(world, to, &errand->mail);
}

static void door_ask_backend(void *world, struct backend_ask *ask)
{
    struct worker *worker = world;
    ask->errand.mail.kind = MAIL_ERRAND;
    ask->worker = worker->index;
    backend_ask(worker->ring->backend, ask);
}

/* ---- hearing mail ---- */

static void on_store(struct worker *worker, struct mail_store *mail)
{
    for (uint32_t i = 0; i < mail->count; i++) {
        if (mail->facts[i].request) {
            hub_on_stored(worker->hub, mail->facts[i].request);
        } else {
            hub_on_committed(worker->hub, mail->facts[i].event);
            event_unref(mail->facts[i].event);
        }
    }
}

static void adopt_shared(struct worker *worker, struct shared *shared)
{
    struct peer_host *host = &worker->host;
    host->registry = shared->registry;
    host->limits = &shared->peer_limits;
    host->tokens = &shared->tokens;
    host->origins = shared->origins;
    host->files = shared->files;
    host->namespaces = &shared->namespaces;
    host->limits_text = buf_span(&shared->limits_text);
    host->trusts_forwarded = shared->trusts_forwarded;
    if (worker->hub)
        hub_set_registry(worker->hub, shared->registry);
    shared_unref(worker->shared);
    worker->shared = shared;
}

static void on_revoke(struct worker *worker, const struct mail_revoke *mail)
{
    peer_host_on_revoke(&worker->host, span_of(mail->text, mail->user_len),
                        span_of(mail->text + mail->user_len, mail->key_len));
}

static void begin_drain(struct worker *worker, uint64_t drain_ms)
{
    if (worker->host.is_draining)
        return;
    worker->host.is_draining = true;
    for (unsigned i = 0; i < worker->listener_count; i++)
        listener_close(worker->listeners[i]);
    worker->listener_count = 0;
    http_drain(worker->conn_host);
    worker->drain_deadline_ms = loop_now_ms(worker->loop) + drain_ms;
    loop_timer_set(worker->loop, &worker->drain_timer, loop_now_ms(worker->loop));
}

/* Handles one piece of mail and frees it. */
static void on_mail(struct worker *worker, struct mail *mail)
{
    void *pointer = mail->kind < MAIL_REVOKE ? ((struct mail_pointer *)mail)->pointer : NULL;
    switch (mail->kind) {
    case MAIL_COMMAND: hub_command(worker->hub, pointer); break;
    case MAIL_ANSWER: peer_host_on_answer(&worker->host, pointer); break;
    case MAIL_EVENT:
        peer_host_on_event(&worker->host, pointer);
        event_unref(pointer);
        break;
    case MAIL_REVOKE: on_revoke(worker, (const struct mail_revoke *)mail); break;
    case MAIL_RELOAD: adopt_shared(worker, ((struct mail_pointer *)mail)->pointer); break;
    case MAIL_READY: worker->host.is_ready = true; break;
    case MAIL_DRAIN: begin_drain(worker, ((const struct mail_drain *)mail)->drain_ms); break;
    case MAIL_PARCEL:
        peer_adopt(&worker->host, (struct conn_parcel *)mail); /* takes it */
        return;
    case MAIL_ERRAND: {
        struct peer_errand *errand = (struct peer_errand *)mail;
        errand->run(errand, &worker->host); /* takes it */
        return;
    }
    case MAIL_STORE: on_store(worker, (struct mail_store *)mail); break;
    case MAIL_JOB_DONE: {
        struct store_job *job = (struct store_job *)mail;
        job->done(job, worker); /* frees it */
        return;
    }
    default: assert(false); /* mail of an unknown kind */
    }
    free(mail);
}

static struct mail *next_mail(struct worker *worker)
{
    struct mail *mail = worker->own_oldest;
    if (mail) {
        worker->own_oldest = mail->next;
        if (!worker->own_oldest)
            worker->own_newest = &worker->own_oldest;
        return mail;
    }
    if (!worker->taken)
        worker->taken = mailbox_take(&worker->mailbox);
    mail = worker->taken;
    if (mail)
        worker->taken = mail->next;
    return mail;
}

static void read_clocks(struct worker *worker)
{
    worker->host.wall_ms = clock_wall_ms();
    hub_set_time(worker->hub, loop_now_ms(worker->loop), worker->host.wall_ms);
}

static void arm_hub_timer(struct worker *worker)
{
    uint64_t deadline_ms = hub_next_deadline(worker->hub);
    if (deadline_ms == UINT64_MAX)
        loop_timer_stop(worker->loop, &worker->hub_timer);
    else if (!timer_is_scheduled(&worker->hub_timer.timer) || worker->hub_timer.timer.deadline != deadline_ms)
        loop_timer_set(worker->loop, &worker->hub_timer, deadline_ms);
}

/* The end of a turn: everything that was said is heard, then everything that was queued leaves in one write per connection. */
static void on_turn_end(void *arg)
{
    struct worker *worker = arg;
    read_clocks(worker);
    struct mail *mail;
    for (unsigned count = 0; count < MAILS_PER_TURN && (mail = next_mail(worker)); count++)
        on_mail(worker, mail);
    arm_hub_timer(worker);
    conn_host_flush(worker->conn_host);
    /* The rest in the next turn; and what was said by sessions that went with their connections just now. */
    if (worker->own_oldest || worker->taken)
        loop_wake(worker->loop);
}

static void on_wake(void *arg)
{
    (void)arg; /* the mail is handled at the turn's end */
}

static void on_hub_time(struct loop_timer *timer)
{
    struct worker *worker = LIST_OWNER(timer, struct worker, hub_timer);
    read_clocks(worker);
    hub_advance(worker->hub);
}

static void on_drain_time(struct loop_timer *timer)
{
    struct worker *worker = LIST_OWNER(timer, struct worker, drain_timer);
    uint64_t now_ms = loop_now_ms(worker->loop);
    /* Requests that are being answered have no session, but a connection. And who has none left is still the home of rooms in which
     * others' clients wait for an answer: all stop together. */
    bool is_left = peer_host_drain(&worker->host, DRAIN_BATCH) || conn_host_count(worker->conn_host) > 0;
    if (!is_left && !worker->is_empty) {
        worker->is_empty = true;
        atomic_fetch_add(&worker->ring->empty_count, 1);
    }
    if (atomic_load(&worker->ring->empty_count) < worker->ring->count && now_ms < worker->drain_deadline_ms)
        loop_timer_set(worker->loop, timer, now_ms + DRAIN_STEP_MS);
    else
        loop_stop(worker->loop);
}

/* ---- connections ---- */

static void on_accept(void *arg, struct conn *conn)
{
    struct worker *worker = arg;
    peer_serve(&worker->host, conn, &worker->ring->http_limits);
}

/* ---- life ---- */

/* Mail that nobody will hear any more: the clients are gone, the store has stopped. */
static void discard_mail(struct worker *worker, struct mail *mail)
{
    void *pointer =
        mail->kind < MAIL_REVOKE || mail->kind == MAIL_RELOAD ? ((struct mail_pointer *)mail)->pointer : NULL;
    if (mail->kind == MAIL_COMMAND) {
        command_free(pointer);
    } else if (mail->kind == MAIL_ANSWER) {
        answer_free(pointer);
    } else if (mail->kind == MAIL_EVENT) {
        event_unref(pointer);
    } else if (mail->kind == MAIL_RELOAD) {
        shared_unref(pointer);
    } else if (mail->kind == MAIL_STORE) {
        struct mail_store *facts = (struct mail_store *)mail;
        for (uint32_t i = 0; i < facts->count; i++) {
            event_unref(facts->facts[i].event);
            store_request_free(facts->facts[i].request);
        }
    } else if (mail->kind == MAIL_ERRAND) {
        struct peer_errand *errand = (struct peer_errand *)mail;
        errand->run(errand, NULL);
        return;
    } else if (mail->kind == MAIL_PARCEL) {
        peer_refuse_parcel(worker->ring->admission, (struct conn_parcel *)mail);
        return;
    } else if (mail->kind == MAIL_JOB_DONE) {
        struct store_job *job = (struct store_job *)mail;
        job->done(job, NULL); /* frees it; nobody is left to be told */
        return;
    }
    free(mail);
}

static void init_host(struct worker *worker)
{
    struct peer_host *host = &worker->host;
    host->worker = worker->index;
    host->worker_count = worker->ring->count;
    host->loop = worker->loop;
    host->conn_host = worker->conn_host;
    host->hub = worker->hub;
    host->admission = worker->ring->admission;
    host->deflater = deflater_new(15, false, 1);
    host->world = worker;
    host->send_command = port_relay;
    host->write_job = door_write_job;
    host->read_job = door_read_job;
    host->compute_job = door_compute_job;
    host->revoke = door_revoke;
    host->hand_over = door_hand_over;
    host->send_errand = door_send_errand;
    host->ask_backend = door_ask_backend;
    host->asks_who = worker->ring->asks_who;
    host->who_max_ms = worker->ring->gate_rules.cache_max_ms;
    host->http_limits = &worker->ring->http_limits;
    host->wall_ms = clock_wall_ms();
    peer_host_init(host);
    host->socketio = socketio_peers_new(host);
    host->gate = gate_new(host, &worker->ring->gate_rules);
}

struct worker *worker_new(unsigned index, struct worker_ring *ring, struct shared *shared)
{
    struct worker *worker = NEW(struct worker);
    worker->index = index;
    worker->ring = ring;
    worker->own_newest = &worker->own_oldest;
    worker->loop = loop_new();
    worker->conn_host = conn_host_new(worker->loop, &ring->conn_limits);
    mailbox_init(&worker->mailbox, wake, worker->loop);
    loop_on_turn_end(worker->loop, on_turn_end, worker);
    loop_on_wake(worker->loop, on_wake, worker);
    worker->hub_timer.on_time = on_hub_time;
    worker->drain_timer.on_time = on_drain_time;
    worker->ports = (struct ports){worker,     port_answer, port_deliver, port_relay,
                                   port_store, port_random, port_moment,  port_left_out};
    adopt_shared(worker, shared_ref(shared));
    worker->hub = hub_new(index, ring->count, shared->registry, &ring->hub_limits, &worker->ports);
    init_host(worker);
    read_clocks(worker);
    return worker;
}

void worker_run(struct worker *worker, const struct worker_listener *listeners, unsigned count)
{
    worker->listeners = memory_array(count ? count : 1, sizeof *worker->listeners);
    for (unsigned i = 0; i < count; i++)
        worker->listeners[worker->listener_count++] =
            listener_open(worker->conn_host, listeners[i].fd, listeners[i].tls, worker->ring->http_limits.first_byte_ms,
                          on_accept, worker);
    loop_run(worker->loop);
    /* Who is still there after the drain goes now; the flush tells the sessions. */
    conn_host_close_all(worker->conn_host);
    conn_host_flush(worker->conn_host);
    socketio_peers_free(worker->host.socketio);
    worker->host.socketio = NULL;
}

void worker_free(struct worker *worker)
{
    struct mail *mail;
    while ((mail = next_mail(worker)))
        discard_mail(worker, mail);
    hub_free(worker->hub);
    socketio_peers_free(worker->host.socketio); /* of a worker that never ran */
    peer_host_deinit(&worker->host);
    gate_free(worker->host.gate);
    deflater_free(worker->host.deflater);
    conn_host_free(worker->conn_host);
    loop_free(worker->loop);
    free(worker->listeners);
    shared_unref(worker->shared);
    free(worker);
}

void worker_reload(struct worker *worker, struct shared *shared)
{
    worker_post(worker, mail_pointer(MAIL_RELOAD, shared_ref(shared)));
}

void worker_revoke(struct worker *worker, struct span user_id)
{
    for (unsigned to = 0; to < worker->ring->count; to++)
        worker_post(worker->ring->workers[to], mail_revoke(user_id, SPAN_EMPTY));
}

void worker_ready(struct worker *worker)
{
    worker_post(worker, mail_pointer(MAIL_READY, NULL));
}

void worker_drain(struct worker *worker, uint64_t drain_ms)
{
    struct mail_drain *mail = NEW(struct mail_drain);
    mail->mail.kind = MAIL_DRAIN;
    mail->drain_ms = drain_ms;
    worker_post(worker, &mail->mail);
}

unsigned worker_index(const struct worker *worker)
{
    return worker->index;
}
