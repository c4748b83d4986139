/** @file health_options.h
 *  What the options of health amount to. */
#ifndef QTA_RECORDER_HEALTH_OPTIONS_H
#define QTA_RECORDER_HEALTH_OPTIONS_H

#include <stdbool.h>

#include <qta/config.h>

/** Anything at all is to be watched or served. */
static inline bool qta_health_is_wanted(const struct qta_health_options *options)
{
    return options->is_monitored || options->metrics.is_enabled || options->api.is_enabled;
}

#endif
