#include "recorder/connect_queue.h"

#include <stddef.h>

#define RECOVERY_NS INT64_C(600000000000)

static struct qta_rate_limiter_options options_of(uint32_t connects_per_minute)
{
    /* a full bucket lets `burst` through at once and then one an interval, the first of them an
     * interval later: burst - 1 + (one minute / interval) in the worst minute */
    uint32_t burst = (connects_per_minute + 1) / 2;
    uint32_t steady = connects_per_minute > 0 ? connects_per_minute - burst + 1 : 0;
    return (struct qta_rate_limiter_options){
        .rate_per_s = steady / 60.0,
        .burst = burst,
        .recovery_ns = RECOVERY_NS,
    };
}

void qta_connect_queue_init(struct qta_connect_queue *queue, uint32_t connects_per_minute)
{
    *queue = (struct qta_connect_queue){0};
    struct qta_rate_limiter_options options = options_of(connects_per_minute);
    qta_rate_limiter_init(&queue->limiter, &options);
}

void qta_connect_queue_change(struct qta_connect_queue *queue, uint32_t connects_per_minute)
{
    struct qta_rate_limiter_options options = options_of(connects_per_minute);
    qta_rate_limiter_change(&queue->limiter, &options);
}

bool qta_connect_queue_take(struct qta_connect_queue *queue, struct qta_connect_turn *turn,
                            int64_t now_ns)
{
    bool is_first = queue->first == NULL || queue->first == turn;
    if (is_first && qta_rate_limiter_take(&queue->limiter, now_ns)) {
        qta_connect_queue_leave(queue, turn);
        return true;
    }
    if (turn->is_waiting)
        return false;
    *turn = (struct qta_connect_turn){.is_waiting = true};
    if (queue->last)
        queue->last->next = turn;
    else
        queue->first = turn;
    queue->last = turn;
    queue->waits++;
    return false;
}

void qta_connect_queue_leave(struct qta_connect_queue *queue, struct qta_connect_turn *turn)
{
    if (!turn->is_waiting)
        return;
    struct qta_connect_turn *before = NULL;
    for (struct qta_connect_turn *at = queue->first; at != turn; at = at->next)
        before = at;
    if (before)
        before->next = turn->next;
    else
        queue->first = turn->next;
    if (queue->last == turn)
        queue->last = before;
    *turn = (struct qta_connect_turn){0};
}

int64_t qta_connect_queue_ready_ns(const struct qta_connect_queue *queue)
{
    return qta_rate_limiter_ready_ns(&queue->limiter);
}
