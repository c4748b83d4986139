/* A ring of blocks between two threads. The helper makes one while there is room and ends with the
 * first that is not followed by another; so whoever has taken that one knows that it is alone. */
#include "storage/read_ahead.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

enum qta_status qta_read_ahead_init(struct qta_read_ahead *ahead, struct qta_block_stream *stream,
                                    struct qta_error *err)
{
    memset(ahead, 0, sizeof *ahead);
    ahead->stream = stream;
    return qta_block_init(&ahead->blocks[0], err);
}

void qta_read_ahead_finish(struct qta_read_ahead *ahead)
{
    qta_read_ahead_stop(ahead);
    for (size_t i = 0; i < QTA_READ_AHEAD_BLOCKS; i++)
        qta_block_finish(&ahead->blocks[i]);
}

static bool is_followed(const struct qta_block *block)
{
    return block->status == QTA_OK || block->status == QTA_ERR_DAMAGED;
}

/* ---- the helper ---------------------------------------------------------------------------- */

/* False when it is time to stop. */
static bool wait_for_room(struct qta_read_ahead *ahead, uint64_t made)
{
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(&ahead->taken_bell);
        if (atomic_load_explicit(&ahead->is_stopping, memory_order_relaxed))
            return false;
        if (made - atomic_load_explicit(&ahead->taken, memory_order_acquire) <
            QTA_READ_AHEAD_BLOCKS)
            return true;
        qta_doorbell_wait(&ahead->taken_bell, ticket, -1);
    }
}

static void *help(void *user)
{
    struct qta_read_ahead *ahead = user;
    bool goes_on = true;
    for (uint64_t made = 0; goes_on && wait_for_room(ahead, made); made++) {
        struct qta_block *block = &ahead->blocks[made % QTA_READ_AHEAD_BLOCKS];
        qta_block_stream_next(ahead->stream, block);
        goes_on = is_followed(block);
        atomic_store_explicit(&ahead->made, made + 1, memory_order_release);
        qta_doorbell_ring(&ahead->made_bell);
    }
    return NULL;
}

/* Without memory or threads it goes on alone. */
static void start_helper(struct qta_read_ahead *ahead)
{
    sigset_t all;
    sigset_t before;
    for (size_t i = 0; i < QTA_READ_AHEAD_BLOCKS; i++)
        if (!ahead->blocks[i].decoder && qta_block_init(&ahead->blocks[i], NULL) != QTA_OK)
            return;
    atomic_store_explicit(&ahead->made, 0, memory_order_relaxed);
    atomic_store_explicit(&ahead->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&ahead->is_stopping, false, memory_order_relaxed);
    sigfillset(&all); /* signals are for the program's own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ahead->is_running = pthread_create(&ahead->helper, NULL, help, ahead) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ahead->has_taken = false;
}

/* ---- the caller ---------------------------------------------------------------------------- */

static void join_helper(struct qta_read_ahead *ahead)
{
    pthread_join(ahead->helper, NULL);
    ahead->is_running = false;
    ahead->is_long = false;
}

static void give_back(struct qta_read_ahead *ahead)
{
    if (!ahead->has_taken)
        return;
    atomic_fetch_add_explicit(&ahead->taken, 1, memory_order_release);
    qta_doorbell_ring(&ahead->taken_bell);
    ahead->has_taken = false;
}

static struct qta_block *take_made(struct qta_read_ahead *ahead)
{
    uint64_t taken = atomic_load_explicit(&ahead->taken, memory_order_relaxed);
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(&ahead->made_bell);
        if (atomic_load_explicit(&ahead->made, memory_order_acquire) > taken)
            break;
        qta_doorbell_wait(&ahead->made_bell, ticket, -1);
    }
    ahead->has_taken = true;
    struct qta_block *block = &ahead->blocks[taken % QTA_READ_AHEAD_BLOCKS];
    if (!is_followed(block))
        join_helper(ahead);
    return block;
}

struct qta_block *qta_read_ahead_next(struct qta_read_ahead *ahead)
{
    if (!ahead->is_running && ahead->is_allowed && ahead->is_long)
        start_helper(ahead);
    if (ahead->is_running) {
        give_back(ahead);
        return take_made(ahead);
    }
    struct qta_block *block = &ahead->blocks[0];
    qta_block_stream_next(ahead->stream, block);
    ahead->is_long = block->status == QTA_OK;
    return block;
}

void qta_read_ahead_stop(struct qta_read_ahead *ahead)
{
    ahead->is_long = false;
    if (!ahead->is_running)
        return;
    atomic_store_explicit(&ahead->is_stopping, true, memory_order_relaxed);
    qta_doorbell_ring(&ahead->taken_bell);
    join_helper(ahead);
}
