/* The Alpaca adapter as a machine: greeting, authentication, subscriptions, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/adapter_defaults.h"
#include "adapters/alpaca.h"
#include "tests/adapters/fake_host.h"

#define SECOND_NS INT64_C(1000000000)

struct venue {
    struct fake_host host;
    struct qta_adapter *adapter;
    int64_t now_ns;
};

static void start(struct venue *venue, enum qta_auth_method method, const char *encoding)
{
    *venue = (struct venue){.now_ns = 1000};
    fake_host_init(&venue->host);
    const struct qta_setting setting = {"encoding", encoding};
    const struct qta_adapter_options options = {
        .provider = "alpaca",
        .websocket_url = "wss://venue.test/v2/iex",
        .auth_method = method,
        .api_key = "KID",
        .api_secret = "SEC",
        .settings = &setting,
        .setting_count = 1,
    };
    struct qta_error err;
    assert_int_equal(qta_adapter_create_with(&qta_alpaca_adapter_ops, &options, &venue->host.base,
                                             &venue->adapter, &err),
                     QTA_OK);
    qta_adapter_on_open(venue->adapter, venue->now_ns);
}

static void stop(struct venue *venue)
{
    qta_adapter_destroy(venue->adapter);
    fake_host_finish(&venue->host);
}

static void hear(struct venue *venue, const char *text)
{
    const struct qta_frame frame = {
        .bytes = (const uint8_t *)text, .length = strlen(text), .ts_recv_ns = 5};
    qta_adapter_on_data(venue->adapter, &frame);
}

/* Lets time go by in steps of a tenth of a second, as a gateway would. */
static void wait_s(struct venue *venue, int seconds)
{
    for (int i = 0; i < seconds * 10; i++) {
        qta_adapter_service(venue->adapter, venue->now_ns, 1);
        venue->now_ns += SECOND_NS / 10;
    }
    qta_adapter_service(venue->adapter, venue->now_ns, 1);
}

static void assert_sent(const struct venue *venue, size_t index, const char *text)
{
    assert_true(venue->host.sent_count > index);
    assert_string_equal(venue->host.sent[index], text);
}

static const char greeting[] = "[{\"T\":\"success\",\"msg\":\"connected\"}]";
static const char authenticated[] = "[{\"T\":\"success\",\"msg\":\"authenticated\"}]";
static const char keys[] = "{\"action\":\"auth\",\"key\":\"KID\",\"secret\":\"SEC\"}";

static void start_ready(struct venue *venue)
{
    start(venue, QTA_AUTH_API_KEY, "json");
    hear(venue, greeting);
    hear(venue, authenticated);
    assert_int_equal(venue->host.ready_count, 1);
    fake_host_clear(&venue->host);
}

static const struct qta_subscription two_trades_one_quote[] = {
    {.type = QTA_TICK_TRADE, .symbol = "MSFT"},
    {.type = QTA_TICK_TRADE, .symbol = "AAPL"},
    {.type = QTA_TICK_QUOTE, .symbol = "AAPL"},
};

static void ask(struct venue *venue, const struct qta_subscription *subscriptions, size_t count,
                bool is_added)
{
    qta_adapter_subscribe(venue->adapter, subscriptions, count, is_added, venue->now_ns);
}

/* ---- authentication ---- */

static void keys_are_sent_after_the_greeting_and_not_before(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_API_KEY, "json");
    assert_int_equal(venue.host.sent_count, 0);
    hear(&venue, greeting);
    assert_sent(&venue, 0, keys);
    assert_int_equal(venue.host.ready_count, 0);
    hear(&venue, authenticated);
    assert_int_equal(venue.host.ready_count, 1);
    hear(&venue, authenticated);
    assert_int_equal(venue.host.ready_count, 1);
    stop(&venue);
}

static void msgpack_is_asked_for_by_header_and_spoken(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_API_KEY, "msgpack");
    struct qta_connect_request request;
    assert_int_equal(qta_adapter_describe_connection(venue.adapter, NULL, &request, NULL), QTA_OK);
    assert_int_equal(request.header_count, 1);
    assert_string_equal(request.headers[0].name, "Content-Type");
    assert_string_equal(request.headers[0].value, "application/msgpack");
    /* the vectors of the protocol's documentation */
    static const uint8_t connected[] = "\x91\x82\xa1T\xa7success\xa3msg\xa9"
                                       "connected";
    static const uint8_t auth[] = "\x83\xa6"
                                  "action\xa4"
                                  "auth\xa3key\xa3KID\xa6secret\xa3SEC";
    const struct qta_frame frame = {
        .bytes = connected, .length = sizeof connected - 1, .is_binary = true};
    qta_adapter_on_data(venue.adapter, &frame);
    assert_int_equal(venue.host.sent_count, 1);
    assert_true(venue.host.sent_is_binary[0]);
    assert_int_equal(venue.host.sent_bytes[0], sizeof auth - 1);
    assert_memory_equal(venue.host.sent[0], auth, sizeof auth - 1);
    stop(&venue);
}

static void header_keys_go_with_the_upgrade(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_HEADERS, "json");
    struct qta_connect_request request;
    assert_int_equal(qta_adapter_describe_connection(venue.adapter, NULL, &request, NULL), QTA_OK);
    assert_int_equal(request.header_count, 2);
    assert_string_equal(request.headers[0].name, "APCA-API-KEY-ID");
    assert_string_equal(request.headers[0].value, "KID");
    assert_string_equal(request.headers[1].name, "APCA-API-SECRET-KEY");
    assert_string_equal(request.headers[1].value, "SEC");
    hear(&venue, greeting);
    hear(&venue, authenticated);
    assert_int_equal(venue.host.sent_count, 0);
    assert_int_equal(venue.host.ready_count, 1);
    stop(&venue);
}

static void header_keys_that_nobody_confirms_are_sent_as_a_message(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_HEADERS, "json");
    hear(&venue, greeting);
    wait_s(&venue, 2);
    assert_int_equal(venue.host.sent_count, 0);
    wait_s(&venue, 2);
    assert_sent(&venue, 0, keys);
    /* the venue knew us already: that is fine */
    hear(&venue, "[{\"T\":\"error\",\"code\":403,\"msg\":\"already authenticated\"}]");
    assert_int_equal(venue.host.ready_count, 1);
    assert_int_equal(venue.host.fail_count, 0);
    stop(&venue);
}

static void a_bearer_token_goes_as_a_header(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_BEARER, "json");
    struct qta_connect_request request;
    assert_int_equal(qta_adapter_describe_connection(venue.adapter, NULL, &request, NULL), QTA_OK);
    assert_string_equal(request.headers[0].name, "Authorization");
    assert_string_equal(request.headers[0].value, "Bearer KID");
    hear(&venue, greeting);
    wait_s(&venue, 4);
    assert_sent(&venue, 0, "{\"action\":\"auth\",\"key\":\"oauth\",\"secret\":\"KID\"}");
    stop(&venue);
}

static void without_authentication_the_greeting_is_enough(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_NONE, "json");
    hear(&venue, greeting);
    assert_int_equal(venue.host.ready_count, 1);
    assert_int_equal(venue.host.sent_count, 0);
    stop(&venue);
}

static void missing_keys_are_one_error_that_names_the_variables(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter_options options = {.provider = "alpaca"};
    struct qta_adapter *adapter = NULL;
    struct qta_error err;
    assert_int_equal(
        qta_adapter_create_with(&qta_alpaca_adapter_ops, &options, &host.base, &adapter, &err),
        QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "ALPACA_API_KEY"));
    options.api_key = "KID";
    assert_int_equal(
        qta_adapter_create_with(&qta_alpaca_adapter_ops, &options, &host.base, &adapter, &err),
        QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "ALPACA_API_SECRET"));
    assert_null(adapter);
    fake_host_finish(&host);
}

static void silence_of_the_venue_ends_the_connection(void **state)
{
    (void)state;
    struct venue venue;
    start(&venue, QTA_AUTH_API_KEY, "json");
    wait_s(&venue, 9);
    assert_int_equal(venue.host.fail_count, 0);
    wait_s(&venue, 2);
    assert_int_equal(venue.host.fail_count, 1);
    assert_int_equal(venue.host.fail_reaction, QTA_REACTION_RECONNECT);
    assert_int_equal(venue.host.fail_cause, QTA_CAUSE_SILENT);
    stop(&venue);

    start(&venue, QTA_AUTH_API_KEY, "json");
    hear(&venue, greeting);
    wait_s(&venue, 12);
    assert_int_equal(venue.host.fail_count, 1);
    assert_non_null(strstr(venue.host.fail_sentence, "authentication"));
    stop(&venue);
}

static void a_new_connection_starts_from_the_beginning(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    ask(&venue, two_trades_one_quote, 3, true);
    qta_adapter_on_close(venue.adapter);
    fake_host_clear(&venue.host);
    qta_adapter_on_open(venue.adapter, venue.now_ns);
    hear(&venue, greeting);
    assert_int_equal(venue.host.sent_count, 1);
    assert_sent(&venue, 0, keys);
    hear(&venue, authenticated);
    assert_int_equal(venue.host.ready_count, 1);
    assert_int_equal(venue.host.sent_count, 1); /* the old request is gone: the host asks anew */
    stop(&venue);
}

/* ---- subscriptions ---- */

static void each_part_is_answered_by_the_venues_complete_set(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    ask(&venue, two_trades_one_quote, 3, true);
    assert_sent(&venue, 0,
                "{\"action\":\"subscribe\",\"trades\":[\"AAPL\",\"MSFT\"],\"quotes\":[\"AAPL\"]}");
    assert_int_equal(venue.host.answer_count, 0);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"AAPL\"],\"quotes\":[\"AAPL\",\"X\"],"
                 "\"bars\":[],\"corrections\":[\"AAPL\"]}]");
    assert_int_equal(venue.host.answer_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct fake_answer *answer = &venue.host.answers[i];
        bool is_missing = answer->type == QTA_TICK_TRADE && strcmp(answer->symbol, "MSFT") == 0;
        assert_int_equal(answer->is_accepted, !is_missing);
    }
    stop(&venue);
}

static void requests_go_one_at_a_time_and_in_order(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    ask(&venue, &two_trades_one_quote[0], 1, true);
    ask(&venue, &two_trades_one_quote[1], 1, true);
    ask(&venue, &two_trades_one_quote[0], 1, false);
    assert_int_equal(venue.host.sent_count, 1);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"MSFT\"]}]");
    assert_int_equal(venue.host.sent_count, 2);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"MSFT\",\"AAPL\"]}]");
    assert_sent(&venue, 2, "{\"action\":\"unsubscribe\",\"trades\":[\"MSFT\"]}");
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"AAPL\"]}]");
    assert_int_equal(venue.host.sent_count, 3);
    assert_int_equal(venue.host.answer_count, 2); /* nobody waits for the end of one */
    stop(&venue);
}

static void corrections_and_cancels_come_with_trades(void **state)
{
    (void)state;
    static const struct qta_subscription wanted[] = {
        {.type = QTA_TICK_TRADE_CANCEL, .symbol = "AAPL"},
        {.type = QTA_TICK_TRADE_CORRECT, .symbol = "AAPL"},
        {.type = QTA_TICK_BAR, .bar_kind = QTA_BAR_UPDATED, .symbol = "*"},
    };
    struct venue venue;
    start_ready(&venue);
    ask(&venue, wanted, 3, true);
    assert_sent(&venue, 0,
                "{\"action\":\"subscribe\",\"trades\":[\"AAPL\"],\"updatedBars\":[\"*\"]}");
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"AAPL\"],\"updatedBars\":[\"*\"],"
                 "\"corrections\":[\"AAPL\"],\"cancelErrors\":[\"AAPL\"]}]");
    assert_int_equal(venue.host.answer_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(venue.host.answers[i].is_accepted);
    /* leaving them alone must not end the trades */
    fake_host_clear(&venue.host);
    ask(&venue, wanted, 2, false);
    assert_int_equal(venue.host.sent_count, 0);
    ask(&venue, &wanted[2], 1, false);
    assert_sent(&venue, 0, "{\"action\":\"unsubscribe\",\"updatedBars\":[\"*\"]}");
    stop(&venue);
}

static void an_answer_that_does_not_come_is_asked_for_once_more(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    ask(&venue, two_trades_one_quote, 1, true);
    wait_s(&venue, 2);
    assert_int_equal(venue.host.sent_count, 1);
    wait_s(&venue, 2);
    assert_int_equal(venue.host.sent_count, 2);
    assert_string_equal(venue.host.sent[0], venue.host.sent[1]);
    wait_s(&venue, 4);
    assert_int_equal(venue.host.sent_count, 2);
    assert_int_equal(venue.host.fail_count, 1);
    assert_int_equal(venue.host.fail_reaction, QTA_REACTION_RECONNECT);
    stop(&venue);
}

/* The venue was slow: it answers the first request, and then its repetition. */
static void a_late_second_answer_is_not_taken_for_the_next_one(void **state)
{
    (void)state;
    static const char first[] = "[{\"T\":\"subscription\",\"trades\":[\"MSFT\"]}]";
    struct venue venue;
    start_ready(&venue);
    ask(&venue, &two_trades_one_quote[0], 1, true);
    wait_s(&venue, 4);
    assert_int_equal(venue.host.sent_count, 2);
    ask(&venue, &two_trades_one_quote[2], 1, true);
    hear(&venue, first);
    assert_int_equal(venue.host.sent_count, 3);
    hear(&venue, first); /* says nothing about quotes */
    assert_int_equal(venue.host.answer_count, 1);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"MSFT\"],\"quotes\":[\"AAPL\"]}]");
    assert_int_equal(venue.host.answer_count, 2);
    assert_true(venue.host.answers[0].is_accepted && venue.host.answers[1].is_accepted);
    /* and a refusal after that is one */
    ask(&venue, &two_trades_one_quote[1], 1, true);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"MSFT\"],\"quotes\":[\"AAPL\"]}]");
    assert_int_equal(venue.host.answer_count, 3);
    assert_false(venue.host.answers[2].is_accepted);
    stop(&venue);
}

static void a_quiet_connection_is_left_alone(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    ask(&venue, two_trades_one_quote, 1, true);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"MSFT\"]}]");
    wait_s(&venue, 3600);
    assert_int_equal(venue.host.fail_count, 0);
    assert_int_equal(venue.host.sent_count, 1);
    stop(&venue);
}

/* Each code, in answer to a subscription to one symbol of one channel. */
static void every_error_code_has_its_reaction(void **state)
{
    (void)state;
    enum { NOTHING, REFUSED, RECONNECTS, BLOCKS };
    static const struct {
        int code;
        int reaction;
        enum qta_conn_cause cause;
    } cases[] = {
        {400, REFUSED, 0},
        {402, BLOCKS, QTA_CAUSE_AUTH},
        {403, NOTHING, 0},
        {404, RECONNECTS, QTA_CAUSE_AUTH},
        {405, REFUSED, 0},
        {406, RECONNECTS, QTA_CAUSE_PROVIDER},
        {407, RECONNECTS, QTA_CAUSE_PROVIDER},
        {408, BLOCKS, QTA_CAUSE_PROVIDER},
        {409, BLOCKS, QTA_CAUSE_PROVIDER},
        {410, REFUSED, 0},
        {411, BLOCKS, QTA_CAUSE_AUTH},
        {412, BLOCKS, QTA_CAUSE_PROVIDER},
        {413, REFUSED, 0},
        {500, RECONNECTS, QTA_CAUSE_PROVIDER},
        {599, RECONNECTS, QTA_CAUSE_PROVIDER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct venue venue;
        start_ready(&venue);
        ask(&venue, two_trades_one_quote, 1, true);
        char text[128];
        snprintf(text, sizeof text, "[{\"T\":\"error\",\"code\":%d,\"msg\":\"why\"}]",
                 cases[i].code);
        hear(&venue, text);
        const struct fake_host *host = &venue.host;
        assert_int_equal(host->fail_count,
                         cases[i].reaction == RECONNECTS || cases[i].reaction == BLOCKS);
        if (host->fail_count > 0) {
            assert_int_equal(host->fail_reaction, cases[i].reaction == BLOCKS
                                                      ? QTA_REACTION_BLOCK
                                                      : QTA_REACTION_RECONNECT);
            assert_int_equal(host->fail_cause, cases[i].cause);
            assert_int_equal(host->fail_code, cases[i].code);
            assert_non_null(strstr(host->fail_sentence, "why"));
        }
        assert_int_equal(host->throttle_count, cases[i].code == 406);
        if (host->throttle_count > 0) {
            assert_int_equal(host->throttle_what, QTA_THROTTLE_CONNECTS);
            assert_true(host->throttle_retry_after_ns == INT64_C(5000000000));
        }
        assert_int_equal(host->answer_count, cases[i].reaction == REFUSED);
        if (host->answer_count > 0) {
            assert_false(host->answers[0].is_accepted);
            assert_int_equal(host->answers[0].code, cases[i].code);
        }
        wait_s(&venue, 1);
        assert_int_equal(host->sent_count, 1); /* the same bytes are never sent again */
        stop(&venue);
    }
}

static void one_channel_that_is_not_offered_costs_no_other(void **state)
{
    (void)state;
    static const struct qta_subscription wanted[] = {
        {.type = QTA_TICK_TRADE, .symbol = "BTC/USD"},
        {.type = QTA_TICK_STATUS, .symbol = "BTC/USD"},
        {.type = QTA_TICK_QUOTE, .symbol = "BTC/USD"},
    };
    static const char refusal[] = "[{\"T\":\"error\",\"code\":410,\"msg\":\"invalid subscribe\"}]";
    struct venue venue;
    start_ready(&venue);
    ask(&venue, wanted, 3, true);
    hear(&venue, refusal);
    assert_sent(&venue, 1, "{\"action\":\"subscribe\",\"trades\":[\"BTC/USD\"]}");
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"BTC/USD\"]}]");
    assert_sent(&venue, 2,
                "{\"action\":\"subscribe\",\"quotes\":[\"BTC/USD\"],\"statuses\":[\"BTC/USD\"]}");
    hear(&venue, refusal);
    hear(&venue, "[{\"T\":\"subscription\",\"trades\":[\"BTC/USD\"],\"quotes\":[\"BTC/USD\"]}]");
    assert_sent(&venue, 4, "{\"action\":\"subscribe\",\"statuses\":[\"BTC/USD\"]}");
    hear(&venue, refusal);
    assert_int_equal(venue.host.sent_count, 5);
    assert_int_equal(venue.host.answer_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(venue.host.answers[i].is_accepted,
                         venue.host.answers[i].type != QTA_TICK_STATUS);
    stop(&venue);
}

static void lost_authentication_is_renewed_once(void **state)
{
    (void)state;
    static const char refusal[] = "[{\"T\":\"error\",\"code\":401,\"msg\":\"not authenticated\"}]";
    struct venue venue;
    start_ready(&venue);
    ask(&venue, two_trades_one_quote, 1, true);
    hear(&venue, refusal);
    assert_sent(&venue, 1, keys);
    hear(&venue, authenticated);
    assert_int_equal(venue.host.ready_count, 0); /* it was told before */
    assert_int_equal(venue.host.sent_count, 3);
    assert_string_equal(venue.host.sent[0], venue.host.sent[2]);
    hear(&venue, refusal);
    assert_int_equal(venue.host.fail_count, 1);
    assert_int_equal(venue.host.fail_reaction, QTA_REACTION_BLOCK);
    stop(&venue);
}

static void new_keys_are_for_the_next_login(void **state)
{
    (void)state;
    static const char again[] = "{\"action\":\"auth\",\"key\":\"KID2\",\"secret\":\"SEC2\"}";
    struct venue venue;
    start_ready(&venue);
    assert_int_equal(qta_alpaca_adapter_ops.set_credentials(venue.adapter, "KID2", "SEC2", NULL),
                     QTA_OK);
    wait_s(&venue, 60);
    assert_int_equal(venue.host.sent_count, 0);
    assert_int_equal(venue.host.fail_count, 0);
    qta_adapter_on_close(venue.adapter);
    qta_adapter_on_open(venue.adapter, venue.now_ns);
    hear(&venue, greeting);
    assert_sent(&venue, 0, again);
    stop(&venue);

    start(&venue, QTA_AUTH_BEARER, "json");
    assert_int_equal(qta_alpaca_adapter_ops.set_credentials(venue.adapter, "TOKEN2", NULL, NULL),
                     QTA_OK);
    struct qta_connect_request request;
    assert_int_equal(qta_adapter_describe_connection(venue.adapter, NULL, &request, NULL), QTA_OK);
    assert_string_equal(request.headers[0].value, "Bearer TOKEN2");
    stop(&venue);
}

static void a_hostile_error_text_stays_one_plain_sentence(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    hear(&venue, "[{\"T\":\"error\",\"code\":402,\"msg\":\"a\\u001b[31m\\nb' %n\\u0000\"}]");
    assert_int_equal(venue.host.fail_count, 1);
    for (const char *c = venue.host.fail_sentence; *c; c++)
        assert_true(*c >= 0x20 && *c < 0x7f);
    stop(&venue);
}

static void keys_that_the_venue_repeats_are_not_passed_on(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    hear(&venue, "[{\"T\":\"error\",\"code\":402,\"msg\":\"KID:SEC refused, SECKID\"}]");
    assert_int_equal(venue.host.fail_count, 1);
    assert_null(strstr(venue.host.fail_sentence, "KID"));
    assert_null(strstr(venue.host.fail_sentence, "SEC:"));
    assert_non_null(strstr(venue.host.fail_sentence, "***:*** refused, ******"));
    stop(&venue);
}

static void nothing_is_delivered_after_a_failure(void **state)
{
    (void)state;
    struct venue venue;
    start_ready(&venue);
    hear(&venue, "[{\"T\":\"error\",\"code\":500,\"msg\":\"x\"},"
                 "{\"T\":\"t\",\"S\":\"AAPL\",\"p\":1,\"s\":1,\"t\":\"2024-05-01T13:30:00Z\"}]");
    hear(&venue, "[{\"T\":\"t\",\"S\":\"AAPL\",\"p\":1,\"s\":1,\"t\":\"2024-05-01T13:30:00Z\"}]");
    assert_int_equal(venue.host.fail_count, 1);
    assert_int_equal(venue.host.tick_count, 0);
    stop(&venue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_sent_after_the_greeting_and_not_before),
        cmocka_unit_test(msgpack_is_asked_for_by_header_and_spoken),
        cmocka_unit_test(header_keys_go_with_the_upgrade),
        cmocka_unit_test(header_keys_that_nobody_confirms_are_sent_as_a_message),
        cmocka_unit_test(a_bearer_token_goes_as_a_header),
        cmocka_unit_test(without_authentication_the_greeting_is_enough),
        cmocka_unit_test(missing_keys_are_one_error_that_names_the_variables),
        cmocka_unit_test(silence_of_the_venue_ends_the_connection),
        cmocka_unit_test(a_new_connection_starts_from_the_beginning),
        cmocka_unit_test(each_part_is_answered_by_the_venues_complete_set),
        cmocka_unit_test(requests_go_one_at_a_time_and_in_order),
        cmocka_unit_test(corrections_and_cancels_come_with_trades),
        cmocka_unit_test(an_answer_that_does_not_come_is_asked_for_once_more),
        cmocka_unit_test(a_late_second_answer_is_not_taken_for_the_next_one),
        cmocka_unit_test(a_quiet_connection_is_left_alone),
        cmocka_unit_test(every_error_code_has_its_reaction),
        cmocka_unit_test(one_channel_that_is_not_offered_costs_no_other),
        cmocka_unit_test(lost_authentication_is_renewed_once),
        cmocka_unit_test(new_keys_are_for_the_next_login),
        cmocka_unit_test(a_hostile_error_text_stays_one_plain_sentence),
        cmocka_unit_test(keys_that_the_venue_repeats_are_not_passed_on),
        cmocka_unit_test(nothing_is_delivered_after_a_failure),
    };
    return cmocka_run_group_tests_name("alpaca", tests, NULL, NULL);
}
