/** @file webhook.h
 *  One POST of JSON over HTTP/1.1, with or without TLS, waiting for the answer. */
#ifndef QTA_RECORDER_WEBHOOK_H
#define QTA_RECORDER_WEBHOOK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "recorder/tls.h"
#include "recorder/url.h"

/** Reads http:// and https:// URLs. QTA_ERR_CONFIG for others. */
enum qta_status qta_webhook_url_parse(struct qta_url *url, const char *text, struct qta_error *err);

/** QTA_OK: the answer was 2xx. Otherwise QTA_ERR_FEED with the reason, which names neither path nor
 *  query. Returns early when *stop becomes true. Redirects are not followed. */
enum qta_status qta_webhook_post(const struct qta_url *url, struct qta_tls_store *tls,
                                 const void *body, size_t length, int64_t timeout_ns,
                                 const atomic_bool *stop, struct qta_error *err);

#endif
