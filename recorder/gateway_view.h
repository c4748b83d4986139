/** @file gateway_view.h
 *  What of a running gateway others may look at, from any thread and at any time of its life. */
#ifndef QTA_RECORDER_GATEWAY_VIEW_H
#define QTA_RECORDER_GATEWAY_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/dictionary.h>

#include "core/environment.h"
#include "recorder/auth_agent.h"
#include "recorder/connection.h"
#include "recorder/counters.h"
#include "recorder/recording.h"
#include "recorder/subscriber_set.h"

/** All borrowed of the gateway. */
struct qta_gateway_view {
    struct qta_environment *environment;
    const struct qta_counters *counters;
    struct qta_connection *const *connections;
    size_t connection_count;
    struct qta_subscriber_set *subscribers;
    const struct qta_dictionary *names;
    const struct qta_auth_agent *auth;
    const struct qta_recording *recording; /**< NULL for none */
    bool is_replay;                        /**< times are those of a recording */
};

static inline const struct qta_feed *qta_gateway_view_feed(const struct qta_gateway_view *view,
                                                           size_t index)
{
    return qta_connection_feed(view->connections[index]);
}

#endif
