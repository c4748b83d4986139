/** @file frame_blaster.h
 *  A venue that sends as fast as it is read, or at a pace: the other end of the live benchmarks.
 *
 *  A child process with one listening socket on loopback that serves one WebSocket client and ends.
 *  To a path with "/v2/" it speaks Alpaca's protocol up to the acknowledged subscription; to any
 *  other it begins at once. The frames are JSON arrays of trades and quotes, one in five a trade.
 */
#ifndef QTA_TESTS_BENCH_FRAME_BLASTER_H
#define QTA_TESTS_BENCH_FRAME_BLASTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct frame_blaster {
    uint64_t ticks; /**< in all; a multiple of ticks_a_frame */
    unsigned ticks_a_frame;
    int64_t frame_interval_ns; /**< 0: without a pause */
    bool is_tls;

    /* filled by frame_blaster_start() */
    uint16_t port;
    pid_t child;
};

/** Ends the program when it cannot. */
void frame_blaster_start(struct frame_blaster *blaster);

/** Waits for its end. */
void frame_blaster_finish(struct frame_blaster *blaster);

#endif
