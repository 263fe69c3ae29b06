#include "server/shared.h"

#include "base/log.h"
#include "base/memory.h"
#include "collab/type/type.h"
#include "server/admin.h"
#include "server/config.h"
#include "server/file.h"
#include "server/types_builtin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void take_limits(struct shared *shared, const struct config *config)
{
    shared->peer_limits = (struct peer_limits){
        .rooms_per_session_max = config->rooms_per_connection_max,
        .messages_per_second = config->messages_per_second,
        .messages_burst = config->messages_burst,
        .bytes_per_second = (double)config->message_bytes_per_second,
        .bytes_burst = (double)config->message_bytes_burst,
        .errors_per_minute_max = config->error_messages_per_minute_max,
        .auth_ms = config->auth_timeout_ms,
        .message_bytes_max = config->message_bytes_max,
        .ping_ms = config->ping_ms,
        .dead_ms = config->dead_ms,
        .sse_heartbeat_ms = config->sse_heartbeat_ms,
        .engine_ping_interval_ms = config->engine_ping_interval_ms,
        .engine_ping_timeout_ms = config->engine_ping_timeout_ms,
        .engine_payload_bytes_max = config->engine_payload_bytes_max,
        .changes_per_minute_max = config->changes_per_minute,
        .token_ttl_s = config->token_ttl_s,
        .login_ttl_s = config->session_ttl_s,
        .list_rows_max = config->list_rows_max,
    };
}

/* A configured shared secret signs tokens of others; it never has the server's own key id. */
static enum err add_key_file(struct jwt_keys *keys, struct span path, struct buf *why)
{
    struct buf pem = BUF_EMPTY;
    enum err err = file_read(path, FILE_KEY_BYTES_MAX, &pem, why);
    if (!err)
        err = jwt_keys_add_pem(keys, SPAN_EMPTY, buf_span(&pem), why);
    buf_deinit(&pem);
    return err;
}

static enum err take_keys(struct jwt_keys *keys, const struct config *config, struct buf *why)
{
    struct buf text = BUF_EMPTY;
    enum err err = OK;
    if (config->jwt_secret.len)
        err = jwt_keys_add_secret(keys, SPAN_EMPTY, config->jwt_secret, why);
    if (!err && config->jwt_secret_file.len &&
        !(err = file_read(config->jwt_secret_file, FILE_KEY_BYTES_MAX, &text, why)))
        err = jwt_keys_add_secret(keys, SPAN_EMPTY, span_trim_lines(buf_span(&text)), why);
    for (size_t i = 0; !err && i < config->jwt_key_files.count; i++)
        err = add_key_file(keys, config->jwt_key_files.items[i], why);
    buf_reset(&text);
    if (!err && config->jwks_file.len && !(err = file_read(config->jwks_file, FILE_KEY_BYTES_MAX, &text, why)))
        err = jwt_keys_add_jwks(keys, buf_span(&text), false, why);
    buf_deinit(&text);
    return err;
}

/* The rules borrow texts that must live as long as they do: they are kept one after the other in shared->texts, which never grows once it is full. */
static struct span keep(struct shared *shared, struct span text)
{
    size_t place = shared->texts.len;
    assert(shared->texts.cap - place >= text.len);
    buf_append_span(&shared->texts, text);
    return span_slice(buf_span(&shared->texts), place, text.len);
}

static enum err take_tokens(struct shared *shared, const struct config *config, struct span own_secret, struct buf *why)
{
    struct token_rules *tokens = &shared->tokens;
    buf_reserve(&shared->texts, own_secret.len + config->jwt_issuer.len + config->jwt_audience.len + 1);
    tokens->keys = jwt_keys_new();
    tokens->rules = (struct jwt_rules){.issuer = keep(shared, config->jwt_issuer),
                                       .audience = keep(shared, config->jwt_audience),
                                       .leeway_s = 30,
                                       .lifetime_max_s = config->jwt_lifetime_max_s};
    tokens->own_key_id = SPAN(TOKEN_KEY_ID);
    tokens->own_issuer = SPAN(TOKEN_ISSUER);
    tokens->own_secret = keep(shared, own_secret);
    tokens->ttl_s = config->token_ttl_s;
    enum err err = jwt_keys_add_secret(tokens->keys, tokens->own_key_id, tokens->own_secret, why);
    return err ? err : take_keys(tokens->keys, config, why);
}

enum err shared_new(const struct config *config, struct span own_secret, struct shared **out, struct buf *why)
{
    struct shared *shared = NEW(struct shared);
    shared->ref_count = 1;
    shared->trusts_forwarded = config->trust_forwarded;
    take_limits(shared, config);
    limits_write_prometheus(config, &shared->limits_text);
    enum err err;
    if ((err = type_registry_new(types_builtin(), config->types, &shared->registry, why)) ||
        (err = namespaces_init(&shared->namespaces, config->namespaces, why)) ||
        (err = origin_rules_new(config->allow_origins, config->allow_origin_regex, &shared->origins, why)) ||
        (err = static_files_load(config->web_dir, &shared->files, why)) ||
        (err = take_tokens(shared, config, own_secret, why)))
        goto done;
    *out = shared;
    shared = NULL;
done:
    shared_unref(shared);
    return err;
}

struct shared *shared_ref(struct shared *shared)
{
    shared->ref_count++;
    return shared;
}

void shared_unref(struct shared *shared)
{
    if (!shared || --shared->ref_count > 0)
        return;
    origin_rules_free(shared->origins);
    static_files_unref(shared->files);
    jwt_keys_unref(shared->tokens.keys);
    type_registry_unref(shared->registry);
    namespaces_deinit(&shared->namespaces);
    buf_deinit(&shared->limits_text);
    buf_deinit(&shared->texts);
    free(shared);
}
