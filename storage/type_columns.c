/* Three passes over a type: mantissas are prepared, which takes exponents out of the fields; then
 * fields are put, then numbers, because a reader needs exponents to know which numbers there are.
 */
#include "storage/type_columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <qta/tick.h>

enum {
    NO_COMPANION = 0,
    SYMBOL_TICKS_MIN = 16, /* bits by symbol are worth it when symbols have so many ticks each */
};

/* What the exponents of a mantissa are. */
struct mantissa {
    uint8_t flags; /* enum qta_column_flag */
    bool has_null; /* and others that are not, and what is null has the mantissa 0 */
    bool is_stray; /* something that is null has another one */
    int8_t least;
    int8_t most;
};

/* Ticks of which one side changed. */
struct change_mask {
    bool is_used;
    uint8_t number; /* from 1 */
    size_t told_count;
    uint8_t told[QTA_BLOCK_TICKS_MAX];
};

struct qta_type_columns {
    const struct qta_type_words *words; /* of the call at hand, as is all below */
    const struct qta_block_layout *layout;
    struct qta_column_encoder *encoder;
    struct qta_packed_writer *out;
    struct qta_tick absent;
    uint64_t differ[QTA_TICK_WORDS]; /* bits that are not the same in all ticks */
    struct mantissa mantissas[QTA_TICK_WORDS];
    struct change_mask masks[QTA_MASKS_MAX]; /* by group */
    size_t mask_count;
    size_t companion_word; /* NO_COMPANION: none yet */
    uint64_t companions[QTA_BLOCK_TICKS_MAX];
    /* scratch */
    uint64_t numbers[QTA_BLOCK_TICKS_MAX];
    uint64_t chosen_companions[QTA_BLOCK_TICKS_MAX];
    uint16_t chosen_symbols[QTA_BLOCK_TICKS_MAX];
    uint64_t last[QTA_BLOCK_TICKS_MAX]; /* by symbol */
    uint8_t is_seen[QTA_BLOCK_TICKS_MAX];
};

enum qta_status qta_type_columns_create(struct qta_type_columns **out, struct qta_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? QTA_OK : qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
}

void qta_type_columns_destroy(struct qta_type_columns *columns)
{
    free(columns);
}

static uint64_t differing_bits(const uint64_t *numbers, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= numbers[i] ^ numbers[0];
    return differ;
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

static struct mantissa survey_exponents(const uint64_t *mantissas, const uint64_t *fields,
                                        unsigned shift, size_t count)
{
    struct mantissa found = {.least = INT8_MAX, .most = INT8_MIN};
    size_t null_count = 0;
    uint64_t stray_bits = 0; /* in what should be 0 */
    for (size_t i = 0; i < count; i++) {
        int8_t exponent = (int8_t)(uint8_t)(fields[i] >> shift);
        bool is_null = exponent == QTA_DECIMAL_NULL_EXPONENT;
        null_count += is_null;
        stray_bits |= mantissas[i] & (0 - (uint64_t)is_null);
        int low = is_null ? INT8_MAX : exponent;
        found.least = (int8_t)(low < found.least ? low : found.least);
        found.most = (int8_t)(exponent > found.most ? exponent : found.most);
    }
    found.is_stray = stray_bits != 0;
    found.has_null = null_count > 0 && null_count < count && !found.is_stray;
    return found;
}

/* Whether all mantissas fit when they are brought to the least exponent. */
static bool can_scale(const uint64_t *mantissas, size_t count, const struct mantissa *found)
{
    uint64_t bits = 0;
    if (found->is_stray || found->most - found->least > 18)
        return false;
    for (size_t i = 0; i < count; i++) /* of those that are negative, all but one of their size */
        bits |= mantissas[i] ^ (uint64_t)((int64_t)mantissas[i] >> 63);
    return bits < (uint64_t)(INT64_MAX / powers_of_ten[found->most - found->least]);
}

/* Brings mantissas to the least exponent. Returns whether each one was as short as it can be. */
static bool scale(uint64_t *mantissas, const uint64_t *fields, unsigned shift, size_t count,
                  const struct mantissa *found)
{
    int64_t factors[256] = {0}; /* by exponent; what is null stays 0 */
    bool is_long = false;
    for (int exponent = found->least; exponent <= found->most; exponent++)
        factors[(uint8_t)(int8_t)exponent] = powers_of_ten[exponent - found->least];
    for (size_t i = 0; i < count; i++) {
        uint8_t exponent = (uint8_t)(fields[i] >> shift);
        int64_t mantissa = (int64_t)mantissas[i];
        is_long |= (mantissa % 10 == 0) & ((int8_t)exponent < found->most) &
                   (factors[exponent] > 0);
        mantissas[i] = (uint64_t)(mantissa * factors[exponent]);
    }
    return !is_long;
}

/* Exponents that follow from the mantissas become 0, but for null. */
static void clear_exponents(uint64_t *fields, unsigned shift, size_t count)
{
    const uint64_t null = (uint8_t)(int8_t)QTA_DECIMAL_NULL_EXPONENT;
    for (size_t i = 0; i < count; i++) {
        uint64_t is_null = (fields[i] >> shift & 0xff) == null;
        fields[i] &= ~(UINT64_C(0xff) << shift) | (0 - is_null);
    }
}

static void prepare_mantissa(struct qta_type_columns *columns, size_t word)
{
    size_t exponent_byte = columns->layout->exponents[word];
    size_t count = columns->words->count;
    uint64_t *fields = columns->words->words[exponent_byte / 8];
    uint64_t *mantissas = columns->words->words[word];
    uint64_t *differ = &columns->differ[exponent_byte / 8];
    unsigned shift = exponent_byte % 8 * 8;
    struct mantissa *found = &columns->mantissas[word];
    if ((*differ >> shift & 0xff) == 0)
        return; /* all at one exponent, or all null */
    *found = survey_exponents(mantissas, fields, shift, count);
    if (found->least < found->most && can_scale(mantissas, count, found)) {
        bool is_trimmed = scale(mantissas, fields, shift, count, found);
        found->flags = is_trimmed ? QTA_COLUMN_TRIMMED : QTA_COLUMN_SCALED;
        if (is_trimmed) {
            clear_exponents(fields, shift, count);
            *differ &= ~(UINT64_C(0xff) << shift);
            *differ |= found->has_null ? UINT64_C(0x80) << shift : 0;
        }
    }
    found->flags |= found->has_null ? QTA_COLUMN_SKIP_NULL : 0;
}

/* ---- what is kept -------------------------------------------------------------------------- */

/* Marks ticks whose bits differ from those of the symbol's tick before. */
static void mark_changes(struct qta_type_columns *columns, const uint64_t *numbers, uint64_t bits,
                         uint8_t *told)
{
    const uint16_t *symbols = columns->words->symbols;
    uint64_t *last = columns->last;
    memset(columns->is_seen, 0, columns->words->symbol_count);
    for (size_t i = 0; i < columns->words->count; i++) {
        uint16_t symbol = symbols[i];
        uint64_t number = numbers[i] & bits;
        told[i] |= (number != last[symbol]) | !columns->is_seen[symbol];
        columns->is_seen[symbol] = 1;
        last[symbol] = number;
    }
}

/* Marks ticks in which some field of a group changes. False when there is nothing to gain. */
static bool mark_group(struct qta_type_columns *columns, unsigned group, uint8_t *told)
{
    const struct qta_block_layout *layout = columns->layout;
    const struct qta_type_words *words = columns->words;
    bool differs = false;
    memset(told, 0, words->count);
    for (size_t word = QTA_WORD_BODY; word < QTA_TICK_WORDS; word++) {
        uint64_t bits = layout->groups[word] == group ? UINT64_MAX : 0;
        for (size_t unit = 0; unit < layout->unit_counts[word]; unit++)
            bits |= layout->units[word][unit].group == group ? layout->units[word][unit].mask : 0;
        if ((columns->differ[word] & bits) == 0)
            continue;
        if (columns->mantissas[word].has_null)
            return false;
        mark_changes(columns, words->words[word], bits, told);
        differs = true;
    }
    return differs;
}

/* A mask for the fields of a group, when most of them change in the same ticks. */
static void choose_mask(struct qta_type_columns *columns, unsigned group)
{
    const struct qta_type_words *words = columns->words;
    struct change_mask *mask = &columns->masks[group - 1];
    mask->is_used = false;
    if (!mark_group(columns, group, mask->told))
        return;
    mask->told_count = 0;
    for (size_t i = 0; i < words->count; i++)
        mask->told_count += mask->told[i];
    mask->is_used = mask->told_count < words->count - words->count / 5;
    if (!mask->is_used)
        return;
    mask->number = (uint8_t)++columns->mask_count;
    qta_column_encoder_put_mask(columns->encoder, words->type, mask->number - 1U, mask->told,
                                words->count, columns->out);
}

static const struct change_mask *mask_of(const struct qta_type_columns *columns, unsigned group)
{
    return group > 0 && columns->masks[group - 1].is_used ? &columns->masks[group - 1] : NULL;
}

/* ---- fields -------------------------------------------------------------------------------- */

static struct qta_column_source source_of(const struct qta_type_columns *columns, size_t word)
{
    struct qta_column_source source = {
        .type = columns->words->type,
        .word = word,
        .numbers = columns->words->words[word],
        .symbols = columns->words->symbols,
        .count = columns->words->count,
    };
    memcpy(&source.absent, (const uint8_t *)&columns->absent + word * sizeof source.absent,
           sizeof source.absent);
    return source;
}

/* Bits that are not the same in all ticks of some symbol. */
static uint64_t varying_bits(struct qta_type_columns *columns, const uint64_t *numbers)
{
    const uint16_t *symbols = columns->words->symbols;
    uint64_t *first = columns->last;
    uint64_t varying = 0;
    memset(columns->is_seen, 0, columns->words->symbol_count);
    for (size_t i = 0; i < columns->words->count; i++) {
        uint16_t symbol = symbols[i];
        first[symbol] = columns->is_seen[symbol] ? first[symbol] : numbers[i];
        columns->is_seen[symbol] = 1;
        varying |= numbers[i] ^ first[symbol];
    }
    return varying;
}

/* Where the units of a word go: to the symbols, to one part that they share, or to their own. */
struct division {
    uint64_t by_symbol;
    uint64_t joint; /* units that differ and are not kept */
    struct qta_column_part parts[QTA_PARTS_MAX];
    size_t part_count;
};

/* Whether null exponents are among the bits: a reader counts them, in one part. */
static bool has_nulls(const struct qta_type_columns *columns, size_t word, uint64_t bits)
{
    for (size_t i = QTA_WORD_BODY; i < QTA_TICK_WORDS; i++) {
        size_t byte = columns->layout->exponents[i];
        if (byte / 8 == word && (bits >> byte % 8 * 8 & 0xff) != 0 &&
            columns->mantissas[i].has_null)
            return true;
    }
    return false;
}

static void add_part(struct division *division, uint64_t bits, const struct change_mask *mask)
{
    if (bits == 0)
        return;
    assert(division->part_count < QTA_PARTS_MAX);
    struct qta_column_part *part = &division->parts[division->part_count++];
    *part = (struct qta_column_part){.bits = bits};
    if (mask) {
        part->told = mask->told;
        part->told_count = mask->told_count;
        part->mask = mask->number;
    }
}

static struct division divide(struct qta_type_columns *columns, size_t word)
{
    const struct qta_type_words *words = columns->words;
    const struct qta_word_unit *units = columns->layout->units[word];
    struct division division = {0};
    uint64_t constant = 0;
    uint64_t differ = columns->differ[word];
    uint64_t varying = differ;
    if (differ == 0)
        return division;
    if (words->symbol_count > 1 && words->count / SYMBOL_TICKS_MIN >= words->symbol_count)
        varying = varying_bits(columns, words->words[word]);
    for (size_t i = 0; i < columns->layout->unit_counts[word]; i++) {
        uint64_t bits = units[i].mask;
        const struct change_mask *mask = mask_of(columns, units[i].group);
        if ((differ & bits) == 0)
            constant |= bits;
        else if ((varying & bits) == 0 && !has_nulls(columns, word, bits))
            division.by_symbol |= bits;
        else if (mask)
            add_part(&division, bits, mask);
        else
            division.joint |= bits;
    }
    /* what is constant goes with any of them */
    if (division.by_symbol != 0)
        division.by_symbol |= constant;
    else if (division.joint != 0)
        division.joint |= constant;
    else
        division.parts[0].bits |= constant;
    return division;
}

/* Fields that have too many values together are told apart, but for exponents and conditions. */
static void split_joint(const struct qta_type_columns *columns, size_t word,
                        struct division *division)
{
    const struct qta_word_unit *units = columns->layout->units[word];
    uint64_t by_kind[3] = {0};
    uint64_t left = division->joint;
    uint64_t differ = columns->differ[word];
    for (size_t i = 0; i < columns->layout->unit_counts[word]; i++) {
        uint64_t bits = units[i].mask & division->joint;
        if (bits == 0 || (differ & bits) == 0)
            continue;
        if (units[i].kind == QTA_UNIT_OTHER && division->part_count + 3 < QTA_PARTS_MAX) {
            add_part(division, bits, NULL);
            left &= ~bits;
        } else if (units[i].kind != QTA_UNIT_OTHER) {
            by_kind[units[i].kind] |= bits;
            left &= ~bits;
        }
    }
    add_part(division, by_kind[QTA_UNIT_EXPONENT], NULL);
    add_part(division, by_kind[QTA_UNIT_CONDITION], NULL);
    if (left != 0 && (differ & left) == 0 && division->part_count > 0 &&
        division->parts[division->part_count - 1].mask == 0)
        division->parts[division->part_count - 1].bits |= left;
    else
        add_part(division, left, NULL);
}

static void put_fields(struct qta_type_columns *columns, size_t word)
{
    struct qta_column_source source = source_of(columns, word);
    struct division division = divide(columns, word);
    if (division.joint != 0) {
        if (qta_column_encoder_is_small(columns->encoder, &source, division.joint))
            add_part(&division, division.joint, NULL);
        else
            split_joint(columns, word, &division);
    }
    qta_column_encoder_put_fields(columns->encoder, &source, division.by_symbol, division.parts,
                                  division.part_count, columns->out);
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Leaves out numbers whose exponent is null. */
static void skip_nulls(struct qta_type_columns *columns, struct qta_column_source *source)
{
    size_t exponent_byte = columns->layout->exponents[source->word];
    const uint64_t *fields = columns->words->words[exponent_byte / 8];
    const uint64_t null = (uint8_t)(int8_t)QTA_DECIMAL_NULL_EXPONENT;
    unsigned shift = exponent_byte % 8 * 8;
    size_t kept = 0;
    for (size_t i = 0; i < source->count; i++) {
        columns->numbers[kept] = source->numbers[i];
        columns->chosen_symbols[kept] = source->symbols[i];
        columns->chosen_companions[kept] = columns->companions[i];
        kept += (fields[i] >> shift & 0xff) != null;
    }
    source->numbers = columns->numbers;
    source->symbols = columns->chosen_symbols;
    source->companions = source->companions ? columns->chosen_companions : NULL;
    source->count = kept;
}

static void keep(struct qta_type_columns *columns, struct qta_column_source *source,
                 const struct change_mask *mask)
{
    size_t kept = 0;
    for (size_t i = 0; i < source->count; i++) {
        columns->numbers[kept] = source->numbers[i];
        kept += mask->told[i];
    }
    source->numbers = columns->numbers;
    source->symbols = NULL;
    source->companions = NULL;
    source->count = kept;
    source->mask = mask->number;
    source->flags |= QTA_COLUMN_KEPT;
}

/* The number that each tick's symbol has had last in a column that was just put: what the next
 * mantissas may be told by. Before a symbol's first number it is that one. */
static void note_companions(struct qta_type_columns *columns,
                            const struct qta_column_source *source, enum qta_predictor predictor)
{
    size_t exponent_byte = columns->layout->exponents[source->word];
    const uint64_t *fields = columns->words->words[exponent_byte / 8];
    const uint64_t null = (uint8_t)(int8_t)QTA_DECIMAL_NULL_EXPONENT;
    unsigned shift = exponent_byte % 8 * 8;
    uint64_t *last = columns->last;
    bool by_symbol = predictor == QTA_PREDICT_SYMBOL;
    columns->companion_word = source->word;
    if (source->count == columns->words->count) {
        memcpy(columns->companions, source->numbers, source->count * sizeof *source->numbers);
        return;
    }
    memset(last, 0, columns->words->symbol_count * sizeof *last);
    for (size_t i = source->count; i > 0; i--)
        last[by_symbol ? source->symbols[i - 1] : 0] = source->numbers[i - 1];
    size_t next = 0;
    for (size_t i = 0; i < columns->words->count; i++) {
        size_t symbol = by_symbol ? columns->words->symbols[i] : 0;
        if ((fields[i] >> shift & 0xff) != null)
            last[symbol] = source->numbers[next++];
        columns->companions[i] = last[symbol];
    }
}

static void put_numbers(struct qta_type_columns *columns, size_t word)
{
    struct qta_column_source source = source_of(columns, word);
    const struct mantissa *mantissa = &columns->mantissas[word];
    bool is_mantissa = columns->layout->exponents[word] != 0;
    const struct change_mask *mask = mask_of(columns, columns->layout->groups[word]);
    if (word == QTA_WORD_TS_EVENT)
        source.times = columns->words->words[QTA_WORD_TS_RECV];
    if (is_mantissa) {
        source.flags = mantissa->flags;
        source.exponent = mantissa->least;
        source.exponent_range = (uint8_t)(mantissa->most - mantissa->least);
        if (columns->companion_word != NO_COMPANION) {
            source.companions = columns->companions;
            source.companion = (uint8_t)columns->companion_word;
        }
    }
    if (source.flags & QTA_COLUMN_SKIP_NULL)
        skip_nulls(columns, &source);
    else if (mask && columns->differ[word] != 0)
        keep(columns, &source, mask);
    int predictor = qta_column_encoder_put_numbers(columns->encoder, &source, columns->out);
    if (is_mantissa && columns->companion_word == NO_COMPANION &&
        (predictor == QTA_PREDICT_SYMBOL || predictor == QTA_PREDICT_PREVIOUS))
        note_companions(columns, &source, (enum qta_predictor)predictor);
}

/* ---- types --------------------------------------------------------------------------------- */

void qta_type_columns_put(struct qta_type_columns *columns, struct qta_column_encoder *encoder,
                          const struct qta_type_words *words, struct qta_packed_writer *out)
{
    const struct qta_block_layout *layout = qta_block_layout_of(words->type);
    columns->words = words;
    columns->layout = layout;
    columns->encoder = encoder;
    columns->out = out;
    columns->mask_count = 0;
    columns->companion_word = NO_COMPANION;
    memset(&columns->absent, 0, sizeof columns->absent);
    memset(columns->mantissas, 0, sizeof columns->mantissas);
    if (words->type < QTA_TICK_TYPE_END)
        qta_tick_init(&columns->absent, (enum qta_tick_type)words->type);
    for (size_t word = QTA_WORD_TS_EVENT; word < QTA_TICK_WORDS; word++)
        columns->differ[word] = words->words[word]
                                    ? differing_bits(words->words[word], words->count)
                                    : 0;
    for (size_t word = QTA_WORD_BODY; word < QTA_TICK_WORDS; word++)
        if (layout->exponents[word] != 0)
            prepare_mantissa(columns, word);
    for (unsigned group = 1; group <= QTA_MASKS_MAX; group++)
        choose_mask(columns, group);
    for (size_t word = QTA_WORD_BODY; word < QTA_TICK_WORDS; word++)
        if (layout->forms[word] == QTA_WORD_FIELDS)
            put_fields(columns, word);
    for (size_t word = QTA_WORD_TS_EVENT; word < QTA_TICK_WORDS; word++)
        if (layout->forms[word] == QTA_WORD_NUMBER)
            put_numbers(columns, word);
}
