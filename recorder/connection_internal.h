/** @file connection_internal.h
 *  What the files of a connection share: connection.c (its life), connection_host.c (the adapter
 * and what it asks for), connection_link.c (the link and attempts), connection_end.c (failures and
 * what follows from them), connection_login.c (keys), connection_records.c (what the session is
 * told).
 *
 *  The adapter calls back into the host from within any call to it, so the host functions only note
 *  things down; what follows from them is done in qta_connection_leave(), after the outermost call
 *  to the adapter has returned. */
#ifndef QTA_RECORDER_CONNECTION_INTERNAL_H
#define QTA_RECORDER_CONNECTION_INTERNAL_H

#include "recorder/backoff.h"
#include "recorder/circuit_breaker.h"
#include "recorder/connection.h"
#include "recorder/login.h"
#include "recorder/mute_watch.h"
#include "recorder/provider_hours.h"
#include "recorder/send_queue.h"
#include "recorder/wants.h"

enum { QTA_CLOSE_NORMAL = 1000, QTA_CLOSE_PROTOCOL = 1002, QTA_CLOSE_TOO_LARGE = 1009 };

#define QTA_READY_TIMEOUT_NS INT64_C(30000000000)

/* Why a connection is no good: the adapter's word, or the link's. */
struct qta_connection_failure {
    bool is_set;
    bool is_final;
    enum qta_conn_cause cause;
    int code;
    int64_t retry_after_ns;
    char sentence[256];
};

struct qta_connection {
    struct qta_adapter_host host; /* first: the adapter's way back to us */
    struct qta_connection_options options;
    struct qta_adapter *adapter;
    char *name; /* the provider's */
    char *label;
    char *title; /* for the log: the name, and the label where there is one */
    char *url;
    char *tls_ca_file;
    bool tls_is_insecure;
    bool offers_deflate;
    int64_t ping_interval_ns;
    size_t message_max_bytes;
    uint16_t provider;
    bool stores_frames;
    struct qta_login login;
    bool is_adapter_behind; /* it has not got the newest keys yet */

    enum qta_connection_state state;
    struct qta_link *link;
    bool has_link_ended;
    bool is_stopping;
    bool is_retiring; /* likewise, but it may be started again */
    bool is_paused;
    bool is_adapter_ready;    /* it said so, we have not answered yet */
    bool is_adapter_finished; /* likewise */
    bool has_answer;          /* subscribed() since the last qta_connection_leave() */
    int depth;                /* calls to the adapter that have not returned */
    struct qta_connection_failure failure;
    uint32_t epoch;         /* of the connection that is open, 0 for none */
    int64_t opened_ns;      /* when it was opened */
    bool is_expiring;       /* the venue will cut it */
    bool has_opened;        /* at some time */
    uint32_t refusals;      /* in a row */
    uint32_t faults_logged; /* bits of enum qta_fault, this connection's */

    struct qta_backoff backoff;
    struct qta_circuit_breaker breaker;
    struct qta_connect_turn turn;
    uint64_t ticks;         /* that came over it, also those that another line brought before */
    uint64_t ticks_at_open; /* as many as there were when this connection was opened */
    uint64_t ticks_seen;    /* as many as the backoff was told of */
    int64_t subscribed_ns;  /* since when this connection is; INT64_MAX: not yet */
    struct qta_send_queue send_queue;
    struct qta_wants *wants;
    struct qta_sequence_watch *numbers; /* of messages */
    struct qta_provider_hours hours;
    struct qta_mute_watch mute;
    struct qta_feed feed;
    int64_t now_ns;
    int64_t realtime_ns;
    int64_t frame_ns;    /* receive time of what is being decoded */
    int64_t deadline_ns; /* end of a backoff, or of the patience for ready() */
    int64_t service_ns;  /* when the adapter wants to be called */

    char last_reason[256]; /* of the last failure logged: the same one is not logged every time */
    enum qta_status verdict;
    bool is_verdict_told;
};

static inline bool qta_connection_is_offline(const struct qta_connection *connection)
{
    return connection->options.ops->transport == QTA_TRANSPORT_NONE;
}

static inline bool qta_connection_is_recording(const struct qta_connection *connection)
{
    return (connection->options.ops->traits & QTA_TRAIT_STAMPS_ALL) != 0;
}

/** Open for the adapter: it may be called, and heard. */
static inline bool qta_connection_is_live(const struct qta_connection *connection)
{
    return connection->epoch != 0 && !connection->failure.is_set && !connection->is_stopping &&
           !connection->is_adapter_finished;
}

/* ---- connection_records.c ---- */

/** Publishes a CONN tick. sentence may be "". */
void qta_connection_record(struct qta_connection *connection, enum qta_conn_state state,
                           enum qta_conn_cause cause, int code, const char *sentence);

/** Data can flow (again): what was missed is told. */
void qta_connection_flow(struct qta_connection *connection);

/* ---- connection_mute.c ---- */

enum qta_status qta_connection_mute_init(struct qta_connection *connection, struct qta_error *err);
void qta_connection_mute_finish(struct qta_connection *connection);

/** Looks whether the connection is mute, when that is due, and sees to what follows. */
void qta_connection_mute_work(struct qta_connection *connection);

/* ---- connection_end.c ---- */

/** Notes why the connection is no good, unless that is known already. */
void qta_connection_fail(struct qta_connection *connection, enum qta_conn_cause cause, int code,
                         const char *sentence);

/** The link is gone, or never came to be. The adapter's own word on why goes before `seen`, the
 *  link's, which then only saw our close. end is NULL where there was no link. */
void qta_connection_end(struct qta_connection *connection,
                        const struct qta_connection_failure *seen, const struct qta_link_end *end);

/** When circuit and venue allow another attempt, without the provider's limit on connects. */
int64_t qta_connection_earliest_ns(const struct qta_connection *connection);

/** The venue says that we are too fast; see struct qta_adapter_host_ops. */
void qta_connection_throttle(struct qta_connection *connection, enum qta_throttle what,
                             int64_t retry_after_ns);

/** It was stopped, or its adapter has no more ticks. */
void qta_connection_finish(struct qta_connection *connection);

/* ---- connection_host.c ---- */

extern const struct qta_adapter_host_ops qta_connection_host_ops;

/** Around every call to the adapter. */
void qta_connection_enter(struct qta_connection *connection);
void qta_connection_leave(struct qta_connection *connection);

/** As the adapter's send(). */
void qta_connection_send(struct qta_connection *connection, const void *bytes, size_t length,
                         bool is_binary);

/* ---- connection_login.c ---- */

/** Takes keys that are newer than its own, and gives them to the adapter. One that was refused for
 *  good is tried again with them. */
void qta_connection_renew_login(struct qta_connection *connection);

/** Sends the login's message, where it is by one. */
void qta_connection_log_in(struct qta_connection *connection);

/** Text that came from the venue, or has something of it. */
struct qta_clean_text {
    char text[1024];
};

/** A sentence without our keys: itself, or a copy in *clean. NULL stays NULL. */
const char *qta_connection_clean(const struct qta_connection *connection, const char *sentence,
                                 struct qta_clean_text *clean);

/* ---- connection_link.c ---- */

/** Begins to connect when it may: an open circuit or the provider's limit on connects put it off to
 *  deadline_ns, backing off. An adapter without a connection is open at once. */
void qta_connection_attempt(struct qta_connection *connection);

#endif
