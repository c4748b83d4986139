/** @file server.h
 *  Serves a replay to other programs as if it were Alpaca's live stream.
 *
 *  Any client of that protocol can connect, a vendor's SDK or qta-record: welcome, authentication,
 *  subscription, batches and errors are the provider's own; JSON or msgpack as the upgrade
 * request's Content-Type asks. The path chooses between stock and crypto messages ("crypto" in it).
 */
#ifndef QTA_SERVER_H
#define QTA_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>
#include <qta/replay.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Start from qta_server_options_default(). Borrowed for the call. */
struct qta_server_options {
    const char *host;    /**< address to listen on, e.g. "127.0.0.1" */
    uint16_t port;       /**< 0 for any free one, see qta_server_port() */
    const char *api_key; /**< NULL: any key and secret are accepted */
    const char *api_secret;
    const char *tls_certificate_file; /**< PEM; NULL for plain ws:// */
    const char *tls_key_file;
    uint32_t client_max;          /**< connections at once; the next gets error 406 */
    uint32_t symbol_max;          /**< symbols of a client; over it error 405; 0 for no limit */
    uint32_t batch_max;           /**< messages in one array at most */
    uint64_t client_buffer_bytes; /**< waiting for a client at most */
    /** A client whose buffer is full: true holds the replay for it, false sends it error 407 and
     *  closes. */
    bool is_patient;
};
QTA_API struct qta_server_options qta_server_options_default(void);

struct qta_server;

/** Listens. The replay is borrowed and must outlive the server. QTA_ERR_USAGE, QTA_ERR_IO (the
 *  address is in use), QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_server_create(struct qta_server **out, struct qta_replay *replay,
                                          const struct qta_server_options *options,
                                          struct qta_error *err);
QTA_API void qta_server_destroy(struct qta_server *server);

/** The port it listens on. */
QTA_API uint16_t qta_server_port(const struct qta_server *server);

/** Waits for the first subscription (and 200 ms for more, since clients ask for trades and quotes
 * in one message each), plays to the end, lets every client read what is left, closes all with 1000
 * and returns. Errors as qta_replay_run(). on_problem as there. */
QTA_API enum qta_status qta_server_run(struct qta_server *server, qta_problem_callback on_problem,
                                       void *user, struct qta_error *err);

/** Ends a run soon. Any thread and signal handlers. */
QTA_API void qta_server_stop(struct qta_server *server);

struct qta_server_stats {
    uint64_t clients;     /**< connected now */
    uint64_t connections; /**< ever */
    uint64_t messages;    /**< market messages sent, all clients */
    uint64_t unserved;    /**< ticks that this protocol has no message for */
};
QTA_API void qta_server_stats(const struct qta_server *server, struct qta_server_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
