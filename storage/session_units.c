/* Lists are made anew whenever a unit is left: in a live session there are more by then. */
#include "storage/session_units.h"

#include <string.h>

#include "storage/segment_reader.h"

/* Journals first: a chunk that is sealed in between is then in both lists, not in none. */
enum qta_status qta_session_units_list(struct qta_session_units *units,
                                       struct qta_session_folder *folder, struct qta_error *err)
{
    memset(units, 0, sizeof *units);
    enum qta_status status = qta_session_folder_refresh(folder, err);
    if (status == QTA_OK)
        status = qta_session_folder_list(folder, QTA_FILE_JOURNAL, &units->journals, err);
    if (status == QTA_OK)
        status = qta_session_folder_list(folder, QTA_FILE_SEGMENT, &units->segments, err);
    if (status != QTA_OK)
        qta_session_units_finish(units);
    return status;
}

void qta_session_units_finish(struct qta_session_units *units)
{
    qta_file_numbers_finish(&units->segments);
    qta_file_numbers_finish(&units->journals);
}

uint32_t qta_session_units_from(const struct qta_session_units *units, uint32_t number)
{
    uint32_t segment = qta_file_numbers_from(&units->segments, number);
    uint32_t journal = qta_file_numbers_from(&units->journals, number);
    return segment == 0 || (journal != 0 && journal < segment) ? journal : segment;
}

enum place {
    PLACE_UNKNOWN, /* it has no tick: the one behind it tells */
    PLACE_BEFORE,
    PLACE_NOT_BEFORE,
};

static enum place place_of(const struct qta_session_folder *folder, uint32_t number,
                           const struct qta_tick_filter *filter)
{
    struct qta_segment_header header;
    if (qta_segment_reader_peek(folder, number, &header, NULL) != QTA_OK)
        return PLACE_NOT_BEFORE;
    if (header.span.records == 0)
        return PLACE_UNKNOWN;
    return qta_tick_span_is_before(&header.span, filter) ? PLACE_BEFORE : PLACE_NOT_BEFORE;
}

uint32_t qta_session_units_last_before(const struct qta_session_units *units,
                                       const struct qta_session_folder *folder,
                                       const struct qta_tick_filter *filter)
{
    const struct qta_file_numbers *segments = &units->segments;
    size_t low = 0; /* all below are before */
    size_t high = segments->count;
    if (filter->from_ns == INT64_MIN && filter->from_seq <= 1)
        return 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t asked = middle;
        enum place place = PLACE_UNKNOWN;
        for (; place == PLACE_UNKNOWN && asked < high; asked++)
            place = place_of(folder, segments->numbers[asked], filter);
        if (place == PLACE_BEFORE)
            low = asked;
        else
            high = middle;
    }
    return low > 0 ? segments->numbers[low - 1] : 0;
}
