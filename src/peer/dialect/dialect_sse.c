#include "peer/dialect/sse_stream.h"

#include "base/memory.h"
#include "base/metric.h"
#include "net/frame.h"
#include "peer/dialect.h"
#include "peer/dialect/dialect_native.h"
#include "peer/fanout.h"
#include "wire/sse.h"

#include <stdlib.h>
#include <string.h>

/* Joining takes a look at the disk at most: who waits longer than this comes back later. */
#define JOIN_MS 30000
#define HELD_BYTES_MAX (1u << 20)

struct joined { /* what `ready` says of a channel */
    struct position position;
    bool is_resync;
    uint32_t missed_count;
};

struct held { /* an event that came before `ready` */
    struct list in_stream;
    struct event *event; /* owned reference */
    uint32_t text_len;
    char text[];
};

struct sse_stream {
    struct session *session;
    struct request *request;    /* while it joins */
    struct http_stream *stream; /* while it streams */
    struct loop_timer timer;    /* the end of waiting for joins, then the heartbeat */
    enum err ended_by;          /* while it joins: why it will not stream */
    uint32_t joins_waiting;
    struct list held;
    size_t held_bytes; /* of those, what was not asked for (replay) */
    uint32_t channel_count;
    struct sse_channel *channels;
    struct joined *joined;
};

static void on_time(struct loop_timer *timer);

struct sse_stream *sse_stream_new(const struct sse_channel *channels, uint32_t count)
{
    struct sse_stream *stream = NEW(struct sse_stream);
    stream->timer.on_time = on_time;
    list_init(&stream->held);
    stream->channel_count = count;
    stream->channels = memory_copy(channels, count * sizeof *channels);
    stream->joined = memory_array(count, sizeof *stream->joined);
    for (uint32_t i = 0; i < count; i++)
        stream->channels[i].room.data = memory_copy(channels[i].room.data, channels[i].room.len);
    return stream;
}

static void drop_held(struct sse_stream *stream)
{
    LIST_EACH (&stream->held, node) {
        struct held *held = LIST_OWNER(node, struct held, in_stream);
        list_remove(node);
        event_unref(held->event);
        free(held);
    }
}

static void stream_free(struct sse_stream *stream)
{
    struct session *session = stream->session;
    loop_timer_stop(session->host->loop, &stream->timer);
    session_close(session, LEAVE_DISCONNECTED);
    for (uint32_t i = 0; i < stream->channel_count; i++)
        free((void *)(uintptr_t)stream->channels[i].room.data);
    free(stream->channels);
    free(stream->joined);
    drop_held(stream);
    free(stream);
}

static void set_timer(struct sse_stream *stream, uint64_t wait_ms)
{
    struct loop *loop = stream->session->host->loop;
    loop_timer_set(loop, &stream->timer, loop_now_ms(loop) + wait_ms);
}

/* ---- saying ---- */

/* An event with a place in its room's order moves this client's position there, and carries all of them as its id. One without
 * leaves the browser's last id as it is. */
static void append_event(struct sse_stream *stream, struct buf *out, const struct event *event, struct span text)
{
    struct buf id = BUF_EMPTY;
    for (uint32_t i = 0; event->position.offset && i < stream->channel_count; i++)
        if (span_equal(stream->channels[i].room, event->room))
            stream->channels[i].position = event->position;
    if (event->position.offset)
        sse_positions_write(&id, stream->channels, stream->channel_count);
    enum err err = sse_append_event(out, buf_span(&id), native_event_type(event), text);
    (void)err; /* both are of our own making, without line ends */
    buf_deinit(&id);
}

static void send_bytes(struct sse_stream *stream, struct span bytes, uint64_t conflate_key)
{
    struct frame *frame = frame_new(bytes);
    conn_send(stream->stream->conn, frame, conflate_key);
    frame_unref(frame);
}

/* As it is said, without an id: where the client stands by then is known when the stream begins. */
static void hold(struct sse_stream *stream, const struct fanout *fanout)
{
    struct held *held = memory_alloc(sizeof *held + fanout->text.len);
    held->event = event_ref((struct event *)(uintptr_t)fanout->event);
    held->text_len = (uint32_t)fanout->text.len;
    memcpy(held->text, fanout->text.data, fanout->text.len);
    list_push_tail(&stream->held, &held->in_stream);
}

static void send_shared(struct session *session, struct fanout *fanout, uint64_t conflate_key)
{
    struct sse_stream *stream = session->transport;
    struct buf text = BUF_EMPTY;
    if (!stream->stream) {
        hold(stream, fanout);
        stream->held_bytes += fanout->text.len;
        if (stream->held_bytes > HELD_BYTES_MAX)
            session_end(session, ERR_OVERLOADED);
        return;
    }
    append_event(stream, &text, fanout->event, fanout->text);
    send_bytes(stream, buf_span(&text), conflate_key);
    buf_deinit(&text);
}

static void replay(struct session *session, struct fanout *fanout)
{
    struct sse_stream *stream = session->transport;
    struct buf text = BUF_EMPTY;
    if (!stream->stream) {
        hold(stream, fanout);
        return;
    }
    append_event(stream, &text, fanout->event, fanout->text);
    conn_send_bytes(stream->stream->conn, buf_span(&text));
    buf_deinit(&text);
}

static void send_one(struct session *session, struct span message, bool counted)
{
    (void)session;
    (void)message;
    (void)counted; /* nobody asks anything here, so nothing is answered */
}

/* Browsers come back by themselves after any end; when they may not, the answer to that request tells them. */
static void close_stream(struct session *session, enum err reason, uint16_t code, struct span text)
{
    struct sse_stream *stream = session->transport;
    struct buf json = BUF_EMPTY, out = BUF_EMPTY;
    (void)code;
    (void)text;
    if (!stream->stream) {
        stream->ended_by = reason;
        set_timer(stream, 0); /* we may be in the middle of a delivery */
        return;
    }
    if (reason == ERR_SLOW_CONSUMER) {
        conn_close(stream->stream->conn);
        return;
    }
    buf_append_char(&json, '{');
    json_member_string(&json, "code", span_from_str(err_code(reason)));
    buf_append_char(&json, '}');
    if (sse_append_event(&out, SPAN_EMPTY, SPAN("end"), buf_span(&json)) == OK)
        conn_send_bytes(stream->stream->conn, buf_span(&out));
    http_stream_finish(stream->stream);
    buf_deinit(&json);
    buf_deinit(&out);
}

static const struct outlet outlet_sse = {
    .send_shared = send_shared, .replay = replay, .send = send_one, .close = close_stream};

/* ---- from joining to streaming ---- */

static void refuse(struct sse_stream *stream, enum err err, struct span field, struct span message)
{
    struct request *request = stream->request;
    request->on_gone = NULL;
    request->state = NULL;
    request_fail(request, err, field, message);
    stream_free(stream);
}

static void write_channel(struct buf *out, const struct sse_stream *stream, uint32_t index)
{
    json_member_string(out, "channel", stream->channels[index].room);
    json_member_position(out, "position", stream->joined[index].position);
}

static void append_ready(struct buf *out, const struct sse_stream *stream)
{
    struct buf json = BUF_EMPTY, id = BUF_EMPTY;
    BUF_APPEND_LITERAL(&json, "{\"channels\":[");
    for (uint32_t i = 0; i < stream->channel_count; i++) {
        buf_append_str(&json, i ? ",{" : "{");
        write_channel(&json, stream, i);
        json_member_bool(&json, "resync", stream->joined[i].is_resync);
        json_member_u64(&json, "missed", stream->joined[i].missed_count);
        buf_append_char(&json, '}');
    }
    BUF_APPEND_LITERAL(&json, "]}");
    sse_positions_write(&id, stream->channels, stream->channel_count);
    enum err err = sse_append_event(out, buf_span(&id), SPAN("ready"), buf_span(&json));
    (void)err;
    buf_deinit(&json);
    buf_deinit(&id);
}

static void append_resync(struct buf *out, const struct sse_stream *stream, uint32_t index)
{
    struct buf json = BUF_EMPTY;
    buf_append_char(&json, '{');
    write_channel(&json, stream, index);
    buf_append_char(&json, '}');
    enum err err = sse_append_event(out, SPAN_EMPTY, SPAN("resync"), buf_span(&json));
    (void)err;
    buf_deinit(&json);
}

static void on_closed(struct http_stream *http_stream)
{
    metric_add(METRIC_connections_sse, -1);
    stream_free(http_stream->user);
}

static void on_slow(struct http_stream *http_stream)
{
    struct sse_stream *stream = http_stream->user;
    session_end(stream->session, ERR_SLOW_CONSUMER);
}

/* Every position that `ready` carries as its id is the one before what was missed: who loses the line in between gets the rest. */
static void begin(struct sse_stream *stream, struct span ready)
{
    struct request *request = stream->request;
    struct buf out = BUF_EMPTY;
    stream->request = NULL;
    request->on_gone = NULL;
    request->state = NULL;
    stream->stream = http_respond_stream(request->exchange, "text/event-stream");
    request_forget(request);
    stream->stream->user = stream;
    stream->stream->on_closed = on_closed;
    stream->stream->on_slow = on_slow;
    metric_add(METRIC_connections_sse, 1);
    buf_append_span(&out, ready);
    for (uint32_t i = 0; i < stream->channel_count; i++)
        if (stream->joined[i].is_resync)
            append_resync(&out, stream, i);
    LIST_EACH (&stream->held, node) {
        const struct held *held = LIST_OWNER(node, struct held, in_stream);
        append_event(stream, &out, held->event, span_of(held->text, held->text_len));
    }
    drop_held(stream);
    conn_send_bytes(stream->stream->conn, buf_span(&out));
    buf_deinit(&out);
    set_timer(stream, stream->session->host->limits->sse_heartbeat_ms);
}

static void answer(struct session *session, const struct answer *answer)
{
    struct sse_stream *stream = session->transport;
    if (answer->kind != COMMAND_JOIN || stream->ended_by)
        return;
    if (answer->err) {
        refuse(stream, answer->err, answer->field, answer->message);
        return;
    }
    struct sse_channel *channel = &stream->channels[answer->tag - 1];
    struct joined *joined = &stream->joined[answer->tag - 1];
    joined->position = answer->position;
    joined->is_resync = answer->is_resync;
    joined->missed_count = answer->missed_count;
    if (!channel->has_since || answer->is_resync)
        channel->position = answer->position;
    if (--stream->joins_waiting > 0)
        return;
    struct buf ready = BUF_EMPTY;
    append_ready(&ready, stream);
    begin(stream, buf_span(&ready));
    buf_deinit(&ready);
}

/* ---- time, and the client's end ---- */

static void on_time(struct loop_timer *timer)
{
    struct sse_stream *stream = LIST_OWNER(timer, struct sse_stream, timer);
    struct buf comment = BUF_EMPTY;
    if (!stream->stream) {
        refuse(stream, stream->ended_by ? stream->ended_by : ERR_OVERLOADED, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    if (conn_queue_bytes(stream->stream->conn) == 0) {
        sse_append_comment(&comment, SPAN("still here"));
        send_bytes(stream, buf_span(&comment), 0);
        buf_deinit(&comment);
    }
    set_timer(stream, stream->session->host->limits->sse_heartbeat_ms);
}

static void on_gone(struct request *request)
{
    struct sse_stream *stream = request->state;
    request->state = NULL;
    stream_free(stream);
}

static void hear(struct session *session, bool is_text, struct span payload)
{
    (void)session;
    (void)is_text;
    (void)payload;
}

const struct dialect dialect_sse = {
    .name = "sse",
    .hear = hear,
    .say = native_say,
    .answer = answer,
};

/* ---- start ---- */

static enum err join(struct sse_stream *stream, uint32_t index)
{
    const struct sse_channel *channel = &stream->channels[index];
    struct command *command;
    enum err err = session_command(stream->session, COMMAND_JOIN, channel->room, index + 1, true, &command);
    if (err)
        return err;
    command->join.listens = true;
    command->join.has_since = channel->has_since;
    command->join.since = channel->position;
    stream->joins_waiting++;
    session_send(stream->session, command);
    return OK;
}

void sse_stream_start(struct sse_stream *stream, struct request *request)
{
    struct session *session = session_open(request->host, &dialect_sse, &outlet_sse, stream);
    stream->session = session;
    stream->request = request;
    request->state = stream;
    request->state_is_borrowed = true;
    request->on_gone = on_gone;
    request->exchange->aborts_on_end = true;
    enum err err = session_authenticate(session, identity_ref(request->identity), request->token_expires_ms,
                                        request->has_login_key ? request->login_key : NULL);
    for (uint32_t i = 0; err == OK && i < stream->channel_count; i++)
        err = join(stream, i);
    if (err)
        refuse(stream, err, SPAN_EMPTY, SPAN_EMPTY);
    else
        set_timer(stream, JOIN_MS);
}
