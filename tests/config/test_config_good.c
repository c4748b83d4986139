/* What loads, and what comes out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/fake_adapters.h"

#define NS_PER_S INT64_C(1000000000)

/* Loads text and fails the test, showing the findings, unless there are none. */
static struct qta_config *load_with(const char *text, const char *const *overrides,
                                    size_t override_count)
{
    struct qta_config *config = NULL;
    struct qta_error err;
    enum qta_status status = qta_config_load_text(&config, "f.yaml", text, strlen(text), overrides,
                                                  override_count, &fake_adapters, &err);
    assert_non_null(config);
    const struct qta_config_finding *findings;
    size_t count = qta_config_findings(config, &findings);
    for (size_t i = 0; i < count; i++)
        print_message("%s\n", findings[i].message);
    assert_int_equal(count, 0);
    assert_int_equal(status, QTA_OK);
    return config;
}

static struct qta_config *load(const char *text)
{
    return load_with(text, NULL, 0);
}

static const char *find_setting(const struct qta_provider_options *provider, const char *name)
{
    for (size_t i = 0; i < provider->setting_count; i++) {
        if (strcmp(provider->settings[i].name, name) == 0)
            return provider->settings[i].value;
    }
    return NULL;
}

static void assert_subscription(const struct qta_provider_options *provider, size_t index,
                                enum qta_tick_type type, enum qta_bar_kind bar_kind,
                                const char *symbol)
{
    assert_true(index < provider->subscription_count);
    assert_int_equal(provider->subscriptions[index].type, type);
    assert_int_equal(provider->subscriptions[index].bar_kind, bar_kind);
    assert_string_equal(provider->subscriptions[index].symbol, symbol);
}

static void the_defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct qta_gateway_options gateway = qta_gateway_options_default();
    assert_null(gateway.providers);
    assert_int_equal(gateway.provider_count, 0);
    assert_int_equal(gateway.buffer_size, 65536);
    assert_int_equal(gateway.overflow, QTA_OVERFLOW_BLOCK);
    assert_int_equal(gateway.callback_hang_after_ns, INT64_C(5000000000));
    assert_int_equal(gateway.reconnect_attempts, QTA_ATTEMPTS_UNLIMITED);
    assert_int_equal(gateway.reconnect_delay_ns, NS_PER_S / 2);
    assert_int_equal(gateway.reconnect_delay_max_ns, 30 * NS_PER_S);
    assert_int_equal(gateway.health_check_interval_ns, 10 * NS_PER_S);
    assert_int_equal(gateway.message_max_bytes, 16 * 1024 * 1024);
    assert_false(gateway.recording.is_enabled);
    assert_string_equal(gateway.recording.directory, "sessions");
    assert_string_equal(gateway.recording.timezone, "UTC");
    assert_int_equal(gateway.recording.fsync_interval_ns, NS_PER_S / 5);
    assert_int_equal(gateway.recording.compression_level, 1);
    assert_int_equal(gateway.recording.journal_chunk_bytes, UINT64_C(32) << 20);
    assert_int_equal(gateway.recording.journal_max_bytes, UINT64_C(4) << 30);
    assert_int_equal(gateway.recording.on_full, QTA_ON_FULL_KEEP_DISPATCHING);
    assert_false(gateway.recording.has_raw_frames);

    struct qta_provider_options provider = qta_provider_options_default();
    assert_null(provider.name);
    assert_null(provider.adapter);
    assert_null(provider.websocket_url);
    assert_int_equal(provider.auth_method, QTA_AUTH_API_KEY);
    assert_null(provider.api_key);
    assert_null(provider.api_secret);
    assert_int_equal(provider.subscription_count, 0);
    assert_int_equal(provider.setting_count, 0);
    assert_true(provider.rate_limit_per_s == 100.0);
    assert_int_equal(provider.rate_limit_burst, 50);
    assert_int_equal(provider.connects_per_minute, 30);
    assert_int_equal(provider.breaker_threshold, 5);
    assert_int_equal(provider.breaker_timeout_ns, 30 * NS_PER_S);
    assert_null(provider.tls_ca_file);
    assert_false(provider.tls_is_insecure);
    assert_int_equal(provider.calendar, QTA_CALENDAR_AUTO);
    assert_int_equal(provider.closed_day_count, 0);
    assert_int_equal(provider.silence_max_ns, 0);
    assert_int_equal(provider.mute_reconnect_after_ns, 60 * NS_PER_S);
}

static void every_key_of_a_file_arrives(void **state)
{
    (void)state;
    struct qta_config *config = load("streaming:\n"
                                     "  symbols: [A]\n"
                                     "  providers:\n"
                                     "    - name: one\n"
                                     "      adapter: alpaca\n"
                                     "      websocket_url: wss://venue.example:8443/v2\n"
                                     "      auth_method: headers\n"
                                     "      api_key: k\n"
                                     "      api_secret: s\n"
                                     "      subscriptions: [trades, dailyBars]\n"
                                     "      symbols: [B, C]\n"
                                     "      rate_limit:\n"
                                     "        default_rate: 2.5\n"
                                     "        burst_allowance: 7\n"
                                     "        connects_per_minute: 0\n"
                                     "      circuit_breaker:\n"
                                     "        failure_threshold: 3\n"
                                     "        timeout: 1m30s\n"
                                     "      calendar: us_equities_extended\n"
                                     "      closed_days: [2025-01-09, 2018-12-05]\n"
                                     "      mute: {max_silence: 2m, reconnect_after: 0}\n"
                                     "      tls:\n"
                                     "        ca_file: /dev/null\n"
                                     "    - name: two\n"
                                     "      adapter: alpaca\n"
                                     "      websocket_url: ws://127.0.0.1/x\n"
                                     "      auth_method: none\n"
                                     "      subscriptions: quotes\n"
                                     "  buffer_size: 500\n"
                                     "  overflow: drop_newest\n"
                                     "  reconnect_attempts: 9\n"
                                     "  reconnect_delay: 0.25\n"
                                     "  reconnect_delay_max: 2m\n"
                                     "  health_check_interval: 0\n"
                                     "  message_max: 64KiB\n"
                                     "recording:\n"
                                     "  directory: /data/ticks\n"
                                     "  timezone: America/New_York\n"
                                     "  fsync_interval: never\n"
                                     "  compression_level: 19\n"
                                     "  journal_chunk: 1 MiB\n"
                                     "  journal_max: 10000000\n"
                                     "  keep_days: 30\n"
                                     "  max_size: 2GiB\n"
                                     "  min_free: 500MB\n"
                                     "  on_full: stop\n"
                                     "  raw_frames: true\n");
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->provider_count, 2);
    assert_int_equal(gateway->buffer_size, 500);
    assert_int_equal(gateway->overflow, QTA_OVERFLOW_DROP_NEWEST);
    assert_int_equal(gateway->reconnect_attempts, 9);
    assert_int_equal(gateway->reconnect_delay_ns, NS_PER_S / 4);
    assert_int_equal(gateway->reconnect_delay_max_ns, 120 * NS_PER_S);
    assert_int_equal(gateway->health_check_interval_ns, 0);
    assert_int_equal(gateway->message_max_bytes, 65536);
    assert_true(gateway->recording.is_enabled);
    assert_string_equal(gateway->recording.directory, "/data/ticks");
    assert_string_equal(gateway->recording.timezone, "America/New_York");
    assert_int_equal(gateway->recording.fsync_interval_ns, QTA_FSYNC_NEVER);
    assert_int_equal(gateway->recording.compression_level, 19);
    assert_int_equal(gateway->recording.journal_chunk_bytes, 1024 * 1024);
    assert_int_equal(gateway->recording.journal_max_bytes, 10000000);
    assert_int_equal(gateway->recording.keep_days, 30);
    assert_int_equal(gateway->recording.max_size_bytes, UINT64_C(2) << 30);
    assert_int_equal(gateway->recording.min_free_bytes, 500000000);
    assert_int_equal(gateway->recording.on_full, QTA_ON_FULL_STOP);
    assert_true(gateway->recording.has_raw_frames);

    const struct qta_provider_options *one = &gateway->providers[0];
    assert_string_equal(one->name, "one");
    assert_string_equal(one->adapter, "alpaca");
    assert_string_equal(one->websocket_url, "wss://venue.example:8443/v2");
    assert_int_equal(one->auth_method, QTA_AUTH_HEADERS);
    assert_string_equal(one->api_key, "k");
    assert_string_equal(one->api_secret, "s");
    assert_int_equal(one->subscription_count, 4);
    assert_subscription(one, 0, QTA_TICK_TRADE, 0, "B");
    assert_subscription(one, 1, QTA_TICK_TRADE, 0, "C");
    assert_subscription(one, 2, QTA_TICK_BAR, QTA_BAR_DAILY, "B");
    assert_subscription(one, 3, QTA_TICK_BAR, QTA_BAR_DAILY, "C");
    assert_true(one->rate_limit_per_s == 2.5);
    assert_int_equal(one->rate_limit_burst, 7);
    assert_int_equal(one->connects_per_minute, 0);
    assert_int_equal(one->breaker_threshold, 3);
    assert_int_equal(one->breaker_timeout_ns, 90 * NS_PER_S);
    assert_string_equal(one->tls_ca_file, "/dev/null");
    assert_int_equal(one->calendar, QTA_CALENDAR_US_EQUITIES_EXTENDED);
    assert_int_equal(one->closed_day_count, 2);
    assert_string_equal(one->closed_days[1], "2018-12-05");
    assert_int_equal(one->silence_max_ns, 120 * NS_PER_S);
    assert_int_equal(one->mute_reconnect_after_ns, 0);

    const struct qta_provider_options *two = &gateway->providers[1];
    assert_string_equal(two->name, "two");
    assert_int_equal(two->auth_method, QTA_AUTH_NONE);
    assert_int_equal(two->subscription_count, 1);
    assert_subscription(two, 0, QTA_TICK_QUOTE, 0, "A");
    assert_true(two->rate_limit_per_s == 100.0);
    qta_config_destroy(config);
}

static void every_subscription_has_its_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum qta_tick_type type;
        enum qta_bar_kind bar_kind;
    } cases[] = {
        {"trades", QTA_TICK_TRADE, 0},
        {"quotes", QTA_TICK_QUOTE, 0},
        {"bars", QTA_TICK_BAR, QTA_BAR_MINUTE},
        {"updatedBars", QTA_TICK_BAR, QTA_BAR_UPDATED},
        {"updated_bars", QTA_TICK_BAR, QTA_BAR_UPDATED},
        {"dailyBars", QTA_TICK_BAR, QTA_BAR_DAILY},
        {"daily_bars", QTA_TICK_BAR, QTA_BAR_DAILY},
        {"statuses", QTA_TICK_STATUS, 0},
        {"lulds", QTA_TICK_LULD, 0},
        {"imbalances", QTA_TICK_IMBALANCE, 0},
        {"orderbooks", QTA_TICK_BOOK, 0},
        {"books", QTA_TICK_BOOK, 0},
        {"corrections", QTA_TICK_TRADE_CORRECT, 0},
        {"cancelErrors", QTA_TICK_TRADE_CANCEL, 0},
        {"cancel_errors", QTA_TICK_TRADE_CANCEL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "streaming:\n  provider: venue\n  symbols: \"*\"\n  subscriptions: %s\n",
                 cases[i].name);
        struct qta_config *config = load(text);
        const struct qta_provider_options *provider = qta_config_gateway(config)->providers;
        assert_int_equal(provider->subscription_count, 1);
        assert_subscription(provider, 0, cases[i].type, cases[i].bar_kind, "*");
        qta_config_destroy(config);
    }
}

static void a_single_provider_can_stand_in_short(void **state)
{
    (void)state;
    struct qta_config *config = load("streaming:\n"
                                     "  provider: alpaca\n"
                                     "  websocket_url: wss://venue.example/\n"
                                     "  symbols: [A, B]\n"
                                     "  subscriptions: [quotes]\n"
                                     "  rate_limit: {default_rate: 0}\n"
                                     "  buffer_size: 10\n");
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->provider_count, 1);
    assert_int_equal(gateway->buffer_size, 10);
    assert_string_equal(gateway->providers[0].name, "alpaca");
    assert_string_equal(gateway->providers[0].adapter, "alpaca");
    assert_string_equal(gateway->providers[0].websocket_url, "wss://venue.example/");
    assert_int_equal(gateway->providers[0].subscription_count, 2);
    assert_true(gateway->providers[0].rate_limit_per_s == 0.0);
    qta_config_destroy(config);
}

static void a_provider_in_short_may_name_its_adapter(void **state)
{
    (void)state;
    struct qta_config *config = load("streaming: {provider: mine, adapter: synthetic, seed: 7}\n");
    const struct qta_provider_options *provider = qta_config_gateway(config)->providers;
    assert_string_equal(provider->name, "mine");
    assert_string_equal(provider->adapter, "synthetic");
    assert_string_equal(find_setting(provider, "seed"), "7");
    qta_config_destroy(config);
}

static void provider_beside_a_list_chooses_from_it(void **state)
{
    (void)state;
    const char *text = "streaming:\n"
                       "  providers:\n"
                       "    - name: live\n"
                       "      adapter: venue\n"
                       "      subscriptions: trades\n"
                       "      symbols: A\n"
                       "    - name: replay\n"
                       "      session: sessions/2024-05-01\n"
                       "recording:\n"
                       "  directory: x\n";
    const char *overrides[] = {"streaming.provider=replay"};
    struct qta_config *config = load_with(text, overrides, 1);
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->provider_count, 1);
    assert_string_equal(gateway->providers[0].name, "replay");
    assert_false(gateway->recording.is_enabled);
    qta_config_destroy(config);

    overrides[0] = "streaming.provider=live";
    config = load_with(text, overrides, 1);
    gateway = qta_config_gateway(config);
    assert_int_equal(gateway->provider_count, 1);
    assert_string_equal(gateway->providers[0].name, "live");
    assert_true(gateway->recording.is_enabled);
    qta_config_destroy(config);
}

static void live_becomes_replay_by_one_word(void **state)
{
    (void)state;
    const char *text = "streaming:\n"
                       "  provider: ${QTA_TEST_PROVIDER}\n"
                       "  websocket_url: wss://venue.example/\n"
                       "  auth_method: api_key\n"
                       "  symbols: [A, B]\n"
                       "  subscriptions: [trades]\n"
                       "  session: sessions/2024-05-01\n"
                       "  speed: max\n";
    setenv("QTA_TEST_PROVIDER", "replay", 1);
    struct qta_config *config = load(text);
    const struct qta_provider_options *provider = qta_config_gateway(config)->providers;
    assert_string_equal(provider->name, "replay");
    assert_string_equal(find_setting(provider, "session"), "sessions/2024-05-01");
    assert_string_equal(find_setting(provider, "speed"), "max");
    assert_string_equal(find_setting(provider, "symbols"), "A,B");
    qta_config_destroy(config);
}

static void settings_arrive_in_the_form_that_adapters_read(void **state)
{
    (void)state;
    struct qta_config *config = load("streaming:\n"
                                     "  provider: replay\n"
                                     "  session: [a, b c, /d]\n"
                                     "  speed: 0.5x\n"
                                     "  from: 2024-05-01T13:30:00Z\n"
                                     "  duration: 90\n"
                                     "  loop: 3\n"
                                     "  ratio: 1.5\n"
                                     "  paused: Yes\n"
                                     "  note: 'it''s'\n"
                                     "  symbols: A\n"
                                     "  providers: [x, y]\n");
    const struct qta_provider_options *provider = qta_config_gateway(config)->providers;
    assert_int_equal(provider->setting_count, 10);
    assert_string_equal(find_setting(provider, "session"), "a,b c,/d");
    assert_string_equal(find_setting(provider, "speed"), "0.5x");
    assert_string_equal(find_setting(provider, "from"), "2024-05-01T13:30:00Z");
    assert_string_equal(find_setting(provider, "duration"), "90s");
    assert_string_equal(find_setting(provider, "loop"), "3");
    assert_string_equal(find_setting(provider, "ratio"), "1.5");
    assert_string_equal(find_setting(provider, "paused"), "true");
    assert_string_equal(find_setting(provider, "note"), "it's");
    assert_string_equal(find_setting(provider, "symbols"), "A");
    assert_string_equal(find_setting(provider, "providers"), "x,y");
    qta_config_destroy(config);
}

static void a_replay_of_all_symbols_has_no_filter(void **state)
{
    (void)state;
    struct qta_config *config = load("streaming:\n  symbols: [A, \"*\"]\n  providers:\n"
                                     "    - name: replay\n      session: a\n");
    assert_null(find_setting(qta_config_gateway(config)->providers, "symbols"));
    qta_config_destroy(config);
}

static void null_is_the_same_as_nothing(void **state)
{
    (void)state;
    struct qta_config *config = load("streaming:\n"
                                     "  provider: synthetic\n"
                                     "  symbols: ~\n"
                                     "  websocket_url: null\n"
                                     "  buffer_size:\n"
                                     "  tls:\n"
                                     "  seed: null\n"
                                     "recording:\n");
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->buffer_size, 65536);
    assert_null(gateway->providers[0].websocket_url);
    assert_int_equal(gateway->providers[0].setting_count, 0);
    assert_true(gateway->recording.is_enabled); /* the section is there */
    qta_config_destroy(config);
}

static void scalars_that_yaml_would_type_stay_text(void **state)
{
    (void)state;
    struct qta_config *config = load(
        "streaming: {provider: venue, subscriptions: trades, symbols: [ON, no, 010, 1e5, "
        "'~', 1.0, \"null\"]}\n");
    const struct qta_provider_options *provider = qta_config_gateway(config)->providers;
    static const char *const symbols[] = {"ON", "no", "010", "1e5", "~", "1.0", "null"};
    assert_int_equal(provider->subscription_count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_subscription(provider, i, QTA_TICK_TRADE, 0, symbols[i]);
    qta_config_destroy(config);
}

static void references_are_replaced_after_parsing(void **state)
{
    (void)state;
    setenv("QTA_TEST_A", "x: [y", 1);
    setenv("QTA_TEST_EMPTY", "", 1);
    unsetenv("QTA_TEST_UNSET");
    struct qta_config *config = load(
        "streaming:\n"
        "  provider: replay\n"
        "  session: ${QTA_TEST_UNSET:-a b}/$${QTA_TEST_A}$/${QTA_TEST_EMPTY:-c}\n"
        "  note: ${QTA_TEST_A}${QTA_TEST_A}\n"
        "  buffer_size: ${QTA_TEST_UNSET:-12}\n");
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_string_equal(find_setting(gateway->providers, "session"), "a b/${QTA_TEST_A}$/c");
    assert_string_equal(find_setting(gateway->providers, "note"), "x: [yx: [y");
    assert_int_equal(gateway->buffer_size, 12);
    qta_config_destroy(config);
}

static void recording_is_on_where_it_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *overrides[2];
        bool is_enabled;
    } cases[] = {
        {"streaming: {provider: synthetic}\n", {NULL}, false},
        {"streaming: {provider: synthetic}\nrecording: {directory: x}\n", {NULL}, true},
        {"streaming: {provider: synthetic}\nrecording: {enabled: false}\n", {NULL}, false},
        {"streaming: {provider: replay}\nrecording: {directory: x}\n", {NULL}, false},
        {"streaming: {provider: replay}\nrecording: {enabled: false}\n", {NULL}, false},
        {"streaming: {provider: synthetic}\n", {"recording.directory=x"}, true},
        {"streaming: {provider: synthetic}\n", {"recording.enabled=true"}, true},
        {"streaming: {provider: synthetic}\n", {"recording.enabled?=true"}, true},
        {"streaming: {provider: replay}\n", {"recording.enabled?=true"}, false},
        {"streaming: {provider: synthetic}\nrecording: {enabled: no}\n",
         {"recording.enabled?=true"},
         false},
        {"streaming: {provider: synthetic}\nrecording: {enabled: no}\n",
         {"recording.enabled=true"},
         true},
        {"streaming: {provider: synthetic}\nrecording: {enabled: }\n",
         {"recording.enabled?=false"},
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case %zu\n", i);
        struct qta_config *config = load_with(cases[i].text, cases[i].overrides,
                                              cases[i].overrides[0] ? 1 : 0);
        assert_int_equal(qta_config_gateway(config)->recording.is_enabled, cases[i].is_enabled);
        qta_config_destroy(config);
    }
}

static void overrides_lie_on_top_of_the_file(void **state)
{
    (void)state;
    setenv("QTA_TEST_A", "k", 1);
    static const char *const overrides[] = {
        "streaming.buffer_size=7",
        "streaming.providers.two.symbols=C, D",
        "streaming.providers.two.tls.insecure=no",
        "streaming.providers.one.api_key=${QTA_TEST_A}",
        "streaming.message_max=", /* back to the default */
        "recording.directory=a=b",
        "streaming.reconnect_delay=1s",
        "streaming.reconnect_delay=2s", /* the last one counts */
        "streaming.overflow?=drop_newest",
        "streaming.reconnect_attempts?=4",
    };
    struct qta_config *config = load_with(
        "streaming:\n"
        "  symbols: [A]\n"
        "  overflow: drop_oldest\n"
        "  message_max: 1MiB\n"
        "  providers:\n"
        "    - {name: one, adapter: venue, subscriptions: [trades]}\n"
        "    - {name: two, adapter: venue, subscriptions: [trades]}\n",
        overrides, sizeof overrides / sizeof overrides[0]);
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->buffer_size, 7);
    assert_int_equal(gateway->message_max_bytes, 16 * 1024 * 1024);
    assert_int_equal(gateway->reconnect_delay_ns, 2 * NS_PER_S);
    assert_int_equal(gateway->overflow, QTA_OVERFLOW_DROP_OLDEST);
    assert_int_equal(gateway->reconnect_attempts, 4);
    assert_string_equal(gateway->recording.directory, "a=b");
    assert_string_equal(gateway->providers[0].api_key, "k");
    assert_subscription(&gateway->providers[0], 0, QTA_TICK_TRADE, 0, "A");
    assert_int_equal(gateway->providers[1].subscription_count, 2);
    assert_subscription(&gateway->providers[1], 1, QTA_TICK_TRADE, 0, "D");
    qta_config_destroy(config);
}

static void overrides_reach_a_provider_in_short_either_way(void **state)
{
    (void)state;
    static const char *const overrides[] = {
        "streaming.provider=replay",
        "streaming.speed=max",
        "streaming.providers.replay.session=a,b",
        "streaming.providers.replay.circuit_breaker.timeout=5",
    };
    struct qta_config *config = load_with("", overrides, sizeof overrides / sizeof overrides[0]);
    const struct qta_provider_options *provider = qta_config_gateway(config)->providers;
    assert_string_equal(find_setting(provider, "speed"), "max");
    assert_string_equal(find_setting(provider, "session"), "a,b");
    assert_int_equal(provider->breaker_timeout_ns, 5 * NS_PER_S);
    qta_config_destroy(config);
}

static void health_is_read(void **state)
{
    (void)state;
    const char *text = "streaming: {provider: synthetic}\n"
                       "streaming_health:\n"
                       "  monitoring: {enabled: true, check_interval: 250ms, calendar: always}\n"
                       "  alerts:\n"
                       "    channels: [command, webhook]\n"
                       "    command: [/usr/bin/logger, -t, qta]\n"
                       "    webhook_url: https://hooks.example.net/T0/B1?x=1\n"
                       "  metrics: {enabled: true, port: 0, max_symbols: 7}\n";
    struct qta_config *config = NULL;
    assert_int_equal(
        qta_config_load_text(&config, "f.yaml", text, strlen(text), NULL, 0, &fake_adapters, NULL),
        QTA_OK);
    const struct qta_config_finding *findings;
    assert_int_equal(qta_config_findings(config, &findings), 0);
    const struct qta_health_options *health = &qta_config_gateway(config)->health;
    assert_int_equal(health->check_interval_ns, 250000000);
    assert_int_equal(health->calendar, QTA_CALENDAR_ALWAYS);
    assert_int_equal(health->alert_channels, QTA_ALERT_COMMAND | QTA_ALERT_WEBHOOK);
    assert_int_equal(health->command_words, 3);
    assert_string_equal(health->command[0], "/usr/bin/logger");
    assert_string_equal(health->command[2], "qta");
    assert_string_equal(health->webhook_url, "https://hooks.example.net/T0/B1?x=1");
    assert_string_equal(health->metrics.host, "127.0.0.1");
    assert_int_equal(health->metrics.port, 0);
    assert_int_equal(health->symbols_max, 7);
    char *printed = NULL;
    assert_int_equal(qta_config_print(config, &printed, NULL), QTA_OK);
    assert_null(strstr(printed, "hooks.example.net")); /* the URL of a webhook is its key */
    assert_non_null(strstr(printed, "max_symbols: 7"));
    free(printed);
    qta_config_destroy(config);
}

static void destroying_nothing_is_fine(void **state)
{
    (void)state;
    qta_config_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_table),
        cmocka_unit_test(every_key_of_a_file_arrives),
        cmocka_unit_test(every_subscription_has_its_names),
        cmocka_unit_test(a_single_provider_can_stand_in_short),
        cmocka_unit_test(a_provider_in_short_may_name_its_adapter),
        cmocka_unit_test(provider_beside_a_list_chooses_from_it),
        cmocka_unit_test(live_becomes_replay_by_one_word),
        cmocka_unit_test(settings_arrive_in_the_form_that_adapters_read),
        cmocka_unit_test(a_replay_of_all_symbols_has_no_filter),
        cmocka_unit_test(null_is_the_same_as_nothing),
        cmocka_unit_test(scalars_that_yaml_would_type_stay_text),
        cmocka_unit_test(references_are_replaced_after_parsing),
        cmocka_unit_test(recording_is_on_where_it_is_asked_for),
        cmocka_unit_test(overrides_lie_on_top_of_the_file),
        cmocka_unit_test(overrides_reach_a_provider_in_short_either_way),
        cmocka_unit_test(health_is_read),
        cmocka_unit_test(destroying_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
