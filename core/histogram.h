/** @file histogram.h
 *  How long things took, in a handful of classes: what Prometheus calls a histogram.
 *
 *  Durations are in ns. A class holds what is at most its bound; the last one holds the rest. One
 *  thread adds, any number read: an addition is a table look-up and two plain loads and stores. */
#ifndef QTA_CORE_HISTOGRAM_H
#define QTA_CORE_HISTOGRAM_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { QTA_HISTOGRAM_BOUNDS_MAX = 24 };

/** Start with qta_histogram_init(). */
struct qta_histogram {
    _Atomic uint64_t counts[QTA_HISTOGRAM_BOUNDS_MAX + 1];
    _Atomic uint64_t sum_ns;                         /**< of all that was above zero */
    int64_t bounds_ns[QTA_HISTOGRAM_BOUNDS_MAX + 1]; /**< ascending; behind the last: INT64_MAX */
    uint8_t first[65]; /**< by the number of bits: the first class that can be the one */
    uint8_t bound_count;
};

/** bounds_ns: ascending, 0 or more, at most QTA_HISTOGRAM_BOUNDS_MAX. Copied. */
static inline void qta_histogram_init(struct qta_histogram *histogram, const int64_t *bounds_ns,
                                      size_t count)
{
    assert(count > 0 && count <= QTA_HISTOGRAM_BOUNDS_MAX);
    for (size_t i = 0; i <= QTA_HISTOGRAM_BOUNDS_MAX; i++) {
        atomic_init(&histogram->counts[i], 0);
        histogram->bounds_ns[i] = i < count ? bounds_ns[i] : INT64_MAX;
    }
    atomic_init(&histogram->sum_ns, 0);
    histogram->bound_count = (uint8_t)count;
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t least = bits == 0 ? 0 : UINT64_C(1) << (bits - 1);
        uint8_t index = 0;
        while (index < count && (uint64_t)bounds_ns[index] < least)
            index++;
        histogram->first[bits] = index;
    }
}

/** The class of a duration. Not for users. */
static inline unsigned qta_histogram_class(const struct qta_histogram *histogram,
                                           int64_t duration_ns)
{
    unsigned bits = duration_ns <= 0 ? 0 : 64 - (unsigned)__builtin_clzll((uint64_t)duration_ns);
    unsigned index = histogram->first[bits];
    while (duration_ns > histogram->bounds_ns[index])
        index++;
    return index;
}

/** What is below zero counts as zero in the sum, and into the first class. The adding thread. */
static inline void qta_histogram_add(struct qta_histogram *histogram, int64_t duration_ns)
{
    uint64_t positive_ns = duration_ns > 0 ? (uint64_t)duration_ns : 0;
    _Atomic uint64_t *counted = &histogram->counts[qta_histogram_class(histogram, duration_ns)];
    atomic_store_explicit(counted, atomic_load_explicit(counted, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&histogram->sum_ns,
                          atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed) +
                              positive_ns,
                          memory_order_relaxed);
}

/** The same where several threads add: slower. */
static inline void qta_histogram_add_shared(struct qta_histogram *histogram, int64_t duration_ns)
{
    uint64_t positive_ns = duration_ns > 0 ? (uint64_t)duration_ns : 0;
    atomic_fetch_add_explicit(&histogram->counts[qta_histogram_class(histogram, duration_ns)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, positive_ns, memory_order_relaxed);
}

/** How many were added, near enough. Any thread. */
static inline uint64_t qta_histogram_count(const struct qta_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram->bound_count; i++)
        count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    return count;
}

#endif
