/* The way to an open link: addresses, TCP, TLS, upgrade. */
#include "recorder/link_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <qta/log.h>
#include <qta/timestamp.h>

enum { REQUEST_BYTES = 16384 };

static void on_open(struct qta_link *link)
{
    link->state = QTA_LINK_OPEN;
    link->deadline_ns = INT64_MAX;
    if (link->ping_interval_ns > 0 && link->url.is_websocket)
        link->ping_ns = qta_link_now_ns(link) + link->ping_interval_ns;
    else if (link->ping_interval_ns > 0)
        qta_stream_keep_alive(&link->stream, link->ping_interval_ns);
    link->events->on_open(link->user);
}

static void on_secured(struct qta_link *link)
{
    if (!link->url.is_websocket) {
        on_open(link);
        return;
    }
    link->state = QTA_LINK_UPGRADING;
    link->out = link->request;
    link->request = (struct qta_byte_queue){0};
    qta_link_note(link);
}

void qta_link_continue_securing(struct qta_link *link)
{
    enum qta_io io = qta_stream_handshake(&link->stream);
    link->wants_write = io == QTA_IO_WAIT_WRITE;
    if (io == QTA_IO_DONE) {
        link->has_backlog = true; /* bytes behind the handshake may have come with it */
        qta_link_note(link);
        on_secured(link);
    } else if (io == QTA_IO_FAILED) {
        qta_link_fail(link, QTA_CAUSE_TLS, 0, "%s", link->stream.failure);
        link->end.is_certificate = link->stream.is_certificate;
    } else if (io == QTA_IO_CLOSED) {
        qta_link_fail(link, QTA_CAUSE_TLS, 0,
                      "'%s' ended the connection within the TLS handshake: does port %u speak TLS "
                      "1.2 or later?",
                      link->url.host, link->url.port);
    }
}

static void on_connected(struct qta_link *link)
{
    link->connect_deadline_ns = INT64_MAX;
    if (!link->url.is_tls) {
        on_secured(link);
        return;
    }
    if (qta_stream_start_tls(&link->stream, link->tls, link->url.host, link->url.is_websocket) !=
        QTA_IO_DONE) {
        qta_link_fail(link, QTA_CAUSE_TLS, 0, "%s", link->stream.failure);
        return;
    }
    link->state = QTA_LINK_SECURING;
    qta_link_continue_securing(link);
}

void qta_link_try_next(struct qta_link *link, const char *why)
{
    if (link->address_index == link->addresses.count) {
        qta_link_fail(link, QTA_CAUSE_CONNECT, 0, "cannot connect to '%s' port %u: %s",
                      link->url.host, link->url.port, why);
        return;
    }
    link->state = QTA_LINK_BETWEEN_ADDRESSES;
    link->wants_release = link->stream.fd >= 0;
    qta_link_note(link);
}

void qta_link_connect(struct qta_link *link)
{
    assert(link->address_index < link->addresses.count);
    size_t addresses_left = link->addresses.count - link->address_index;
    int64_t now_ns = qta_link_now_ns(link);
    link->connect_deadline_ns = link->deadline_ns == INT64_MAX
                                    ? INT64_MAX
                                    : now_ns +
                                          (link->deadline_ns - now_ns) / (int64_t)addresses_left;
    link->state = QTA_LINK_CONNECTING;
    enum qta_io io = qta_stream_connect(&link->stream,
                                        &link->addresses.list[link->address_index++]);
    link->wants_write = io == QTA_IO_WAIT_WRITE;
    if (io == QTA_IO_DONE)
        on_connected(link);
    else if (io == QTA_IO_FAILED)
        qta_link_try_next(link, link->stream.failure);
}

void qta_link_continue_connecting(struct qta_link *link)
{
    enum qta_io io = qta_stream_check_connected(&link->stream);
    link->wants_write = io == QTA_IO_WAIT_WRITE;
    if (io == QTA_IO_DONE)
        on_connected(link);
    else if (io == QTA_IO_FAILED)
        qta_link_try_next(link, link->stream.failure);
}

void qta_link_on_addresses(struct qta_link *link, const struct qta_addresses *addresses)
{
    link->lookup = 0;
    if (link->state != QTA_LINK_RESOLVING)
        return;
    if (addresses->count == 0) {
        qta_link_fail(link, QTA_CAUSE_RESOLVE, 0, "cannot resolve '%s': %s", link->url.host,
                      addresses->failure);
        return;
    }
    link->addresses = *addresses;
    link->state = QTA_LINK_BETWEEN_ADDRESSES;
    qta_link_note(link);
}

void qta_link_take_answer(struct qta_link *link, const uint8_t *bytes, size_t length, int64_t ts_ns)
{
    if (!qta_byte_queue_append(&link->in, bytes, length)) {
        qta_link_fail(link, QTA_CAUSE_LOST, 0, "out of memory for the upgrade's answer");
        return;
    }
    struct qta_http_answer answer;
    switch (qta_http_read_answer(qta_byte_queue_bytes(&link->in), qta_byte_queue_length(&link->in),
                                 &link->answer, link->key, ts_ns, &answer)) {
    case QTA_HTTP_MORE:
        break;
    case QTA_HTTP_ACCEPTED:
        qta_byte_queue_consume(&link->in, answer.length);
        if (answer.has_deflate &&
            !qta_websocket_reader_allow_deflate(&link->reader, answer.keeps_context)) {
            qta_link_fail(link, QTA_CAUSE_LOST, 0, "out of memory for compressed messages");
            break;
        }
        link->in_ns = ts_ns;
        on_open(link);
        qta_link_take_waiting(link);
        break;
    case QTA_HTTP_REFUSED:
        qta_link_fail(link, QTA_CAUSE_HTTP, answer.status, "%s", answer.reason);
        link->end.retry_after_ns = answer.retry_after_ns;
        break;
    case QTA_HTTP_BROKEN:
        qta_link_fail(link, QTA_CAUSE_PROTOCOL, 0, "%s", answer.reason);
        break;
    }
}

void qta_link_on_open_timeout(struct qta_link *link)
{
    static const char *const phases[] = {
        [QTA_LINK_RESOLVING] = "resolving",
        [QTA_LINK_BETWEEN_ADDRESSES] = "connecting to",
        [QTA_LINK_CONNECTING] = "connecting to",
        [QTA_LINK_SECURING] = "the TLS handshake with",
        [QTA_LINK_UPGRADING] = "waiting for the upgrade's answer of",
    };
    char text[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(link->open_timeout_ns, text);
    enum qta_conn_cause cause = link->state == QTA_LINK_RESOLVING ? QTA_CAUSE_RESOLVE
                                : link->state < QTA_LINK_SECURING ? QTA_CAUSE_CONNECT
                                                                  : QTA_CAUSE_SILENT;
    qta_link_fail(link, cause, 0, "timed out after %s, %s '%s' port %u", text, phases[link->state],
                  link->url.host, link->url.port);
}

static enum qta_status prepare_request(struct qta_link *link,
                                       const struct qta_connect_request *request,
                                       struct qta_error *err)
{
    if (!link->url.is_websocket)
        return QTA_OK;
    enum qta_status status = qta_http_check_headers(request->headers, request->header_count, err);
    if (status != QTA_OK)
        return status;
    struct qta_environment *environment = link->loop->environment;
    uint8_t nonce[QTA_HTTP_NONCE_BYTES];
    if (environment->ops->random(environment, nonce, sizeof nonce) != 0)
        return qta_error_set_errno(err, "no random numbers for the upgrade");
    qta_http_make_key(nonce, link->key);
    /* room for the usual request at once: a queue that grows leaves copies of keys behind */
    if (!qta_byte_queue_reserve(&link->request, REQUEST_BYTES) ||
        !qta_http_write_request(&link->request, &link->url, request->headers, request->header_count,
                                link->key, link->answer.offers_deflate))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the upgrade's request");
    return QTA_OK;
}

static enum qta_status prepare_tls(struct qta_link *link, const struct qta_link_options *options,
                                   struct qta_error *err)
{
    if (!link->url.is_tls)
        return QTA_OK;
    if (options->tls_is_insecure)
        qta_log(QTA_LOG_WARNING, "tls",
                "the certificate of '%s' is NOT checked, as configured: anyone may be there",
                link->url.host);
    return qta_tls_context_create(&link->tls, &link->loop->tls, options->tls_ca_file,
                                  options->tls_is_insecure, err);
}

static enum qta_status start_lookup(struct qta_link *link, struct qta_error *err)
{
    if (link->open_timeout_ns > 0)
        link->deadline_ns = qta_link_now_ns(link) + link->open_timeout_ns;
    if (qta_address_parse(link->url.host, link->url.port, &link->addresses)) {
        link->state = QTA_LINK_BETWEEN_ADDRESSES;
        qta_link_note(link);
        return QTA_OK;
    }
    link->state = QTA_LINK_RESOLVING;
    return qta_resolver_start(link->loop->resolver, link->url.host, link->url.port, &link->lookup,
                              err);
}

enum qta_status qta_link_begin(struct qta_link *link, const struct qta_link_options *options,
                               struct qta_error *err)
{
    enum qta_status status = prepare_request(link, options->request, err);
    if (status == QTA_OK)
        status = prepare_tls(link, options, err);
    if (status == QTA_OK)
        status = start_lookup(link, err);
    return status;
}
