/* Nothing here may ever change: what it made is kept in tests/data. */
#include "tests/storage/golden_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/session_writer.h"

/* ---- a world without chance ---------------------------------------------------------------- */

static int64_t golden_realtime_ns(struct qta_environment *env)
{
    (void)env;
    return INT64_C(1714570200000000000); /* 2024-05-01T13:30:00Z */
}

static int golden_random(struct qta_environment *env, void *bytes, size_t length)
{
    (void)env;
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(0xa0 + i);
    return 0;
}

static struct qta_environment *golden_environment(void)
{
    static struct qta_environment_ops ops;
    static struct qta_environment environment;
    ops = *qta_environment_system()->ops;
    ops.realtime_ns = golden_realtime_ns;
    ops.random = golden_random;
    environment.ops = &ops;
    return &environment;
}

int golden_session_frame(uint64_t first_seq, char bytes[GOLDEN_FRAME_BYTES])
{
    return snprintf(bytes, GOLDEN_FRAME_BYTES, "[{\"T\":\"t\",\"S\":\"AAPL\",\"i\":%" PRIu64 "}]",
                    first_seq);
}

static void check(enum qta_status status, const struct qta_error *err)
{
    if (status == QTA_OK)
        return;
    fprintf(stderr, "golden session: %s\n", err->message);
    exit(1);
}

/* ---- ticks --------------------------------------------------------------------------------- */

enum variant { ABSENT, ORDINARY, GREATEST, LEAST, ZERO, ODD, VARIANT_COUNT };

struct making {
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    struct qta_digest *digest;
    uint64_t next_seq;
    int64_t ts_recv_ns;
};

static const char *const ordinary_names[] = {"AAPL", "BRK.B", "BTC/USD", "SPY", "Zürich"};
static const struct {
    const char *bytes;
    size_t length;
} odd_names[] = {
    {"../../etc/passwd", 16},
    {"a\0b", 3},
    {"line\nend", 8},
    {"'; DROP TABLE", 13},
    {"\xff\xfe raw", 6},
    {"\xe2\x80\xae"
     "rtl",
     6},
};

static uint32_t name_for(struct making *making, enum qta_name_kind kind, enum variant variant,
                         size_t index)
{
    if (variant == ABSENT || variant == ZERO)
        return 0;
    if (variant == GREATEST)
        return kind == QTA_NAME_CODE || kind == QTA_NAME_PROVIDER ? (uint16_t)QTA_NAME_OTHER
                                                                  : QTA_NAME_OTHER;
    if (variant == ODD) {
        size_t odd = index % (sizeof odd_names / sizeof odd_names[0]);
        return qta_dictionary_intern(making->names, kind, odd_names[odd].bytes,
                                     odd_names[odd].length);
    }
    if (variant == LEAST && kind == QTA_NAME_CODE)
        return (uint32_t)(1 + index % 255);
    const char *name = ordinary_names[index % (sizeof ordinary_names / sizeof ordinary_names[0])];
    return qta_dictionary_intern(making->names, kind, name, strlen(name));
}

static uint64_t word_for(enum variant variant, size_t index, uint64_t greatest, uint64_t least)
{
    switch (variant) {
    case GREATEST:
        return greatest - index % 3;
    case LEAST:
        return least + index % 3;
    case ZERO:
    case ABSENT:
        return 0;
    case ORDINARY:
    case ODD:
    case VARIANT_COUNT:
        break;
    }
    return 1000 + 37 * index;
}

static void put_decimal(uint8_t *base, const struct qta_field *field, enum variant variant,
                        size_t index)
{
    static const int8_t exponents[VARIANT_COUNT] = {
        0, -2, QTA_DECIMAL_EXPONENT_LIMIT, -QTA_DECIMAL_EXPONENT_LIMIT, 0, -9};
    int64_t mantissa = (int64_t)word_for(variant, index, INT64_MAX, (uint64_t)INT64_MIN);
    int8_t exponent = exponents[variant];
    memcpy(base + field->offset, &mantissa, sizeof mantissa);
    memcpy(base + field->exponent_offset, &exponent, sizeof exponent);
}

static void put_field(struct making *making, struct qta_tick *tick, const struct qta_field *field,
                      enum variant variant, size_t index)
{
    uint8_t *base = (uint8_t *)tick;
    uint64_t word = word_for(variant, index, UINT64_MAX - 1, 0);
    int64_t number = (int64_t)word_for(variant, index, INT64_MAX, (uint64_t)INT64_MIN + 1);
    uint32_t text = name_for(making, QTA_NAME_TEXT, variant, index);
    uint16_t code = (uint16_t)name_for(making, QTA_NAME_CODE, variant, index);
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        put_decimal(base, field, variant, index);
        break;
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            word = text;
        memcpy(base + field->offset, &word, sizeof word);
        break;
    case QTA_FIELD_U64:
        memcpy(base + field->offset, &word, sizeof word);
        break;
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        memcpy(base + field->offset, &number, sizeof number);
        break;
    case QTA_FIELD_I32:
        memcpy(base + field->offset, &number, sizeof(int32_t));
        break;
    case QTA_FIELD_TEXT:
        memcpy(base + field->offset, &text, sizeof text);
        break;
    case QTA_FIELD_CODE:
        memcpy(base + field->offset, &code, sizeof code);
        break;
    case QTA_FIELD_CONDITIONS:
        for (size_t i = 0; i < index % (QTA_CONDITIONS_MAX + 1); i++) {
            code = (uint16_t)name_for(making, QTA_NAME_CODE, variant, index + i);
            memcpy(base + field->offset + i * sizeof code, &code, sizeof code);
        }
        break;
    case QTA_FIELD_CHAR:
        base[field->offset] = variant == ZERO ? 0 : (uint8_t)('A' + index % 3);
        break;
    case QTA_FIELD_ENUM:
        base[field->offset] = variant == ZERO       ? 0
                              : variant == GREATEST ? 255
                                                    : (uint8_t)(1 + index % 2);
        break;
    case QTA_FIELD_FLAG:
        break;
    }
}

static void append(struct making *making, struct qta_tick *tick)
{
    struct qta_error err;
    tick->rx_seq = making->next_seq++;
    tick->ts_recv_ns = making->ts_recv_ns;
    check(qta_session_writer_append(making->writer, tick, &err), &err);
    if (making->digest)
        qta_digest_add(making->digest, tick, making->names);
}

static void append_variant(struct making *making, unsigned type, enum variant variant, size_t index)
{
    struct qta_tick tick;
    qta_tick_init(&tick, (enum qta_tick_type)type);
    if (index % 2 == 0) /* several ticks a frame have one receive time */
        making->ts_recv_ns += 1 + (int64_t)(index % 5) * 250000;
    tick.symbol = name_for(making, QTA_NAME_SYMBOL, variant, index);
    tick.provider = (uint16_t)name_for(making, QTA_NAME_PROVIDER, variant, index / 2);
    if (variant != ABSENT) {
        tick.conn = (uint32_t)word_for(variant, index, UINT32_MAX, 1);
        tick.flags = (uint32_t)(index * 7 % 256);
        tick.src_seq = word_for(variant, index, UINT64_MAX - 1, 0);
        tick.ts_event_ns = (int64_t)word_for(variant, index, INT64_MAX, (uint64_t)INT64_MIN + 1);
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < count; i++)
            put_field(making, &tick, &fields[i], variant, index + i);
    }
    append(making, &tick);
}

static void append_all_variants(struct making *making, size_t times)
{
    size_t index = 0;
    for (size_t time = 0; time < times; time++)
        for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
            size_t count;
            if (!qta_tick_fields(type, &count))
                continue;
            for (int variant = 0; variant < VARIANT_COUNT; variant++)
                append_variant(making, type, (enum variant)variant, index++);
        }
}

/* A frame as a venue sent it, that produced so many of the last ticks. */
static void append_frame(struct making *making, uint32_t ticks)
{
    struct qta_error err;
    char bytes[GOLDEN_FRAME_BYTES];
    int length = golden_session_frame(making->next_seq - ticks, bytes);
    struct qta_raw_frame frame = {
        .first_seq = making->next_seq - ticks,
        .ts_recv_ns = making->ts_recv_ns,
        .bytes = (const uint8_t *)bytes,
        .length = (uint32_t)length,
        .stored_length = (uint32_t)length,
        .tick_count = ticks,
        .conn = 1,
        .provider = (uint16_t)name_for(making, QTA_NAME_PROVIDER, ORDINARY, 0),
        .flags = ticks == 0 ? QTA_RAW_MASKED : 0,
    };
    check(qta_session_writer_append_raw(making->writer, &frame, &err), &err);
}

static void append_plain(struct making *making, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct qta_tick tick;
        bool is_trade = i % 4 == 0;
        qta_tick_init(&tick, is_trade ? QTA_TICK_TRADE : QTA_TICK_QUOTE);
        making->ts_recv_ns += 100000;
        tick.provider = (uint16_t)name_for(making, QTA_NAME_PROVIDER, ORDINARY, 0);
        tick.symbol = name_for(making, QTA_NAME_SYMBOL, ORDINARY, i % 8 == 7 ? 3 : 0);
        tick.conn = 1;
        tick.ts_event_ns = making->ts_recv_ns - 2000000;
        int64_t cents = 19000 + (int64_t)(i / 500 % 10);
        if (is_trade) {
            QTA_TICK_SET_DECIMAL(tick.trade, price, qta_decimal_make(cents, -2));
            QTA_TICK_SET_DECIMAL(tick.trade, size, qta_decimal_make(100, 0));
            tick.trade.id = 1 + i / 4;
            tick.trade.exchange = 'Q';
            tick.trade.conditions[0] = '@';
            tick.trade.tape = 'C';
        } else {
            QTA_TICK_SET_DECIMAL(tick.quote, bid_price, qta_decimal_make(cents - 1, -2));
            QTA_TICK_SET_DECIMAL(tick.quote, bid_size, qta_decimal_make(2, 0));
            QTA_TICK_SET_DECIMAL(tick.quote, ask_price, qta_decimal_make(cents + 1, -2));
            QTA_TICK_SET_DECIMAL(tick.quote, ask_size, qta_decimal_make(3, 0));
            tick.quote.bid_exchange = 'V';
            tick.quote.ask_exchange = 'Q';
            tick.quote.conditions[0] = 'R';
            tick.quote.tape = 'C';
        }
        append(making, &tick);
        if (i % 1000 == 0)
            append_frame(making, 1);
    }
}

/* ---- runs ---------------------------------------------------------------------------------- */

static void start_run(struct making *making, const char *path, uint64_t chunk_bytes)
{
    struct qta_error err;
    struct qta_session_writer_options options = qta_session_writer_options_default();
    options.path = path;
    options.timezone = "America/New_York";
    options.fsync_interval_ns = -1;
    options.compression_level = 1;
    options.journal_chunk_bytes = chunk_bytes;
    check(qta_session_writer_create_in(&making->writer, &options, making->names,
                                       golden_environment(), &err),
          &err);
}

static void end_run(struct making *making)
{
    struct qta_error err;
    check(qta_session_writer_close(making->writer, &err), &err);
    qta_session_writer_destroy(making->writer);
}

void golden_session_make(const char *path, size_t rounds, size_t plain_ticks,
                         struct qta_digest *digest)
{
    enum { SMALL_CHUNK = 64 * 1024, LARGE_CHUNK = 32 * 1024 * 1024 };
    struct qta_error err;
    struct making making = {
        .digest = digest, .next_seq = 1, .ts_recv_ns = INT64_C(1714570199000000000)};
    check(qta_dictionary_create(&making.names, &err), &err);
    if (digest)
        qta_digest_init(digest);
    start_run(&making, path, SMALL_CHUNK);
    append_all_variants(&making, rounds);
    end_run(&making);
    start_run(&making, path, LARGE_CHUNK);
    append_plain(&making, plain_ticks);
    end_run(&making);
    start_run(&making, path, SMALL_CHUNK);
    append_all_variants(&making, 1 + rounds / 12);
    append_frame(&making, 0);
    qta_session_writer_destroy(making.writer); /* as after a crash */
    qta_dictionary_destroy(making.names);
}
