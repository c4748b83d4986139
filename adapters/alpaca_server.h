/** @file alpaca_server.h
 *  The server's side of Alpaca's stream, for one client, as a protocol machine without I/O.
 *
 *      qta_alpaca_client_create(&client, &options, names, &request, &host, user, &err);
 *      qta_alpaca_client_open(client, now_ns);                  // welcome
 *      qta_alpaca_client_on_message(client, bytes, length, now_ns);
 *      while (qta_alpaca_encoder_next(encoder, &message))
 *          qta_alpaca_client_offer(client, encoder, &message);  // if subscribed, into the batch
 *      qta_alpaca_client_flush(client);                         // one array of them
 *
 *  It keeps the provider's rules: welcome first, 10 s to authenticate, replies in order, the
 *  complete set of subscriptions after each change, errors by their codes. One thread. */
#ifndef QTA_ADAPTERS_ALPACA_SERVER_H
#define QTA_ADAPTERS_ALPACA_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>

#include "adapters/alpaca_encode.h"

#define QTA_ALPACA_AUTH_TIMEOUT_NS INT64_C(10000000000)

/** The provider's error codes that a server of ours sends. */
enum qta_alpaca_server_error {
    QTA_ALPACA_ERROR_SYNTAX = 400,
    QTA_ALPACA_ERROR_NOT_AUTHENTICATED = 401,
    QTA_ALPACA_ERROR_AUTH_FAILED = 402,
    QTA_ALPACA_ERROR_ALREADY_AUTHENTICATED = 403,
    QTA_ALPACA_ERROR_AUTH_TIMEOUT = 404,
    QTA_ALPACA_ERROR_SYMBOL_LIMIT = 405,
    QTA_ALPACA_ERROR_CONNECTION_LIMIT = 406,
    QTA_ALPACA_ERROR_SLOW_CLIENT = 407,
    QTA_ALPACA_ERROR_INVALID_ACTION = 410,
    QTA_ALPACA_ERROR_INTERNAL = 500,
};

/** The same for all clients of a server; borrowed for the clients' lives. */
struct qta_alpaca_server_options {
    const char *api_key; /**< NULL: any key and secret are accepted */
    const char *api_secret;
    uint32_t symbol_max;    /**< subscriptions of one client, "*" counts as one; 0 for no limit */
    uint32_t batch_max;     /**< messages in one array */
    size_t batch_max_bytes; /**< of one array, unless a single message is longer */
};

/** What the upgrade request said. Borrowed for the call. */
struct qta_alpaca_upgrade {
    bool is_msgpack;
    bool is_crypto;
    bool is_over_limit;     /**< too many clients already: error 406 in answer to its auth */
    const char *header_key; /**< credentials in headers; NULL for none */
    const char *header_secret;
};

/** The machine's surroundings. Called from within calls to the client only. */
struct qta_alpaca_client_host {
    /** Queues one message; bytes are borrowed for the call. */
    void (*send)(void *user, const void *bytes, size_t length, bool is_binary);
    /** Closes with this WebSocket code after what is queued. Once, and then nothing more is sent.
     */
    void (*close)(void *user, int code);
};

struct qta_alpaca_client;

/** names stands for the symbol ids of messages. names, options and host are borrowed for the
 *  client's life. QTA_ERR_NOMEM. */
enum qta_status qta_alpaca_client_create(struct qta_alpaca_client **out,
                                         const struct qta_alpaca_server_options *options,
                                         const struct qta_dictionary *names,
                                         const struct qta_alpaca_upgrade *request,
                                         const struct qta_alpaca_client_host *host, void *user,
                                         struct qta_error *err);

/** NULL is fine. Wipes nothing of yours. */
void qta_alpaca_client_destroy(struct qta_alpaca_client *client);

/** The connection is open: sends the welcome, and with credentials in headers the verdict. */
void qta_alpaca_client_open(struct qta_alpaca_client *client, int64_t now_ns);

/** One whole message of the client's. */
void qta_alpaca_client_on_message(struct qta_alpaca_client *client, const void *bytes,
                                  size_t length);

/** Timers. Returns when to call again, INT64_MAX for never. */
int64_t qta_alpaca_client_service(struct qta_alpaca_client *client, int64_t now_ns);

/** The message that the encoder holds: into the batch if the client has subscribed to it. */
void qta_alpaca_client_offer(struct qta_alpaca_client *client, struct qta_alpaca_encoder *encoder,
                             const struct qta_alpaca_outgoing *message);

/** Sends the batch, if there is something in it. */
void qta_alpaca_client_flush(struct qta_alpaca_client *client);

/** Sends an error and closes: QTA_ALPACA_ERROR_SLOW_CLIENT, for one. */
void qta_alpaca_client_fail(struct qta_alpaca_client *client, enum qta_alpaca_server_error error);

/** Whether it is subscribed to anything. */
bool qta_alpaca_client_is_subscribed(const struct qta_alpaca_client *client);

/** Messages put into batches so far. */
uint64_t qta_alpaca_client_messages(const struct qta_alpaca_client *client);

#endif
