/** @file subscriptions.h
 *  The callbacks of one subscriber: who wants to see which ticks, and the filter that dispatches by
 *  it.
 *
 *      qta_subscriptions_enter(subscriptions);            // the dispatching thread, for each batch
 *      for (...)
 *          qta_subscriptions_dispatch(subscriptions, &ticks[i]);
 *      qta_subscriptions_leave(subscriptions);
 *
 *  Any thread adds and removes, one thread dispatches, one (it may be another) asks beforehand
 *  whether a tick is wanted. Neither of the two takes a lock for a tick; the first tick of a symbol
 *  looks its name up once. */
#ifndef QTA_RECORDER_SUBSCRIPTIONS_H
#define QTA_RECORDER_SUBSCRIPTIONS_H

#include <stdbool.h>
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

/** Removes a callback for all that it was added for with this user; returns whether there was one.
 *  Once it has returned the callback does not run and is not called any more; in a callback of the
 *  same subscriber: none of the calls that follow is to it. Any thread. */
bool qta_subscriptions_remove(struct qta_subscriptions *subscriptions, qta_tick_callback callback,
                              void *user);

/** Waits until the tick that is being dispatched is done with; returns at once where none is, and
 *  in a callback. Any thread. */
void qta_subscriptions_settle(struct qta_subscriptions *subscriptions);

/** Whether there is no callback. Any thread. */
bool qta_subscriptions_is_empty(const struct qta_subscriptions *subscriptions);

/** Whether any callback wants this tick. One thread. */
bool qta_subscriptions_want(struct qta_subscriptions *subscriptions, const struct qta_tick *tick);

/** The dispatching thread's, around the ticks of a batch. */
void qta_subscriptions_enter(struct qta_subscriptions *subscriptions);
void qta_subscriptions_leave(struct qta_subscriptions *subscriptions);

/** Instead of leave, when the dispatching thread ends in a callback or outside of a batch. */
void qta_subscriptions_abandon(struct qta_subscriptions *subscriptions);

/** Calls the callbacks that want this tick, in the order in which they were added. */
void qta_subscriptions_dispatch(struct qta_subscriptions *subscriptions,
                                const struct qta_tick *tick);

/** What the dispatching thread does. A moment ago; any thread. */
struct qta_subscriptions_doing {
    uint64_t calls;             /**< how many began since there are callbacks */
    qta_tick_callback callback; /**< the one that runs; NULL for none */
};
struct qta_subscriptions_doing
qta_subscriptions_doing(const struct qta_subscriptions *subscriptions);

#endif
