/* A batch at a time, so that the ring's indices move between the processors' caches once a batch.
 */
#include "recorder/dispatcher.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/environment.h"

enum {
    BATCH_TICKS = 256,
    LOOKING_NS = 50000, /* a wake-up from sleep takes about that long */
    LOOKS = 16,         /* between two looks at the clock */
    SLEEP_MAX_NS = 1000000000,
};

struct qta_dispatcher {
    struct qta_dispatcher_options options;
    int64_t looking_ns;
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
    dispatcher->looking_ns = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? LOOKING_NS : 0;
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
    int64_t now_ns = 0;
    for (size_t i = 0; i < count; i++) {
        if (options->clock) {
            if (i % LOOKS == 0)
                now_ns = qta_realtime_ns(options->clock);
            qta_histogram_add(&options->counters->callback_latency,
                              now_ns - dispatcher->batch[i].ts_recv_ns);
        }
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

/* Looks for ticks again and again for a while; false when none came. */
static bool look_for_work(struct qta_dispatcher *dispatcher)
{
    struct qta_environment *system = qta_environment_system(); /* threads wait in real time */
    int64_t until_ns = qta_monotonic_ns(system) + dispatcher->looking_ns;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (qta_ring_count(dispatcher->options.ring) > 0)
                return true;
            pause_briefly();
        }
    } while (qta_monotonic_ns(system) < until_ns);
    return false;
}

void qta_dispatcher_run(struct qta_dispatcher *dispatcher)
{
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(dispatcher->options.ticks_bell);
        /* asked before the ring is: once it is finished, what is in the ring is all there is */
        bool is_finished = qta_network_agent_is_finished(dispatcher->options.agent);
        if (qta_dispatcher_do_work(dispatcher) > 0 || (!is_finished && look_for_work(dispatcher)))
            continue;
        if (is_finished)
            return;
        /* Not without an end, although the bell is never missed: a sanitizer holds signal handlers
         * back until the thread comes out of its system call, and theirs may be to stop us. */
        qta_doorbell_wait(dispatcher->options.ticks_bell, ticket, SLEEP_MAX_NS);
    }
}
