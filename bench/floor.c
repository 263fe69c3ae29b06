/* The floor: how cheap relaying can be at all. A WebSocket broadcaster on a bare epoll loop that does what cannot be
 * left out and nothing else: the path is the room, every message goes to everybody else in it.
 *
 *     floor [--port N] [--flush-per-turn]
 *
 * As it comes, each message is written to each member with a system call of its own. With --flush-per-turn what a
 * turn of the loop brought is queued, and each member gets his share with one writev at the turn's end.
 *
 * It checks nothing (no UTF-8, no limits, no fragments, no pings of its own) and knows nobody. Whoever sends it
 * something else than unfragmented messages is cut off. It is a yardstick, not a server. */
#include "base/buf.h"
#include "base/memory.h"
#include "wire/websocket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENTS_MAX = 512, READ_BYTES = 65536, ROOM_BUCKETS = 4096, PIECES_MAX = 64 };

struct frame {
    uint32_t ref_count;
    uint32_t len;
    char bytes[];
};

struct room {
    struct room *next_in_bucket;
    struct conn **members;
    uint32_t count, capacity;
    size_t name_len;
    char name[];
};

struct conn {
    int fd;
    bool is_dirty, is_blocked, is_closed;
    struct conn *next_closed;
    struct room *room; /* NULL: not upgraded yet */
    uint32_t place;    /* in room->members */
    struct buf in;     /* an unfinished request or frame */
    struct frame **queue;
    uint32_t queue_len, queue_capacity, sent_of_first; /* bytes of queue[0] that are gone already */
};

struct floor {
    int epoll_fd, listen_fd;
    bool flushes_per_turn;
    struct room *rooms[ROOM_BUCKETS];
    struct conn **dirty;
    uint32_t dirty_count, dirty_capacity;
    struct conn *closed; /* freed when the turn is over */
};

/* ---- rooms ------------------------------------------------------------------------------------------------------- */

static struct room *find_room(struct floor *floor, struct span name)
{
    uint32_t hash = 2166136261u;
    struct room **bucket, *room;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
    bucket = &floor->rooms[hash % ROOM_BUCKETS];
    for (room = *bucket; room != NULL; room = room->next_in_bucket) {
        if (span_equal(name, span_of(room->name, room->name_len)))
            return room;
    }
    room = memory_alloc(sizeof(*room) + name.len);
    memcpy(room->name, name.data, name.len);
    room->name_len = name.len;
    room->next_in_bucket = *bucket;
    return *bucket = room;
}

static void join(struct conn *conn, struct room *room)
{
    if (room->count == room->capacity) {
        room->capacity = room->capacity > 0 ? room->capacity * 2 : 8;
        room->members = memory_resize(room->members, room->capacity * sizeof(struct conn *));
    }
    conn->room = room;
    conn->place = room->count;
    room->members[room->count++] = conn;
}

static void leave(struct conn *conn)
{
    struct room *room = conn->room;
    struct conn *last;

    if (room == NULL)
        return;
    last = room->members[--room->count];
    room->members[conn->place] = last;
    last->place = conn->place;
    conn->room = NULL;
}

static void frame_unref(struct frame *frame)
{
    if (--frame->ref_count == 0)
        free(frame);
}

static void close_conn(struct floor *floor, struct conn *conn)
{
    if (conn->is_closed)
        return;
    leave(conn);
    (void)close(conn->fd);
    conn->is_closed = true;
    conn->next_closed = floor->closed;
    floor->closed = conn;
}

static void free_closed(struct floor *floor)
{
    struct conn *conn;

    while ((conn = floor->closed) != NULL) {
        floor->closed = conn->next_closed;
        for (uint32_t i = 0; i < conn->queue_len; i++)
            frame_unref(conn->queue[i]);
        free(conn->queue);
        buf_deinit(&conn->in);
        free(conn);
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void watch(struct floor *floor, struct conn *conn, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    int failed = epoll_ctl(floor->epoll_fd, operation, conn->fd, &event);

    assert(!failed);
}

static void drop_sent(struct conn *conn, size_t sent)
{
    uint32_t whole = 0;

    sent += conn->sent_of_first;
    while (whole < conn->queue_len && sent >= conn->queue[whole]->len) {
        sent -= conn->queue[whole]->len;
        frame_unref(conn->queue[whole++]);
    }
    conn->sent_of_first = (uint32_t)sent;
    conn->queue_len -= whole;
    if (conn->queue_len > 0)
        memmove(conn->queue, conn->queue + whole, conn->queue_len * sizeof(struct frame *));
}

static void flush(struct floor *floor, struct conn *conn)
{
    struct iovec pieces[PIECES_MAX];
    bool was_blocked = conn->is_blocked;

    conn->is_blocked = false;
    while (conn->queue_len > 0 && !conn->is_blocked) {
        uint32_t count = conn->queue_len < PIECES_MAX ? conn->queue_len : PIECES_MAX;
        ssize_t sent;

        for (uint32_t i = 0; i < count; i++)
            pieces[i] = (struct iovec){conn->queue[i]->bytes, conn->queue[i]->len};
        pieces[0].iov_base = (char *)pieces[0].iov_base + conn->sent_of_first;
        pieces[0].iov_len -= conn->sent_of_first;
        sent = writev(conn->fd, pieces, (int)count);
        if (sent < 0 && errno != EAGAIN) {
            close_conn(floor, conn);
            return;
        }
        conn->is_blocked = sent < 0;
        if (sent > 0)
            drop_sent(conn, (size_t)sent);
    }
    if (conn->is_blocked != was_blocked)
        watch(floor, conn, EPOLL_CTL_MOD, conn->is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void mark_dirty(struct floor *floor, struct conn *conn)
{
    if (conn->is_dirty || conn->is_blocked)
        return;
    if (floor->dirty_count == floor->dirty_capacity) {
        floor->dirty_capacity = floor->dirty_capacity > 0 ? floor->dirty_capacity * 2 : 1024;
        floor->dirty = memory_resize(floor->dirty, floor->dirty_capacity * sizeof(struct conn *));
    }
    conn->is_dirty = true;
    floor->dirty[floor->dirty_count++] = conn;
}

static void flush_dirty(struct floor *floor)
{
    for (uint32_t i = 0; i < floor->dirty_count; i++) {
        floor->dirty[i]->is_dirty = false;
        if (!floor->dirty[i]->is_closed)
            flush(floor, floor->dirty[i]);
    }
    floor->dirty_count = 0;
}

static void enqueue(struct conn *conn, struct frame *frame)
{
    if (conn->queue_len == conn->queue_capacity) {
        conn->queue_capacity = conn->queue_capacity > 0 ? conn->queue_capacity * 2 : 8;
        conn->queue = memory_resize(conn->queue, conn->queue_capacity * sizeof(struct frame *));
    }
    conn->queue[conn->queue_len++] = frame;
    frame->ref_count++;
}

/* One member, one write; only what the socket does not take is kept. */
static void send_now(struct floor *floor, struct conn *conn, struct frame *frame)
{
    ssize_t sent = 0;

    if (conn->queue_len == 0) {
        sent = send(conn->fd, frame->bytes, frame->len, MSG_NOSIGNAL);
        if (sent == (ssize_t)frame->len)
            return;
        if (sent < 0 && errno != EAGAIN) {
            close_conn(floor, conn);
            return;
        }
        conn->sent_of_first = sent > 0 ? (uint32_t)sent : 0;
    }
    enqueue(conn, frame);
    if (!conn->is_blocked)
        watch(floor, conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    conn->is_blocked = true;
}

static void broadcast(struct floor *floor, struct conn *from, struct frame *frame)
{
    struct room *room = from->room;

    for (uint32_t i = room->count;
         i-- > 0;) { /* backwards: a member that is cut off leaves its place to the last one */
        struct conn *to = room->members[i];

        if (to == from)
            continue;
        if (floor->flushes_per_turn) {
            enqueue(to, frame);
            mark_dirty(floor, to);
        } else {
            send_now(floor, to, frame);
        }
    }
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* A frame as the server sends it: no mask. */
static struct frame *make_frame(uint8_t first, const uint8_t *mask, const char *payload, size_t len)
{
    struct frame *frame = memory_alloc(sizeof(*frame) + 4 + len);
    char *at = frame->bytes;

    *at++ = (char)first;
    if (len < 126) {
        *at++ = (char)len;
    } else {
        *at++ = 126;
        *at++ = (char)(len >> 8);
        *at++ = (char)len;
    }
    for (size_t i = 0; i < len; i++)
        at[i] = (char)((uint8_t)payload[i] ^ mask[i & 3]);
    frame->ref_count = 1;
    frame->len = (uint32_t)(at + len - frame->bytes);
    return frame;
}

/* Takes one frame from the input; false: there is no whole one, or the connection is closed. */
static bool take_frame(struct floor *floor, struct conn *conn, struct span *input)
{
    const uint8_t *bytes = (const uint8_t *)input->data;
    size_t header = 6, len;
    struct frame *frame;

    if (input->len < header)
        return false;
    len = bytes[1] & 0x7f;
    if (len == 126) {
        header = 8;
        len = (size_t)bytes[2] << 8 | bytes[3];
    }
    if ((bytes[0] != (0x80 | WS_TEXT) && bytes[0] != (0x80 | WS_BINARY)) || (bytes[1] & 0x7f) == 127) {
        close_conn(floor, conn);
        return false;
    }
    if (input->len < header + len)
        return false;
    frame = make_frame(bytes[0], bytes + header - 4, input->data + header, len);
    *input = span_slice(*input, header + len, input->len);
    broadcast(floor, conn, frame);
    frame_unref(frame);
    return true;
}

/* GET /ROOM HTTP/1.1 ... Sec-WebSocket-Key: KEY */
static bool take_upgrade(struct floor *floor, struct conn *conn, struct span *input)
{
    const char *end = memmem(input->data, input->len, "\r\n\r\n", 4), *key;
    struct span request, path, rest;
    struct buf answer = BUF_EMPTY;

    if (end == NULL)
        return false;
    request = span_slice(*input, 0, (size_t)(end - input->data) + 4);
    *input = span_slice(*input, request.len, input->len);
    key = memmem(request.data, request.len, "Sec-WebSocket-Key: ", 19);
    rest = request;
    if (key == NULL || !span_cut(&rest, ' ', &path) || !span_cut(&rest, ' ', &path)) {
        close_conn(floor, conn);
        return false;
    }
    buf_append_str(&answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: ");
    ws_append_accept(&answer, span_of(key + 19, 24));
    buf_append_str(&answer, "\r\n\r\n");
    if (send(conn->fd, answer.data, answer.len, MSG_NOSIGNAL) == (ssize_t)answer.len)
        join(conn, find_room(floor, path));
    else
        close_conn(floor, conn);
    buf_deinit(&answer);
    return true;
}

static void take_all(struct floor *floor, struct conn *conn, struct span *input)
{
    bool goes_on = true;

    while (goes_on && !conn->is_closed)
        goes_on = conn->room == NULL ? take_upgrade(floor, conn, input) : take_frame(floor, conn, input);
}

static void on_readable(struct floor *floor, struct conn *conn)
{
    char bytes[READ_BYTES];
    ssize_t len = recv(conn->fd, bytes, sizeof(bytes), 0);
    struct span input;

    if (len == 0 || (len < 0 && errno != EAGAIN)) {
        close_conn(floor, conn);
        return;
    }
    if (len < 0)
        return;
    input = span_of(bytes, (size_t)len);
    if (conn->in.len > 0) {
        buf_append_span(&conn->in, input);
        input = buf_span(&conn->in);
    }
    take_all(floor, conn, &input);
    if (conn->is_closed)
        return;
    if (conn->in.len > 0)
        buf_consume(&conn->in, conn->in.len - input.len);
    else
        buf_append_span(&conn->in, input);
    if (conn->in.len == 0)
        buf_deinit(&conn->in);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void accept_all(struct floor *floor)
{
    int fd, on = 1;

    while ((fd = accept4(floor->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = NEW(struct conn);

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        conn->fd = fd;
        watch(floor, conn, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void turn(struct floor *floor)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(floor->epoll_fd, events, EVENTS_MAX, -1);

    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;

        if (conn == NULL) {
            accept_all(floor);
            continue;
        }
        if (!conn->is_closed && (events[i].events & EPOLLOUT) != 0)
            flush(floor, conn);
        if (!conn->is_closed && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            on_readable(floor, conn);
    }
    flush_dirty(floor);
    free_closed(floor);
}

static bool listen_on(struct floor *floor, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN};
    socklen_t len = sizeof(address);
    int on = 1;

    floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    floor->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(floor->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(floor->listen_fd, (struct sockaddr *)&address, len) != 0 || listen(floor->listen_fd, 4096) != 0 ||
        getsockname(floor->listen_fd, (struct sockaddr *)&address, &len) != 0 ||
        epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, floor->listen_fd, &event) != 0)
        return false;
    printf("listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct floor floor = {.epoll_fd = -1};
    struct rlimit files;
    uint64_t port = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--flush-per-turn") == 0) {
            floor.flushes_per_turn = true;
        } else if (strcmp(argv[i], "--port") != 0 || i + 1 == argc ||
                   !span_parse_u64(span_from_str(argv[++i]), &port)) {
            fprintf(stderr, "usage: floor [--port N] [--flush-per-turn]\n");
            return 2;
        }
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!listen_on(&floor, (uint16_t)port)) {
        perror("floor");
        return 1;
    }
    for (;;)
        turn(&floor);
}
