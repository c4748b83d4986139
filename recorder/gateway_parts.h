/** @file gateway_parts.h
 *  What a gateway consists of, for the files that make it: gateway.c (parts, life, what may be
 * asked of it) and gateway_run.c (its threads). */
#ifndef QTA_RECORDER_GATEWAY_PARTS_H
#define QTA_RECORDER_GATEWAY_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <qta/gateway.h>

#include "recorder/auth_agent.h"
#include "recorder/connection.h"
#include "recorder/counters.h"
#include "recorder/health_service.h"
#include "recorder/network_agent.h"
#include "recorder/provider.h"
#include "recorder/publisher.h"
#include "recorder/recording.h"
#include "recorder/subscriber_set.h"

enum qta_run_state { QTA_RUN_NOT_YET, QTA_RUN_STARTED, QTA_RUN_ENDED };

struct qta_gateway {
    struct qta_environment *environment;
    struct qta_transport *transport; /* ours; NULL for none */
    struct qta_dictionary *names;
    struct qta_counters counters;
    struct qta_subscriber_set *subscribers;
    struct qta_subscriber *callbacks; /* the first of them */
    struct qta_recording *recording;  /* NULL for none */
    struct qta_publisher *publisher;
    struct qta_auth_agent *auth;
    struct qta_provider **providers;
    size_t provider_count;
    struct qta_connection **connections; /* of all providers, to be looked at */
    size_t connection_count;
    struct qta_network_agent *agent;
    struct qta_health_service *health; /* NULL for none */

    struct qta_subscription *configured; /* what the configuration subscribes to */
    size_t configured_count;
    bool is_replay;
    bool is_stepped;

    _Atomic int run_state; /* enum qta_run_state */
    bool has_thread;       /* of qta_gateway_start(), not joined yet */
    pthread_t thread;
    enum qta_status thread_status;
    struct qta_error thread_error;
};

#endif
