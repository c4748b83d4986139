/** @file market_hours.h
 *  When a market is open.
 *
 *  US stock exchanges: 09:30 to 16:00 in New York on weekdays, to 13:00 on half days, not on their
 *  holidays; with extended hours 04:00 to 20:00, to 17:00 on half days. By the exchanges' rules as
 *  they stand (Juneteenth since 2022). Days that are declared closed out of turn are not known:
 * they are in the configuration. */
#ifndef QTA_CORE_MARKET_HOURS_H
#define QTA_CORE_MARKET_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/timezone.h"

/** Minutes after midnight in New York at which that day's session ends: 960, 780 on a half day, 0
 *  when there is none. It begins at minute 570. */
int qta_us_equities_close_minute(struct qta_date date);

/** new_york must be that zone. Any thread. */
bool qta_us_equities_is_open(const struct qta_timezone *new_york, int64_t ts_ns);

/** The hours of one market. A plain value. */
struct qta_market_hours {
    const struct qta_timezone *new_york; /**< borrowed; NULL: the market never closes, but for... */
    const struct qta_date *closed_days;  /**< ...these; in New York, without it in UTC; borrowed */
    size_t closed_day_count;
    bool is_extended; /**< with the hours before and after the session */
};

/** Any thread. */
bool qta_market_hours_is_open(const struct qta_market_hours *hours, int64_t ts_ns);

#endif
