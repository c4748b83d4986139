/* How often a venue is knocked at, over simulated days: whatever it does, never more than is
 * polite, and never less than is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/http_upgrade.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

static struct stage *make_stage(const struct act *acts, size_t act_count)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    stage->acts = acts;
    stage->act_count = act_count;
    return stage;
}

static void destroy_stage(struct stage *stage)
{
    stage_finish(stage);
    free(stage);
}

/* The most attempts in any minute, wherever it begins. */
static int worst_minute(const struct stage *stage, int attempts)
{
    int worst = 0;
    for (int first = 0, last = 0; last < attempts; last++) {
        while (stage->attempt_ns[last] - stage->attempt_ns[first] >= MINUTE)
            first++;
        worst = last - first + 1 > worst ? last - first + 1 : worst;
    }
    return worst;
}

static int64_t gap_before(const struct stage *stage, int attempt)
{
    return stage->attempt_ns[attempt] - stage->attempt_ns[attempt - 1];
}

/* ---- a day of failures ------------------------------------------------------------------------
 */

#define REFUSED                                                                                    \
    {                                                                                              \
        .cause = QTA_CAUSE_CONNECT, .reason = "refused"                                            \
    }
#define RESET                                                                                      \
    {                                                                                              \
        .cause = QTA_CAUSE_LOST, .reason = "reset"                                                 \
    }

static void a_day_of_failures_stays_under_the_rate(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct act act;
        int64_t delay_ns, delay_max_ns;
        uint32_t connects_per_minute, breaker_threshold;
        int hours, minute_max, attempts_min, attempts_max;
    } cases[] = {
        {"refused, spread by the backoff alone",
         {.is_refused = true, .end = REFUSED},
         S,
         16 * S,
         0,
         0,
         24,
         25,
         10000,
         12000},
        {"refused, with a backoff that is none",
         {.is_refused = true, .end = REFUSED},
         MS,
         MS,
         30,
         0,
         24,
         30,
         10000,
         24000},
        {"opened and dropped at once",
         {.lifetime_ns = 1, .end = RESET},
         MS,
         MS,
         30,
         0,
         4,
         30,
         3800,
         4000},
        {"subscribed, a tick, dropped",
         {.lifetime_ns = 100 * MS, .tick_interval_ns = 10 * MS, .end = RESET},
         MS,
         MS,
         30,
         0,
         2,
         30,
         1900,
         2000},
        {"one a minute is one a minute",
         {.is_refused = true, .end = REFUSED},
         MS,
         MS,
         1,
         0,
         24,
         1,
         1430,
         1441},
        {"refused, with the circuit open most of the time",
         {.is_refused = true, .end = REFUSED},
         S,
         16 * S,
         30,
         5,
         24,
         10,
         2800,
         2900},
        {"503 without a hint, every time",
         {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 503, .reason = "busy"}},
         MS,
         MS,
         30,
         0,
         24,
         30,
         1400,
         4000},
        {"a venue that never answers", {.is_mute = true}, MS, MS, 30, 0, 12, 6, 4000, 4400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage *stage = make_stage(&cases[i].act, 1);
        stage->options.reconnect_delay_ns = cases[i].delay_ns;
        stage->options.reconnect_delay_max_ns = cases[i].delay_max_ns;
        stage->provider.connects_per_minute = cases[i].connects_per_minute;
        stage->provider.breaker_threshold = cases[i].breaker_threshold;
        stage->provider.breaker_timeout_ns = 30 * S;
        stage_open(stage);
        stage_run_for(stage, cases[i].hours * HOUR);
        int attempts = scripted_attempts(stage->transport);
        int worst = worst_minute(stage, attempts);
        print_message("%s: %d attempts, %d in the worst minute\n", cases[i].what, attempts, worst);
        assert_false(stage->is_over);
        assert_in_range(attempts, cases[i].attempts_min, cases[i].attempts_max);
        assert_in_range(worst, 1, cases[i].minute_max);
        destroy_stage(stage);
    }
}

/* A provider with ten connections, a symbol each. */
static struct stage *make_pool(const struct act *acts, size_t act_count)
{
    enum { CONNECTIONS = 10 };
    static const char *const symbols[CONNECTIONS] = {"A", "B", "C", "D", "E",
                                                     "F", "G", "H", "I", "J"};
    static struct qta_subscription subscriptions[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++)
        subscriptions[i] = (struct qta_subscription){.type = QTA_TICK_TRADE, .symbol = symbols[i]};
    struct stage *stage = make_stage(acts, act_count);
    stage->provider.subscriptions = subscriptions;
    stage->provider.subscription_count = CONNECTIONS;
    stage->provider.max_connections = CONNECTIONS;
    stage->provider.symbols_per_connection = 1;
    stage->provider.connects_per_minute = 30;
    return stage;
}

static void ten_connections_share_one_rate(void **state)
{
    (void)state;
    static const struct act act = {.is_refused = true, .end = REFUSED};
    struct stage *stage = make_pool(&act, 1);
    stage->options.reconnect_delay_ns = MS;
    stage->options.reconnect_delay_max_ns = MS;
    stage_open(stage);
    stage_run_for(stage, 2 * HOUR);
    int attempts = scripted_attempts(stage->transport);
    uint32_t own[10] = {0};
    for (size_t i = 0; i < stage->tick_count; i++) {
        const struct qta_tick *tick = &stage->ticks[i];
        if (tick->type != QTA_TICK_CONN || tick->conn_event.state != QTA_CONN_CONNECTING)
            continue;
        const char *detail = qta_dictionary_name(qta_gateway_names(stage->gateway), QTA_NAME_TEXT,
                                                 tick->conn_event.detail, NULL);
        long number = strtol(detail, NULL, 10);
        assert_in_range(number, 1, 10);
        own[number - 1]++;
    }
    assert_in_range(attempts, 1900, 1950);
    assert_int_equal(worst_minute(stage, attempts), 30);
    for (int i = 0; i < 10; i++) /* in turn: nobody is starved */
        assert_in_range(own[i], 190, 200);
    destroy_stage(stage);
}

static void one_connections_retry_after_keeps_all_of_them(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.is_refused = true,
         .end = {.cause = QTA_CAUSE_HTTP,
                 .code = 429,
                 .retry_after_ns = 300 * S,
                 .reason = "slow down"}},
        {.lifetime_ns = 20 * S, .end = RESET},
        {0},
    };
    struct stage *stage = make_pool(acts, 3);
    stage_open(stage);
    stage_run_for(stage, 15 * MINUTE);
    int attempts = scripted_attempts(stage->transport);
    assert_int_equal(attempts, 12); /* ten at once, of which one is refused and one is cut */
    assert_true(stage->attempt_ns[9] - stage->attempt_ns[0] < MS);
    assert_true(stage->attempt_ns[10] - stage->attempt_ns[0] > 300 * S);
    assert_true(stage->attempt_ns[11] - stage->attempt_ns[10] > 3 * S); /* at half the rate */
    destroy_stage(stage);
}

/* ---- hints ------------------------------------------------------------------------------------
 */

/* What the HTTP client makes of an answer, at the hour at which a stage begins. */
static struct act refusal(const char *text)
{
    static const int64_t begin_ns = INT64_C(1714564800) * S; /* 2024-05-01T12:00:00Z */
    struct qta_http_progress progress = {0};
    struct qta_http_answer answer;
    assert_int_equal(
        qta_http_read_answer((const uint8_t *)text, strlen(text), &progress, "", begin_ns, &answer),
        QTA_HTTP_REFUSED);
    struct act act = {.is_refused = true,
                      .end = {.cause = QTA_CAUSE_HTTP,
                              .code = answer.status,
                              .retry_after_ns = answer.retry_after_ns}};
    memcpy(act.end.reason, answer.reason, sizeof answer.reason);
    return act;
}

static void nobody_comes_before_a_retry_after_is_over(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int64_t shortest_ns, longest_ns;
    } cases[] = {
        {"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\n\r\n", 7 * S, 8 * S},
        {"HTTP/1.1 503 Busy\r\nRetry-After: Wed, 01 May 2024 12:01:30 GMT\r\n\r\n", 90 * S, 91 * S},
        {"HTTP/1.1 418 Banned\r\nRetry-After: 7200\r\n\r\n", 2 * HOUR, 2 * HOUR + S},
        {"HTTP/1.1 429 Slow Down\r\nRetry-After: 86400\r\n\r\n", 24 * HOUR, 24 * HOUR + S},
        {"HTTP/1.1 503 Busy\r\nRetry-After: 1000000000\r\n\r\n", HOUR, HOUR + S},
        {"HTTP/1.1 503 Busy\r\nRetry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n", HOUR, HOUR + S},
        {"HTTP/1.1 429 Slow Down\r\nRetry-After: a while\r\n\r\n", MS, 10 * S},
        {"HTTP/1.1 429 Slow Down\r\nRetry-After: -7\r\n\r\n", MS, 10 * S},
        {"HTTP/1.1 503 Busy\r\n\r\n", MS, 10 * S},
    };
    static const uint32_t limits[] = {0, 30};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t j = 0; j < 2; j++) {
            const struct act acts[] = {refusal(cases[i].answer), {0}};
            struct stage *stage = make_stage(acts, 2);
            stage->provider.connects_per_minute = limits[j];
            stage_open(stage);
            stage_run_for(stage, cases[i].longest_ns + MINUTE);
            print_message("answer %zu, limit %u\n", i, limits[j]);
            assert_int_equal(scripted_attempts(stage->transport), 2);
            assert_in_range(gap_before(stage, 1), cases[i].shortest_ns, cases[i].longest_ns);
            assert_int_equal(stage_log_count(stage, "the venue asks for fewer connects"), 1);
            destroy_stage(stage);
        }
    }
}

static void ignore_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
}

/* A provider's own word, while the connection stands. */
static void a_venue_that_wants_fewer_messages_gets_none_for_a_while(void **state)
{
    (void)state;
    static const struct act act = {.says = "slower 7"};
    static const double rates[] = {0, 50};
    for (size_t i = 0; i < 2; i++) {
        struct stage *stage = make_stage(&act, 1);
        stage->provider.rate_limit_per_s = rates[i];
        stage->provider.rate_limit_burst = 50;
        stage_open(stage);
        stage_run_for(stage, S);
        assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n");
        assert_int_equal(stage_log_count(stage, "the venue asks for fewer messages: none for 7 s"),
                         1);
        const char *more[] = {"GOOG"};
        assert_int_equal(
            qta_gateway_subscribe_to_trades(stage->gateway, more, 1, ignore_tick, NULL, NULL),
            QTA_OK);
        stage_run_for(stage, 5900 * MS);
        assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n");
        stage_run_for(stage, 200 * MS);
        assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n1:sub GOOG\n");
        destroy_stage(stage);
    }
}

static void a_venue_that_wants_fewer_connects_sees_none_for_a_while(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.says = "fewer 20", .lifetime_ns = S, .end = RESET},
        {0},
    };
    struct stage *stage = make_stage(acts, 2);
    stage->provider.connects_per_minute = 30;
    stage_open(stage);
    stage_run_for(stage, MINUTE);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_in_range(gap_before(stage, 1), 20 * S, 21 * S);
    destroy_stage(stage);
}

static void a_venue_that_wants_no_messages_gets_no_login_either(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.says = "slower 60", .lifetime_ns = S, .end = RESET},
        {0},
    };
    struct stage *stage = make_stage(acts, 2);
    stage_open(stage);
    stage_run_for(stage, 2 * MINUTE);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_in_range(gap_before(stage, 1), 60 * S, 61 * S);
    destroy_stage(stage);
}

static void a_login_that_waits_for_the_rate_is_not_the_venues_delay(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.lifetime_ns = S, .end = RESET},
        {0},
    };
    struct stage *stage = make_stage(acts, 2);
    stage->provider.rate_limit_per_s = 0.02; /* one in 50 s */
    stage->provider.rate_limit_burst = 2;
    stage_open(stage);
    stage_run_for(stage, 3 * MINUTE);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_non_null(strstr(stage->sent, "2:sub AAPL MSFT"));
    destroy_stage(stage);
}

/* ---- the circuit ------------------------------------------------------------------------------
 */

static void an_open_circuit_closes_only_when_a_probe_has_brought_data_for_a_minute(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.is_refused = true, .end = REFUSED},
        {.is_refused = true, .end = REFUSED},
        {.is_refused = true, .end = REFUSED},       /* opens */
        {.is_refused = true, .end = REFUSED},       /* a probe each */
        {.has_no_welcome = true},                   /* 30 s of patience, then another */
        {.lifetime_ns = 10 * MS + 1, .end = RESET}, /* opens and drops */
        {.lifetime_ns = 30 * S, .end = RESET},      /* thirty seconds of data */
        {.lifetime_ns = 65 * S, .end = RESET},      /* more than a minute: closed */
        {.is_refused = true, .end = REFUSED},       /* the loss before was the first of three */
        {.is_refused = true, .end = REFUSED},       /* opens again */
        {.is_refused = true, .end = REFUSED},
        {0},
    };
    struct stage *stage = make_stage(acts, sizeof acts / sizeof acts[0]);
    stage->provider.breaker_threshold = 3;
    stage->provider.breaker_timeout_ns = 120 * S;
    stage->provider.connects_per_minute = 60;
    stage_open(stage);
    stage_run_for(stage, HOUR);
    static const int64_t shortest_ns[] = {0, 0, 120, 120, 150, 120, 150, 65, 0, 120, 120};
    assert_int_equal(scripted_attempts(stage->transport), 12);
    for (int attempt = 1; attempt <= 11; attempt++) {
        int64_t wait_ns = gap_before(stage, attempt);
        print_message("attempt %d after %lld ms\n", attempt + 1, (long long)(wait_ns / MS));
        assert_in_range(wait_ns, shortest_ns[attempt - 1] * S, (shortest_ns[attempt - 1] + 4) * S);
    }
    destroy_stage(stage);
}

static void standing_there_without_data_takes_nothing_back(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct act act;
        bool gives_up;
    } cases[] = {
        {"five minutes without a tick",
         {.tick_interval_ns = HOUR, .lifetime_ns = 300 * S, .end = RESET},
         true},
        {"found to be mute after twenty",
         {.tick_interval_ns = HOUR,
          .lifetime_ns = 1200 * S,
          .end = {.cause = QTA_CAUSE_SILENT, .reason = "mute"}},
         true},
        {"a closed market's connection, cut every twenty minutes",
         {.tick_interval_ns = HOUR, .lifetime_ns = 1200 * S, .end = RESET},
         false},
        {"a tick every ten seconds for five minutes",
         {.tick_interval_ns = 10 * S, .lifetime_ns = 300 * S, .end = RESET},
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage *stage = make_stage(&cases[i].act, 1);
        stage->options.reconnect_attempts = 4;
        stage->provider.breaker_threshold = 3;
        stage->provider.breaker_timeout_ns = 30 * S;
        stage_open(stage);
        stage_run_for(stage, 10 * HOUR);
        print_message("%s: %d attempts\n", cases[i].what, scripted_attempts(stage->transport));
        assert_true(stage->is_over == cases[i].gives_up);
        if (cases[i].gives_up)
            assert_int_equal(scripted_attempts(stage->transport), 4);
        else
            assert_in_range(scripted_attempts(stage->transport), 28, 125);
        destroy_stage(stage);
    }
}

/* ---- what is shown of it ----------------------------------------------------------------------
 */

static double limit_of(const struct stage *stage, const char *family, const char *what)
{
    char series[128];
    snprintf(series, sizeof series, "%s{provider=\"venue\"%s%s%s}", family, what ? ",what=\"" : "",
             what ? what : "", what ? "\"" : "");
    return stage_metric(stage, series);
}

static bool is_about(double value, double expected)
{
    return fabs(value - expected) < 1e-6;
}

static const char *circuit_of(const struct stage *stage)
{
    static const char *const names[] = {"closed", "open", "half_open", "blocked"};
    const char *now = "none";
    double sum = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char series[128];
        snprintf(series, sizeof series,
                 "qta_circuit_breaker_state{provider=\"venue\",state=\"%s\"}", names[i]);
        double value = stage_metric(stage, series);
        now = value == 1 ? names[i] : now;
        sum += value;
    }
    return sum == 1 ? now : "several"; /* also when one is missing */
}

static void assert_status_has(const struct stage *stage, const char *text)
{
    char *status;
    assert_int_equal(qta_gateway_status(stage->gateway, &status, NULL), QTA_OK);
    if (!strstr(status, text))
        print_message("%s\n", status);
    assert_non_null(strstr(status, text));
    free(status);
}

static void the_metrics_tell_how_the_limits_move(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 429, .reason = "slow down"}},
        {.says = "slower 7"},
    };
    struct stage *stage = make_stage(acts, 2);
    stage->provider.connects_per_minute = 30;
    stage->provider.rate_limit_per_s = 64;
    stage->provider.rate_limit_burst = 1;
    stage_open(stage);
    stage_run_for(stage, 5 * MS); /* 429 comes after 10 ms */
    assert_true(is_about(limit_of(stage, "qta_rate_limit_connects_per_second", NULL), 16 / 60.0));
    assert_true(limit_of(stage, "qta_rate_limit_messages_per_second", NULL) == 64);
    assert_true(limit_of(stage, "qta_throttles_total", "connects") == 0);
    assert_true(limit_of(stage, "qta_rate_limit_waits_total", "connects") == 0);
    stage_run_for(stage, S);
    assert_true(is_about(limit_of(stage, "qta_rate_limit_connects_per_second", NULL), 8 / 60.0));
    assert_true(limit_of(stage, "qta_throttles_total", "connects") == 1);
    stage_run_for(stage, 9 * S); /* connected, asked for fewer messages */
    assert_true(limit_of(stage, "qta_throttles_total", "messages") == 1);
    assert_true(limit_of(stage, "qta_rate_limit_messages_per_second", NULL) == 32);
    assert_true(limit_of(stage, "qta_rate_limit_waits_total", "messages") == 1); /* behind login */
    assert_status_has(stage, "\"rate_limit\":{\"messages_per_s\":32,\"connects_per_s\":0.133333,"
                             "\"messages_throttled\":1,\"connects_throttled\":1}");
    stage_run_for(stage, 11 * MINUTE);
    assert_true(is_about(limit_of(stage, "qta_rate_limit_connects_per_second", NULL), 16 / 60.0));
    assert_true(limit_of(stage, "qta_rate_limit_messages_per_second", NULL) == 64);
    assert_true(limit_of(stage, "qta_throttles_total", "connects") == 1);
    destroy_stage(stage);
}

static void the_metrics_tell_of_connects_that_wait(void **state)
{
    (void)state;
    static const struct act act = {.is_refused = true, .end = REFUSED};
    struct stage *stage = make_stage(&act, 1);
    stage->provider.connects_per_minute = 2;
    stage->options.reconnect_delay_ns = MS;
    stage->options.reconnect_delay_max_ns = MS;
    stage_open(stage);
    stage_run_for(stage, 10 * MINUTE);
    assert_in_range(scripted_attempts(stage->transport), 19, 21);
    double waits = limit_of(stage, "qta_rate_limit_waits_total", "connects");
    assert_true(waits >= 18 && waits <= 20);
    destroy_stage(stage);
}

static void no_limit_is_shown_as_none(void **state)
{
    (void)state;
    struct stage *stage = make_stage(NULL, 0);
    stage_open(stage);
    stage_run_for(stage, S);
    assert_true(isinf(limit_of(stage, "qta_rate_limit_connects_per_second", NULL)));
    assert_true(isinf(limit_of(stage, "qta_rate_limit_messages_per_second", NULL)));
    assert_status_has(stage, "\"rate_limit\":{\"messages_throttled\":0,\"connects_throttled\":0}");
    destroy_stage(stage);
}

static void the_metrics_tell_the_state_of_the_circuit(void **state)
{
    (void)state;
    static const struct act acts[] = {
        {.is_refused = true, .end = REFUSED},
        {.is_refused = true, .end = REFUSED},
        {.is_refused = true, .end = REFUSED},
        {.lifetime_ns = 65 * S, .end = RESET},
        {.says = "block"},
    };
    struct stage *stage = make_stage(acts, 5);
    stage->provider.breaker_threshold = 3;
    stage->provider.breaker_timeout_ns = 120 * S;
    stage_open(stage);
    stage_run_for(stage, MS);
    assert_string_equal(circuit_of(stage), "closed");
    stage_run_for(stage, MINUTE);
    assert_string_equal(circuit_of(stage), "open");
    assert_true(limit_of(stage, "qta_circuit_breaker_opens_total", NULL) == 1);
    assert_status_has(stage, "\"circuit\":\"open\"");
    stage_run_for(stage, 90 * S); /* the probe is there, and young */
    assert_string_equal(circuit_of(stage), "half_open");
    stage_run_for(stage, 33 * S);
    assert_string_equal(circuit_of(stage), "closed");
    stage_run_for(stage, MINUTE);
    assert_true(stage->is_over);
    assert_string_equal(circuit_of(stage), "blocked");
    assert_true(limit_of(stage, "qta_circuit_breaker_opens_total", NULL) == 1);
    destroy_stage(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_failures_stays_under_the_rate),
        cmocka_unit_test(ten_connections_share_one_rate),
        cmocka_unit_test(one_connections_retry_after_keeps_all_of_them),
        cmocka_unit_test(nobody_comes_before_a_retry_after_is_over),
        cmocka_unit_test(a_venue_that_wants_fewer_messages_gets_none_for_a_while),
        cmocka_unit_test(a_venue_that_wants_fewer_connects_sees_none_for_a_while),
        cmocka_unit_test(a_venue_that_wants_no_messages_gets_no_login_either),
        cmocka_unit_test(a_login_that_waits_for_the_rate_is_not_the_venues_delay),
        cmocka_unit_test(an_open_circuit_closes_only_when_a_probe_has_brought_data_for_a_minute),
        cmocka_unit_test(standing_there_without_data_takes_nothing_back),
        cmocka_unit_test(the_metrics_tell_how_the_limits_move),
        cmocka_unit_test(the_metrics_tell_of_connects_that_wait),
        cmocka_unit_test(no_limit_is_shown_as_none),
        cmocka_unit_test(the_metrics_tell_the_state_of_the_circuit),
    };
    return cmocka_run_group_tests_name("reconnects", tests, NULL, NULL);
}
