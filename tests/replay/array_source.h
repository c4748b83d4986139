/** @file array_source.h
 *  A tick source over an array, for tests: hands it out in spans, with damage where it is wanted.
 */
#ifndef TESTS_REPLAY_ARRAY_SOURCE_H
#define TESTS_REPLAY_ARRAY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/dictionary.h>
#include <qta/tick.h>

#include "replay/tick_source.h"

enum { ARRAY_SOURCE_NO_DAMAGE = -1 };

/** Plain; start from array_source_init(), nothing to free. */
struct array_source {
    struct qta_tick_source base;
    const struct qta_tick *ticks;
    size_t count;
    size_t span; /**< ticks a call */
    const struct qta_dictionary *names;
    long damage_at; /**< reports damage before this tick, once each time it is opened */
    enum qta_status damage_status; /**< and with this status */

    size_t position;
    bool is_damage_told;
    bool is_open;
    int opens;
    int *open_count; /**< how many of all are open; may be NULL */
    int *open_count_max;
};

void array_source_init(struct array_source *source, const struct qta_tick *ticks, size_t count,
                       size_t span, const struct qta_dictionary *names);

#endif
