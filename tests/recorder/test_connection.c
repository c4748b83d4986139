/* One provider's life, told by the records it leaves: lost, refused, silent, blocked, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S

static int make_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    *state = stage;
    return 0;
}

static int free_stage(void **state)
{
    stage_finish(*state);
    free(*state);
    return 0;
}

static void a_good_venue_is_logged_in_to_and_subscribed_once(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 3 * S + 500 * MS);
    assert_string_equal(stage_story(stage), "connecting open ready subscribed trade trade trade");
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n");
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    assert_string_equal(stage_story(stage),
                        "connecting open ready subscribed trade trade trade stopped:stop");
    assert_int_equal(stage->last_close_code, 1000);
    for (size_t i = 0; i < stage->tick_count; i++) {
        assert_int_equal(stage->ticks[i].rx_seq, i + 1);
        assert_int_equal(stage->ticks[i].conn, i == 0 ? 0 : 1);
        assert_true(i == 0 || stage->ticks[i].ts_recv_ns >= stage->ticks[i - 1].ts_recv_ns);
    }
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.market_ticks, 3);
    assert_int_equal(stats.dispatched, stage->tick_count);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(stats.disconnects, 1);
    assert_int_equal(stats.connected, 0);
    assert_int_equal(stats.frames, 6);
    assert_int_equal(stats.bytes, strlen("welcomeok AAPLok MSFTt AAPLt AAPLt AAPL"));
}

/* What may happen to a connection, and the story that it leaves; it always comes back. */
static void every_loss_is_on_record_and_followed_by_a_full_resubscription(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct act act;
        const char *story;
        int code;
    } cases[] = {
        {"lost without a word",
         {.lifetime_ns = 1500 * MS, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset by peer"}},
         "connecting open ready subscribed trade disconnected:lost "
         "connecting open ready subscribed gap trade",
         0},
        {"closed, going away",
         {.lifetime_ns = 1500 * MS,
          .end = {.cause = QTA_CAUSE_PEER_CLOSED, .code = 1001, .reason = "going away"}},
         "connecting open ready subscribed trade disconnected:peer_closed "
         "connecting open ready subscribed gap trade",
         1001},
        {"closed for a restart",
         {.lifetime_ns = 1500 * MS,
          .end = {.cause = QTA_CAUSE_PEER_CLOSED, .code = 1012, .reason = "service restart"}},
         "connecting open ready subscribed trade disconnected:peer_closed "
         "connecting open ready subscribed gap trade",
         1012},
        {"no answer to pings",
         {.lifetime_ns = 1500 * MS, .end = {.cause = QTA_CAUSE_SILENT, .reason = "no pong"}},
         "connecting open ready subscribed trade disconnected:silent "
         "connecting open ready subscribed gap trade",
         0},
        {"the provider reports an error",
         {.says = "fail 0"},
         "connecting open ready subscribed disconnected:provider "
         "connecting open ready subscribed gap trade",
         500},
        {"refused at the TCP level: nothing has flowed yet, so nothing was missed",
         {.is_refused = true, .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}},
         "connecting disconnected:connect connecting open ready subscribed trade",
         0},
        {"never answers the connect",
         {.is_mute = true},
         "connecting disconnected:silent connecting open ready subscribed trade",
         0},
        {"never answers the login",
         {.has_no_welcome = true},
         "connecting open disconnected:silent connecting open ready subscribed trade",
         0},
        {"refused once with 401",
         {.is_refused = true,
          .end = {.cause = QTA_CAUSE_HTTP, .code = 401, .reason = "unauthorized"}},
         "connecting disconnected:http connecting open ready subscribed trade",
         401},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        const struct act acts[] = {cases[i].act, {0}};
        stage->acts = acts;
        stage->act_count = 2;
        stage_open(stage);
        print_message("case '%s'\n", cases[i].what);
        for (int turn = 0; turn < 200 && strcmp(stage_story(stage), cases[i].story) != 0; turn++)
            stage_run_for(stage, 300 * MS);
        assert_string_equal(stage_story(stage), cases[i].story);
        assert_int_equal(stage_conn(stage, QTA_CONN_DISCONNECTED)->conn_event.code, cases[i].code);
        assert_non_null(strstr(stage->sent, "2:login\n2:sub AAPL MSFT\n"));
        stage_finish(stage);
        free(stage);
    }
}

static void a_gap_tells_what_was_missed(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 2500 * MS, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}},
        {0},
    };
    stage->acts = acts;
    stage->act_count = 3;
    stage_open(stage);
    stage_run_for(stage, 20 * S);
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *last = stage_tick(stage, QTA_TICK_TRADE, 1);
    assert_non_null(gap);
    assert_int_equal(gap->gap.scope, QTA_GAP_PROVIDER);
    assert_int_equal(gap->gap.cause, QTA_CAUSE_LOST); /* what began it, not what came after */
    assert_true(gap->gap.last_good_ns == last->ts_recv_ns);
    assert_true(gap->gap.first_good_ns == gap->ts_recv_ns);
    assert_int_equal(gap->conn, 2);
    assert_null(stage_tick(stage, QTA_TICK_GAP, 1));
}

static void data_that_comes_before_the_acknowledgement_closes_the_gap(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 1500 * MS, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
        {.has_no_ack = true, .says = "t AAPL"},
    };
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    while (!stage_tick(stage, QTA_TICK_TRADE, 2))
        stage_run_for(stage, 100 * MS);
    assert_string_equal(stage_story(stage),
                        "connecting open ready subscribed trade disconnected:lost "
                        "connecting open ready gap trade trade");
}

/* Who must act: the venue by itself, or a person. */
static void what_cannot_get_better_is_given_up_with_one_clear_error(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct act act;
        int attempts;
        enum qta_status status;
        const char *story_end;
        const char *error;
    } cases[] = {
        {"the provider refuses the key",
         {.says = "block"},
         1,
         QTA_ERR_REFUSED,
         "disconnected:auth blocked:auth",
         "venue: auth failed; not tried again"},
        {"401 three times",
         {.is_refused = true,
          .end = {.cause = QTA_CAUSE_HTTP, .code = 401, .reason = "HTTP 401 Unauthorized"}},
         3,
         QTA_ERR_REFUSED,
         "disconnected:http blocked:http",
         "venue: HTTP 401 Unauthorized, three times: check key and secret; not tried again"},
        {"403 three times",
         {.is_refused = true,
          .end = {.cause = QTA_CAUSE_HTTP, .code = 403, .reason = "HTTP 403 Forbidden"}},
         3,
         QTA_ERR_REFUSED,
         "disconnected:http blocked:http",
         "venue: HTTP 403 Forbidden, three times: check key and secret; not tried again"},
        {"a certificate that is not accepted",
         {.is_refused = true,
          .end = {.cause = QTA_CAUSE_TLS,
                  .is_certificate = true,
                  .reason = "certificate has expired"}},
         3,
         QTA_ERR_REFUSED,
         "disconnected:tls blocked:tls",
         "venue: certificate has expired, three times: check tls.ca_file and the clock; "
         "not tried again"},
        {"attempts used up",
         {.is_refused = true, .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}},
         5,
         QTA_ERR_FEED,
         "disconnected:connect blocked:connect",
         "venue: refused; reconnect_attempts are used up"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        stage->acts = &cases[i].act;
        stage->act_count = 1;
        stage->options.reconnect_attempts = 5;
        stage_open(stage);
        print_message("case '%s'\n", cases[i].what);
        stage_run_for(stage, 3600 * S);
        assert_true(stage->is_over); /* no provider is left: the run ends by itself */
        struct qta_error err;
        assert_int_equal(stage_stop(stage, &err), cases[i].status);
        assert_string_equal(err.message, cases[i].error);
        assert_int_equal(scripted_attempts(stage->transport), cases[i].attempts);
        const char *story = stage_story(stage);
        size_t length = strlen(cases[i].story_end);
        assert_true(strlen(story) > length);
        assert_string_equal(story + strlen(story) - length, cases[i].story_end);
        assert_int_equal(stage_log_count(stage, "error "), 0); /* it is returned, once */
        stage_finish(stage);
        free(stage);
    }
}

static void handshakes_that_break_off_and_busy_venues_are_tried_for_ever(void **state)
{
    (void)state;
    static const struct qta_link_end ends[] = {
        {.cause = QTA_CAUSE_TLS, .reason = "handshake broke off"},
        {.cause = QTA_CAUSE_HTTP, .code = 429, .reason = "HTTP 429"},
        {.cause = QTA_CAUSE_HTTP, .code = 503, .reason = "HTTP 503"},
        {.cause = QTA_CAUSE_RESOLVE, .reason = "no such host"},
        {.cause = QTA_CAUSE_PEER_CLOSED, .code = 1002, .reason = "restart"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        struct act act = {.is_refused = true, .end = ends[i]};
        stage->acts = &act;
        stage->act_count = 1;
        stage_open(stage);
        stage_run_for(stage, 3600 * S);
        assert_false(stage->is_over);
        assert_true(scripted_attempts(stage->transport) > 100);
        stage_finish(stage);
        free(stage);
    }
}

static void a_mix_of_refusals_and_losses_is_not_three_refusals(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 401, .reason = "401"}},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 403, .reason = "403"}},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 401, .reason = "401"}},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 401, .reason = "401"}},
        {0},
    };
    stage->acts = acts;
    stage->act_count = 6;
    stage_open(stage);
    stage_run_for(stage, 200 * S);
    assert_non_null(stage_conn(stage, QTA_CONN_SUBSCRIBED));
}

static void retry_after_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        struct act act;
        int64_t shortest_ns, longest_ns;
    } cases[] = {
        {{.is_refused = true,
          .end = {.cause = QTA_CAUSE_HTTP,
                  .code = 429,
                  .retry_after_ns = 7 * S,
                  .reason = "HTTP 429"}},
         7 * S,
         8 * S},
        {{.is_refused = true,
          .end = {.cause = QTA_CAUSE_HTTP,
                  .code = 503,
                  .retry_after_ns = INT64_C(1000000000) * S,
                  .reason = "HTTP 503"}},
         3600 * S,
         3601 * S},
        {{.says = "fail 20"}, 20 * S, 21 * S},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        const struct act acts[] = {cases[i].act, {0}};
        stage->acts = acts;
        stage->act_count = 2;
        stage_open(stage);
        stage_run_for(stage, 4000 * S);
        assert_int_equal(scripted_attempts(stage->transport), 2);
        assert_in_range(stage->attempt_ns[1] - stage->attempt_ns[0], cases[i].shortest_ns,
                        cases[i].longest_ns);
        stage_finish(stage);
        free(stage);
    }
}

static void refused_subscriptions_are_told_once_and_not_asked_again(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.refuses = "MSFT",
         .lifetime_ns = 1500 * MS,
         .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
    };
    stage->acts = acts;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, 60 * S);
    assert_int_equal(stage_log_count(stage, "subscription of 'MSFT' to trade refused: "
                                            "limit exceeded (code 405)"),
                     1);
    assert_true(scripted_attempts(stage->transport) > 2);
    assert_non_null(strstr(stage->sent, "1:sub AAPL MSFT\n"));
    assert_non_null(strstr(stage->sent, "2:sub AAPL\n"));
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.refused_subscriptions, 1);
    const struct qta_tick *subscribed = stage_conn(stage, QTA_CONN_SUBSCRIBED);
    assert_string_equal(qta_dictionary_name(qta_gateway_names(stage->gateway), QTA_NAME_TEXT,
                                            subscribed->conn_event.detail, NULL),
                        "1 subscriptions were refused");
}

static void when_everything_is_refused_nothing_is_called_subscribed(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {.refuses = "AAPL"};
    stage->acts = &act;
    stage->act_count = 1;
    stage->provider.subscription_count = 1;
    stage_open(stage);
    stage_run_for(stage, 10 * S);
    assert_string_equal(stage_story(stage), "connecting open ready");
    assert_int_equal(stage_log_count(stage, "error venue: all 1 subscriptions were refused"), 1);
}

static void faults_are_counted_and_logged_once_a_kind_and_connection(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {
        .says = "what", .lifetime_ns = 10 * S, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}};
    stage->acts = &act;
    stage->act_count = 1;
    stage_open(stage);
    while (scripted_attempts(stage->transport) < 4)
        stage_run_for(stage, S);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_in_range(stats.faults[QTA_FAULT_SYNTAX], 3, 4); /* the fourth may have said it too */
    assert_int_equal(stage_log_count(stage, "warning venue: malformed message: what"),
                     stats.faults[QTA_FAULT_SYNTAX]);
    assert_true(stats.market_ticks > 9); /* and the rest goes on */
}

static void a_message_over_the_limit_counts_as_a_fault(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 1500 * MS,
         .end = {.cause = QTA_CAUSE_PROTOCOL, .code = 1009, .reason = "too large"}},
        {0},
    };
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 5 * S);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.faults[QTA_FAULT_TOO_LARGE], 1);
    assert_int_equal(stats.connected, 1); /* and it is back */
}

/* 24 hours of a venue that accepts and drops at once, then one that drops after a message. */
static void reconnects_are_bounded_for_a_day_and_leave_nothing_behind(void **state)
{
    (void)state;
    static const int64_t lifetimes_ns[] = {MS, 1200 * MS};
    for (size_t i = 0; i < sizeof lifetimes_ns / sizeof lifetimes_ns[0]; i++) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        struct act act = {.lifetime_ns = lifetimes_ns[i],
                          .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}};
        stage->acts = &act;
        stage->act_count = 1;
        stage_open(stage);
        stage_run_for(stage, 86400 * S);
        int attempts = scripted_attempts(stage->transport);
        print_message("lives %lld ms: %d attempts in a day\n", (long long)(lifetimes_ns[i] / MS),
                      attempts);
        assert_in_range(attempts, 4000, 8000);
        for (int j = 20; j < attempts; j++) /* never twenty in a minute */
            assert_true(stage->attempt_ns[j] - stage->attempt_ns[j - 20] > 60 * S);
        assert_in_range(scripted_links(stage->transport), 0, 1);
        assert_in_range(stage_log_count(stage, "retry"), 1, 40); /* 1, 2, 4, 8, ... */
        assert_in_range(qta_dictionary_count(qta_gateway_names(stage->gateway), QTA_NAME_TEXT), 1,
                        10);
        stage_finish(stage);
        free(stage);
    }
}

static void a_connection_that_lasts_starts_over_with_short_waits(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 63 * S, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
    };
    stage->acts = acts;
    stage->act_count = 1;
    stage->options.reconnect_attempts = 3;
    stage_open(stage);
    stage_run_for(stage, 3600 * S);
    assert_false(stage->is_over); /* they never add up to three */
    int attempts = scripted_attempts(stage->transport);
    assert_in_range(attempts, 55, 58);
    for (int i = 1; i < attempts; i++)
        assert_in_range(stage->attempt_ns[i] - stage->attempt_ns[i - 1], 63 * S, 65 * S);
}

static void the_open_circuit_probes_at_its_own_pace(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {.is_refused = true,
                                   .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}};
    stage->acts = &act;
    stage->act_count = 1;
    stage->provider.breaker_threshold = 3;
    stage->provider.breaker_timeout_ns = 120 * S;
    stage_open(stage);
    stage_run_for(stage, 3600 * S);
    int attempts = scripted_attempts(stage->transport);
    assert_in_range(attempts, 28, 34);
    for (int i = 3; i < attempts; i++)
        assert_in_range(stage->attempt_ns[i] - stage->attempt_ns[i - 1], 120 * S, 121 * S);
}

static void outgoing_messages_keep_the_rate_limit(void **state)
{
    struct stage *stage = *state;
    stage->provider.rate_limit_per_s = 0.5;
    stage->provider.rate_limit_burst = 1;
    stage_open(stage);
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "1:login\n"); /* the second has to wait two seconds */
    stage_run_for(stage, 1500 * MS);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n");
}

static void a_stop_ends_the_waiting_too(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {.is_refused = true,
                                   .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}};
    stage->acts = &act;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, 100 * S);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    const char *story = stage_story(stage);
    assert_string_equal(story + strlen(story) - strlen("stopped:stop"), "stopped:stop");
}

static void a_stop_while_connecting_closes_what_is_half_open(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {.is_mute = true};
    stage->acts = &act;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, S);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    assert_string_equal(stage_story(stage), "connecting stopped:stop");
    assert_int_equal(scripted_links(stage->transport), 0);
}

static void a_stream_cut_at_every_byte_gives_the_same_ticks(void **state)
{
    (void)state;
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty-tcp");
    static const struct act acts[] = {
        {.lifetime_ns = 3500 * MS, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
    };
    stage->acts = acts;
    stage->act_count = 1;
    stage_open(stage);
    while (!stage_conn(stage, QTA_CONN_DISCONNECTED))
        stage_run_for(stage, MS);
    const char *expected = "connecting open ready subscribed trade trade trade disconnected:lost";
    assert_memory_equal(stage_story(stage), expected, strlen(expected));
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.bytes, strlen("welcome\nok AAPL\nok MSFT\nt AAPL\nt AAPL\nt AAPL\n"));
    assert_int_equal(stats.frames, 6);
    assert_int_equal(stats.faults[QTA_FAULT_SYNTAX], 0);
    stage_finish(stage);
    free(stage);
}

/* ---- several providers, and subscriptions of the program's own ------------------------------- */

static void ignore_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
}

static void subscribe(struct stage *stage, enum qta_tick_type type, const char *a, const char *b)
{
    const char *symbols[] = {a, b};
    assert_int_equal(
        qta_gateway_subscribe(stage->gateway, type, symbols, b ? 2 : 1, ignore_tick, NULL, NULL),
        QTA_OK);
}

static void add_second_provider(struct stage *stage, struct qta_provider_options providers[2])
{
    stage->provider.subscription_count = 1; /* AAPL */
    providers[0] = stage->provider;
    providers[1] = stage->provider;
    providers[1].name = "other";
    providers[1].subscriptions = &stage->subscriptions[1]; /* MSFT */
    stage->options.providers = providers;
    stage->options.provider_count = 2;
}

static void each_provider_is_asked_for_its_own_and_for_what_is_new(void **state)
{
    struct stage *stage = *state;
    struct qta_provider_options providers[2];
    add_second_provider(stage, providers);
    stage_open(stage);
    subscribe(stage, QTA_TICK_TRADE, "TSLA",
              "AAPL"); /* before the run: part of the first message */
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "1:login\n2:login\n1:sub AAPL TSLA\n2:sub MSFT TSLA\n");
    stage->sent[0] = '\0';
    subscribe(stage, QTA_TICK_TRADE, "AAPL", "TSLA"); /* both are subscribed to */
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "");
    subscribe(stage, QTA_TICK_TRADE, "NVDA", "TSLA");
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "1:sub NVDA\n2:sub NVDA\n");
    stage->sent[0] = '\0';
    subscribe(stage, QTA_TICK_QUOTE, "AAPL", NULL);
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "");
    assert_int_equal(stage_log_count(stage, "warning gateway: no provider has ticks of type quote"),
                     1);
}

static void one_provider_that_is_given_up_does_not_stop_the_others(void **state)
{
    struct stage *stage = *state;
    struct qta_provider_options providers[2];
    add_second_provider(stage, providers);
    static const struct act acts[] = {{.says = "block"}, {0}};
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 60 * S);
    assert_false(stage->is_over);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_int_equal(stage_log_count(stage, "error gateway: venue: auth failed; not tried again\n"),
                     1);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.connected, 1);
    assert_in_range(stats.market_ticks, 58, 60);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK); /* it was asked to end, and did */
}

/* ---- the smallest adapter that the public API allows ------------------------------------------
 */

static size_t build_subscribe_message(struct qta_adapter *adapter, enum qta_tick_type type,
                                      const char *const *symbols, size_t symbol_count,
                                      bool is_added, char *text, size_t capacity)
{
    (void)adapter;
    int length = snprintf(
        text, capacity, "{\"do\":\"%s\",\"what\":\"%s\",\"n\":%zu,\"first\":\"%s\"}",
        is_added ? "add" : "remove", qta_tick_type_name(type), symbol_count, symbols[0]);
    return (size_t)length;
}

static const struct qta_adapter_ops minimal_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "minimal",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .build_subscribe_message = build_subscribe_message,
};

static void minimal_on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    struct stage *stage = user;
    size_t used = strlen(stage->sent);
    snprintf(stage->sent + used, sizeof stage->sent - used, "%.*s\n", (int)length, bytes);
    scripted_send(link, 10 * MS,
                  "[{\"type\":\"trade\",\"symbol\":\"AAPL\",\"price\":190.50,\"size\":3},"
                  "{\"type\":\"quote\",\"symbol\":\"AAPL\",\"bid_price\":190.4}]");
    scripted_send(link, 20 * MS, "{\"type\":\"trade\",\"symbol\":");
    scripted_send(link, 30 * MS, "{\"type\":\"trade\",\"symbol\":\"MSFT\",\"price\":\"1.0\"}");
}

static void an_adapter_of_a_name_and_a_subscribe_message_is_enough(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(qta_adapter_register(&minimal_ops, NULL), QTA_OK);
    stage->provider.adapter = "minimal";
    stage->venue.on_message = minimal_on_message;
    stage_open(stage);
    stage_run_for(stage, S);
    assert_string_equal(stage->sent,
                        "{\"do\":\"add\",\"what\":\"trade\",\"n\":2,\"first\":\"AAPL\"}\n");
    assert_string_equal(stage_story(stage), "connecting open ready subscribed trade quote trade");
    const struct qta_tick *trade = stage_tick(stage, QTA_TICK_TRADE, 0);
    assert_int_equal(trade->trade.price_mantissa, 19050);
    assert_int_equal(trade->trade.price_exponent, -2);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.faults[QTA_FAULT_SYNTAX], 1);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_good_venue_is_logged_in_to_and_subscribed_once),
        cmocka_unit_test(every_loss_is_on_record_and_followed_by_a_full_resubscription),
        STAGED(a_gap_tells_what_was_missed),
        STAGED(data_that_comes_before_the_acknowledgement_closes_the_gap),
        cmocka_unit_test(what_cannot_get_better_is_given_up_with_one_clear_error),
        cmocka_unit_test(handshakes_that_break_off_and_busy_venues_are_tried_for_ever),
        STAGED(a_mix_of_refusals_and_losses_is_not_three_refusals),
        cmocka_unit_test(retry_after_is_waited_for),
        STAGED(refused_subscriptions_are_told_once_and_not_asked_again),
        STAGED(when_everything_is_refused_nothing_is_called_subscribed),
        STAGED(faults_are_counted_and_logged_once_a_kind_and_connection),
        STAGED(a_message_over_the_limit_counts_as_a_fault),
        cmocka_unit_test(reconnects_are_bounded_for_a_day_and_leave_nothing_behind),
        STAGED(a_connection_that_lasts_starts_over_with_short_waits),
        STAGED(the_open_circuit_probes_at_its_own_pace),
        STAGED(outgoing_messages_keep_the_rate_limit),
        STAGED(a_stop_ends_the_waiting_too),
        STAGED(a_stop_while_connecting_closes_what_is_half_open),
        cmocka_unit_test(a_stream_cut_at_every_byte_gives_the_same_ticks),
        STAGED(each_provider_is_asked_for_its_own_and_for_what_is_new),
        STAGED(one_provider_that_is_given_up_does_not_stop_the_others),
        STAGED(an_adapter_of_a_name_and_a_subscribe_message_is_enough),
    };
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
