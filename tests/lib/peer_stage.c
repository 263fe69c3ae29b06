#include "lib/peer_stage.h"

#include "auth/login_key.h"

#include <string.h>

enum { WALL_MS = 1700000000 };

static void send_command(void *world, struct command *command)
{
    struct peer_stage *stage = world;

    if (command->kind == COMMAND_LEAVE) { /* nobody waits for it */
        command_free(command);
        return;
    }
    assert_in_range(stage->command_count, 0, PEER_STAGE_COMMANDS_MAX - 1);
    stage->commands[stage->command_count++] = command;
}

enum { LANE_WRITE, LANE_READ, LANE_COMPUTE };

static void add_job(struct peer_stage *stage, struct store_job *job, uint32_t lane)
{
    job->mail.kind = lane;
    job->mail.next = NULL;
    *stage->newest = &job->mail;
    stage->newest = &job->mail.next;
    stage->job_count++;
}

static void write_job(void *world, struct store_job *job)
{
    add_job(world, job, LANE_WRITE);
}

static void read_job(void *world, struct store_job *job)
{
    add_job(world, job, LANE_READ);
}

static bool compute_job(void *world, struct store_job *job)
{
    struct peer_stage *stage = world;

    if (!stage->is_busy)
        add_job(world, job, LANE_COMPUTE);
    return !stage->is_busy;
}

static void revoke(void *world, struct span user_id, struct span login_key)
{
    struct peer_stage *stage = world;

    stage->revoke_count++;
    peer_host_on_revoke(&stage->host, user_id, login_key);
}

/* ---- jobs ---- */

static void run(struct peer_stage *stage, struct store_job *job)
{
    switch (job->mail.kind) {
    case LANE_WRITE: job->run(job, stage->store.store, NULL); break;
    case LANE_READ: job->run(job, NULL, store_fixture_reader(&stage->store)); break;
    default: job->run(job, NULL, NULL); break;
    }
}

void peer_stage_begin_jobs(struct peer_stage *stage)
{
    for (struct mail *mail = stage->oldest; mail; mail = mail->next)
        run(stage, (struct store_job *)mail);
}

void peer_stage_finish_jobs(struct peer_stage *stage)
{
    struct mail *mail = stage->oldest, *next;

    stage->oldest = NULL;
    stage->newest = &stage->oldest;
    for (; mail; mail = next) {
        struct store_job *job = (struct store_job *)mail;

        next = mail->next;
        job->done(job, stage);
    }
}

void peer_stage_run_jobs(struct peer_stage *stage)
{
    while (stage->oldest) {
        peer_stage_begin_jobs(stage);
        peer_stage_finish_jobs(stage);
    }
}

/* ---- commands ---- */

struct answer *peer_stage_answer(struct peer_stage *stage, enum err err)
{
    assert_int_not_equal(stage->command_count, 0);
    return answer_new(stage->commands[0], err);
}

void peer_stage_send_answer(struct peer_stage *stage, struct answer *answer)
{
    command_free(stage->commands[0]);
    memmove(stage->commands, stage->commands + 1, --stage->command_count * sizeof(stage->commands[0]));
    peer_host_on_answer(&stage->host, answer);
}

/* ---- the account ---- */

struct span peer_stage_log_in(struct peer_stage *stage, int64_t expires_ms)
{
    uint8_t key[LOGIN_KEY_BYTES];
    struct buf cookie = BUF_EMPTY;
    struct account account;
    struct span value;

    login_key_new(&cookie, key);
    assert_int_equal(store_account_get(stage->store.store, &stage->store.arena, SPAN("7"), &account), OK);

    struct login login = {.key = span_of(key, sizeof(key)),
                          .user_id = SPAN("7"),
                          .created_ms = stage->host.wall_ms,
                          .expires_ms = expires_ms,
                          .generation = account.generation};
    assert_int_equal(store_login_put(stage->store.store, &login), OK);
    value = arena_copy(&stage->store.arena, buf_span(&cookie));
    buf_deinit(&cookie);
    return value;
}

void peer_stage_set_account(struct peer_stage *stage, const char *role_name, bool is_disabled)
{
    struct span role = span_from_str(role_name);
    struct account account = {.id = SPAN("7"),
                              .username = SPAN("ann"),
                              .name = SPAN("Ann Example"),
                              .roles = &role,
                              .role_count = 1,
                              .is_disabled = is_disabled};

    assert_int_equal(store_account_put(stage->store.store, &stage->store.arena, &account), OK);
}

/* ---- life ---- */

static void set_tokens(struct peer_stage *stage)
{
    static const char own[] = "the server's own secret: 32 bytes";
    static const char other[] = "a secret of somebody else: also 32";
    struct buf why = BUF_EMPTY;

    stage->tokens = (struct token_rules){.keys = jwt_keys_new(),
                                         .rules = {.issuer = SPAN("elsewhere"), .leeway_s = 30},
                                         .own_key_id = SPAN("own"),
                                         .own_secret = SPAN(own),
                                         .own_issuer = SPAN("collabd"),
                                         .ttl_s = 3600};
    assert_int_equal(jwt_keys_add_secret(stage->tokens.keys, SPAN("own"), SPAN(own), &why), OK);
    assert_int_equal(jwt_keys_add_secret(stage->tokens.keys, SPAN_EMPTY, SPAN(other), &why), OK);
    buf_deinit(&why);
}

void peer_stage_init(struct peer_stage *stage)
{
    struct peer_host *host = &stage->host;
    struct origin_rules *origins;
    struct buf why = BUF_EMPTY;

    *stage = (struct peer_stage){0};
    stage->newest = &stage->oldest;
    stage_init(&stage->net, NULL);
    store_fixture_init(&stage->store);
    set_tokens(stage);
    stage->http_limits = http_limits_default;
    stage->limits = (struct peer_limits){.rooms_per_session_max = 128,
                                         .auth_ms = 10000,
                                         .message_bytes_max = 65536,
                                         .sse_heartbeat_ms = 15000,
                                         .token_ttl_s = 3600,
                                         .login_ttl_s = 86400,
                                         .list_rows_max = 1000};
    assert_int_equal(origin_rules_new(SPAN_EMPTY, SPAN_EMPTY, &origins, &why), OK);
    *host = (struct peer_host){.worker_count = 1,
                               .loop = stage->net.loop,
                               .conn_host = stage->net.host,
                               .registry = stage->store.registry,
                               .limits = &stage->limits,
                               .tokens = &stage->tokens,
                               .origins = origins,
                               .admission = admission_new(&stage->admission_limits),
                               .is_ready = true,
                               .wall_ms = (int64_t)WALL_MS * 1000,
                               .world = stage,
                               .send_command = send_command,
                               .write_job = write_job,
                               .read_job = read_job,
                               .compute_job = compute_job,
                               .revoke = revoke};
    peer_host_init(host);
    peer_stage_set_account(stage, "editor", false);
}

void peer_stage_deinit(struct peer_stage *stage)
{
    conn_host_close_all(stage->net.host);
    stage_turns(&stage->net, 3);
    peer_stage_run_jobs(stage);
    for (unsigned i = 0; i < stage->command_count; i++)
        command_free(stage->commands[i]);
    peer_host_deinit(&stage->host);
    admission_free(stage->host.admission);
    origin_rules_free((struct origin_rules *)(uintptr_t)stage->host.origins);
    jwt_keys_unref(stage->tokens.keys);
    stage_deinit(&stage->net);
    store_fixture_deinit(&stage->store);
}

void peer_stage_connect(struct peer_stage *stage, struct far *far)
{
    peer_serve(&stage->host, far_open(far, &stage->net), &stage->http_limits);
}

void peer_stage_ask(struct peer_stage *stage, struct far *far, const char *method, const char *path,
                    const char *headers, const char *body)
{
    struct span cookie = peer_stage_log_in(stage, stage->host.wall_ms + 3600 * 1000);

    buf_reset(&far->heard);
    far_say(far, arena_printf(&stage->store.arena,
                              "%s %s HTTP/1.1\r\nHost: here\r\nCookie: %s=%.*s\r\n%sContent-Length: %zu\r\n\r\n%s",
                              method, path, LOGIN_COOKIE, SPAN_ARG(cookie), headers, strlen(body), body));
    stage_turns(&stage->net, 3);
    peer_stage_run_jobs(stage);
}
