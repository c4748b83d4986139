/** @file subscriber.h
 *  One subscriber: a queue with its own size and policy between the network thread and the thread
 *  that runs its callbacks.
 *
 *      network thread                                 the subscriber's thread
 *      qta_subscriber_offer(ticks)  ── queue ──→      qta_subscriber_run() or _poll()
 *      qta_subscriber_watch(now)                        └→ callbacks
 *
 *  What the public functions of qta/subscriber.h do with it is in subscriber.c too, but for those
 *  that need the gateway (subscriber_set.h). Figures may be read by any thread that holds a
 *  reference or the set's lock. */
#ifndef QTA_RECORDER_SUBSCRIBER_H
#define QTA_RECORDER_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/subscriber.h>
#include <qta/tick.h>

#include "core/environment.h"
#include "core/histogram.h"
#include "recorder/subscriptions.h"

struct qta_subscriber_set;

/** What a subscriber has to do with others. All but name borrowed as long as it lives. */
struct qta_subscriber_parts {
    struct qta_subscriber_options options; /**< its name is copied */
    struct qta_subscriber_set *set;
    const struct qta_dictionary *names;
    struct qta_environment *environment;
    bool has_own_time; /**< receive times are our clock's */
    bool is_measured;  /**< count how long ticks took to their callbacks */
    /** Ticks are kept out of the queue that no callback wants at the time. */
    bool is_selective;
    /** The subscriber's thread has taken ticks from the queue, or it is closed. Any thread. */
    void (*on_room)(void *user, const struct qta_subscriber *subscriber);
    void *user;
};

/** With one reference, the caller's. QTA_ERR_NOMEM. */
enum qta_status qta_subscriber_create(struct qta_subscriber **out,
                                      const struct qta_subscriber_parts *parts,
                                      struct qta_error *err);

/** References: who takes the last one away frees it. Any thread. */
void qta_subscriber_hold(struct qta_subscriber *subscriber);
void qta_subscriber_release(struct qta_subscriber *subscriber);

const char *qta_subscriber_name(const struct qta_subscriber *subscriber);
enum qta_overflow_policy qta_subscriber_policy(const struct qta_subscriber *subscriber);
struct qta_subscriptions *qta_subscriber_subscriptions(const struct qta_subscriber *subscriber);
struct qta_subscriber_set *qta_subscriber_home(const struct qta_subscriber *subscriber);
const struct qta_histogram *qta_subscriber_latency(const struct qta_subscriber *subscriber);

/* ---- the network thread's side ----------------------------------------------------------------
 */

/** Puts ticks into the queue by the policy. Returns how many are done with: all of them, unless the
 *  policy is to block or is_patient: then those that found room. */
size_t qta_subscriber_offer(struct qta_subscriber *subscriber, const struct qta_tick *ticks,
                            size_t count, bool is_patient);

/** It does not get these, whatever the policy: nobody makes room for them. */
void qta_subscriber_miss(struct qta_subscriber *subscriber, const struct qta_tick *ticks,
                         size_t count);

/** Nothing is put into its queue any more: it was closed or disconnected. Any thread. */
bool qta_subscriber_is_gone(const struct qta_subscriber *subscriber);

bool qta_subscriber_is_closed(const struct qta_subscriber *subscriber);

/** Ticks that fit into the queue now. Any thread. */
size_t qta_subscriber_room(const struct qta_subscriber *subscriber);
size_t qta_subscriber_capacity(const struct qta_subscriber *subscriber);

/** What it missed and nobody was told yet. */
struct qta_subscriber_missed {
    uint64_t count;
    uint64_t first_rx_seq; /**< QTA_U64_NONE where those missed had none */
    uint64_t last_rx_seq;
    int64_t since_ns; /**< ts_recv of the first */
};
const struct qta_subscriber_missed *qta_subscriber_missed(const struct qta_subscriber *subscriber);

/** Takes it over, to be told in a DROP record; counting begins anew. */
struct qta_subscriber_missed qta_subscriber_take_missed(struct qta_subscriber *subscriber);

/** That record has been published: one that is to be disconnected now is, and gets the record as
 *  the last of its ticks. */
void qta_subscriber_tell(struct qta_subscriber *subscriber, const struct qta_tick *drop);

/** Looks whether a callback hangs (for longer than hang_ns) or nobody takes the ticks of a queue
 *  that is nearly full, and logs that, once, and its end. 0: never. */
void qta_subscriber_watch(struct qta_subscriber *subscriber, int64_t now_ns, int64_t hang_ns);

/** No tick will come any more. */
void qta_subscriber_end(struct qta_subscriber *subscriber);

/* ---- any thread -------------------------------------------------------------------------------
 */

/** Grows with every tick that is dispatched. */
uint64_t qta_subscriber_dispatched(const struct qta_subscriber *subscriber);

/** How many wait: in the queue, or taken from it and not dispatched yet. */
size_t qta_subscriber_queued(const struct qta_subscriber *subscriber);

/** No more ticks for it, and its callbacks run no more once this has returned (but for the one that
 *  calls this). */
void qta_subscriber_shut(struct qta_subscriber *subscriber);

/* ---- its own thread ---------------------------------------------------------------------------
 */

/** Dispatches one batch of what is in the queue; returns how many ticks, 0 when there was none. The
 *  caller is the only thread that does so. */
size_t qta_subscriber_dispatch(struct qta_subscriber *subscriber);

#endif
