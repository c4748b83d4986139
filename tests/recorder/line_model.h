/** @file line_model.h
 *  A venue that sends one sequence over several lines, each with a delay of its own, which are
 *  killed and come back; and what must come out of the arbiter that they are offered to. Seeded, in
 *  virtual time. */
#ifndef QTA_TESTS_RECORDER_LINE_MODEL_H
#define QTA_TESTS_RECORDER_LINE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/tick.h>

/** What the venue sends. rx_seq, which is no content, is the number in the sequence, from 1. */
struct line_model_script {
    const struct qta_tick *ticks; /**< ts_recv_ns is when it is sent */
    size_t count;
};

struct line_model_options {
    uint64_t seed;
    unsigned lines;
    int64_t delay_max_ns;   /**< of a connection; jitter comes on top */
    int64_t life_max_ns;    /**< until a connection is killed */
    int64_t backoff_max_ns; /**< until it comes back */
    bool is_alternating;    /**< lines are killed in turn, each when another one has been up for
                               half of life_max_ns; otherwise whenever it pleases the seed */
    uint32_t streams_max;   /**< of the arbiter */
};

struct line_model_result {
    size_t delivered;
    size_t duplicates;
    size_t doubles;   /**< handed on twice */
    size_t disorders; /**< after a later one of its stream */
    size_t missing;   /**< brought by a line in time, and not handed on */
    size_t regrouped; /**< keys (stream and event time) that are missing or out of order */
    size_t kills;
    uint64_t abandoned;
    uint64_t undecided;
    uint64_t disagreements;
    uint64_t fallen_behind;
    uint32_t held; /**< at the end */
};

struct line_model_result line_model_run(const struct line_model_script *script,
                                        const struct line_model_options *options);

/** splitmix64, below bound. */
uint64_t line_model_random(uint64_t *state, uint64_t bound);

#endif
