/** @file log_repeats.h
 *  Keeps a log readable: of one sentence that is logged again and again, the first few are shown
 *  and the others counted, until half a minute has passed.
 *
 *      if (qta_log_repeats_is_shown(&repeats, level, area, message, now_ns))
 *          ...                            // now and then, and before the next line:
 *      while ((sentence = qta_log_repeats_take_ended(&repeats, now_ns)))
 *          ...                            // "repeated 17 more times: ..."
 *
 *  Pure: time is an argument, from any clock that does not go back. One thread at a time. */
#ifndef QTA_TOOLS_LOG_REPEATS_H
#define QTA_TOOLS_LOG_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/log.h>

/** How long the repetitions of a sentence are counted together. */
#define QTA_LOG_REPEATS_SPAN_NS INT64_C(30000000000)

enum {
    QTA_LOG_REPEATS_SHOWN = 3,      /**< of one sentence in one span */
    QTA_LOG_REPEATS_SENTENCES = 32, /**< that are watched at a time; what is beyond is shown */
    QTA_LOG_REPEATS_AREA_BYTES = 64,
    QTA_LOG_REPEATS_TEXT_BYTES = 512, /**< kept of a sentence; all of it decides what is equal */
};

struct qta_log_sentence {
    enum qta_log_level level;
    char area[QTA_LOG_REPEATS_AREA_BYTES];
    char text[QTA_LOG_REPEATS_TEXT_BYTES];
    uint64_t hash;
    int64_t began_ns;   /**< when it was first shown in this span */
    uint64_t shown;     /**< 0: nothing is here */
    uint64_t held_back; /**< not shown since */
};

/** Zeroed is empty. */
struct qta_log_repeats {
    struct qta_log_sentence sentences[QTA_LOG_REPEATS_SENTENCES];
};

/** Notes a line; false when it is held back. */
bool qta_log_repeats_is_shown(struct qta_log_repeats *repeats, enum qta_log_level level,
                              const char *area, const char *message, int64_t now_ns);

/** A sentence of which some were held back and whose span is over; NULL when there is none. It is
 *  forgotten, and the pointer valid until the next call. INT64_MAX as the time ends all spans. */
const struct qta_log_sentence *qta_log_repeats_take_ended(struct qta_log_repeats *repeats,
                                                          int64_t now_ns);

#endif
