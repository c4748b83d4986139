/** @file auth_metrics.h
 *  The figures about keys. */
#ifndef QTA_RECORDER_AUTH_METRICS_H
#define QTA_RECORDER_AUTH_METRICS_H

#include "recorder/auth_agent.h"
#include "recorder/exposition.h"

/** Writes the families about the keys of all providers. */
void qta_auth_metrics_write(struct qta_exposition *page, const struct qta_auth_agent *agent);

#endif
