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
    for (size_t i = 0; i < BATCH; i++)
        batch->identity[i] = (uint16_t)i;
}

void qta_block_batch_end(struct qta_block_batch *batch)
{
    batch->columns = NULL;
}

static inline void store_word(struct qta_tick *tick, size_t word, uint64_t value)
{
    memcpy((uint8_t *)tick + word * sizeof value, &value, sizeof value);
}

/* The bits of a mask for the ticks [from, from + count), a byte each. Eight at a time: each byte of
 * `ones` catches another bit. Behind a mask's last byte there always is one more to be read. */
static void expand_mask(const struct qta_block_mask *mask, size_t from, size_t count,
                        uint8_t told[BATCH])
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint8_t *bytes = mask->bits + from / 8;
    for (size_t i = 0; i < count; i += 8, bytes++) {
        uint64_t bits = (unsigned)(bytes[0] | bytes[1] << 8) >> from % 8 & 0xff;
        uint64_t one_each = bits * ones & UINT64_C(0x8040201008040201);
        uint64_t eight = (one_each + 0x7f * ones) >> 7 & ones;
        memcpy(told + i, &eight, sizeof eight);
    }
}

/* The place of each tick's value in what is kept by a mask: a new one where its bit is set, that of
 * the symbol's last tick where it is not. Without branches, which nothing could foresee. */
static void find_kept(struct qta_block_mask *mask, const struct qta_batch_view *view, size_t from,
                      uint32_t *places)
{
    uint8_t told[BATCH];
    uint64_t *last = mask->last;
    const uint16_t *symbols = view->symbols;
    uint64_t next = mask->position;
    expand_mask(mask, from, view->count, told);
    for (size_t i = 0; i < view->count; i++) {
        uint64_t *kept = &last[symbols[i]];
        next += told[i];
        uint64_t place = *kept ^ ((next ^ *kept) & (0 - (uint64_t)told[i]));
        *kept = place;
        places[i] = (uint32_t)place;
    }
    mask->position = next;
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

/* What planes hold of a column of numbers. */
static void get_raw(struct qta_block_column *column, size_t count, uint64_t numbers[BATCH])
{
    qta_byte_planes_get(&column->planes, column->position, count, numbers);
    column->position += count;
}

/* The difference that a raw number stands for; base is 0 with zigzag. */
static inline uint64_t difference(uint64_t raw, bool is_zigzag, uint64_t base)
{
    return is_zigzag ? qta_unzigzag(raw) : raw + base;
}

static inline size_t place_at(const uint16_t *places, bool is_dense, size_t i)
{
    return is_dense ? i : places[i];
}

/* Makes raw numbers what they stand for, in place. Number i belongs to tick at[i] of the view, or
 * to tick i when all have one. */
static inline void restore_as(struct qta_block_column *column, const struct qta_block_batch *batch,
                              const struct qta_batch_view *view, const uint16_t *at, bool is_all,
                              bool is_zigzag, size_t count, uint64_t *numbers)
{
    const uint64_t base = column->base;
    uint64_t previous = column->previous;
    uint64_t *by_symbol = column->by_symbol;
    const uint16_t *symbols = view->symbols;
    const uint64_t *times = view->times;
    const uint64_t *companions = batch->companions[column->companion];
    bool is_one_symbol = batch->columns->symbol_count == 1;
    switch ((enum qta_predictor)column->predictor) {
    case QTA_PREDICT_NONE:
        for (size_t i = 0; i < count; i++)
            numbers[i] = difference(numbers[i], is_zigzag, base);
        break;
    case QTA_PREDICT_PREVIOUS:
        for (size_t i = 0; i < count; i++)
            numbers[i] = previous += difference(numbers[i], is_zigzag, base);
        column->previous = previous;
        break;
    case QTA_PREDICT_SYMBOL:
        for (size_t i = 0; i < count; i++)
            numbers[i] = by_symbol[symbols[place_at(at, is_all, i)]] += difference(numbers[i],
                                                                                   is_zigzag, base);
        break;
    case QTA_PREDICT_TS_RECV:
        assert(times);
        for (size_t i = 0; i < count; i++)
            numbers[i] = times[place_at(at, is_all, i)] + difference(numbers[i], is_zigzag, base);
        break;
    case QTA_PREDICT_PAIR:
        if (is_one_symbol) { /* what is known to the processor need not go through memory */
            uint64_t last = by_symbol[0];
            for (size_t i = 0; i < count; i++)
                numbers[i] = (last += difference(numbers[i], is_zigzag, base)) +
                             companions[place_at(at, is_all, i)];
            by_symbol[0] = last;
            break;
        }
        for (size_t i = 0; i < count; i++) {
            size_t place = place_at(at, is_all, i);
            numbers[i] = (by_symbol[symbols[place]] += difference(numbers[i], is_zigzag, base)) +
                         companions[place];
        }
        break;
    }
}

static void restore(struct qta_block_column *column, const struct qta_block_batch *batch,
                    const struct qta_batch_view *view, const uint16_t *at, size_t count,
                    uint64_t *numbers)
{
    bool is_zigzag = (column->flags & QTA_COLUMN_ZIGZAG) != 0;
    if (count == view->count && is_zigzag)
        restore_as(column, batch, view, at, true, true, count, numbers);
    else if (count == view->count)
        restore_as(column, batch, view, at, true, false, count, numbers);
    else
        restore_as(column, batch, view, at, false, is_zigzag, count, numbers);
}

/* The same for a column with nulls that another one is paired with: also tells what number came
 * last at each tick. */
static void restore_with_companions(struct qta_block_column *column, struct qta_block_batch *batch,
                                    const struct qta_batch_view *view, const uint16_t *at,
                                    size_t count, uint64_t *numbers)
{
    uint64_t *companions = batch->companions[column->word];
    bool is_zigzag = (column->flags & QTA_COLUMN_ZIGZAG) != 0;
    size_t next = 0;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t *last = column->predictor == QTA_PREDICT_SYMBOL
                             ? &column->by_symbol[view->symbols[i]]
                             : &column->previous;
        if (next < count && at[next] == i) {
            numbers[next] = *last += difference(numbers[next], is_zigzag, column->base);
            next++;
        }
        companions[i] = *last;
    }
}

/* Whether a number ends in a decimal zero: an exact division by ten leaves no more than a tenth of
 * all numbers. */
static inline bool ends_in_zero(uint64_t number)
{
    uint64_t size = (int64_t)number < 0 ? 0 - number : number;
    uint64_t fifth = size * UINT64_C(0xcccccccccccccccd);
    return (fifth >> 1 | fifth << 63) <= UINT64_MAX / 10;
}

/* Puts finished numbers into the ticks at these places. */
static inline void put_words(struct qta_tick *ticks, size_t word, const uint64_t *numbers,
                             const uint16_t *places, size_t count, bool is_dense)
{
    for (size_t i = 0; i < count; i++)
        store_word(&ticks[place_at(places, is_dense, i)], word, numbers[i]);
}

/* Strips zeros from numbers, which makes exponents of what was stripped. */
static inline void put_trimmed(const struct qta_block_column *column, struct qta_tick *ticks,
                               const uint64_t *numbers, const uint16_t *places, size_t count,
                               bool is_dense)
{
    const size_t word = column->word;
    const size_t exponent_byte = column->exponent_byte;
    const int least = column->exponent;
    const int most = least + column->exponent_range;
    for (size_t i = 0; i < count; i++) {
        uint8_t *tick = (uint8_t *)&ticks[place_at(places, is_dense, i)];
        uint64_t number = numbers[i];
        int exponent = least;
        if (__builtin_expect(ends_in_zero(number), 0))
            for (; exponent < most && ends_in_zero(number); exponent++)
                number = (uint64_t)((int64_t)number / 10);
        tick[exponent_byte] = (uint8_t)(int8_t)exponent;
        memcpy(tick + word * sizeof number, &number, sizeof number);
    }
}

static inline void put_scaled(const struct qta_block_column *column, struct qta_tick *ticks,
                              const uint64_t *numbers, const uint16_t *places, size_t count,
                              bool is_dense)
{
    const size_t word = column->word;
    const size_t exponent_byte = column->exponent_byte;
    const int common = column->exponent;
    for (size_t i = 0; i < count; i++) {
        struct qta_tick *tick = &ticks[place_at(places, is_dense, i)];
        int power = (int8_t)((const uint8_t *)tick)[exponent_byte] - common;
        store_word(tick, word, power == 0 ? numbers[i] : divide_exactly(numbers[i], power));
    }
}

static inline void put(const struct qta_block_column *column, struct qta_tick *ticks,
                       const uint64_t *numbers, const uint16_t *places, size_t count, bool is_dense)
{
    if (column->flags & QTA_COLUMN_TRIMMED)
        put_trimmed(column, ticks, numbers, places, count, is_dense);
    else if (column->flags & QTA_COLUMN_SCALED)
        put_scaled(column, ticks, numbers, places, count, is_dense);
    else
        put_words(ticks, column->word, numbers, places, count, is_dense);
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
    uint64_t numbers[BATCH];
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
        const uint32_t *kept = batch->told[column->mask - 1];
        for (size_t i = 0; i < count; i++)
            numbers[i] = column->kept[kept[i]];
    } else {
        get_raw(column, count, numbers);
        if (column->is_companion && count < view->count)
            restore_with_companions(column, batch, view, at, count, numbers);
        else
            restore(column, batch, view, at, count, numbers);
    }
    if (column->is_companion && count == view->count)
        memcpy(batch->companions[column->word], numbers, count * sizeof *numbers);
    if (is_dense)
        put(column, ticks, numbers, places, count, true);
    else
        put(column, ticks, numbers, places, count, false);
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The values of a part, by tick. */
static void get_values(const struct qta_block_batch *batch, struct qta_block_part *part,
                       size_t count, uint64_t values[BATCH])
{
    const uint8_t *bytes = qta_byte_planes_single(&part->planes);
    const uint64_t *list = part->values;
    if (part->mask != 0) {
        const uint32_t *kept = batch->told[part->mask - 1];
        for (size_t i = 0; i < count; i++)
            values[i] = part->kept[kept[i]];
        return;
    }
    if (bytes) {
        bytes += part->position;
        for (size_t i = 0; i < count; i++)
            values[i] = list[bytes[i]];
    } else {
        qta_byte_planes_get(&part->planes, part->position, count, values);
        for (size_t i = 0; i < count; i++)
            values[i] = list[values[i]];
    }
    part->position += count;
}

/* What most words of fields are: bits by symbol and a part of few values, or one of both. */
static inline void put_simple_fields(struct qta_block_column *column, struct qta_tick *ticks,
                                     const struct qta_batch_view *view, const uint8_t *bytes,
                                     bool is_by_symbol, bool is_dense)
{
    const size_t word = column->word;
    const uint64_t *by_symbol = column->by_symbol;
    const uint64_t *values = bytes ? column->parts[0].values : NULL;
    const uint16_t *symbols = view->symbols;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t value = is_by_symbol ? by_symbol[symbols[i]] : 0;
        if (bytes)
            value |= values[bytes[i]];
        store_word(&ticks[place_at(view->places, is_dense, i)], word, value);
    }
}

/* False when the word is not that simple. */
static inline bool try_simple_fields(struct qta_block_column *column, struct qta_tick *ticks,
                                     const struct qta_batch_view *view, bool is_dense)
{
    bool is_by_symbol = column->symbol_planes.count > 0;
    if (column->part_count == 0) {
        put_simple_fields(column, ticks, view, NULL, true, is_dense);
        return true;
    }
    struct qta_block_part *part = &column->parts[0];
    const uint8_t *bytes = qta_byte_planes_single(&part->planes);
    if (column->part_count > 1 || part->mask != 0 || !bytes)
        return false;
    bytes += part->position;
    part->position += view->count;
    if (is_by_symbol)
        put_simple_fields(column, ticks, view, bytes, true, is_dense);
    else
        put_simple_fields(column, ticks, view, bytes, false, is_dense);
    return true;
}

static void put_fields(struct qta_block_batch *batch, struct qta_block_column *column,
                       const struct qta_batch_view *view, bool is_dense)
{
    uint64_t words[BATCH];
    uint64_t values[BATCH];
    size_t first = 0;
    if (is_dense ? try_simple_fields(column, batch->ticks, view, true)
                 : try_simple_fields(column, batch->ticks, view, false))
        return;
    if (column->symbol_planes.count > 0)
        for (size_t i = 0; i < view->count; i++)
            words[i] = column->by_symbol[view->symbols[i]];
    else
        get_values(batch, &column->parts[first++], view->count, words);
    for (; first < column->part_count; first++) {
        get_values(batch, &column->parts[first], view->count, values);
        for (size_t i = 0; i < view->count; i++)
            words[i] |= values[i];
    }
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
        get_raw(column, count, times);
        restore(column, batch, &view, batch->identity, count, times);
        return;
    }
    struct qta_block_mask *mask = &batch->columns->times_mask;
    uint8_t told[BATCH];
    size_t place = mask->position;
    expand_mask(mask, batch->position, count, told);
    for (size_t i = 0; i < count; i++)
        times[i] = column->kept[place += told[i]];
    mask->position = place;
}

/* ---- ticks --------------------------------------------------------------------------------- */

static void put_slot(struct qta_block_batch *batch, struct qta_block_slot *slot,
                     const struct qta_batch_view *view, bool is_dense)
{
    for (size_t i = 0; i < QTA_MASKS_MAX; i++)
        if (slot->masks[i].is_there)
            find_kept(&slot->masks[i], view, slot->position, batch->told[i]);
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

/* All ticks of the batch are of one type, and wanted: they are started word by word, without those
 * words that come anyway. */
static size_t decode_dense(struct qta_block_batch *batch, size_t count)
{
    struct qta_block_slot *slot = &batch->columns->slots[0];
    const uint64_t *symbols = values_of(batch->columns->symbols);
    const uint64_t *kinds = values_of(batch->columns->kinds);
    struct qta_tick *ticks = batch->ticks;
    const uint64_t first_seq = batch->first_seq + batch->position;
    for (size_t pair = 0; pair < QTA_TICK_WORDS / 2; pair++) {
        uint64_t words[2];
        if ((slot->constant_words >> pair * 2 & 3) == 0)
            continue;
        memcpy(words, (const uint8_t *)&slot->absent + pair * sizeof words, sizeof words);
        for (size_t i = 0; i < count; i++)
            memcpy((uint8_t *)&ticks[i] + pair * sizeof words, words, sizeof words);
    }
    for (size_t i = 0; i < count; i++) {
        ticks[i].rx_seq = first_seq + i;
        store_word(&ticks[i], QTA_WORD_TS_RECV, batch->times[i]);
        store_word(&ticks[i], QTA_WORD_SYMBOL, symbols[batch->symbols[i]]);
        store_word(&ticks[i], QTA_WORD_KIND, kinds[batch->kinds[i]]);
    }
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
        struct qta_tick *tick = &batch->ticks[wanted];
        *tick = slot->absent;
        tick->rx_seq = batch->first_seq + batch->position + i;
        store_word(tick, QTA_WORD_TS_RECV, batch->times[i]);
        store_word(tick, QTA_WORD_SYMBOL, symbols[batch->symbols[i]]);
        store_word(tick, QTA_WORD_KIND, kinds[batch->kinds[i]]);
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
