#include "store/grant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct store_request *lock_with(const char *body, uint64_t sequence)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct object *lock = commit_add_object(request);
    struct commit_event *told = commit_add_event(request);
    struct event *event = event_new(EVENT_OBJECT, SPAN_EMPTY);

    lock->kind = event->object.kind = OBJECT_LOCK;
    lock->body = arena_copy(&request->arena, span_from_str(body));
    event->id = SPAN("e1");
    event->object.id = SPAN("order:O-1#");
    event->object.body = arena_copy(&event->arena, span_from_str(body));
    event->object.shown = 3;
    told->event = event;
    request->commit.grants = true;
    request->commit.sequence = sequence;
    return request;
}

static void assert_token(const char *body, uint64_t sequence, const char *after)
{
    struct store_request *request = lock_with(body, sequence);
    struct buf stored = BUF_EMPTY;

    grant_token(request);
    if (!span_equal(request->commit.objects[0].body, span_from_str(after)))
        fail_msg("%.*s", SPAN_ARG(request->commit.objects[0].body));
    assert_true(span_equal(request->commit.events[0].event->object.body, span_from_str(after)));
    event_print(&stored, request->commit.events[0].event);
    assert_true(span_equal(request->commit.events[0].body, buf_span(&stored)));
    buf_deinit(&stored);
    store_request_free(request);
}

static void the_token_is_put_where_the_zero_was(void **state)
{
    (void)state;
    assert_token("{\"token\":0}", 7, "{\"token\":7}");
    assert_token("{\"path\":\"/qty\",\"token\":0,\"soft\":false}", 9007199254740991,
                 "{\"path\":\"/qty\",\"token\":9007199254740991,\"soft\":false}");
    assert_token("{\"token\":41,\"soft\":true}", 42, "{\"token\":42,\"soft\":true}");
}

static void what_is_further_in_or_in_a_text_stays(void **state)
{
    (void)state;
    assert_token("{\"requests\":[{\"token\":0,\"note\":\"{\\\"token\\\":0}\"}],\"note\":\"token\",\"token\":0}", 5,
                 "{\"requests\":[{\"token\":0,\"note\":\"{\\\"token\\\":0}\"}],\"note\":\"token\",\"token\":5}");
    assert_token("{\"a\\\\\":\"\\\\\",\"data\":{\"token\":0},\"token\":0,\"z\":\"\\\"token\\\":0\"}", 6,
                 "{\"a\\\\\":\"\\\\\",\"data\":{\"token\":0},\"token\":6,\"z\":\"\\\"token\\\":0\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_is_put_where_the_zero_was),
        cmocka_unit_test(what_is_further_in_or_in_a_text_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
