/* A session reader behind the interface of tick sources. */
#include "replay/session_source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct session_source {
    struct qta_tick_source base;
    struct qta_session_reader *reader; /* NULL when closed */
    const struct qta_session_filter *filter;
    bool reads_ahead;
    char path[];
};

static enum qta_status source_open(struct qta_tick_source *base, struct qta_error *err)
{
    struct session_source *source = (struct session_source *)base;
    assert(!source->reader);
    enum qta_status status = qta_session_reader_create(&source->reader, source->path,
                                                       source->filter, err);
    if (status == QTA_OK)
        qta_session_reader_read_ahead(source->reader, source->reads_ahead);
    return status;
}

static enum qta_status source_next(struct qta_tick_source *base, const struct qta_tick **ticks,
                                   size_t *count, struct qta_error *err)
{
    struct session_source *source = (struct session_source *)base;
    enum qta_status status = qta_session_reader_next(source->reader, ticks, count, err);
    if (status != QTA_OK && status != QTA_ERR_END)
        qta_error_prefix(err, status, "'%s'", source->path);
    return status;
}

static const struct qta_dictionary *source_names(const struct qta_tick_source *base)
{
    const struct session_source *source = (const struct session_source *)base;
    return qta_session_reader_names(source->reader);
}

static void source_close(struct qta_tick_source *base)
{
    struct session_source *source = (struct session_source *)base;
    qta_session_reader_destroy(source->reader);
    source->reader = NULL;
}

static void source_destroy(struct qta_tick_source *base)
{
    source_close(base);
    free(base);
}

static const struct qta_tick_source_ops session_source_ops = {
    .open = source_open,
    .next = source_next,
    .names = source_names,
    .close = source_close,
    .destroy = source_destroy,
};

enum qta_status qta_session_source_create(struct qta_tick_source **out, const char *path,
                                          const struct qta_session_filter *filter,
                                          int64_t not_before_ns, bool reads_ahead,
                                          struct qta_error *err)
{
    size_t path_bytes = strlen(path) + 1;
    struct session_source *source = calloc(1, sizeof *source + path_bytes);
    if (!source)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    source->base.ops = &session_source_ops;
    source->base.not_before_ns = not_before_ns;
    source->filter = filter;
    source->reads_ahead = reads_ahead;
    memcpy(source->path, path, path_bytes);
    *out = &source->base;
    return QTA_OK;
}
