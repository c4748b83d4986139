/* The ring of ticks. head is where the consumer takes, tail where what it may take ends; both only
 * grow. The consumer moves head with a compare-and-swap, since stage_over moves it too. A batch is
 * staged behind tail, so that tail's cache line changes hands once a batch. */
#include "core/ring.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = sizeof(struct qta_tick) / sizeof(uint64_t), TIME_WORD = 1, CACHE_LINE_BYTES = 64 };

struct slot {
    _Atomic uint64_t words[WORDS];
};

struct qta_ring {
    struct slot *slots;
    uint64_t mask;
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t head;
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail;
    uint64_t staged;    /* producer's: where it puts next, ahead of tail until it publishes */
    uint64_t head_seen; /* producer's last look at head: saves it a cache miss a tick */
};

enum qta_status qta_ring_create(struct qta_ring **out, size_t capacity, struct qta_error *err)
{
    size_t slots = 2;
    while (slots < capacity)
        slots *= 2;
    struct qta_ring *ring = aligned_alloc(CACHE_LINE_BYTES, sizeof *ring);
    if (ring) {
        memset(ring, 0, sizeof *ring);
        ring->slots = aligned_alloc(CACHE_LINE_BYTES, slots * sizeof *ring->slots);
    }
    if (!ring || !ring->slots) {
        qta_ring_destroy(ring);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a buffer of %zu ticks", slots);
    }
    ring->mask = slots - 1;
    *out = ring;
    return QTA_OK;
}

void qta_ring_destroy(struct qta_ring *ring)
{
    if (!ring)
        return;
    free(ring->slots);
    free(ring);
}

size_t qta_ring_capacity(const struct qta_ring *ring)
{
    return (size_t)ring->mask + 1;
}

size_t qta_ring_count(const struct qta_ring *ring)
{
    /* head first: tail can only have grown since, so the difference is never negative */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint64_t count = tail - head;
    return count <= ring->mask ? (size_t)count : (size_t)ring->mask + 1;
}

static void slot_write(struct slot *slot, const struct qta_tick *tick)
{
    uint64_t words[WORDS];
    memcpy(words, tick, sizeof words);
    for (int i = 0; i < WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
}

static void slot_read(struct slot *slot, struct qta_tick *tick)
{
    uint64_t words[WORDS];
    for (int i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
    memcpy(tick, words, sizeof words);
}

static bool is_full(struct qta_ring *ring)
{
    if (ring->staged - ring->head_seen <= ring->mask)
        return false;
    ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire); /* pairs with pop */
    return ring->staged - ring->head_seen > ring->mask;
}

bool qta_ring_stage(struct qta_ring *ring, const struct qta_tick *tick)
{
    if (is_full(ring))
        return false;
    slot_write(&ring->slots[ring->staged & ring->mask], tick);
    ring->staged++;
    return true;
}

bool qta_ring_publish(struct qta_ring *ring)
{
    if (atomic_load_explicit(&ring->tail, memory_order_relaxed) == ring->staged)
        return false;
    atomic_store_explicit(&ring->tail, ring->staged,
                          memory_order_release); /* the slots' contents */
    return true;
}

bool qta_ring_push(struct qta_ring *ring, const struct qta_tick *tick)
{
    if (!qta_ring_stage(ring, tick))
        return false;
    qta_ring_publish(ring);
    return true;
}

/* What is staged is published first: head may not get ahead of tail. */
static bool drop_oldest(struct qta_ring *ring, uint64_t *dropped_seq)
{
    qta_ring_publish(ring);
    uint64_t oldest = ring->head_seen;
    struct slot *slot = &ring->slots[oldest & ring->mask];
    uint64_t seq = atomic_load_explicit(&slot->words[0], memory_order_relaxed);
    /* When this fails the consumer has just taken the tick itself, and there is room. */
    bool has_dropped = atomic_compare_exchange_strong_explicit(
        &ring->head, &oldest, oldest + 1, memory_order_acq_rel, memory_order_acquire);
    ring->head_seen = has_dropped ? oldest + 1 : oldest;
    if (has_dropped)
        *dropped_seq = seq;
    return has_dropped;
}

bool qta_ring_stage_over(struct qta_ring *ring, const struct qta_tick *tick, uint64_t *dropped_seq)
{
    bool has_dropped = is_full(ring) && drop_oldest(ring, dropped_seq);
    slot_write(&ring->slots[ring->staged & ring->mask], tick);
    ring->staged++;
    return has_dropped;
}

/* Takes what is there in one step, at most capacity. The copy counts only if head has not moved:
 * otherwise the producer has thrown the oldest away and may have overwritten what was copied. */
size_t qta_ring_pop(struct qta_ring *ring, struct qta_tick *ticks, size_t capacity)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    for (;;) {
        uint64_t tail = atomic_load_explicit(&ring->tail,
                                             memory_order_acquire); /* pairs with publish */
        size_t count = (size_t)(tail - head);
        if (count > capacity)
            count = capacity;
        if (count == 0)
            return 0;
        for (size_t i = 0; i < count; i++)
            slot_read(&ring->slots[(head + i) & ring->mask], &ticks[i]);
        if (atomic_compare_exchange_strong_explicit(&ring->head, &head, head + count,
                                                    memory_order_acq_rel, memory_order_acquire))
            return count;
        capacity = (count + 1) / 2; /* what takes shorter is overtaken less often */
    }
}

/* Somebody may take and replace the tick between the two looks at head: then it was not that one.
 */
bool qta_ring_oldest_ns(const struct qta_ring *ring, int64_t *ts_recv_ns)
{
    for (int attempt = 0; attempt < 4; attempt++) {
        uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (atomic_load_explicit(&ring->tail, memory_order_acquire) == head)
            return false;
        struct slot *slot = &ring->slots[head & ring->mask];
        uint64_t time = atomic_load_explicit(&slot->words[TIME_WORD], memory_order_acquire);
        if (atomic_load_explicit(&ring->head, memory_order_relaxed) != head)
            continue;
        *ts_recv_ns = (int64_t)time;
        return true;
    }
    return false;
}

static_assert(offsetof(struct qta_tick, rx_seq) == 0, "rx_seq is the first word");
static_assert(offsetof(struct qta_tick, ts_recv_ns) == TIME_WORD * sizeof(uint64_t),
              "ts_recv_ns is the second word");
