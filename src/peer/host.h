/* host.h: what a worker lends to the clients it serves. One per worker; everything here belongs to its thread unless it says otherwise. server/worker.c
 * makes it and fills in the doors to the rest of the program; tests fill in doubles. */
#pragma once

#include "auth/jwt.h"
#include "auth/origin.h"
#include "base/map.h"
#include "collab/hub.h"
#include "net/mailbox.h"
#include "net/static_files.h"
#include "net/websocket_conn.h"
#include "peer/admission.h"
#include "store/store_thread.h"

struct session;
struct peer_host;
struct socketio_peers;
struct namespaces;
struct conn_parcel;
struct gate;

/* Work that travels between workers: `run` is called where it was sent, and sends it on or frees it. A host of NULL says
 * that nobody is left there: free it. */
struct peer_errand {
    struct mail mail; /* first */
    void (*run)(struct peer_errand *errand, struct peer_host *host);
};

/* A question to an application's backend (server/backend.h), on its way there and back. */
struct backend_ask {
    struct peer_errand errand; /* first: run by whoever asked, when it is answered */
    unsigned worker;           /* that asked; filled in by the door */
    uint64_t asked_ms;         /* the backend's thread's */
    struct buf body;           /* the question, a JSON object */
    enum err err;              /* then: OK or ERR_BACKEND_UNAVAILABLE, */
    struct buf answer;         /* and with OK a JSON object, at most 64 KiB */
};

struct peer_limits {
    uint32_t rooms_per_session_max;                           /* 128 */
    uint32_t sessions_per_user_max;                           /* 50; 0: no limit */
    double messages_per_second, messages_burst;               /* 100, 200; 0: no limit */
    double bytes_per_second, bytes_burst;                     /* 1 MiB */
    uint32_t errors_per_minute_max;                           /* 10; 0: no limit */
    uint64_t auth_ms;                                         /* 10,000 */
    size_t message_bytes_max;                                 /* 64 KiB */
    uint64_t ping_ms, dead_ms;                                /* 30,000, 60,000 */
    uint64_t sse_heartbeat_ms;                                /* 15,000 */
    uint64_t engine_ping_interval_ms, engine_ping_timeout_ms; /* 25,000, 20,000 */
    size_t engine_payload_bytes_max;                          /* 1,000,000 */
    uint32_t changes_per_minute_max;                          /* 100, in the projects vocabulary; 0: no limit */
    uint64_t token_ttl_s, login_ttl_s;
    uint32_t list_rows_max;     /* 1,000 */
    uint32_t replay_events_max; /* handed to a session at once */
};

/* How tokens are checked and made: replaced as a whole by a reload, never changed. */
struct token_rules {
    struct jwt_keys *keys;  /* the server's own and the configured ones */
    struct jwt_rules rules; /* of foreign tokens */
    struct span own_key_id; /* tokens with this key id and issuer are our accounts' */
    struct span own_secret, own_issuer, own_audience;
    uint64_t ttl_s;
};

struct peer_host {
    unsigned worker, worker_count;
    struct loop *loop;
    struct conn_host *conn_host;
    struct hub *hub; /* this worker's; rooms elsewhere are reached by send_command */
    struct type_registry *registry;
    const struct peer_limits *limits;
    const struct token_rules *tokens;
    const struct origin_rules *origins;
    struct static_files *files;
    struct span limits_text;     /* the limits in force as /metrics shows them */
    struct admission *admission; /* shared by all workers, guarded inside */
    struct deflater *deflater;   /* shared kind */
    bool is_ready, is_draining;
    bool trusts_forwarded;
    int64_t wall_ms; /* of this turn; set with the hub's time */

    struct map sessions; /* session id (8 bytes) -> struct session */
    uint64_t session_serial;
    struct map slices;    /* room -> struct slice */
    uint64_t revocations; /* how often something was to be forgotten (credentials.c) */
    struct map logins;    /* cookie key (32 bytes) -> struct cached_login (credentials.c) */
    struct list sessions_all;
    const struct http_limits *http_limits; /* of the connections here: peer_serve's */
    struct socketio_peers *socketio;       /* socketio_session.h: the worker's; NULL in tests without it */
    const struct namespaces *namespaces;   /* relays as configured; NULL: none */
    struct gate *gate;   /* what a backend is asked about on the way to the rooms; NULL: nothing. The worker's */
    bool asks_who;       /* a backend is asked whom unknown tokens stand for, */
    uint64_t who_max_ms; /* and is believed for so long at most */

    /* Doors. `world` is the worker. */
    void *world;
    void (*send_command)(void *world, struct command *command); /* to its room's home; takes */
    void (*write_job)(void *world, struct store_job *job);      /* takes; done() is called here later */
    void (*read_job)(void *world, struct store_job *job);       /* takes */
    bool (*compute_job)(void *world, struct store_job *job);    /* takes unless it gives false: too busy */
    /* Ends every session of a user (or only those of one login key) on all workers, and forgets what was cached about them. */
    void (*revoke)(void *world, struct span user_id, struct span login_key);
    /* A connection that belongs to another worker goes there; takes parcel. */
    void (*hand_over)(void *world, unsigned worker, struct conn_parcel *parcel);
    void (*send_errand)(void *world, unsigned worker, struct peer_errand *errand); /* takes */
    void (*ask_backend)(void *world, struct backend_ask *ask); /* takes; with gate and asks_who only */
};

void peer_host_init(struct peer_host *host);   /* the maps and lists */
void peer_host_deinit(struct peer_host *host); /* every session must be gone */

/* From the hubs: answers to commands and events for the listeners here. */
void peer_host_on_answer(struct peer_host *host, struct answer *answer); /* takes */
void peer_host_on_event(struct peer_host *host, struct event *event);    /* borrows */
/* From revoke on any worker. */
void peer_host_on_revoke(struct peer_host *host, struct span user_id, struct span login_key);
/* 1012 to every client in batches; true while some are left (call again each turn). */
bool peer_host_drain(struct peer_host *host, unsigned batch);
