/** @file adapter.h
 *  How a provider's protocol becomes ticks: an adapter is a protocol machine without I/O.
 *
 *  Bytes go in, ticks and bytes to send come out. An adapter opens no socket, reads no clock and
 *  starts no thread, so the same decoder runs on a live socket, on a captured file and in a fuzzer.
 *  It talks to its surroundings through the struct qta_adapter_host it was given.
 *
 *  The smallest adapter is a name and a build_subscribe_message: messages from the venue that are
 *  already normalized JSON objects (the names of qta-replay(1), alone or in arrays) are then
 * decoded by the library. Everything else is optional:
 *
 *      static const struct qta_adapter_ops my_ops = {
 *          .struct_bytes = sizeof(struct qta_adapter_ops),
 *          .name = "my-venue",
 *          .transport = QTA_TRANSPORT_WEBSOCKET,
 *          .build_subscribe_message = my_build_subscribe_message,
 *      };
 *      qta_adapter_register(&my_ops, &err);   // before the gateway is created
 *
 *  Calls on one adapter come from one thread, never two at once. */
#ifndef QTA_ADAPTER_H
#define QTA_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/export.h>
#include <qta/log.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An adapter's own state. An adapter with state declares `struct my_adapter { struct qta_adapter
 *  base; ... }` with the base first. */
struct qta_adapter {
    const struct qta_adapter_ops *ops;
    struct qta_adapter_host *host; /**< borrowed; valid from create to destroy */
};

enum qta_transport_kind {
    QTA_TRANSPORT_WEBSOCKET = 1, /**< on_data gets one whole message a call */
    QTA_TRANSPORT_TCP = 2,       /**< on_data gets what has arrived and says what it consumed */
    QTA_TRANSPORT_NONE = 3,      /**< no connection: ticks are made in service() */
};

/** What an adapter is, as bits of qta_adapter_ops.traits. */
enum qta_adapter_trait {
    /** Ticks come with their own ts_recv_ns; the host raises it where it would go back. */
    QTA_TRAIT_STAMPS_TIME = 1 << 0,
    /** Ticks come complete: rx_seq, ts_recv_ns, conn and provider are delivered as they are, feed
     *  types included. Such a stream is a recording and is not recorded again. */
    QTA_TRAIT_STAMPS_ALL = 1 << 1,
    /** Has no URL of its own, although it describes its connections: websocket_url must be given.
     */
    QTA_TRAIT_NEEDS_URL = 1 << 2,
    /** Its venue announces that it will cut a connection, and it calls host->expiring(). */
    QTA_TRAIT_ANNOUNCES_END = 1 << 3,
};

/** A provider's key that the adapter understands beyond the common ones. */
enum qta_setting_type {
    QTA_SETTING_STRING,
    QTA_SETTING_STRINGS, /**< one or a list; the value is comma-separated */
    QTA_SETTING_INTEGER,
    QTA_SETTING_NUMBER,
    QTA_SETTING_BOOLEAN,
    QTA_SETTING_DURATION, /**< see qta_duration_parse() */
    QTA_SETTING_SPEED,    /**< see qta_speed_parse() */
    QTA_SETTING_TIME,     /**< see qta_timestamp_parse() */
};
struct qta_setting_spec {
    const char *name;
    enum qta_setting_type type;
    const char *default_value; /**< as it would be written; NULL for none */
    double minimum, maximum;   /**< of INTEGER and NUMBER, when maximum > minimum */
    const char *help;          /**< one line */
};
/** A setting as given: checked against its spec by whoever read the configuration. */
struct qta_setting {
    const char *name;
    const char *value;
};

enum qta_auth_method {
    QTA_AUTH_API_KEY = 0, /**< the provider's usual way for a key and a secret */
    QTA_AUTH_HEADERS = 1, /**< key and secret as headers of the upgrade request */
    QTA_AUTH_BEARER = 2,  /**< "Authorization: Bearer <key>" on the upgrade request */
    QTA_AUTH_NONE = 3,
    QTA_AUTH_MESSAGE = 4, /**< a message once the connection is open, before all others */
    QTA_AUTH_COOKIE = 5,  /**< "Cookie: <key>" on the upgrade request */
};
/** As bits of qta_adapter_ops.own_auth_methods. */
#define QTA_AUTH_BIT(method) (UINT32_C(1) << (method))

/** One thing subscribed to: a tick type and a symbol, "*" for all symbols. */
struct qta_subscription {
    enum qta_tick_type type;
    enum qta_bar_kind bar_kind; /**< with QTA_TICK_BAR; otherwise 0 */
    const char *symbol;
};

/** What an adapter is created with. All borrowed for the call: copy what you keep. Only the keys
 *  stay where they are, in memory that core dumps leave out, until set_credentials has returned or
 *  the adapter is destroyed; they are wiped then. Copies are the adapter's to wipe. */
struct qta_adapter_options {
    const char *provider;      /**< the name in the configuration; ticks carry it */
    const char *websocket_url; /**< may be NULL */
    enum qta_auth_method auth_method;
    const char *api_key;    /**< NULL when none was found */
    const char *api_secret; /**< NULL when none was found */
    const struct qta_setting *settings;
    size_t setting_count;
    const struct qta_subscription *subscriptions; /**< what the configuration asks for at start */
    size_t subscription_count;
};

struct qta_header {
    const char *name; /**< without the colon */
    const char *value;
};
enum { QTA_CONNECT_HEADERS_MAX = 8 };

/** What to connect to. Filled by describe_connection; pointers stay valid until its next call. */
struct qta_connect_request {
    const char *url; /**< ws://, wss://, tcp://host:port or tls://host:port */
    struct qta_header headers[QTA_CONNECT_HEADERS_MAX];
    size_t header_count;
};

/** Bytes from the venue, borrowed for the call. */
struct qta_frame {
    const uint8_t *bytes;
    size_t length;
    bool is_binary;     /**< WebSocket opcode 2 */
    int64_t ts_recv_ns; /**< wall clock, when it was read */
};

/** What is wrong with bytes that could not be (fully) decoded. Counted by kind; the first of each
 *  kind in a connection is logged. The connection goes on. */
enum qta_fault {
    QTA_FAULT_SYNTAX = 0,       /**< not JSON, not msgpack, cut off */
    QTA_FAULT_TOO_LARGE = 1,    /**< over the message limit */
    QTA_FAULT_TOO_DEEP = 2,     /**< nested deeper than any message of the protocol */
    QTA_FAULT_UTF8 = 3,         /**< text that is not UTF-8 */
    QTA_FAULT_UNKNOWN_TYPE = 4, /**< a message type that we do not know: skipped */
    QTA_FAULT_MISSING = 5,      /**< a field that cannot be missing is */
    QTA_FAULT_VALUE = 6,        /**< a field of the wrong type or out of range */
    QTA_FAULT_UNEXPECTED = 7,   /**< valid, but not now */
};
enum { QTA_FAULT_COUNT = 8 };

/** What the host is to do after a failure that the adapter reports. */
enum qta_reaction {
    QTA_REACTION_RECONNECT = 1, /**< close, try again with the usual backoff */
    QTA_REACTION_BLOCK = 2,     /**< close, never try again: a person must act */
};

/** What a venue has had too much of. */
enum qta_throttle {
    QTA_THROTTLE_MESSAGES = 1, /**< messages on this connection */
    QTA_THROTTLE_CONNECTS = 2, /**< connects, of all connections of the provider together */
};

/** The adapter's surroundings: the gateway, a test or a fuzzer. Every call may be made from within
 *  any call to the adapter, on that thread. */
struct qta_adapter_host {
    const struct qta_adapter_host_ops *ops;
    struct qta_dictionary *names; /**< read it; new names go through ops->intern */
};
struct qta_adapter_host_ops {
    /** Delivers a tick. The host fills rx_seq, ts_recv_ns, provider and conn (see the traits), so
     *  the struct must be the adapter's own to change. It is borrowed for the call. */
    void (*emit)(struct qta_adapter_host *host, struct qta_tick *tick);

    /** The id of a name; see qta_dictionary_intern(). */
    uint32_t (*intern)(struct qta_adapter_host *host, enum qta_name_kind kind, const char *name,
                       size_t length);

    /** Sends one message (WebSocket) or bytes (TCP). Copied. Order is kept. A message that cannot
     *  be queued (64 MiB are waiting) closes the connection. */
    void (*send)(struct qta_adapter_host *host, const void *bytes, size_t length, bool is_binary);

    /** The connection can take subscriptions now (authenticated, or no authentication needed).
     *  Once per connection. The host answers with subscribe(). */
    void (*ready)(struct qta_adapter_host *host);

    /** The venue's answer for one subscription. reason is NULL or one sentence. */
    void (*subscribed)(struct qta_adapter_host *host, const struct qta_subscription *subscription,
                       bool is_accepted, int code, const char *reason);

    /** The connection is of no use any more. cause and code go into the CONN record; sentence says
     *  what happened and what to do. retry_after_ns is the venue's hint, 0 for none. The host
     *  closes; no more calls until the next on_open. */
    void (*fail)(struct qta_adapter_host *host, enum qta_reaction reaction,
                 enum qta_conn_cause cause, int code, int64_t retry_after_ns, const char *sentence);

    /** QTA_TRANSPORT_NONE: there will be no more ticks. */
    void (*finished)(struct qta_adapter_host *host);

    /** Counts bytes that were not understood. detail says where and why, for the log; it must not
     *  contain secrets and is cut at 200 bytes. */
    void (*fault)(struct qta_adapter_host *host, enum qta_fault fault, const char *detail);

    /** A line for the log, under the provider's name. */
    void (*log)(struct qta_adapter_host *host, enum qta_log_level level, const char *message);

    /** The venue has said that it will cut this connection soon: the host opens another beside it
     *  and closes this one when the other carries the data. With QTA_TRAIT_ANNOUNCES_END only. */
    void (*expiring)(struct qta_adapter_host *host);

    /** The venue says that we are too fast. The host halves that rate, sends or connects nothing
     *  for retry_after_ns (the venue's hint, 0 for none) and recovers by and by. The connection
     * goes on; where it cannot, call fail() after this. */
    void (*throttled)(struct qta_adapter_host *host, enum qta_throttle what,
                      int64_t retry_after_ns);

    /** A message has this number, and the venue numbers all messages of a connection one by one,
     *  those without ticks, too: one that is left out becomes a GAP record of the provider. Before
     *  the message's ticks. The first one of a connection may be any. */
    void (*numbered)(struct qta_adapter_host *host, uint64_t number);
};

/** The contract. Members left NULL take the default that is said with each. */
struct qta_adapter_ops {
    size_t struct_bytes; /**< sizeof(struct qta_adapter_ops): lets the table grow */
    const char *name;    /**< what users write in the configuration, e.g. "alpaca" */
    enum qta_transport_kind transport;
    uint32_t traits; /**< enum qta_adapter_trait */
    uint32_t types;  /**< QTA_TYPE_BITs it can subscribe to; 0 means all */
    const struct qta_setting_spec *settings;
    size_t setting_count;
    /** Environment variables that may hold key and secret, tried after <PROVIDER>_API_KEY and
     *  <PROVIDER>_API_SECRET; NULL for none. */
    const char *key_variable;
    const char *secret_variable;
    bool needs_key;   /**< refuse to start without key and secret unless auth_method is none */
    const char *help; /**< one line for listings */
    /** QTA_TYPE_BITs of the ticks whose src_seq counts by one for each symbol and type, on and on
     *  over all connections: a number that is left out is a tick that was missed, and becomes a GAP
     *  record. Numbers that only grow (one for all symbols, or with holes) are no such numbers. For
     *  messages that are numbered on a connection see qta_adapter_host_ops.numbered. 0 for none. */
    uint32_t dense_types;

    /** Allocates; does nothing else. On success sets (*out)->ops and (*out)->host. Default: a
     * struct qta_adapter of no state. Errors are configuration errors (QTA_ERR_CONFIG) or NOMEM. */
    enum qta_status (*create)(struct qta_adapter **out, const struct qta_adapter_options *options,
                              struct qta_adapter_host *host, struct qta_error *err);

    /** Frees; NULL is fine. Default: free(). */
    void (*destroy)(struct qta_adapter *adapter);

    /** Where to connect and with which headers; asked before every attempt. Default: the
     *  configured websocket_url, no headers. */
    enum qta_status (*describe_connection)(struct qta_adapter *adapter,
                                           struct qta_connect_request *request,
                                           struct qta_error *err);

    /** The transport is open: forget the last connection's state, send a greeting if the protocol
     *  wants one. Default: host->ready(). */
    void (*on_open)(struct qta_adapter *adapter, int64_t now_ns);

    /** Bytes have arrived. WebSocket: exactly one message, complete; the return value is ignored.
     *  TCP: all unconsumed bytes; returns how many were consumed (whole messages), the rest comes
     *  again with more behind it. Default: normalized JSON ticks, as in the file comment. */
    size_t (*on_data)(struct qta_adapter *adapter, const struct qta_frame *frame);

    /** The connection is gone. No sends any more. Default: nothing. */
    void (*on_close)(struct qta_adapter *adapter);

    /** Adds (is_added) or removes subscriptions, after ready(). Sends the protocol's messages and
     *  reports each answer by host->subscribed(). Default: build_subscribe_message for each type
     *  with all its symbols, then reports all as accepted. */
    void (*subscribe)(struct qta_adapter *adapter, const struct qta_subscription *subscriptions,
                      size_t count, bool is_added, int64_t now_ns);

    /** Writes the text message that subscribes to these symbols of one type into text. Returns its
     *  length; when that is >= capacity it is called again with enough room; 0 sends nothing. */
    size_t (*build_subscribe_message)(struct qta_adapter *adapter, enum qta_tick_type type,
                                      const char *const *symbols, size_t symbol_count,
                                      bool is_added, char *text, size_t capacity);

    /** Timers, and for QTA_TRANSPORT_NONE the place where ticks are made: emit those due at now_ns
     *  (monotonic), budget at most, without ever blocking. Returns the monotonic time at which to
     *  call again: now_ns for at once, INT64_MAX for "no timer". Default: INT64_MAX. */
    int64_t (*service)(struct qta_adapter *adapter, int64_t now_ns, size_t budget);

    /** QTA_AUTH_BITs of the methods that the adapter carries out itself, with the key and secret of
     *  its options; any other but `none` is then a configuration error. 0: the library carries out
     *  headers, bearer, message and cookie, and `api_key` means nothing. */
    uint32_t own_auth_methods;

    /** Key and secret have been replaced, as api_key and api_secret of the options and for as long:
     *  use these from the next login on. The connection that is open stays as it is. May come at
     *  any time between the other calls. QTA_ERR_NOMEM: the old ones stay. Default: nothing, for
     *  an adapter that leaves logins to the library. */
    enum qta_status (*set_credentials)(struct qta_adapter *adapter, const char *api_key,
                                       const char *api_secret, struct qta_error *err);
};

/** Adds an adapter to the process's table; ops must stay valid for good. Before any gateway is
 *  created; not thread-safe. QTA_ERR_USAGE: a name that is taken or empty, a wrong struct_bytes, no
 *  way to subscribe. */
QTA_API enum qta_status qta_adapter_register(const struct qta_adapter_ops *ops,
                                             struct qta_error *err);

/** The adapter of that name, or NULL. */
QTA_API const struct qta_adapter_ops *qta_adapter_find(const char *name);

/** The adapters known, sorted by name: fills up to capacity, returns how many there are. */
QTA_API size_t qta_adapter_list(const struct qta_adapter_ops **list, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
