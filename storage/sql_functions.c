/* Times as text and back, members of lists, and what reading has cost. */
#include "storage/sql_functions.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "core/timezone.h"

SQLITE_EXTENSION_INIT3

enum { TIME_TEXT_BYTES = 48 };

#define DAY_NS (INT64_C(86400) * 1000000000)

/* ---- qta_ns(TEXT [, ZONE]) ----------------------------------------------------------------- */

/* A time without its zone, as if it were UTC: "2024-05-01", "2024-05-01 09:30", with seconds. */
static bool parse_wall_clock(const char *text, size_t length, int64_t *wall_ns)
{
    enum { DATE = 10, MINUTES = 16 };
    char full[TIME_TEXT_BYTES];
    const char *rest = length == DATE ? "T00:00:00Z" : length == MINUTES ? ":00Z" : "Z";
    if (length + strlen(rest) >= sizeof full || memchr(text, '\0', length))
        return false;
    int full_length = snprintf(full, sizeof full, "%.*s%s", (int)length, text, rest);
    return qta_timestamp_parse(full, (size_t)full_length, wall_ns) == QTA_OK;
}

static bool shift(int64_t ns, int64_t by_ns, int64_t *out_ns)
{
    return !__builtin_add_overflow(ns, by_ns, out_ns);
}

/* An hour that comes twice is the first; in one that is left out, the clock is taken to go on as
 * before. */
static bool from_wall_clock(const struct qta_timezone *zone, int64_t wall_ns, int64_t *ts_ns)
{
    int64_t before_ns;
    int64_t after_ns;
    if (!shift(wall_ns, -DAY_NS, &before_ns) || !shift(wall_ns, DAY_NS, &after_ns))
        return false;
    int64_t before_s = qta_timezone_offset_s(zone, before_ns);
    int64_t after_s = qta_timezone_offset_s(zone, after_ns);
    int64_t later_ns;
    if (!shift(wall_ns, -before_s * 1000000000, ts_ns) ||
        !shift(wall_ns, -after_s * 1000000000, &later_ns))
        return false;
    if (qta_timezone_offset_s(zone, *ts_ns) != before_s &&
        qta_timezone_offset_s(zone, later_ns) == after_s)
        *ts_ns = later_ns;
    return true;
}

static void destroy_zone(void *zone)
{
    qta_timezone_destroy(zone);
}

/* The zone of the second argument, loaded once as long as it stays the same. NULL: an error has
 * been given. */
static const struct qta_timezone *zone_of(sqlite3_context *context, sqlite3_value *name)
{
    struct qta_timezone *zone = sqlite3_get_auxdata(context, 1);
    struct qta_error err;
    if (zone)
        return zone;
    const char *text = (const char *)sqlite3_value_text(name);
    if (qta_timezone_create(&zone, text ? text : "", &err) != QTA_OK) {
        char *message = sqlite3_mprintf("qta_ns: %s", err.message);
        sqlite3_result_error(context, message ? message : "qta_ns: out of memory", -1);
        sqlite3_free(message);
        return NULL;
    }
    sqlite3_set_auxdata(context, 1, zone, destroy_zone);
    return sqlite3_get_auxdata(context, 1); /* NULL when memory ran out: SQLite says so itself */
}

static void result_not_a_time(sqlite3_context *context, const char *text)
{
    char *message = sqlite3_mprintf("qta_ns: '%.64s' is not a time like 2024-05-01T13:30:00Z or "
                                    "2024-05-01 13:30 between 1678 and 2262",
                                    text);
    if (!message) {
        sqlite3_result_error_nomem(context);
        return;
    }
    sqlite3_result_error(context, message, -1);
    sqlite3_free(message);
}

static void function_ns(sqlite3_context *context, int count, sqlite3_value **values)
{
    int64_t ts_ns;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return;
    if (sqlite3_value_type(values[0]) == SQLITE_INTEGER) { /* is one already */
        sqlite3_result_value(context, values[0]);
        return;
    }
    const char *text = (const char *)sqlite3_value_text(values[0]);
    if (!text) {
        sqlite3_result_error_nomem(context);
        return;
    }
    size_t length = (size_t)sqlite3_value_bytes(values[0]);
    if (qta_timestamp_parse(text, length, &ts_ns) == QTA_OK) {
        sqlite3_result_int64(context, ts_ns);
        return;
    }
    const struct qta_timezone *zone = count > 1 ? zone_of(context, values[1]) : NULL;
    if (count > 1 && !zone)
        return;
    bool is_time = parse_wall_clock(text, length, &ts_ns);
    if (is_time && zone)
        is_time = from_wall_clock(zone, ts_ns, &ts_ns);
    if (is_time)
        sqlite3_result_int64(context, ts_ns);
    else
        result_not_a_time(context, text);
}

/* ---- qta_time(NS) -------------------------------------------------------------------------- */

static void function_time(sqlite3_context *context, int count, sqlite3_value **values)
{
    char text[QTA_TIMESTAMP_TEXT_BYTES];
    (void)count;
    int type = sqlite3_value_numeric_type(values[0]);
    if (type == SQLITE_NULL)
        return;
    if (type != SQLITE_INTEGER) {
        sqlite3_result_error(context, "qta_time: a time is an integer of ns since 1970", -1);
        return;
    }
    size_t length = qta_timestamp_print(sqlite3_value_int64(values[0]), text);
    sqlite3_result_text(context, text, (int)length, SQLITE_TRANSIENT);
}

/* ---- qta_has(LIST, MEMBER) ----------------------------------------------------------------- */

static void function_has(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const char *list = (const char *)sqlite3_value_text(values[0]);
    const char *member = (const char *)sqlite3_value_text(values[1]);
    if (!list || !member) /* an absent list has no members; whether NULL is one, nobody knows */ {
        if (member)
            sqlite3_result_int(context, 0);
        return;
    }
    size_t length = strlen(member);
    bool is_found = false;
    while (!is_found) {
        size_t item = strcspn(list, "|");
        is_found = item == length && memcmp(list, member, length) == 0;
        if (list[item] == '\0')
            break;
        list += item + 1;
    }
    sqlite3_result_int(context, is_found);
}

/* ---- qta_counter(NAME) --------------------------------------------------------------------- */

static void function_counter(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct qta_sql_connection *connection = sqlite3_user_data(context);
    const struct qta_sql_counters *counters = &connection->counters;
    const struct {
        const char *name;
        uint64_t value;
    } known[] = {
        {"ticks", counters->ticks},
        {"blocks", counters->blocks},
        {"problems", counters->problems},
        {"lost", counters->lost},
    };
    (void)count;
    const char *name = (const char *)sqlite3_value_text(values[0]);
    for (size_t i = 0; name && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            sqlite3_result_int64(context, (sqlite3_int64)known[i].value);
            return;
        }
    sqlite3_result_error(context,
                         "qta_counter: no such counter (have: ticks, blocks, problems, "
                         "lost)",
                         -1);
}

/* ---- registering --------------------------------------------------------------------------- */

int qta_sql_functions_register(sqlite3 *db, struct qta_sql_connection *connection)
{
    enum { PURE = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    static const struct {
        const char *name;
        int argument_count;
        int flags;
        void (*function)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"qta_ns", 1, PURE, function_ns},
        {"qta_ns", 2, PURE, function_ns},
        {"qta_time", 1, PURE, function_time},
        {"qta_has", 2, PURE, function_has},
        {"qta_counter", 1, SQLITE_UTF8, function_counter},
    };
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && code == SQLITE_OK; i++)
        code = sqlite3_create_function_v2(db, functions[i].name, functions[i].argument_count,
                                          functions[i].flags, qta_sql_connection_hold(connection),
                                          functions[i].function, NULL, NULL,
                                          qta_sql_connection_release);
    return code;
}
