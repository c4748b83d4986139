/* By FORMAT.md, sections 3 and 4. */
#include "tests/fuzz/file_checksums.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "storage/journal_format.h"
#include "storage/segment_format.h"

static void put(uint8_t *bytes, uint32_t checksum)
{
    qta_store_u32(bytes, checksum);
}

/* Returns where the next frame is to be. */
static size_t fix_frame(uint8_t *bytes, size_t length, size_t offset, uint32_t number)
{
    uint8_t *head = bytes + offset;
    uint8_t seed[12];
    size_t payload_bytes = qta_load_u32(head + 8);
    if (payload_bytes <= length - offset - QTA_FRAME_HEAD_BYTES)
        put(head + 60, qta_crc32c(0, head + QTA_FRAME_HEAD_BYTES, payload_bytes));
    qta_store_u32(seed, number);
    qta_store_u64(seed + 4, offset);
    put(head + 76, qta_crc32c(qta_crc32c(0, seed, sizeof seed), head, 76));
    return payload_bytes;
}

void segment_checksums_fix(uint8_t *bytes, size_t length, uint32_t number)
{
    if (length < QTA_SEGMENT_HEADER_BYTES + QTA_SEGMENT_TRAILER_BYTES)
        return;
    put(bytes + 252, qta_crc32c(0, bytes, 252));
    uint8_t *trailer = bytes + length - QTA_SEGMENT_TRAILER_BYTES;
    put(trailer + 28, qta_crc32c(0, trailer, 28));
    size_t end = length - QTA_SEGMENT_TRAILER_BYTES;
    for (size_t at = QTA_SEGMENT_HEADER_BYTES; at + QTA_FRAME_HEAD_BYTES <= end;) {
        if (memcmp(bytes + at, "QFRM", 4) != 0) { /* after a cut: the next one that can be found */
            at++;
            continue;
        }
        size_t payload_bytes = fix_frame(bytes, end, at, number);
        size_t next = at + QTA_FRAME_HEAD_BYTES + payload_bytes;
        at = next <= end ? next : at + QTA_FRAME_HEAD_BYTES;
    }
}

void journal_checksums_fix(uint8_t *bytes, size_t length)
{
    struct qta_journal_header header;
    if (length < QTA_JOURNAL_HEADER_BYTES)
        return;
    put(bytes + 144, qta_crc32c(0, bytes, 144));
    if (qta_journal_header_load(&header, bytes, NULL) != QTA_OK)
        return;
    uint32_t seed = qta_journal_seed(&header);
    size_t at = QTA_JOURNAL_HEADER_BYTES;
    while (at + QTA_JOURNAL_RECORD_HEAD_BYTES <= length) {
        uint32_t head = qta_load_u32(bytes + at);
        size_t payload_bytes = head & 0xffffff;
        if (head == 0 || payload_bytes > length - at - QTA_JOURNAL_RECORD_HEAD_BYTES)
            return;
        const uint8_t *payload = bytes + at + QTA_JOURNAL_RECORD_HEAD_BYTES;
        put(bytes + at + 4, qta_journal_checksum(seed, (uint32_t)at, head, payload, payload_bytes));
        at += qta_journal_record_bytes(payload_bytes);
    }
}
