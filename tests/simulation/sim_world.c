#include "simulation/sim_mail.h"

#include "base/memory.h"
#include "collab/type/access.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MS = 2000 };

const struct sim_room sim_rooms[SIM_ROOMS] = {
    {"lobby", true, false},       {"board", true, false},        {"order:O-1", false, true},
    {"order:O-2", false, true},   {"order:O-3", false, true},    {"order-updates", false, false},
    {ROOM_RECORDS, false, false}, {ROOM_PRESENCE, false, false}, {ROOM_LOCKS, false, false},
    {"sheet:S-1", false, true},   {"sheet:S-2", false, true},
};

/* Around the strategies of price and terms. */
static const char types_1[] =
    "{\"order\":{\"channel\":\"order-updates\",\"label\":\"title\","
    "\"roles\":{\"create\":\"*\",\"update\":\"*\",\"delete\":\"*\"},\"fields\":{"
    "\"title\":{\"kind\":\"string\"},"
    "\"status\":{\"kind\":\"enum\",\"values\":[\"draft\",\"approved\"],\"default\":\"draft\"},"
    "\"qty\":{\"kind\":\"integer\",\"default\":5}},"
    "\"actions\":{\"approve\":{\"event\":\"approved\",\"when\":{\"status\":[\"draft\"]},"
    "\"set\":{\"status\":\"approved\"}}},"
    "\"alerts\":{\"low\":{\"field\":\"qty\",\"below\":3,\"title\":\"{title} is low\","
    "\"message\":\"{qty} left\"}}},"
    "\"sheet\":{\"label\":\"title\",\"strategies_allowed\":[\"last-write-wins\",\"crdt\"],"
    "\"roles\":{\"create\":\"*\",\"update\":\"*\",\"delete\":\"*\"},\"fields\":{"
    "\"title\":{\"kind\":\"string\"},"
    "\"body\":{\"kind\":\"text\",\"strategy\":\"operational-transform\"},"
    "\"count\":{\"kind\":\"integer\",\"strategy\":\"operational-transform\"},"
    "\"rows\":{\"kind\":\"collection\",\"strategy\":\"operational-transform\"},"
    "\"tags\":{\"kind\":\"string\",\"strategy\":\"crdt\"},"
    "\"stock\":{\"kind\":\"integer\",\"strategy\":\"crdt\"},"
    "\"price\":{\"kind\":\"number\",\"strategy\":\"";
static const char types_2[] = "\"},\"terms\":{\"kind\":\"text\",\"strategy\":\"";
static const char types_3[] = "\"}}}}";

/* ---- chance ------------------------------------------------------------------------------------------------------- */

uint64_t sim_random(struct sim *sim, uint64_t bound)
{
    return rand_below(&sim->rand, bound);
}

bool sim_chance(struct sim *sim, unsigned of_1000)
{
    return sim_random(sim, 1000) < of_1000;
}

void sim_send(struct sim *sim, struct command *command, unsigned worker)
{
    sim_mail_send(sim, MAIL_COMMAND, worker, room_home(command->room, sim->worker_count))->command = command;
}

void sim_point(struct sim *sim, enum sim_point point)
{
    if (sim->is_ending || !sim->has_sheets || sim->crash_is_due || !sim_chance(sim, 1))
        return;
    sim->crash_is_due = true;
    sim->report->points[point]++;
}

/* ---- the ports of the hubs ---------------------------------------------------------------------------------------- */

static void port_answer(void *world, struct answer *answer)
{
    struct sim_port *port = world;

    if (answer->event)
        sim_point(port->sim, SIM_POINT_ACKNOWLEDGED);
    port->sim->tags[answer->tag].answered = ++port->sim->answers;
    sim_mail_send(port->sim, MAIL_ANSWER, port->worker, session_worker(answer->session))->answer = answer;
}

static void pass_on(struct sim_port *port, unsigned worker, struct event *event)
{
    sim_mail_send(port->sim, MAIL_EVENT, port->worker, worker)->event = event_ref(event);
}

/* What the doubles do to a numbered event, once. True: it was dealt with. */
static bool port_fault(struct sim_port *port, unsigned worker, struct event *event)
{
    struct sim *sim = port->sim;

    if (sim->held) { /* REORDER: it comes after this one */
        pass_on(port, worker, event);
        if (sim->held_worker == worker && event->position.offset > 0 && span_equal(event->room, sim->held->room)) {
            pass_on(port, worker, sim->held);
            event_unref(sim->held);
            sim->held = NULL;
            sim->fault = SIM_FAULT_NONE;
            sim->report->faulted = true;
        }
        return true;
    }
    if (event->position.offset == 0 || !sim_chance(sim, 100))
        return false;
    if (sim->fault == SIM_FAULT_REORDER) {
        sim->held = event_ref(event);
        sim->held_worker = worker;
        return true;
    }
    if (sim->fault == SIM_FAULT_DOUBLE) {
        pass_on(port, worker, event);
        pass_on(port, worker, event);
    } else if (sim->fault != SIM_FAULT_SKIP) {
        return false;
    }
    sim->fault = SIM_FAULT_NONE;
    sim->report->faulted = true;
    return true;
}

static void port_deliver(void *world, unsigned worker, struct event *event)
{
    struct sim_port *port = world;

    sim_truth_add(port->sim, event);
    if (!port_fault(port, worker, event))
        pass_on(port, worker, event);
}

static void port_relay(void *world, struct command *command)
{
    struct sim_port *port = world;

    sim_send(port->sim, command, port->worker);
}

static void port_store(void *world, struct store_request *request)
{
    struct sim_port *port = world;
    struct sim *sim = port->sim;

    /* Now and then the store's queue is full: this one comes back at once, before those that are in it. */
    if (!sim->is_ending && sim_chance(sim, sim->trouble)) {
        struct sim_facts *facts = NEW(struct sim_facts);

        request->err = ERR_OVERLOADED;
        sim_facts_add(facts)->request = request;
        sim_mail_post(sim, MAIL_FACTS, port->worker, sim->now_ms)->facts = facts;
        return;
    }
    if (request->kind == STORE_COMMIT)
        sim_point(sim, SIM_POINT_APPLIED);
    sim_mail_send(sim, MAIL_REQUEST, port->worker, SIM_STORE)->request = request;
}

static uint64_t port_random(void *world)
{
    struct sim_port *port = world;

    return rand_next(&port->sim->rand);
}

/* ---- hubs --------------------------------------------------------------------------------------------------------- */

static void hubs_start(struct sim *sim)
{
    for (unsigned i = 0; i < sim->worker_count; i++) {
        sim->port_worlds[i] = (struct sim_port){sim, i};
        sim->ports[i] = (struct ports){
            &sim->port_worlds[i], port_answer, port_deliver, port_relay, port_store, port_random, NULL, NULL,
        };
        sim->hubs[i] = hub_new(i, sim->worker_count, sim->hub_registry, &sim->limits, &sim->ports[i]);
        sim->wake_ms[i] = UINT64_MAX;
    }
}

static void set_time(struct sim *sim, unsigned worker)
{
    hub_set_time(sim->hubs[worker], sim->now_ms, (int64_t)sim->now_ms + sim->wall_offset_ms);
}

/* A wake-up that turns out to be too early does nothing. */
static void wake_later(struct sim *sim, unsigned worker)
{
    uint64_t deadline = hub_next_deadline(sim->hubs[worker]);

    if (deadline >= sim->wake_ms[worker])
        return;
    if (deadline < sim->now_ms)
        deadline = sim->now_ms;
    sim->wake_ms[worker] = deadline;
    sim_mail_post(sim, MAIL_WAKE, worker, deadline);
}

static void on_wake(struct sim *sim, unsigned worker)
{
    sim->wake_ms[worker] = UINT64_MAX;
    hub_advance(sim->hubs[worker]);
}

static void on_facts(struct sim *sim, unsigned worker, struct sim_facts *facts)
{
    for (unsigned i = 0; i < facts->count; i++) {
        if (facts->facts[i].event)
            hub_on_committed(sim->hubs[worker], facts->facts[i].event);
        else
            hub_on_stored(sim->hubs[worker], facts->facts[i].request);
        facts->facts[i].request = NULL;
    }
}

/* ---- kill -9 ------------------------------------------------------------------------------------------------------ */

static bool survives(const struct sim_mail *mail)
{
    return mail->kind == MAIL_STEP || mail->kind == MAIL_CRASH;
}

static void lose_everything(struct sim *sim)
{
    unsigned kept = 0;
    struct sim_mail **mails = sim->mails;
    const unsigned count = sim->mail_count;

    sim->mails = NULL;
    sim->mail_count = sim->mail_capacity = 0;
    for (unsigned i = 0; i < count; i++) {
        if (survives(mails[i]))
            mails[kept++] = mails[i];
        else
            sim_mail_free(mails[i]);
    }
    for (unsigned i = 0; i < kept; i++)
        sim_mail_put(sim, mails[i]);
    free(mails);
    for (unsigned i = 0; i < sim->queue_count; i++)
        store_request_free(sim->queue[i]);
    for (unsigned i = 0; i < sim->batch_count; i++)
        store_request_free(sim->batch[i]);
    sim->queue_count = sim->batch_count = 0;
    event_unref(sim->held);
    sim->held = NULL;
}

static void hubs_stop(struct sim *sim)
{
    for (unsigned i = 0; i < sim->worker_count; i++)
        hub_free(sim->hubs[i]);
}

static void crash(struct sim *sim)
{
    lose_everything(sim);
    if (sim->fault == SIM_FAULT_EARLY_ACK && sim->is_committing) {
        model_store_go_back(&sim->store, sim->batch_start);
        sim->report->faulted = true;
    }
    sim->is_committing = false;
    hubs_stop(sim);
    sim->life++;
    sim->report->crashes++;
    hubs_start(sim);
    for (unsigned i = 0; i < sim->client_count; i++)
        sim_client_lose(sim, &sim->clients[i]);
    for (unsigned i = 0; i < sim->op_count; i++)
        sim->ops[i].under_way = 0;
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static void step_client(struct sim *sim, unsigned index)
{
    sim_client_step(sim, &sim->clients[index]);
    sim_mail_post(sim, MAIL_STEP, index, sim->now_ms + 1 + sim_random(sim, 45));
}

static void handle(struct sim *sim, struct sim_mail *mail)
{
    switch (mail->kind) {
    case MAIL_COMMAND:
        hub_command(sim->hubs[mail->to], mail->command);
        mail->command = NULL;
        break;
    case MAIL_ANSWER: sim_client_on_answer(sim, mail->answer); break;
    case MAIL_EVENT:
        sim->report->events++;
        sim_client_on_event(sim, mail->to, mail->event);
        break;
    case MAIL_REQUEST:
        sim_store_take(sim, mail->request);
        mail->request = NULL;
        break;
    case MAIL_FACTS: on_facts(sim, mail->to, mail->facts); break;
    case MAIL_WAKE: on_wake(sim, mail->to); break;
    case MAIL_BATCH: sim_store_finish(sim); break;
    case MAIL_STEP:
        if (!sim->is_ending)
            step_client(sim, mail->to);
        break;
    case MAIL_CRASH:
        if (!sim->is_ending)
            crash(sim);
        break;
    }
}

static bool is_for_hub(const struct sim_mail *mail)
{
    return mail->kind == MAIL_COMMAND || mail->kind == MAIL_FACTS || mail->kind == MAIL_WAKE;
}

static void run_until(struct sim *sim, uint64_t end_ms)
{
    while (sim->mail_count > 0 && sim->mails[0]->due_ms <= end_ms && !sim->report->failed) {
        struct sim_mail *mail = sim_mail_take(sim);

        sim->now_ms = mail->due_ms;
        if (is_for_hub(mail))
            set_time(sim, mail->to);
        handle(sim, mail);
        if (is_for_hub(mail))
            wake_later(sim, mail->to);
        sim_mail_free(mail);
        if (sim->crash_is_due) {
            sim->crash_is_due = false;
            crash(sim);
        }
        if (sim_chance(sim, 2)) /* somebody sets the clock */
            sim->wall_offset_ms += (int64_t)sim_random(sim, 7200000) - 3600000;
        if (sim_chance(sim, 1)) /* and somebody reloads the configuration */
            hub_set_registry(sim->hubs[sim_random(sim, sim->worker_count)], sim->hub_registry);
    }
    sim->now_ms = end_ms;
}

/* ---- one play ----------------------------------------------------------------------------------------------------- */

static void draw_limits(struct sim *sim)
{
    sim->limits = hub_limits_default;
    sim->limits.tick_ms = sim_chance(sim, 300) ? 0 : 1 + sim_random(sim, 10);
    sim->limits.grace_ms = sim_chance(sim, 100) ? 0 : 200;
    sim->limits.idle_ms = 400;
    sim->limits.typing_ms = 100;
    sim->limits.refresh_ms = 250;
    sim->limits.room_linger_ms = 1000;
    if (sim_chance(sim, 300))
        sim->limits.log_events_max = 5;
    if (sim_chance(sim, 300))
        sim->limits.hub_log_bytes_max = 4000;
    if (sim_chance(sim, 200))
        sim->limits.log_age_ms = 300;
    if (sim_chance(sim, 200))
        sim->limits.records_cached_max = 2;
    if (sim_chance(sim, 50))
        sim->limits.changes_waiting_max = 3;
    if (sim_chance(sim, 100))
        sim->limits.rooms_max = 3;
    sim->store.events_max = sim_chance(sim, 300) ? 5 : 10000;
    sim->trouble = sim_chance(sim, 300) ? 60 : 0;
    sim->reads_fail = sim_chance(sim, 300);
    sim->has_sheets = sim->fault >= SIM_FAULT_FORGET || sim_chance(sim, 220);
    sim->limits.lock_ttl_ms = 1000;
}

static struct type_registry *make_registry(struct sim *sim, const char *price, const char *terms)
{
    struct buf why = BUF_EMPTY, types = BUF_EMPTY;
    struct type_registry *registry;
    enum err err;

    buf_append_str(&types, types_1);
    buf_append_str(&types, price);
    buf_append_str(&types, types_2);
    buf_append_str(&types, terms);
    buf_append_str(&types, types_3);
    err = type_registry_new(buf_span(&types), SPAN_EMPTY, &registry, &why);
    sim_check(sim, err == OK, "types: %.*s", SPAN_ARG(buf_span(&why)));
    if (err != OK)
        abort();
    buf_deinit(&why);
    buf_deinit(&types);
    return registry;
}

static void make_users(struct sim *sim)
{
    const struct span roles[] = {SPAN("editor"), SPAN("admin")};

    sim->registry = make_registry(sim, "lock-based", "manual");
    sim->hub_registry = make_registry(sim, sim->fault == SIM_FAULT_NO_LOCKS ? "last-write-wins" : "lock-based",
                                      sim->fault == SIM_FAULT_NO_MANUAL ? "last-write-wins" : "manual");
    for (unsigned i = 0; i < SIM_USERS; i++) {
        const char id[2] = {(char)('1' + i), 0};
        const unsigned role_count = i == SIM_USERS - 1 ? 2 : 1;

        sim->users[i] = identity_new(span_from_str(id), span_from_str(id), SPAN_EMPTY, SPAN_EMPTY, roles, role_count,
                                     access_of(sim->hub_registry, roles, role_count));
        model_store_add_user(&sim->store, span_from_str(id), span_from_str(id));
        sim->store.users[i].role = "editor";
    }
}

static void start(struct sim *sim)
{
    model_store_init(&sim->store, NULL, sim->seed);
    make_users(sim);
    sim->store.registry = sim->hub_registry;
    draw_limits(sim);
    sim->report->faulted = sim->fault == SIM_FAULT_NO_LOCKS || sim->fault == SIM_FAULT_NO_MANUAL;
    sim->worker_count = 1 + (unsigned)sim_random(sim, SIM_WORKERS_MAX);
    sim->client_count = 2 + (unsigned)sim_random(sim, SIM_CLIENTS_MAX - 1);
    sim->now_ms = 1000;
    sim->wall_offset_ms = 1771507800000;
    hubs_start(sim);
    for (unsigned i = 0; i < sim->client_count; i++) {
        sim->clients[i] = (struct sim_client){.index = i, .user = (unsigned)sim_random(sim, SIM_USERS)};
        sim->clients[i].folds = sim->has_sheets && sim_chance(sim, 500);
        sim_mail_post(sim, MAIL_STEP, i, sim->now_ms + sim_random(sim, 50));
    }
    while (sim_chance(sim, sim->fault == SIM_FAULT_EARLY_ACK ? 900 : 400))
        sim_mail_post(sim, MAIL_CRASH, 0, sim->now_ms + sim_random(sim, BUSY_MS));
}

static uint64_t until_quiet(const struct sim *sim)
{
    return sim->now_ms + sim->limits.grace_ms + sim->limits.idle_ms + 2 * sim->limits.refresh_ms + 1000;
}

/* What was not answered is sent until it is, one after the other. */
static void send_what_is_left(struct sim *sim)
{
    bool is_left = true;

    for (unsigned round = 0; is_left && round < 100 && !sim->report->failed; round++) {
        is_left = false;
        for (unsigned i = 0; i < sim->client_count; i++) {
            is_left |= sim->clients[i].queue_count > 0;
            sim_edit_send_queue(sim, &sim->clients[i], 1);
        }
        run_until(sim, sim->now_ms + 100);
    }
    sim_check(sim, !is_left || sim->report->failed, "somebody is never told what became of his change");
}

static void end(struct sim *sim)
{
    sim->is_ending = true;
    run_until(sim, until_quiet(sim)); /* what is under way arrives */
    for (unsigned i = 0; i < sim->client_count; i++)
        sim_client_settle(sim, &sim->clients[i]);
    run_until(sim, until_quiet(sim));
    send_what_is_left(sim);
    run_until(sim, until_quiet(sim));
    for (unsigned i = 0; i < SIM_ROOMS; i++)
        sim_look(sim, i, false);
    run_until(sim, sim->now_ms + 500);
    if (!sim->report->failed)
        sim_check_quiet(sim);
    for (unsigned i = 0; i < sim->client_count; i++)
        sim_client_leave_all(sim, &sim->clients[i]);
    run_until(sim, until_quiet(sim));
    for (unsigned i = SIM_SHEETS; i < SIM_ROOMS; i++) { /* what a dead process left is found when somebody looks */
        sim_look(sim, i, true);
        run_until(sim, sim->now_ms + 500);
    }
    run_until(sim, until_quiet(sim) + 2 * sim->limits.room_linger_ms);
    if (!sim->report->failed) {
        sim_check_answers(sim);
        sim_check_store(sim);
        sim_check_ledger(sim);
        sim_check_nobody_left(sim);
    }
}

static void stop(struct sim *sim)
{
    lose_everything(sim);
    while (sim->mail_count > 0)
        sim_mail_free(sim_mail_take(sim));
    free(sim->mails);
    hubs_stop(sim);
    model_store_deinit(&sim->store);
    for (unsigned i = 0; i < SIM_USERS; i++)
        identity_unref(sim->users[i]);
    type_registry_unref(sim->hub_registry);
    type_registry_unref(sim->registry);
    sim_truth_free(sim);
    sim_edit_free(sim);
    free(sim->ops);
    free(sim->tags);
}

bool sim_run(uint64_t seed, enum sim_fault fault, struct sim_report *report)
{
    struct sim *sim = NEW(struct sim);
    bool holds;

    *report = (struct sim_report){0};
    sim->seed = seed;
    sim->fault = fault;
    sim->report = report;
    rand_seed(&sim->rand, seed);
    start(sim);
    run_until(sim, sim->now_ms + BUSY_MS);
    end(sim);
    stop(sim);
    holds = !report->failed;
    free(sim);
    return holds;
}
