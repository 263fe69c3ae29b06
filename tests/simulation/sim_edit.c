#include "simulation/sim.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static unsigned some_sheet(struct sim *sim)
{
    return SIM_SHEETS + (unsigned)sim_random(sim, SIM_SHEET_COUNT);
}

/* ---- commands ----------------------------------------------------------------------------------------------------- */

static struct span entity_id(struct span room)
{
    const size_t colon = span_find(room, ':');

    return span_slice(room, colon + 1, room.len);
}

/* The change as its client wrote it down, with what he knew then. */
static void read_change(struct sim *sim, struct arena *arena, const struct sim_op *op, struct change *change)
{
    const struct type *type = type_find(sim->registry, SPAN("sheet"));
    struct json json = {0};
    struct span field;
    enum err err = json_parse(&json, span_from_str(op->text), &json_limits_default);

    change->entity_id = entity_id(sim_room_name(op->room));
    if (err == OK)
        err = change_from_json(arena, type, json.root, UINT64_MAX, change, &field);
    sim_check(sim, err == OK, "a client's change is no change: %s: %s", err_code(err), op->text);
    change->base_version = op->base_version;
    change->must_match = op->must_match;
    change->fence = op->fence;
    change->stamp = op->stamp;
    change->has_strategy = op->has_strategy;
    change->strategy = op->strategy;
    change->source = arena_printf(arena, "tab %u", op->client);
    json_deinit(&json);
}

static struct span resolution(struct arena *arena, unsigned value)
{
    if (value % 3 == 2)
        return arena_printf(arena, "{\"resolution\":\"merged\",\"value\":\"merged %u\"}", value);
    return value % 3 == 1 ? SPAN("{\"resolution\":\"remote\"}") : SPAN("{\"resolution\":\"local\"}");
}

enum command_kind sim_edit_command(const struct sim_op *op)
{
    switch (op->kind) {
    case SIM_UNDO: return COMMAND_UNDO;
    case SIM_RESTORE: return COMMAND_RESTORE;
    case SIM_RESOLVE: return COMMAND_OBJECT;
    default: return COMMAND_CHANGE;
    }
}

void sim_edit_fill(struct sim *sim, struct command *command, const struct sim_op *op, struct span id)
{
    switch (command->kind) {
    case COMMAND_UNDO:
        command->undo.is_redo = op->redo;
        command->undo.version = op->of_version;
        command->undo.id = id;
        break;
    case COMMAND_RESTORE:
        command->restore.version = op->of_version;
        command->restore.id = id;
        break;
    case COMMAND_OBJECT:
        command->object.kind = OBJECT_CONFLICT;
        command->object.verb = OBJECT_RESOLVE;
        command->object.object_id = arena_copy(&command->arena, span_from_str(op->text));
        command->object.input = resolution(&command->arena, op->value);
        command->object.id = id;
        break;
    default:
        command->change = arena_alloc(&command->arena, sizeof(*command->change));
        read_change(sim, &command->arena, op, command->change);
        command->change->id = id;
    }
}

/* ---- what waits for an answer ------------------------------------------------------------------------------------- */

void sim_edit_send_queue(struct sim *sim, struct sim_client *client, unsigned count)
{
    for (unsigned i = 0; i < count && i < client->queue_count && client->session != 0; i++)
        sim_send_op(sim, client, client->queue[i]);
}

/* Written down first, so that it is not lost; sent when there is a connection. */
static void submit(struct sim *sim, struct sim_client *client, struct sim_op op)
{
    if (client->queue_count == SIM_QUEUE_MAX)
        return;
    op.user = client->user;
    op.client = client->index;
    op.has_id = true;
    *sim_add_op(sim) = op;
    client->queue[client->queue_count++] = sim->op_count - 1;
    sim->report->edits++;
    if (client->session != 0)
        sim_send_op(sim, client, sim->op_count - 1);
}

static void leave_queue(struct sim_client *client, unsigned index)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < client->queue_count; i++)
        if (client->queue[i] != index)
            client->queue[kept++] = client->queue[i];
    client->queue_count = kept;
}

/* ---- changes ------------------------------------------------------------------------------------------------------ */

/* What the client sees: what it knows of the record, with its own changes that are not answered yet. */
static void view(struct sim *sim, const struct sim_client *client, unsigned room, struct buf *out)
{
    const struct sim_seat *seat = &client->seats[room];
    const struct model_change *row = model_store_version(&sim->store, sim_room_name(room), seat->version);
    struct arena arena;

    if (seat->has_state)
        buf_append_span(out, buf_span(&seat->state));
    else if (row && !row->is_delete)
        buf_append(out, row->state, row->state_len);
    arena_init(&arena, 4096);
    for (unsigned i = 0; i < client->queue_count; i++) {
        const struct sim_op *op = &sim->ops[client->queue[i]];
        struct buf next = BUF_EMPTY;
        struct change change = {0};

        if (op->room != room || op->kind != SIM_EDIT)
            continue;
        read_change(sim, &arena, op, &change);
        if (change_apply(&arena, NULL, buf_span(out), 1 << 20, &change, &next) == OK) {
            buf_deinit(out);
            *out = next;
        } else {
            buf_deinit(&next);
        }
    }
    arena_deinit(&arena);
}

static void draw_head(struct sim *sim, const struct sim_client *client, struct sim_op *op)
{
    const uint64_t known = client->seats[op->room].version;

    op->base_version = sim_chance(sim, 900) ? known : sim_chance(sim, 800) ? 0 : known + 3;
    op->must_match = sim_chance(sim, 30);
    op->has_strategy = sim_chance(sim, 100);
    op->strategy = (enum strategy)sim_random(sim, 5);
    if (sim_chance(sim, 500))
        op->stamp = ((sim->now_ms + (uint64_t)sim->wall_offset_ms + sim_random(sim, 200) - 100) << 16) + client->index;
}

static void edit(struct sim *sim, struct sim_client *client)
{
    const unsigned sheet = (unsigned)sim_random(sim, SIM_SHEET_COUNT);
    struct sim_op op = {.kind = SIM_EDIT, .room = SIM_SHEETS + sheet};
    struct buf text = BUF_EMPTY, state = BUF_EMPTY;
    bool needs_lock;

    view(sim, client, op.room, &state);
    sim_draw_change(sim, buf_span(&state), state.len > 0, &text, &needs_lock);
    draw_head(sim, client, &op);
    if (needs_lock && sim_chance(sim, 900)) {
        op.fence = client->tokens[sheet][sim_random(sim, 2)];
        sim->report->fenced += op.fence > 0;
    }
    op.text = span_to_str(buf_span(&text));
    buf_deinit(&text);
    buf_deinit(&state);
    if (client->queue_count == SIM_QUEUE_MAX)
        free(op.text);
    else
        submit(sim, client, op);
}

/* The last one, or any of his own. */
static void undo(struct sim *sim, struct sim_client *client)
{
    struct sim_op op = {.kind = SIM_UNDO, .room = some_sheet(sim), .redo = sim_chance(sim, 300)};

    for (unsigned i = 0; i < 3 && sim->op_count > 0 && sim_chance(sim, 300); i++) {
        const struct sim_op *other = &sim->ops[sim_random(sim, sim->op_count)];

        if (other->room == op.room && other->user == client->user && other->fate == SIM_COMMITTED && other->is_change)
            op.of_version = other->version;
    }
    submit(sim, client, op);
}

static void restore(struct sim *sim, struct sim_client *client)
{
    const unsigned room = some_sheet(sim);
    const uint64_t known = client->seats[room].version;

    submit(sim, client,
           (struct sim_op){.kind = SIM_RESTORE, .room = room, .of_version = 1 + sim_random(sim, known + 2)});
}

/* Any conflict, settled or not: somebody else may be at it. */
static void settle_conflict(struct sim *sim, struct sim_client *client)
{
    const unsigned room = some_sheet(sim);
    struct sim_op op = {.kind = SIM_RESOLVE, .room = room, .value = (unsigned)sim_random(sim, 60)};
    unsigned seen = 0;

    for (unsigned i = 0; i < sim->store.object_count; i++) {
        const struct object *object = &sim->store.objects[i].object;

        if (object->kind != OBJECT_CONFLICT || !span_equal(object->room, sim_room_name(room)) ||
            sim_random(sim, ++seen) != 0)
            continue;
        free(op.text);
        op.text = span_to_str(object->id);
    }
    if (op.text && client->queue_count < SIM_QUEUE_MAX)
        submit(sim, client, op);
    else
        free(op.text);
}

/* ---- locks -------------------------------------------------------------------------------------------------------- */

static void lock(struct sim *sim, struct sim_client *client)
{
    static const enum object_verb verbs[] = {OBJECT_ADD,    OBJECT_ADD,     OBJECT_ADD,       OBJECT_ADD,  OBJECT_RENEW,
                                             OBJECT_REMOVE, OBJECT_REQUEST, OBJECT_HAND_OVER, OBJECT_FORCE};
    const unsigned sheet = (unsigned)sim_random(sim, SIM_SHEET_COUNT);
    const unsigned place = (unsigned)sim_random(sim, sim_chance(sim, 700) ? 2 : SIM_PLACES);
    struct command *made = sim_command(sim, client, COMMAND_OBJECT, SIM_SHEETS + sheet);
    const uint64_t token = client->tokens[sheet][place];
    struct buf input = BUF_EMPTY;

    made->object.kind = OBJECT_LOCK;
    made->object.verb = verbs[sim_random(sim, sizeof(verbs) / sizeof(verbs[0]))];
    buf_printf(&input, "{\"path\":\"%s\",\"soft\":%s", sim_places[place], sim_chance(sim, 100) ? "true" : "false");
    if (token > 0 && made->object.verb != OBJECT_ADD && sim_chance(sim, 500))
        buf_printf(&input, ",\"token\":%llu", (ull)token);
    buf_append_char(&input, '}');
    made->object.input = arena_copy(&made->arena, buf_span(&input));
    buf_deinit(&input);
    sim_last_tag(sim)->place = place;
    sim_last_tag(sim)->verb = made->object.verb;
    sim_last_tag(sim)->is_member =
        client->seats[SIM_SHEETS + sheet].is_joined && client->seats[SIM_SHEETS + sheet].is_present;
    sim_client_send(sim, made);
}

static void on_locked(struct sim *sim, struct sim_client *client, const struct sim_tag *tag,
                      const struct answer *answer)
{
    struct json json = {0};
    uint64_t token = 0;

    if (answer->err != OK) {
        sim_check(sim,
                  answer->err == ERR_LOCKED || answer->err == ERR_LOCK_LOST || answer->err == ERR_NOT_FOUND ||
                      answer->err == ERR_FORBIDDEN || answer->err == ERR_UNKNOWN_USER || answer->err == ERR_TOO_MANY ||
                      answer->err == ERR_OVERLOADED || answer->err == ERR_STORAGE || answer->err == ERR_STORAGE_FULL ||
                      (answer->err == ERR_CONFLICT && sim->trouble > 0),
                  "a lock (verb %d) is refused with %s", (int)tag->verb, err_code(answer->err));
        return;
    }
    if (tag->verb != OBJECT_ADD && tag->verb != OBJECT_RENEW)
        return;
    if (json_parse(&json, answer->object, &json_limits_default) == OK)
        token = yyjson_get_uint(json_get(json.root, "token"));
    json_deinit(&json);
    sim_check(sim, token > 0, "a lock of %s is granted without a token", sim_rooms[tag->room].name);
    client->tokens[tag->room - SIM_SHEETS][tag->place] = token;
    client->is_there[tag->room - SIM_SHEETS][tag->place] = tag->is_member && client->seats[tag->room].is_present;
    sim->report->locked++;
}

/* Out of the room, its locks are kept alive by others or by nobody. */
void sim_edit_leave(struct sim_client *client, unsigned room)
{
    for (unsigned place = 0; place < SIM_PLACES && room >= SIM_SHEETS; place++)
        client->is_there[room - SIM_SHEETS][place] = false;
}

/* A lock does not expire while the connection that took it is there. */
void sim_edit_on_lock(struct sim *sim, const struct event *event)
{
    struct json json = {0};
    uint64_t token = 0;

    if (event->object.verb != OBJECT_EXPIRE)
        return;
    if (json_parse(&json, event->object.body, &json_limits_default) == OK)
        token = yyjson_get_uint(json_get(json.root, "token"));
    json_deinit(&json);
    for (unsigned i = 0; i < sim->client_count; i++)
        for (unsigned k = 0; k < SIM_SHEET_COUNT * SIM_PLACES; k++)
            sim_check(sim,
                      !sim->clients[i].is_there[k / SIM_PLACES][k % SIM_PLACES] ||
                          sim->clients[i].tokens[k / SIM_PLACES][k % SIM_PLACES] != token,
                      "%.*s expires, and client %u is still there", SPAN_ARG(event->object.id), i);
}

/* ---- what it hears ------------------------------------------------------------------------------------------------ */

static bool is_to_be_sent_again(const struct sim *sim, enum err err)
{
    return err == ERR_OVERLOADED || err == ERR_STORAGE || err == ERR_STORAGE_FULL ||
           (err == ERR_CONFLICT && sim->trouble > 0 && !sim->is_ending);
}

static enum sim_fate fate_of(const struct answer *answer)
{
    if (answer->err != OK)
        return SIM_REJECTED;
    return answer->verdict == VERDICT_CONFLICT ? SIM_PARKED : SIM_COMMITTED;
}

static void count(struct sim *sim, const struct sim_op *op, const struct answer *answer)
{
    sim->report->merged += answer->err == OK && answer->verdict == VERDICT_MERGED;
    sim->report->parked += fate_of(answer) == SIM_PARKED;
    sim->report->rejected += fate_of(answer) == SIM_REJECTED;
    sim->report->undone += op->kind == SIM_UNDO && answer->change != NULL;
    sim->report->settled += op->kind == SIM_RESOLVE && answer->err == OK;
}

/* A refusal is final only if nothing of it is still on its way, and no copy of it, sent before over a connection that is gone,
 * was done after the refusal: who wants to know asks again. */
static bool is_final(const struct sim_op *op, const struct sim_tag *tag)
{
    return op->under_way == 0 && op->unheard < tag->answered;
}

void sim_edit_on_answer(struct sim *sim, struct sim_client *client, const struct sim_tag *tag,
                        const struct answer *answer)
{
    struct sim_op *op = tag->op >= 0 ? &sim->ops[tag->op] : NULL;
    const enum sim_fate fate = fate_of(answer);

    if (op == NULL) {
        on_locked(sim, client, tag, answer);
        return;
    }
    if (op->kind < SIM_EDIT || is_to_be_sent_again(sim, answer->err))
        return;
    leave_queue(client, (unsigned)tag->op);
    sim_check(sim, op->fate == SIM_UNTOLD || op->fate == SIM_REJECTED || op->fate == fate,
              "op%d in %s was told to be %d, and then %d (%s)", tag->op, sim_rooms[op->room].name, (int)op->fate,
              (int)fate, err_code(answer->err));
    op->fate = fate == SIM_REJECTED && !is_final(op, tag) ? SIM_UNTOLD : fate;
    count(sim, op, answer);
}

/* ---- a moment ----------------------------------------------------------------------------------------------------- */

static void resend(struct sim *sim, struct sim_client *client)
{
    sim_edit_send_queue(sim, client, client->queue_count);
}

static void open_sheet(struct sim *sim, struct sim_client *client)
{
    sim_client_join(sim, client, some_sheet(sim), true, true);
}

/* Work goes on while it is away. */
static void be_away(struct sim *sim, struct sim_client *client)
{
    if (sim_chance(sim, 500))
        edit(sim, client);
    else if (sim_chance(sim, 400))
        sim_client_settle(sim, client);
}

void sim_edit_step(struct sim *sim, struct sim_client *client)
{
    static const struct {
        unsigned weight;
        void (*act)(struct sim *sim, struct sim_client *client);
    } acts[] = {{46, edit},
                {10, undo},
                {2, restore},
                {8, settle_conflict},
                {14, lock},
                {10, open_sheet},
                {4, resend},
                {3, sim_client_send_again},
                {3, sim_client_vanish}};
    unsigned drawn = (unsigned)sim_random(sim, 100);

    if (client->session == 0) {
        be_away(sim, client);
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

void sim_edit_free(struct sim *sim)
{
    for (unsigned i = 0; i < sim->op_count; i++)
        free(sim->ops[i].text);
    for (unsigned i = 0; i < sim->client_count; i++)
        for (unsigned room = 0; room < SIM_ROOMS; room++)
            buf_deinit(&sim->clients[i].seats[room].state);
}
