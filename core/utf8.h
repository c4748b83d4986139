/** @file utf8.h
 *  UTF-8 as RFC 3629 allows it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef QTA_CORE_UTF8_H
#define QTA_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** The length of the sequence that text starts with, 1 to 4; 0 when it is not valid or cut off. */
size_t qta_utf8_sequence(const char *text, size_t length);

/** Whether all of it is valid. */
bool qta_utf8_is_valid(const char *text, size_t length);

#endif
