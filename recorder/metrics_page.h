/** @file metrics_page.h
 *  Everything that a gateway counts, as a page for Prometheus.
 *
 *  Names that QuantTradeAI's gateway had are kept where they follow Prometheus' conventions; units
 *  are seconds and bytes. */
#ifndef QTA_RECORDER_METRICS_PAGE_H
#define QTA_RECORDER_METRICS_PAGE_H

#include "recorder/alert_sender.h"
#include "recorder/exposition.h"
#include "recorder/gateway_view.h"
#include "recorder/health_monitor.h"
#include "recorder/http_server.h"

/** What it is written from. */
struct qta_metrics_sources {
    const struct qta_gateway_view *view;
    const struct qta_health_monitor *monitor;    /**< NULL: nothing is monitored */
    bool shows_alerts;                           /**< alerts go to the channel "metrics" */
    struct qta_alert_delivery_counts deliveries; /**< of the other channels */
    uint32_t channels;                           /**< enum qta_alert_channel bits in use */
    struct qta_http_counts http;

    int64_t now_ns; /**< monotonic */
};

void qta_metrics_page_write(struct qta_exposition *page, const struct qta_metrics_sources *sources);

#endif
