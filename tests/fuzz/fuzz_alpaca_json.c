/* One frame of Alpaca's in JSON, into decoders of different pasts. */
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/decode_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_twice(data, size, false);
    return 0;
}
