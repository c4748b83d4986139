/* The footer of a segment, before it is compressed, in front of frames that are there and good:
 * offsets that point backwards, at themselves, behind the end, at one another; hostile counts. What
 * is accepted must survive being stored and loaded again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/segment_reader.h"
#include "tests/fuzz/hostile_session.h"
#include "tests/fuzz/segment_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count_symbol(void *user, uint32_t symbol, uint64_t ticks)
{
    (void)symbol;
    (void)ticks;
    return ++*(size_t *)user < 100000;
}

static void load_and_store(const uint8_t *data, size_t size)
{
    static struct qta_packed_writer stored;
    struct qta_segment_reader reader = {0};
    struct qta_segment_footer again;
    struct qta_tick_span span;
    if (qta_segment_footer_load(&reader.footer, data, size, NULL) != QTA_OK)
        return;
    size_t symbols = 0;
    for (size_t i = 0; i < reader.footer.frame_count; i++)
        qta_segment_reader_symbols(&reader, &reader.footer.frames[i], count_symbol, &symbols);
    qta_segment_footer_span(&reader.footer, &span);
    qta_packed_writer_clear(&stored);
    qta_segment_footer_store(&reader.footer, &stored);
    assert(!stored.is_out_of_memory);
    assert(qta_segment_footer_load(&again, stored.bytes, stored.length, NULL) == QTA_OK);
    assert(again.frame_count == reader.footer.frame_count);
    qta_segment_footer_finish(&again);
    qta_segment_footer_finish(&reader.footer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct segment_builder builder;
    static const uint8_t names[] = {1, 1, 4, 'A', 'A', 'P', 'L', 0, 1, 1, 'p'};
    static const uint8_t nothing[64];
    load_and_store(data, size);
    segment_builder_start(&builder);
    segment_builder_add(&builder, QTA_FRAME_NAMES, 2, names, sizeof names, true);
    segment_builder_add(&builder, QTA_FRAME_TICKS, 100, nothing, sizeof nothing, false);
    segment_builder_add(&builder, QTA_FRAME_TICKS, 50, nothing, sizeof nothing, false);
    segment_builder_finish(&builder, data, size);
    hostile_session_write("segments/000001.qseg", builder.bytes.bytes, builder.bytes.length);
    hostile_session_read();
    return 0;
}
