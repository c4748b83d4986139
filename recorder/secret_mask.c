/* All spellings are looked for in one pass (Wu and Manber's way): two bytes at the end of a window
 * say how far the next spelling may begin. With keys of 20 bytes most bytes are never looked at. */
#include "recorder/secret_mask.h"

#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

enum { SHIFT_MAX = 255, SPELLING_FACTOR = 18, SPELLING_EXTRA = 64 };

/* ---- spellings --------------------------------------------------------------------------------
 */

/* The spelling at text ends at end, where a NUL is put. The next one begins where this says. */
static char *add_spelling(struct qta_secret_mask *mask, char *text, char *end)
{
    size_t length = (size_t)(end - text);
    *end = '\0';
    bool is_known = length == 0 || mask->count == QTA_SECRET_SPELLINGS_MAX;
    for (size_t i = 0; i < mask->count && !is_known; i++)
        is_known = mask->spellings[i].length == length &&
                   memcmp(mask->spellings[i].bytes, text, length) == 0;
    if (is_known)
        return text;
    mask->spellings[mask->count++] = (struct qta_secret_spelling){text, length};
    return end + 1;
}

/* A backslash before each of these bytes, as JSON may have it. */
static char *add_escaped(struct qta_secret_mask *mask, char *out, const char *text,
                         const char *escaped)
{
    char *end = out;
    for (; *text; text++) {
        if (strchr(escaped, *text))
            *end++ = '\\';
        *end++ = *text;
    }
    return add_spelling(mask, out, end);
}

/* As in the query of a URL. */
static char *add_percent(struct qta_secret_mask *mask, char *out, const char *text,
                         const char *digits)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    char *end = out;
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (strchr(plain, *text)) {
            *end++ = *text;
            continue;
        }
        *end++ = '%';
        *end++ = digits[byte >> 4];
        *end++ = digits[byte & 15];
    }
    return add_spelling(mask, out, end);
}

/* Only the digits that the text alone decides: another one may stand before the padding when more
 * follows. */
static char *add_base64(struct qta_secret_mask *mask, char *out, const char *text,
                        const char *digits)
{
    uint32_t bits = 0;
    int bit_count = 0;
    char *end = out;
    for (; *text; text++) {
        bits = bits << 8 | (unsigned char)*text;
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            *end++ = digits[bits >> (bit_count - 6) & 63];
    }
    return add_spelling(mask, out, end);
}

static char *add_both_base64(struct qta_secret_mask *mask, char *out, const char *text)
{
    static const char usual[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char for_urls[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    out = add_base64(mask, out, text, usual);
    return add_base64(mask, out, text, for_urls);
}

static char *add_secret(struct qta_secret_mask *mask, char *out, const char *secret)
{
    if (!secret)
        return out;
    out = add_escaped(mask, out, secret, "");
    out = add_escaped(mask, out, secret, "/");
    out = add_escaped(mask, out, secret, "\"\\");
    if (strlen(secret) < QTA_SECRET_WORD_BYTES_MIN)
        return out; /* nobody would recognise what else becomes of it */
    out = add_percent(mask, out, secret, "0123456789ABCDEF");
    out = add_percent(mask, out, secret, "0123456789abcdef");
    return add_both_base64(mask, out, secret);
}

static char *add_credentials(struct qta_secret_mask *mask, char *out,
                             const struct qta_credentials *credentials)
{
    const char *key = credentials->api_key;
    const char *secret = credentials->api_secret;
    out = add_secret(mask, out, key);
    out = add_secret(mask, out, secret);
    if (!key || !secret)
        return out;
    char *pair = qta_secret_create(strlen(key) + strlen(secret) + 2);
    if (!pair)
        return NULL;
    stpcpy(stpcpy(stpcpy(pair, key), ":"), secret);
    out = add_both_base64(mask, out, pair);
    qta_secret_free(pair);
    return out;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static unsigned shift_place(uint8_t first, uint8_t second)
{
    return ((unsigned)first << 4 ^ second) & (QTA_SECRET_SHIFTS - 1);
}

static int compare_lengths(const void *left, const void *right)
{
    size_t left_length = ((const struct qta_secret_spelling *)left)->length;
    size_t right_length = ((const struct qta_secret_spelling *)right)->length;
    return (left_length < right_length) - (left_length > right_length);
}

static void make_table(struct qta_secret_mask *mask)
{
    mask->least_word = SIZE_MAX;
    if (mask->count == 0)
        return;
    qsort(mask->spellings, mask->count, sizeof mask->spellings[0], compare_lengths);
    mask->least = mask->spellings[mask->count - 1].length;
    for (size_t i = 0; i < mask->count; i++) {
        if (mask->spellings[i].length >= QTA_SECRET_WORD_BYTES_MIN)
            mask->least_word = mask->spellings[i].length;
    }
    size_t window = mask->least < SHIFT_MAX ? mask->least : SHIFT_MAX;
    mask->least = window;
    memset(mask->shifts, window > 1 ? (int)window - 1 : 0, sizeof mask->shifts);
    for (size_t i = 0; i < mask->count && window > 1; i++) {
        const uint8_t *bytes = (const uint8_t *)mask->spellings[i].bytes;
        for (size_t j = 1; j < window; j++) {
            uint8_t *shift = &mask->shifts[shift_place(bytes[j - 1], bytes[j])];
            size_t own = window - 1 - j;
            if (own < *shift)
                *shift = (uint8_t)own;
        }
    }
}

enum qta_status qta_secret_mask_init(struct qta_secret_mask *mask,
                                     const struct qta_credentials *credentials,
                                     const struct qta_credentials *before, struct qta_error *err)
{
    const struct qta_credentials *const all[] = {credentials, before};
    size_t bytes = SPELLING_EXTRA;
    *mask = (struct qta_secret_mask){0};
    for (size_t i = 0; i < 2 && all[i]; i++) {
        bytes += all[i]->api_key ? SPELLING_FACTOR * strlen(all[i]->api_key) : 0;
        bytes += all[i]->api_secret ? SPELLING_FACTOR * strlen(all[i]->api_secret) : 0;
        bytes += SPELLING_EXTRA;
    }
    mask->memory = qta_secret_create(bytes);
    char *out = mask->memory;
    for (size_t i = 0; i < 2 && all[i] && out; i++)
        out = add_credentials(mask, out, all[i]);
    if (!out) {
        qta_secret_mask_finish(mask);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the keys of a provider");
    }
    make_table(mask);
    return QTA_OK;
}

void qta_secret_mask_finish(struct qta_secret_mask *mask)
{
    qta_secret_free(mask->memory);
    *mask = (struct qta_secret_mask){0};
}

/* ---- looking ----------------------------------------------------------------------------------
 */

/* The longest secret of at least that many bytes which begins at bytes[0]; 0 for none. */
static size_t secret_length(const struct qta_secret_mask *mask, const uint8_t *bytes, size_t length,
                            size_t least)
{
    for (size_t i = 0; i < mask->count; i++) {
        const struct qta_secret_spelling *spelling = &mask->spellings[i];
        if (spelling->length >= least && spelling->length <= length &&
            memcmp(bytes, spelling->bytes, spelling->length) == 0)
            return spelling->length;
    }
    return 0;
}

/* The next secret at or behind *start, and its length; 0 when there is none. */
static size_t find_secret(const struct qta_secret_mask *mask, const uint8_t *bytes, size_t length,
                          size_t least, size_t *start)
{
    if (mask->count == 0)
        return 0;
    size_t last = *start + mask->least - 1; /* of the window */
    while (last < length) {
        size_t shift = mask->least > 1 ? mask->shifts[shift_place(bytes[last - 1], bytes[last])]
                                       : 0;
        size_t begin = last + 1 - mask->least;
        size_t found = shift == 0 ? secret_length(mask, bytes + begin, length - begin, least) : 0;
        if (found > 0) {
            *start = begin;
            return found;
        }
        last += shift > 0 ? shift : 1;
    }
    return 0;
}

static void overwrite(const struct qta_secret_mask *mask, uint8_t *bytes, size_t length,
                      size_t least)
{
    size_t start = 0;
    size_t found;
    while ((found = find_secret(mask, bytes, length, least, &start)) > 0) {
        memset(bytes + start, '*', found);
        start += found;
    }
}

bool qta_secret_mask_finds(const struct qta_secret_mask *mask, const uint8_t *bytes, size_t length)
{
    size_t start = 0;
    return find_secret(mask, bytes, length, 1, &start) > 0;
}

void qta_secret_mask_apply(const struct qta_secret_mask *mask, uint8_t *bytes, size_t length)
{
    overwrite(mask, bytes, length, 1);
}

bool qta_secret_mask_finds_word(const struct qta_secret_mask *mask, const char *text, size_t length)
{
    size_t start = 0;
    return find_secret(mask, (const uint8_t *)text, length, QTA_SECRET_WORD_BYTES_MIN, &start) > 0;
}

void qta_secret_mask_clean(const struct qta_secret_mask *mask, char *text, size_t length)
{
    overwrite(mask, (uint8_t *)text, length, QTA_SECRET_WORD_BYTES_MIN);
}
