/* The public face of the engine: a clock, a wait and a callback around it. */
#include <qta/replay.h>

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "core/doorbell.h"
#include "core/environment.h"
#include "replay/replay_engine.h"

/* A sleep ends some microseconds late however well the timer is set, so the last of the wait is
 * spent awake. Measured with a timer slack of 1 ns: 99 of 100 sleeps overshoot less than this. */
enum { AWAKE_NS = 30000 };

/* The longest single sleep. The bell ends any; but under a thread sanitizer a handler, and the bell
 * in it, only runs once the sleep is over. */
#define NAP_NS INT64_C(1000000000)

/* Ticks between two looks at the clock: few, so that a slow callback's delay is seen as lateness.
 */
enum { BUDGET_PACED = 64, BUDGET_MAX_SPEED = 1024 };

/* Bits of qta_replay.orders. */
enum { ORDER_STOP = 1, ORDER_PAUSE = 2 };

struct qta_replay {
    struct qta_replay_engine *engine;    /* NULL while it follows */
    struct qta_session_reader *follower; /* NULL unless it does */
    struct qta_environment *environment;
    bool is_paced;
    bool has_run;
    _Atomic unsigned orders;  /* written by any thread, read between ticks by the playing one */
    struct qta_doorbell bell; /* rung after orders have changed */

    /* Written by the playing thread only; each is true by itself, so relaxed is enough. */
    _Atomic uint64_t ticks;
    _Atomic uint64_t market_ticks;
    _Atomic int64_t first_ts_recv_ns; /* while it follows */
    _Atomic int64_t current_ts_recv_ns;
    _Atomic int64_t late_ns_max;
};

struct qta_replay_options qta_replay_options_default(void)
{
    return (struct qta_replay_options){
        .filter = qta_session_filter_default(),
        .speed_milli = QTA_SPEED_REAL,
        .loop_count = 1,
    };
}

static enum qta_status open_follower(struct qta_replay *replay, const char *const *paths,
                                     size_t path_count, const struct qta_replay_options *options,
                                     struct qta_error *err)
{
    if (path_count != 1)
        return qta_error_set(err, QTA_ERR_USAGE, "only one session can be followed, not %zu",
                             path_count);
    if (options->speed_milli != QTA_SPEED_MAX || options->start_offset_ns != 0 ||
        options->duration_ns != 0 || options->gap_max_ns != 0 || options->loop_count != 1)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "a session is followed as fast as it comes, once: no speed, offset, "
                             "duration, gap or loop goes with it");
    return qta_session_reader_create(&replay->follower, paths[0], &options->filter, err);
}

enum qta_status qta_replay_create(struct qta_replay **out, const char *const *paths,
                                  size_t path_count, const struct qta_replay_options *options,
                                  struct qta_error *err)
{
    assert(out && options);
    struct qta_replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a replay");
    replay->environment = qta_environment_system();
    replay->is_paced = options->speed_milli != QTA_SPEED_MAX;
    atomic_init(&replay->first_ts_recv_ns, QTA_TIME_UNKNOWN);
    atomic_init(&replay->current_ts_recv_ns, QTA_TIME_UNKNOWN);
    enum qta_status status = options->is_following
                                 ? open_follower(replay, paths, path_count, options, err)
                                 : qta_replay_engine_create(&replay->engine, paths, path_count,
                                                            options, NULL, err);
    if (status != QTA_OK) {
        qta_replay_destroy(replay);
        return status;
    }
    *out = replay;
    return QTA_OK;
}

void qta_replay_destroy(struct qta_replay *replay)
{
    if (!replay)
        return;
    qta_replay_engine_destroy(replay->engine);
    qta_session_reader_destroy(replay->follower);
    free(replay);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static unsigned current_orders(const struct qta_replay *replay)
{
    return atomic_load_explicit(&replay->orders, memory_order_relaxed);
}

static void wait_until(struct qta_replay *replay, int64_t due_ns)
{
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(&replay->bell);
        if (current_orders(replay) != 0)
            return;
        int64_t left_ns = due_ns - qta_monotonic_ns(replay->environment);
        if (left_ns <= 0)
            return;
        if (left_ns > AWAKE_NS)
            qta_doorbell_wait(&replay->bell, ticket,
                              left_ns > NAP_NS ? NAP_NS : left_ns - AWAKE_NS);
    }
}

/* A stop ends a pause, too. */
static bool is_paused(const struct qta_replay *replay)
{
    return (current_orders(replay) & (ORDER_STOP | ORDER_PAUSE)) == ORDER_PAUSE;
}

/* Sits out a pause. False when it is time to stop. */
static bool obey_orders(struct qta_replay *replay)
{
    if (is_paused(replay)) {
        int64_t start_ns = qta_monotonic_ns(replay->environment);
        int64_t now_ns = start_ns;
        while (is_paused(replay)) {
            uint32_t ticket = qta_doorbell_ticket(&replay->bell);
            if (is_paused(replay))
                qta_doorbell_wait(&replay->bell, ticket, NAP_NS);
            now_ns = qta_monotonic_ns(replay->environment);
        }
        if (replay->engine)
            qta_replay_engine_postpone(replay->engine, now_ns - start_ns);
    }
    return !(current_orders(replay) & ORDER_STOP);
}

/* ---- playing ----------------------------------------------------------------------------------
 */

/* What a run was given, and what it has met. */
struct run {
    struct qta_replay *replay;
    qta_tick_callback callback;
    qta_problem_callback on_problem;
    void *user;
    const struct qta_dictionary *names;
    uint64_t problems;
    struct qta_error first_problem;
};

static void note_lateness(struct qta_replay *replay, int64_t late_ns)
{
    if (replay->is_paced &&
        late_ns > atomic_load_explicit(&replay->late_ns_max, memory_order_relaxed))
        atomic_store_explicit(&replay->late_ns_max, late_ns, memory_order_relaxed);
}

static void note_progress(struct qta_replay *replay, const struct qta_tick *ticks, size_t count,
                          uint64_t market_ticks)
{
    atomic_store_explicit(&replay->ticks,
                          atomic_load_explicit(&replay->ticks, memory_order_relaxed) + count,
                          memory_order_relaxed);
    atomic_store_explicit(&replay->market_ticks,
                          atomic_load_explicit(&replay->market_ticks, memory_order_relaxed) +
                              market_ticks,
                          memory_order_relaxed);
    atomic_store_explicit(&replay->current_ts_recv_ns, ticks[count - 1].ts_recv_ns,
                          memory_order_relaxed);
}

/* Calls back for ticks that are due. False when it was told to stop among them. */
static bool deliver(struct run *run, const struct qta_tick *ticks, size_t count)
{
    uint64_t market_ticks = 0;
    bool goes_on = true;
    size_t i = 0;
    while (i < count && goes_on) {
        run->callback(run->user, &ticks[i], run->names);
        market_ticks += qta_tick_is_market(&ticks[i]);
        i++;
        if (current_orders(run->replay) != 0)
            goes_on = obey_orders(run->replay);
    }
    note_progress(run->replay, ticks, i, market_ticks);
    return goes_on;
}

static void note_problem(struct run *run, const struct qta_error *problem)
{
    if (run->problems == 0)
        run->first_problem = *problem;
    run->problems++;
    if (run->on_problem)
        run->on_problem(run->user, problem->message);
}

/* Reads first and looks at the clock then: reading takes a while now and then. */
static enum qta_status play(struct run *run, struct qta_error *err)
{
    struct qta_replay *replay = run->replay;
    size_t budget = replay->is_paced ? BUDGET_PACED : BUDGET_MAX_SPEED;
    while (obey_orders(replay)) {
        struct qta_error problem;
        enum qta_status status = qta_replay_engine_read(replay->engine, &problem);
        if (status == QTA_ERR_DAMAGED) {
            note_problem(run, &problem);
            continue;
        }
        if (status == QTA_ERR_END)
            break;
        if (status != QTA_OK) {
            if (err)
                *err = problem;
            return status;
        }
        const struct qta_tick *ticks;
        int64_t due_ns;
        int64_t now_ns = qta_monotonic_ns(replay->environment);
        size_t count = qta_replay_engine_take(replay->engine, now_ns, budget, &ticks, &due_ns);
        if (count == 0) {
            wait_until(replay, due_ns);
            continue;
        }
        note_lateness(replay, now_ns - due_ns);
        if (!deliver(run, ticks, count))
            break;
    }
    return QTA_OK;
}

static void note_first(struct qta_replay *replay, const struct qta_tick *tick)
{
    if (atomic_load_explicit(&replay->first_ts_recv_ns, memory_order_relaxed) == QTA_TIME_UNKNOWN)
        atomic_store_explicit(&replay->first_ts_recv_ns, tick->ts_recv_ns, memory_order_relaxed);
}

/* Looks for orders every now and then while nothing comes. */
static enum qta_status follow(struct run *run, struct qta_error *err)
{
    enum { WAIT_NS = 50000000 };
    struct qta_replay *replay = run->replay;
    while (obey_orders(replay)) {
        struct qta_error problem;
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(replay->follower, &ticks, &count,
                                                         &problem);
        if (status == QTA_OK) {
            note_first(replay, ticks);
            if (!deliver(run, ticks, count))
                break;
        } else if (status == QTA_ERR_DAMAGED) {
            note_problem(run, &problem);
        } else if (status != QTA_ERR_END) {
            if (err)
                *err = problem;
            return status;
        } else if (qta_session_reader_wait(replay->follower, WAIT_NS, NULL) == QTA_ERR_END) {
            break;
        }
    }
    return QTA_OK;
}

enum qta_status qta_replay_run(struct qta_replay *replay, qta_tick_callback callback,
                               qta_problem_callback on_problem, void *user, struct qta_error *err)
{
    assert(replay && callback);
    if (replay->has_run)
        return qta_error_set(err, QTA_ERR_STATE, "this replay was played already");
    replay->has_run = true;
    struct run run = {.replay = replay,
                      .callback = callback,
                      .on_problem = on_problem,
                      .user = user,
                      .names = qta_replay_names(replay)};
    /* the system may put off the end of a sleep by the thread's slack, 50 us unless told otherwise
     */
    int slack_ns = prctl(PR_GET_TIMERSLACK);
    if (replay->is_paced)
        prctl(PR_SET_TIMERSLACK, 1UL);
    enum qta_status status = replay->follower ? follow(&run, err) : play(&run, err);
    if (replay->is_paced && slack_ns > 0)
        prctl(PR_SET_TIMERSLACK, (unsigned long)slack_ns);
    if (status == QTA_OK && run.problems > 0)
        return qta_error_set(err, QTA_ERR_DAMAGED,
                             "damaged blocks that had to be skipped: %llu, the first: %s",
                             (unsigned long long)run.problems, run.first_problem.message);
    return status;
}

void qta_replay_stop(struct qta_replay *replay)
{
    atomic_fetch_or(&replay->orders, ORDER_STOP);
    qta_doorbell_ring(&replay->bell);
}

void qta_replay_pause(struct qta_replay *replay, bool is_paused)
{
    if (is_paused)
        atomic_fetch_or(&replay->orders, ORDER_PAUSE);
    else
        atomic_fetch_and(&replay->orders, ~(unsigned)ORDER_PAUSE);
    qta_doorbell_ring(&replay->bell);
}

const struct qta_dictionary *qta_replay_names(const struct qta_replay *replay)
{
    return replay->follower ? qta_session_reader_names(replay->follower)
                            : qta_replay_engine_names(replay->engine);
}

void qta_replay_progress(const struct qta_replay *replay, struct qta_replay_progress *progress)
{
    int64_t current_ns = atomic_load_explicit(&replay->current_ts_recv_ns, memory_order_relaxed);
    *progress = (struct qta_replay_progress){
        .ticks = atomic_load_explicit(&replay->ticks, memory_order_relaxed),
        .market_ticks = atomic_load_explicit(&replay->market_ticks, memory_order_relaxed),
        .first_ts_recv_ns = replay->follower ? atomic_load_explicit(&replay->first_ts_recv_ns,
                                                                    memory_order_relaxed)
                                             : qta_replay_engine_first_ns(replay->engine),
        .last_ts_recv_ns = replay->follower ? current_ns
                                            : qta_replay_engine_last_ns(replay->engine),
        .current_ts_recv_ns = current_ns,
        .late_ns_max = atomic_load_explicit(&replay->late_ns_max, memory_order_relaxed),
    };
}
