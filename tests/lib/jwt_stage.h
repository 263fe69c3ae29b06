/* jwt_stage.h: a set of keys and a token under way, made anew for every test, as `jwt`. The set has one key, "main", of `secret`. */
#pragma once

#include "auth/jwt_keys.h"
#include "lib/check.h"
#include "lib/mint.h"

enum { NOW = 1700000000 };

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD "{\"sub\":\"7\",\"exp\":1700000600}"

extern const struct span secret, other_secret;
extern const struct jwt_rules lax; /* from anybody, for anybody, as long as he likes */

struct jwt_stage {
    struct jwt_keys *keys;
    struct arena arena;
    struct buf token, why;
    struct jwt_claims claims;
};

extern struct jwt_stage jwt;

/* cmocka's, around each test. */
int jwt_stage_set_up(void **state);
int jwt_stage_tear_down(void **state);

enum err verify_token(const struct jwt_rules *rules, struct span token, int64_t now_s);
/* A token with this header and payload and a good signature, now. */
enum err verify_signed(const struct jwt_rules *rules, const char *header, const char *payload);
enum err verify_payload(const char *payload);
enum err verify_header(const char *header);
