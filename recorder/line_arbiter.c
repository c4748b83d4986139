/* The table of streams, and the list of those that hold something back. */
#include "recorder/line_arbiter.h"

#include <assert.h>
#include <stdlib.h>

#include "recorder/counters.h"
#include "recorder/line_stream.h"

enum {
    SPARE_CHUNKS = 16384, /* beyond one for each stream */
    HELD_TICKS = 16384,   /* of all streams */
    NOT_WAITING = 0,
};

struct qta_line_arbiter {
    struct qta_line_share share;
    unsigned leader; /* the line that is listened to in streams that are not tracked */
    struct qta_line_stream *streams;
    uint32_t stream_count;
    uint32_t *slots; /* of streams by key: index + 1, 0 is free */
    uint32_t slot_mask;
    uint32_t *waiting; /* indices of streams */
    uint32_t waiting_count;
    int64_t due_ns; /* while any wait: not after the first of their times */
};

/* ---- streams ----------------------------------------------------------------------------------
 */

static uint64_t key_of(const struct qta_tick *tick)
{
    uint64_t kind = tick->type == QTA_TICK_BAR ? tick->bar.kind : 0;
    return (uint64_t)tick->symbol << 16 | (uint64_t)tick->type << 8 | kind;
}

/* The slot of the key: its own, or the free one where it belongs. */
static uint32_t *slot_of(const struct qta_line_arbiter *arbiter, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t slot = (uint32_t)(hash >> 32) & arbiter->slot_mask;
    while (arbiter->slots[slot] != 0 && arbiter->streams[arbiter->slots[slot] - 1].key != key)
        slot = (slot + 1) & arbiter->slot_mask;
    return &arbiter->slots[slot];
}

/* NULL beyond the bound. */
static struct qta_line_stream *stream_of(struct qta_line_arbiter *arbiter,
                                         const struct qta_tick *tick, int64_t now_ns)
{
    uint64_t key = key_of(tick);
    uint32_t *slot = slot_of(arbiter, key);
    if (*slot != 0)
        return &arbiter->streams[*slot - 1];
    if (arbiter->stream_count == arbiter->share.options.streams_max)
        return NULL;
    struct qta_line_stream *stream = &arbiter->streams[arbiter->stream_count++];
    *slot = arbiter->stream_count;
    qta_line_stream_init(stream, &arbiter->share, key, now_ns);
    return stream;
}

/* Enters the stream in the list, or takes it out. */
static void note_waiting(struct qta_line_arbiter *arbiter, struct qta_line_stream *stream)
{
    int64_t due_ns = qta_line_stream_due_ns(stream, &arbiter->share);
    if (due_ns < arbiter->due_ns)
        arbiter->due_ns = due_ns;
    if (due_ns != INT64_MAX && stream->waiting == NOT_WAITING) {
        arbiter->waiting[arbiter->waiting_count++] = (uint32_t)(stream - arbiter->streams);
        stream->waiting = arbiter->waiting_count;
    } else if (due_ns == INT64_MAX && stream->waiting != NOT_WAITING) {
        uint32_t last = arbiter->waiting[--arbiter->waiting_count];
        arbiter->waiting[stream->waiting - 1] = last;
        arbiter->streams[last].waiting = stream->waiting;
        stream->waiting = NOT_WAITING;
    }
}

/* ---- ticks ------------------------------------------------------------------------------------
 */

void qta_line_arbiter_offer(struct qta_line_arbiter *arbiter, unsigned line, struct qta_tick *tick,
                            int64_t now_ns)
{
    struct qta_line_share *share = &arbiter->share;
    assert(line < QTA_LINES_MAX && share->lines[line].is_open);
    share->lines[line].last_ns = now_ns;
    if (!qta_tick_is_market(tick)) {
        share->options.deliver(share->options.user, line, tick);
        return;
    }
    struct qta_line_stream *stream = stream_of(arbiter, tick, now_ns);
    if (stream) {
        uint32_t held = share->held.held;
        qta_line_stream_offer(stream, share, line, tick, now_ns);
        if (share->held.held != held || stream->waiting != NOT_WAITING)
            note_waiting(arbiter, stream);
    } else if (line == arbiter->leader) {
        qta_line_share_hand_on(share, line, tick);
    } else {
        qta_counter_add(&share->lines[line].counters.untracked, 1);
    }
}

void qta_line_arbiter_service(struct qta_line_arbiter *arbiter, int64_t now_ns)
{
    if (now_ns < arbiter->due_ns)
        return;
    arbiter->due_ns = INT64_MAX;
    for (uint32_t i = arbiter->waiting_count; i-- > 0;) {
        struct qta_line_stream *stream = &arbiter->streams[arbiter->waiting[i]];
        if (qta_line_stream_due_ns(stream, &arbiter->share) <= now_ns)
            qta_line_stream_service(stream, &arbiter->share, now_ns);
        note_waiting(arbiter, stream); /* one that is done is replaced by the last, seen already */
    }
}

int64_t qta_line_arbiter_due_ns(const struct qta_line_arbiter *arbiter)
{
    return arbiter->waiting_count > 0 ? arbiter->due_ns : INT64_MAX;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

/* The line that has been there for longest. */
static void choose_leader(struct qta_line_arbiter *arbiter)
{
    unsigned leader = arbiter->leader;
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        if (!arbiter->share.lines[i].is_open)
            continue;
        if (!arbiter->share.lines[leader].is_open ||
            arbiter->share.lines[i].settled_ns < arbiter->share.lines[leader].settled_ns)
            leader = i;
    }
    arbiter->leader = leader;
}

void qta_line_arbiter_join(struct qta_line_arbiter *arbiter, unsigned line, int64_t now_ns)
{
    struct qta_line_share *share = &arbiter->share;
    assert(line < QTA_LINES_MAX && !share->lines[line].is_open);
    struct qta_line *owner = &share->lines[line];
    owner->is_open = true;
    owner->is_proven = false;
    owner->joined_ns = now_ns;
    owner->settled_ns = INT64_MAX;
    owner->last_ns = now_ns;
    owner->lag_ns = 0;
    share->open_count++;
    choose_leader(arbiter);
    for (uint32_t i = 0; i < arbiter->stream_count; i++)
        qta_line_stream_join(&arbiter->streams[i], share, line, now_ns);
}

void qta_line_arbiter_settle(struct qta_line_arbiter *arbiter, unsigned line, int64_t now_ns)
{
    assert(line < QTA_LINES_MAX && arbiter->share.lines[line].is_open);
    arbiter->share.lines[line].settled_ns = now_ns + arbiter->share.options.settle_ns;
    choose_leader(arbiter);
}

void qta_line_arbiter_extend(struct qta_line_arbiter *arbiter, unsigned line)
{
    assert(line < QTA_LINES_MAX && arbiter->share.lines[line].is_open);
    arbiter->share.lines[line].settled_ns = INT64_MAX;
}

void qta_line_arbiter_leave(struct qta_line_arbiter *arbiter, unsigned line, bool was_silent,
                            int64_t now_ns)
{
    struct qta_line_share *share = &arbiter->share;
    assert(line < QTA_LINES_MAX);
    if (!share->lines[line].is_open)
        return;
    struct qta_line *owner = &share->lines[line];
    owner->is_open = false;
    owner->cut_ns = was_silent ? owner->last_ns : now_ns - owner->lag_ns;
    share->open_count--;
    choose_leader(arbiter);
    for (uint32_t i = 0; i < arbiter->stream_count; i++) {
        qta_line_stream_leave(&arbiter->streams[i], share, line, now_ns);
        note_waiting(arbiter, &arbiter->streams[i]);
    }
}

bool qta_line_arbiter_is_proven(const struct qta_line_arbiter *arbiter, unsigned line,
                                int64_t now_ns)
{
    assert(line < QTA_LINES_MAX);
    const struct qta_line_share *share = &arbiter->share;
    return share->lines[line].is_open &&
           (share->lines[line].is_proven || qta_line_share_is_settled(share, line, now_ns));
}

uint32_t qta_line_arbiter_held(const struct qta_line_arbiter *arbiter)
{
    return arbiter->share.held.held;
}

const struct qta_line_counters *qta_line_arbiter_counters(const struct qta_line_arbiter *arbiter,
                                                          unsigned line)
{
    assert(line < QTA_LINES_MAX);
    return &arbiter->share.lines[line].counters;
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct qta_line_arbiter_options qta_line_arbiter_options_default(void)
{
    return (struct qta_line_arbiter_options){
        .streams_max = 16384,
        .settle_ns = INT64_C(2000000000),
        .hold_max_ns = INT64_C(5000000000),
        .takeover_wait_ns = INT64_C(200000000),
    };
}

static uint32_t slots_for(uint32_t streams_max)
{
    uint32_t slots = 16;
    while (slots / 2 < streams_max)
        slots *= 2;
    return slots;
}

enum qta_status qta_line_arbiter_create(struct qta_line_arbiter **out,
                                        const struct qta_line_arbiter_options *options,
                                        struct qta_error *err)
{
    assert(options->deliver);
    assert(options->streams_max > 0 && options->streams_max < UINT32_MAX / 4);
    struct qta_line_arbiter *arbiter = calloc(1, sizeof *arbiter);
    if (!arbiter)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for redundant lines");
    struct qta_line_share *share = &arbiter->share;
    share->options = *options;
    arbiter->due_ns = INT64_MAX;
    uint32_t slots = slots_for(options->streams_max);
    arbiter->slot_mask = slots - 1;
    arbiter->slots = calloc(slots, sizeof *arbiter->slots);
    arbiter->streams = calloc(options->streams_max, sizeof *arbiter->streams);
    arbiter->waiting = calloc(options->streams_max, sizeof *arbiter->waiting);
    enum qta_status status = QTA_OK;
    if (!arbiter->slots || !arbiter->streams || !arbiter->waiting)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for redundant lines");
    if (status == QTA_OK)
        status = qta_line_pool_init(&share->pool, (size_t)options->streams_max + SPARE_CHUNKS, err);
    if (status == QTA_OK)
        status = qta_held_pool_init(&share->held, HELD_TICKS, err);
    if (status != QTA_OK) {
        qta_line_arbiter_destroy(arbiter);
        return status;
    }
    *out = arbiter;
    return QTA_OK;
}

void qta_line_arbiter_destroy(struct qta_line_arbiter *arbiter)
{
    if (!arbiter)
        return;
    qta_held_pool_finish(&arbiter->share.held);
    qta_line_pool_finish(&arbiter->share.pool);
    free(arbiter->waiting);
    free(arbiter->streams);
    free(arbiter->slots);
    free(arbiter);
}
