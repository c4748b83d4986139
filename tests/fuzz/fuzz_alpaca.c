/* A whole connection of the Alpaca adapter: the input is cut into frames, text or binary, as the
 * first byte of each says. What is emitted must be well-formed and printable. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>

#include "adapters/adapter_defaults.h"
#include "adapters/alpaca.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct host {
    struct qta_adapter_host base;
    bool has_failed;
};

static void emit(struct qta_adapter_host *base, struct qta_tick *tick)
{
    static char line[1 << 17];
    assert(!((struct host *)base)->has_failed);
    assert(qta_tick_is_market(tick));
    assert(tick->symbol != 0);
    assert(qta_print_tick(tick, base->names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, line,
                          sizeof line) < sizeof line);
}

static uint32_t intern(struct qta_adapter_host *host, enum qta_name_kind kind, const char *name,
                       size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void send_bytes(struct qta_adapter_host *base, const void *bytes, size_t length,
                       bool is_binary)
{
    (void)bytes;
    (void)is_binary;
    assert(!((struct host *)base)->has_failed);
    assert(length > 0);
}

static void ready(struct qta_adapter_host *base)
{
    (void)base;
}

static void subscribed(struct qta_adapter_host *base, const struct qta_subscription *subscription,
                       bool is_accepted, int code, const char *reason)
{
    (void)base;
    (void)code;
    assert(subscription->symbol);
    assert(is_accepted || reason);
}

static void fail(struct qta_adapter_host *base, enum qta_reaction reaction,
                 enum qta_conn_cause cause, int code, int64_t retry_after_ns, const char *sentence)
{
    (void)reaction;
    (void)cause;
    (void)code;
    (void)retry_after_ns;
    assert(strlen(sentence) > 0);
    ((struct host *)base)->has_failed = true;
}

static void fault(struct qta_adapter_host *base, enum qta_fault kind, const char *detail)
{
    (void)base;
    assert(kind < QTA_FAULT_COUNT);
    assert(strlen(detail) < 200);
}

static void log_line(struct qta_adapter_host *base, enum qta_log_level level, const char *message)
{
    (void)base;
    (void)level;
    assert(message);
}

static void throttled(struct qta_adapter_host *base, enum qta_throttle what, int64_t retry_after_ns)
{
    (void)base;
    assert(what == QTA_THROTTLE_MESSAGES || what == QTA_THROTTLE_CONNECTS);
    assert(retry_after_ns >= 0);
}

static const struct qta_adapter_host_ops host_ops = {
    .emit = emit,
    .intern = intern,
    .send = send_bytes,
    .ready = ready,
    .subscribed = subscribed,
    .fail = fail,
    .fault = fault,
    .log = log_line,
    .throttled = throttled,
};

static void hear(struct qta_adapter *adapter, const uint8_t *bytes, size_t length, bool is_binary)
{
    uint8_t *copy = malloc(length + (length == 0)); /* exact, for ASan */
    assert(copy);
    memcpy(copy, bytes, length);
    const struct qta_frame frame = {.bytes = copy, .length = length, .is_binary = is_binary};
    qta_adapter_on_data(adapter, &frame);
    free(copy);
}

static void hear_text(struct qta_adapter *adapter, const char *text)
{
    hear(adapter, (const uint8_t *)text, strlen(text), false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct qta_subscription wanted[] = {
        {.type = QTA_TICK_TRADE, .symbol = "AAPL"},
        {.type = QTA_TICK_QUOTE, .symbol = "*"},
    };
    const struct qta_adapter_options options = {
        .provider = "alpaca", .websocket_url = "ws://x/", .api_key = "k", .api_secret = "s"};
    struct host host = {.base.ops = &host_ops};
    struct qta_adapter *adapter = NULL;
    if (qta_dictionary_create(&host.base.names, NULL) != QTA_OK ||
        qta_adapter_create_with(&qta_alpaca_adapter_ops, &options, &host.base, &adapter, NULL) !=
            QTA_OK)
        abort();
    qta_adapter_on_open(adapter, 0);
    hear_text(adapter, "[{\"T\":\"success\",\"msg\":\"connected\"}]");
    hear_text(adapter, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
    qta_adapter_subscribe(adapter, wanted, 2, true, 0);
    /* each frame: a byte for its kind, two for its length */
    while (size >= 3 && !host.has_failed) {
        bool is_binary = data[0] & 1;
        size_t length = (size_t)data[1] | (size_t)data[2] << 8;
        data += 3;
        size -= 3;
        length = length < size ? length : size;
        hear(adapter, data, length, is_binary);
        if (!host.has_failed)
            qta_adapter_service(adapter, INT64_C(1000000000), 16);
        data += length;
        size -= length;
    }
    qta_adapter_on_close(adapter);
    qta_adapter_destroy(adapter);
    qta_dictionary_destroy(host.base.names);
    return 0;
}
