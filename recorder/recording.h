/** @file recording.h
 *  The recording of a gateway: one session a day, in DIRECTORY/YYYY-MM-DD by the calendar of
 *  recording.timezone.
 *
 *      qta_recording_create(&recording, &options, names, environment, realtime_ns, &err);
 *      count = qta_recording_start_records(recording, ticks);     // append these first
 *      ...
 *      if (ts_recv_ns >= qta_recording_day_end_ns(recording) &&
 *          qta_recording_open_next(recording, ts_recv_ns, &err) == QTA_OK)
 *          qta_recording_rotate(recording);          // append RUN_ENDED before, start records
 * after qta_recording_append(recording, &tick, &err);              // with next_seq, never back in
 * time qta_recording_commit(recording, &err);                     // before callbacks see them
 *      ...
 *      qta_recording_close(recording, &err);
 *
 *  Belongs to one thread; qta_recording_path() may be asked by any. */
#ifndef QTA_RECORDER_RECORDING_H
#define QTA_RECORDER_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/archive.h>
#include <qta/config.h>
#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/session.h>
#include <qta/tick.h>

#include "core/environment.h"
#include "storage/session_writer.h"

struct qta_recording;

/** Opens the session of the day that it is at realtime_ns, made with its directory where it is not
 *  there. names and environment are borrowed. Errors as qta_session_writer_create(), and
 * QTA_ERR_CONFIG for an unknown time zone or no directory. */
enum qta_status qta_recording_create(struct qta_recording **out,
                                     const struct qta_recording_options *options,
                                     const struct qta_dictionary *names,
                                     struct qta_environment *environment, int64_t realtime_ns,
                                     struct qta_error *err);

/** Frees; without close before, the session is left as after a crash. NULL is fine. */
void qta_recording_destroy(struct qta_recording *recording);

/** Whether there may be threads: one that seals the day before while the new one is recorded, and
 *  one that removes old sessions, where the options limit them. Off at first: then none is removed,
 * and qta_recording_rotate() seals it itself. */
void qta_recording_allow_thread(struct qta_recording *recording, bool is_allowed);

/** Keeps sessions within other limits from now on. The network thread, once it runs. */
void qta_recording_set_limits(struct qta_recording *recording,
                              const struct qta_retention_options *limits);

/** What the next tick must have: its rx_seq, and the time that it must not fall below
 *  (QTA_TIME_UNKNOWN in a new session). */
uint64_t qta_recording_next_seq(const struct qta_recording *recording);
int64_t qta_recording_last_ts_recv_ns(const struct qta_recording *recording);

/** The first ts_recv_ns that belongs to the next day's session. */
int64_t qta_recording_day_end_ns(const struct qta_recording *recording);

enum { QTA_START_RECORDS_MAX = 3 };

/** The records that a run begins with, in order: CONN run_cut if the run before was cut off, CONN
 *  run_started, GAP of the session if there was a run before. Receive times (and the gap's end) are
 *  left unknown. Returns how many. Right after create or rotate only. */
size_t qta_recording_start_records(const struct qta_recording *recording,
                                   struct qta_tick ticks[QTA_START_RECORDS_MAX]);

/** Why nothing was recorded before this run: QTA_CAUSE_CRASH or QTA_CAUSE_STOP, QTA_CAUSE_NONE when
 *  the session is new. Right after create or rotate only. */
enum qta_conn_cause qta_recording_interruption(const struct qta_recording *recording);

/** Whether frames are to be stored. */
bool qta_recording_has_raw_frames(const struct qta_recording *recording);

/** See qta_session_writer_append(), _append_raw() and _commit(). */
enum qta_status qta_recording_append(struct qta_recording *recording, const struct qta_tick *tick,
                                     struct qta_error *err);
enum qta_status qta_recording_append_raw(struct qta_recording *recording,
                                         const struct qta_raw_frame *frame, struct qta_error *err);
enum qta_status qta_recording_commit(struct qta_recording *recording, struct qta_error *err);

/** See qta_session_writer_append_note() and _resume(). */
enum qta_status qta_recording_append_note(struct qta_recording *recording,
                                          const struct qta_tick *tick, struct qta_error *err);
enum qta_status qta_recording_resume(struct qta_recording *recording, struct qta_error *err);

/** Opens the session of the day that it is at ts_recv_ns, while the old one can still be written:
 *  on failure it just goes on. On success say the last words and rotate. */
enum qta_status qta_recording_open_next(struct qta_recording *recording, int64_t ts_recv_ns,
                                        struct qta_error *err);

/** Goes over to the session that was opened, and closes the old one. */
void qta_recording_rotate(struct qta_recording *recording);

/** Ends the run and seals. QTA_OK when it is closed already. */
enum qta_status qta_recording_close(struct qta_recording *recording, struct qta_error *err);

/** Takes note of figures that qta_recording_figures() tells. Now and then, on the recording's
 * thread; does nothing once it is closed. */
void qta_recording_look(struct qta_recording *recording);

/** Figures of all sessions since it was created. */
struct qta_recording_figures {
    const struct qta_session_counters *sealed; /**< valid as long as the recording */
    uint64_t journal_bytes;                    /**< at the last look */
    uint64_t journal_max_bytes;
};
/** Any thread. */
void qta_recording_figures(const struct qta_recording *recording,
                           struct qta_recording_figures *figures);

/** The session's directory. Valid until the day after the next begins. Any thread. */
const char *qta_recording_path(const struct qta_recording *recording);

#endif
