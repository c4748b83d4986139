/** @file alpaca.h
 *  Alpaca's market data stream, stocks and crypto, as an adapter: `name: alpaca`.
 *
 *      closed --on_open--> greeting --"connected"--> authenticating --"authenticated"--> ready
 *
 *  With auth_method `none` the greeting alone makes it ready. With `headers` and `bearer` the keys
 * go with the upgrade request; when the venue has not said "authenticated" 3 s after its greeting,
 * they are sent as a message as well, which at worst is answered with error 403.
 *
 *  Subscriptions are asked for one request at a time, since answers carry no number: the venue
 * answers each with the complete resulting set, which is compared with what was asked. A request
 * that is refused as a whole because one part of it is not allowed (400, 410, 413) is split and
 * asked again in parts, so that one bad symbol does not cost the others.
 *
 *  What each error code leads to is in the table in alpaca_error.c. */
#ifndef QTA_ADAPTERS_ALPACA_H
#define QTA_ADAPTERS_ALPACA_H

#include <qta/adapter.h>

/** Settings: encoding (json or msgpack). */
extern const struct qta_adapter_ops qta_alpaca_adapter_ops;

#endif
