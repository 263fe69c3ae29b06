/* order.h: one record, order:O-1, of a test's hub (hub_stage.h): Maria writes it and is answered, Amir writes it and does not wait. */
#pragma once

#include "lib/hub_stage.h"

#define ORDER "order:O-1"

/* Maria's. Fields are a merge patch; id is the idempotency key. */
struct answer *order_create(const char *fields);
struct answer *order_update(const char *fields);
struct answer *order_update_as(const char *id, const char *fields);
struct answer *order_delete(void);

struct answer *order_act(session_id session, const char *action, const char *id);

/* Amir's; its tag. */
uint64_t order_send(enum change_kind kind, const char *id, const char *fields);

const struct model_change *order_stored(void);
