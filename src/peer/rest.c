/* What the REST endpoints share: rest.h. */
#include "peer/rest.h"

#include "base/clock.h"
#include "collab/access.h"
#include "collab/color.h"

#include <assert.h>

/* ---- which record ---- */

const struct type *rest_type(struct request *request)
{
    const struct type *type = type_find(request->registry, request->segments[0]);
    if (type && access_allows(request->identity->access, type, VERB_READ))
        return type;
    request_fail(request, ERR_NOT_FOUND, SPAN_EMPTY, SPAN_EMPTY);
    return NULL;
}

bool rest_id(struct request *request, struct span *id)
{
    *id = request->segments[1];
    if (record_id_is_valid(*id))
        return true;
    request_fail(request, ERR_NOT_FOUND, SPAN_EMPTY, SPAN_EMPTY);
    return false;
}

struct span rest_room(struct arena *arena, const struct type *type, struct span id)
{
    return arena_printf(arena, "%.*s:%.*s", SPAN_ARG(type->name), SPAN_ARG(id));
}

enum err rest_free_room(struct request *request, struct span name, struct span *room, struct span *field)
{
    struct span id;
    *room = room_canonical(&request->exchange->arena, request->registry, name);
    *field = SPAN("room");
    if (!room_name_is_valid(*room))
        return ERR_BAD_NAME;
    const struct type *type = type_of_room(request->registry, *room, &id);
    if (!type)
        type = type_find_channel(request->registry, *room);
    *field = SPAN_EMPTY;
    return type && !access_allows(request->identity->access, type, VERB_READ) ? ERR_NOT_FOUND : OK;
}

/* ---- validators ---- */

static bool is_tag_char(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte == 0x21 || (byte >= 0x23 && byte <= 0x7e) || byte >= 0x80;
}

struct entity_tag {
    bool is_weak;
    struct span value; /* without quotes */
};

/* RFC 9110 8.8.3: takes one tag and the comma behind it; false when there is none. */
static bool next_tag(struct span *rest, struct entity_tag *tag)
{
    struct span text = span_trim(*rest);
    tag->is_weak = span_starts_with(text, SPAN("W/"));
    if (tag->is_weak)
        text = span_slice(text, 2, text.len);
    if (text.len == 0 || text.data[0] != '"')
        return false;
    text = span_slice(text, 1, text.len);
    size_t len = 0;
    while (len < text.len && is_tag_char(text.data[len]))
        len++;
    if (len == text.len || text.data[len] != '"')
        return false;
    tag->value = span_slice(text, 0, len);
    text = span_trim(span_slice(text, len + 1, text.len));
    if (text.len && text.data[0] != ',')
        return false;
    *rest = span_trim(span_slice(text, 1, text.len));
    return true;
}

/* Versions only grow, so of several that a client has seen only the latest can be the present one. Weak tags never match
 * here (13.1.1). */
enum err rest_if_match(const struct http_exchange *exchange, bool *must_match, uint64_t *version)
{
    struct span values[2];
    unsigned count = http_header_values(exchange, "If-Match", values, 2);
    *must_match = false;
    *version = 0;
    if (count == 0 || (count == 1 && span_equal(values[0], SPAN("*"))))
        return OK;
    if (count > 1)
        return ERR_BAD_REQUEST;
    struct span rest = values[0];
    struct entity_tag tag;
    do {
        uint64_t number;
        if (!next_tag(&rest, &tag))
            return ERR_BAD_REQUEST;
        if (tag.is_weak || !span_parse_u64(tag.value, &number) || number < *version)
            continue;
        *must_match = true;
        *version = number;
    } while (rest.len);
    return *must_match && *version > 0 ? OK : ERR_PRECONDITION;
}

bool rest_if_none_match(const struct http_exchange *exchange, uint64_t version)
{
    struct span rest = http_header(exchange, "If-None-Match");
    struct entity_tag tag;
    uint64_t number;
    if (span_equal(rest, SPAN("*")))
        return true;
    while (rest.len && next_tag(&rest, &tag))
        if (span_parse_u64(tag.value, &number) && number == version)
            return true;
    return false;
}

enum err rest_idempotency_key(const struct http_exchange *exchange, struct span *key)
{
    *key = http_header(exchange, "Idempotency-Key");
    for (size_t i = 0; i < key->len; i++)
        if (key->data[i] < 0x20 || key->data[i] > 0x7e)
            return ERR_BAD_REQUEST;
    return key->len <= IDEMPOTENCY_KEY_BYTES_MAX ? OK : ERR_BAD_REQUEST;
}

enum err rest_field_error(const struct request *request, const struct type *type, enum err err, struct span field)
{
    return access_field_error(request->identity->access, type, err, field);
}

bool rest_query_u64(struct http_exchange *exchange, const char *name, uint64_t max, uint64_t *out)
{
    struct span value;
    uint64_t number;
    if (!http_query(exchange, name, &value))
        return true;
    if (!span_parse_u64(value, &number) || number > max)
        return false;
    *out = number;
    return true;
}

/* ---- printing ---- */

void rest_write_record(struct buf *out, const struct type *type, const struct list_row *row, uint64_t mask)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", type->name);
    json_member_string(out, "id", row->id);
    json_member_u64(out, "version", row->version);
    json_member_time(out, "updated_at", row->updated_ms);
    json_append_key(out, "data");
    state_write(out, type, row->state, mask);
    buf_append_char(out, '}');
}

void rest_write_change(struct buf *out, const struct type *type, const struct change *change, uint64_t mask)
{
    buf_append_char(out, '{');
    json_member_string(out, "id", change->id);
    json_member_string(out, "entity_type", type->name);
    json_member_string(out, "entity_id", change->entity_id);
    json_member_string(out, "action", change->kind == CHANGE_ACTION ? change->action : change_word(change->kind));
    ops_write(out, type, change, mask);
    json_member_u64(out, "version", change->version);
    json_member_id(out, "user_id", change->user_id);
    json_member_string(out, "username", change->username);
    json_member_time(out, "timestamp", change->time_ms);
    if (change->metadata.len)
        json_member_raw(out, "metadata", change->metadata);
    buf_append_char(out, '}');
}

void rest_write_user(struct buf *out, const char *key, const struct identity *identity)
{
    struct color color = color_at(color_preferred(identity->user_id));
    json_append_key(out, key);
    buf_append_char(out, '{');
    json_member_id(out, "id", identity->user_id);
    json_member_string(out, "username", identity->username);
    json_member_string(out, "name", identity->name);
    if (identity->avatar.len)
        json_member_string(out, "avatar", identity->avatar);
    else
        json_member_raw(out, "avatar", SPAN("null"));
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < identity->role_count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, identity->roles[i]);
    }
    buf_append_char(out, ']');
    json_member_string(out, "color", color_span(&color));
    buf_append_char(out, '}');
}

/* ---- answering with a record ---- */

static void add_etag(struct request *request, uint64_t version)
{
    struct http_exchange *exchange = request->exchange;
    http_add_header(exchange, "ETag", arena_printf(&exchange->arena, "\"%llu\"", (unsigned long long)version));
}

/* An id in a path: everything but the unreserved characters of RFC 3986 in percent. */
static void append_segment(struct buf *out, struct span text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool is_plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                        byte == '-' || byte == '_' || byte == '.' || byte == '~';
        if (is_plain) {
            buf_append_char(out, (char)byte);
            continue;
        }
        buf_append_char(out, '%');
        buf_append_char(out, hex[byte >> 4]);
        buf_append_char(out, hex[byte & 15]);
    }
}

static void add_location(struct request *request, const struct type *type, struct span id)
{
    struct buf place = BUF_EMPTY;
    BUF_APPEND_LITERAL(&place, "/api/v1/records/");
    buf_append_span(&place, type->name);
    buf_append_char(&place, '/');
    append_segment(&place, id);
    http_add_header(request->exchange, "Location", buf_span(&place));
    buf_deinit(&place);
}

void rest_respond_record(struct request *request, unsigned status, const struct type *type, const struct list_row *row)
{
    struct buf json = BUF_EMPTY;
    add_etag(request, row->version);
    http_add_header(request->exchange, "Cache-Control", SPAN("private, no-cache"));
    if (status == 201)
        add_location(request, type, row->id);
    if (status != 304)
        rest_write_record(&json, type, row, access_readable(request->identity->access, type));
    request_respond(request, status, buf_span(&json));
    buf_deinit(&json);
}

void rest_fail_answer(struct request *request, const struct answer *answer)
{
    if (answer->current_version)
        add_etag(request, answer->current_version);
    request_fail(request, answer->err, answer->field, answer->message);
}

/* ---- after a command ---- */

struct reread {
    const struct type *type;
    struct span id;
    uint64_t version;
    unsigned status;
    struct list_row row;
};

static void run_reread(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct reread *reread = job->state;
    (void)store;
    job->err = store_record_at(reader, &job->arena, reread->type, reread->id, reread->version, &reread->row);
}

static void on_reread(struct request_job *job, struct request *request)
{
    const struct reread *reread = job->state;
    if (job->err)
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
    else
        rest_respond_record(request, reread->status, reread->type, &reread->row);
}

/* A repeated request is answered with the version that the first one made; that one, and a change that did nothing, are not
 * in the answer. */
static void reread(struct request *request, const struct type *type, const struct answer *answer, unsigned status)
{
    struct request_job *job = request_job_new(request);
    struct reread *state = arena_alloc(&job->arena, sizeof *state);
    state->type = type;
    state->id = arena_copy(&job->arena, answer->entity_id);
    state->version = answer->version;
    state->status = status;
    job->state = state;
    job->run = run_reread;
    job->done = on_reread;
    request_read(job);
}

void rest_answer_record(struct request *request, const struct answer *answer, unsigned status)
{
    if (answer->err) {
        rest_fail_answer(request, answer);
        return;
    }
    const struct type *type = type_find(request->registry, request->segments[0]);
    const struct change *change = answer->change;
    assert(type);
    if (type->write_mode == WRITE_BROADCAST) { /* announced, and kept by nobody */
        struct list_row announced = {answer->entity_id, SPAN("{}"), 0,
                                     change ? change->time_ms : request->host->wall_ms};
        rest_respond_record(request, status, type, &announced);
        return;
    }
    if (!answer->has_record || !change || change->version != answer->version) {
        reread(request, type, answer, status);
        return;
    }
    struct list_row row = {answer->entity_id, answer->record, answer->version, change->time_ms};
    rest_respond_record(request, status, type, &row);
}
