/** @file log.h
 *  The library never prints: it calls the function it was given. */
#ifndef QTA_LOG_H
#define QTA_LOG_H

#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum qta_log_level {
    QTA_LOG_DEBUG = 0,
    QTA_LOG_INFO = 1,
    QTA_LOG_WARNING = 2,
    QTA_LOG_ERROR = 3,
};

/** Receives one line without newline. May be called from any thread of the library, one call at a
 *  time. Both strings are borrowed for the call. `area` is a provider's name or a part of the
 *  library, e.g. "alpaca" or "storage". Must not call back into the library. */
typedef void (*qta_log_function)(void *user, enum qta_log_level level, const char *area,
                                 const char *message);

/** Sets where lines go and the lowest level that is passed on. NULL (the default) discards all.
 *  Process-wide; call it before anything else of the library runs. */
QTA_API void qta_log_set(qta_log_function function, void *user, enum qta_log_level lowest);

/** Writes a line through the function set. Any thread. */
QTA_API void qta_log(enum qta_log_level level, const char *area, const char *format, ...)
    QTA_PRINTF(3, 4);

/** "debug", "info", "warning", "error". Static. */
QTA_API const char *qta_log_level_name(enum qta_log_level level);

#ifdef __cplusplus
}
#endif

#endif
