/** @file secret_file.h
 *  A key in a file of its own, as secret managers, containers and systemd hand them out. */
#ifndef QTA_RECORDER_SECRET_FILE_H
#define QTA_RECORDER_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/error.h>

enum { QTA_SECRET_BYTES_MAX = 64 * 1024 };

/** Reads all of it, without the line's end behind it, to memory as in core/secret.h, which the
 *  caller frees. is_guarded: something else than its mode keeps others from it. QTA_ERR_NOT_FOUND;
 *  QTA_ERR_CONFIG: others than its owner may read it, it is empty, too large or no text of one
 *  line; QTA_ERR_IO, QTA_ERR_NOMEM. Blocks for the disk. */
enum qta_status qta_secret_file_read(char **secret, const char *path, bool is_guarded,
                                     struct qta_error *err);

/** What is wrong with a key, wherever it came from, "" for nothing: it would change what the
 *  message is that it is put into. Static. */
const char *qta_secret_fault(const char *secret);

/** Cuts the line's end, "\n" or "\r\n", off a text of this length. */
void qta_secret_cut_line_end(char *text, size_t length);

#endif
