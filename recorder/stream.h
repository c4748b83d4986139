/** @file stream.h
 *  A TCP connection that never blocks, with or without TLS on it. Network thread only. */
#ifndef QTA_RECORDER_STREAM_H
#define QTA_RECORDER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "recorder/tls.h"

enum { QTA_STREAM_FAILURE_BYTES = 200 };

/** One connection. Start with qta_stream_init(). */
struct qta_stream {
    int fd; /**< -1: none */
    struct qta_tls_session *tls;
    bool is_certificate; /**< a failure: the peer's certificate was not accepted */
    bool is_timeout;     /**< a failure: the peer did not answer */
    char failure[QTA_STREAM_FAILURE_BYTES]; /**< why it failed, as a sentence */
};

void qta_stream_init(struct qta_stream *stream);

/** Opens a socket and begins to connect. DONE, WAIT_WRITE or FAILED. */
enum qta_io qta_stream_connect(struct qta_stream *stream, const struct sockaddr_storage *address);

/** After WAIT_WRITE, when the socket can be written to: whether it is connected. */
enum qta_io qta_stream_check_connected(struct qta_stream *stream);

/** Lets the kernel find out that the peer is gone: asks after interval_ns of silence, gives up
 * after two of them. For protocols without pings of their own. */
void qta_stream_keep_alive(struct qta_stream *stream, int64_t interval_ns);

/** Puts TLS on a connected stream, see qta_tls_session_create(). DONE or FAILED. */
enum qta_io qta_stream_start_tls(struct qta_stream *stream, const struct qta_tls_context *context,
                                 const char *host, bool is_http);
enum qta_io qta_stream_handshake(struct qta_stream *stream);

/** See qta_tls_session_read() and qta_tls_session_write(). */
enum qta_io qta_stream_read(struct qta_stream *stream, uint8_t *bytes, size_t capacity,
                            size_t *got);
enum qta_io qta_stream_write(struct qta_stream *stream, const uint8_t *bytes, size_t length,
                             size_t *put);

/** Ends TLS politely and forgets the socket; returns it for the caller to close, or -1. */
int qta_stream_release(struct qta_stream *stream);

#endif
