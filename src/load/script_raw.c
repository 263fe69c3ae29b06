/* The wire of a bare broadcaster: the path names the room, the upgrade joins it, every message goes to everybody
 * else. */
#include "load/script.h"

static void append_target(const struct plan *plan, uint32_t number, struct buf *out)
{
    buf_append_span(out, plan->path);
    if (!span_ends_with(plan->path, SPAN("/")))
        buf_append_char(out, '/');
    plan_append_room(plan, number, out);
}

static enum script_greeting greet(const struct plan *plan, uint32_t number, uint8_t *step, struct span heard,
                                  struct buf *say)
{
    (void)plan, (void)number, (void)step, (void)heard, (void)say;
    return SCRIPT_READY;
}

static enum script_fact hear(struct span message)
{
    (void)message;
    return SCRIPT_DELIVERY;
}

static void append_publish(const struct plan *plan, uint32_t number, struct span payload, struct buf *out)
{
    (void)plan, (void)number;
    buf_append_span(out, payload);
}

const struct script script_raw = {
    .name = "raw",
    .append_target = append_target,
    .greet = greet,
    .hear = hear,
    .append_publish = append_publish,
    .append_cursor = append_publish,
};
