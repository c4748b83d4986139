#include "tests/recorder/chatty_adapter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chatty {
    struct qta_adapter base;
    uint64_t next_id;
};

static const struct qta_adapter_ops chatty_tcp_adapter_ops;

static enum qta_status create_with(const struct qta_adapter_ops *ops, struct qta_adapter **out,
                                   struct qta_adapter_host *host)
{
    struct chatty *chatty = calloc(1, sizeof *chatty);
    assert(chatty);
    chatty->base.ops = ops;
    chatty->base.host = host;
    chatty->next_id = 1;
    *out = &chatty->base;
    return QTA_OK;
}

static enum qta_status create(struct qta_adapter **out, const struct qta_adapter_options *options,
                              struct qta_adapter_host *host, struct qta_error *err)
{
    (void)options;
    (void)err;
    return create_with(&chatty_adapter_ops, out, host);
}

static enum qta_status create_tcp(struct qta_adapter **out,
                                  const struct qta_adapter_options *options,
                                  struct qta_adapter_host *host, struct qta_error *err)
{
    (void)options;
    (void)err;
    return create_with(&chatty_tcp_adapter_ops, out, host);
}

static void on_open(struct qta_adapter *adapter, int64_t now_ns)
{
    (void)now_ns;
    adapter->host->ops->send(adapter->host, "login", 5, false);
}

static void answer(struct qta_adapter *adapter, const char *symbol, bool is_accepted)
{
    struct qta_subscription subscription = {.type = QTA_TICK_TRADE, .symbol = symbol};
    adapter->host->ops->subscribed(adapter->host, &subscription, is_accepted, is_accepted ? 0 : 405,
                                   is_accepted ? NULL : "limit exceeded");
}

static void emit_trades(struct qta_adapter *adapter, const char *symbol, int count)
{
    struct chatty *chatty = (struct chatty *)adapter;
    struct qta_adapter_host *host = adapter->host;
    for (int i = 0; i < count; i++) {
        struct qta_tick tick;
        qta_tick_init(&tick, QTA_TICK_TRADE);
        tick.symbol = host->ops->intern(host, QTA_NAME_SYMBOL, symbol, strlen(symbol));
        tick.trade.id = chatty->next_id++;
        tick.trade.price_mantissa = 100 + (int64_t)(tick.trade.id % 7);
        tick.trade.price_exponent = -2;
        host->ops->emit(host, &tick);
    }
}

/* A trade with the venue's number. */
static void emit_numbered(struct qta_adapter *adapter, const char *symbol, uint64_t number)
{
    struct qta_adapter_host *host = adapter->host;
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_TRADE);
    tick.symbol = host->ops->intern(host, QTA_NAME_SYMBOL, symbol, strlen(symbol));
    tick.src_seq = number;
    tick.trade.id = number;
    host->ops->emit(host, &tick);
}

static void emit_book(struct qta_adapter *adapter, const char *symbol, bool is_snapshot)
{
    struct qta_adapter_host *host = adapter->host;
    for (int level = 0; level < 2; level++) {
        struct qta_tick tick;
        qta_tick_init(&tick, QTA_TICK_BOOK);
        tick.symbol = host->ops->intern(host, QTA_NAME_SYMBOL, symbol, strlen(symbol));
        tick.flags = level == 0 ? QTA_FLAG_BOOK_FIRST : QTA_FLAG_BOOK_LAST;
        tick.flags |= is_snapshot ? QTA_FLAG_BOOK_SNAPSHOT : 0;
        tick.book.side = level == 0 ? QTA_SIDE_BUY : QTA_SIDE_SELL;
        tick.book.action = QTA_BOOK_SET;
        host->ops->emit(host, &tick);
    }
}

static void obey(struct qta_adapter *adapter, const char *text)
{
    struct qta_adapter_host *host = adapter->host;
    char symbol[32];
    const char *blank = strrchr(text, ' ');
    int number = blank ? (int)strtol(blank, NULL, 10) : 0;
    if (strcmp(text, "welcome") == 0)
        host->ops->ready(host);
    else if (sscanf(text, "ok %31s", symbol) == 1)
        answer(adapter, symbol, true);
    else if (sscanf(text, "no %31s", symbol) == 1)
        answer(adapter, symbol, false);
    else if (sscanf(text, "t %31s", symbol) == 1)
        emit_trades(adapter, symbol, number > 0 ? number : 1);
    else if (sscanf(text, "n %31s", symbol) == 1)
        emit_numbered(adapter, symbol, (uint64_t)number);
    else if (strncmp(text, "message ", 8) == 0)
        host->ops->numbered(host, (uint64_t)number);
    else if (sscanf(text, "snapshot %31s", symbol) == 1)
        emit_book(adapter, symbol, true);
    else if (sscanf(text, "update %31s", symbol) == 1)
        emit_book(adapter, symbol, false);
    else if (strncmp(text, "fail ", 5) == 0)
        host->ops->fail(host, QTA_REACTION_RECONNECT, QTA_CAUSE_PROVIDER, 500,
                        (int64_t)number * 1000000000, "internal error at the venue");
    else if (strncmp(text, "slower ", 7) == 0)
        host->ops->throttled(host, QTA_THROTTLE_MESSAGES, (int64_t)number * 1000000000);
    else if (strncmp(text, "fewer ", 6) == 0)
        host->ops->throttled(host, QTA_THROTTLE_CONNECTS, (int64_t)number * 1000000000);
    else if (strcmp(text, "block") == 0)
        host->ops->fail(host, QTA_REACTION_BLOCK, QTA_CAUSE_AUTH, 402, 0, "auth failed");
    else if (strcmp(text, "expire") == 0)
        host->ops->expiring(host);
    else
        host->ops->fault(host, QTA_FAULT_SYNTAX, text);
}

static size_t on_data(struct qta_adapter *adapter, const struct qta_frame *frame)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)frame->length, (const char *)frame->bytes);
    obey(adapter, text);
    return frame->length;
}

static size_t on_stream(struct qta_adapter *adapter, const struct qta_frame *frame)
{
    size_t consumed = 0;
    const uint8_t *end;
    while ((end = memchr(frame->bytes + consumed, '\n', frame->length - consumed))) {
        struct qta_frame line = *frame;
        line.bytes = frame->bytes + consumed;
        line.length = (size_t)(end - line.bytes);
        on_data(adapter, &line);
        consumed += line.length + 1;
    }
    return consumed;
}

static void subscribe(struct qta_adapter *adapter, const struct qta_subscription *subscriptions,
                      size_t count, bool is_added, int64_t now_ns)
{
    (void)now_ns;
    char text[512];
    snprintf(text, sizeof text, "%s", is_added ? "sub" : "unsub");
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, " %s", subscriptions[i].symbol);
    }
    adapter->host->ops->send(adapter->host, text, strlen(text), false);
}

const struct qta_adapter_ops chatty_adapter_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "chatty",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .traits = QTA_TRAIT_ANNOUNCES_END,
    .types = QTA_TYPE_BIT(QTA_TICK_TRADE),
    .dense_types = QTA_TYPE_BIT(QTA_TICK_TRADE),
    .create = create,
    .on_open = on_open,
    .on_data = on_data,
    .subscribe = subscribe,
};

static const struct qta_adapter_ops chatty_tcp_adapter_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "chatty-tcp",
    .transport = QTA_TRANSPORT_TCP,
    .types = QTA_TYPE_BIT(QTA_TICK_TRADE),
    .create = create_tcp,
    .on_open = on_open,
    .on_data = on_stream,
    .subscribe = subscribe,
};

void chatty_adapter_register(void)
{
    enum qta_status websocket = qta_adapter_register(&chatty_adapter_ops, NULL);
    enum qta_status tcp = qta_adapter_register(&chatty_tcp_adapter_ops, NULL);
    assert(websocket == QTA_OK && tcp == QTA_OK);
    (void)websocket;
    (void)tcp;
}
