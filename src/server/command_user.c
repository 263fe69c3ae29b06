/* collabd user, token, backup, restore. */
#include "server/command_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* A line from the terminal (twice, unseen) or from standard input. */
static bool read_line(struct buf *out)
{
    int byte;
    while ((byte = getchar()) != EOF && byte != '\n')
        buf_append_char(out, (char)byte);
    if (out->len && out->data[out->len - 1] == '\r')
        out->len--;
    return out->len > 0;
}

static bool read_password(struct buf *out)
{
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown))
        return read_line(out);
    hidden = shown;
    hidden.c_lflag &= (tcflag_t)~ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    struct buf again = BUF_EMPTY;
    fprintf(stderr, "Password: ");
    bool is_read = read_line(out);
    fprintf(stderr, "\nOnce more: ");
    is_read = is_read && read_line(&again);
    fprintf(stderr, "\n");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    if (is_read && !span_equal(buf_span(out), buf_span(&again))) {
        fprintf(stderr, "collabd: They differ.\n");
        is_read = false;
    }
    buf_deinit(&again);
    return is_read;
}

static void member_roles(struct buf *out, struct span roles)
{
    struct span role;
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    while (span_cut(&roles, ',', &role)) {
        role = span_trim(role);
        if (role.len == 0)
            continue;
        if (out->data[out->len - 1] != '[')
            buf_append_char(out, ',');
        json_append_string(out, role);
    }
    buf_append_char(out, ']');
}

static void print_user(yyjson_val *user)
{
    struct buf line = BUF_EMPTY;
    yyjson_val *roles = json_get(user, "roles");
    json_append_value(&line, json_get(user, "id"));
    buf_printf(&line, "\t%.*s\t%.*s\t", SPAN_ARG(json_get_text(user, "username")),
               SPAN_ARG(json_get_text(user, "name")));
    for (size_t i = 0; i < yyjson_arr_size(roles); i++)
        buf_printf(&line, "%s%.*s", i ? "," : "", SPAN_ARG(json_text(yyjson_arr_get(roles, i))));
    printf("%.*s\n", SPAN_ARG(buf_span(&line)));
    buf_deinit(&line);
}

/* Sends the request and prints what it says. */
static int ask(const struct config *config, struct buf *request)
{
    struct buf text = BUF_EMPTY;
    struct json answer;
    int status = 1;
    if (command_ask(config, buf_span(request), &text, &answer)) {
        yyjson_val *users = json_get(answer.root, "users");
        for (size_t i = 0; i < yyjson_arr_size(users); i++)
            print_user(yyjson_arr_get(users, i));
        if (json_get(answer.root, "user"))
            print_user(json_get(answer.root, "user"));
        struct span token = json_get_text(answer.root, "token");
        if (token.len)
            printf("%.*s\n", SPAN_ARG(token));
        status = 0;
    }
    json_deinit(&answer);
    buf_deinit(&text);
    return status;
}

struct user_verb {
    const char *word, *command;
    bool wants_name, wants_password;
};

static const struct user_verb user_verbs[] = {{"add", "user_add", true, true},
                                              {"list", "user_list", false, false},
                                              {"passwd", "user_passwd", true, true},
                                              {"roles", "user_roles", true, false},
                                              {"remove", "user_remove", true, false}};

static const struct user_verb *verb_of(const struct config *config)
{
    if (config->words.count == 0)
        return NULL;
    for (size_t i = 0; i < sizeof user_verbs / sizeof *user_verbs; i++)
        if (span_equal(config->words.items[0], span_from_str(user_verbs[i].word)))
            return config->words.count == (user_verbs[i].wants_name ? 2 : 1) ? &user_verbs[i] : NULL;
    return NULL;
}

static int ask_user(const struct config *config, const struct user_verb *verb)
{
    struct buf request = BUF_EMPTY, password = BUF_EMPTY;
    struct span roles;
    int status = 1;
    buf_append_char(&request, '{');
    json_member_string(&request, "command", span_from_str(verb->command));
    if (verb->wants_name)
        json_member_string(&request, "name", config->words.items[1]);
    if (config_flag(config, "roles", &roles))
        member_roles(&request, roles);
    if (verb->wants_password && !read_password(&password)) {
        fprintf(stderr, "collabd: A password is needed.\n");
        goto done;
    }
    if (verb->wants_password)
        json_member_string(&request, "password", buf_span(&password));
    buf_append_char(&request, '}');
    status = ask(config, &request);
done:
    buf_deinit(&request);
    buf_deinit(&password);
    return status;
}

int command_user(int argc, char **argv)
{
    static const char *const flags[] = {"roles", NULL};
    struct command_words words = {
        .usage =
            "collabd user add NAME [--roles a,b] | user list | user passwd NAME | user roles NAME --roles a,b | user remove NAME",
        .argc = argc - 1,
        .argv = argv + 1,
        .flags = flags,
        .words_max = 2};
    struct config config = {0};
    int status = 1;
    if (command_config(&config, &words)) {
        const struct user_verb *verb = verb_of(&config);
        status = config.wants_help ? 0 : verb ? ask_user(&config, verb) : command_usage(&words);
    }
    config_deinit(&config);
    return status;
}

int command_token(int argc, char **argv)
{
    static const char *const flags[] = {"ttl", NULL};
    struct command_words words = {.usage = "collabd token NAME [--ttl SECONDS]",
                                  .argc = argc - 1,
                                  .argv = argv + 1,
                                  .flags = flags,
                                  .words_max = 1};
    struct config config = {0};
    struct buf request = BUF_EMPTY;
    struct span ttl;
    uint64_t ttl_s = 0;
    int status = 1;
    if (!command_config(&config, &words) || config.wants_help) {
        status = config.wants_help ? 0 : 1;
        goto done;
    }
    if (config.words.count != 1 || (config_flag(&config, "ttl", &ttl) && !span_parse_u64(ttl, &ttl_s))) {
        status = command_usage(&words);
        goto done;
    }
    BUF_APPEND_LITERAL(&request, "{\"command\":\"token\"");
    json_member_string(&request, "name", config.words.items[0]);
    if (config_flag(&config, "ttl", &ttl))
        json_member_u64(&request, "ttl_s", ttl_s);
    buf_append_char(&request, '}');
    status = ask(&config, &request);
done:
    buf_deinit(&request);
    config_deinit(&config);
    return status;
}

/* A running server may have another working directory: it gets the whole path. */
static bool append_path(struct buf *out, struct span file)
{
    char folder[4096];
    struct buf path = BUF_EMPTY;
    bool is_known = span_starts_with(file, SPAN("/")) || getcwd(folder, sizeof folder);
    if (is_known && !span_starts_with(file, SPAN("/")))
        buf_printf(&path, "%s/", folder);
    buf_append_span(&path, file);
    json_member_string(out, "file", buf_span(&path));
    buf_deinit(&path);
    return is_known;
}

int command_backup(int argc, char **argv)
{
    struct command_words words = {
        .usage = "collabd backup FILE [--data DIR]", .argc = argc - 1, .argv = argv + 1, .words_max = 1};
    struct config config = {0};
    struct buf request = BUF_EMPTY;
    int status = 1;
    if (!command_config(&config, &words) || config.wants_help) {
        status = config.wants_help ? 0 : 1;
    } else if (config.words.count != 1) {
        status = command_usage(&words);
    } else {
        BUF_APPEND_LITERAL(&request, "{\"command\":\"backup\"");
        if (append_path(&request, config.words.items[0])) {
            buf_append_char(&request, '}');
            status = ask(&config, &request);
        }
    }
    buf_deinit(&request);
    config_deinit(&config);
    return status;
}

int command_restore(int argc, char **argv)
{
    struct command_words words = {
        .usage = "collabd restore FILE [--data DIR]", .argc = argc - 1, .argv = argv + 1, .words_max = 1};
    struct config config = {0};
    struct buf why = BUF_EMPTY;
    int status = 1;
    if (!command_config(&config, &words) || config.wants_help) {
        status = config.wants_help ? 0 : 1;
    } else if (config.words.count != 1) {
        status = command_usage(&words);
    } else if (store_restore(config.data, config.words.items[0], &why)) {
        fprintf(stderr, "collabd: %.*s\n", SPAN_ARG(buf_span(&why)));
    } else {
        status = 0;
    }
    buf_deinit(&why);
    config_deinit(&config);
    return status;
}
