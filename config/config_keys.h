/** @file config_keys.h
 *  Every key of a configuration in one table: what reading, checking, printing, defaults, manual
 * and reference file all go by. */
#ifndef QTA_CONFIG_CONFIG_KEYS_H
#define QTA_CONFIG_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>

#include "config/yaml_document.h"

/** What a value is, and the type of the field at the key's offset. */
enum qta_config_type {
    QTA_CONFIG_STRING = 0, /**< const char *: not empty, no control characters */
    QTA_CONFIG_LIST,       /**< struct qta_config_list: one or several, or "a,b" */
    QTA_CONFIG_BOOLEAN,    /**< bool */
    QTA_CONFIG_WHOLE,      /**< uint32_t or a non-negative int */
    QTA_CONFIG_NUMBER,     /**< double */
    QTA_CONFIG_DURATION,   /**< int64_t ns; a plain number is seconds; range in seconds */
    QTA_CONFIG_SIZE_32,    /**< uint32_t bytes, e.g. 16MiB; a plain number is bytes */
    QTA_CONFIG_SIZE_64,    /**< uint64_t bytes, likewise */
    QTA_CONFIG_WORD,       /**< an enum: one of the key's words */
    QTA_CONFIG_PROVIDERS,  /**< the list of providers: read by its own rules */
};

/** A list's item and where it was written. */
struct qta_config_item {
    const char *text;
    struct qta_config_place place;
};
struct qta_config_list {
    const struct qta_config_item *items;
    size_t count;
};

/** A word that stands for a number. */
struct qta_config_word {
    const char *text;
    int value;
};

/** Where the values of keys outside of providers go. */
struct qta_config_values {
    struct qta_gateway_options gateway;
    const char *provider; /**< streaming.provider; NULL when not given */
    struct qta_config_list symbols;
    struct qta_config_list alert_channels;
    struct qta_config_list alert_command;
};

/** Where the values of a provider's keys go, and what is known about it besides. */
struct qta_config_provider {
    struct qta_provider_options options;
    struct qta_config_list symbols;
    struct qta_config_list subscriptions;
    struct qta_config_list closed_days;
    struct qta_config_list token_command;
    struct qta_yaml_node *node;    /**< its section */
    struct qta_config_place place; /**< of its name */
    char path[96];                 /**< in front of its keys, e.g. "streaming.providers.alpaca" */
    const struct qta_adapter_ops *ops; /**< NULL when the adapter is not known */
    bool is_short;                     /**< its keys stand in `streaming` itself */
};

enum { QTA_CONFIG_NO_OFFSET = UINT16_MAX };

struct qta_config_key {
    const char *path; /**< "streaming.buffer_size"; of a provider: without what leads to it */
    enum qta_config_type type;
    const char *default_text; /**< as it would be written; NULL: none, an empty list */
    double minimum;           /**< of WHOLE, NUMBER, SIZE (bytes), DURATION (seconds) */
    double maximum;
    const struct qta_config_word *words; /**< WORD: all there are; others: allowed besides; ends
                                            with a NULL text; NULL for none */
    uint16_t offset;  /**< in the struct above; QTA_CONFIG_NO_OFFSET: read by rules of its own */
    bool is_secret;   /**< never shown */
    bool is_live;     /**< a gateway that runs takes it over, see qta_gateway_reload() */
    const char *unit; /**< of a plain number, "" for none */
    const char *help; /**< one line */
};

/** The channels that alerts may go to: values are enum qta_alert_channel. Ends with a NULL text. */
extern const struct qta_config_word qta_config_alert_channel_words[];

/** The keys outside of providers, in the order in which they are printed. */
const struct qta_config_key *qta_config_root_keys(size_t *count);

/** The keys of a provider, likewise. */
const struct qta_config_key *qta_config_provider_keys(size_t *count);

/** The key of that path among keys[0..count), or NULL. */
const struct qta_config_key *qta_config_key_find(const struct qta_config_key *keys, size_t count,
                                                 const char *path);

/** What the tick types are called in `subscriptions`. Ends with a NULL name; the first row of each
 *  type and kind is the usual name. */
struct qta_config_subscription_name {
    const char *name;
    enum qta_tick_type type;
    enum qta_bar_kind bar_kind;
};
extern const struct qta_config_subscription_name qta_config_subscription_names[];

#endif
