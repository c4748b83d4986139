/** @file chatty_adapter.h
 *  An adapter for tests whose protocol says plainly what it is to do. Messages from the venue:
 *
 *      welcome              calls ready()
 *      ok SYMBOL            accepts the subscription to trades of SYMBOL
 *      no SYMBOL            refuses it, code 405
 *      t SYMBOL [COUNT]     emits trades, ids counting on
 *      n SYMBOL NUMBER      emits a trade with this src_seq, which counts by one
 *      message NUMBER       numbered(): the next message has this number
 *      snapshot SYMBOL      emits a whole order book of two levels
 *      update SYMBOL        emits two levels that have changed
 *      what                 reports a fault
 *      fail SECONDS         fail(RECONNECT, provider, 500), to be tried again after SECONDS
 *      slower SECONDS       throttled(messages, SECONDS)
 *      fewer SECONDS        throttled(connects, SECONDS)
 *      block                fail(BLOCK, auth, 402)
 *      expire               expiring()
 *
 *  It sends "login" when it is open, "sub A B ..." to subscribe and "unsub A B ..." to cancel. */
#ifndef QTA_TESTS_CHATTY_ADAPTER_H
#define QTA_TESTS_CHATTY_ADAPTER_H

#include <qta/adapter.h>

extern const struct qta_adapter_ops chatty_adapter_ops;

/** Registers it and "chatty-tcp", the same over a stream with a line a message. Once a process. */
void chatty_adapter_register(void);

#endif
