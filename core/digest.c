/* Digests of streams of ticks.
 *
 * Each tick becomes a byte string, hashed by XXH64 with the digest so far as its seed. Integers are
 * little-endian, a name is one length byte and its bytes (names over 64 bytes: 0xff and the XXH64
 * of the name), an absent field is the byte 0 and a present one the byte 1 and its value.
 *
 * full:   rx_seq, ts_recv, ts_event, src_seq, conn, flags, type, provider, symbol, body
 * market: type, symbol, ts_event, src_seq, body, where decimals are normalized
 *
 * The body is the type's fields in the order of qta_tick_fields(). */
#include <qta/digest.h>

#include "core/bytes.h"
#include "core/tick_value.h"
#include "core/xxh64.h"

enum { NAME_INLINE_BYTES = 64, ENCODING_BYTES = 2048 };

/* The widest body has ten fields of which two hold four names each: well below ENCODING_BYTES. */
struct encoding {
    size_t length;
    uint8_t bytes[ENCODING_BYTES];
};

static void put_u8(struct encoding *out, uint8_t value)
{
    out->bytes[out->length++] = value;
}

static void put_u32(struct encoding *out, uint32_t value)
{
    qta_store_u32(out->bytes + out->length, value);
    out->length += 4;
}

static void put_u64(struct encoding *out, uint64_t value)
{
    qta_store_u64(out->bytes + out->length, value);
    out->length += 8;
}

static void put_name(struct encoding *out, const char *name, size_t length)
{
    if (length > NAME_INLINE_BYTES) {
        put_u8(out, 0xff);
        put_u64(out, qta_xxh64(name, length, 0));
        return;
    }
    put_u8(out, (uint8_t)length);
    memcpy(out->bytes + out->length, name, length);
    out->length += length;
}

static void put_code(struct encoding *out, const struct qta_dictionary *names, uint16_t code)
{
    size_t length;
    const char *name = qta_code_name(names, code, &length);
    put_name(out, name, length);
}

static void put_text(struct encoding *out, const struct qta_dictionary *names,
                     enum qta_name_kind kind, uint32_t id)
{
    size_t length;
    const char *name = qta_dictionary_name(names, kind, id, &length);
    put_name(out, name, length);
}

static void put_decimal(struct encoding *out, struct qta_decimal value)
{
    put_u64(out, (uint64_t)value.mantissa);
    put_u8(out, (uint8_t)value.exponent);
}

static void put_value(struct encoding *out, const struct qta_tick *tick,
                      const struct qta_field *field, const struct qta_dictionary *names,
                      bool by_value)
{
    switch (field->kind) {
    case QTA_FIELD_DECIMAL: {
        struct qta_decimal value = qta_tick_decimal(tick, field);
        put_decimal(out, by_value ? qta_decimal_normalize(value) : value);
        break;
    }
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            put_text(out, names, QTA_NAME_TEXT, (uint32_t)qta_tick_word(tick, field));
        else
            put_u64(out, qta_tick_word(tick, field));
        break;
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        put_u64(out, qta_tick_word(tick, field));
        break;
    case QTA_FIELD_I32:
        put_u32(out, qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CODE:
        put_code(out, names, qta_tick_code(tick, field, 0));
        break;
    case QTA_FIELD_CONDITIONS:
        for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++)
            put_code(out, names, qta_tick_code(tick, field, i));
        break;
    case QTA_FIELD_TEXT:
        put_text(out, names, QTA_NAME_TEXT, qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        put_u8(out, qta_tick_byte(tick, field));
        break;
    case QTA_FIELD_FLAG:
        break;
    }
}

static void put_body(struct encoding *out, const struct qta_tick *tick,
                     const struct qta_dictionary *names, bool by_value)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t i = 0; i < count; i++) {
        bool is_there = qta_tick_has(tick, &fields[i]);
        put_u8(out, is_there);
        if (is_there)
            put_value(out, tick, &fields[i], names, by_value);
    }
}

static uint64_t chain_full(uint64_t before, const struct qta_tick *tick,
                           const struct qta_dictionary *names)
{
    struct encoding out;
    out.length = 0;
    put_u64(&out, tick->rx_seq);
    put_u64(&out, (uint64_t)tick->ts_recv_ns);
    put_u64(&out, (uint64_t)tick->ts_event_ns);
    put_u64(&out, tick->src_seq);
    put_u32(&out, tick->conn);
    put_u32(&out, tick->flags);
    put_u8(&out, tick->type);
    size_t length;
    const char *provider = qta_provider_name(names, tick->provider, &length);
    put_name(&out, provider, length);
    put_text(&out, names, QTA_NAME_SYMBOL, tick->symbol);
    put_body(&out, tick, names, false);
    return qta_xxh64(out.bytes, out.length, before);
}

static uint64_t chain_market(uint64_t before, const struct qta_tick *tick,
                             const struct qta_dictionary *names)
{
    struct encoding out;
    out.length = 0;
    put_u8(&out, tick->type);
    put_text(&out, names, QTA_NAME_SYMBOL, tick->symbol);
    put_u64(&out, (uint64_t)tick->ts_event_ns);
    put_u64(&out, tick->src_seq);
    put_body(&out, tick, names, true);
    return qta_xxh64(out.bytes, out.length, before);
}

void qta_digest_init(struct qta_digest *digest)
{
    *digest = (struct qta_digest){0};
}

void qta_digest_add(struct qta_digest *digest, const struct qta_tick *tick,
                    const struct qta_dictionary *names)
{
    digest->full = chain_full(digest->full, tick, names);
    digest->ticks++;
    if (!qta_tick_is_market(tick))
        return;
    digest->market = chain_market(digest->market, tick, names);
    digest->market_ticks++;
}
