/* A batch at a time, so that the ring's indices move between the processors' caches once a batch.
 */
#include "recorder/dispatcher.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BATCH_TICKS = 256,
    SPINS = 2000, /* some 50 us: a wake-up from sleep takes that long */
};

struct qta_dispatcher {
    struct qta_dispatcher_options options;
    unsigned spins;
    struct qta_tick batch[BATCH_TICKS];
};

enum qta_status qta_dispatcher_create(struct qta_dispatcher **out,
                                      const struct qta_dispatcher_options *options,
                                      struct qta_error *err)
{
    struct qta_dispatcher *dispatcher = malloc(sizeof *dispatcher);
    if (!dispatcher)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the dispatcher");
    dispatcher->options = *options;
    /* on a single processor nothing can come while we look */
    dispatcher->spins = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? SPINS : 0;
    *out = dispatcher;
    return QTA_OK;
}

void qta_dispatcher_destroy(struct qta_dispatcher *dispatcher)
{
    free(dispatcher);
}

size_t qta_dispatcher_do_work(struct qta_dispatcher *dispatcher)
{
    struct qta_dispatcher_options *options = &dispatcher->options;
    size_t count = qta_ring_pop(options->ring, dispatcher->batch, BATCH_TICKS);
    if (count == 0)
        return 0;
    qta_network_agent_note_room(options->agent);
    for (size_t i = 0; i < count; i++) {
        qta_subscriptions_dispatch(options->subscriptions, &dispatcher->batch[i]);
        qta_counter_add(&options->counters->dispatched, 1);
    }
    return count;
}

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
}

void qta_dispatcher_run(struct qta_dispatcher *dispatcher)
{
    unsigned idle = 0;
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(dispatcher->options.ticks_bell);
        /* asked before the ring is: once it is finished, what is in the ring is all there is */
        bool is_finished = qta_network_agent_is_finished(dispatcher->options.agent);
        if (qta_dispatcher_do_work(dispatcher) > 0) {
            idle = 0;
            continue;
        }
        if (is_finished)
            return;
        if (idle < dispatcher->spins) {
            idle++;
            pause_briefly();
        } else {
            qta_doorbell_wait(dispatcher->options.ticks_bell, ticket, -1);
        }
    }
}
