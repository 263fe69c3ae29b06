/* Two edits of one text against each other, and the way back. Both walk over the old text at once: what an edit inserts
 * belongs to a place of the old text, so where both insert at the same place only the order of the commits decides. */
#include "base/utf8.h"
#include "collab/change/items.h"
#include "collab/change/text.h"
#include "collab/change/transform.h"

enum { READING_BLOCK_BYTES = 2048 };

enum step_kind { STEP_KEEP, STEP_INSERT, STEP_DELETE, STEP_END };

struct step {
    enum step_kind kind;
    uint64_t units; /* that are left of it */
    struct span text;
};

/* An edit that is walked over; the present step is cut as it is used up. */
struct walk {
    yyjson_arr_iter rest;
    struct step now;
};

/* ---- reading ---- */

static void advance(struct walk *walk)
{
    yyjson_val *value = yyjson_arr_iter_next(&walk->rest);

    if (value == NULL)
        walk->now = (struct step){.kind = STEP_END, .units = UINT64_MAX};
    else if (yyjson_is_str(value))
        walk->now = (struct step){STEP_INSERT, utf8_utf16_len(json_text(value)), json_text(value)};
    else if (yyjson_is_obj(value))
        walk->now = (struct step){.kind = STEP_DELETE, .units = yyjson_get_uint(json_get(value, "d"))};
    else
        walk->now = (struct step){.kind = STEP_KEEP, .units = yyjson_get_uint(value)};
}

static struct walk start(struct arena *arena, struct span edit)
{
    struct walk walk = {0};

    yyjson_arr_iter_init(json_in_arena_read(arena, edit), &walk.rest);
    advance(&walk);
    return walk;
}

static void use(struct walk *walk, uint64_t units)
{
    if (walk->now.kind == STEP_END)
        return;
    walk->now.units -= units;
    if (walk->now.units == 0)
        advance(walk);
}

/* ---- writing ---- */

/* An edit in the making. Neighbours of one kind become one step; what is kept at the end is not mentioned. */
struct draft {
    struct buf out;
    enum step_kind kind; /* of what is held back; STEP_END: nothing */
    uint64_t units;
    struct buf text;
};

static void flush(struct draft *draft)
{
    if (draft->kind == STEP_END)
        return;
    buf_append_char(&draft->out, draft->out.len == 0 ? '[' : ',');
    if (draft->kind == STEP_INSERT)
        json_append_string(&draft->out, buf_span(&draft->text));
    else
        buf_printf(&draft->out, draft->kind == STEP_KEEP ? "%llu" : "{\"d\":%llu}", (unsigned long long)draft->units);
    draft->kind = STEP_END;
    draft->units = 0;
    buf_reset(&draft->text);
}

static void add(struct draft *draft, enum step_kind kind, uint64_t units, struct span text)
{
    if (draft->kind != kind)
        flush(draft);
    draft->kind = kind;
    draft->units += units;
    buf_append_span(&draft->text, text);
}

static struct span finish(struct arena *arena, struct draft *draft)
{
    struct span edit;

    if (draft->kind != STEP_KEEP)
        flush(draft);
    if (draft->out.len > 0)
        buf_append_char(&draft->out, ']');
    edit = draft->out.len > 0 ? arena_copy(arena, buf_span(&draft->out)) : SPAN_EMPTY;
    buf_deinit(&draft->out);
    buf_deinit(&draft->text);
    return edit;
}

/* ---- against each other ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void add_insert(struct draft *draft, struct walk *a)
{
    add(draft, STEP_INSERT, a->now.units, a->now.text);
    advance(a);
}

/* A stretch of the old text that both treat in one way each. */
static void add_stretch(struct draft *draft, struct walk *a, struct walk *b)
{
    const uint64_t units = smaller(a->now.units, b->now.units);

    if (b->now.kind != STEP_DELETE) /* else there is nothing left to keep or to delete */
        add(draft, a->now.kind, units, SPAN_EMPTY);
    use(a, units);
    use(b, units);
}

struct span text_transform(struct arena *arena, struct span a, struct span b, enum side side)
{
    struct arena reading; /* a long text may meet thousands of edits: only what comes of it stays */
    struct walk mine, theirs;
    struct draft draft = {.kind = STEP_END};

    arena_init(&reading, READING_BLOCK_BYTES);
    mine = start(&reading, a);
    theirs = start(&reading, b);
    while (mine.now.kind != STEP_END) {
        const bool is_mine = mine.now.kind == STEP_INSERT, is_theirs = theirs.now.kind == STEP_INSERT;

        if (is_mine && (side == SIDE_EARLY || !is_theirs)) {
            add_insert(&draft, &mine);
        } else if (is_theirs) {
            add(&draft, STEP_KEEP, theirs.now.units, SPAN_EMPTY);
            advance(&theirs);
        } else {
            add_stretch(&draft, &mine, &theirs);
        }
    }
    a = finish(arena, &draft);
    arena_deinit(&reading);
    return a;
}

/* ---- and back ---- */

struct span text_invert(struct arena *arena, struct span before, struct span edit)
{
    struct draft draft = {.kind = STEP_END};
    struct span passed;

    for (struct walk walk = start(arena, edit); walk.now.kind != STEP_END; advance(&walk)) {
        if (walk.now.kind == STEP_INSERT) {
            add(&draft, STEP_DELETE, walk.now.units, SPAN_EMPTY);
            continue;
        }
        if (text_take(&before, walk.now.units, &passed) != OK)
            break; /* it never fitted */
        if (walk.now.kind == STEP_DELETE)
            add(&draft, STEP_INSERT, walk.now.units, passed);
        else
            add(&draft, STEP_KEEP, walk.now.units, SPAN_EMPTY);
    }
    return finish(arena, &draft);
}
