/** @file byte_transpose.h
 *  Sixteen numbers of 64 bits to eight rows of sixteen bytes, and back: the inner loop of byte
 * planes.
 *
 *  With SSE2, which every x86-64 has, by interleaving; plainly elsewhere. Equal results. */
#ifndef QTA_STORAGE_BYTE_TRANSPOSE_H
#define QTA_STORAGE_BYTE_TRANSPOSE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { QTA_TRANSPOSE_NUMBERS = 16 };

#if defined(__SSE2__)

/** Byte k of number i goes to rows[k][i], for k below `width` (4 or 8). */
static inline void qta_bytes_of_numbers(const uint64_t numbers[QTA_TRANSPOSE_NUMBERS],
                                        uint8_t *const rows[8], size_t place, unsigned width)
{
    __m128i pairs[8];
    __m128i low[4];
    __m128i high[4];
    /* interleaving a row with the one half of all rows behind it, four times, sorts the bytes */
    for (int i = 0; i < 8; i++)
        pairs[i] = _mm_unpacklo_epi8(
            _mm_loadl_epi64((const __m128i *)(const void *)&numbers[i]),
            _mm_loadl_epi64((const __m128i *)(const void *)&numbers[i + 8]));
    for (int half = 0; half * 4 < (int)width; half++) {
        for (int i = 0; i < 4; i++)
            low[i] = half ? _mm_unpackhi_epi8(pairs[i], pairs[i + 4])
                          : _mm_unpacklo_epi8(pairs[i], pairs[i + 4]);
        for (int i = 0; i < 2; i++) {
            high[i] = _mm_unpacklo_epi8(low[i], low[i + 2]);
            high[i + 2] = _mm_unpackhi_epi8(low[i], low[i + 2]);
        }
        for (int i = 0; i < 2; i++) {
            uint8_t *const *row = rows + half * 4 + i * 2;
            _mm_storeu_si128((__m128i *)(void *)(row[0] + place),
                             _mm_unpacklo_epi8(high[i * 2], high[i * 2 + 1]));
            _mm_storeu_si128((__m128i *)(void *)(row[1] + place),
                             _mm_unpackhi_epi8(high[i * 2], high[i * 2 + 1]));
        }
    }
}

static inline __m128i qta_transpose_row(const uint8_t *row, size_t place)
{
    return row ? _mm_loadu_si128((const __m128i *)(const void *)(row + place))
               : _mm_setzero_si128();
}

/** Number i gets rows[k][place + i] as its byte k, for k below `width` (1, 2, 4 or 8); 0 above, and
 *  where a row is NULL. */
static inline void qta_numbers_of_bytes(const uint8_t *const rows[8], size_t place, unsigned width,
                                        uint64_t numbers[QTA_TRANSPOSE_NUMBERS])
{
    const __m128i zero = _mm_setzero_si128();
    __m128i *out = (__m128i *)(void *)numbers;
    __m128i words[2][4]; /* 16 bits of 8 numbers; by half, by pair of rows */
    for (unsigned pair = 0; pair < 4; pair++) {
        __m128i even = pair * 2 < width ? qta_transpose_row(rows[pair * 2], place) : zero;
        __m128i odd = pair * 2 + 1 < width ? qta_transpose_row(rows[pair * 2 + 1], place) : zero;
        words[0][pair] = _mm_unpacklo_epi8(even, odd);
        words[1][pair] = _mm_unpackhi_epi8(even, odd);
    }
    for (int half = 0; half < 2; half++) {
        __m128i low[2] = {_mm_unpacklo_epi16(words[half][0], words[half][1]),
                          _mm_unpackhi_epi16(words[half][0], words[half][1])};
        __m128i high[2] = {_mm_unpacklo_epi16(words[half][2], words[half][3]),
                           _mm_unpackhi_epi16(words[half][2], words[half][3])};
        for (int i = 0; i < 2; i++) {
            _mm_storeu_si128(out++, _mm_unpacklo_epi32(low[i], high[i]));
            _mm_storeu_si128(out++, _mm_unpackhi_epi32(low[i], high[i]));
        }
    }
}

#else

static inline void qta_bytes_of_numbers(const uint64_t numbers[QTA_TRANSPOSE_NUMBERS],
                                        uint8_t *const rows[8], size_t place, unsigned width)
{
    for (unsigned k = 0; k < width; k++)
        for (size_t i = 0; i < QTA_TRANSPOSE_NUMBERS; i++)
            rows[k][place + i] = (uint8_t)(numbers[i] >> k * 8);
}

static inline void qta_numbers_of_bytes(const uint8_t *const rows[8], size_t place, unsigned width,
                                        uint64_t numbers[QTA_TRANSPOSE_NUMBERS])
{
    for (size_t i = 0; i < QTA_TRANSPOSE_NUMBERS; i++) {
        numbers[i] = 0;
        for (unsigned k = 0; k < width; k++)
            numbers[i] |= rows[k] ? (uint64_t)rows[k][place + i] << k * 8 : 0;
    }
}

#endif

#endif
