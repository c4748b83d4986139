/** @file exposition.h
 *  Writes figures as Prometheus reads them: text format 0.0.4, or OpenMetrics 1.0.
 *
 *      struct qta_exposition page = {.is_openmetrics = false};
 *      qta_exposition_family(&page, "qta_frames", QTA_METRIC_COUNTER, "messages received");
 *      qta_exposition_sample(&page, 12, "provider", "alpaca", NULL);
 *      ...
 *      qta_exposition_end(&page);
 *      send(page.text.bytes, page.text.length);
 *      qta_byte_buffer_finish(&page.text);
 *
 *  Labels are pairs of strings, ended by NULL; values may hold any bytes. Being out of memory is
 *  remembered in text.is_failed. */
#ifndef QTA_RECORDER_EXPOSITION_H
#define QTA_RECORDER_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/byte_buffer.h"
#include "core/histogram.h"

enum qta_metric_kind { QTA_METRIC_COUNTER, QTA_METRIC_GAUGE, QTA_METRIC_HISTOGRAM };

/** Start with all zero but is_openmetrics. */
struct qta_exposition {
    struct qta_byte_buffer text;
    bool is_openmetrics;
    const char *family; /**< what samples belong to now; borrowed */
    enum qta_metric_kind kind;
};

/** Begins a family. name goes without the "_total" of a counter, which is added; borrowed until the
 *  next family. help is a phrase. */
void qta_exposition_family(struct qta_exposition *page, const char *name, enum qta_metric_kind kind,
                           const char *help);

/** One series of a counter or gauge. */
void qta_exposition_sample(struct qta_exposition *page, uint64_t value, ...)
    __attribute__((sentinel));
void qta_exposition_sample_real(struct qta_exposition *page, double value, ...)
    __attribute__((sentinel));
/** The same of a duration or time in ns, written in seconds. */
void qta_exposition_sample_ns(struct qta_exposition *page, int64_t value_ns, ...)
    __attribute__((sentinel));

/** One series of a histogram, in seconds. */
void qta_exposition_histogram(struct qta_exposition *page, const struct qta_histogram *histogram,
                              ...) __attribute__((sentinel));

/** What ends the page. */
void qta_exposition_end(struct qta_exposition *page);

#endif
