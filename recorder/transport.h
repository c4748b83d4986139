/** @file transport.h
 *  The second seam: what carries bytes between a connection and its venue.
 *
 *  lws_transport.c is the real one (ws, wss, tcp, tls); tests run the gateway against a scripted
 * one. All calls but wake() come from the network thread; events come from within service() and
 *  link_open(), never from link_send() or link_close(). */
#ifndef QTA_RECORDER_TRANSPORT_H
#define QTA_RECORDER_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/error.h>
#include <qta/tick.h>

struct qta_transport;
struct qta_link; /**< one connection attempt and what becomes of it */

/** Why a link ended. */
struct qta_link_end {
    enum qta_conn_cause cause;
    int code;               /**< HTTP status or WebSocket close code, see enum qta_conn_cause */
    int64_t retry_after_ns; /**< Retry-After of a refused upgrade; 0 for none */
    bool is_certificate;    /**< QTA_CAUSE_TLS: the peer's certificate was not accepted */
    char reason[256];       /**< one sentence for a person */
};

struct qta_link_events {
    /** The link is open (upgrade done). At most once. */
    void (*on_open)(void *user);
    /** WebSocket: one whole message. TCP: all bytes not consumed yet; returns how many were. */
    size_t (*on_data)(void *user, const struct qta_frame *frame);
    /** The link is gone and freed when this returns. Exactly once for every link_open() that
     *  succeeded, and the last event. Also follows link_close(). */
    void (*on_end)(void *user, const struct qta_link_end *end);
    /** WebSocket: the venue has answered a ping of ours after so long. NULL: of no interest. */
    void (*on_pong)(void *user, int64_t round_trip_ns);
};

/** Borrowed for the call of link_open(). */
struct qta_link_options {
    const struct qta_connect_request *request;
    const char *tls_ca_file; /**< NULL for the system's */
    bool tls_is_insecure;
    /** 0 for none; no answer within two of them ends the link (SILENT). */
    int64_t ping_interval_ns;
    /** Resolve (ends the link as RESOLVE), connect (CONNECT), TLS and upgrade (SILENT) together. */
    int64_t open_timeout_ns;
    bool offers_deflate;      /**< the venue may compress its messages */
    size_t message_max_bytes; /**< a larger one ends the link (PROTOCOL), closing with 1009 */
};

struct qta_transport_ops {
    /** Starts to connect. events and user must stay valid until on_end. On failure no event comes;
     *  QTA_ERR_CONFIG for a URL or CA file that can never work, QTA_ERR_FEED for the rest. */
    enum qta_status (*link_open)(struct qta_transport *transport, struct qta_link **out,
                                 const struct qta_link_options *options,
                                 const struct qta_link_events *events, void *user,
                                 struct qta_error *err);
    /** Queues one message; copied. Nothing once the link is closing. */
    void (*link_send)(struct qta_link *link, const void *bytes, size_t length, bool is_binary);
    /** Closes with this WebSocket code after what is queued; on_end comes from a later service(),
     *  within 2 s. May be called more than once. */
    void (*link_close)(struct qta_link *link, int code);
    /** Stops or resumes reading: the venue then feels back-pressure. */
    void (*link_pause)(struct qta_link *link, bool is_paused);

    /** Waits for events until the monotonic time deadline_ns at the latest (returns at once when it
     *  is past) and handles those that are there. */
    void (*service)(struct qta_transport *transport, int64_t deadline_ns);
    /** Makes service() return soon. Any thread, signal handlers included. */
    void (*wake)(struct qta_transport *transport);
    /** All links must have ended. */
    void (*destroy)(struct qta_transport *transport);
};

/** A transport is its table; each implementation has its state behind it. */
struct qta_transport {
    const struct qta_transport_ops *ops;
};

#endif
