#include "base/err.h"

#include <assert.h>

static const struct row {
    const char *code;
    unsigned http_status;
    unsigned close_code;
    const char *sentence;
} rows[ERR_COUNT] = {
    [OK] = {"ok", 200, 0, "It worked."},
#define ERR(symbol, code, http_status, close_code, sentence) [ERR_##symbol] = {code, http_status, close_code, sentence},
#include "base/err.def"
#undef ERR
};

static const struct row *row_of(enum err err)
{
    assert((unsigned)err < ERR_COUNT);
    return &rows[err];
}

const char *err_code(enum err err)
{
    return row_of(err)->code;
}

const char *err_sentence(enum err err)
{
    return row_of(err)->sentence;
}

unsigned err_http_status(enum err err)
{
    return row_of(err)->http_status;
}

unsigned err_close_code(enum err err)
{
    return row_of(err)->close_code;
}

/* Where two errors share a code the first one is given. */
enum err err_from_code(struct span code)
{
    for (unsigned i = 0; i < ERR_COUNT; i++)
        if (span_equal(span_from_str(rows[i].code), code))
            return (enum err)i;
    return ERR_COUNT;
}
