/* A recoverable socket's memory: the packets it was sent last, while it is connected and while it is away.
 *
 * Which of them arrived only the client knows; the offset it comes back with says it. That packet is kept with those
 * behind it, since he may come back with the same offset again. One that is not kept any more cannot be continued from. */
#include "peer/socketio_internal.h"

#include "base/base64.h"
#include "base/memory.h"
#include "base/rand.h"

#include <stdlib.h>
#include <string.h>

enum { PID_RANDOM_BYTES = 18, PID_BYTES = 24 };

struct said { /* an event */
    struct list in_memory;
    uint64_t offset;
    size_t bytes;
    unsigned binary_count;
    struct frame *frames[]; /* the packet's text, its attachments */
};

struct sio_memory {
    struct sio_socket *socket;
    struct loop_timer timer; /* away: until then it may return */
    struct list said;
    unsigned said_count;
    size_t said_bytes;
    uint8_t end; /* away: why */
    char pid[PID_BYTES];
};

/* ---- what was said ---- */

static void forget_first(struct sio_memory *memory)
{
    struct said *said = LIST_OWNER(memory->said.next, struct said, in_memory);
    list_remove(&said->in_memory);
    memory->said_count--;
    memory->said_bytes -= said->bytes;
    for (unsigned i = 0; i <= said->binary_count; i++)
        frame_unref(said->frames[i]);
    free(said);
}

static void keep(struct sio_memory *memory, uint64_t offset, struct span text, const struct span *binaries,
                 unsigned binary_count)
{
    const struct socketio_settings *settings = &memory->socket->host->settings;
    struct said *said = memory_alloc(sizeof *said + (binary_count + 1) * sizeof *said->frames);
    list_init(&said->in_memory);
    said->offset = offset;
    said->binary_count = binary_count;
    said->frames[0] = frame_new(text);
    said->bytes = text.len;
    for (unsigned i = 0; i < binary_count; i++) {
        said->frames[i + 1] = frame_new(binaries[i]);
        said->bytes += binaries[i].len;
    }
    list_push_tail(&memory->said, &said->in_memory);
    memory->said_count++;
    memory->said_bytes += said->bytes;
    while (memory->said_count > settings->recovery_packets_max || memory->said_bytes > settings->recovery_bytes_max)
        forget_first(memory);
}

struct span sio_remember(struct sio_socket *socket, struct span array, const struct span *binaries,
                         unsigned binary_count, struct buf *numbered)
{
    uint64_t offset = ++socket->host->offset_last;
    struct buf text = BUF_EMPTY;
    buf_append_span(numbered, span_slice(array, 0, array.len - 1));
    buf_append_span(numbered, SPAN(",\""));
    buf_append_u64(numbered, offset);
    buf_append_span(numbered, SPAN("\"]"));
    sio_append(&text, binary_count ? SIO_BINARY_EVENT : SIO_EVENT, sio_nsp(socket), binary_count, NULL,
               buf_span(numbered));
    keep(socket->memory, offset, buf_span(&text), binaries, binary_count);
    buf_deinit(&text);
    return buf_span(numbered);
}

/* ---- being away ---- */

static void on_time(struct loop_timer *timer)
{
    struct sio_memory *memory = LIST_OWNER(timer, struct sio_memory, timer);
    sio_end(memory->socket, (enum engine_end)memory->end);
}

struct sio_memory *sio_memory_new(struct sio_socket *socket)
{
    struct sio_memory *memory = NEW(struct sio_memory);
    uint8_t random[PID_RANDOM_BYTES];
    struct buf pid = BUF_EMPTY;
    memory->socket = socket;
    memory->timer.on_time = on_time;
    list_init(&memory->said);
    rand_bytes(random, sizeof random);
    base64url_encode(&pid, span_of(random, sizeof random));
    memcpy(memory->pid, pid.data, sizeof memory->pid);
    buf_deinit(&pid);
    return memory;
}

static void stop_waiting(struct sio_memory *memory)
{
    struct socketio_host *host = memory->socket->host;
    loop_timer_stop(host->engines.loop, &memory->timer);
    map_remove(&host->away, sio_memory_pid(memory));
}

void sio_memory_free(struct sio_memory *memory)
{
    if (!memory)
        return;
    stop_waiting(memory);
    while (!list_is_empty(&memory->said))
        forget_first(memory);
    free(memory);
}

struct span sio_memory_pid(const struct sio_memory *memory)
{
    return memory ? span_of(memory->pid, sizeof memory->pid) : SPAN_EMPTY;
}

bool sio_keep_away(struct sio_socket *socket, enum engine_end end)
{
    struct socketio_host *host = socket->host;
    struct sio_memory *memory = socket->memory;
    if (!memory || end == ENGINE_BAD || host->away.count >= host->settings.recovery_away_max)
        return false;
    sio_detach(socket);
    memory->end = (uint8_t)end;
    map_put(&host->away, sio_memory_pid(memory), memory);
    loop_timer_set(host->engines.loop, &memory->timer, loop_now_ms(host->engines.loop) + host->settings.recovery_ms);
    if (host->events->on_away)
        host->events->on_away(socket, end);
    return true;
}

void sio_forget_away(struct socketio_host *host)
{
    struct map_entry *entry;
    while ((entry = map_first(&host->away))) {
        struct sio_memory *memory = entry->value;
        sio_end(memory->socket, (enum engine_end)memory->end);
    }
}

/* ---- coming back ---- */

static bool has_offset(const struct sio_memory *memory, uint64_t offset)
{
    LIST_EACH (&memory->said, node) {
        if (LIST_OWNER(node, struct said, in_memory)->offset == offset)
            return true;
    }
    return false;
}

static struct sio_memory *find(struct socketio_host *host, struct span nsp, yyjson_val *auth, uint64_t *offset)
{
    struct sio_memory *memory = map_get(&host->away, json_get_text(auth, "pid"));
    if (!memory || !span_equal(sio_nsp(memory->socket), nsp))
        return NULL;
    if (!span_parse_u64(json_get_text(auth, "offset"), offset) || !has_offset(memory, *offset))
        return NULL;
    return memory;
}

static void replay(struct sio_memory *memory, struct engine *engine)
{
    struct list *first = memory->said.next; /* what the client has */
    LIST_EACH (&memory->said, node) {
        const struct said *said = LIST_OWNER(node, struct said, in_memory);
        for (unsigned i = 0; node != first && i <= said->binary_count; i++)
            engine_send(engine, i == 0, frame_span(said->frames[i]), false);
    }
}

struct sio_socket *sio_recover(struct socketio *client, struct span nsp, yyjson_val *auth)
{
    uint64_t offset;
    struct sio_memory *memory = find(client->host, nsp, auth, &offset);
    if (!memory)
        return NULL;
    stop_waiting(memory);
    while (LIST_OWNER(memory->said.next, struct said, in_memory)->offset != offset)
        forget_first(memory);
    sio_attach(memory->socket, client);
    replay(memory, client->engine);
    sio_send_connected(memory->socket, sio_memory_pid(memory));
    return memory->socket;
}
