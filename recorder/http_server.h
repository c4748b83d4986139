/** @file http_server.h
 *  A small HTTP server for machines that look in: GET and HEAD of a few pages, nothing else.
 *
 *      qta_http_server_create(&server, respond, user, &err);
 *      qta_http_server_listen(server, "127.0.0.1", 9000, &port, &err);
 *      while (...)
 *          qta_http_server_service(server, timeout_ns);
 *      qta_http_server_destroy(server);
 *
 *  Requests are parsed by libwebsockets. Connections, request sizes and times are bounded: who
 *  sends slowly, much or nonsense is cut off, and costs nobody but itself. Bodies are refused.
 *
 *  Everything runs on the thread that calls service; qta_http_server_wake() may come from any. */
#ifndef QTA_RECORDER_HTTP_SERVER_H
#define QTA_RECORDER_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>

#include "adapters/byte_buffer.h"

struct qta_http_server;

/** At most so many connections at once; more are closed as soon as they come. */
enum { QTA_HTTP_CONNECTIONS_MAX = 32 };

struct qta_http_request {
    const char *path;   /**< without the query */
    const char *accept; /**< "" when there was none */
};

struct qta_http_response {
    int status;                  /**< 200 at first */
    const char *content_type;    /**< static */
    struct qta_byte_buffer body; /**< empty at first */
};

/** Fills in a response. False: there is no such page. */
typedef bool (*qta_http_respond)(void *user, const struct qta_http_request *request,
                                 struct qta_http_response *response);

struct qta_http_counts {
    uint64_t requests;  /**< answered, whatever the status */
    uint64_t failures;  /**< of those, with a status of 400 and above */
    uint64_t rejected;  /**< connections over the limit */
    uint64_t connected; /**< now */
};

enum qta_status qta_http_server_create(struct qta_http_server **out, qta_http_respond respond,
                                       void *user, struct qta_error *err);

/** Closes what is open. NULL is fine. */
void qta_http_server_destroy(struct qta_http_server *server);

/** Listens on one more address, at most two. port 0: any; *bound_port is which. QTA_ERR_IO: the
 *  address cannot be had; QTA_ERR_CONFIG: it is none. */
enum qta_status qta_http_server_listen(struct qta_http_server *server, const char *host,
                                       uint16_t port, uint16_t *bound_port, struct qta_error *err);

/** Answers, and waits for requests for timeout_ns at most. */
void qta_http_server_service(struct qta_http_server *server, int64_t timeout_ns);

/** Ends a wait. Any thread. */
void qta_http_server_wake(struct qta_http_server *server);

/** On the serving thread. */
void qta_http_server_counts(const struct qta_http_server *server, struct qta_http_counts *counts);

#endif
