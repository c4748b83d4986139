#include "adapters/json_writer.h"

#include <stdbool.h>
#include <stdio.h>

#include <qta/timestamp.h>

#include "core/utf8.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void write_escaped(struct qta_byte_buffer *buffer, unsigned char c)
{
    char text[8] = {'\\', (char)c};
    size_t length = 2;
    if (c != '"' && c != '\\')
        length = (size_t)snprintf(text, sizeof text, "\\u%04x", c);
    qta_byte_buffer_append(buffer, text, length);
}

void qta_json_write_string(struct qta_byte_buffer *buffer, const char *text, size_t length)
{
    qta_byte_buffer_append_byte(buffer, '"');
    size_t at = 0;
    while (at < length) {
        size_t run = at;
        while (run < length && is_plain((unsigned char)text[run]))
            run++;
        qta_byte_buffer_append(buffer, text + at, run - at);
        at = run;
        if (at == length)
            break;
        if ((unsigned char)text[at] < 0x80) {
            write_escaped(buffer, (unsigned char)text[at++]);
            continue;
        }
        size_t sequence = qta_utf8_sequence(text + at, length - at);
        if (sequence > 0)
            qta_byte_buffer_append(buffer, text + at, sequence);
        else
            qta_byte_buffer_append(buffer, replacement, sizeof replacement - 1);
        at += sequence > 0 ? sequence : 1;
    }
    qta_byte_buffer_append_byte(buffer, '"');
}

void qta_json_write_decimal(struct qta_byte_buffer *buffer, struct qta_decimal value)
{
    if (qta_decimal_is_null(value)) {
        qta_byte_buffer_append(buffer, "null", 4);
        return;
    }
    uint8_t *at = qta_byte_buffer_reserve(buffer, QTA_DECIMAL_TEXT_BYTES);
    if (at)
        buffer->length += qta_decimal_print(value, (char *)at);
}

void qta_json_write_u64(struct qta_byte_buffer *buffer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    qta_byte_buffer_append(buffer, digits + at, sizeof digits - at);
}

void qta_json_write_time(struct qta_byte_buffer *buffer, struct qta_json_second *second,
                         int64_t ts_ns)
{
    int64_t whole = ts_ns / 1000000000;
    int64_t fraction = ts_ns % 1000000000;
    if (fraction < 0) {
        whole--;
        fraction += 1000000000;
    }
    if (second->length == 0 || second->second != whole) {
        char text[QTA_TIMESTAMP_TEXT_BYTES];
        /* what comes before the fraction is as long as in the short form without one */
        size_t length = qta_timestamp_print(ts_ns, text) - sizeof ".000000000Z" + 1;
        if (length >= sizeof second->text)
            return;
        memcpy(second->text, text, length);
        second->length = length;
        second->second = whole;
    }
    uint8_t *at = qta_byte_buffer_reserve(buffer, sizeof second->text + 16);
    if (!at)
        return;
    uint8_t *start = at;
    *at++ = '"';
    memcpy(at, second->text, second->length);
    at += second->length;
    if (fraction != 0) {
        *at++ = '.';
        for (int i = 8; i >= 0; i--, fraction /= 10)
            at[i] = (uint8_t)('0' + fraction % 10);
        at += 9;
        while (at[-1] == '0')
            at--;
    }
    *at++ = 'Z';
    *at++ = '"';
    buffer->length += (size_t)(at - start);
}
