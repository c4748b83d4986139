/* A straight line of steps on one deadline, on the network's own stream. Nothing here is in a
 * hurry: the thread looks every SLICE_MS whether it is to stop. */
#include "recorder/webhook.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/version.h>

#include "adapters/byte_buffer.h"
#include "core/doorbell.h"
#include "core/environment.h"
#include "recorder/resolver.h"
#include "recorder/stream.h"

enum { SLICE_MS = 100, ANSWER_BYTES = 512 };
#define SLICE_NS INT64_C(100000000)

struct post {
    const struct qta_url *url;
    int64_t deadline_ns;
    const atomic_bool *stop;
    struct qta_stream stream;
};

enum qta_status qta_webhook_url_parse(struct qta_url *url, const char *text, struct qta_error *err)
{
    struct qta_error cause;
    char *as_websocket = NULL;
    enum qta_status status = QTA_ERR_CONFIG;
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return qta_error_set(err, status, "the webhook's URL must begin with http:// or https://");
    if (asprintf(&as_websocket, "ws%s", text + strlen("http")) < 0)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the webhook's URL");
    status = qta_url_parse(url, as_websocket, &cause);
    explicit_bzero(as_websocket, strlen(as_websocket)); /* it may hold a token */
    free(as_websocket);
    if (status != QTA_OK)
        return qta_error_set(err, status, "the webhook's URL: %s", cause.message);
    return QTA_OK;
}

/* False: time is up, or nobody wants it any more. */
static bool has_time(const struct post *post)
{
    return !atomic_load(post->stop) &&
           qta_monotonic_ns(qta_environment_system()) < post->deadline_ns;
}

static void ring(void *bell)
{
    qta_doorbell_ring(bell);
}

static enum qta_status resolve(const struct post *post, struct qta_addresses *addresses,
                               struct qta_error *err)
{
    const struct qta_url *url = post->url;
    if (qta_address_parse(url->host, url->port, addresses))
        return QTA_OK;
    struct qta_doorbell bell = {0};
    struct qta_resolver *resolver;
    uint64_t id;
    uint64_t done = 0;
    enum qta_status status = qta_resolver_create(&resolver, ring, &bell, err);
    if (status != QTA_OK)
        return status;
    status = qta_resolver_start(resolver, url->host, url->port, &id, err);
    while (status == QTA_OK && done == 0) {
        uint32_t ticket = qta_doorbell_ticket(&bell);
        if (qta_resolver_take(resolver, &done, addresses))
            break;
        if (!has_time(post))
            status = qta_error_set(err, QTA_ERR_FEED, "'%s' was not resolved in time", url->host);
        else
            qta_doorbell_wait(&bell, ticket, SLICE_NS);
    }
    qta_resolver_destroy(resolver);
    if (status == QTA_OK && addresses->count == 0)
        status = qta_error_set(err, QTA_ERR_FEED, "cannot resolve '%s': %s", url->host,
                               addresses->failure);
    return status;
}

/* Until the socket is ready for what io waits for. */
static bool wait_for(const struct post *post, enum qta_io io)
{
    struct pollfd ready = {.fd = post->stream.fd,
                           .events = io == QTA_IO_WAIT_READ ? POLLIN : POLLOUT};
    while (has_time(post)) {
        if (poll(&ready, 1, SLICE_MS) > 0)
            return true;
    }
    return false;
}

static enum qta_status fail(const struct post *post, enum qta_io io, const char *what,
                            struct qta_error *err)
{
    const char *host = post->url->authority;
    if (io == QTA_IO_FAILED)
        return qta_error_set(err, QTA_ERR_FEED, "cannot %s '%s': %s", what, host,
                             post->stream.failure);
    if (io == QTA_IO_CLOSED)
        return qta_error_set(err, QTA_ERR_FEED, "cannot %s '%s': it closed the connection", what,
                             host);
    return qta_error_set(err, QTA_ERR_FEED, "cannot %s '%s': no answer in time", what, host);
}

static bool is_waiting(enum qta_io io)
{
    return io == QTA_IO_WAIT_READ || io == QTA_IO_WAIT_WRITE;
}

static enum qta_status open_stream(struct post *post, const struct sockaddr_storage *address,
                                   struct qta_tls_store *tls, struct qta_error *err)
{
    enum qta_io io = qta_stream_connect(&post->stream, address);
    while (is_waiting(io) && wait_for(post, io))
        io = qta_stream_check_connected(&post->stream);
    if (io != QTA_IO_DONE)
        return fail(post, io, "connect to", err);
    if (!post->url->is_tls)
        return QTA_OK;
    struct qta_tls_context *context;
    enum qta_status status = qta_tls_context_create(&context, tls, NULL, false, err);
    if (status != QTA_OK)
        return status;
    io = qta_stream_start_tls(&post->stream, context, post->url->host, true);
    qta_tls_context_destroy(context);
    if (io == QTA_IO_DONE)
        io = qta_stream_handshake(&post->stream);
    while (is_waiting(io) && wait_for(post, io))
        io = qta_stream_handshake(&post->stream);
    return io == QTA_IO_DONE ? QTA_OK : fail(post, io, "agree on TLS with", err);
}

static enum qta_status send_all(struct post *post, const struct qta_byte_buffer *request,
                                struct qta_error *err)
{
    for (size_t done = 0; done < request->length;) {
        size_t put = 0;
        enum qta_io io = qta_stream_write(&post->stream, request->bytes + done,
                                          request->length - done, &put);
        done += put;
        if (io == QTA_IO_DONE && put > 0)
            continue;
        if (!is_waiting(io) || !wait_for(post, io))
            return fail(post, io, "send to", err);
    }
    return QTA_OK;
}

/* "HTTP/1.1 204 No Content" */
static int read_status(const char *answer)
{
    if (strncmp(answer, "HTTP/1.", 7) != 0 || answer[8] != ' ')
        return -1;
    return (int)strtol(answer + 9, NULL, 10);
}

static enum qta_status receive_status(struct post *post, struct qta_error *err)
{
    char answer[ANSWER_BYTES] = "";
    size_t length = 0;
    while (!memchr(answer, '\n', length) && length < sizeof answer - 1) {
        size_t got = 0;
        enum qta_io io = qta_stream_read(&post->stream, (uint8_t *)answer + length,
                                         sizeof answer - 1 - length, &got);
        length += got;
        if (got > 0)
            continue;
        if (!is_waiting(io) || !wait_for(post, io))
            return fail(post, io, "get an answer from", err);
    }
    answer[length] = '\0';
    int status = read_status(answer);
    if (status >= 200 && status < 300)
        return QTA_OK;
    if (status < 0)
        return qta_error_set(err, QTA_ERR_FEED, "'%s' does not speak HTTP", post->url->authority);
    return qta_error_set(err, QTA_ERR_FEED, "'%s' answered with HTTP status %d",
                         post->url->authority, status);
}

static enum qta_status make_request(struct qta_byte_buffer *request, const struct qta_url *url,
                                    const void *body, size_t length, struct qta_error *err)
{
    char *head = NULL;
    int head_length = asprintf(&head,
                               "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: qta/%s\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                               "Connection: close\r\n\r\n",
                               url->path, url->authority, qta_version(), length);
    if (head_length >= 0) {
        qta_byte_buffer_append(request, head, (size_t)head_length);
        qta_byte_buffer_append(request, body, length);
        explicit_bzero(head, (size_t)head_length);
        free(head);
    }
    if (head_length < 0 || request->is_failed)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a message");
    return QTA_OK;
}

enum qta_status qta_webhook_post(const struct qta_url *url, struct qta_tls_store *tls,
                                 const void *body, size_t length, int64_t timeout_ns,
                                 const atomic_bool *stop, struct qta_error *err)
{
    struct post post = {
        .url = url,
        .deadline_ns = qta_monotonic_ns(qta_environment_system()) + timeout_ns,
        .stop = stop,
    };
    struct qta_addresses addresses = {0};
    struct qta_byte_buffer request = {0};
    qta_stream_init(&post.stream);
    enum qta_status status = make_request(&request, url, body, length, err);
    if (status == QTA_OK)
        status = resolve(&post, &addresses, err);
    if (status == QTA_OK)
        status = open_stream(&post, &addresses.list[0], tls, err);
    if (status == QTA_OK)
        status = send_all(&post, &request, err);
    if (status == QTA_OK)
        status = receive_status(&post, err);
    int fd = qta_stream_release(&post.stream);
    if (fd >= 0)
        close(fd);
    if (request.bytes)
        explicit_bzero(request.bytes, request.length);
    qta_byte_buffer_finish(&request);
    return status;
}
