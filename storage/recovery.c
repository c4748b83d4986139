/* Recovery reads; it changes nothing that a reader or the next recovery could miss. */
#include "storage/recovery.h"

#include <inttypes.h>
#include <string.h>

#include <qta/log.h>

#include "storage/journal_reader.h"

static void note_session(struct qta_recovery *recovery, const struct qta_journal_header *header)
{
    memcpy(recovery->session_id, header->session_id, sizeof recovery->session_id);
    memcpy(recovery->timezone, header->timezone, sizeof recovery->timezone);
    if (header->run >= recovery->next_run)
        recovery->next_run = header->run + 1;
}

static enum qta_status scan_journal(struct qta_recovery *recovery,
                                    const struct qta_session_folder *folder, uint32_t number,
                                    struct qta_error *err)
{
    struct qta_journal_reader reader;
    enum qta_status status = qta_journal_reader_open(&reader, folder, number, err);
    if (status != QTA_OK)
        return status;
    note_session(recovery, &reader.header);
    recovery->waiting_bytes += reader.header.capacity;
    for (;;) {
        struct qta_journal_record record;
        struct qta_tick tick;
        status = qta_journal_reader_next(&reader, &record, err);
        if (status == QTA_ERR_DAMAGED)
            qta_log(QTA_LOG_WARNING, "storage", "%s", err->message);
        else if (status != QTA_OK)
            break;
        else if (qta_journal_record_tick(&record, &tick) && tick.rx_seq >= recovery->next_seq) {
            recovery->next_seq = tick.rx_seq + 1;
            recovery->last_ts_recv_ns = tick.ts_recv_ns;
        }
    }
    if (!qta_journal_reader_is_finished(&reader))
        recovery->was_cut = true;
    qta_journal_reader_close(&reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}

enum qta_status qta_recovery_run(struct qta_recovery *recovery,
                                 const struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    struct qta_error cause;
    memset(recovery, 0, sizeof *recovery);
    recovery->next_seq = 1;
    recovery->last_ts_recv_ns = QTA_TIME_UNKNOWN;
    recovery->next_number = 1;
    recovery->next_run = 1;
    if (env->ops->random(env, recovery->session_id, sizeof recovery->session_id) != 0)
        return qta_error_set_errno(err, "cannot get random bytes");
    enum qta_status status = qta_session_folder_list(folder, QTA_FILE_JOURNAL, &recovery->journals,
                                                     &cause);
    for (size_t i = 0; i < recovery->journals.count && status == QTA_OK; i++) {
        recovery->next_number = recovery->journals.numbers[i] + 1;
        status = scan_journal(recovery, folder, recovery->journals.numbers[i], &cause);
    }
    if (status != QTA_OK && err)
        *err = cause;
    return status;
}

void qta_recovery_finish(struct qta_recovery *recovery)
{
    qta_file_numbers_finish(&recovery->journals);
}
