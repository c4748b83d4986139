/* The calendar that is meant where none is said. */
#include "recorder/provider_hours.h"

#include <stdlib.h>
#include <string.h>

#include <qta/timestamp.h>

/* Alpaca's feeds of stocks and options; its crypto feed and its test stream never rest. */
static bool is_us_stock_feed(const struct qta_provider_options *provider)
{
    const char *adapter = provider->adapter ? provider->adapter : provider->name;
    const char *url = provider->websocket_url ? provider->websocket_url : "";
    return strcmp(adapter, "alpaca") == 0 && strstr(url, "alpaca.markets/") &&
           !strstr(url, "/crypto") && !strstr(url, "/test");
}

static enum qta_market_calendar find_calendar(const struct qta_provider_options *provider,
                                              enum qta_market_calendar calendar)
{
    if (provider->calendar != QTA_CALENDAR_AUTO)
        return provider->calendar;
    if (calendar != QTA_CALENDAR_AUTO)
        return calendar;
    return is_us_stock_feed(provider) ? QTA_CALENDAR_US_EQUITIES : QTA_CALENDAR_ALWAYS;
}

static enum qta_status take_closed_days(struct qta_provider_hours *hours,
                                        const struct qta_provider_options *provider,
                                        struct qta_error *err)
{
    hours->days = calloc(provider->closed_day_count + 1, sizeof *hours->days);
    if (!hours->days)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for closed days");
    hours->hours.closed_days = hours->days;
    for (size_t i = 0; i < provider->closed_day_count; i++) {
        if (qta_date_parse(provider->closed_days[i], &hours->days[i]) != QTA_OK)
            return qta_error_set(err, QTA_ERR_CONFIG,
                                 "closed_days must be dates like 2025-01-09, not '%s'",
                                 provider->closed_days[i]);
        hours->hours.closed_day_count++;
    }
    return QTA_OK;
}

enum qta_status qta_provider_hours_init(struct qta_provider_hours *hours,
                                        const struct qta_provider_options *provider,
                                        enum qta_market_calendar calendar, struct qta_error *err)
{
    *hours = (struct qta_provider_hours){0};
    calendar = find_calendar(provider, calendar);
    enum qta_status status = take_closed_days(hours, provider, err);
    if (status != QTA_OK || calendar == QTA_CALENDAR_ALWAYS)
        return status;
    status = qta_timezone_create(&hours->zone, "America/New_York", err);
    hours->hours.new_york = hours->zone;
    hours->hours.is_extended = calendar == QTA_CALENDAR_US_EQUITIES_EXTENDED;
    return status == QTA_OK ? QTA_OK
                            : qta_error_prefix(err, status, "calendar of '%s'", provider->name);
}

void qta_provider_hours_finish(struct qta_provider_hours *hours)
{
    qta_timezone_destroy(hours->zone);
    free(hours->days);
}
