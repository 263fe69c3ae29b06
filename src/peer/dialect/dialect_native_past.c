/* Hearing the native dialect: how a record came to be what it is, what it was, and what differs between two of its versions. Also of one that
 * was deleted. */
#include "peer/dialect/dialect_native_hear.h"

#include "base/clock.h"
#include "collab/type/access.h"
#include "peer/dialect/record_say.h"

struct past { /* question->state */
    const struct type *type;
    struct span id;
    uint64_t before; /* history */
    uint32_t limit;
    struct history_page page;
    struct record_moment moment; /* reading */
    struct list_row row;
    struct record_difference difference; /* comparing */
};

/* Whoever may not read such records any more sees none of their fields. */
static uint64_t readable(const struct session *session, const struct past *past)
{
    const struct access *access = session->identity->access;
    return access_allows(access, past->type, VERB_READ) ? access_readable(access, past->type) : 0;
}

static enum err take_record(struct native_hearing *hearing, struct native_question *question)
{
    struct past *past = question->state;
    struct span room;
    return native_question_record(hearing, question, &past->type, &past->id, &room);
}

/* A version that must be given; 0 is one. */
static enum err take_version(struct native_hearing *hearing, const char *name, uint64_t *out)
{
    yyjson_val *value = json_get(hearing->payload, name);
    if (value && !yyjson_is_null(value))
        return native_version(hearing, name, name, out);
    hearing->field = span_from_str(name);
    return ERR_MISSING_FIELD;
}

/* ---- its changes ---- */

static enum err run_history(struct native_question *question, struct store_reader *reader)
{
    struct past *past = question->state;
    return store_history(reader, &question->arena, past->type, past->id, past->before, past->limit, &past->page);
}

static void say_history(const struct native_question *question, const struct session *session, struct buf *out)
{
    const struct past *past = question->state;
    const uint64_t mask = readable(session, past);
    json_member_string(out, "kind", SPAN("change"));
    json_append_key(out, "items");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < past->page.count; i++) {
        if (i)
            buf_append_char(out, ',');
        change_say(out, past->type, past->page.changes[i], mask, OBJECT_CAMEL);
    }
    buf_append_char(out, ']');
    json_append_key(out, "nextCursor");
    if (past->page.next_before) /* a string, as in all lists */
        buf_printf(out, "\"%llu\"", (unsigned long long)past->page.next_before);
    else
        BUF_APPEND_LITERAL(out, "null");
}

/* `before` says where to begin, the cursor where the last page ended. */
static enum err take_before(struct native_hearing *hearing, struct span cursor, uint64_t *before)
{
    yyjson_val *value = json_get(hearing->payload, "before");
    uint64_t from = INT64_MAX;
    *before = INT64_MAX;
    hearing->field = SPAN("before");
    if (value && !yyjson_is_null(value)) {
        if (!yyjson_is_uint(value) || yyjson_get_uint(value) > INT64_MAX)
            return ERR_BAD_FIELD;
        *before = yyjson_get_uint(value);
    }
    hearing->field = SPAN("cursor");
    if (cursor.len && (!span_parse_u64(cursor, &from) || from == 0 || from > INT64_MAX))
        return ERR_BAD_FIELD;
    if (*before == 0 || from < *before) /* 0: from the newest on, as over REST */
        *before = from;
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err take_history(struct native_hearing *hearing, struct native_question *question)
{
    struct past *past = question->state;
    struct span cursor;
    enum err err = take_record(hearing, question);
    if (err || (err = native_question_page(hearing, question, &cursor, &past->limit)))
        return err;
    question->run = run_history;
    question->say = say_history;
    return take_before(hearing, cursor, &past->before);
}

enum err native_list_changes(struct native_hearing *hearing)
{
    struct native_question *question;
    enum err err = native_question_new(hearing, sizeof(struct past), &question);
    return err ? err : native_question_ask(hearing, question, take_history(hearing, question));
}

/* ---- what it was ---- */

static enum err run_reading(struct native_question *question, struct store_reader *reader)
{
    struct past *past = question->state;
    enum err err = record_past_read(reader, &question->arena, past->type, past->id, &past->moment, &past->row);
    if (err == ERR_BAD_VERSION)
        question->field = SPAN("version");
    return err;
}

static void say_record(const struct native_question *question, const struct session *session, struct buf *out)
{
    const struct past *past = question->state;
    json_append_key(out, "record");
    record_say(out, past->type, &past->row, readable(session, past), OBJECT_CAMEL);
}

/* `version` or `at`, but not both; neither: as it is now. */
static enum err take_moment(struct native_hearing *hearing, struct record_moment *moment)
{
    yyjson_val *version = json_get(hearing->payload, "version"), *at = json_get(hearing->payload, "at");
    if (version && !yyjson_is_null(version)) {
        enum err err = native_version(hearing, "version", "version", &moment->version);
        if (err)
            return err;
        moment->when = RECORD_AT_VERSION;
    }
    if (!at || yyjson_is_null(at))
        return OK;
    hearing->field = SPAN("at");
    if (moment->when == RECORD_AT_VERSION)
        return ERR_BAD_REQUEST;
    if (!clock_parse_iso(json_text(at), &moment->time_ms))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    moment->when = RECORD_AT_TIME;
    return OK;
}

static enum err take_reading(struct native_hearing *hearing, struct native_question *question)
{
    struct past *past = question->state;
    enum err err = take_record(hearing, question);
    question->run = run_reading;
    question->say = say_record;
    return err ? err : take_moment(hearing, &past->moment);
}

enum err native_hear_read(struct native_hearing *hearing)
{
    struct native_question *question;
    enum err err = native_question_new(hearing, sizeof(struct past), &question);
    return err ? err : native_question_ask(hearing, question, take_reading(hearing, question));
}

/* ---- what differs ---- */

static enum err run_comparing(struct native_question *question, struct store_reader *reader)
{
    struct past *past = question->state;
    return record_past_compare(reader, &question->arena, past->type, past->id, &past->difference);
}

static void say_difference(const struct native_question *question, const struct session *session, struct buf *out)
{
    const struct past *past = question->state;
    difference_say(out, past->type, &past->difference, readable(session, past));
}

static enum err take_comparing(struct native_hearing *hearing, struct native_question *question)
{
    struct past *past = question->state;
    enum err err = take_record(hearing, question);
    question->run = run_comparing;
    question->say = say_difference;
    if (err || (err = take_version(hearing, "from", &past->difference.from)))
        return err;
    return take_version(hearing, "to", &past->difference.to);
}

enum err native_hear_diff(struct native_hearing *hearing)
{
    struct native_question *question;
    enum err err = native_question_new(hearing, sizeof(struct past), &question);
    return err ? err : native_question_ask(hearing, question, take_comparing(hearing, question));
}
