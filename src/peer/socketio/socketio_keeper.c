/* Records, and the errands between workers that move what is in them.
 *
 *     enrolled ----> lent to a session <----> kept ----> gone: too late, too many, or the client left
 *
 * Who asks for facts that are lent has them fetched: the session that has them gives them up, they come back here, and the
 * question is asked again behind them. */
#include "peer/socketio/socketio_keeper.h"

#include "base/limits.h"
#include "base/base64.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/rand.h"
#include "peer/socketio/socketio_recovery.h"
#include "peer/socketio/socketio_seat.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PID_RANDOM_BYTES = 18, HOPS_MAX = 4 };

struct record {
    struct list in_kept;
    struct sio_keeper *keeper;
    struct loop_timer timer;
    struct sio_pid pid;
    struct sio_facts *facts; /* NULL: lent */
    session_id holder;       /* lent: to whom */
};

/* ---- private ids ---- */

static struct span pid_span(const struct sio_pid *pid)
{
    return span_of(pid->text, sizeof pid->text);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool sio_pid_read(struct span text, struct sio_pid *pid)
{
    if (text.len != sizeof pid->text || hex_value(text.data[0]) < 0 || hex_value(text.data[1]) < 0)
        return false;
    memcpy(pid->text, text.data, text.len);
    return true;
}

static unsigned home_of(const struct sio_pid *pid)
{
    const int high = hex_value(pid->text[0]), low = hex_value(pid->text[1]);

    assert(high >= 0 && low >= 0);
    return (unsigned)high << 4 | (unsigned)low;
}

static void pid_make(unsigned worker, struct sio_pid *pid)
{
    uint8_t random[PID_RANDOM_BYTES];
    struct buf text = BUF_EMPTY;
    rand_bytes(random, sizeof random);
    buf_printf(&text, "%02x", worker & 255);
    base64url_encode(&text, span_of(random, sizeof random));
    assert(text.len == sizeof pid->text);
    memcpy(pid->text, text.data, text.len);
    buf_deinit(&text);
}

/* ---- facts ---- */

struct sio_facts *sio_facts_new(void)
{
    struct sio_facts *facts = NEW(struct sio_facts);
    arena_init(&facts->arena, 512);
    return facts;
}

void sio_facts_free(struct sio_facts *facts)
{
    if (!facts)
        return;
    sio_track_deinit(&facts->track);
    arena_deinit(&facts->arena);
    free(facts);
}

/* About: names are short, marks are many. */
static size_t facts_bytes(const struct sio_facts *facts)
{
    size_t bytes = sizeof *facts + facts->track.capacity * sizeof *facts->track.marks;
    for (uint32_t i = 0; i < facts->room_count; i++)
        bytes += sizeof *facts->rooms + facts->rooms[i].name.len;
    return bytes;
}

/* ---- records ---- */

static void on_late(struct loop_timer *timer);

static struct record *record_of(const struct sio_keeper *keeper, const struct sio_pid *pid)
{
    return map_get(&keeper->records, pid_span(pid));
}

static struct sio_facts *record_take(struct record *record)
{
    struct sio_keeper *keeper = record->keeper;
    struct sio_facts *facts = record->facts;
    if (!facts)
        return NULL;
    keeper->kept_count--;
    keeper->kept_bytes -= facts_bytes(facts);
    list_remove(&record->in_kept);
    loop_timer_stop(keeper->host->loop, &record->timer);
    record->facts = NULL;
    return facts;
}

static void record_free(struct record *record)
{
    sio_facts_free(record_take(record));
    map_remove(&record->keeper->records, pid_span(&record->pid));
    free(record);
}

static void on_late(struct loop_timer *timer)
{
    record_free(LIST_OWNER(timer, struct record, timer));
}

void sio_keeper_enroll(struct sio_keeper *keeper, session_id session, struct sio_pid *pid)
{
    struct record *record = NEW(struct record);
    pid_make(keeper->host->worker, pid);
    record->keeper = keeper;
    record->pid = *pid;
    record->holder = session;
    record->timer.on_time = on_late;
    list_init(&record->in_kept);
    map_put(&keeper->records, pid_span(&record->pid), record);
}

static void keep_here(struct sio_keeper *keeper, struct sio_facts *facts)
{
    struct record *record = record_of(keeper, &facts->pid);
    if (!record || record->facts || facts->until_ms <= loop_now_ms(keeper->host->loop)) {
        if (record && !record->facts)
            record_free(record);
        sio_facts_free(facts);
        return;
    }
    record->facts = facts;
    keeper->kept_count++;
    keeper->kept_bytes += facts_bytes(facts);
    list_push_tail(&keeper->kept, &record->in_kept);
    loop_timer_set(keeper->host->loop, &record->timer, facts->until_ms);
    while (keeper->kept_count > LIMIT_SIO_AWAY || keeper->kept_bytes > LIMIT_SIO_AWAY_BYTES)
        record_free(LIST_OWNER(keeper->kept.next, struct record, in_kept));
}

void sio_keeper_init(struct sio_keeper *keeper, struct peer_host *host)
{
    keeper->host = host;
    map_init(&keeper->records);
    list_init(&keeper->kept);
}

void sio_keeper_deinit(struct sio_keeper *keeper)
{
    struct map_entry *entry;
    while ((entry = map_first(&keeper->records)))
        record_free(entry->value);
    map_deinit(&keeper->records);
}

/* ---- errands ---- */

enum stage { STAGE_ASK, STAGE_FETCH, STAGE_FOUND, STAGE_KEEP, STAGE_FORGET };

struct courier {
    struct peer_errand errand; /* first */
    enum stage stage;
    unsigned hops;
    struct sio_ask ask; /* its spans in the arena */
    session_id holder;
    struct sio_facts *facts;
    struct arena arena;
};

static void run(struct peer_errand *errand, struct peer_host *host);

static struct courier *courier_new(enum stage stage, const struct sio_pid *pid)
{
    struct courier *courier = NEW(struct courier);
    arena_init(&courier->arena, 128);
    courier->errand.run = run;
    courier->stage = stage;
    courier->ask.pid = *pid;
    return courier;
}

static void courier_free(struct courier *courier)
{
    sio_facts_free(courier->facts);
    arena_deinit(&courier->arena);
    free(courier);
}

static void send(struct courier *courier, struct peer_host *host, enum stage stage, unsigned worker)
{
    courier->stage = stage;
    host->send_errand(host->world, worker, &courier->errand);
}

static bool is_his(const struct sio_facts *facts, const struct sio_ask *ask)
{
    return span_equal(facts->nsp, ask->nsp) && facts->is_stranger == ask->is_stranger &&
           (facts->is_stranger || span_equal(facts->user_id, ask->user_id));
}

static void answer(struct courier *courier, struct peer_host *host)
{
    send(courier, host, STAGE_FOUND, session_worker(courier->ask.asker));
}

static void on_ask(struct courier *courier, struct peer_host *host)
{
    struct record *record = record_of(&host->socketio->keeper, &courier->ask.pid);
    if (record && record->facts && is_his(record->facts, &courier->ask)) {
        courier->facts = record_take(record);
        record->holder = courier->ask.asker;
    } else if (record && !record->facts && courier->hops++ < HOPS_MAX) {
        courier->holder = record->holder;
        send(courier, host, STAGE_FETCH, session_worker(record->holder));
        return;
    }
    answer(courier, host);
}

/* It gives them up only to him whose they are; then they are at their keeper's before the question is asked again. So are
 * those of a session that ended meanwhile. */
static void on_fetch(struct courier *courier, struct peer_host *host)
{
    struct sio_facts *facts = recovery_give_up(host, courier->holder, &courier->ask);
    if (facts)
        sio_keeper_keep(&host->socketio->keeper, facts);
    send(courier, host, STAGE_ASK, home_of(&courier->ask.pid));
}

static void on_found(struct courier *courier, struct peer_host *host)
{
    struct sio_facts *facts = courier->facts;
    courier->facts = NULL;
    if (!recovery_found(host, courier->ask.asker, facts) && facts)
        sio_keeper_keep(&host->socketio->keeper, facts);
    courier_free(courier);
}

static void on_keep(struct courier *courier, struct peer_host *host)
{
    struct sio_facts *facts = courier->facts;
    courier->facts = NULL;
    keep_here(&host->socketio->keeper, facts);
    courier_free(courier);
}

static void on_forget(struct courier *courier, struct peer_host *host)
{
    struct record *record = record_of(&host->socketio->keeper, &courier->ask.pid);
    if (record)
        record_free(record);
    courier_free(courier);
}

static void run(struct peer_errand *errand, struct peer_host *host)
{
    struct courier *courier = (struct courier *)errand;
    if (!host) {
        courier_free(courier);
        return;
    }
    switch (courier->stage) {
    case STAGE_ASK: on_ask(courier, host); break;
    case STAGE_FETCH: on_fetch(courier, host); break;
    case STAGE_FOUND: on_found(courier, host); break;
    case STAGE_KEEP: on_keep(courier, host); break;
    case STAGE_FORGET: on_forget(courier, host); break;
    }
}

/* By mail even at home: what was sent before this is there before it. */
void sio_keeper_keep(struct sio_keeper *keeper, struct sio_facts *facts)
{
    struct courier *courier = courier_new(STAGE_KEEP, &facts->pid);
    courier->facts = facts;
    send(courier, keeper->host, STAGE_KEEP, home_of(&facts->pid));
}

void sio_keeper_forget(struct sio_keeper *keeper, const struct sio_pid *pid)
{
    send(courier_new(STAGE_FORGET, pid), keeper->host, STAGE_FORGET, home_of(pid));
}

void sio_keeper_ask(struct sio_keeper *keeper, const struct sio_ask *ask)
{
    struct courier *courier = courier_new(STAGE_ASK, &ask->pid);
    unsigned home = home_of(&ask->pid);
    courier->ask = *ask;
    courier->ask.nsp = arena_copy(&courier->arena, ask->nsp);
    courier->ask.user_id = arena_copy(&courier->arena, ask->user_id);
    if (home < keeper->host->worker_count)
        send(courier, keeper->host, STAGE_ASK, home);
    else
        answer(courier, keeper->host); /* no such worker: nothing is found */
}
