/** @file compressed_input.h
 *  Bytes of a file or of stdin, decompressed on the way: plain, gzip or zstd, told by content.
 *
 *  One thread at a time. */
#ifndef QTA_STORAGE_COMPRESSED_INPUT_H
#define QTA_STORAGE_COMPRESSED_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

struct qta_compressed_input;

/** Opens path ("-" is stdin). should_stop (may be NULL) is asked with user when a signal interrupts
 *  the wait for input: true ends it. QTA_ERR_NOT_FOUND, QTA_ERR_STATE, QTA_ERR_IO, QTA_ERR_NOMEM.
 * Messages name the file. */
enum qta_status qta_compressed_input_create(struct qta_compressed_input **out, const char *path,
                                            bool (*should_stop)(void *user), void *user,
                                            struct qta_error *err);
void qta_compressed_input_destroy(struct qta_compressed_input *input);

/** Reads 1 to capacity bytes; *count is 0 at the end. QTA_ERR_FORMAT: a packed file of another
 * kind, cut off, or garbage behind the packed data; QTA_ERR_DAMAGED: it fails its checksum or
 * cannot be unpacked; QTA_ERR_STATE: should_stop said so; QTA_ERR_IO, QTA_ERR_NOMEM. After a
 * failure only destroy. */
enum qta_status qta_compressed_input_read(struct qta_compressed_input *input, void *bytes,
                                          size_t capacity, size_t *count, struct qta_error *err);

/** How far it is in the file as it is on disk. */
uint64_t qta_compressed_input_done_bytes(const struct qta_compressed_input *input);

#endif
