#include "peer/socketio/namespace.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "wire/json.h"

#include <string.h>

static enum err fail(struct buf *why, struct span name, const char *reason)
{
    buf_printf(why, "namespaces: %.*s: %s", SPAN_ARG(name), reason);
    return ERR_CONFIG;
}

static enum err read_names(struct namespaces *all, const struct namespace *namespace, yyjson_val *value,
                           const char *fallback, struct span **names, uint32_t *count, struct buf *why)
{
    size_t size = yyjson_arr_size(value);
    if (value && (!yyjson_is_arr(value) || size > LIMIT_SIO_EVENT_NAMES))
        return fail(why, namespace->name, "event names are a list of at most 64");
    *names = arena_alloc(&all->arena, (size + 1) * sizeof **names);
    for (size_t i = 0; i < size; i++) {
        struct span name = json_text(yyjson_arr_get(value, i));
        if (name.len == 0 || name.len > LIMIT_ID_BYTES)
            return fail(why, namespace->name, "an event's name has 1 to 128 bytes");
        (*names)[(*count)++] = arena_copy(&all->arena, name);
    }
    if (!value && fallback)
        (*names)[(*count)++] = span_from_str(fallback);
    return OK;
}

static enum err read_recovery(struct namespace *namespace, yyjson_val *value, struct buf *why)
{
    if (!value || yyjson_is_false(value))
        return OK;
    namespace->recovery_ms = yyjson_is_true(value) ? LIMIT_SIO_RECOVERY_MS : yyjson_get_uint(value);
    if (namespace->recovery_ms == 0 || namespace->recovery_ms > LIMIT_SIO_RECOVERY_MS_MAX)
        return fail(why, namespace->name, "recovery is true, false or 1 to 3600000 milliseconds");
    return OK;
}

static enum err read_relay(struct namespace *namespace, yyjson_val *value, struct buf *why)
{
    namespace->is_relay = !yyjson_is_false(value);
    if (!namespace->is_relay && !span_equal(namespace->name, SPAN("/")))
        return fail(why, namespace->name, "only / can be something else than a relay");
    return OK;
}

/* ---- patterns ---- */

static enum namespace_kind kind_of(struct span name)
{
    if (name.len > 2 && name.data[name.len - 1] == '/')
        return NAMESPACE_REGEX;
    return memchr(name.data, '*', name.len) ? NAMESPACE_WILD : NAMESPACE_NAMED;
}

/* As people write them: with \\d, and slashes escaped. */
static enum err compile(struct namespace *namespace, struct buf *why)
{
    struct span text = span_slice(namespace->name, 1, namespace->name.len - 2);
    struct buf posix = BUF_EMPTY;
    for (size_t i = 0; i < text.len; i++) {
        bool is_escape = text.data[i] == '\\' && i + 1 < text.len;
        if (is_escape && text.data[i + 1] == 'd')
            BUF_APPEND_LITERAL(&posix, "[0-9]");
        else if (is_escape && text.data[i + 1] == '/')
            buf_append_char(&posix, '/');
        else if (is_escape)
            buf_append_span(&posix, span_slice(text, i, 2));
        else
            buf_append_char(&posix, text.data[i]);
        i += is_escape;
    }
    buf_append_char(&posix, '\0');
    int failed = regcomp(&namespace->regex, posix.data, REG_EXTENDED | REG_NOSUB);
    buf_deinit(&posix);
    if (!failed)
        return OK;
    namespace->kind = NAMESPACE_NAMED; /* nothing to be freed */
    return fail(why, namespace->name, "not a regular expression");
}

/* A star goes on as long as it must: the last one that was met takes one more. */
static bool is_wild_match(struct span pattern, struct span name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, taken = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            taken = n;
        } else if (p < pattern.len && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX && name.data[taken] != '/') {
            p = star + 1;
            n = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

/* The name becomes a part of rooms' names, where # ends it. */
static bool may_be_dynamic(struct span name)
{
    if (name.len < 2 || name.len > LIMIT_SIO_NAME_BYTES || name.data[0] != '/' || !utf8_is_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == 0x7f || strchr("#,?", name.data[i]))
            return false;
    return true;
}

static bool matches(const struct namespace *namespace, struct span name)
{
    char text[LIMIT_SIO_NAME_BYTES + 1];
    if (namespace->kind == NAMESPACE_WILD)
        return is_wild_match(namespace->name, name);
    if (namespace->kind != NAMESPACE_REGEX)
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return regexec(&namespace->regex, text, 0, NULL, 0) == 0;
}

/* ---- reading ---- */

static enum err read_namespace(struct namespaces *all, struct span name, yyjson_val *value, struct namespace *out,
                               struct buf *why)
{
    enum err err;
    out->name = arena_copy(&all->arena, name);
    if (!span_starts_with(name, SPAN("/")) || name.len > LIMIT_ID_BYTES)
        return fail(why, name, "a namespace's name begins with a slash and has 128 bytes at most");
    enum namespace_kind kind = kind_of(name);
    if (kind != NAMESPACE_REGEX && (memchr(name.data, ',', name.len) || memchr(name.data, '#', name.len)))
        return fail(why, name, "a namespace's name has no comma and no #");
    out->kind = kind;
    if (kind == NAMESPACE_REGEX && (err = compile(out, why)))
        return err;
    if (!yyjson_is_obj(value))
        return fail(why, name, "an object is expected");
    out->is_anonymous = json_get_bool(value, "anonymous", false);
    out->echoes = json_get_bool(value, "echo", false);
    if ((err = read_relay(out, json_get(value, "relay"), why)) ||
        (err = read_recovery(out, json_get(value, "recovery"), why)))
        return err;
    if ((err = read_names(all, out, json_get(value, "join"), "join", &out->joins, &out->join_count, why)) ||
        (err = read_names(all, out, json_get(value, "leave"), "leave", &out->leaves, &out->leave_count, why)))
        return err;
    return read_names(all, out, json_get(value, "volatile"), NULL, &out->volatiles, &out->volatile_count, why);
}

enum err namespaces_init(struct namespaces *namespaces, struct span json, struct buf *why)
{
    struct json parsed = {0};
    enum err err = OK;
    memset(namespaces, 0, sizeof *namespaces);
    arena_init(&namespaces->arena, 1024);
    if (json.len && json_parse(&parsed, json, &json_limits_default))
        err = fail(why, SPAN("all of it"), "not valid JSON");
    else if (json.len && !yyjson_is_obj(parsed.root))
        err = fail(why, SPAN("all of it"), "an object is expected");
    size_t size = json.len && !err ? yyjson_obj_size(parsed.root) : 0;
    namespaces->list = arena_alloc(&namespaces->arena, (size + 1) * sizeof *namespaces->list);
    yyjson_obj_iter iter = yyjson_obj_iter_with(parsed.root);
    for (yyjson_val *key; !err && size && (key = yyjson_obj_iter_next(&iter));)
        err = read_namespace(namespaces, json_text(key), yyjson_obj_iter_get_val(key),
                             &namespaces->list[namespaces->count++], why);
    if (!err && !namespace_find(namespaces, SPAN("/relay"))) {
        yyjson_doc *empty = yyjson_read("{}", 2, 0);
        err = read_namespace(namespaces, SPAN("/relay"), yyjson_doc_get_root(empty),
                             &namespaces->list[namespaces->count++], why);
        yyjson_doc_free(empty);
    }
    json_deinit(&parsed);
    return err;
}

void namespaces_deinit(struct namespaces *namespaces)
{
    for (uint32_t i = 0; i < namespaces->count; i++)
        if (namespaces->list[i].kind == NAMESPACE_REGEX)
            regfree(&namespaces->list[i].regex);
    arena_deinit(&namespaces->arena);
}

const struct namespace *namespace_find(const struct namespaces *namespaces, struct span name)
{
    for (uint32_t i = 0; i < namespaces->count; i++)
        if (namespaces->list[i].kind == NAMESPACE_NAMED && span_equal(namespaces->list[i].name, name))
            return &namespaces->list[i];
    for (uint32_t i = 0; i < namespaces->count && may_be_dynamic(name); i++)
        if (matches(&namespaces->list[i], name))
            return &namespaces->list[i];
    return NULL;
}

static bool has(const struct span *names, uint32_t count, struct span name)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(names[i], name))
            return true;
    return false;
}

bool namespace_joins(const struct namespace *namespace, struct span event)
{
    return has(namespace->joins, namespace->join_count, event);
}

bool namespace_leaves(const struct namespace *namespace, struct span event)
{
    return has(namespace->leaves, namespace->leave_count, event);
}

bool namespace_is_volatile(const struct namespace *namespace, struct span event)
{
    return has(namespace->volatiles, namespace->volatile_count, event);
}
