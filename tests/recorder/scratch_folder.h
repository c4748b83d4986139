/** @file scratch_folder.h
 *  A folder of a test's own, and looks into the sessions in it. */
#ifndef QTA_TESTS_SCRATCH_FOLDER_H
#define QTA_TESTS_SCRATCH_FOLDER_H

#include <stddef.h>

#include <qta/digest.h>
#include <qta/session.h>
#include <qta/tick.h>

/** Makes a new folder under TMPDIR or /tmp; the path is the caller's to free. */
char *scratch_make(void);

/** The same in memory where the system has a place for that: syncs cost nothing there. */
char *scratch_make_in_memory(void);

/** Removes it with everything in it, and frees path. */
void scratch_remove(char *path);

/** Everything that a session holds, read through the public reader. */
struct scratch_session {
    struct qta_session_reader *reader;
    struct qta_tick *ticks;
    size_t count;
    struct qta_digest digest;
};

/** Reads; a session that cannot be read to its end without a problem fails the test. */
void scratch_read(struct scratch_session *session, const char *path);
void scratch_free(struct scratch_session *session);

#endif
