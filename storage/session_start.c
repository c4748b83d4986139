/* A session begins where its first segment that has ticks does. Where that cannot say so itself,
 * all of the session is looked at. */
#include <assert.h>
#include <string.h>

#include <qta/session.h>

#include "storage/segment_reader.h"
#include "storage/session_folder.h"

/* Whether the headers of segments told it. */
static bool ask_segments(const struct qta_session_folder *folder, struct qta_session_start *start)
{
    struct qta_file_numbers numbers;
    bool is_told = false;
    if (qta_session_folder_list(folder, QTA_FILE_SEGMENT, &numbers, NULL) != QTA_OK)
        return false;
    for (size_t i = 0; i < numbers.count && !is_told; i++) {
        struct qta_segment_header header;
        if (qta_segment_reader_peek(folder, numbers.numbers[i], &header, NULL) != QTA_OK)
            break;
        is_told = header.span.records > 0;
        start->first_ts_recv_ns = header.span.first_ts_recv_ns;
        memcpy(start->timezone, header.timezone, sizeof start->timezone);
    }
    qta_file_numbers_finish(&numbers);
    return is_told;
}

enum qta_status qta_session_start_read(const char *path, struct qta_session_start *start,
                                       struct qta_error *err)
{
    assert(path && start);
    struct qta_session_folder folder;
    struct qta_session_info info;
    enum qta_status status = qta_session_folder_open(&folder, path, qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    bool is_told = ask_segments(&folder, start);
    qta_session_folder_close(&folder);
    if (is_told)
        return QTA_OK;
    status = qta_session_info_read(path, &info, err);
    if (status != QTA_OK)
        return status;
    start->first_ts_recv_ns = info.first_ts_recv_ns;
    memcpy(start->timezone, info.timezone, sizeof start->timezone);
    return QTA_OK;
}
