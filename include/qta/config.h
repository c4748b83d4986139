/** @file config.h
 *  What a gateway is made of: from a YAML file, or filled in by hand.
 *
 *      struct qta_gateway_options options = qta_gateway_options_default();
 *      struct qta_provider_options alpaca = qta_provider_options_default();
 *      alpaca.name = "alpaca";
 *      ...
 *      options.providers = &alpaca;
 *      options.provider_count = 1;
 *
 *  Every key of the file, its unit, range and default: qta-config(5), config/reference.yaml. */
#ifndef QTA_CONFIG_H
#define QTA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/error.h>
#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What happens to a subscriber that is too slow, once buffer_size ticks wait for it. Recording
 * goes on in any case. */
enum qta_overflow_policy {
    QTA_OVERFLOW_BLOCK = 0, /**< stop reading the sockets until there is room */
    QTA_OVERFLOW_DROP_OLDEST =
        1, /**< it misses the oldest of those waiting; counted, DROP record */
    QTA_OVERFLOW_DROP_NEWEST = 2, /**< it misses what arrives; counted, DROP record */
    QTA_OVERFLOW_DISCONNECT = 3,  /**< it gets no more ticks; counted, DROP record, log */
};

/** What happens when the disk takes no more: it is full or fails, or is so slow that
 *  journal_max_bytes wait. */
enum qta_on_full {
    /** Callbacks go on to get ticks; these have rx_seq 0 and are not in the session. Recording goes
     *  on by itself when there is room again, and a DROP record says how many are missing. */
    QTA_ON_FULL_KEEP_DISPATCHING = 0,
    QTA_ON_FULL_STOP = 1, /**< the run ends: no callback sees what is not recorded */
};

enum { QTA_ATTEMPTS_UNLIMITED = 0 };
enum { QTA_FSYNC_NEVER = -1 };
enum { QTA_TOKEN_COMMAND_WORDS_MAX = 16 };

/** Whose trading hours keep alerts quiet while nothing is to be expected. */
enum qta_market_calendar {
    QTA_CALENDAR_AUTO = 0,        /**< by the provider: US equities for Alpaca's stock feeds */
    QTA_CALENDAR_ALWAYS = 1,      /**< the market never closes */
    QTA_CALENDAR_US_EQUITIES = 2, /**< 09:30 to 16:00 in New York, holidays, half days */
    QTA_CALENDAR_US_EQUITIES_EXTENDED = 3, /**< likewise, 04:00 to 20:00 */
};

/** One provider. Strings are borrowed until qta_gateway_create() returns. */
struct qta_provider_options {
    const char *name;    /**< unique; ticks carry it; prefix of the key variables */
    const char *adapter; /**< NULL: the same as name */
    const char *websocket_url;
    enum qta_auth_method auth_method;
    const char *api_key;    /**< NULL: from elsewhere, see qta_gateway_create() */
    const char *api_secret; /**< likewise */
    const char *api_key_file;
    const char *api_secret_file;
    const char *key_header;           /**< auth_method headers: the name of the key's header */
    const char *secret_header;        /**< and of the secret's */
    const char *login_message;        /**< auth_method message: with ${key} and ${secret} in it */
    const char *const *token_command; /**< program and arguments; it prints the key */
    size_t token_command_words;       /**< 0 for none */
    int64_t token_lifetime_ns; /**< how long a key is good for; 0: as long as it says itself, as a
                                    JSON Web Token, or for good */
    const struct qta_subscription *subscriptions;
    size_t subscription_count;
    const struct qta_setting *settings; /**< the adapter's own keys */
    size_t setting_count;

    double rate_limit_per_s;      /**< outgoing messages; 0 for no limit */
    uint32_t rate_limit_burst;    /**< messages that may go at once */
    uint32_t connects_per_minute; /**< of all its connections together; 0 for no limit */
    uint32_t breaker_threshold; /**< consecutive failures that open the circuit; 0 for no breaker */
    int64_t breaker_timeout_ns; /**< how long it stays open before one probe */

    uint32_t max_connections; /**< all lines together; at least `lines` */
    uint32_t lines; /**< connections that carry the same, so that losing one loses nothing */
    uint32_t symbols_per_connection; /**< that the venue allows; 0 for any number */
    uint32_t streams_per_connection; /**< likewise of subscriptions: symbols times channels */
    int64_t connection_lifetime_ns;  /**< replace a connection that is older; 0 for never */

    bool has_compression; /**< offer permessage-deflate: less traffic, more work, later ticks */

    const char *tls_ca_file; /**< PEM with the CAs to trust instead of the system's; NULL */
    bool tls_is_insecure;    /**< accept any certificate: loudly */

    enum qta_market_calendar calendar; /**< auto: as streaming_health has it */
    const char *const *closed_days;    /**< "2025-01-09": besides the calendar's */
    size_t closed_day_count;
    int64_t silence_max_ns;          /**< without a tick is mute; 0: what was learned decides */
    int64_t mute_reconnect_after_ns; /**< how long a mute connection is kept; 0: for ever */
};

struct qta_recording_options {
    bool is_enabled;
    const char *directory;     /**< sessions are made in here: DIRECTORY/2024-05-01 */
    const char *timezone;      /**< whose midnight cuts the day, e.g. "America/New_York" */
    int64_t fsync_interval_ns; /**< 0: before dispatch; QTA_FSYNC_NEVER: leave it to the system */
    int compression_level;     /**< zstd, 1 to 19 */
    uint64_t journal_chunk_bytes; /**< size of one preallocated journal file */
    uint64_t journal_max_bytes;   /**< of all journal files that wait to be sealed: two at least */
    enum qta_on_full on_full;
    uint32_t keep_days;      /**< remove sessions last written more days ago; 0: keep all */
    uint64_t max_size_bytes; /**< remove the oldest sessions beyond this much in all; 0: no limit */
    uint64_t min_free_bytes; /**< and while the disk has less than this left; 0: no limit */
    bool has_raw_frames;     /**< store what the venues sent, verbatim, beside the ticks */
};

/** An address to serve HTTP on. */
struct qta_endpoint_options {
    bool is_enabled;
    const char *host;
    uint32_t port; /**< 0: any that is free; the log tells which */
};

/** Where alerts are told, as bits. */
enum qta_alert_channel {
    QTA_ALERT_LOG = 1 << 0,
    QTA_ALERT_METRICS = 1 << 1, /**< series of the metrics endpoint */
    QTA_ALERT_WEBHOOK = 1 << 2, /**< an HTTP POST of JSON */
    QTA_ALERT_COMMAND = 1 << 3, /**< a program is started */
};
enum { QTA_ALERT_COMMAND_WORDS_MAX = 16 };

/** Watching the gateway: figures, health, alerts. Strings are borrowed until qta_gateway_create()
 *  returns. */
struct qta_health_options {
    bool is_monitored;            /**< look at thresholds and raise alerts */
    int64_t check_interval_ns;    /**< between two looks */
    int64_t metrics_retention_ns; /**< how long an alert that is over is still shown in /status */
    enum qta_market_calendar calendar;

    double latency_max_ms;              /**< mean of ts_recv - ts_event between two looks; 0: any */
    double throughput_min_per_s;        /**< messages of a provider; 0: any */
    uint32_t reconnect_attempts_max;    /**< failures in a row */
    uint32_t queue_depth_max;           /**< ticks that wait for the callbacks; 0: any */
    int64_t circuit_breaker_timeout_ns; /**< how long a circuit may stay open; 0: any time */

    bool has_alerts;
    uint32_t alert_channels;       /**< enum qta_alert_channel bits */
    uint32_t escalation_threshold; /**< looks in a row that make an alert an error */
    const char *webhook_url;       /**< http:// or https://; NULL for none */
    const char *const *command;    /**< program and arguments */
    size_t command_words;          /**< 0 for none */

    struct qta_endpoint_options metrics; /**< both serve all pages */
    uint32_t symbols_max; /**< symbols with a series of their own; the others share one */
    struct qta_endpoint_options api;
};

struct qta_gateway_options {
    const struct qta_provider_options *providers;
    size_t provider_count;
    uint32_t buffer_size; /**< ticks that may wait for the callbacks; rounded up to a power of 2 */
    enum qta_overflow_policy overflow;
    int64_t callback_hang_after_ns; /**< a callback that runs longer is named in the log; 0: none */
    uint32_t reconnect_attempts;    /**< consecutive failures before a provider is given up */
    int64_t reconnect_delay_ns;     /**< first backoff; doubles, with full jitter */
    int64_t reconnect_delay_max_ns; /**< cap of the backoff */
    int64_t health_check_interval_ns; /**< WebSocket pings; no pong for two of them: reconnect; 0:
                                         off */
    uint32_t message_max_bytes;       /**< a larger message closes the connection with 1009 */
    struct qta_recording_options recording;
    struct qta_health_options health;
};

/** The defaults of qta-config(5): no providers, recording off. */
QTA_API struct qta_gateway_options qta_gateway_options_default(void);
QTA_API struct qta_provider_options qta_provider_options_default(void);

/** A configuration read from a file, and everything it points to. */
struct qta_config;

/** One finding: what is wrong, where, and what would be right. */
struct qta_config_finding {
    bool is_error;       /**< otherwise a warning */
    const char *message; /**< "streaming.yaml:14: unknown adapter 'alpacca' (have: alpaca, ..." */
};

/** Reads a YAML file. overrides are "KEY=VALUE" with dotted keys as --check-config prints them
 *  ("recording.directory=/data", "streaming.providers.alpaca.websocket_url=ws://..."), applied on
 *  top of the file in this order; NULL for none. "KEY?=VALUE" only fills in what the file leaves
 * out, and "KEY=" goes back to the default. *out is set unless memory is short or the file cannot
 * be read, also when there are errors, so that all findings can be shown; it is the caller's to
 * destroy. QTA_ERR_CONFIG: at least one finding is an error; err has the first. */
QTA_API enum qta_status qta_config_load(struct qta_config **out, const char *path,
                                        const char *const *overrides, size_t override_count,
                                        struct qta_error *err);

/** NULL is fine. Wipes keys and secrets. */
QTA_API void qta_config_destroy(struct qta_config *config);

/** Errors first in file order, then warnings. Valid as long as the configuration. */
QTA_API size_t qta_config_findings(const struct qta_config *config,
                                   const struct qta_config_finding **findings);

/** The options in it, valid as long as the configuration. NULL when it has errors. */
QTA_API const struct qta_gateway_options *qta_config_gateway(const struct qta_config *config);

/** The effective configuration as YAML, every key with its value, secrets as "***", what came from
 * the environment as the ${NAME} that was written. The caller frees *text with free().
 * QTA_ERR_CONFIG: it has errors; QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_config_print(const struct qta_config *config, char **text,
                                         struct qta_error *err);

/** A key whose value differs: "streaming.buffer_size", "streaming.providers.alpaca.symbols"; one
 * for a provider that only one of the two has: "streaming.providers.alpaca". is_live: a running
 * gateway takes it over by qta_gateway_reload(); else it is for the next one. Valid for the call.
 */
typedef void (*qta_config_change_function)(void *user, const char *key, bool is_live);

/** What differs between two configurations as qta_config_print() printed them: each key once.
 *  Secrets are not in there and so not compared. QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_config_changes(const char *before, const char *after,
                                           qta_config_change_function function, void *user,
                                           struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
