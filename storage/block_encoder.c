/* The encoder looks at a block as columns of words, one type of tick after the other, and chooses
 * for each column what promises the fewest bytes: a constant, a dictionary, or numbers predicted
 * from the one before, from the one before of the same symbol, or from the time of receipt. */
#include "storage/block_encoder.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/byte_planes.h"
#include "storage/name_map.h"
#include "storage/tick_names.h"

enum {
    SAMPLE = 2048, /* numbers that a choice is based on */
    SMALL_DICTIONARY = 256,
    HASH_SLOTS_MIN = 1024,
};

/* Distinct values in order of appearance. */
struct value_set {
    uint64_t *values;
    uint32_t *slots; /* index + 1; 0 is free */
    uint32_t slot_count;
    uint32_t count;
};

struct qta_block_encoder {
    struct qta_plane_encoder *planes;
    uint64_t words[QTA_TICK_WORDS][QTA_BLOCK_TICKS_MAX]; /* of the type at hand */
    uint64_t ts_recv[QTA_BLOCK_TICKS_MAX];               /* of the type at hand */
    uint16_t symbols[QTA_BLOCK_TICKS_MAX];               /* of the type at hand */
    uint16_t all_symbols[QTA_BLOCK_TICKS_MAX];           /* of all ticks */
    uint32_t places[QTA_BLOCK_TICKS_MAX];                /* ticks, by type */
    uint64_t numbers[QTA_BLOCK_TICKS_MAX];               /* of the column at hand */
    uint64_t coded[QTA_BLOCK_TICKS_MAX];
    uint16_t number_symbols[QTA_BLOCK_TICKS_MAX];
    int8_t exponents[QTA_BLOCK_TICKS_MAX];
    uint64_t last[QTA_BLOCK_TICKS_MAX]; /* by symbol */
    uint64_t firsts[QTA_BLOCK_TICKS_MAX];
    uint32_t symbol_count;
    struct value_set set;
    const struct qta_text_source *source; /* during encode */
    struct qta_name_map text_numbers;
    struct qta_packed_writer texts;
    uint32_t text_count;
    size_t column_count;
};

/* ---- life ---------------------------------------------------------------------------------- */

enum qta_status qta_block_encoder_create(struct qta_block_encoder **out, int level,
                                         struct qta_error *err)
{
    struct qta_block_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    encoder->set.values = calloc(QTA_BLOCK_TICKS_MAX, sizeof *encoder->set.values);
    encoder->set.slots = calloc(QTA_BLOCK_TICKS_MAX * (size_t)2, sizeof *encoder->set.slots);
    enum qta_status status = QTA_OK;
    if (!encoder->set.values || !encoder->set.slots)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    if (status == QTA_OK)
        status = qta_plane_encoder_create(&encoder->planes, level, err);
    if (status != QTA_OK) {
        qta_block_encoder_destroy(encoder);
        return status;
    }
    encoder->set.slot_count = HASH_SLOTS_MIN;
    *out = encoder;
    return QTA_OK;
}

void qta_block_encoder_destroy(struct qta_block_encoder *encoder)
{
    if (!encoder)
        return;
    qta_plane_encoder_destroy(encoder->planes);
    free(encoder->set.values);
    free(encoder->set.slots);
    qta_name_map_finish(&encoder->text_numbers);
    qta_packed_writer_finish(&encoder->texts);
    free(encoder);
}

/* ---- sets of values ------------------------------------------------------------------------ */

static uint32_t hash_slot(const struct value_set *set, uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(value >> 32) & (set->slot_count - 1);
}

static void set_clear(struct value_set *set)
{
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->slot_count = HASH_SLOTS_MIN;
    set->count = 0;
}

static uint32_t *set_find(struct value_set *set, uint64_t value)
{
    uint32_t slot = hash_slot(set, value);
    while (set->slots[slot] != 0 && set->values[set->slots[slot] - 1] != value)
        slot = (slot + 1) & (set->slot_count - 1);
    return &set->slots[slot];
}

static void set_grow(struct value_set *set)
{
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->slot_count *= 2;
    for (uint32_t i = 0; i < set->count; i++)
        *set_find(set, set->values[i]) = i + 1;
}

/* The value's number in the set. */
static uint32_t set_add(struct value_set *set, uint64_t value)
{
    uint32_t *slot = set_find(set, value);
    if (*slot != 0)
        return *slot - 1;
    set->values[set->count++] = value;
    *slot = set->count;
    /* never more than half full, and never more than 2 * QTA_BLOCK_TICKS_MAX slots */
    if (set->count * 2 > set->slot_count)
        set_grow(set);
    return set->count - 1;
}

/* Numbers of all values, in indices. False when there are more distinct ones than limit. */
static bool set_fill(struct value_set *set, const uint64_t *values, size_t count, size_t limit,
                     uint64_t *indices)
{
    set_clear(set);
    uint64_t before = values[0];
    uint32_t index = set_add(set, before);
    for (size_t i = 0; i < count; i++) {
        if (values[i] != before) {
            before = values[i];
            index = set_add(set, before);
            if (set->count > limit)
                return false;
        }
        indices[i] = index;
    }
    return true;
}

/* ---- columns ------------------------------------------------------------------------------- */

static bool is_constant(const uint64_t *values, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= values[i] ^ values[0];
    return differ == 0;
}

static void put_head(struct qta_block_encoder *encoder, unsigned type, size_t word,
                     enum qta_column_form form, struct qta_packed_writer *out)
{
    encoder->column_count++;
    qta_packed_writer_put_u8(out, (uint8_t)type);
    qta_packed_writer_put_u8(out, (uint8_t)word);
    qta_packed_writer_put_u8(out, (uint8_t)form);
}

static void put_constant(struct qta_block_encoder *encoder, unsigned type, size_t word,
                         uint64_t value, struct qta_packed_writer *out)
{
    put_head(encoder, type, word, QTA_COLUMN_CONSTANT, out);
    qta_packed_writer_put_u64(out, value);
}

/* The values of the set, then the indices of all ticks in it. */
static void put_dictionary(struct qta_block_encoder *encoder, unsigned type, size_t word,
                           const uint64_t *indices, size_t count, struct qta_packed_writer *out)
{
    put_head(encoder, type, word, QTA_COLUMN_DICTIONARY, out);
    qta_packed_writer_put_varint(out, encoder->set.count);
    qta_plane_encoder_put(encoder->planes, encoder->set.values, encoder->set.count, out);
    qta_plane_encoder_put(encoder->planes, indices, count, out);
}

static void put_fields_column(struct qta_block_encoder *encoder, unsigned type, size_t word,
                              const uint64_t *values, size_t count, uint64_t absent,
                              struct qta_packed_writer *out)
{
    if (is_constant(values, count)) {
        if (values[0] != absent)
            put_constant(encoder, type, word, values[0], out);
        return;
    }
    set_fill(&encoder->set, values, count, QTA_BLOCK_TICKS_MAX, encoder->coded);
    put_dictionary(encoder, type, word, encoder->coded, count, out);
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* A way to code a column. */
struct plan {
    enum qta_predictor predictor;
    bool is_zigzag;
    uint64_t base; /* subtracted from each difference, without zigzag */
};

/* The differences that a predictor leaves, in `coded`. */
static void predict(struct qta_block_encoder *encoder, enum qta_predictor predictor, size_t count)
{
    const uint64_t *numbers = encoder->numbers;
    uint64_t *coded = encoder->coded;
    switch (predictor) {
    case QTA_PREDICT_NONE:
        memcpy(coded, numbers, count * sizeof *coded);
        break;
    case QTA_PREDICT_PREVIOUS:
        coded[0] = 0;
        for (size_t i = 1; i < count; i++)
            coded[i] = numbers[i] - numbers[i - 1];
        break;
    case QTA_PREDICT_SYMBOL:
        memcpy(encoder->last, encoder->firsts, encoder->symbol_count * sizeof *encoder->last);
        for (size_t i = 0; i < count; i++) {
            uint16_t symbol = encoder->number_symbols[i];
            coded[i] = numbers[i] - encoder->last[symbol];
            encoder->last[symbol] = numbers[i];
        }
        break;
    case QTA_PREDICT_TS_RECV:
        for (size_t i = 0; i < count; i++)
            coded[i] = numbers[i] - encoder->ts_recv[i];
        break;
    }
}

static void note_firsts(struct qta_block_encoder *encoder, size_t count)
{
    memset(encoder->firsts, 0, encoder->symbol_count * sizeof *encoder->firsts);
    for (size_t i = count; i-- > 0;)
        encoder->firsts[encoder->number_symbols[i]] = encoder->numbers[i];
}

static uint64_t smallest(const uint64_t *numbers, size_t count)
{
    int64_t least = (int64_t)numbers[0];
    for (size_t i = 1; i < count; i++)
        least = (int64_t)numbers[i] < least ? (int64_t)numbers[i] : least;
    return (uint64_t)least;
}

/* What order-0 coding makes of a histogram, in bits. */
static double entropy_bits(const uint32_t *histogram, size_t bins, size_t count)
{
    double bits = 0;
    for (size_t i = 0; i < bins; i++)
        if (histogram[i] > 0)
            bits += histogram[i] * log2((double)count / histogram[i]);
    return bits;
}

/* Roughly how many bits `coded` takes: the length of each number by its frequency, and the bits
 * behind the first as they are. */
static double estimate_bits(const uint64_t *coded, size_t count, const struct plan *plan)
{
    uint32_t lengths[65] = {0};
    size_t plain_bits = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = plan->is_zigzag ? qta_zigzag(coded[i]) : coded[i] - plan->base;
        unsigned length = number == 0 ? 0 : 64U - (unsigned)__builtin_clzll(number);
        lengths[length]++;
        plain_bits += length > 1 ? length - 1 : 0;
    }
    return entropy_bits(lengths, 65, count) + (double)plain_bits;
}

/* The best plan by a sample from the front; its estimate in *bits, for the whole column. */
static struct plan choose_plan(struct qta_block_encoder *encoder, size_t count, bool has_times,
                               double *bits)
{
    size_t sample = count < SAMPLE ? count : SAMPLE;
    struct plan best = {.predictor = QTA_PREDICT_NONE};
    double best_bits = -1;
    for (int predictor = 0; predictor < QTA_PREDICTOR_COUNT; predictor++) {
        if (predictor == QTA_PREDICT_TS_RECV && !has_times)
            continue;
        if (predictor == QTA_PREDICT_SYMBOL && encoder->symbol_count < 2)
            continue; /* the same as PREVIOUS */
        predict(encoder, (enum qta_predictor)predictor, sample);
        for (int zigzag = 0; zigzag < 2; zigzag++) {
            struct plan plan = {.predictor = (enum qta_predictor)predictor,
                                .is_zigzag = zigzag == 1};
            plan.base = plan.is_zigzag ? 0 : smallest(encoder->coded, sample);
            double estimate = estimate_bits(encoder->coded, sample, &plan);
            if (predictor == QTA_PREDICT_SYMBOL) /* each symbol's first number is told */
                estimate += 16.0 * encoder->symbol_count * (double)sample / (double)count;
            if (best_bits < 0 || estimate < best_bits) {
                best = plan;
                best_bits = estimate;
            }
        }
    }
    *bits = best_bits * (double)count / (double)sample;
    return best;
}

/* Few different numbers are better told by their number in a list. */
static bool dictionary_is_better(struct qta_block_encoder *encoder, size_t count, double bits)
{
    if (!set_fill(&encoder->set, encoder->numbers, count, SMALL_DICTIONARY, encoder->coded))
        return false;
    uint32_t histogram[SMALL_DICTIONARY] = {0};
    for (size_t i = 0; i < count; i++)
        histogram[encoder->coded[i]]++;
    return entropy_bits(histogram, encoder->set.count, count) + 24.0 * encoder->set.count < bits;
}

static void apply_plan(struct qta_block_encoder *encoder, struct plan *plan, size_t count)
{
    predict(encoder, plan->predictor, count);
    if (!plan->is_zigzag)
        plan->base = smallest(encoder->coded, count);
    for (size_t i = 0; i < count; i++)
        encoder->coded[i] = plan->is_zigzag ? qta_zigzag(encoder->coded[i])
                                            : encoder->coded[i] - plan->base;
}

/* What became of a column's mantissas before prediction. */
struct mantissas {
    size_t count;
    uint8_t flags;   /* enum qta_column_flag */
    int8_t exponent; /* common one, when scaled */
};

static const int64_t powers_of_ten[19] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

/* Brings numbers to the least exponent; false, with the numbers untouched, where one does not fit.
 */
static bool scale(uint64_t *numbers, const int8_t *exponents, size_t count, int least)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            int64_t scaled;
            int up = exponents[i] - least;
            if (up > 18 || __builtin_mul_overflow((int64_t)numbers[i], powers_of_ten[up], &scaled))
                return false;
            if (pass == 1)
                numbers[i] = (uint64_t)scaled;
        }
    return true;
}

/* Copies a column's words to `numbers`, without those whose exponent is null, at one exponent where
 * they have several. */
static struct mantissas take_mantissas(struct qta_block_encoder *encoder, const uint64_t *words,
                                       size_t count, unsigned exponent_byte)
{
    struct mantissas result = {0};
    const uint64_t *fields = encoder->words[exponent_byte / 8];
    unsigned shift = exponent_byte % 8 * 8;
    int8_t *exponents = encoder->exponents;
    int least = INT8_MAX;
    int most = INT8_MIN;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int8_t exponent = (int8_t)(uint8_t)(fields[i] >> shift);
        if (exponent == QTA_DECIMAL_NULL_EXPONENT)
            continue;
        encoder->numbers[kept] = words[i];
        encoder->number_symbols[kept] = encoder->symbols[i];
        exponents[kept] = exponent;
        least = exponent < least ? exponent : least;
        most = exponent > most ? exponent : most;
        kept++;
    }
    result.count = kept;
    if (kept < count)
        result.flags |= QTA_COLUMN_SKIP_NULL;
    if (kept > 0 && least != most && scale(encoder->numbers, exponents, kept, least)) {
        result.flags |= QTA_COLUMN_SCALED;
        result.exponent = (int8_t)least;
    }
    return result;
}

static void put_numbers(struct qta_block_encoder *encoder, unsigned type, size_t word,
                        const struct mantissas *mantissas, struct qta_packed_writer *out)
{
    size_t count = mantissas->count;
    bool has_times = word == QTA_WORD_TS_EVENT;
    double bits;
    note_firsts(encoder, count);
    struct plan plan = choose_plan(encoder, count, has_times, &bits);
    /* a dictionary's values are stored as they lie in the tick */
    if (mantissas->flags == 0 && dictionary_is_better(encoder, count, bits)) {
        put_dictionary(encoder, type, word, encoder->coded, count, out);
        return;
    }
    apply_plan(encoder, &plan, count);
    put_head(encoder, type, word, QTA_COLUMN_NUMBERS, out);
    qta_packed_writer_put_u8(out, (uint8_t)plan.predictor);
    qta_packed_writer_put_u8(
        out, (uint8_t)(mantissas->flags | (plan.is_zigzag ? QTA_COLUMN_ZIGZAG : 0)));
    qta_packed_writer_put_u8(out, (uint8_t)mantissas->exponent);
    qta_packed_writer_put_varint(out, count);
    qta_packed_writer_put_u64(out, plan.base);
    if (plan.predictor == QTA_PREDICT_PREVIOUS)
        qta_packed_writer_put_u64(out, encoder->numbers[0]);
    if (plan.predictor == QTA_PREDICT_SYMBOL)
        qta_plane_encoder_put(encoder->planes, encoder->firsts, encoder->symbol_count, out);
    qta_plane_encoder_put(encoder->planes, encoder->coded, count, out);
}

static void put_number_column(struct qta_block_encoder *encoder, unsigned type, size_t word,
                              size_t count, unsigned exponent_byte, uint64_t absent,
                              struct qta_packed_writer *out)
{
    const uint64_t *words = encoder->words[word];
    struct mantissas mantissas = {.count = count};
    if (exponent_byte != 0) {
        mantissas = take_mantissas(encoder, words, count, exponent_byte);
        if (mantissas.count == 0) /* all null, which the exponents tell */
            return;
    } else {
        memcpy(encoder->numbers, words, count * sizeof *words);
        memcpy(encoder->number_symbols, encoder->symbols, count * sizeof *encoder->symbols);
    }
    if (mantissas.flags == 0 && is_constant(words, count)) {
        if (words[0] != absent)
            put_constant(encoder, type, word, words[0], out);
        return;
    }
    put_numbers(encoder, type, word, &mantissas, out);
}

/* ---- types --------------------------------------------------------------------------------- */

static uint64_t load_word(const struct qta_tick *tick, size_t word)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)tick + word * sizeof value, sizeof value);
    return value;
}

/* Puts the words of the ticks at these places side by side. */
static void gather(struct qta_block_encoder *encoder, const struct qta_tick *ticks,
                   const uint32_t *places, size_t count, const struct qta_block_layout *layout)
{
    for (size_t i = 0; i < count; i++) {
        const struct qta_tick *tick = &ticks[places[i]];
        encoder->ts_recv[i] = (uint64_t)tick->ts_recv_ns;
        encoder->symbols[i] = encoder->all_symbols[places[i]];
        for (size_t word = 0; word < QTA_TICK_WORDS; word++)
            if (layout->forms[word] != QTA_WORD_ABSENT)
                encoder->words[word][i] = load_word(tick, word);
    }
}

static void put_type(struct qta_block_encoder *encoder, unsigned type, const struct qta_tick *ticks,
                     const uint32_t *places, size_t count, struct qta_packed_writer *out)
{
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    struct qta_tick absent = {.rx_seq = 0};
    if (type < QTA_TICK_TYPE_END)
        qta_tick_init(&absent, (enum qta_tick_type)type);
    gather(encoder, ticks, places, count, layout);
    for (size_t word = QTA_WORD_BODY; word < QTA_TICK_WORDS; word++)
        if (layout->forms[word] == QTA_WORD_FIELDS)
            put_fields_column(encoder, type, word, encoder->words[word], count,
                              load_word(&absent, word), out);
    for (size_t word = QTA_WORD_TS_EVENT; word < QTA_TICK_WORDS; word++)
        if (layout->forms[word] == QTA_WORD_NUMBER)
            put_number_column(encoder, type, word, count, layout->exponents[word],
                              load_word(&absent, word), out);
}

/* The words that all types share. Leaves each tick's symbol in all_symbols. */
static void put_common(struct qta_block_encoder *encoder, const struct qta_tick *ticks,
                       size_t count, struct qta_packed_writer *out)
{
    uint64_t *words = encoder->numbers;
    for (size_t i = 0; i < count; i++)
        words[i] = load_word(&ticks[i], QTA_WORD_KIND);
    put_fields_column(encoder, QTA_COLUMN_ALL_TYPES, QTA_WORD_KIND, words, count, 0, out);
    for (size_t i = 0; i < count; i++)
        words[i] = load_word(&ticks[i], QTA_WORD_SYMBOL);
    memset(encoder->all_symbols, 0, count * sizeof *encoder->all_symbols);
    encoder->symbol_count = 1;
    if (is_constant(words, count)) {
        put_fields_column(encoder, QTA_COLUMN_ALL_TYPES, QTA_WORD_SYMBOL, words, count, 0, out);
    } else {
        set_fill(&encoder->set, words, count, QTA_BLOCK_TICKS_MAX, encoder->coded);
        for (size_t i = 0; i < count; i++)
            encoder->all_symbols[i] = (uint16_t)encoder->coded[i];
        encoder->symbol_count = encoder->set.count;
        put_dictionary(encoder, QTA_COLUMN_ALL_TYPES, QTA_WORD_SYMBOL, encoder->coded, count, out);
    }
    for (size_t i = 0; i < count; i++) {
        encoder->words[QTA_WORD_TS_RECV][i] = (uint64_t)ticks[i].ts_recv_ns;
        encoder->symbols[i] = encoder->all_symbols[i];
    }
    put_number_column(encoder, QTA_COLUMN_ALL_TYPES, QTA_WORD_TS_RECV, count, 0, 0, out);
}

/* ---- texts --------------------------------------------------------------------------------- */

/* The number of a text within the block, from 1. */
static uint32_t number_text(void *user, enum qta_name_kind kind, uint32_t id)
{
    struct qta_block_encoder *encoder = user;
    uint32_t number;
    if (qta_name_map_get(&encoder->text_numbers, kind, id, &number))
        return number;
    size_t length;
    const char *text = encoder->source->text(encoder->source->user, id, &length);
    number = ++encoder->text_count;
    if (!qta_name_map_set(&encoder->text_numbers, kind, id, number))
        encoder->texts.is_out_of_memory = true;
    qta_packed_writer_put_varint(&encoder->texts, length);
    qta_packed_writer_put(&encoder->texts, text, length);
    return number;
}

static void number_texts(struct qta_block_encoder *encoder, struct qta_tick *ticks, size_t count,
                         const struct qta_text_source *source)
{
    encoder->source = source;
    encoder->text_count = 0;
    qta_name_map_clear(&encoder->text_numbers);
    qta_packed_writer_clear(&encoder->texts);
    for (size_t i = 0; i < count; i++)
        if (qta_tick_names_have_texts(qta_tick_names_of(ticks[i].type)))
            qta_tick_translate_texts(&ticks[i], number_text, encoder);
    assert(encoder->texts.length <= QTA_BLOCK_TEXT_BYTES_MAX);
}

static void put_texts(struct qta_block_encoder *encoder, struct qta_packed_writer *out)
{
    qta_packed_writer_put_varint(out, encoder->text_count);
    if (encoder->text_count == 0)
        return;
    qta_packed_writer_put_varint(out, encoder->texts.length);
    qta_plane_encoder_put_bytes(encoder->planes, encoder->texts.bytes, encoder->texts.length, out);
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* Sorts the ticks' places by type; counts in by_type. */
static void sort_by_type(struct qta_block_encoder *encoder, const struct qta_tick *ticks,
                         size_t count, uint32_t by_type[256])
{
    uint32_t starts[256];
    uint32_t start = 0;
    memset(by_type, 0, 256 * sizeof by_type[0]);
    for (size_t i = 0; i < count; i++)
        by_type[ticks[i].type]++;
    for (size_t type = 0; type < 256; type++) {
        starts[type] = start;
        start += by_type[type];
    }
    for (size_t i = 0; i < count; i++)
        encoder->places[starts[ticks[i].type]++] = (uint32_t)i;
}

enum qta_status qta_block_encode(struct qta_block_encoder *encoder, struct qta_tick *ticks,
                                 size_t count, const struct qta_text_source *texts,
                                 struct qta_packed_writer *out, struct qta_error *err)
{
    assert(count > 0 && count <= QTA_BLOCK_TICKS_MAX);
    uint32_t by_type[256];
    uint8_t type_count = 0;
    number_texts(encoder, ticks, count, texts);
    sort_by_type(encoder, ticks, count, by_type);
    for (size_t type = 0; type < 256; type++)
        type_count += by_type[type] > 0;
    qta_packed_writer_put_u8(out, type_count);
    for (size_t type = 0; type < 256; type++)
        if (by_type[type] > 0) {
            qta_packed_writer_put_u8(out, (uint8_t)type);
            qta_packed_writer_put_varint(out, by_type[type]);
        }
    size_t column_count_at = out->length;
    qta_packed_writer_put_u16(out, 0);
    encoder->column_count = 0;
    put_common(encoder, ticks, count, out);
    uint32_t start = 0;
    for (unsigned type = 0; type < 256; type++) {
        if (by_type[type] > 0)
            put_type(encoder, type, ticks, encoder->places + start, by_type[type], out);
        start += by_type[type];
    }
    put_texts(encoder, out);
    if (out->is_out_of_memory || encoder->texts.is_out_of_memory)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    out->bytes[column_count_at] = (uint8_t)encoder->column_count;
    out->bytes[column_count_at + 1] = (uint8_t)(encoder->column_count >> 8);
    return QTA_OK;
}
