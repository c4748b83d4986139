/* What a connection shows of its keys, what becomes of new ones, and what nobody gets to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/gateway_internal.h"
#include "recorder/login.h"
#include "tests/recorder/chatty_adapter.h"
#include "tests/recorder/stage.h"

#define KEY "PKCANARY/key+1"
#define SECRET "s3cr3t\"\\canary="
#define URL "wss://venue.example/ws"

static struct stage stage;
static char headers[4096]; /* "1:Name: value\n", by attempt */
static void (*stage_connect)(void *user, struct qta_link *link, int attempt,
                             const struct qta_link_options *options);
static char told[256]; /* what the adapter with a login of its own was told */

static void note_headers(void *user, struct qta_link *link, int attempt,
                         const struct qta_link_options *options)
{
    for (size_t i = 0; i < options->request->header_count; i++) {
        const struct qta_header *header = &options->request->headers[i];
        size_t used = strlen(headers);
        snprintf(headers + used, sizeof headers - used, "%d:%s: %s\n", attempt, header->name,
                 header->value);
    }
    stage_connect(user, link, attempt, options);
}

static enum qta_status set_credentials(struct qta_adapter *adapter, const char *api_key,
                                       const char *api_secret, struct qta_error *err)
{
    (void)adapter;
    (void)err;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s %s\n", api_key, api_secret);
    return QTA_OK;
}

static int setup(void **state)
{
    (void)state;
    headers[0] = told[0] = '\0';
    stage_init(&stage, "chatty");
    stage.provider.websocket_url = URL;
    stage.provider.api_key = KEY;
    stage.provider.api_secret = SECRET;
    stage_connect = stage.venue.on_connect;
    stage.venue.on_connect = note_headers;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stage_finish(&stage);
    return 0;
}

/* ---- ways to log in ---------------------------------------------------------------------------
 */

static void each_way_shows_its_own(void **state)
{
    (void)state;
    static const struct {
        enum qta_auth_method method;
        const char *login_message;
        const char *headers;
        const char *first; /* message */
    } cases[] = {
        {QTA_AUTH_API_KEY, NULL, "", "1:login\n"},
        {QTA_AUTH_NONE, NULL, "", "1:login\n"},
        {QTA_AUTH_HEADERS, NULL, "1:X-Key: " KEY "\n1:X-API-Secret: " SECRET "\n", "1:login\n"},
        {QTA_AUTH_BEARER, NULL, "1:Authorization: Bearer " KEY "\n", "1:login\n"},
        {QTA_AUTH_COOKIE, NULL, "1:Cookie: " KEY "\n", "1:login\n"},
        {QTA_AUTH_MESSAGE, "LOGIN ${key} ${secret} ${key}", "",
         "1:LOGIN " KEY " " SECRET " " KEY "\n1:login\n"},
        {QTA_AUTH_MESSAGE, "{\"k\":\"${key}\",\"s\":\"${secret}\"}", "",
         "1:{\"k\":\"" KEY "\",\"s\":\"s3cr3t\\\"\\\\canary=\"}\n1:login\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case %zu\n", i);
        setup(NULL);
        stage.provider.auth_method = cases[i].method;
        stage.provider.login_message = cases[i].login_message;
        stage.provider.key_header = "X-Key";
        stage_open(&stage);
        stage_run_for(&stage, 10 * STAGE_S);
        assert_string_equal(headers, cases[i].headers);
        assert_memory_equal(stage.sent, cases[i].first, strlen(cases[i].first));
        assert_non_null(stage_conn(&stage, QTA_CONN_SUBSCRIBED));
        stage_finish(&stage);
    }
}

/* ---- new keys ---------------------------------------------------------------------------------
 */

static void reload(const char *key, const char *secret)
{
    struct qta_provider_options provider = stage.provider;
    provider.api_key = key;
    provider.api_secret = secret;
    struct qta_gateway_options options = stage.options;
    options.providers = &provider;
    options.provider_count = 1;
    struct qta_auth_changes changes = qta_gateway_reload_keys(stage.gateway, &options);
    assert_int_equal(changes.changed, 1);
}

static void new_keys_are_for_the_next_login_and_the_connection_stays(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.lifetime_ns = 100 * STAGE_S, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
        {0},
    };
    stage.acts = acts;
    stage.act_count = 2;
    stage.provider.auth_method = QTA_AUTH_HEADERS;
    stage_open(&stage);
    stage_run_for(&stage, 10 * STAGE_S);
    reload("new-key-1", "new-secret-1");
    stage_run_for(&stage, 50 * STAGE_S);
    const char *story = stage_story(&stage);
    assert_string_equal(story + strlen(story) - 5, "trade");
    assert_null(stage_conn(&stage, QTA_CONN_DISCONNECTED));
    stage_run_for(&stage, 100 * STAGE_S);
    assert_string_equal(headers, "1:X-API-Key: " KEY "\n1:X-API-Secret: " SECRET "\n"
                                 "2:X-API-Key: new-key-1\n2:X-API-Secret: new-secret-1\n");
}

static void an_adapter_with_its_own_login_is_told_at_once(void **state)
{
    (void)state;
    stage.provider.adapter = "chatty-own";
    stage_open(&stage);
    stage_run_for(&stage, 10 * STAGE_S);
    assert_string_equal(told, "");
    reload("new-key-1", "new-secret-1");
    stage_run_for(&stage, 2 * STAGE_S);
    assert_non_null(strstr(told, "new-key-1 new-secret-1\n")); /* and so is its successor */
    assert_string_equal(headers, "");
    assert_null(stage_conn(&stage, QTA_CONN_DISCONNECTED));
}

/* Another provider keeps the run going. */
static void new_keys_wake_a_provider_that_was_refused_for_good(void **state)
{
    (void)state;
    static const struct act acts[] = {{.says = "block"}, {0}};
    static const struct qta_subscription all = {QTA_TICK_TRADE, 0, "*"};
    struct qta_provider_options providers[2];
    stage.acts = acts;
    stage.act_count = 2;
    providers[0] = stage.provider;
    providers[1] = qta_provider_options_default();
    providers[1].name = "other";
    providers[1].adapter = "synthetic";
    providers[1].subscriptions = &all;
    providers[1].subscription_count = 1;
    stage.options.providers = providers;
    stage.options.provider_count = 2;
    stage_open(&stage);
    stage_run_for(&stage, 10 * STAGE_S);
    assert_non_null(stage_conn(&stage, QTA_CONN_BLOCKED));
    assert_int_equal(scripted_attempts(stage.transport), 1);
    stage_run_for(&stage, 100 * STAGE_S);
    assert_int_equal(scripted_attempts(stage.transport), 1);
    reload("new-key-1", "new-secret-1");
    stage_run_for(&stage, 10 * STAGE_S);
    assert_int_equal(scripted_attempts(stage.transport), 2);
    assert_int_equal(scripted_links(stage.transport), 1);
}

/* The token in use ended long ago; the next one is on its way. */
static void a_key_that_has_ended_is_not_refused_for_good(void **state)
{
    (void)state;
    static const struct act acts[] = {{.says = "block"}, {.says = "block"}, {0}};
    stage.acts = acts;
    stage.act_count = 3;
    stage.provider.api_key = "x.eyJleHAiOjF9.x"; /* {"exp":1} */
    stage_open(&stage);
    stage_run_for(&stage, 60 * STAGE_S);
    assert_null(stage_conn(&stage, QTA_CONN_BLOCKED));
    assert_int_equal(scripted_attempts(stage.transport), 3);
    assert_false(stage.is_over);
}

/* ---- what nobody gets to see ------------------------------------------------------------------
 */

static bool is_seen(const char *text)
{
    const struct qta_dictionary *names = qta_gateway_names(stage.gateway);
    size_t length;
    for (int kind = 0; kind < QTA_NAME_KIND_COUNT; kind++) {
        for (uint32_t id = 0; id < qta_dictionary_count(names, (enum qta_name_kind)kind); id++) {
            if (strstr(qta_dictionary_name(names, (enum qta_name_kind)kind, id, &length), text))
                return true;
        }
    }
    return strstr(stage.log, text) != NULL;
}

static void keys_that_come_back_are_in_no_name_record_or_log(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.says = "t x" KEY "x", .lifetime_ns = STAGE_S, .end = {.reason = "no: " KEY "?"}},
        {.says = "what: " KEY, .lifetime_ns = STAGE_S, .end = {.reason = "s3cr3t\"\\canary=!"}},
        {.says = "what: UEtDQU5BUlkva2V5KzE6czNj",
         .lifetime_ns = STAGE_S,
         .end = {.reason = "PKCANARY%2Fkey%2B1"}},
        {.says = "t PKCANARY\\/key+1",
         .lifetime_ns = STAGE_S,
         .end = {.reason = "UEtDQU5BUlkva2V5KzE="}},
    };
    stage.acts = acts;
    stage.act_count = 4;
    stage_open(&stage);
    stage_run_for(&stage, 30 * STAGE_S);
    assert_true(stage_log_count(&stage, "no: **************?") > 0);
    assert_true(stage_log_count(&stage, "what: **************") > 0);
    assert_true(is_seen("x**************x"));
    assert_false(is_seen("PKCANARY"));
    assert_false(is_seen("s3cr3t"));
    assert_false(is_seen("UEtDQU5BUlkva2V5"));
}

static void old_keys_are_hidden_until_there_are_newer_ones_twice(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.lifetime_ns = 20 * STAGE_S, .end = {.reason = "old " KEY " new new-key-1"}},
        {0},
    };
    stage.acts = acts;
    stage.act_count = 2;
    stage_open(&stage);
    stage_run_for(&stage, 10 * STAGE_S);
    reload("new-key-1", "new-secret-1");
    stage_run_for(&stage, 20 * STAGE_S);
    assert_true(stage_log_count(&stage, "old ************** new *********") > 0);
    assert_false(is_seen("PKCANARY"));
    assert_false(is_seen("new-key"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_shows_its_own),
        TEST(new_keys_are_for_the_next_login_and_the_connection_stays),
        TEST(an_adapter_with_its_own_login_is_told_at_once),
        TEST(new_keys_wake_a_provider_that_was_refused_for_good),
        TEST(a_key_that_has_ended_is_not_refused_for_good),
        TEST(keys_that_come_back_are_in_no_name_record_or_log),
        TEST(old_keys_are_hidden_until_there_are_newer_ones_twice),
    };
    static struct qta_adapter_ops own;
    own = chatty_adapter_ops;
    own.name = "chatty-own";
    own.own_auth_methods = QTA_AUTH_BIT(QTA_AUTH_API_KEY);
    own.set_credentials = set_credentials;
    assert_int_equal(qta_adapter_register(&own, NULL), QTA_OK);
    return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
