/** @file subscriptions.h
 *  The callbacks: who wants to see which ticks, and the filter that dispatches by it.
 *
 *  Any thread adds, one thread dispatches. Callbacks are never removed, so the lists only grow at
 *  their ends and dispatching takes no lock; the first tick of a symbol looks its name up once. */
#ifndef QTA_RECORDER_SUBSCRIPTIONS_H
#define QTA_RECORDER_SUBSCRIPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/gateway.h>
#include <qta/tick.h>

struct qta_subscriptions;

/** names is the dictionary of the ticks to come; borrowed. */
enum qta_status qta_subscriptions_create(struct qta_subscriptions **out,
                                         const struct qta_dictionary *names, struct qta_error *err);
void qta_subscriptions_destroy(struct qta_subscriptions *subscriptions);

/** Adds a callback for these types (QTA_TYPE_BITs) and symbols; symbol_count 0, or "*" among them,
 *  is for all symbols. It gets the ticks that are dispatched after this call, and is called after
 *  all callbacks that were added before it. On QTA_ERR_NOMEM nothing was added. Any thread. */
enum qta_status qta_subscriptions_add(struct qta_subscriptions *subscriptions, uint32_t types,
                                      const char *const *symbols, size_t symbol_count,
                                      qta_tick_callback callback, void *user,
                                      struct qta_error *err);

/** Calls the callbacks that want this tick. One thread. */
void qta_subscriptions_dispatch(struct qta_subscriptions *subscriptions,
                                const struct qta_tick *tick);

#endif
