/** @file session_units.h
 *  A session is a row of numbered units: number 7 is a chunk of the journal first and a segment of
 *  the same content later. This lists them, and finds the one to start with. */
#ifndef QTA_STORAGE_SESSION_UNITS_H
#define QTA_STORAGE_SESSION_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>

#include "storage/segment_format.h"
#include "storage/session_folder.h"
#include "storage/tick_filter.h"

/** The numbers that there were when they were listed; a unit may be in both lists. */
struct qta_session_units {
    struct qta_file_numbers segments;
    struct qta_file_numbers journals;
};

/** QTA_ERR_IO, QTA_ERR_NOMEM: there is nothing to finish then. */
enum qta_status qta_session_units_list(struct qta_session_units *units,
                                       struct qta_session_folder *folder, struct qta_error *err);
void qta_session_units_finish(struct qta_session_units *units);

/** The lowest number from this one on; 0 when there is none. */
uint32_t qta_session_units_from(const struct qta_session_units *units, uint32_t number);

/** The last segment that ends before the filter begins, found by halving; 0 when there is none. One
 *  whose header cannot be read counts as not before: reading starts earlier then. */
uint32_t qta_session_units_last_before(const struct qta_session_units *units,
                                       const struct qta_session_folder *folder,
                                       const struct qta_tick_filter *filter);

/** Whether a span ends before the filter begins. */
static inline bool qta_tick_span_is_before(const struct qta_tick_span *span,
                                           const struct qta_tick_filter *filter)
{
    return span->last_seq < filter->from_seq || span->last_ts_recv_ns < filter->from_ns;
}

#endif
