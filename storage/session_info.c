/* What a session holds, counted. */
#include <qta/session.h>

#include <string.h>

static void count_tick(struct qta_session_info *info, const struct qta_tick *tick)
{
    info->records++;
    info->by_type[tick->type]++;
    if (qta_tick_is_market(tick))
        info->ticks++;
    if (tick->type == QTA_TICK_GAP)
        info->gaps++;
    if (tick->type == QTA_TICK_DROP)
        info->dropped += tick->drop.count;
    if (info->first_ts_recv_ns == QTA_TIME_UNKNOWN)
        info->first_ts_recv_ns = tick->ts_recv_ns;
    info->last_ts_recv_ns = tick->ts_recv_ns;
}

enum qta_status qta_session_info_read(const char *path, struct qta_session_info *info,
                                      struct qta_error *err)
{
    memset(info, 0, sizeof *info);
    info->first_ts_recv_ns = QTA_TIME_UNKNOWN;
    info->last_ts_recv_ns = QTA_TIME_UNKNOWN;
    struct qta_session_reader *reader;
    enum qta_status status = qta_session_reader_create(&reader, path, NULL, err);
    if (status != QTA_OK)
        return status;
    do {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, err);
        for (size_t i = 0; status == QTA_OK && i < count; i++)
            count_tick(info, &ticks[i]);
    } while (status == QTA_OK || status == QTA_ERR_DAMAGED);
    const struct qta_dictionary *names = qta_session_reader_names(reader);
    info->symbols = qta_dictionary_count(names, QTA_NAME_SYMBOL) - 1;
    info->providers = qta_dictionary_count(names, QTA_NAME_PROVIDER) - 1;
    info->is_live = qta_session_reader_is_live(reader);
    qta_session_reader_destroy(reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}
