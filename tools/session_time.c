/* Times of a session as people write them. Names of time zones are the C library's business: in a
 * program that has one thread yet, TZ may be set. */
#include "tools/session_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <qta/timestamp.h>

#define SECOND_NS INT64_C(1000000000)

static bool read_number(const char *text, int64_t *number)
{
    const char *digits = text + (*text == '-');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    *number = strtoll(text, NULL, 10);
    return errno == 0 && *number != INT64_MIN;
}

/* The time of a text that prefix and suffix complete to RFC 3339. */
static bool read_completed(const char *prefix, const char *text, const char *suffix,
                           int64_t *value_ns)
{
    char whole[64];
    int length = snprintf(whole, sizeof whole, "%s%s%s", prefix, text, suffix);
    return length > 0 && (size_t)length < sizeof whole &&
           qta_timestamp_parse(whole, (size_t)length, value_ns) == QTA_OK;
}

static bool accept(struct qta_session_time *time, enum qta_session_time_kind kind)
{
    time->kind = kind;
    return true;
}

bool qta_session_time_read(const char *text, void *field)
{
    struct qta_session_time *time = field;
    int64_t value_ns;
    struct qta_session_time read = {0};
    if (read_number(text, &value_ns) || read_completed("", text, "", &value_ns))
        accept(&read, QTA_SESSION_TIME_INSTANT);
    else if (read_completed("", text, "T00:00:00Z", &value_ns))
        accept(&read, QTA_SESSION_TIME_DATE);
    else if (read_completed("1970-01-01T", text, "Z", &value_ns) ||
             read_completed("1970-01-01T", text, ":00Z", &value_ns))
        accept(&read, QTA_SESSION_TIME_OF_DAY);
    else
        return false;
    read.value_ns = value_ns;
    *time = read;
    return true;
}

static int64_t floor_seconds(int64_t time_ns)
{
    return time_ns / SECOND_NS - (time_ns % SECOND_NS < 0);
}

static void enter_zone(const char *timezone)
{
    char value[sizeof((struct qta_session_start *)0)->timezone + 1];
    snprintf(value, sizeof value, ":%s", timezone);
    setenv("TZ", value, 1);
    tzset();
}

const char *qta_session_time_print(int64_t ts_ns, const char *timezone,
                                   char text[QTA_SESSION_TIME_TEXT_BYTES])
{
    struct tm local;
    time_t seconds = (time_t)floor_seconds(ts_ns);
    enter_zone(timezone);
    localtime_r(&seconds, &local);
    strftime(text, QTA_SESSION_TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &local);
    return text;
}

int64_t qta_session_time_resolve(const struct qta_session_time *time,
                                 const struct qta_session_start *start, int64_t otherwise_ns)
{
    if (time->kind == QTA_SESSION_TIME_NONE)
        return otherwise_ns;
    if (time->kind == QTA_SESSION_TIME_INSTANT)
        return time->value_ns;
    enter_zone(start->timezone);
    struct tm local;
    time_t seconds = (time_t)floor_seconds(time->value_ns);
    if (time->kind == QTA_SESSION_TIME_DATE) {
        gmtime_r(&seconds, &local);
    } else {
        if (start->first_ts_recv_ns == QTA_TIME_UNKNOWN)
            return otherwise_ns;
        time_t first = (time_t)floor_seconds(start->first_ts_recv_ns);
        localtime_r(&first, &local);
        local.tm_hour = (int)(seconds / 3600);
        local.tm_min = (int)(seconds / 60 % 60);
        local.tm_sec = (int)(seconds % 60);
    }
    local.tm_isdst = -1; /* whatever holds there then */
    return (int64_t)mktime(&local) * SECOND_NS + time->value_ns % SECOND_NS;
}
