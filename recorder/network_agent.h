/** @file network_agent.h
 *  The network thread's work as functions: a thread runs them in a loop, a test calls them by hand.
 *
 *      while (!qta_network_agent_is_finished(agent)) {
 *          int64_t due_ns = qta_network_agent_do_work(agent, monotonic_ns, realtime_ns);
 *          qta_network_agent_wait(agent, due_ns);
 *      }
 *
 *  do_work() takes commands, starts and services the providers, watches the clocks and the
 * subscribers, and at the end closes everything in order. wait() lets the transport work, or
 * sleeps.
 *
 *  Those three belong to the network thread; commands, stop and wake come from any. */
#ifndef QTA_RECORDER_NETWORK_AGENT_H
#define QTA_RECORDER_NETWORK_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "core/environment.h"
#include "recorder/counters.h"
#include "recorder/live_options.h"
#include "recorder/provider.h"
#include "recorder/publisher.h"
#include "recorder/recording.h"
#include "recorder/subscriber_set.h"
#include "recorder/transport.h"

struct qta_network_agent;

/** All borrowed as long as the agent lives. */
struct qta_network_agent_options {
    struct qta_environment *environment;
    struct qta_transport *transport; /**< NULL when no provider needs one */
    struct qta_provider **providers;
    size_t provider_count;
    struct qta_publisher *publisher;
    struct qta_recording *recording; /**< NULL: none */
    struct qta_dictionary *names;
    struct qta_subscriber_set *subscribers; /**< a crowded one that blocks pauses the links */
    struct qta_counters *counters;
    bool has_own_time; /**< receive times are our clock's: its steps matter */
};

enum qta_status qta_network_agent_create(struct qta_network_agent **out,
                                         const struct qta_network_agent_options *options,
                                         struct qta_error *err);
void qta_network_agent_destroy(struct qta_network_agent *agent);

/** One turn; never waits but for a subscriber's room. Returns when
 *  the next is due, at the latest a second from now. */
int64_t qta_network_agent_do_work(struct qta_network_agent *agent, int64_t now_ns,
                                  int64_t realtime_ns);

/** Waits until due_ns, until something arrives, or until qta_network_agent_wake(). */
void qta_network_agent_wait(struct qta_network_agent *agent, int64_t due_ns);

/** All is closed, everything is in the subscribers' queues. Any thread. */
bool qta_network_agent_is_finished(const struct qta_network_agent *agent);

/** Why it ended: what qta_gateway_run() returns. Once it is finished. */
enum qta_status qta_network_agent_result(const struct qta_network_agent *agent,
                                         struct qta_error *err);

/** Asks for the end. Any thread, signal handlers included. */
void qta_network_agent_stop(struct qta_network_agent *agent);

/** Ends a wait soon. Any thread, signal handlers included. */
void qta_network_agent_wake(struct qta_network_agent *agent);

/** The subscriber has taken ticks from its queue, or is gone: wakes the agent when it waits for
 *  that. Any thread. */
void qta_network_agent_note_room(struct qta_network_agent *agent,
                                 const struct qta_subscriber *subscriber);

/** Waits until the subscriber has room or is gone. False: the run is ending, and one that blocks
 * has dispatched nothing for callback_hang_after (0: it is waited for without limit), or another
 * one has dispatched nothing for a second or made no room for three. For the network thread, from
 *  within do_work() and wait(). */
bool qta_network_agent_wait_for_room(struct qta_network_agent *agent,
                                     struct qta_subscriber *subscriber);

/** Asks the providers for these symbols of a type, where none is subscribed to them. Copied. Any
 *  thread, also before the first turn. QTA_ERR_NOMEM; QTA_ERR_STATE: too many commands wait. */
enum qta_status qta_network_agent_subscribe(struct qta_network_agent *agent,
                                            enum qta_tick_type type, const char *const *symbols,
                                            size_t symbol_count, struct qta_error *err);

/** Asks the providers for these no longer, as above. */
enum qta_status qta_network_agent_unsubscribe(struct qta_network_agent *agent,
                                              enum qta_tick_type type, const char *const *symbols,
                                              size_t symbol_count, struct qta_error *err);

/** Takes over another configuration, soon: subscriptions and limits of its providers, and providers
 *  that are no longer in it stop. live becomes the agent's. The first one, before the run, says
 *  what the providers were created with. Of several that wait the last one counts. Any thread. */
void qta_network_agent_reload(struct qta_network_agent *agent, struct qta_live_options *live);

/** Records a note. Copied. Any thread. Errors as above. */
enum qta_status qta_network_agent_mark(struct qta_network_agent *agent, const char *note,
                                       struct qta_error *err);

#endif
