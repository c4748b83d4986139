/** @file link.h
 *  One connection attempt and what becomes of it: resolve, connect, TLS, upgrade, messages, close.
 *
 *  A link does its own reading and writing; a loop tells it when. It knows nothing of the loop but
 *  struct qta_link_loop, and changes no one's state but its own:
 *
 *      created -> attend -> [on_addresses] -> attend -> on_writable, on_readable, on_time ...
 * attend
 *              -> is_ended: tell its events, destroy
 *
 *  Whatever happens to it within an event is noted in the link and done at the next attend, so that
 * an event may close, pause or send on any link. Network thread only. */
#ifndef QTA_RECORDER_LINK_H
#define QTA_RECORDER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/environment.h"
#include "recorder/byte_queue.h"
#include "recorder/http_upgrade.h"
#include "recorder/resolver.h"
#include "recorder/stream.h"
#include "recorder/transport.h"
#include "recorder/url.h"
#include "recorder/websocket_reader.h"

struct lws;

enum { QTA_LINK_RANDOM_BYTES = 1024 };

/** What the links of a transport share. */
struct qta_link_loop {
    struct qta_environment *environment;
    struct qta_resolver *resolver;
    struct qta_tls_store tls;
    uint8_t *bytes; /**< what was just read; room for capacity */
    size_t capacity;
    uint8_t random[QTA_LINK_RANDOM_BYTES]; /**< for masks; random_left at its end are unused */
    size_t random_left;
    bool needs_attention; /**< a link has something to do that no event will tell */
};

enum qta_link_state {
    QTA_LINK_RESOLVING,
    QTA_LINK_BETWEEN_ADDRESSES, /**< the next address is to be tried */
    QTA_LINK_CONNECTING,
    QTA_LINK_SECURING, /**< TLS handshake */
    QTA_LINK_UPGRADING,
    QTA_LINK_OPEN,
    QTA_LINK_CLOSING, /**< close frame queued; end says why */
    QTA_LINK_ENDED,
};

struct qta_link {
    struct qta_link *next; /**< the loop's, like watch and is_watched */
    struct lws *watch;     /**< what watches the socket, and closes it; NULL for none */
    bool is_watched;       /**< for something to read */

    struct qta_link_loop *loop;
    const struct qta_link_events *events;
    void *user;
    struct qta_url url;
    enum qta_link_state state;
    struct qta_link_end end;

    uint64_t lookup; /**< id in the resolver; 0 for none */
    struct qta_addresses addresses;
    size_t address_index; /**< of the next one to try */
    struct qta_tls_context *tls;
    struct qta_stream stream;
    struct qta_byte_queue request; /**< the upgrade's, until it is sent */
    char key[QTA_HTTP_KEY_BYTES];
    struct qta_http_progress answer;

    struct qta_websocket_reader reader;
    int64_t message_ns;       /**< when the message that is being read began to come */
    struct qta_byte_queue in; /**< answer; bytes not consumed, or not given because of a pause */
    int64_t in_ns;            /**< when they were read */
    struct qta_byte_queue out;

    int64_t open_timeout_ns;
    int64_t ping_interval_ns;
    size_t message_max_bytes;
    int64_t deadline_ns;         /**< of opening or closing, monotonic; INT64_MAX for none */
    int64_t connect_deadline_ns; /**< of this address */
    int64_t ping_ns;             /**< when the next ping is due; INT64_MAX for none */
    int64_t ping_sent_ns;        /**< of the last one; INT64_MAX when it is answered, or none was */
    uint64_t pings;              /**< sent: the payload of the last one */
    uint64_t reads;              /**< how often something came */
    uint64_t reads_at_ping;
    unsigned pings_unanswered;

    uint8_t pong[QTA_WEBSOCKET_CONTROL_BYTES_MAX]; /**< owed to the last ping that had to wait */
    uint8_t pong_length;
    bool owes_pong;

    enum qta_io gone; /**< how the connection ended while bytes waited because of a pause */
    bool is_paused;
    bool is_peer_closed; /**< its close frame has come */
    bool is_discarding;  /**< closing, and what comes is of no interest */
    bool has_backlog;    /**< there may be bytes to take or to read that no poll tells of */
    bool wants_write;    /**< tell when there is room to write */
    bool wants_release;  /**< the socket is to be closed before anything else */
};

/** Checks the options and starts a lookup where one is needed. QTA_ERR_CONFIG, QTA_ERR_NOMEM,
 *  QTA_ERR_FEED as link_open() says. Calls no event. */
enum qta_status qta_link_create(struct qta_link **out, struct qta_link_loop *loop,
                                const struct qta_link_options *options,
                                const struct qta_link_events *events, void *user,
                                struct qta_error *err);

/** Frees. The socket must have been released. NULL is fine. */
void qta_link_destroy(struct qta_link *link);

/** The lookup's result. */
void qta_link_on_addresses(struct qta_link *link, const struct qta_addresses *addresses);

/** The socket can be read, or written. */
void qta_link_on_readable(struct qta_link *link);
void qta_link_on_writable(struct qta_link *link);

/** The loop had to give the socket up; it is closed by the loop. */
void qta_link_on_hangup(struct qta_link *link);

/** Does what is due at now_ns (monotonic). */
void qta_link_on_time(struct qta_link *link, int64_t now_ns);

/** When on_time() wants to be called; INT64_MAX for never. */
int64_t qta_link_due_ns(const struct qta_link *link);

/** Does what was put off: the next address, bytes that wait, output. Not while wants_release. */
void qta_link_attend(struct qta_link *link);

/** Whether the socket is to be watched for something to read. */
bool qta_link_wants_read(const struct qta_link *link);

/** Gives up at once, e.g. when the loop cannot watch the socket. */
void qta_link_fail(struct qta_link *link, enum qta_conn_cause cause, int code, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/** See struct qta_transport_ops. */
void qta_link_send(struct qta_link *link, const void *bytes, size_t length, bool is_binary);
void qta_link_close(struct qta_link *link, int code);
void qta_link_pause(struct qta_link *link, bool is_paused);

#endif
