/** @file wants.h
 *  What one provider is asked for, and what it answered.
 *
 *  A set: what is asked for twice is there once. A want is unsent, then asked, then accepted or
 *  refused. When the connection is lost all are unsent again, but for those that were refused: the
 *  same question gets the same answer, and may spoil the others that are sent with it. Belongs to
 *  the network thread once the gateway runs. */
#ifndef QTA_RECORDER_WANTS_H
#define QTA_RECORDER_WANTS_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/adapter.h>
#include <qta/error.h>

struct qta_wants;

enum qta_status qta_wants_create(struct qta_wants **out, struct qta_error *err);
void qta_wants_destroy(struct qta_wants *wants);

/** Copies the subscription. One that is there already stays as it is, but one that was refused is
 *  unsent again: somebody asks anew. QTA_ERR_NOMEM. */
enum qta_status qta_wants_add(struct qta_wants *wants, const struct qta_subscription *subscription,
                              struct qta_error *err);

/** True when this very subscription is there, refused or not. */
bool qta_wants_has(const struct qta_wants *wants, const struct qta_subscription *subscription);

/** True when the subscription, or "*" of the same type and bar kind, is there and not refused. */
bool qta_wants_covers(const struct qta_wants *wants, const struct qta_subscription *subscription);

/** Forgets it. True when the venue has been asked for it and has not refused it; false also when it
 *  was not there. */
bool qta_wants_remove(struct qta_wants *wants, const struct qta_subscription *subscription);

/** The unsent ones, which are asked from now on. Valid until the next call that is not const. */
const struct qta_subscription *qta_wants_take_unsent(struct qta_wants *wants, size_t *count);

/** Notes the venue's answer. False when it says nothing new: not among what was asked, or the same
 *  answer again. */
bool qta_wants_answer(struct qta_wants *wants, const struct qta_subscription *subscription,
                      bool is_accepted);

/** The connection is gone. */
void qta_wants_forget(struct qta_wants *wants);

enum qta_want_state {
    QTA_WANT_UNSENT,
    QTA_WANT_ASKED,
    QTA_WANT_ACCEPTED,
    QTA_WANT_REFUSED,
};
enum { QTA_WANT_STATE_COUNT = 4 };

/** All of them in the order they came, but for gaps left by removed ones that the last ones filled:
 *  index runs to qta_wants_total(). Valid until the set is changed. */
size_t qta_wants_total(const struct qta_wants *wants);
const struct qta_subscription *qta_wants_at(const struct qta_wants *wants, size_t index);

/** How many are in this state. */
size_t qta_wants_count(const struct qta_wants *wants, enum qta_want_state state);

#endif
