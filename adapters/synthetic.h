/** @file synthetic.h
 *  A seeded generator of plausible trades and quotes, as an adapter without a connection.
 *
 *  Prices walk on a grid with clustering volatility, bid is always below ask by 1 to 3 ticks,
 * trades happen at bid or ask, arrivals come in bursts. The same seed, settings and subscriptions
 * give the same market fields on every machine, however the calls to service() are cut: all
 * arithmetic is on integers.
 *
 *  Symbols are those subscribed to; "*", or no subscription at all before the first service(),
 *  stands for SYN0001, SYN0002, ... A symbol with a slash ("BTC/USD") trades like crypto:
 * fractional sizes, no exchange, conditions or tape. Settings: see the table in synthetic.c.
 *
 *  With a simulated clock ticks are made as fast as service() is called, and carry ts_event_ns and
 *  ts_recv_ns. With the real clock each is made when it is due, ts_recv_ns is left for the host to
 *  stamp, and ts_event_ns is unknown unless `start` says where to count from. */
#ifndef QTA_ADAPTERS_SYNTHETIC_H
#define QTA_ADAPTERS_SYNTHETIC_H

#include <qta/adapter.h>

extern const struct qta_adapter_ops qta_synthetic_adapter_ops;

#endif
