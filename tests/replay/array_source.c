/* A tick source over an array. Spans are handed out from a scratch copy that the next call spoils,
 * so that a reader who holds on to one is found out. */
#include "tests/replay/array_source.h"

#include <assert.h>
#include <string.h>

enum { SPAN_MAX = 1024 };

static struct qta_tick *scratch_of(const struct array_source *source)
{
    /* one for each of a few sources at a time is plenty: they are told apart by their array */
    static struct {
        const struct array_source *owner;
        struct qta_tick ticks[SPAN_MAX];
    } scratches[8];
    static size_t next;
    for (size_t i = 0; i < 8; i++) {
        if (scratches[i].owner == source)
            return scratches[i].ticks;
    }
    next = (next + 1) % 8;
    scratches[next].owner = source;
    return scratches[next].ticks;
}

static enum qta_status array_open(struct qta_tick_source *base, struct qta_error *err)
{
    (void)err;
    struct array_source *source = (struct array_source *)base;
    assert(!source->is_open);
    source->is_open = true;
    source->opens++;
    source->position = 0;
    source->is_damage_told = false;
    if (source->open_count) {
        ++*source->open_count;
        if (*source->open_count > *source->open_count_max)
            *source->open_count_max = *source->open_count;
    }
    return QTA_OK;
}

static enum qta_status array_next(struct qta_tick_source *base, const struct qta_tick **ticks,
                                  size_t *count, struct qta_error *err)
{
    struct array_source *source = (struct array_source *)base;
    assert(source->is_open);
    struct qta_tick *scratch = scratch_of(source);
    memset(scratch, 0xAA, sizeof(struct qta_tick) * SPAN_MAX);
    size_t left = source->count - source->position;
    if (source->damage_at >= 0 && !source->is_damage_told) {
        size_t until = (size_t)source->damage_at - source->position;
        if (until == 0) {
            source->is_damage_told = true;
            return qta_error_set(err, source->damage_status, "block 7 fails its checksum");
        }
        left = left < until ? left : until;
    }
    if (left == 0)
        return QTA_ERR_END;
    size_t span = left < source->span ? left : source->span;
    assert(span <= SPAN_MAX);
    memcpy(scratch, source->ticks + source->position, span * sizeof *scratch);
    source->position += span;
    *ticks = scratch;
    *count = span;
    return QTA_OK;
}

static const struct qta_dictionary *array_names(const struct qta_tick_source *base)
{
    return ((const struct array_source *)base)->names;
}

static void array_close(struct qta_tick_source *base)
{
    struct array_source *source = (struct array_source *)base;
    if (source->is_open && source->open_count)
        --*source->open_count;
    source->is_open = false;
}

static void array_destroy(struct qta_tick_source *base)
{
    array_close(base);
}

static const struct qta_tick_source_ops array_ops = {
    .open = array_open,
    .next = array_next,
    .names = array_names,
    .close = array_close,
    .destroy = array_destroy,
};

void array_source_init(struct array_source *source, const struct qta_tick *ticks, size_t count,
                       size_t span, const struct qta_dictionary *names)
{
    *source = (struct array_source){
        .base = {.ops = &array_ops, .not_before_ns = count > 0 ? ticks[0].ts_recv_ns : INT64_MIN},
        .ticks = ticks,
        .count = count,
        .span = span,
        .names = names,
        .damage_at = ARRAY_SOURCE_NO_DAMAGE,
        .damage_status = QTA_ERR_DAMAGED,
    };
}
