/** @file provider_hours.h
 *  When a provider's market is open, by its configuration. */
#ifndef QTA_RECORDER_PROVIDER_HOURS_H
#define QTA_RECORDER_PROVIDER_HOURS_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/error.h>

#include "core/market_hours.h"

struct qta_provider_hours {
    struct qta_market_hours hours;
    struct qta_timezone *zone; /* owned; NULL: none is needed */
    struct qta_date *days;     /* owned */
};

/** calendar: streaming_health's, for a provider whose own is auto. QTA_ERR_CONFIG: a closed day
 * that is no date, no such time zone on this system; QTA_ERR_NOMEM. What was filled in goes by
 * finish in any case. */
enum qta_status qta_provider_hours_init(struct qta_provider_hours *hours,
                                        const struct qta_provider_options *provider,
                                        enum qta_market_calendar calendar, struct qta_error *err);
void qta_provider_hours_finish(struct qta_provider_hours *hours);

/** Any thread. */
static inline bool qta_provider_is_open(const struct qta_provider_hours *hours, int64_t realtime_ns)
{
    return qta_market_hours_is_open(&hours->hours, realtime_ns);
}

#endif
