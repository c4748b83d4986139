/** @file frame_text.h
 *  A growing line of text that takes strings of any bytes. */
#ifndef QTA_TOOLS_FRAME_TEXT_H
#define QTA_TOOLS_FRAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/log.h>

/** Start from zeroes. */
struct qta_frame_text {
    char *text; /**< owned; not NUL-ended */
    size_t length;
    size_t capacity;
    bool is_out_of_memory; /**< from then on nothing is put */
};
void qta_frame_text_finish(struct qta_frame_text *line);

/** Empties it; forgets failures. */
void qta_frame_text_clear(struct qta_frame_text *line);

/** At most 200 bytes. */
void qta_frame_text_put(struct qta_frame_text *line, const char *format, ...) QTA_PRINTF(2, 3);

/** As a JSON string with its quotes. Must be UTF-8. */
void qta_frame_text_put_string(struct qta_frame_text *line, const uint8_t *bytes, size_t length);

/** RFC 4648, with padding. */
void qta_frame_text_put_base64(struct qta_frame_text *line, const uint8_t *bytes, size_t length);

/** Whether these bytes are text that any reader of JSON takes: no overlong forms, no surrogates. */
bool qta_frame_text_is_utf8(const uint8_t *bytes, size_t length);

#endif
