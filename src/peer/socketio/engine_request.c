/* What an HTTP request wants of Engine.IO, and the answers to those that want nothing sensible. The order of the checks is
 * the reference server's, since clients see which of the codes they get. */
#include "peer/socketio/engine_internal.h"

#include <assert.h>

enum transport { TRANSPORT_NONE, TRANSPORT_POLLING, TRANSPORT_WEBSOCKET };

/* ---- refusals ---- */

void engine_refuse(struct http_exchange *exchange, enum eio_refusal refusal)
{
    struct buf body = BUF_EMPTY;
    eio_append_refusal(&body, refusal);
    http_respond(exchange, refusal == EIO_FORBIDDEN ? 403 : 400, "application/json", buf_span(&body));
    buf_deinit(&body);
}

static void refuse_jsonp(struct http_exchange *exchange)
{
    http_respond(exchange, 400, "application/json",
                 SPAN("{\"code\":3,\"message\":\"JSONP polling is not supported\"}"));
}

/* ---- the query ---- */

/* How often a parameter is there; with its last value. */
static unsigned parameter(struct http_exchange *exchange, const char *name, struct span *value)
{
    size_t position = 0;
    unsigned count = 0;
    struct span key, found;
    *value = SPAN_EMPTY;
    while (http_query_next(exchange, &position, &key, &found)) {
        if (!span_equal(key, span_from_str(name)))
            continue;
        *value = found;
        count++;
    }
    return count;
}

static enum transport transport_of(struct http_exchange *exchange)
{
    struct span value;
    if (parameter(exchange, "transport", &value) != 1)
        return TRANSPORT_NONE;
    if (span_equal(value, SPAN("polling")))
        return TRANSPORT_POLLING;
    return span_equal(value, SPAN("websocket")) ? TRANSPORT_WEBSOCKET : TRANSPORT_NONE;
}

static bool is_version_4(struct http_exchange *exchange)
{
    struct span value;
    return parameter(exchange, "EIO", &value) == 1 && span_equal(value, SPAN("4"));
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool home_of(struct span sid, unsigned *home)
{
    int high, low;
    if (sid.len != ENGINE_SID_BYTES || (high = hex_value(sid.data[0])) < 0 || (low = hex_value(sid.data[1])) < 0)
        return false;
    *home = (unsigned)(high << 4 | low);
    return true;
}

/* ---- sorting ---- */

static enum engine_ask refuse(struct http_exchange *exchange, enum eio_refusal refusal)
{
    engine_refuse(exchange, refusal);
    return ENGINE_REFUSED;
}

/* CORS is the route's business: it knows which origins may. */
static enum engine_ask answer_preflight(struct http_exchange *exchange)
{
    http_add_header(exchange, "Allow", SPAN("GET, POST, OPTIONS"));
    if (http_header(exchange, "Access-Control-Request-Method").len) {
        http_add_header(exchange, "Access-Control-Allow-Methods", SPAN("GET, POST"));
        http_add_header(exchange, "Access-Control-Allow-Headers", SPAN("Authorization, Content-Type"));
        http_add_header(exchange, "Access-Control-Max-Age", SPAN("600"));
    }
    http_respond(exchange, 204, NULL, SPAN_EMPTY);
    return ENGINE_REFUSED;
}

static enum engine_ask look_at_greeting(struct http_exchange *exchange, enum transport transport, bool is_upgrade)
{
    if (!span_equal(exchange->method, SPAN("GET")))
        return refuse(exchange, EIO_BAD_METHOD);
    if (is_upgrade != (transport == TRANSPORT_WEBSOCKET))
        return refuse(exchange, EIO_BAD_REQUEST);
    return is_version_4(exchange) ? ENGINE_GREETING : refuse(exchange, EIO_BAD_VERSION);
}

enum engine_ask engine_look(const struct engine_host *host, struct http_exchange *exchange, unsigned *home)
{
    enum transport transport = transport_of(exchange);
    bool is_upgrade = websocket_is_requested(exchange);
    struct span value;
    if (span_equal(exchange->method, SPAN("OPTIONS")))
        return answer_preflight(exchange);
    if (transport == TRANSPORT_NONE)
        return refuse(exchange, EIO_UNKNOWN_TRANSPORT);
    if (parameter(exchange, "j", &value) > 0) {
        refuse_jsonp(exchange);
        return ENGINE_REFUSED;
    }
    unsigned sids = parameter(exchange, "sid", &value);
    if (sids == 0)
        return look_at_greeting(exchange, transport, is_upgrade);
    if (sids > 1 || !home_of(value, home))
        return refuse(exchange, EIO_UNKNOWN_SID);
    return *home == host->worker ? ENGINE_OWN : ENGINE_FOREIGN;
}

/* ---- serving ---- */

struct engine *engine_open(struct engine_host *host, struct http_exchange *exchange, void *user)
{
    if (websocket_is_requested(exchange))
        return engine_open_socket(host, exchange, user);
    struct engine *engine = engine_new(host, user);
    engine->state = ENGINE_POLLING;
    engine_answer_greeting(engine, exchange);
    engine_start(engine);
    return engine;
}

/* A poll that its client has given up ends the session before the client's next request is looked at, even when that has
 * come by another connection and this loop has not yet heard of the end. */
static struct engine *find(struct engine_host *host, struct http_exchange *exchange)
{
    struct span sid;
    parameter(exchange, "sid", &sid);
    struct engine *engine = map_get(&host->engines, sid);
    if (engine && engine->poll && conn_is_deserted(engine->poll->conn)) {
        struct http_exchange *poll = engine->poll;
        poll->on_gone(poll);
        return NULL;
    }
    if (engine)
        engine_catch_up(engine);
    return engine && engine->state != ENGINE_OVER ? engine : NULL;
}

static void serve_polling(struct engine *engine, struct http_exchange *exchange)
{
    if (span_equal(exchange->method, SPAN("GET")))
        engine_on_poll(engine, exchange);
    else if (span_equal(exchange->method, SPAN("POST")))
        engine_on_post(engine, exchange);
    else
        engine_refuse(exchange, EIO_BAD_METHOD);
}

void engine_serve(struct engine_host *host, struct http_exchange *exchange)
{
    struct engine *engine = find(host, exchange);
    enum transport transport = transport_of(exchange);
    bool is_upgrade = websocket_is_requested(exchange);
    if (!engine)
        engine_refuse(exchange, EIO_UNKNOWN_SID);
    else if (is_upgrade && transport == TRANSPORT_WEBSOCKET)
        engine_on_probe(engine, exchange);
    else if (is_upgrade || transport != TRANSPORT_POLLING || engine->state == ENGINE_CARRIED)
        engine_refuse(exchange, EIO_BAD_REQUEST); /* it is carried by something else */
    else
        serve_polling(engine, exchange);
}

size_t engine_body_limit(struct engine_host *host, struct http_exchange *exchange)
{
    struct span sid;
    struct engine *engine = NULL;
    if (span_equal(exchange->method, SPAN("POST")) && parameter(exchange, "sid", &sid) == 1)
        engine = map_get(&host->engines, sid);
    if (engine && engine->state == ENGINE_POLLING)
        engine_expect_post(engine, exchange);
    exchange->is_refused_silently = true;
    return host->settings.payload_bytes_max;
}
