/* A survey sends an inquiry to each worker; there it becomes a question, which waits for its sockets, and comes home. */
#include "peer/socketio/socketio_survey.h"

#include "base/limits.h"
#include "base/base64.h"
#include "base/memory.h"
#include "peer/dialect/dialect_relay.h"
#include "peer/socketio/socketio_seat.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- inquiries ---- */

struct inquiry {
    struct peer_errand errand; /* first */
    unsigned home;
    uint64_t survey; /* its serial there */
    struct arena arena;
    struct sio_survey_plan plan;
    struct buf answers, missing; /* items of the lists, with their commas */
    uint32_t count;
};

static void inquiry_free(struct inquiry *inquiry)
{
    arena_deinit(&inquiry->arena);
    buf_deinit(&inquiry->answers);
    buf_deinit(&inquiry->missing);
    free(inquiry);
}

static void separate(struct buf *list)
{
    if (list->len)
        buf_append_char(list, ',');
}

/* ---- at home ---- */

struct survey {
    struct list in_surveys;
    uint64_t serial;
    session_id asker;
    void (*done)(struct peer_host *host, session_id asker, struct buf *json);
    unsigned waiting; /* workers */
    struct buf answers, missing;
    uint32_t count;
};

static void survey_free(struct sio_surveys *surveys, struct survey *survey)
{
    list_remove(&survey->in_surveys);
    surveys->survey_count--;
    buf_deinit(&survey->answers);
    buf_deinit(&survey->missing);
    free(survey);
}

static void conclude(struct sio_surveys *surveys, struct survey *survey)
{
    struct buf json = BUF_EMPTY;
    BUF_APPEND_LITERAL(&json, "{\"ok\":true,\"answers\":[");
    buf_append_span(&json, buf_span(&survey->answers));
    BUF_APPEND_LITERAL(&json, "],\"missing\":[");
    buf_append_span(&json, buf_span(&survey->missing));
    BUF_APPEND_LITERAL(&json, "]");
    json_member_u64(&json, "count", survey->count);
    buf_append_char(&json, '}');
    survey->done(surveys->host, survey->asker, &json);
    buf_deinit(&json);
    survey_free(surveys, survey);
}

static void add(struct buf *list, const struct buf *more)
{
    if (more->len == 0)
        return;
    separate(list);
    buf_append_span(list, buf_span(more));
}

static void on_return(struct sio_surveys *surveys, const struct inquiry *inquiry)
{
    LIST_EACH (&surveys->surveys, node) {
        struct survey *survey = LIST_OWNER(node, struct survey, in_surveys);
        if (survey->serial != inquiry->survey)
            continue;
        add(&survey->answers, &inquiry->answers);
        add(&survey->missing, &inquiry->missing);
        survey->count += inquiry->count;
        if (--survey->waiting == 0)
            conclude(surveys, survey);
        return;
    }
}

static void run_home(struct peer_errand *errand, struct peer_host *host)
{
    struct inquiry *inquiry = (struct inquiry *)errand;
    if (host)
        on_return(&host->socketio->surveys, inquiry);
    inquiry_free(inquiry);
}

/* ---- on each worker ---- */

struct asked { /* a socket */
    session_id session;
    char sid[20];
};

struct question {
    struct list in_questions;
    struct sio_surveys *surveys;
    struct loop_timer timer;
    uint64_t ack_id;
    struct inquiry *inquiry;
    struct map waiting; /* session id -> struct asked */
};

static void note_missing(struct question *question, const struct asked *asked)
{
    separate(&question->inquiry->missing);
    json_append_string(&question->inquiry->missing, span_of(asked->sid, sizeof asked->sid));
}

static void question_free(struct question *question)
{
    struct map_entry *entry;
    while ((entry = map_first(&question->waiting)))
        free(map_remove(&question->waiting, map_entry_key(entry)));
    map_deinit(&question->waiting);
    list_remove(&question->in_questions);
    loop_timer_stop(question->surveys->host->loop, &question->timer);
    free(question);
}

/* Whoever has not answered by now did not. */
static void close_question(struct question *question)
{
    struct peer_host *host = question->surveys->host;
    struct inquiry *inquiry = question->inquiry;
    for (struct map_entry *entry = map_first(&question->waiting); entry; entry = map_next(&question->waiting, entry))
        note_missing(question, entry->value);
    question_free(question);
    inquiry->errand.run = run_home;
    host->send_errand(host->world, inquiry->home, &inquiry->errand);
}

static void on_time(struct loop_timer *timer)
{
    close_question(LIST_OWNER(timer, struct question, timer));
}

static bool is_meant(const struct sio_survey_plan *plan, struct session *session)
{
    const struct sio_socket *socket = session->transport;
    if (session->dialect != &dialect_relay || session->is_closing || !span_equal(sio_nsp(socket), plan->nsp) ||
        (plan->id.len && !span_equal(sio_sid(socket), plan->id)))
        return false;
    for (size_t i = 0; i < plan->room_count; i++)
        if (relay_is_in(session, plan->rooms[i]))
            return true;
    return plan->room_count == 0;
}

static void ask(struct question *question, struct session *session)
{
    struct asked *asked = NEW(struct asked);
    asked->session = session->id;
    memcpy(asked->sid, sio_sid(session->transport).data, sizeof asked->sid);
    map_put(&question->waiting, span_of(&asked->session, sizeof asked->session), asked);
    question->inquiry->count++;
    sio_emit(session->transport, question->inquiry->plan.array, NULL, 0, &question->ack_id);
}

static void put_question(struct sio_surveys *surveys, struct inquiry *inquiry)
{
    struct peer_host *host = surveys->host;
    struct question *question = NEW(struct question);
    question->surveys = surveys;
    question->inquiry = inquiry;
    question->ack_id = ++surveys->serial;
    question->timer.on_time = on_time;
    map_init(&question->waiting);
    list_init(&question->in_questions);
    list_push_tail(&surveys->questions, &question->in_questions);
    LIST_EACH (&host->sessions_all, node) {
        struct session *session = LIST_OWNER(node, struct session, in_host);
        if (is_meant(&inquiry->plan, session))
            ask(question, session);
    }
    uint64_t wait_ms = question->waiting.count ? inquiry->plan.timeout_ms : 0;
    loop_timer_set(host->loop, &question->timer, loop_now_ms(host->loop) + wait_ms);
}

static void run(struct peer_errand *errand, struct peer_host *host)
{
    struct inquiry *inquiry = (struct inquiry *)errand;
    if (!host) {
        inquiry_free(inquiry);
        return;
    }
    put_question(&host->socketio->surveys, inquiry);
}

/* ---- answers ---- */

static void write_binaries(struct buf *out, const struct sio_event *event)
{
    json_append_key(out, "binaries");
    buf_append_char(out, '[');
    for (unsigned i = 0; i < event->binary_count; i++) {
        buf_append_str(out, i ? ",\"" : "\"");
        base64_encode(out, event->binaries[i]);
        buf_append_char(out, '"');
    }
    buf_append_char(out, ']');
}

static void write_answer(struct buf *out, const struct asked *asked, const struct sio_event *event)
{
    separate(out);
    buf_append_char(out, '{');
    json_member_string(out, "sid", span_of(asked->sid, sizeof asked->sid));
    json_member_raw(out, "args", event->text);
    if (event->binary_count)
        write_binaries(out, event);
    buf_append_char(out, '}');
}

static size_t answer_bytes(const struct sio_event *event)
{
    size_t bytes = event->text.len;
    for (unsigned i = 0; i < event->binary_count; i++)
        bytes += event->binaries[i].len * 2;
    return bytes;
}

/* In a turn of its own: the socket's packet is still being heard. */
static void close_soon(struct question *question)
{
    struct loop *loop = question->surveys->host->loop;
    if (question->waiting.count == 0)
        loop_timer_set(loop, &question->timer, loop_now_ms(loop));
}

void sio_surveys_on_answer(struct sio_surveys *surveys, session_id session, const struct sio_event *event)
{
    LIST_EACH (&surveys->questions, node) {
        struct question *question = LIST_OWNER(node, struct question, in_questions);
        struct asked *asked = question->ack_id == event->ack_id
                                  ? map_remove(&question->waiting, span_of(&session, sizeof session))
                                  : NULL;
        if (!asked)
            continue;
        if (question->inquiry->answers.len + answer_bytes(event) > LIMIT_SIO_SURVEY_BYTES)
            note_missing(question, asked);
        else
            write_answer(&question->inquiry->answers, asked, event);
        free(asked);
        close_soon(question);
        return;
    }
}

void sio_surveys_on_gone(struct sio_surveys *surveys, session_id session)
{
    LIST_EACH (&surveys->questions, node) {
        struct question *question = LIST_OWNER(node, struct question, in_questions);
        struct asked *asked = map_remove(&question->waiting, span_of(&session, sizeof session));
        if (!asked)
            continue;
        note_missing(question, asked);
        free(asked);
        close_soon(question);
    }
}

/* ---- beginning ---- */

static struct inquiry *inquiry_new(const struct sio_survey_plan *plan, unsigned home, uint64_t survey)
{
    struct inquiry *inquiry = NEW(struct inquiry);
    struct arena *arena = &inquiry->arena;
    arena_init(arena, 512);
    inquiry->errand.run = run;
    inquiry->home = home;
    inquiry->survey = survey;
    inquiry->plan = *plan;
    inquiry->plan.nsp = arena_copy(arena, plan->nsp);
    inquiry->plan.id = arena_copy(arena, plan->id);
    inquiry->plan.array = arena_copy(arena, plan->array);
    inquiry->plan.rooms = arena_alloc(arena, (plan->room_count + 1) * sizeof *plan->rooms);
    for (size_t i = 0; i < plan->room_count; i++)
        inquiry->plan.rooms[i] = arena_copy(arena, plan->rooms[i]);
    return inquiry;
}

enum err sio_survey(struct sio_surveys *surveys, const struct sio_survey_plan *plan, session_id asker,
                    void (*done)(struct peer_host *host, session_id asker, struct buf *json))
{
    struct peer_host *host = surveys->host;
    if (surveys->survey_count >= LIMIT_SIO_SURVEYS)
        return ERR_OVERLOADED;
    struct survey *survey = NEW(struct survey);
    survey->serial = ++surveys->serial;
    survey->asker = asker;
    survey->done = done;
    survey->waiting = host->worker_count;
    list_init(&survey->in_surveys);
    list_push_tail(&surveys->surveys, &survey->in_surveys);
    surveys->survey_count++;
    for (unsigned worker = 0; worker < host->worker_count; worker++)
        host->send_errand(host->world, worker, &inquiry_new(plan, host->worker, survey->serial)->errand);
    return OK;
}

void sio_surveys_init(struct sio_surveys *surveys, struct peer_host *host)
{
    surveys->host = host;
    list_init(&surveys->questions);
    list_init(&surveys->surveys);
}

void sio_surveys_deinit(struct sio_surveys *surveys)
{
    while (!list_is_empty(&surveys->questions)) {
        struct question *question = LIST_OWNER(surveys->questions.next, struct question, in_questions);
        inquiry_free(question->inquiry);
        question_free(question);
    }
    while (!list_is_empty(&surveys->surveys))
        survey_free(surveys, LIST_OWNER(surveys->surveys.next, struct survey, in_surveys));
}
