/* Pages of a type's records, filtered, searched and sorted. The text of the statement depends only on which fields are
 * asked for, by number; what people typed, and the fields' names, are bound values.
 *
 * A page goes on after the last row of the one before: after its sort value and, where those are equal, its id. So
 * rows that come or go meanwhile move nothing. */
#include "store/sqlite_internal.h"

#include "base/base64.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    VALUES_MAX = 96,      /* path and value of each filter, of each searchable field, and of the sort */
    SORT_CHARACTERS = 96, /* of a text count in sorting, so that a cursor stays short */
    SEARCH_BYTES_MAX = 256,
};

struct value {
    enum { VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT } kind;
    int64_t integer;
    double real;
    struct span text;
};

/* A statement that is being put together. */
struct listing {
    struct store_reader *reader;
    const struct list_query *query;
    struct arena *arena;
    struct buf where, text;
    struct value values[VALUES_MAX];
    int value_count;
    char sort[96]; /* the expression it is sorted by */
    struct value after;
    struct span after_id;
};

/* ---- values ---- */

static int add_value(struct listing *listing, struct value value)
{
    assert(listing->value_count < VALUES_MAX);
    listing->values[listing->value_count++] = value;
    return listing->value_count;
}

static int add_text(struct listing *listing, struct span text)
{
    return add_value(listing, (struct value){.kind = VALUE_TEXT, .text = text});
}

static void bind_value(sqlite3_stmt *statement, int place, const struct value *value)
{
    int code = SQLITE_OK;

    switch (value->kind) {
    case VALUE_NULL: code = sqlite3_bind_null(statement, place); break;
    case VALUE_INTEGER: sql_bind_i64(statement, place, value->integer); break;
    case VALUE_REAL: code = sqlite3_bind_double(statement, place, value->real); break;
    case VALUE_TEXT: sql_bind_text(statement, place, value->text); break;
    }
    assert(code == SQLITE_OK);
}

static struct value column_value(sqlite3_stmt *statement, int column, struct arena *arena)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL: return (struct value){.kind = VALUE_NULL};
    case SQLITE_INTEGER:
        return (struct value){.kind = VALUE_INTEGER, .integer = sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT: return (struct value){.kind = VALUE_REAL, .real = sqlite3_column_double(statement, column)};
    default: return (struct value){.kind = VALUE_TEXT, .text = sql_column_copy(statement, column, arena)};
    }
}

/* ---- fields ---- */

static bool is_number(const struct field *field)
{
    return field && (field->kind == FIELD_NUMBER || field->kind == FIELD_INTEGER);
}

/* What is no single value has no order, and nothing to compare with. */
static bool is_plain(const struct field *field)
{
    return field == NULL ||
           (field->kind != FIELD_JSON && field->kind != FIELD_OBJECT && field->kind != FIELD_COLLECTION);
}

static bool parse_double(struct span text, double *out)
{
    char digits[64], *end;

    if (text.len == 0 || text.len >= sizeof(digits) || strspn(text.data, "+-0123456789.eE") < 1)
        return false;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    if (strspn(digits, "+-0123456789.eE") != text.len) /* strtod knows nan, inf and hexadecimal, too */
        return false;
    *out = strtod(digits, &end);
    return *end == '\0' && isfinite(*out);
}

static bool parse_value(const struct field *field, struct span text, struct value *out)
{
    *out = (struct value){.kind = VALUE_TEXT, .text = text};
    if (field == NULL)
        return true;
    if (field->kind == FIELD_BOOLEAN) {
        *out = (struct value){.kind = VALUE_INTEGER, .integer = span_equal(text, SPAN("true"))};
        return out->integer == 1 || span_equal(text, SPAN("false"));
    }
    if (!is_number(field))
        return true;
    out->kind = VALUE_INTEGER;
    if (span_parse_i64(text, &out->integer))
        return true;
    out->kind = VALUE_REAL;
    return parse_double(text, &out->real);
}

/* The expression for a field's value: its path is a bound value, whatever the field is called. */
static void append_field(struct listing *listing, struct buf *out, const struct field *field)
{
    if (field)
        buf_printf(out, "json_extract(state, ?%d)",
                   add_text(listing, arena_printf(listing->arena, "$.\"%.*s\"", SPAN_ARG(field->name))));
    else
        buf_append_str(out, "id");
}

/* ---- which rows ---- */

static enum err add_filter(struct listing *listing, const struct list_filter *filter)
{
    static const char *const operators[] = {[COMPARE_BELOW] = "<",
                                            [COMPARE_AT_MOST] = "<=",
                                            [COMPARE_ABOVE] = ">",
                                            [COMPARE_AT_LEAST] = ">=",
                                            [COMPARE_EQUAL] = "="};
    struct value value;

    if (!is_plain(filter->field) || !parse_value(filter->field, filter->value, &value))
        return ERR_BAD_FIELD;
    buf_append_str(&listing->where, " AND ");
    append_field(listing, &listing->where, filter->field);
    buf_printf(&listing->where, " %s ?%d", operators[filter->comparison], add_value(listing, value));
    return OK;
}

static enum err add_search(struct listing *listing)
{
    const struct list_query *query = listing->query;
    struct buf folded = BUF_EMPTY;
    int needle;

    if (query->search.len == 0)
        return OK;
    if (query->search.len > SEARCH_BYTES_MAX)
        return ERR_BAD_FIELD;
    search_fold(listing->reader, query->search, &folded);
    needle = add_text(listing, arena_copy(listing->arena, buf_span(&folded)));
    buf_deinit(&folded);
    buf_printf(&listing->where, " AND (collabd_contains(id, ?%d)", needle);
    for (uint32_t i = 0; i < query->type->field_count; i++) {
        if (!(query->searchable >> query->type->fields[i].index & 1))
            continue;
        buf_append_str(&listing->where, " OR collabd_contains(");
        append_field(listing, &listing->where, &query->type->fields[i]);
        buf_printf(&listing->where, ", ?%d)", needle);
    }
    buf_append_char(&listing->where, ')');
    return OK;
}

static enum err add_conditions(struct listing *listing)
{
    const struct list_query *query = listing->query;
    enum err err = OK;

    assert(query->filter_count <= sizeof(query->filters) / sizeof(query->filters[0]));
    buf_printf(&listing->where, "FROM record WHERE type_id = (SELECT id FROM type WHERE name = ?%d) AND is_deleted = 0",
               add_text(listing, query->type->name));
    for (uint32_t i = 0; i < query->filter_count && err == OK; i++)
        err = add_filter(listing, &query->filters[i]);
    return err == OK ? add_search(listing) : err;
}

/* ---- the cursor: which order it is a place in, a sort value, an id ---- */

static uint64_t query_hash(const struct list_query *query)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    buf_append_span(&text, query->type->name);
    buf_append_str(&text, query->is_descending ? " - " : " + ");
    if (query->sort)
        buf_append_span(&text, query->sort->name);
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

static void append_bytes(struct buf *out, struct span bytes)
{
    uint16_t len = (uint16_t)bytes.len;

    assert(bytes.len <= UINT16_MAX);
    buf_append(out, &len, sizeof(len));
    buf_append_span(out, bytes);
}

static struct span cursor_print(struct listing *listing, const struct value *value, struct span id)
{
    uint64_t hash = query_hash(listing->query);
    uint8_t kind = (uint8_t)value->kind;
    struct buf bytes = BUF_EMPTY, text = BUF_EMPTY;
    struct span cursor;

    buf_append(&bytes, &hash, sizeof(hash));
    buf_append(&bytes, &kind, sizeof(kind));
    append_bytes(&bytes, value->kind == VALUE_TEXT      ? span_slice(value->text, 0, UINT16_MAX)
                         : value->kind == VALUE_INTEGER ? span_of(&value->integer, sizeof(value->integer))
                         : value->kind == VALUE_REAL    ? span_of(&value->real, sizeof(value->real))
                                                        : SPAN_EMPTY);
    append_bytes(&bytes, id);
    base64url_encode(&text, buf_span(&bytes));
    cursor = arena_copy(listing->arena, buf_span(&text));
    buf_deinit(&bytes);
    buf_deinit(&text);
    return cursor;
}

static bool take(struct span *rest, void *out, size_t len)
{
    if (rest->len < len)
        return false;
    memcpy(out, rest->data, len);
    *rest = span_slice(*rest, len, rest->len);
    return true;
}

static bool take_bytes(struct span *rest, struct span *out)
{
    uint16_t len;

    if (!take(rest, &len, sizeof(len)) || rest->len < len)
        return false;
    *out = span_slice(*rest, 0, len);
    *rest = span_slice(*rest, len, rest->len);
    return true;
}

static bool read_sort_value(uint8_t kind, struct span bytes, struct value *out)
{
    switch (kind) {
    case VALUE_NULL: out->kind = VALUE_NULL; return bytes.len == 0;
    case VALUE_INTEGER:
        out->kind = VALUE_INTEGER;
        return take(&bytes, &out->integer, sizeof(out->integer)) && bytes.len == 0;
    case VALUE_REAL: out->kind = VALUE_REAL; return take(&bytes, &out->real, sizeof(out->real)) && bytes.len == 0;
    case VALUE_TEXT:
        out->kind = VALUE_TEXT;
        out->text = bytes;
        return true;
    default: return false;
    }
}

static bool cursor_read(struct listing *listing, struct span text)
{
    struct buf bytes = BUF_EMPTY;
    struct span rest, value;
    uint64_t hash;
    uint8_t kind;
    bool is_good = false;

    if (base64url_decode(&bytes, text) != OK)
        goto done;
    rest = arena_copy(listing->arena, buf_span(&bytes)); /* what the values point into */
    is_good = take(&rest, &hash, sizeof(hash)) && hash == query_hash(listing->query) &&
              take(&rest, &kind, sizeof(kind)) && take_bytes(&rest, &value) &&
              read_sort_value(kind, value, &listing->after) && take_bytes(&rest, &listing->after_id) && rest.len == 0;
done:
    buf_deinit(&bytes);
    return is_good;
}

/* ---- the page ---- */

/* Nothing (a missing field) comes before everything else. */
static void append_after(struct listing *listing)
{
    bool down = listing->query->is_descending;
    int id = add_text(listing, listing->after_id);
    const char *beyond = down ? "<" : ">";
    int value;

    if (listing->query->sort == NULL) {
        buf_printf(&listing->text, " AND id %s ?%d", beyond, id);
    } else if (listing->after.kind == VALUE_NULL) {
        buf_printf(&listing->text, " AND ((%s IS NULL AND id %s ?%d)%s%s%s)", listing->sort, beyond, id,
                   down ? "" : " OR ", down ? "" : listing->sort, down ? "" : " IS NOT NULL");
    } else {
        value = add_value(listing, listing->after);
        buf_printf(&listing->text, " AND (%s %s ?%d OR (%s = ?%d AND id %s ?%d)%s%s%s)", listing->sort, beyond, value,
                   listing->sort, value, beyond, id, down ? " OR " : "", down ? listing->sort : "",
                   down ? " IS NULL" : "");
    }
}

static enum err choose_sort(struct listing *listing)
{
    const struct field *field = listing->query->sort;
    struct buf text = BUF_EMPTY;

    if (!is_plain(field))
        return ERR_BAD_FIELD;
    if (field == NULL || is_number(field) || field->kind == FIELD_BOOLEAN) {
        append_field(listing, &text, field);
    } else {
        buf_append_str(&text, "substr(");
        append_field(listing, &text, field);
        buf_printf(&text, ", 1, %d)", SORT_CHARACTERS);
    }
    assert(text.len < sizeof(listing->sort));
    memcpy(listing->sort, text.data, text.len);
    listing->sort[text.len] = '\0';
    buf_deinit(&text);
    return OK;
}

/* One more row than asked for says whether there is another page. */
static enum err print_page(struct listing *listing)
{
    const struct list_query *query = listing->query;
    const char *direction = query->is_descending ? "DESC" : "ASC";
    enum err err;

    buf_reset(&listing->text);
    if ((err = choose_sort(listing)) != OK)
        return err;
    buf_printf(&listing->text, "SELECT id, state, version, updated_ms, %s ", query->sort ? listing->sort : "NULL");
    buf_append_span(&listing->text, buf_span(&listing->where));
    if (query->cursor.len > 0) {
        if (!cursor_read(listing, query->cursor))
            return ERR_BAD_FIELD;
        append_after(listing);
    }
    buf_append_str(&listing->text, " ORDER BY ");
    if (query->sort)
        buf_printf(&listing->text, "%s %s, ", listing->sort, direction);
    buf_printf(&listing->text, "id %s LIMIT %u", direction, query->limit + 1);
    return OK;
}

static enum err prepare(struct listing *listing, sqlite3_stmt **out)
{
    sqlite3 *db = listing->reader->sql.db;
    int code = sqlite3_prepare_v2(db, listing->text.data, (int)listing->text.len, out, NULL);

    if (code != SQLITE_OK)
        return sql_err(db, code);
    /* Each listing has only the values its text mentions, in the order it mentions them. */
    for (int i = 0; i < sqlite3_bind_parameter_count(*out); i++)
        bind_value(*out, i + 1, &listing->values[i]);
    return OK;
}

static enum err read_rows(struct listing *listing, sqlite3_stmt *statement, struct list_page *page)
{
    struct arena *arena = listing->arena;
    struct value sort = {.kind = VALUE_NULL};
    size_t bytes = 0;
    enum err err;

    page->rows = arena_alloc(arena, listing->query->limit * sizeof(*page->rows));
    while ((err = sql_row(statement)) == OK) {
        struct list_row *row = &page->rows[page->count];

        if (page->count == listing->query->limit || bytes >= PAGE_BYTES_MAX) {
            page->next = cursor_print(listing, &sort, row[-1].id);
            return OK;
        }
        row->id = sql_column_copy(statement, 0, arena);
        row->state = sql_column_copy(statement, 1, arena);
        row->version = sql_column_u64(statement, 2);
        row->updated_ms = sqlite3_column_int64(statement, 3);
        sort = column_value(statement, 4, arena);
        bytes += row->state.len;
        page->count++;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err count_rows(struct listing *listing, uint64_t *total)
{
    sqlite3_stmt *statement = NULL;
    enum err err;

    buf_reset(&listing->text);
    buf_append_str(&listing->text, "SELECT count(*) ");
    buf_append_span(&listing->text, buf_span(&listing->where));
    if ((err = prepare(listing, &statement)) == OK && (err = sql_row(statement)) == OK)
        *total = sql_column_u64(statement, 0);
    sqlite3_finalize(statement);
    return err;
}

static enum err fill_page(struct listing *listing, struct list_page *page)
{
    sqlite3_stmt *statement = NULL;
    enum err err;

    if ((err = add_conditions(listing)) != OK || (err = count_rows(listing, &page->total)) != OK ||
        (err = print_page(listing)) != OK)
        return err;
    if ((err = prepare(listing, &statement)) == OK)
        err = read_rows(listing, statement, page);
    sqlite3_finalize(statement);
    return err;
}

enum err store_list(struct store_reader *reader, struct arena *arena, const struct list_query *query,
                    struct list_page *page)
{
    struct listing listing = {.reader = reader, .query = query, .arena = arena};
    enum err err;

    assert(query->limit >= 1 && query->limit <= PAGE_LIMIT_MAX);
    *page = (struct list_page){0};
    reader_start_clock(reader);
    if ((err = sql_exec(reader->sql.db, "BEGIN")) == OK) { /* the count and the rows are of one moment */
        err = fill_page(&listing, page);
        (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    }
    buf_deinit(&listing.where);
    buf_deinit(&listing.text);
    return err;
}
