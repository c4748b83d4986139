/** @file hostile_session.h
 *  A session whose files a fuzz target writes, and everything that reads sessions let loose on it:
 *  the reader with and without a filter, stored frames, info, verify. Whatever is in the files,
 *  they must come to an end, deliver ticks in order of rx_seq and nothing that cannot be printed.
 */
#ifndef QTA_FUZZ_HOSTILE_SESSION_H
#define QTA_FUZZ_HOSTILE_SESSION_H

#include <stddef.h>
#include <stdint.h>

/** The session's folder, with empty folders in it: made at the first call, in memory where the
 *  system has such a folder, removed when the process ends. */
const char *hostile_session_path(void);

/** Writes a file of the session, e.g. "segments/000001.qseg". */
void hostile_session_write(const char *name, const uint8_t *bytes, size_t length);

/** Removes all files of the session. */
void hostile_session_clear(void);

/** Reads it in every way. Aborts when something is delivered that must not be. */
void hostile_session_read(void);

#endif
