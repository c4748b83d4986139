/** @file decode_twice.h
 *  What a decoder has seen must not change what it makes of the next frame.
 *
 *  One decoder is new for each input, another has decoded all of them since the start, with the
 * keys, symbols and minutes that it remembers: both must deliver the same ticks and find the same
 * faults. */
#ifndef QTA_TESTS_DECODE_TWICE_H
#define QTA_TESTS_DECODE_TWICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Decodes one frame both ways; aborts when they differ. */
void decode_twice(const uint8_t *bytes, size_t length, bool is_binary);

#endif
