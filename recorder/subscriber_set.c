/* `entries` is everybody's, under the mutex; `active` is the network thread's copy, made anew when
 * `changes` has moved. An entry goes when the network thread has let go of it: a closed subscriber
 * is kept until the DROP record of what it missed has been written. */
#include "recorder/subscriber_set.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#define QUIET_NS INT64_C(1000000000) /* at most one DROP tick in this time while it is crowded */

struct active {
    struct qta_subscriber *subscriber;
    size_t offered;   /* of the batch */
    bool is_given_up; /* the run ends and it does not make room */
};

struct qta_subscriber_set {
    struct qta_subscriber_set_options options;
    struct qta_subscriber *callbacks;

    pthread_mutex_t mutex;
    struct qta_subscriber *entries[QTA_SUBSCRIBERS_MAX];
    size_t entry_count;
    bool has_network_thread; /* it may use any entry */
    bool is_ended;
    _Atomic uint64_t changes;

    /* the network thread's */
    uint64_t changes_seen;
    struct active active[QTA_SUBSCRIBERS_MAX];
    size_t active_count;
};

/* ---- life -------------------------------------------------------------------------------------
 */

static enum qta_status make_subscriber(struct qta_subscriber_set *set, struct qta_subscriber **out,
                                       const struct qta_subscriber_options *options,
                                       bool is_selective, struct qta_error *err)
{
    struct qta_subscriber_parts parts = {
        .options = *options,
        .set = set,
        .names = set->options.names,
        .environment = set->options.environment,
        .has_own_time = set->options.has_own_time,
        .is_measured = set->options.is_measured,
        .is_selective = is_selective,
        .on_room = set->options.on_room,
        .user = set->options.user,
    };
    return qta_subscriber_create(out, &parts, err);
}

enum qta_status qta_subscriber_set_create(struct qta_subscriber_set **out,
                                          const struct qta_subscriber_set_options *options,
                                          struct qta_error *err)
{
    struct qta_subscriber_set *set = calloc(1, sizeof *set);
    if (!set)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscribers");
    set->options = *options;
    pthread_mutex_init(&set->mutex, NULL);
    struct qta_subscriber_options own = {
        .name = "callbacks", .buffer_size = options->buffer_size, .overflow = options->overflow};
    /* what is added in a callback gets the very next tick, live as in a replay */
    enum qta_status status = make_subscriber(set, &set->callbacks, &own, false, err);
    if (status != QTA_OK) {
        qta_subscriber_set_destroy(set);
        return status;
    }
    set->entries[set->entry_count++] = set->callbacks;
    atomic_init(&set->changes, 1);
    *out = set;
    return QTA_OK;
}

void qta_subscriber_set_destroy(struct qta_subscriber_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->entry_count; i++) {
        struct qta_subscriber *subscriber = set->entries[i];
        if (subscriber != set->callbacks)
            qta_subscriber_release(subscriber); /* in place of qta_subscriber_close() */
        qta_subscriber_shut(subscriber);
        qta_subscriber_release(subscriber);
    }
    pthread_mutex_destroy(&set->mutex);
    free(set);
}

const struct qta_subscriber_set_options *
qta_subscriber_set_options(const struct qta_subscriber_set *set)
{
    return &set->options;
}

struct qta_subscriber *qta_subscriber_set_callbacks(const struct qta_subscriber_set *set)
{
    return set->callbacks;
}

/* ---- any thread -------------------------------------------------------------------------------
 */

/* Under the mutex. */
static enum qta_status check_place(const struct qta_subscriber_set *set, const char *name,
                                   struct qta_error *err)
{
    for (size_t i = 0; i < set->entry_count; i++) {
        if (!qta_subscriber_is_closed(set->entries[i]) &&
            strcmp(qta_subscriber_name(set->entries[i]), name) == 0)
            return qta_error_set(err, QTA_ERR_USAGE, "a subscriber is named '%s' already", name);
    }
    if (set->is_ended)
        return qta_error_set(err, QTA_ERR_STATE,
                             "cannot open subscriber '%s': the gateway has ended", name);
    if (set->entry_count == QTA_SUBSCRIBERS_MAX)
        return qta_error_set(err, QTA_ERR_STATE,
                             "cannot open subscriber '%s': there are %d already", name,
                             QTA_SUBSCRIBERS_MAX);
    return QTA_OK;
}

enum qta_status qta_subscriber_set_open(struct qta_subscriber_set *set, struct qta_subscriber **out,
                                        const struct qta_subscriber_options *options,
                                        struct qta_error *err)
{
    struct qta_subscriber *subscriber;
    enum qta_status status = make_subscriber(set, &subscriber, options, !set->options.is_replay,
                                             err);
    if (status != QTA_OK)
        return status;
    pthread_mutex_lock(&set->mutex);
    status = check_place(set, options->name, err);
    if (status == QTA_OK) {
        qta_subscriber_hold(subscriber); /* the set's reference, beside the handle's */
        set->entries[set->entry_count++] = subscriber;
        atomic_fetch_add(&set->changes, 1);
        *out = subscriber;
    }
    pthread_mutex_unlock(&set->mutex);
    if (status != QTA_OK)
        qta_subscriber_release(subscriber);
    return status;
}

/* Under the mutex. */
static void remove_entry(struct qta_subscriber_set *set, size_t index)
{
    struct qta_subscriber *subscriber = set->entries[index];
    set->entry_count--;
    memmove(&set->entries[index], &set->entries[index + 1],
            (set->entry_count - index) * sizeof(struct qta_subscriber *));
    qta_subscriber_release(subscriber);
}

void qta_subscriber_set_close(struct qta_subscriber_set *set, struct qta_subscriber *subscriber)
{
    pthread_mutex_lock(&set->mutex);
    size_t index = 0;
    while (index < set->entry_count && set->entries[index] != subscriber)
        index++;
    if (!set->has_network_thread && index < set->entry_count)
        remove_entry(set, index);
    atomic_fetch_add(&set->changes, 1);
    pthread_mutex_unlock(&set->mutex);
    qta_subscriber_release(subscriber);
}

size_t qta_subscriber_set_hold_all(struct qta_subscriber_set *set,
                                   struct qta_subscriber *subscribers[QTA_SUBSCRIBERS_MAX])
{
    size_t count = 0;
    pthread_mutex_lock(&set->mutex);
    for (size_t i = 0; i < set->entry_count; i++) {
        if (qta_subscriber_is_closed(set->entries[i]))
            continue;
        qta_subscriber_hold(set->entries[i]);
        subscribers[count++] = set->entries[i];
    }
    pthread_mutex_unlock(&set->mutex);
    return count;
}

void qta_subscriber_set_release_all(struct qta_subscriber *const *subscribers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        qta_subscriber_release(subscribers[i]);
}

/* ---- the network thread -----------------------------------------------------------------------
 */

static bool has_given_up(const struct qta_subscriber_set *set,
                         const struct qta_subscriber *subscriber)
{
    for (size_t i = 0; i < set->active_count; i++) {
        if (set->active[i].subscriber == subscriber)
            return set->active[i].is_given_up;
    }
    return false;
}

static void take_notice(struct qta_subscriber_set *set)
{
    struct active active[QTA_SUBSCRIBERS_MAX];
    size_t count = 0;
    bool is_waiting = false;
    pthread_mutex_lock(&set->mutex);
    uint64_t changes = atomic_load(&set->changes);
    for (size_t i = 0; i < set->entry_count;) {
        struct qta_subscriber *subscriber = set->entries[i];
        bool is_closed = qta_subscriber_is_closed(subscriber);
        if (is_closed && (set->is_ended || qta_subscriber_missed(subscriber)->count == 0)) {
            remove_entry(set, i);
            continue;
        }
        is_waiting = is_waiting || is_closed;
        active[count++] = (struct active){.subscriber = subscriber,
                                          .is_given_up = has_given_up(set, subscriber)};
        i++;
    }
    set->has_network_thread = !set->is_ended;
    pthread_mutex_unlock(&set->mutex);
    memcpy(set->active, active, count * sizeof active[0]);
    set->active_count = count;
    set->changes_seen = is_waiting ? changes - 1 : changes; /* again, when it has been told */
}

static inline void notice_changes(struct qta_subscriber_set *set)
{
    if (atomic_load_explicit(&set->changes, memory_order_acquire) != set->changes_seen)
        take_notice(set);
}

static void wait_for(struct qta_subscriber_set *set, struct active *active,
                     const struct qta_tick *ticks, size_t count, bool is_patient)
{
    const struct qta_subscriber_set_options *options = &set->options;
    while (active->offered < count) {
        if (!options->wait_for_room(options->user, active->subscriber)) {
            active->is_given_up = true;
            qta_log(QTA_LOG_WARNING, "gateway",
                    "subscriber '%s' does not make room: the end does not wait for it",
                    qta_subscriber_name(active->subscriber));
            qta_subscriber_miss(active->subscriber, ticks + active->offered,
                                count - active->offered);
            return;
        }
        active->offered += qta_subscriber_offer(active->subscriber, ticks + active->offered,
                                                count - active->offered, is_patient);
    }
}

bool qta_subscriber_set_offer(struct qta_subscriber_set *set, const struct qta_tick *ticks,
                              size_t count, bool is_patient)
{
    notice_changes(set);
    bool is_missing = false;
    for (size_t i = 0; i < set->active_count; i++) {
        struct active *active = &set->active[i];
        active->offered = count;
        if (active->is_given_up)
            qta_subscriber_miss(active->subscriber, ticks, count);
        else
            active->offered = qta_subscriber_offer(active->subscriber, ticks, count, is_patient);
    }
    for (size_t i = 0; i < set->active_count; i++) {
        struct active *active = &set->active[i];
        if (active->offered < count)
            wait_for(set, active, ticks, count, is_patient);
        is_missing = is_missing || qta_subscriber_missed(active->subscriber)->count > 0;
    }
    return is_missing;
}

struct qta_subscriber *qta_subscriber_set_find_missing(struct qta_subscriber_set *set,
                                                       int64_t now_ns, bool is_forced)
{
    for (size_t i = 0; i < set->active_count; i++) {
        struct qta_subscriber *subscriber = set->active[i].subscriber;
        const struct qta_subscriber_missed *missed = qta_subscriber_missed(subscriber);
        if (missed->count == 0)
            continue;
        size_t room = qta_subscriber_room(subscriber);
        bool is_leaving = qta_subscriber_is_closed(subscriber) ||
                          qta_subscriber_policy(subscriber) == QTA_OVERFLOW_DISCONNECT;
        bool is_roomy = room > qta_subscriber_capacity(subscriber) / 4;
        bool is_late = now_ns - missed->since_ns >= QUIET_NS;
        if (is_forced || is_leaving || (room > 0 && (is_roomy || is_late)))
            return subscriber;
    }
    return NULL;
}

/* Its queue counts. */
static bool is_filled(const struct active *active)
{
    return !active->is_given_up && !qta_subscriber_is_gone(active->subscriber);
}

size_t qta_subscriber_set_room(const struct qta_subscriber_set *set)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < set->active_count; i++) {
        size_t room = qta_subscriber_room(set->active[i].subscriber);
        if (is_filled(&set->active[i]) && room < least)
            least = room;
    }
    return least;
}

/* Less than that part of its queue is free. */
static bool is_fuller(const struct active *active, size_t part)
{
    return is_filled(active) && qta_subscriber_room(active->subscriber) <
                                    qta_subscriber_capacity(active->subscriber) / part;
}

static bool is_blocking(const struct active *active)
{
    return qta_subscriber_policy(active->subscriber) == QTA_OVERFLOW_BLOCK;
}

bool qta_subscriber_set_is_crowded(const struct qta_subscriber_set *set, bool was_crowded)
{
    for (size_t i = 0; i < set->active_count; i++) {
        if (is_blocking(&set->active[i]) && is_fuller(&set->active[i], was_crowded ? 2 : 4))
            return true;
    }
    return false;
}

bool qta_subscriber_set_is_half_empty(const struct qta_subscriber_set *set, bool is_all)
{
    for (size_t i = 0; i < set->active_count; i++) {
        if ((is_all || is_blocking(&set->active[i])) && is_fuller(&set->active[i], 2))
            return false;
    }
    return true;
}

void qta_subscriber_set_watch(struct qta_subscriber_set *set, int64_t now_ns)
{
    for (size_t i = 0; i < set->active_count; i++)
        qta_subscriber_watch(set->active[i].subscriber, now_ns,
                             set->options.callback_hang_after_ns);
}

void qta_subscriber_set_notice(struct qta_subscriber_set *set)
{
    notice_changes(set);
}

void qta_subscriber_set_end(struct qta_subscriber_set *set)
{
    pthread_mutex_lock(&set->mutex);
    set->is_ended = true;
    for (size_t i = 0; i < set->entry_count; i++)
        qta_subscriber_end(set->entries[i]);
    pthread_mutex_unlock(&set->mutex);
    take_notice(set);
    set->active_count = 0;
}
