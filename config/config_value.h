/** @file config_value.h
 *  Values as text to values as numbers, by the rules of their key. */
#ifndef QTA_CONFIG_CONFIG_VALUE_H
#define QTA_CONFIG_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_keys.h"

enum { QTA_CONFIG_EXPECTATION_BYTES = 160 };

/** Reads a scalar of any type but LIST and PROVIDERS into *field (strings are borrowed). False: it
 *  is no such value, or out of range; *field is kept. */
bool qta_config_value_read(const struct qta_config_key *key, const char *text, void *field);

/** What the key's value must be, for "... must be a whole number from 1 to 19". */
void qta_config_value_expect(const struct qta_config_key *key,
                             char text[QTA_CONFIG_EXPECTATION_BYTES]);

/** The scalar forms by themselves. */
bool qta_config_boolean_read(const char *text, bool *value);
/** A plain number is seconds; otherwise as qta_duration_parse(). */
bool qta_config_duration_read(const char *text, int64_t *duration_ns);
/** "16MiB", "16 MiB", "1000": bytes. */
bool qta_config_size_read(const char *text, uint64_t *size_bytes);
bool qta_config_number_read(const char *text, double *value);
/** Not empty and without control characters. */
bool qta_config_string_is_good(const char *text);

/** Sets every field of keys that have an offset to its default; strings point to the table. */
void qta_config_defaults_apply(const struct qta_config_key *keys, size_t count, void *values);

#endif
