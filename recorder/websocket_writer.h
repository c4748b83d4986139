/** @file websocket_writer.h
 *  A client's WebSocket frames: masked, and long messages in fragments (RFC 6455). */
#ifndef QTA_RECORDER_WEBSOCKET_WRITER_H
#define QTA_RECORDER_WEBSOCKET_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/byte_queue.h"
#include "recorder/websocket_reader.h"

enum {
    QTA_WEBSOCKET_MASK_BYTES = 4,
    QTA_WEBSOCKET_FRAGMENT_BYTES = 32768, /**< longer messages are cut into frames of this size */
};

/** Appends one frame; payload is copied. mask should be random (section 10.3). False without
 * memory: nothing was added. */
bool qta_websocket_write_frame(struct qta_byte_queue *out, enum qta_websocket_opcode opcode,
                               bool is_final, const void *payload, size_t length,
                               const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES]);

/** Appends a message in as many frames as it needs. False without memory: some of its frames may
 * have been added, so the connection has to end. */
bool qta_websocket_write_message(struct qta_byte_queue *out, const void *bytes, size_t length,
                                 bool is_binary, const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES]);

/** Appends a close frame; code 0 writes none. reason may be cut. */
bool qta_websocket_write_close(struct qta_byte_queue *out, int code, const char *reason,
                               const uint8_t mask[QTA_WEBSOCKET_MASK_BYTES]);

/** Whether a close frame may carry this code (section 7.4). */
bool qta_websocket_code_is_valid(int code);

#endif
