/** @file replay.h
 *  Plays sessions back: in order, at their own pace or faster, tick for tick as recorded.
 *
 *  In a gateway this is `provider: replay`; here it is without one, for programs that only replay.
 *  Several sessions are merged by ts_recv_ns (equal times: in the order given, then rx_seq). */
#ifndef QTA_REPLAY_H
#define QTA_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/export.h>
#include <qta/gateway.h>
#include <qta/session.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Speeds in thousandths of real time. */
enum {
    QTA_SPEED_MAX = 0,
    QTA_SPEED_REAL = 1000,
    QTA_SPEED_LOWEST = 10,
    QTA_SPEED_HIGHEST = 1000000
};

/** How to play. Start from qta_replay_options_default(): all of it, in real time. Borrowed for
 *  qta_replay_create(). */
struct qta_replay_options {
    struct qta_session_filter filter;
    uint32_t speed_milli; /**< 1000 is real time, 10000 ten times faster, 0 as fast as it is read */
    /** Skip this much of the sessions' time, from their first ts_recv_ns or filter.from_ns on,
     *  whichever is later, whatever symbols and types the filter lets through. */
    int64_t start_offset_ns;
    int64_t duration_ns; /**< play this much session time from there; 0 for all */
    int64_t gap_max_ns;  /**< shorten longer pauses to this, in session time; 0 for no limit */
    uint32_t loop_count; /**< how often; 0 for ever */
    /** Play one session that may be recorded at this moment: what there is, as fast as it can be
     *  read, then each tick as it is recorded, until the writer closes the session. One that is
     *  killed is waited for. Speed must be QTA_SPEED_MAX; no offset, duration, gap or loop. */
    bool is_following;
};
QTA_API struct qta_replay_options qta_replay_options_default(void);

struct qta_replay;

/** Opens the sessions. QTA_ERR_USAGE: no session, a speed out of range, options that do not go
 *  together; others as
 *  qta_session_reader_create(). */
QTA_API enum qta_status qta_replay_create(struct qta_replay **out, const char *const *paths,
                                          size_t path_count,
                                          const struct qta_replay_options *options,
                                          struct qta_error *err);
QTA_API void qta_replay_destroy(struct qta_replay *replay);

/** Plays to the end on this thread, callback for each tick when it is due. Once per replay.
 *  Deadlines are absolute: a late tick makes no later one late. QTA_OK at the end or after a stop;
 *  QTA_ERR_DAMAGED at the end when blocks had to be skipped (their number and the first are in err;
 *  on_problem, if not NULL, heard of each); QTA_ERR_STATE: played already; QTA_ERR_IO. */
QTA_API enum qta_status qta_replay_run(struct qta_replay *replay, qta_tick_callback callback,
                                       qta_problem_callback on_problem, void *user,
                                       struct qta_error *err);

/** Ends a run soon. Any thread, callbacks and signal handlers included. */
QTA_API void qta_replay_stop(struct qta_replay *replay);

/** Pauses or goes on; a pause does not count as session time. Any thread. */
QTA_API void qta_replay_pause(struct qta_replay *replay, bool is_paused);

QTA_API const struct qta_dictionary *qta_replay_names(const struct qta_replay *replay);

/** How far it is; any thread. */
struct qta_replay_progress {
    uint64_t ticks;           /**< delivered */
    uint64_t market_ticks;    /**< of them market ticks */
    int64_t first_ts_recv_ns; /**< of the sessions, as filtered; QTA_TIME_UNKNOWN when empty */
    int64_t last_ts_recv_ns;
    int64_t current_ts_recv_ns; /**< of the last tick delivered */
    int64_t late_ns_max;        /**< worst lateness against the deadline; 0 at max speed */
};
QTA_API void qta_replay_progress(const struct qta_replay *replay,
                                 struct qta_replay_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
