#include "server/hooks.h"

#include <assert.h>

static enum err refuse(struct span item, const char *words, struct buf *why)
{
    buf_printf(why, "\"%.*s\" is none of %s", SPAN_ARG(span_slice(item, 0, 60)), words);
    return ERR_CONFIG;
}

enum err hooks_asks(const struct config_list *list, unsigned *asks, bool *asks_who, struct buf *why)
{
    static const struct {
        struct span name;
        unsigned bit;
    } words[] = {{SPAN_INIT("join"), GATE_JOIN},
                 {SPAN_INIT("publish"), GATE_PUBLISH},
                 {SPAN_INIT("change"), GATE_CHANGE},
                 {SPAN_INIT("object"), GATE_OBJECT},
                 {SPAN_INIT("authenticate"), 0}};
    const size_t count = sizeof(words) / sizeof(words[0]);

    *asks = 0;
    *asks_who = false;
    for (size_t i = 0; i < list->count; i++) {
        size_t word = 0;

        while (word < count && !span_equal(words[word].name, list->items[i]))
            word++;
        if (word == count)
            return refuse(list->items[i], "join, publish, change, object, authenticate", why);
        *asks |= words[word].bit;
        *asks_who |= words[word].bit == 0;
    }
    return OK;
}

enum err hooks_events(const struct config_list *list, unsigned *kinds, struct buf *why)
{
    *kinds = 0;
    for (size_t i = 0; i < list->count; i++) {
        enum object_kind kind;

        if (span_equal(list->items[i], SPAN("change")))
            *kinds |= HOOKS_CHANGES;
        else if (object_kind_parse(list->items[i], &kind) && kind != OBJECT_PREFERENCES)
            *kinds |= 1u << kind;
        else
            return refuse(list->items[i], "change, comment, conflict, lock, notification, message, activity", why);
    }
    return OK;
}

struct gate_rules hooks_gate_rules(const struct config *config, bool *asks_who)
{
    struct gate_rules rules = {.has_backend = config->backend_url.len > 0,
                               .allows_when_down = config->backend_when_down == 1, /* its place among the words */
                               .cache_max_ms = config->backend_cache_max_s * 1000,
                               .waiting_max = 1000,
                               .waiting_bytes_max = (size_t)4 << 20,
                               .held_max = 50000,
                               .held_bytes_max = (size_t)64 << 20,
                               .remembered_max = 10000};
    struct buf why = BUF_EMPTY;
    enum err err;

    *asks_who = false;
    if (config->backend_url.len > 0) {
        err = hooks_asks(&config->backend_asks, &rules.asks, asks_who, &why);
        assert(!err); /* config_check came first */
        (void)err;
    }
    buf_deinit(&why);
    return rules;
}
