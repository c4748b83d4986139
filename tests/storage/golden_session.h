/** @file golden_session.h
 *  A session that comes out the same, byte for byte, whenever and wherever it is made: ticks of
 *  every type, absent, ordinary and extreme values, odd names; runs that were closed and one that
 *  was cut; segments of one and of several blocks, stored frames, and a journal.
 * tests/data/session-v1 is one as it was made when version 1 of the format was released. */
#ifndef QTA_TESTS_GOLDEN_SESSION_H
#define QTA_TESTS_GOLDEN_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include <qta/digest.h>

/** The sizes of the one in tests/data: rounds of one tick a type and variant in the first run, more
 *  than one chunk of the journal; and trades and quotes in the second, more than one block. */
enum { GOLDEN_ROUNDS = 12, GOLDEN_PLAIN_TICKS = 70000 };

/** The bytes of the stored frame that names this rx_seq; returns how many. */
enum { GOLDEN_FRAME_BYTES = 64 };
int golden_session_frame(uint64_t first_seq, char bytes[GOLDEN_FRAME_BYTES]);

/** Writes it to a directory that is not there yet or empty; adds its ticks to digest (may be NULL).
 *  Ends the process with a message when something fails. */
void golden_session_make(const char *path, size_t rounds, size_t plain_ticks,
                         struct qta_digest *digest);

#endif
