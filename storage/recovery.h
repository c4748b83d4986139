/** @file recovery.h
 *  What a writer finds when it opens a session: where the last run ended, and what it left undone.
 */
#ifndef QTA_STORAGE_RECOVERY_H
#define QTA_STORAGE_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/journal_format.h"
#include "storage/session_folder.h"

struct qta_recovery {
    uint8_t session_id[QTA_SESSION_ID_BYTES]; /**< the session's, or a new one */
    char timezone[QTA_TIMEZONE_BYTES];        /**< "" in a new session */
    uint64_t next_seq;
    int64_t last_ts_recv_ns;
    uint32_t next_number; /**< of the first file of the new run */
    uint32_t next_run;
    bool was_cut;                     /**< the last run did not close */
    struct qta_file_numbers journals; /**< chunks to seal, ascending */
    uint64_t waiting_bytes;           /**< of them */
};

/** Looks through the session and clears away what is of no use. QTA_ERR_FORMAT for files of a newer
 *  version, QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_recovery_run(struct qta_recovery *recovery,
                                 const struct qta_session_folder *folder, struct qta_error *err);
void qta_recovery_finish(struct qta_recovery *recovery);

#endif
