/** @file file_checksums.h
 *  Sets the checksums of a session's files right again, so that a fuzzer comes past them. Bytes
 *  that are no such file stay as they are; so does everything but checksums. */
#ifndef QTA_FUZZ_FILE_CHECKSUMS_H
#define QTA_FUZZ_FILE_CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

/** Of a segment: header, trailer, and head and payload of each frame that lies behind the one
 *  before. number is the file's. */
void segment_checksums_fix(uint8_t *bytes, size_t length, uint32_t number);

/** Of a chunk of the journal: header, and each record up to the first that does not fit. */
void journal_checksums_fix(uint8_t *bytes, size_t length);

#endif
