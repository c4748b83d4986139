/* The life of one connection. */
#include "recorder/link_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>
#include <qta/timestamp.h>

#include "recorder/printable.h"
#include "recorder/websocket_writer.h"

enum {
    OUT_BYTES_MAX = 64 << 20, /* waiting to be sent; more ends the link */
    PONG_BYTES_MAX = 1 << 20, /* with so much waiting, only the last ping is answered */
    READS_AT_ONCE = 4,        /* of one link, before others have their turn */
    SILENT_PINGS_MAX = 2,
    CODE_NORMAL = 1000,
    CODE_PROTOCOL = 1002,
};
static const int64_t close_timeout_ns = INT64_C(1800000000); /* the promise is 2 s */

/* ---- small things ---- */

int64_t qta_link_now_ns(const struct qta_link *link)
{
    return qta_monotonic_ns(link->loop->environment);
}

/* Four random bytes, taken from a pool: a system call for many frames. */
static const uint8_t *next_mask(struct qta_link_loop *loop)
{
    if (loop->random_left < QTA_WEBSOCKET_MASK_BYTES) {
        /* on failure the pool's old bytes serve again: masks protect proxies, not us */
        loop->environment->ops->random(loop->environment, loop->random, sizeof loop->random);
        loop->random_left = sizeof loop->random;
    }
    loop->random_left -= QTA_WEBSOCKET_MASK_BYTES;
    return loop->random + loop->random_left;
}

void qta_link_note(struct qta_link *link)
{
    link->loop->needs_attention = true;
}

/* ---- how it ends ---- */

static void set_end(struct qta_link_end *end, enum qta_conn_cause cause, int code,
                    const char *format, va_list arguments)
{
    *end = (struct qta_link_end){.cause = cause, .code = code};
    vsnprintf(end->reason, sizeof end->reason, format, arguments);
}

/* Ends the link for the reason that link->end holds. */
static void link_end(struct qta_link *link)
{
    assert(link->state != QTA_LINK_ENDED);
    link->state = QTA_LINK_ENDED;
    link->wants_release = link->stream.fd >= 0;
    qta_link_note(link);
}

void qta_link_fail(struct qta_link *link, enum qta_conn_cause cause, int code, const char *format,
                   ...)
{
    if (link->state == QTA_LINK_ENDED)
        return;
    if (link->state != QTA_LINK_CLOSING) { /* otherwise why it closes is known already */
        va_list arguments;
        va_start(arguments, format);
        set_end(&link->end, cause, code, format, arguments);
        va_end(arguments);
    }
    link_end(link);
}

/* Sends a close frame behind what is queued and waits for the peer's, for a while. */
static void link_start_closing(struct qta_link *link, int code, const char *reason)
{
    link->state = QTA_LINK_CLOSING;
    link->deadline_ns = qta_link_now_ns(link) + close_timeout_ns;
    link->ping_ns = INT64_MAX;
    link->is_discarding |= !link->url.is_websocket; /* there is no close frame to look for */
    bool can_wait = link->stream.fd >= 0;           /* else what is read now came before the end */
    if (link->url.is_websocket)
        can_wait &= qta_websocket_write_close(&link->out, code, reason, next_mask(link->loop));
    if (!can_wait)
        link_end(link);
    qta_link_note(link);
}

__attribute__((format(printf, 4, 5))) static void link_close_because(struct qta_link *link,
                                                                     enum qta_conn_cause cause,
                                                                     int code, const char *format,
                                                                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_end(&link->end, cause, code, format, arguments);
    va_end(arguments);
    link_start_closing(link, code, "");
}

/* The peer broke its protocol: say so to it, and listen no more. */
static void link_close_on_fault(struct qta_link *link, int code, const char *why)
{
    link->is_discarding = true;
    link_close_because(link, QTA_CAUSE_PROTOCOL, code, "%s", why);
}

/* ---- WebSocket ---- */

static void on_peer_close(struct qta_link *link, const struct qta_websocket_event *event)
{
    link->is_peer_closed = true;
    qta_link_note(link);
    if (link->state != QTA_LINK_OPEN)
        return;
    char text[QTA_WEBSOCKET_CONTROL_BYTES_MAX + 1];
    qta_copy_printable(text, sizeof text, (const char *)event->bytes, event->length);
    link->end = (struct qta_link_end){.cause = QTA_CAUSE_PEER_CLOSED, .code = event->code};
    if (event->code == 0)
        snprintf(link->end.reason, sizeof link->end.reason, "closed by the venue without a code");
    else
        snprintf(link->end.reason, sizeof link->end.reason, "closed by the venue: %d%s%s",
                 event->code, *text ? " " : "", text);
    bool can_echo = event->code == 0 || qta_websocket_code_is_valid(event->code);
    link_start_closing(link, can_echo ? event->code : CODE_PROTOCOL, "");
}

static void write_pong(struct qta_link *link, const uint8_t *payload, size_t length)
{
    link->owes_pong = false;
    if (!qta_websocket_write_frame(&link->out, QTA_WEBSOCKET_PONG, true, payload, length,
                                   next_mask(link->loop)))
        qta_link_fail(link, QTA_CAUSE_LOST, 0, "out of memory answering a ping");
    qta_link_note(link);
}

static void on_peer_ping(struct qta_link *link, const struct qta_websocket_event *event)
{
    if (link->state != QTA_LINK_OPEN)
        return;
    if (qta_byte_queue_length(&link->out) <= PONG_BYTES_MAX) {
        write_pong(link, event->bytes, event->length);
        return;
    }
    assert(event->length <= sizeof link->pong);
    memcpy(link->pong, event->bytes, event->length);
    link->pong_length = (uint8_t)event->length;
    link->owes_pong = true;
}

/* Only an answer to the last ping tells how long the way is; others may be late, or nobody's. */
static void on_pong(struct qta_link *link, const struct qta_websocket_event *event)
{
    bool is_answer = event->length == sizeof link->pings && link->ping_sent_ns != INT64_MAX &&
                     memcmp(event->bytes, &link->pings, sizeof link->pings) == 0;
    if (!is_answer || link->state != QTA_LINK_OPEN)
        return;
    int64_t round_trip_ns = qta_link_now_ns(link) - link->ping_sent_ns;
    link->ping_sent_ns = INT64_MAX;
    if (link->events->on_pong)
        link->events->on_pong(link->user, round_trip_ns);
}

static void on_message(struct qta_link *link, const struct qta_websocket_event *event,
                       int64_t ts_recv_ns)
{
    if (link->state != QTA_LINK_OPEN)
        return;
    const struct qta_frame frame = {
        .bytes = event->bytes,
        .length = event->length,
        .is_binary = event->is_binary,
        .ts_recv_ns = ts_recv_ns,
    };
    link->events->on_data(link->user, &frame);
}

/* Whether what is not taken now may be wanted later. */
static bool can_pause(const struct qta_link *link)
{
    return link->state != QTA_LINK_ENDED && !link->is_discarding;
}

static bool can_take(const struct qta_link *link)
{
    return (link->state == QTA_LINK_OPEN && !link->is_paused) ||
           (link->state == QTA_LINK_CLOSING && !link->is_discarding);
}

/* Hands out the messages in these bytes, which were read at ts_recv_ns; stops where the link is
 * paused or closed by an event. Returns how many bytes were used. A message has the time of its
 * first byte. */
static size_t take_frames(struct qta_link *link, const uint8_t *bytes, size_t length,
                          int64_t ts_recv_ns)
{
    const uint8_t *p = bytes;
    size_t left = length;
    int64_t message_ns = qta_websocket_reader_is_within_message(&link->reader) ? link->message_ns
                                                                               : ts_recv_ns;
    while (can_take(link)) {
        struct qta_websocket_event event;
        switch (qta_websocket_reader_next(&link->reader, &p, &left, &event)) {
        case QTA_WEBSOCKET_NOTHING:
            link->message_ns = message_ns;
            return length;
        case QTA_WEBSOCKET_MESSAGE:
            on_message(link, &event, message_ns);
            message_ns = ts_recv_ns;
            break;
        case QTA_WEBSOCKET_PING_CAME:
            on_peer_ping(link, &event);
            break;
        case QTA_WEBSOCKET_PONG_CAME:
            on_pong(link, &event);
            break; /* link->reads tells that it lives */
        case QTA_WEBSOCKET_CLOSE_CAME:
            on_peer_close(link, &event);
            link->is_discarding = true;
            break;
        case QTA_WEBSOCKET_BROKEN:
            if (link->state == QTA_LINK_OPEN)
                link_close_on_fault(link, event.code, event.why);
            link->is_discarding = true;
            break;
        }
    }
    link->message_ns = message_ns;
    return can_pause(link) ? length - left : length;
}

/* ---- TCP ---- */

/* Offers the adapter all bytes that it has not consumed. Returns how many it consumes now. */
static size_t take_stream(struct qta_link *link, const uint8_t *bytes, size_t length,
                          int64_t ts_recv_ns)
{
    const struct qta_frame frame = {
        .bytes = bytes,
        .length = length,
        .is_binary = true,
        .ts_recv_ns = ts_recv_ns,
    };
    size_t used = link->events->on_data(link->user, &frame);
    if (used > length)
        used = length;
    if (link->state == QTA_LINK_OPEN && length - used > link->message_max_bytes)
        qta_link_fail(link, QTA_CAUSE_PROTOCOL, 0, "a message is larger than %zu bytes",
                      link->message_max_bytes);
    return used;
}

/* ---- what is read ---- */

static size_t take_bytes(struct qta_link *link, const uint8_t *bytes, size_t length, int64_t ts_ns)
{
    if (!can_pause(link))
        return length;
    if (link->url.is_websocket)
        return take_frames(link, bytes, length, ts_ns);
    return link->state == QTA_LINK_OPEN && !link->is_paused
               ? take_stream(link, bytes, length, ts_ns)
               : 0;
}

/* Takes what waits in link->in. */
void qta_link_take_waiting(struct qta_link *link)
{
    size_t length = qta_byte_queue_length(&link->in);
    if (length == 0)
        return;
    size_t used = take_bytes(link, qta_byte_queue_bytes(&link->in), length, link->in_ns);
    qta_byte_queue_consume(&link->in, used);
}

/* Takes bytes that were just read; keeps what is not used. */
static void take_fresh(struct qta_link *link, const uint8_t *bytes, size_t length, int64_t ts_ns)
{
    bool is_first = qta_byte_queue_length(&link->in) == 0;
    size_t used = is_first ? take_bytes(link, bytes, length, ts_ns) : 0;
    if (used == length)
        return;
    if (!qta_byte_queue_append(&link->in, bytes + used, length - used)) {
        qta_link_fail(link, QTA_CAUSE_LOST, 0, "out of memory for what was received");
        return;
    }
    link->in_ns = ts_ns;
    if (!is_first)
        qta_link_take_waiting(link);
}

/* ---- reading ---- */

static void on_peer_gone(struct qta_link *link, enum qta_io io)
{
    if (link->state == QTA_LINK_OPEN && link->is_paused && qta_byte_queue_length(&link->in) > 0) {
        link->gone = io; /* what came before goes first, when it is wanted */
        return;
    }
    if (io == QTA_IO_FAILED)
        qta_link_fail(link, link->stream.is_timeout ? QTA_CAUSE_SILENT : QTA_CAUSE_LOST, 0,
                      "connection lost: %s", link->stream.failure);
    else if (link->state == QTA_LINK_UPGRADING)
        qta_link_fail(link, QTA_CAUSE_LOST, 0,
                      "'%s' ended the connection without an answer to the upgrade", link->url.host);
    else
        qta_link_fail(link, QTA_CAUSE_LOST, 0, "the venue ended the connection%s",
                      link->url.is_websocket ? " without a close frame" : "");
}

/* Reads what fits at once, and takes it. */
static enum qta_io read_piece(struct qta_link *link)
{
    size_t got;
    enum qta_io io = qta_stream_read(&link->stream, link->loop->bytes, link->loop->capacity, &got);
    if (got > 0) {
        int64_t ts_ns = qta_realtime_ns(link->loop->environment);
        link->reads++;
        if (link->state == QTA_LINK_UPGRADING)
            qta_link_take_answer(link, link->loop->bytes, got, ts_ns);
        else
            take_fresh(link, link->loop->bytes, got, ts_ns);
    }
    return io;
}

/* The connection is found to have ended by something else than reading. What came before the end is
 * still to be read, and this is the last chance. It is no more than the kernel's buffer holds;
 * where the link is paused, it waits in link->in. Returns how reading ended. */
static enum qta_io read_the_rest(struct qta_link *link)
{
    enum qta_io io = QTA_IO_DONE;
    while (io == QTA_IO_DONE && link->state != QTA_LINK_SECURING && link->state != QTA_LINK_ENDED)
        io = read_piece(link);
    return io;
}

static void read_some(struct qta_link *link)
{
    link->has_backlog = false;
    if (link->stream.fd < 0)
        return;
    for (int i = 0; i < READS_AT_ONCE; i++) {
        enum qta_io io = read_piece(link);
        if (io == QTA_IO_CLOSED || io == QTA_IO_FAILED)
            on_peer_gone(link, io);
        if (io != QTA_IO_DONE || !qta_link_wants_read(link))
            return;
    }
    link->has_backlog = true;
    qta_link_note(link);
}

bool qta_link_wants_read(const struct qta_link *link)
{
    switch (link->state) {
    case QTA_LINK_SECURING:
    case QTA_LINK_UPGRADING:
    case QTA_LINK_CLOSING:
        return true;
    case QTA_LINK_OPEN:
        return !link->is_paused;
    case QTA_LINK_RESOLVING:
    case QTA_LINK_BETWEEN_ADDRESSES:
    case QTA_LINK_CONNECTING:
    case QTA_LINK_ENDED:
        break;
    }
    return false;
}

void qta_link_on_readable(struct qta_link *link)
{
    if (!qta_link_wants_read(link))
        return;
    if (link->state == QTA_LINK_SECURING)
        qta_link_continue_securing(link);
    else
        read_some(link);
    if (qta_byte_queue_length(&link->out) > 0) /* TLS may have had to read before it could write */
        qta_link_note(link);
}

/* ---- writing ---- */

/* Sends what is queued, as far as it goes. */
static void flush(struct qta_link *link)
{
    while (qta_byte_queue_length(&link->out) > 0) {
        size_t put;
        enum qta_io io = qta_stream_write(&link->stream, qta_byte_queue_bytes(&link->out),
                                          qta_byte_queue_length(&link->out), &put);
        explicit_bzero(link->out.memory + link->out.head, put); /* it may hold keys */
        qta_byte_queue_consume(&link->out, put);
        link->wants_write = io == QTA_IO_WAIT_WRITE;
        if (io == QTA_IO_CLOSED || io == QTA_IO_FAILED) {
            read_the_rest(link); /* what can no longer be written to may still be read */
            on_peer_gone(link, io);
        }
        if (io != QTA_IO_DONE)
            return;
        if (link->owes_pong && link->state == QTA_LINK_OPEN)
            write_pong(link, link->pong, link->pong_length);
    }
    bool is_all_said = link->is_peer_closed || !link->url.is_websocket;
    if (link->state == QTA_LINK_CLOSING && is_all_said)
        link_end(link);
}

void qta_link_on_writable(struct qta_link *link)
{
    link->wants_write = false;
    if (link->state == QTA_LINK_CONNECTING)
        qta_link_continue_connecting(link);
    else if (link->state == QTA_LINK_SECURING)
        qta_link_continue_securing(link);
    qta_link_note(link);
}

void qta_link_on_hangup(struct qta_link *link)
{
    if (link->state == QTA_LINK_CONNECTING) {
        enum qta_io io = qta_stream_check_connected(&link->stream);
        qta_link_try_next(link, io == QTA_IO_FAILED ? link->stream.failure : "hung up");
        return;
    }
    if (link->state == QTA_LINK_ENDED || link->stream.fd < 0)
        return;
    enum qta_io io = read_the_rest(link);
    if (io != QTA_IO_CLOSED && io != QTA_IO_FAILED)
        io = qta_stream_check_connected(&link->stream);
    on_peer_gone(link, io == QTA_IO_FAILED ? io : QTA_IO_CLOSED);
}

void qta_link_attend(struct qta_link *link)
{
    assert(!link->wants_release);
    if (link->state == QTA_LINK_BETWEEN_ADDRESSES)
        qta_link_connect(link);
    if (link->has_backlog && qta_link_wants_read(link) && link->state != QTA_LINK_SECURING) {
        link->has_backlog = false;
        qta_link_take_waiting(link);
        if (link->gone != QTA_IO_DONE)
            on_peer_gone(link, link->gone);
        else if (qta_link_wants_read(link))
            read_some(link);
    }
    bool can_write = link->stream.fd >= 0 && !link->wants_write;
    bool is_carrying = link->state == QTA_LINK_UPGRADING || link->state == QTA_LINK_OPEN ||
                       link->state == QTA_LINK_CLOSING;
    if (can_write && is_carrying)
        flush(link);
}

/* ---- time ---- */

static void on_ping_due(struct qta_link *link, int64_t now_ns)
{
    link->ping_ns += link->ping_interval_ns;
    if (link->ping_ns <= now_ns) /* this machine slept */
        link->ping_ns = now_ns + link->ping_interval_ns;
    if (link->reads != link->reads_at_ping || link->is_paused) {
        link->reads_at_ping = link->reads;
        link->pings_unanswered = 0;
    } else if (link->pings_unanswered >= SILENT_PINGS_MAX) {
        char text[QTA_TIMESTAMP_TEXT_BYTES];
        qta_duration_print(SILENT_PINGS_MAX * link->ping_interval_ns, text);
        qta_link_fail(link, QTA_CAUSE_SILENT, 0, "no answer to a ping within %s", text);
        return;
    }
    link->pings_unanswered++;
    link->pings++;
    link->ping_sent_ns = now_ns;
    if (!qta_websocket_write_frame(&link->out, QTA_WEBSOCKET_PING, true, &link->pings,
                                   sizeof link->pings, next_mask(link->loop)))
        qta_link_fail(link, QTA_CAUSE_LOST, 0, "out of memory for a ping");
    qta_link_note(link);
}

int64_t qta_link_due_ns(const struct qta_link *link)
{
    if (link->state == QTA_LINK_ENDED)
        return INT64_MAX;
    int64_t due_ns = link->deadline_ns;
    if (link->connect_deadline_ns < due_ns)
        due_ns = link->connect_deadline_ns;
    return link->ping_ns < due_ns ? link->ping_ns : due_ns;
}

void qta_link_on_time(struct qta_link *link, int64_t now_ns)
{
    if (link->state == QTA_LINK_ENDED)
        return;
    if (now_ns >= link->deadline_ns) {
        if (link->state == QTA_LINK_CLOSING)
            link_end(link);
        else
            qta_link_on_open_timeout(link);
    } else if (link->state == QTA_LINK_CONNECTING && now_ns >= link->connect_deadline_ns) {
        link->connect_deadline_ns = INT64_MAX;
        qta_link_try_next(link, "timed out");
    } else if (now_ns >= link->ping_ns) {
        on_ping_due(link, now_ns);
    }
}

/* ---- what its owner wants ---- */

void qta_link_send(struct qta_link *link, const void *bytes, size_t length, bool is_binary)
{
    if (link->state != QTA_LINK_OPEN)
        return;
    qta_link_note(link);
    if (length > OUT_BYTES_MAX - qta_byte_queue_length(&link->out)) {
        qta_link_fail(link, QTA_CAUSE_LOST, 0,
                      "64 MiB wait to be sent: the venue does not read any more");
        return;
    }
    bool is_queued = link->url.is_websocket
                         ? qta_websocket_write_message(&link->out, bytes, length, is_binary,
                                                       next_mask(link->loop))
                         : qta_byte_queue_append(&link->out, bytes, length);
    if (!is_queued)
        qta_link_fail(link, QTA_CAUSE_LOST, 0, "out of memory for a message to send");
}

void qta_link_close(struct qta_link *link, int code)
{
    if (link->state == QTA_LINK_OPEN)
        link_close_because(link, QTA_CAUSE_STOP, code, "closed by us");
    else if (link->state < QTA_LINK_OPEN)
        qta_link_fail(link, QTA_CAUSE_STOP, code, "closed by us before it was open");
}

void qta_link_pause(struct qta_link *link, bool is_paused)
{
    if (link->is_paused == is_paused)
        return;
    link->is_paused = is_paused;
    if (!is_paused) { /* what was read already, or lies within TLS, no poll will tell of */
        link->has_backlog = true;
        link->reads++; /* it was us who did not listen */
    }
    qta_link_note(link);
}

/* ---- lifetime ---- */

enum qta_status qta_link_create(struct qta_link **out, struct qta_link_loop *loop,
                                const struct qta_link_options *options,
                                const struct qta_link_events *events, void *user,
                                struct qta_error *err)
{
    assert(out);
    struct qta_link *link = calloc(1, sizeof *link);
    if (!link)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening a connection");
    link->loop = loop;
    link->events = events;
    link->user = user;
    link->open_timeout_ns = options->open_timeout_ns;
    link->ping_interval_ns = options->ping_interval_ns;
    link->message_max_bytes = options->message_max_bytes;
    link->answer.offers_deflate = options->offers_deflate;
    link->connect_deadline_ns = INT64_MAX;
    link->ping_ns = INT64_MAX;
    link->ping_sent_ns = INT64_MAX;
    link->deadline_ns = INT64_MAX;
    qta_stream_init(&link->stream);
    qta_websocket_reader_init(&link->reader, options->message_max_bytes);
    enum qta_status status = qta_url_parse(&link->url, options->request->url, err);
    if (status == QTA_OK)
        status = qta_link_begin(link, options, err);
    if (status != QTA_OK) {
        qta_link_destroy(link);
        return status;
    }
    *out = link;
    return QTA_OK;
}

/* Clears bytes in a way that the compiler keeps: the request may hold keys. */
static void wipe(struct qta_byte_queue *queue)
{
    if (queue->memory)
        explicit_bzero(queue->memory, queue->capacity);
    qta_byte_queue_finish(queue);
}

void qta_link_destroy(struct qta_link *link)
{
    if (!link)
        return;
    assert(link->stream.fd < 0);
    wipe(&link->request);
    wipe(&link->out);
    qta_byte_queue_finish(&link->in);
    qta_websocket_reader_finish(&link->reader);
    qta_tls_context_destroy(link->tls);
    free(link);
}
