/* A chunk of the journal: header page and records, ticks, names and stored frames. The mutator
 * sets checksums right again most of the time. Ticks in it may have any bytes, ids that nobody
 * defined included. */
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "storage/journal_format.h"
#include "tests/fuzz/file_checksums.h"
#include "tests/fuzz/hostile_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

/* The end of the records is where the input ends, so that what is added counts. */
static void commit_everything(uint8_t *data, size_t size)
{
    if (size < QTA_JOURNAL_HEADER_BYTES)
        return;
    qta_store_u64(data + QTA_JOURNAL_COMMITTED_OFFSET, size & ~(size_t)7);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    if (size > QTA_JOURNAL_HEADER_BYTES && seed % 8 != 1) /* the header is mostly zeros */
        size = QTA_JOURNAL_HEADER_BYTES + LLVMFuzzerMutate(data + QTA_JOURNAL_HEADER_BYTES,
                                                           size - QTA_JOURNAL_HEADER_BYTES,
                                                           max_size - QTA_JOURNAL_HEADER_BYTES);
    else
        size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 > 2)
        commit_everything(data, size);
    if (seed % 4 != 0)
        journal_checksums_fix(data, size);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t chunk[QTA_JOURNAL_CHUNK_BYTES_MIN]; /* zeros behind the records, as on disk */
    size_t length = size < sizeof chunk ? size : sizeof chunk;
    memcpy(chunk, data, length);
    memset(chunk + length, 0, sizeof chunk - length);
    hostile_session_write("journal/000001.qjrn", chunk, sizeof chunk);
    hostile_session_read();
    return 0;
}
