/** @file alpaca_request.h
 *  One request to subscribe or unsubscribe: what it asks for, its message, and what the venue's
 * answer says of each part. */
#ifndef QTA_ADAPTERS_ALPACA_REQUEST_H
#define QTA_ADAPTERS_ALPACA_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/adapter.h>

#include "adapters/alpaca_channel.h"
#include "adapters/byte_buffer.h"

struct qta_alpaca_request_item {
    struct qta_subscription subscription; /**< its symbol is the request's own */
    enum qta_alpaca_channel channel;
    bool is_confirmed; /**< the answer that is being read has it */
};

/** One allocation, symbols included; items sorted by channel, then symbol. */
struct qta_alpaca_request {
    struct qta_alpaca_request *next;
    bool is_added;    /**< subscribe; otherwise unsubscribe */
    bool is_repeated; /**< was sent a second time, because no answer came */
    size_t count;
    struct qta_alpaca_request_item items[];
};

/** Copies subscriptions that all have a channel. NULL when out of memory; freed with free(). */
struct qta_alpaca_request *qta_alpaca_request_create(const struct qta_subscription *subscriptions,
                                                     size_t count, bool is_added);

/** A request for the items from first to first + count of another. */
struct qta_alpaca_request *qta_alpaca_request_part(const struct qta_alpaca_request *request,
                                                   size_t first, size_t count);

/** Where to cut a request whose items are not all allowed: after its first channel, or in the
 * middle of the only one; 0 when there is nothing left to cut. */
size_t qta_alpaca_request_cut(const struct qta_alpaca_request *request);

/** Writes the request's message; false when it asks for nothing (only for channels that come and go
 *  with trades). */
bool qta_alpaca_request_write(const struct qta_alpaca_request *request, bool is_msgpack,
                              struct qta_byte_buffer *buffer);

/** The answer has this symbol in this channel. */
void qta_alpaca_request_confirm(struct qta_alpaca_request *request, enum qta_alpaca_channel channel,
                                const char *symbol, size_t length);

/** Whether the answer is what was asked for: all of it there, or for an unsubscription gone. */
bool qta_alpaca_request_is_fulfilled(const struct qta_alpaca_request *request);

/** Forgets all confirmations: an answer begins. */
void qta_alpaca_request_reset(struct qta_alpaca_request *request);

#endif
