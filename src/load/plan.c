/* An option is a row: its name, where its value goes, and what --help says. Each scenario has defaults of its own, set
 * before the options are read. */
#include "load/plan.h"

#include "base/memory.h"
#include "load/script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAYLOAD_BYTES_MAX = 60000, WINDOW_MAX = 64, TOKEN_FILE_BYTES_MAX = 256 << 20 };

static const char *const scenario_names[] = {"fanout", "rooms", "hot", "saturate", "idle", "connect", "changes"};
static const char *const depth_names[] = {"upgraded", "authenticated", "joined"};
static const char *const login_names[] = {"header", "query", "message"};

enum kind { TEXT, COUNT, COUNT64, NUMBER, FLAG, SCRIPT, DEPTH, LOGIN };

struct option {
    const char *name, *argument, *help;
    enum kind kind;
    size_t offset;
};

#define ROW(name, kind, member, argument, help)                   \
    {                                                             \
        name, argument, help, kind, offsetof(struct plan, member) \
    }

static const struct option options[] = {
    ROW("url", TEXT, url, "URL", "ws://HOST:PORT/PATH of the server (ws://127.0.0.1:8000/ws)"),
    ROW("wire", SCRIPT, script, "NAME", "native, raw (every message is relayed to the room in the path) or socketio"),
    ROW("token", TEXT, token, "JWT", "who all of them are"),
    ROW("tokens-file", TEXT, tokens_file, "FILE", "who they are, a token a line, taken in turn"),
    ROW("login", LOGIN, login, "HOW", "where the token is sent: header, query, message"),
    ROW("pid", COUNT64, pid, "PID", "the server's process: report its CPU and memory"),
    ROW("table", FLAG, is_table, NULL, "print a table, not JSON"),
    ROW("seconds", NUMBER, seconds, "S", "how long is measured (10; idle 3)"),
    ROW("warmup", NUMBER, warmup_seconds, "S", "how long it runs before that (2)"),
    ROW("rooms", COUNT, rooms, "N", "fanout, saturate 1; rooms 400; hot 10"),
    ROW("members", COUNT, members, "N", "of each room (fanout, saturate 1000; rooms 5; hot 50; idle, connect 10)"),
    ROW("senders", COUNT, senders, "N", "fanout, saturate: on top of the members, of each room (1)"),
    ROW("rate", NUMBER, rate, "N",
        "messages a second of each sender (fanout 50, rooms 2, hot 6); changes in all (0: no limit)"),
    ROW("payload", COUNT, payload_bytes, "BYTES", "of each message (128)"),
    ROW("window", COUNT, window, "N", "saturate: messages outstanding (8); changes: of each connection (8)"),
    ROW("connections", COUNT, connections, "N", "idle 10000, connect 8000, changes 50"),
    ROW("in-flight", COUNT, in_flight, "N", "connections that are being made at once (64)"),
    ROW("depth", DEPTH, depth, "NAME", "idle, connect: upgraded, authenticated or joined (joined)"),
    ROW("room-prefix", TEXT, room_prefix, "TEXT", "rooms are called this and a number (bench-PID-)"),
    ROW("namespace", TEXT, namespace_name, "NAME", "socketio: the namespace (/)"),
    ROW("join-event", TEXT, join_event, "NAME", "socketio: [\"NAME\", room], acknowledged, joins (join)"),
    ROW("say-event", TEXT, say_event, "NAME", "socketio: [\"NAME\", room, payload] publishes (say)"),
    ROW("record-type", TEXT, record_type, "TYPE", "changes: the records' type (part)"),
    ROW("record-prefix", TEXT, record_prefix, "TEXT", "changes: their ids are this and a number (PN-)"),
    ROW("record-first", COUNT, record_first, "N", "changes: the first number (10001)"),
    ROW("record-count", COUNT, record_count, "N", "changes: how many records (2000)"),
    ROW("record-field", TEXT, record_field, "NAME", "changes: the text field that is changed (manufacturer_number)"),
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Its place in a list of names, or -1. */
static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

#define FIND_NAME(names, name) find_name((names), (int)(sizeof(names) / sizeof((names)[0])), (name))

const char *plan_scenario_name(const struct plan *plan)
{
    return scenario_names[plan->scenario];
}

const char *plan_depth_name(const struct plan *plan)
{
    return depth_names[plan->depth];
}

static int print_help(void)
{
    printf("usage: collabd bench SCENARIO [--option value]...\n\n"
           "  fanout     senders to the members of one room, at a rate\n"
           "  rooms      many small rooms, everybody speaks\n"
           "  hot        few rooms, everybody moves a cursor\n"
           "  saturate   as fanout, as fast as a window of outstanding messages lets it\n"
           "  idle       connections that do nothing: memory\n"
           "  connect    connect, upgrade, authenticate, join: rate\n"
           "  changes    durable changes of many records: rate and latency of their acknowledgements\n\n");
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        printf("  --%-14s %-6s %s\n", options[i].name, options[i].argument ? options[i].argument : "", options[i].help);
    return -1;
}

__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return 2;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static const struct {
    uint32_t rooms, members, connections;
    double rate, seconds;
} defaults[] = {
    [PLAN_FANOUT] = {1, 1000, 1, 50, 10},  [PLAN_ROOMS] = {400, 5, 1, 2, 10},  [PLAN_HOT] = {10, 50, 1, 6, 10},
    [PLAN_SATURATE] = {1, 1000, 1, 1, 10}, [PLAN_IDLE] = {1, 10, 10000, 1, 3}, [PLAN_CONNECT] = {1, 10, 8000, 1, 1},
    [PLAN_CHANGES] = {1, 1, 50, 0, 10},
};

static void set_defaults(struct plan *plan)
{
    (void)snprintf(plan->room_prefix_default, sizeof(plan->room_prefix_default), "bench-%d-", (int)getpid());
    plan->room_prefix = plan->room_prefix_default;
    plan->script = script_find("native");
    plan->url = "ws://127.0.0.1:8000/ws";
    plan->depth = plan->scenario == PLAN_CHANGES ? PLAN_AUTHENTICATED : PLAN_JOINED;
    plan->rooms = defaults[plan->scenario].rooms;
    plan->members = defaults[plan->scenario].members;
    plan->connections = defaults[plan->scenario].connections;
    plan->rate = defaults[plan->scenario].rate;
    plan->seconds = defaults[plan->scenario].seconds;
    plan->warmup_seconds = 2;
    plan->senders = 1;
    plan->payload_bytes = 128;
    plan->window = 8;
    plan->in_flight = 64;
    plan->namespace_name = "/";
    plan->join_event = "join";
    plan->say_event = "say";
    plan->record_type = "part";
    plan->record_prefix = "PN-";
    plan->record_first = 10001;
    plan->record_count = 2000;
    plan->record_field = "manufacturer_number";
}

static bool parse_number(const char *text, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= 0 && *number <= 1e9;
}

static bool set_name(const char *const *names, int count, const char *name, void *place)
{
    int found = find_name(names, count, name);

    if (found >= 0)
        memcpy(place, &found, sizeof(found));
    return found >= 0;
}

static bool set_value(struct plan *plan, const struct option *option, const char *text)
{
    char *place = (char *)plan + option->offset;
    uint64_t count;

    switch (option->kind) {
    case TEXT: *(const char **)(void *)place = text; return true;
    case FLAG: *(bool *)(void *)place = true; return true;
    case NUMBER: return parse_number(text, (double *)(void *)place);
    case COUNT64: return span_parse_u64(span_from_str(text), (uint64_t *)(void *)place);
    case COUNT:
        if (!span_parse_u64(span_from_str(text), &count) || count > 1000000)
            return false;
        *(uint32_t *)(void *)place = (uint32_t)count;
        return true;
    case DEPTH: return set_name(depth_names, 3, text, place);
    case LOGIN: return set_name(login_names, 3, text, place);
    case SCRIPT: return (plan->script = script_find(text)) != NULL;
    }
    return false;
}

static int read_options(struct plan *plan, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const struct option *option = NULL;
        const char *text = NULL;

        for (unsigned k = 0; k < OPTION_COUNT && option == NULL; k++) {
            if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, options[k].name) == 0)
                option = &options[k];
        }
        if (strcmp(argv[i], "--help") == 0)
            return print_help();
        if (option == NULL)
            return complain("there is no option %s (--help shows them)", argv[i]);
        if (option->kind != FLAG && (text = argv[++i]) == NULL)
            return complain("--%s needs a value", option->name);
        if (!set_value(plan, option, text))
            return complain("--%s: %s is no %s", option->name, text, option->argument);
    }
    return 0;
}

/* ---- where and who ----------------------------------------------------------------------------------------------- */

/* ws://HOST:PORT/PATH; HOST may be an IPv6 address in brackets, PORT and PATH may be left out. */
static int split_url(struct plan *plan)
{
    char *rest, *slash, *colon;

    if (strncmp(plan->url, "ws://", 5) != 0)
        return complain("--url: %s does not begin with ws://", plan->url);
    plan->url_copy = memory_copy(plan->url + 5, strlen(plan->url + 5) + 1);
    rest = plan->url_copy;
    plan->host = rest;
    plan->port = "80";
    plan->path = SPAN("/");
    if ((slash = strchr(rest, '/')) != NULL) {
        plan->path = span_from_str(plan->url + 5 + (slash - rest));
        *slash = '\0';
    }
    if (*rest == '[' && (colon = strchr(rest, ']')) != NULL) {
        plan->host = rest + 1;
        *colon++ = '\0';
    } else {
        colon = strrchr(rest, ':');
    }
    if (colon != NULL && *colon == ':') {
        *colon = '\0';
        plan->port = colon + 1;
    }
    if (*plan->host == '\0' || *plan->port == '\0')
        return complain("--url: %s has no host or no port", plan->url);
    return 0;
}

static bool read_whole(const char *name, struct buf *out)
{
    int fd = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    ssize_t len = -1;

    if (fd < 0)
        return false;
    while (out->len < TOKEN_FILE_BYTES_MAX && (len = read(fd, buf_reserve(out, 65536), 65536)) > 0)
        out->len += (size_t)len;
    (void)close(fd);
    return len == 0;
}

static int read_tokens(struct plan *plan)
{
    struct span rest, line;
    size_t line_count = 1;

    if (plan->token != NULL)
        buf_append_str(&plan->token_bytes, plan->token);
    else if (plan->tokens_file != NULL && !read_whole(plan->tokens_file, &plan->token_bytes))
        return complain("--tokens-file: %s: %s", plan->tokens_file, strerror(errno));
    rest = buf_span(&plan->token_bytes);
    for (size_t i = 0; i < rest.len; i++)
        line_count += rest.data[i] == '\n';
    plan->tokens = memory_array(line_count, sizeof(*plan->tokens));
    while (span_cut(&rest, '\n', &line)) {
        line = span_trim(line);
        if (line.len > 0)
            plan->tokens[plan->token_count++] = line;
    }
    return 0;
}

static int check(const struct plan *plan)
{
    bool is_paced = plan->scenario <= PLAN_HOT;

    if (plan->payload_bytes < SCRIPT_PAYLOAD_BYTES_MIN || plan->payload_bytes > PAYLOAD_BYTES_MAX)
        return complain("--payload: %d to %d bytes", SCRIPT_PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX);
    if (plan->window == 0 || plan->window > WINDOW_MAX)
        return complain("--window: 1 to %d", WINDOW_MAX);
    if (plan->rooms == 0 || plan->members == 0 || plan->senders == 0 || plan->connections == 0 || plan->in_flight == 0)
        return complain("--rooms, --members, --senders, --connections and --in-flight are at least 1");
    if (plan->scenario <= PLAN_SATURATE && plan_room_size(plan) < 2)
        return complain("--members: nobody would hear what is said");
    if (plan->seconds <= 0 || (is_paced && plan->rate <= 0))
        return complain("--seconds and --rate are more than 0");
    if (plan->record_count == 0)
        return complain("--record-count: at least 1");
    if (plan->scenario == PLAN_CHANGES && plan->script->append_update == NULL)
        return complain("--wire %s: has no records to change", plan->script->name);
    return 0;
}

int plan_init(struct plan *plan, int argc, char **argv)
{
    int scenario = argc > 1 ? FIND_NAME(scenario_names, argv[1]) : -1;
    int status;

    *plan = (struct plan){0};
    if (argc < 2 || strcmp(argv[1], "--help") == 0)
        return print_help();
    if (scenario < 0)
        return complain("there is no scenario %s (--help shows them)", argv[1]);
    plan->scenario = (enum plan_scenario)scenario;
    set_defaults(plan);
    if ((status = read_options(plan, argc, argv)) != 0 || (status = split_url(plan)) != 0 ||
        (status = read_tokens(plan)) != 0 || (status = check(plan)) != 0)
        return status;
    return 0;
}

void plan_deinit(struct plan *plan)
{
    free(plan->url_copy);
    free(plan->tokens);
    buf_deinit(&plan->token_bytes);
    *plan = (struct plan){0};
}

/* ---- what follows from it ---------------------------------------------------------------------------------------- */

static bool has_extra_senders(const struct plan *plan)
{
    return plan->scenario == PLAN_FANOUT || plan->scenario == PLAN_SATURATE;
}

uint32_t plan_room_size(const struct plan *plan)
{
    return plan->members + (has_extra_senders(plan) ? plan->senders : 0);
}

uint32_t plan_speaker_count(const struct plan *plan)
{
    return has_extra_senders(plan) ? plan->senders : plan->members;
}

uint32_t plan_connection_count(const struct plan *plan)
{
    return plan->scenario >= PLAN_IDLE ? plan->connections : plan->rooms * plan_room_size(plan);
}

void plan_append_room(const struct plan *plan, uint32_t number, struct buf *out)
{
    buf_append_str(out, plan->room_prefix);
    buf_append_u64(out, number / plan_room_size(plan));
}

struct span plan_token(const struct plan *plan, uint32_t number)
{
    return plan->token_count > 0 ? plan->tokens[number % plan->token_count] : SPAN_EMPTY;
}
