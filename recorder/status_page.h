/** @file status_page.h
 *  How a gateway stands, for people and for programs that watch it. */
#ifndef QTA_RECORDER_STATUS_PAGE_H
#define QTA_RECORDER_STATUS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/byte_buffer.h"
#include "recorder/gateway_view.h"
#include "recorder/health_monitor.h"

struct qta_status_sources {
    const struct qta_gateway_view *view;
    const struct qta_health_monitor *monitor; /**< NULL: nothing is monitored */
    const bool *is_market_open;               /**< of each connection; NULL: nobody knows hours */
    int64_t retention_ns;                     /**< how long an alert that is over is shown */
    int64_t now_ns;                           /**< monotonic */
};

/** A connection that gives no tick for this long while its market is open is not ready, as long as
 * its cadence is not learned; then it is ready unless it is mute. */
#define QTA_READY_SILENCE_NS INT64_C(60000000000)

/** Whether every connection is subscribed and data flows, or its market is closed. Otherwise the
 *  reasons, one a line, are put into *reasons. One that has come to its end is fine. */
bool qta_status_is_ready(const struct qta_status_sources *sources, struct qta_byte_buffer *reasons);

/** Whether the network thread still turns (it does at least every second, unless a callback under
 *  the policy "block" holds it up); otherwise why not, likewise. */
bool qta_status_is_alive(const struct qta_status_sources *sources, struct qta_byte_buffer *reasons);

/** The page as a JSON object. */
void qta_status_page_write(struct qta_byte_buffer *page, const struct qta_status_sources *sources);

#endif
