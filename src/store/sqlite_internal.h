/* sqlite_internal.h: the SQLite engine behind store.h, as its own files see it. A store is used by one thread at a
 * time, a reader by another; they meet in the file only.
 *
 *   store_sqlite.c    opening, closing, transactions        store_schema.c   tables; whether a file is ours and sound
 *   store_rooms.c     what is remembered of rooms           store_commit.c   one commit
 *   store_execute.c   a batch of requests                   store_tidy.c     checkpoints, what is old
 *   store_accounts.c  accounts, logins, revoked tokens, small values
 *   store_import.c    records in bulk, generated numbers    store_list.c     filtered, sorted pages
 *   store_history.c   one record, now and then              store_backup.c   backup, restore
 *   store_reader.c    the reading connection                store_search.c   what a text contains
 *   sql.c             SQLite's interface in our words */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "store/sql.h"
#include "store/store.h"

#include <locale.h>

#define SCHEMA_VERSION 1

/* What the file remembers in the table meta under these names, besides what others put there. */
#define META_EPOCH "store.epoch"     /* of all durable rooms; 0 in a backup: a new one is drawn when it is opened */
#define META_IS_OPEN "store.is_open" /* 1 from opening to closing: the file may not be whole without its WAL */
#define META_OPENED "store.opened"   /* how often it was opened: tells a WAL from an older one */
#define META_TIDIED "store.tidied"   /* events up to this seq were looked at and what was old of them removed */

/* Every how many versions the whole state is kept: reading version N folds at most this many changes less one. */
enum { MILESTONE_EVERY = 64 };

/* A room as the writer remembers it. */
struct stored_room {
    struct list node; /* most recently used first */
    int64_t id;       /* 0: has no row yet */
    uint64_t head;    /* offset of its last event */
    bool is_record;   /* has a row in the table record: */
    bool is_deleted;
    uint64_t version;           /* 0: there never was such a record */
    uint64_t last, last_change; /* seqs */
    struct span name;
    char text[];
};

struct room_cache {
    struct map by_name;
    struct list recent;
    size_t count, count_max;
};

struct stored_type {
    int64_t id;
    struct span name; /* owned */
    bool knows_number;
    uint64_t number;   /* the last generated one */
    uint64_t reserved; /* the table counter says this; what is between was given out by nobody yet */
};

struct store {
    struct sql sql;
    struct arena arena; /* lives as long as the store */
    struct type_registry *registry;
    uint64_t log_events_max, log_age_ms, op_age_ms;
    struct span folder;
    int lock; /* the lock file's descriptor */
    uint64_t epoch, next_seq, tidied;
    struct room_cache rooms;
    struct stored_type *types;
    uint32_t type_count;
    struct buf key, places; /* scratch */
    bool is_failing;        /* the last transaction failed: said once in the log */
    bool is_stale;          /* what is remembered below must be read again: it ran ahead of a transaction that failed */
    /* store_tidy.c */
    int wal_frames, checkpoint_frames;
    int64_t tidy_due_ms, expire_due_ms;
    struct crowded_room {
        int64_t room_id;
        uint64_t upto;
    } crowded[64];
    uint32_t crowded_count;
};

struct store_reader {
    struct sql sql;
    struct buf name, text; /* scratch */
    locale_t locale;       /* what letters are the same in any case; 0: none that knows */
    uint64_t deadline_ms;  /* of the statement that runs, monotonic */
    uint64_t statement_ms;
    struct span folder;
    struct arena arena;
};

/* ---- store_sqlite.c ---- */

/* folder/collabd.db and so on; NUL-terminated, in the arena. */
const char *store_file(struct arena *arena, struct span folder, const char *name);
must_check enum err store_make_folder(struct span folder, struct buf *why);
/* Nobody else may have the folder's database open for writing: gives a descriptor to close. ERR_CONFIG. */
must_check enum err store_lock(struct span folder, int *lock, struct buf *why);
/* When it fails it is ended already. */
must_check enum err store_begin(struct store *store);
/* Commits when err is OK, else rolls back; gives what it came to. After a failure nothing that was remembered is
 * believed any more. */
must_check enum err store_end(struct store *store, enum err err);
must_check enum err store_type_id(struct store *store, struct span name, struct stored_type **out);
must_check enum err meta_get_number(struct sql *sql, const char *name, uint64_t *out); /* 0: it is not there */
must_check enum err meta_put_number(struct sql *sql, const char *name, uint64_t number);

/* ---- store_schema.c ---- */

must_check enum err schema_create(sqlite3 *db, struct buf *why);
/* ERR_CONFIG: it is another program's, or newer than this one. */
must_check enum err schema_identify(sqlite3 *db, bool *is_new, struct buf *why);
must_check enum err schema_compare(sqlite3 *db, struct buf *why);
must_check enum err schema_examine(sqlite3 *db, const char *pragma, struct buf *why); /* "PRAGMA quick_check(1)" */

/* ---- store_rooms.c ---- */

void rooms_init(struct room_cache *cache);
void rooms_forget(struct room_cache *cache);
/* What is given stays valid until some hundred other rooms were asked for. */
must_check enum err rooms_find(struct store *store, struct span name, struct stored_room **out);
must_check enum err rooms_make(struct store *store, struct stored_room *room); /* its row, when it has none */
/* The row in record, too: it is the room of that record. */
must_check enum err rooms_make_record(struct store *store, struct stored_room *room, const struct type *type,
                                      struct span id);

/* ---- store_commit.c ---- */

/* Writes one commit inside a transaction. The result is the transaction's; the request's own is in request->err. */
must_check enum err commit_write(struct store *store, struct store_request *request, int64_t wall_ms);
/* Whether the request's key was used before; then its result is the first answer again, or ERR_ID_REUSED. */
must_check enum err op_find(struct store *store, struct store_request *request, bool *found);
/* "work_order:WO-1001" */
void record_room_name(struct buf *out, const struct type *type, struct span id);

/* ---- store_tidy.c ---- */

/* `places`: (room id, offset) pairs of one event. */
void places_append(struct buf *places, int64_t room_id, uint64_t offset);
bool places_next(struct span *places, int64_t *room_id, uint64_t *offset);
void tidy_init(struct store *store);
/* The room has a thousand events more: those beyond the limit go with the next step. */
void tidy_note_crowded(struct store *store, int64_t room_id, uint64_t head);

/* ---- store_import.c ---- */

/* An id that somebody made: numbers go on after it. */
void numbers_note(struct stored_type *type, const struct type *shape, struct span id);
void numbers_give_back(struct store *store); /* at closing */

/* ---- store_reader.c ---- */

/* The statements of one question have so long together. */
void reader_start_clock(struct store_reader *reader);

/* ---- store_search.c ---- */

must_check enum err search_install(struct store_reader *reader);
void search_uninstall(struct store_reader *reader);
/* As collabd_contains wants its needle. */
void search_fold(const struct store_reader *reader, struct span text, struct buf *out);
