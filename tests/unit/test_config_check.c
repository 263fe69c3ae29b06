#include "server/config.h"
#include "lib/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder with a configuration file and what it names. */
struct fixture {
    char folder[64];
    struct config_report report;
};

static void path_of(const struct fixture *fixture, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", fixture->folder, name);
}

static void put(const struct fixture *fixture, const char *name, struct span text)
{
    char path[128];
    FILE *file;

    path_of(fixture, name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    fclose(file);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    char path[128];

    fixture = (struct fixture){.folder = "/tmp/test_config_check_XXXXXX"};
    *state = &fixture;
    if (mkdtemp(fixture.folder) == NULL)
        return -1;
    path_of(&fixture, "web", path);
    return mkdir(path, 0700);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    buf_deinit(&fixture->report.text);
    return nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The text is the file's; @ in it stands for the folder. web_dir is set, so that no page of the tree is needed. */
static enum err check(struct fixture *fixture, const char *text)
{
    struct buf file = BUF_EMPTY;
    char path[128];
    enum err err;

    buf_printf(&file, "{\"web_dir\": \"%s/web\", ", fixture->folder);
    for (; *text; text++)
        buf_append_str(&file, *text == '@' ? fixture->folder : (char[2]){*text, '\0'});
    put(fixture, "it.json", buf_span(&file));
    buf_reset(&fixture->report.text);
    fixture->report.problem_count = 0;
    path_of(fixture, "it.json", path);
    err = config_check_file(span_from_str(path), &fixture->report);
    buf_append_char(&fixture->report.text, '\0');
    buf_deinit(&file);
    return err;
}

static void is_fine(struct fixture *fixture, const char *text)
{
    if (check(fixture, text) != OK)
        fail_msg("%s", fixture->report.text.data);
}

/* That many problems, the parts among what is said about them. */
static void is_wrong(struct fixture *fixture, const char *text, unsigned count, const char *const *parts)
{
    assert_int_equal(check(fixture, text), ERR_CONFIG);
    for (; *parts; parts++)
        if (strstr(fixture->report.text.data, *parts) == NULL)
            fail_msg("\"%s\" is not in\n%s", *parts, fixture->report.text.data);
    assert_int_equal(fixture->report.problem_count, count);
}

#define WRONG(fixture, text, count, ...) is_wrong((fixture), (text), (count), (const char *const[]){__VA_ARGS__, NULL})

static void an_empty_configuration_is_fine(void **state)
{
    is_fine(*state, "}");
}

static void keys_that_fit_are_fine(void **state)
{
    EVP_PKEY *private = EVP_EC_gen("P-256");
    struct buf pem = BUF_EMPTY;

    mint_public_pem(&pem, private);
    put(*state, "key.pem", buf_span(&pem));
    put(*state, "secret", SPAN("0123456789abcdef0123456789abcdef\n"));
    put(*state, "jwks.json",
        SPAN("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
             "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"));
    is_fine(*state,
            "\"jwt_key_files\": \"@/key.pem\", \"jwt_secret_file\": \"@/secret\", \"jwks_file\": \"@/jwks.json\"}");
    EVP_PKEY_free(private);
    buf_deinit(&pem);
}

static void everything_that_is_wrong_is_told_at_once(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "key.pem", SPAN("not a key"));
    put(fixture, "secret", SPAN("short\n"));
    WRONG(fixture,
          "\n\"listen\": [\"nowhere\", \"localhost:99999\"],\n"
          "\"allow_origins\": \"*\",\n"
          "\"allow_origin_regex\": \"(\",\n"
          "\"jwt_key_files\": [\"@/key.pem\", \"@/missing.pem\"],\n"
          "\"jwt_secret_file\": \"@/secret\",\n"
          "\"jwks_file\": \"@/key.pem\",\n"
          "\"tls_certificate\": \"@/key.pem\", \"tls_key\": \"@/key.pem\",\n"
          "\"types\": {\"ship\": 7},\n"
          "\"data\": \"@/it.json\",\n"
          "\"wrokers\": 2\n}",
          12, "it.json:2: listen: \"nowhere\"", "it.json:2: listen: \"localhost:99999\"",
          "it.json:3: allow_origins: \"*\"",
          "it.json:4: allow_origin_regex: ", "it.json:5: jwt_key_files: ", "missing.pem",
          "it.json:6: jwt_secret_file: ", "32 bytes", "it.json:7: jwks_file: ", "it.json:8: tls_certificate: ",
          "it.json:9: types: ", "it.json:10: data: ", "is no folder",
          "it.json:11: there is no option \"wrokers\"; did you mean workers?");
}

static void a_backend_needs_a_url_a_secret_and_words_that_are_known(void **state)
{
    struct fixture *fixture = *state;

    is_fine(fixture, "\"backend_url\": \"https://app.example.com/hooks\", \"backend_secret\": \"0123456789abcdef\", "
                     "\"backend_asks\": [\"change\", \"authenticate\"], \"webhook_url\": \"http://127.0.0.1:3000\", "
                     "\"webhook_secret\": \"0123456789abcdef\", \"webhook_events\": [\"change\", \"lock\"]}");
    WRONG(fixture,
          "\n\"backend_url\": \"app.example.com\",\n"
          "\"backend_secret\": \"too short\",\n"
          "\"backend_asks\": [\"leave\"],\n"
          "\"webhook_url\": \"https://app.example.com/#top\",\n"
          "\"webhook_events\": [\"changes\"]\n}",
          6, "it.json:2: backend_url: it must begin with https://",
          "it.json:3: backend_secret: a secret of at least 16", "it.json:4: backend_asks: \"leave\" is none of join",
          "it.json:5: webhook_url: it may have neither", "webhook_secret: a secret of at least 16",
          "it.json:6: webhook_events: \"changes\"");
    assert_null(strstr(fixture->report.text.data, "too short"));
}

static void web_pages_must_be_there(void **state)
{
    struct buf text = BUF_EMPTY;
    char path[128];

    path_of(*state, "web", path);
    assert_int_equal(rmdir(path), 0);
    WRONG(*state, "\"data\": \"@/data\"}", 1, "it.json:1: web_dir: ");
    buf_deinit(&text);
}

static void checking_makes_nothing(void **state)
{
    char path[128];

    is_fine(*state, "\"data\": \"@/data\"}");
    path_of(*state, "data", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_file_that_is_not_there_is_told(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(config_check_file(SPAN("/nowhere/at/all.json"), &fixture->report), ERR_CONFIG);
    assert_true(fixture->report.problem_count >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_configuration_is_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_that_fit_are_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_that_is_wrong_is_told_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_backend_needs_a_url_a_secret_and_words_that_are_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(web_pages_must_be_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checking_makes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
