/* err.h: everything that can go wrong because of a peer or the world, in one list (err.def). OK is 0.
 * Each error has a stable snake_case code, the HTTP status and the WebSocket close code that go with it (0: the
 * connection survives) and a sentence for a person. */
#pragma once

#include "base/span.h"

#define must_check __attribute__((warn_unused_result))

enum err {
    OK = 0,
#define ERR(symbol, code, http_status, close_code, fault, sentence) ERR_##symbol,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

const char *err_code(enum err err);     /* "not_found"; "ok" for OK */
const char *err_sentence(enum err err); /* "There is no such record." */
unsigned err_http_status(enum err err); /* 200 for OK */
unsigned err_close_code(enum err err);  /* 0: keep the connection */
bool err_is_counted(enum err err);      /* a client's mistake: many of them end its connection */
/* By code, for tests and clients; ERR_COUNT when unknown. */
enum err err_from_code(struct span code);
