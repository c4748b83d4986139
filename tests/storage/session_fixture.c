/* Fixtures of the storage tests. */
#include "tests/storage/session_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- scratch directories ------------------------------------------------------------------- */

static void make_in(struct scratch *scratch, const char *base)
{
    snprintf(scratch->path, sizeof scratch->path, "%s/qta-storage-XXXXXX", base);
    assert_non_null(mkdtemp(scratch->path));
    snprintf(scratch->session, sizeof scratch->session, "%s/session", scratch->path);
}

void scratch_make(struct scratch *scratch)
{
    const char *base = getenv("TMPDIR");
    make_in(scratch, base ? base : "/tmp");
}

void scratch_make_in_memory(struct scratch *scratch)
{
    if (access("/dev/shm", W_OK) == 0)
        make_in(scratch, "/dev/shm");
    else
        scratch_make(scratch);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_remove(struct scratch *scratch)
{
    nftw(scratch->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (length > 0)
        assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

uint8_t *load_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    *length = (size_t)status.st_size;
    uint8_t *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- ticks --------------------------------------------------------------------------------- */

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

static uint64_t place_random(size_t distance)
{
    static uint64_t random;
    static bool is_seeded;
    if (!is_seeded) {
        const char *seed = getenv("QTA_SEED");
        random = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
        print_message("QTA_SEED=%llu\n", (unsigned long long)random);
        is_seeded = true;
    }
    return random_below(&random, 2 * distance);
}

size_t next_place(size_t place, size_t distance)
{
    if (getenv("QTA_CAMPAIGN"))
        return place + 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    distance *= 4;
#endif
    return place + 1 + place_random(distance);
}

void tick_maker_init(struct tick_maker *maker, uint64_t seed)
{
    memset(maker, 0, sizeof *maker);
    maker->random = seed;
    maker->next_seq = 1;
    maker->ts_recv_ns = -INT64_C(1000000000);
    assert_int_equal(qta_dictionary_create(&maker->names, NULL), QTA_OK);
}

void tick_maker_finish(struct tick_maker *maker)
{
    qta_dictionary_destroy(maker->names);
}

/* Words near the edges as often as anywhere else. */
static uint64_t any_word(struct tick_maker *maker)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     UINT64_MAX,
                                     UINT64_MAX - 1,
                                     (uint64_t)INT64_MIN,
                                     (uint64_t)INT64_MIN + 1,
                                     INT64_MAX,
                                     UINT32_MAX,
                                     (uint64_t)UINT32_MAX + 1,
                                     255,
                                     256,
                                     65535,
                                     65536};
    uint64_t kind = random_below(&maker->random, maker->is_plain ? 1 : 4);
    if (kind == 0)
        return random_below(&maker->random, 100000);
    if (kind == 1)
        return edges[random_below(&maker->random, sizeof edges / sizeof edges[0])];
    return random_next(&maker->random) >> random_below(&maker->random, 64);
}

static uint32_t any_name(struct tick_maker *maker, enum qta_name_kind kind, uint64_t variety)
{
    uint64_t choice = random_below(&maker->random, variety + 2);
    if (choice == 0)
        return 0;
    if (choice == 1 && random_below(&maker->random, 50) == 0)
        return kind == QTA_NAME_CODE || kind == QTA_NAME_PROVIDER ? (uint16_t)QTA_NAME_OTHER
                                                                  : QTA_NAME_OTHER;
    if (kind == QTA_NAME_CODE && choice % 2 == 0)
        return (uint32_t)random_below(&maker->random, 256);
    char name[64];
    int length = snprintf(name, sizeof name, "N%llu", (unsigned long long)choice);
    if (choice == variety) /* bytes that are no text */
        memcpy(name, "\0\xff\n'", 4);
    return qta_dictionary_intern(maker->names, kind, name, (size_t)length);
}

static void fill_decimal(struct tick_maker *maker, uint8_t *base, const struct qta_field *field)
{
    uint64_t mantissa = any_word(maker);
    int8_t exponent = (int8_t)(random_below(&maker->random, 201) - 100);
    if (maker->is_plain)
        exponent = -2;
    if (random_below(&maker->random, 8) == 0) {
        mantissa = 0;
        exponent = QTA_DECIMAL_NULL_EXPONENT;
    }
    memcpy(base + field->offset, &mantissa, sizeof mantissa);
    memcpy(base + field->exponent_offset, &exponent, sizeof exponent);
}

static void fill_field(struct tick_maker *maker, struct qta_tick *tick,
                       const struct qta_field *field)
{
    uint8_t *base = (uint8_t *)tick;
    uint64_t word = any_word(maker);
    uint32_t text = any_name(maker, QTA_NAME_TEXT, 500);
    uint16_t codes[QTA_CONDITIONS_MAX] = {0};
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        fill_decimal(maker, base, field);
        break;
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            word = text;
        memcpy(base + field->offset, &word, sizeof word);
        break;
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        memcpy(base + field->offset, &word, sizeof word);
        break;
    case QTA_FIELD_I32:
        memcpy(base + field->offset, &word, sizeof(int32_t));
        break;
    case QTA_FIELD_TEXT:
        memcpy(base + field->offset, &text, sizeof text);
        break;
    case QTA_FIELD_CODE:
        codes[0] = (uint16_t)any_name(maker, QTA_NAME_CODE, 20);
        memcpy(base + field->offset, &codes, sizeof codes[0]);
        break;
    case QTA_FIELD_CONDITIONS:
        for (uint64_t i = 0; i < random_below(&maker->random, 5); i++)
            codes[i] = (uint16_t)any_name(maker, QTA_NAME_CODE, 20);
        memcpy(base + field->offset, codes, sizeof codes);
        break;
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        base[field->offset] = (uint8_t)random_below(&maker->random, maker->is_plain ? 3 : 256);
        break;
    case QTA_FIELD_FLAG:
        break;
    }
}

static enum qta_tick_type any_type(struct tick_maker *maker)
{
    static const enum qta_tick_type types[] = {
        QTA_TICK_TRADE,        QTA_TICK_QUOTE,         QTA_TICK_BAR,    QTA_TICK_BOOK,
        QTA_TICK_TRADE_CANCEL, QTA_TICK_TRADE_CORRECT, QTA_TICK_STATUS, QTA_TICK_LULD,
        QTA_TICK_IMBALANCE,    QTA_TICK_CONN,          QTA_TICK_GAP,    QTA_TICK_DROP,
        QTA_TICK_CLOCK,        QTA_TICK_MARKER};
    /* mostly trades and quotes, as in life */
    uint64_t choice = random_below(&maker->random, 40);
    return choice < sizeof types / sizeof types[0] ? types[choice]
                                                   : (enum qta_tick_type)(1 + choice % 2);
}

void tick_maker_next(struct tick_maker *maker, enum qta_tick_type type, struct qta_tick *tick)
{
    if (type == QTA_TICK_NONE)
        type = any_type(maker);
    qta_tick_init(tick, type);
    tick->rx_seq = maker->next_seq++;
    if (random_below(&maker->random, 3) != 0)
        maker->ts_recv_ns += (int64_t)random_below(&maker->random, 3000000);
    tick->ts_recv_ns = maker->ts_recv_ns;
    if (random_below(&maker->random, 5) != 0)
        tick->ts_event_ns = (int64_t)any_word(maker);
    if (random_below(&maker->random, 2) != 0)
        tick->src_seq = any_word(maker);
    tick->symbol = any_name(maker, QTA_NAME_SYMBOL, 300);
    tick->provider = (uint16_t)any_name(maker, QTA_NAME_PROVIDER, 4);
    tick->conn = (uint32_t)any_word(maker);
    tick->flags = (uint32_t)random_below(&maker->random, 256);
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    for (size_t i = 0; i < count; i++)
        fill_field(maker, tick, &fields[i]);
}

/* ---- sessions ------------------------------------------------------------------------------ */

struct qta_session_writer_options small_options(const struct scratch *scratch)
{
    struct qta_session_writer_options options = qta_session_writer_options_default();
    options.path = scratch->session;
    options.timezone = "America/New_York";
    options.journal_chunk_bytes = 64 * 1024;
    return options;
}

void append_random(struct qta_session_writer *writer, struct tick_maker *maker, size_t count,
                   struct qta_digest *digest)
{
    struct qta_error err;
    for (size_t i = 0; i < count; i++) {
        struct qta_tick tick;
        tick_maker_next(maker, QTA_TICK_NONE, &tick);
        if (qta_session_writer_append(writer, &tick, &err) != QTA_OK)
            fail_msg("append: %s", err.message);
        if (digest)
            qta_digest_add(digest, &tick, maker->names);
    }
}

void write_session(const struct qta_session_writer_options *options, uint64_t seed, size_t count,
                   struct qta_digest *digest)
{
    struct qta_error err;
    struct tick_maker maker;
    struct qta_session_writer *writer;
    tick_maker_init(&maker, seed);
    if (digest)
        qta_digest_init(digest);
    if (qta_session_writer_create(&writer, options, maker.names, &err) != QTA_OK)
        fail_msg("create: %s", err.message);
    append_random(writer, &maker, count, digest);
    if (qta_session_writer_close(writer, &err) != QTA_OK)
        fail_msg("close: %s", err.message);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
}

void read_session(const char *path, const struct qta_session_filter *filter,
                  struct qta_digest *digest)
{
    struct qta_error err;
    struct qta_session_reader *reader;
    if (qta_session_reader_create(&reader, path, filter, &err) != QTA_OK)
        fail_msg("open: %s", err.message);
    qta_digest_init(digest);
    uint64_t next_seq = 1;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status != QTA_OK)
            fail_msg("read: %s", err.message);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(filter || ticks[i].rx_seq == next_seq);
            assert_true(ticks[i].rx_seq >= next_seq);
            next_seq = ticks[i].rx_seq + 1;
            qta_digest_add(digest, &ticks[i], qta_session_reader_names(reader));
        }
    }
    qta_session_reader_destroy(reader);
}
