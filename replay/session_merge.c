/* Several sessions into one: the merge of the replay, into the growing session of the imports. */
#include <qta/exchange.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/merge.h"
#include "replay/session_source.h"
#include "storage/growing_session.h"

/* One merge. */
struct session_merge {
    const struct qta_session_merge_options *options;
    struct qta_session_merge_result *result;
    const struct qta_export_source *inputs;
    struct qta_tick_source **sources;
    size_t source_count;
    struct qta_dictionary *names;
    struct qta_merge *merge;
    struct qta_growing_session *growing;
    uint64_t total;
    int64_t first_ns; /* the earliest ts_recv of all; QTA_TIME_UNKNOWN: none has records */
    char timezone[sizeof((struct qta_session_info *)0)->timezone];
};

static uint32_t intern(void *user, enum qta_name_kind kind, const char *name, size_t length)
{
    return qta_dictionary_intern(user, kind, name, length);
}

/* ---- what goes in -----------------------------------------------------------------------------
 */

static enum qta_status add_source(struct session_merge *merge,
                                  const struct qta_export_source *input, struct qta_error *err)
{
    struct qta_session_info info;
    enum qta_status status = qta_session_info_read(input->path, &info, err);
    if (status != QTA_OK)
        return status;
    bool is_empty = info.first_ts_recv_ns == QTA_TIME_UNKNOWN;
    if (!is_empty &&
        (merge->first_ns == QTA_TIME_UNKNOWN || info.first_ts_recv_ns < merge->first_ns))
        merge->first_ns = info.first_ts_recv_ns;
    if (merge->source_count == 0)
        memcpy(merge->timezone, info.timezone, sizeof merge->timezone);
    merge->total += info.records;
    merge->result->raw_frames += info.raw_frames;
    /* without helpers: sealing is what takes the time */
    status = qta_session_source_create(&merge->sources[merge->source_count], input->path,
                                       &input->filter, info.first_ts_recv_ns, false, err);
    merge->source_count += status == QTA_OK;
    return status;
}

/* A record that says where those of a session came from. It has the time of the first one of all,
 * so that nothing goes back. */
static enum qta_status note_source(struct session_merge *merge, const char *path,
                                   struct qta_error *err)
{
    enum { NOTE_BYTES = QTA_NAME_MAX_BYTES };
    char note[NOTE_BYTES];
    int length = snprintf(note, sizeof note, "merged from '%s'", path);
    size_t used = (size_t)length < sizeof note ? (size_t)length : sizeof note - 1;
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_MARKER);
    tick.ts_recv_ns = merge->first_ns;
    tick.marker.note = qta_dictionary_intern(merge->names, QTA_NAME_TEXT, note, used);
    return qta_growing_session_append(merge->growing, &tick, err);
}

static enum qta_status start(struct session_merge *merge, size_t input_count, const char *output,
                             struct qta_error *err)
{
    if (input_count == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "sessions: there are none to merge");
    merge->sources = calloc(input_count, sizeof(struct qta_tick_source *));
    if (!merge->sources)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    enum qta_status status = qta_dictionary_create(&merge->names, err);
    for (size_t i = 0; status == QTA_OK && i < input_count; i++)
        status = add_source(merge, &merge->inputs[i], err);
    if (status != QTA_OK)
        return status;
    const char *timezone = merge->options->timezone ? merge->options->timezone : merge->timezone;
    const struct qta_name_sink sink = {.intern = intern, .user = merge->names};
    status = qta_growing_session_create(&merge->growing, output, "merge", timezone, merge->names,
                                        err);
    if (status == QTA_OK)
        status = qta_merge_create(&merge->merge, merge->sources, input_count, &sink, err);
    bool is_empty = merge->first_ns == QTA_TIME_UNKNOWN;
    for (size_t i = 0; status == QTA_OK && !is_empty && i < input_count; i++)
        status = note_source(merge, merge->inputs[i].path, err);
    return status;
}

static void tell(struct session_merge *merge, const char *problem)
{
    merge->result->problems++;
    if (merge->options->on_problem)
        merge->options->on_problem(merge->options->user, problem);
}

/* ---- what comes out ---------------------------------------------------------------------------
 */

static enum qta_status append(struct session_merge *merge, const struct qta_tick *ticks,
                              size_t count, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; status == QTA_OK && i < count; i++) {
        struct qta_tick tick = ticks[i];
        if (tick.type == QTA_TICK_GAP)
            tick.gap.resolves = QTA_U64_NONE; /* numbers are others here; its bounds still tell */
        status = qta_growing_session_append(merge->growing, &tick, err);
    }
    merge->result->records += count;
    return status;
}

static enum qta_status report(const struct session_merge *merge, struct qta_error *err)
{
    const struct qta_session_merge_options *options = merge->options;
    if (options->on_progress)
        options->on_progress(options->user, merge->result->records, merge->total);
    return options->should_stop && options->should_stop(options->user)
               ? qta_error_set(err, QTA_ERR_STATE, "stopped")
               : QTA_OK;
}

static enum qta_status merge_all(struct session_merge *merge, struct qta_error *err)
{
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        struct qta_error problem;
        enum qta_status status = qta_merge_next(merge->merge, &ticks, &count, &problem);
        if (status == QTA_ERR_END)
            return QTA_OK;
        if (status == QTA_ERR_DAMAGED) {
            tell(merge, problem.message);
            continue;
        }
        if (status != QTA_OK && err)
            *err = problem;
        if (status == QTA_OK)
            status = append(merge, ticks, count, err);
        if (status == QTA_OK)
            status = report(merge, err);
        if (status != QTA_OK)
            return status;
    }
}

enum qta_status qta_session_merge(const struct qta_export_source *sources, size_t source_count,
                                  const char *output,
                                  const struct qta_session_merge_options *options,
                                  struct qta_session_merge_result *result, struct qta_error *err)
{
    assert(options && result);
    *result = (struct qta_session_merge_result){0};
    struct session_merge merge = {
        .options = options, .result = result, .inputs = sources, .first_ns = QTA_TIME_UNKNOWN};
    enum qta_status status = start(&merge, source_count, output, err);
    if (status == QTA_OK)
        status = merge_all(&merge, err);
    if (status == QTA_OK && qta_dictionary_refused(merge.names) > 0)
        tell(&merge, "one session has no room for all names of these: some are '(other)' now");
    if (status == QTA_OK)
        status = qta_growing_session_finish(merge.growing, err);
    qta_merge_destroy(merge.merge);
    for (size_t i = 0; i < merge.source_count; i++)
        merge.sources[i]->ops->destroy(merge.sources[i]);
    free(merge.sources);
    qta_growing_session_destroy(merge.growing);
    qta_dictionary_destroy(merge.names);
    return status;
}
