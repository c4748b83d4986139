/** @file redecode.h
 *  Decodes the stored messages of a session once more: to have the ticks that a better decoder
 * makes of them. */
#ifndef QTA_REDECODE_H
#define QTA_REDECODE_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Start from zeroes. Borrowed for the call. */
struct qta_redecode_options {
    const char *adapter; /**< decodes all messages; NULL: the adapter of each provider's name */
    /** Asked now and then: true ends the work with QTA_ERR_STATE and nothing is left. NULL. */
    bool (*should_stop)(void *user);
    void *should_stop_user;
};

struct qta_redecode_result {
    uint64_t frames;   /**< messages decoded */
    uint64_t ticks;    /**< made of them */
    uint64_t replaced; /**< ticks of the session that had been made of them */
    uint64_t copied;   /**< records taken over as they were: those that no stored message made */
    uint64_t faults;   /**< what the adapter could not understand, as the gateway counts it */
};

/** Makes a new session of one that has stored frames: each frame goes through its adapter again,
 * its ticks take the place of those that the frame made before, with the same receive time;
 * everything else is copied, and so are the frames. Nothing is sent and no timer runs, so what an
 * adapter does only then is missing. QTA_ERR_USAGE: no such adapter; QTA_ERR_DAMAGED: the session
 * has damage, repair it first; QTA_ERR_STATE: the output is there already; others as of reading and
 * writing a session. After a failure there is no output. */
QTA_API enum qta_status qta_redecode(const char *session, const char *output,
                                     const struct qta_redecode_options *options,
                                     struct qta_redecode_result *result, struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
