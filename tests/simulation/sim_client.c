#include "simulation/sim.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* ---- commands ----------------------------------------------------------------------------------------------------- */

static struct sim_tag *add_tag(struct sim *sim)
{
    if (sim->tag_count == sim->tag_capacity) {
        sim->tag_capacity = sim->tag_capacity ? sim->tag_capacity * 2 : 256;
        sim->tags = memory_resize(sim->tags, sim->tag_capacity * sizeof(*sim->tags));
    }
    return &sim->tags[sim->tag_count++];
}

struct command *sim_command(struct sim *sim, struct sim_client *client, enum command_kind kind, unsigned room)
{
    struct command *made =
        command_new(kind, client->session, sim->users[client->user], span_from_str(sim_rooms[room].name));

    *add_tag(sim) = (struct sim_tag){
        .session = client->session, .kind = kind, .client = client->index, .room = room, .op = -1, .life = sim->life};
    made->tag = sim->tag_count - 1;
    made->wants_answer = true;
    sim->report->commands++;
    return made;
}

void sim_client_send(struct sim *sim, struct command *made)
{
    sim->tags[made->tag].wants_answer = made->wants_answer;
    sim_send(sim, made, session_worker(made->session));
}

struct sim_tag *sim_last_tag(struct sim *sim)
{
    return &sim->tags[sim->tag_count - 1];
}

static struct span text(struct command *made, const char *word, uint64_t number)
{
    return arena_printf(&made->arena, "%s%llu", word, (unsigned long long)number);
}

static void draw_presence(struct sim *sim, struct command *made, struct presence_change *change)
{
    change->given = (uint32_t)sim_random(sim, 128);
    if (!sim_chance(sim, 200))
        change->given &= ~(uint32_t)PRESENCE_COLOR;
    if (!sim_chance(sim, 300))
        change->given &= ~(uint32_t)PRESENCE_STATUS;
    change->status = (enum status)sim_random(sim, 3);
    change->intent = (enum intent)sim_random(sim, 3);
    change->page = text(made, "page", sim_random(sim, 3));
    change->section = text(made, "section", sim_random(sim, 3));
    change->activity = sim_chance(sim, 500) ? SPAN_EMPTY : SPAN("counting");
    change->editing_row = sim_chance(sim, 300) ? SPAN_EMPTY : text(made, "row", sim_random(sim, 3));
    change->color =
        sim_chance(sim, 500) ? SPAN("#ff6b6b") : arena_printf(&made->arena, "#00000%u", (unsigned)sim_random(sim, 3));
}

/* ---- coming and going --------------------------------------------------------------------------------------------- */

void sim_client_join(struct sim *sim, struct sim_client *client, unsigned room, bool listens, bool is_present)
{
    struct sim_seat *seat = &client->seats[room];
    struct command *made = sim_command(sim, client, COMMAND_JOIN, room);

    seat->wants = true;
    seat->joins_waiting++;
    made->join.listens = sim_last_tag(sim)->listens = listens;
    made->join.is_present = is_present;
    if (seat->position.epoch != 0 && sim_chance(sim, 900)) {
        made->join.has_since = true;
        made->join.since = seat->position;
        sim_last_tag(sim)->had_since = true;
        sim_last_tag(sim)->since = seat->position;
        sim->report->resumes++;
    }
    if (sim_chance(sim, 500))
        draw_presence(sim, made, &made->join.presence);
    sim_client_send(sim, made);
}

static void forget(struct sim_seat *seat)
{
    seat->is_joined = seat->listens = seat->is_present = false;
    seat->person_count = seat->typing_count = 0;
}

static void leave(struct sim *sim, struct sim_client *client, unsigned room, enum leave_reason reason,
                  bool wants_answer)
{
    struct sim_seat *seat = &client->seats[room];
    struct command *made = sim_command(sim, client, COMMAND_LEAVE, room);

    made->leave.reason = reason;
    made->wants_answer = wants_answer;
    seat->joins_stale = seat->joins_waiting;
    sim_edit_leave(client, room);
    forget(seat);
    sim_client_send(sim, made);
}

static void connect(struct sim *sim, struct sim_client *client)
{
    const uint64_t worker = sim_random(sim, sim->worker_count);

    client->session = worker << 48 | ++sim->session_serial;
    for (unsigned i = 0; i < SIM_ROOMS; i++) {
        if (client->seats[i].wants)
            sim_client_join(sim, client, i, true, i != 6);
    }
    sim_edit_send_queue(sim, client, client->queue_count);
}

void sim_client_lose(struct sim *sim, struct sim_client *client)
{
    (void)sim;
    client->session = 0;
    for (unsigned i = 0; i < SIM_ROOMS; i++) {
        client->seats[i].joins_waiting = client->seats[i].joins_stale = 0;
        sim_edit_leave(client, i);
        forget(&client->seats[i]);
    }
}

void sim_client_vanish(struct sim *sim, struct sim_client *client)
{
    const enum leave_reason reason = sim_chance(sim, 800) ? LEAVE_DISCONNECTED : LEAVE_DEAD;
    bool is_told = true;

    if (sim->fault == SIM_FAULT_GHOST && sim_chance(sim, 300)) {
        is_told = false;
        sim->report->faulted = true;
    }
    for (unsigned i = 0; i < SIM_ROOMS; i++) {
        const struct sim_seat *seat = &client->seats[i];

        if (is_told && (seat->is_joined || seat->joins_waiting > seat->joins_stale))
            leave(sim, client, i, reason, false);
    }
    sim_client_lose(sim, client);
}

void sim_client_settle(struct sim *sim, struct sim_client *client)
{
    if (client->session == 0)
        connect(sim, client);
}

void sim_client_leave_all(struct sim *sim, struct sim_client *client)
{
    for (unsigned i = 0; i < SIM_ROOMS; i++) {
        client->seats[i].wants = false;
        if (client->seats[i].is_joined)
            leave(sim, client, i, LEAVE_ASKED, true);
    }
}

/* ---- what must happen once ---------------------------------------------------------------------------------------- */

static struct op *set_op(struct op *op, const char *field, struct span value)
{
    *op = (struct op){.kind = OP_SET, .value = value};
    op->path.depth = 1;
    op->path.steps[0] = span_from_str(field);
    return op + 1;
}

static void fill_change(struct command *made, const struct sim_op *op)
{
    struct change *change = arena_alloc(&made->arena, sizeof(*change));
    struct op *end;

    change->ops = end = arena_alloc(&made->arena, 3 * sizeof(*change->ops));
    change->type = SPAN("order");
    change->entity_id = span_slice(made->room, 6, made->room.len);
    change->base_version = op->base_version;
    change->must_match = op->must_match;
    change->kind = op->kind == SIM_CREATE ? CHANGE_CREATE : op->kind == SIM_DELETE ? CHANGE_DELETE : CHANGE_UPDATE;
    if (op->kind == SIM_CREATE) {
        end = set_op(end, "status", SPAN("\"draft\""));
        end = set_op(end, "qty", SPAN("5"));
    }
    if (op->kind == SIM_CREATE || (op->kind == SIM_UPDATE && op->value % 2))
        end = set_op(end, "title", arena_printf(&made->arena, "\"title %u\"", op->value % 3));
    else if (op->kind == SIM_UPDATE)
        end = set_op(end, "qty", arena_printf(&made->arena, "%u", op->value % 7));
    if (op->kind == SIM_INCREMENT) {
        end = set_op(end, "qty", SPAN("1"));
        end[-1].kind = OP_INC;
    }
    change->op_count = (uint32_t)(end - change->ops);
    made->change = change;
}

static enum command_kind command_kind_of(const struct sim_op *op)
{
    if (op->kind >= SIM_EDIT)
        return sim_edit_command(op);
    return op->kind == SIM_PUBLISH ? COMMAND_PUBLISH : op->kind == SIM_APPROVE ? COMMAND_ACTION : COMMAND_CHANGE;
}

static bool is_known(const struct sim *sim, const struct sim_op *op, unsigned index)
{
    char id[32];

    (void)snprintf(id, sizeof(id), "%u:op%u", op->user + 1, index);
    return model_store_op(&sim->store, span_from_str(id)) != NULL;
}

void sim_send_op(struct sim *sim, struct sim_client *client, unsigned index)
{
    const struct sim_op *op = &sim->ops[index];
    const enum command_kind kind = command_kind_of(op);
    struct command *made = sim_command(sim, client, kind, op->room);
    const struct span id = op->has_id ? text(made, "op", index) : SPAN_EMPTY;

    sim->ops[index].under_way++;
    if (op->fate == SIM_REJECTED)
        sim->ops[index].fate = SIM_UNTOLD;
    sim_last_tag(sim)->op = (int)index;
    sim_last_tag(sim)->is_again = op->is_acknowledged;
    sim_last_tag(sim)->is_known = op->has_id && is_known(sim, op, index);
    if (op->kind >= SIM_EDIT) {
        sim_edit_fill(sim, made, op, id);
    } else if (kind == COMMAND_PUBLISH) {
        made->publish.id = id;
        made->publish.name = SPAN("said");
        made->publish.data = arena_printf(&made->arena, "{\"op\":%u}", index);
        made->publish.is_volatile = op->is_volatile;
        made->publish.includes_origin = op->includes_origin;
    } else if (kind == COMMAND_ACTION) {
        made->action.name = SPAN("approve");
        made->action.id = id;
        made->action.base_version = op->base_version;
        made->action.must_match = op->must_match;
    } else {
        fill_change(made, op);
        made->change->id = id;
    }
    sim_client_send(sim, made);
}

struct sim_op *sim_add_op(struct sim *sim)
{
    if (sim->op_count == sim->op_capacity) {
        sim->op_capacity = sim->op_capacity ? sim->op_capacity * 2 : 64;
        sim->ops = memory_resize(sim->ops, sim->op_capacity * sizeof(*sim->ops));
    }
    return &sim->ops[sim->op_count++];
}

static void publish(struct sim *sim, struct sim_client *client)
{
    struct sim_op *op = sim_add_op(sim);

    *op = (struct sim_op){.kind = SIM_PUBLISH, .room = (unsigned)sim_random(sim, 5), .user = client->user};
    op->is_volatile = sim_chance(sim, 150);
    op->includes_origin = sim_chance(sim, 200);
    op->has_id = !op->is_volatile && sim_chance(sim, 700);
    sim_send_op(sim, client, sim->op_count - 1);
}

static void change(struct sim *sim, struct sim_client *client)
{
    static const enum sim_op_kind kinds[] = {SIM_CREATE,    SIM_CREATE, SIM_UPDATE,    SIM_UPDATE,
                                             SIM_UPDATE,    SIM_UPDATE, SIM_INCREMENT, SIM_INCREMENT,
                                             SIM_INCREMENT, SIM_DELETE, SIM_APPROVE};
    struct sim_op *op = sim_add_op(sim);
    const unsigned room = 2 + (unsigned)sim_random(sim, 3);
    const uint64_t known = client->seats[room].version;

    *op = (struct sim_op){
        .kind = kinds[sim_random(sim, sizeof(kinds) / sizeof(kinds[0]))], .room = room, .user = client->user};
    op->value = (unsigned)sim_random(sim, 100);
    op->has_id = sim_chance(sim, 800);
    if (op->kind != SIM_CREATE && sim_chance(sim, 400)) {
        op->base_version = sim_chance(sim, 900) ? known : known + 3;
        op->must_match = sim_chance(sim, 400);
    }
    sim_send_op(sim, client, sim->op_count - 1);
}

/* Anything of his own, also what was acknowledged, also from another of his pages. */
void sim_client_send_again(struct sim *sim, struct sim_client *client)
{
    unsigned index;

    if (sim->op_count == 0)
        return;
    index = (unsigned)sim_random(sim, sim->op_count);
    if (sim->ops[index].has_id && sim->ops[index].user == client->user &&
        (sim->ops[index].kind < SIM_EDIT || sim->ops[index].client == client->index))
        sim_send_op(sim, client, index);
}

/* ---- a moment in a client's life ---------------------------------------------------------------------------------- */

static unsigned some_room(struct sim *sim)
{
    if (sim->has_sheets && sim_chance(sim, 500))
        return SIM_SHEETS + (unsigned)sim_random(sim, SIM_SHEET_COUNT);
    return (unsigned)sim_random(sim, SIM_ROOMS);
}

static void join_somewhere(struct sim *sim, struct sim_client *client)
{
    const unsigned room = some_room(sim);

    sim_client_join(sim, client, room, sim_chance(sim, 900), sim_chance(sim, 800));
}

static void leave_somewhere(struct sim *sim, struct sim_client *client)
{
    const unsigned room = (unsigned)sim_random(sim, SIM_ROOMS);

    client->seats[room].wants = false;
    leave(sim, client, room, LEAVE_ASKED, true);
}

static void show_presence(struct sim *sim, struct sim_client *client)
{
    struct command *made = sim_command(sim, client, COMMAND_PRESENCE, (unsigned)sim_random(sim, SIM_ROOMS));

    draw_presence(sim, made, &made->presence);
    sim_client_send(sim, made);
}

static void type_something(struct sim *sim, struct sim_client *client)
{
    struct command *made = sim_command(sim, client, COMMAND_TYPING, (unsigned)sim_random(sim, SIM_ROOMS));

    made->typing.field = sim_chance(sim, 500) ? SPAN("notes") : SPAN_EMPTY;
    made->typing.is_typing = sim_chance(sim, 700);
    sim_client_send(sim, made);
}

static void move_cursor(struct sim *sim, struct sim_client *client)
{
    struct command *made = sim_command(sim, client, COMMAND_CURSOR, (unsigned)sim_random(sim, SIM_ROOMS));

    made->cursor.data = sim_chance(sim, 800) ? text(made, "", sim_random(sim, 1000)) : SPAN_EMPTY;
    made->cursor.has_editing_row = sim_chance(sim, 400);
    made->cursor.editing_row = text(made, "row", sim_random(sim, 3));
    made->wants_answer = sim_chance(sim, 500);
    sim_client_send(sim, made);
}

static void do_little(struct sim *sim, struct sim_client *client)
{
    if (sim_chance(sim, 700))
        sim_client_send(sim, sim_command(sim, client, COMMAND_TOUCH, (unsigned)sim_random(sim, SIM_ROOMS)));
    else
        sim_client_send(sim, sim_command(sim, client, COMMAND_LOOK, (unsigned)sim_random(sim, SIM_ROOMS)));
}

void sim_client_step(struct sim *sim, struct sim_client *client)
{
    static const struct {
        unsigned weight;
        void (*act)(struct sim *sim, struct sim_client *client);
    } acts[] = {
        {18, join_somewhere}, {5, leave_somewhere}, {20, publish},    {25, change},   {10, sim_client_send_again},
        {8, show_presence},   {6, type_something},  {8, move_cursor}, {4, do_little}, {6, sim_client_vanish}};
    unsigned drawn = (unsigned)sim_random(sim, 110);

    if (sim->has_sheets && sim_chance(sim, 700)) {
        sim_edit_step(sim, client);
        return;
    }
    if (client->session == 0) {
        if (sim_chance(sim, 300))
            connect(sim, client);
        return;
    }
    for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (drawn < acts[i].weight) {
            acts[i].act(sim, client);
            return;
        }
        drawn -= acts[i].weight;
    }
}

/* A visitor who only looks. */
void sim_look(struct sim *sim, unsigned room, bool wants_record)
{
    struct sim_client visitor = {.index = SIM_CLIENTS_MAX, .session = ++sim->session_serial};
    struct command *made = sim_command(sim, &visitor, COMMAND_LOOK, room);

    made->look.wants_record = sim_last_tag(sim)->wants_record = wants_record;
    sim_last_tag(sim)->is_asked_by_checker = true;
    sim_client_send(sim, made);
}

/* ---- what it hears ------------------------------------------------------------------------------------------------ */

static void on_joined(struct sim *sim, struct sim_client *client, const struct sim_tag *tag,
                      const struct answer *answer)
{
    struct sim_seat *seat = &client->seats[tag->room];

    seat->joins_waiting--;
    if (seat->joins_stale > 0) {
        seat->joins_stale--;
        return;
    }
    if (answer->err != OK) {
        sim_check(sim,
                  answer->err == ERR_OVERLOADED || answer->err == ERR_STORAGE || answer->err == ERR_STORAGE_FULL ||
                      (answer->err == ERR_TOO_MANY && sim->limits.rooms_max == 3),
                  "a join of %s is refused with %s", sim_rooms[tag->room].name, err_code(answer->err));
        seat->wants = seat->is_joined;
        return;
    }
    sim_check_joined(sim, client, tag->room, tag, answer);
}

void sim_client_on_answer(struct sim *sim, const struct answer *answer)
{
    struct sim_tag *tag = &sim->tags[answer->tag];
    struct sim_client *client = tag->client < sim->client_count ? &sim->clients[tag->client] : NULL;

    tag->answers++;
    if (tag->op >= 0)
        sim->ops[tag->op].under_way--;
    sim_check(sim, tag->answers == 1, "command %llu is answered twice", (unsigned long long)answer->tag);
    sim_check(sim, answer->kind == tag->kind && answer->session == tag->session, "an answer to somebody else");
    if (tag->is_asked_by_checker) {
        sim_check_looked(sim, tag, answer);
        return;
    }
    if (client->session != tag->session) { /* its connection is gone: it never hears this */
        if (tag->op >= 0 && answer->err == OK)
            sim->ops[tag->op].unheard = tag->answered;
        return;
    }
    if (tag->kind == COMMAND_JOIN)
        on_joined(sim, client, tag, answer);
    else if (tag->op >= 0)
        sim_check_acknowledged(sim, client, tag, answer);
    if (tag->op >= 0 || tag->kind == COMMAND_OBJECT) {
        sim_edit_on_answer(sim, client, tag, answer);
        sim_point(sim, SIM_POINT_HEARD);
    }
}

void sim_client_on_event(struct sim *sim, unsigned worker, const struct event *event)
{
    unsigned room = 0;

    if (event->kind == EVENT_OBJECT && event->object.kind == OBJECT_LOCK)
        sim_edit_on_lock(sim, event);
    while (room < SIM_ROOMS && !span_equal(event->room, sim_room_name(room)))
        room++;
    for (unsigned i = 0; i < sim->client_count && room < SIM_ROOMS; i++) {
        struct sim_client *client = &sim->clients[i];
        struct sim_seat *seat = &client->seats[room];

        if (client->session != 0 && session_worker(client->session) == worker && seat->is_joined && seat->listens)
            sim_check_event(sim, client, seat, event);
    }
}
