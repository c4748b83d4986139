/** @file alpaca_channel.h
 *  What can be subscribed to at Alpaca: the keys of its subscribe message and of its answer. */
#ifndef QTA_ADAPTERS_ALPACA_CHANNEL_H
#define QTA_ADAPTERS_ALPACA_CHANNEL_H

#include <stddef.h>

#include <qta/adapter.h>

enum qta_alpaca_channel {
    QTA_ALPACA_TRADES = 0,
    QTA_ALPACA_QUOTES,
    QTA_ALPACA_BARS,
    QTA_ALPACA_UPDATED_BARS,
    QTA_ALPACA_DAILY_BARS,
    QTA_ALPACA_STATUSES,
    QTA_ALPACA_LULDS,
    QTA_ALPACA_IMBALANCES,
    QTA_ALPACA_ORDERBOOKS,
    QTA_ALPACA_CORRECTIONS,   /**< comes with trades; must not be asked for */
    QTA_ALPACA_CANCEL_ERRORS, /**< likewise */
    QTA_ALPACA_CHANNEL_COUNT, /**< also: no channel */
};

/** The key, e.g. "updatedBars". Static. */
const char *qta_alpaca_channel_name(enum qta_alpaca_channel channel);

/** The channel of that key; QTA_ALPACA_CHANNEL_COUNT when there is none. */
enum qta_alpaca_channel qta_alpaca_channel_find(const char *name, size_t length);

/** The channel whose answer confirms a subscription; QTA_ALPACA_CHANNEL_COUNT for what Alpaca does
 *  not have. Bars of no kind are minute bars. */
enum qta_alpaca_channel qta_alpaca_channel_of(const struct qta_subscription *subscription);

/** The channel to ask for in order to get this one: trades for corrections and cancels, otherwise
 * the same. */
enum qta_alpaca_channel qta_alpaca_channel_to_ask(enum qta_alpaca_channel channel);

#endif
