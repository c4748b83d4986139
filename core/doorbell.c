/* A doorbell is an event count on a futex: the count moves with every ring that somebody may have
 * missed, so a sleeper that took its ticket before looking for work cannot sleep through one. */
#include "core/doorbell.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t qta_doorbell_ticket(struct qta_doorbell *bell)
{
    return atomic_load_explicit(&bell->rings, memory_order_seq_cst);
}

void qta_doorbell_wait(struct qta_doorbell *bell, uint32_t ticket, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000,
                               .tv_nsec = timeout_ns % 1000000000};
    atomic_fetch_add_explicit(&bell->sleepers, 1, memory_order_seq_cst);
    syscall(SYS_futex, &bell->rings, FUTEX_WAIT_PRIVATE, ticket, timeout_ns < 0 ? NULL : &timeout,
            NULL, 0);
    atomic_fetch_sub_explicit(&bell->sleepers, 1, memory_order_seq_cst);
}

void qta_doorbell_ring(struct qta_doorbell *bell)
{
    /* Sequentially consistent with ticket() and the sleepers' count: either the sleeper sees the
     * new count and does not sleep, or we see the sleeper and wake it. */
    atomic_fetch_add_explicit(&bell->rings, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&bell->sleepers, memory_order_seq_cst) > 0)
        syscall(SYS_futex, &bell->rings, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
