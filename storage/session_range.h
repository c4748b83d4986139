/** @file session_range.h
 *  When a session begins and ends, cheap however long it is: by the headers of its first and last
 *  segment, and what is behind them in the journal. */
#ifndef QTA_STORAGE_SESSION_RANGE_H
#define QTA_STORAGE_SESSION_RANGE_H

#include <stdint.h>

#include <qta/error.h>

/** Both are QTA_TIME_UNKNOWN in a session without records. */
struct qta_session_range {
    int64_t first_ts_recv_ns;
    int64_t last_ts_recv_ns;
};

/** As qta_session_info_read() says, which is asked where a header is damaged. Errors likewise. */
enum qta_status qta_session_range_read(const char *path, struct qta_session_range *range,
                                       struct qta_error *err);

#endif
