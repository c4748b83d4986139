/** @file normalized_json.h
 *  Normalized JSON into ticks: what an adapter without a decoder of its own gets.
 *
 *  A message is an object or an array of objects. The names are those of qta-replay(1)'s ndjson, so
 *  what it prints reads back with the same market digest:
 *
 *      {"type":"trade","symbol":"BTC-USD","ts_event":"2024-05-01T13:30:00.5Z","price":42000.10,
 *       "size":"0.25","id":7,"side":"buy"}
 *
 *  - `type` is a market type's name or plural, "trade" when it is missing.
 *  - `symbol` must be there, and the `price` of a trade.
 *  - Times (`ts_event`, or `timestamp`) are RFC 3339 or integer ns since the epoch, durations text
 *    ("60s") or integer ns.
 *  - `src_seq`, or `sequence`, is the venue's sequence number.
 *  - Numbers may stand in quotes; codes and text ids may be numbers; null is the same as absent.
 *  - `seq`, `ts_recv`, `provider`, `conn` and `flags` are the recorder's own to give: skipped, as
 *    are unknown keys. */
#ifndef QTA_ADAPTERS_NORMALIZED_JSON_H
#define QTA_ADAPTERS_NORMALIZED_JSON_H

#include <stddef.h>

#include <qta/adapter.h>

/** Emits the ticks of one message through the host; what is not understood goes to host->fault, and
 *  an object with such a field gives no tick. Returns how many ticks there were. */
size_t qta_normalized_json_decode(struct qta_adapter_host *host, const struct qta_frame *frame);

#endif
