/* store.h: what is kept, behind one interface with two engines: SQLite (embedded, the default) and PostgreSQL (many
 * nodes).
 *
 * A store belongs to one thread (store_thread.h) that calls it with batches. The order of changes is the store's: it
 * numbers every durable event in each room that shows it inside the transaction that writes it. The interface is
 * drawn so that PostgreSQL can decide that order for several nodes: versions are checked in the transaction,
 * positions come back from it, nothing assumes that this process is the only writer. Reads of lists and history go
 * through a second, read-only handle (store_reader), so that they never wait for a disk flush. */
#pragma once

#include "collab/object.h"
#include "collab/ports.h"

struct store;
struct store_reader;

struct store_options {
    struct span folder;             /* of the data; for SQLite: folder/collabd.db */
    uint64_t log_events_max;        /* of a room, kept: 10,000 ... */
    uint64_t log_age_ms;            /* ... or this old: 600,000, whichever is reached first */
    uint64_t op_age_ms;             /* idempotency keys: 24 h at least */
    uint64_t activity_age_ms;       /* lines of the activity feed that are no changes; 0: 90 days */
    uint64_t message_age_ms;        /* chat messages; 0: 365 days */
    uint64_t history_age_ms;        /* what records were; 0: for ever */
    struct type_registry *registry; /* NULL: for accounts and copies only */
};

/* ERR_STORAGE, ERR_STORAGE_FULL, ERR_READ_ONLY, ERR_CONFIG (a newer schema, a foreign file, a folder that another
 * process has open) with a sentence in *why. Creates what is missing; checks the file (quick_check) when it was not
 * closed cleanly; notices a WAL that is missing or of another database. */
must_check enum err store_open(const struct store_options *options, struct store **out, struct buf *why);
void store_close(struct store *store);
/* After a reload: in whose types events are read back. Takes a reference of its own. */
void store_set_registry(struct store *store, struct type_registry *registry);

/* Writes a batch in one transaction and makes it durable (WAL, synchronous=FULL) before it returns. Each request
 * gets its own result; requests of the batch that cannot be done (a version conflict, a repeated id) do not harm the
 * others. If the transaction itself fails all get its error and nothing was written. What else `requests` hold only
 * asks: it sees what came before it in the batch. */
void store_execute(struct store *store, struct store_request **requests, size_t count, int64_t wall_ms);
/* Housekeeping in small steps; true when there is more to do. What goes: old events and idempotency keys, logins and
 * tokens that have expired, activities and chat messages that are old, notifications that were read and conflicts that
 * were settled 90 days ago, of each inbox all but the newest 1,000 (looked at every 32 new ones), and histories up to
 * a version that is kept whole (every 64th) and is older than history_age_ms. */
bool store_tidy(struct store *store, int64_t wall_ms);
/* The next free number for generated ids of a type: after every number that an id of the type's form has, never
 * given twice. */
must_check enum err store_next_number(struct store *store, struct span type, uint64_t *out);

/* Accounts and sessions of the embedded database. Spans in results live in the given arena. */
struct account {
    struct span id, username, name, avatar, password_hash; /* hash empty: cannot log in */
    struct span *roles;
    uint32_t role_count;
    bool is_disabled;
    /* Grows when password or roles change or the account is disabled, and when it is put with a greater one: older sessions and
     * tokens end. */
    uint64_t generation;
};
must_check enum err store_account_find(struct store *store, struct arena *arena, struct span username,
                                       struct account *out);
must_check enum err store_account_get(struct store *store, struct arena *arena, struct span id, struct account *out);
must_check enum err store_account_list(struct store *store, struct arena *arena, struct account **out, uint32_t *count);
/* Adds (id empty: the next number; result in account->id) or changes by id. ERR_EXISTS. */
must_check enum err store_account_put(struct store *store, struct arena *arena, struct account *account);
must_check enum err store_account_remove(struct store *store, struct span id); /* its sessions too; ERR_NOT_FOUND */

struct login { /* a cookie session: the key is the SHA-256 of the cookie's value, never the value */
    struct span key;
    struct span user_id;
    int64_t created_ms, expires_ms; /* wall clock */
    uint64_t generation;            /* the account's when it was made */
};
must_check enum err store_login_put(struct store *store, const struct login *login);
must_check enum err store_login_get(struct store *store, struct arena *arena, struct span key, struct login *out);
must_check enum err store_login_remove(struct store *store, struct span key);
must_check enum err store_login_remove_all(struct store *store, struct span user_id);
/* Revoked token ids (jti) until they would have expired anyway. */
must_check enum err store_token_revoke(struct store *store, struct span token_id, int64_t expires_ms);
must_check enum err store_token_is_revoked(struct store *store, struct span token_id, bool *out);
/* Small named values (schema facts, the server's own JWT key). */
must_check enum err store_meta_get(struct store *store, struct arena *arena, struct span name, struct span *value);
must_check enum err store_meta_put(struct store *store, struct span name, struct span value);

/* Bulk loading for demonstration data and imports: records with version 1 and their create changes, in big
 * transactions. Skips ids that exist. Only before anybody listens: the changes are numbered in the records' own
 * rooms, and nobody is told. Stops at a record that its type does not allow (ERR_BAD_FIELD, ...); what was written
 * before stays. */
must_check enum err store_import(struct store *store, const struct type *type, const struct span *ids,
                                 const struct span *states, size_t count, struct span user_id, int64_t wall_ms);

/* A consistent copy while it runs; the file must not exist. Works on a reader. */
must_check enum err store_backup(struct store_reader *reader, struct span file, struct buf *why);
/* Checks the copy (integrity_check, schema, trusted_schema=OFF, no triggers or views of others) and puts it in place
 * of the folder's database with a new epoch. No store may be open on the folder: ERR_CONFIG. */
must_check enum err store_restore(struct span folder, struct span file, struct buf *why);

/* ---- reading: another thread, another connection ---- */
must_check enum err store_reader_open(const struct store_options *options, struct store_reader **out, struct buf *why);
void store_reader_close(struct store_reader *reader);

struct list_filter {
    const struct field *field; /* NULL: the id */
    enum comparison comparison;
    struct span value; /* compared as the field's kind: text or number */
};
struct list_query {
    const struct type *type;
    uint32_t filter_count;
    struct list_filter filters[16];
    /* q: text that any of the searchable fields or the id contains, literally, in any case; <= 256 bytes. */
    struct span search;
    uint64_t searchable;      /* bits of the fields that may be searched */
    const struct field *sort; /* NULL: by id */
    bool is_descending;
    /* Where the last page ended: opaque; empty: the first page. ERR_BAD_FIELD when it is none of ours. */
    struct span cursor;
    uint32_t limit; /* 1..1000 */
};
struct list_row {
    struct span id, state;
    uint64_t version;
    int64_t updated_ms;
};
struct list_page {
    struct list_row *rows;
    uint32_t count;
    struct span next; /* empty: the last page */
    uint64_t total;
};
/* Statement timeout 250 ms: ERR_TIMEOUT. A page has at most about 4 MiB of states: then it is shorter than asked for
 * and has a next one. */
must_check enum err store_list(struct store_reader *reader, struct arena *arena, const struct list_query *query,
                               struct list_page *page);
/* The current state; ERR_NOT_FOUND. */
must_check enum err store_record(struct store_reader *reader, struct arena *arena, const struct type *type,
                                 struct span id, struct list_row *out);
/* The state at a past version; ERR_BAD_VERSION when there was none, ERR_NOT_FOUND when the record did not exist at
 * that version. */
must_check enum err store_record_at(struct store_reader *reader, struct arena *arena, const struct type *type,
                                    struct span id, uint64_t version, struct list_row *out);
/* The state that was current at a moment; ERR_NOT_FOUND when there was none then. */
must_check enum err store_record_at_time(struct store_reader *reader, struct arena *arena, const struct type *type,
                                         struct span id, int64_t time_ms, struct list_row *out);
/* A page may be shorter than asked for: next_before tells whether it is the last one. */
struct history_page {
    struct change **changes; /* newest first */
    uint32_t count;
    uint64_t next_before; /* the `before` of the next page; 0: the last page */
};
must_check enum err store_history(struct store_reader *reader, struct arena *arena, const struct type *type,
                                  struct span id, uint64_t before_version, uint32_t limit, struct history_page *page);

/* ---- reading what is kept beside records (object.h), and what people did ---- Pages, cursors and timeouts as above. */
struct object_query {
    enum object_kind kind;
    struct span room, owner, state; /* empty: any */
    struct span type;               /* in the rooms of this type's records; empty: in any */
    bool newest_first;              /* by the time they were made, else oldest first */
    int64_t past_ms;                /* only those whose expires_at is later (wall clock): locks; 0: all */
    struct span cursor;
    uint32_t limit; /* 1..1000 */
};
struct object_page {
    struct object *objects;
    uint32_t count;
    struct span next; /* empty: the last page */
    uint64_t total;   /* on all pages together */
};
must_check enum err store_objects(struct store_reader *reader, struct arena *arena, const struct object_query *query,
                                  struct object_page *page);
must_check enum err store_object_get(struct store_reader *reader, struct arena *arena, enum object_kind kind,
                                     struct span id, struct object *out); /* ERR_NOT_FOUND */
/* Where people write a user's id or his username: his id, in the arena. It stays as it is when it is empty or no account has either (who is
 * known by his token alone has none). */
must_check enum err store_user_resolve(struct store_reader *reader, struct arena *arena, struct span *user);
/* How many an owner has in a state that may be seen with these rights: unread notifications. Where something may be hidden each is looked
 * at. */
must_check enum err store_object_count(struct store_reader *reader, enum object_kind kind, struct span owner,
                                       struct span state, const struct object_rights *rights, uint64_t *out);

/* The activity feed, newest first. */
struct activity_query {
    struct span user_id, customer_id, action; /* empty: any */
    struct span type, entity_id;              /* of the record; a type alone: all of its records; both empty: any */
    int64_t since_ms, until_ms;               /* from the one on, and before the other; 0: no bound */
    struct span cursor;
    uint32_t limit; /* 1..1000 */
};
struct activity_row {
    uint64_t seq; /* unique, and greater than that of any older one */
    int64_t time_ms;
    struct span action, user_id, type, entity_id, customer_id;
    struct span body; /* the event's stored form: event_read */
};
struct activity_page {
    struct activity_row *rows;
    uint32_t count;
    struct span next; /* empty: the last page */
};
must_check enum err store_activity(struct store_reader *reader, struct arena *arena, const struct activity_query *query,
                                   struct activity_page *page);

/* ---- reading the log, for those who follow it ---- Every durable event once, whatever rooms show it, in the order of the commits. Events that are no
 * changes are removed when they are old: who comes too late finds them gone, and how many they were. */
struct log_row {
    uint64_t seq;     /* grows, with gaps */
    struct span body; /* the event's stored form: event_read */
};
struct log_page {
    struct log_row *rows;
    uint32_t count;
    uint64_t upto;    /* the last one's seq; without any, where it was asked from */
    uint64_t skipped; /* events between that were removed */
};
/* Those after a seq and up to another, at most `limit` (1..1000) of them and about 1 MiB. */
must_check enum err store_log(struct store_reader *reader, struct arena *arena, uint64_t after, uint64_t upto,
                              uint32_t limit, struct log_page *page);
must_check enum err store_log_end(struct store_reader *reader, uint64_t *seq); /* the last event's; 0: there is none */
