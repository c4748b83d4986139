/** @file line_stream.h
 *  One stream of ticks (a symbol and a type) that several lines bring: where each line stands in
 *  it. See line_arbiter.h, whose inside this is.
 *
 *  In each stream a line is away, or standing (its cursor in the window of recent ticks is known),
 *  or joining (its ticks are held back until it is). One thread. */
#ifndef QTA_RECORDER_LINE_STREAM_H
#define QTA_RECORDER_LINE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/tick.h>

#include "recorder/held_ticks.h"
#include "recorder/line_arbiter.h"
#include "recorder/line_window.h"

enum {
    QTA_LINE_WINDOW_ENTRIES = 4096, /**< of one stream */
    QTA_LINE_HELD_TICKS = 4096,     /**< of one line in one stream */
};

struct qta_line {
    bool is_open;
    bool is_proven;
    int64_t joined_ns;
    int64_t settled_ns; /**< from then on a stream that was quiet since joining hides nothing */
    int64_t last_ns;    /**< of its last tick */
    int64_t lag_ns;     /**< by how much it is usually later than the first copy */
    int64_t cut_ns;     /**< of one that is gone: it brought what another one has brought then */
    struct qta_line_counters counters;
};

/** What all streams share. */
struct qta_line_share {
    struct qta_line_arbiter_options options;
    struct qta_line lines[QTA_LINES_MAX];
    unsigned open_count;
    struct qta_line_pool pool;
    struct qta_held_pool held;
    /* for one search */
    uint64_t entry_hashes[QTA_LINE_WINDOW_ENTRIES];
    uint8_t entry_marks[QTA_LINE_WINDOW_ENTRIES];
    uint64_t held_hashes[QTA_LINE_HELD_TICKS];
};

enum qta_line_standing { QTA_LINE_AWAY, QTA_LINE_JOINING, QTA_LINE_STANDING };

/** Of one line in the stream. */
struct qta_line_place {
    enum qta_line_standing standing;
    bool may_be_early;   /**< joining: its first ticks may be older than all that is comparable */
    bool is_after_break; /**< joining: the others went on before it had found its place */
    bool has_fallen_behind;
    uint64_t lost; /**< fallen behind: the number of its next tick, if none was left out for it */
    uint64_t next; /**< standing: the first entry it has not brought; joining: it brings none before
                      this */
    uint64_t top;  /**< standing: all from here on it has not brought */
    struct qta_held_list held; /**< joining */
};

struct qta_line_stream {
    uint64_t key;
    struct qta_line_window window;
    struct qta_line_place places[QTA_LINES_MAX];
    uint64_t last_ident; /* of the last tick handed on */
    int64_t last_event_ns;
    bool do_idents_repeat;
    int64_t orphaned_ns; /* when its last standing line was lost */
    int64_t cut_ns;      /* the end of what that has brought, by the time of first copies */
    uint64_t debt;       /* compares to be saved up before looking for a place again */
    uint32_t waiting;    /**< for the owner's use */
};

/** Starts a stream with the lines that are open. */
void qta_line_stream_init(struct qta_line_stream *stream, const struct qta_line_share *share,
                          uint64_t key, int64_t now_ns);

void qta_line_stream_join(struct qta_line_stream *stream, const struct qta_line_share *share,
                          unsigned line, int64_t now_ns);
void qta_line_stream_offer(struct qta_line_stream *stream, struct qta_line_share *share,
                           unsigned line, struct qta_tick *tick, int64_t now_ns);
void qta_line_stream_leave(struct qta_line_stream *stream, struct qta_line_share *share,
                           unsigned line, int64_t now_ns);

/** Lets go of what has been held back for too long. */
void qta_line_stream_service(struct qta_line_stream *stream, struct qta_line_share *share,
                             int64_t now_ns);

/** When that is due; INT64_MAX when nothing is held back. */
int64_t qta_line_stream_due_ns(const struct qta_line_stream *stream,
                               const struct qta_line_share *share);

/** Calls deliver. */
void qta_line_share_hand_on(struct qta_line_share *share, unsigned line, struct qta_tick *tick);

static inline bool qta_line_share_is_settled(const struct qta_line_share *share, unsigned line,
                                             int64_t now_ns)
{
    return now_ns > share->lines[line].settled_ns;
}

#endif
