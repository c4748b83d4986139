/* A client of Alpaca's stream that says anything. The first byte chooses encoding and feed;
 * messages follow, each behind two bytes of length. Whatever it says, all that it is sent must be
 * whole arrays in its encoding, and nothing once it was closed. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/alpaca_server.h"
#include "adapters/msgpack_reader.h"
#include "core/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
    bool is_msgpack;
    bool is_closed;
};

static void check_sent(void *user, const void *bytes, size_t length, bool is_binary)
{
    const struct peer *peer = user;
    assert(!peer->is_closed);
    assert(is_binary == peer->is_msgpack);
    if (is_binary) {
        struct qta_msgpack_reader reader;
        uint32_t count = 0;
        qta_msgpack_reader_init(&reader, bytes, length);
        bool is_array = qta_msgpack_enter_array(&reader, &count);
        assert(is_array && count > 0);
        while (count-- > 0)
            qta_msgpack_skip(&reader);
        bool is_whole = qta_msgpack_finish(&reader);
        assert(is_whole);
    } else {
        struct qta_json_reader reader;
        qta_json_reader_init(&reader, bytes, length);
        assert(qta_json_peek(&reader) == QTA_JSON_ARRAY);
        qta_json_skip(&reader);
        bool is_whole = qta_json_finish(&reader);
        assert(is_whole);
    }
}

static void note_close(void *user, int code)
{
    struct peer *peer = user;
    assert(!peer->is_closed);
    assert(code >= 1000 && code < 5000);
    peer->is_closed = true;
}

static const struct qta_alpaca_client_host client_host = {.send = check_sent, .close = note_close};

/* One tick of each type, of the first symbol. */
static void offer_market(struct qta_alpaca_client *client, struct qta_alpaca_encoder *encoder)
{
    for (int type = QTA_TICK_TRADE; type < QTA_TICK_MARKET_TYPE_END; type++) {
        struct qta_alpaca_outgoing message;
        struct qta_tick tick;
        qta_tick_init(&tick, (enum qta_tick_type)type);
        tick.symbol = 1;
        tick.flags = QTA_FLAG_BOOK_LAST;
        if (type == QTA_TICK_BAR)
            tick.bar.kind = QTA_BAR_MINUTE;
        qta_alpaca_encoder_put(encoder, &tick);
        while (qta_alpaca_encoder_next(encoder, &message))
            qta_alpaca_client_offer(client, encoder, &message);
    }
    qta_alpaca_client_flush(client);
}

static void talk(struct qta_alpaca_client *client, struct qta_alpaca_encoder *encoder,
                 const uint8_t *data, size_t size)
{
    int64_t now_ns = 0;
    qta_alpaca_client_open(client, now_ns);
    while (size >= 2) {
        size_t length = (size_t)data[0] | (size_t)data[1] << 8;
        length = length < size - 2 ? length : size - 2;
        qta_alpaca_client_on_message(client, data + 2, length);
        offer_market(client, encoder);
        now_ns += 1000000000;
        qta_alpaca_client_service(client, now_ns);
        data += 2 + length;
        size -= 2 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct qta_alpaca_server_options options = {
        .symbol_max = 8, .batch_max = 3, .batch_max_bytes = 100};
    if (size == 0)
        return 0;
    struct peer peer = {.is_msgpack = data[0] & 1};
    const struct qta_alpaca_upgrade request = {.is_msgpack = peer.is_msgpack,
                                               .is_crypto = (data[0] & 2) != 0};
    struct qta_dictionary *names = NULL;
    struct qta_alpaca_encoder *encoder = NULL;
    struct qta_alpaca_client *client = NULL;
    if (qta_dictionary_create(&names, NULL) == QTA_OK &&
        qta_alpaca_encoder_create(&encoder, names, NULL) == QTA_OK &&
        qta_alpaca_client_create(&client, &options, names, &request, &client_host, &peer, NULL) ==
            QTA_OK) {
        qta_dictionary_intern(names, QTA_NAME_SYMBOL, "AAPL", 4);
        talk(client, encoder, data + 1, size - 1);
    }
    qta_alpaca_client_destroy(client);
    qta_alpaca_encoder_destroy(encoder);
    qta_dictionary_destroy(names);
    return 0;
}
