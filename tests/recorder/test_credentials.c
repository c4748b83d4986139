/* Where keys come from, and that no message holds one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/credentials.h"

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
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
