/* begin() checks everything that could lead next() astray: indices are below their dictionaries'
 * ends, each type has as many ticks as the block says and each column as many numbers. next() then
 * runs over small batches that stay in the nearest cache (block_batch.c). */
#include "storage/block_decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/block_batch.h"
#include "storage/block_columns.h"

enum { TEXTS_MAX = QTA_BLOCK_TICKS_MAX * 4, CHECK_BATCH = 256 };

struct qta_block_decoder {
    struct qta_plane_decoder *planes;
    struct qta_block_input input;
    struct qta_block_columns columns;
    struct qta_block_batch batch;

    uint8_t *memory; /* planes and dictionaries */
    size_t memory_bytes;
    uint8_t *text_bytes;
    size_t text_capacity;
    uint32_t *texts; /* by number in the block */
    size_t texts_capacity;
    size_t text_count;
};

enum qta_status qta_block_decoder_create(struct qta_block_decoder **out, struct qta_error *err)
{
    struct qta_block_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    enum qta_status status = qta_plane_decoder_create(&decoder->planes, err);
    if (status != QTA_OK) {
        qta_block_decoder_destroy(decoder);
        return status;
    }
    *out = decoder;
    return QTA_OK;
}

void qta_block_decoder_destroy(struct qta_block_decoder *decoder)
{
    if (!decoder)
        return;
    qta_plane_decoder_destroy(decoder->planes);
    free(decoder->memory);
    free(decoder->text_bytes);
    free(decoder->texts);
    free(decoder);
}

static bool make_room(uint8_t **bytes, size_t *capacity, size_t needed)
{
    if (needed <= *capacity)
        return true;
    uint8_t *grown = realloc(*bytes, needed);
    if (!grown)
        return false;
    *bytes = grown;
    *capacity = needed;
    return true;
}

/* ---- unpacking ----------------------------------------------------------------------------- */

/* Memory for what is unpacked: numbers from the one end, bytes behind them. */
struct room {
    uint64_t *words;
    uint8_t *bytes;
};

static uint64_t *take_words(struct room *room, size_t count)
{
    uint64_t *words = room->words;
    room->words += count;
    return words;
}

static void place_mask(struct qta_block_mask *mask, size_t symbol_count, struct room *room)
{
    if (!mask->is_there)
        return;
    mask->last = take_words(room, symbol_count);
    memset(mask->last, 0, symbol_count * sizeof *mask->last);
}

/* Numbers first, so that they are aligned. */
static void place_words(struct qta_block_columns *columns, struct room *room)
{
    for (size_t i = 0; i < columns->column_count; i++) {
        struct qta_block_column *column = &columns->columns[i];
        if (!column->is_wanted)
            continue;
        if (column->symbol_planes.count > 0)
            column->by_symbol = take_words(room, columns->symbol_count);
        if (column->mask != 0)
            column->kept = take_words(room, column->planes.count + 1);
        for (size_t k = 0; k < column->part_count; k++) {
            struct qta_block_part *part = &column->parts[k];
            part->values = take_words(room, part->value_planes.count);
            if (part->mask != 0)
                part->kept = take_words(room, part->planes.count + 1);
        }
    }
    place_mask(&columns->times_mask, columns->symbol_count, room);
    for (size_t i = 0; i < columns->slot_count; i++)
        for (size_t k = 0; columns->slots[i].is_wanted && k < QTA_MASKS_MAX; k++)
            place_mask(&columns->slots[i].masks[k], columns->symbol_count, room);
    room->bytes = (uint8_t *)room->words;
}

static size_t count_bits(const uint8_t *bytes, size_t bits)
{
    size_t count = 0;
    for (size_t i = 0; i < bits; i += 64) {
        uint64_t word = 0;
        size_t left = bits - i < 64 ? bits - i : 64;
        memcpy(&word, bytes + i / 8, (left + 7) / 8);
        word &= UINT64_MAX >> (64 - left);
        word -= word >> 1 & UINT64_C(0x5555555555555555);
        word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
        word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
        count += word * UINT64_C(0x0101010101010101) >> 56;
    }
    return count;
}

static bool unpack_mask(struct qta_block_decoder *decoder, struct qta_block_mask *mask,
                        size_t count, struct room *room)
{
    if (!mask->is_there)
        return true;
    if (!qta_plane_decoder_unpack(decoder->planes, &mask->planes, &room->bytes))
        return false;
    mask->bits = qta_byte_planes_single(&mask->planes);
    if (!mask->bits) {
        memset(room->bytes, (int)(uint8_t)mask->planes.constant, mask->planes.count);
        mask->bits = room->bytes;
        room->bytes += mask->planes.count;
    }
    mask->told = count_bits(mask->bits, count);
    return true;
}

static bool unpack_masks(struct qta_block_decoder *decoder, struct room *room)
{
    struct qta_block_columns *columns = &decoder->columns;
    if (!unpack_mask(decoder, &columns->times_mask, columns->count, room))
        return false;
    for (size_t i = 0; i < columns->slot_count; i++) {
        struct qta_block_slot *slot = &columns->slots[i];
        for (size_t k = 0; slot->is_wanted && k < QTA_MASKS_MAX; k++)
            if (!unpack_mask(decoder, &slot->masks[k], slot->count, room))
                return false;
    }
    return true;
}

/* Whether all indices are below the dictionary's end. */
static bool indices_fit(const struct qta_byte_planes *planes, size_t value_count)
{
    const uint8_t *bytes = qta_byte_planes_single(planes);
    uint64_t most = 0;
    if (bytes) {
        uint8_t most_byte = 0;
        for (size_t i = 0; i < planes->count; i++)
            most_byte = bytes[i] > most_byte ? bytes[i] : most_byte;
        return most_byte < value_count;
    }
    uint64_t numbers[CHECK_BATCH];
    for (size_t from = 0; from < planes->count; from += CHECK_BATCH) {
        size_t length = planes->count - from < CHECK_BATCH ? planes->count - from : CHECK_BATCH;
        qta_byte_planes_get(planes, from, length, numbers);
        for (size_t i = 0; i < length; i++)
            most = numbers[i] > most ? numbers[i] : most;
    }
    return most < value_count;
}

static enum qta_status unpack_part(struct qta_block_decoder *decoder, struct qta_block_part *part,
                                   struct room *room, struct qta_error *err)
{
    if (!qta_plane_decoder_unpack(decoder->planes, &part->value_planes, &room->bytes) ||
        !qta_plane_decoder_unpack(decoder->planes, &part->planes, &room->bytes))
        return qta_block_damaged(err, "a dictionary does not unpack");
    qta_byte_planes_get(&part->value_planes, 0, part->value_planes.count, part->values);
    part->marks = room->bytes;
    room->bytes += part->value_planes.count;
    if (!indices_fit(&part->planes, part->value_planes.count))
        return qta_block_damaged(err, "an index behind the end of its dictionary");
    return QTA_OK;
}

static enum qta_status unpack_column(struct qta_block_decoder *decoder,
                                     struct qta_block_column *column, struct room *room,
                                     struct qta_error *err)
{
    if (!qta_plane_decoder_unpack(decoder->planes, &column->symbol_planes, &room->bytes) ||
        !qta_plane_decoder_unpack(decoder->planes, &column->planes, &room->bytes))
        return qta_block_damaged(err, "a column does not unpack");
    if (column->symbol_planes.count > 0)
        qta_byte_planes_get(&column->symbol_planes, 0, column->symbol_planes.count,
                            column->by_symbol);
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < column->part_count && status == QTA_OK; i++)
        status = unpack_part(decoder, &column->parts[i], room, err);
    return status;
}

static enum qta_status unpack_columns(struct qta_block_decoder *decoder, struct qta_error *err)
{
    struct qta_block_columns *columns = &decoder->columns;
    if (!make_room(&decoder->memory, &decoder->memory_bytes,
                   columns->needed_bytes + sizeof(uint64_t)))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    struct room room = {.words = (uint64_t *)(void *)decoder->memory};
    place_words(columns, &room);
    if (!unpack_masks(decoder, &room))
        return qta_block_damaged(err, "a mask does not unpack");
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < columns->column_count && status == QTA_OK; i++)
        if (columns->columns[i].is_wanted)
            status = unpack_column(decoder, &columns->columns[i], &room, err);
    assert(room.bytes <= decoder->memory + decoder->memory_bytes);
    return status;
}

/* ---- checks -------------------------------------------------------------------------------- */

/* How many ticks have an index whose value is marked. */
static size_t count_marked(const struct qta_block_part *part)
{
    const uint8_t *bytes = qta_byte_planes_single(&part->planes);
    size_t count = 0;
    if (bytes) {
        uint8_t marks[256] = {0};
        memcpy(marks, part->marks, part->value_planes.count < 256 ? part->value_planes.count : 256);
        for (size_t i = 0; i < part->planes.count; i++)
            count += marks[bytes[i]];
        return count;
    }
    uint64_t indices[CHECK_BATCH];
    for (size_t from = 0; from < part->planes.count; from += CHECK_BATCH) {
        size_t left = part->planes.count - from;
        size_t length = left < CHECK_BATCH ? left : CHECK_BATCH;
        qta_byte_planes_get(&part->planes, from, length, indices);
        for (size_t i = 0; i < length; i++)
            count += part->marks[indices[i]];
    }
    return count;
}

/* Each tick's kind must be one of the block's types, and all types must be as frequent as it says.
 * Leaves the slot of each kind behind it in its dictionary's marks. */
static enum qta_status check_kinds(struct qta_block_columns *columns, struct qta_error *err)
{
    enum { TYPE_SHIFT = 48 };
    struct qta_block_column *kinds = columns->kinds;
    if (kinds->form == QTA_COLUMN_CONSTANT)
        return columns->slot_count == 1 &&
                       columns->slot_of_type[kinds->base >> TYPE_SHIFT & 0xff] != 0
                   ? QTA_OK
                   : qta_block_damaged(err, "a tick of another type");
    struct qta_block_part *part = &kinds->parts[0];
    for (size_t slot = 0; slot < columns->slot_count; slot++) {
        for (size_t i = 0; i < part->value_planes.count; i++) {
            unsigned type = part->values[i] >> TYPE_SHIFT & 0xff;
            if (columns->slot_of_type[type] == 0)
                return qta_block_damaged(err, "a tick of another type");
            part->marks[i] = columns->slot_of_type[type] == slot + 1;
        }
        if (count_marked(part) != columns->slots[slot].count)
            return qta_block_damaged(err, "counts of types");
    }
    for (size_t i = 0; i < part->value_planes.count; i++)
        part->marks[i] = (uint8_t)(columns->slot_of_type[part->values[i] >> TYPE_SHIFT & 0xff] - 1);
    return QTA_OK;
}

static uint64_t bits_of(const uint64_t *values, size_t count)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= values[i];
    return bits;
}

/* A field comes from one place only: its ids can then be translated there. */
static bool parts_are_apart(const struct qta_block_column *column, size_t symbol_count,
                            const struct qta_block_layout *layout)
{
    uint64_t bits[1 + QTA_PARTS_MAX] = {0};
    if (column->symbol_planes.count > 0)
        bits[0] = bits_of(column->by_symbol, symbol_count);
    for (size_t i = 0; i < column->part_count; i++)
        bits[1 + i] = bits_of(column->parts[i].values, column->parts[i].value_planes.count);
    for (size_t unit = 0; unit < layout->unit_counts[column->word]; unit++) {
        size_t places = 0;
        for (size_t i = 0; i <= column->part_count; i++)
            places += (bits[i] & layout->units[column->word][unit].mask) != 0;
        if (places > 1)
            return false;
    }
    return true;
}

/* Whether a column has so many numbers as there are ticks whose exponents are not null. */
static bool nulls_fit(const struct qta_block_slot *slot, const struct qta_block_column *column,
                      size_t symbol_count)
{
    const struct qta_block_column *fields = slot->by_word[column->exponent_byte / 8];
    const uint64_t null = (uint8_t)(int8_t)QTA_DECIMAL_NULL_EXPONENT;
    unsigned shift = column->exponent_byte % 8 * 8;
    uint64_t word;
    memcpy(&word, (const uint8_t *)&slot->absent + (column->exponent_byte & ~7U), sizeof word);
    if (fields && fields->form == QTA_COLUMN_CONSTANT)
        word = fields->base;
    size_t null_count = (word >> shift & 0xff) == null ? slot->count : 0;
    if (!fields || fields->form == QTA_COLUMN_CONSTANT)
        return slot->count - null_count == column->planes.count;
    /* in ticks with nulls, exponents are in one part */
    if (fields->symbol_planes.count > 0 &&
        (bits_of(fields->by_symbol, symbol_count) >> shift & 0xff) != 0)
        return false;
    null_count = 0;
    for (size_t i = 0; i < fields->part_count; i++) {
        struct qta_block_part *part = &fields->parts[i];
        if ((bits_of(part->values, part->value_planes.count) >> shift & 0xff) == 0)
            continue;
        if (part->mask != 0)
            return false;
        for (size_t k = 0; k < part->value_planes.count; k++)
            part->marks[k] = (part->values[k] >> shift & 0xff) == null;
        null_count = count_marked(part);
    }
    return slot->count - null_count == column->planes.count;
}

static bool column_is_fine(const struct qta_block_columns *columns,
                           const struct qta_block_slot *slot, const struct qta_block_column *column)
{
    const struct qta_block_layout *layout = qta_block_layout_of(slot->type);
    if (column->form == QTA_COLUMN_NUMBERS && (column->flags & QTA_COLUMN_SKIP_NULL) != 0 &&
        !nulls_fit(slot, column, columns->symbol_count))
        return false;
    if (column->mask != 0 && slot->masks[column->mask - 1].told != column->planes.count)
        return false;
    for (size_t i = 0; i < column->part_count; i++) {
        const struct qta_block_part *part = &column->parts[i];
        if (part->mask != 0 && slot->masks[part->mask - 1].told != part->planes.count)
            return false;
    }
    return layout->forms[column->word] != QTA_WORD_FIELDS ||
           parts_are_apart(column, columns->symbol_count, layout);
}

static enum qta_status check_columns(const struct qta_block_columns *columns, struct qta_error *err)
{
    const struct qta_block_column *times = columns->times;
    if (times && times->mask != 0 && columns->times_mask.told != times->planes.count)
        return qta_block_damaged(err, "counts of times");
    for (size_t i = 0; i < columns->slot_count; i++) {
        const struct qta_block_slot *slot = &columns->slots[i];
        for (size_t word = 0; slot->is_wanted && word < QTA_TICK_WORDS; word++)
            if (slot->by_word[word] && !column_is_fine(columns, slot, slot->by_word[word]))
                return qta_block_damaged(err, "a column's counts or parts");
    }
    return QTA_OK;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool translate_part(struct qta_block_decoder *decoder, enum qta_name_kind kind,
                           uint64_t *value, unsigned shift, unsigned bits)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint32_t id = (uint32_t)(*value >> shift & mask);
    uint32_t ours = id;
    if (!qta_id_has_name(kind, id))
        return true;
    if (kind == QTA_NAME_TEXT) {
        if (id > decoder->text_count)
            return false;
        ours = decoder->texts[id];
    } else if (decoder->input.translate &&
               !decoder->input.translate(decoder->input.user, kind, id, &ours)) {
        return false;
    }
    *value = (*value & ~(mask << shift)) | ((uint64_t)ours & mask) << shift;
    return true;
}

/* Ids of one kind in all values of a column. */
static bool translate_ids(struct qta_block_decoder *decoder, struct qta_block_column *column,
                          enum qta_name_kind kind, unsigned shift, unsigned bits)
{
    if (column->form == QTA_COLUMN_CONSTANT)
        return translate_part(decoder, kind, &column->base, shift, bits);
    for (size_t i = 0; column->symbol_planes.count > 0 && i < decoder->columns.symbol_count; i++)
        if (!translate_part(decoder, kind, &column->by_symbol[i], shift, bits))
            return false;
    for (size_t i = 0; i < column->part_count; i++)
        for (size_t k = 0; k < column->parts[i].value_planes.count; k++)
            if (!translate_part(decoder, kind, &column->parts[i].values[k], shift, bits))
                return false;
    return true;
}

/* The codes and texts in the values of a column of fields. */
static bool translate_fields(struct qta_block_decoder *decoder, unsigned type,
                             struct qta_block_column *column)
{
    const struct qta_tick_names *names = qta_tick_names_of(type);
    for (size_t i = 0; i < names->code_count; i++)
        if (names->codes[i] / 8 == column->word &&
            !translate_ids(decoder, column, QTA_NAME_CODE, names->codes[i] % 8 * 8, 16))
            return false;
    for (size_t i = 0; i < names->text_count; i++)
        if (names->texts[i] / 8 == column->word &&
            !translate_ids(decoder, column, QTA_NAME_TEXT, names->texts[i] % 8 * 8, 32))
            return false;
    return true;
}

static bool translate_common(struct qta_block_decoder *decoder)
{
    enum { PROVIDER_SHIFT = 32, PROVIDER_BITS = 16, SYMBOL_BITS = 32 };
    struct qta_block_columns *columns = &decoder->columns;
    return translate_ids(decoder, columns->kinds, QTA_NAME_PROVIDER, PROVIDER_SHIFT,
                         PROVIDER_BITS) &&
           (!columns->symbols ||
            translate_ids(decoder, columns->symbols, QTA_NAME_SYMBOL, 0, SYMBOL_BITS));
}

static enum qta_status translate_all(struct qta_block_decoder *decoder, struct qta_error *err)
{
    bool is_fine = translate_common(decoder);
    for (size_t i = 0; is_fine && i < decoder->columns.slot_count; i++) {
        struct qta_block_slot *slot = &decoder->columns.slots[i];
        const struct qta_block_layout *layout = qta_block_layout_of(slot->type);
        for (size_t word = QTA_WORD_BODY; slot->is_wanted && word < QTA_TICK_WORDS; word++)
            if (slot->by_word[word] && layout->forms[word] == QTA_WORD_FIELDS &&
                !translate_fields(decoder, slot->type, slot->by_word[word]))
                is_fine = false;
    }
    return is_fine ? QTA_OK : qta_block_damaged(err, "a name that is not told");
}

static enum qta_status take_texts(struct qta_block_decoder *decoder,
                                  struct qta_packed_reader *reader, struct qta_error *err)
{
    uint64_t count = qta_packed_reader_take_varint(reader);
    uint64_t length = count > 0 ? qta_packed_reader_take_varint(reader) : 0;
    decoder->text_count = 0;
    if (reader->is_short || count > TEXTS_MAX || length > QTA_BLOCK_TEXT_BYTES_MAX ||
        count > length + (count == 0))
        return qta_block_damaged(err, "texts");
    uint8_t *texts = (uint8_t *)decoder->texts;
    size_t texts_bytes = decoder->texts_capacity;
    bool has_room = make_room(&texts, &texts_bytes, ((size_t)count + 1) * sizeof *decoder->texts) &&
                    make_room(&decoder->text_bytes, &decoder->text_capacity, (size_t)length + 1);
    decoder->texts = (uint32_t *)(void *)texts;
    decoder->texts_capacity = texts_bytes;
    if (!has_room)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    if (count > 0 && !qta_plane_decoder_unpack_bytes(decoder->planes, reader, decoder->text_bytes,
                                                     (size_t)length))
        return qta_block_damaged(err, "texts do not unpack");
    struct qta_packed_reader inner = qta_packed_reader_make(decoder->text_bytes, (size_t)length);
    for (uint32_t number = 1; number <= count; number++) {
        uint64_t text_length = qta_packed_reader_take_varint(&inner);
        const uint8_t *text = text_length <= QTA_NAME_MAX_BYTES
                                  ? qta_packed_reader_take(&inner, (size_t)text_length)
                                  : NULL;
        if (!text)
            return qta_block_damaged(err, "texts");
        decoder->texts[number] = decoder->input.intern_text
                                     ? decoder->input.intern_text(decoder->input.user,
                                                                  (const char *)text,
                                                                  (size_t)text_length)
                                     : number;
    }
    decoder->text_count = (size_t)count;
    return inner.position == inner.length ? QTA_OK : qta_block_damaged(err, "texts");
}

/* ---- what is kept -------------------------------------------------------------------------- */

static void spread_part(struct qta_block_part *part)
{
    part->kept[0] = 0;
    qta_byte_planes_get(&part->planes, 0, part->planes.count, part->kept + 1);
    for (size_t i = 1; i <= part->planes.count; i++)
        part->kept[i] = part->values[part->kept[i]];
}

static void spread_column(struct qta_block_column *column)
{
    uint64_t *kept = column->kept;
    uint64_t number = column->previous;
    bool is_zigzag = (column->flags & QTA_COLUMN_ZIGZAG) != 0;
    kept[0] = number;
    qta_byte_planes_get(&column->planes, 0, column->planes.count, kept + 1);
    for (size_t i = 1; i <= column->planes.count; i++) {
        uint64_t difference = is_zigzag ? qta_unzigzag(kept[i]) : kept[i] + column->base;
        number = column->predictor == QTA_PREDICT_PREVIOUS ? number + difference : difference;
        kept[i] = number;
    }
}

/* Values that ticks keep are looked up again and again: they are made once. */
static void spread_kept(struct qta_block_columns *columns)
{
    for (size_t i = 0; i < columns->column_count; i++) {
        struct qta_block_column *column = &columns->columns[i];
        if (!column->is_wanted)
            continue;
        if (column->mask != 0)
            spread_column(column);
        for (size_t k = 0; k < column->part_count; k++)
            if (column->parts[k].mask != 0)
                spread_part(&column->parts[k]);
    }
}

/* ---- begin and next ------------------------------------------------------------------------ */

/* What is the same in all ticks of a type goes into its template, the rest into its list: fields
 * first, because numbers ask for exponents. */
static void plan_slots(struct qta_block_columns *columns)
{
    for (size_t i = 0; i < columns->slot_count; i++) {
        struct qta_block_slot *slot = &columns->slots[i];
        const struct qta_block_layout *layout = qta_block_layout_of(slot->type);
        slot->column_count = 0;
        slot->constant_words = (1U << QTA_TICK_WORDS) - 1;
        slot->constant_words &= ~(1U << QTA_WORD_RX_SEQ | 1U << QTA_WORD_TS_RECV |
                                  1U << QTA_WORD_SYMBOL | 1U << QTA_WORD_KIND);
        for (int form = QTA_WORD_FIELDS; form >= QTA_WORD_NUMBER; form--)
            for (size_t k = 0; k < columns->column_count; k++) { /* in their order: pairs need it */
                struct qta_block_column *column = &columns->columns[k];
                if (slot->by_word[column->word] != column || layout->forms[column->word] != form)
                    continue;
                bool leaves_nulls = (column->flags & QTA_COLUMN_SKIP_NULL) != 0;
                if (column->form != QTA_COLUMN_CONSTANT && !leaves_nulls)
                    slot->constant_words &= ~(1U << column->word);
                if (column->form == QTA_COLUMN_CONSTANT)
                    memcpy((uint8_t *)&slot->absent + column->word * sizeof column->base,
                           &column->base, sizeof column->base);
                else
                    slot->columns[slot->column_count++] = column;
            }
    }
}

/* Ids that are texts, in words of numbers: fields have been translated in their dictionaries. */
static uint32_t translate_text(void *user, enum qta_name_kind kind, uint32_t id)
{
    (void)kind;
    const struct qta_block_decoder *decoder = user;
    return id <= decoder->text_count ? decoder->texts[id] : QTA_NAME_OTHER;
}

enum qta_status qta_block_decoder_begin(struct qta_block_decoder *decoder,
                                        const struct qta_block_input *input, struct qta_error *err)
{
    struct qta_packed_reader reader = qta_packed_reader_make(input->payload, input->length);
    struct qta_block_columns *columns = &decoder->columns;
    decoder->input = *input;
    columns->count = input->count;
    columns->types = input->types;
    qta_block_batch_end(&decoder->batch); /* nothing to read until all is checked */
    if (input->count == 0 || input->count > QTA_BLOCK_TICKS_MAX)
        return qta_block_damaged(err, "its count");
    enum qta_status status = qta_block_columns_parse(columns, &reader, err);
    if (status == QTA_OK)
        status = take_texts(decoder, &reader, err);
    if (status == QTA_OK && (reader.is_short || reader.position != reader.length))
        status = qta_block_damaged(err, "its length");
    if (status == QTA_OK)
        status = unpack_columns(decoder, err);
    if (status == QTA_OK)
        status = check_kinds(columns, err);
    if (status == QTA_OK)
        status = check_columns(columns, err);
    if (status == QTA_OK)
        status = translate_all(decoder, err);
    if (status != QTA_OK)
        return status;
    spread_kept(columns);
    plan_slots(columns);
    qta_block_batch_begin(&decoder->batch, columns, input->first_seq,
                          decoder->text_count > 0 ? translate_text : NULL, decoder);
    return QTA_OK;
}

size_t qta_block_decoder_next(struct qta_block_decoder *decoder, struct qta_tick *ticks,
                              size_t capacity)
{
    return qta_block_batch_next(&decoder->batch, ticks, capacity);
}
