/* The journal's header and checksums. Records are stored as they lie in memory, which is
 * little-endian on every machine that this builds for. */
#include "storage/journal_format.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crc32c.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ticks are stored as they lie in memory");

/* A text-mode copy changes the line ends and is noticed. */
static const uint8_t magic[8] = {'Q', 'T', 'A', 'J', '\r', '\n', 0x1a, '\n'};

enum {
    VERSION_OFFSET = 8,
    HEADER_BYTES_OFFSET = 12,
    SESSION_ID_OFFSET = 16,
    SALT_OFFSET = 32,
    NUMBER_OFFSET = 48,
    RUN_OFFSET = 52,
    CAPACITY_OFFSET = 56,
    CREATED_OFFSET = 64,
    RUN_STARTED_OFFSET = 72,
    TIMEZONE_OFFSET = 80,
    CHECKSUM_OFFSET = TIMEZONE_OFFSET + QTA_TIMEZONE_BYTES,
};

void qta_journal_header_store(const struct qta_journal_header *header,
                              uint8_t page[QTA_JOURNAL_HEADER_BYTES])
{
    memcpy(page, magic, sizeof magic);
    qta_store_u32(page + VERSION_OFFSET, QTA_JOURNAL_VERSION);
    qta_store_u32(page + HEADER_BYTES_OFFSET, QTA_JOURNAL_HEADER_BYTES);
    memcpy(page + SESSION_ID_OFFSET, header->session_id, sizeof header->session_id);
    memcpy(page + SALT_OFFSET, header->salt, sizeof header->salt);
    qta_store_u32(page + NUMBER_OFFSET, header->number);
    qta_store_u32(page + RUN_OFFSET, header->run);
    qta_store_u64(page + CAPACITY_OFFSET, header->capacity);
    qta_store_u64(page + CREATED_OFFSET, (uint64_t)header->created_ns);
    qta_store_u64(page + RUN_STARTED_OFFSET, (uint64_t)header->run_started_ns);
    memcpy(page + TIMEZONE_OFFSET, header->timezone, sizeof header->timezone);
    qta_store_u32(page + CHECKSUM_OFFSET, qta_crc32c(0, page, CHECKSUM_OFFSET));
}

enum qta_status qta_journal_header_load(struct qta_journal_header *header,
                                        const uint8_t page[QTA_JOURNAL_HEADER_BYTES],
                                        struct qta_error *err)
{
    if (memcmp(page, magic, sizeof magic) != 0)
        return qta_error_set(err, QTA_ERR_DAMAGED, "does not start like a journal");
    if (qta_load_u32(page + CHECKSUM_OFFSET) != qta_crc32c(0, page, CHECKSUM_OFFSET))
        return qta_error_set(err, QTA_ERR_DAMAGED, "has a header that fails its checksum");
    uint32_t version = qta_load_u32(page + VERSION_OFFSET);
    if (version != QTA_JOURNAL_VERSION)
        return qta_error_set(err, QTA_ERR_FORMAT,
                             "has format version %u, this program reads up to %d", version,
                             QTA_JOURNAL_VERSION);
    memcpy(header->session_id, page + SESSION_ID_OFFSET, sizeof header->session_id);
    memcpy(header->salt, page + SALT_OFFSET, sizeof header->salt);
    header->number = qta_load_u32(page + NUMBER_OFFSET);
    header->run = qta_load_u32(page + RUN_OFFSET);
    header->capacity = qta_load_u64(page + CAPACITY_OFFSET);
    header->created_ns = (int64_t)qta_load_u64(page + CREATED_OFFSET);
    header->run_started_ns = (int64_t)qta_load_u64(page + RUN_STARTED_OFFSET);
    memcpy(header->timezone, page + TIMEZONE_OFFSET, sizeof header->timezone);
    if (qta_load_u32(page + HEADER_BYTES_OFFSET) != QTA_JOURNAL_HEADER_BYTES ||
        header->capacity < QTA_JOURNAL_CHUNK_BYTES_MIN ||
        header->capacity > QTA_JOURNAL_CHUNK_BYTES_MAX ||
        header->timezone[sizeof header->timezone - 1] != '\0')
        return qta_error_set(err, QTA_ERR_DAMAGED, "has a header with impossible values");
    return QTA_OK;
}

uint32_t qta_journal_seed(const struct qta_journal_header *header)
{
    uint8_t number[4];
    qta_store_u32(number, header->number);
    return qta_crc32c(qta_crc32c(0, header->salt, sizeof header->salt), number, sizeof number);
}

uint32_t qta_journal_checksum(uint32_t seed, uint32_t position, uint32_t head, const void *payload,
                              size_t length)
{
    uint8_t place[8];
    qta_store_u32(place, position);
    qta_store_u32(place + 4, head);
    return qta_crc32c(qta_crc32c(seed, place, sizeof place), payload, length);
}

uint32_t qta_journal_tick_bytes(unsigned type)
{
#define TICK_BYTES(member) (uint32_t)((offsetof(struct qta_tick, bytes) + (member) + 7) & ~7U)
    static const uint32_t bytes[QTA_TICK_TYPE_END] = {
        [QTA_TICK_TRADE] = TICK_BYTES(sizeof(struct qta_trade)),
        [QTA_TICK_QUOTE] = TICK_BYTES(sizeof(struct qta_quote)),
        [QTA_TICK_BAR] = TICK_BYTES(sizeof(struct qta_bar)),
        [QTA_TICK_BOOK] = TICK_BYTES(sizeof(struct qta_book)),
        [QTA_TICK_TRADE_CANCEL] = TICK_BYTES(sizeof(struct qta_trade_cancel)),
        [QTA_TICK_TRADE_CORRECT] = TICK_BYTES(sizeof(struct qta_trade_correct)),
        [QTA_TICK_STATUS] = TICK_BYTES(sizeof(struct qta_trading_status)),
        [QTA_TICK_LULD] = TICK_BYTES(sizeof(struct qta_luld)),
        [QTA_TICK_IMBALANCE] = TICK_BYTES(sizeof(struct qta_imbalance)),
        [QTA_TICK_CONN] = TICK_BYTES(sizeof(struct qta_conn)),
        [QTA_TICK_GAP] = TICK_BYTES(sizeof(struct qta_gap)),
        [QTA_TICK_DROP] = TICK_BYTES(sizeof(struct qta_drop)),
        [QTA_TICK_CLOCK] = TICK_BYTES(sizeof(struct qta_clock)),
        [QTA_TICK_MARKER] = TICK_BYTES(sizeof(struct qta_marker)),
    };
#undef TICK_BYTES
    return type < QTA_TICK_TYPE_END && bytes[type] ? bytes[type]
                                                   : (uint32_t)sizeof(struct qta_tick);
}
