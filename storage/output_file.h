/** @file output_file.h
 *  A file that appears whole: written as FILE.tmp, packed on the way as its name says, and renamed
 *  when it is finished and synced. Or a stream of bytes to somebody else, unpacked.
 *
 *  One thread at a time. */
#ifndef QTA_STORAGE_OUTPUT_FILE_H
#define QTA_STORAGE_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "core/environment.h"

struct qta_output_file;

/** Takes bytes; false when it wants no more. */
typedef bool (*qta_output_callback)(void *user, const void *bytes, size_t length);

/** Creates path with ".tmp" behind it; what was left there by a process that died is overwritten.
 *  may_pack: ".gz" and ".zst" at the end of path mean gzip and zstd. QTA_ERR_IO,
 *  QTA_ERR_NO_SPACE, QTA_ERR_NOT_FOUND, QTA_ERR_NOMEM; messages name the file. */
enum qta_status qta_output_file_create(struct qta_output_file **out, const char *path,
                                       bool may_pack, struct qta_environment *environment,
                                       struct qta_error *err);

/** No file: whatever is written goes to callback, in pieces of some KiB. */
enum qta_status qta_output_file_create_stream(struct qta_output_file **out,
                                              qta_output_callback callback, void *user,
                                              struct qta_error *err);

/** Appends. QTA_ERR_STATE: the callback wants no more; others as create. After a failure only
 *  destroy. */
enum qta_status qta_output_file_write(struct qta_output_file *file, const void *bytes,
                                      size_t length, struct qta_error *err);

/** Bytes written so far, before packing. */
uint64_t qta_output_file_offset(const struct qta_output_file *file);

/** Writes what is left, syncs, takes the name, in place of what had it. */
enum qta_status qta_output_file_finish(struct qta_output_file *file, struct qta_error *err);

/** Bytes of the finished file as it is on disk. */
uint64_t qta_output_file_bytes(const struct qta_output_file *file);

/** Frees; a file that is not finished is removed. NULL is fine. */
void qta_output_file_destroy(struct qta_output_file *file);

#endif
