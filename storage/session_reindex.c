/* session.db made anew by hand. */
#include <assert.h>

#include <qta/archive.h>

#include "storage/session_index.h"

enum qta_status qta_session_reindex(const char *path, struct qta_error *err)
{
    assert(path);
    struct qta_session_folder folder;
    enum qta_status status = qta_session_folder_open(&folder, path, qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    status = qta_session_folder_lock(&folder, err);
    if (status == QTA_OK)
        status = qta_session_index_remake(&folder, err);
    qta_session_folder_close(&folder);
    return status == QTA_OK || status == QTA_ERR_LOCKED
               ? status
               : qta_error_prefix(err, status, "cannot make the index of '%s' anew", path);
}
