/** @file line_arbiter.h
 *  Redundant lines: several connections that carry the same subscriptions become one stream of
 *  ticks. The first copy of each tick is handed on, every further one is recognized and counted.
 *
 *  What is used. Within one connection nothing is lost or changes places, so a line is a cursor in
 *  the sequence of ticks of a stream (a symbol and a type): its next tick is the next one that
 *  another line has brought already, or a new one. Two equal trades of one line are two trades; the
 *  content (all that the venue said, not when and where it came) is only compared to check.
 *
 *  A line that joins has to find its place first. What other lines brought before it subscribed it
 *  cannot bring; what it brings itself is held back while a line that knows its place hands the
 *  same ticks on, until the piece fits in one place only and a time or number that changes, or one
 *  that occurs once, says that this is no chance. In a stream where nothing came from the moment of
 *  subscribing until settle_ns after the venue's answer the place is known without that. Ticks of a
 *  line that is ahead are handed on as soon as its place is known.
 *
 *  When the last line that knows its place is lost before that, another one takes over: by what
 *  still fits, and where several places do, by when its ticks came. That is counted (undecided);
 *  the ticks handed on can then be some too many or too few of a run of equal neighbours around
 *  that moment, of places equally likely the one with more. Where lines have only just subscribed
 *  together, one of them is lost and another is late, a tick can also be out of order. Ticks that
 *  only a line brought which was lost before it had found its place are lost with it (abandoned).
 *
 *  Lines that do not agree, because a venue leaves ticks out for one of them or changes their
 * order: a tick is looked for among the last ones that the line has not brought (REORDER_ENTRIES,
 *  REORDER_NS in the .c file); not found there, it is handed on as new. A line that is behind by
 *  more than a window (4,096 ticks of a stream, fewer when the common pool is used up) starts again
 *  as one that joins, and is counted (fallen_behind). Streams beyond streams_max are not compared:
 *  they are taken from one line alone.
 *
 *  A snapshot of a book that a joining line gets is dropped while another line carries the book.
 *  Ticks that are not the venue's pass untouched.
 *
 *      qta_line_arbiter_join(arbiter, 0, now_ns);       // just before subscribing
 *      qta_line_arbiter_settle(arbiter, 0, now_ns);     // the venue has answered
 *      qta_line_arbiter_offer(arbiter, 0, &tick, now_ns);
 *      qta_line_arbiter_leave(arbiter, 0, false, now_ns); // the connection is gone
 *
 *  Belongs to one thread; counters may be read by any. Time is an argument, from a clock that never
 *  goes back. Nothing is allocated for a tick. */
#ifndef QTA_RECORDER_LINE_ARBITER_H
#define QTA_RECORDER_LINE_ARBITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

enum { QTA_LINES_MAX = 4 };

struct qta_line_arbiter;

struct qta_line_arbiter_options {
    uint32_t streams_max;     /**< a symbol and a type each; some 600 bytes each when used */
    int64_t settle_ns;        /**< no line is later than this behind another in normal operation */
    int64_t hold_max_ns;      /**< longest that a tick of a joining line is held back */
    int64_t takeover_wait_ns; /**< likewise when no other line is left that carries the stream */

    /** Receives each tick once, in order; during calls of the functions below. The tick may be
     *  changed, and is valid for the call. */
    void (*deliver)(void *user, unsigned line, struct qta_tick *tick);
    void *user;
};

/** 16,384 streams, 2 s, 5 s, 200 ms; deliver is left to the caller. */
struct qta_line_arbiter_options qta_line_arbiter_options_default(void);

/** What happened to the ticks of one line. */
struct qta_line_counters {
    _Atomic uint64_t delivered;     /**< were the first copy */
    _Atomic uint64_t duplicates;    /**< were there already */
    _Atomic uint64_t late;          /**< of a joining line, from before its first comparable one */
    _Atomic uint64_t abandoned;     /**< held back when the line was lost */
    _Atomic uint64_t disagreements; /**< did not come in their place */
    _Atomic uint64_t fallen_behind; /**< times that it lagged by more than a window in a stream */
    _Atomic uint64_t undecided;     /**< streams that it took over where the place was a guess */
    _Atomic uint64_t untracked; /**< in streams beyond streams_max, from a line not listened to */
};

/** QTA_ERR_NOMEM. */
enum qta_status qta_line_arbiter_create(struct qta_line_arbiter **out,
                                        const struct qta_line_arbiter_options *options,
                                        struct qta_error *err);

/** What is held back is gone. NULL is fine. */
void qta_line_arbiter_destroy(struct qta_line_arbiter *arbiter);

/** A line (below QTA_LINES_MAX, not open) is about to subscribe. */
void qta_line_arbiter_join(struct qta_line_arbiter *arbiter, unsigned line, int64_t now_ns);

/** The venue has answered all subscriptions of the line. */
void qta_line_arbiter_settle(struct qta_line_arbiter *arbiter, unsigned line, int64_t now_ns);

/** A line that is open is about to subscribe to more; settle() follows again. */
void qta_line_arbiter_extend(struct qta_line_arbiter *arbiter, unsigned line);

/** A tick of a line that is open. Its content must be complete, with every byte defined. */
void qta_line_arbiter_offer(struct qta_line_arbiter *arbiter, unsigned line, struct qta_tick *tick,
                            int64_t now_ns);

/** The line is gone: nothing more comes of this connection. was_silent: it is given up because
 *  nothing has come for long; otherwise it has been well until now. Not open: nothing happens. */
void qta_line_arbiter_leave(struct qta_line_arbiter *arbiter, unsigned line, bool was_silent,
                            int64_t now_ns);

/** Lets time pass for ticks that are held back. */
void qta_line_arbiter_service(struct qta_line_arbiter *arbiter, int64_t now_ns);

/** When that is due; INT64_MAX for never. */
int64_t qta_line_arbiter_due_ns(const struct qta_line_arbiter *arbiter);

/** True when losing all other lines now would lose nothing: since this line subscribed another one
 *  has brought something that it brought too, or settle_ns have passed since it was answered. */
bool qta_line_arbiter_is_proven(const struct qta_line_arbiter *arbiter, unsigned line,
                                int64_t now_ns);

/** Ticks held back now. */
uint32_t qta_line_arbiter_held(const struct qta_line_arbiter *arbiter);

/** Valid as long as the arbiter; any thread may read. */
const struct qta_line_counters *qta_line_arbiter_counters(const struct qta_line_arbiter *arbiter,
                                                          unsigned line);

#endif
