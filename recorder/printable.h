/** @file printable.h
 *  Words from a peer, made fit for a log or a terminal. */
#ifndef QTA_RECORDER_PRINTABLE_H
#define QTA_RECORDER_PRINTABLE_H

#include <stddef.h>

/** Copies up to capacity - 1 characters and a NUL; whatever is not printable ASCII becomes '?'. */
static inline void qta_copy_printable(char *text, size_t capacity, const char *bytes, size_t length)
{
    size_t used = 0;
    for (; used < length && used + 1 < capacity; used++) {
        char c = bytes[used];
        if (c < ' ' || c > '~')
            c = '?';
        text[used] = c;
    }
    text[used] = '\0';
}

#endif
