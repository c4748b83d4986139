/* Segments tell in their headers, which are 256 bytes; the journal has to be read. */
#include "storage/session_range.h"

#include <assert.h>

#include <qta/session.h>

#include "storage/segment_reader.h"
#include "storage/session_reader.h"
#include "storage/session_units.h"

/* The header of the first segment that has ticks, from one end. False when one cannot be read;
 * header->span.records is 0 when there is none. */
static bool find_header(const struct qta_session_folder *folder,
                        const struct qta_file_numbers *segments, bool from_end,
                        struct qta_segment_header *header)
{
    header->span.records = 0;
    for (size_t i = 0; i < segments->count && header->span.records == 0; i++) {
        size_t place = from_end ? segments->count - 1 - i : i;
        if (qta_segment_reader_peek(folder, segments->numbers[place], header, NULL) != QTA_OK)
            return false;
    }
    return true;
}

static enum qta_status read_rest(const char *path, uint64_t from_seq,
                                 struct qta_session_range *range, struct qta_error *err)
{
    struct qta_session_filter filter = qta_session_filter_default();
    struct qta_session_reader *reader;
    filter.from_seq = from_seq;
    enum qta_status status = qta_session_reader_create(&reader, path, &filter, err);
    if (status != QTA_OK)
        return status;
    do {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, err);
        if (status != QTA_OK)
            continue;
        if (range->first_ts_recv_ns == QTA_TIME_UNKNOWN)
            range->first_ts_recv_ns = ticks[0].ts_recv_ns;
        range->last_ts_recv_ns = ticks[count - 1].ts_recv_ns;
    } while (status == QTA_OK || status == QTA_ERR_DAMAGED);
    qta_session_reader_destroy(reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}

static enum qta_status read_all(const char *path, struct qta_session_range *range,
                                struct qta_error *err)
{
    struct qta_session_info info;
    enum qta_status status = qta_session_info_read(path, &info, err);
    if (status != QTA_OK)
        return status;
    range->first_ts_recv_ns = info.first_ts_recv_ns;
    range->last_ts_recv_ns = info.last_ts_recv_ns;
    return QTA_OK;
}

enum qta_status qta_session_range_read(const char *path, struct qta_session_range *range,
                                       struct qta_error *err)
{
    assert(path && range);
    struct qta_session_folder folder;
    struct qta_session_units units;
    range->first_ts_recv_ns = QTA_TIME_UNKNOWN;
    range->last_ts_recv_ns = QTA_TIME_UNKNOWN;
    enum qta_status status = qta_session_folder_open(&folder, path, qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    status = qta_session_units_list(&units, &folder, err);
    if (status != QTA_OK) {
        qta_session_folder_close(&folder);
        return status;
    }
    struct qta_segment_header first;
    struct qta_segment_header last;
    bool is_sure = find_header(&folder, &units.segments, false, &first) &&
                   find_header(&folder, &units.segments, true, &last);
    bool has_rest = units.journals.count > 0;
    qta_session_units_finish(&units);
    qta_session_folder_close(&folder);
    if (!is_sure)
        return read_all(path, range, err);
    if (first.span.records > 0) {
        range->first_ts_recv_ns = first.span.first_ts_recv_ns;
        range->last_ts_recv_ns = last.span.last_ts_recv_ns;
    }
    uint64_t next_seq = first.span.records > 0 ? last.span.last_seq + 1 : 1;
    return has_rest ? read_rest(path, next_seq, range, err) : QTA_OK;
}
