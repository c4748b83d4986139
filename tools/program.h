/** @file program.h
 *  What the programs have in common: exit statuses, stderr, one progress line, numbers for people.
 */
#ifndef QTA_TOOLS_PROGRAM_H
#define QTA_TOOLS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <qta/error.h>
#include <qta/log.h>

enum qta_exit {
    QTA_EXIT_DONE = 0,
    QTA_EXIT_FAILED = 1, /**< tried and failed */
    QTA_EXIT_USAGE = 2,  /**< bad usage or configuration: nothing was done */
    QTA_EXIT_LOSS = 3,   /**< done, but something was lost or is damaged */
};

/** The exit status that a library status asks for. */
enum qta_exit qta_program_exit(enum qta_status status);

/** Of two: failed before usage before loss before done. */
enum qta_exit qta_program_worse(enum qta_exit left, enum qta_exit right);

/** Names the program in the lines below, ignores SIGPIPE. Call it first. name is kept. */
void qta_program_start(const char *name);

/** Writes "name: message" to stderr. Any thread. */
void qta_program_error(const char *format, ...) QTA_PRINTF(1, 2);

/** The same for the error of a library call; returns the exit status that belongs to it. */
enum qta_exit qta_program_fail(const struct qta_error *err);

/** Writes to stdout, buffered. False when that failed: stop then, and qta_program_finish() says
 * why, or nothing when the reader has closed its pipe. One thread. */
bool qta_program_write(const char *text, size_t length);

/** Sends on what stdout has buffered. False when that failed, as above. Any thread. */
bool qta_program_flush(void);

/** Flushes stdout, takes the progress line away, tells what the log held back. Call it last: data
 * that did not arrive is an error (reported, QTA_EXIT_FAILED), a reader that closed its pipe is
 * none. Else returns status.
 */
enum qta_exit qta_program_finish(enum qta_exit status);

/** For --log-format, as choices of an option table. */
enum qta_log_format { QTA_LOG_TEXT = 0, QTA_LOG_JSON = 1 };
extern const char *const qta_log_format_names[];

/** For --log-level: indexes are enum qta_log_level. */
extern const char *const qta_log_level_names[];

/** Sends the library's log to stderr: "2024-05-01T13:30:00.123Z warning alpaca: message", in colour
 *  on a terminal unless NO_COLOR is set; or one JSON object a line with time, level, area, message.
 *  Control characters come out escaped. Where stderr is systemd's journal, lines begin with their
 *  priority instead of the time. Of a sentence that comes again and again the first few are shown,
 *  the others counted: "repeated 17 more times: ..." follows half a minute after the first. */
void qta_program_log_start(enum qta_log_format format, enum qta_log_level lowest);

/** Writes a line that somebody asked for: whatever the level, however often. Any thread. */
void qta_program_log_answer(const char *area, const char *message);

/** Tells of repetitions that are due; the next line of the log and qta_program_finish() do it as
 *  well. For programs that may be silent for long: call it now and then. Any thread. */
void qta_program_log_tell_repeats(void);

/** Whether a progress line will be seen: stderr is a terminal that can move its cursor. */
bool qta_progress_is_visible(void);

/** Shows text as the progress line, in place of the one before; at most ten times a second, others
 *  are left out. Nothing without a terminal. Any thread. */
void qta_progress_show(const char *format, ...) QTA_PRINTF(1, 2);

/** Takes the progress line away. Lines of the log and errors do it by themselves. */
void qta_progress_clear(void);

/** Writes string so that it cannot move a cursor or end a line: control characters come out as
 * \u001b (JSON, where quotes are escaped, too) or \x1b, bytes that are no UTF-8 as \ufffd or \xff.
 */
void qta_escaped_print(FILE *stream, const char *string, bool is_json);

/** Room for the texts below. */
enum { QTA_NUMBER_TEXT_BYTES = 40 };

/** "1,079,935"; returns text. */
const char *qta_number_print(uint64_t number, char text[QTA_NUMBER_TEXT_BYTES]);

/** "512 bytes", "12.3 MiB"; returns text. */
const char *qta_bytes_print(uint64_t bytes, char text[QTA_NUMBER_TEXT_BYTES]);

#endif
