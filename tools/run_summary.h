/** @file run_summary.h
 *  What a run of the recorder came to, told at its end. */
#ifndef QTA_TOOLS_RUN_SUMMARY_H
#define QTA_TOOLS_RUN_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/gateway.h>

struct qta_run_summary {
    const struct qta_gateway_stats *stats;
    int64_t passed_ns;
    const char *session_path; /**< "" for none */
    uint64_t shown;           /**< market ticks that were printed, where that is not all of them */
    bool is_shown_limited;    /**< by --max-ticks */
};

/** Hands each line to show. */
void qta_run_summary_tell(const struct qta_run_summary *summary,
                          void (*show)(void *user, const char *line), void *user);

/** Messages that held data which is in no record. */
uint64_t qta_run_summary_unreadable(const struct qta_gateway_stats *stats);

#endif
