#include "peer/slice.h"

#include "base/memory.h"
#include "base/metric.h"
#include "collab/type/access.h"
#include "peer/dialect.h"
#include "peer/fanout.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS_FIRST 4

static struct span slice_name(const struct slice *slice)
{
    return span_of(slice->name, slice->name_len);
}

static struct slice *slice_of(struct peer_host *host, struct span room)
{
    struct slice *slice = map_get(&host->slices, room);
    if (slice)
        return slice;
    slice = memory_alloc(sizeof *slice + room.len);
    slice->name_len = (uint32_t)room.len;
    memcpy(slice->name, room.data, room.len);
    map_put(&host->slices, slice_name(slice), slice);
    return slice;
}

static void resize(struct slice *slice, uint32_t capacity)
{
    slice->members = memory_resize(slice->members, capacity * sizeof(struct session *));
    slice->capacity = capacity;
}

void slice_add(struct peer_host *host, struct membership *membership)
{
    struct slice *slice = slice_of(host, span_of(membership->room, membership->room_len));
    if (slice->count == slice->capacity)
        resize(slice, slice->capacity ? slice->capacity * 2 : MEMBERS_FIRST);
    membership->slice = slice;
    membership->place = slice->count;
    slice->members[slice->count++] = membership->session;
}

/* The last one takes the place that has become free. */
void slice_remove(struct peer_host *host, struct membership *membership)
{
    struct slice *slice = membership->slice;
    if (!slice)
        return;
    struct session *last = slice->members[--slice->count];
    if (last != membership->session) {
        slice->members[membership->place] = last;
        session_membership(last, slice_name(slice))->place = membership->place;
    }
    membership->slice = NULL;
    if (slice->count == 0) {
        map_remove(&host->slices, slice_name(slice));
        free(slice->members);
        free(slice);
    } else if (slice->capacity > MEMBERS_FIRST && slice->count < slice->capacity / 4) {
        resize(slice, slice->capacity / 2);
    }
}

bool event_is_readable(const struct access *access, const struct event *event, uint64_t *mask)
{
    *mask = UINT64_MAX;
    if (!event->type)
        return true;
    if (!access_allows(access, event->type, VERB_READ))
        return false;
    const uint64_t readable = access_readable(access, event->type);
    const uint64_t all = event->type->field_count == 64 ? UINT64_MAX : ((uint64_t)1 << event->type->field_count) - 1;
    if (event->kind == EVENT_CHANGE || event->kind == EVENT_OBJECT)
        *mask = readable;
    if (event->kind == EVENT_ALERT && (event->alert.shown & all & ~readable))
        return false;
    if (event->kind == EVENT_OBJECT && (event->object.shown & all & ~readable))
        return false;
    const struct role_set *audience = event->kind == EVENT_ALERT ? event->alert.audience : NULL;
    return !audience || (!audience->any && audience->count == 0) || access_in_audience(access, audience);
}

/* One event, said in one dialect with one field mask. */
struct variant {
    const struct dialect *dialect;
    uint64_t mask;
    bool has_words;
    struct buf text;
    struct fanout fanout;
};

#define VARIANTS_MAX 12
#define TEXT_BYTES 511

struct delivery {
    struct peer_host *host;
    struct event *event;
    struct variant variants[VARIANTS_MAX];
    unsigned count;
    /* the last listener's verdict: listeners of one room mostly have the same roles */
    const struct access *access;
    bool is_readable;
    uint64_t mask;
};

/* The variants are not cleared: that would cost more than a small room's delivery. */
static void delivery_init(struct delivery *delivery, struct peer_host *host, struct event *event)
{
    delivery->host = host;
    delivery->event = event;
    delivery->count = 0;
    delivery->access = NULL;
    delivery->is_readable = false;
    delivery->mask = 0;
}

static void variant_deinit(struct variant *variant)
{
    fanout_release(&variant->fanout);
    buf_deinit(&variant->text);
}

static struct variant *variant_of(struct delivery *delivery, const struct dialect *dialect, uint64_t mask)
{
    for (unsigned i = 0; i < delivery->count; i++) {
        struct variant *variant = &delivery->variants[i];
        if (variant->dialect == dialect && variant->mask == mask)
            return variant;
    }
    /* More variants than places: the last place is used over and over, at the cost of encoding again. */
    if (delivery->count == VARIANTS_MAX)
        variant_deinit(&delivery->variants[--delivery->count]);
    struct variant *variant = &delivery->variants[delivery->count++];
    *variant = (struct variant){.dialect = dialect, .mask = mask};
    buf_reserve(&variant->text, TEXT_BYTES); /* most are shorter: they never grow */
    variant->has_words = dialect->say && dialect->say(delivery->event, mask, &variant->text);
    variant->fanout.event = delivery->event;
    variant->fanout.text = buf_span(&variant->text);
    variant->fanout.deflater = delivery->host->deflater;
    if (delivery->event->kind == EVENT_MESSAGE) {
        variant->fanout.binaries = delivery->event->message.binaries;
        variant->fanout.binary_count = delivery->event->message.binary_count;
    }
    return variant;
}

static bool may_hear(struct delivery *delivery, const struct session *session)
{
    if (!session->access)
        return false;
    if (session->access != delivery->access) {
        delivery->access = session->access;
        delivery->is_readable = event_is_readable(session->access, delivery->event, &delivery->mask);
    }
    return delivery->is_readable;
}

static bool hand_over(struct delivery *delivery, struct session *session)
{
    if (session->is_closing || !may_hear(delivery, session))
        return false;
    struct variant *variant = variant_of(delivery, session->dialect, delivery->mask);
    if (!variant->has_words)
        return false;
    session->outlet->send_shared(session, &variant->fanout, delivery->event->conflate_key);
    return true;
}

static void delivery_deinit(struct delivery *delivery)
{
    for (unsigned i = 0; i < delivery->count; i++)
        variant_deinit(&delivery->variants[i]);
}

/* Sessions and their sockets lie all over memory, and waiting for that is most of what a delivery costs here: so they are
 * on their way, the sessions eight places ahead and the sockets four, while one is served. */
enum { SESSION_AHEAD = 8, SOCKET_AHEAD = 4 };

static void fetch_first(const struct slice *slice)
{
    for (uint32_t i = slice->count; i > 0 && i + SESSION_AHEAD > slice->count; i--)
        __builtin_prefetch(slice->members[i - 1]);
    for (uint32_t i = slice->count; i > 0 && i + SOCKET_AHEAD > slice->count; i--)
        __builtin_prefetch(slice->members[i - 1]->transport);
}

static void fetch_next(const struct slice *slice, uint32_t i)
{
    if (i >= SESSION_AHEAD)
        __builtin_prefetch(slice->members[i - SESSION_AHEAD]);
    if (i >= SOCKET_AHEAD)
        __builtin_prefetch(slice->members[i - SOCKET_AHEAD]->transport);
}

void slice_deliver(struct peer_host *host, struct event *event)
{
    struct slice *slice = map_get(&host->slices, event->room);
    if (!slice)
        return;
    struct delivery delivery;
    delivery_init(&delivery, host, event);
    session_id skipped = event->includes_origin ? 0 : event->origin;
    int64_t sent = 0;
    fetch_first(slice);
    /* Backwards: whoever leaves inside gives his place to one who was served already. */
    for (uint32_t i = slice->count; i-- > 0;) {
        struct session *session = slice->members[i];
        fetch_next(slice, i);
        if (session->id != skipped || skipped == 0)
            sent += hand_over(&delivery, session);
    }
    metric_add(METRIC_messages_sent, sent);
    delivery_deinit(&delivery);
}

void slice_replay(struct session *session, struct event *event)
{
    struct delivery delivery;
    delivery_init(&delivery, session->host, event);
    if (!session->is_closing && may_hear(&delivery, session)) {
        struct variant *variant = variant_of(&delivery, session->dialect, delivery.mask);
        if (variant->has_words && session->outlet->replay)
            session->outlet->replay(session, &variant->fanout);
        else if (variant->has_words)
            session_say(session, variant->fanout.text, false);
    }
    delivery_deinit(&delivery);
}
