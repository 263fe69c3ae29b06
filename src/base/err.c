#include "base/err.h"

#include <assert.h>

enum fault { PARDONED, COUNTED };

static const struct row {
    const char *code;
    unsigned http_status;
    unsigned close_code;
    enum fault fault;
    const char *sentence;
} rows[ERR_COUNT] = {
    [OK] = {"ok", 200, 0, PARDONED, "It worked."},
#define ERR(symbol, code, http_status, close_code, fault, sentence) \
    [ERR_##symbol] = {code, http_status, close_code, fault, sentence},
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

bool err_is_counted(enum err err)
{
    return row_of(err)->fault == COUNTED;
}

/* Where two errors share a code the first one is given. */
enum err err_from_code(struct span code)
{
    for (unsigned i = 0; i < ERR_COUNT; i++)
        if (span_equal(span_from_str(rows[i].code), code))
            return (enum err)i;
    return ERR_COUNT;
}
