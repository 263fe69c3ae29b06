/* One record of the demonstration data: writing, choosing, and what everybody knows of a record by its number. */
#include "server/demo_record.h"

#include "base/clock.h"
#include "collab/change/change.h"

#include <stdarg.h>
#include <stdio.h>

enum { RECORD_BYTES_MAX = 64 * 1024, DAY_0 = 20454 /* 2026-01-01, in days since 1970 */ };

#define DAY_MS (24 * 60 * 60 * 1000LL)

/* ---- begin and end ---- */

uint64_t demo_seed(unsigned kind, unsigned number)
{
    return (uint64_t)kind << 32 | number;
}

bool demo_begin(struct demo *demo, const char *type, struct span id, unsigned number)
{
    struct span name = span_from_str(type);

    demo->type = type_find(demo->registry, name);
    if (demo->type == NULL)
        return false;
    demo->id = id;
    rand_seed(&demo->rand, hash_stable(name) ^ demo_seed(0, number));
    buf_reset(&demo->json);
    buf_append_char(&demo->json, '{');
    return true;
}

/* Through the door that every record comes through: defaults, order of the fields and checks are the type's. */
static enum err make_state(struct demo *demo, const struct json *json)
{
    struct change change = {.entity_id = demo->id};
    struct span field;
    enum err err;

    err = change_from_record(&demo->arena, demo->type, json->root, UINT64_MAX, &change, &field);
    if (err != OK)
        return err;
    return change_apply(&demo->arena, demo->type, SPAN_EMPTY, RECORD_BYTES_MAX, &change, &demo->state);
}

void demo_end(struct demo *demo)
{
    struct json json;

    buf_append_char(&demo->json, '}');
    buf_reset(&demo->state);
    if (json_parse(&json, buf_span(&demo->json), &json_limits_default) == OK) {
        if (make_state(demo, &json) == OK) {
            demo->sink(demo->arg, demo->type, demo->id, buf_span(&demo->state));
            demo->count++;
        }
        json_deinit(&json);
    }
    arena_reset(&demo->arena);
}

/* ---- members ---- */

void demo_text(struct demo *demo, const char *key, struct span text)
{
    json_member_string(&demo->json, key, text);
}

void demo_join(struct demo *demo, const char *key, struct span first, const char *between, struct span second)
{
    demo_format(demo, key, "%.*s%s%.*s", SPAN_ARG(first), between, SPAN_ARG(second));
}

void demo_format(struct demo *demo, const char *key, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    demo_text(demo, key, span_from_str(text));
}

void demo_integer(struct demo *demo, const char *key, unsigned number)
{
    json_member_u64(&demo->json, key, number);
}

void demo_amount(struct demo *demo, const char *key, uint64_t cents)
{
    json_append_key(&demo->json, key);
    json_append_number(&demo->json, (double)cents / 100);
}

static struct span keep(struct demo *demo, struct buf *text)
{
    struct span copy = arena_copy(&demo->arena, buf_span(text));

    buf_deinit(text);
    return copy;
}

static struct span iso(struct demo *demo, int64_t wall_ms)
{
    struct buf text = BUF_EMPTY;

    clock_append_iso(&text, wall_ms);
    return keep(demo, &text);
}

void demo_date(struct demo *demo, const char *key, int day)
{
    demo_text(demo, key, span_slice(iso(demo, (DAY_0 + day) * DAY_MS), 0, 10));
}

void demo_moment(struct demo *demo, const char *key, int day)
{
    int64_t minute = 7 * 60 + (int64_t)demo_below(demo, 10 * 60);

    demo_text(demo, key, iso(demo, (DAY_0 + day) * DAY_MS + minute * 60 * 1000));
}

void demo_open(struct demo *demo, const char *key, char bracket)
{
    if (key)
        json_append_key(&demo->json, key);
    else if (demo->json.data[demo->json.len - 1] != '[')
        buf_append_char(&demo->json, ',');
    buf_append_char(&demo->json, bracket);
}

void demo_close(struct demo *demo, char bracket)
{
    buf_append_char(&demo->json, bracket);
}

/* ---- choosing ---- */

unsigned demo_below(struct demo *demo, unsigned bound)
{
    return (unsigned)rand_below(&demo->rand, bound);
}

unsigned demo_between(struct demo *demo, unsigned least, unsigned most)
{
    return least + demo_below(demo, most - least + 1);
}

bool demo_chance(struct demo *demo, unsigned percent)
{
    return demo_below(demo, 100) < percent;
}

struct span demo_pick(struct demo *demo, struct words words)
{
    return words.words[demo_below(demo, words.count)];
}

struct span demo_choose(struct demo *demo, const char *choices)
{
    struct span rest = span_from_str(choices), word = SPAN_EMPTY;
    unsigned count = 1;

    for (size_t i = 0; i < rest.len; i++)
        count += rest.data[i] == ' ';
    for (unsigned i = demo_below(demo, count) + 1; i > 0; i--)
        span_cut(&rest, ' ', &word);
    return word;
}

struct span demo_user(struct demo *demo)
{
    return demo_choose(demo, "jsmith akhan jsmith akhan mgarcia");
}

void demo_address(struct demo *demo, const char *key)
{
    unsigned city = demo_below(demo, words_cities.count), number = demo_between(demo, 1, 240);
    struct span street = demo_pick(demo, words_streets);

    demo_open(demo, key, '{');
    demo_format(demo, "street", "%u %.*s", number, SPAN_ARG(street));
    demo_text(demo, "city", words_cities.words[city]);
    demo_format(demo, "postcode", "%05u", demo_between(demo, 1000, 99999));
    demo_text(demo, "country", words_countries.words[city]);
    demo_close(demo, '}');
}

/* ---- known by number ---- */

struct span demo_id(struct demo *demo, const char *prefix, unsigned digits, unsigned first, unsigned number)
{
    return arena_printf(&demo->arena, "%s%0*u", prefix, (int)digits, first + number);
}

static struct span choose_word(struct rand *rand, struct words words)
{
    return words.words[rand_below(rand, words.count)];
}

struct demo_part demo_part(struct demo *demo, unsigned number)
{
    struct rand rand;
    struct demo_part part = {.id = DEMO_ID_PART(demo, number)};
    struct span size, finish;
    unsigned range;

    rand_seed(&rand, demo_seed(DEMO_KIND_PART, number));
    part.family = &part_families[rand_below(&rand, part_family_count)];
    size = choose_word(&rand, part.family->sizes);
    finish = choose_word(&rand, part.family->finishes);
    part.name =
        arena_printf(&demo->arena, "%.*s %.*s, %.*s", SPAN_ARG(part.family->noun), SPAN_ARG(size), SPAN_ARG(finish));
    range = part.family->cost_cents_max - part.family->cost_cents_min + 1;
    part.cost_cents = part.family->cost_cents_min + (unsigned)rand_below(&rand, range);
    return part;
}

struct span demo_person(struct demo *demo, unsigned kind, unsigned number)
{
    struct rand rand;
    struct span first, last;

    rand_seed(&rand, demo_seed(kind, number));
    first = choose_word(&rand, words_first_names);
    last = choose_word(&rand, words_last_names);
    return arena_printf(&demo->arena, "%.*s %.*s", SPAN_ARG(first), SPAN_ARG(last));
}

/* Each name comes with each kind once before any pair comes again. */
struct span demo_company(struct demo *demo, unsigned kind, unsigned number)
{
    unsigned name = number % words_company_names.count;
    unsigned row = number / words_company_names.count;

    return arena_printf(&demo->arena, "%.*s %.*s", SPAN_ARG(words_company_names.words[name]),
                        SPAN_ARG(words_company_kinds.words[(row + name + kind * 7) % words_company_kinds.count]));
}

/* Small letters alone; blanks become `blank`, or nothing. */
static void append_plain(struct buf *out, struct span text, char blank)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];

        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte - 'A' + 'a');
        if (byte >= 'a' && byte <= 'z')
            buf_append_char(out, byte);
        else if (byte == ' ' && blank != '\0')
            buf_append_char(out, blank);
    }
}

/* Under example.com, so that nobody ever gets mail from a demonstration. */
struct span demo_host(struct demo *demo, struct span company)
{
    struct buf text = BUF_EMPTY;

    append_plain(&text, company, '\0');
    buf_append_str(&text, ".example.com");
    return keep(demo, &text);
}

struct span demo_email(struct demo *demo, struct span person, struct span company)
{
    struct buf text = BUF_EMPTY;

    append_plain(&text, person, '.');
    buf_append_char(&text, '@');
    buf_append_span(&text, demo_host(demo, company));
    return keep(demo, &text);
}
