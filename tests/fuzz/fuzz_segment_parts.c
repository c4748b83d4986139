/* A segment whose parts are the fuzzer's and whose frame around them is right: tables of names,
 * blocks of ticks, blocks of stored frames, before they are compressed. Each part is a byte that
 * chooses its kind, u16 count, u16 length, and its bytes. */
#include <stdint.h>

#include "tests/fuzz/hostile_session.h"
#include "tests/fuzz/segment_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct segment_builder builder;
    static const enum qta_frame_kind kinds[] = {QTA_FRAME_NAMES, QTA_FRAME_TICKS, QTA_FRAME_STORED,
                                                QTA_FRAME_NAMES_COPY};
    struct qta_packed_reader in = qta_packed_reader_make(data, size);
    segment_builder_start(&builder);
    while (!in.is_short && in.position < in.length) {
        enum qta_frame_kind kind = kinds[qta_packed_reader_take_u8(&in) % 4];
        uint32_t count = qta_packed_reader_take_u16(&in) + UINT32_C(1);
        size_t length = qta_packed_reader_take_u16(&in);
        if (length > in.length - in.position)
            length = in.length - in.position;
        const uint8_t *payload = qta_packed_reader_take(&in, length);
        if (!payload)
            break;
        segment_builder_add(&builder, kind, count, payload, length, kind != QTA_FRAME_TICKS);
    }
    segment_builder_finish(&builder, NULL, 0);
    hostile_session_write("segments/000001.qseg", builder.bytes.bytes, builder.bytes.length);
    hostile_session_read();
    return 0;
}
