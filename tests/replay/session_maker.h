/** @file session_maker.h
 *  Sessions for tests: seeded ticks of many types, written by the real writer and kept to compare.
 */
#ifndef TESTS_REPLAY_SESSION_MAKER_H
#define TESTS_REPLAY_SESSION_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/digest.h>
#include <qta/tick.h>

/** What was written. The ticks' ids are those of names. */
struct made_session {
    char path[256];
    struct qta_dictionary *names;
    struct qta_tick *ticks;
    size_t count;
    struct qta_digest digest; /**< of all of them */
};

struct session_maker_options {
    const char *folder; /**< from session_maker_folder() */
    const char *name;   /**< of the session in it */
    uint64_t seed;
    size_t count;
    int64_t first_ns;
    int64_t gap_max_ns; /**< between ticks; three of four come at the time of the one before */
};

/** A fresh folder for sessions, in the system's place for temporary files. */
void session_maker_folder(char folder[128]);

/** Removes it with everything in it. */
void session_maker_remove(const char *folder);

/** Makes a session; ends the test when it cannot. */
void session_make(struct made_session *made, const struct session_maker_options *options);
void session_finish(struct made_session *made);

/** Changes a byte in the middle of its first segment. */
void session_damage(const struct made_session *made);

#endif
