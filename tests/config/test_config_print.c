/* A printed configuration is one: it loads again and says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/fake_adapters.h"

static struct qta_config *load(const char *text)
{
    struct qta_config *config = NULL;
    struct qta_error err = {0};
    qta_config_load_text(&config, "f.yaml", text, strlen(text), NULL, 0, &fake_adapters, &err);
    assert_non_null(config);
    assert_string_equal(err.message, "");
    return config;
}

/* The caller frees. */
static char *print(const struct qta_config *config)
{
    char *text = NULL;
    struct qta_error err;
    assert_int_equal(qta_config_print(config, &text, &err), QTA_OK);
    assert_non_null(text);
    return text;
}

static void assert_strings(const char *left, const char *right)
{
    if (!left || !right)
        assert_ptr_equal(left, right);
    else
        assert_string_equal(left, right);
}

static void assert_provider(const struct qta_provider_options *left,
                            const struct qta_provider_options *right)
{
    assert_strings(left->name, right->name);
    assert_strings(left->adapter, right->adapter);
    assert_strings(left->websocket_url, right->websocket_url);
    assert_int_equal(left->auth_method, right->auth_method);
    assert_int_equal(left->subscription_count, right->subscription_count);
    for (size_t i = 0; i < left->subscription_count; i++) {
        assert_int_equal(left->subscriptions[i].type, right->subscriptions[i].type);
        assert_int_equal(left->subscriptions[i].bar_kind, right->subscriptions[i].bar_kind);
        assert_strings(left->subscriptions[i].symbol, right->subscriptions[i].symbol);
    }
    assert_true(left->rate_limit_per_s == right->rate_limit_per_s);
    assert_int_equal(left->rate_limit_burst, right->rate_limit_burst);
    assert_int_equal(left->connects_per_minute, right->connects_per_minute);
    assert_int_equal(left->breaker_threshold, right->breaker_threshold);
    assert_int_equal(left->breaker_timeout_ns, right->breaker_timeout_ns);
    assert_strings(left->tls_ca_file, right->tls_ca_file);
    assert_int_equal(left->tls_is_insecure, right->tls_is_insecure);
    /* defaults of settings are printed, so there may be more now */
    for (size_t i = 0; i < left->setting_count; i++) {
        size_t j = 0;
        while (j < right->setting_count &&
               strcmp(left->settings[i].name, right->settings[j].name) != 0)
            j++;
        assert_true(j < right->setting_count);
        assert_string_equal(left->settings[i].value, right->settings[j].value);
    }
}

static void assert_gateway(const struct qta_gateway_options *left,
                           const struct qta_gateway_options *right)
{
    assert_int_equal(left->buffer_size, right->buffer_size);
    assert_int_equal(left->overflow, right->overflow);
    assert_int_equal(left->callback_hang_after_ns, right->callback_hang_after_ns);
    assert_int_equal(left->reconnect_attempts, right->reconnect_attempts);
    assert_int_equal(left->reconnect_delay_ns, right->reconnect_delay_ns);
    assert_int_equal(left->reconnect_delay_max_ns, right->reconnect_delay_max_ns);
    assert_int_equal(left->health_check_interval_ns, right->health_check_interval_ns);
    assert_int_equal(left->message_max_bytes, right->message_max_bytes);
    assert_int_equal(left->recording.is_enabled, right->recording.is_enabled);
    assert_strings(left->recording.directory, right->recording.directory);
    assert_strings(left->recording.timezone, right->recording.timezone);
    assert_int_equal(left->recording.fsync_interval_ns, right->recording.fsync_interval_ns);
    assert_int_equal(left->recording.compression_level, right->recording.compression_level);
    assert_int_equal(left->recording.journal_chunk_bytes, right->recording.journal_chunk_bytes);
    assert_int_equal(left->recording.journal_max_bytes, right->recording.journal_max_bytes);
    assert_int_equal(left->recording.on_full, right->recording.on_full);
    assert_int_equal(left->recording.keep_days, right->recording.keep_days);
    assert_int_equal(left->recording.max_size_bytes, right->recording.max_size_bytes);
    assert_int_equal(left->recording.min_free_bytes, right->recording.min_free_bytes);
    assert_int_equal(left->recording.has_raw_frames, right->recording.has_raw_frames);
    assert_int_equal(left->provider_count, right->provider_count);
    for (size_t i = 0; i < left->provider_count; i++)
        assert_provider(&left->providers[i], &right->providers[i]);
}

static void every_form_prints_what_loads_the_same(void **state)
{
    (void)state;
    setenv("QTA_TEST_A", "a \"b\" \\ ${c}", 1);
    static const char *const texts[] = {
        "streaming: {provider: synthetic}\n",
        "streaming: {provider: synthetic, seed: 5, rate: 1e3}\nrecording: {enabled: false}\n",
        "streaming:\n  provider: replay\n  session: [a, 'b c', \"d\\\"e\\\\\"]\n  symbols: A, B\n"
        "  note: \"\\u2028\\u2029\\ufeff\\u0085\\u00e9 \\U0001f600 $${x} # 'y'\"\n  duration: 5\n"
        "  providers: [x]\n  paused: on\n",
        "streaming:\n  provider: replay\n  note: ${QTA_TEST_A}\n  session: ${QTA_TEST_A:-x}\n",
        "streaming:\n  symbols: [ON, '~', 'null', BTC/USD, \"*x\", \"&\", \"- a\", \"a: b\"]\n"
        "  providers:\n"
        "    - {name: one, adapter: venue, subscriptions: [trades, updatedBars]}\n"
        "    - {name: two, adapter: alpaca, websocket_url: \"wss://[::1]:8080/a/b\",\n"
        "       auth_method: none, subscriptions: quotes, symbols: \"*\",\n"
        "       rate_limit: {default_rate: 0.5, connects_per_minute: 7},\n"
        "       circuit_breaker: {timeout: 1h30m},\n"
        "       tls: {ca_file: /dev/null}}\n"
        "  buffer_size: 1\n  overflow: disconnect\n  callback_hang_after: 1500ms\n"
        "  reconnect_attempts: unlimited\n"
        "  health_check_interval: 0\n  message_max: 1 MB\n"
        "recording:\n  directory: \"/a b/\\xe9\"\n  timezone: Europe/Berlin\n"
        "  fsync_interval: never\n  on_full: stop\n",
        "streaming:\n  provider: two\n  providers:\n    - {name: one, adapter: venue, symbols: A, "
        "subscriptions: trades}\n    - {name: two, adapter: synthetic}\n",
        "streaming: {provider: synthetic}\nstreaming_health:\n  alerts: {channels: [metrics]}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        print_message("case %zu\n", i);
        struct qta_config *config = load(texts[i]);
        char *printed = print(config);
        struct qta_config *again = load(printed);
        char *printed_again = print(again);
        assert_string_equal(printed, printed_again);
        assert_gateway(qta_config_gateway(config), qta_config_gateway(again));
        free(printed_again);
        qta_config_destroy(again);
        free(printed);
        qta_config_destroy(config);
    }
}

static void every_key_is_printed_with_its_value(void **state)
{
    (void)state;
    struct qta_config *config = load(
        "streaming:\n  symbols: AAPL, BTC/USD\n  provider: replay\n  session: x\n"
        "  speed: 10x\nrecording: {journal_max: 1GiB}\n");
    char *printed = print(config);
    assert_string_equal(printed, "streaming:\n"
                                 "  symbols: [AAPL, BTC/USD]\n"
                                 "  providers:\n"
                                 "    - name: replay\n"
                                 "      adapter: replay\n"
                                 "      websocket_url: null\n"
                                 "      auth_method: api_key\n"
                                 "      api_key: null\n"
                                 "      api_secret: null\n"
                                 "      api_key_file: null\n"
                                 "      api_secret_file: null\n"
                                 "      key_header: X-API-Key\n"
                                 "      secret_header: X-API-Secret\n"
                                 "      login_message: null\n"
                                 "      token_command: []\n"
                                 "      token_lifetime: 0\n"
                                 "      subscriptions: []\n"
                                 "      symbols: [AAPL, BTC/USD]\n"
                                 "      rate_limit:\n"
                                 "        default_rate: 100\n"
                                 "        burst_allowance: 50\n"
                                 "        connects_per_minute: 30\n"
                                 "      circuit_breaker:\n"
                                 "        failure_threshold: 5\n"
                                 "        timeout: 30s\n"
                                 "      max_connections: 10\n"
                                 "      lines: 1\n"
                                 "      connection_lifetime: 0\n"
                                 "      symbols_per_connection: 0\n"
                                 "      streams_per_connection: 0\n"
                                 "      compression: false\n"
                                 "      calendar: auto\n"
                                 "      closed_days: []\n"
                                 "      mute:\n"
                                 "        max_silence: 0\n"
                                 "        reconnect_after: 60s\n"
                                 "      tls:\n"
                                 "        ca_file: null\n"
                                 "        insecure: false\n"
                                 "      session: x\n"
                                 "      speed: 10x\n"
                                 "      from: null\n"
                                 "      duration: null\n"
                                 "      loop: 1\n"
                                 "      ratio: null\n"
                                 "      paused: false\n"
                                 "      note: null\n"
                                 "      providers: null\n"
                                 "  buffer_size: 65536\n"
                                 "  overflow: block\n"
                                 "  callback_hang_after: 5s\n"
                                 "  reconnect_attempts: unlimited\n"
                                 "  reconnect_delay: 500ms\n"
                                 "  reconnect_delay_max: 30s\n"
                                 "  health_check_interval: 10s\n"
                                 "  message_max: 16MiB\n"
                                 "recording:\n"
                                 "  enabled: false\n"
                                 "  directory: sessions\n"
                                 "  timezone: UTC\n"
                                 "  fsync_interval: 200ms\n"
                                 "  compression_level: 1\n"
                                 "  journal_chunk: 32MiB\n"
                                 "  journal_max: 1GiB\n"
                                 "  on_full: keep_dispatching\n"
                                 "  keep_days: 0\n"
                                 "  max_size: 0\n"
                                 "  min_free: 0\n"
                                 "  raw_frames: false\n");
    free(printed);
    qta_config_destroy(config);
}

static void secrets_are_printed_as_stars(void **state)
{
    (void)state;
    setenv("QTA_TEST_SECRET", "s3cr3t", 1);
    struct qta_config *config = load(
        "streaming:\n  provider: alpaca\n"
        "  websocket_url: wss://venue.example/?token=s3cr3t&x=${QTA_TEST_SECRET}\n"
        "  api_key: s3cr3t\n  api_secret: ${QTA_TEST_SECRET}\n"
        "  subscriptions: trades\n  symbols: [\"${QTA_TEST_SECRET}\"]\n"
        "recording:\n  directory: /x/${QTA_TEST_SECRET}\n");
    assert_string_equal(qta_config_gateway(config)->providers[0].api_key, "s3cr3t");
    char *printed = print(config);
    assert_null(strstr(printed, "s3cr3t"));
    assert_non_null(strstr(printed, "\n      api_key: \"***\"\n      api_secret: \"***\"\n"));
    assert_non_null(strstr(printed, "websocket_url: \"wss://venue.example/?***\"\n"));
    assert_non_null(strstr(printed, "directory: \"/x/${QTA_TEST_SECRET}\"\n"));
    free(printed);
    qta_config_destroy(config);
}

static void a_configuration_with_errors_is_not_printed(void **state)
{
    (void)state;
    struct qta_config *config = NULL;
    struct qta_error err;
    const char *text = "streaming: {provider: synthetic, buffer_size: 0}\n";
    assert_int_equal(
        qta_config_load_text(&config, "f.yaml", text, strlen(text), NULL, 0, &fake_adapters, &err),
        QTA_ERR_CONFIG);
    char *printed = NULL;
    assert_int_equal(qta_config_print(config, &printed, &err), QTA_ERR_CONFIG);
    assert_null(printed);
    qta_config_destroy(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_prints_what_loads_the_same),
        cmocka_unit_test(every_key_is_printed_with_its_value),
        cmocka_unit_test(secrets_are_printed_as_stars),
        cmocka_unit_test(a_configuration_with_errors_is_not_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
