/* What differs between two configurations, key by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"
#include "tests/config/fake_adapters.h"

static char *printed(const char *text)
{
    struct qta_config *config = NULL;
    struct qta_error err = {0};
    char *out = NULL;
    qta_config_load_text(&config, "f.yaml", text, strlen(text), NULL, 0, &fake_adapters, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(qta_config_print(config, &out, &err), QTA_OK);
    qta_config_destroy(config);
    return out;
}

static void add_change(void *user, const char *key, bool is_live)
{
    char *text = user;
    size_t used = strlen(text);
    snprintf(text + used, 2048 - used, "%s%s\n", key, is_live ? " live" : "");
}

static void assert_changes(const char *before, const char *after, const char *expected)
{
    char text[2048] = "";
    char *old = printed(before);
    char *new = printed(after);
    struct qta_error err;
    assert_int_equal(qta_config_changes(old, new, add_change, text, &err), QTA_OK);
    assert_string_equal(text, expected);
    free(old);
    free(new);
}

#define TWO                                                                                        \
    "streaming:\n"                                                                                 \
    "  providers:\n"                                                                               \
    "    - name: one\n      adapter: alpaca\n      websocket_url: ws://x/\n      symbols: [A]\n  " \
    "    subscriptions: [trades]\n"
#define OTHER                                                                                      \
    "    - name: two-b\n      adapter: alpaca\n      websocket_url: ws://x/\n      symbols: "      \
    "[B]\n      subscriptions: "                                                                   \
    "[trades]\n"

static void equal_configurations_have_no_changes(void **state)
{
    (void)state;
    assert_changes(TWO OTHER, TWO OTHER, "");
    assert_changes(TWO "  buffer_size: 65536\n", TWO, "");
}

static void a_value_that_differs_is_told_once(void **state)
{
    (void)state;
    assert_changes(TWO OTHER, TWO OTHER "  buffer_size: 5\n", "streaming.buffer_size\n");
    assert_changes(TWO "  reconnect_delay: 1s\n", TWO OTHER "  reconnect_delay: 2s\n",
                   "streaming.providers.two-b\nstreaming.reconnect_delay live\n");
    assert_changes(TWO OTHER, TWO, "streaming.providers.two-b live\n");
    assert_changes(TWO, TWO "      rate_limit: {default_rate: 3}\n      tls: {insecure: true}\n",
                   "streaming.providers.one.rate_limit.default_rate live\n"
                   "streaming.providers.one.tls.insecure\n");
}

static void symbols_are_told_for_their_provider(void **state)
{
    (void)state;
    char with_more[sizeof TWO + 16];
    snprintf(with_more, sizeof with_more, "%s", TWO);
    memcpy(strstr(with_more, "[A]"), "[Z]", 3);
    assert_changes(TWO, with_more, "streaming.providers.one.symbols live\n");
}

static void a_section_that_comes_is_told_key_by_key(void **state)
{
    (void)state;
    char *old = printed(TWO);
    char *new = printed(TWO "streaming_health:\n  thresholds:\n    max_latency_ms: 5\n");
    char text[2048] = "";
    struct qta_error err;
    assert_int_equal(qta_config_changes(old, new, add_change, text, &err), QTA_OK);
    assert_non_null(strstr(text, "streaming_health.thresholds.max_latency_ms live\n"));
    assert_non_null(strstr(text, "streaming_health.api.port\n"));
    assert_null(strstr(text, "streaming.buffer_size"));
    free(old);
    free(new);
}

static void what_was_never_printed_by_us_does_no_harm(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        ":",
                                        "no colon",
                                        "                              deep: 1\n",
                                        "a:\n  b: 1\n- name: "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
            char text[2048] = "";
            struct qta_error err;
            assert_int_equal(qta_config_changes(texts[i], texts[j], add_change, text, &err),
                             QTA_OK);
            assert_true(i != j || text[0] == '\0');
        }
    }
}

/* The section of the manual that lists the keys which are taken over; the caller frees. */
static char *read_manual(void)
{
    char path[4096];
    const char *source = getenv("QTA_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tools/man/qta-config.5", source ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = NULL;
    size_t size = 0;
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    fclose(file);
    char *section = strstr(text, ".Sh RELOADING\n");
    assert_non_null(section);
    *strstr(section + 1, ".Sh ") = '\0';
    memmove(text, section, strlen(section) + 1);
    return text;
}

static size_t count_lines(const char *text, const char *line)
{
    size_t count = 0;
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        count++;
    return count;
}

static size_t check_manual(const char *manual, const struct qta_config_key *keys, size_t count)
{
    size_t live = 0;
    for (size_t i = 0; i < count; i++) {
        char line[128];
        snprintf(line, sizeof line, "\n.Cm %s\n", keys[i].path);
        if (keys[i].is_live)
            print_message("key '%s'\n", keys[i].path);
        assert_int_equal(count_lines(manual, line), keys[i].is_live);
        live += keys[i].is_live;
    }
    return live;
}

static void the_manual_lists_what_is_taken_over(void **state)
{
    (void)state;
    size_t root_count;
    size_t provider_count;
    const struct qta_config_key *root_keys = qta_config_root_keys(&root_count);
    const struct qta_config_key *provider_keys = qta_config_provider_keys(&provider_count);
    char *manual = read_manual();
    size_t live = check_manual(manual, root_keys, root_count) +
                  check_manual(manual, provider_keys, provider_count);
    assert_int_equal(live, count_lines(manual, "\n.Cm "));
    free(manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_configurations_have_no_changes),
        cmocka_unit_test(a_value_that_differs_is_told_once),
        cmocka_unit_test(symbols_are_told_for_their_provider),
        cmocka_unit_test(a_section_that_comes_is_told_key_by_key),
        cmocka_unit_test(the_manual_lists_what_is_taken_over),
        cmocka_unit_test(what_was_never_printed_by_us_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
