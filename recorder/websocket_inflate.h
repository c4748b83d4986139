/** @file websocket_inflate.h
 *  Compressed WebSocket messages: the receiving half of permessage-deflate (RFC 7692), by zlib.
 *
 *  What we send is never compressed, which the extension leaves to each message. Memory is bounded
 *  by the largest message that is asked for, whatever a few bytes claim to become. */
#ifndef QTA_RECORDER_WEBSOCKET_INFLATE_H
#define QTA_RECORDER_WEBSOCKET_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qta_websocket_inflate;

/** keeps_context: messages may refer to those before (section 7.1.1: not when the server's answer
 *  has server_no_context_takeover). Any window size is understood. NULL without memory. */
struct qta_websocket_inflate *qta_websocket_inflate_create(bool keeps_context);

/** NULL is fine. */
void qta_websocket_inflate_destroy(struct qta_websocket_inflate *inflater);

enum qta_inflate_result {
    QTA_INFLATE_DONE = 0,
    QTA_INFLATE_TOO_LARGE, /**< longer than message_max_bytes */
    QTA_INFLATE_BROKEN,    /**< not deflated */
    QTA_INFLATE_NO_MEMORY,
};

/** A whole message, without the four bytes that the sender has cut off (section 7.2.2). *message is
 *  valid until the next call. After another result than DONE it is of no use any more. */
enum qta_inflate_result qta_websocket_inflate_message(struct qta_websocket_inflate *inflater,
                                                      const uint8_t *bytes, size_t length,
                                                      size_t message_max_bytes,
                                                      const uint8_t **message,
                                                      size_t *message_length);

#endif
