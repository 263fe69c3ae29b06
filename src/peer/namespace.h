/* namespace.h: Socket.IO namespaces that relay an application's own rooms and events, as configured (`namespaces`). Immutable; shared by all workers.
 *
 *     "namespaces": {
 *         "/chat":  {"anonymous": true, "echo": true},
 *         "/board": {"join": ["join-board"], "leave": ["leave-board"], "volatile": ["pointer"]}
 *     }
 *
 * anonymous  nobody has to log in (default false)
 * join       events whose first argument names a room to join: a string, or an object with `room` (default ["join"])
 * leave      the same for leaving (default ["leave"])
 * echo       the sender hears its own events too, as with io.emit (default false)
 * volatile   events that are not kept for those who come back (default none)
 * recovery   a socket whose connection breaks may come back within two minutes and gets what it missed (default false)
 *
 * Every other event goes to the others in the room that its first argument names by `room`, else in all rooms that the socket has joined, else in the whole
 * namespace. `/relay` is there without configuration, for users who are logged in. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct namespace
{
    struct span name; /* "/chat" */
    bool is_anonymous, echoes, recovers;
    struct span *joins, *leaves, *volatiles;
    uint32_t join_count, leave_count, volatile_count;
};

struct namespaces {
    struct arena arena;
    struct namespace *list;
    uint32_t count;
};

/* `json` may be empty. ERR_CONFIG with a sentence in *why. namespaces_deinit in any case. */
must_check enum err namespaces_init(struct namespaces *namespaces, struct span json, struct buf *why);
void namespaces_deinit(struct namespaces *namespaces);
const struct namespace *namespace_find(const struct namespaces *namespaces, struct span name);
bool namespace_joins(const struct namespace *namespace, struct span event);
bool namespace_leaves(const struct namespace *namespace, struct span event);
bool namespace_is_volatile(const struct namespace *namespace, struct span event);
