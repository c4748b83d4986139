/** @file conformance.h
 *  What every adapter must bear, whatever its protocol: the suite that each of them passes. */
#ifndef QTA_TESTS_CONFORMANCE_H
#define QTA_TESTS_CONFORMANCE_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/adapter.h>

/** One adapter and messages of its venue. */
struct conformance_subject {
    const struct qta_adapter_ops *ops;
    const struct qta_adapter_options *options; /**< complete: create() succeeds with them */
    const char *const *greeting;               /**< messages until ready(), in order; NULL-ended */
    const char *const *frames;                 /**< messages with ticks; NULL-ended */
};

/** Runs all of it; fails by cmocka's assertions. */
void conformance_check(const struct conformance_subject *subject);

#endif
