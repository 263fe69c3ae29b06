/* What the REST endpoints share of reading a request; rest_answer.c answers. */
#include "peer/rest/rest.h"

#include "base/limits.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "collab/type/access.h"

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

bool rest_record_room(struct request *request, struct span *room)
{
    const struct type *type = rest_type(request);
    struct span id;
    if (!type || !rest_id(request, &id))
        return false;
    *room = rest_room(&request->exchange->arena, type, id);
    return true;
}

bool rest_query_type(struct request *request, const struct type **type)
{
    struct span name;
    *type = NULL;
    if (!http_query(request->exchange, "type", &name))
        return true;
    *type = type_find(request->registry, name);
    if (*type && access_allows(request->identity->access, *type, VERB_READ))
        return true;
    request_fail(request, ERR_NOT_FOUND, SPAN("type"), SPAN_EMPTY);
    return false;
}

struct span rest_user_room(struct request *request, struct span user_id)
{
    return arena_printf(&request->exchange->arena, ROOM_OF_USER "%.*s", SPAN_ARG(user_id));
}

bool rest_user_id(struct request *request, struct span *id)
{
    *id = request->segments[0];
    if (id->len <= LIMIT_ID_BYTES && room_name_is_valid(rest_user_room(request, *id)))
        return true;
    request_fail(request, ERR_NOT_FOUND, SPAN_EMPTY, SPAN_EMPTY);
    return false;
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
    return key->len <= LIMIT_ID_BYTES ? OK : ERR_BAD_REQUEST;
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

bool rest_query_time(struct http_exchange *exchange, const char *name, int64_t *out)
{
    struct span value;
    int64_t time_ms;
    if (!http_query(exchange, name, &value))
        return true;
    if (!clock_parse_iso(value, &time_ms))
        return false;
    *out = time_ms;
    return true;
}

bool rest_query_text(struct http_exchange *exchange, struct arena *arena, const char *name, struct span *out)
{
    struct span value;
    if (!http_query(exchange, name, &value))
        return true;
    if (value.len > LIMIT_QUERY_TEXT_BYTES || !utf8_is_valid(value))
        return false;
    *out = arena_copy(arena, value);
    return true;
}

/* ---- pages ---- */

enum err rest_page(struct request *request, struct arena *arena, struct span *cursor, uint32_t *limit,
                   struct span *field)
{
    const uint32_t limit_max = request->host->limits->list_rows_max;
    uint64_t rows = limit_max < LIMIT_PAGE_ROWS ? limit_max : LIMIT_PAGE_ROWS;
    struct span value = SPAN_EMPTY;
    *field = SPAN("limit");
    if (!rest_query_u64(request->exchange, "limit", limit_max, &rows) || rows == 0)
        return ERR_BAD_FIELD;
    *field = SPAN("cursor");
    if (http_query(request->exchange, "cursor", &value) && value.len > LIMIT_PAGE_CURSOR_BYTES)
        return ERR_BAD_FIELD;
    *field = SPAN_EMPTY;
    *limit = (uint32_t)rows;
    *cursor = arena_copy(arena, value);
    return OK;
}

void rest_write_cursor(struct buf *out, struct span next)
{
    json_member_text(out, "next_cursor", next);
}

void rest_fail_page(struct request *request, enum err err)
{
    if (err == ERR_TIMEOUT) /* of the statement, not of the client, as a 408 would say */
        request_fail(request, ERR_OVERLOADED, SPAN_EMPTY, SPAN("The search took too long: ask for less."));
    else
        request_fail(request, err, err == ERR_BAD_FIELD ? SPAN("cursor") : SPAN_EMPTY, SPAN_EMPTY);
}

bool rest_has_backend_role(const struct request *request)
{
    return access_is_admin(request->identity->access) || identity_has_role(request->identity, SPAN("service"));
}

bool rest_is_backend(struct request *request)
{
    if (rest_has_backend_role(request))
        return true;
    request_fail(request, ERR_FORBIDDEN, SPAN_EMPTY, SPAN_EMPTY);
    return false;
}
