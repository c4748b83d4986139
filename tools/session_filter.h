/** @file session_filter.h
 *  The options that choose records of a session, which several commands have in common. */
#ifndef QTA_TOOLS_SESSION_FILTER_H
#define QTA_TOOLS_SESSION_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/session.h>

#include "tools/option_table.h"
#include "tools/session_time.h"

/** What the options say. Start from zeroes: everything. */
struct qta_session_choice {
    struct qta_session_time from;
    struct qta_session_time until;
    struct qta_session_time event_from;
    struct qta_session_time event_until;
    struct qta_option_list symbols;
    struct qta_option_list providers;
    uint32_t types; /**< QTA_TYPE_BITs; 0 for all */
};

/** Reads "trade,quote" into uint32_t bits, adding to what is there: a QTA_OPTION_CUSTOM reader. */
bool qta_session_types_read(const char *text, void *field);

#define QTA_SESSION_TYPES_EXPECTED                                                                 \
    "a list of types: trade, quote, bar, book, trade_cancel, trade_correct, status, luld, "        \
    "imbalance, conn, gap, drop, clock, marker"

/** Rows of an option table whose settings have a struct qta_session_choice named choice. */
#define QTA_SESSION_TIME_OPTION(settings, label, field, text)                                      \
    {                                                                                              \
        .name = label, .kind = QTA_OPTION_CUSTOM, .offset = offsetof(settings, choice.field),      \
        .read = qta_session_time_read, .expected = QTA_SESSION_TIME_EXPECTED,                      \
        .value_name = "TIME", .help = text                                                         \
    }
#define QTA_SESSION_CHOICE_OPTIONS(settings)                                                       \
    QTA_SESSION_TIME_OPTION(settings, "from", from,                                                \
                            "only what was received at this time or later"),                       \
        QTA_SESSION_TIME_OPTION(settings, "to", until, "only what was received before this time"), \
        QTA_SESSION_TIME_OPTION(settings, "event-from", event_from,                                \
                                "only what has a venue's time, and this one or later"),            \
        QTA_SESSION_TIME_OPTION(settings, "event-to", event_until,                                 \
                                "only what has a venue's time, and one before this"),              \
        {.name = "symbols",                                                                        \
         .kind = QTA_OPTION_LIST,                                                                  \
         .offset = offsetof(settings, choice.symbols),                                             \
         .value_name = "A,B",                                                                      \
         .help = "only these symbols, and records that belong to no symbol"},                      \
        {.name = "types",                                                                          \
         .kind = QTA_OPTION_CUSTOM,                                                                \
         .offset = offsetof(settings, choice.types),                                               \
         .read = qta_session_types_read,                                                           \
         .expected = QTA_SESSION_TYPES_EXPECTED,                                                   \
         .value_name = "A,B",                                                                      \
         .help = "only these types, e.g. trade,quote"},                                            \
    {                                                                                              \
        .name = "providers", .kind = QTA_OPTION_LIST,                                              \
        .offset = offsetof(settings, choice.providers), .value_name = "A,B",                       \
        .help = "only what these providers sent"                                                   \
    }

/** The filter for one session, whose zone and first day times may depend on. Lists stay those of
 *  choice. Errors as qta_session_info_read(). */
enum qta_status qta_session_choice_resolve(const struct qta_session_choice *choice,
                                           const char *path, struct qta_session_filter *filter,
                                           struct qta_error *err);

/** Frees the lists. */
void qta_session_choice_finish(struct qta_session_choice *choice);

#endif
