/* Frames and ticks come in the same order, so one look at each is enough. */
#include "storage/raw_links.h"

#include <inttypes.h>
#include <string.h>

#include "storage/raw_reader.h"

enum qta_status qta_raw_links_begin(struct qta_raw_links *links, const char *path,
                                    struct qta_environment *environment, struct qta_error *err)
{
    memset(links, 0, sizeof *links);
    return qta_raw_reader_create_in(&links->reader, path, NULL, environment, err);
}

void qta_raw_links_finish(struct qta_raw_links *links)
{
    qta_raw_reader_destroy(links->reader);
    links->reader = NULL;
}

static uint64_t end_of(const struct qta_raw_frame *frame)
{
    return frame->first_seq + frame->tick_count;
}

/* The next frame, or none at the end. What cannot be read is told by who reads blocks and records.
 */
static enum qta_status read_frame(struct qta_raw_links *links, struct qta_error *err)
{
    if (links->next)
        links->end_seq = end_of(links->next);
    links->next = NULL;
    const struct qta_raw_frame *frame;
    enum qta_status status;
    do
        status = qta_raw_reader_next(links->reader, &frame, err);
    while (status == QTA_ERR_DAMAGED);
    if (status == QTA_ERR_END) {
        qta_raw_links_finish(links);
        return QTA_OK;
    }
    if (status != QTA_OK)
        return status;
    links->next = frame;
    links->frames++;
    if (frame->first_seq >= links->end_seq)
        return QTA_OK;
    return qta_error_set(err, QTA_ERR_DAMAGED, "two stored frames are linked to record %" PRIu64,
                         frame->first_seq);
}

static bool is_same_provider(const struct qta_raw_links *links, const struct qta_tick *tick,
                             const struct qta_dictionary *names)
{
    size_t length;
    size_t other_length;
    const char *name = qta_dictionary_name(names, QTA_NAME_PROVIDER, tick->provider, &length);
    const char *other = qta_dictionary_name(qta_raw_reader_names(links->reader), QTA_NAME_PROVIDER,
                                            links->next->provider, &other_length);
    return length == other_length && memcmp(name, other, length) == 0;
}

enum qta_status qta_raw_links_take(struct qta_raw_links *links, const struct qta_tick *tick,
                                   const struct qta_dictionary *names, struct qta_error *err)
{
    while (links->reader && (!links->next || end_of(links->next) <= tick->rx_seq)) {
        enum qta_status status = read_frame(links, err);
        if (status != QTA_OK)
            return status;
    }
    links->last_seq = tick->rx_seq;
    const struct qta_raw_frame *frame = links->next;
    if (!frame || tick->rx_seq < frame->first_seq || !qta_tick_is_market(tick) ||
        frame->first_seq == links->mislinked_seq)
        return QTA_OK;
    if (frame->conn == tick->conn && is_same_provider(links, tick, names))
        return QTA_OK;
    links->mislinked_seq = frame->first_seq;
    return qta_error_set(err, QTA_ERR_DAMAGED,
                         "the stored frame linked to records %" PRIu64 " to %" PRIu64
                         " is of another connection than record %" PRIu64,
                         frame->first_seq, end_of(frame) - 1, tick->rx_seq);
}

enum qta_status qta_raw_links_end(struct qta_raw_links *links, bool is_whole, struct qta_error *err)
{
    while (links->reader) {
        const struct qta_raw_frame *frame = links->next;
        uint64_t first_seq = frame ? frame->first_seq : 0;
        bool is_behind = frame && end_of(frame) > links->last_seq + 1;
        uint64_t last_seq = is_behind ? end_of(frame) - 1 : 0;
        enum qta_status status = read_frame(links, err);
        if (status != QTA_OK)
            return status;
        if (is_behind && is_whole)
            return qta_error_set(err, QTA_ERR_DAMAGED,
                                 "a stored frame is linked to records %" PRIu64 " to %" PRIu64
                                 ", the last record is %" PRIu64,
                                 first_seq, last_seq, links->last_seq);
    }
    return QTA_OK;
}
