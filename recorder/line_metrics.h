/** @file line_metrics.h
 *  The figures of redundant lines on the metrics page. Any thread. */
#ifndef QTA_RECORDER_LINE_METRICS_H
#define QTA_RECORDER_LINE_METRICS_H

#include "recorder/exposition.h"
#include "recorder/gateway_view.h"

/** Writes the families qta_line_...; samples are of providers with several lines only. */
void qta_line_metrics_write(struct qta_exposition *page, const struct qta_gateway_view *view);

#endif
