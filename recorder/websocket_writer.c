/* WebSocket frames of a client. */
#include "recorder/websocket_writer.h"

#include <assert.h>
#include <string.h>

enum {
    BIT_FINAL = 0x80,
    BIT_MASKED = 0x80,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    HEADER_BYTES_MAX = 14,
};

/* Writes the frame's header; returns its length. */
static size_t write_header(uint8_t *header, unsigned first_byte, uint64_t length,
                           const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES])
{
    size_t length_bytes = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;
    header[0] = (uint8_t)first_byte;
    header[1] = (uint8_t)(BIT_MASKED | (length_bytes == 0   ? length
                                        : length_bytes == 2 ? LENGTH_16
                                                            : LENGTH_64));
    uint8_t *p = header + 2;
    for (size_t i = length_bytes; i-- > 0;)
        *p++ = (uint8_t)(length >> (8 * i));
    memcpy(p, mask, QTA_WEBSOCKET_MASK_BYTES);
    return 2 + length_bytes + QTA_WEBSOCKET_MASK_BYTES;
}

static void copy_masked(uint8_t *to, const uint8_t *from, size_t length,
                        const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES])
{
    uint64_t wide_mask;
    memcpy(&wide_mask, mask, QTA_WEBSOCKET_MASK_BYTES);
    memcpy((uint8_t *)&wide_mask + QTA_WEBSOCKET_MASK_BYTES, mask, QTA_WEBSOCKET_MASK_BYTES);
    size_t i = 0;
    for (; i + sizeof wide_mask <= length; i += sizeof wide_mask) {
        uint64_t word;
        memcpy(&word, from + i, sizeof word);
        word ^= wide_mask;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < length; i++)
        to[i] = from[i] ^ mask[i % QTA_WEBSOCKET_MASK_BYTES];
}

bool qta_websocket_write_frame(struct qta_byte_queue *out, enum qta_websocket_opcode opcode,
                               bool is_final, const void *payload, size_t length,
                               const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES])
{
    uint8_t *room = qta_byte_queue_reserve(out, HEADER_BYTES_MAX + length);
    if (!room)
        return false;
    size_t used = write_header(room, (is_final ? BIT_FINAL : 0) | (unsigned)opcode, length, mask);
    copy_masked(room + used, payload, length, mask);
    qta_byte_queue_commit(out, used + length);
    return true;
}

bool qta_websocket_write_message(struct qta_byte_queue *out, const void *bytes, size_t length,
                                 bool is_binary, const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES])
{
    enum qta_websocket_opcode opcode = is_binary ? QTA_WEBSOCKET_BINARY : QTA_WEBSOCKET_TEXT;
    const uint8_t *from = bytes;
    while (length > QTA_WEBSOCKET_FRAGMENT_BYTES) {
        if (!qta_websocket_write_frame(out, opcode, false, from, QTA_WEBSOCKET_FRAGMENT_BYTES,
                                       mask))
            return false;
        from += QTA_WEBSOCKET_FRAGMENT_BYTES;
        length -= QTA_WEBSOCKET_FRAGMENT_BYTES;
        opcode = QTA_WEBSOCKET_CONTINUATION;
    }
    return qta_websocket_write_frame(out, opcode, true, from, length, mask);
}

bool qta_websocket_write_close(struct qta_byte_queue *out, int code, const char *reason,
                               const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES])
{
    uint8_t payload[QTA_WEBSOCKET_CONTROL_BYTES_MAX];
    size_t length = 0;
    if (code != 0) {
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        size_t reason_length = strnlen(reason, sizeof payload - 2);
        memcpy(payload + 2, reason, reason_length);
        length = 2 + reason_length;
    }
    return qta_websocket_write_frame(out, QTA_WEBSOCKET_CLOSE, true, payload, length, mask);
}

bool qta_websocket_code_is_valid(int code)
{
    enum { NO_CODE = 1005, ABNORMAL = 1006, REGISTERED_END = 1015, FREE_START = 3000, END = 5000 };
    if (code >= FREE_START)
        return code < END;
    return code >= 1000 && code < REGISTERED_END && code != 1004 && code != NO_CODE &&
           code != ABNORMAL;
}
