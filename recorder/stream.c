/* TCP and TLS without blocking. Sockets are our own, not libwebsockets': only so the reason of a
 * failed connect is known, and no partial write can stop the reading. */
#include "recorder/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

void qta_stream_init(struct qta_stream *stream)
{
    *stream = (struct qta_stream){.fd = -1};
}

static enum qta_io stream_fail(struct qta_stream *stream, int number)
{
    char text[64];
    snprintf(stream->failure, sizeof stream->failure, "%s", strerror_r(number, text, sizeof text));
    stream->is_timeout = number == ETIMEDOUT;
    return QTA_IO_FAILED;
}

/* Takes TLS's words for a failure. */
static enum qta_io stream_tls_result(struct qta_stream *stream, enum qta_io io)
{
    if (io == QTA_IO_FAILED) {
        stream->is_timeout = errno == ETIMEDOUT;
        qta_tls_session_describe_failure(stream->tls, stream->failure, sizeof stream->failure,
                                         &stream->is_certificate);
    }
    return io;
}

enum qta_io qta_stream_connect(struct qta_stream *stream, const struct sockaddr_storage *address)
{
    assert(stream->fd < 0);
    stream->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return stream_fail(stream, errno);
    const int on = 1; /* subscriptions and pongs are small and should go at once */
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    socklen_t length = address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                      : sizeof(struct sockaddr_in);
    if (connect(stream->fd, (const struct sockaddr *)address, length) == 0)
        return QTA_IO_DONE;
    return errno == EINPROGRESS || errno == EINTR ? QTA_IO_WAIT_WRITE : stream_fail(stream, errno);
}

enum qta_io qta_stream_check_connected(struct qta_stream *stream)
{
    int number = 0;
    socklen_t length = sizeof number;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &number, &length) != 0)
        number = errno;
    if (number != 0)
        return stream_fail(stream, number);
    struct sockaddr_storage peer;
    length = sizeof peer;
    if (getpeername(stream->fd, (struct sockaddr *)&peer, &length) == 0)
        return QTA_IO_DONE;
    return errno == ENOTCONN ? QTA_IO_WAIT_WRITE : stream_fail(stream, errno);
}

void qta_stream_keep_alive(struct qta_stream *stream, int64_t interval_ns)
{
    const int on = 1;
    const int once = 1;
    int64_t interval_s = (interval_ns + 999999999) / 1000000000;
    int seconds = interval_s < 1 ? 1 : interval_s > 32767 ? 32767 : (int)interval_s;
    setsockopt(stream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(stream->fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(stream->fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    setsockopt(stream->fd, IPPROTO_TCP, TCP_KEEPCNT, &once, sizeof once);
}

enum qta_io qta_stream_start_tls(struct qta_stream *stream, const struct qta_tls_context *context,
                                 const char *host, bool is_http)
{
    struct qta_error err;
    if (qta_tls_session_create(&stream->tls, context, host, is_http, stream->fd, &err) == QTA_OK)
        return QTA_IO_DONE;
    snprintf(stream->failure, sizeof stream->failure, "%s", err.message);
    return QTA_IO_FAILED;
}

enum qta_io qta_stream_handshake(struct qta_stream *stream)
{
    return stream_tls_result(stream, qta_tls_session_handshake(stream->tls));
}

enum qta_io qta_stream_read(struct qta_stream *stream, uint8_t *bytes, size_t capacity, size_t *got)
{
    if (stream->tls)
        return stream_tls_result(stream, qta_tls_session_read(stream->tls, bytes, capacity, got));
    *got = 0;
    ssize_t length;
    do {
        length = recv(stream->fd, bytes, capacity, 0);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return errno == EAGAIN ? QTA_IO_WAIT_READ : stream_fail(stream, errno);
    if (length == 0)
        return QTA_IO_CLOSED;
    *got = (size_t)length;
    return *got == capacity ? QTA_IO_DONE : QTA_IO_WAIT_READ;
}

enum qta_io qta_stream_write(struct qta_stream *stream, const uint8_t *bytes, size_t length,
                             size_t *put)
{
    if (stream->tls)
        return stream_tls_result(stream, qta_tls_session_write(stream->tls, bytes, length, put));
    *put = 0;
    ssize_t written;
    do {
        written = send(stream->fd, bytes, length, MSG_NOSIGNAL);
    } while (written < 0 && errno == EINTR);
    if (written < 0)
        return errno == EAGAIN ? QTA_IO_WAIT_WRITE : stream_fail(stream, errno);
    *put = (size_t)written;
    return QTA_IO_DONE;
}

int qta_stream_release(struct qta_stream *stream)
{
    int fd = stream->fd;
    qta_tls_session_destroy(stream->tls);
    stream->tls = NULL;
    stream->fd = -1;
    return fd;
}
