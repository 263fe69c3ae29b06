/* A Change object as a client would send it, made on what it sees. */
#include "simulation/sim.h"

#include "base/utf8.h"

const char *const sim_places[SIM_PLACES] = {"", "price", "rows", "/rows/@r1"};

struct draw {
    struct sim *sim;
    yyjson_val *state; /* of the record, or NULL */
    struct buf *out;
    bool needs_lock;
};

static unsigned pick(struct draw *draw, unsigned bound)
{
    return (unsigned)sim_random(draw->sim, bound);
}

static void draw_title(struct draw *draw)
{
    buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"title\",\"value\":\"title %u\"}", pick(draw, 5));
}

static void draw_tags(struct draw *draw)
{
    if (pick(draw, 8) == 0)
        buf_printf(draw->out, "{\"op\":\"del\",\"path\":\"tags\"}");
    else
        buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"tags\",\"value\":\"tag %u\"}", pick(draw, 5));
}

static void draw_number(struct draw *draw)
{
    const char *field = pick(draw, 2) ? "count" : "stock";

    if (pick(draw, 4) == 0)
        buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"%s\",\"value\":%u}", field, pick(draw, 20));
    else
        buf_printf(draw->out, "{\"op\":\"inc\",\"path\":\"%s\",\"n\":%d}", field, (int)pick(draw, 7) - 3);
}

/* Somewhere in the text, perhaps in the middle of a pair of surrogates: then it is refused. */
static void draw_text_of(struct draw *draw, const char *field)
{
    static const char *const words[] = {"a", "bc", "d\\n", "\\ud83d\\ude00", "efg "};
    const struct span body = json_get_text(draw->state, field);
    const unsigned len = (unsigned)utf8_utf16_len(body);
    const unsigned from = pick(draw, len + 1), rest = len - from;
    const unsigned gone = rest > 0 && (len > 30 || pick(draw, 3) == 0) ? 1 + pick(draw, rest) : 0;

    if (json_get(draw->state, field) == NULL) {
        buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"%s\",\"value\":\"%s\"}", field, words[pick(draw, 5)]);
        return;
    }
    buf_printf(draw->out, "{\"op\":\"txt\",\"path\":\"%s\",\"value\":[", field);
    if (from > 0)
        buf_printf(draw->out, "%u,", from);
    if (gone > 0)
        buf_printf(draw->out, "{\"d\":%u},", gone);
    buf_printf(draw->out, "\"%s\"]}", words[pick(draw, 5)]);
}

static void draw_text(struct draw *draw)
{
    draw_text_of(draw, "body");
}

static void draw_row(struct draw *draw)
{
    const unsigned row = pick(draw, 4);

    switch (pick(draw, 7)) {
    case 0:
    case 1:
        buf_printf(draw->out,
                   "{\"op\":\"ins\",\"coll\":\"rows\",\"id\":\"r%u\",\"pos\":\"a%u\",\"value\":{\"qty\":%u}}", row,
                   pick(draw, 5), pick(draw, 9));
        break;
    case 2: buf_printf(draw->out, "{\"op\":\"del\",\"path\":\"/rows/@r%u\"}", row); break;
    case 3:
        buf_printf(draw->out, "{\"op\":\"mov\",\"coll\":\"rows\",\"id\":\"r%u\",\"pos\":\"a%u\"}", row, pick(draw, 5));
        break;
    case 4:
        buf_printf(draw->out, "{\"op\":\"inc\",\"path\":\"/rows/@r%u/qty\",\"n\":%u}", row, 1 + pick(draw, 3));
        break;
    case 5:
        buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"/rows/@r%u\",\"value\":{\"qty\":%u}}", row, pick(draw, 9));
        break;
    default: buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"/rows/@r%u/qty\",\"value\":%u}", row, pick(draw, 9));
    }
}

static void draw_price(struct draw *draw)
{
    draw->needs_lock = true;
    if (pick(draw, 3) == 0)
        buf_printf(draw->out, "{\"op\":\"inc\",\"path\":\"price\",\"n\":%u}", 1 + pick(draw, 5));
    else
        buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"price\",\"value\":%u.5}", pick(draw, 90));
}

static void draw_terms(struct draw *draw)
{
    if (pick(draw, 4) == 0)
        draw_text_of(draw, "terms");
    else
        buf_printf(draw->out, "{\"op\":\"set\",\"path\":\"terms\",\"value\":\"%u days\"}", pick(draw, 30));
}

static void draw_operation(struct draw *draw)
{
    static void (*const kinds[])(struct draw *) = {draw_title, draw_tags,  draw_number, draw_number, draw_text,
                                                   draw_text,  draw_row,   draw_row,    draw_row,    draw_price,
                                                   draw_price, draw_terms, draw_terms};

    kinds[pick(draw, sizeof(kinds) / sizeof(kinds[0]))](draw);
}

static void draw_create(struct draw *draw)
{
    buf_printf(draw->out,
               "{\"operation\":\"insert\",\"after\":{\"title\":\"new\",\"body\":\"text\",\"count\":%u,\"stock\":5,"
               "\"tags\":\"none\",\"price\":1.5,\"terms\":\"none\",\"rows\":[{\"id\":\"r1\",\"qty\":1}]}}",
               pick(draw, 9));
}

/* Now and then only if a title is still what it is. */
static void draw_batch(struct draw *draw)
{
    const struct span title = json_get_text(draw->state, "title");

    buf_append_str(draw->out, "{\"ops\":[");
    if (pick(draw, 20) == 0)
        buf_printf(draw->out, "{\"op\":\"test\",\"path\":\"title\",\"value\":\"%.*s\"},", SPAN_ARG(title));
    draw_operation(draw);
    while (pick(draw, 4) == 0) {
        buf_append_char(draw->out, ',');
        draw_operation(draw);
    }
    buf_append_str(draw->out, "]}");
}

void sim_draw_change(struct sim *sim, struct span state, bool exists, struct buf *out, bool *needs_lock)
{
    struct draw draw = {.sim = sim, .out = out};
    struct json json = {0};

    if (exists && json_parse(&json, state, &json_limits_default) == OK)
        draw.state = json.root;
    if (sim_chance(sim, exists ? 10 : 800))
        draw_create(&draw);
    else if (sim_chance(sim, 20))
        buf_append_str(out, "{\"operation\":\"delete\"}");
    else
        draw_batch(&draw);
    *needs_lock = draw.needs_lock;
    json_deinit(&json);
}
