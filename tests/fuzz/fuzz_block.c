/* Blocks of ticks as a segment brings them: the first three bytes choose how many ticks are claimed
 * and which types are wanted, the rest is the payload. Whatever is accepted must be readable, with
 * rx_seq in order and never more ticks than claimed. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "storage/block_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t intern_text(void *user, const char *text, size_t length)
{
    (void)user;
    uint32_t sum = 1;
    for (size_t i = 0; i < length; i++) /* touches every byte, for ASan */
        sum += (uint8_t)text[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct qta_block_decoder *decoder;
    if (!decoder && qta_block_decoder_create(&decoder, NULL) != QTA_OK)
        abort();
    if (size < 3)
        return 0;
    const struct qta_block_input input = {
        .payload = data + 3,
        .length = size - 3,
        .count = 1 + ((size_t)data[0] | (size_t)data[1] << 8),
        .first_seq = 1000,
        .types = data[2] & 1 ? QTA_TYPES_ALL : QTA_TYPE_BIT(QTA_TICK_TRADE),
        .intern_text = intern_text,
    };
    if (qta_block_decoder_begin(decoder, &input, NULL) != QTA_OK)
        return 0;
    struct qta_tick ticks[64];
    uint64_t before = input.first_seq - 1;
    size_t got;
    size_t total = 0;
    while ((got = qta_block_decoder_next(decoder, ticks, 64)) > 0) {
        total += got;
        for (size_t i = 0; i < got; i++) {
            assert(ticks[i].rx_seq > before);
            before = ticks[i].rx_seq;
        }
    }
    assert(total <= input.count);
    assert(before < input.first_seq + input.count);
    return 0;
}
