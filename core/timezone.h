/** @file timezone.h
 *  Named time zones from the system's zone files (TZif, RFC 8536), without touching TZ or the
 *  process's locale: thread-safe, several zones at once. */
#ifndef QTA_CORE_TIMEZONE_H
#define QTA_CORE_TIMEZONE_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

struct qta_timezone;

/** A calendar day. */
struct qta_date {
    int32_t year;
    uint8_t month; /**< 1 to 12 */
    uint8_t day;   /**< 1 to 31 */
};

/** Loads "America/New_York", "UTC", ... from /usr/share/zoneinfo. QTA_ERR_NOT_FOUND: no such zone
 *  (also for names that try to leave that folder); QTA_ERR_FORMAT; QTA_ERR_NOMEM. */
enum qta_status qta_timezone_create(struct qta_timezone **out, const char *name,
                                    struct qta_error *err);

/** The same from the bytes of a zone file, borrowed for the call. QTA_ERR_FORMAT, QTA_ERR_NOMEM. */
enum qta_status qta_timezone_create_from_bytes(struct qta_timezone **out, const void *bytes,
                                               size_t length, struct qta_error *err);

/** NULL is fine. */
void qta_timezone_destroy(struct qta_timezone *zone);

/** Seconds to add to UTC at this instant. Any thread. */
int32_t qta_timezone_offset_s(const struct qta_timezone *zone, int64_t ts_ns);

/** The day that it is there at this instant. Any thread. */
struct qta_date qta_timezone_date(const struct qta_timezone *zone, int64_t ts_ns);

/** The first instant of that day there: usually 00:00 local time, the first that exists where the
 *  clock jumps over it, the next day's where the whole day was skipped. Days outside of what an
 *  int64 of ns holds give its ends. Any thread. */
int64_t qta_timezone_midnight_ns(const struct qta_timezone *zone, struct qta_date date);

/** The day after. */
struct qta_date qta_date_next(struct qta_date date);

/** Reads "2024-05-01". QTA_ERR_FORMAT for anything else, days that do not exist included. */
enum qta_status qta_date_parse(const char *text, struct qta_date *date);

/** Writes "2024-05-01" and a NUL: 16 bytes. */
void qta_date_print(struct qta_date date, char text[16]);

#endif
