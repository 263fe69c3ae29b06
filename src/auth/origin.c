#include "auth/origin.h"

#include "base/memory.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { ORIGIN_BYTES_MAX = 512, PATTERN_BYTES_MAX = 1024, EXACT_MAX = 1024 };

struct origin_rules {
    struct buf exact; /* normal forms, a NUL after each */
    bool has_pattern;
    regex_t pattern;
};

/* An origin's one normal form: lower case, no default port, NUL-terminated. */
struct normal {
    char text[ORIGIN_BYTES_MAX + 1];
    size_t len;
};

/* ---- normal form ---- */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool is_letter(char byte)
{
    return lower(byte) >= 'a' && lower(byte) <= 'z';
}

static bool is_scheme(struct span scheme)
{
    if (scheme.len == 0 || !is_letter(scheme.data[0]))
        return false;
    for (size_t i = 1; i < scheme.len; i++) {
        char byte = scheme.data[i];

        if (!is_letter(byte) && !is_digit(byte) && byte != '+' && byte != '-' && byte != '.')
            return false;
    }
    return true;
}

/* A name, an IPv4 address, or what stands between [ and ]. Browsers send international names as ASCII (xn--). */
static bool is_host(struct span host, bool in_brackets)
{
    for (size_t i = 0; i < host.len; i++) {
        char byte = host.data[i];
        bool is_good = in_brackets
                           ? is_digit(byte) || (lower(byte) >= 'a' && lower(byte) <= 'f') || byte == ':' || byte == '.'
                           : is_letter(byte) || is_digit(byte) || byte == '-' || byte == '.' || byte == '_';

        if (!is_good)
            return false;
    }
    return host.len > 0;
}

static bool is_default_port(struct span scheme, uint64_t port)
{
    if (span_equal_nocase(scheme, SPAN("http")) || span_equal_nocase(scheme, SPAN("ws")))
        return port == 80;
    return (span_equal_nocase(scheme, SPAN("https")) || span_equal_nocase(scheme, SPAN("wss"))) && port == 443;
}

static void append(struct normal *normal, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        normal->text[normal->len++] = lower(text.data[i]);
    normal->text[normal->len] = '\0';
}

/* Cuts "host" or "[host]" off "host:port"; leaves ":port" or nothing. */
static bool cut_host(struct span *rest, struct span *host)
{
    bool in_brackets = span_starts_with(*rest, SPAN("["));
    size_t len = in_brackets ? span_find(*rest, ']') + 1 : span_find(*rest, ':');

    if (len > rest->len)
        return false; /* no closing bracket */
    *host = span_slice(*rest, 0, len);
    *rest = span_slice(*rest, len, rest->len);
    return is_host(in_brackets ? span_slice(*host, 1, host->len - 2) : *host, in_brackets);
}

/* false for everything that is not exactly scheme://host[:port]. */
static bool normalise(struct span scheme, struct span authority, struct normal *out)
{
    struct span host, port_text;
    uint64_t port;

    out->len = 0;
    if (scheme.len + authority.len + 3 > ORIGIN_BYTES_MAX || !is_scheme(scheme) || !cut_host(&authority, &host))
        return false;
    append(out, scheme);
    append(out, SPAN("://"));
    append(out, host);
    if (authority.len == 0)
        return true;
    port_text = span_slice(authority, 1, authority.len);
    if (authority.data[0] != ':' || !span_parse_u64(port_text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    if (!is_default_port(scheme, port))
        append(out, authority);
    return true;
}

static bool normalise_origin(struct span origin, struct normal *out)
{
    size_t len = span_find(origin, ':');
    struct span rest = span_slice(origin, len, origin.len);

    return span_starts_with(rest, SPAN("://")) &&
           normalise(span_slice(origin, 0, len), span_slice(rest, 3, rest.len), out);
}

static struct span normal_span(const struct normal *normal)
{
    return span_of(normal->text, normal->len);
}

/* ---- loading ---- */

static enum err add_exact(struct origin_rules *rules, struct span origin, struct buf *why)
{
    struct normal normal;
    const char *sentence = "an origin is scheme://host or scheme://host:port, and nothing else";

    if (normalise_origin(origin, &normal)) {
        buf_append(&rules->exact, normal.text, normal.len + 1);
        return OK;
    }
    if (span_equal(origin, SPAN("*")))
        sentence = "not every page of the web may act for a logged-in user: name the origins or use the pattern";
    else if (span_find(origin, '*') < origin.len)
        sentence = "an exact origin has no *: use the pattern for many";
    else if (span_ends_with(origin, SPAN("/")))
        sentence = "an origin has no path, not even a last slash";
    else if (span_equal(origin, SPAN("null")))
        sentence = "the origin null stands for every sandboxed page and every local file: it cannot be allowed";
    buf_printf(why, "\"%.*s\": %s", SPAN_ARG(span_slice(origin, 0, 80)), sentence);
    return ERR_CONFIG;
}

static bool is_separator(char byte)
{
    return byte == ',' || byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static enum err load_exact(struct origin_rules *rules, struct span list, struct buf *why)
{
    unsigned count = 0;
    size_t at = 0;

    while (at < list.len) {
        size_t end = at;
        enum err err;

        while (end < list.len && !is_separator(list.data[end]))
            end++;
        if (end > at) {
            if (++count > EXACT_MAX) {
                buf_printf(why, "more than %d origins", EXACT_MAX);
                return ERR_CONFIG;
            }
            if ((err = add_exact(rules, span_slice(list, at, end - at), why)) != OK)
                return err;
        }
        at = end + 1;
    }
    return OK;
}

/* What other dialects of regular expressions have and POSIX silently reads as something else. A pattern that means
 * less or more than its author thinks is no protection. */
static const char *foreign_syntax(struct span pattern)
{
    for (size_t i = 0; i + 1 < pattern.len; i++) {
        char next = pattern.data[i + 1];

        if (pattern.data[i] == '(' && next == '?')
            return "(?...) is not known to POSIX regular expressions";
        if (pattern.data[i] != '\\')
            continue;
        if (is_letter(next) || is_digit(next))
            return "POSIX regular expressions know no \\d, \\w, \\1: write [0-9], [a-z0-9_]";
        i++; /* an escaped backslash escapes nothing */
    }
    return NULL;
}

/* Compiled twice: alone, so that its own parentheses must match, and then between ^( and )$, so that nothing of
 * the origin is left out. */
static enum err load_pattern(struct origin_rules *rules, struct span pattern, struct buf *why)
{
    const int flags = REG_EXTENDED | REG_ICASE | REG_NOSUB;
    const char *sentence = foreign_syntax(pattern);
    struct buf text = BUF_EMPTY;
    regex_t alone;
    char reason[128];
    int result;

    if (sentence == NULL && pattern.len > PATTERN_BYTES_MAX)
        sentence = "the pattern is too long";
    if (sentence == NULL && span_find(pattern, '\0') < pattern.len)
        sentence = "there is a NUL in the pattern";
    if (sentence != NULL) {
        buf_append_str(why, sentence);
        return ERR_CONFIG;
    }
    buf_printf(&text, "%.*s", SPAN_ARG(pattern));
    if ((result = regcomp(&alone, text.data, flags)) == 0) {
        regfree(&alone);
        buf_reset(&text);
        buf_printf(&text, "^(%.*s)$", SPAN_ARG(pattern));
        result = regcomp(&rules->pattern, text.data, flags);
    }
    buf_deinit(&text);
    if (result != 0) {
        regerror(result, NULL, reason, sizeof(reason));
        buf_printf(why, "not a POSIX extended regular expression: %s", reason);
        return ERR_CONFIG;
    }
    rules->has_pattern = true;
    return OK;
}

enum err origin_rules_new(struct span exact, struct span pattern, struct origin_rules **out, struct buf *why)
{
    struct origin_rules *rules = NEW(struct origin_rules);
    enum err err;

    if ((err = load_exact(rules, exact, why)) != OK)
        goto done;
    if (pattern.len > 0 && (err = load_pattern(rules, pattern, why)) != OK)
        goto done;
    *out = rules;
    rules = NULL;
done:
    origin_rules_free(rules);
    return err;
}

void origin_rules_free(struct origin_rules *rules)
{
    if (rules == NULL)
        return;
    if (rules->has_pattern)
        regfree(&rules->pattern);
    buf_deinit(&rules->exact);
    free(rules);
}

/* ---- checking ---- */

static bool is_listed(const struct origin_rules *rules, struct span origin)
{
    struct span rest = buf_span(&rules->exact);
    struct span allowed;

    while (span_cut(&rest, '\0', &allowed))
        if (span_equal(allowed, origin))
            return true;
    return false;
}

static bool is_own(const struct origin_request *request, struct span origin)
{
    struct normal own;

    return normalise(request->is_tls ? SPAN("https") : SPAN("http"), request->host, &own) &&
           span_equal(normal_span(&own), origin);
}

/* Without an origin it is a program, or a browser that fetches from its own page or follows a link. Browsers that
 * say so themselves (pages cannot forge Sec-Fetch-Site) must not change anything from elsewhere. */
static enum origin_verdict check_missing(const struct origin_request *request)
{
    bool is_from_elsewhere = request->fetch_site.len > 0 &&
                             !span_equal_nocase(request->fetch_site, SPAN("same-origin")) &&
                             !span_equal_nocase(request->fetch_site, SPAN("none"));

    return is_from_elsewhere && request->is_state_changing ? ORIGIN_REFUSED : ORIGIN_NONE;
}

enum origin_verdict origin_check(const struct origin_rules *rules, const struct origin_request *request)
{
    struct normal origin;

    if (request->origin.len == 0)
        return check_missing(request);
    if (!normalise_origin(request->origin, &origin)) /* `null`, too */
        return ORIGIN_REFUSED;
    if (is_own(request, normal_span(&origin)))
        return ORIGIN_SAME;
    if (is_listed(rules, normal_span(&origin)))
        return ORIGIN_ALLOWED;
    if (rules->has_pattern && regexec(&rules->pattern, origin.text, 0, NULL, 0) == 0)
        return ORIGIN_ALLOWED;
    return ORIGIN_REFUSED;
}
