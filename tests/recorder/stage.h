/** @file stage.h
 *  A gateway on a scripted transport in virtual time, with everything its callbacks and its log get
 *  written down.
 *
 *      struct stage stage;
 *      stage_init(&stage, "chatty");          // options may be changed until stage_open()
 *      stage.acts = acts;                     // what the venue does, attempt by attempt
 *      stage.act_count = 2;
 *      stage_open(&stage);
 *      stage_run_for(&stage, 60 * STAGE_S);
 *      assert_string_equal(stage_story(&stage), "connecting open ready subscribed trade trade");
 *      stage_finish(&stage); */
#ifndef QTA_TESTS_STAGE_H
#define QTA_TESTS_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/gateway.h>

#include "tests/recorder/scripted_transport.h"
#include "tests/recorder/virtual_environment.h"

#define STAGE_MS INT64_C(1000000)
#define STAGE_S INT64_C(1000000000)

/** What the venue does to one attempt. All zero: it plays its part well, for ever. */
struct act {
    bool is_refused;          /**< ends as `end` says instead of opening */
    bool is_mute;             /**< does not answer the connect at all */
    bool has_no_welcome;      /**< does not answer the login */
    bool has_no_ack;          /**< does not answer subscriptions */
    const char *refuses;      /**< a symbol whose subscription is refused */
    const char *says;         /**< a message sent right after the acknowledgements */
    int64_t tick_interval_ns; /**< between trades of the first symbol; 0 for a second */
    int64_t lifetime_ns;      /**< after the open it ends as `end` says; 0 for never */
    struct qta_link_end end;
};

struct stage {
    struct virtual_environment environment;
    struct scripted_venue venue;
    struct qta_transport *transport;
    struct qta_provider_options provider;
    struct qta_gateway_options options;
    struct qta_subscription subscriptions[2];
    struct qta_gateway *gateway;
    bool is_over; /**< the run has ended by itself */

    const struct act *acts; /**< the last one goes on for all later attempts */
    size_t act_count;

    struct qta_tick *ticks; /**< what a callback for everything got */
    size_t tick_count;
    size_t tick_capacity;
    char *story;
    char log[65536];  /**< lines, "level area: message\n" */
    char sent[65536]; /**< messages of the client, "attempt:message\n" */
    int last_close_code;
    int64_t attempt_ns[100000]; /**< monotonic; index is attempt - 1 */
};

/** One provider "venue" with this adapter and trades of AAPL and MSFT; no recording; buffer of
 * 1024; backoff 1 s to 30 s, no limit of attempts. */
void stage_init(struct stage *stage, const char *adapter);
void stage_open(struct stage *stage);

/** Turns the gateway until that much time has passed or the run is over. */
void stage_run_for(struct stage *stage, int64_t duration_ns);

/** Stops the gateway and turns it to the end; its result. */
enum qta_status stage_stop(struct stage *stage, struct qta_error *err);

/** Stops if need be and frees. */
void stage_finish(struct stage *stage);

/** What the callback got so far, in words: the types of ticks; for CONN the state, with the cause
 *  behind a colon where there is one. */
const char *stage_story(struct stage *stage);

/** The nth tick of a type, from 0; NULL when there are fewer. */
const struct qta_tick *stage_tick(const struct stage *stage, enum qta_tick_type type, size_t index);

/** The first CONN tick of a state, NULL for none. */
const struct qta_tick *stage_conn(const struct stage *stage, enum qta_conn_state state);

/** The value of a series on the page for Prometheus, such as
 * "qta_connects_total{provider=\"venue\"}"; NAN when it is not there. */
double stage_metric(const struct stage *stage, const char *series);

/** How often the text occurs in the log. */
int stage_log_count(const struct stage *stage, const char *text);

#endif
