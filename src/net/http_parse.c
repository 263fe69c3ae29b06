/* The head is collected whole and checked line by line as it comes, so a bad byte is answered at once and any split gives
 * the same answer; then llhttp reads it again and from there on follows the body. Where the two could disagree about where
 * a request ends, the request is refused: that is what smuggling is made of (RFC 9112 section 11.2). */
#include "net/http_internal.h"

#include <assert.h>
#include <string.h>

enum {
    BLANK_LINES_MAX = 4, /* before a request line: some clients send one after a body (RFC 9112 2.2) */
    EXTENSION_BYTES_MAX = 4096,
    CHUNKS_FREE = 1024,       /* so many chunks of any size, then ... */
    CHUNK_BYTES_MEAN = 8,     /* ... they must hold so much on average: else each byte costs a call or two */
    FRAMING_FREE = 64 * 1024, /* zeros before chunk sizes are seen by nobody else */
};

static const struct http_fault fault_line = {400, "bad_request", "The request line is not valid."};
static const struct http_fault fault_field = {400, "bad_request", "A header field is not valid."};
static const struct http_fault fault_byte = {400, "bad_request",
                                             "The head has a byte or a line end that is not allowed."};
static const struct http_fault fault_host = {400, "bad_request", "There must be one valid Host field."};
static const struct http_fault fault_target = {400, "bad_request", "The request target is not valid."};
static const struct http_fault fault_length = {400, "bad_request", "The length of the body is not clear."};
static const struct http_fault fault_coding = {501, "not_implemented",
                                               "The only transfer coding understood is chunked."};
static const struct http_fault fault_body = {400, "bad_request", "The body is not valid."};
static const struct http_fault fault_method = {501, "not_implemented", "There is no such method."};
static const struct http_fault fault_version = {505, "version_not_supported", "This server speaks HTTP/1.1."};
static const struct http_fault fault_uri = {414, "uri_too_long", "The request line is too long."};
static const struct http_fault fault_headers = {431, "headers_too_large",
                                                "The header fields are too many or too long."};
static const struct http_fault fault_query = {400, "bad_request", "The query has too many parameters."};
static const struct http_fault fault_expect = {417, "expectation_failed",
                                               "The only expectation understood is 100-continue."};
static const struct http_fault fault_encoding = {415, "unsupported", "A request body must not be compressed."};
static const struct http_fault fault_large = {413, "too_large", "The body is too large."};

static enum http_step fail(struct http_parse *parse, const struct http_fault *fault)
{
    parse->is_bad = true;
    parse->fault = *fault;
    return HTTP_PARSE_BAD;
}

/* ---- llhttp's side ------------------------------------------------------------------------------------------------ */

static struct http_parse *parse_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

/* Before the pause at the message's end llhttp would look for the next request. */
static int on_message_complete(llhttp_t *llhttp)
{
    parse_of(llhttp)->is_complete = true;
    return HPE_PAUSED;
}

static int refuse(struct http_parse *parse, const struct http_fault *fault)
{
    fail(parse, fault);
    return HPE_USER;
}

static int on_body(llhttp_t *llhttp, const char *bytes, size_t len)
{
    struct http_parse *parse = parse_of(llhttp);

    if (len > parse->body_bytes_max - parse->body.len)
        return refuse(parse, &fault_large);
    buf_append(&parse->body, bytes, len);
    return 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct http_parse *parse = parse_of(llhttp);

    /* content_length is this chunk's size now: refuse before its first byte comes. */
    if (llhttp->content_length > parse->body_bytes_max - parse->body.len)
        return refuse(parse, &fault_large);
    if (++parse->chunk_count > CHUNKS_FREE + parse->body.len / CHUNK_BYTES_MEAN)
        return refuse(parse, &fault_body);
    return 0;
}

static int on_extension(llhttp_t *llhttp, const char *bytes, size_t len)
{
    struct http_parse *parse = parse_of(llhttp);

    (void)bytes;
    parse->extension_bytes += len;
    return parse->extension_bytes > EXTENSION_BYTES_MAX ? refuse(parse, &fault_body) : 0;
}

/* Called for the head too, whose fields were read already; those behind the body are dropped. */
static int on_field(llhttp_t *llhttp, const char *bytes, size_t len)
{
    struct http_parse *parse = parse_of(llhttp);

    (void)bytes;
    if (parse->at == HTTP_AT_BODY)
        parse->trailer_bytes += len;
    return parse->trailer_bytes > parse->limits->header_bytes_max ? refuse(parse, &fault_body) : 0;
}

/* As many fields may stand behind the body as in front of it, however short they are. */
static int on_field_complete(llhttp_t *llhttp)
{
    struct http_parse *parse = parse_of(llhttp);

    if (parse->at == HTTP_AT_BODY && ++parse->trailer_count > parse->limits->header_count_max)
        return refuse(parse, &fault_body);
    return 0;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_field,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- the head: lines as they come --------------------------------------------------------------------------------- */

static bool is_request_line(struct span line)
{
    size_t method_end = span_find(line, ' ');
    struct span rest = span_slice(line, method_end + 1, line.len);
    size_t target_end = span_find(rest, ' ');
    struct span target = span_slice(rest, 0, target_end);
    struct span version = span_slice(rest, target_end + 1, rest.len);

    for (size_t i = 0; i < target.len; i++) {
        if (target.data[i] <= ' ' || target.data[i] > '~')
            return false;
    }
    return http_is_token(span_slice(line, 0, method_end)) && target.len > 0 && version.len == 8 &&
           memcmp(version.data, "HTTP/", 5) == 0 && version.data[5] >= '0' && version.data[5] <= '9' &&
           version.data[6] == '.' && version.data[7] >= '0' && version.data[7] <= '9';
}

static bool split_field(struct span line, struct http_header *header)
{
    size_t colon = span_find(line, ':');

    if (colon == line.len)
        return false;
    header->name = span_slice(line, 0, colon);
    header->value = span_trim(span_slice(line, colon + 1, line.len));
    return http_is_token(header->name); /* also says no to folded lines and to a space before the colon */
}

/* A whole line without its CRLF. */
static enum http_step check_line(struct http_parse *parse, struct span line)
{
    struct http_header header;

    if (parse->fields_start == 0)
        return is_request_line(line) ? HTTP_PARSE_MORE : fail(parse, &fault_line);
    if (!split_field(line, &header))
        return fail(parse, &fault_field);
    if (++parse->header_count > parse->limits->header_count_max)
        return fail(parse, &fault_headers);
    return HTTP_PARSE_MORE;
}

/* The bytes of [scanned, end) that may stand in the line under way: no control characters, no CR but before LF. */
static bool check_bytes(const struct http_parse *parse, const char *bytes, size_t end)
{
    for (size_t i = parse->scanned; i < end; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (i > parse->line_start && bytes[i - 1] == '\r' && byte != '\n')
            return false;
        if ((byte < ' ' && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f)
            return false;
        if (byte == '\n' && (i == parse->line_start || bytes[i - 1] != '\r'))
            return false;
    }
    return true;
}

/* Where the line under way must have ended, and with what it is refused otherwise. */
static size_t line_limit(const struct http_parse *parse, const struct http_fault **fault)
{
    bool is_first = parse->fields_start == 0;

    *fault = is_first ? &fault_uri : &fault_headers;
    return is_first ? parse->line_start + parse->limits->request_line_bytes_max
                    : parse->fields_start + parse->limits->header_bytes_max;
}

/* Checks what came since the last call. HTTP_PARSE_HEAD: scanned is where the head ends. */
static enum http_step scan(struct http_parse *parse, const char *bytes, size_t len)
{
    while (parse->scanned < len) {
        const struct http_fault *too_long;
        size_t limit = line_limit(parse, &too_long);
        const char *newline = memchr(bytes + parse->scanned, '\n', len - parse->scanned);
        size_t end = newline ? (size_t)(newline - bytes) + 1 : len;
        struct span line = {bytes + parse->line_start, end - parse->line_start - (newline ? 2 : 0)};
        enum http_step step;

        /* In the order of the bytes, so that the answer does not depend on how they were split. */
        if (!check_bytes(parse, bytes, end < limit ? end : limit))
            return fail(parse, &fault_byte);
        if (end > limit) /* a line without a blank is no long target, but garbage */
            return fail(parse, parse->fields_start > 0 || memchr(line.data, ' ', limit - parse->line_start)
                                   ? too_long
                                   : &fault_line);
        parse->scanned = end;
        if (newline == NULL)
            return HTTP_PARSE_MORE;
        parse->line_start = end;
        if (line.len == 0 && parse->fields_start > 0)
            return HTTP_PARSE_HEAD;
        if (line.len == 0 && ++parse->blank_count > BLANK_LINES_MAX)
            return fail(parse, &fault_line);
        if (line.len == 0)
            continue;
        if ((step = check_line(parse, line)) != HTTP_PARSE_MORE)
            return step;
        if (parse->fields_start == 0)
            parse->fields_start = end;
    }
    return HTTP_PARSE_MORE;
}

/* ---- the head: what it says --------------------------------------------------------------------------------------- */

/* The lines were all checked: this only cuts. Gives the version. */
static struct span read_fields(struct http_parse *parse, struct span head)
{
    struct http_exchange *exchange = parse->exchange;
    struct span rest = head, line, version;

    do
        span_cut(&rest, '\n', &line);
    while (line.len == 1); /* blank lines in front */
    line.len--;
    span_cut(&line, ' ', &exchange->method);
    span_cut(&line, ' ', &exchange->target);
    version = line;
    exchange->is_http_1_0 = span_equal(version, SPAN("HTTP/1.0"));
    exchange->headers = arena_alloc(&exchange->arena, (parse->header_count + 1) * sizeof(struct http_header));
    exchange->header_count = 0;
    while (exchange->header_count < parse->header_count) {
        span_cut(&rest, '\n', &line);
        line.len--;
        split_field(line, &exchange->headers[exchange->header_count++]);
    }
    return version;
}

/* RFC 9112 6.1 and 6.3: a coding in front of chunked is one we do not know; without chunked at the end, once, nobody knows
 * where the body ends. */
static const struct http_fault *check_coding(struct span value)
{
    struct span rest = value, item;
    unsigned count = 0, chunked_count = 0;
    bool ends_chunked = false;

    while (span_cut(&rest, ',', &item)) {
        ends_chunked = span_equal_nocase(span_trim(item), SPAN("chunked"));
        chunked_count += ends_chunked;
        count++;
    }
    if (!ends_chunked || chunked_count > 1)
        return &fault_length;
    return count == 1 ? NULL : &fault_coding;
}

/* RFC 9112 6.3: one way to say the length, said once. Lists of equal lengths are allowed there and refused here. */
static const struct http_fault *check_length(struct http_parse *parse)
{
    struct span lengths[2], codings[2];
    unsigned length_count = http_header_values(parse->exchange, "content-length", lengths, 2);
    unsigned coding_count = http_header_values(parse->exchange, "transfer-encoding", codings, 2);

    if (length_count + coding_count > 1)
        return &fault_length;
    if (coding_count == 1) {
        parse->is_chunked = true;
        if (parse->exchange->is_http_1_0)
            return &fault_length;
        return check_coding(codings[0]);
    }
    if (length_count == 0)
        return NULL;
    /* A leading zero is octal to some. */
    if (lengths[0].len == 0 || (lengths[0].len > 1 && lengths[0].data[0] == '0'))
        return &fault_length;
    for (size_t i = 0; i < lengths[0].len; i++) {
        char digit = lengths[0].data[i];

        if (digit < '0' || digit > '9' || parse->content_length > (uint64_t)INT64_MAX / 10 - 1)
            return &fault_length;
        parse->content_length = parse->content_length * 10 + (uint64_t)(digit - '0');
    }
    return NULL;
}

static const struct http_fault *check_host(struct http_exchange *exchange, struct span authority)
{
    struct span hosts[2];
    unsigned count = http_header_values(exchange, "host", hosts, 2);

    if (count > 1 || (count == 0 && !exchange->is_http_1_0) || (count == 1 && !http_host_is_valid(hosts[0])))
        return &fault_host;
    /* RFC 9112 3.2.2: the target's authority counts, and whoever asks for the Host gets that. */
    for (unsigned i = 0; authority.len > 0 && i < exchange->header_count; i++) {
        if (span_equal_nocase(exchange->headers[i].name, SPAN("host")))
            exchange->headers[i].value = authority;
    }
    return NULL;
}

static const struct http_fault *check_body_fields(struct http_parse *parse)
{
    struct http_exchange *exchange = parse->exchange;
    struct span expect = http_header(exchange, "expect");
    struct span values[2];

    if (http_header_values(exchange, "content-encoding", values, 2) > 0 &&
        (!span_equal_nocase(values[0], SPAN("identity")) ||
         http_header_values(exchange, "content-encoding", values, 2) > 1))
        return &fault_encoding;
    if (expect.len > 0 && !exchange->is_http_1_0) {
        if (!span_equal_nocase(expect, SPAN("100-continue")))
            return &fault_expect;
        parse->expects_continue = true;
    }
    return NULL;
}

static const struct http_fault *check_target(struct http_parse *parse, struct span *authority)
{
    struct http_exchange *exchange = parse->exchange;
    unsigned count = 1;

    if (!http_parse_target(exchange, authority))
        return &fault_target;
    for (size_t i = 0; i < exchange->query.len; i++)
        count += exchange->query.data[i] == '&';
    return exchange->query.len > 0 && count > parse->limits->query_count_max ? &fault_query : NULL;
}

static const struct http_fault *check_head(struct http_parse *parse)
{
    const struct http_fault *fault;
    struct span authority = SPAN_EMPTY;

    if (span_equal(parse->exchange->method, SPAN("CONNECT")))
        return &fault_method;
    if ((fault = check_target(parse, &authority)) != NULL)
        return fault;
    if ((fault = check_host(parse->exchange, authority)) != NULL)
        return fault;
    if ((fault = check_length(parse)) != NULL)
        return fault;
    return check_body_fields(parse);
}

static const struct http_fault *fault_of(llhttp_errno_t error)
{
    switch (error) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT: return &fault_method;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE: return &fault_version;
    case HPE_INVALID_URL: return &fault_target;
    default: return &fault_body;
    }
}

/* `head` is whole; the exchange gets a copy, which all its spans point into. */
static enum http_step read_head(struct http_parse *parse, struct span head)
{
    const struct http_fault *fault;
    struct span version;
    llhttp_errno_t error;

    head = arena_copy(&parse->exchange->arena, head);
    version = read_fields(parse, head);
    if (!span_equal(version, SPAN("HTTP/1.1")) && !parse->exchange->is_http_1_0)
        return fail(parse, &fault_version);
    error = llhttp_execute(&parse->llhttp, head.data, head.len);
    if (error == HPE_INVALID_METHOD || error == HPE_INVALID_CONSTANT)
        return fail(parse, &fault_method);
    if ((fault = check_head(parse)) != NULL)
        return fail(parse, fault);
    if (error != HPE_OK && error != HPE_PAUSED)
        return fail(parse, fault_of(error));
    parse->keeps_alive = llhttp_should_keep_alive(&parse->llhttp) != 0;
    parse->body_bytes_max = parse->limits->body_bytes_max;
    parse->at = HTTP_AT_BODY;
    return HTTP_PARSE_HEAD;
}

static enum http_step feed_head(struct http_parse *parse, struct span *input)
{
    size_t before = parse->head.len;
    bool is_in_pieces = before > 0;
    enum http_step step;

    if (is_in_pieces) { /* scan() looks at limits before anything is kept for long, and input is one read at most */
        buf_append_span(&parse->head, *input);
        step = scan(parse, parse->head.data, parse->head.len);
    } else {
        step = scan(parse, input->data, input->len);
    }
    if (step == HTTP_PARSE_HEAD) {
        step = read_head(parse, is_in_pieces ? span_slice(buf_span(&parse->head), 0, parse->scanned)
                                             : span_slice(*input, 0, parse->scanned));
        *input = span_slice(*input, parse->scanned - before, input->len);
        buf_deinit(&parse->head);
        return step;
    }
    if (step == HTTP_PARSE_MORE && !is_in_pieces)
        buf_append_span(&parse->head, *input);
    *input = span_slice(*input, input->len, 0);
    return step;
}

/* ---- the body ----------------------------------------------------------------------------------------------------- */

static enum http_step finish(struct http_parse *parse)
{
    parse->at = HTTP_AT_END;
    parse->exchange->body = buf_span(&parse->body);
    return HTTP_PARSE_WHOLE;
}

static enum http_step feed_body(struct http_parse *parse, struct span *input)
{
    const char *stop;
    llhttp_errno_t error;

    if (parse->is_complete)
        return finish(parse);
    if (parse->content_length > parse->body_bytes_max)
        return fail(parse, &fault_large);
    if (input->len == 0)
        return HTTP_PARSE_MORE;
    error = llhttp_execute(&parse->llhttp, input->data, input->len);
    if (parse->is_bad)
        return HTTP_PARSE_BAD;
    if (error != HPE_OK && error != HPE_PAUSED && error != HPE_PAUSED_UPGRADE)
        return fail(parse, &fault_body);
    stop = error == HPE_OK ? input->data + input->len : llhttp_get_error_pos(&parse->llhttp);
    parse->framed_bytes += (uint64_t)(stop - input->data);
    *input = span_slice(*input, (size_t)(stop - input->data), input->len);
    if (parse->is_complete)
        return finish(parse);
    if (parse->framed_bytes > FRAMING_FREE + 2 * (uint64_t)parse->body.len)
        return fail(parse, &fault_body);
    return HTTP_PARSE_MORE;
}

void http_parse_init(struct http_parse *parse, struct http_exchange *exchange, const struct http_limits *limits)
{
    *parse = (struct http_parse){.limits = limits, .exchange = exchange};
    llhttp_init(&parse->llhttp, HTTP_REQUEST, &settings);
    parse->llhttp.data = parse;
}

void http_parse_deinit(struct http_parse *parse)
{
    buf_deinit(&parse->head);
    buf_deinit(&parse->body);
}

bool http_parse_has_begun(const struct http_parse *parse)
{
    return parse->scanned > 0;
}

enum http_step http_parse_feed(struct http_parse *parse, struct span *input)
{
    if (parse->is_bad)
        return HTTP_PARSE_BAD;
    assert(parse->at != HTTP_AT_END);
    return parse->at == HTTP_AT_HEAD ? feed_head(parse, input) : feed_body(parse, input);
}
