/* Time zones from TZif files (RFC 8536): a table of changes, then a rule for the years behind it.
 */
#include "core/timezone.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/tick.h>

#include "core/calendar.h"

enum {
    FILE_BYTES_MAX = 1 << 20,
    HEADER_BYTES = 44,
    TYPE_BYTES = 6,
    OFFSET_S_MAX = 26 * 3600, /* RFC 8536: offsets are within -25 h to +26 h */
    RULE_TIME_S_MAX = 167 * 3600,
    NAME_BYTES_MAX = 64,
};
static const int64_t second_ns = INT64_C(1000000000);
static const int64_t instant_s_max = INT64_C(1000000000000); /* far outside of int64 ns */

/* From at_s on the offset is offset_s. */
struct change {
    int64_t at_s;
    int32_t offset_s;
};

/* One end of daylight saving time, as POSIX.1-2017 8.3 writes it. */
struct rule_date {
    enum { JULIAN_WITHOUT_LEAP_DAY, DAY_OF_YEAR, MONTH_WEEK_DAY } form;
    int day;        /* of the year, or of the week (0 is Sunday) */
    unsigned month; /* 1 to 12 */
    unsigned week;  /* 1 to 5, the last */
    int32_t time_s; /* local time at which it happens */
};

/* What holds behind the last change of the table. */
struct rule {
    bool has_standard; /* otherwise the table's last offset stays */
    bool has_daylight;
    int32_t standard_s;
    int32_t daylight_s;
    struct rule_date start;
    struct rule_date end;
};

struct qta_timezone {
    int32_t first_offset_s; /* before the first change */
    struct rule rule;
    size_t change_count;
    struct change changes[];
};

/* ---- the rule ---- */

/* The text of a rule, as far as it is not read yet. */
struct cursor {
    const char *p;
    const char *end;
};

static bool take(struct cursor *cursor, char c)
{
    if (cursor->p == cursor->end || *cursor->p != c)
        return false;
    cursor->p++;
    return true;
}

static bool take_number(struct cursor *cursor, int maximum, int *value)
{
    const char *start = cursor->p;
    *value = 0;
    while (cursor->p < cursor->end && *cursor->p >= '0' && *cursor->p <= '9') {
        *value = *value * 10 + (*cursor->p++ - '0');
        if (*value > maximum)
            return false;
    }
    return cursor->p > start;
}

/* "EST" or "<+03>". */
static bool take_abbreviation(struct cursor *cursor)
{
    bool is_quoted = take(cursor, '<');
    const char *start = cursor->p;
    for (; cursor->p < cursor->end; cursor->p++) {
        char c = *cursor->p;
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_more = (c >= '0' && c <= '9') || c == '+' || c == '-';
        if (!is_letter && !(is_quoted && is_more))
            break;
    }
    return cursor->p - start >= 3 && (!is_quoted || take(cursor, '>'));
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(struct cursor *cursor, int32_t maximum_s, int32_t *time_s)
{
    bool is_negative = take(cursor, '-');
    if (!is_negative)
        take(cursor, '+');
    int hours, minutes = 0, seconds = 0;
    if (!take_number(cursor, maximum_s / 3600, &hours))
        return false;
    if (take(cursor, ':')) {
        if (!take_number(cursor, 59, &minutes))
            return false;
        if (take(cursor, ':') && !take_number(cursor, 59, &seconds))
            return false;
    }
    int32_t total_s = hours * 3600 + minutes * 60 + seconds;
    *time_s = is_negative ? -total_s : total_s;
    return total_s <= maximum_s;
}

/* ",M3.2.0/2", ",J60" or ",59". */
static bool take_rule_date(struct cursor *cursor, struct rule_date *date)
{
    if (!take(cursor, ','))
        return false;
    bool is_read;
    if (take(cursor, 'M')) {
        int month, week;
        date->form = MONTH_WEEK_DAY;
        is_read = take_number(cursor, 12, &month) && take(cursor, '.') &&
                  take_number(cursor, 5, &week) && take(cursor, '.') &&
                  take_number(cursor, 6, &date->day);
        if (!is_read || month < 1 || week < 1)
            return false;
        date->month = (unsigned)month;
        date->week = (unsigned)week;
    } else if (take(cursor, 'J')) {
        date->form = JULIAN_WITHOUT_LEAP_DAY;
        is_read = take_number(cursor, 365, &date->day) && date->day >= 1;
    } else {
        date->form = DAY_OF_YEAR;
        is_read = take_number(cursor, 365, &date->day);
    }
    date->time_s = 2 * 3600;
    return is_read && (!take(cursor, '/') || take_time(cursor, RULE_TIME_S_MAX, &date->time_s));
}

/* "EST5EDT,M3.2.0,M11.1.0"; signs in it count to the west. */
static bool rule_parse(struct rule *rule, const char *text, size_t length)
{
    struct cursor cursor = {text, text + length};
    if (length == 0)
        return true;
    if (!take_abbreviation(&cursor) || !take_time(&cursor, OFFSET_S_MAX, &rule->standard_s))
        return false;
    rule->standard_s = -rule->standard_s;
    rule->has_standard = true;
    if (cursor.p == cursor.end)
        return true;
    if (!take_abbreviation(&cursor))
        return false;
    rule->daylight_s = rule->standard_s + 3600;
    if (cursor.p < cursor.end && *cursor.p != ',') {
        if (!take_time(&cursor, OFFSET_S_MAX, &rule->daylight_s))
            return false;
        rule->daylight_s = -rule->daylight_s;
    }
    rule->has_daylight = true;
    return take_rule_date(&cursor, &rule->start) && take_rule_date(&cursor, &rule->end) &&
           cursor.p == cursor.end;
}

/* When it happens in that year, in local seconds. */
static int64_t rule_date_local_s(const struct rule_date *date, int64_t year)
{
    int64_t days = qta_days_from_civil(year, 1, 1);
    switch (date->form) {
    case JULIAN_WITHOUT_LEAP_DAY:
        days += date->day - 1 + (date->day > 59 && qta_is_leap_year(year));
        break;
    case DAY_OF_YEAR:
        days += date->day;
        break;
    case MONTH_WEEK_DAY: {
        days = qta_days_from_civil(year, date->month, 1);
        int64_t weekday = ((days + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        int64_t day = (date->day - weekday + 7) % 7 + (int64_t)(date->week - 1) * 7;
        if (day >= qta_days_in_month(year, date->month))
            day -= 7;
        days += day;
        break;
    }
    }
    return days * QTA_DAY_S + date->time_s;
}

enum { RULE_YEARS = 3, RULE_CHANGES = 2 * RULE_YEARS };

static int change_order(const void *left, const void *right)
{
    const struct change *a = left;
    const struct change *b = right;
    return (a->at_s > b->at_s) - (a->at_s < b->at_s);
}

/* The changes of the year of at_s, the one before and the one after, in order. Of two at once the
 * start of daylight time is the last: "all year" is written that way (RFC 8536 section 3.3.1). */
static void rule_changes(const struct rule *rule, int64_t at_s, struct change changes[RULE_CHANGES])
{
    int64_t year;
    unsigned month, day;
    qta_civil_from_days(qta_floor_divide(at_s, QTA_DAY_S), &year, &month, &day);
    for (int i = 0; i < RULE_YEARS; i++) {
        int64_t of_year = year - 1 + i;
        int64_t end_s = rule_date_local_s(&rule->end, of_year) - rule->daylight_s;
        int64_t start_s = rule_date_local_s(&rule->start, of_year) - rule->standard_s;
        struct change *of_this_year = &changes[(size_t)2 * (size_t)i];
        of_this_year[0] = (struct change){end_s, rule->standard_s};
        of_this_year[1] = (struct change){start_s, rule->daylight_s};
    }
    qsort(changes, RULE_CHANGES, sizeof changes[0], change_order);
    for (int i = 0; i + 1 < RULE_CHANGES; i++) {
        if (changes[i].at_s == changes[i + 1].at_s)
            changes[i].offset_s = changes[i + 1].offset_s = rule->daylight_s;
    }
}

/* ---- what holds when ---- */

/* How many changes of the table are at or before at_s. */
static size_t changes_until(const struct qta_timezone *zone, int64_t at_s)
{
    size_t low = 0;
    size_t high = zone->change_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t rule_offset_s(const struct rule *rule, int64_t at_s)
{
    if (!rule->has_daylight)
        return rule->standard_s;
    struct change changes[RULE_CHANGES];
    rule_changes(rule, at_s, changes);
    int32_t offset_s = rule->standard_s;
    for (int i = 0; i < RULE_CHANGES && changes[i].at_s <= at_s; i++)
        offset_s = changes[i].offset_s;
    return offset_s;
}

static int32_t offset_at(const struct qta_timezone *zone, int64_t at_s)
{
    size_t count = changes_until(zone, at_s);
    if (count == zone->change_count && zone->rule.has_standard)
        return rule_offset_s(&zone->rule, at_s);
    return count > 0 ? zone->changes[count - 1].offset_s : zone->first_offset_s;
}

/* The first change after at_s; INT64_MAX for none. */
static int64_t next_change_s(const struct qta_timezone *zone, int64_t at_s)
{
    size_t count = changes_until(zone, at_s);
    if (count < zone->change_count)
        return zone->changes[count].at_s;
    if (zone->rule.has_daylight) {
        struct change changes[RULE_CHANGES];
        rule_changes(&zone->rule, at_s, changes);
        for (int i = 0; i < RULE_CHANGES; i++) {
            if (changes[i].at_s > at_s)
                return changes[i].at_s;
        }
    }
    return INT64_MAX;
}

int32_t qta_timezone_offset_s(const struct qta_timezone *zone, int64_t ts_ns)
{
    return offset_at(zone, qta_floor_divide(ts_ns, second_ns));
}

static struct qta_date date_of_days(int64_t days)
{
    int64_t year;
    unsigned month, day;
    qta_civil_from_days(days, &year, &month, &day);
    return (struct qta_date){(int32_t)year, (uint8_t)month, (uint8_t)day};
}

struct qta_date qta_timezone_date(const struct qta_timezone *zone, int64_t ts_ns)
{
    int64_t at_s = qta_floor_divide(ts_ns, second_ns);
    return date_of_days(qta_floor_divide(at_s + offset_at(zone, at_s), QTA_DAY_S));
}

int64_t qta_timezone_midnight_ns(const struct qta_timezone *zone, struct qta_date date)
{
    int64_t local_s = qta_days_from_civil(date.year, date.month, date.day) * QTA_DAY_S;
    int64_t at_s = local_s - OFFSET_S_MAX;
    /* the first instant whose local time is at or behind midnight, piece of equal offset by piece
     */
    for (;;) {
        int32_t offset_s = offset_at(zone, at_s);
        int64_t next_s = next_change_s(zone, at_s);
        if (next_s == INT64_MAX || next_s + offset_s > local_s) {
            if (at_s < local_s - offset_s)
                at_s = local_s - offset_s;
            break;
        }
        at_s = next_s;
    }
    int64_t ts_ns;
    if (__builtin_mul_overflow(at_s, second_ns, &ts_ns) || ts_ns == QTA_TIME_UNKNOWN)
        return at_s < 0 ? INT64_MIN + 1 : INT64_MAX;
    return ts_ns;
}

/* ---- the file ---- */

static uint32_t big_endian_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t big_endian_i64(const uint8_t *bytes)
{
    return (int64_t)((uint64_t)big_endian_u32(bytes) << 32 | big_endian_u32(bytes + 4));
}

/* A data block of the file, checked to be inside of it. */
struct data_block {
    const uint8_t *times;
    const uint8_t *type_indexes;
    const uint8_t *types;
    const uint8_t *end;
    uint32_t time_count;
    uint32_t type_count;
    uint32_t leap_count;
    size_t time_bytes; /* of one time */
    char version;
};

/* Finds the parts of the block whose header is at bytes. Counts are 32 bits each, so that the sum
 * of their sizes cannot overflow 64. */
static bool data_block_find(struct data_block *block, const uint8_t *bytes, const uint8_t *end,
                            size_t time_bytes)
{
    if ((size_t)(end - bytes) < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0)
        return false;
    uint64_t universal_count = big_endian_u32(bytes + 20);
    uint64_t standard_count = big_endian_u32(bytes + 24);
    block->leap_count = big_endian_u32(bytes + 28);
    block->time_count = big_endian_u32(bytes + 32);
    block->type_count = big_endian_u32(bytes + 36);
    uint64_t character_count = big_endian_u32(bytes + 40);
    uint64_t size = block->time_count * (uint64_t)(time_bytes + 1) +
                    block->type_count * (uint64_t)TYPE_BYTES + character_count +
                    block->leap_count * (uint64_t)(time_bytes + 4) + standard_count +
                    universal_count;
    if (size > (uint64_t)(end - bytes) - HEADER_BYTES)
        return false;
    block->version = (char)bytes[4];
    block->time_bytes = time_bytes;
    block->times = bytes + HEADER_BYTES;
    block->type_indexes = block->times + block->time_count * time_bytes;
    block->types = block->type_indexes + block->time_count;
    block->end = bytes + HEADER_BYTES + size;
    return block->type_count > 0;
}

static int64_t clamp_instant(int64_t at_s)
{
    return at_s > instant_s_max ? instant_s_max : at_s < -instant_s_max ? -instant_s_max : at_s;
}

/* Reads the offset of a type; false for a type or an offset that cannot be. */
static bool type_offset(const struct data_block *block, uint32_t index, int32_t *offset_s)
{
    if (index >= block->type_count)
        return false;
    *offset_s = (int32_t)big_endian_u32(block->types + index * (size_t)TYPE_BYTES);
    return *offset_s >= -OFFSET_S_MAX && *offset_s <= OFFSET_S_MAX;
}

static bool changes_read(struct qta_timezone *zone, const struct data_block *block)
{
    if (!type_offset(block, 0, &zone->first_offset_s))
        return false;
    int64_t before_s = INT64_MIN;
    for (uint32_t i = 0; i < block->time_count; i++) {
        const uint8_t *time = block->times + i * block->time_bytes;
        int64_t at_s = block->time_bytes == 8 ? big_endian_i64(time)
                                              : (int32_t)big_endian_u32(time);
        if (i > 0 && at_s <= before_s)
            return false;
        before_s = at_s;
        zone->changes[i].at_s = clamp_instant(at_s);
        if (!type_offset(block, block->type_indexes[i], &zone->changes[i].offset_s))
            return false;
    }
    zone->change_count = block->time_count;
    return true;
}

/* The rule stands between two newlines behind the last block of version 2 and later. */
static bool footer_read(struct rule *rule, const struct data_block *block, const uint8_t *end)
{
    const char *p = (const char *)block->end;
    size_t length = (size_t)(end - block->end);
    if (length < 2 || *p != '\n')
        return false;
    const char *newline = memchr(p + 1, '\n', length - 1);
    return newline && rule_parse(rule, p + 1, (size_t)(newline - p - 1));
}

enum qta_status qta_timezone_create_from_bytes(struct qta_timezone **out, const void *bytes,
                                               size_t length, struct qta_error *err)
{
    assert(out);
    const uint8_t *start = bytes;
    const uint8_t *end = start + length;
    struct data_block block;
    if (!data_block_find(&block, start, end, 4))
        return qta_error_set(err, QTA_ERR_FORMAT, "not a time zone file");
    bool has_footer = block.version >= '2';
    if (has_footer && !data_block_find(&block, block.end, end, 8))
        return qta_error_set(err, QTA_ERR_FORMAT, "the second part is damaged");
    if (block.leap_count > 0)
        return qta_error_set(err, QTA_ERR_FORMAT, "zones that count leap seconds do not fit UTC");
    struct qta_timezone *zone = calloc(1,
                                       sizeof *zone + block.time_count * sizeof zone->changes[0]);
    if (!zone)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    if (!changes_read(zone, &block) || (has_footer && !footer_read(&zone->rule, &block, end))) {
        free(zone);
        return qta_error_set(err, QTA_ERR_FORMAT, "the zone's changes or rule are damaged");
    }
    *out = zone;
    return QTA_OK;
}

/* "America/New_York": letters, digits and _ + - between single slashes. No dots, so none of ".." */
static bool is_zone_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > NAME_BYTES_MAX || name[0] == '/' || name[length - 1] == '/' ||
        strstr(name, "//"))
        return false;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    return strspn(name, allowed) == length;
}

/* Reads a regular file of at most capacity bytes; -1 when it is something else. */
static ssize_t file_read(const char *path, uint8_t *bytes, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    size_t length = 0;
    ssize_t got = -1;
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        do {
            got = read(fd, bytes + length, capacity - length);
            if (got > 0)
                length += (size_t)got;
        } while (got > 0 || (got < 0 && errno == EINTR));
    }
    close(fd);
    return got == 0 ? (ssize_t)length : -1;
}

enum qta_status qta_timezone_create(struct qta_timezone **out, const char *name,
                                    struct qta_error *err)
{
    assert(out);
    assert(name);
    if (!is_zone_name(name))
        return qta_error_set(err, QTA_ERR_NOT_FOUND, "no time zone '%.*s'", NAME_BYTES_MAX, name);
    char path[128];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    uint8_t *bytes = malloc(FILE_BYTES_MAX);
    if (!bytes)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", path);
    ssize_t length = file_read(path, bytes, FILE_BYTES_MAX);
    enum qta_status status;
    if (length < 0) {
        status = qta_error_set(err, QTA_ERR_NOT_FOUND, "no time zone '%s'", name);
    } else {
        status = qta_timezone_create_from_bytes(out, bytes, (size_t)length, err);
        if (status != QTA_OK)
            qta_error_prefix(err, status, "'%s'", path);
    }
    free(bytes);
    return status;
}

void qta_timezone_destroy(struct qta_timezone *zone)
{
    free(zone);
}

/* ---- dates ---- */

struct qta_date qta_date_next(struct qta_date date)
{
    return date_of_days(qta_days_from_civil(date.year, date.month, date.day) + 1);
}

enum qta_status qta_date_parse(const char *text, struct qta_date *date)
{
    static const char shape[] = "dddd-dd-dd";
    unsigned parts[3] = {0};
    size_t part = 0;
    for (size_t i = 0; i < sizeof shape; i++) { /* the NUL as well */
        if (shape[i] == 'd') {
            if (text[i] < '0' || text[i] > '9')
                return QTA_ERR_FORMAT;
            parts[part] = parts[part] * 10 + (unsigned)(text[i] - '0');
        } else {
            if (text[i] != shape[i])
                return QTA_ERR_FORMAT;
            part++;
        }
    }
    if (parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
        parts[2] > qta_days_in_month(parts[0], parts[1]))
        return QTA_ERR_FORMAT;
    *date = (struct qta_date){(int32_t)parts[0], (uint8_t)parts[1], (uint8_t)parts[2]};
    return QTA_OK;
}

void qta_date_print(struct qta_date date, char text[16])
{
    snprintf(text, 16, "%04d-%02u-%02u", date.year, date.month, date.day);
}
