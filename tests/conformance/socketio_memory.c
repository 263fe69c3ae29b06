/* Which packets arrived only the client knows; the number it comes back with says it. That packet is kept with those behind
 * it, since he may come back with the same number again. One that is not kept any more cannot be continued from. */
#include "conformance/socketio_memory.h"

#include "base/base64.h"
#include "base/memory.h"
#include "base/rand.h"

#include <stdlib.h>
#include <string.h>

enum { PID_RANDOM_BYTES = 18, PID_BYTES = 24, SID_BYTES = 20, NSP_BYTES = 16, PACKETS_MAX = 256 };
#define BYTES_MAX ((size_t)256 * 1024)

struct said { /* an event */
    struct list in_memory;
    uint64_t offset;
    size_t bytes;
    unsigned binary_count;
    struct frame *frames[]; /* the array's text, its attachments */
};

struct memory {
    struct memories *memories;
    struct loop_timer timer; /* away: until then it may return */
    struct list said;
    unsigned said_count;
    size_t said_bytes;
    char pid[PID_BYTES], sid[SID_BYTES], nsp[NSP_BYTES];
    size_t sid_len, nsp_len; /* of a new one the id is not known yet */
};

/* ---- what was said ---- */

static void forget_first(struct memory *memory)
{
    struct said *said = LIST_OWNER(memory->said.next, struct said, in_memory);

    list_remove(&said->in_memory);
    memory->said_count--;
    memory->said_bytes -= said->bytes;
    for (unsigned i = 0; i <= said->binary_count; i++)
        frame_unref(said->frames[i]);
    free(said);
}

static void keep(struct memory *memory, uint64_t offset, struct span array, const struct span *binaries,
                 unsigned binary_count)
{
    struct said *said = memory_alloc(sizeof *said + (binary_count + 1) * sizeof *said->frames);

    list_init(&said->in_memory);
    said->offset = offset;
    said->binary_count = binary_count;
    said->frames[0] = frame_new(array);
    said->bytes = array.len;
    for (unsigned i = 0; i < binary_count; i++) {
        said->frames[i + 1] = frame_new(binaries[i]);
        said->bytes += binaries[i].len;
    }
    list_push_tail(&memory->said, &said->in_memory);
    memory->said_count++;
    memory->said_bytes += said->bytes;
    while (memory->said_count > PACKETS_MAX || memory->said_bytes > BYTES_MAX)
        forget_first(memory);
}

struct span memory_add(struct memory *memory, struct span array, const struct span *binaries, unsigned binary_count,
                       struct buf *numbered)
{
    uint64_t offset = ++memory->memories->offset_last;

    buf_append_span(numbered, span_slice(array, 0, array.len - 1));
    buf_append_span(numbered, SPAN(",\""));
    buf_append_u64(numbered, offset);
    buf_append_span(numbered, SPAN("\"]"));
    keep(memory, offset, buf_span(numbered), binaries, binary_count);
    return buf_span(numbered);
}

/* ---- life ---- */

static void memory_free(struct memory *memory)
{
    loop_timer_stop(memory->memories->loop, &memory->timer);
    map_remove(&memory->memories->away, memory_pid(memory));
    while (!list_is_empty(&memory->said))
        forget_first(memory);
    free(memory);
}

static void on_late(struct loop_timer *timer)
{
    memory_free(LIST_OWNER(timer, struct memory, timer));
}

static struct memory *memory_new(struct memories *memories, struct span nsp)
{
    struct memory *memory = NEW(struct memory);
    uint8_t random[PID_RANDOM_BYTES];
    struct buf pid = BUF_EMPTY;

    memory->memories = memories;
    memory->timer.on_time = on_late;
    list_init(&memory->said);
    rand_bytes(random, sizeof random);
    base64url_encode(&pid, span_of(random, sizeof random));
    memcpy(memory->pid, pid.data, sizeof memory->pid);
    buf_deinit(&pid);
    memory->nsp_len = nsp.len < NSP_BYTES ? nsp.len : NSP_BYTES;
    memcpy(memory->nsp, nsp.data, memory->nsp_len);
    return memory;
}

struct span memory_pid(const struct memory *memory)
{
    return memory ? span_of(memory->pid, sizeof memory->pid) : SPAN_EMPTY;
}

struct span memory_sid(const struct memory *memory)
{
    return memory ? span_of(memory->sid, memory->sid_len) : SPAN_EMPTY;
}

void memory_meet(struct memory *memory, struct sio_socket *socket)
{
    if (!memory)
        return;
    memory->sid_len = SID_BYTES;
    memcpy(memory->sid, sio_sid(socket).data, SID_BYTES);
}

void memory_part(struct memory *memory, bool may_return)
{
    struct memories *memories = memory->memories;

    if (!may_return) {
        memory_free(memory);
        return;
    }
    map_put(&memories->away, memory_pid(memory), memory);
    loop_timer_set(memories->loop, &memory->timer, loop_now_ms(memories->loop) + memories->keeps_ms);
}

void memories_init(struct memories *memories, struct loop *loop, uint64_t keeps_ms)
{
    memories->loop = loop;
    memories->keeps_ms = keeps_ms;
    map_init(&memories->away);
}

void memories_deinit(struct memories *memories)
{
    struct map_entry *entry;

    while ((entry = map_first(&memories->away)))
        memory_free(entry->value);
    map_deinit(&memories->away);
}

/* ---- coming back ---- */

static const struct said *find_said(const struct memory *memory, uint64_t offset)
{
    LIST_EACH (&memory->said, node) {
        const struct said *said = LIST_OWNER(node, struct said, in_memory);
        if (said->offset == offset)
            return said;
    }
    return NULL;
}

static struct memory *find(const struct memories *memories, struct span nsp, yyjson_val *auth, uint64_t *offset)
{
    struct memory *memory = map_get(&memories->away, json_get_text(auth, "pid"));

    if (!memory || !span_equal(span_of(memory->nsp, memory->nsp_len), nsp))
        return NULL;
    if (!span_parse_u64(json_get_text(auth, "offset"), offset) || !find_said(memory, *offset))
        return NULL;
    return memory;
}

static void replay(const struct memory *memory, struct sio_socket *socket, uint64_t offset)
{
    struct span binaries[LIMIT_SIO_ATTACHMENTS];

    LIST_EACH (&memory->said, node) {
        const struct said *said = LIST_OWNER(node, struct said, in_memory);
        for (unsigned i = 0; i < said->binary_count; i++)
            binaries[i] = frame_span(said->frames[i + 1]);
        if (said->offset > offset)
            sio_emit(socket, frame_span(said->frames[0]), binaries, said->binary_count, NULL);
    }
}

struct memory *memory_recall(struct memories *memories, struct sio_socket *socket, yyjson_val *auth)
{
    uint64_t offset;
    struct memory *memory = find(memories, sio_nsp(socket), auth, &offset);

    if (!memory)
        return memory_new(memories, sio_nsp(socket));
    loop_timer_stop(memories->loop, &memory->timer);
    map_remove(&memories->away, memory_pid(memory));
    while (LIST_OWNER(memory->said.next, struct said, in_memory)->offset != offset)
        forget_first(memory);
    replay(memory, socket, offset);
    return memory;
}
