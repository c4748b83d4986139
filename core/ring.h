/** @file ring.h
 *  The queue of ticks between one producer thread and one consumer thread.
 *
 *  Bounded and lock-free. When it is full the producer either refuses the new tick (stage, push) or
 *  discards the oldest one (stage_over). Staged ticks are seen by the consumer once they are
 *  published. Each index has one cache line; slots are copied word by word with relaxed atomics,
 *  because stage_over may overwrite a slot that pop is just reading: pop then finds that the head
 *  has moved, and drops its copy. */
#ifndef QTA_CORE_RING_H
#define QTA_CORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

struct qta_ring;

/** capacity is rounded up to a power of two, at least 2. */
enum qta_status qta_ring_create(struct qta_ring **out, size_t capacity, struct qta_error *err);
void qta_ring_destroy(struct qta_ring *ring);

size_t qta_ring_capacity(const struct qta_ring *ring);

/** How many ticks wait. Exact for a thread that owns one side while the other rests. Any thread. */
size_t qta_ring_count(const struct qta_ring *ring);

/** Producer only. False when full: the tick was not taken. */
bool qta_ring_stage(struct qta_ring *ring, const struct qta_tick *tick);

/** Producer only. Always takes the tick; returns true when the oldest one had to go for it, whose
 *  rx_seq is then in *dropped_seq. May publish what was staged before. */
bool qta_ring_stage_over(struct qta_ring *ring, const struct qta_tick *tick, uint64_t *dropped_seq);

/** Producer only. Lets the consumer see what was staged; false when there was nothing. */
bool qta_ring_publish(struct qta_ring *ring);

/** Producer only. Stages and publishes one tick. */
bool qta_ring_push(struct qta_ring *ring, const struct qta_tick *tick);

/** Consumer only. Copies up to capacity ticks, oldest first; returns how many. */
size_t qta_ring_pop(struct qta_ring *ring, struct qta_tick *ticks, size_t capacity);

/** ts_recv_ns of the oldest tick that waits; false when none does, or when they are being taken too
 *  fast to tell. Any thread. */
bool qta_ring_oldest_ns(const struct qta_ring *ring, int64_t *ts_recv_ns);

#endif
