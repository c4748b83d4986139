#include "tools/frame_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void qta_frame_text_finish(struct qta_frame_text *line)
{
    free(line->text);
    *line = (struct qta_frame_text){0};
}

void qta_frame_text_clear(struct qta_frame_text *line)
{
    line->length = 0;
    line->is_out_of_memory = false;
}

/* Room for so many bytes more. NULL when out of memory. */
static char *make_room(struct qta_frame_text *line, size_t length)
{
    if (line->is_out_of_memory)
        return NULL;
    if (length > line->capacity - line->length) {
        size_t capacity = 2 * (line->length + length);
        char *grown = realloc(line->text, capacity);
        if (!grown) {
            line->is_out_of_memory = true;
            return NULL;
        }
        line->text = grown;
        line->capacity = capacity;
    }
    return line->text + line->length;
}

void qta_frame_text_put(struct qta_frame_text *line, const char *format, ...)
{
    enum { LENGTH_MAX = 200 };
    char *end = make_room(line, LENGTH_MAX + 1);
    if (!end)
        return;
    va_list arguments;
    va_start(arguments, format);
    line->length += (size_t)vsnprintf(end, LENGTH_MAX + 1, format, arguments);
    va_end(arguments);
}

/* Writes one byte of a JSON string; returns the end. */
static char *escape(char *end, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        *end++ = '\\';
        *end++ = (char)byte;
    } else if (byte < 0x20 || byte == 0x7f) {
        *end++ = '\\';
        *end++ = 'u';
        *end++ = '0';
        *end++ = '0';
        *end++ = digits[byte >> 4];
        *end++ = digits[byte & 15];
    } else {
        *end++ = (char)byte;
    }
    return end;
}

void qta_frame_text_put_string(struct qta_frame_text *line, const uint8_t *bytes, size_t length)
{
    enum { ESCAPE_BYTES = 6 };
    char *start = make_room(line, ESCAPE_BYTES * length + 2);
    if (!start)
        return;
    char *end = start;
    *end++ = '"';
    for (size_t i = 0; i < length; i++)
        end = escape(end, bytes[i]);
    *end++ = '"';
    line->length += (size_t)(end - start);
}

void qta_frame_text_put_base64(struct qta_frame_text *line, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *start = make_room(line, (length + 2) / 3 * 4);
    if (!start)
        return;
    char *end = start;
    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (count > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (count > 2)
            group |= bytes[i + 2];
        *end++ = digits[group >> 18];
        *end++ = digits[group >> 12 & 63];
        *end++ = '=';
        *end++ = '=';
        if (count > 1)
            end[-2] = digits[group >> 6 & 63];
        if (count > 2)
            end[-1] = digits[group & 63];
    }
    line->length += (size_t)(end - start);
}

/* The length of the character that starts here, 0 when there is none. */
static size_t character_length(const uint8_t *bytes, size_t left)
{
    uint8_t first = bytes[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    bool is_overlong = (first == 0xe0 && bytes[1] < 0xa0) || (first == 0xf0 && bytes[1] < 0x90);
    bool is_outside = (first == 0xed && bytes[1] > 0x9f) || (first == 0xf4 && bytes[1] > 0x8f);
    return is_overlong || is_outside ? 0 : length;
}

bool qta_frame_text_is_utf8(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = character_length(bytes + i, length - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}
