/** @file websocket_reader.h
 *  A server's WebSocket bytes as messages (RFC 6455), block by block, without I/O.
 *
 *      while (qta_websocket_reader_next(&reader, &bytes, &length, &event) != QTA_WEBSOCKET_NOTHING)
 *          handle(&event);
 *
 *  A message that lies whole in the bytes given is not copied. Memory is bounded by the largest
 *  message allowed. The only extension is permessage-deflate, where it was agreed on. Text is not
 *  checked to be UTF-8: that is the decoder's, which counts it and keeps the connection, where the
 *  protocol would close it with 1007. */
#ifndef QTA_RECORDER_WEBSOCKET_READER_H
#define QTA_RECORDER_WEBSOCKET_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/byte_queue.h"
#include "recorder/websocket_inflate.h"

enum {
    QTA_WEBSOCKET_CONTROL_BYTES_MAX = 125,
    QTA_WEBSOCKET_FRAGMENTS_MAX = 1 << 16, /**< of one message */
};

/** RFC 6455 section 5.2. */
enum qta_websocket_opcode {
    QTA_WEBSOCKET_CONTINUATION = 0,
    QTA_WEBSOCKET_TEXT = 1,
    QTA_WEBSOCKET_BINARY = 2,
    QTA_WEBSOCKET_CLOSE = 8,
    QTA_WEBSOCKET_PING = 9,
    QTA_WEBSOCKET_PONG = 10,
};

enum qta_websocket_event_type {
    QTA_WEBSOCKET_NOTHING = 0, /**< all bytes are used, more are needed */
    QTA_WEBSOCKET_MESSAGE,
    QTA_WEBSOCKET_PING_CAME,
    QTA_WEBSOCKET_PONG_CAME,
    QTA_WEBSOCKET_CLOSE_CAME, /**< the last event: what follows is nobody's business */
    QTA_WEBSOCKET_BROKEN,     /**< the peer broke the protocol; the reader is of no use any more */
};

struct qta_websocket_event {
    /** Message or payload of a control frame (without the code of a close). Borrowed: valid until
     * the next call and as long as the bytes that were given. */
    const uint8_t *bytes;
    size_t length;
    bool is_binary;
    int code;        /**< close: the peer's code, 0 for none; broken: the code to close with */
    const char *why; /**< broken: what is wrong. Static */
};

struct qta_websocket_reader {
    size_t message_max_bytes;
    uint8_t header[14]; /**< of a frame, as far as it has come */
    size_t header_length;
    uint8_t header_needed; /**< its length once its second byte is known */
    bool in_payload;
    uint64_t payload_left;
    uint8_t opcode; /**< of the frame that is being read */
    bool is_final;
    bool in_message;    /**< between the first and the last fragment */
    bool is_binary;     /**< of the message */
    bool is_compressed; /**< likewise */
    bool is_done;       /**< closed or broken */
    uint32_t fragments;
    bool message_is_given; /**< the last event borrowed the message buffer */
    struct qta_byte_queue message;
    uint8_t control[QTA_WEBSOCKET_CONTROL_BYTES_MAX];
    size_t control_length;
    struct qta_websocket_inflate *inflater; /**< NULL: messages are not compressed */
};

void qta_websocket_reader_init(struct qta_websocket_reader *reader, size_t message_max_bytes);
void qta_websocket_reader_finish(struct qta_websocket_reader *reader);

/** The server may compress its messages: permessage-deflate was agreed on. Before the first frame.
 *  False without memory. */
bool qta_websocket_reader_allow_deflate(struct qta_websocket_reader *reader, bool keeps_context);

/** Uses bytes up to and including the next event; moves *bytes and *length behind them. */
enum qta_websocket_event_type qta_websocket_reader_next(struct qta_websocket_reader *reader,
                                                        const uint8_t **bytes, size_t *length,
                                                        struct qta_websocket_event *event);

/** True while a message has begun and not ended. */
bool qta_websocket_reader_is_within_message(const struct qta_websocket_reader *reader);

#endif
