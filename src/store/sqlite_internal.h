/* sqlite_internal.h: the SQLite engine behind store.h, as its own files see it. A store is used by one thread at a
 * time, a reader by another; they meet in the file only.
 *
 *   store_sqlite.c    opening, closing, transactions        store_schema.c   tables; whether a file is ours and sound
 *   store_rooms.c     what is remembered of rooms           store_commit.c   one commit
 *   store_execute.c   a batch of requests                   store_answer.c   what is asked between commits
 *   store_tidy.c      checkpoints, old events and keys      store_age.c      old activities, messages, notifications
 *   store_object.c    what is kept beside records           store_index.c    where events are found
 *   store_object_list.c  the same for readers               store_activity.c what people did, for readers
 *   store_accounts.c  accounts, logins, revoked tokens, small values
 *   store_import.c    records in bulk, generated numbers    store_list.c     filtered, sorted pages
 *   store_past.c      what a record was                     store_history.c  the same for readers
 *   store_log.c       all events, one after the other
 *   store_reader.c    the reading connection                store_page.c     how long a page is, and where the next begins
 *   store_backup.c    backup, restore                       store_search.c   what a text contains
 *   sql.c             SQLite's interface in our words       grant.c          a lock's token in what is written of it */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "store/sql.h"
#include "store/store.h"

#include <locale.h>

#define SCHEMA_VERSION 3

/* What the file remembers in the table meta under these names, besides what others put there. */
#define META_EPOCH "store.epoch"       /* of all durable rooms; 0 in a backup: a new one is drawn when it is opened */
#define META_IS_OPEN "store.is_open"   /* 1 from opening to closing: the file may not be whole without its WAL */
#define META_OPENED "store.opened"     /* how often it was opened: tells a WAL from an older one */
#define META_TIDIED "store.tidied"     /* events up to this seq were looked at and what was old of them removed */
#define META_INDEXED "store.indexed"   /* events up to this seq are in the indexes */
#define META_SEQUENCE "store.sequence" /* no event gets a seq up to this one any more */

/* By so much the seqs go on further in a copy that is taken back into use: more than is ever committed between a copy and its return. */
#define SEQUENCE_LEAP ((uint64_t)1 << 32)

#define DAY_MS ((uint64_t)86400000)

/* Every how many versions the whole state is kept: reading version N folds at most this many changes less one. */
enum { MILESTONE_EVERY = 64 };

/* Inboxes are looked at when so many notifications came. */
enum { INBOX_MAX = 1000, INBOX_LOOK_EVERY = 32, INBOX_SLOTS = 4096, INBOXES_NOTED_MAX = 64 };

/* So many events that are in no index yet are enough for a step. */
enum { INDEX_ENOUGH = 512 };

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
    uint64_t log_events_max, log_age_ms, op_age_ms, activity_age_ms, message_age_ms, history_age_ms;
    struct span folder;
    int lock; /* the lock file's descriptor */
    uint64_t epoch, next_seq, tidied, indexed;
    struct room_cache rooms;
    struct stored_type *types;
    uint32_t type_count;
    struct buf key, places, line; /* scratch */
    bool is_failing;              /* the last transaction failed: said once in the log */
    bool is_stale; /* what is remembered below must be read again: it ran ahead of a transaction that failed */
    /* store_tidy.c */
    int wal_frames, checkpoint_frames;
    int64_t tidy_due_ms, expire_due_ms, index_due_ms;
    struct crowded_room {
        int64_t room_id;
        uint64_t upto;
    } crowded[64];
    uint32_t crowded_count;
    /* store_age.c */
    uint8_t fresh[INBOX_SLOTS];          /* notifications that came since a look, by the hash of whose they are */
    struct span full[INBOXES_NOTED_MAX]; /* whose inboxes are to be looked at; owned */
    uint32_t full_count;
    /* store_cut.c */
    struct cut {
        int64_t room_id;
        uint64_t version, seq; /* of a milestone */
    } cut_place;               /* the last one that was looked at */
    int64_t cut_due_ms;
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

/* What a file of version `from` lacks (0: an empty one), in one transaction. */
must_check enum err schema_bring_up(sqlite3 *db, int from, struct buf *why);
/* 0: the file is empty. ERR_CONFIG: it is another program's, or newer than this one. */
must_check enum err schema_identify(sqlite3 *db, int *version, struct buf *why);
/* Whether it has what this version had, and nothing else. */
must_check enum err schema_compare(sqlite3 *db, int version, struct buf *why);
must_check enum err schema_examine(sqlite3 *db, const char *pragma, struct buf *why); /* "PRAGMA quick_check(1)" */

/* ---- store_rooms.c ---- */

void rooms_init(struct room_cache *cache);
void rooms_forget(struct room_cache *cache);
/* What is given stays valid until some thousand other rooms were asked for. */
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

/* ---- store_answer.c ---- */

/* What is not a commit. The result is the request's. */
must_check enum err request_answer(struct store *store, struct store_request *request);
void request_drop_events(struct store_request *request, uint64_t place_count); /* gives up what was read */

/* ---- store_object.c ---- */

/* Whether each of a commit's objects has the revision that comes next. */
must_check enum err objects_check(struct store *store, const struct store_request *request, bool *is_good);
must_check enum err objects_put(struct store *store, const struct store_request *request, int64_t wall_ms);
/* Columns id, room, owner, state, time_ms, revision, body. */
void object_read(sqlite3_stmt *statement, struct arena *arena, struct object *out);
/* The rest of an object of which kind and id are known; ERR_NOT_FOUND leaves it empty. */
must_check enum err object_find(struct sql *sql, struct arena *arena, struct object *object);
/* Of an owner in a state: those that may be seen. */
must_check enum err objects_count(struct sql *sql, enum object_kind kind, struct span owner, struct span state,
                                  const struct object_rights *rights, uint64_t *out);
/* STORE_ROLES_READ (store_accounts.c) */
must_check enum err accounts_read_roles(struct store *store, struct store_request *request);
must_check enum err objects_list(struct store *store, struct store_request *request); /* STORE_OBJECTS_LIST */
/* The locks of a room, in the request's arena. */
must_check enum err objects_load_locks(struct store *store, struct store_request *request, struct span room);

/* ---- store_index.c ---- */

/* `places`: (room id, offset) pairs of one event. */
void places_append(struct buf *places, int64_t room_id, uint64_t offset);
bool places_next(struct span *places, int64_t *room_id, uint64_t *offset);
bool places_next_in(struct span *places, int64_t room_id, uint64_t *offset); /* of one room; *offset stays at the end */
/* An event's line of the activity feed. Reading leaves seq and body alone; false: it has none. */
void line_append(struct buf *line, const struct commit_activity *activity, int64_t time_ms);
must_check bool line_read(struct span line, struct activity_row *row);
/* Brings the indexes up to date, in transactions of its own: as one more step of the housekeeping, when it is time; whole. */
void index_look(struct store *store, int64_t wall_ms);
must_check enum err index_all(struct store *store);
bool index_is_whole(const struct store *store);
/* Events after `indexed` and before a seq, newest first: columns seq, rooms, line, body. */
sqlite3_stmt *index_tail(struct sql *sql, uint64_t indexed, uint64_t before);
/* Raises *head to the greatest offset that the tail has in the room. */
must_check enum err index_tail_head(struct store *store, int64_t room_id, uint64_t *head);

/* ---- store_past.c ---- */

/* A record of which something was kept. */
struct lineage {
    int64_t room_id;
    uint64_t version, last_change; /* now */
};
/* Where one is, going backwards through a record's changes. */
struct past_step {
    uint64_t seq;          /* the next one to read; 0: there is none */
    uint64_t version;      /* of the one that was read */
    size_t bytes;          /* its body */
    struct change *change; /* it; NULL: its version was not below `before` */
};
/* To come to a version soon: at the last change, or at the first one from that version on whose state was kept. */
must_check enum err past_start(struct sql *sql, const struct lineage *record, uint64_t version, struct past_step *step);
/* Reads the change at step->seq, when its version is below `before`, and moves on to the one before it. */
must_check enum err past_step_back(struct sql *sql, struct arena *arena, uint64_t before, struct past_step *step);
/* The state at an earlier version: the nearest one that was kept whole, and the changes since then applied again.
 * ERR_NOT_FOUND: there was no such record then. ERR_BAD_VERSION: it is not kept any more. */
must_check enum err past_state(struct sql *sql, struct arena *arena, const struct lineage *record, uint64_t version,
                               struct span *state, int64_t *time_ms);

/* The first version that can be read: 1, or where the history was cut. */
must_check enum err past_first(struct sql *sql, int64_t room_id, uint64_t *version);
/* Which version was current at a moment; ERR_NOT_FOUND: none. */
must_check enum err past_version(struct sql *sql, struct arena *arena, const struct lineage *record, int64_t time_ms,
                                 uint64_t *version);

/* ---- store_page.c ---- */

enum { PAGE_BYTES_MAX = 4 * 1024 * 1024, PAGE_LIMIT_MAX = 1000 };
/* A place in an order, as a cursor tells it; `query` says of which question. */
struct place {
    uint64_t query;
    int64_t at, row;
};
/* What the question was: its parts. */
uint64_t place_query(const struct span *parts, size_t count);
struct span place_print(struct arena *arena, const struct place *place);
/* ERR_BAD_FIELD: not one of that question's. */
must_check enum err place_read(struct span cursor, uint64_t query, struct place *out);

/* ---- store_tidy.c ---- */

void tidy_init(struct store *store);
/* The room has a thousand events more: those beyond the limit go with the next step. */
void tidy_note_crowded(struct store *store, int64_t room_id, uint64_t head);

/* `age_ms` before now, or the beginning of time. */
int64_t tidy_oldest(int64_t wall_ms, uint64_t age_ms);

/* ---- store_age.c ---- */

/* Somebody got a notification. */
void inboxes_note(struct store *store, struct span owner);
void inboxes_forget(struct store *store);
/* Whether anything is older than it may be, or an inbox was filled. */
must_check enum err aged_look(struct store *store, int64_t wall_ms, bool *has);
must_check enum err aged_drop(struct store *store, int64_t wall_ms); /* one step of it */

/* ---- store_cut.c ---- */

/* A milestone before which a history can be cut off; version 0: none for now. */
must_check enum err cut_look(struct store *store, int64_t wall_ms, struct cut *found);
must_check enum err cut_drop(struct store *store, const struct cut *place);

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
