/* What a column of numbers is predicted by is estimated from a sample and kept for some blocks, so
 * that not every block has to try everything. */
#include "storage/column_encoder.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/byte_planes.h"
#include "storage/value_index.h"

enum {
    SAMPLE = 2048,          /* numbers that a choice is based on */
    REMEMBERED_BLOCKS = 16, /* that it holds for */
    SMALL_DICTIONARY = 256, /* of numbers */
    JOINT_DICTIONARY = 64,  /* of fields: with more they are told apart */
    TYPE_ROWS = QTA_TICK_TYPE_END,
};

/* A way to code a column of numbers. */
struct plan {
    bool is_dictionary;
    enum qta_predictor predictor;
    bool is_zigzag;
    uint64_t base; /* subtracted from each difference, without zigzag */
};

/* What suited a column in the blocks before. */
struct column_memory {
    struct qta_plane_hints numbers;
    struct qta_plane_hints parts[QTA_PARTS_MAX];
    struct plan plan;
    uint8_t flags; /* that the plan was made for */
    uint8_t age;   /* blocks since it was; 0 for not at all */
    uint64_t bytes;
};

struct qta_column_encoder {
    struct qta_plane_encoder *planes;
    struct qta_value_index values;
    size_t column_count;
    size_t symbol_count;
    /* the column at hand */
    uint64_t coded[QTA_BLOCK_TICKS_MAX];
    uint16_t indices[QTA_BLOCK_TICKS_MAX];
    uint64_t told[QTA_BLOCK_TICKS_MAX];
    uint64_t last[QTA_BLOCK_TICKS_MAX]; /* by symbol */
    uint64_t firsts[QTA_BLOCK_TICKS_MAX];
    uint8_t is_seen[QTA_BLOCK_TICKS_MAX];
    uint8_t bits[QTA_BLOCK_TICKS_MAX / 8];
    /* [0] is for all types together and for unknown ones */
    struct column_memory memories[TYPE_ROWS][QTA_TICK_WORDS];
    struct qta_plane_hints masks[TYPE_ROWS][QTA_MASKS_MAX];
};

/* ---- life ---------------------------------------------------------------------------------- */

enum qta_status qta_column_encoder_create(struct qta_column_encoder **out, int level,
                                          struct qta_error *err)
{
    struct qta_column_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    enum qta_status status = qta_plane_encoder_create(&encoder->planes, level, err);
    if (status != QTA_OK) {
        qta_column_encoder_destroy(encoder);
        return status;
    }
    *out = encoder;
    return QTA_OK;
}

void qta_column_encoder_destroy(struct qta_column_encoder *encoder)
{
    if (!encoder)
        return;
    qta_plane_encoder_destroy(encoder->planes);
    free(encoder);
}

void qta_column_encoder_begin(struct qta_column_encoder *encoder)
{
    encoder->column_count = 0;
    encoder->symbol_count = 1;
}

void qta_column_encoder_set_symbols(struct qta_column_encoder *encoder, size_t symbol_count)
{
    encoder->symbol_count = symbol_count;
}

size_t qta_column_encoder_count(const struct qta_column_encoder *encoder)
{
    return encoder->column_count;
}

static size_t row_of(unsigned type)
{
    return type < TYPE_ROWS ? type : 0;
}

static struct column_memory *memory_of(struct qta_column_encoder *encoder,
                                       const struct qta_column_source *source)
{
    return &encoder->memories[row_of(source->type)][source->word];
}

uint64_t qta_column_encoder_bytes(const struct qta_column_encoder *encoder, unsigned type,
                                  size_t word)
{
    return encoder->memories[row_of(type)][word].bytes;
}

static void put_head(struct qta_column_encoder *encoder, unsigned type, size_t word,
                     enum qta_column_form form, struct qta_packed_writer *out)
{
    encoder->column_count++;
    qta_packed_writer_put_u8(out, (uint8_t)type);
    qta_packed_writer_put_u8(out, (uint8_t)word);
    qta_packed_writer_put_u8(out, (uint8_t)form);
}

static void put_constant(struct qta_column_encoder *encoder, const struct qta_column_source *source,
                         struct qta_packed_writer *out)
{
    if (source->numbers[0] == source->absent)
        return;
    put_head(encoder, source->type, source->word, QTA_COLUMN_CONSTANT, out);
    qta_packed_writer_put_u64(out, source->numbers[0]);
}

static bool is_constant(const uint64_t *numbers, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= numbers[i] ^ numbers[0];
    return differ == 0;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The values found last, then the indices of so many ticks in them. */
static void put_values(struct qta_column_encoder *encoder, struct qta_plane_hints *hints,
                       uint8_t mask, size_t count, struct qta_packed_writer *out)
{
    qta_packed_writer_put_u8(out, mask);
    if (mask != 0)
        qta_packed_writer_put_varint(out, count);
    qta_packed_writer_put_varint(out, encoder->values.count);
    qta_plane_encoder_put(encoder->planes, NULL, encoder->values.values, encoder->values.count,
                          out);
    qta_plane_encoder_put_u16(encoder->planes, hints, encoder->indices, count, out);
}

size_t qta_column_encoder_put_words(struct qta_column_encoder *encoder,
                                    const struct qta_column_source *source,
                                    const uint16_t **indices, struct qta_packed_writer *out)
{
    struct column_memory *memory = memory_of(encoder, source);
    size_t start = out->length;
    qta_value_index_fill(&encoder->values, source->numbers, UINT64_MAX, source->count,
                         QTA_BLOCK_TICKS_MAX, encoder->indices);
    *indices = encoder->indices;
    if (encoder->values.count == 1) {
        put_constant(encoder, source, out);
        return 1;
    }
    put_head(encoder, source->type, source->word, QTA_COLUMN_DICTIONARY, out);
    qta_packed_writer_put_u8(out, 1);
    put_values(encoder, &memory->parts[0], 0, source->count, out);
    memory->bytes += out->length - start;
    return encoder->values.count;
}

bool qta_column_encoder_is_small(struct qta_column_encoder *encoder,
                                 const struct qta_column_source *source, uint64_t bits)
{
    return qta_value_index_fill(&encoder->values, source->numbers, bits, source->count,
                                JOINT_DICTIONARY, encoder->indices);
}

static void put_bits_by_symbol(struct qta_column_encoder *encoder,
                               const struct qta_column_source *source, uint64_t bits,
                               struct qta_packed_writer *out)
{
    memset(encoder->firsts, 0, encoder->symbol_count * sizeof *encoder->firsts);
    for (size_t i = 0; i < source->count; i++)
        encoder->firsts[source->symbols[i]] = source->numbers[i] & bits;
    qta_plane_encoder_put(encoder->planes, NULL, encoder->firsts, encoder->symbol_count, out);
}

static const uint64_t *choose_told(struct qta_column_encoder *encoder, const uint64_t *numbers,
                                   const uint8_t *told, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        encoder->told[kept] = numbers[i];
        kept += told[i];
    }
    return encoder->told;
}

static void put_part(struct qta_column_encoder *encoder, const struct qta_column_source *source,
                     const struct qta_column_part *part, struct qta_plane_hints *hints,
                     struct qta_packed_writer *out)
{
    const uint64_t *numbers = source->numbers;
    size_t count = source->count;
    if (part->mask != 0) {
        numbers = choose_told(encoder, numbers, part->told, count);
        count = part->told_count;
    }
    qta_value_index_fill(&encoder->values, numbers, part->bits, count, QTA_BLOCK_TICKS_MAX,
                         encoder->indices);
    put_values(encoder, hints, part->mask, count, out);
}

void qta_column_encoder_put_fields(struct qta_column_encoder *encoder,
                                   const struct qta_column_source *source, uint64_t by_symbol,
                                   const struct qta_column_part *parts, size_t part_count,
                                   struct qta_packed_writer *out)
{
    enum { BY_SYMBOL = 0x80 };
    struct column_memory *memory = memory_of(encoder, source);
    size_t start = out->length;
    assert(part_count <= QTA_PARTS_MAX);
    if (by_symbol == 0 && part_count == 0) {
        put_constant(encoder, source, out);
        return;
    }
    put_head(encoder, source->type, source->word, QTA_COLUMN_DICTIONARY, out);
    qta_packed_writer_put_u8(out, (uint8_t)(part_count | (by_symbol != 0 ? BY_SYMBOL : 0)));
    if (by_symbol != 0)
        put_bits_by_symbol(encoder, source, by_symbol, out);
    for (size_t i = 0; i < part_count; i++)
        put_part(encoder, source, &parts[i], &memory->parts[i], out);
    memory->bytes += out->length - start;
}

/* ---- predictors ---------------------------------------------------------------------------- */

/* Each symbol's first number is told apart, in `firsts`. */
static void predict_by_symbol(struct qta_column_encoder *encoder,
                              const struct qta_column_source *source, const uint64_t *companions,
                              size_t count)
{
    const uint64_t *numbers = source->numbers;
    const uint16_t *symbols = source->symbols;
    uint64_t *last = encoder->last;
    memset(encoder->is_seen, 0, encoder->symbol_count);
    memset(encoder->firsts, 0, encoder->symbol_count * sizeof *encoder->firsts);
    for (size_t i = 0; i < count; i++) {
        uint16_t symbol = symbols[i];
        uint64_t number = companions ? numbers[i] - companions[i] : numbers[i];
        if (!encoder->is_seen[symbol]) {
            encoder->is_seen[symbol] = 1;
            encoder->firsts[symbol] = number;
            last[symbol] = number;
        }
        encoder->coded[i] = number - last[symbol];
        last[symbol] = number;
    }
}

/* The differences that a predictor leaves, in `coded`. */
static void predict(struct qta_column_encoder *encoder, const struct qta_column_source *source,
                    enum qta_predictor predictor, size_t count)
{
    const uint64_t *numbers = source->numbers;
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
        predict_by_symbol(encoder, source, NULL, count);
        break;
    case QTA_PREDICT_TS_RECV:
        for (size_t i = 0; i < count; i++)
            coded[i] = numbers[i] - source->times[i];
        break;
    case QTA_PREDICT_PAIR:
        predict_by_symbol(encoder, source, source->companions, count);
        break;
    }
}

static bool may_predict(const struct qta_column_encoder *encoder,
                        const struct qta_column_source *source, enum qta_predictor predictor)
{
    bool is_kept = (source->flags & QTA_COLUMN_KEPT) != 0;
    switch (predictor) {
    case QTA_PREDICT_NONE:
        return true;
    case QTA_PREDICT_PREVIOUS:
        return !is_kept || source->type == QTA_COLUMN_ALL_TYPES;
    case QTA_PREDICT_SYMBOL: /* of one symbol it is the same as PREVIOUS */
        return !is_kept && source->symbols && encoder->symbol_count > 1;
    case QTA_PREDICT_TS_RECV:
        return !is_kept && source->times;
    case QTA_PREDICT_PAIR:
        return !is_kept && source->companions;
    }
    return false;
}

/* ---- plans --------------------------------------------------------------------------------- */

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
static struct plan choose_plan(struct qta_column_encoder *encoder,
                               const struct qta_column_source *source, double *bits)
{
    size_t sample = source->count < SAMPLE ? source->count : SAMPLE;
    struct plan best = {.predictor = QTA_PREDICT_NONE};
    double best_bits = -1;
    for (int predictor = 0; predictor < QTA_PREDICTOR_COUNT; predictor++) {
        if (!may_predict(encoder, source, (enum qta_predictor)predictor))
            continue;
        predict(encoder, source, (enum qta_predictor)predictor, sample);
        for (int zigzag = 0; zigzag < 2; zigzag++) {
            struct plan plan = {.predictor = (enum qta_predictor)predictor,
                                .is_zigzag = zigzag == 1};
            plan.base = plan.is_zigzag ? 0 : smallest(encoder->coded, sample);
            double estimate = estimate_bits(encoder->coded, sample, &plan);
            if (predictor == QTA_PREDICT_SYMBOL || predictor == QTA_PREDICT_PAIR)
                /* each symbol's first number is told */
                estimate += 16.0 * (double)encoder->symbol_count * (double)sample /
                            (double)source->count;
            if (best_bits < 0 || estimate < best_bits) {
                best = plan;
                best_bits = estimate;
            }
        }
    }
    *bits = best_bits * (double)source->count / (double)sample;
    return best;
}

/* Values of a dictionary are stored as they lie in the tick. */
static bool fill_dictionary(struct qta_column_encoder *encoder,
                            const struct qta_column_source *source)
{
    return (source->flags & ~(unsigned)QTA_COLUMN_KEPT) == 0 &&
           source->type != QTA_COLUMN_ALL_TYPES &&
           qta_value_index_fill(&encoder->values, source->numbers, UINT64_MAX, source->count,
                                SMALL_DICTIONARY, encoder->indices);
}

/* Few different numbers are better told by their place in a list. Leaves the list filled. */
static bool dictionary_is_better(struct qta_column_encoder *encoder,
                                 const struct qta_column_source *source, double bits)
{
    if (!fill_dictionary(encoder, source))
        return false;
    uint32_t histogram[SMALL_DICTIONARY] = {0};
    for (size_t i = 0; i < source->count; i++)
        histogram[encoder->indices[i]]++;
    return entropy_bits(histogram, encoder->values.count, source->count) +
               24.0 * (double)encoder->values.count <
           bits;
}

/* The plan of the blocks before, or a new one. With a dictionary the list is filled. */
static struct plan find_plan(struct qta_column_encoder *encoder,
                             const struct qta_column_source *source)
{
    struct column_memory *memory = memory_of(encoder, source);
    bool is_fresh = memory->age > 0 && memory->age < REMEMBERED_BLOCKS && source->count >= SAMPLE &&
                    memory->flags == source->flags;
    if (is_fresh)
        is_fresh = memory->plan.is_dictionary
                       ? fill_dictionary(encoder, source)
                       : may_predict(encoder, source, memory->plan.predictor);
    if (is_fresh) {
        memory->age++;
        return memory->plan;
    }
    double bits;
    struct plan plan = choose_plan(encoder, source, &bits);
    plan.is_dictionary = dictionary_is_better(encoder, source, bits);
    memory->plan = plan;
    memory->flags = source->flags;
    memory->age = source->count >= SAMPLE;
    return plan;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void apply_plan(struct qta_column_encoder *encoder, const struct qta_column_source *source,
                       struct plan *plan)
{
    uint64_t *coded = encoder->coded;
    predict(encoder, source, plan->predictor, source->count);
    if (plan->is_zigzag) {
        for (size_t i = 0; i < source->count; i++)
            coded[i] = qta_zigzag(coded[i]);
        return;
    }
    plan->base = smallest(coded, source->count);
    for (size_t i = 0; i < source->count; i++)
        coded[i] -= plan->base;
}

static void put_plan(struct qta_column_encoder *encoder, const struct qta_column_source *source,
                     const struct plan *plan, struct qta_packed_writer *out)
{
    const uint8_t flags = (uint8_t)(source->flags | (plan->is_zigzag ? QTA_COLUMN_ZIGZAG : 0));
    qta_packed_writer_put_u8(out, (uint8_t)plan->predictor);
    qta_packed_writer_put_u8(out, flags);
    if (flags & (QTA_COLUMN_SCALED | QTA_COLUMN_TRIMMED))
        qta_packed_writer_put_u8(out, (uint8_t)source->exponent);
    if (flags & QTA_COLUMN_TRIMMED)
        qta_packed_writer_put_u8(out, source->exponent_range);
    if (flags & QTA_COLUMN_KEPT)
        qta_packed_writer_put_u8(out, source->mask);
    if (flags & (QTA_COLUMN_KEPT | QTA_COLUMN_SKIP_NULL))
        qta_packed_writer_put_varint(out, source->count);
    if (!plan->is_zigzag)
        qta_packed_writer_put_u64(out, plan->base);
    if (plan->predictor == QTA_PREDICT_PREVIOUS)
        qta_packed_writer_put_u64(out, source->numbers[0]);
    if (plan->predictor == QTA_PREDICT_PAIR)
        qta_packed_writer_put_u8(out, source->companion);
    if (plan->predictor == QTA_PREDICT_SYMBOL || plan->predictor == QTA_PREDICT_PAIR)
        qta_plane_encoder_put(encoder->planes, NULL, encoder->firsts, encoder->symbol_count, out);
}

int qta_column_encoder_put_numbers(struct qta_column_encoder *encoder,
                                   const struct qta_column_source *source,
                                   struct qta_packed_writer *out)
{
    struct column_memory *memory = memory_of(encoder, source);
    size_t start = out->length;
    if (source->flags == 0 && is_constant(source->numbers, source->count)) {
        put_constant(encoder, source, out);
        return -1;
    }
    struct plan plan = find_plan(encoder, source);
    if (plan.is_dictionary) {
        put_head(encoder, source->type, source->word, QTA_COLUMN_DICTIONARY, out);
        qta_packed_writer_put_u8(out, 1);
        put_values(encoder, &memory->parts[0], source->mask, source->count, out);
    } else {
        apply_plan(encoder, source, &plan);
        put_head(encoder, source->type, source->word, QTA_COLUMN_NUMBERS, out);
        put_plan(encoder, source, &plan, out);
        qta_plane_encoder_put(encoder->planes, &memory->numbers, encoder->coded, source->count,
                              out);
    }
    memory->bytes += out->length - start;
    return plan.is_dictionary ? -1 : (int)plan.predictor;
}

/* ---- masks and bytes ----------------------------------------------------------------------- */

void qta_column_encoder_put_mask(struct qta_column_encoder *encoder, unsigned type, unsigned number,
                                 const uint8_t *told, size_t count, struct qta_packed_writer *out)
{
    assert(number < QTA_MASKS_MAX);
    size_t bytes = (count + 7) / 8;
    size_t start = out->length;
    for (size_t i = 0; i < bytes; i++) {
        uint64_t eight = 0;
        memcpy(&eight, told + i * 8, count - i * 8 < 8 ? count - i * 8 : 8);
        /* the product has byte k's bit at 56 + k */
        encoder->bits[i] = (uint8_t)(eight * UINT64_C(0x0102040810204080) >> 56);
    }
    put_head(encoder, type, number, QTA_COLUMN_MASK, out);
    qta_plane_encoder_put_u8(encoder->planes, &encoder->masks[row_of(type)][number], encoder->bits,
                             bytes, out);
    encoder->memories[row_of(type)][0].bytes += out->length - start;
}

void qta_column_encoder_put_bytes(struct qta_column_encoder *encoder, const void *bytes,
                                  size_t length, struct qta_packed_writer *out)
{
    qta_plane_encoder_put_bytes(encoder->planes, bytes, length, out);
}
