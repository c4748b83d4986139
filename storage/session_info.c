/* Segments tell what they hold in their footers; what is still in the journal is read and counted.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <qta/session.h>

#include "storage/journal_reader.h"
#include "storage/raw_reader.h"
#include "storage/segment_reader.h"
#include "storage/session_folder.h"
#include "storage/session_reader.h"

struct counting {
    struct qta_session_folder folder;
    struct qta_session_info *info;
    struct qta_dictionary *names; /* providers and symbols of all units */
    uint32_t last_run;
    uint64_t last_seq;
    uint32_t last_segment;
    bool is_sure; /* every segment could tell */
};

static void count_run(struct counting *counting, uint32_t run, const char *timezone)
{
    struct qta_session_info *info = counting->info;
    if (run > counting->last_run)
        info->runs++;
    counting->last_run = run;
    memcpy(info->timezone, timezone, sizeof info->timezone);
}

/* ---- segments ------------------------------------------------------------------------------ */

static bool note_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                      size_t length)
{
    struct counting *counting = user;
    (void)id;
    if (kind == QTA_NAME_PROVIDER || kind == QTA_NAME_SYMBOL)
        qta_dictionary_intern(counting->names, kind, name, length);
    return qta_dictionary_starved(counting->names) == 0;
}

static void count_footer(struct counting *counting, const struct qta_segment_reader *segment)
{
    struct qta_session_info *info = counting->info;
    const struct qta_tick_span *span = &segment->header.span;
    info->dropped += segment->footer.dropped;
    for (size_t i = 0; i < segment->hole_count; i++)
        info->lost += segment->holes[i].last_seq - segment->holes[i].first_seq + 1;
    if (span->records == 0)
        return;
    info->records += span->records;
    for (size_t type = 0; type < QTA_TICK_TYPE_END; type++)
        info->by_type[type] += segment->footer.by_type[type];
    if (info->first_ts_recv_ns == QTA_TIME_UNKNOWN)
        info->first_ts_recv_ns = span->first_ts_recv_ns;
    info->last_ts_recv_ns = span->last_ts_recv_ns;
    counting->last_seq = span->last_seq;
}

static void count_stored_frames(struct counting *counting, const struct qta_segment_reader *segment)
{
    for (size_t i = 0; i < segment->footer.frame_count; i++) {
        counting->info->raw_frames += segment->footer.frames[i].raw.frames;
        counting->info->raw_bytes += segment->footer.frames[i].raw.stored_bytes;
    }
}

static enum qta_status count_segment(struct counting *counting, uint32_t number,
                                     struct qta_error *err)
{
    struct qta_segment_reader segment;
    enum qta_status status = qta_segment_reader_open(&segment, &counting->folder, number, err);
    if (status == QTA_ERR_DAMAGED) {
        counting->is_sure = false;
        return QTA_OK;
    }
    if (status != QTA_OK)
        return status;
    if (segment.header_is_damaged || segment.footer_is_damaged)
        counting->is_sure = false;
    else
        count_run(counting, segment.header.run, segment.header.timezone);
    count_footer(counting, &segment);
    count_stored_frames(counting, &segment);
    status = qta_segment_reader_names(&segment, note_name, counting, err);
    qta_segment_reader_close(&segment);
    return status;
}

static enum qta_status count_segments(struct counting *counting, struct qta_error *err)
{
    struct qta_file_numbers numbers;
    enum qta_status status = qta_session_folder_list(&counting->folder, QTA_FILE_SEGMENT, &numbers,
                                                     err);
    counting->info->segments = numbers.count;
    if (numbers.count > 0)
        counting->last_segment = numbers.numbers[numbers.count - 1];
    for (size_t i = 0; i < numbers.count && status == QTA_OK; i++)
        status = count_segment(counting, numbers.numbers[i], err);
    qta_file_numbers_finish(&numbers);
    return status;
}

/* ---- what is not sealed -------------------------------------------------------------------- */

static void count_tick(struct qta_session_info *info, const struct qta_tick *tick)
{
    info->records++;
    info->by_type[tick->type]++;
    if (tick->type == QTA_TICK_DROP)
        info->dropped += tick->drop.count;
    if (info->first_ts_recv_ns == QTA_TIME_UNKNOWN)
        info->first_ts_recv_ns = tick->ts_recv_ns;
    info->last_ts_recv_ns = tick->ts_recv_ns;
}

static void note_names_of(struct counting *counting, const struct qta_dictionary *names)
{
    static const enum qta_name_kind kinds[] = {QTA_NAME_PROVIDER, QTA_NAME_SYMBOL};
    for (size_t i = 0; i < 2; i++)
        for (uint32_t id = 1; id < qta_dictionary_count(names, kinds[i]); id++) {
            size_t length;
            const char *name = qta_dictionary_name(names, kinds[i], id, &length);
            qta_dictionary_intern(counting->names, kinds[i], name, length);
        }
}

static enum qta_status count_from(struct counting *counting, const char *path, uint64_t from_seq,
                                  struct qta_error *err)
{
    struct qta_session_filter filter = qta_session_filter_default();
    struct qta_session_reader *reader;
    filter.from_seq = from_seq;
    enum qta_status status = qta_session_reader_create_in(&reader, path, &filter,
                                                          counting->folder.environment, err);
    if (status != QTA_OK)
        return status;
    do {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, err);
        for (size_t i = 0; status == QTA_OK && i < count; i++)
            count_tick(counting->info, &ticks[i]);
    } while (status == QTA_OK || status == QTA_ERR_DAMAGED);
    note_names_of(counting, qta_session_reader_names(reader));
    qta_session_reader_destroy(reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}

/* Stored frames that are not in segments, or were not when these were counted. */
static enum qta_status count_unsealed_frames(struct counting *counting, const char *path,
                                             struct qta_error *err)
{
    struct qta_raw_reader *reader;
    enum qta_status status = qta_raw_reader_create_in(&reader, path, NULL,
                                                      counting->folder.environment, err);
    if (status != QTA_OK)
        return status;
    qta_raw_reader_start_at(reader, counting->last_segment + 1);
    do {
        const struct qta_raw_frame *frame;
        status = qta_raw_reader_next(reader, &frame, err);
        counting->info->raw_frames += status == QTA_OK;
        counting->info->raw_bytes += status == QTA_OK ? frame->stored_length : 0;
    } while (status == QTA_OK || status == QTA_ERR_DAMAGED);
    qta_raw_reader_destroy(reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}

/* Runs that are in the journal, and whether it has anything at all. */
static enum qta_status count_journals(struct counting *counting, struct qta_error *err)
{
    struct qta_file_numbers numbers;
    enum qta_status status = qta_session_folder_list(&counting->folder, QTA_FILE_JOURNAL, &numbers,
                                                     err);
    for (size_t i = 0; status == QTA_OK && i < numbers.count; i++) {
        struct qta_journal_reader journal;
        enum qta_status opened = qta_journal_reader_open(&journal, &counting->folder,
                                                         numbers.numbers[i], err);
        if (opened == QTA_ERR_NOMEM)
            status = opened;
        if (opened != QTA_OK)
            continue;
        count_run(counting, journal.header.run, journal.header.timezone);
        qta_journal_reader_close(&journal);
    }
    counting->info->is_sealed = status == QTA_OK && numbers.count == 0;
    qta_file_numbers_finish(&numbers);
    return status;
}

/* ---- bytes --------------------------------------------------------------------------------- */

struct sizes {
    int fd;
    uint64_t bytes;
};

/* By name, because SQLite loses its locks when somebody in the process opens and closes its file.
 */
static bool add_size(void *user, const char *name)
{
    struct sizes *sizes = user;
    struct stat status;
    if (fstatat(sizes->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
        sizes->bytes += (uint64_t)status.st_size;
    return true;
}

static uint64_t sum_sizes(const struct qta_session_folder *folder)
{
    struct qta_environment *env = folder->environment;
    const int fds[] = {folder->root_fd, folder->folder_fds[QTA_FILE_SEGMENT],
                       folder->folder_fds[QTA_FILE_JOURNAL]};
    struct sizes sizes = {.bytes = 0};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        sizes.fd = fds[i];
        if (fds[i] >= 0)
            env->ops->list(env, fds[i], add_size, &sizes);
    }
    return sizes.bytes;
}

/* ---- all ----------------------------------------------------------------------------------- */

static void start_info(struct qta_session_info *info)
{
    memset(info, 0, sizeof *info);
    info->first_ts_recv_ns = QTA_TIME_UNKNOWN;
    info->last_ts_recv_ns = QTA_TIME_UNKNOWN;
}

static enum qta_status count_session(struct counting *counting, const char *path,
                                     struct qta_error *err)
{
    struct qta_session_info *info = counting->info;
    enum qta_status status = count_segments(counting, err);
    if (status == QTA_OK)
        status = count_journals(counting, err);
    if (status == QTA_OK && !counting->is_sure) { /* then only reading tells */
        struct qta_session_info kept = *info;
        start_info(info);
        info->runs = kept.runs;
        info->lost = kept.lost;
        info->segments = kept.segments;
        info->raw_frames = kept.raw_frames;
        info->raw_bytes = kept.raw_bytes;
        info->is_sealed = kept.is_sealed;
        memcpy(info->timezone, kept.timezone, sizeof info->timezone);
        counting->last_seq = 0;
    }
    if (status == QTA_OK)
        status = count_from(counting, path, counting->last_seq + 1, err);
    if (status == QTA_OK)
        status = count_unsealed_frames(counting, path, err);
    if (status == QTA_OK && qta_dictionary_starved(counting->names) > 0)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    if (status != QTA_OK)
        return status;
    for (unsigned type = QTA_TICK_NONE + 1; type < QTA_TICK_MARKET_TYPE_END; type++)
        info->ticks += info->by_type[type];
    info->gaps = info->by_type[QTA_TICK_GAP];
    info->symbols = qta_dictionary_count(counting->names, QTA_NAME_SYMBOL) - 1;
    info->providers = qta_dictionary_count(counting->names, QTA_NAME_PROVIDER) - 1;
    info->bytes = sum_sizes(&counting->folder);
    info->is_live = qta_session_folder_is_locked(&counting->folder);
    return QTA_OK;
}

enum qta_status qta_session_info_read(const char *path, struct qta_session_info *info,
                                      struct qta_error *err)
{
    assert(path && info);
    struct counting counting = {.info = info, .is_sure = true};
    start_info(info);
    enum qta_status status = qta_session_folder_open(&counting.folder, path,
                                                     qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    status = qta_dictionary_create(&counting.names, err);
    if (status == QTA_OK)
        status = count_session(&counting, path, err);
    qta_dictionary_destroy(counting.names);
    qta_session_folder_close(&counting.folder);
    return status;
}
