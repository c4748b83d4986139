/** @file counters.h
 *  What a gateway counts. Each counter has one writing thread and any number of readers, so adding
 * is a plain load and store, and reading gives a number that was right a moment ago. */
#ifndef QTA_RECORDER_COUNTERS_H
#define QTA_RECORDER_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/tick.h>

struct qta_counters {
    /* the network thread's */
    _Atomic uint64_t ticks_by_type[QTA_TICK_TYPE_END];
    _Atomic uint64_t unrecorded;
    _Atomic uint64_t outages;
    _Atomic uint64_t frames;
    _Atomic uint64_t bytes;
    _Atomic uint64_t faults[QTA_FAULT_COUNT];
    _Atomic uint64_t rounded;
    _Atomic uint64_t connects;
    _Atomic uint64_t disconnects;
    _Atomic uint64_t connected;
    _Atomic uint64_t refused_subscriptions;
    _Atomic uint64_t latencies; /**< how many ticks the two below are of */
    _Atomic int64_t latency_ns_min;
    _Atomic int64_t latency_ns_max;
    _Atomic int64_t clock_offset_ns; /**< wall minus monotonic clock, since the run started */
    _Atomic uint64_t reloads;        /**< configurations that were taken over during the run */
    _Atomic uint64_t clock_steps;
    _Atomic int clock_sync; /**< enum qta_clock_sync; the two below are 0 while it is unknown */
    _Atomic int64_t clock_estimated_offset_ns;
    _Atomic int64_t clock_max_error_ns;
    _Atomic int64_t last_turn_ns; /**< monotonic; when the network thread began its last turn */
};

/** The writing thread only. */
static inline void qta_counter_add(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + count, memory_order_relaxed);
}

static inline uint64_t qta_counter_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/** Counts a tick that is on its way to the callbacks. The network thread only. */
static inline void qta_counters_tick(struct qta_counters *counters, const struct qta_tick *tick)
{
    if (tick->type < QTA_TICK_TYPE_END)
        qta_counter_add(&counters->ticks_by_type[tick->type], 1);
    if (tick->flags & QTA_FLAG_ROUNDED)
        qta_counter_add(&counters->rounded, 1);
    int64_t latency_ns;
    if (!qta_tick_is_market(tick) || !qta_tick_latency_ns(tick, &latency_ns))
        return;
    uint64_t latencies = qta_counter_read(&counters->latencies);
    if (latencies == 0 ||
        latency_ns < atomic_load_explicit(&counters->latency_ns_min, memory_order_relaxed))
        atomic_store_explicit(&counters->latency_ns_min, latency_ns, memory_order_relaxed);
    if (latencies == 0 ||
        latency_ns > atomic_load_explicit(&counters->latency_ns_max, memory_order_relaxed))
        atomic_store_explicit(&counters->latency_ns_max, latency_ns, memory_order_relaxed);
    qta_counter_add(&counters->latencies, 1);
}

#endif
