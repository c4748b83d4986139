/* A heap of sources, the one with the earliest tick on top. Sources come in spans, and mostly one
 * of them has a long run before the next has its turn: runs are copied, not ticks one by one. */
#include "replay/merge.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_TICKS = 256 }; /* 32 KiB: stays in the first-level cache on its way to the reader */

struct cursor {
    struct qta_tick_source *source;
    struct qta_id_translator *translator; /* NULL: ids stay */
    size_t order;                         /* as given: decides between equal times */
    bool is_open;
    const struct qta_tick *ticks; /* the rest of its span */
    size_t count;
    int64_t key_ns; /* of its next tick, or where that is not known yet a time before it */
};

struct qta_merge {
    struct cursor *cursors;
    struct cursor **heap; /* heap[0] has the smallest key */
    size_t cursor_count;
    size_t heap_count;
    struct qta_tick *buffer;
    enum qta_status pending_status; /* of a source, to be told after the ticks before it */
    struct qta_error pending_error;
};

static bool comes_before(const struct cursor *left, const struct cursor *right)
{
    if (left->key_ns != right->key_ns)
        return left->key_ns < right->key_ns;
    return left->order < right->order;
}

static void sift_down(struct qta_merge *merge, size_t at)
{
    struct cursor **heap = merge->heap;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < merge->heap_count; child++) {
            if (comes_before(heap[child], heap[least]))
                least = child;
        }
        if (least == at)
            return;
        struct cursor *moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

static void drop_top(struct qta_merge *merge)
{
    merge->heap_count--;
    merge->heap[0] = merge->heap[merge->heap_count];
    if (merge->heap_count > 0)
        sift_down(merge, 0);
}

static void close_source(struct cursor *cursor)
{
    if (cursor->translator)
        qta_id_translator_reset(cursor->translator, NULL);
    cursor->source->ops->close(cursor->source);
    cursor->is_open = false;
}

void qta_merge_rewind(struct qta_merge *merge)
{
    assert(merge->buffer);
    merge->heap_count = merge->cursor_count;
    for (size_t i = 0; i < merge->cursor_count; i++) {
        struct cursor *cursor = &merge->cursors[i];
        close_source(cursor);
        cursor->count = 0;
        cursor->key_ns = cursor->source->not_before_ns;
        merge->heap[i] = cursor;
    }
    for (size_t i = merge->heap_count / 2; i-- > 0;)
        sift_down(merge, i);
    merge->pending_status = QTA_OK;
}

static enum qta_status open_source(struct cursor *cursor, struct qta_error *err)
{
    enum qta_status status = cursor->source->ops->open(cursor->source, err);
    if (status != QTA_OK)
        return status;
    cursor->is_open = true;
    if (cursor->translator)
        qta_id_translator_reset(cursor->translator, cursor->source->ops->names(cursor->source));
    return QTA_OK;
}

static enum qta_status add_source(struct qta_merge *merge, struct qta_tick_source *source,
                                  const struct qta_name_sink *sink, struct qta_error *err)
{
    struct cursor *cursor = &merge->cursors[merge->cursor_count];
    cursor->source = source;
    cursor->order = merge->cursor_count;
    merge->cursor_count++;
    if (sink)
        return qta_id_translator_create(&cursor->translator, sink, err);
    merge->heap[0] = cursor;
    merge->heap_count = 1;
    return open_source(cursor, err);
}

enum qta_status qta_merge_create(struct qta_merge **out, struct qta_tick_source *const *sources,
                                 size_t count, const struct qta_name_sink *sink,
                                 struct qta_error *err)
{
    assert(count > 0);
    assert(sink || count == 1);
    struct qta_merge *merge = calloc(1, sizeof *merge);
    if (!merge)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for %zu sessions", count);
    enum qta_status status = QTA_OK;
    merge->cursors = calloc(count, sizeof *merge->cursors);
    merge->heap = calloc(count, sizeof(struct cursor *));
    merge->buffer = sink ? malloc(BUFFER_TICKS * sizeof *merge->buffer) : NULL;
    if (!merge->cursors || !merge->heap || (sink && !merge->buffer)) {
        qta_merge_destroy(merge);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for %zu sessions", count);
    }
    for (size_t i = 0; i < count && status == QTA_OK; i++)
        status = add_source(merge, sources[i], sink, err);
    if (status != QTA_OK) {
        qta_merge_destroy(merge);
        return status;
    }
    if (sink)
        qta_merge_rewind(merge);
    *out = merge;
    return QTA_OK;
}

void qta_merge_destroy(struct qta_merge *merge)
{
    if (!merge)
        return;
    for (size_t i = 0; i < merge->cursor_count; i++) {
        close_source(&merge->cursors[i]);
        qta_id_translator_destroy(merge->cursors[i].translator);
    }
    free(merge->cursors);
    free(merge->heap);
    free(merge->buffer);
    free(merge);
}

/* Gets the span of the source on top, opening it when its turn comes for the first time. */
static enum qta_status refill_top(struct qta_merge *merge, struct qta_error *err)
{
    struct cursor *top = merge->heap[0];
    enum qta_status status = top->is_open ? QTA_OK : open_source(top, err);
    if (status != QTA_OK)
        return status;
    status = top->source->ops->next(top->source, &top->ticks, &top->count, err);
    if (status == QTA_OK) {
        assert(top->count > 0);
        top->key_ns = top->ticks[0].ts_recv_ns;
        sift_down(merge, 0);
        return QTA_OK;
    }
    top->count = 0;
    if (status == QTA_ERR_END) {
        if (top->translator)
            close_source(top);
        drop_top(merge);
    }
    return status;
}

/* How many ticks of the span on top come before the first of any other source: at least one. The
 * answer is looked for near the front first, because sources that interleave have short runs. */
static size_t run_length(const struct qta_merge *merge)
{
    const struct cursor *top = merge->heap[0];
    if (merge->heap_count == 1)
        return top->count;
    const struct cursor *next = merge->heap[1];
    if (merge->heap_count > 2 && comes_before(merge->heap[2], next))
        next = merge->heap[2];
    struct cursor probe = *top;
    size_t known = 0; /* this tick and those before it belong to the run */
    size_t step = 1;
    while (known + step < top->count) {
        probe.key_ns = top->ticks[known + step].ts_recv_ns;
        if (!comes_before(&probe, next))
            break;
        known += step;
        step *= 2;
    }
    size_t end = known + step < top->count ? known + step : top->count; /* this one does not */
    while (end - known > 1) {
        size_t middle = known + (end - known) / 2;
        probe.key_ns = top->ticks[middle].ts_recv_ns;
        if (comes_before(&probe, next))
            known = middle;
        else
            end = middle;
    }
    return known + 1;
}

/* Takes count ticks off the span on top. */
static void advance_top(struct qta_merge *merge, size_t count)
{
    struct cursor *top = merge->heap[0];
    top->key_ns = top->ticks[count - 1].ts_recv_ns; /* at the span's end: no later than the next */
    top->ticks += count;
    top->count -= count;
    if (top->count > 0)
        top->key_ns = top->ticks[0].ts_recv_ns;
    sift_down(merge, 0);
}

static enum qta_status next_unmerged(struct qta_merge *merge, const struct qta_tick **ticks,
                                     size_t *count, struct qta_error *err)
{
    if (merge->heap_count == 0)
        return QTA_ERR_END;
    enum qta_status status = refill_top(merge, err);
    if (status != QTA_OK)
        return status;
    struct cursor *top = merge->heap[0];
    *ticks = top->ticks;
    *count = top->count;
    top->count = 0;
    return QTA_OK;
}

/* Fills the buffer from as many sources as it takes; what stops it early is left as pending. */
static size_t fill_buffer(struct qta_merge *merge)
{
    size_t filled = 0;
    while (merge->heap_count > 0 && filled < BUFFER_TICKS) {
        struct cursor *top = merge->heap[0];
        if (top->count == 0) {
            enum qta_status status = refill_top(merge, &merge->pending_error);
            if (status == QTA_OK || status == QTA_ERR_END)
                continue;
            merge->pending_status = status;
            break;
        }
        size_t run = run_length(merge);
        if (run > BUFFER_TICKS - filled)
            run = BUFFER_TICKS - filled;
        qta_id_translator_apply(top->translator, top->ticks, merge->buffer + filled, run);
        filled += run;
        advance_top(merge, run);
    }
    return filled;
}

enum qta_status qta_merge_next(struct qta_merge *merge, const struct qta_tick **ticks,
                               size_t *count, struct qta_error *err)
{
    if (!merge->buffer)
        return next_unmerged(merge, ticks, count, err);
    if (merge->pending_status == QTA_OK) {
        *ticks = merge->buffer;
        *count = fill_buffer(merge);
        if (*count > 0)
            return QTA_OK;
    }
    enum qta_status status = merge->pending_status;
    if (status == QTA_OK)
        return QTA_ERR_END;
    merge->pending_status = QTA_OK;
    if (err)
        *err = merge->pending_error;
    return status;
}
