/* Every mistake, and what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/fake_adapters.h"

enum { OVERRIDES_MAX = 4, FINDINGS_BYTES = 64 * 1024 };

struct bad_case {
    const char *yaml;
    const char *overrides[OVERRIDES_MAX];
    const char *findings; /* "E " or "W " and the message, one a line */
};

/* A configuration without findings, to build mistakes on. */
#define GOOD                                                                                       \
    "streaming:\n"                                                                                 \
    "  provider: synthetic\n"
#define ALPACA                                                                                     \
    "streaming:\n"                                                                                 \
    "  providers:\n"                                                                               \
    "    - name: alpaca\n"                                                                         \
    "      websocket_url: wss://venue.example/v2\n"                                                \
    "      subscriptions: [trades]\n"                                                              \
    "      symbols: [AAPL]\n"

static void print_findings(const struct qta_config *config, char *text)
{
    const struct qta_config_finding *findings;
    size_t count = qta_config_findings(config, &findings);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, FINDINGS_BYTES - used, "%s %s\n", findings[i].is_error ? "E" : "W",
                 findings[i].message);
    }
}

static void check_cases(const struct bad_case *cases, size_t count)
{
    static char text[FINDINGS_BYTES];
    for (size_t i = 0; i < count; i++) {
        print_message("case %zu:\n%s\n", i, cases[i].yaml);
        size_t override_count = 0;
        while (override_count < OVERRIDES_MAX && cases[i].overrides[override_count])
            override_count++;
        struct qta_config *config = NULL;
        struct qta_error err;
        enum qta_status status = qta_config_load_text(&config, "f.yaml", cases[i].yaml,
                                                      strlen(cases[i].yaml), cases[i].overrides,
                                                      override_count, &fake_adapters, &err);
        assert_non_null(config);
        print_findings(config, text);
        assert_string_equal(text, cases[i].findings);
        bool has_error = cases[i].findings[0] == 'E';
        assert_int_equal(status, has_error ? QTA_ERR_CONFIG : QTA_OK);
        assert_int_equal(qta_config_gateway(config) == NULL, has_error);
        if (has_error)
            assert_memory_equal(err.message, cases[i].findings + 2, strlen(err.message));
        qta_config_destroy(config);
    }
}
#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void yaml_that_is_none_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = "streaming:\n  symbols: [A\n  b: c\n",
         .findings = "E f.yaml:3: not YAML: did not find expected ',' or ']' while parsing a flow "
                     "sequence (line 2)\n"},
        {.yaml = "streaming:\n\tsymbols: A\n",
         .findings = "E f.yaml:2: not YAML: found character that cannot start any token while "
                     "scanning for the next token (line 2)\n"},
        {.yaml = GOOD "  overflow: \"\xff\"\n",
         .findings = "E f.yaml: not YAML: invalid leading UTF-8 octet at byte 46\n"},
        {.yaml = "? [a]\n: b\n",
         .findings = "E f.yaml:1: a key must be a plain word, not a list or a section\n"},
        {.yaml = "'': b\n", .findings = "E f.yaml:1: a key must be a plain word\n"},
        {.yaml = "- a\n",
         .findings = "E f.yaml:1: a configuration must be sections like "
                     "'streaming:', not a list\n"},
        {.yaml = "hello\n",
         .findings = "E f.yaml:1: a configuration must be sections like "
                     "'streaming:', not 'hello'\n"},
        {.yaml = GOOD "---\nstreaming:\n",
         .findings = "E f.yaml:3: a second YAML document begins here; a file has one "
                     "configuration\n"},
    };
    CHECK(cases);
}

static void yaml_beyond_plain_values_is_refused(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = GOOD "  overflow: &a block\n",
         .findings = "E f.yaml:3: YAML anchors (&name) are not supported; leave it out\n"},
        {.yaml = GOOD "  overflow: *a\n",
         .findings = "E f.yaml:3: YAML aliases (*name) are not supported; write the value out\n"},
        {.yaml = GOOD "  *a : block\n",
         .findings = "E f.yaml:3: YAML aliases (*name) are not supported; write the value out\n"},
        {.yaml = GOOD "  overflow: !!str block\n",
         .findings = "E f.yaml:3: YAML tags (!type) are not supported; leave it out\n"},
        {.yaml = GOOD "  symbols: !mine [A]\n",
         .findings = "E f.yaml:3: YAML tags (!type) are not supported; leave it out\n"
                     "W f.yaml:3: provider 'synthetic' makes no use of symbols without "
                     "subscriptions\n"},
        {.yaml = "%TAG !e! tag:example.com,2000:\n---\n" GOOD,
         .findings = "E f.yaml:1: %TAG is not supported; leave it out\n"},
        {.yaml = GOOD "  overflow: block\n  overflow: block\n  provider: replay\n",
         .findings =
             "E f.yaml:4: key 'overflow' is given twice, first on line 3; keep one of them\n"
             "E f.yaml:5: key 'provider' is given twice, first on line 2; keep one of them\n"},
        {.yaml = GOOD "  overflow: block\n  overflow: {a: [b, {c: d}]}\n",
         .findings =
             "E f.yaml:4: key 'overflow' is given twice, first on line 3; keep one of them\n"},
        {.yaml = GOOD "  overflow: \"a\\0b\"\n",
         .findings = "E f.yaml:3: a value must not have a NUL character in it\n"},
    };
    CHECK(cases);
}

static void values_of_the_wrong_kind_are_told_what_they_must_be(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = GOOD "  buffer_size: many\n  message_max: 16Mb\n  reconnect_attempts: 0\n"
                      "  health_check_interval: -1\n  overflow: drop_old\n",
         .findings =
             "E f.yaml:3: streaming.buffer_size must be a whole number from 1 to 16777216, not "
             "'many'\n"
             "E f.yaml:4: streaming.message_max must be a size from 1KiB to 1GiB, like 16MiB, not "
             "'16Mb'\n"
             "E f.yaml:5: streaming.reconnect_attempts must be a whole number from 1 to 1000000 or "
             "'unlimited', not '0'\n"
             "E f.yaml:6: streaming.health_check_interval must be a duration from 0s to 86400s, "
             "like 30s, 200ms or 30 (seconds), not '-1'\n"
             "E f.yaml:7: streaming.overflow must be 'block', 'drop_oldest', 'drop_newest' or "
             "'disconnect', not "
             "'drop_old'; did you mean 'drop_oldest'?\n"},
        {.yaml = GOOD "  buffer_size: [1]\n  message_max: {a: b}\n  overflow: ''\n",
         .findings =
             "E f.yaml:3: streaming.buffer_size must be a whole number from 1 to 16777216, not a "
             "list\n"
             "E f.yaml:4: streaming.message_max must be a size from 1KiB to 1GiB, like 16MiB, not "
             "a section\n"
             "E f.yaml:5: streaming.overflow must be 'block', 'drop_oldest', 'drop_newest' or "
             "'disconnect', not "
             "''\n"},
        {.yaml = GOOD "  buffer_size: 16777217\n  buffer: 0x10\n"
                      "recording:\n  enabled: maybe\n  compression_level: 20\n"
                      "  fsync_interval: 2h\n  journal_chunk: 1\n  directory: \"a\\nb\"\n",
         .findings =
             "E f.yaml:3: streaming.buffer_size must be a whole number from 1 to 16777216, not "
             "'16777217'\n"
             "E f.yaml:6: recording.enabled must be true or false, not 'maybe'\n"
             "E f.yaml:7: recording.compression_level must be a whole number from 1 to 19, not "
             "'20'\n"
             "E f.yaml:8: recording.fsync_interval must be a duration from 0s to 3600s, like 30s, "
             "200ms or 30 (seconds), or 'never', not '2h'\n"
             "E f.yaml:9: recording.journal_chunk must be a size from 64KiB to 512MiB, like 16MiB, "
             "not '1'\n"
             "E f.yaml:10: recording.directory must be a text without control characters, not "
             "'a?b'\n"
             "W f.yaml:4: unknown key 'streaming.buffer' is ignored\n"},
        {.yaml = ALPACA "      rate_limit: 5\n      circuit_breaker:\n        timeout: soon\n"
                        "      auth_method: oauth\n      subscriptions2: []\n",
         .findings =
             "E f.yaml:7: streaming.providers.alpaca.rate_limit must be a section with keys in "
             "it, not '5'\n"
             "E f.yaml:9: streaming.providers.alpaca.circuit_breaker.timeout must be a duration "
             "from 0.001s to 86400s, like 30s, 200ms or 30 (seconds), not 'soon'\n"
             "E f.yaml:10: streaming.providers.alpaca.auth_method must be 'api_key', 'headers', "
             "'bearer', 'message', 'cookie' or 'none', not 'oauth'\n"
             "W f.yaml:11: unknown key 'streaming.providers.alpaca.subscriptions2' is ignored; "
             "did you mean 'subscriptions'?\n"},
        {.yaml = GOOD "  symbols: [A, {b: c}]\n",
         .findings = "E f.yaml:3: streaming.symbols must be a list like [a, b], not a list\n"},
        {.yaml = GOOD "  symbols: [A, '', \"B\\x07\"]\n",
         .findings = "E f.yaml:3: streaming.symbols has an item that is empty or has control "
                     "characters\n"
                     "W f.yaml:3: provider 'synthetic' makes no use of symbols without "
                     "subscriptions\n"},
        {.yaml = GOOD "streaming_health:\n  monitoring: {check_interval: now}\n"
                      "  alerts: {channels: [logs, mail]}\n  api: {port: 70000}\n",
         .findings =
             "E f.yaml:4: streaming_health.monitoring.check_interval must be a duration from 0.1s "
             "to 86400s, like 30s, 200ms or 30 (seconds), not 'now'\n"
             "E f.yaml:5: streaming_health.alerts.channels has the unknown item 'logs'; did you "
             "mean 'log'?\n"
             "E f.yaml:5: streaming_health.alerts.channels has the unknown item 'mail'\n"
             "E f.yaml:6: streaming_health.api.port must be a whole number from 0 to 65535, not "
             "'70000'\n"},
        {.yaml = GOOD "streaming_health:\n  monitoring: {enabled: true}\n"
                      "  alerts:\n    channels: [webhook, command]\n"
                      "  metrics: {enabled: true, host: 0.0.0.0}\n",
         .findings = "E f.yaml:6: streaming_health.alerts.channels has 'webhook', which needs "
                     "streaming_health.alerts.webhook_url\n"
                     "E f.yaml:6: streaming_health.alerts.channels has 'command', which needs "
                     "streaming_health.alerts.command\n"
                     "W f.yaml:7: streaming_health.metrics.host is '0.0.0.0': whoever reaches that "
                     "address can read figures and status, unencrypted; 127.0.0.1 serves this "
                     "machine alone\n"},
        {.yaml = ALPACA "      closed_days: [2025-01-09, 2025-02-30, soon]\n"
                        "      mute: {max_silence: 8d}\n",
         .findings = "E f.yaml:7: streaming.providers.alpaca.closed_days must be dates like "
                     "2025-01-09, not '2025-02-30'\n"
                     "E f.yaml:7: streaming.providers.alpaca.closed_days must be dates like "
                     "2025-01-09, not 'soon'\n"
                     "E f.yaml:8: streaming.providers.alpaca.mute.max_silence must be a duration "
                     "from 0s to 604800s, like 30s, 200ms or 30 (seconds), not '8d'\n"},
        {.yaml = GOOD "streaming_health:\n  monitoring: {calendar: us_equity}\n"
                      "  alerts:\n    channels: [metrics]\n    command: mail -s qta\n"
                      "    webhook_url: ftp://x/y?token=secret\n",
         .findings =
             "E f.yaml:4: streaming_health.monitoring.calendar must be 'auto', 'always', "
             "'us_equities' or 'us_equities_extended', not 'us_equity'; did you mean "
             "'us_equities'?\n"
             "E f.yaml:7: streaming_health.alerts.command must begin with the absolute path "
             "of a program\n"
             "E f.yaml:8: streaming_health.alerts.webhook_url must begin with http:// or "
             "https://\n"
             "W f.yaml:5: streaming_health.alerts makes no difference without "
             "streaming_health.monitoring.enabled\n"
             "W f.yaml:7: streaming_health.alerts.command is not used: 'command' is not "
             "among streaming_health.alerts.channels\n"
             "W f.yaml:8: streaming_health.alerts.webhook_url is not used: 'webhook' is not "
             "among streaming_health.alerts.channels\n"},
    };
    CHECK(cases);
}

static void unknown_keys_are_warned_about_with_the_nearest_name(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = GOOD "  bufer_size: 5\n  Overflow: block\n  fruit: apple\n"
                      "recordin:\n  directory: x\nrecording:\n  fsync: 1\n  time_zone: UTC\n",
         .findings =
             "W f.yaml:3: unknown key 'streaming.bufer_size' is ignored; did you mean "
             "'buffer_size'?\n"
             "W f.yaml:4: unknown key 'streaming.Overflow' is ignored; did you mean 'overflow'?\n"
             "W f.yaml:5: unknown key 'streaming.fruit' is ignored\n"
             "W f.yaml:6: unknown key 'recordin' is ignored; did you mean 'recording'?\n"
             "W f.yaml:9: unknown key 'recording.fsync' is ignored\n"
             "W f.yaml:10: unknown key 'recording.time_zone' is ignored; did you mean "
             "'timezone'?\n"},
        {.yaml = ALPACA "      websoket_url: x\n      tls: {ca: y}\n  websocket_url: ws://z\n",
         .findings =
             "W f.yaml:7: unknown key 'streaming.providers.alpaca.websoket_url' is ignored; did "
             "you mean 'websocket_url'?\n"
             "W f.yaml:8: unknown key 'streaming.providers.alpaca.tls.ca' is ignored\n"
             "W f.yaml:9: key 'streaming.websocket_url' is ignored: it belongs to a provider\n"},
        {.yaml = "streaming:\n  provider: replay\n  sesion: a\n  pased: true\n  name: b\n",
         .findings =
             "W f.yaml:3: unknown key 'streaming.sesion' is ignored; did you mean "
             "'session'?\n"
             "W f.yaml:4: unknown key 'streaming.pased' is ignored; did you mean "
             "'paused'?\n"
             "W f.yaml:5: key 'streaming.name' is ignored: 'provider' is the name already\n"},
        {.yaml = "streaming:\n  providers:\n    - name: s\n      adapter: synthetic\n"
                 "      fruit: 10x\n      sead: 1\n",
         .findings = "W f.yaml:5: unknown key 'streaming.providers.s.fruit' is ignored\n"
                     "W f.yaml:6: unknown key 'streaming.providers.s.sead' is ignored; did you "
                     "mean 'seed'?\n"},
        {.yaml = "streaming:\n  provider: synthetic\n  \"a\\x1b[31m\\u009bb\": 1\n",
         .findings = "W f.yaml:3: unknown key 'streaming.a?[31m??b' is ignored\n"},
    };
    CHECK(cases);
}

static void providers_that_cannot_be_are_told_why(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = "",
         .findings = "E f.yaml: no provider: name one under 'streaming', like "
                     "'provider: alpaca', or list them under 'streaming.providers'\n"},
        {.yaml = "recording:\n\nstreaming:\n  symbols: A\n",
         .findings = "E f.yaml:3: no provider: name one under 'streaming', like 'provider: "
                     "alpaca', or list them under 'streaming.providers'\n"},
        {.yaml = "streaming:\n  providers: []\n",
         .findings = "E f.yaml:1: no provider: name one under 'streaming', like 'provider: "
                     "alpaca', or list them under 'streaming.providers'\n"},
        {.yaml = "streaming:\n  providers:\n    alpaca:\n      symbols: A\n",
         .findings = "E f.yaml:3: streaming.providers must be a list of sections, like '- name: "
                     "alpaca', not a section\n"},
        {.yaml = "streaming:\n  provider: synthetic\n  providers: [a]\n",
         .findings = "E f.yaml:3: streaming.providers must be a list of sections, like '- name: "
                     "alpaca', not a list\n"},
        {.yaml = "streaming:\n  providers: [alpaca, [x]]\n",
         .findings = "E f.yaml:2: a provider must be a section with a name, like '- name: "
                     "alpaca', not 'alpaca'\n"
                     "E f.yaml:2: a provider must be a section with a name, like '- name: "
                     "alpaca', not a list\n"},
        {.yaml = "streaming:\n  providers:\n    - adapter: alpaca\n    - name: my venue\n"
                 "    - name: [a]\n",
         .findings = "E f.yaml:3: a provider needs a name, like '- name: alpaca'\n"
                     "E f.yaml:4: a provider's name must be of letters, digits, '-' and '_', at "
                     "most 64, not 'my venue'\n"
                     "E f.yaml:5: a provider's name must be of letters, digits, '-' and '_', at "
                     "most 64, not a list\n"},
        {.yaml = "streaming:\n  providers:\n    - name: alpacca\n    - name: x\n      adapter: "
                 "interactive_brokers\n      anything: 1\n",
         .findings = "E f.yaml:3: unknown adapter 'alpacca' (have: alpaca, replay, synthetic, "
                     "venue, wire); did you mean 'alpaca'?\n"
                     "E f.yaml:5: unknown adapter 'interactive_brokers' (have: alpaca, replay, "
                     "synthetic, venue, wire)\n"},
        {.yaml = "streaming:\n  provider: alpacca\n  bufer_size: 1\n  feed: iex\n",
         .findings = "E f.yaml:2: unknown adapter 'alpacca' (have: alpaca, replay, synthetic, "
                     "venue, wire); did you mean 'alpaca'?\n"
                     "W f.yaml:3: unknown key 'streaming.bufer_size' is ignored; did you mean "
                     "'buffer_size'?\n"},
        {.yaml = ALPACA "    - name: alpaca\n",
         .findings = "E f.yaml:7: provider 'alpaca' is given twice, first on line 3; give each its "
                     "own name, and the same 'adapter'\n"},
        {.yaml = ALPACA "  provider: other\n",
         .findings = "E f.yaml:7: streaming.provider must be one of streaming.providers (alpaca), "
                     "not 'other'\n"},
    };
    CHECK(cases);
}

static void urls_that_lead_nowhere_are_refused(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = "streaming:\n  provider: alpaca\n  subscriptions: [trades]\n  symbols: A\n",
         .findings = "E f.yaml:2: provider 'alpaca' needs a websocket_url, like wss://host/path\n"},
        {.yaml = "streaming:\n  provider: wire\n  subscriptions: [trades]\n  symbols: A\n",
         .findings = "E f.yaml:2: provider 'wire' needs a websocket_url, like tls://host:4001\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.websocket_url=http://a/?token=x"},
         .findings = "E override 'streaming.providers.alpaca.websocket_url': "
                     "streaming.providers.alpaca.websocket_url must begin with ws://, wss://, "
                     "tcp:// or tls://\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.websocket_url=tls://a:1"},
         .findings = "E override 'streaming.providers.alpaca.websocket_url': "
                     "streaming.providers.alpaca.websocket_url must begin with ws:// or wss:// for "
                     "adapter 'alpaca'\n"},
        {.yaml = "streaming:\n  provider: wire\n  websocket_url: wss://a:1\n",
         .findings = "E f.yaml:3: streaming.websocket_url must begin with tcp:// or tls:// for "
                     "adapter 'wire'\n"
                     "W f.yaml:2: provider 'wire' has no subscriptions: nothing will come unless "
                     "the program subscribes\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.websocket_url=ws://me:pw@venue.example/v2"},
         .findings = "E override 'streaming.providers.alpaca.websocket_url': "
                     "streaming.providers.alpaca.websocket_url must not hold a user or password; "
                     "use api_key and api_secret\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.websocket_url=ws://venue.example/v2"},
         .findings = "W override 'streaming.providers.alpaca.websocket_url': "
                     "streaming.providers.alpaca.websocket_url sends the key unencrypted; use "
                     "wss://\n"},
    };
    CHECK(cases);
}

static void subscriptions_are_checked_against_the_adapter(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.subscriptions=trade,imbalances,trades,books"},
         .findings =
             "E override 'streaming.providers.alpaca.subscriptions': unknown subscription 'trade' "
             "(have: trades, quotes, bars, updatedBars, dailyBars); did you mean 'trades'?\n"
             "E override 'streaming.providers.alpaca.subscriptions': adapter 'alpaca' has no "
             "subscription 'imbalances' (has: trades, quotes, bars, updatedBars, dailyBars)\n"
             "E override 'streaming.providers.alpaca.subscriptions': adapter 'alpaca' has no "
             "subscription 'books' (has: trades, quotes, bars, updatedBars, dailyBars)\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.subscriptions=updatedBars,updated_bars"},
         .findings = "W override 'streaming.providers.alpaca.subscriptions': subscription "
                     "'updated_bars' is given twice\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.symbols="},
         .findings = "E f.yaml:5: provider 'alpaca' has subscriptions but no symbols; give it "
                     "'symbols', or 'streaming.symbols', or \"*\" for all\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers.alpaca.subscriptions="},
         .findings = "W f.yaml:3: provider 'alpaca' has no subscriptions: nothing will come unless "
                     "the program subscribes\n"},
        {.yaml = ALPACA "  symbols: [X]\n",
         .overrides = {"streaming.providers.alpaca.symbols=B,A,B,A"},
         .findings = "W override 'streaming.providers.alpaca.symbols': symbol 'B' is given twice\n"
                     "W override 'streaming.providers.alpaca.symbols': symbol 'A' is given "
                     "twice\n"},
    };
    CHECK(cases);
}

static void settings_of_adapters_are_checked_by_their_type(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = "streaming:\n  provider: replay\n  speed: fast\n  from: yesterday\n"
                 "  duration: long\n  loop: 1001\n  ratio: 3\n  paused: perhaps\n"
                 "  note: [a]\n  session: {a: b}\n",
         .findings =
             "E f.yaml:3: streaming.speed must be a speed like 10x or 0.5x from 0.01x to 1000x, "
             "or max, not 'fast'\n"
             "E f.yaml:4: streaming.from must be a time like 2024-05-01T13:30:00Z, not "
             "'yesterday'\n"
             "E f.yaml:5: streaming.duration must be a duration like 30s, 200ms or 30 (seconds), "
             "not 'long'\n"
             "E f.yaml:6: streaming.loop must be a whole number from 0 to 1000, not '1001'\n"
             "E f.yaml:7: streaming.ratio must be a number from 0.5 to 2, not '3'\n"
             "E f.yaml:8: streaming.paused must be true or false, not 'perhaps'\n"
             "E f.yaml:9: streaming.note must be a text without control characters, not a list\n"
             "E f.yaml:10: streaming.session must be a text or a list like [a, b], not a "
             "section\n"},
        {.yaml = "streaming:\n  provider: synthetic\n  seed: 1.5\n  rate: lots\n",
         .findings = "E f.yaml:3: streaming.seed must be a whole number, not '1.5'\n"
                     "E f.yaml:4: streaming.rate must be a number, not 'lots'\n"},
        {.yaml = "streaming:\n  providers:\n    - name: r\n      adapter: replay\n"
                 "      speed: 5000x\n",
         .findings = "E f.yaml:5: streaming.providers.r.speed must be a speed like 10x or 0.5x "
                     "from 0.01x to 1000x, or max, not '5000x'\n"},
    };
    CHECK(cases);
}

static void what_cannot_go_together_is_told(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = "streaming:\n  provider: replay\nrecording:\n  enabled: true\n",
         .findings = "E f.yaml:4: provider 'replay' plays a recording, which is not recorded "
                     "again: set recording.enabled to false; to have a copy of a session, copy its "
                     "directory\n"},
        {.yaml = ALPACA "    - {name: again, adapter: replay, session: x}\n",
         .findings = "E f.yaml:7: provider 'again' plays a recording and must be the only one that "
                     "is used; say 'provider: again' under 'streaming'\n"},
        {.yaml = GOOD "  reconnect_delay: 31s\n",
         .findings = "E f.yaml:3: streaming.reconnect_delay must not be longer than "
                     "streaming.reconnect_delay_max\n"},
        {.yaml = GOOD "  reconnect_delay_max: 1ms\n",
         .findings = "E f.yaml:1: streaming.reconnect_delay must not be longer than "
                     "streaming.reconnect_delay_max\n"},
        {.yaml = GOOD "recording:\n  timezone: Mars/Olympus\n  journal_chunk: 64MiB\n"
                      "  journal_max: 127MiB\n",
         .findings = "E f.yaml:4: recording.timezone must be a time zone of this system, like UTC "
                     "or America/New_York, not 'Mars/Olympus'\n"
                     "E f.yaml:5: recording.journal_chunk must not be larger than half of "
                     "recording.journal_max\n"},
        {.yaml = ALPACA "      tls:\n        ca_file: /nonexistent/ca.pem\n        insecure: yes\n",
         .findings =
             "E f.yaml:8: streaming.providers.alpaca.tls.ca_file: cannot read "
             "'/nonexistent/ca.pem'\n"
             "W f.yaml:9: streaming.providers.alpaca.tls.insecure accepts any certificate: whoever "
             "is in between can read the key and change the data\n"},
        {.yaml = ALPACA "      api_key: '***'\n",
         .findings = "W f.yaml:7: streaming.providers.alpaca.api_key is '***', as a printed "
                     "configuration has it; put the real one there\n"},
    };
    CHECK(cases);
}

static void keys_and_the_way_to_log_in_must_fit_together(void **state)
{
    (void)state;
#define VENUE                                                                                      \
    "streaming:\n"                                                                                 \
    "  providers:\n"                                                                               \
    "    - name: venue\n"                                                                          \
    "      subscriptions: [trades]\n"                                                              \
    "      symbols: [AAPL]\n"
    static const struct bad_case cases[] = {
        {.yaml = ALPACA "      auth_method: cookie\n",
         .findings = "E f.yaml:7: streaming.providers.alpaca.auth_method: adapter 'alpaca' has no "
                     "'cookie' (has: api_key, headers, none)\n"},
        {.yaml = ALPACA "      login_message: '${key}'\n      key_header: A\n",
         .findings =
             "W f.yaml:7: streaming.providers.alpaca.login_message is not used: the adapter "
             "has a login of its own\n"
             "W f.yaml:8: streaming.providers.alpaca.key_header is not used: the adapter "
             "has headers of its own\n"},
        {.yaml = VENUE "      auth_method: message\n",
         .findings = "E f.yaml:6: streaming.providers.venue.auth_method message needs a "
                     "login_message, like '{\"action\":\"auth\",\"key\":\"${key}\"}'\n"},
        {.yaml = VENUE "      auth_method: message\n      login_message: hello $${key\n",
         .findings = "E f.yaml:7: streaming.providers.venue.login_message must have ${key} or "
                     "${secret} in it\n"},
        {.yaml = VENUE "      auth_method: headers\n      key_header: 'X Key'\n",
         .findings = "E f.yaml:7: streaming.providers.venue.key_header must be the name of a "
                     "header: letters, digits, '-', '_' and '.'\n"},
        {.yaml = VENUE "      login_message: 'k ${key}'\n      secret_header: S\n",
         .findings = "W f.yaml:6: streaming.providers.venue.login_message is not used: auth_method "
                     "is not message\n"
                     "W f.yaml:7: streaming.providers.venue.secret_header is not used: auth_method "
                     "is not headers\n"},
        {.yaml = VENUE "      token_command: [print-token, x]\n      api_key: K\n",
         .findings =
             "E f.yaml:6: streaming.providers.venue.token_command must begin with the "
             "absolute path of a program\n"
             "E f.yaml:6: streaming.providers.venue.token_command prints the key: leave out "
             "api_key and api_key_file\n"},
        {.yaml = VENUE "      token_command: [/a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n",
         .findings = "E f.yaml:6: streaming.providers.venue.token_command has more than 16 "
                     "words\n"},
        {.yaml = VENUE "      api_secret: S\n      api_secret_file: /s\n",
         .findings = "W f.yaml:7: streaming.providers.venue.api_secret_file is not used: "
                     "api_secret is given\n"},
        {.yaml = VENUE "      auth_method: none\n      api_key_file: /k\n",
         .findings = "W f.yaml:7: streaming.providers.venue.api_key_file is not used: auth_method "
                     "is none\n"},
        {.yaml = "streaming:\n  provider: wire\n  websocket_url: tls://h:1\n  symbols: [A]\n"
                 "  subscriptions: [trades]\n  auth_method: bearer\n",
         .findings = "E f.yaml:6: streaming.auth_method: 'bearer' goes with the request of a "
                     "WebSocket, which adapter 'wire' does not make; use message or none\n"},
    };
    CHECK(cases);
}

static void references_must_lead_somewhere(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = GOOD "  overflow: ${QTA_TEST_UNSET}\n  symbols:\n    - ${QTA_TEST_UNSET}\n",
         .findings = "E f.yaml:3: environment variable 'QTA_TEST_UNSET' is not set; set it, or "
                     "write ${QTA_TEST_UNSET:-default}\n"
                     "E f.yaml:5: environment variable 'QTA_TEST_UNSET' is not set; set it, or "
                     "write ${QTA_TEST_UNSET:-default}\n"},
        {.yaml = GOOD "  overflow: ${\n  message_max: ${1A}\n  buffer_size: ${A\n"
                      "  reconnect_delay: ${A:-b\n  health_check_interval: ${A-b}\n",
         .findings = "E f.yaml:3: '${' holds a '${' that is not ${NAME} or ${NAME:-default}; write "
                     "'$${' for a plain one\n"
                     "E f.yaml:4: '${1A}' holds a '${' that is not ${NAME} or ${NAME:-default}; "
                     "write '$${' for a plain one\n"
                     "E f.yaml:5: '${A' holds a '${' that is not ${NAME} or ${NAME:-default}; "
                     "write '$${' for a plain one\n"
                     "E f.yaml:6: '${A:-b' holds a '${' that is not ${NAME} or ${NAME:-default}; "
                     "write '$${' for a plain one\n"
                     "E f.yaml:7: '${A-b}' holds a '${' that is not ${NAME} or ${NAME:-default}; "
                     "write '$${' for a plain one\n"},
    };
    CHECK(cases);
}

static void what_came_from_the_environment_is_never_told(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = GOOD "  buffer_size: ${QTA_TEST_SECRET}\n  overflow: x${QTA_TEST_SECRET}\n"
                      "  fruit: ${QTA_TEST_SECRET}\n  seed: ${QTA_TEST_SECRET}\n",
         .findings =
             "E f.yaml:3: streaming.buffer_size must be a whole number from 1 to 16777216, not "
             "'${QTA_TEST_SECRET}'\n"
             "E f.yaml:4: streaming.overflow must be 'block', 'drop_oldest', 'drop_newest' or "
             "'disconnect', not "
             "'x${QTA_TEST_SECRET}'\n"
             "E f.yaml:6: streaming.seed must be a whole number, not '${QTA_TEST_SECRET}'\n"
             "W f.yaml:5: unknown key 'streaming.fruit' is ignored\n"},
        {.yaml = ALPACA "      api_key: \"s3cr3t\\x01\"\n      api_secret: [s3cr3t]\n",
         .findings = "E f.yaml:7: streaming.providers.alpaca.api_key must be a text without "
                     "control characters, not what is given\n"
                     "E f.yaml:8: streaming.providers.alpaca.api_secret must be a text without "
                     "control characters, not a list\n"},
    };
    CHECK(cases);
}

static void overrides_that_lead_nowhere_are_errors(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {.yaml = GOOD,
         .overrides = {"streaming.bufer_size=5", "streaming.buffer_size=none", "foo.bar=1"},
         .findings = "E override 'streaming.bufer_size': unknown key 'streaming.bufer_size'; did "
                     "you mean 'buffer_size'?\n"
                     "E override 'streaming.buffer_size': streaming.buffer_size must be a whole "
                     "number from 1 to 16777216, not 'none'\n"
                     "E override 'foo.bar': unknown key 'foo'\n"},
        {.yaml = GOOD,
         .overrides = {"streaming.buffer_size", "=5", "streaming.providers.x.api_key:s3cr3t"},
         .findings = "E override 'streaming.buffer_size': must be KEY=VALUE, like "
                     "streaming.buffer_size=5000\n"
                     "E override '': must be KEY=VALUE, like streaming.buffer_size=5000\n"
                     "E override 'streaming.providers.x.api_key': must be KEY=VALUE, like "
                     "streaming.buffer_size=5000\n"},
        {.yaml = GOOD,
         .overrides = {"a..b=1", ".a=1", "a.b.c.d.e.f.g.h.i=1", "streaming.symbols=\xff"},
         .findings =
             "E override 'a..b': must be words with dots between them, like "
             "streaming.buffer_size\n"
             "E override '.a': must be words with dots between them, like streaming.buffer_size\n"
             "E override 'a.b.c.d.e.f.g.h.i': must be words with dots between them, like "
             "streaming.buffer_size\n"
             "E override 'streaming.symbols': must be UTF-8 text\n"},
        {.yaml = ALPACA "recording:\n  directory: x\n",
         .overrides = {"streaming.providers.coinbase.symbols=A", "recording=5",
                       "recording.directory.x=1", "streaming.providers.alpaca=1"},
         .findings =
             "E override 'streaming.providers.coinbase.symbols': there is no provider 'coinbase'\n"
             "E override 'recording': 'recording' is a section; name a key in it\n"
             "E override 'recording.directory.x': 'directory' is a value, not a section\n"
             "E override 'streaming.providers.alpaca': 'providers' is a list; name one of its "
             "keys, like streaming.providers.NAME.KEY\n"},
        {.yaml = ALPACA,
         .overrides = {"streaming.providers=x"},
         .findings = "E override 'streaming.providers': 'providers' is a section; name a key in "
                     "it\n"},
    };
    CHECK(cases);
}

/* Loads text and expects exactly one error that ends this way, within the test's time. */
static void expect_error(const char *text, size_t length, const char *message)
{
    struct qta_config *config = NULL;
    struct qta_error err;
    enum qta_status status = qta_config_load_text(&config, "f.yaml", text, length, NULL, 0,
                                                  &fake_adapters, &err);
    assert_int_equal(status, QTA_ERR_CONFIG);
    assert_string_equal(err.message, message);
    qta_config_destroy(config);
}

static void files_made_to_hurt_are_refused_at_once(void **state)
{
    (void)state;
    enum { BYTES = 1024 * 1024 };
    char *text = malloc(BYTES + 1);
    assert_non_null(text);
    memset(text, '[', BYTES);
    expect_error(text, BYTES, "f.yaml:1: nested more than 32 deep");
    memset(text, '{', BYTES);
    expect_error(text, BYTES, "f.yaml:1: a key must be a plain word, not a list or a section");

    size_t length = 0;
    for (int i = 0; length + 16 < BYTES; i++)
        length += (size_t)snprintf(text + length, BYTES - length, "k%d:\n", i);
    expect_error(text, length, "f.yaml:257: more than 256 keys in one section");

    length = (size_t)snprintf(text, BYTES, "streaming:\n  providers:\n");
    while (length + 16 < BYTES)
        length += (size_t)snprintf(text + length, BYTES - length, "    - {}\n");
    expect_error(text, length, "f.yaml:3: more than 64 providers");

    length = (size_t)snprintf(text, BYTES, "streaming:\n  provider: alpaca\n  symbols:\n");
    while (length + 16 < BYTES)
        length += (size_t)snprintf(text + length, BYTES - length, "    - *a\n");
    expect_error(text, length,
                 "f.yaml:4: YAML aliases (*name) are not supported; write the value out");
    free(text);
}

static void too_many_subscriptions_are_refused(void **state)
{
    (void)state;
    enum { BYTES = 1024 * 1024 };
    char *text = malloc(BYTES + 1);
    assert_non_null(text);
    size_t length = (size_t)snprintf(text, BYTES,
                                     "streaming:\n  provider: venue\n  subscriptions: [trades, "
                                     "quotes, bars, updatedBars, dailyBars, statuses, lulds, "
                                     "imbalances, books]\n  symbols:\n");
    for (int i = 0; length + 24 < BYTES; i++)
        length += (size_t)snprintf(text + length, BYTES - length, "   - %d\n", i);
    const char *message = "f.yaml:2: more than 1000000 subscriptions; use \"*\" for all symbols";
    struct qta_config *config = NULL;
    struct qta_error err;
    int symbols = 0;
    for (size_t i = 0; i < length; i++)
        symbols += text[i] == '-';
    assert_true(symbols * 9 < 1000000); /* one provider cannot be too much, many can */
    assert_int_equal(
        qta_config_load_text(&config, "f.yaml", text, length, NULL, 0, &fake_adapters, &err),
        QTA_OK);
    assert_int_equal(qta_config_gateway(config)->providers[0].subscription_count, symbols * 9);
    qta_config_destroy(config);

    length = (size_t)snprintf(text, BYTES, "streaming:\n  providers:\n");
    for (int i = 0; i < 60; i++)
        length += (size_t)snprintf(text + length, BYTES - length,
                                   "    - {name: v%d, adapter: venue, subscriptions: [trades]}\n",
                                   i);
    length += (size_t)snprintf(text + length, BYTES - length, "  symbols:\n");
    for (int i = 0; length + 24 < BYTES; i++)
        length += (size_t)snprintf(text + length, BYTES - length, "   - %d\n", i);
    assert_int_equal(
        qta_config_load_text(&config, "f.yaml", text, length, NULL, 0, &fake_adapters, &err),
        QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, strchr(message, ' ')));
    qta_config_destroy(config);
    free(text);
}

static void a_thousand_findings_are_a_hundred_and_a_number(void **state)
{
    (void)state;
    static char text[FINDINGS_BYTES];
    size_t length = (size_t)snprintf(text, sizeof text, "streaming:\n  providers:\n");
    for (int i = 0; i < 60; i++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "    - name: s%d\n      adapter: synthetic\n      seed: x\n"
                                   "      rate: y\n      foo: 1\n      bar: 2\n",
                                   i);
    struct qta_config *config = NULL;
    assert_int_equal(
        qta_config_load_text(&config, "f.yaml", text, length, NULL, 0, &fake_adapters, NULL),
        QTA_ERR_CONFIG);
    const struct qta_config_finding *findings;
    assert_int_equal(qta_config_findings(config, &findings), 202);
    assert_string_equal(findings[100].message, "f.yaml: and 20 more errors");
    assert_true(findings[100].is_error);
    assert_string_equal(findings[201].message, "f.yaml: and 20 more warnings");
    assert_false(findings[201].is_error);
    qta_config_destroy(config);
}

static void files_that_cannot_be_read_are_told(void **state)
{
    (void)state;
    struct qta_config *config = NULL;
    struct qta_error err;
    assert_int_equal(
        qta_config_load_with(&config, "/nonexistent/f.yaml", NULL, 0, &fake_adapters, &err),
        QTA_ERR_NOT_FOUND);
    assert_null(config);
    assert_string_equal(err.message,
                        "cannot read '/nonexistent/f.yaml': No such file or directory");
    assert_int_equal(qta_config_load_with(&config, "/", NULL, 0, &fake_adapters, &err), QTA_ERR_IO);
    assert_null(config);
    assert_string_equal(err.message, "cannot read '/': Is a directory");
    assert_int_equal(qta_config_load_with(&config, "/dev/zero", NULL, 0, &fake_adapters, &err),
                     QTA_ERR_CONFIG);
    assert_null(config);
    assert_string_equal(err.message, "'/dev/zero' is larger than 1 MiB: no configuration");
}

static int set_environment(void **state)
{
    (void)state;
    unsetenv("QTA_TEST_UNSET");
    return setenv("QTA_TEST_SECRET", "s3cr3t", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_that_is_none_is_told_with_its_line),
        cmocka_unit_test(yaml_beyond_plain_values_is_refused),
        cmocka_unit_test(values_of_the_wrong_kind_are_told_what_they_must_be),
        cmocka_unit_test(unknown_keys_are_warned_about_with_the_nearest_name),
        cmocka_unit_test(providers_that_cannot_be_are_told_why),
        cmocka_unit_test(urls_that_lead_nowhere_are_refused),
        cmocka_unit_test(subscriptions_are_checked_against_the_adapter),
        cmocka_unit_test(settings_of_adapters_are_checked_by_their_type),
        cmocka_unit_test(what_cannot_go_together_is_told),
        cmocka_unit_test(keys_and_the_way_to_log_in_must_fit_together),
        cmocka_unit_test(references_must_lead_somewhere),
        cmocka_unit_test(what_came_from_the_environment_is_never_told),
        cmocka_unit_test(overrides_that_lead_nowhere_are_errors),
        cmocka_unit_test(files_made_to_hurt_are_refused_at_once),
        cmocka_unit_test(too_many_subscriptions_are_refused),
        cmocka_unit_test(a_thousand_findings_are_a_hundred_and_a_number),
        cmocka_unit_test(files_that_cannot_be_read_are_told),
    };
    return cmocka_run_group_tests(tests, set_environment, NULL);
}
