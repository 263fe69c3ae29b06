/* hooks.h: the options backend_* and webhook_* as the parts want them that do the work. Main thread. */
#pragma once

#include "peer/gate.h"
#include "server/config.h"

/* What backend_asks lists: *asks are bits of gate_rules, *asks_who says whether unknown tokens are asked about. ERR_CONFIG. */
must_check enum err hooks_asks(const struct config_list *list, unsigned *asks, bool *asks_who, struct buf *why);
/* What webhook_events lists: bits 1 << enum object_kind, and HOOKS_CHANGES. ERR_CONFIG. */
#define HOOKS_CHANGES (1u << OBJECT_KIND_COUNT)
must_check enum err hooks_events(const struct config_list *list, unsigned *kinds, struct buf *why);
/* Of a configuration that config_check found good; without a backend_url nothing is asked. */
struct gate_rules hooks_gate_rules(const struct config *config, bool *asks_who);
