/* A message whose answer comes from the store's reader (docs/decisions/0001-peers-read-the-store.md): there and back. */
#include "peer/dialect/dialect_native_hear.h"

#include "base/limits.h"
#include "base/memory.h"
#include "collab/type/access.h"

#include <stdlib.h>

#define ARENA_BLOCK_BYTES 1024

static void run(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct native_question *question = (struct native_question *)job;
    (void)store;
    question->err = question->run(question, reader);
}

static void say(struct session *session, const struct native_question *question)
{
    struct buf text = BUF_EMPTY;
    native_open_ack(&text, question->message_id);
    question->say(question, session, &text);
    BUF_APPEND_LITERAL(&text, "}}");
    session_say(session, buf_span(&text), false); /* their number is bounded instead: session_is_busy */
    buf_deinit(&text);
}

static void say_refusal(struct session *session, const struct native_question *question)
{
    struct native_failure failure = {.err = question->err, .field = question->field};
    if (question->err == ERR_TIMEOUT) { /* of the statement, not of the client */
        failure.err = ERR_OVERLOADED;
        failure.message = SPAN("The search took too long: ask for less.");
    } else if (question->err == ERR_BAD_FIELD) {
        failure.field = SPAN("cursor"); /* the one thing that only the store can tell */
    }
    native_say_failure(session, question->message_id, &failure);
}

static void drop(struct native_question *question)
{
    arena_deinit(&question->arena);
    type_registry_unref(question->registry);
    free(question);
}

static void done(struct store_job *job, void *worker)
{
    struct native_question *question = (struct native_question *)job;
    struct session *session = worker ? session_find(question->host, question->session) : NULL;
    if (session) {
        if (question->err)
            say_refusal(session, question);
        else
            say(session, question);
        session_on_answered(session);
    }
    drop(question);
}

/* ---- asking ---- */

enum err native_question_new(struct native_hearing *hearing, size_t state_bytes, struct native_question **out)
{
    if (!hearing->message.has_id) {
        hearing->field = SPAN("messageId");
        return ERR_MISSING_FIELD;
    }
    struct native_question *question = NEW(struct native_question);
    question->job.run = run;
    question->job.done = done;
    question->host = hearing->session->host;
    question->session = hearing->session->id;
    question->registry = type_registry_ref(question->host->registry);
    arena_init(&question->arena, ARENA_BLOCK_BYTES);
    question->message_id = arena_copy(&question->arena, hearing->message.id);
    question->state = arena_alloc(&question->arena, state_bytes);
    *out = question;
    return OK;
}

enum err native_question_ask(struct native_hearing *hearing, struct native_question *question, enum err err)
{
    struct session *session = hearing->session;
    if (err) {
        drop(question);
        return err;
    }
    session->answers_due++; /* long answers are limited by how many are on their way */
    session->host->read_job(session->host->world, &question->job);
    return OK;
}

/* ---- what questions have in common ---- */

enum err native_question_text(struct native_hearing *hearing, struct native_question *question, const char *name,
                              const char *other, struct span *out)
{
    struct span text;
    enum err err = native_text(hearing, name, other, &text);
    *out = arena_copy(&question->arena, text);
    return err;
}

enum err native_question_record(struct native_hearing *hearing, struct native_question *question,
                                const struct type **type, struct span *id, struct span *room)
{
    struct span heard_id, heard_room;
    enum err err = native_record(hearing, type, &heard_id, &heard_room);
    if (err)
        return err;
    *id = arena_copy(&question->arena, heard_id);
    *room = arena_copy(&question->arena, heard_room);
    return access_allows(hearing->session->identity->access, *type, VERB_READ) ? OK : ERR_FORBIDDEN;
}

enum err native_question_page(struct native_hearing *hearing, struct native_question *question, struct span *cursor,
                              uint32_t *limit)
{
    yyjson_val *count = json_get(hearing->payload, "limit"), *from = json_get(hearing->payload, "cursor");
    *limit = LIMIT_PAGE_ROWS;
    hearing->field = SPAN("limit");
    if (count && !yyjson_is_null(count)) {
        if (!yyjson_is_uint(count) || yyjson_get_uint(count) == 0 || yyjson_get_uint(count) > LIMIT_LIST_ROWS)
            return ERR_BAD_FIELD;
        *limit = (uint32_t)yyjson_get_uint(count);
    }
    hearing->field = SPAN("cursor");
    if (from && !yyjson_is_null(from) && (!yyjson_is_str(from) || json_text(from).len > LIMIT_PAGE_CURSOR_BYTES))
        return ERR_BAD_FIELD;
    *cursor = arena_copy(&question->arena, json_text(from));
    hearing->field = SPAN_EMPTY;
    return OK;
}
