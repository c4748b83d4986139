/* The files that are shipped, with the adapters that there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/config.h>

#include "config/config_keys.h"
#include "config/config_state.h"

/* The whole of a file of the sources, NUL-ended; the caller frees. */
static char *read_source(const char *name)
{
    const char *folder = getenv("QTA_SOURCE_DIR");
    assert_non_null(folder);
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char buffer[256 * 1024];
    size_t length = fread(buffer, 1, sizeof buffer - 1, file);
    assert_true(length > 0 && length < sizeof buffer - 1);
    fclose(file);
    buffer[length] = '\0';
    return strdup(buffer);
}

/* Loads config/NAME and expects these warnings, without path and line, one a line. */
static struct qta_config *load(const char *name, const char *expected)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/config/%s", getenv("QTA_SOURCE_DIR"), name);
    struct qta_config *config = NULL;
    struct qta_error err = {0};
    enum qta_status status = qta_config_load(&config, path, NULL, 0, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, QTA_OK);
    const struct qta_config_finding *findings;
    size_t count = qta_config_findings(config, &findings);
    char text[4096] = "";
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        assert_false(findings[i].is_error);
        snprintf(text + used, sizeof text - used, "%s\n", strstr(findings[i].message, ": ") + 2);
    }
    assert_string_equal(text, expected);
    return config;
}

static void the_file_of_the_original_loads_unchanged(void **state)
{
    (void)state;
    struct qta_config *config = load(
        "streaming.yaml", "streaming_health.metrics.host is '0.0.0.0': whoever reaches that "
                          "address can read figures and status, unencrypted; 127.0.0.1 serves this "
                          "machine alone\n");
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->provider_count, 1);
    const struct qta_provider_options *alpaca = &gateway->providers[0];
    assert_string_equal(alpaca->name, "alpaca");
    assert_string_equal(alpaca->adapter, "alpaca");
    assert_string_equal(alpaca->websocket_url, "wss://stream.data.alpaca.markets/v2/iex");
    assert_int_equal(alpaca->auth_method, QTA_AUTH_API_KEY);
    assert_int_equal(alpaca->subscription_count, 2);
    assert_string_equal(alpaca->subscriptions[0].symbol, "AAPL");
    assert_int_equal(alpaca->subscriptions[0].type, QTA_TICK_TRADE);
    assert_int_equal(alpaca->subscriptions[1].type, QTA_TICK_QUOTE);
    assert_true(alpaca->rate_limit_per_s == 100.0);
    assert_int_equal(alpaca->rate_limit_burst, 50);
    assert_int_equal(alpaca->connects_per_minute, 30);
    assert_int_equal(alpaca->breaker_threshold, 5);
    assert_int_equal(alpaca->breaker_timeout_ns, INT64_C(30000000000));
    assert_int_equal(gateway->buffer_size, 10000);
    assert_int_equal(gateway->reconnect_attempts, 5);
    assert_int_equal(gateway->health_check_interval_ns, INT64_C(30000000000));
    assert_false(gateway->recording.is_enabled);
    const struct qta_health_options *health = &gateway->health;
    assert_true(health->is_monitored);
    assert_int_equal(health->check_interval_ns, INT64_C(5000000000));
    assert_int_equal(health->metrics_retention_ns, INT64_C(3600000000000));
    assert_true(health->latency_max_ms == 100.0);
    assert_true(health->throughput_min_per_s == 50.0);
    assert_int_equal(health->reconnect_attempts_max, 5);
    assert_int_equal(health->queue_depth_max, 5000);
    assert_int_equal(health->circuit_breaker_timeout_ns, INT64_C(60000000000));
    assert_true(health->has_alerts);
    assert_int_equal(health->alert_channels, QTA_ALERT_LOG | QTA_ALERT_METRICS);
    assert_int_equal(health->escalation_threshold, 3);
    assert_true(health->metrics.is_enabled);
    assert_string_equal(health->metrics.host, "0.0.0.0");
    assert_int_equal(health->metrics.port, 9000);
    assert_false(health->api.is_enabled);
    assert_int_equal(health->api.port, 8000);
    qta_config_destroy(config);
}

static void the_ready_files_load_without_a_finding(void **state)
{
    (void)state;
    struct qta_config *config = load("replay.yaml", "");
    assert_string_equal(qta_config_gateway(config)->providers[0].adapter, "replay");
    assert_false(qta_config_gateway(config)->recording.is_enabled);
    qta_config_destroy(config);

    config = load("synthetic.yaml", "");
    assert_string_equal(qta_config_gateway(config)->providers[0].adapter, "synthetic");
    assert_int_equal(qta_config_gateway(config)->providers[0].subscription_count, 6);
    assert_true(qta_config_gateway(config)->recording.is_enabled);
    qta_config_destroy(config);

    config = load("crypto.yaml", "");
    assert_string_equal(qta_config_gateway(config)->providers[0].adapter, "alpaca");
    assert_int_equal(qta_config_gateway(config)->providers[0].subscription_count, 8);
    assert_true(qta_config_gateway(config)->recording.is_enabled);
    qta_config_destroy(config);
}

static struct qta_config *load_reference(void)
{
    return load("reference.yaml", "");
}

/* The value in the file is the default, or stands for none. */
static void check_reference_key(struct qta_yaml_node *section, const struct qta_config_key *key)
{
    print_message("key '%s'\n", key->path);
    const struct qta_yaml_node *node = qta_yaml_find_path(section, key->path);
    assert_non_null(node);
    if (strcmp(key->path, "recording.enabled") == 0)
        return; /* depends on the section */
    if (key->default_text && key->type == QTA_CONFIG_LIST) {
        assert_int_equal(node->child_count, 1);
        assert_string_equal(node->first->text, key->default_text);
    } else if (key->default_text) {
        assert_string_equal(node->text, key->default_text);
    }
}

static void the_reference_has_every_key_at_its_default(void **state)
{
    (void)state;
    struct qta_config *config = load_reference();
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    for (size_t i = 0; i < count; i++)
        check_reference_key(config->root, &keys[i]);
    keys = qta_config_provider_keys(&count);
    struct qta_yaml_node *provider = qta_yaml_find_path(config->root, "streaming.providers")->first;
    for (size_t i = 0; i < count; i++)
        check_reference_key(provider, &keys[i]);

    struct qta_gateway_options expected = qta_gateway_options_default();
    const struct qta_gateway_options *gateway = qta_config_gateway(config);
    assert_int_equal(gateway->buffer_size, expected.buffer_size);
    assert_int_equal(gateway->overflow, expected.overflow);
    assert_int_equal(gateway->callback_hang_after_ns, expected.callback_hang_after_ns);
    assert_int_equal(gateway->reconnect_attempts, expected.reconnect_attempts);
    assert_int_equal(gateway->reconnect_delay_ns, expected.reconnect_delay_ns);
    assert_int_equal(gateway->reconnect_delay_max_ns, expected.reconnect_delay_max_ns);
    assert_int_equal(gateway->health_check_interval_ns, expected.health_check_interval_ns);
    assert_int_equal(gateway->message_max_bytes, expected.message_max_bytes);
    assert_string_equal(gateway->recording.directory, expected.recording.directory);
    assert_string_equal(gateway->recording.timezone, expected.recording.timezone);
    assert_int_equal(gateway->recording.fsync_interval_ns, expected.recording.fsync_interval_ns);
    assert_int_equal(gateway->recording.compression_level, expected.recording.compression_level);
    assert_int_equal(gateway->recording.journal_chunk_bytes,
                     expected.recording.journal_chunk_bytes);
    assert_int_equal(gateway->recording.journal_max_bytes, expected.recording.journal_max_bytes);
    assert_int_equal(gateway->recording.on_full, expected.recording.on_full);
    assert_int_equal(gateway->recording.keep_days, expected.recording.keep_days);
    assert_int_equal(gateway->recording.max_size_bytes, expected.recording.max_size_bytes);
    assert_int_equal(gateway->recording.min_free_bytes, expected.recording.min_free_bytes);
    assert_int_equal(gateway->recording.has_raw_frames, expected.recording.has_raw_frames);
    qta_config_destroy(config);
}

/* Whether name stands in text as a word of its own. */
static bool has_word(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *found = strstr(text, name); found; found = strstr(found + 1, name)) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
        bool starts = found == text || !strchr(letters, found[-1]);
        bool ends = found[length] == '\0' || !strchr(letters, found[length]);
        if (starts && ends)
            return true;
    }
    return false;
}

static void reference_and_manual_know_every_setting_of_the_adapters(void **state)
{
    (void)state;
    struct qta_config *config = load_reference(); /* registers the adapters */
    qta_config_destroy(config);
    char *texts[] = {read_source("config/reference.yaml"), read_source("tools/man/qta-config.5")};
    const struct qta_adapter_ops *adapters[32];
    size_t count = qta_adapter_list(adapters, 32);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < 2; t++) {
            assert_true(has_word(texts[t], adapters[i]->name));
            for (size_t j = 0; j < adapters[i]->setting_count; j++) {
                print_message("setting '%s'\n", adapters[i]->settings[j].name);
                assert_true(has_word(texts[t], adapters[i]->settings[j].name));
            }
        }
    }
    free(texts[0]);
    free(texts[1]);
}

/* The manual has a line ".It Cm path" for each key, with its default, unit and words. */
static void check_manual_key(const char *manual, const char *prefix,
                             const struct qta_config_key *key)
{
    char item[256];
    int length = snprintf(item, sizeof item, "\n.It Cm %s%s\n", prefix, key->path);
    print_message("key '%s%s'\n", prefix, key->path);
    const char *start = strstr(manual, item);
    assert_non_null(start);
    start += length;
    const char *end = strstr(start, "\n.It ");
    const char *list_end = strstr(start, "\n.El");
    if (!end || (list_end && list_end < end))
        end = list_end;
    assert_non_null(end);
    char *text = strndup(start, (size_t)(end - start));
    assert_non_null(text);
    if (key->default_text)
        assert_non_null(strstr(text, key->default_text));
    for (const struct qta_config_word *word = key->words; word && word->text; word++)
        assert_non_null(strstr(text, word->text));
    free(text);
}

static void the_manual_has_every_key(void **state)
{
    (void)state;
    char *manual = read_source("tools/man/qta-config.5");
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    for (size_t i = 0; i < count; i++)
        check_manual_key(manual, "", &keys[i]);
    keys = qta_config_provider_keys(&count);
    for (size_t i = 0; i < count; i++)
        check_manual_key(manual, "", &keys[i]);
    for (size_t i = 0; qta_config_subscription_names[i].name; i++) {
        print_message("subscription '%s'\n", qta_config_subscription_names[i].name);
        assert_non_null(strstr(manual, qta_config_subscription_names[i].name));
    }
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_of_the_original_loads_unchanged),
        cmocka_unit_test(the_ready_files_load_without_a_finding),
        cmocka_unit_test(the_reference_has_every_key_at_its_default),
        cmocka_unit_test(reference_and_manual_know_every_setting_of_the_adapters),
        cmocka_unit_test(the_manual_has_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
