/* A batch at a time, so that the queue's indices move between the processors' caches once a batch.
 *
 * References: one is the caller's of create (and with it the public handle's), one the set's, one
 * that of the thread in run or poll. So closing waits for no more than a callback. */
#include "recorder/subscriber.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/log.h>

#include "core/doorbell.h"
#include "core/ring.h"
#include "recorder/counters.h"
#include "recorder/subscriber_watch.h"

enum {
    BATCH_TICKS = 256,
    LOOKING_NS = 50000, /* a wake-up from sleep takes about that long */
    LOOKS = 16,         /* between two looks at the clock */
    SLEEP_MAX_NS = 1000000000,
};

struct qta_subscriber {
    struct qta_subscriber_parts parts;
    struct qta_ring *ring;
    struct qta_subscriptions *subscriptions;
    int64_t looking_ns;
    _Atomic uint32_t references;
    atomic_bool is_closed;
    atomic_bool is_ended;        /* release: after the last tick is in the queue */
    atomic_bool is_disconnected; /* release: after the farewell */
    struct qta_doorbell bell;    /* rung when there is something in the queue */

    /* the network thread's */
    alignas(64) struct qta_subscriber_missed missed;
    _Atomic uint64_t dropped;
    bool is_leaving;          /* to be disconnected once the DROP record is written */
    struct qta_tick farewell; /* the last tick of one that is disconnected */
    struct qta_subscriber_watch watch;

    /* the dispatching thread's */
    alignas(64) _Atomic uint64_t taken; /* from the queue */
    _Atomic uint64_t dispatched;        /* begun, that is */
    _Atomic uint64_t at_seq;            /* of the tick that is dispatched, or was last */
    _Atomic int64_t at_ns;              /* its ts_recv */
    atomic_bool is_inside;              /* a thread is in run or poll */
    bool has_said_farewell;
    size_t batch_at;
    size_t batch_count;
    struct qta_histogram latency; /* from ts_recv to the callback; without bounds: not measured */
    struct qta_tick batch[BATCH_TICKS];
};

/* ---- life -------------------------------------------------------------------------------------
 */

static void measure_latency(struct qta_histogram *latency)
{
    static const int64_t bounds_ns[] = {
        1000,     2500,      5000,      10000,     25000,      50000,       100000,
        250000,   500000,    1000000,   2500000,   5000000,    10000000,    25000000,
        50000000, 100000000, 250000000, 500000000, 1000000000, 10000000000,
    };
    qta_histogram_init(latency, bounds_ns, sizeof bounds_ns / sizeof bounds_ns[0]);
}

static void destroy(struct qta_subscriber *subscriber)
{
    qta_ring_destroy(subscriber->ring);
    qta_subscriptions_destroy(subscriber->subscriptions);
    free((void *)(uintptr_t)subscriber->parts.options.name);
    free(subscriber);
}

enum qta_status qta_subscriber_create(struct qta_subscriber **out,
                                      const struct qta_subscriber_parts *parts,
                                      struct qta_error *err)
{
    struct qta_subscriber *subscriber = aligned_alloc(alignof(struct qta_subscriber),
                                                      sizeof *subscriber);
    if (!subscriber)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a subscriber");
    memset(subscriber, 0, sizeof *subscriber);
    subscriber->parts = *parts;
    subscriber->parts.options.name = strdup(parts->options.name);
    atomic_init(&subscriber->references, 1);
    /* where processors are few, nothing can come while we look, or others have better use for it */
    bool is_looking = sysconf(_SC_NPROCESSORS_ONLN) > (parts->is_selective ? 3 : 1);
    subscriber->looking_ns = is_looking ? LOOKING_NS : 0;
    if (parts->is_measured)
        measure_latency(&subscriber->latency);
    enum qta_status status = qta_ring_create(&subscriber->ring, parts->options.buffer_size, err);
    if (status == QTA_OK)
        status = qta_subscriptions_create(&subscriber->subscriptions, parts->names, err);
    if (status == QTA_OK && !subscriber->parts.options.name)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a subscriber");
    if (status != QTA_OK) {
        destroy(subscriber);
        return status;
    }
    *out = subscriber;
    return QTA_OK;
}

void qta_subscriber_hold(struct qta_subscriber *subscriber)
{
    atomic_fetch_add(&subscriber->references, 1);
}

void qta_subscriber_release(struct qta_subscriber *subscriber)
{
    if (subscriber && atomic_fetch_sub(&subscriber->references, 1) == 1)
        destroy(subscriber);
}

const char *qta_subscriber_name(const struct qta_subscriber *subscriber)
{
    return subscriber->parts.options.name;
}

enum qta_overflow_policy qta_subscriber_policy(const struct qta_subscriber *subscriber)
{
    return subscriber->parts.options.overflow;
}

struct qta_subscriptions *qta_subscriber_subscriptions(const struct qta_subscriber *subscriber)
{
    return subscriber->subscriptions;
}

struct qta_subscriber_set *qta_subscriber_home(const struct qta_subscriber *subscriber)
{
    return subscriber->parts.set;
}

const struct qta_histogram *qta_subscriber_latency(const struct qta_subscriber *subscriber)
{
    return &subscriber->latency;
}

/* ---- the network thread's side ----------------------------------------------------------------
 */

bool qta_subscriber_is_closed(const struct qta_subscriber *subscriber)
{
    return atomic_load_explicit(&subscriber->is_closed, memory_order_relaxed);
}

bool qta_subscriber_is_gone(const struct qta_subscriber *subscriber)
{
    return qta_subscriber_is_closed(subscriber) ||
           atomic_load_explicit(&subscriber->is_disconnected, memory_order_relaxed);
}

static void miss(struct qta_subscriber *subscriber, uint64_t rx_seq, int64_t ts_recv_ns)
{
    struct qta_subscriber_missed *missed = &subscriber->missed;
    if (missed->count == 0)
        *missed = (struct qta_subscriber_missed){
            .first_rx_seq = QTA_U64_NONE, .last_rx_seq = QTA_U64_NONE, .since_ns = ts_recv_ns};
    if (missed->first_rx_seq == QTA_U64_NONE && rx_seq != 0)
        missed->first_rx_seq = rx_seq;
    if (rx_seq != 0)
        missed->last_rx_seq = rx_seq;
    missed->count++;
    qta_counter_add(&subscriber->dropped, 1);
}

void qta_subscriber_miss(struct qta_subscriber *subscriber, const struct qta_tick *ticks,
                         size_t count)
{
    bool is_selective = subscriber->parts.is_selective;
    for (size_t i = 0; i < count && !qta_subscriber_is_gone(subscriber); i++) {
        if (!is_selective || qta_subscriptions_want(subscriber->subscriptions, &ticks[i]))
            miss(subscriber, ticks[i].rx_seq, ticks[i].ts_recv_ns);
    }
}

/* False: it is to be waited for. */
static bool put(struct qta_subscriber *subscriber, const struct qta_tick *tick, bool is_patient)
{
    struct qta_ring *ring = subscriber->ring;
    uint64_t dropped_seq;
    if (subscriber->is_leaving) {
        miss(subscriber, tick->rx_seq, tick->ts_recv_ns);
        return true;
    }
    switch (is_patient ? QTA_OVERFLOW_BLOCK : subscriber->parts.options.overflow) {
    case QTA_OVERFLOW_BLOCK:
        return qta_ring_stage(ring, tick);
    case QTA_OVERFLOW_DROP_OLDEST:
        if (qta_ring_stage_over(ring, tick, &dropped_seq))
            miss(subscriber, dropped_seq, tick->ts_recv_ns);
        return true;
    case QTA_OVERFLOW_DROP_NEWEST:
        /* once one is missed the next to be seen is the DROP tick, or the order would be wrong */
        if (subscriber->missed.count > 0 || !qta_ring_stage(ring, tick))
            miss(subscriber, tick->rx_seq, tick->ts_recv_ns);
        return true;
    case QTA_OVERFLOW_DISCONNECT:
        subscriber->is_leaving = !qta_ring_stage(ring, tick);
        if (subscriber->is_leaving)
            miss(subscriber, tick->rx_seq, tick->ts_recv_ns);
        return true;
    }
    return true;
}

size_t qta_subscriber_offer(struct qta_subscriber *subscriber, const struct qta_tick *ticks,
                            size_t count, bool is_patient)
{
    struct qta_subscriptions *subscriptions = subscriber->subscriptions;
    bool is_selective = subscriber->parts.is_selective;
    if (qta_subscriber_is_gone(subscriber) || qta_subscriptions_is_empty(subscriptions))
        return count;
    size_t i = 0;
    while (i < count) {
        if ((!is_selective || qta_subscriptions_want(subscriptions, &ticks[i])) &&
            !put(subscriber, &ticks[i], is_patient))
            break;
        i++;
    }
    if (qta_ring_publish(subscriber->ring))
        qta_doorbell_ring(&subscriber->bell);
    return i;
}

size_t qta_subscriber_room(const struct qta_subscriber *subscriber)
{
    return qta_ring_capacity(subscriber->ring) - qta_ring_count(subscriber->ring);
}

size_t qta_subscriber_capacity(const struct qta_subscriber *subscriber)
{
    return qta_ring_capacity(subscriber->ring);
}

const struct qta_subscriber_missed *qta_subscriber_missed(const struct qta_subscriber *subscriber)
{
    return &subscriber->missed;
}

struct qta_subscriber_missed qta_subscriber_take_missed(struct qta_subscriber *subscriber)
{
    struct qta_subscriber_missed missed = subscriber->missed;
    subscriber->missed.count = 0;
    return missed;
}

void qta_subscriber_tell(struct qta_subscriber *subscriber, const struct qta_tick *drop)
{
    if (!subscriber->is_leaving || qta_subscriber_is_gone(subscriber))
        return;
    subscriber->farewell = *drop;
    atomic_store_explicit(&subscriber->is_disconnected, true, memory_order_release);
    qta_log(QTA_LOG_ERROR, "gateway",
            "subscriber '%s' was too slow and is disconnected: %zu ticks waited for it (overflow: "
            "disconnect); the recording goes on",
            qta_subscriber_name(subscriber), qta_ring_capacity(subscriber->ring));
    qta_doorbell_ring(&subscriber->bell);
}

void qta_subscriber_watch(struct qta_subscriber *subscriber, int64_t now_ns, int64_t hang_ns)
{
    struct qta_subscriber_sight sight = {
        .name = qta_subscriber_name(subscriber),
        .doing = qta_subscriptions_doing(subscriber->subscriptions),
        .at_seq = atomic_load_explicit(&subscriber->at_seq, memory_order_relaxed),
        .taken = qta_counter_read(&subscriber->taken),
        .queued = qta_subscriber_queued(subscriber),
        .is_nearly_full = qta_subscriber_room(subscriber) <=
                          qta_ring_capacity(subscriber->ring) / 4,
        .is_blocking = subscriber->parts.options.overflow == QTA_OVERFLOW_BLOCK,
    };
    qta_subscriber_watch_look(&subscriber->watch, &sight, now_ns, hang_ns);
}

void qta_subscriber_end(struct qta_subscriber *subscriber)
{
    atomic_store_explicit(&subscriber->is_ended, true, memory_order_release);
    qta_doorbell_ring(&subscriber->bell);
}

/* ---- any thread -------------------------------------------------------------------------------
 */

uint64_t qta_subscriber_dispatched(const struct qta_subscriber *subscriber)
{
    return qta_counter_read(&subscriber->dispatched);
}

static uint64_t count_taken(const struct qta_subscriber *subscriber)
{
    uint64_t dispatched = qta_counter_read(&subscriber->dispatched);
    uint64_t taken = qta_counter_read(&subscriber->taken);
    return taken > dispatched ? taken - dispatched : 0;
}

size_t qta_subscriber_queued(const struct qta_subscriber *subscriber)
{
    return qta_ring_count(subscriber->ring) + (size_t)count_taken(subscriber);
}

/* Where receive times are not our clock's, no age is known. */
static int64_t oldest_age_ns(const struct qta_subscriber *subscriber)
{
    int64_t oldest_ns = atomic_load_explicit(&subscriber->at_ns, memory_order_relaxed);
    if (!subscriber->parts.has_own_time ||
        (count_taken(subscriber) == 0 && !qta_ring_oldest_ns(subscriber->ring, &oldest_ns)))
        return 0;
    int64_t now_ns = qta_realtime_ns(subscriber->parts.environment);
    return now_ns > oldest_ns ? now_ns - oldest_ns : 0;
}

void qta_subscriber_stats(const struct qta_subscriber *subscriber,
                          struct qta_subscriber_stats *stats)
{
    assert(subscriber);
    assert(stats);
    *stats = (struct qta_subscriber_stats){
        .queued = qta_subscriber_queued(subscriber),
        .capacity = qta_ring_capacity(subscriber->ring),
        .oldest_ns = oldest_age_ns(subscriber),
        .dispatched = qta_counter_read(&subscriber->dispatched),
        .dropped = qta_counter_read(&subscriber->dropped),
        .hangs = qta_counter_read(&subscriber->watch.hangs),
        .hanging_ns = atomic_load_explicit(&subscriber->watch.hanging_ns, memory_order_relaxed),
        .is_disconnected = atomic_load(&subscriber->is_disconnected),
    };
}

void qta_subscriber_shut(struct qta_subscriber *subscriber)
{
    atomic_store(&subscriber->is_closed, true);
    subscriber->parts.on_room(subscriber->parts.user, subscriber);
    qta_doorbell_ring(&subscriber->bell);
    qta_subscriptions_settle(subscriber->subscriptions);
}

/* ---- its own thread ---------------------------------------------------------------------------
 */

/* Makes the batch not empty; false when nothing is there. What is left of a batch whose thread died
 * in a callback comes first. */
static bool take_batch(struct qta_subscriber *subscriber)
{
    if (atomic_load_explicit(&subscriber->is_closed, memory_order_relaxed))
        return false;
    if (subscriber->batch_at < subscriber->batch_count)
        return true;
    bool is_disconnected = atomic_load_explicit(&subscriber->is_disconnected, memory_order_acquire);
    size_t count = qta_ring_pop(subscriber->ring, subscriber->batch, BATCH_TICKS);
    bool is_farewell = count == 0 && is_disconnected && !subscriber->has_said_farewell;
    if (is_farewell) {
        subscriber->has_said_farewell = true;
        subscriber->batch[0] = subscriber->farewell;
        count = 1;
    }
    subscriber->batch_at = 0;
    subscriber->batch_count = count;
    if (count == 0)
        return false;
    qta_counter_add(&subscriber->taken, count);
    if (!is_farewell)
        subscriber->parts.on_room(subscriber->parts.user, subscriber);
    return true;
}

size_t qta_subscriber_dispatch(struct qta_subscriber *subscriber)
{
    if (!take_batch(subscriber))
        return 0;
    struct qta_subscriptions *subscriptions = subscriber->subscriptions;
    bool is_measured = subscriber->parts.is_measured;
    size_t first = subscriber->batch_at;
    int64_t now_ns = 0;
    qta_subscriptions_enter(subscriptions);
    while (subscriber->batch_at < subscriber->batch_count &&
           !atomic_load_explicit(&subscriber->is_closed, memory_order_relaxed)) {
        const struct qta_tick *tick = &subscriber->batch[subscriber->batch_at];
        if (is_measured) {
            if ((subscriber->batch_at - first) % LOOKS == 0)
                now_ns = qta_realtime_ns(subscriber->parts.environment);
            qta_histogram_add(&subscriber->latency, now_ns - tick->ts_recv_ns);
        }
        subscriber->batch_at++;
        qta_counter_add(&subscriber->dispatched, 1);
        atomic_store_explicit(&subscriber->at_seq, tick->rx_seq, memory_order_relaxed);
        atomic_store_explicit(&subscriber->at_ns, tick->ts_recv_ns, memory_order_relaxed);
        qta_subscriptions_dispatch(subscriptions, tick);
    }
    qta_subscriptions_leave(subscriptions);
    return subscriber->batch_at - first;
}

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
}

/* Looks for ticks again and again for a while; false when none came. */
static bool look_for_work(struct qta_subscriber *subscriber)
{
    if (subscriber->looking_ns == 0)
        return false;
    struct qta_environment *system = qta_environment_system(); /* threads wait in real time */
    int64_t until_ns = qta_monotonic_ns(system) + subscriber->looking_ns;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (qta_ring_count(subscriber->ring) > 0)
                return true;
            pause_briefly();
        }
    } while (qta_monotonic_ns(system) < until_ns);
    return false;
}

/* No tick comes any more; those that did are all in the queue. */
static bool is_over(const struct qta_subscriber *subscriber)
{
    return atomic_load_explicit(&subscriber->is_ended, memory_order_acquire) ||
           atomic_load_explicit(&subscriber->is_disconnected, memory_order_acquire) ||
           atomic_load_explicit(&subscriber->is_closed, memory_order_acquire);
}

static enum qta_status verdict(const struct qta_subscriber *subscriber, struct qta_error *err)
{
    const char *name = qta_subscriber_name(subscriber);
    if (atomic_load(&subscriber->is_closed))
        return qta_error_set(err, QTA_ERR_END, "subscriber '%s' was closed", name);
    if (atomic_load(&subscriber->is_disconnected))
        return qta_error_set(err, QTA_ERR_TOO_SLOW,
                             "subscriber '%s' was too slow and has been disconnected", name);
    return qta_error_set(err, QTA_ERR_END, "the gateway has ended");
}

/* Dispatches a batch, or as long as there are any (is_single false); waits for one until a time of
 * the system's monotonic clock. */
static enum qta_status drain(struct qta_subscriber *subscriber, int64_t until_ns, bool is_single,
                             size_t *count, struct qta_error *err)
{
    struct qta_environment *system = qta_environment_system();
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(&subscriber->bell);
        /* asked before the queue is: once it is over, what is in the queue is all there is */
        bool is_last = is_over(subscriber);
        size_t dispatched = qta_subscriber_dispatch(subscriber);
        *count += dispatched;
        if (dispatched > 0 && is_single)
            return QTA_OK;
        if (dispatched > 0)
            continue;
        if (is_last)
            return verdict(subscriber, err);
        int64_t wait_ns = until_ns - qta_monotonic_ns(system);
        if (wait_ns <= 0)
            return QTA_OK;
        if (look_for_work(subscriber))
            continue;
        /* Not without an end, although the bell is never missed: a sanitizer holds signal handlers
         * back until the thread comes out of its system call, and theirs may be to stop us. */
        qta_doorbell_wait(&subscriber->bell, ticket,
                          wait_ns < SLEEP_MAX_NS ? wait_ns : SLEEP_MAX_NS);
    }
}

static void come_out(struct qta_subscriber *subscriber)
{
    atomic_store(&subscriber->is_inside, false);
    qta_subscriber_release(subscriber);
}

/* The thread ends in a callback: by pthread_exit(), or cancelled. */
static void abandon(void *user)
{
    struct qta_subscriber *subscriber = user;
    qta_subscriptions_abandon(subscriber->subscriptions);
    come_out(subscriber);
}

static enum qta_status go_in(struct qta_subscriber *subscriber, int64_t timeout_ns, bool is_single,
                             size_t *count, struct qta_error *err)
{
    if (atomic_exchange(&subscriber->is_inside, true))
        return qta_error_set(err, QTA_ERR_STATE,
                             "subscriber '%s' is being run or polled already: one thread at a time",
                             qta_subscriber_name(subscriber));
    int64_t until_ns = INT64_MAX;
    if (timeout_ns >= 0)
        until_ns = qta_monotonic_ns(qta_environment_system()) + timeout_ns;
    qta_subscriber_hold(subscriber);
    enum qta_status status;
    pthread_cleanup_push(abandon, subscriber);
    status = drain(subscriber, until_ns, is_single, count, err);
    pthread_cleanup_pop(0);
    come_out(subscriber);
    return status;
}

enum qta_status qta_subscriber_poll(struct qta_subscriber *subscriber, int64_t timeout_ns,
                                    size_t *count, struct qta_error *err)
{
    assert(subscriber);
    size_t dispatched = 0;
    enum qta_status status = go_in(subscriber, timeout_ns, true, &dispatched, err);
    if (count)
        *count = dispatched;
    return status;
}

enum qta_status qta_subscriber_run(struct qta_subscriber *subscriber, struct qta_error *err)
{
    assert(subscriber);
    size_t dispatched = 0;
    enum qta_status status = go_in(subscriber, -1, false, &dispatched, err);
    return status == QTA_ERR_END ? QTA_OK : status;
}
