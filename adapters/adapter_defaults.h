/** @file adapter_defaults.h
 *  Calls an adapter, with the library's behaviour where its table has NULL.
 *
 *  The gateway, tests and fuzzers call adapters through these and never look into the table
 *  themselves. Arguments, results and threads are those of struct qta_adapter_ops; only what
 * differs is said here. */
#ifndef QTA_ADAPTERS_ADAPTER_DEFAULTS_H
#define QTA_ADAPTERS_ADAPTER_DEFAULTS_H

#include <qta/adapter.h>

/** Creates an adapter of this table and sets its ops and host. */
enum qta_status qta_adapter_create_with(const struct qta_adapter_ops *ops,
                                        const struct qta_adapter_options *options,
                                        struct qta_adapter_host *host, struct qta_adapter **out,
                                        struct qta_error *err);

/** NULL is fine. */
void qta_adapter_destroy(struct qta_adapter *adapter);

/** Clears *request, then has it filled. websocket_url is the configured one (may be NULL), borrowed
 *  as long as the request is used: an adapter that does not describe its connection goes there.
 *  QTA_ERR_CONFIG: neither knows where to connect to. */
enum qta_status qta_adapter_describe_connection(struct qta_adapter *adapter,
                                                const char *websocket_url,
                                                struct qta_connect_request *request,
                                                struct qta_error *err);

void qta_adapter_on_open(struct qta_adapter *adapter, int64_t now_ns);

/** By default normalized JSON (adapters/normalized_json.h): one message a WebSocket message, over
 *  TCP one message a line. */
size_t qta_adapter_on_data(struct qta_adapter *adapter, const struct qta_frame *frame);

void qta_adapter_on_close(struct qta_adapter *adapter);

/** By default sends one message for each type (bars of all kinds are one type), in the order of the
 *  types' first appearance, then reports every subscription as accepted when is_added. Allocates;
 *  not for the hot path. */
void qta_adapter_subscribe(struct qta_adapter *adapter,
                           const struct qta_subscription *subscriptions, size_t count,
                           bool is_added, int64_t now_ns);

int64_t qta_adapter_service(struct qta_adapter *adapter, int64_t now_ns, size_t budget);

/** Whether the adapter can subscribe to ticks of this type. */
bool qta_adapter_offers(const struct qta_adapter_ops *ops, enum qta_tick_type type);

#endif
