/* Alpaca's channels by name and by tick type. */
#include "adapters/alpaca_channel.h"

#include <assert.h>
#include <string.h>

static const char *const names[QTA_ALPACA_CHANNEL_COUNT] = {
    [QTA_ALPACA_TRADES] = "trades",
    [QTA_ALPACA_QUOTES] = "quotes",
    [QTA_ALPACA_BARS] = "bars",
    [QTA_ALPACA_UPDATED_BARS] = "updatedBars",
    [QTA_ALPACA_DAILY_BARS] = "dailyBars",
    [QTA_ALPACA_STATUSES] = "statuses",
    [QTA_ALPACA_LULDS] = "lulds",
    [QTA_ALPACA_IMBALANCES] = "imbalances",
    [QTA_ALPACA_ORDERBOOKS] = "orderbooks",
    [QTA_ALPACA_CORRECTIONS] = "corrections",
    [QTA_ALPACA_CANCEL_ERRORS] = "cancelErrors",
};

const char *qta_alpaca_channel_name(enum qta_alpaca_channel channel)
{
    assert(channel < QTA_ALPACA_CHANNEL_COUNT);
    return names[channel];
}

enum qta_alpaca_channel qta_alpaca_channel_find(const char *name, size_t length)
{
    unsigned channel = 0;
    while (channel < QTA_ALPACA_CHANNEL_COUNT &&
           (strlen(names[channel]) != length || memcmp(names[channel], name, length) != 0))
        channel++;
    return channel;
}

static enum qta_alpaca_channel channel_of_bars(enum qta_bar_kind kind)
{
    switch (kind) {
    case QTA_BAR_UPDATED:
        return QTA_ALPACA_UPDATED_BARS;
    case QTA_BAR_DAILY:
        return QTA_ALPACA_DAILY_BARS;
    case QTA_BAR_OTHER:
        return QTA_ALPACA_CHANNEL_COUNT;
    case QTA_BAR_MINUTE:
    default:
        return QTA_ALPACA_BARS;
    }
}

enum qta_alpaca_channel qta_alpaca_channel_of(const struct qta_subscription *subscription)
{
    static const uint8_t channels[QTA_TICK_MARKET_TYPE_END] = {
        [QTA_TICK_NONE] = QTA_ALPACA_CHANNEL_COUNT,
        [QTA_TICK_TRADE] = QTA_ALPACA_TRADES,
        [QTA_TICK_QUOTE] = QTA_ALPACA_QUOTES,
        [QTA_TICK_BAR] = QTA_ALPACA_BARS,
        [QTA_TICK_BOOK] = QTA_ALPACA_ORDERBOOKS,
        [QTA_TICK_TRADE_CANCEL] = QTA_ALPACA_CANCEL_ERRORS,
        [QTA_TICK_TRADE_CORRECT] = QTA_ALPACA_CORRECTIONS,
        [QTA_TICK_STATUS] = QTA_ALPACA_STATUSES,
        [QTA_TICK_LULD] = QTA_ALPACA_LULDS,
        [QTA_TICK_IMBALANCE] = QTA_ALPACA_IMBALANCES,
    };
    if ((unsigned)subscription->type >= QTA_TICK_MARKET_TYPE_END)
        return QTA_ALPACA_CHANNEL_COUNT;
    if (subscription->type == QTA_TICK_BAR)
        return channel_of_bars(subscription->bar_kind);
    return channels[subscription->type];
}

enum qta_alpaca_channel qta_alpaca_channel_to_ask(enum qta_alpaca_channel channel)
{
    bool comes_with_trades = channel == QTA_ALPACA_CORRECTIONS ||
                             channel == QTA_ALPACA_CANCEL_ERRORS;
    return comes_with_trades ? QTA_ALPACA_TRADES : channel;
}
