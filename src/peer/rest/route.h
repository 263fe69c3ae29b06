/* route.h: which function answers which request, and the life of a request: it is made when it has come whole, and ends
 * exactly once: answered, forgotten because its connection became something else, or gone with its connection.
 * route_table.c lists all paths, route.c looks them up, request.c has the life; REST endpoints are one file per noun
 * (rest_*.c). Home thread only. */
#pragma once

#include "peer/credentials.h"

struct request {
    struct http_exchange *exchange; /* NULL once the connection is gone: then drop the result */
    struct peer_host *host;
    struct type_registry *registry; /* the one of its first moment: its types stay as long as the request; owned */
    struct identity *identity;      /* NULL on routes that need none */
    struct span payer; /* the user who asks, whomever for: whose rate it is charged to; in the exchange's arena */
    bool is_payer_backend;
    uint32_t paid;       /* what was taken for it */
    uint64_t retry_ms;   /* when there will be enough, if there was not */
    struct span sponsor; /* the backend that asks on the identity's behalf, in the exchange's arena; or empty */
    bool has_login_key;
    uint8_t login_key[32];
    int64_t token_expires_ms;
    bool is_account; /* see credentials.h, as the next two */
    uint64_t generation;
    struct span token_id;    /* in the exchange's arena, as the next */
    struct span segments[4]; /* what {type}, {id}, {action} matched */
    struct session *session; /* when it sent a command: the session that waits for the answer */
    struct credentials_check *check;
    void (*on_answer)(struct request *request, const struct answer *answer);
    void (*on_gone)(struct request *request); /* the connection is gone: lets go of what state holds. NULL is fine */
    void *state;                              /* the handler's; freed with free() unless borrowed */
    bool state_is_borrowed;
    uint32_t jobs; /* store jobs on their way that point here */
};

enum route_need {
    NEED_NOTHING,
    NEED_USER,             /* whoever asks, himself */
    NEED_USER_AT_ANY_RATE, /* the same, however much he has asked for */
    NEED_ACTOR,            /* a user, or a backend on one's behalf: X-On-Behalf-Of (rest_behalf.c) */
};

struct route {
    const char *method; /* "GET" (also answers HEAD), "POST", ...; NULL: any */
    /* "/api/v1/records/{type}/{id}"; "{room+}" may have slashes in it, and no other braces behind it; "/socket.io/" and a star:
     * whatever begins like that */
    const char *path;
    enum route_need need;
    void (*handle)(struct request *request);
    bool is_always_served; /* also while draining, and to connections that are too many */
};

/* All of them: each ends with a row without a path, the list with NULL. */
extern const struct route *const route_tables[];

/* Whether a path is one of these; the segments are what its parts in braces are in it. */
bool route_matches(const char *pattern, struct span path, struct span segments[4]);
/* Finds the route of a path; the segments are what the parts in braces matched. NULL: none of that method; then *allowed
 * names the path's methods ("GET, HEAD, OPTIONS"), and stays empty when there is no such path at all. */
const struct route *route_find(struct span method, struct span path, struct span segments[4], struct buf *allowed);

/* Serves an accepted connection: asks admission first, and answers 429 or 503 with Retry-After (a WebSocket: close 1013)
 * when it may not stay. */
void peer_serve(struct peer_host *host, struct conn *conn, const struct http_limits *limits);

/* Serves a connection that another worker handed over. Takes parcel. */
void peer_adopt(struct peer_host *host, struct conn_parcel *parcel);
/* One that comes too late: closes it. */
void peer_refuse_parcel(struct admission *admission, struct conn_parcel *parcel);

/* X-On-Behalf-Of (rest_behalf.c): goes on with `then` as the user that it names, or as whoever asks when it is not given; else the request is
 * answered. Where the header means nothing it is refused. */
void request_on_behalf(struct request *request, void (*then)(struct request *request));
bool request_has_behalf(const struct request *request);
void request_refuse_behalf(struct request *request);

/* Charges the request, which was charged as one when it came, as `count` (user_rates.h). False: that is too much, it was answered 429 with
 * Retry-After, and nothing is charged. */
must_check bool request_charge(struct request *request, uint32_t count);

/* GET, HEAD or OPTIONS. */
bool request_is_reading(const struct request *request);
/* The request's connection, or the one behind a proxy that we trust, is encrypted. */
bool request_is_tls(const struct request *request);

struct request *request_new(struct peer_host *host, struct http_exchange *exchange);
/* The connection is gone: what is on its way for it comes back to nobody. */
void request_abandon(struct request *request);

/* Ending a request. Each frees it. */
void request_respond(struct request *request, unsigned status, struct span json); /* empty: no body */
void request_respond_text(struct request *request, unsigned status, const char *content_type, struct span body);
/* Leaves json empty: a long answer is kept and sent as the socket drains. */
void request_respond_long(struct request *request, unsigned status, struct buf *json);
void request_forget(struct request *request); /* the exchange was answered in another way (upgrade, stream, file) */
void request_fail(struct request *request, enum err err, struct span field, struct span message);
/* "error":{...}, as an error's answer has it. */
void request_write_error(struct buf *out, const struct request *request, enum err err, struct span field,
                         struct span message);
/* With a member beside the error that says more: JSON. */
void request_fail_with(struct request *request, enum err err, struct span field, struct span message, const char *key,
                       struct span json);

/* The session that stands for the request in a room's home; made when it is needed. It is nobody's presence and does not
 * count as one of the user's connections. */
struct session *request_session(struct request *request);
/* Sends a command for it; its answer comes to on_answer. Takes command (made by request_command). */
struct command *request_command(struct request *request, enum command_kind kind, struct span room);
void request_send(struct request *request, struct command *command,
                  void (*on_answer)(struct request *request, const struct answer *answer));

/* Runs store work for it: `run` on the store's thread, where nothing of the request may be touched but its registry, then
 * `done` here, unless the connection is gone. */
struct request_job {
    struct store_job job; /* first */
    struct request *request;
    struct arena arena; /* for both sides; freed after done */
    enum err err;
    void *state; /* in the arena */
    void (*run)(struct request_job *job, struct store *store, struct store_reader *reader);
    void (*done)(struct request_job *job, struct request *request);
};
struct request_job *request_job_new(struct request *request);
void request_job_drop(struct request_job *job); /* one that was not sent after all */
void request_read(struct request_job *job);
void request_write(struct request_job *job);
/* False: too busy; the request was answered 503 with Retry-After. */
bool request_compute(struct request_job *job);

/* The body as a JSON object: ERR_BAD_JSON, ERR_BAD_REQUEST (another value), ERR_UNSUPPORTED (not application/json); the
 * document lives until json_deinit. */
must_check enum err request_json(struct request *request, struct json *out);
