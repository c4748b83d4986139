/* Filters compare ids, so that a tick costs a few loads. */
#include "storage/tick_filter.h"

#include <stdlib.h>
#include <string.h>

struct qta_session_filter qta_session_filter_default(void)
{
    return (struct qta_session_filter){
        .from_ns = INT64_MIN,
        .until_ns = INT64_MAX,
        .event_from_ns = INT64_MIN,
        .event_until_ns = INT64_MAX,
        .until_seq = UINT64_MAX,
        .types = QTA_TYPES_ALL,
    };
}

static bool add_id(struct qta_id_set *set, uint32_t id)
{
    if (id == 0 || id == QTA_NAME_OTHER) /* no tick is asked for by these names */
        return true;
    if (id >= set->capacity) {
        uint32_t capacity = id + 64;
        uint8_t *grown = realloc(set->has, capacity);
        if (!grown)
            return false;
        memset(grown + set->capacity, 0, capacity - set->capacity);
        set->has = grown;
        set->capacity = capacity;
    }
    set->has[id] = 1;
    return true;
}

static bool fill_set(struct qta_id_set *set, struct qta_dictionary *names, enum qta_name_kind kind,
                     const char *const *wanted, size_t count)
{
    set->is_all = wanted == NULL;
    for (size_t i = 0; wanted && i < count; i++)
        if (!add_id(set, qta_dictionary_intern(names, kind, wanted[i], strlen(wanted[i]))))
            return false;
    return qta_dictionary_starved(names) == 0;
}

enum qta_status qta_tick_filter_init(struct qta_tick_filter *filter,
                                     const struct qta_session_filter *wanted,
                                     struct qta_dictionary *names, struct qta_error *err)
{
    struct qta_session_filter all = qta_session_filter_default();
    if (!wanted)
        wanted = &all;
    *filter = (struct qta_tick_filter){
        .from_ns = wanted->from_ns,
        .until_ns = wanted->until_ns,
        .event_from_ns = wanted->event_from_ns,
        .event_last_ns = wanted->event_until_ns - (wanted->event_until_ns != INT64_MAX &&
                                                   wanted->event_until_ns != INT64_MIN),
        .from_seq = wanted->from_seq,
        .until_seq = wanted->until_seq,
        .has_event_limit = wanted->event_from_ns != INT64_MIN ||
                           wanted->event_until_ns != INT64_MAX,
        .types = wanted->types,
    };
    if (fill_set(&filter->symbols, names, QTA_NAME_SYMBOL, wanted->symbols, wanted->symbol_count) &&
        fill_set(&filter->providers, names, QTA_NAME_PROVIDER, wanted->providers,
                 wanted->provider_count))
        return QTA_OK;
    qta_tick_filter_finish(filter);
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a filter");
}

void qta_tick_filter_finish(struct qta_tick_filter *filter)
{
    free(filter->symbols.has);
    free(filter->providers.has);
    *filter = (struct qta_tick_filter){0};
}
