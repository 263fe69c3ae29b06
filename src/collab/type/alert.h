/* alert.h: alert rules of a type (low stock, a cash balance under its threshold). Pure. A rule fires when a change
 * makes its condition true that was false before (or on creation), not while it stays true. */
#pragma once

#include "collab/change/change.h"

struct alert {
    const struct alert_rule *rule;
    struct span title, message; /* in the arena, with {field} replaced */
    double value, limit;
};

/* Gives how many of the type's rules fire (at most max) between two states' texts (before may be empty). */
uint32_t alert_check(struct arena *arena, const struct type *type, struct span before, struct span after,
                     struct alert *alerts, uint32_t max);
