/** @file alpaca_encode.h
 *  Ticks into messages of Alpaca's stream, in JSON and in MessagePack: the other direction of the
 *  alpaca adapter, for serving a recording as if it were live.
 *
 *      qta_alpaca_encoder_put(encoder, tick);
 *      while (qta_alpaca_encoder_next(encoder, &message))
 *          bytes = qta_alpaca_encoder_bytes(encoder, QTA_ALPACA_JSON, &length);
 *
 *  One tick is one message, but for order books, where the ticks of an event make one message at
 * its last. What decodes again is equal in every market field that the protocol has (JSON: exactly;
 *  msgpack: numbers of up to 17 digits). One thread. */
#ifndef QTA_ADAPTERS_ALPACA_ENCODE_H
#define QTA_ADAPTERS_ALPACA_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

#include "adapters/alpaca_channel.h"

enum qta_alpaca_encoding { QTA_ALPACA_JSON = 0, QTA_ALPACA_MSGPACK = 1 };
enum { QTA_ALPACA_ENCODING_COUNT = 2 };

/** A message that is complete. */
struct qta_alpaca_outgoing {
    enum qta_alpaca_channel channel;
    uint32_t symbol; /**< symbol id */
};

struct qta_alpaca_encoder;

/** names stands for what the ids of the ticks mean; borrowed for the encoder's life. */
enum qta_status qta_alpaca_encoder_create(struct qta_alpaca_encoder **out,
                                          const struct qta_dictionary *names,
                                          struct qta_error *err);

/** NULL is fine. */
void qta_alpaca_encoder_destroy(struct qta_alpaca_encoder *encoder);

/** Takes a tick, borrowed until the next call of put. All messages of the one before must have been
 *  asked for. */
void qta_alpaca_encoder_put(struct qta_alpaca_encoder *encoder, const struct qta_tick *tick);

/** Completes an order book event whose last level has not come; then ask next(). */
void qta_alpaca_encoder_end(struct qta_alpaca_encoder *encoder);

/** The next complete message: none, one or two for a tick. */
bool qta_alpaca_encoder_next(struct qta_alpaca_encoder *encoder,
                             struct qta_alpaca_outgoing *message);

/** The bytes of that message, a map: made when first asked for, valid until the next call of put or
 *  next. NULL when out of memory. */
const uint8_t *qta_alpaca_encoder_bytes(struct qta_alpaca_encoder *encoder,
                                        enum qta_alpaca_encoding encoding, size_t *length);

/** Market ticks that the protocol has no message for. */
uint64_t qta_alpaca_encoder_unserved(const struct qta_alpaca_encoder *encoder);

#endif
