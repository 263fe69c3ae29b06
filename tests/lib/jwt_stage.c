#include "lib/jwt_stage.h"

const struct span secret = SPAN_INIT("0123456789abcdef0123456789abcdef");
const struct span other_secret = SPAN_INIT("fedcba9876543210fedcba9876543210");
const struct jwt_rules lax = {.leeway_s = 30};

struct jwt_stage jwt;

int jwt_stage_set_up(void **state)
{
    (void)state;
    jwt = (struct jwt_stage){.keys = jwt_keys_new()};
    arena_init(&jwt.arena, 4096);
    return jwt_keys_add_secret(jwt.keys, SPAN("main"), secret, &jwt.why) == OK ? 0 : -1;
}

int jwt_stage_tear_down(void **state)
{
    (void)state;
    jwt_keys_unref(jwt.keys);
    arena_deinit(&jwt.arena);
    buf_deinit(&jwt.token);
    buf_deinit(&jwt.why);
    return 0;
}

enum err verify_token(const struct jwt_rules *rules, struct span token, int64_t now_s)
{
    arena_reset(&jwt.arena);
    return jwt_verify(jwt.keys, rules, token, now_s, &jwt.arena, &jwt.claims);
}

enum err verify_signed(const struct jwt_rules *rules, const char *header, const char *payload)
{
    buf_reset(&jwt.token);
    mint_with_secret(&jwt.token, span_from_str(header), span_from_str(payload), secret);
    return verify_token(rules, buf_span(&jwt.token), NOW);
}

enum err verify_payload(const char *payload)
{
    return verify_signed(&lax, HS256, payload);
}

enum err verify_header(const char *header)
{
    return verify_signed(&lax, header, GOOD);
}
