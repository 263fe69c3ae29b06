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
 * recovery   a socket whose connection breaks may come back and gets what it missed (default false): true, or within how many milliseconds (true: two minutes)
 * relay      false, of `/` alone: it speaks the server's own vocabularies, as without configuration (default true)
 *
 * A name may be a pattern: with `*` for any characters but a slash ("/tenant-*"), or a regular expression between slashes ("/^\\/tenant-[0-9]+$/"; extended
 * POSIX, and \\d). Each name that matches is a namespace of its own; a name that stands there itself counts before patterns.
 *
 * Every other event goes to the others in the room that its first argument names by `room`, else in all rooms that the socket has joined, else in the whole
 * namespace. `/relay` is there without configuration, for users who are logged in. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <regex.h>

enum namespace_kind { NAMESPACE_NAMED, NAMESPACE_WILD, NAMESPACE_REGEX };

struct namespace
{
    struct span name; /* "/chat", or the pattern */
    enum namespace_kind kind;
    regex_t regex; /* of NAMESPACE_REGEX */
    bool is_relay, is_anonymous, echoes;
    uint64_t recovery_ms; /* 0: no recovery */
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
/* The one of that name, or the first pattern that it matches. */
const struct namespace *namespace_find(const struct namespaces *namespaces, struct span name);
bool namespace_joins(const struct namespace *namespace, struct span event);
bool namespace_leaves(const struct namespace *namespace, struct span event);
bool namespace_is_volatile(const struct namespace *namespace, struct span event);
