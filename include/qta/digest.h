/** @file digest.h
 *  Two numbers that say whether two streams of ticks were the same.
 *
 *  `full` covers every field of every tick as delivered. `market` covers what the venue said: of
 *  market ticks only, type, symbol, ts_event, src_seq and the body, with decimals by value; it
 * stays equal when a session is served to another recorder. Names are hashed as text, so ids do not
 *  matter. Both depend on the order. (XXH64 over a canonical encoding, chained from tick to tick;
 *  the encoding is described in digest.c.) They find differences, not attackers. */
#ifndef QTA_DIGEST_H
#define QTA_DIGEST_H

#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/export.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Plain value: start from qta_digest_init(), read the fields at any time. */
struct qta_digest {
    uint64_t full;
    uint64_t market;
    uint64_t ticks;        /**< added so far, all types */
    uint64_t market_ticks; /**< of them market ticks */
};

QTA_API void qta_digest_init(struct qta_digest *digest);
QTA_API void qta_digest_add(struct qta_digest *digest, const struct qta_tick *tick,
                            const struct qta_dictionary *names);

#ifdef __cplusplus
}
#endif

#endif
