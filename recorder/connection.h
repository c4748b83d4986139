/** @file connection.h
 *  One connection of a provider: its adapter, the link under it, and what happens when the link is
 *  lost.
 *
 *                        +------------------- the wait is over ------------------+
 *                        v                                                       |
 *      idle --start--> connecting --> open --ready()--> ready --all answered--> subscribed
 *                        |             |                  |                      |
 *                        +------+------+------ link ends, adapter fails ---------+
 *                               |
 *                               +--> backing off --(the wait is over)--> connecting
 *                               +--> blocked: refused for good, or attempts used up
 *
 *      any but blocked --stop(), adapter finished()--> finished, once the link has ended
 *      any             --retire()--> idle, once the link has ended; it can be started again
 *
 *  Every change is told to the publisher as a CONN tick; a GAP tick tells of the outage as soon as
 *  data can flow again (see shard.h). (An adapter that stamps its ticks completely plays a
 * recording: nothing is added to that.) An adapter without a connection goes the same way in one
 * step.
 *
 *  Belongs to the network thread. Time is an argument: now_ns monotonic, realtime_ns wall clock. */
#ifndef QTA_RECORDER_CONNECTION_H
#define QTA_RECORDER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/error.h>

#include "core/environment.h"
#include "recorder/auth_manager.h"
#include "recorder/connect_queue.h"
#include "recorder/counters.h"
#include "recorder/feed.h"
#include "recorder/live_options.h"
#include "recorder/publisher.h"
#include "recorder/shard.h"
#include "recorder/transport.h"
#include "recorder/wants.h"

struct qta_connection;

enum qta_connection_state {
    QTA_CONNECTION_IDLE,
    QTA_CONNECTION_CONNECTING,
    QTA_CONNECTION_OPEN,
    QTA_CONNECTION_READY,
    QTA_CONNECTION_SUBSCRIBED,
    QTA_CONNECTION_BACKING_OFF,
    QTA_CONNECTION_BLOCKED,
    QTA_CONNECTION_FINISHED,
};

struct qta_connection_options {
    /* borrowed for the call */
    const struct qta_provider_options *provider;
    const struct qta_gateway_options *gateway;    /**< reconnect, health check, message limit */
    const struct qta_subscription *subscriptions; /**< of the provider's, those of this shard */
    size_t subscription_count;

    /* borrowed as long as the connection lives */
    const struct qta_adapter_ops *ops;
    struct qta_auth_manager *auth_manager;
    struct qta_environment *environment; /**< the clock, where an event brings no time with it */
    struct qta_transport *transport;     /**< may be NULL for an adapter without a connection */
    struct qta_publisher *publisher;
    struct qta_dictionary *names;
    struct qta_counters *counters;
    struct qta_connect_queue *connects; /**< shared with the provider's other connections */
    struct qta_shard *shard;
    const char *label; /**< which of the provider's connections, e.g. "2B"; "" for the only one */

    unsigned line;         /**< of the shard */
    size_t provider_index; /**< in the configuration */
    uint64_t seed;         /**< of the jitter */
};

/** Creates the adapter and checks where it would connect to; connects nothing. QTA_ERR_CONFIG,
 *  QTA_ERR_NOMEM, and whatever the adapter says. */
enum qta_status qta_connection_create(struct qta_connection **out,
                                      const struct qta_connection_options *options,
                                      struct qta_error *err);

/** Its link must have ended. NULL is fine. */
void qta_connection_destroy(struct qta_connection *connection);

/** Begins the first attempt. It must be idle. */
void qta_connection_start(struct qta_connection *connection, int64_t now_ns, int64_t realtime_ns);

/** Does what is due. budget: how many ticks an adapter without a connection may make now. Returns
 *  when to call again: now_ns for at once, INT64_MAX for "not before something happens". */
int64_t qta_connection_service(struct qta_connection *connection, int64_t now_ns,
                               int64_t realtime_ns, size_t budget);

/** Wants more; the venue hears of it with qta_connection_ask(). Wanted already: nothing happens,
 *  but one that was refused is asked for once more. QTA_ERR_NOMEM. */
enum qta_status qta_connection_want(struct qta_connection *connection,
                                    const struct qta_subscription *subscription,
                                    struct qta_error *err);

/** Asks for all that is wanted and was not asked for, in one question; where the connection is not
 *  up that is done when it is. */
void qta_connection_ask(struct qta_connection *connection);

/** Wants these no longer; of those that the venue was asked for it is told, in one message. Those
 *  that are not wanted do not matter. */
void qta_connection_unsubscribe(struct qta_connection *connection,
                                const struct qta_subscription *subscriptions, size_t count);

/** Takes over other limits; what a venue's throttle signals did to them stays. */
void qta_connection_set_limits(struct qta_connection *connection,
                               const struct qta_live_limits *limits);

/** Whether it is asked for this already, or for "*". */
bool qta_connection_covers(const struct qta_connection *connection,
                           const struct qta_subscription *subscription);

/** Closes the link for good. The state becomes finished when it has ended. */
void qta_connection_stop(struct qta_connection *connection, int64_t now_ns);

/** Closes the link, as it is not needed now. The state becomes idle when it has ended; in the
 * states idle and finished nothing happens. */
void qta_connection_retire(struct qta_connection *connection, int64_t now_ns);

/** Stops or resumes reading. */
void qta_connection_pause(struct qta_connection *connection, bool is_paused);

/** Says in a new session how things stand. */
void qta_connection_carry_over(struct qta_connection *connection);

enum qta_connection_state qta_connection_state(const struct qta_connection *connection);

/** True in the states blocked and finished: nothing comes of it any more. */
bool qta_connection_is_over(const struct qta_connection *connection);

/** QTA_OK; in state blocked QTA_ERR_REFUSED or QTA_ERR_FEED, with the reason in err. */
enum qta_status qta_connection_verdict(const struct qta_connection *connection,
                                       struct qta_error *err);

/** The provider's name, and the label where there is one: "alpaca", "alpaca/2B". */
/** Logs the reason why it is blocked, once: for where others of its provider go on, so that nobody
 *  else tells of it. */
void qta_connection_tell_verdict(struct qta_connection *connection);

const char *qta_connection_title(const struct qta_connection *connection);

/** What it is asked for. Valid as long as the connection. */
const struct qta_wants *qta_connection_wants(const struct qta_connection *connection);

/** Whether this very subscription is among that. */
bool qta_connection_wants_it(const struct qta_connection *connection,
                             const struct qta_subscription *subscription);

/** Given up, or its circuit is open: nothing can be expected of it soon. */
bool qta_connection_is_broken(const struct qta_connection *connection);

/** The venue has announced that it will cut the connection that is open. */
bool qta_connection_is_expiring(const struct qta_connection *connection);

/** How long it has been open, as of its last service; 0 while it is not. */
int64_t qta_connection_age_ns(const struct qta_connection *connection);

/** What is counted about it. Valid as long as the connection; any thread may read. */
const struct qta_feed *qta_connection_feed(const struct qta_connection *connection);

/** "connecting", "subscribed", ... Static. */
const char *qta_connection_state_name(enum qta_connection_state state);
enum { QTA_CONNECTION_STATE_COUNT = QTA_CONNECTION_FINISHED + 1 };

#endif
