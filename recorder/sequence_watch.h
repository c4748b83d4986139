/** @file sequence_watch.h
 *  Watches venues' sequence numbers: what is missing, what comes twice, what comes late.
 *
 *  Numbers belong to streams, each of which counts by one: a symbol's ticks of one type, or all
 *  messages of a connection. The caller says which stream a number is of:
 *
 *      switch (qta_sequence_watch_see(watch, stream, number, now_ns, &gap)) {
 *      case QTA_SEQUENCE_MISSING:  // record *gap, then:
 *          qta_sequence_watch_recorded(watch, rx_seq);
 *      case QTA_SEQUENCE_RESOLVED: // record that *gap is healed
 *
 *  A hole is told at once and not after some patience: it is then on record whatever happens next.
 *  When all of it arrives after all, in any order, it is told as resolved. The last
 *  QTA_SEQUENCE_GAPS_MAX holes are remembered for that, in up to QTA_SEQUENCE_PIECES_MAX pieces
 *  each; a hole that is forgotten stays one.
 *
 *  A numbering that begins anew makes no hole: a number of 0 or 1, one that is lower by more than
 *  QTA_SEQUENCE_BACK_MAX, or higher by more than QTA_SEQUENCE_AHEAD_MAX. Everything else that is
 *  not higher than the last one is a repetition (venues send their last ticks again to who connects
 *  again).
 *
 *  Memory is allocated once, and touched as far as there are streams. Time is an argument. One
 *  thread. */
#ifndef QTA_RECORDER_SEQUENCE_WATCH_H
#define QTA_RECORDER_SEQUENCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

enum {
    QTA_SEQUENCE_GAPS_MAX = 256,
    QTA_SEQUENCE_PIECES_MAX = 8,
    QTA_SEQUENCE_BACK_MAX = 1 << 16,
};
#define QTA_SEQUENCE_AHEAD_MAX (UINT64_C(1) << 32)

enum qta_sequence_news {
    QTA_SEQUENCE_GOOD,     /**< the next one, or a stream's first */
    QTA_SEQUENCE_MISSING,  /**< numbers before it are missing: see *gap */
    QTA_SEQUENCE_REPEATED, /**< the last one once more */
    QTA_SEQUENCE_BACK,     /**< a lower one that was not missing */
    QTA_SEQUENCE_LATE,     /**< one that was missing; others of its hole still are */
    QTA_SEQUENCE_RESOLVED, /**< the last one that was missing of a hole: see *gap */
    QTA_SEQUENCE_RESTARTED,
    QTA_SEQUENCE_UNWATCHED, /**< there is no such stream */
};
enum { QTA_SEQUENCE_NEWS_COUNT = QTA_SEQUENCE_UNWATCHED + 1 };

/** A hole in a stream. */
struct qta_sequence_gap {
    uint64_t last_good; /**< numbers in between are missing */
    uint64_t first_good;
    int64_t last_good_ns;
    int64_t first_good_ns;
    uint64_t rx_seq; /**< of its record; QTA_U64_NONE when that is not known (any more) */
};

struct qta_sequence_watch;

/** For streams 0 to stream_count - 1. QTA_ERR_NOMEM. */
enum qta_status qta_sequence_watch_create(struct qta_sequence_watch **out, uint32_t stream_count,
                                          struct qta_error *err);
/** NULL is fine. */
void qta_sequence_watch_destroy(struct qta_sequence_watch *watch);

/** A number came. *gap is set with MISSING and RESOLVED only. */
enum qta_sequence_news qta_sequence_watch_see(struct qta_sequence_watch *watch, uint32_t stream,
                                              uint64_t number, int64_t now_ns,
                                              struct qta_sequence_gap *gap);

/** The hole that was just told as missing is on record under this number. */
void qta_sequence_watch_recorded(struct qta_sequence_watch *watch, uint64_t rx_seq);

/** A new session begins: the records of all holes are in another one. */
void qta_sequence_watch_turn_page(struct qta_sequence_watch *watch);

/** Forgets where the stream was: its next number is its first. */
void qta_sequence_watch_restart(struct qta_sequence_watch *watch, uint32_t stream);

/** How often there was news of that kind; GOOD is not counted. */
uint64_t qta_sequence_watch_count(const struct qta_sequence_watch *watch,
                                  enum qta_sequence_news news);

/** Numbers that were missing, in all, also where they came later. */
uint64_t qta_sequence_watch_missing(const struct qta_sequence_watch *watch);

/** "good", "missing", ... Static. */
const char *qta_sequence_news_name(enum qta_sequence_news news);

#endif
