/* contract.h: one record, contract:C-1, of a test's hub (hub_stage.h), whose price is settled by a person when two change it: what clashes, and
 * who decides. */
#pragma once

#include "lib/hub_stage.h"

#define CONTRACT "contract:C-1"

/* A change as a client writes it. */
struct command *contract_change_of(session_id session, const char *json);
struct answer *contract_change(session_id session, const char *json);
/* Version 1 is Li's, version 2 Maria's: the price was 5 and is 6. */
void contract_given(void);
/* Amir makes it 7, from version 1, and adds to the terms. */
struct answer *contract_clash(const char *id);
/* All of it; what Amir wanted waits for somebody to decide. The conflict's id. */
const char *contract_given_conflict(void);

struct command *contract_resolve_of(session_id session, const char *id, const char *input);
struct answer *contract_resolve(session_id session, const char *id, const char *input);

/* The id of the conflict in an answer. */
const char *conflict_id(const struct answer *answer);
const struct object *conflict_stored(const char *id);

/* A conflict was opened, at this version. */
void assert_conflict(const struct answer *answer, uint64_t version);
/* What a JSON pointer leads to in a body, as JSON text; "(nothing)". */
void assert_member(struct span body, const char *pointer, const char *json);
