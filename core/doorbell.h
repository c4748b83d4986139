/** @file doorbell.h
 *  Lets a thread sleep until another one has something for it. Ringing costs a load and a fence
 * while nobody sleeps.
 *
 *      for (;;) {                                   // the sleeper
 *          uint32_t ticket = qta_doorbell_ticket(bell);
 *          if (take_work())
 *              continue;
 *          qta_doorbell_wait(bell, ticket, timeout_ns);
 *      }
 *
 *      put_work();                                  // the other one
 *      qta_doorbell_ring(bell); */
#ifndef QTA_CORE_DOORBELL_H
#define QTA_CORE_DOORBELL_H

#include <stdatomic.h>
#include <stdint.h>

/** Zero-initialize. Futex-based; nothing to free. */
struct qta_doorbell {
    _Atomic uint32_t rings;
    _Atomic uint32_t sleepers;
};

/** Take it before looking for work. */
uint32_t qta_doorbell_ticket(struct qta_doorbell *bell);

/** Sleeps until the bell has rung since the ticket, or timeout_ns have passed (negative: no limit).
 *  May wake for no reason. */
void qta_doorbell_wait(struct qta_doorbell *bell, uint32_t ticket, int64_t timeout_ns);

/** Any thread, signal handlers included. */
void qta_doorbell_ring(struct qta_doorbell *bell);

#endif
