/** @file market_hours.h
 *  When the US stock exchanges are open: 09:30 to 16:00 in New York on weekdays, to 13:00 on half
 *  days, not on their holidays.
 *
 *  By the exchanges' rules as they stand (since 2022, with Juneteenth); days that are declared
 *  closed out of turn are not known. */
#ifndef QTA_CORE_MARKET_HOURS_H
#define QTA_CORE_MARKET_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/timezone.h"

/** Minutes after midnight in New York at which that day's session ends: 960, 780 on a half day, 0
 *  when there is none. It begins at minute 570. */
int qta_us_equities_close_minute(struct qta_date date);

/** new_york must be that zone. Any thread. */
bool qta_us_equities_is_open(const struct qta_timezone *new_york, int64_t ts_ns);

#endif
