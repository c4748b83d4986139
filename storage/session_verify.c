/* Reads everything and says what is wrong. */
#include <qta/session.h>

#include <string.h>

enum qta_status qta_session_verify(const char *path, qta_problem_callback on_problem,
                                   qta_progress_callback on_progress, void *user,
                                   struct qta_session_verdict *verdict, struct qta_error *err)
{
    (void)on_progress;
    memset(verdict, 0, sizeof *verdict);
    struct qta_session_reader *reader;
    struct qta_error problem;
    enum qta_status status = qta_session_reader_create(&reader, path, NULL, err);
    if (status != QTA_OK)
        return status;
    do {
        const struct qta_tick *ticks;
        size_t count = 0;
        status = qta_session_reader_next(reader, &ticks, &count, &problem);
        if (status == QTA_OK)
            verdict->records += count;
        if (status == QTA_ERR_DAMAGED) {
            verdict->problems++;
            if (on_problem)
                on_problem(user, problem.message);
        }
    } while (status == QTA_OK || status == QTA_ERR_DAMAGED);
    qta_session_reader_destroy(reader);
    if (status != QTA_ERR_END) {
        if (err)
            *err = problem;
        return status;
    }
    if (verdict->problems > 0)
        return qta_error_set(err, QTA_ERR_DAMAGED, "'%s' is damaged: %s", path, problem.message);
    return QTA_OK;
}
