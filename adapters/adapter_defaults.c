#include "adapters/adapter_defaults.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/normalized_json.h"

enum {
    MESSAGE_FIRST_BYTES = 1024,
    /* what a builder may ask for: far above any real message, far below what hurts */
    MESSAGE_MAX_BYTES = 64 << 20,
};

enum qta_status qta_adapter_create_with(const struct qta_adapter_ops *ops,
                                        const struct qta_adapter_options *options,
                                        struct qta_adapter_host *host, struct qta_adapter **out,
                                        struct qta_error *err)
{
    assert(ops);
    assert(options);
    assert(host);
    assert(out);
    if (ops->create) {
        enum qta_status status = ops->create(out, options, host, err);
        assert(status != QTA_OK || ((*out)->ops && (*out)->host == host));
        return status;
    }
    struct qta_adapter *adapter = calloc(1, sizeof *adapter);
    if (!adapter)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating adapter '%s'", ops->name);
    adapter->ops = ops;
    adapter->host = host;
    *out = adapter;
    return QTA_OK;
}

void qta_adapter_destroy(struct qta_adapter *adapter)
{
    if (adapter && adapter->ops->destroy)
        adapter->ops->destroy(adapter);
    else
        free(adapter);
}

enum qta_status qta_adapter_describe_connection(struct qta_adapter *adapter,
                                                const char *websocket_url,
                                                struct qta_connect_request *request,
                                                struct qta_error *err)
{
    assert(adapter);
    assert(request);
    memset(request, 0, sizeof *request);
    if (adapter->ops->describe_connection)
        return adapter->ops->describe_connection(adapter, request, err);
    if (!websocket_url || websocket_url[0] == '\0') {
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "adapter '%s' does not know where to connect to: set websocket_url",
                             adapter->ops->name);
    }
    request->url = websocket_url;
    return QTA_OK;
}

void qta_adapter_on_open(struct qta_adapter *adapter, int64_t now_ns)
{
    if (adapter->ops->on_open)
        adapter->ops->on_open(adapter, now_ns);
    else
        adapter->host->ops->ready(adapter->host);
}

/* A stream has no message ends of its own, so a line is a message. */
static size_t decode_lines(struct qta_adapter *adapter, const struct qta_frame *frame)
{
    size_t consumed = 0;
    const uint8_t *end;
    while ((end = memchr(frame->bytes + consumed, '\n', frame->length - consumed))) {
        struct qta_frame line = *frame;
        line.bytes = frame->bytes + consumed;
        line.length = (size_t)(end - line.bytes);
        consumed += line.length + 1;
        if (line.length > 0 && line.bytes[line.length - 1] == '\r')
            line.length--;
        if (line.length > 0)
            qta_normalized_json_decode(adapter->host, &line);
    }
    return consumed;
}

size_t qta_adapter_on_data(struct qta_adapter *adapter, const struct qta_frame *frame)
{
    if (adapter->ops->on_data)
        return adapter->ops->on_data(adapter, frame);
    if (adapter->ops->transport == QTA_TRANSPORT_TCP)
        return decode_lines(adapter, frame);
    qta_normalized_json_decode(adapter->host, frame);
    return frame->length;
}

void qta_adapter_on_close(struct qta_adapter *adapter)
{
    if (adapter->ops->on_close)
        adapter->ops->on_close(adapter);
}

/* Sends the message for these symbols. False when there was no memory for it. */
static bool send_subscribe_message(struct qta_adapter *adapter, enum qta_tick_type type,
                                   const char *const *symbols, size_t symbol_count, bool is_added)
{
    size_t capacity = MESSAGE_FIRST_BYTES;
    char *text = malloc(capacity);
    if (!text)
        return false;
    size_t length = adapter->ops->build_subscribe_message(adapter, type, symbols, symbol_count,
                                                          is_added, text, capacity);
    if (length >= capacity && length < MESSAGE_MAX_BYTES) {
        capacity = length + 1;
        free(text);
        text = malloc(capacity);
        if (!text)
            return false;
        length = adapter->ops->build_subscribe_message(adapter, type, symbols, symbol_count,
                                                       is_added, text, capacity);
    }
    bool is_built = length < capacity;
    if (is_built && length > 0)
        adapter->host->ops->send(adapter->host, text, length, false);
    free(text);
    return is_built;
}

static bool send_subscribe_messages(struct qta_adapter *adapter,
                                    const struct qta_subscription *subscriptions, size_t count,
                                    bool is_added)
{
    const char **symbols = malloc(count * sizeof(*symbols));
    if (!symbols)
        return false;
    bool is_sent = true;
    uint32_t types_done = 0;
    for (size_t i = 0; i < count && is_sent; i++) {
        enum qta_tick_type type = subscriptions[i].type;
        if (types_done & QTA_TYPE_BIT(type))
            continue;
        types_done |= QTA_TYPE_BIT(type);
        size_t symbol_count = 0;
        for (size_t j = i; j < count; j++) {
            if (subscriptions[j].type == type)
                symbols[symbol_count++] = subscriptions[j].symbol;
        }
        is_sent = send_subscribe_message(adapter, type, symbols, symbol_count, is_added);
    }
    free(symbols);
    return is_sent;
}

void qta_adapter_subscribe(struct qta_adapter *adapter,
                           const struct qta_subscription *subscriptions, size_t count,
                           bool is_added, int64_t now_ns)
{
    if (adapter->ops->subscribe) {
        adapter->ops->subscribe(adapter, subscriptions, count, is_added, now_ns);
        return;
    }
    if (count == 0)
        return;
    struct qta_adapter_host *host = adapter->host;
    if (adapter->ops->build_subscribe_message &&
        !send_subscribe_messages(adapter, subscriptions, count, is_added)) {
        host->ops->fail(host, QTA_REACTION_RECONNECT, QTA_CAUSE_PROTOCOL, 0, 0,
                        "subscribe message cannot be built: out of memory or over 64 MiB");
        return;
    }
    if (!is_added)
        return;
    for (size_t i = 0; i < count; i++)
        host->ops->subscribed(host, &subscriptions[i], true, 0, NULL);
}

int64_t qta_adapter_service(struct qta_adapter *adapter, int64_t now_ns, size_t budget)
{
    return adapter->ops->service ? adapter->ops->service(adapter, now_ns, budget) : INT64_MAX;
}

bool qta_adapter_offers(const struct qta_adapter_ops *ops, enum qta_tick_type type)
{
    uint32_t types = ops->types ? ops->types : QTA_TYPES_ALL;
    return type < 32 && (types & QTA_TYPE_BIT(type)) != 0;
}
