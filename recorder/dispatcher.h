/** @file dispatcher.h
 *  The callbacks' side of the ring: takes ticks out and calls who wants them.
 *
 *  Belongs to the thread that is in qta_gateway_run(). */
#ifndef QTA_RECORDER_DISPATCHER_H
#define QTA_RECORDER_DISPATCHER_H

#include <stddef.h>

#include <qta/error.h>

#include "core/doorbell.h"
#include "core/environment.h"
#include "core/ring.h"
#include "recorder/counters.h"
#include "recorder/network_agent.h"
#include "recorder/subscriptions.h"

struct qta_dispatcher;

/** All borrowed as long as the dispatcher lives. */
struct qta_dispatcher_options {
    struct qta_ring *ring;
    struct qta_doorbell *ticks_bell; /**< rung when there is something in the ring */
    struct qta_subscriptions *subscriptions;
    struct qta_counters *counters;
    struct qta_network_agent *agent; /**< hears of room, and says when it is over */
    struct qta_environment *clock;   /**< to measure how long ticks took; NULL: not measured */
};

enum qta_status qta_dispatcher_create(struct qta_dispatcher **out,
                                      const struct qta_dispatcher_options *options,
                                      struct qta_error *err);
void qta_dispatcher_destroy(struct qta_dispatcher *dispatcher);

/** Dispatches one batch of what is in the ring; returns how many ticks, 0 when it is empty. */
size_t qta_dispatcher_do_work(struct qta_dispatcher *dispatcher);

/** Dispatches until the agent is finished and the ring is empty. Rests when nothing comes: first it
 *  looks again and again for some microseconds, then it sleeps. */
void qta_dispatcher_run(struct qta_dispatcher *dispatcher);

#endif
