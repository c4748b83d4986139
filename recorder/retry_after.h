/** @file retry_after.h
 *  How much of a venue's "come back in so long" is believed.
 *
 *  A hint of up to a day is obeyed: venues ban for hours those that do not. A longer one is a
 *  mistake or a joke, and costs an hour. Pure; any thread. */
#ifndef QTA_RECORDER_RETRY_AFTER_H
#define QTA_RECORDER_RETRY_AFTER_H

#include <stdint.h>

#define QTA_RETRY_AFTER_MAX_NS INT64_C(86400000000000)
#define QTA_RETRY_AFTER_UNBELIEVED_NS INT64_C(3600000000000)

/** How long to wait because of a hint: 0 for none, zero and negative ones included. */
static inline int64_t qta_retry_after_believed_ns(int64_t hint_ns)
{
    if (hint_ns <= 0)
        return 0;
    return hint_ns <= QTA_RETRY_AFTER_MAX_NS ? hint_ns : QTA_RETRY_AFTER_UNBELIEVED_NS;
}

#endif
