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
    /* rows whose distance is a power of two would all meet in the same places of the cache */
    WORDS_STRIDE = QTA_BLOCK_TICKS_MAX + 72,
    SAMPLE = 2048, /* numbers that a choice is based on */
    SMALL_DICTIONARY = 256,
    TYPE_SHIFT = 48, /* of the type in the word of kinds */
    HASH_SLOTS_MIN = 1024,
};

/* Distinct values in order of appearance. */
struct value_slot {
    uint64_t value;
    uint32_t index; /* plus one; 0 is free */
};

struct value_set {
    uint64_t *values;
    struct value_slot *slots;
    uint32_t slot_count;
    uint32_t count;
};

/* A way to code a column of numbers. */
struct plan {
    bool is_dictionary;
    enum qta_predictor predictor;
    bool is_zigzag;
    uint64_t base; /* subtracted from each difference, without zigzag */
};

/* What suited a column in the blocks before, so that not every block has to try everything. */
struct column_memory {
    struct qta_plane_hints planes;
    struct plan plan;
    uint8_t age; /* blocks since it was chosen; 0 for not at all */
};

/* What a word of fields says of the exponents in it, by byte of the tick. */
struct exponent_range {
    int8_t least;
    int8_t most;
    bool has_null;
};

/* Which words a type has; whether some may be texts. */
struct type_words {
    uint8_t words[QTA_TICK_WORDS];
    uint8_t count;
    bool has_texts;
};

struct qta_block_encoder {
    struct qta_plane_encoder *planes;
    struct type_words types[QTA_TICK_TYPE_END]; /* [0] for unknown ones */
    /* all ticks; of each those words that its type has */
    uint64_t all_words[QTA_TICK_WORDS][WORDS_STRIDE];
    uint16_t all_symbols[QTA_BLOCK_TICKS_MAX]; /* by the words' place in their dictionary */
    uint32_t symbol_count;
    uint32_t places[QTA_BLOCK_TICKS_MAX]; /* ticks, by type */
    uint32_t by_type[256];
    /* the type at hand: the arrays above where it is the only one, else those below */
    const uint64_t *type_words[QTA_TICK_WORDS];
    const uint16_t *type_symbols;
    uint64_t gathered_words[QTA_TICK_WORDS][WORDS_STRIDE];
    uint16_t gathered_symbols[QTA_BLOCK_TICKS_MAX];
    struct exponent_range exponents[sizeof(struct qta_tick)];
    /* the column at hand */
    uint64_t numbers[QTA_BLOCK_TICKS_MAX];
    uint64_t scaled[QTA_BLOCK_TICKS_MAX];
    uint64_t coded[QTA_BLOCK_TICKS_MAX];
    uint16_t number_symbols[QTA_BLOCK_TICKS_MAX];
    int8_t number_exponents[QTA_BLOCK_TICKS_MAX];
    uint64_t last[QTA_BLOCK_TICKS_MAX]; /* by symbol */
    uint64_t firsts[QTA_BLOCK_TICKS_MAX];
    uint8_t is_seen[QTA_BLOCK_TICKS_MAX];
    struct value_set set;
    size_t column_count;
    /* [0] is for all types together and for unknown ones */
    struct column_memory memories[QTA_TICK_TYPE_END][QTA_TICK_WORDS];
    /* texts */
    const struct qta_text_source *source; /* during encode */
    struct qta_name_map text_numbers;
    struct qta_packed_writer texts;
    uint32_t text_count;
};

static void list_words(struct type_words *list, unsigned type)
{
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    list->has_texts = qta_tick_names_of(type)->text_count > 0;
    list->count = 0;
    for (uint8_t word = QTA_WORD_TS_RECV; word < QTA_TICK_WORDS; word++)
        if (layout->forms[word] != QTA_WORD_ABSENT)
            list->words[list->count++] = word;
}

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
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        list_words(&encoder->types[type], type);
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

static struct value_slot *set_find(struct value_set *set, uint64_t value)
{
    uint32_t slot = hash_slot(set, value);
    while (set->slots[slot].index != 0 && set->slots[slot].value != value)
        slot = (slot + 1) & (set->slot_count - 1);
    return &set->slots[slot];
}

static void set_grow(struct value_set *set)
{
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->slot_count *= 2;
    for (uint32_t i = 0; i < set->count; i++)
        *set_find(set, set->values[i]) = (struct value_slot){set->values[i], i + 1};
}

/* The value's number in the set. */
static uint32_t set_add(struct value_set *set, uint64_t value)
{
    struct value_slot *slot = set_find(set, value);
    if (slot->index != 0)
        return slot->index - 1;
    set->values[set->count++] = value;
    *slot = (struct value_slot){value, set->count};
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

/* A column of the type at hand, or of all types, while it is coded. */
struct source {
    unsigned type;
    size_t word;
    uint64_t absent; /* what the word is in a tick that says nothing */
    const uint64_t *numbers;
    const uint16_t *symbols;
    const uint64_t *times; /* NULL where they are no help */
    size_t count;
    uint8_t flags;   /* enum qta_column_flag */
    int8_t exponent; /* common one, when scaled */
};

static bool is_constant(const uint64_t *values, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= values[i] ^ values[0];
    return differ == 0;
}

static struct column_memory *memory_of(struct qta_block_encoder *encoder,
                                       const struct source *source)
{
    return &encoder->memories[source->type < QTA_TICK_TYPE_END ? source->type : 0][source->word];
}

static void put_head(struct qta_block_encoder *encoder, const struct source *source,
                     enum qta_column_form form, struct qta_packed_writer *out)
{
    encoder->column_count++;
    qta_packed_writer_put_u8(out, (uint8_t)source->type);
    qta_packed_writer_put_u8(out, (uint8_t)source->word);
    qta_packed_writer_put_u8(out, (uint8_t)form);
}

static void put_constant(struct qta_block_encoder *encoder, const struct source *source,
                         struct qta_packed_writer *out)
{
    if (source->numbers[0] == source->absent)
        return;
    put_head(encoder, source, QTA_COLUMN_CONSTANT, out);
    qta_packed_writer_put_u64(out, source->numbers[0]);
}

/* The values of the set, then the indices of all ticks in it, which are in `coded`. */
static void put_dictionary(struct qta_block_encoder *encoder, const struct source *source,
                           struct qta_packed_writer *out)
{
    put_head(encoder, source, QTA_COLUMN_DICTIONARY, out);
    qta_packed_writer_put_varint(out, encoder->set.count);
    qta_plane_encoder_put(encoder->planes, NULL, encoder->set.values, encoder->set.count, out);
    qta_plane_encoder_put(encoder->planes, &memory_of(encoder, source)->planes, encoder->coded,
                          source->count, out);
}

static void put_fields(struct qta_block_encoder *encoder, const struct source *source,
                       struct qta_packed_writer *out)
{
    set_fill(&encoder->set, source->numbers, source->count, QTA_BLOCK_TICKS_MAX, encoder->coded);
    if (encoder->set.count == 1)
        put_constant(encoder, source, out);
    else
        put_dictionary(encoder, source, out);
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Each symbol's first number is told apart, in `firsts`. */
static void predict_by_symbol(struct qta_block_encoder *encoder, const struct source *source,
                              size_t count)
{
    const uint64_t *numbers = source->numbers;
    const uint16_t *symbols = source->symbols;
    uint64_t *last = encoder->last;
    memset(encoder->is_seen, 0, encoder->symbol_count);
    memset(encoder->firsts, 0, encoder->symbol_count * sizeof *encoder->firsts);
    for (size_t i = 0; i < count; i++) {
        uint16_t symbol = symbols[i];
        if (!encoder->is_seen[symbol]) {
            encoder->is_seen[symbol] = 1;
            encoder->firsts[symbol] = numbers[i];
            last[symbol] = numbers[i];
        }
        encoder->coded[i] = numbers[i] - last[symbol];
        last[symbol] = numbers[i];
    }
}

/* The differences that a predictor leaves, in `coded`. */
static void predict(struct qta_block_encoder *encoder, const struct source *source,
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
        predict_by_symbol(encoder, source, count);
        break;
    case QTA_PREDICT_TS_RECV:
        for (size_t i = 0; i < count; i++)
            coded[i] = numbers[i] - source->times[i];
        break;
    }
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
static struct plan choose_plan(struct qta_block_encoder *encoder, const struct source *source,
                               double *bits)
{
    size_t sample = source->count < SAMPLE ? source->count : SAMPLE;
    struct plan best = {.predictor = QTA_PREDICT_NONE};
    double best_bits = -1;
    for (int predictor = 0; predictor < QTA_PREDICTOR_COUNT; predictor++) {
        if (predictor == QTA_PREDICT_TS_RECV && !source->times)
            continue;
        if (predictor == QTA_PREDICT_SYMBOL && encoder->symbol_count < 2)
            continue; /* the same as PREVIOUS */
        predict(encoder, source, (enum qta_predictor)predictor, sample);
        for (int zigzag = 0; zigzag < 2; zigzag++) {
            struct plan plan = {.predictor = (enum qta_predictor)predictor,
                                .is_zigzag = zigzag == 1};
            plan.base = plan.is_zigzag ? 0 : smallest(encoder->coded, sample);
            double estimate = estimate_bits(encoder->coded, sample, &plan);
            if (predictor == QTA_PREDICT_SYMBOL) /* each symbol's first number is told */
                estimate += 16.0 * encoder->symbol_count * (double)sample / (double)source->count;
            if (best_bits < 0 || estimate < best_bits) {
                best = plan;
                best_bits = estimate;
            }
        }
    }
    *bits = best_bits * (double)source->count / (double)sample;
    return best;
}

/* Few different numbers are better told by their place in a list. Leaves the list in the set. */
static bool dictionary_is_better(struct qta_block_encoder *encoder, const struct source *source,
                                 double bits)
{
    if (!set_fill(&encoder->set, source->numbers, source->count, SMALL_DICTIONARY, encoder->coded))
        return false;
    uint32_t histogram[SMALL_DICTIONARY] = {0};
    for (size_t i = 0; i < source->count; i++)
        histogram[encoder->coded[i]]++;
    return entropy_bits(histogram, encoder->set.count, source->count) + 24.0 * encoder->set.count <
           bits;
}

/* The plan of the blocks before, or a new one. With a dictionary the set is filled. */
static struct plan find_plan(struct qta_block_encoder *encoder, const struct source *source)
{
    enum { REMEMBERED_BLOCKS = 16 };
    struct column_memory *memory = memory_of(encoder, source);
    bool may_be_dictionary = source->flags == 0; /* its values are stored as they lie in the tick */
    bool is_fresh = memory->age > 0 && memory->age < REMEMBERED_BLOCKS && source->count >= SAMPLE;
    if (is_fresh && memory->plan.predictor == QTA_PREDICT_SYMBOL && encoder->symbol_count < 2)
        is_fresh = false;
    if (is_fresh && memory->plan.is_dictionary)
        is_fresh = may_be_dictionary && set_fill(&encoder->set, source->numbers, source->count,
                                                 SMALL_DICTIONARY, encoder->coded);
    if (is_fresh) {
        memory->age++;
        return memory->plan;
    }
    double bits;
    struct plan plan = choose_plan(encoder, source, &bits);
    plan.is_dictionary = may_be_dictionary && dictionary_is_better(encoder, source, bits);
    memory->plan = plan;
    memory->age = source->count >= SAMPLE;
    return plan;
}

static void apply_plan(struct qta_block_encoder *encoder, const struct source *source,
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

static void put_numbers(struct qta_block_encoder *encoder, const struct source *source,
                        struct qta_packed_writer *out)
{
    struct plan plan = find_plan(encoder, source);
    if (plan.is_dictionary) {
        put_dictionary(encoder, source, out);
        return;
    }
    apply_plan(encoder, source, &plan);
    put_head(encoder, source, QTA_COLUMN_NUMBERS, out);
    qta_packed_writer_put_u8(out, (uint8_t)plan.predictor);
    qta_packed_writer_put_u8(out,
                             (uint8_t)(source->flags | (plan.is_zigzag ? QTA_COLUMN_ZIGZAG : 0)));
    qta_packed_writer_put_u8(out, (uint8_t)source->exponent);
    qta_packed_writer_put_varint(out, source->count);
    qta_packed_writer_put_u64(out, plan.base);
    if (plan.predictor == QTA_PREDICT_PREVIOUS)
        qta_packed_writer_put_u64(out, source->numbers[0]);
    if (plan.predictor == QTA_PREDICT_SYMBOL)
        qta_plane_encoder_put(encoder->planes, NULL, encoder->firsts, encoder->symbol_count, out);
    qta_plane_encoder_put(encoder->planes, &memory_of(encoder, source)->planes, encoder->coded,
                          source->count, out);
}

/* ---- mantissas ----------------------------------------------------------------------------- */

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

/* Which exponents the values of a word of fields have, for each byte that may be one. */
static void note_exponents(struct qta_block_encoder *encoder, size_t word)
{
    const struct value_set *set = &encoder->set;
    for (unsigned byte = 0; byte < 8; byte++) {
        struct exponent_range range = {.least = INT8_MAX, .most = INT8_MIN};
        for (uint32_t i = 0; i < set->count; i++) {
            int8_t exponent = (int8_t)(uint8_t)(set->values[i] >> byte * 8);
            if (exponent == QTA_DECIMAL_NULL_EXPONENT) {
                range.has_null = true;
                continue;
            }
            range.least = exponent < range.least ? exponent : range.least;
            range.most = exponent > range.most ? exponent : range.most;
        }
        encoder->exponents[word * 8 + byte] = range;
    }
}

/* Leaves out numbers whose exponent is null, and their symbols. */
static void skip_nulls(struct qta_block_encoder *encoder, struct source *source)
{
    const int8_t *exponents = encoder->number_exponents;
    size_t kept = 0;
    for (size_t i = 0; i < source->count; i++) {
        encoder->numbers[kept] = source->numbers[i];
        encoder->number_symbols[kept] = source->symbols[i];
        encoder->number_exponents[kept] = exponents[i];
        kept += exponents[i] != QTA_DECIMAL_NULL_EXPONENT;
    }
    source->numbers = encoder->numbers;
    source->symbols = encoder->number_symbols;
    source->count = kept;
    source->flags |= QTA_COLUMN_SKIP_NULL;
}

/* Brings numbers to the least exponent, unless one does not fit there. */
static void scale(struct qta_block_encoder *encoder, struct source *source, int least, int most)
{
    const int8_t *exponents = encoder->number_exponents;
    const uint64_t *numbers = source->numbers;
    bool overflows = most - least > 18;
    for (size_t i = 0; i < source->count && !overflows; i++) {
        int64_t scaled;
        overflows |= __builtin_mul_overflow((int64_t)numbers[i],
                                            powers_of_ten[exponents[i] - least], &scaled);
        encoder->scaled[i] = (uint64_t)scaled;
    }
    if (overflows)
        return;
    source->numbers = encoder->scaled;
    source->flags |= QTA_COLUMN_SCALED;
    source->exponent = (int8_t)least;
}

/* A column of mantissas without those that are null, at one exponent where they have several. */
static void prepare_mantissas(struct qta_block_encoder *encoder, struct source *source,
                              unsigned exponent_byte)
{
    const struct exponent_range *range = &encoder->exponents[exponent_byte];
    if (!range->has_null && range->least == range->most)
        return;
    const uint64_t *fields = encoder->type_words[exponent_byte / 8];
    unsigned shift = exponent_byte % 8 * 8;
    for (size_t i = 0; i < source->count; i++)
        encoder->number_exponents[i] = (int8_t)(uint8_t)(fields[i] >> shift);
    if (range->has_null)
        skip_nulls(encoder, source);
    if (source->count > 0 && range->least != range->most)
        scale(encoder, source, range->least, range->most);
}

static void put_number_column(struct qta_block_encoder *encoder, struct source *source,
                              unsigned exponent_byte, struct qta_packed_writer *out)
{
    if (exponent_byte != 0)
        prepare_mantissas(encoder, source, exponent_byte);
    if (source->count == 0) /* all null, which the exponents tell */
        return;
    if (source->flags == 0 && is_constant(source->numbers, source->count))
        put_constant(encoder, source, out);
    else
        put_numbers(encoder, source, out);
}

/* ---- types --------------------------------------------------------------------------------- */

static uint64_t load_word(const struct qta_tick *tick, size_t word)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)tick + word * sizeof value, sizeof value);
    return value;
}

/* Leaves the words of the ticks at these places side by side. */
static void gather(struct qta_block_encoder *encoder, const uint32_t *places, size_t count,
                   size_t all_count, const struct qta_block_layout *layout)
{
    bool is_only_type = count == all_count;
    for (size_t word = QTA_WORD_TS_RECV; word < QTA_TICK_WORDS; word++) {
        const uint64_t *from = encoder->all_words[word];
        uint64_t *to = encoder->gathered_words[word];
        if (layout->forms[word] == QTA_WORD_ABSENT)
            continue;
        encoder->type_words[word] = is_only_type ? from : to;
        for (size_t i = 0; i < count && !is_only_type; i++)
            to[i] = from[places[i]];
    }
    encoder->type_symbols = is_only_type ? encoder->all_symbols : encoder->gathered_symbols;
    for (size_t i = 0; i < count && !is_only_type; i++)
        encoder->gathered_symbols[i] = encoder->all_symbols[places[i]];
}

static struct source source_of(const struct qta_block_encoder *encoder, unsigned type, size_t word,
                               size_t count, const struct qta_tick *absent)
{
    return (struct source){
        .type = type,
        .word = word,
        .absent = load_word(absent, word),
        .numbers = encoder->type_words[word],
        .symbols = encoder->type_symbols,
        .times = word == QTA_WORD_TS_EVENT ? encoder->type_words[QTA_WORD_TS_RECV] : NULL,
        .count = count,
    };
}

/* Fields before numbers: they have the exponents. */
static void put_type(struct qta_block_encoder *encoder, unsigned type, const uint32_t *places,
                     size_t count, size_t all_count, struct qta_packed_writer *out)
{
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    struct qta_tick absent = {.rx_seq = 0};
    if (type < QTA_TICK_TYPE_END)
        qta_tick_init(&absent, (enum qta_tick_type)type);
    gather(encoder, places, count, all_count, layout);
    for (size_t word = QTA_WORD_BODY; word < QTA_TICK_WORDS; word++) {
        if (layout->forms[word] != QTA_WORD_FIELDS)
            continue;
        struct source source = source_of(encoder, type, word, count, &absent);
        put_fields(encoder, &source, out);
        note_exponents(encoder, word);
    }
    for (size_t word = QTA_WORD_TS_EVENT; word < QTA_TICK_WORDS; word++) {
        if (layout->forms[word] != QTA_WORD_NUMBER)
            continue;
        struct source source = source_of(encoder, type, word, count, &absent);
        put_number_column(encoder, &source, layout->exponents[word], out);
    }
}

/* The words that all types share. Leaves each tick's symbol in all_symbols. */
static void put_common(struct qta_block_encoder *encoder, size_t count,
                       struct qta_packed_writer *out)
{
    struct source source = {.type = QTA_COLUMN_ALL_TYPES,
                            .word = QTA_WORD_KIND,
                            .numbers = encoder->all_words[QTA_WORD_KIND],
                            .count = count};
    put_fields(encoder, &source, out);
    source.word = QTA_WORD_SYMBOL;
    source.numbers = encoder->all_words[QTA_WORD_SYMBOL];
    put_fields(encoder, &source, out);
    encoder->symbol_count = encoder->set.count;
    for (size_t i = 0; i < count; i++)
        encoder->all_symbols[i] = (uint16_t)encoder->coded[i];
    source.word = QTA_WORD_TS_RECV;
    source.numbers = encoder->all_words[QTA_WORD_TS_RECV];
    source.symbols = encoder->all_symbols;
    put_number_column(encoder, &source, 0, out);
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

static void put_texts(struct qta_block_encoder *encoder, struct qta_packed_writer *out)
{
    qta_packed_writer_put_varint(out, encoder->text_count);
    if (encoder->text_count == 0)
        return;
    qta_packed_writer_put_varint(out, encoder->texts.length);
    qta_plane_encoder_put_bytes(encoder->planes, encoder->texts.bytes, encoder->texts.length, out);
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* The one walk over the ticks: numbers their texts, turns rows into columns. */
static void take_words(struct qta_block_encoder *encoder, struct qta_tick *ticks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct qta_tick *tick = &ticks[i];
        const struct type_words *list =
            &encoder->types[tick->type < QTA_TICK_TYPE_END ? tick->type : QTA_TICK_NONE];
        if (list->has_texts || (tick->flags & QTA_FLAG_ID_IS_TEXT) != 0)
            qta_tick_translate_texts(tick, number_text, encoder);
        for (size_t k = 0; k < list->count; k++)
            encoder->all_words[list->words[k]][i] = load_word(tick, list->words[k]);
    }
    assert(encoder->texts.length <= QTA_BLOCK_TEXT_BYTES_MAX);
}

/* Sorts the ticks' places by type. */
static void sort_by_type(struct qta_block_encoder *encoder, size_t count)
{
    const uint64_t *kinds = encoder->all_words[QTA_WORD_KIND];
    uint32_t starts[256];
    uint32_t start = 0;
    memset(encoder->by_type, 0, sizeof encoder->by_type);
    for (size_t i = 0; i < count; i++)
        encoder->by_type[kinds[i] >> TYPE_SHIFT & 0xff]++;
    for (size_t type = 0; type < 256; type++) {
        starts[type] = start;
        start += encoder->by_type[type];
    }
    for (size_t i = 0; i < count; i++)
        encoder->places[starts[kinds[i] >> TYPE_SHIFT & 0xff]++] = (uint32_t)i;
}

static void put_types(const struct qta_block_encoder *encoder, struct qta_packed_writer *out)
{
    uint8_t type_count = 0;
    for (size_t type = 0; type < 256; type++)
        type_count += encoder->by_type[type] > 0;
    qta_packed_writer_put_u8(out, type_count);
    for (size_t type = 0; type < 256; type++)
        if (encoder->by_type[type] > 0) {
            qta_packed_writer_put_u8(out, (uint8_t)type);
            qta_packed_writer_put_varint(out, encoder->by_type[type]);
        }
}

enum qta_status qta_block_encode(struct qta_block_encoder *encoder, struct qta_tick *ticks,
                                 size_t count, const struct qta_text_source *texts,
                                 struct qta_packed_writer *out, struct qta_error *err)
{
    assert(count > 0 && count <= QTA_BLOCK_TICKS_MAX);
    encoder->source = texts;
    encoder->text_count = 0;
    qta_name_map_clear(&encoder->text_numbers);
    qta_packed_writer_clear(&encoder->texts);
    take_words(encoder, ticks, count);
    sort_by_type(encoder, count);
    put_types(encoder, out);
    size_t column_count_at = out->length;
    qta_packed_writer_put_u16(out, 0);
    encoder->column_count = 0;
    put_common(encoder, count, out);
    uint32_t start = 0;
    for (unsigned type = 0; type < 256; type++) {
        if (encoder->by_type[type] > 0)
            put_type(encoder, type, encoder->places + start, encoder->by_type[type], count, out);
        start += encoder->by_type[type];
    }
    put_texts(encoder, out);
    if (out->is_out_of_memory || encoder->texts.is_out_of_memory)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    out->bytes[column_count_at] = (uint8_t)encoder->column_count;
    out->bytes[column_count_at + 1] = (uint8_t)(encoder->column_count >> 8);
    return QTA_OK;
}
