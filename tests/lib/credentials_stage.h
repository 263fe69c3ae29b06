/* credentials_stage.h: who a request or a token stands for, asked of the `stage` of rest_stage.h, and what the newest check came to, as
 * `checked`. */
#pragma once

#include "lib/rest_stage.h"
#include "peer/credentials.h"

struct checked {
    unsigned count; /* checks that were answered */
    enum err err;
    char user_id[16], username[16];
    uint32_t role_count;
    bool is_account;
    int64_t expires_ms;
    uint8_t login_key[32];
};

extern struct checked checked;

/* cmocka's; rest_stage_tear_down belongs to it. */
int credentials_stage_set_up(void **state);

/* The answer comes into `checked`. */
void credentials_stage_hear(void *arg, const struct credentials_result *result);
/* Values of headers, as a request brings them; NULL: none. */
struct credentials_check *check_headers(const char *cookie, const char *authorization);
const char *cookie_of(struct span value);
const char *bearer_of(struct span token);
/* The same, and its jobs are done. */
void check_cookie(struct span value);
void check_token(struct span token);

/* A token of ours for account 7, and one of somebody else's making. */
struct span own_token(uint64_t ttl_s);
struct span foreign_token(const char *claims);
int64_t in_an_hour(void);

void assert_nobody(enum err err);
