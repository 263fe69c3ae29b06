/* type.h: business types as data: fields, strategy, channel, actions, alert rules, roles. A registry is built once
 * from JSON (the built-in configuration, then the file's types over it) and is immutable afterwards: any thread may
 * read it. A reload builds a new one; identities and records keep a reference to the one they were made with. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "wire/json.h"

enum field_kind {
    FIELD_STRING,
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_INTEGER,
    FIELD_BOOLEAN,
    FIELD_ENUM,
    FIELD_DATE,
    FIELD_REFERENCE,
    FIELD_JSON,
    FIELD_OBJECT,
    FIELD_COLLECTION
};
enum strategy {
    STRATEGY_LAST_WRITE_WINS,
    STRATEGY_OPERATIONAL_TRANSFORM,
    STRATEGY_CRDT,
    STRATEGY_LOCK_BASED,
    STRATEGY_MANUAL
};
enum write_mode {
    WRITE_AUTHORITATIVE,
    WRITE_BROADCAST, /* announced, and kept by nobody */
    WRITE_PROXIED,   /* as authoritative, once the application's backend has said yes: peer/gate.h asks it */
};

struct role_set { /* roles by name; `any`: everybody who is logged in */
    bool any;
    uint32_t count;
    struct span *names;
    uint64_t bits; /* the same: a bit per role that the registry knows */
};

struct field {
    struct span name;
    struct span title; /* for people; the name when there is none */
    enum field_kind kind;
    uint32_t index;                 /* in its type: the bit in a field mask (at most 64 fields a type) */
    bool is_required, is_read_only; /* read-only: actions and the server may set it, clients may not */
    bool has_min, has_max;
    double min, max; /* of numbers; of strings max is the length in characters */
    uint32_t value_count;
    struct span *values; /* of an enum */
    struct span target;  /* of a reference: the type's name */
    bool has_strategy;
    enum strategy strategy;
    struct role_set read, write; /* empty and not any: as the type */
    yyjson_val *fallback;        /* "default", or NULL */
};

struct action_assignment {
    const struct field *field;
    bool adds;         /* to the number that is there, instead of replacing it */
    yyjson_val *value; /* a JSON value; "$user", "$username", "$now", "$input.NAME" are replaced ("$input.NAME?" may
                        * be missing: then nothing is assigned) */
};

struct action {
    struct span name;  /* "approve" */
    struct span title; /* for people; the name when there is none */
    struct span event; /* the past participle in events: "approved", "implemented", else "updated" */
    struct role_set roles;
    uint32_t condition_count; /* all must hold: field's value is one of values */
    struct action_condition {
        const struct field *field;
        uint32_t value_count;
        struct span *values; /* as text: strings without quotes, other values as JSON; empty: the field has no value */
    } * conditions;
    uint32_t assignment_count;
    struct action_assignment *assignments;
};

enum comparison { COMPARE_BELOW, COMPARE_AT_MOST, COMPARE_ABOVE, COMPARE_AT_LEAST, COMPARE_EQUAL };
struct alert_rule {
    struct span name; /* "low_stock" */
    const struct field *field;
    enum comparison comparison;
    const struct field *against; /* or NULL: */
    double value;
    struct span priority;       /* "low", "normal", "high", "urgent" */
    struct span title, message; /* "{sku} is low: {qty_on_hand} left" */
    struct role_set audience;   /* empty: everybody who may read the record */
    uint64_t shown;             /* the fields that it tells about: whoever may not read them all is not told */
    uint32_t notify_count;      /* into whose inboxes it comes: */
    struct alert_notify {
        const struct field *field; /* whose value is a username; or NULL: */
        struct span name;          /* a username, or '@' and a role */
    } * notify;
};

struct type {
    struct span name;      /* "work_order" */
    struct span title;     /* "Work order" */
    struct span channel;   /* "order-updates" */
    struct span id_prefix; /* "WO-" */
    struct span label;     /* the field that names a record to people */
    uint32_t alias_count;
    struct span *aliases; /* "item" for inventory */
    uint32_t context_count;
    struct span *context; /* fields whose values go along with every change */
    enum strategy strategy;
    uint32_t strategies_allowed; /* bit per strategy */
    enum write_mode write_mode;
    bool enforces_locks;
    uint32_t field_count, action_count, alert_count, index;
    struct field *fields;
    struct action *actions;
    struct alert_rule *alerts;
    struct role_set read, create, update, delete;
    struct role_set force_locks, revert_others; /* empty: nobody but admins */
    struct type_registry *registry;             /* it belongs to */
};

static inline bool type_is_stored(const struct type *type)
{
    return type->write_mode != WRITE_BROADCAST;
}

#define REGISTRY_ROLES_MAX 64
#define TYPE_ALERTS_MAX 32
#define ALERT_NOTIFY_MAX 8

struct type_registry {
    _Atomic uint32_t ref_count;
    struct arena arena;
    struct type *types;
    uint32_t type_count;
    struct map by_name; /* names and aliases */
    struct map by_channel;
    struct json sources[2];                /* what the spans and values point into */
    struct span roles[REGISTRY_ROLES_MAX]; /* every role that is named anywhere; the first is `admin` */
    uint32_t role_count;
    struct access *_Atomic accesses; /* access_of's, newest first: they are only ever added */
};

/* Both texts are JSON objects, type name -> type; `extra` may be empty and adds to or replaces `builtin`. ERR_CONFIG
 * with a sentence (type, field, why) in *why. One reference, the caller's. docs/types.md describes the format. */
must_check enum err type_registry_new(struct span builtin, struct span extra, struct type_registry **out,
                                      struct buf *why);
struct type_registry *type_registry_ref(struct type_registry *registry);
void type_registry_unref(struct type_registry *registry);

const struct type *type_find(const struct type_registry *registry, struct span name); /* name or alias; NULL: none */
const struct type *type_find_channel(const struct type_registry *registry, struct span channel);
/* "work_order:WO-1001" -> the type and the id; NULL when the room is no record's. Aliases are accepted. */
const struct type *type_of_room(const struct type_registry *registry, struct span room, struct span *id);
const struct field *type_field(const struct type *type, struct span name);
const struct action *type_action(const struct type *type, struct span name);
const char *strategy_name(enum strategy strategy);
bool strategy_parse(struct span name, enum strategy *out);
/* A record's id: 1-128 bytes of UTF-8 without control characters, blanks at the ends, or '/'. */
bool record_id_is_valid(struct span id);
/* Whether a value suits a field: kind, range, length, the values of an enum. null suits none: that is for the caller.
 * Of a collection it is asked that each item is an object with an `id` and a `pos`, no id twice. */
bool field_accepts(const struct field *field, yyjson_val *value);
bool field_number_fits(const struct field *field, double number);  /* of a number or integer field */
bool field_text_fits(const struct field *field, struct span text); /* of a string or text field */
bool item_id_is_valid(struct span id);                             /* a record's id of at most 64 bytes */
/* A key that orders items: 1-64 printable ASCII characters, no blank, quote or backslash; compared as bytes. */
bool order_key_is_valid(struct span key);
