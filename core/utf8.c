/* UTF-8 by the table of RFC 3629 section 4. */
#include "core/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_between(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* The second byte's range depends on the first: that is what rules out overlong forms and
 * surrogates. */
static bool is_second(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return is_between(second, 0xa0, 0xbf);
    case 0xed:
        return is_between(second, 0x80, 0x9f);
    case 0xf0:
        return is_between(second, 0x90, 0xbf);
    case 0xf4:
        return is_between(second, 0x80, 0x8f);
    default:
        return is_between(second, 0x80, 0xbf);
    }
}

static size_t sequence_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (is_between(first, 0xc2, 0xdf))
        return 2;
    if (is_between(first, 0xe0, 0xef))
        return 3;
    if (is_between(first, 0xf0, 0xf4))
        return 4;
    return 0;
}

size_t qta_utf8_sequence(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 0)
        return 0;
    size_t wanted = sequence_length(bytes[0]);
    if (wanted <= 1)
        return wanted;
    if (wanted > length || !is_second(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < wanted; i++)
        if (!is_between(bytes[i], 0x80, 0xbf))
            return 0;
    return wanted;
}

bool qta_utf8_is_valid(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof word) { /* nearly all text is ASCII */
            memcpy(&word, text + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof word;
                continue;
            }
        }
        size_t sequence = qta_utf8_sequence(text + at, length - at);
        if (sequence == 0)
            return false;
        at += sequence;
    }
    return true;
}
