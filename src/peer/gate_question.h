/* gate_question.h: what an application's backend is asked about a command, and what its answer means: JSON in snake_case. Pure. */
#pragma once

#include "peer/gate.h"

/* Which bit of gate_rules.asks the command needs; 0: it is never asked about. */
unsigned gate_hook_of(const struct command *command);
/* {"hook", "user": {...}, "room", "entity_type"?, "entity_id"?, and what the command says}. */
void gate_print_question(struct buf *out, const struct command *command, const struct type_registry *registry);

#define GATE_MESSAGE_BYTES_MAX 500

struct gate_verdict {
    enum err err;        /* OK, ERR_BACKEND_REFUSED, ERR_BACKEND_UNAVAILABLE: it says nothing that we understand */
    struct span message; /* of a refusal, one line; in the arena; empty: none */
    uint64_t cache_ms;   /* with OK: for how long it may be remembered */
};
struct gate_verdict gate_read_answer(struct arena *arena, struct span text);
