/* A replay served over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/server.h>

#include "adapters/alpaca_encode.h"
#include "adapters/byte_buffer.h"
#include "tests/replay/session_maker.h"
#include "tests/replay/ws_client.h"

/* Sessions for all tests: one that takes no time, and one that no socket's buffers can hold. */
enum { SMALL_TICKS = 10000, LARGE_TICKS = 60000 };
static char folder[128];
static struct made_session small;
static struct made_session large;

static void make_one(struct made_session *made, const char *name, size_t count)
{
    const struct session_maker_options options = {
        .folder = folder,
        .name = name,
        .seed = 7,
        .count = count,
        .first_ns = INT64_C(1714570200000000000),
        .gap_max_ns = 1000000,
    };
    session_make(made, &options);
}

static int make_sessions(void **state)
{
    (void)state;
    session_maker_folder(folder);
    make_one(&small, "small", SMALL_TICKS);
    make_one(&large, "large", LARGE_TICKS);
    return 0;
}

static int remove_sessions(void **state)
{
    (void)state;
    session_finish(&small);
    session_finish(&large);
    session_maker_remove(folder);
    return 0;
}

/* A server on a session and the thread that runs it. */
struct market {
    const struct made_session *made;
    struct qta_replay *replay;
    struct qta_server *server;
    uint16_t port;
    pthread_t thread;
    enum qta_status status;
    struct qta_error err;
};

static void *run_server(void *arg)
{
    struct market *market = arg;
    market->status = qta_server_run(market->server, NULL, NULL, &market->err);
    return NULL;
}

static void prepare(struct market *market, const struct made_session *made)
{
    memset(market, 0, sizeof *market);
    market->made = made;
    struct qta_replay_options replay_options = qta_replay_options_default();
    replay_options.speed_milli = QTA_SPEED_MAX;
    const char *path = made->path;
    if (qta_replay_create(&market->replay, &path, 1, &replay_options, &market->err) != QTA_OK)
        fail_msg("%s", market->err.message);
}

static void open_market(struct market *market, const struct made_session *made,
                        const struct qta_server_options *options)
{
    prepare(market, made);
    if (qta_server_create(&market->server, market->replay, options, &market->err) != QTA_OK)
        fail_msg("%s", market->err.message);
    market->port = qta_server_port(market->server);
    assert_int_not_equal(market->port, 0);
    assert_int_equal(pthread_create(&market->thread, NULL, run_server, market), 0);
}

static void tidy(struct market *market)
{
    qta_server_destroy(market->server);
    qta_replay_destroy(market->replay);
}

/* Waits for the end of the run, which must be a good one. */
static void close_market(struct market *market)
{
    pthread_join(market->thread, NULL);
    if (market->status != QTA_OK)
        fail_msg("%s", market->err.message);
    tidy(market);
}

/* ---- clients -----------------------------------------------------------------------------------
 */

static const char auth[] = "{\"action\":\"auth\",\"key\":\"K\",\"secret\":\"S\"}";
static const char everything[] =
    "{\"action\":\"subscribe\",\"trades\":[\"*\"],\"quotes\":[\"*\"],\"bars\":[\"*\"],"
    "\"updatedBars\":[\"*\"],\"dailyBars\":[\"*\"],\"statuses\":[\"*\"],\"lulds\":[\"*\"],"
    "\"imbalances\":[\"*\"]}";
static const char everything_crypto[] =
    "{\"action\":\"subscribe\",\"trades\":[\"*\"],\"quotes\":[\"*\"],\"bars\":[\"*\"],"
    "\"updatedBars\":[\"*\"],\"dailyBars\":[\"*\"],\"orderbooks\":[\"*\"]}";

static void assert_hears(struct ws_client *client, const char *text)
{
    assert_int_equal(ws_client_receive(client), WS_TEXT);
    assert_string_equal((const char *)client->message, text);
}

static void log_in(struct ws_client *client, uint16_t port, const char *path)
{
    ws_client_connect(client, port, path, "");
    assert_hears(client, "[{\"T\":\"success\",\"msg\":\"connected\"}]");
    ws_client_say(client, auth);
    assert_hears(client, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
}

static void subscribe(struct ws_client *client, const char *message)
{
    ws_client_say(client, message);
    assert_int_equal(ws_client_receive(client), WS_TEXT);
    assert_non_null(strstr((const char *)client->message, "subscription"));
}

/* The messages of one array, appended to what came before, separated by commas in JSON. */
static void gather(struct qta_byte_buffer *stream, const struct ws_client *client, bool is_msgpack)
{
    const uint8_t *bytes = client->message;
    size_t length = client->message_bytes;
    assert_in_range(length, 2, SIZE_MAX);
    if (!is_msgpack) {
        assert_int_equal(bytes[0], '[');
        assert_int_equal(bytes[length - 1], ']');
        if (stream->length > 0)
            qta_byte_buffer_append_byte(stream, ',');
        qta_byte_buffer_append(stream, bytes + 1, length - 2);
        return;
    }
    size_t head = bytes[0] == 0xdd ? 5 : bytes[0] == 0xdc ? 3 : 1;
    assert_true(head > 1 || (bytes[0] & 0xf0) == 0x90);
    qta_byte_buffer_append(stream, bytes + head, length - head);
}

/* Reads to the end of the market, which is a normal close. */
static void read_to_the_end(struct ws_client *client, struct qta_byte_buffer *stream,
                            bool is_msgpack)
{
    int opcode;
    while ((opcode = ws_client_receive(client)) == (is_msgpack ? WS_BINARY : WS_TEXT))
        gather(stream, client, is_msgpack);
    assert_int_equal(opcode, WS_CLOSE);
    assert_int_equal(client->close_code, 1000);
}

static bool is_for(bool is_crypto, enum qta_alpaca_channel channel)
{
    switch (channel) {
    case QTA_ALPACA_STATUSES:
    case QTA_ALPACA_LULDS:
    case QTA_ALPACA_IMBALANCES:
    case QTA_ALPACA_CORRECTIONS:
    case QTA_ALPACA_CANCEL_ERRORS:
        return !is_crypto;
    case QTA_ALPACA_ORDERBOOKS:
        return is_crypto;
    case QTA_ALPACA_TRADES:
    case QTA_ALPACA_QUOTES:
    case QTA_ALPACA_BARS:
    case QTA_ALPACA_UPDATED_BARS:
    case QTA_ALPACA_DAILY_BARS:
    case QTA_ALPACA_CHANNEL_COUNT:
        break;
    }
    return true;
}

/* What such a client must have got, made from the ticks as they were written. */
static size_t expected_stream(const struct market *market, struct qta_byte_buffer *stream,
                              bool is_msgpack, bool is_crypto)
{
    struct qta_alpaca_encoder *encoder = NULL;
    struct qta_alpaca_outgoing message;
    size_t count = 0;
    assert_int_equal(qta_alpaca_encoder_create(&encoder, market->made->names, NULL), QTA_OK);
    for (size_t i = 0; i <= market->made->count; i++) {
        if (i < market->made->count)
            qta_alpaca_encoder_put(encoder, &market->made->ticks[i]);
        else
            qta_alpaca_encoder_end(encoder);
        while (qta_alpaca_encoder_next(encoder, &message)) {
            if (!is_for(is_crypto, message.channel))
                continue;
            size_t length = 0;
            const uint8_t *bytes = qta_alpaca_encoder_bytes(
                encoder, is_msgpack ? QTA_ALPACA_MSGPACK : QTA_ALPACA_JSON, &length);
            if (!is_msgpack && stream->length > 0)
                qta_byte_buffer_append_byte(stream, ',');
            qta_byte_buffer_append(stream, bytes, length);
            count++;
        }
    }
    qta_alpaca_encoder_destroy(encoder);
    return count;
}

static void assert_whole_stream(const struct market *market, struct qta_byte_buffer *stream,
                                bool is_msgpack, bool is_crypto)
{
    struct qta_byte_buffer expected = {0};
    expected_stream(market, &expected, is_msgpack, is_crypto);
    assert_int_equal(stream->length, expected.length);
    assert_memory_equal(stream->bytes, expected.bytes, expected.length);
    qta_byte_buffer_finish(&expected);
    qta_byte_buffer_finish(stream);
}

/* ---- the whole stream --------------------------------------------------------------------------
 */

static void every_message_arrives_in_order_then_a_normal_close(void **state)
{
    (void)state;
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    struct qta_byte_buffer stream = {0};
    open_market(&market, &small, &options);
    log_in(&client, market.port, "/v2/iex");
    subscribe(&client, everything);
    read_to_the_end(&client, &stream, false);
    assert_whole_stream(&market, &stream, false, false);
    ws_client_drop(&client);
    pthread_join(market.thread, NULL);
    struct qta_server_stats stats;
    struct qta_byte_buffer expected = {0};
    qta_server_stats(market.server, &stats);
    assert_int_equal(stats.messages, expected_stream(&market, &expected, false, false));
    assert_int_equal(stats.connections, 1);
    assert_int_equal(stats.clients, 0);
    assert_true(stats.unserved > 0);
    qta_byte_buffer_finish(&expected);
    assert_int_equal(market.status, QTA_OK);
    tidy(&market);
}

static void say_msgpack(struct ws_client *client, const char *bytes, size_t length)
{
    ws_client_send_frame(client, WS_BINARY, true, bytes, length);
    assert_int_equal(ws_client_receive(client), WS_BINARY);
}

static void a_msgpack_client_gets_the_same_in_msgpack(void **state)
{
    (void)state;
    static const char msgpack_auth[] = "\x83\xa6"
                                       "action\xa4"
                                       "auth\xa3key\xa1K\xa6secret\xa1S";
    static const char msgpack_all[] = "\x87\xa6"
                                      "action\xa9subscribe\xa6trades\x91\xa1*\xa6quotes\x91\xa1*"
                                      "\xa4"
                                      "bars\x91\xa1*\xabupdatedBars\x91\xa1*"
                                      "\xa9"
                                      "dailyBars\x91\xa1*\xaaorderbooks\x91\xa1*";
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    struct qta_byte_buffer stream = {0};
    open_market(&market, &small, &options);
    ws_client_connect(&client, market.port, "/v1beta3/crypto/us",
                      "Content-Type: application/msgpack\r\n");
    assert_int_equal(ws_client_receive(&client), WS_BINARY);
    say_msgpack(&client, msgpack_auth, sizeof msgpack_auth - 1);
    say_msgpack(&client, msgpack_all, sizeof msgpack_all - 1);
    read_to_the_end(&client, &stream, true);
    assert_whole_stream(&market, &stream, true, true);
    ws_client_drop(&client);
    close_market(&market);
}

/* A client on a thread of its own. */
struct reader {
    pthread_t thread;
    uint16_t port;
    bool is_crypto;
    int nap_us; /* before each message */
    struct qta_byte_buffer stream;
    pthread_barrier_t *barrier;
};

static void *read_on_thread(void *arg)
{
    struct reader *reader = arg;
    struct ws_client client;
    log_in(&client, reader->port, reader->is_crypto ? "/v1beta3/crypto/us" : "/v2/sip");
    pthread_barrier_wait(reader->barrier);
    subscribe(&client, reader->is_crypto ? everything_crypto : everything);
    int opcode;
    while ((opcode = ws_client_receive(&client)) == WS_TEXT) {
        gather(&reader->stream, &client, false);
        usleep((useconds_t)reader->nap_us);
    }
    assert_int_equal(opcode, WS_CLOSE);
    assert_int_equal(client.close_code, 1000);
    ws_client_drop(&client);
    return NULL;
}

static void many_clients_of_any_speed_all_get_everything(void **state)
{
    (void)state;
    enum { READERS = 4 };
    struct qta_server_options options = qta_server_options_default();
    options.client_buffer_bytes = 100000;
    options.batch_max = 64;
    struct market market;
    struct reader readers[READERS];
    pthread_barrier_t barrier;
    open_market(&market, &small, &options);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, READERS), 0);
    memset(readers, 0, sizeof readers);
    for (int i = 0; i < READERS; i++) {
        readers[i].port = market.port;
        readers[i].is_crypto = i % 2 == 1;
        readers[i].nap_us = i == 0 ? 2000 : 0;
        readers[i].barrier = &barrier;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on_thread, &readers[i]), 0);
    }
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    for (int i = 0; i < READERS; i++)
        assert_whole_stream(&market, &readers[i].stream, false, readers[i].is_crypto);
    pthread_barrier_destroy(&barrier);
    close_market(&market);
}

static void a_patient_server_holds_the_replay_for_a_client_that_rests(void **state)
{
    (void)state;
    struct qta_server_options options = qta_server_options_default();
    options.client_buffer_bytes = 10000;
    struct market market;
    struct ws_client client;
    struct qta_byte_buffer stream = {0};
    open_market(&market, &large, &options);
    log_in(&client, market.port, "/v2/sip");
    subscribe(&client, everything);
    /* until nothing moves any more */
    struct qta_server_stats stats;
    struct qta_server_stats before;
    qta_server_stats(market.server, &stats);
    do {
        before = stats;
        usleep(300000);
        qta_server_stats(market.server, &stats);
    } while (stats.messages == 0 || stats.messages != before.messages);
    struct qta_replay_progress progress;
    qta_replay_progress(market.replay, &progress);
    assert_true(progress.ticks < market.made->count);
    read_to_the_end(&client, &stream, false);
    assert_whole_stream(&market, &stream, false, false);
    ws_client_drop(&client);
    close_market(&market);
}

static void an_impatient_server_cuts_a_client_that_rests(void **state)
{
    (void)state;
    struct qta_server_options options = qta_server_options_default();
    options.client_buffer_bytes = 10000;
    options.is_patient = false;
    struct market market;
    struct ws_client slow;
    open_market(&market, &large, &options);
    log_in(&slow, market.port, "/v2/sip");
    subscribe(&slow, everything);
    struct qta_replay_progress progress;
    do { /* the replay goes on without it */
        usleep(50000);
        qta_replay_progress(market.replay, &progress);
    } while (progress.ticks < market.made->count);
    static const char slow_client[] = "[{\"T\":\"error\",\"code\":407,\"msg\":\"slow client\"}]";
    bool is_told = false;
    int opcode;
    while ((opcode = ws_client_receive(&slow)) == WS_TEXT)
        is_told = strcmp((const char *)slow.message, slow_client) == 0;
    assert_true(is_told);
    assert_int_equal(opcode, WS_CLOSE);
    assert_int_equal(slow.close_code, 1008);
    ws_client_drop(&slow);
    close_market(&market);
}

static void a_client_that_vanishes_harms_nobody(void **state)
{
    (void)state;
    struct qta_server_options options = qta_server_options_default();
    options.client_buffer_bytes = 10000;
    struct market market;
    struct ws_client vanishing;
    struct ws_client staying;
    struct qta_byte_buffer stream = {0};
    open_market(&market, &large, &options);
    log_in(&vanishing, market.port, "/v2/sip");
    log_in(&staying, market.port, "/v2/sip");
    subscribe(&vanishing, everything);
    subscribe(&staying, everything);
    assert_int_equal(ws_client_receive(&vanishing), WS_TEXT);
    ws_client_drop(&vanishing);
    read_to_the_end(&staying, &stream, false);
    assert_whole_stream(&market, &stream, false, false);
    ws_client_drop(&staying);
    close_market(&market);
}

static void when_all_clients_are_gone_the_replay_ends_by_itself(void **state)
{
    (void)state;
    struct qta_server_options options = qta_server_options_default();
    options.client_buffer_bytes = 10000;
    struct market market;
    struct ws_client client;
    open_market(&market, &large, &options);
    log_in(&client, market.port, "/v2/sip");
    subscribe(&client, everything);
    assert_int_equal(ws_client_receive(&client), WS_TEXT);
    ws_client_drop(&client);
    close_market(&market);
}

/* ---- stopping ----------------------------------------------------------------------------------
 */

static void it_stops_while_it_waits_for_a_subscription(void **state)
{
    (void)state;
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    open_market(&market, &small, &options);
    log_in(&client, market.port, "/v2/iex");
    qta_server_stop(market.server);
    assert_int_equal(ws_client_receive(&client), WS_CLOSE);
    assert_int_equal(client.close_code, 1001);
    ws_client_drop(&client);
    close_market(&market);
}

static void it_stops_although_a_client_does_not_read(void **state)
{
    (void)state;
    struct qta_server_options options = qta_server_options_default();
    options.client_buffer_bytes = 10000;
    struct market market;
    struct ws_client client;
    open_market(&market, &large, &options);
    log_in(&client, market.port, "/v2/iex");
    subscribe(&client, everything);
    assert_int_equal(ws_client_receive(&client), WS_TEXT);
    qta_server_stop(market.server);
    close_market(&market);
    ws_client_drop(&client);
}

/* ---- the protocol over a socket ----------------------------------------------------------------
 */

static void fragments_and_pings_are_understood(void **state)
{
    (void)state;
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    open_market(&market, &small, &options);
    ws_client_connect(&client, market.port, "/", "");
    assert_int_equal(ws_client_receive(&client), WS_TEXT);
    for (size_t i = 0; i < strlen(auth); i++) {
        ws_client_send_frame(&client, i == 0 ? WS_TEXT : 0, i + 1 == strlen(auth), auth + i, 1);
        if (i == 5) {
            ws_client_send_frame(&client, WS_PING, true, "hello", 5);
            assert_int_equal(ws_client_receive(&client), WS_PONG);
            assert_string_equal((const char *)client.message, "hello");
        }
    }
    assert_hears(&client, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
    qta_server_stop(market.server);
    close_market(&market);
    ws_client_drop(&client);
}

static void a_message_right_behind_the_upgrade_is_answered_after_the_welcome(void **state)
{
    (void)state;
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    open_market(&market, &small, &options);
    static const char packet[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                                 "\x81\x80" /* an empty text frame, mask 0 */
                                 "\0\0\0\0";
    char answer[512] = "";
    ws_client_dial(&client, market.port);
    ws_client_send_raw(&client, packet, sizeof packet - 1);
    size_t length = 0;
    while (length < sizeof answer - 1 && !strstr(answer, "invalid syntax")) {
        size_t got = ws_client_read_raw(&client, answer + length, sizeof answer - 1 - length);
        assert_true(got > 0);
        for (size_t i = length; i < length + got; i++) {
            if (answer[i] == '\0')
                answer[i] = ' ';
        }
        length += got;
    }
    const char *welcome = strstr(answer, "connected");
    assert_non_null(welcome);
    assert_non_null(strstr(welcome, "invalid syntax"));
    qta_server_stop(market.server);
    close_market(&market);
    ws_client_drop(&client);
}

static void a_message_that_is_too_large_closes_with_1009(void **state)
{
    (void)state;
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    open_market(&market, &small, &options);
    log_in(&client, market.port, "/v2/iex");
    static char message[(1 << 20) + 1];
    memset(message, ' ', sizeof message);
    ws_client_send_frame(&client, WS_TEXT, true, message, sizeof message);
    int opcode = ws_client_receive(&client);
    assert_true(opcode == WS_CLOSE || opcode == WS_EOF);
    if (opcode == WS_CLOSE)
        assert_int_equal(client.close_code, 1009);
    ws_client_drop(&client);
    qta_server_stop(market.server);
    close_market(&market);
}

static void an_ordinary_request_is_told_that_this_is_a_websocket(void **state)
{
    (void)state;
    const struct qta_server_options options = qta_server_options_default();
    struct market market;
    struct ws_client client;
    open_market(&market, &small, &options);
    static const char get[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[1024] = "";
    ws_client_dial(&client, market.port);
    ws_client_send_raw(&client, get, sizeof get - 1);
    size_t length = ws_client_read_raw(&client, answer, sizeof answer - 1);
    answer[length] = '\0';
    assert_memory_equal(answer, "HTTP/1.1 426", 12);
    ws_client_drop(&client);
    qta_server_stop(market.server);
    close_market(&market);
}

static void credentials_are_checked_in_messages_and_in_headers(void **state)
{
    (void)state;
    static const char connected[] = "[{\"T\":\"success\",\"msg\":\"connected\"}]";
    static const char failed[] = "[{\"T\":\"error\",\"code\":402,\"msg\":\"auth failed\"}]";
    struct qta_server_options options = qta_server_options_default();
    options.api_key = "KEY";
    options.api_secret = "SECRET";
    struct market market;
    struct ws_client client;
    open_market(&market, &small, &options);
    ws_client_connect(&client, market.port, "/v2/iex",
                      "APCA-API-KEY-ID: KEY\r\nAPCA-API-SECRET-KEY: SECRET\r\n");
    assert_hears(&client, connected);
    assert_hears(&client, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
    ws_client_drop(&client);
    ws_client_connect(&client, market.port, "/v2/iex", "Authorization: Basic S0VZOlNFQ1JFVA==\r\n");
    assert_hears(&client, connected);
    assert_hears(&client, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
    ws_client_drop(&client);
    ws_client_connect(&client, market.port, "/v2/iex", "Authorization: Bearer nonsense\r\n");
    assert_hears(&client, connected);
    assert_hears(&client, failed);
    assert_int_equal(ws_client_receive(&client), WS_CLOSE);
    ws_client_drop(&client);
    ws_client_connect(&client, market.port, "/v2/iex", "");
    assert_hears(&client, connected);
    ws_client_say(&client, auth);
    assert_hears(&client, failed);
    assert_int_equal(ws_client_receive(&client), WS_CLOSE);
    assert_int_equal(client.close_code, 1008);
    ws_client_drop(&client);
    qta_server_stop(market.server);
    close_market(&market);
}

static void one_client_too_many_gets_error_406(void **state)
{
    (void)state;
    struct qta_server_options options = qta_server_options_default();
    options.client_max = 1;
    struct market market;
    struct ws_client first;
    struct ws_client second;
    open_market(&market, &small, &options);
    log_in(&first, market.port, "/v2/iex");
    ws_client_connect(&second, market.port, "/v2/iex", "");
    assert_int_equal(ws_client_receive(&second), WS_TEXT);
    ws_client_say(&second, auth);
    assert_hears(&second, "[{\"T\":\"error\",\"code\":406,\"msg\":\"connection limit exceeded\"}]");
    assert_int_equal(ws_client_receive(&second), WS_CLOSE);
    ws_client_drop(&second);
    ws_client_say(&first, "{\"action\":\"subscribe\",\"trades\":[]}");
    assert_int_equal(ws_client_receive(&first), WS_TEXT);
    qta_server_stop(market.server);
    close_market(&market);
    ws_client_drop(&first);
}

/* ---- creating ----------------------------------------------------------------------------------
 */

static void what_cannot_be_served_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct market market;
    prepare(&market, &small);
    struct qta_server_options defaults = qta_server_options_default();
    struct qta_server *taken = NULL;
    assert_int_equal(qta_server_create(&taken, market.replay, &defaults, NULL), QTA_OK);
    struct qta_server_options options[7];
    static const struct {
        enum qta_status status;
        const char *reason;
    } expected[7] = {
        {QTA_ERR_IO, "in use"},         {QTA_ERR_USAGE, "no-such-host.invalid"},
        {QTA_ERR_USAGE, "address"},     {QTA_ERR_USAGE, "client_max"},
        {QTA_ERR_USAGE, "batch_max"},   {QTA_ERR_USAGE, "/nowhere/cert.pem"},
        {QTA_ERR_USAGE, "certificate"},
    };
    for (size_t i = 0; i < 7; i++)
        options[i] = defaults;
    options[0].port = qta_server_port(taken);
    options[1].host = "no-such-host.invalid";
    options[2].host = NULL;
    options[3].client_max = 0;
    options[4].batch_max = 0;
    options[5].tls_certificate_file = "/nowhere/cert.pem";
    options[5].tls_key_file = "/nowhere/key.pem";
    options[6].tls_key_file = "/nowhere/key.pem";
    for (size_t i = 0; i < 7; i++) {
        struct qta_server *server = NULL;
        struct qta_error err;
        print_message("case '%s'\n", expected[i].reason);
        assert_int_equal(qta_server_create(&server, market.replay, &options[i], &err),
                         expected[i].status);
        assert_non_null(strstr(err.message, expected[i].reason));
        assert_null(server);
    }
    qta_server_destroy(taken);
    tidy(&market);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives_in_order_then_a_normal_close),
        cmocka_unit_test(a_msgpack_client_gets_the_same_in_msgpack),
        cmocka_unit_test(many_clients_of_any_speed_all_get_everything),
        cmocka_unit_test(a_patient_server_holds_the_replay_for_a_client_that_rests),
        cmocka_unit_test(an_impatient_server_cuts_a_client_that_rests),
        cmocka_unit_test(a_client_that_vanishes_harms_nobody),
        cmocka_unit_test(when_all_clients_are_gone_the_replay_ends_by_itself),
        cmocka_unit_test(it_stops_while_it_waits_for_a_subscription),
        cmocka_unit_test(it_stops_although_a_client_does_not_read),
        cmocka_unit_test(fragments_and_pings_are_understood),
        cmocka_unit_test(a_message_right_behind_the_upgrade_is_answered_after_the_welcome),
        cmocka_unit_test(a_message_that_is_too_large_closes_with_1009),
        cmocka_unit_test(an_ordinary_request_is_told_that_this_is_a_websocket),
        cmocka_unit_test(credentials_are_checked_in_messages_and_in_headers),
        cmocka_unit_test(one_client_too_many_gets_error_406),
        cmocka_unit_test(what_cannot_be_served_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests_name("server", tests, make_sessions, remove_sessions);
}
