/** @file health_service.h
 *  The thread beside a gateway that watches it, tells alerts, and serves figures over HTTP. It
 * reads counters and nothing else: whatever happens to it, the network thread does not notice. */
#ifndef QTA_RECORDER_HEALTH_SERVICE_H
#define QTA_RECORDER_HEALTH_SERVICE_H

#include <qta/config.h>
#include <qta/error.h>

#include "adapters/byte_buffer.h"
#include "recorder/gateway_view.h"

struct qta_health_service;

/** Copies what it needs of the options, view included; what the view points to is borrowed for
 * life. QTA_ERR_CONFIG: a webhook that can never work; QTA_ERR_NOMEM, QTA_ERR_NOT_FOUND: no time
 * zone America/New_York where trading hours are to be known. */
enum qta_status qta_health_service_create(struct qta_health_service **out,
                                          const struct qta_gateway_options *options,
                                          const struct qta_gateway_view *view,
                                          struct qta_error *err);

/** Begins to listen and starts the thread. An address that cannot be had is logged and tried again
 *  now and then: recording is worth more than being looked at. QTA_ERR_NOMEM. */
enum qta_status qta_health_service_start(struct qta_health_service *service, struct qta_error *err);

/** Takes over other thresholds. Any thread. */
void qta_health_service_set_thresholds(struct qta_health_service *service,
                                       const struct qta_health_options *options);

/** The page of /status. Any thread. */
void qta_health_service_write_status(struct qta_health_service *service,
                                     struct qta_byte_buffer *page);

/** Ends the thread and stops listening. */
void qta_health_service_stop(struct qta_health_service *service);

/** Stops it, too. NULL is fine. */
void qta_health_service_destroy(struct qta_health_service *service);

#endif
