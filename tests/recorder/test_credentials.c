/* Where keys come from, and that no message holds one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder/credentials.h"
#include "recorder/secret_file.h"
#include "tests/recorder/scratch_folder.h"

static const struct qta_adapter_ops plain_ops = {.name = "plain"};
static const struct qta_adapter_ops keyed_ops = {
    .name = "keyed",
    .needs_key = true,
    .key_variable = "QTA_TEST_OWN_KEY",
    .secret_variable = "QTA_TEST_OWN_SECRET",
};

static int clear_environment(void **state)
{
    (void)state;
    unsetenv("MY_VENUE_2_API_KEY");
    unsetenv("MY_VENUE_2_API_SECRET");
    unsetenv("QTA_TEST_OWN_KEY");
    unsetenv("QTA_TEST_OWN_SECRET");
    unsetenv("CREDENTIALS_DIRECTORY");
    return 0;
}

static void variables_are_named_after_the_provider(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *variable;
    } cases[] = {
        {"alpaca", "ALPACA_API_KEY"},
        {"foo-bar", "FOO_BAR_API_KEY"},
        {"interactive_brokers", "INTERACTIVE_BROKERS_API_KEY"},
        {"my.venue 2", "MY_VENUE_2_API_KEY"},
        {"\xc3\xa9", "___API_KEY"},
        {"", "_API_KEY"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        qta_credentials_variable(text, sizeof text, cases[i].provider, "_API_KEY");
        assert_string_equal(text, cases[i].variable);
    }
    char small[8];
    qta_credentials_variable(small, sizeof small, "interactive_brokers", "_API_KEY");
    assert_string_equal(small, "INTERAC");
}

/* Each row adds a source that comes before those above it. */
static void options_go_before_the_providers_variables_before_the_adapters(void **state)
{
    (void)state;
    struct qta_provider_options provider = {.name = "my.venue-2"};
    struct qta_credentials credentials;
    struct qta_error err;
    assert_int_equal(setenv("QTA_TEST_OWN_KEY", "own-key", 1), 0);
    assert_int_equal(setenv("QTA_TEST_OWN_SECRET", "own-secret", 1), 0);
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err), QTA_OK);
    assert_string_equal(credentials.api_key, "own-key");
    assert_string_equal(credentials.api_secret, "own-secret");
    qta_credentials_wipe(&credentials);

    assert_int_equal(setenv("MY_VENUE_2_API_KEY", "named-key", 1), 0);
    assert_int_equal(setenv("MY_VENUE_2_API_SECRET", "", 1), 0); /* empty is not there */
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err), QTA_OK);
    assert_string_equal(credentials.api_key, "named-key");
    assert_string_equal(credentials.api_secret, "own-secret");
    qta_credentials_wipe(&credentials);

    provider.api_secret = "given-secret";
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err), QTA_OK);
    assert_string_equal(credentials.api_key, "named-key");
    assert_string_equal(credentials.api_secret, "given-secret");
    qta_credentials_wipe(&credentials);
    assert_null(credentials.api_key);
    assert_null(credentials.api_secret);
}

static void a_missing_key_names_the_variables_and_no_value(void **state)
{
    (void)state;
    struct qta_provider_options provider = {.name = "my.venue-2", .api_key = "hunter2"};
    struct qta_credentials credentials;
    struct qta_error err;
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err),
                     QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "MY_VENUE_2_API_SECRET"));
    assert_non_null(strstr(err.message, "QTA_TEST_OWN_SECRET"));
    assert_null(strstr(err.message, "hunter2"));
}

static void a_bearer_needs_no_secret(void **state)
{
    (void)state;
    struct qta_provider_options provider = {
        .name = "my.venue-2", .api_key = "token", .auth_method = QTA_AUTH_BEARER};
    struct qta_credentials credentials;
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, NULL), QTA_OK);
    assert_string_equal(credentials.api_key, "token");
    assert_null(credentials.api_secret);
    qta_credentials_wipe(&credentials);
}

static void without_authentication_nothing_is_looked_up(void **state)
{
    (void)state;
    assert_int_equal(setenv("QTA_TEST_OWN_KEY", "own-key", 1), 0);
    struct qta_provider_options provider = {.name = "x", .auth_method = QTA_AUTH_NONE};
    struct qta_credentials credentials;
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, NULL), QTA_OK);
    assert_null(credentials.api_key);
    qta_credentials_wipe(&credentials);
}

static void an_adapter_that_needs_no_key_gets_none(void **state)
{
    (void)state;
    struct qta_provider_options provider = {.name = "my.venue-2"};
    struct qta_credentials credentials;
    assert_int_equal(qta_credentials_find(&credentials, &provider, &plain_ops, NULL), QTA_OK);
    assert_null(credentials.api_key);
    assert_null(credentials.api_secret);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static const char *write_file(const char *folder, const char *name, const char *text, mode_t mode)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void files_come_before_systemds_credentials_and_after_variables(void **state)
{
    (void)state;
    char *folder = scratch_make();
    struct qta_error err;
    struct qta_credentials credentials;
    struct qta_provider_options provider = {.name = "my.venue-2"};
    /* with access lists, systemd's files look as if a group could read them */
    write_file(folder, "my.venue-2_api_key", "systemd-key\n", 0440);
    write_file(folder, "my.venue-2_api_secret", "systemd-secret", 0440);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err), QTA_OK);
    assert_string_equal(credentials.api_key, "systemd-key");
    assert_string_equal(credentials.api_secret, "systemd-secret");
    qta_credentials_wipe(&credentials);

    char *key_file = strdup(write_file(folder, "key", "file-key\r\n", 0440));
    provider.api_key_file = key_file; /* in systemd's folder: as good as its own */
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err), QTA_OK);
    assert_string_equal(credentials.api_key, "file-key");
    assert_string_equal(credentials.api_secret, "systemd-secret");
    qta_credentials_wipe(&credentials);

    assert_int_equal(setenv("QTA_TEST_OWN_KEY", "own-key", 1), 0);
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err), QTA_OK);
    assert_string_equal(credentials.api_key, "own-key");
    qta_credentials_wipe(&credentials);
    free(key_file);
    scratch_remove(folder);
}

static void a_file_that_others_may_read_is_refused_whatever_is_in_it(void **state)
{
    (void)state;
    static const mode_t modes[] = {0644, 0640, 0604, 0620, 0610, 0601, 0666, 0777};
    char *folder = scratch_make();
    struct qta_provider_options provider = {.name = "my.venue-2", .api_secret = "s"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct qta_credentials credentials;
        struct qta_error err;
        char expected[1024];
        provider.api_key_file = write_file(folder, "key", "hunter2", modes[i]);
        snprintf(expected, sizeof expected,
                 "provider 'my.venue-2': api_key_file: '%s' is open to others than its owner (mode "
                 "%04o): chmod 600 '%s'",
                 provider.api_key_file, (unsigned)modes[i], provider.api_key_file);
        assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err),
                         QTA_ERR_CONFIG);
        assert_string_equal(err.message, expected);
    }
    scratch_remove(folder);
}

static void what_is_no_key_of_one_line_is_refused_without_showing_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "is empty"},
        {"\n", "is empty"},
        {"hunter2\n\n", "has more than one line"},
        {"hunter2\r\nX-Header: y\n", "has more than one line"},
        {"hunter2\x01", "has control characters in it"},
    };
    char *folder = scratch_make();
    struct qta_provider_options provider = {.name = "my.venue-2", .api_secret = "s"};
    struct qta_credentials credentials;
    struct qta_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        provider.api_key_file = write_file(folder, "key", cases[i].text, 0600);
        assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err),
                         QTA_ERR_CONFIG);
        assert_non_null(strstr(err.message, cases[i].why));
        assert_null(strstr(err.message, "hunter2"));
        if (cases[i].text[0] == '\0')
            continue;
        provider.api_key_file = NULL;
        assert_int_equal(setenv("MY_VENUE_2_API_KEY", cases[i].text, 1), 0);
        enum qta_status status = qta_credentials_find(&credentials, &provider, &keyed_ops, &err);
        assert_int_equal(status, QTA_ERR_CONFIG); /* in a variable a line's end is one too many */
        assert_null(strstr(err.message, "hunter2"));
        assert_int_equal(unsetenv("MY_VENUE_2_API_KEY"), 0);
    }
    scratch_remove(folder);
}

static void a_file_that_is_none_is_an_error_and_never_waited_for(void **state)
{
    (void)state;
    char *folder = scratch_make();
    char fifo[512];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    struct qta_error err;
    char *secret;
    assert_int_equal(qta_secret_file_read(&secret, fifo, false, &err), QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "is not a file"));
    assert_int_equal(qta_secret_file_read(&secret, folder, false, &err), QTA_ERR_CONFIG);
    char large[QTA_SECRET_BYTES_MAX + 2];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(
        qta_secret_file_read(&secret, write_file(folder, "large", large, 0600), false, &err),
        QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "larger than 64 KiB"));
    struct qta_provider_options provider = {
        .name = "v", .api_key_file = "/nonexistent/key", .api_secret = "s"};
    struct qta_credentials credentials;
    assert_int_equal(qta_credentials_find(&credentials, &provider, &keyed_ops, &err),
                     QTA_ERR_CONFIG);
    assert_string_equal(err.message, "provider 'v': api_key_file: cannot read '/nonexistent/key': "
                                     "No such file or directory");
    scratch_remove(folder);
}

/* ---- what is needed ---------------------------------------------------------------------------
 */

static void the_way_to_log_in_says_which_keys_are_needed(void **state)
{
    (void)state;
    static const struct {
        enum qta_auth_method method;
        const char *login_message;
        const char *key, *secret;
        bool is_enough;
    } cases[] = {
        {QTA_AUTH_API_KEY, NULL, NULL, NULL, true}, /* an adapter that needs none */
        {QTA_AUTH_BEARER, NULL, NULL, "s", false},
        {QTA_AUTH_BEARER, NULL, "k", NULL, true},
        {QTA_AUTH_COOKIE, NULL, NULL, NULL, false},
        {QTA_AUTH_COOKIE, NULL, "k", NULL, true},
        {QTA_AUTH_HEADERS, NULL, "k", NULL, true},
        {QTA_AUTH_HEADERS, NULL, NULL, "s", false},
        {QTA_AUTH_MESSAGE, "in ${key}", "k", NULL, true},
        {QTA_AUTH_MESSAGE, "in ${secret}", "k", NULL, false},
        {QTA_AUTH_MESSAGE, "in ${secret}", NULL, "s", true},
        {QTA_AUTH_NONE, NULL, NULL, NULL, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_provider_options provider = {
            .name = "v",
            .auth_method = cases[i].method,
            .login_message = cases[i].login_message,
            .api_key = cases[i].key,
            .api_secret = cases[i].secret,
        };
        struct qta_credentials credentials;
        print_message("case %zu\n", i);
        enum qta_status status = qta_credentials_find(&credentials, &provider, &plain_ops, NULL);
        assert_int_equal(status, cases[i].is_enough ? QTA_OK : QTA_ERR_CONFIG);
        qta_credentials_wipe(&credentials);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_named_after_the_provider),
        cmocka_unit_test_setup(options_go_before_the_providers_variables_before_the_adapters,
                               clear_environment),
        cmocka_unit_test_setup(a_missing_key_names_the_variables_and_no_value, clear_environment),
        cmocka_unit_test_setup(a_bearer_needs_no_secret, clear_environment),
        cmocka_unit_test_setup(without_authentication_nothing_is_looked_up, clear_environment),
        cmocka_unit_test_setup(an_adapter_that_needs_no_key_gets_none, clear_environment),
        cmocka_unit_test_setup(files_come_before_systemds_credentials_and_after_variables,
                               clear_environment),
        cmocka_unit_test_setup(a_file_that_others_may_read_is_refused_whatever_is_in_it,
                               clear_environment),
        cmocka_unit_test_setup(what_is_no_key_of_one_line_is_refused_without_showing_it,
                               clear_environment),
        cmocka_unit_test_setup(a_file_that_is_none_is_an_error_and_never_waited_for,
                               clear_environment),
        cmocka_unit_test_setup(the_way_to_log_in_says_which_keys_are_needed, clear_environment),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
