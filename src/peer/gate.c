#include "peer/gate.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "peer/gate_question.h"
#include "peer/session.h"

#include <assert.h>
#include <stdlib.h>

#define ARENA_BLOCK_BYTES 1024

struct gate {
    struct peer_host *host;
    struct gate_rules rules;
    struct map lines;      /* session -> struct line */
    uint32_t held;         /* commands in them */
    size_t held_bytes;     /* and about what these take */
    struct map remembered; /* key -> struct remembered */
    uint32_t revocations;  /* an answer to what was asked before one is not remembered */
};

/* A session's commands, in its order. The first one is being asked about. */
struct line {
    session_id session; /* its bytes are the key */
    struct list commands;
    uint32_t count;
    size_t bytes;
    bool is_revoked;
};

/* Something is allowed to a user in a room. */
struct remembered {
    int64_t since_ms, until_ms; /* wall clock: one that was put back ends it, too */
    uint32_t user_len, key_len;
    char key[]; /* the user's id first */
};

struct question {
    struct backend_ask ask; /* first */
    session_id session;
    uint32_t revocations;
};

/* ---- what is remembered ---- */

static bool is_memorable(unsigned hook)
{
    return hook == GATE_JOIN || hook == GATE_PUBLISH;
}

/* Roles belong to it: two tokens of one user may differ in them. */
static void print_key(struct buf *out, const struct command *command, unsigned hook)
{
    const struct identity *identity = command->identity;
    buf_append_span(out, identity->user_id);
    buf_append_char(out, '\0');
    buf_append_u64(out, hook);
    for (uint32_t i = 0; i < identity->role_count; i++) {
        buf_append_char(out, '\0');
        buf_append_span(out, identity->roles[i]);
    }
    BUF_APPEND_LITERAL(out, "\0\0");
    buf_append_span(out, command->room);
}

static bool is_remembered(struct gate *gate, const struct command *command, unsigned hook)
{
    if (!is_memorable(hook) || gate->remembered.count == 0)
        return false;
    struct buf key = BUF_EMPTY;
    print_key(&key, command, hook);
    struct remembered *found = map_get(&gate->remembered, buf_span(&key));
    bool is_good = found && gate->host->wall_ms >= found->since_ms && gate->host->wall_ms < found->until_ms;
    if (found && !is_good) {
        map_remove(&gate->remembered, buf_span(&key));
        free(found);
    }
    buf_deinit(&key);
    return is_good;
}

static void forget_all(struct gate *gate)
{
    for (struct map_entry *entry = map_first(&gate->remembered); entry; entry = map_next(&gate->remembered, entry))
        free(entry->value);
    map_deinit(&gate->remembered);
    map_init(&gate->remembered);
}

static void remember(struct gate *gate, const struct command *command, unsigned hook, uint64_t cache_ms)
{
    if (cache_ms > gate->rules.cache_max_ms)
        cache_ms = gate->rules.cache_max_ms;
    if (!is_memorable(hook) || cache_ms == 0)
        return;
    if (gate->remembered.count >= gate->rules.remembered_max)
        forget_all(gate);
    struct buf key = BUF_EMPTY;
    print_key(&key, command, hook);
    struct remembered *fresh = memory_alloc(sizeof *fresh + key.len);
    fresh->since_ms = gate->host->wall_ms;
    fresh->until_ms = fresh->since_ms + (int64_t)cache_ms;
    fresh->user_len = (uint32_t)command->identity->user_id.len;
    fresh->key_len = (uint32_t)key.len;
    memcpy(fresh->key, key.data, key.len);
    buf_deinit(&key);
    free(map_put(&gate->remembered, span_of(fresh->key, fresh->key_len), fresh));
}

void gate_forget(struct gate *gate, struct span user_id)
{
    gate->revocations++;
    /* A table must not change while it is walked: start again after each find. */
    struct map_entry *entry = map_first(&gate->remembered);
    while (entry) {
        struct remembered *found = entry->value;
        if (!span_equal(span_of(found->key, found->user_len), user_id)) {
            entry = map_next(&gate->remembered, entry);
            continue;
        }
        map_remove(&gate->remembered, span_of(found->key, found->key_len));
        free(found);
        entry = map_first(&gate->remembered);
    }
}

/* ---- refusing ---- */

/* An answer of the gate's own comes as all answers do: later, not while the client is still sending. */
struct refusal {
    struct peer_errand errand; /* first */
    struct answer *answer;
};

static void run_refusal(struct peer_errand *errand, struct peer_host *host)
{
    struct refusal *refusal = (struct refusal *)(void *)errand;
    if (host)
        peer_host_on_answer(host, refusal->answer); /* takes */
    else
        answer_free(refusal->answer);
    free(refusal);
}

static void refuse(struct gate *gate, struct command *command, enum err err, struct span message)
{
    if (command_wants(command, err)) {
        struct refusal *refusal = NEW(struct refusal);
        refusal->errand.run = run_refusal;
        refusal->answer = answer_new(command, err);
        refusal->answer->message = message.len ? arena_copy(&refusal->answer->arena, message) : SPAN_EMPTY;
        gate->host->send_errand(gate->host->world, gate->host->worker, &refusal->errand);
    }
    command_free(command);
}

/* ---- lines ---- */

static struct line *line_find(struct gate *gate, session_id session)
{
    if (gate->lines.count == 0)
        return NULL;
    return map_get(&gate->lines, span_of(&session, sizeof session));
}

static struct line *line_new(struct gate *gate, session_id session)
{
    struct line *line = NEW(struct line);
    line->session = session;
    list_init(&line->commands);
    map_put(&gate->lines, span_of(&line->session, sizeof line->session), line);
    return line;
}

static struct command *line_first(const struct line *line)
{
    assert(!list_is_empty(&line->commands));
    return LIST_OWNER(line->commands.next, struct command, node);
}

/* It does not change while it waits. */
static size_t bytes_of(const struct command *command)
{
    return sizeof *command + command->arena.used_bytes;
}

static struct command *line_take(struct gate *gate, struct line *line)
{
    struct command *command = line_first(line);
    list_remove(&command->node);
    line->count--;
    line->bytes -= bytes_of(command);
    gate->held--;
    gate->held_bytes -= bytes_of(command);
    return command;
}

static void line_add(struct gate *gate, struct line *line, struct command *command)
{
    list_push_tail(&line->commands, &command->node);
    line->count++;
    line->bytes += bytes_of(command);
    gate->held++;
    gate->held_bytes += bytes_of(command);
}

static void line_free(struct gate *gate, struct line *line)
{
    while (!list_is_empty(&line->commands))
        command_free(line_take(gate, line));
    map_remove(&gate->lines, span_of(&line->session, sizeof line->session));
    free(line);
}

/* ---- asking ---- */

/* The backend decides: nothing less than its yes will do. */
static bool is_backends(const struct gate *gate, const struct command *command, unsigned hook)
{
    struct span id;
    if (hook != GATE_CHANGE)
        return false;
    const struct type *type = type_of_room(gate->host->registry, command->room, &id);
    return type && type->write_mode == WRITE_PROXIED;
}

static unsigned hook_in_force(struct gate *gate, const struct command *command)
{
    unsigned hook = gate_hook_of(command);
    if (is_backends(gate, command, hook))
        return hook;
    hook &= gate->rules.asks;
    return hook && is_remembered(gate, command, hook) ? 0 : hook;
}

static void forward(struct gate *gate, struct command *command)
{
    gate->host->send_command(gate->host->world, command);
}

static void on_answered(struct peer_errand *errand, struct peer_host *host);

static void ask(struct gate *gate, const struct command *command)
{
    struct question *question = NEW(struct question);
    question->ask.errand.run = on_answered;
    question->session = command->session;
    question->revocations = gate->revocations;
    gate_print_question(&question->ask.body, command, gate->host->registry);
    gate->host->ask_backend(gate->host->world, &question->ask);
}

/* Rights that were taken away meanwhile are no rights: only that he leaves still counts. */
static bool is_void(const struct line *line, const struct command *command)
{
    return line->is_revoked && command->kind != COMMAND_LEAVE;
}

/* What may go goes, up to the next one that must be asked about. */
static void advance(struct gate *gate, struct line *line)
{
    while (!list_is_empty(&line->commands)) {
        if (is_void(line, line_first(line))) {
            refuse(gate, line_take(gate, line), ERR_SESSION_REVOKED, SPAN_EMPTY);
            continue;
        }
        if (hook_in_force(gate, line_first(line))) {
            ask(gate, line_first(line));
            return;
        }
        forward(gate, line_take(gate, line));
    }
    line_free(gate, line);
}

static void decide(struct gate *gate, struct command *command, const struct question *question,
                   const struct gate_verdict *verdict)
{
    unsigned hook = gate_hook_of(command);
    bool may_go_unasked = gate->rules.allows_when_down && !is_backends(gate, command, hook);
    if (verdict->err == OK && question->revocations == gate->revocations)
        remember(gate, command, hook, verdict->cache_ms);
    if (verdict->err == OK || (verdict->err == ERR_BACKEND_UNAVAILABLE && may_go_unasked)) {
        forward(gate, command);
        return;
    }
    if (verdict->err == ERR_BACKEND_REFUSED)
        metric_add(METRIC_backend_refused, 1);
    refuse(gate, command, verdict->err, verdict->message);
}

static void on_answered(struct peer_errand *errand, struct peer_host *host)
{
    struct question *question = (struct question *)(void *)errand;
    struct gate_verdict verdict = {.err = ERR_BACKEND_UNAVAILABLE};
    struct arena arena;
    arena_init(&arena, ARENA_BLOCK_BYTES);
    if (host) {
        struct line *line = line_find(host->gate, question->session);
        assert(line);
        if (question->ask.err == OK)
            verdict = gate_read_answer(&arena, buf_span(&question->ask.answer));
        if (!is_void(line, line_first(line)))
            decide(host->gate, line_take(host->gate, line), question, &verdict);
        advance(host->gate, line);
    }
    arena_deinit(&arena);
    buf_deinit(&question->ask.body);
    buf_deinit(&question->ask.answer);
    free(question);
}

/* ---- from outside ---- */

static bool is_full(const struct gate *gate, const struct line *line)
{
    return line && (line->count >= gate->rules.waiting_max || line->bytes >= gate->rules.waiting_bytes_max);
}

/* Is there a place for one more? What a session says when it goes always has one: there is as much of it as it has rooms. */
static bool has_place(struct gate *gate, const struct line *line, const struct command *command)
{
    struct session *session;
    if (is_full(gate, line) && (session = session_find(gate->host, command->session)))
        session_end(session, ERR_OVERLOADED);
    if (command->kind == COMMAND_LEAVE)
        return true;
    return !is_full(gate, line) && gate->held < gate->rules.held_max && gate->held_bytes < gate->rules.held_bytes_max;
}

void gate_send(struct gate *gate, struct command *command)
{
    struct line *line = line_find(gate, command->session);
    if (!line && !hook_in_force(gate, command)) {
        forward(gate, command);
        return;
    }
    if (!gate->rules.has_backend) {
        refuse(gate, command, ERR_BACKEND_UNAVAILABLE, SPAN_EMPTY);
        return;
    }
    if (!has_place(gate, line, command)) {
        refuse(gate, command, ERR_OVERLOADED, SPAN_EMPTY);
        return;
    }
    if (line) {
        line_add(gate, line, command);
        return;
    }
    line = line_new(gate, command->session);
    line_add(gate, line, command);
    ask(gate, command);
}

void gate_revoke(struct gate *gate, session_id session)
{
    struct line *line = line_find(gate, session);
    if (line)
        line->is_revoked = true;
}

uint32_t gate_held(const struct gate *gate)
{
    return gate->held;
}

struct gate *gate_new(struct peer_host *host, const struct gate_rules *rules)
{
    struct gate *gate = NEW(struct gate);
    gate->host = host;
    gate->rules = *rules;
    map_init(&gate->lines);
    map_init(&gate->remembered);
    return gate;
}

void gate_free(struct gate *gate)
{
    struct map_entry *entry;
    if (!gate)
        return;
    while ((entry = map_first(&gate->lines)) != NULL)
        line_free(gate, entry->value);
    map_deinit(&gate->lines);
    forget_all(gate);
    map_deinit(&gate->remembered);
    free(gate);
}
