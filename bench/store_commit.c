/* Durable changes a second, and how long each waits: one change to one of 10,000 records of about 500 bytes, shown in
 * three rooms, with an idempotency key of its own, drawn by chance as if there had never been one like it, through the
 * store's threads as a worker would send them. Every answer comes after the disk flush.
 *
 *     bench/store_commit [seconds per load]
 *
 * "outstanding" is a closed loop: so many changes are always under way.
 * "rate" is an open loop: a change is due at its time whether the store is
 * behind or not, and its latency counts from then. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/rand.h"
#include "store/store_thread.h"

#include <assert.h>
#include <dirent.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORDS = 10000, STATE_BYTES = 500, NOTE_BYTES = STATE_BYTES - 90 };

static const char types[] =
    "{\"order\":{\"channel\":\"order-updates\",\"fields\":{\"title\":{\"kind\":\"string\"},"
    "\"status\":{\"kind\":\"string\"},\"qty\":{\"kind\":\"integer\"},\"notes\":{\"kind\":\"text\"}}}}";

struct record {
    char room[24];
    uint64_t version;
    bool is_busy;
};

struct change_sent { /* request->context */
    uint32_t record;
    uint64_t due_ns;
};

struct bench {
    char folder[256], note[NOTE_BYTES + 1];
    struct type_registry *registry;
    const struct type *type;
    struct store_thread *thread;
    struct mailbox box;
    sem_t wake;
    struct record records[RECORDS];
    struct rand rand;
    uint32_t under_way;
    uint64_t sent, *latencies_ns, latency_count, latency_max, events_heard;
};

/* ---- the worker's side ---- */

static void wake(void *arg)
{
    sem_post(arg);
}

static void post(void *arg, unsigned worker, struct mail *mail)
{
    (void)worker;
    mailbox_post(arg, mail);
}

static void hear_request(struct bench *bench, struct store_request *request)
{
    struct change_sent *change = request->context;

    assert(request->err == OK && !request->is_repeat);
    bench->records[change->record].is_busy = false;
    bench->records[change->record].version = request->commit.version;
    bench->under_way--;
    assert(bench->latency_count < bench->latency_max);
    bench->latencies_ns[bench->latency_count++] = clock_mono_ns() - change->due_ns;
    store_request_free(request);
}

static void hear(struct bench *bench)
{
    struct mail *list = mailbox_take(&bench->box);

    while (list) {
        struct mail_store *mail = (struct mail_store *)list;

        list = list->next;
        for (uint32_t i = 0; i < mail->count; i++) {
            if (mail->facts[i].request) {
                hear_request(bench, mail->facts[i].request);
            } else {
                event_unref(mail->facts[i].event);
                bench->events_heard++;
            }
        }
        free(mail);
    }
}

static void wait_until(struct bench *bench, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};

    (void)sem_clockwait(&bench->wake, CLOCK_MONOTONIC, &until);
}

/* ---- a change ---- */

static struct event *make_event(const struct bench *bench, const struct record *record, struct span id)
{
    struct event *event = event_new(EVENT_CHANGE, SPAN_EMPTY);

    event->time_ms = clock_wall_ms();
    event->type = bench->type;
    event->entity_id = arena_copy(&event->arena, id);
    event->id = arena_printf(&event->arena, "%s.%llu", record->room, (unsigned long long)record->version);
    event->user_id = SPAN("5");
    return event;
}

/* What the core would print, without paying for it here. */
static struct span make_body(struct arena *arena, struct span id, uint64_t version)
{
    return arena_printf(
        arena,
        "{\"id\":\"%016llx\",\"type\":\"order\",\"entity_id\":\"%.*s\",\"kind\":\"update\",\"version\":%llu,"
        "\"user\":{\"id\":\"5\",\"username\":\"jsmith\"},\"time\":1771507800123,\"ops\":[{\"op\":\"set\","
        "\"path\":\"/qty\",\"value\":%llu,\"before\":%llu,\"after\":%llu}],\"event\":{\"kind\":\"change\",\"id\":"
        "\"9f86d081884c7d65\",\"time\":1771507800123,\"user\":{\"id\":\"5\",\"username\":\"jsmith\",\"name\":"
        "\"John Smith\",\"color\":\"#FF6B6B\"},\"type\":\"order\",\"entity_id\":\"%.*s\",\"action\":\"update\","
        "\"event\":\"updated\"}}",
        (unsigned long long)version, SPAN_ARG(id), (unsigned long long)version, (unsigned long long)version,
        (unsigned long long)version - 1, (unsigned long long)version, SPAN_ARG(id));
}

static void send_change(struct bench *bench, uint32_t index, uint64_t due_ns)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct change_sent *change = arena_alloc(&request->arena, sizeof(*change));
    struct record *record = &bench->records[index];
    uint64_t version = record->version + 1;
    struct commit_event *event = commit_add_event(request);

    *change = (struct change_sent){index, due_ns};
    request->context = change;
    request->type = bench->type;
    request->entity_id = span_from_str(record->room + 6);
    request->commit.user_id = SPAN("5");
    request->commit.op_id = arena_printf(&request->arena, "5:%016llx%016llx",
                                         (unsigned long long)rand_next(&bench->rand), (unsigned long long)bench->sent);
    request->commit.op_hash = bench->sent++;
    request->commit.answer = arena_printf(&request->arena, "{\"type\":\"order\",\"id\":\"%s\",\"version\":%llu}",
                                          record->room + 6, (unsigned long long)version);
    request->commit.has_change = true;
    request->commit.version = version;
    request->commit.time_ms = clock_wall_ms();
    request->commit.new_state =
        arena_printf(&request->arena, "{\"title\":\"Order %u\",\"status\":\"open\",\"qty\":%llu,\"notes\":\"%s\"}",
                     index, (unsigned long long)version, bench->note);
    event->event = make_event(bench, record, request->entity_id);
    event->body = make_body(&request->arena, request->entity_id, version);
    commit_show_in(request, event, span_from_str(record->room));
    commit_show_in(request, event, SPAN("order-updates"));
    commit_show_in(request, event, SPAN("records"));
    record->is_busy = true;
    bench->under_way++;
    store_thread_request(bench->thread, request);
}

static void send_to_any(struct bench *bench, uint64_t due_ns)
{
    uint32_t index;

    do
        index = (uint32_t)rand_below(&bench->rand, RECORDS);
    while (bench->records[index].is_busy);
    send_change(bench, index, due_ns);
}

/* ---- loads ---- */

static int by_size(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

static double percentile_ms(const struct bench *bench, double share)
{
    return (double)bench->latencies_ns[(uint64_t)((double)(bench->latency_count - 1) * share)] / 1e6;
}

static void report(struct bench *bench, const char *load, unsigned amount, uint64_t took_ns)
{
    qsort(bench->latencies_ns, bench->latency_count, sizeof(*bench->latencies_ns), by_size);
    printf("%s %u\t%.0f\tchanges/s\n", load, amount, (double)bench->latency_count * 1e9 / (double)took_ns);
    printf("%s %u p50\t%.2f\tms\n", load, amount, percentile_ms(bench, 0.5));
    printf("%s %u p99\t%.2f\tms\n", load, amount, percentile_ms(bench, 0.99));
    printf("%s %u longest\t%.2f\tms\n", load, amount, percentile_ms(bench, 1));
    fflush(stdout);
    bench->latency_count = 0;
}

static void finish(struct bench *bench)
{
    while (bench->under_way > 0) {
        wait_until(bench, clock_mono_ns() + 1000000000);
        hear(bench);
    }
}

static void run_outstanding(struct bench *bench, unsigned amount, uint64_t seconds)
{
    uint64_t start_ns = clock_mono_ns(), end_ns = start_ns + seconds * 1000000000;

    while (clock_mono_ns() < end_ns) {
        while (bench->under_way < amount)
            send_to_any(bench, clock_mono_ns());
        wait_until(bench, end_ns);
        hear(bench);
    }
    finish(bench);
    report(bench, "outstanding", amount, clock_mono_ns() - start_ns);
}

static void run_rate(struct bench *bench, unsigned rate, uint64_t seconds)
{
    uint64_t start_ns = clock_mono_ns(), count = rate * seconds;

    for (uint64_t i = 0; i < count;) {
        uint64_t due_ns = start_ns + i * 1000000000 / rate;

        hear(bench);
        if (clock_mono_ns() < due_ns) {
            wait_until(bench, due_ns);
        } else if (bench->under_way < RECORDS / 2) {
            send_to_any(bench, due_ns);
            i++;
        } else {
            wait_until(bench, clock_mono_ns() + 1000000); /* hopelessly behind: what waits here counts all the same */
        }
    }
    finish(bench);
    report(bench, "rate", rate, clock_mono_ns() - start_ns);
}

/* ---- setting up ---- */

static void fail(const char *what, const struct buf *why)
{
    fprintf(stderr, "store_commit: %s: %.*s\n", what, SPAN_ARG(buf_span(why)));
    exit(1);
}

static void import(struct bench *bench, const struct store_options *options)
{
    struct span *ids = memory_array(RECORDS, sizeof(*ids)), *states = memory_array(RECORDS, sizeof(*states));
    struct store *store;
    struct arena arena;
    struct buf why = BUF_EMPTY;

    arena_init(&arena, 1 << 16);
    for (uint32_t i = 0; i < RECORDS; i++) {
        (void)snprintf(bench->records[i].room, sizeof(bench->records[i].room), "order:O-%u", 10000 + i);
        bench->records[i].version = 1;
        ids[i] = span_from_str(bench->records[i].room + 6);
        states[i] = arena_printf(&arena, "{\"title\":\"Order %u\",\"status\":\"open\",\"qty\":1,\"notes\":\"%s\"}", i,
                                 bench->note);
    }
    if (store_open(options, &store, &why) != OK)
        fail("open", &why);
    if (store_import(store, bench->type, ids, states, RECORDS, SPAN("1"), clock_wall_ms()) != OK)
        fail("import", &why);
    store_close(store);
    arena_deinit(&arena);
    free(ids);
    free(states);
}

static void start(struct bench *bench)
{
    struct store_thread_options options = {
        .worker_count = 1, .post = post, .arg = &bench->box, .batch_max = 4096, .queue_max = 65536};
    const char *where = getenv("TMPDIR");
    struct buf why = BUF_EMPTY;

    (void)snprintf(bench->folder, sizeof(bench->folder), "%s/collabd-bench-XXXXXX", where ? where : P_tmpdir);
    if (mkdtemp(bench->folder) == NULL)
        fail(bench->folder, &why);
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &bench->registry, &why) != OK)
        fail("types", &why);
    bench->type = type_find(bench->registry, SPAN("order"));
    memset(bench->note, 'n', NOTE_BYTES);
    options.store = (struct store_options){.folder = span_from_str(bench->folder),
                                           .log_events_max = 10000,
                                           .log_age_ms = 600000,
                                           .op_age_ms = 86400000,
                                           .registry = bench->registry};
    import(bench, &options.store);
    sem_init(&bench->wake, 0, 0);
    mailbox_init(&bench->box, wake, &bench->wake);
    rand_seed(&bench->rand, 1);
    bench->latency_max = 20000000;
    bench->latencies_ns = memory_array(bench->latency_max, sizeof(uint64_t));
    if (store_thread_start(&options, &bench->thread, &why) != OK)
        fail("start", &why);
}

static void stop(struct bench *bench)
{
    static const char *const names[] = {"collabd.db", "collabd.db-wal", "collabd.db-shm", "collabd.lock"};
    char path[300];

    store_thread_stop(bench->thread);
    type_registry_unref(bench->registry);
    free(bench->latencies_ns);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(bench->folder);
}

int main(int argc, char **argv)
{
    static const unsigned outstanding[] = {1, 16, 128, 1000, 4000}, rates[] = {1000, 5000, 10000, 15000};
    struct bench *bench = NEW(struct bench);
    uint64_t seconds = 3;

    if (argc > 1 && !span_parse_u64(span_from_str(argv[1]), &seconds)) {
        fprintf(stderr, "usage: store_commit [seconds per load]\n");
        return 2;
    }
    start(bench);
    for (size_t i = 0; i < sizeof(outstanding) / sizeof(outstanding[0]); i++)
        run_outstanding(bench, outstanding[i], seconds);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        run_rate(bench, rates[i], seconds);
    stop(bench);
    free(bench);
    return 0;
}
