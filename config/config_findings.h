/** @file config_findings.h
 *  Everything that is wrong with a configuration, collected so that it can be told at once. */
#ifndef QTA_CONFIG_CONFIG_FINDINGS_H
#define QTA_CONFIG_CONFIG_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/export.h>

#include "config/config_arena.h"

/** Where a value was written. */
struct qta_config_place {
    uint32_t line;            /**< in the file, from 1; 0 for the file as a whole */
    const char *override_key; /**< the dotted key when it came from an override; else NULL */
};

/** More findings of a kind than this are only counted. */
enum { QTA_CONFIG_FINDINGS_MAX = 100 };

struct qta_config_note;

struct qta_config_findings {
    struct qta_config_arena *arena;   /**< borrowed; holds the messages */
    const char *file;                 /**< name in front of the messages; borrowed */
    struct qta_config_note *notes[2]; /**< warnings, errors */
    size_t counts[2];
    struct qta_config_finding *sorted; /**< see qta_config_findings_sort() */
    size_t sorted_count;
};

enum { QTA_CONFIG_WARNING = 0, QTA_CONFIG_ERROR = 1 };

/** Adds "FILE:LINE: sentence", unless it is there already. Bytes that a terminal would act on are
 * made visible. */
void qta_config_findings_add(struct qta_config_findings *findings, int kind,
                             struct qta_config_place place, const char *format, ...)
    QTA_PRINTF(4, 5);

static inline bool qta_config_findings_have_error(const struct qta_config_findings *findings)
{
    return findings->counts[QTA_CONFIG_ERROR] > 0;
}

/** Fills sorted: errors in file order (those of overrides last), then warnings likewise. */
void qta_config_findings_sort(struct qta_config_findings *findings);

/** A value for a message: in single quotes, cut at 60 bytes. */
struct qta_config_quote {
    char text[80];
};
struct qta_config_quote qta_config_quote(const char *value);

#endif
