/* A server's WebSocket bytes. The first byte chooses the largest message, the second the pieces in
 * which the rest arrives and whether messages may be compressed: the events must be the same as of
 * the whole. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/crc32c.h"
#include "recorder/websocket_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest over all events; *memory_max is the most that was kept of messages. */
static uint32_t read_in_pieces(const uint8_t *bytes, size_t length, size_t piece,
                               size_t message_max, bool has_deflate, bool keeps_context)
{
    struct qta_websocket_reader reader;
    uint32_t digest = 0;
    size_t events = 0;
    bool is_over = false;
    qta_websocket_reader_init(&reader, message_max);
    if (has_deflate && !qta_websocket_reader_allow_deflate(&reader, keeps_context))
        return 0;
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        uint8_t *copy = malloc(part); /* exactly as long */
        if (!copy)
            break;
        memcpy(copy, bytes + at, part);
        const uint8_t *p = copy;
        size_t left = part;
        struct qta_websocket_event event;
        enum qta_websocket_event_type type;
        while ((type = qta_websocket_reader_next(&reader, &p, &left, &event)) !=
               QTA_WEBSOCKET_NOTHING) {
            assert(!is_over && ++events <= length);
            is_over = type == QTA_WEBSOCKET_CLOSE_CAME || type == QTA_WEBSOCKET_BROKEN;
            assert(event.length <= message_max || type != QTA_WEBSOCKET_MESSAGE);
            uint8_t head[4] = {(uint8_t)type, event.is_binary, (uint8_t)event.code,
                               (uint8_t)(event.code >> 8)};
            digest = qta_crc32c(digest, head, sizeof head);
            if (event.length > 0)
                digest = qta_crc32c(digest, event.bytes, event.length);
        }
        assert(is_over || left == 0);
        free(copy);
    }
    qta_websocket_reader_finish(&reader);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t message_max = (size_t)data[0] * 8;
    size_t piece = (size_t)data[1] % 32 + 1;
    bool has_deflate = data[1] & 0x80;
    bool keeps_context = data[1] & 0x40;
    uint32_t whole = read_in_pieces(data + 2, size - 2, size - 2, message_max, has_deflate,
                                    keeps_context);
    uint32_t pieces = read_in_pieces(data + 2, size - 2, piece, message_max, has_deflate,
                                     keeps_context);
    if (whole != pieces)
        abort();
    return 0;
}
