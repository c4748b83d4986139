/* Options into the filter of one session. */
#include "tools/session_filter.h"

#include <string.h>

bool qta_session_types_read(const char *text, void *field)
{
    uint32_t types = 0;
    for (const char *name = text;; name++) {
        size_t length = strcspn(name, ",");
        enum qta_tick_type type = qta_tick_type_parse(name, length);
        if (type == QTA_TICK_NONE)
            return false;
        types |= QTA_TYPE_BIT(type);
        name += length;
        if (*name == '\0')
            break;
    }
    *(uint32_t *)field |= types;
    return true;
}

enum qta_status qta_session_choice_resolve(const struct qta_session_choice *choice,
                                           const char *path, struct qta_session_filter *filter,
                                           struct qta_error *err)
{
    *filter = qta_session_filter_default();
    if (choice->types != 0)
        filter->types = choice->types;
    filter->symbols = choice->symbols.items;
    filter->symbol_count = choice->symbols.count;
    filter->providers = choice->providers.items;
    filter->provider_count = choice->providers.count;
    if (choice->from.kind == QTA_SESSION_TIME_NONE && choice->until.kind == QTA_SESSION_TIME_NONE &&
        choice->event_from.kind == QTA_SESSION_TIME_NONE &&
        choice->event_until.kind == QTA_SESSION_TIME_NONE)
        return QTA_OK;
    struct qta_session_start start; /* it has the zone and the first day */
    enum qta_status status = qta_session_start_read(path, &start, err);
    if (status != QTA_OK)
        return status;
    filter->from_ns = qta_session_time_resolve(&choice->from, &start, filter->from_ns);
    filter->until_ns = qta_session_time_resolve(&choice->until, &start, filter->until_ns);
    filter->event_from_ns = qta_session_time_resolve(&choice->event_from, &start,
                                                     filter->event_from_ns);
    filter->event_until_ns = qta_session_time_resolve(&choice->event_until, &start,
                                                      filter->event_until_ns);
    return QTA_OK;
}

void qta_session_choice_finish(struct qta_session_choice *choice)
{
    qta_option_list_finish(&choice->symbols);
    qta_option_list_finish(&choice->providers);
}
