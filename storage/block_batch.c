/* Each column is put together by itself, over a batch that stays in the nearest cache. The loops
 * are written once and specialized by the compiler for what a column has and has not. */
#include "storage/block_batch.h"

#include <assert.h>
#include <string.h>

enum { BATCH = QTA_BATCH_TICKS };

void qta_block_batch_begin(struct qta_block_batch *batch, struct qta_block_columns *columns,
                           uint64_t first_seq, qta_translate_function translate_text, void *user)
{
    batch->columns = columns;
    batch->first_seq = first_seq;
    batch->position = 0;
    batch->translate_text = translate_text;
    batch->user = user;
    for (uint16_t i = 0; i < BATCH; i++)
        batch->identity[i] = i;
}

void qta_block_batch_end(struct qta_block_batch *batch)
{
    batch->columns = NULL;
}

static inline void store_word(struct qta_tick *tick, size_t word, uint64_t value)
{
    memcpy((uint8_t *)tick + word * sizeof value, &value, sizeof value);
}

/* The bits of a mask for the ticks [from, from + count), a byte each; returns how many are set.
 * Eight at a time: each byte of `ones` catches another bit. Behind a mask's last byte there always
 * is one more to be read. */
static size_t expand_mask(const struct qta_block_mask *mask, size_t from, size_t count,
                          uint8_t told[BATCH])
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint8_t *bytes = mask->bits + from / 8;
    size_t sum = 0;
    for (size_t i = 0; i < count; i += 8, bytes++) {
        uint64_t bits = (unsigned)(bytes[0] | bytes[1] << 8) >> from % 8 & 0xff;
        uint64_t one_each = bits * ones & UINT64_C(0x8040201008040201);
        uint64_t eight = (one_each + 0x7f * ones) >> 7 & ones;
        if (count - i < 8)
            eight &= (UINT64_C(1) << (count - i) * 8) - 1;
        sum += eight * ones >> 56;
        memcpy(told + i, &eight, sizeof eight);
    }
    return sum;
}

/* a where told is 1, b where it is 0: without a branch, which nothing could foresee. */
static inline uint64_t choose(uint8_t told, uint64_t a, uint64_t b)
{
    return b ^ ((a ^ b) & (0 - (uint64_t)told));
}

/* ---- numbers ------------------------------------------------------------------------------- */

static uint64_t divide_exactly(uint64_t scaled, int power)
{
    /* multiplying by the inverse of 5^k modulo 2^64 divides exactly what is divisible */
    static const uint64_t inverses[19] = {
        UINT64_C(0x1),
        UINT64_C(0xcccccccccccccccd),
        UINT64_C(0x8f5c28f5c28f5c29),
        UINT64_C(0x1cac083126e978d5),
        UINT64_C(0xd288ce703afb7e91),
        UINT64_C(0x5d4e8fb00bcbe61d),
        UINT64_C(0x790fb65668c26139),
        UINT64_C(0xe5032477ae8d46a5),
        UINT64_C(0xc767074b22e90e21),
        UINT64_C(0x8e47ce423a2e9c6d),
        UINT64_C(0x4fa7f60d3ed61f49),
        UINT64_C(0x0fee64690c913975),
        UINT64_C(0x3662e0e1cf503eb1),
        UINT64_C(0xa47a2cf9f6433fbd),
        UINT64_C(0x54186f653140a659),
        UINT64_C(0x7738164770402145),
        UINT64_C(0xe4a4d1417cd9a041),
        UINT64_C(0xc75429d9e5c5200d),
        UINT64_C(0xc1773b91fac10669),
    };
    if (power < 0 || power > 18)
        return scaled;
    return (uint64_t)((int64_t)(scaled * inverses[power]) >> power);
}

/* What planes hold of a column of numbers, as differences of the right sign. One more is set, to 0,
 * because who spreads numbers out looks at the next one early. */
static void get_differences(struct qta_block_column *column, size_t count,
                            uint64_t numbers[BATCH + 1])
{
    qta_byte_planes_get(&column->planes, column->position, count, numbers);
    column->position += count;
    if (column->flags & QTA_COLUMN_ZIGZAG)
        for (size_t i = 0; i < count; i++)
            numbers[i] = qta_unzigzag(numbers[i]);
    else if (column->base != 0)
        for (size_t i = 0; i < count; i++)
            numbers[i] += column->base;
    numbers[count] = 0;
}

/* Undoes prediction, in place. Number i belongs to tick at[i] of the view. */
static void restore(struct qta_block_column *column, struct qta_block_batch *batch,
                    const struct qta_batch_view *view, const uint16_t *at, size_t count,
                    uint64_t *numbers)
{
    uint64_t previous = column->previous;
    uint64_t *by_symbol = column->by_symbol;
    const uint16_t *symbols = view->symbols;
    const uint64_t *companions = batch->companions[column->companion];
    switch ((enum qta_predictor)column->predictor) {
    case QTA_PREDICT_NONE:
        break;
    case QTA_PREDICT_PREVIOUS:
        for (size_t i = 0; i < count; i++)
            numbers[i] = previous += numbers[i];
        column->previous = previous;
        break;
    case QTA_PREDICT_SYMBOL:
        for (size_t i = 0; i < count; i++)
            numbers[i] = by_symbol[symbols[at[i]]] += numbers[i];
        break;
    case QTA_PREDICT_TS_RECV:
        for (size_t i = 0; i < count; i++)
            numbers[i] += view->times[at[i]];
        break;
    case QTA_PREDICT_PAIR:
        for (size_t i = 0; i < count; i++)
            numbers[i] = (by_symbol[symbols[at[i]]] += numbers[i]) + companions[at[i]];
        break;
    }
}

/* The same for a column with nulls that another one is paired with: also tells what number came
 * last at each tick. */
static void restore_with_companions(struct qta_block_column *column, struct qta_block_batch *batch,
                                    const struct qta_batch_view *view, const uint16_t *at,
                                    size_t count, uint64_t *numbers)
{
    uint64_t *companions = batch->companions[column->word];
    size_t next = 0;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t *last = column->predictor == QTA_PREDICT_SYMBOL
                             ? &column->by_symbol[view->symbols[i]]
                             : &column->previous;
        if (next < count && at[next] == i) {
            numbers[next] = *last += numbers[next];
            next++;
        }
        companions[i] = *last;
    }
}

/* Numbers of ticks whose bit is set go to their ticks, the others keep their symbol's last one. */
static void spread(const uint64_t *told_numbers, const uint8_t *told, const uint16_t *symbols,
                   uint64_t *last, size_t count, uint64_t *numbers)
{
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = choose(told[i], told_numbers[next], last[symbols[i]]);
        last[symbols[i]] = numbers[i];
        next += told[i];
    }
}

/* Strips zeros from numbers, which makes exponents of what was stripped. */
static void trim(const struct qta_block_column *column, uint64_t *numbers, int8_t *exponents,
                 size_t count)
{
    const int least = column->exponent;
    const int most = least + column->exponent_range;
    for (size_t i = 0; i < count; i++) {
        int64_t number = (int64_t)numbers[i];
        int exponent = least;
        for (; exponent < most && number % 10 == 0; exponent++)
            number /= 10;
        numbers[i] = (uint64_t)number;
        exponents[i] = (int8_t)exponent;
    }
}

/* The same where at most two zeros are stripped, as from prices in cents: without branches. */
static void trim_cents(const struct qta_block_column *column, uint64_t *numbers, int8_t *exponents,
                       size_t count)
{
    static const uint64_t inverses[3] = {1, UINT64_C(0xcccccccccccccccd),
                                         UINT64_C(0x8f5c28f5c28f5c29)}; /* of 1, 5 and 25 */
    const int most = column->exponent_range;
    for (size_t i = 0; i < count; i++) {
        int64_t number = (int64_t)numbers[i];
        int rest = (int)(number % 100);
        int zeros = (rest % 10 == 0) + (rest == 0);
        zeros = zeros < most ? zeros : most;
        numbers[i] = (uint64_t)((int64_t)(numbers[i] * inverses[zeros]) >> zeros);
        exponents[i] = (int8_t)(column->exponent + zeros);
    }
}

static inline size_t place_at(const uint16_t *places, bool is_dense, size_t i)
{
    return is_dense ? i : places[i];
}

/* Puts finished numbers into the ticks at these places. */
static inline void put_words(struct qta_tick *ticks, size_t word, const uint64_t *numbers,
                             const uint16_t *places, size_t count, bool is_dense)
{
    for (size_t i = 0; i < count; i++)
        store_word(&ticks[place_at(places, is_dense, i)], word, numbers[i]);
}

static inline void put_mantissas(const struct qta_block_column *column, struct qta_tick *ticks,
                                 uint64_t *numbers, const uint16_t *places, size_t count,
                                 bool is_dense)
{
    const size_t word = column->word;
    const size_t exponent_byte = column->exponent_byte;
    const int common = column->exponent;
    if (column->flags & QTA_COLUMN_TRIMMED) {
        int8_t exponents[BATCH];
        if (column->exponent_range <= 2)
            trim_cents(column, numbers, exponents, count);
        else
            trim(column, numbers, exponents, count);
        for (size_t i = 0; i < count; i++) {
            struct qta_tick *tick = &ticks[place_at(places, is_dense, i)];
            ((uint8_t *)tick)[exponent_byte] = (uint8_t)exponents[i];
            store_word(tick, word, numbers[i]);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct qta_tick *tick = &ticks[place_at(places, is_dense, i)];
        int power = (int8_t)((const uint8_t *)tick)[exponent_byte] - common;
        store_word(tick, word, power == 0 ? numbers[i] : divide_exactly(numbers[i], power));
    }
}

/* Which ticks of the view have a mantissa. */
static size_t list_not_null(const struct qta_block_column *column, const struct qta_tick *ticks,
                            const struct qta_batch_view *view, uint16_t *at)
{
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        const uint8_t *tick = (const uint8_t *)&ticks[view->places[i]];
        at[count] = (uint16_t)i;
        count += (int8_t)tick[column->exponent_byte] != QTA_DECIMAL_NULL_EXPONENT;
    }
    return count;
}

static void put_numbers(struct qta_block_batch *batch, struct qta_block_column *column,
                        const struct qta_batch_view *view, bool is_dense)
{
    uint64_t numbers[BATCH + 1];
    uint16_t listed[BATCH];
    uint16_t listed_places[BATCH];
    const uint16_t *at = batch->identity;
    const uint16_t *places = view->places;
    struct qta_tick *ticks = batch->ticks;
    size_t count = view->count;
    if (column->flags & QTA_COLUMN_SKIP_NULL) {
        count = list_not_null(column, ticks, view, listed);
        if (count < view->count) {
            at = listed;
            for (size_t i = 0; i < count; i++)
                listed_places[i] = view->places[listed[i]];
            places = listed_places;
            is_dense = false;
        }
    }
    if (column->mask != 0) {
        uint64_t told_numbers[BATCH + 1];
        get_differences(column, batch->told_counts[column->mask - 1], told_numbers);
        spread(told_numbers, batch->told[column->mask - 1], view->symbols, column->by_symbol, count,
               numbers);
    } else {
        get_differences(column, count, numbers);
        if (column->is_companion && count < view->count)
            restore_with_companions(column, batch, view, at, count, numbers);
        else
            restore(column, batch, view, at, count, numbers);
    }
    if (column->is_companion && count == view->count)
        memcpy(batch->companions[column->word], numbers, count * sizeof *numbers);
    bool is_mantissa = (column->flags & (QTA_COLUMN_SCALED | QTA_COLUMN_TRIMMED)) != 0;
    if (is_mantissa && is_dense)
        put_mantissas(column, ticks, numbers, places, count, true);
    else if (is_mantissa)
        put_mantissas(column, ticks, numbers, places, count, false);
    else if (is_dense)
        put_words(ticks, column->word, numbers, places, count, true);
    else
        put_words(ticks, column->word, numbers, places, count, false);
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The values of a part, by tick. */
static void get_values(struct qta_block_part *part, size_t count, uint64_t values[BATCH + 1])
{
    const uint8_t *bytes = qta_byte_planes_single(&part->planes);
    const uint64_t *list = part->values;
    if (bytes) {
        bytes += part->position;
        for (size_t i = 0; i < count; i++)
            values[i] = list[bytes[i]];
    } else {
        qta_byte_planes_get(&part->planes, part->position, count, values);
        for (size_t i = 0; i < count; i++)
            values[i] = list[values[i]];
    }
    values[count] = 0;
    part->position += count;
}

static void add_part(const struct qta_block_batch *batch, struct qta_block_part *part,
                     const struct qta_batch_view *view, uint64_t *words)
{
    uint64_t values[BATCH + 1];
    uint64_t kept[BATCH];
    const uint64_t *added = values;
    if (part->mask == 0) {
        get_values(part, view->count, values);
    } else {
        get_values(part, batch->told_counts[part->mask - 1], values);
        spread(values, batch->told[part->mask - 1], view->symbols, part->last, view->count, kept);
        added = kept;
    }
    for (size_t i = 0; i < view->count; i++)
        words[i] |= added[i];
}

static void put_fields(struct qta_block_batch *batch, struct qta_block_column *column,
                       const struct qta_batch_view *view, bool is_dense)
{
    uint64_t words[BATCH + 1];
    size_t first = 0;
    if (column->symbol_planes.count > 0) {
        for (size_t i = 0; i < view->count; i++)
            words[i] = column->by_symbol[view->symbols[i]];
    } else if (column->parts[0].mask == 0) {
        get_values(&column->parts[first++], view->count, words);
    } else {
        memset(words, 0, view->count * sizeof *words);
    }
    for (size_t i = first; i < column->part_count; i++)
        add_part(batch, &column->parts[i], view, words);
    if (is_dense)
        put_words(batch->ticks, column->word, words, view->places, view->count, true);
    else
        put_words(batch->ticks, column->word, words, view->places, view->count, false);
}

/* ---- words of all types -------------------------------------------------------------------- */

/* The indices that a batch has in a dictionary of all types; all 0 for a constant. */
static void get_indices(const struct qta_block_column *column, size_t from, size_t count,
                        uint16_t indices[BATCH])
{
    uint64_t numbers[BATCH];
    if (!column || column->form == QTA_COLUMN_CONSTANT) {
        memset(indices, 0, count * sizeof *indices);
        return;
    }
    const uint8_t *bytes = qta_byte_planes_single(&column->parts[0].planes);
    if (bytes) {
        for (size_t i = 0; i < count; i++)
            indices[i] = bytes[from + i];
        return;
    }
    qta_byte_planes_get(&column->parts[0].planes, from, count, numbers);
    for (size_t i = 0; i < count; i++)
        indices[i] = (uint16_t)numbers[i];
}

/* What these indices stand for. */
static const uint64_t *values_of(const struct qta_block_column *column)
{
    static const uint64_t zero;
    if (!column)
        return &zero;
    return column->form == QTA_COLUMN_CONSTANT ? &column->base : column->parts[0].values;
}

static void get_times(struct qta_block_batch *batch, size_t count)
{
    struct qta_block_column *column = batch->columns->times;
    uint64_t *times = batch->times;
    if (!column || column->form != QTA_COLUMN_NUMBERS) {
        uint16_t indices[BATCH];
        const uint64_t *values = values_of(column);
        get_indices(column, batch->position, count, indices);
        for (size_t i = 0; i < count; i++)
            times[i] = values[indices[i]];
        return;
    }
    if (column->mask == 0) {
        const struct qta_batch_view view = {.count = count, .symbols = batch->symbols};
        uint64_t numbers[BATCH + 1];
        get_differences(column, count, numbers);
        restore(column, batch, &view, batch->identity, count, numbers);
        memcpy(times, numbers, count * sizeof *times);
        return;
    }
    uint8_t told[BATCH];
    uint64_t numbers[BATCH + 1];
    uint64_t now = column->previous;
    size_t next = 0;
    get_differences(column, expand_mask(&batch->columns->times_mask, batch->position, count, told),
                    numbers);
    if (column->predictor == QTA_PREDICT_PREVIOUS)
        for (size_t i = 0; i < count; i++) {
            times[i] = now += numbers[next] & (0 - (uint64_t)told[i]);
            next += told[i];
        }
    else
        for (size_t i = 0; i < count; i++) {
            times[i] = now = choose(told[i], numbers[next], now);
            next += told[i];
        }
    column->previous = now;
}

/* ---- ticks --------------------------------------------------------------------------------- */

static void put_slot(struct qta_block_batch *batch, struct qta_block_slot *slot,
                     const struct qta_batch_view *view, bool is_dense)
{
    for (size_t i = 0; i < QTA_MASKS_MAX; i++)
        if (slot->masks[i].is_there)
            batch->told_counts[i] = expand_mask(&slot->masks[i], slot->position, view->count,
                                                batch->told[i]);
    slot->position += view->count;
    for (size_t i = 0; i < slot->column_count; i++) {
        struct qta_block_column *column = slot->columns[i];
        if (column->form == QTA_COLUMN_NUMBERS)
            put_numbers(batch, column, view, is_dense);
        else
            put_fields(batch, column, view, is_dense);
    }
    if (!batch->translate_text || qta_tick_names_of(slot->type)->id_count == 0)
        return;
    for (size_t i = 0; i < view->count; i++) {
        struct qta_tick *tick = &batch->ticks[view->places[i]];
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            qta_tick_translate_text_ids(tick, batch->translate_text, batch->user);
    }
}

/* A tick with what its type has in all of them and what all types have. */
static inline void start_tick(const struct qta_block_batch *batch, struct qta_tick *tick,
                              const struct qta_tick *absent, size_t i, uint64_t symbol,
                              uint64_t kind)
{
    *tick = *absent;
    tick->rx_seq = batch->first_seq + batch->position + i;
    store_word(tick, QTA_WORD_TS_RECV, batch->times[i]);
    store_word(tick, QTA_WORD_SYMBOL, symbol);
    store_word(tick, QTA_WORD_KIND, kind);
}

/* All ticks of the batch are of one type, and wanted. */
static size_t decode_dense(struct qta_block_batch *batch, size_t count)
{
    struct qta_block_slot *slot = &batch->columns->slots[0];
    const uint64_t *symbols = values_of(batch->columns->symbols);
    const uint64_t *kinds = values_of(batch->columns->kinds);
    const struct qta_tick absent = slot->absent;
    for (size_t i = 0; i < count; i++)
        start_tick(batch, &batch->ticks[i], &absent, i, symbols[batch->symbols[i]],
                   kinds[batch->kinds[i]]);
    const struct qta_batch_view view = {count, batch->identity, batch->symbols, batch->times};
    put_slot(batch, slot, &view, true);
    return count;
}

/* Deals the wanted ticks of the batch out to their types. Returns how many there are. */
static size_t deal(struct qta_block_batch *batch, size_t count)
{
    const struct qta_block_columns *columns = batch->columns;
    const uint64_t *symbols = values_of(columns->symbols);
    const uint64_t *kinds = values_of(columns->kinds);
    static const uint8_t only_slot;
    const uint8_t *slot_of_kind = columns->kinds->form == QTA_COLUMN_CONSTANT
                                      ? &only_slot
                                      : columns->kinds->parts[0].marks;
    size_t wanted = 0;
    memset(batch->slot_counts, 0, columns->slot_count * sizeof *batch->slot_counts);
    for (size_t i = 0; i < count; i++) {
        size_t index = slot_of_kind[batch->kinds[i]];
        const struct qta_block_slot *slot = &columns->slots[index];
        if (!slot->is_wanted)
            continue;
        start_tick(batch, &batch->ticks[wanted], &slot->absent, i, symbols[batch->symbols[i]],
                   kinds[batch->kinds[i]]);
        size_t place = batch->slot_counts[index]++;
        batch->slot_places[index][place] = (uint16_t)wanted++;
        batch->slot_sources[index][place] = (uint16_t)i;
    }
    return wanted;
}

static size_t decode_mixed(struct qta_block_batch *batch, size_t count)
{
    size_t wanted = deal(batch, count);
    for (size_t k = 0; k < batch->columns->slot_count; k++) {
        const uint16_t *sources = batch->slot_sources[k];
        const struct qta_batch_view view = {batch->slot_counts[k], batch->slot_places[k],
                                            batch->type_symbols, batch->type_times};
        if (view.count == 0)
            continue;
        for (size_t i = 0; i < view.count; i++) {
            batch->type_symbols[i] = batch->symbols[sources[i]];
            batch->type_times[i] = batch->times[sources[i]];
        }
        put_slot(batch, &batch->columns->slots[k], &view, false);
    }
    return wanted;
}

/* One batch; returns how many ticks of the wanted types it had. */
static size_t decode(struct qta_block_batch *batch, size_t count)
{
    const struct qta_block_columns *columns = batch->columns;
    get_indices(columns->kinds, batch->position, count, batch->kinds);
    get_indices(columns->symbols, batch->position, count, batch->symbols);
    get_times(batch, count);
    bool is_dense = columns->slot_count == 1 && columns->slots[0].is_wanted;
    size_t wanted = is_dense ? decode_dense(batch, count) : decode_mixed(batch, count);
    batch->position += count;
    return wanted;
}

size_t qta_block_batch_next(struct qta_block_batch *batch, struct qta_tick *ticks, size_t capacity)
{
    size_t count = 0;
    while (batch->columns && count < capacity && batch->position < batch->columns->count) {
        size_t length = batch->columns->count - batch->position;
        if (length > BATCH)
            length = BATCH;
        if (length > capacity - count)
            length = capacity - count;
        batch->ticks = ticks + count;
        count += decode(batch, length);
    }
    return count;
}
