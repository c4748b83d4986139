/* Sessions, merge and pacer put together. */
#include "replay/replay_engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replay/merge.h"
#include "replay/pacer.h"
#include "replay/session_source.h"
#include "storage/session_range.h"

struct qta_replay_engine {
    struct qta_session_filter filter; /* with from and until as they come out in the end */
    char **symbols;
    char **providers;
    struct qta_tick_source **sources; /* owned; NULL when they are the caller's */
    size_t source_count;
    struct qta_dictionary
        *dictionary; /* owned; NULL when a sink or the one session has the names */
    const struct qta_dictionary *names;
    struct qta_merge *merge;
    struct qta_pacer pacer;
    int64_t first_ns;
    int64_t last_ns;

    const struct qta_tick *ticks; /* read, not taken yet */
    size_t count;
    bool has_due; /* of ticks[0] */
    int64_t due_ns;

    uint32_t rounds_left; /* this one included; 0 for no end */
    bool is_round_empty;
};

/* ---- options ----------------------------------------------------------------------------------
 */

static enum qta_status check_options(const struct qta_replay_options *options,
                                     struct qta_error *err)
{
    uint32_t speed = options->speed_milli;
    if (speed != QTA_SPEED_MAX && (speed < QTA_SPEED_LOWEST || speed > QTA_SPEED_HIGHEST))
        return qta_error_set(err, QTA_ERR_USAGE, "a speed of %u/1000 is outside 0.01x to 1000x",
                             speed);
    if (options->start_offset_ns < 0)
        return qta_error_set(err, QTA_ERR_USAGE, "a start offset cannot be negative");
    if (options->duration_ns < 0)
        return qta_error_set(err, QTA_ERR_USAGE, "a duration cannot be negative");
    if (options->gap_max_ns < 0)
        return qta_error_set(err, QTA_ERR_USAGE, "the longest gap cannot be negative");
    return QTA_OK;
}

static void free_strings(char **strings, size_t count)
{
    for (size_t i = 0; strings && i < count; i++)
        free(strings[i]);
    free(strings);
}

/* NULL only when memory is short. */
static char **copy_strings(const char *const *strings, size_t count)
{
    char **copies = calloc(count + 1, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = strdup(strings[i]);
        if (!copies[i]) {
            free_strings(copies, count);
            return NULL;
        }
    }
    return copies;
}

static enum qta_status copy_filter(struct qta_replay_engine *engine,
                                   const struct qta_session_filter *filter, struct qta_error *err)
{
    engine->filter = *filter;
    if (filter->symbols) {
        engine->symbols = copy_strings(filter->symbols, filter->symbol_count);
        engine->filter.symbols = (const char *const *)engine->symbols;
    }
    if (filter->providers) {
        engine->providers = copy_strings(filter->providers, filter->provider_count);
        engine->filter.providers = (const char *const *)engine->providers;
    }
    if ((filter->symbols && !engine->symbols) || (filter->providers && !engine->providers))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the filter of a replay");
    return QTA_OK;
}

/* ---- range ------------------------------------------------------------------------------------
 */

static int64_t add_or_latest(int64_t time_ns, int64_t more_ns)
{
    int64_t sum_ns;
    return __builtin_add_overflow(time_ns, more_ns, &sum_ns) ? INT64_MAX : sum_ns;
}

static void widen_range(struct qta_replay_engine *engine, const struct qta_session_range *range)
{
    if (range->first_ts_recv_ns == QTA_TIME_UNKNOWN)
        return;
    if (engine->first_ns == QTA_TIME_UNKNOWN || range->first_ts_recv_ns < engine->first_ns)
        engine->first_ns = range->first_ts_recv_ns;
    if (engine->last_ns == QTA_TIME_UNKNOWN || range->last_ts_recv_ns > engine->last_ns)
        engine->last_ns = range->last_ts_recv_ns;
}

/* Offset and duration count from the first time that `from` lets through, whatever symbols and
 * types are wanted: two replays of different symbols then show the same stretch of the day. */
static void settle_range(struct qta_replay_engine *engine, const struct qta_replay_options *options)
{
    if (engine->first_ns == QTA_TIME_UNKNOWN)
        return;
    struct qta_session_filter *filter = &engine->filter;
    int64_t start_ns = filter->from_ns > engine->first_ns ? filter->from_ns : engine->first_ns;
    start_ns = add_or_latest(start_ns, options->start_offset_ns);
    if (options->start_offset_ns > 0)
        filter->from_ns = start_ns;
    if (options->duration_ns > 0) {
        int64_t until_ns = add_or_latest(start_ns, options->duration_ns);
        if (until_ns < filter->until_ns)
            filter->until_ns = until_ns;
    }
    engine->first_ns = start_ns;
    if (filter->until_ns <= engine->last_ns)
        engine->last_ns = filter->until_ns - 1;
    if (engine->first_ns > engine->last_ns)
        engine->first_ns = engine->last_ns = QTA_TIME_UNKNOWN;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static uint32_t intern_own(void *user, enum qta_name_kind kind, const char *name, size_t length)
{
    return qta_dictionary_intern(user, kind, name, length);
}

/* One session played once needs no translation: its own names do. */
static enum qta_status start_merge(struct qta_replay_engine *engine,
                                   struct qta_tick_source *const *sources, size_t source_count,
                                   const struct qta_replay_options *options,
                                   const struct qta_name_sink *sink, struct qta_error *err)
{
    bool is_translated = sink || source_count > 1 || options->loop_count != 1;
    struct qta_name_sink own_sink = {.intern = intern_own};
    if (is_translated && !sink) {
        enum qta_status status = qta_dictionary_create(&engine->dictionary, err);
        if (status != QTA_OK)
            return status;
        own_sink.user = engine->dictionary;
        engine->names = engine->dictionary;
        sink = &own_sink;
    }
    enum qta_status status = qta_merge_create(&engine->merge, sources, source_count, sink, err);
    if (status == QTA_OK && !is_translated)
        engine->names = sources[0]->ops->names(sources[0]);
    return status;
}

/* NULL only when memory is short. */
static struct qta_replay_engine *create_empty(const struct qta_replay_options *options)
{
    struct qta_replay_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->first_ns = QTA_TIME_UNKNOWN;
    engine->last_ns = QTA_TIME_UNKNOWN;
    engine->rounds_left = options->loop_count;
    engine->is_round_empty = true;
    qta_pacer_init(&engine->pacer, options->speed_milli, options->gap_max_ns);
    return engine;
}

enum qta_status qta_replay_engine_create_over(struct qta_replay_engine **out,
                                              struct qta_tick_source *const *sources,
                                              size_t source_count,
                                              const struct qta_replay_options *options,
                                              const struct qta_name_sink *sink,
                                              struct qta_error *err)
{
    enum qta_status status = check_options(options, err);
    if (status != QTA_OK)
        return status;
    struct qta_replay_engine *engine = create_empty(options);
    if (!engine)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a replay");
    status = start_merge(engine, sources, source_count, options, sink, err);
    if (status != QTA_OK) {
        qta_replay_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return QTA_OK;
}

/* More sessions than this have work for every core without helpers, which take memory. */
enum { SESSIONS_READ_AHEAD_MAX = 4 };

static enum qta_status add_session(struct qta_replay_engine *engine, const char *path,
                                   bool reads_ahead, struct qta_error *err)
{
    struct qta_session_range range;
    enum qta_status status = qta_session_range_read(path, &range, err);
    if (status != QTA_OK)
        return status;
    widen_range(engine, &range);
    int64_t not_before_ns = range.first_ts_recv_ns; /* the earliest time when it is not known */
    status = qta_session_source_create(&engine->sources[engine->source_count], path,
                                       &engine->filter, not_before_ns, reads_ahead, err);
    if (status != QTA_OK)
        return status;
    assert(engine->sources[engine->source_count]);
    engine->source_count++;
    return QTA_OK;
}

enum qta_status qta_replay_engine_create(struct qta_replay_engine **out, const char *const *paths,
                                         size_t path_count,
                                         const struct qta_replay_options *options,
                                         const struct qta_name_sink *sink, struct qta_error *err)
{
    if (path_count == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "no session to replay was named");
    enum qta_status status = check_options(options, err);
    if (status != QTA_OK)
        return status;
    struct qta_replay_engine *engine = create_empty(options);
    if (!engine)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a replay");
    status = copy_filter(engine, &options->filter, err);
    if (status != QTA_OK)
        goto fail;
    engine->sources = calloc(path_count, sizeof(struct qta_tick_source *));
    if (!engine->sources) {
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a replay");
        goto fail;
    }
    for (size_t i = 0; i < path_count; i++) {
        status = add_session(engine, paths[i], path_count <= SESSIONS_READ_AHEAD_MAX, err);
        if (status != QTA_OK)
            goto fail;
    }
    settle_range(engine, options);
    status = start_merge(engine, engine->sources, engine->source_count, options, sink, err);
    if (status != QTA_OK)
        goto fail;
    *out = engine;
    return QTA_OK;
fail:
    qta_replay_engine_destroy(engine);
    return status;
}

void qta_replay_engine_destroy(struct qta_replay_engine *engine)
{
    if (!engine)
        return;
    qta_merge_destroy(engine->merge);
    for (size_t i = 0; engine->sources && i < engine->source_count; i++) {
        struct qta_tick_source *source = engine->sources[i];
        if (source)
            source->ops->destroy(source);
    }
    free(engine->sources);
    free_strings(engine->symbols, engine->filter.symbol_count);
    free_strings(engine->providers, engine->filter.provider_count);
    qta_dictionary_destroy(engine->dictionary);
    free(engine);
}

/* ---- playing ----------------------------------------------------------------------------------
 */

/* A round without any tick ends the loop: it would turn for ever. */
static bool starts_over(struct qta_replay_engine *engine)
{
    if (engine->rounds_left == 1 || engine->is_round_empty)
        return false;
    if (engine->rounds_left > 0)
        engine->rounds_left--;
    engine->is_round_empty = true;
    qta_merge_rewind(engine->merge);
    return true;
}

enum qta_status qta_replay_engine_read(struct qta_replay_engine *engine, struct qta_error *err)
{
    if (engine->count > 0)
        return QTA_OK;
    enum qta_status status;
    do {
        status = qta_merge_next(engine->merge, &engine->ticks, &engine->count, err);
    } while (status == QTA_ERR_END && starts_over(engine));
    if (status == QTA_OK) {
        engine->is_round_empty = false;
        engine->has_due = false;
    } else {
        engine->count = 0;
    }
    return status;
}

/* How many of the ticks at hand, limit at most, are due; leaves the deadline of the one behind. */
static size_t count_due(struct qta_replay_engine *engine, int64_t now_ns, size_t limit)
{
    size_t count = 0;
    while (count < limit && engine->due_ns <= now_ns) {
        count++;
        engine->has_due = count < engine->count;
        if (engine->has_due)
            engine->due_ns = qta_pacer_advance(&engine->pacer, engine->ticks[count].ts_recv_ns,
                                               now_ns);
    }
    return count;
}

size_t qta_replay_engine_take(struct qta_replay_engine *engine, int64_t now_ns, size_t budget,
                              const struct qta_tick **ticks, int64_t *due_ns)
{
    assert(budget > 0);
    assert(engine->count > 0);
    size_t count = budget < engine->count ? budget : engine->count;
    *ticks = engine->ticks;
    *due_ns = now_ns;
    if (engine->pacer.speed_milli != QTA_SPEED_MAX) {
        if (!engine->has_due) {
            engine->due_ns = qta_pacer_advance(&engine->pacer, engine->ticks[0].ts_recv_ns, now_ns);
            engine->has_due = true;
        }
        *due_ns = engine->due_ns;
        count = count_due(engine, now_ns, count);
    }
    engine->ticks += count;
    engine->count -= count;
    return count;
}

void qta_replay_engine_postpone(struct qta_replay_engine *engine, int64_t pause_ns)
{
    qta_pacer_postpone(&engine->pacer, pause_ns);
    if (engine->has_due)
        engine->due_ns = add_or_latest(engine->due_ns, pause_ns);
}

const struct qta_dictionary *qta_replay_engine_names(const struct qta_replay_engine *engine)
{
    return engine->names;
}

int64_t qta_replay_engine_first_ns(const struct qta_replay_engine *engine)
{
    return engine->first_ns;
}

int64_t qta_replay_engine_last_ns(const struct qta_replay_engine *engine)
{
    return engine->last_ns;
}
