#include "server/webhook_batch.h"

#include "peer/dialect/activity_say.h"
#include "server/hooks.h"

#include <string.h>

/* ---- where it stands: "DONE UPTO ID" ---- */

void webhook_place_print(struct buf *out, const struct webhook_place *place)
{
    buf_printf(out, "%llu %llu %s", (unsigned long long)place->done, (unsigned long long)place->upto, place->id);
}

bool webhook_place_read(struct span text, struct webhook_place *out)
{
    struct span done, upto;

    *out = (struct webhook_place){0};
    if (!span_cut(&text, ' ', &done) || !span_cut(&text, ' ', &upto) || !span_parse_u64(done, &out->done) ||
        !span_parse_u64(upto, &out->upto) || text.len >= sizeof(out->id) || out->upto < out->done)
        return false;
    if (text.len > 0)
        memcpy(out->id, text.data, text.len);
    return true;
}

/* ---- what it says ---- */

static unsigned kind_bit(const struct event *event)
{
    if (event->kind == EVENT_CHANGE)
        return HOOKS_CHANGES;
    return event->kind == EVENT_OBJECT ? 1u << event->object.kind : 0;
}

/* The activity feed's words, opened again for two of our own. */
static void print_event(struct buf *out, const struct event *event)
{
    bool is_change = event->kind == EVENT_CHANGE;
    struct buf text = BUF_EMPTY;

    buf_append_char(out, '{');
    json_member_string(out, "kind", is_change ? SPAN("change") : object_kind_name(event->object.kind));
    json_member_string(out, "event",
                       is_change ? event->change.event : object_event_name(event->object.kind, event->object.verb));
    buf_append_char(out, ',');
    activity_say(&text, event, UINT64_MAX, OBJECT_SNAKE);
    buf_append_span(out, span_slice(buf_span(&text), 1, text.len));
    buf_deinit(&text);
}

struct webhook_batch webhook_print_batch(struct buf *out, const struct log_page *page, unsigned kinds,
                                         const struct type_registry *registry)
{
    struct webhook_batch batch = {0};

    BUF_APPEND_LITERAL(out, "{\"events\":[");
    for (uint32_t i = 0; i < page->count; i++) {
        struct event *event = NULL;

        if (event_read(page->rows[i].body, SPAN_EMPTY, (struct position){0}, registry, &event)) {
            batch.lost++;
            continue;
        }
        if (kind_bit(event) & kinds) {
            if (batch.count++ > 0)
                buf_append_char(out, ',');
            batch.kinds |= kind_bit(event);
            print_event(out, event);
        }
        event_unref(event);
    }
    BUF_APPEND_LITERAL(out, "]}");
    return batch;
}

void webhook_print_kinds(struct buf *out, unsigned kinds)
{
    size_t start = out->len;

    if (kinds & HOOKS_CHANGES)
        buf_append_str(out, "change");
    for (unsigned kind = 0; kind < OBJECT_KIND_COUNT; kind++) {
        if (!(kinds & 1u << kind))
            continue;
        if (out->len > start)
            buf_append_char(out, ',');
        buf_append_span(out, object_kind_name((enum object_kind)kind));
    }
}
