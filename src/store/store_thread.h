/* store_thread.h: the threads that own the store. One writes: it takes whatever requests arrived during the last disk
 * flush as one batch, executes it, and mails completions to the hubs that asked and committed events to the homes of
 * the rooms that show them, in commit order. One reads: jobs run on it one after the other with the reader. Two
 * compute (password hashes). Everything here may be called from any thread.
 *
 * Mail is handed to `post(arg, worker, mail)`; the kinds are below. */
#pragma once

#include "net/mailbox.h"
#include "store/store.h"

enum { MAIL_STORE = 100, MAIL_JOB_DONE };

/* What the store did, in its order: durable events of rooms whose home is that worker, and completions of requests
 * of its hub (a commit's events directly before its completion). The receiver owns the references and the requests,
 * and frees the mail with free(). */
struct store_fact {
    struct event *event; /* or: */
    struct store_request *request;
};
struct mail_store {
    struct mail mail;
    uint32_t count;
    struct store_fact facts[];
};

/* Work that blocks. `run` is called on the thread, then the mail MAIL_JOB_DONE (this struct) goes to `worker`. */
struct store_job {
    struct mail mail; /* first */
    unsigned worker;
    void (*run)(struct store_job *job, struct store *store, struct store_reader *reader); /* one of both is NULL */
    /* Called by the receiver on its own thread; frees the job. worker NULL: the server has stopped, there is nobody
     * left to tell. */
    void (*done)(struct store_job *job, void *worker);
};

struct store_thread;

struct store_thread_options {
    struct store_options store;
    unsigned worker_count;
    void (*post)(void *arg, unsigned worker, struct mail *mail);
    void *arg;
    uint32_t batch_max; /* requests per transaction: 4,096 */
    uint32_t gather_us; /* how long many commits wait for one another (commit_pace.h): 2,000; 0: not at all */
    uint32_t queue_max; /* waiting requests; past it they come back with ERR_OVERLOADED */
};

must_check enum err store_thread_start(const struct store_thread_options *options, struct store_thread **out,
                                       struct buf *why);
/* Finishes everything that waits, makes it durable, stops; nobody may ask for anything any more. NULL is fine. */
void store_thread_stop(struct store_thread *thread);
/* These three take what they are given. A write job runs in order with requests; a read job in no order with them, but
 * it sees what was acknowledged before. */
void store_thread_request(struct store_thread *thread, struct store_request *request);
void store_thread_write_job(struct store_thread *thread, struct store_job *job);
void store_thread_read_job(struct store_thread *thread, struct store_job *job);
/* Blocking work without a database (password hashing): at most 2 at once, 32 waiting; false when the queue is full
 * (the job stays the caller's). */
must_check bool store_thread_compute_job(struct store_thread *thread, struct store_job *job);
