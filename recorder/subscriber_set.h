/** @file subscriber_set.h
 *  All subscribers of a gateway, and what the network thread does with them together.
 *
 *  The first is the gateway's own, "callbacks". Others are opened and closed by any thread; the
 *  network thread takes notice between two batches. So the list that it walks for every batch is
 *  its own, without a lock. */
#ifndef QTA_RECORDER_SUBSCRIBER_SET_H
#define QTA_RECORDER_SUBSCRIBER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/subscriber.h>
#include <qta/tick.h>

#include "core/environment.h"
#include "recorder/subscriber.h"

/** Borrowed as long as the set lives. */
struct qta_subscriber_set_options {
    uint32_t buffer_size; /**< of "callbacks" */
    enum qta_overflow_policy overflow;
    int64_t callback_hang_after_ns;
    const struct qta_subscription *configured; /**< what the configuration subscribes to */
    size_t configured_count;
    const struct qta_dictionary *names;
    struct qta_environment *environment;
    bool is_replay;
    bool has_own_time; /**< receive times are our clock's */
    bool is_measured;  /**< count how long ticks take to the callbacks */

    /** As in struct qta_subscriber_parts. */
    void (*on_room)(void *user, const struct qta_subscriber *subscriber);
    /** Waits until the subscriber has room or is gone. False: it is not to be waited for any more.
     *  Network thread. */
    bool (*wait_for_room)(void *user, struct qta_subscriber *subscriber);
    /** Asks the providers for symbols, as qta_network_agent_subscribe(). Any thread. */
    enum qta_status (*ask)(void *user, enum qta_tick_type type, const char *const *symbols,
                           size_t symbol_count, struct qta_error *err);
    void *user;
};

/** QTA_ERR_NOMEM. */
enum qta_status qta_subscriber_set_create(struct qta_subscriber_set **out,
                                          const struct qta_subscriber_set_options *options,
                                          struct qta_error *err);

/** Closes those that are open. */
void qta_subscriber_set_destroy(struct qta_subscriber_set *set);

const struct qta_subscriber_set_options *
qta_subscriber_set_options(const struct qta_subscriber_set *set);

/** The gateway's own. */
struct qta_subscriber *qta_subscriber_set_callbacks(const struct qta_subscriber_set *set);

/* ---- any thread -------------------------------------------------------------------------------
 */

/** As qta_subscriber_open(); options are good. */
enum qta_status qta_subscriber_set_open(struct qta_subscriber_set *set, struct qta_subscriber **out,
                                        const struct qta_subscriber_options *options,
                                        struct qta_error *err);

/** The subscriber has been shut: forgets it, and the caller's reference with it. */
void qta_subscriber_set_close(struct qta_subscriber_set *set, struct qta_subscriber *subscriber);

/** Those that are open, with a reference each; returns how many. */
size_t qta_subscriber_set_hold_all(struct qta_subscriber_set *set,
                                   struct qta_subscriber *subscribers[QTA_SUBSCRIBERS_MAX]);
void qta_subscriber_set_release_all(struct qta_subscriber *const *subscribers, size_t count);

/* ---- the network thread -----------------------------------------------------------------------
 */

/** Offers a batch to all: first to those that take it at once, then waits for those that block; in
 *  is_patient for all. Returns whether any has missed ticks that it was not told of. */
bool qta_subscriber_set_offer(struct qta_subscriber_set *set, const struct qta_tick *ticks,
                              size_t count, bool is_patient);

/** One that is to be told now what it missed, NULL for none: it has room again, or has been missing
 *  for a while; is_forced: any. */
struct qta_subscriber *qta_subscriber_set_find_missing(struct qta_subscriber_set *set,
                                                       int64_t now_ns, bool is_forced);

/** Ticks that can be offered without filling anybody's queue. */
size_t qta_subscriber_set_room(const struct qta_subscriber_set *set);

/** Whether the links are to be paused: less than a quarter is free in the queue of one that blocks;
 *  once it was so, less than half. */
bool qta_subscriber_set_is_crowded(const struct qta_subscriber_set *set, bool was_crowded);

/** At least half of each queue is free; of those that block, or of all. */
bool qta_subscriber_set_is_half_empty(const struct qta_subscriber_set *set, bool is_all);

/** Takes notice of those that were opened and closed. Between batches. */
void qta_subscriber_set_notice(struct qta_subscriber_set *set);

/** Looks for standstills: every turn, and while it waits for room. */
void qta_subscriber_set_watch(struct qta_subscriber_set *set, int64_t now_ns);

/** No tick will come any more. */
void qta_subscriber_set_end(struct qta_subscriber_set *set);

#endif
