/** @file gateway_internal.h
 *  Inside the library: a gateway over given seams, and turned by hand.
 *
 *      qta_gateway_create_in(&gateway, &options, environment, transport, &err);
 *      while (qta_gateway_step(gateway))
 *          ;                              // one thread, the environment's time, no sleep but the
 *                                         // transport's
 *      status = qta_gateway_result(gateway, &err); */
#ifndef QTA_RECORDER_GATEWAY_INTERNAL_H
#define QTA_RECORDER_GATEWAY_INTERNAL_H

#include <stdbool.h>

#include <qta/gateway.h>

#include "core/environment.h"
#include "recorder/auth_agent.h"
#include "recorder/gateway_view.h"
#include "recorder/subscriber_set.h"
#include "recorder/transport.h"

/** As qta_gateway_create(). environment is borrowed as long as the gateway lives. transport becomes
 *  the gateway's on success; NULL is fine when every provider's adapter works without a connection
 *  (QTA_ERR_USAGE otherwise). */
enum qta_status qta_gateway_create_in(struct qta_gateway **out,
                                      const struct qta_gateway_options *options,
                                      struct qta_environment *environment,
                                      struct qta_transport *transport, struct qta_error *err);

/** Instead of qta_gateway_run(): one turn of the network agent, then all callbacks that are due, on
 *  this thread. False when the run has ended. */
bool qta_gateway_step(struct qta_gateway *gateway);

/** Looks for the keys of all providers again and tells what became of them; every login from now on
 *  uses the new ones, and what is connected stays so. options as with qta_auth_agent_reload(). Any
 *  thread but those of the gateway: it may wait for programs and disks. */
struct qta_auth_changes qta_gateway_reload_keys(struct qta_gateway *gateway,
                                                const struct qta_gateway_options *options);

/** What qta_gateway_run() would have returned. Once qta_gateway_step() has returned false. */
enum qta_status qta_gateway_result(const struct qta_gateway *gateway, struct qta_error *err);

struct qta_subscriber_set *qta_gateway_subscribers(struct qta_gateway *gateway);

/** What may be looked at; valid as long as the gateway. */
struct qta_gateway_view qta_gateway_view(const struct qta_gateway *gateway);

/** Whether there is such a type and these can be symbols; otherwise QTA_ERR_USAGE, "cannot VERB
 *  ...". */
enum qta_status qta_gateway_check_symbols(enum qta_tick_type type, const char *const *symbols,
                                          size_t symbol_count, const char *verb,
                                          struct qta_error *err);

#endif
