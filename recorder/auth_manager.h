/** @file auth_manager.h
 *  The keys of one provider: found at start, read again on demand, renewed before they end.
 *
 *      qta_auth_manager_create(&manager, &options, realtime_ns, &err);   // a missing key ends here
 *      qta_auth_manager_copy(manager, &credentials, &generation, &err);  // a connection's login
 *      qta_auth_manager_reload(manager, NULL, realtime_ns, &err);        // SIGHUP
 *      due_ns = qta_auth_manager_refresh(manager, realtime_ns);          // now and then
 *
 *  Connections look at the generation, and copy when it is a new one: nothing is pushed to them,
 *  and what is open stays open.
 *
 *  Any thread. reload and refresh may wait for a program and for the disk, so they are not for the
 *  network thread; copy and generation never wait for them. Times are ns since the Unix epoch. */
#ifndef QTA_RECORDER_AUTH_MANAGER_H
#define QTA_RECORDER_AUTH_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/error.h>

#include "recorder/credentials.h"
#include "recorder/token.h"

struct qta_auth_manager;

struct qta_auth_manager_options {
    const struct qta_provider_options *provider; /**< borrowed for the call */
    const struct qta_adapter_ops *ops;           /**< borrowed as long as the manager lives */
    uint64_t seed;                               /**< of the jitter */
};

/** Finds the keys (qta_credentials_find), by token_command where one is given. QTA_ERR_CONFIG also
 *  for a way to log in that the adapter has not; QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_auth_manager_create(struct qta_auth_manager **out,
                                        const struct qta_auth_manager_options *options,
                                        int64_t realtime_ns, struct qta_error *err);

/** Wipes the keys. No other call may be under way. NULL is fine. */
void qta_auth_manager_destroy(struct qta_auth_manager *manager);

enum qta_auth_change {
    QTA_AUTH_UNCHANGED = 0,
    QTA_AUTH_CHANGED = 1, /**< every connection uses the new ones from its next login on */
    QTA_AUTH_MISSING = 2, /**< nothing usable was found: the old ones stay; err says why */
};

/** Looks at all sources again. provider: new options of the same name, e.g. of a configuration that
 *  was read again, borrowed for the call; NULL for those of before. Only where keys are is taken
 * from them: the way to log in stays. Logs what came of it: a line when they changed, a warning
 * when they are missing. */
enum qta_auth_change qta_auth_manager_reload(struct qta_auth_manager *manager,
                                             const struct qta_provider_options *provider,
                                             int64_t realtime_ns, struct qta_error *err);

/** Renews a key that is going to end, when that is due. A failure is one warning, then an error
 *  when the old key has ended; it is tried again all the time. Returns when it is due next,
 *  QTA_TOKEN_NEVER for never. */
int64_t qta_auth_manager_refresh(struct qta_auth_manager *manager, int64_t realtime_ns);

/** When the next refresh is due, QTA_TOKEN_NEVER for never. */
int64_t qta_auth_manager_due_ns(const struct qta_auth_manager *manager);

/** Ends a program that reload or refresh waits for; those that begin later fail at once. */
void qta_auth_manager_stop(struct qta_auth_manager *manager);

/** Counts the keys that there have been, from 1. Never waits. */
uint64_t qta_auth_manager_generation(const struct qta_auth_manager *manager);

/** Copies the keys in use and tells which they are. QTA_ERR_NOMEM. */
enum qta_status qta_auth_manager_copy(struct qta_auth_manager *manager,
                                      struct qta_credentials *credentials, uint64_t *generation,
                                      struct qta_error *err);

/** What is counted about it. */
struct qta_auth_figures {
    uint64_t changes;   /**< keys that were replaced */
    uint64_t failures;  /**< attempts to renew one that failed */
    int64_t expires_ns; /**< end of the one in use; QTA_TOKEN_NEVER for none */
};
struct qta_auth_figures qta_auth_manager_figures(const struct qta_auth_manager *manager);

#endif
