/** @file providers.h
 *  Where the replay engine becomes one adapter among the others: the one place that knows it. */
#ifndef QTA_RECORDER_PROVIDERS_H
#define QTA_RECORDER_PROVIDERS_H

#include <qta/error.h>

/** Adds the adapters that lie above adapters/ to its table; a second call does nothing. Called by
 *  whatever looks adapters up for a gateway. QTA_ERR_USAGE when the program has registered one of
 *  their names; QTA_ERR_NOMEM. Not thread-safe, as qta_adapter_register(). */
enum qta_status qta_providers_register(struct qta_error *err);

#endif
