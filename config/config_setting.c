/* Adapters get their settings as text, so a value is checked here and only made uniform. */
#include "config/config_setting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/timestamp.h>

const struct qta_setting_spec *qta_config_setting_find(const struct qta_adapter_ops *ops,
                                                       const char *name)
{
    for (size_t i = 0; ops && i < ops->setting_count; i++) {
        if (strcmp(ops->settings[i].name, name) == 0)
            return &ops->settings[i];
    }
    return NULL;
}

static bool is_within(const struct qta_setting_spec *spec, double value)
{
    return spec->maximum <= spec->minimum || (value >= spec->minimum && value <= spec->maximum);
}

static bool is_integer(const struct qta_setting_spec *spec, const char *text)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    intmax_t value = strtoimax(text, NULL, 10);
    return errno == 0 && value >= INT64_MIN && value <= INT64_MAX && is_within(spec, (double)value);
}

/* A duration with a unit, since adapters read them by qta_duration_parse(). */
static const char *read_duration(const char *text, struct qta_config_arena *arena)
{
    int64_t duration_ns;
    if (!qta_config_duration_read(text, &duration_ns) || duration_ns < 0)
        return NULL;
    size_t length = strlen(text);
    if (strspn(text, "0123456789.") != length)
        return text;
    char *copy = qta_config_arena_alloc(arena, length + 2);
    if (!copy)
        return text;
    stpcpy(stpcpy(copy, text), "s");
    return copy;
}

const char *qta_config_setting_read(const struct qta_setting_spec *spec, const char *text,
                                    struct qta_config_arena *arena)
{
    bool is_true;
    double number;
    uint32_t speed_milli;
    int64_t time_ns;
    switch (spec->type) {
    case QTA_SETTING_INTEGER:
        return is_integer(spec, text) ? text : NULL;
    case QTA_SETTING_NUMBER:
        return qta_config_number_read(text, &number) && is_within(spec, number) ? text : NULL;
    case QTA_SETTING_BOOLEAN:
        if (!qta_config_boolean_read(text, &is_true))
            return NULL;
        return is_true ? "true" : "false";
    case QTA_SETTING_DURATION:
        return read_duration(text, arena);
    case QTA_SETTING_SPEED:
        return qta_speed_parse(text, strlen(text), &speed_milli) == QTA_OK ? text : NULL;
    case QTA_SETTING_TIME:
        return qta_timestamp_parse(text, strlen(text), &time_ns) == QTA_OK ? text : NULL;
    case QTA_SETTING_STRING:
    case QTA_SETTING_STRINGS:
    default:
        return qta_config_string_is_good(text) ? text : NULL;
    }
}

void qta_config_setting_expect(const struct qta_setting_spec *spec,
                               char text[QTA_CONFIG_EXPECTATION_BYTES])
{
    const size_t capacity = QTA_CONFIG_EXPECTATION_BYTES;
    bool has_range = spec->maximum > spec->minimum;
    switch (spec->type) {
    case QTA_SETTING_INTEGER:
        if (has_range)
            snprintf(text, capacity, "a whole number from %.0f to %.0f", spec->minimum,
                     spec->maximum);
        else
            snprintf(text, capacity, "a whole number");
        break;
    case QTA_SETTING_NUMBER:
        if (has_range)
            snprintf(text, capacity, "a number from %.10g to %.10g", spec->minimum, spec->maximum);
        else
            snprintf(text, capacity, "a number");
        break;
    case QTA_SETTING_BOOLEAN:
        snprintf(text, capacity, "true or false");
        break;
    case QTA_SETTING_DURATION:
        snprintf(text, capacity, "a duration like 30s, 200ms or 30 (seconds)");
        break;
    case QTA_SETTING_SPEED:
        snprintf(text, capacity, "a speed like 10x or 0.5x from 0.01x to 1000x, or max");
        break;
    case QTA_SETTING_TIME:
        snprintf(text, capacity, "a time like 2024-05-01T13:30:00Z");
        break;
    case QTA_SETTING_STRINGS:
        snprintf(text, capacity, "a text or a list like [a, b]");
        break;
    case QTA_SETTING_STRING:
    default:
        snprintf(text, capacity, "a text without control characters");
        break;
    }
}
