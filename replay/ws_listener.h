/** @file ws_listener.h
 *  A WebSocket server without a protocol of its own: accepts, receives whole messages, queues what
 *  is to be sent. By libwebsockets and OpenSSL; their only door in this folder.
 *
 *      while (is_running)
 *          qta_ws_listener_service(listener, is_in_a_hurry);
 *
 *  Everything happens on the thread that calls service(), but for wake(). Events come from within
 *  service(). Extensions are not negotiated, pings are answered, any path is accepted. A peer that
 *  does not read is waited for without end as long as its system answers TCP's keep-alives. */
#ifndef QTA_REPLAY_WS_LISTENER_H
#define QTA_REPLAY_WS_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

struct qta_ws_listener;
struct qta_ws_peer; /**< one client's connection */

/** What the upgrade request said. Borrowed for the call; "" for what it did not say. */
struct qta_ws_request {
    const char *path;
    const char *content_type;
    const char *authorization;
    const char *key_id;     /**< APCA-API-KEY-ID */
    const char *secret_key; /**< APCA-API-SECRET-KEY */
};

struct qta_ws_listener_events {
    /** A client has connected. The pointer returned goes with its further events; NULL refuses it,
     *  and there are none then. */
    void *(*on_open)(void *user, struct qta_ws_peer *peer, const struct qta_ws_request *request);
    /** One whole message, in one piece. */
    void (*on_message)(void *peer_user, const void *bytes, size_t length, bool is_binary);
    /** The connection is gone; the peer is freed when this returns. Once for every on_open. */
    void (*on_close)(void *peer_user);
};

/** Borrowed for the call of create. */
struct qta_ws_listener_options {
    const char *host;
    uint16_t port;                    /**< 0 for any free one */
    const char *tls_certificate_file; /**< PEM; NULL for plain ws:// */
    const char *tls_key_file;
    uint32_t peer_max;        /**< connections at once; more are closed as they come */
    size_t message_max_bytes; /**< a larger message closes with 1009 */
    size_t queue_max_bytes;   /**< a peer that lets more than this wait is cut off */
};

/** Listens. events are borrowed for the listener's life. QTA_ERR_USAGE: no such host, no usable
 *  certificate; QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_ws_listener_create(struct qta_ws_listener **out,
                                       const struct qta_ws_listener_options *options,
                                       const struct qta_ws_listener_events *events, void *user,
                                       struct qta_error *err);

/** Drops what is still connected, with its on_close. NULL is fine. */
void qta_ws_listener_destroy(struct qta_ws_listener *listener);

uint16_t qta_ws_listener_port(const struct qta_ws_listener *listener);

/** Handles what there is to handle; waits for it first unless is_in_a_hurry. Returns at least every
 *  250 ms. */
void qta_ws_listener_service(struct qta_ws_listener *listener, bool is_in_a_hurry);

/** Makes service() return soon. Any thread, signal handlers included. */
void qta_ws_listener_wake(struct qta_ws_listener *listener);

/** Queues one message; copied. Nothing once the peer is closing. */
void qta_ws_peer_send(struct qta_ws_peer *peer, const void *bytes, size_t length, bool is_binary);

/** Bytes that wait to be sent. */
size_t qta_ws_peer_queued_bytes(const struct qta_ws_peer *peer);

/** Forgets what is queued, but for a message whose sending has begun. */
void qta_ws_peer_drop_queue(struct qta_ws_peer *peer);

/** Closes with this code after what is queued. More than once is fine. */
void qta_ws_peer_close(struct qta_ws_peer *peer, int code);

/** Whether it is closing, or will be cut off. */
bool qta_ws_peer_is_closing(const struct qta_ws_peer *peer);

#endif
