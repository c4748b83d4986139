/** @file timestamp.h
 *  Times and durations as text. All times are ns since the Unix epoch, UTC, as int64. */
#ifndef QTA_TIMESTAMP_H
#define QTA_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room for what qta_timestamp_print() and qta_duration_print() write, NUL included. */
enum { QTA_TIMESTAMP_TEXT_BYTES = 40 };

/** Reads RFC 3339 (section 5.6): "2024-05-01T13:30:00.123456789Z", fraction of 0 to 9 digits (more
 *  are cut off), 'Z' or an offset "+02:00"; 't', ' ' and 'z' are accepted. A leap second :60 is
 * read as the next second. QTA_ERR_FORMAT: not such a time; QTA_ERR_RANGE: outside 1677..2262. */
QTA_API enum qta_status qta_timestamp_parse(const char *text, size_t length, int64_t *ts_ns);

/** Writes RFC 3339 UTC with nine digits, e.g. "2024-05-01T13:30:00.123456789Z"; "" for
 *  QTA_TIME_UNKNOWN. Returns the length. */
QTA_API size_t qta_timestamp_print(int64_t ts_ns, char text[QTA_TIMESTAMP_TEXT_BYTES]);

/** The same with the shortest fraction ("...:00Z", "...:00.5Z"), as venues write it. */
QTA_API size_t qta_timestamp_print_short(int64_t ts_ns, char text[QTA_TIMESTAMP_TEXT_BYTES]);

/** Reads a duration: a decimal number and a unit ns, us, ms, s, m, h or d; several may follow one
 *  another ("1h30m", "1.5s", "200ms"). "0" needs no unit. QTA_ERR_FORMAT, QTA_ERR_RANGE. */
QTA_API enum qta_status qta_duration_parse(const char *text, size_t length, int64_t *duration_ns);

/** Writes a duration for people, at most three figures and a unit: "1.5 s", "230 ms", "2 h 5 m". */
QTA_API size_t qta_duration_print(int64_t duration_ns, char text[QTA_TIMESTAMP_TEXT_BYTES]);

/** Reads a speed: "10x", "0.5x", "1000", "max". *speed_milli is thousandths of real time, 0 for
 * max. QTA_ERR_FORMAT; QTA_ERR_RANGE outside 0.01x to 1000x. */
QTA_API enum qta_status qta_speed_parse(const char *text, size_t length, uint32_t *speed_milli);

#ifdef __cplusplus
}
#endif

#endif
