/** @file http_upgrade.h
 *  The HTTP exchange that opens a WebSocket (RFC 6455 section 4), without I/O. */
#ifndef QTA_RECORDER_HTTP_UPGRADE_H
#define QTA_RECORDER_HTTP_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/error.h>

#include "recorder/byte_queue.h"
#include "recorder/url.h"

enum {
    QTA_HTTP_NONCE_BYTES = 16,
    QTA_HTTP_KEY_BYTES = 25,            /**< base64 of the nonce, NUL included */
    QTA_HTTP_HEADERS_MAX_BYTES = 65536, /**< of an answer; a longer one is broken */
};

/** Whether these headers can be sent: names are tokens, values have no control characters (so that
 * no further header can be smuggled in), and none is one that the upgrade itself writes.
 * QTA_ERR_CONFIG; the message names the header, never its value. */
enum qta_status qta_http_check_headers(const struct qta_header *headers, size_t count,
                                       struct qta_error *err);

/** Writes the key for a random nonce. */
void qta_http_make_key(const uint8_t nonce[QTA_HTTP_NONCE_BYTES], char key[QTA_HTTP_KEY_BYTES]);

/** Appends the request. offers_deflate: the server may compress its messages (RFC 7692). False
 *  without memory. */
bool qta_http_write_request(struct qta_byte_queue *out, const struct qta_url *url,
                            const struct qta_header *headers, size_t count, const char *key,
                            bool offers_deflate);

enum qta_http_result {
    QTA_HTTP_MORE = 0, /**< the answer is not complete */
    QTA_HTTP_ACCEPTED, /**< the connection is a WebSocket now */
    QTA_HTTP_REFUSED,  /**< another status than 101 */
    QTA_HTTP_BROKEN,   /**< not HTTP, or not the answer to our key */
};

struct qta_http_answer {
    size_t length;          /**< of the answer's headers; WebSocket frames may follow */
    bool has_deflate;       /**< accepted: the server compresses its messages */
    bool keeps_context;     /**< likewise, and they refer to those before */
    int status;             /**< refused: the HTTP status */
    int64_t retry_after_ns; /**< refused: its Retry-After, at most 10^9 s; 0 for none */
    char reason[160];       /**< refused, broken: one sentence of printable characters */
};

/** How far an answer has been looked at, so that no byte is looked at twice. Zero-initialize. */
struct qta_http_progress {
    bool offers_deflate; /**< the request did; set by its owner */
    size_t block;        /**< where the headers begin that are being read */
    size_t scanned;      /**< no end of headers lies before */
};

/** Reads an answer from all bytes that have come so far. now_ns is the wall clock, for a
 * Retry-After that is a date. */
enum qta_http_result qta_http_read_answer(const uint8_t *bytes, size_t length,
                                          struct qta_http_progress *progress, const char *key,
                                          int64_t now_ns, struct qta_http_answer *answer);

#endif
