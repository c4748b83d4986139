/** @file auth_agent.h
 *  The keys of all providers of a gateway, and the thread that renews those which end; there is one
 *  when there are such keys. */
#ifndef QTA_RECORDER_AUTH_AGENT_H
#define QTA_RECORDER_AUTH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/error.h>

#include "core/environment.h"
#include "recorder/auth_manager.h"

struct qta_auth_agent;

/** A manager for each provider, whose adapter is known. options is borrowed for the call,
 *  environment as long as the agent lives. Errors as of qta_auth_manager_create(). */
enum qta_status qta_auth_agent_create(struct qta_auth_agent **out,
                                      const struct qta_gateway_options *options,
                                      struct qta_environment *environment, struct qta_error *err);

/** Stops it first. NULL is fine. */
void qta_auth_agent_destroy(struct qta_auth_agent *agent);

/** How many providers there are. */
size_t qta_auth_agent_count(const struct qta_auth_agent *agent);

/** The name of the provider with this index in the options. Valid as long as the agent. */
const char *qta_auth_agent_provider(const struct qta_auth_agent *agent, size_t index);

/** Its manager. Valid as long as the agent. */
struct qta_auth_manager *qta_auth_agent_manager(const struct qta_auth_agent *agent, size_t index);

/** From now on there is a thread when a key is going to end; after a stop this does nothing.
 *  QTA_ERR_IO: no thread can be made. */
enum qta_status qta_auth_agent_start(struct qta_auth_agent *agent, struct qta_error *err);

/** Ends the thread, and a program that it waits for. */
void qta_auth_agent_stop(struct qta_auth_agent *agent);

/** How many providers' keys became what. */
struct qta_auth_changes {
    size_t unchanged;
    size_t changed;
    size_t missing; /**< the old ones stay */
};

/** Looks for the keys of all providers again, see qta_auth_manager_reload(). options: of a
 *  configuration that was read again, borrowed for the call; providers that it does not have keep
 *  their sources. NULL: all do. Not for the network thread: it may wait for programs and disks. */
struct qta_auth_changes qta_auth_agent_reload(struct qta_auth_agent *agent,
                                              const struct qta_gateway_options *options);

/** What the thread does in one turn: renews what is due. Returns when there is more to do, ns since
 *  the Unix epoch, QTA_TOKEN_NEVER for never. */
int64_t qta_auth_agent_do_work(struct qta_auth_agent *agent, int64_t realtime_ns);

#endif
