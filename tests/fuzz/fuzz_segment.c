/* A whole segment: header, frames, footer, trailer, compressed contents included. The mutator sets
 * checksums right again most of the time, and now and then takes the footer away, so that the
 * frames are found by their heads. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/file_checksums.h"
#include "tests/fuzz/hostile_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { NUMBER = 1, FOOTER_KIND = 4, HEAD_BYTES = 80 };

static void break_footer(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + HEAD_BYTES <= size; at++)
        if (memcmp(data + at, "QFRM", 4) == 0 && data[at + 4] == FOOTER_KIND)
            data[at] = 'q';
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 16 == 1)
        break_footer(data, size);
    if (seed % 4 != 0)
        segment_checksums_fix(data, size, NUMBER);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostile_session_write("segments/000001.qseg", data, size);
    hostile_session_read();
    return 0;
}
