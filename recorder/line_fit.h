/** @file line_fit.h
 *  Where does a line that has just joined stand? Its ticks so far are a piece, without holes, of
 * the same sequence as the ticks that other lines have brought; this finds where the piece fits.
 *
 *  An offset is the place of the line's first tick: offset 2 means that it is entry 2. Where offset
 *  plus ticks is more than the entries, the last ticks are new. Pure functions. */
#ifndef QTA_RECORDER_LINE_FIT_H
#define QTA_RECORDER_LINE_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qta_fit_question {
    const uint64_t *entries; /**< hashes of what others have brought since the line joined */
    const uint8_t *marks;    /**< enum qta_line_mark of each */
    size_t entry_count;
    const uint64_t *ticks; /**< hashes of what the line has brought, one or more */
    size_t tick_count;
    size_t offset_max;  /**< no larger offset can be; entry_count: the ticks may all be new */
    bool may_be_early;  /**< the first ticks may be older than the first entry */
    int64_t news_guess; /**< how many ticks are probably new; negative: how far it is behind */
};

struct qta_fit {
    size_t count;      /**< of offsets where at least one tick meets an entry, and all that do are
                          equal */
    int64_t offset;    /**< the best of them: nearest to the guess, of two the one with more news */
    bool has_evidence; /**< the best one cannot be chance: a number that occurs once is met, or one
                          time and the next, or very many ticks */
    bool can_learn;    /**< more ticks of this line could rule one out */
    uint64_t compares; /**< what it cost */
};

/** Finds all offsets that fit. */
struct qta_fit qta_fit_find(const struct qta_fit_question *question);

/** True when offset entry_count, where nothing is met, is nearer to the guess than the best fit. */
bool qta_fit_is_news_nearer(const struct qta_fit_question *question, const struct qta_fit *fit);

#endif
