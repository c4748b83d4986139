/** @file packed_stream.h
 *  The baseline of reading ticks: packed structs, 48 bytes a trade and 80 a quote, streamed through
 *  zstd level 3 and back into a callback. */
#ifndef QTA_TESTS_BENCH_PACKED_STREAM_H
#define QTA_TESTS_BENCH_PACKED_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <qta/tick.h>

struct packed_stream;

/** Ends the program when memory is short, as everything here does. */
struct packed_stream *packed_stream_create(void);
void packed_stream_destroy(struct packed_stream *stream);

/** Trades and quotes; after the last one packed_stream_end(). */
void packed_stream_add(struct packed_stream *stream, const struct qta_tick *tick);
void packed_stream_end(struct packed_stream *stream);

/** Decompresses and calls back for each; returns how many there were. */
uint64_t packed_stream_read(struct packed_stream *stream,
                            void (*callback)(void *user, const void *packed, size_t length),
                            void *user);

#endif
