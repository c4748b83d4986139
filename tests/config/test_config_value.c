/* Single values, the table of keys, names that are near, URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "config/config_value.h"
#include "config/nearest_name.h"
#include "config/websocket_url.h"

static void sizes_are_read_with_and_without_units(void **state)
{
    (void)state;
    enum { REFUSED = 12345 };
    static const struct {
        const char *text;
        uint64_t size_bytes;
    } cases[] = {
        {"0", 0},
        {"1", 1},
        {"1024", 1024},
        {"1B", 1},
        {"64KiB", 65536},
        {"16MiB", 16777216},
        {"16 MiB", 16777216},
        {"2GiB", UINT64_C(2147483648)},
        {"1TiB", UINT64_C(1099511627776)},
        {"1kB", 1000},
        {"1MB", 1000000},
        {"1GB", 1000000000},
        {"1TB", UINT64_C(1000000000000)},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616", REFUSED},
        {"16777216TiB", REFUSED},
        {"", REFUSED},
        {"MiB", REFUSED},
        {"-1", REFUSED},
        {"+1", REFUSED},
        {"1.5MiB", REFUSED},
        {"1 ", 1},
        {"1mib", REFUSED},
        {"1M", REFUSED},
        {"0x10", REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].text);
        uint64_t size_bytes = REFUSED;
        bool is_read = qta_config_size_read(cases[i].text, &size_bytes);
        assert_int_equal(is_read, cases[i].size_bytes != REFUSED);
        if (is_read)
            assert_int_equal(size_bytes, cases[i].size_bytes);
    }
}

static void a_plain_number_is_a_duration_in_seconds(void **state)
{
    (void)state;
    enum { REFUSED = -7 };
    static const struct {
        const char *text;
        int64_t duration_ns;
    } cases[] = {
        {"30", INT64_C(30000000000)},
        {"0.5", 500000000},
        {"0", 0},
        {"200ms", 200000000},
        {"1h30m", INT64_C(5400000000000)},
        {"", REFUSED},
        {".", REFUSED},
        {"1.2.3", REFUSED},
        {"s", REFUSED},
        {"-1s", REFUSED},
        {"99999999999999999999999999999999", REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].text);
        int64_t duration_ns = REFUSED;
        bool is_read = qta_config_duration_read(cases[i].text, &duration_ns);
        assert_int_equal(is_read, cases[i].duration_ns != REFUSED);
        if (is_read)
            assert_int_equal(duration_ns, cases[i].duration_ns);
    }
}

static void booleans_are_words(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", "ON"};
    static const char *const no[] = {"false", "False", "no", "No", "off"};
    static const char *const neither[] = {"", "1", "0", "y", "t", "maybe", "true "};
    bool value = false;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        assert_true(qta_config_boolean_read(yes[i], &value));
        assert_true(value);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_true(qta_config_boolean_read(no[i], &value));
        assert_false(value);
    }
    for (size_t i = 0; i < sizeof neither / sizeof neither[0]; i++)
        assert_false(qta_config_boolean_read(neither[i], &value));
}

/* Rows of the table: what every other file of config/ takes for granted. */
static void check_table(const struct qta_config_key *keys, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        const struct qta_config_key *key = &keys[i];
        print_message("key '%s'\n", key->path);
        assert_non_null(key->unit);
        assert_true(strlen(key->help) > 5);
        assert_null(strchr(key->help, '\n'));
        assert_true(key->help[strlen(key->help) - 1] != '.');
        assert_ptr_equal(qta_config_key_find(keys, count, key->path), key); /* unique */
        if (key->type == QTA_CONFIG_WORD)
            assert_non_null(key->words);
        if (key->type == QTA_CONFIG_LIST || key->type == QTA_CONFIG_PROVIDERS)
            continue;
        bool has_range = key->type != QTA_CONFIG_STRING && key->type != QTA_CONFIG_BOOLEAN &&
                         key->type != QTA_CONFIG_WORD;
        assert_int_equal(key->maximum > key->minimum, has_range);
        uint64_t unused;
        void *field = key->offset == QTA_CONFIG_NO_OFFSET
                          ? (void *)&unused
                          : (void *)((unsigned char *)values + key->offset);
        if (key->default_text)
            assert_true(qta_config_value_read(key, key->default_text, field));
        else
            assert_int_equal(key->type, QTA_CONFIG_STRING);
    }
}

static void every_row_of_the_table_is_whole(void **state)
{
    (void)state;
    struct qta_config_values values = {0};
    struct qta_config_provider provider = {0};
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    check_table(keys, count, &values);
    keys = qta_config_provider_keys(&count);
    check_table(keys, count, &provider);
}

static void misspelt_names_are_near_and_others_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *nearest; /* of the names below */
    } cases[] = {
        {"bufer_size", "buffer_size"},
        {"buffersize", "buffer_size"},
        {"buffer-size", "buffer_size"},
        {"Buffer_Size", "buffer_size"},
        {"symbol", "symbols"},
        {"sybmols", "symbols"},
        {"urls", "url"},
        {"rul", "url"},
        {"u", NULL},
        {"xyz", NULL},
        {"size", NULL},
        {"", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    static const char *const names[] = {"symbols", "buffer_size", "url"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].word);
        struct qta_nearest_name nearest = qta_nearest_name_start(cases[i].word);
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            qta_nearest_name_offer(&nearest, names[j], strlen(names[j]));
        if (!cases[i].nearest)
            assert_null(nearest.name);
        else
            assert_string_equal(nearest.name, cases[i].nearest);
    }
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *problem; /* NULL: good */
        bool is_tcp, is_encrypted, is_loopback;
    } cases[] = {
        {"ws://localhost", NULL, false, false, true},
        {"ws://localhost.example/", NULL, false, false, false},
        {"wss://stream.data.alpaca.markets/v2/iex", NULL, false, true, false},
        {"ws://127.0.0.1:8765/x?y=z", NULL, false, false, true},
        {"wss://[::1]:443/", NULL, false, true, true},
        {"ws://[2001:db8::1]", NULL, false, false, false},
        {"tcp://host:4001", NULL, true, false, false},
        {"tls://127.0.0.1:4001", NULL, true, true, true},
        {"tcp://host", "must have a port, like tls://host:4001", true, false, false},
        {"http://host", "must begin with ws://, wss://, tcp:// or tls://", false, false, false},
        {"host", "must begin with ws://, wss://, tcp:// or tls://", false, false, false},
        {"WS://host", "must begin with ws://, wss://, tcp:// or tls://", false, false, false},
        {"ws://", "must have a host, like wss://host/path", false, false, false},
        {"ws:///x", "must have a host, like wss://host/path", false, false, false},
        {"ws://:80", "must have a host, like wss://host/path", false, false, false},
        {"ws://[::1", "must have a host, like wss://host/path", false, false, false},
        {"ws://[::1]x", "must have a port from 1 to 65535, or none", false, false, false},
        {"ws://h:", "must have a port from 1 to 65535, or none", false, false, false},
        {"ws://h:0", "must have a port from 1 to 65535, or none", false, false, false},
        {"ws://h:65536", "must have a port from 1 to 65535, or none", false, false, false},
        {"ws://h:80x/", "must have a port from 1 to 65535, or none", false, false, false},
        {"ws://h:123456/", "must have a port from 1 to 65535, or none", false, false, false},
        {"ws://h/a b", "must not have a blank or '#' in it", false, false, false},
        {"ws://h/#a", "must not have a blank or '#' in it", false, false, false},
        {"ws://u:p@h/", "must not hold a user or password; use api_key and api_secret", false,
         false, false},
        {"ws://h/@", NULL, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].url);
        struct qta_websocket_url parts;
        const char *problem = qta_websocket_url_read(cases[i].url, &parts);
        if (cases[i].problem) {
            assert_non_null(problem);
            assert_string_equal(problem, cases[i].problem);
            continue;
        }
        assert_null(problem);
        assert_int_equal(parts.is_tcp, cases[i].is_tcp);
        assert_int_equal(parts.is_encrypted, cases[i].is_encrypted);
        assert_int_equal(parts.is_loopback, cases[i].is_loopback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_with_and_without_units),
        cmocka_unit_test(a_plain_number_is_a_duration_in_seconds),
        cmocka_unit_test(booleans_are_words),
        cmocka_unit_test(every_row_of_the_table_is_whole),
        cmocka_unit_test(misspelt_names_are_near_and_others_are_not),
        cmocka_unit_test(urls_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
