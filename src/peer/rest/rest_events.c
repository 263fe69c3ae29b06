/* GET /api/v1/events?channel=A&channel=B: which channels, and where a client that comes back stands in them. */
#include "base/limits.h"
#include "base/memory.h"
#include "peer/rest/rest.h"
#include "peer/dialect/sse_stream.h"

#include <stdlib.h>

struct asking {
    struct sse_channel *channels;
    uint32_t count, count_max;
    struct span last_event_id, field;
};

static bool is_listed(const struct asking *asking, struct span room)
{
    for (uint32_t i = 0; i < asking->count; i++)
        if (span_equal(asking->channels[i].room, room))
            return true;
    return false;
}

static enum err read_channel(struct request *request, struct asking *asking, struct span name)
{
    struct span room;
    enum err err = rest_free_room(request, name, &room, &asking->field);
    if (err) {
        asking->field = SPAN("channel");
        return err;
    }
    if (is_listed(asking, room))
        return OK;
    if (asking->count == asking->count_max)
        return ERR_TOO_MANY;
    sse_channel_init(&asking->channels[asking->count++], room);
    return OK;
}

/* The header is the newer one: a browser that reconnects repeats the URL of its first request. */
static enum err read_asking(struct request *request, struct asking *asking)
{
    struct http_exchange *exchange = request->exchange;
    struct span name, value;
    size_t position = 0;
    enum err err = OK;
    while (err == OK && http_query_next(exchange, &position, &name, &value))
        if (span_equal(name, SPAN("channel")))
            err = read_channel(request, asking, value);
    if (err)
        return err;
    asking->field = SPAN("channel");
    if (asking->count == 0)
        return ERR_MISSING_FIELD;
    asking->field = SPAN("last_event_id");
    asking->last_event_id = http_header(exchange, "Last-Event-ID");
    if (asking->last_event_id.len == 0)
        http_query(exchange, "last_event_id", &asking->last_event_id);
    return sse_positions_read(asking->last_event_id, asking->channels, asking->count);
}

static void handle_events(struct request *request)
{
    uint32_t rooms_max = request->host->limits->rooms_per_session_max;
    struct asking asking = {.count_max = rooms_max < LIMIT_SSE_CHANNELS ? rooms_max : LIMIT_SSE_CHANNELS};
    asking.channels = memory_array(asking.count_max, sizeof *asking.channels);
    enum err err = read_asking(request, &asking);
    if (err)
        request_fail(request, err, asking.field, SPAN_EMPTY);
    else if (span_equal(request->exchange->method, SPAN("HEAD")))
        request_respond_text(request, 200, "text/event-stream", SPAN_EMPTY);
    else
        sse_stream_start(sse_stream_new(asking.channels, asking.count), request);
    free(asking.channels);
}

const struct route routes_events[] = {
    {"GET", "/api/v1/events", NEED_USER, handle_events, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
