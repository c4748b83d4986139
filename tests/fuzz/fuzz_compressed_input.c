/* Packed files: whatever is in them, reading ends, and with no more than a bounded output a step.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/compressed_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { OUTPUT_MAX = 16 * 1024 * 1024 }; /* a bomb is not waited for */
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct qta_compressed_input *input;
    struct qta_error err;
    if (qta_compressed_input_create(&input, path, NULL, NULL, &err) != QTA_OK)
        abort();
    static char bytes[64 * 1024];
    size_t total = 0;
    size_t count = 1;
    while (count > 0 && total < OUTPUT_MAX) {
        if (qta_compressed_input_read(input, bytes, sizeof bytes, &count, &err) != QTA_OK)
            break;
        assert(count <= sizeof bytes);
        total += count;
    }
    qta_compressed_input_destroy(input);
    close(fd);
    return 0;
}
