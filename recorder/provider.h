/** @file provider.h
 *  One entry of streaming.providers: its connections, and what each of them carries.
 *
 *      provider --+-- shard 1 --+-- line A      every connection has an adapter of its own
 *                 |             +-- line B      the lines of a shard carry the same subscriptions
 *                 +-- shard 2 --+-- line A
 *                               +-- line B
 *
 *  Subscriptions are spread over shards by what the venue allows on one connection. A shard has as
 *  many lines as are configured, and a place for one more: the successor of a connection that is
 *  about to be cut, which is opened before the old one is closed (make before break). A shard whose
 *  connections are given up, or whose circuit is open, hands its symbols over to others that have
 *  room.
 *
 *  Belongs to the network thread; the connections may be looked at as connection.h says. */
#ifndef QTA_RECORDER_PROVIDER_H
#define QTA_RECORDER_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/connection.h"

struct qta_provider;

/** options: as of its connections; shard, connects, label, line and subscriptions are the
 *  provider's to set.
 *  Creates all connections that there may be, connects nothing. QTA_ERR_CONFIG: more subscriptions
 *  than max_connections can carry, and what qta_connection_create() says; QTA_ERR_NOMEM. */
enum qta_status qta_provider_create(struct qta_provider **out,
                                    const struct qta_connection_options *options,
                                    struct qta_error *err);

/** Its links must have ended. NULL is fine. */
void qta_provider_destroy(struct qta_provider *provider);

/** Begins to connect. interruption: why the session that is continued has a hole before this run,
 *  QTA_CAUSE_NONE when it has none; the hole is closed when data can flow. */
void qta_provider_start(struct qta_provider *provider, enum qta_conn_cause interruption,
                        int64_t now_ns, int64_t realtime_ns);

/** As qta_connection_service(), of all connections. */
int64_t qta_provider_service(struct qta_provider *provider, int64_t now_ns, int64_t realtime_ns,
                             size_t budget);

/** Asks for more, at once and in one question a connection where these are up; what is asked for
 *  already is not asked again. Returns for how many there was a place; the others, for which no
 *  connection has room (or memory), are logged. */
size_t qta_provider_subscribe(struct qta_provider *provider,
                              const struct qta_subscription *subscriptions, size_t count);

/** Asks for these no longer, likewise. What was not asked for does not matter. */
void qta_provider_unsubscribe(struct qta_provider *provider,
                              const struct qta_subscription *subscriptions, size_t count);

/** Takes over other limits. */
void qta_provider_set_limits(struct qta_provider *provider, const struct qta_live_limits *limits);

/** Whether it is asked for this already, or for "*". */
bool qta_provider_covers(const struct qta_provider *provider,
                         const struct qta_subscription *subscription);

/** Closes all connections for good. It is over when they have ended. */
void qta_provider_stop(struct qta_provider *provider, int64_t now_ns);

/** Stops or resumes reading. */
void qta_provider_pause(struct qta_provider *provider, bool is_paused);

/** Says in a new session how things stand. */
void qta_provider_carry_over(struct qta_provider *provider);

/** Nothing comes of it any more: all its connections are blocked, finished or not in use. */
bool qta_provider_is_over(const struct qta_provider *provider);

/** QTA_OK, or the reason why a connection is blocked: refused goes before given up. */
enum qta_status qta_provider_verdict(const struct qta_provider *provider, struct qta_error *err);

const char *qta_provider_name(const struct qta_provider *provider);
const struct qta_adapter_ops *qta_provider_ops(const struct qta_provider *provider);

/** All connections that there may be, shard by shard; the same as long as the provider lives. */
struct qta_connection *const *qta_provider_connections(const struct qta_provider *provider,
                                                       size_t *count);

#endif
