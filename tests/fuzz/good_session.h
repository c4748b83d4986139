/** @file good_session.h
 *  A whole small session in the hostile session's folder, whose index is then no longer to be
 *  trusted: what the reader gives must stay the same, whatever session.db says. */
#ifndef QTA_FUZZ_GOOD_SESSION_H
#define QTA_FUZZ_GOOD_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include <qta/digest.h>

struct good_session {
    uint8_t *index; /**< session.db as it should be; owned, for good */
    size_t index_length;
    struct qta_digest all;  /**< what reading all of it gives */
    struct qta_digest some; /**< what a filter gives */
};

/** Makes it: two segments and their index. */
void good_session_make(struct good_session *good);

/** Reads everything with the session.db that is there. Aborts when anything but the right ticks
 *  comes out, by whatever way. Then a writer opens the session and closes it. */
void good_session_check(const struct good_session *good);

/** The same with these bytes as session.db. */
void good_session_check_with_index(const struct good_session *good, const uint8_t *index,
                                   size_t length);

#endif
