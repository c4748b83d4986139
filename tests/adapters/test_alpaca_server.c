/* The server's side of the protocol, message by message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/alpaca_server.h"

enum { SENT_MAX = 64 };

/* A client and all that it was sent since the last look. */
struct peer {
    struct qta_dictionary *names;
    struct qta_alpaca_encoder *encoder;
    struct qta_alpaca_client *client;
    struct {
        char *bytes; /* NUL-ended */
        size_t length;
        bool is_binary;
    } sent[SENT_MAX];
    size_t sent_count;
    int close_code;
};

static void keep_sent(void *user, const void *bytes, size_t length, bool is_binary)
{
    struct peer *peer = user;
    assert_int_equal(peer->close_code, 0);
    assert_true(peer->sent_count < SENT_MAX);
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    peer->sent[peer->sent_count].bytes = copy;
    peer->sent[peer->sent_count].length = length;
    peer->sent[peer->sent_count++].is_binary = is_binary;
}

static void keep_close(void *user, int code)
{
    struct peer *peer = user;
    assert_int_equal(peer->close_code, 0);
    peer->close_code = code;
}

static const struct qta_alpaca_client_host host = {.send = keep_sent, .close = keep_close};
static const struct qta_alpaca_server_options open_door = {.batch_max = 1000,
                                                           .batch_max_bytes = 65536};

static void forget_sent(struct peer *peer)
{
    while (peer->sent_count > 0)
        free(peer->sent[--peer->sent_count].bytes);
}

static void connect_peer(struct peer *peer, const struct qta_alpaca_server_options *options,
                         const struct qta_alpaca_upgrade *request)
{
    memset(peer, 0, sizeof *peer);
    assert_int_equal(qta_dictionary_create(&peer->names, NULL), QTA_OK);
    assert_int_equal(qta_alpaca_encoder_create(&peer->encoder, peer->names, NULL), QTA_OK);
    assert_int_equal(
        qta_alpaca_client_create(&peer->client, options, peer->names, request, &host, peer, NULL),
        QTA_OK);
    qta_alpaca_client_open(peer->client, 0);
}

static void disconnect_peer(struct peer *peer)
{
    forget_sent(peer);
    qta_alpaca_client_destroy(peer->client);
    qta_alpaca_encoder_destroy(peer->encoder);
    qta_dictionary_destroy(peer->names);
}

static void say(struct peer *peer, const char *message)
{
    qta_alpaca_client_on_message(peer->client, message, strlen(message));
}

/* What was sent is exactly this, in JSON. */
static void assert_heard(struct peer *peer, const char *expected)
{
    assert_int_equal(peer->sent_count, 1);
    assert_false(peer->sent[0].is_binary);
    assert_string_equal(peer->sent[0].bytes, expected);
    forget_sent(peer);
}

static void assert_heard_hex(struct peer *peer, const char *hex)
{
    char text[2048] = "";
    assert_int_equal(peer->sent_count, 1);
    assert_true(peer->sent[0].is_binary);
    assert_in_range(peer->sent[0].length, 1, sizeof text / 2 - 1);
    for (size_t i = 0; i < peer->sent[0].length; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)peer->sent[0].bytes[i]);
    assert_string_equal(text, hex);
    forget_sent(peer);
}

static const char connected[] = "[{\"T\":\"success\",\"msg\":\"connected\"}]";
static const char authenticated[] = "[{\"T\":\"success\",\"msg\":\"authenticated\"}]";
static const char auth_failed[] = "[{\"T\":\"error\",\"code\":402,\"msg\":\"auth failed\"}]";
static const char invalid_syntax[] = "[{\"T\":\"error\",\"code\":400,\"msg\":\"invalid syntax\"}]";
static const char auth[] = "{\"action\":\"auth\",\"key\":\"K\",\"secret\":\"S\"}";
static const char empty_stock_set[] =
    "[{\"T\":\"subscription\",\"trades\":[],\"quotes\":[],\"bars\":[],\"updatedBars\":[],"
    "\"dailyBars\":[],\"statuses\":[],\"lulds\":[],\"corrections\":[],\"cancelErrors\":[]}]";

/* Connected and authenticated, nothing left to hear. */
static void log_in(struct peer *peer, const struct qta_alpaca_server_options *options,
                   bool is_crypto)
{
    const struct qta_alpaca_upgrade request = {.is_crypto = is_crypto};
    connect_peer(peer, options, &request);
    assert_heard(peer, connected);
    say(peer, auth);
    assert_heard(peer, authenticated);
}

static void offer(struct peer *peer, enum qta_tick_type type, const char *symbol)
{
    struct qta_alpaca_outgoing message;
    struct qta_tick tick;
    qta_tick_init(&tick, type);
    tick.symbol = qta_dictionary_intern(peer->names, QTA_NAME_SYMBOL, symbol, strlen(symbol));
    if (type == QTA_TICK_BAR)
        tick.bar.kind = QTA_BAR_DAILY;
    qta_alpaca_encoder_put(peer->encoder, &tick);
    while (qta_alpaca_encoder_next(peer->encoder, &message))
        qta_alpaca_client_offer(peer->client, peer->encoder, &message);
}

/* ---- authentication -------------------------------------------------------------------------- */

static void it_welcomes_then_authenticates(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    assert_true(qta_alpaca_client_service(peer.client, INT64_MAX - 1) == INT64_MAX);
    disconnect_peer(&peer);
}

static void in_msgpack_the_bytes_are_those_of_the_provider(void **state)
{
    (void)state;
    const struct qta_alpaca_upgrade request = {.is_msgpack = true};
    struct peer peer;
    connect_peer(&peer, &open_door, &request);
    assert_heard_hex(&peer, "9182a154a773756363657373a36d7367a9636f6e6e6563746564");
    static const uint8_t msgpack_auth[] = "\x83\xa6"
                                          "action\xa4"
                                          "auth\xa3key\xa1K\xa6secret\xa1S";
    qta_alpaca_client_on_message(peer.client, msgpack_auth, sizeof msgpack_auth - 1);
    assert_heard_hex(&peer, "9182a154a773756363657373a36d7367ad61757468656e74696361746564");
    static const uint8_t subscribe[] = "\x83\xa6"
                                       "action\xa9subscribe\xa6trades\x91\xa4"
                                       "AAPL\xa6quotes\xc0";
    qta_alpaca_client_on_message(peer.client, subscribe, sizeof subscribe - 1);
    assert_int_equal(peer.sent_count, 1);
    assert_memory_equal(peer.sent[0].bytes,
                        "\x91\x8a\xa1T\xacsubscription\xa6trades\x91\xa4"
                        "AAPL\xa6quotes\x90",
                        38);
    disconnect_peer(&peer);
}

static void wrong_credentials_are_refused_and_it_closes(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        bool is_good;
    } cases[] = {
        {"{\"action\":\"auth\",\"key\":\"KEY\",\"secret\":\"SECRET\"}", true},
        {"{\"secret\":\"SECRET\",\"key\":\"\\u004bEY\",\"action\":\"auth\"}", true},
        {"{\"action\":\"auth\",\"key\":\"KEY\",\"secret\":\"SECRE\"}", false},
        {"{\"action\":\"auth\",\"key\":\"KEY\",\"secret\":\"SECRETS\"}", false},
        {"{\"action\":\"auth\",\"key\":\"KEX\",\"secret\":\"SECRET\"}", false},
        {"{\"action\":\"auth\",\"key\":\"KEY\\u0000\",\"secret\":\"SECRET\"}", false},
        {"{\"action\":\"auth\",\"key\":\"\",\"secret\":\"\"}", false},
        {"{\"action\":\"auth\"}", false},
    };
    struct qta_alpaca_server_options options = open_door;
    options.api_key = "KEY";
    options.api_secret = "SECRET";
    const struct qta_alpaca_upgrade request = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer;
        connect_peer(&peer, &options, &request);
        forget_sent(&peer);
        print_message("%s\n", cases[i].message);
        say(&peer, cases[i].message);
        assert_heard(&peer, cases[i].is_good ? authenticated : auth_failed);
        assert_int_equal(peer.close_code != 0, !cases[i].is_good);
        disconnect_peer(&peer);
    }
}

static void headers_authenticate_right_after_the_welcome(void **state)
{
    (void)state;
    struct qta_alpaca_server_options options = open_door;
    options.api_key = "KEY";
    options.api_secret = "SECRET";
    struct qta_alpaca_upgrade request = {.header_key = "KEY", .header_secret = "SECRET"};
    struct peer peer;
    connect_peer(&peer, &options, &request);
    assert_int_equal(peer.sent_count, 2);
    assert_string_equal(peer.sent[0].bytes, connected);
    assert_string_equal(peer.sent[1].bytes, authenticated);
    forget_sent(&peer);
    say(&peer, auth);
    assert_heard(&peer, "[{\"T\":\"error\",\"code\":403,\"msg\":\"already authenticated\"}]");
    assert_int_equal(peer.close_code, 0);
    disconnect_peer(&peer);

    request.header_secret = "wrong";
    connect_peer(&peer, &options, &request);
    assert_int_equal(peer.sent_count, 2);
    assert_string_equal(peer.sent[1].bytes, auth_failed);
    assert_int_equal(peer.close_code, 1008);
    disconnect_peer(&peer);
}

static void without_authentication_it_gives_up_after_ten_seconds(void **state)
{
    (void)state;
    const struct qta_alpaca_upgrade request = {0};
    struct peer peer;
    connect_peer(&peer, &open_door, &request);
    forget_sent(&peer);
    assert_true(qta_alpaca_client_service(peer.client, 1) == QTA_ALPACA_AUTH_TIMEOUT_NS);
    assert_true(qta_alpaca_client_service(peer.client, QTA_ALPACA_AUTH_TIMEOUT_NS - 1) ==
                QTA_ALPACA_AUTH_TIMEOUT_NS);
    assert_int_equal(peer.sent_count, 0);
    assert_true(qta_alpaca_client_service(peer.client, QTA_ALPACA_AUTH_TIMEOUT_NS) == INT64_MAX);
    assert_heard(&peer, "[{\"T\":\"error\",\"code\":404,\"msg\":\"auth timeout\"}]");
    assert_int_equal(peer.close_code, 1008);
    say(&peer, auth);
    assert_int_equal(peer.sent_count, 0);
    disconnect_peer(&peer);
}

static void one_client_too_many_hears_so_when_it_authenticates(void **state)
{
    (void)state;
    const struct qta_alpaca_upgrade request = {.is_over_limit = true};
    struct peer peer;
    connect_peer(&peer, &open_door, &request);
    assert_heard(&peer, connected);
    say(&peer, auth);
    assert_heard(&peer, "[{\"T\":\"error\",\"code\":406,\"msg\":\"connection limit exceeded\"}]");
    assert_int_equal(peer.close_code, 1008);
    disconnect_peer(&peer);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

static void subscribing_needs_authentication(void **state)
{
    (void)state;
    const struct qta_alpaca_upgrade request = {0};
    struct peer peer;
    connect_peer(&peer, &open_door, &request);
    forget_sent(&peer);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"AAPL\"]}");
    assert_heard(&peer, "[{\"T\":\"error\",\"code\":401,\"msg\":\"not authenticated\"}]");
    assert_int_equal(peer.close_code, 0);
    assert_false(qta_alpaca_client_is_subscribed(peer.client));
    disconnect_peer(&peer);
}

static void each_change_is_answered_by_the_complete_set(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"QQA\"],\"quotes\":[\"QQA\",\"ZZB\"],"
               "\"bars\":[\"*\"],\"lulds\":[],\"statuses\":null}");
    assert_heard(&peer, "[{\"T\":\"subscription\",\"trades\":[\"QQA\"],"
                        "\"quotes\":[\"QQA\",\"ZZB\"],\"bars\":[\"*\"],\"updatedBars\":[],"
                        "\"dailyBars\":[],\"statuses\":[],\"lulds\":[],"
                        "\"corrections\":[\"QQA\"],\"cancelErrors\":[\"QQA\"]}]");
    assert_true(qta_alpaca_client_is_subscribed(peer.client));
    say(&peer, "{\"action\":\"unsubscribe\",\"trades\":[\"QQA\",\"NOPE\"],\"quotes\":[\"QQA\"],"
               "\"bars\":[\"*\"]}");
    assert_heard(&peer, "[{\"T\":\"subscription\",\"trades\":[],\"quotes\":[\"ZZB\"],\"bars\":[],"
                        "\"updatedBars\":[],\"dailyBars\":[],\"statuses\":[],\"lulds\":[],"
                        "\"corrections\":[],\"cancelErrors\":[]}]");
    say(&peer, "{\"action\":\"unsubscribe\",\"quotes\":[\"ZZB\"]}");
    assert_heard(&peer, empty_stock_set);
    assert_false(qta_alpaca_client_is_subscribed(peer.client));
    disconnect_peer(&peer);
}

static void the_whole_set_said_again_changes_nothing(void **state)
{
    (void)state;
    struct peer peer;
    struct qta_alpaca_server_options options = open_door;
    options.symbol_max = 2;
    log_in(&peer, &options, false);
    for (int i = 0; i < 3; i++) {
        say(&peer, "{\"action\":\"subscribe\",\"quotes\":[\"QQA\",\"QQA\"],\"dailyBars\":[\"*\"],"
                   "\"corrections\":[\"ZZB\"]}");
        assert_heard(&peer, "[{\"T\":\"subscription\",\"trades\":[],\"quotes\":[\"QQA\"],"
                            "\"bars\":[],\"updatedBars\":[],\"dailyBars\":[\"*\"],"
                            "\"statuses\":[],\"lulds\":[],\"corrections\":[],"
                            "\"cancelErrors\":[]}]");
    }
    disconnect_peer(&peer);
}

static void over_the_symbol_limit_nothing_changes(void **state)
{
    (void)state;
    struct peer peer;
    struct qta_alpaca_server_options options = open_door;
    options.symbol_max = 2;
    log_in(&peer, &options, false);
    say(&peer, "{\"action\":\"subscribe\",\"quotes\":[\"A\",\"B\"]}");
    forget_sent(&peer);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"C\"],\"quotes\":[\"A\"]}");
    assert_heard(&peer, "[{\"T\":\"error\",\"code\":405,\"msg\":\"symbol limit exceeded\"}]");
    assert_int_equal(peer.close_code, 0);
    say(&peer, "{\"action\":\"unsubscribe\",\"quotes\":[\"A\"]}");
    forget_sent(&peer);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"C\"]}");
    assert_heard(&peer, "[{\"T\":\"subscription\",\"trades\":[\"C\"],\"quotes\":[\"B\"],"
                        "\"bars\":[],\"updatedBars\":[],\"dailyBars\":[],\"statuses\":[],"
                        "\"lulds\":[],\"corrections\":[\"C\"],\"cancelErrors\":[\"C\"]}]");
    disconnect_peer(&peer);
}

static void a_crypto_feed_has_order_books_and_no_corrections(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, true);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"BTC/USD\"],\"orderbooks\":[\"BTC/USD\"]}");
    assert_heard(&peer, "[{\"T\":\"subscription\",\"trades\":[\"BTC/USD\"],\"quotes\":[],"
                        "\"bars\":[],\"updatedBars\":[],\"dailyBars\":[],"
                        "\"orderbooks\":[\"BTC/USD\"]}]");
    disconnect_peer(&peer);
}

static void a_channel_that_the_feed_has_not_is_an_invalid_action(void **state)
{
    (void)state;
    static const char answer[] =
        "[{\"T\":\"error\",\"code\":410,\"msg\":\"invalid subscribe action for this feed\"}]";
    struct peer peer;
    log_in(&peer, &open_door, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"A\"],\"orderbooks\":[\"BTC/USD\"]}");
    assert_heard(&peer, answer);
    say(&peer, "{\"action\":\"subscribe\",\"news\":[\"*\"]}");
    assert_heard(&peer, answer);
    /* SDKs list every channel they know, empty */
    say(&peer, "{\"action\":\"subscribe\",\"orderbooks\":[],\"news\":null}");
    assert_heard(&peer, empty_stock_set);
    disconnect_peer(&peer);
    log_in(&peer, &open_door, true);
    say(&peer, "{\"action\":\"subscribe\",\"lulds\":[\"*\"]}");
    assert_heard(&peer, answer);
    disconnect_peer(&peer);
}

static void imbalances_are_listed_once_they_are_subscribed(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    say(&peer, "{\"action\":\"subscribe\",\"imbalances\":[\"A\"]}");
    assert_heard(&peer, "[{\"T\":\"subscription\",\"trades\":[],\"quotes\":[],\"bars\":[],"
                        "\"updatedBars\":[],\"dailyBars\":[],\"statuses\":[],\"lulds\":[],"
                        "\"imbalances\":[\"A\"],\"corrections\":[],\"cancelErrors\":[]}]");
    disconnect_peer(&peer);
}

static void what_is_not_a_request_is_invalid_syntax(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "",
        "hello",
        "[]",
        "12",
        "{}",
        "{\"action\":\"listen\"}",
        "{\"action\":5}",
        "{\"action\":\"subscribe\",\"trades\":\"AAPL\"}",
        "{\"action\":\"subscribe\",\"trades\":[5]}",
        "{\"action\":\"subscribe\",\"trades\":[[\"A\"]]}",
        "{\"action\":\"subscribe\",\"trades\":{\"A\":1}}",
        "{\"action\":\"subscribe\",\"trades\":[\"\"]}",
        "{\"action\":\"subscribe\",\"trades\":[\"A\\u0007\"]}",
        "{\"action\":\"subscribe\",\"trades\":[\"A\"]",
        "{\"action\":\"subscribe\",\"trades\":[\"A\"]}}",
        "{\"action\":\"subscribe\",\"trades\":[\"\xff\"]}",
    };
    struct peer peer;
    log_in(&peer, &open_door, false);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        print_message("'%s'\n", messages[i]);
        say(&peer, messages[i]);
        assert_heard(&peer, invalid_syntax);
        assert_int_equal(peer.close_code, 0);
    }
    char long_symbol[256];
    snprintf(long_symbol, sizeof long_symbol,
             "{\"action\":\"subscribe\",\"quotes\":[\"A\"],\"trades\":[\"%0129d\"]}", 1);
    say(&peer, long_symbol);
    assert_heard(&peer, invalid_syntax);
    assert_false(qta_alpaca_client_is_subscribed(peer.client));
    disconnect_peer(&peer);
}

static void what_is_not_msgpack_is_invalid_syntax(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } messages[] = {
        {"", 0},
        {"\x80", 1},
        {"\x90", 1},
        {"\x81\xa6"
         "action",
         8},
        {"\x81\x01\x02", 3},
        {"\x81\xa6"
         "action\xc3",
         9},
        {"\x81\xa6trades\x91\x01", 9},
        {"\xdf\xff\xff\xff\xff", 5},
        {"{\"action\":\"auth\"}", 17},
    };
    const struct qta_alpaca_upgrade request = {.is_msgpack = true};
    struct peer peer;
    connect_peer(&peer, &open_door, &request);
    forget_sent(&peer);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        qta_alpaca_client_on_message(peer.client, messages[i].bytes, messages[i].length);
        assert_heard_hex(&peer,
                         "9183a154a56572726f72a4636f6465cd0190a36d7367ae696e76616c69642073796e"
                         "746178");
    }
    disconnect_peer(&peer);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void it_gets_what_it_subscribed_to_and_no_more(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    offer(&peer, QTA_TICK_TRADE, "A");
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"A\"],\"dailyBars\":[\"*\"]}");
    forget_sent(&peer);
    offer(&peer, QTA_TICK_TRADE, "A");
    offer(&peer, QTA_TICK_TRADE, "B");
    offer(&peer, QTA_TICK_QUOTE, "A");
    offer(&peer, QTA_TICK_BAR, "B");
    offer(&peer, QTA_TICK_TRADE_CANCEL, "A");
    offer(&peer, QTA_TICK_TRADE_CORRECT, "A");
    offer(&peer, QTA_TICK_TRADE_CORRECT, "B");
    offer(&peer, QTA_TICK_CONN, "A");
    qta_alpaca_client_flush(peer.client);
    assert_heard(&peer, "[{\"T\":\"t\",\"S\":\"A\"},{\"T\":\"d\",\"S\":\"B\"},"
                        "{\"T\":\"x\",\"S\":\"A\"},{\"T\":\"c\",\"S\":\"A\"}]");
    assert_int_equal(qta_alpaca_client_messages(peer.client), 4);
    qta_alpaca_client_flush(peer.client);
    assert_int_equal(peer.sent_count, 0);

    say(&peer, "{\"action\":\"unsubscribe\",\"trades\":[\"A\"]}");
    forget_sent(&peer);
    offer(&peer, QTA_TICK_TRADE, "A");
    qta_alpaca_client_flush(peer.client);
    assert_int_equal(peer.sent_count, 0);
    disconnect_peer(&peer);
}

static void a_star_covers_symbols_never_heard_of(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"*\"]}");
    forget_sent(&peer);
    for (int i = 0; i < 1000; i++) {
        char symbol[16];
        snprintf(symbol, sizeof symbol, "S%d", i);
        offer(&peer, QTA_TICK_TRADE, symbol);
    }
    assert_int_equal(peer.sent_count, 1);
    assert_int_equal(qta_alpaca_client_messages(peer.client), 1000);
    disconnect_peer(&peer);
}

static void batches_are_cut_by_messages_and_by_bytes(void **state)
{
    (void)state;
    struct peer peer;
    struct qta_alpaca_server_options options = open_door;
    options.batch_max = 3;
    log_in(&peer, &options, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"A\"]}");
    forget_sent(&peer);
    for (int i = 0; i < 7; i++)
        offer(&peer, QTA_TICK_TRADE, "A");
    qta_alpaca_client_flush(peer.client);
    assert_int_equal(peer.sent_count, 3);
    assert_string_equal(peer.sent[0].bytes, "[{\"T\":\"t\",\"S\":\"A\"},{\"T\":\"t\",\"S\":\"A\"},"
                                            "{\"T\":\"t\",\"S\":\"A\"}]");
    assert_string_equal(peer.sent[2].bytes, "[{\"T\":\"t\",\"S\":\"A\"}]");
    disconnect_peer(&peer);

    options.batch_max = 1000;
    options.batch_max_bytes = 30;
    log_in(&peer, &options, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"A\"]}");
    forget_sent(&peer);
    for (int i = 0; i < 4; i++)
        offer(&peer, QTA_TICK_TRADE, "A");
    qta_alpaca_client_flush(peer.client);
    assert_int_equal(peer.sent_count, 4);
    disconnect_peer(&peer);
}

static void msgpack_batches_of_any_size_have_the_right_head(void **state)
{
    (void)state;
    static const uint8_t auth_bytes[] = "\x83\xa6"
                                        "action\xa4"
                                        "auth\xa3key\xa1K\xa6secret\xa1S";
    static const uint8_t subscribe[] = "\x82\xa6"
                                       "action\xa9subscribe\xa6trades\x91\xa1*";
    static const struct {
        int count;
        const char *head;
        size_t head_bytes;
    } cases[] = {
        {1, "\x91", 1},
        {15, "\x9f", 1},
        {16, "\xdc\x00\x10", 3},
        {65535, "\xdc\xff\xff", 3},
        {65536, "\xdd\x00\x01\x00\x00", 5},
    };
    struct qta_alpaca_server_options options = open_door;
    options.batch_max = 100000;
    options.batch_max_bytes = 1 << 24;
    const struct qta_alpaca_upgrade request = {.is_msgpack = true};
    struct peer peer;
    connect_peer(&peer, &options, &request);
    qta_alpaca_client_on_message(peer.client, auth_bytes, sizeof auth_bytes - 1);
    qta_alpaca_client_on_message(peer.client, subscribe, sizeof subscribe - 1);
    forget_sent(&peer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int j = 0; j < cases[i].count; j++)
            offer(&peer, QTA_TICK_TRADE, "A");
        qta_alpaca_client_flush(peer.client);
        assert_int_equal(peer.sent_count, 1);
        assert_true(peer.sent[0].is_binary);
        assert_memory_equal(peer.sent[0].bytes, cases[i].head, cases[i].head_bytes);
        assert_int_equal(peer.sent[0].length, cases[i].head_bytes + 9 * (size_t)cases[i].count);
        forget_sent(&peer);
    }
    disconnect_peer(&peer);
}

static void data_offered_before_a_reply_goes_out_before_it(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"A\"]}");
    forget_sent(&peer);
    offer(&peer, QTA_TICK_TRADE, "A");
    say(&peer, "{\"action\":\"unsubscribe\",\"trades\":[\"A\"]}");
    assert_int_equal(peer.sent_count, 2);
    assert_string_equal(peer.sent[0].bytes, "[{\"T\":\"t\",\"S\":\"A\"}]");
    assert_string_equal(peer.sent[1].bytes, empty_stock_set);
    disconnect_peer(&peer);
}

static void a_slow_client_is_told_and_closed(void **state)
{
    (void)state;
    struct peer peer;
    log_in(&peer, &open_door, false);
    say(&peer, "{\"action\":\"subscribe\",\"trades\":[\"A\"]}");
    forget_sent(&peer);
    qta_alpaca_client_fail(peer.client, QTA_ALPACA_ERROR_SLOW_CLIENT);
    assert_heard(&peer, "[{\"T\":\"error\",\"code\":407,\"msg\":\"slow client\"}]");
    assert_int_equal(peer.close_code, 1008);
    qta_alpaca_client_fail(peer.client, QTA_ALPACA_ERROR_SLOW_CLIENT);
    offer(&peer, QTA_TICK_TRADE, "A");
    qta_alpaca_client_flush(peer.client);
    assert_int_equal(peer.sent_count, 0);
    disconnect_peer(&peer);
}

static void names_without_end_are_refused_at_last(void **state)
{
    (void)state;
    enum { PER_MESSAGE = 10000 };
    static char message[PER_MESSAGE * 16];
    struct peer peer;
    log_in(&peer, &open_door, false);
    bool is_refused = false;
    for (int i = 0; i < 20 && !is_refused; i++) {
        int length = snprintf(message, sizeof message, "{\"action\":\"subscribe\",\"trades\":[");
        for (int j = 0; j < PER_MESSAGE; j++)
            length += snprintf(message + length, sizeof message - (size_t)length, "%s\"N%d\"",
                               j ? "," : "", i * PER_MESSAGE + j);
        snprintf(message + length, sizeof message - (size_t)length, "]}");
        say(&peer, message);
        assert_int_equal(peer.sent_count, 1);
        is_refused = strstr(peer.sent[0].bytes, "405") != NULL &&
                     strstr(peer.sent[0].bytes, "symbol limit") != NULL;
        forget_sent(&peer);
    }
    assert_true(is_refused);
    disconnect_peer(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_welcomes_then_authenticates),
        cmocka_unit_test(in_msgpack_the_bytes_are_those_of_the_provider),
        cmocka_unit_test(wrong_credentials_are_refused_and_it_closes),
        cmocka_unit_test(headers_authenticate_right_after_the_welcome),
        cmocka_unit_test(without_authentication_it_gives_up_after_ten_seconds),
        cmocka_unit_test(one_client_too_many_hears_so_when_it_authenticates),
        cmocka_unit_test(subscribing_needs_authentication),
        cmocka_unit_test(each_change_is_answered_by_the_complete_set),
        cmocka_unit_test(the_whole_set_said_again_changes_nothing),
        cmocka_unit_test(over_the_symbol_limit_nothing_changes),
        cmocka_unit_test(a_crypto_feed_has_order_books_and_no_corrections),
        cmocka_unit_test(a_channel_that_the_feed_has_not_is_an_invalid_action),
        cmocka_unit_test(imbalances_are_listed_once_they_are_subscribed),
        cmocka_unit_test(what_is_not_a_request_is_invalid_syntax),
        cmocka_unit_test(what_is_not_msgpack_is_invalid_syntax),
        cmocka_unit_test(it_gets_what_it_subscribed_to_and_no_more),
        cmocka_unit_test(a_star_covers_symbols_never_heard_of),
        cmocka_unit_test(batches_are_cut_by_messages_and_by_bytes),
        cmocka_unit_test(msgpack_batches_of_any_size_have_the_right_head),
        cmocka_unit_test(data_offered_before_a_reply_goes_out_before_it),
        cmocka_unit_test(a_slow_client_is_told_and_closed),
        cmocka_unit_test(names_without_end_are_refused_at_last),
    };
    return cmocka_run_group_tests_name("alpaca_server", tests, NULL, NULL);
}
