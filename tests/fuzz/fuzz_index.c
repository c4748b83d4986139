/* The bytes of session.db, next to a segment that is good: readers, info and verify must not be led
 * astray by it, and a writer makes it anew. The input replaces parts of a good index: u32 offset,
 * u16 length, bytes, again and again; so that pages stay what they are. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/packed_bytes.h"
#include "storage/session_index.h"
#include "tests/fuzz/good_session.h"
#include "tests/fuzz/hostile_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct good_session good;
    static uint8_t *changed;
    if (!changed) {
        good_session_make(&good);
        changed = malloc(good.index_length);
        if (!changed)
            abort();
    }
    memcpy(changed, good.index, good.index_length);
    struct qta_packed_reader in = qta_packed_reader_make(data, size);
    size_t length = good.index_length;
    while (!in.is_short && in.position < in.length) {
        size_t offset = qta_packed_reader_take_u32(&in) % good.index_length;
        size_t part = qta_packed_reader_take_u16(&in) % 512;
        if (part > in.length - in.position)
            part = in.length - in.position;
        if (part > good.index_length - offset)
            part = good.index_length - offset;
        const uint8_t *bytes = qta_packed_reader_take(&in, part);
        if (bytes && part > 0)
            memcpy(changed + offset, bytes, part);
        else
            length = offset; /* an empty part cuts the file off */
    }
    good_session_check_with_index(&good, changed, length);
    return 0;
}
