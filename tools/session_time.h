/** @file session_time.h
 *  A point in a session's time as a person writes it: "2024-05-01T13:30:00Z", "2024-05-01",
 * "09:30", or ns since 1970. Days and times of day are meant in the session's time zone. */
#ifndef QTA_TOOLS_SESSION_TIME_H
#define QTA_TOOLS_SESSION_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/session.h>

enum qta_session_time_kind {
    QTA_SESSION_TIME_NONE = 0,
    QTA_SESSION_TIME_INSTANT,
    QTA_SESSION_TIME_DATE,
    QTA_SESSION_TIME_OF_DAY,
};

/** Plain value; zeroed it is none. */
struct qta_session_time {
    enum qta_session_time_kind kind;
    int64_t value_ns; /**< since 1970 in UTC; a date as if its zone were UTC; since midnight */
};

/** Reads text into a struct qta_session_time: a QTA_OPTION_CUSTOM reader. */
bool qta_session_time_read(const char *text, void *field);

/** What qta_session_time_read() wanted, for the error. */
#define QTA_SESSION_TIME_EXPECTED "a time like 2024-05-01T13:30:00Z, a date, 09:30 or ns since 1970"

enum { QTA_SESSION_TIME_TEXT_BYTES = 32 };

/** Writes "2024-05-01 09:30:00" as clocks showed it in that zone; returns text. Changes TZ, see
 *  below. */
const char *qta_session_time_print(int64_t ts_ns, const char *timezone,
                                   char text[QTA_SESSION_TIME_TEXT_BYTES]);

/** The instant that is meant; a time of day on the session's first day. otherwise_ns for none, and
 *  for a time of day in an empty session. Changes TZ: for the main thread, before there are others.
 */
int64_t qta_session_time_resolve(const struct qta_session_time *time,
                                 const struct qta_session_start *start, int64_t otherwise_ns);

#endif
