#include "load/script.h"

#include <assert.h>
#include <string.h>

#define BEFORE_MOMENT "{\"t0\":\""
#define AFTER_MOMENT "\",\"p\":\""
#define AFTER_PADDING "\"}"

enum { MOMENT_DIGITS = 16 };

static_assert(sizeof(BEFORE_MOMENT AFTER_MOMENT AFTER_PADDING) - 1 + MOMENT_DIGITS == SCRIPT_PAYLOAD_BYTES_MIN,
              "a payload of the least size has no padding");

const struct script *script_find(const char *name)
{
    static const struct script *const scripts[] = {&script_native, &script_raw, &script_socketio};

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strcmp(scripts[i]->name, name) == 0)
            return scripts[i];
    }
    return NULL;
}

void script_append_payload(struct buf *out, uint64_t sent_ns, size_t bytes)
{
    size_t end = out->len + bytes;
    char digits[MOMENT_DIGITS];

    assert(bytes >= SCRIPT_PAYLOAD_BYTES_MIN);
    for (unsigned i = 0; i < MOMENT_DIGITS; i++)
        digits[i] = "0123456789abcdef"[sent_ns >> (60 - 4 * i) & 15];
    BUF_APPEND_LITERAL(out, BEFORE_MOMENT);
    buf_append(out, digits, sizeof(digits));
    BUF_APPEND_LITERAL(out, AFTER_MOMENT);
    bytes = end - out->len - (sizeof(AFTER_PADDING) - 1);
    memset(buf_reserve(out, bytes), 'x', bytes);
    out->len += bytes;
    BUF_APPEND_LITERAL(out, AFTER_PADDING);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool script_find_sent(struct span message, uint64_t *sent_ns)
{
    const char *found = memmem(message.data, message.len, BEFORE_MOMENT, sizeof(BEFORE_MOMENT) - 1);
    size_t at;

    if (found == NULL)
        return false;
    at = (size_t)(found - message.data) + sizeof(BEFORE_MOMENT) - 1;
    if (message.len - at < MOMENT_DIGITS)
        return false;
    *sent_ns = 0;
    for (size_t i = 0; i < MOMENT_DIGITS; i++) {
        int value = hex_value(message.data[at + i]);

        if (value < 0)
            return false;
        *sent_ns = *sent_ns << 4 | (unsigned)value;
    }
    return true;
}
