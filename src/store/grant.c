#include "store/grant.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Behind the string that begins at `at`. */
static size_t skip_string(struct span json, size_t at)
{
    for (at++; at < json.len && json.data[at] != '"'; at++)
        if (json.data[at] == '\\')
            at++;
    return at + 1;
}

/* Where the value of the top level's member "token" begins; json.len: there is none. A member of that name further
 * in, or a text that says the same, is something else. */
static size_t find_token(struct span json)
{
    static const char key[] = "\"token\":";
    unsigned depth = 0;

    for (size_t at = 0; at < json.len;) {
        char byte = json.data[at];

        if (byte == '"') {
            if (depth == 1 && span_starts_with(span_slice(json, at, json.len), SPAN(key)))
                return at + sizeof(key) - 1;
            at = skip_string(json, at);
            continue;
        }
        if (byte == '{' || byte == '[')
            depth++;
        else if (byte == '}' || byte == ']')
            depth--;
        at++;
    }
    return json.len;
}

static struct span with_token(struct arena *arena, struct span body, uint64_t token)
{
    size_t from = find_token(body), upto = from;

    while (upto < body.len && body.data[upto] >= '0' && body.data[upto] <= '9')
        upto++;
    assert(upto > from);
    return arena_printf(arena, "%.*s%llu%.*s", (int)from, body.data, (unsigned long long)token, (int)(body.len - upto),
                        body.data + upto);
}

void grant_token(struct store_request *request)
{
    struct commit_event *told = &request->commit.events[0];
    struct object *lock = &request->commit.objects[0];
    uint64_t token = request->commit.sequence;
    struct buf stored = BUF_EMPTY;

    assert(request->commit.object_count > 0 && request->commit.event_count > 0 && token > 0);
    assert(told->event->kind == EVENT_OBJECT);
    lock->body = with_token(&request->arena, lock->body, token);
    told->event->object.body = with_token(&told->event->arena, told->event->object.body, token);
    event_print(&stored, told->event);
    told->body = arena_copy(&request->arena, buf_span(&stored));
    buf_deinit(&stored);
}
