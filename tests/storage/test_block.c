/* A block gives back exactly what went into it, and refuses everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/block_decoder.h"
#include "storage/block_encoder.h"
#include "tests/storage/session_fixture.h"

struct codec {
    struct qta_block_encoder *encoder;
    struct qta_block_decoder *decoder;
    struct qta_packed_writer payload;
};

static int setup(void **state)
{
    static struct codec codec;
    memset(&codec, 0, sizeof codec);
    assert_int_equal(qta_block_encoder_create(&codec.encoder, 1, NULL), QTA_OK);
    assert_int_equal(qta_block_decoder_create(&codec.decoder, NULL), QTA_OK);
    *state = &codec;
    return 0;
}

static int teardown(void **state)
{
    struct codec *codec = *state;
    qta_block_encoder_destroy(codec->encoder);
    qta_block_decoder_destroy(codec->decoder);
    qta_packed_writer_finish(&codec->payload);
    return 0;
}

static const char *text_of(void *user, uint32_t id, size_t *length)
{
    return qta_dictionary_name(user, QTA_NAME_TEXT, id, length);
}

static uint32_t intern_text(void *user, const char *text, size_t length)
{
    return qta_dictionary_intern(user, QTA_NAME_TEXT, text, length);
}

static void encode(struct codec *codec, const struct qta_tick *ticks, size_t count,
                   struct qta_dictionary *names)
{
    struct qta_tick *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, ticks, count * sizeof *copy);
    struct qta_text_source source = {.text = text_of, .user = names};
    qta_packed_writer_clear(&codec->payload);
    assert_int_equal(qta_block_encode(codec->encoder, copy, count, &source, &codec->payload, NULL),
                     QTA_OK);
    free(copy);
}

static enum qta_status begin(struct codec *codec, const uint8_t *payload, size_t length,
                             size_t count, uint64_t first_seq, uint32_t types,
                             struct qta_dictionary *names, struct qta_error *err)
{
    struct qta_block_input input = {
        .payload = payload,
        .length = length,
        .count = count,
        .first_seq = first_seq,
        .types = types,
        .intern_text = names ? intern_text : NULL,
        .user = names,
    };
    return qta_block_decoder_begin(codec->decoder, &input, err);
}

/* Encodes, decodes and compares every byte of every tick. */
static void assert_comes_back(struct codec *codec, const struct qta_tick *ticks, size_t count,
                              struct qta_dictionary *names)
{
    struct qta_error err;
    encode(codec, ticks, count, names);
    if (begin(codec, codec->payload.bytes, codec->payload.length, count, ticks[0].rx_seq,
              QTA_TYPES_ALL, names, &err) != QTA_OK)
        fail_msg("begin: %s", err.message);
    struct qta_tick batch[1000];
    size_t done = 0;
    size_t got;
    while ((got = qta_block_decoder_next(codec->decoder, batch, 1 + done % 1000)) > 0) {
        assert_true(done + got <= count);
        for (size_t i = 0; i < got; i++)
            if (memcmp(&batch[i], &ticks[done + i], sizeof batch[i]) != 0) {
                const uint64_t *was = (const uint64_t *)&ticks[done + i];
                const uint64_t *is = (const uint64_t *)&batch[i];
                for (int word = 0; word < QTA_TICK_WORDS; word++)
                    if (was[word] != is[word])
                        print_message("word %d: %016llx became %016llx\n", word,
                                      (unsigned long long)was[word], (unsigned long long)is[word]);
                fail_msg("tick %zu of type %s differs", done + i,
                         qta_tick_type_name(ticks[done + i].type));
            }
        done += got;
    }
    assert_int_equal(done, count);
}

static void all_types_with_extreme_values_come_back(void **state)
{
    struct codec *codec = *state;
    static const size_t counts[] = {1, 2, 3, 63, 64, 65, 1000, 4096, 32768, 65536};
    struct qta_tick *ticks = malloc(65536 * sizeof *ticks);
    for (uint64_t seed = 0; seed < 20; seed++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            struct tick_maker maker;
            if (counts[i] > 4096 && seed > 3)
                continue;
            tick_maker_init(&maker, seed);
            maker.is_plain = seed % 2 == 1;
            maker.next_seq = UINT64_MAX / 2 * seed % 7 + 1;
            for (size_t k = 0; k < counts[i]; k++)
                tick_maker_next(&maker, QTA_TICK_NONE, &ticks[k]);
            assert_comes_back(codec, ticks, counts[i], maker.names);
            tick_maker_finish(&maker);
        }
    free(ticks);
}

static void each_type_alone_comes_back(void **state)
{
    struct codec *codec = *state;
    struct qta_tick ticks[3000];
    for (unsigned type = 1; type < QTA_TICK_TYPE_END; type++) {
        size_t fields;
        if (!qta_tick_fields(type, &fields))
            continue;
        struct tick_maker maker;
        tick_maker_init(&maker, type);
        for (size_t i = 0; i < 3000; i++)
            tick_maker_next(&maker, (enum qta_tick_type)type, &ticks[i]);
        for (size_t count = 1; count <= 3000; count = count * 3 + 1)
            assert_comes_back(codec, ticks, count, maker.names);
        tick_maker_finish(&maker);
    }
}

/* ---- columns of every shape ---------------------------------------------------------------- */

static uint64_t shape_constant(uint64_t i, uint64_t random)
{
    (void)i;
    (void)random;
    return 1234567;
}

static uint64_t shape_counter(uint64_t i, uint64_t random)
{
    (void)random;
    return 52983525 + i;
}

static uint64_t shape_falling(uint64_t i, uint64_t random)
{
    (void)random;
    return 0 - 3 * i;
}

static uint64_t shape_jumps(uint64_t i, uint64_t random)
{
    (void)random;
    return i + i / 7 * UINT64_C(0x100000000);
}

static uint64_t shape_extremes(uint64_t i, uint64_t random)
{
    (void)random;
    return i % 2 ? (uint64_t)INT64_MAX : (uint64_t)INT64_MIN;
}

static uint64_t shape_noise(uint64_t i, uint64_t random)
{
    (void)i;
    return random;
}

static uint64_t shape_narrow_noise(uint64_t i, uint64_t random)
{
    (void)i;
    return random % 5;
}

static uint64_t shape_rare_huge(uint64_t i, uint64_t random)
{
    return i % 97 == 96 ? random : 0;
}

static uint64_t shape_before_1970(uint64_t i, uint64_t random)
{
    return 0 - UINT64_C(86400000000000) + i * 1000 - random % 1000000;
}

static uint64_t shape_carries(uint64_t i, uint64_t random)
{
    (void)random;
    return UINT64_C(0xfffffffffffffe00) + i * 0x81;
}

static uint64_t shape_signs(uint64_t i, uint64_t random)
{
    (void)random;
    return i % 3 == 0 ? 1 : i % 3 == 1 ? UINT64_MAX : 0;
}

static uint64_t shape_powers(uint64_t i, uint64_t random)
{
    (void)random;
    return UINT64_C(1) << i % 64;
}

static uint64_t shape_round(uint64_t i, uint64_t random)
{
    return (random % 1000 + i) * 100;
}

static uint64_t shape_none(uint64_t i, uint64_t random)
{
    (void)i;
    (void)random;
    return QTA_U64_NONE;
}

/* What the numbers of a column may look like, one after the other. */
static uint64_t (*const shapes[])(uint64_t i, uint64_t random) = {
    shape_constant, shape_counter,      shape_falling,   shape_jumps,       shape_extremes,
    shape_noise,    shape_narrow_noise, shape_rare_huge, shape_before_1970, shape_carries,
    shape_signs,    shape_powers,       shape_round,     shape_none,
};
enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0], EXPONENT_SHAPES = 5, SYMBOL_SHAPES = 4 };

static int8_t exponent_of(int shape, uint64_t i, uint64_t random)
{
    switch (shape) {
    case 0:
        return -2;
    case 1:
        return i % 2 ? -2 : -4;
    case 2:
        return i % 3 ? 0 : QTA_DECIMAL_NULL_EXPONENT;
    case 3:
        return (int8_t)(random % 256);
    default:
        return i == 5 ? -8 : QTA_DECIMAL_NULL_EXPONENT;
    }
}

static uint32_t symbol_of(int shape, uint64_t i, uint64_t random)
{
    static const uint64_t every[SYMBOL_SHAPES] = {1, 3, 500, 1};
    return shape == 3 ? (uint32_t)(1 + i / 50) : (uint32_t)(1 + random % every[shape]);
}

/* Numbers of the shape in every field that holds some; each field is one step ahead of the last. */
static void fill_shaped(struct qta_tick *tick, size_t shape, int exponent_shape, uint64_t i,
                        uint64_t random)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t f = 0; f < count; f++) {
        uint8_t *base = (uint8_t *)tick;
        uint64_t word = shapes[shape](i + f, random * (2 * f + 1));
        switch (fields[f].kind) {
        case QTA_FIELD_DECIMAL:
            memcpy(base + fields[f].offset, &word, sizeof word);
            base[fields[f].exponent_offset] = (uint8_t)exponent_of(exponent_shape, i + f,
                                                                   random >> 8);
            break;
        case QTA_FIELD_ID:
        case QTA_FIELD_U64:
        case QTA_FIELD_TIME:
        case QTA_FIELD_I64:
        case QTA_FIELD_INTERVAL:
            memcpy(base + fields[f].offset, &word, sizeof word);
            break;
        case QTA_FIELD_I32:
            memcpy(base + fields[f].offset, &word, sizeof(int32_t));
            break;
        case QTA_FIELD_CODE:
        case QTA_FIELD_CONDITIONS:
            memcpy(base + fields[f].offset, &word, sizeof(uint16_t));
            break;
        case QTA_FIELD_CHAR:
        case QTA_FIELD_ENUM:
            base[fields[f].offset] = (uint8_t)word;
            break;
        case QTA_FIELD_TEXT:
        case QTA_FIELD_FLAG:
            break;
        }
    }
    tick->ts_event_ns = (int64_t)shapes[shape](i, random);
    tick->src_seq = shapes[shape](i + 1, random);
}

static void columns_of_every_shape_come_back(void **state)
{
    struct codec *codec = *state;
    enum { COUNT = 300 };
    static const size_t counts[] = {1, 2, 15, 16, 17, COUNT};
    static struct qta_tick ticks[COUNT];
    struct tick_maker maker; /* for its names and its chance */
    tick_maker_init(&maker, 4711);
    for (unsigned type = 1; type < QTA_TICK_TYPE_END; type++) {
        size_t fields;
        if (!qta_tick_fields(type, &fields))
            continue;
        for (size_t run = 0; run < (size_t)SHAPE_COUNT * EXPONENT_SHAPES; run++) {
            size_t shape = run % SHAPE_COUNT;
            uint64_t ts_recv = shapes[(shape + run) % SHAPE_COUNT](0, run);
            for (uint64_t i = 0; i < COUNT; i++) {
                uint64_t random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) * (run + 1);
                random ^= random >> 29;
                bool is_other = run % 2 == 1 && random % 4 == 0; /* a second type in the block */
                if (random % 3 == 0 || run % 5 == 0) /* ticks of one frame share their time */
                    ts_recv = shapes[(shape + run / 3) % SHAPE_COUNT](i, random);
                qta_tick_init(&ticks[i], is_other ? QTA_TICK_QUOTE : (enum qta_tick_type)type);
                fill_shaped(&ticks[i], shape, (int)(run % EXPONENT_SHAPES), i, random);
                ticks[i].rx_seq = 1 + i;
                ticks[i].ts_recv_ns = (int64_t)ts_recv;
                ticks[i].symbol = symbol_of((int)(run % SYMBOL_SHAPES), i, random >> 16);
                ticks[i].provider = 1;
                ticks[i].conn = (uint32_t)(i / 100);
            }
            for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
                assert_comes_back(codec, ticks, counts[k], maker.names);
        }
    }
    tick_maker_finish(&maker);
}

static void wanted_types_come_alone(void **state)
{
    struct codec *codec = *state;
    struct tick_maker maker;
    struct qta_tick ticks[5000];
    struct qta_tick read[5000];
    tick_maker_init(&maker, 9);
    for (size_t i = 0; i < 5000; i++)
        tick_maker_next(&maker, QTA_TICK_NONE, &ticks[i]);
    encode(codec, ticks, 5000, maker.names);
    for (unsigned type = 1; type < QTA_TICK_TYPE_END; type++) {
        assert_int_equal(begin(codec, codec->payload.bytes, codec->payload.length, 5000,
                               ticks[0].rx_seq, QTA_TYPE_BIT(type), maker.names, NULL),
                         QTA_OK);
        size_t got = qta_block_decoder_next(codec->decoder, read, 5000);
        size_t expected = 0;
        for (size_t i = 0; i < 5000; i++)
            if (ticks[i].type == type) {
                assert_true(expected < got);
                assert_memory_equal(&ticks[i], &read[expected], sizeof ticks[i]);
                expected++;
            }
        assert_int_equal(got, expected);
    }
    tick_maker_finish(&maker);
}

/* Behind a checksum nothing of this is met, but a forged block may have any checksum. */
static void forged_payloads_do_no_harm(void **state)
{
    struct codec *codec = *state;
    struct tick_maker maker;
    struct qta_tick ticks[300];
    struct qta_tick read[512];
    uint64_t random = 1;
    tick_maker_init(&maker, 3);
    for (size_t i = 0; i < 300; i++)
        tick_maker_next(&maker, QTA_TICK_NONE, &ticks[i]);
    encode(codec, ticks, 300, maker.names);
    size_t length = codec->payload.length;
    uint8_t *forged = malloc(length);
    size_t refused = 0;
    for (size_t i = 0; i < 20000; i++) {
        size_t cut = i % 4 == 0 ? (size_t)random_below(&random, length) : length;
        memcpy(forged, codec->payload.bytes, length);
        for (uint64_t flips = random_below(&random, 4); flips > 0; flips--)
            forged[random_below(&random, length)] = (uint8_t)random_next(&random);
        size_t count = i % 16 == 0 ? (size_t)random_below(&random, 70000) : 300;
        if (begin(codec, forged, cut, count, 1, QTA_TYPES_ALL, NULL, NULL) != QTA_OK) {
            refused++;
            continue;
        }
        size_t total = 0;
        size_t got;
        while ((got = qta_block_decoder_next(codec->decoder, read, 512)) > 0)
            total += got;
        assert_true(total <= count);
    }
    assert_true(refused > 1000);
    free(forged);
    tick_maker_finish(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_types_with_extreme_values_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(each_type_alone_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(columns_of_every_shape_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(wanted_types_come_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(forged_payloads_do_no_harm, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
