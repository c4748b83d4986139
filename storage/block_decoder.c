/* begin() checks everything that could lead next() astray: indices are below their dictionaries'
 * ends, each type has as many ticks as the block says and each column as many numbers. next() then
 * runs over small batches that stay in the nearest cache. */
#include "storage/block_decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/byte_planes.h"

enum {
    TYPES_MAX = 32,
    COLUMNS_MAX = TYPES_MAX * QTA_TICK_WORDS,
    BATCH = 128,
    TEXTS_MAX = QTA_BLOCK_TICKS_MAX * 4,
};

struct column {
    uint8_t word;
    uint8_t form;
    uint8_t predictor;
    uint8_t flags;
    int8_t exponent;       /* what mantissas are scaled to */
    uint8_t exponent_byte; /* of the tick; 0: no mantissa */
    bool is_wanted;
    uint64_t base; /* or the constant */
    uint64_t previous;
    size_t position;
    struct qta_byte_planes planes; /* numbers, or indices */
    struct qta_byte_planes value_planes;
    uint64_t *values; /* a dictionary, or each symbol's last number */
    uint8_t *is_null; /* of a dictionary's values: scratch for checks */
};

/* One type of tick of the block. */
struct slot {
    uint8_t type;
    bool is_wanted;
    size_t count;
    struct qta_tick absent;                 /* constant columns filled in */
    struct column *columns[QTA_TICK_WORDS]; /* what varies, in order */
    size_t column_count;
    struct column *by_word[QTA_TICK_WORDS]; /* all that are there */
    /* of the batch at hand */
    size_t batch_count;
    uint16_t places[BATCH];  /* in the caller's array */
    uint16_t sources[BATCH]; /* in the batch */
};

struct qta_block_decoder {
    struct qta_plane_decoder *planes;
    struct qta_block_input input;
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    struct slot slots[TYPES_MAX];
    size_t slot_count;
    uint8_t slot_of_type[256]; /* plus one */
    struct column *kinds;      /* of all types; NULL when absent */
    struct column *symbols;
    struct column *times;
    size_t symbol_count;
    uint8_t *kind_slots; /* by index in the dictionary of kinds */
    size_t position;

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

static enum qta_status damaged(struct qta_error *err, const char *what)
{
    return qta_error_set(err, QTA_ERR_DAMAGED, "its content makes no sense (%s)", what);
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

/* ---- taking the payload apart -------------------------------------------------------------- */

static enum qta_status parse_types(struct qta_block_decoder *decoder,
                                   struct qta_packed_reader *reader, struct qta_error *err)
{
    size_t total = 0;
    size_t slot_count = qta_packed_reader_take_u8(reader);
    decoder->slot_count = 0;
    memset(decoder->slot_of_type, 0, sizeof decoder->slot_of_type);
    if (slot_count == 0 || slot_count > TYPES_MAX)
        return damaged(err, "types");
    for (size_t i = 0; i < slot_count; i++) {
        struct slot *slot = &decoder->slots[i];
        memset(slot, 0, sizeof *slot);
        slot->type = qta_packed_reader_take_u8(reader);
        uint64_t count = qta_packed_reader_take_varint(reader);
        if (slot->type == QTA_TICK_NONE || decoder->slot_of_type[slot->type] != 0 || count == 0 ||
            count > decoder->input.count - total)
            return damaged(err, "types");
        slot->count = (size_t)count;
        total += slot->count;
        decoder->slot_of_type[slot->type] = (uint8_t)(i + 1);
        slot->is_wanted = slot->type < QTA_TICK_TYPE_END &&
                          (decoder->input.types & QTA_TYPE_BIT(slot->type)) != 0;
        if (slot->type < QTA_TICK_TYPE_END)
            qta_tick_init(&slot->absent, (enum qta_tick_type)slot->type);
    }
    decoder->slot_count = slot_count;
    return total == decoder->input.count ? QTA_OK : damaged(err, "counts of types");
}

static enum qta_status parse_dictionary(struct column *column, size_t count,
                                        struct qta_packed_reader *reader, size_t *needed,
                                        struct qta_error *err)
{
    uint64_t value_count = qta_packed_reader_take_varint(reader);
    if (value_count == 0 || value_count > count ||
        !qta_byte_planes_parse(&column->value_planes, (size_t)value_count, reader, needed) ||
        !qta_byte_planes_parse(&column->planes, count, reader, needed))
        return damaged(err, "a dictionary");
    *needed += (size_t)value_count * (sizeof(uint64_t) + sizeof(uint8_t));
    return QTA_OK;
}

static enum qta_status parse_numbers(struct column *column, size_t count, size_t symbol_count,
                                     struct qta_packed_reader *reader, size_t *needed,
                                     struct qta_error *err)
{
    const unsigned known_flags = QTA_COLUMN_ZIGZAG | QTA_COLUMN_SKIP_NULL | QTA_COLUMN_SCALED;
    column->predictor = qta_packed_reader_take_u8(reader);
    column->flags = qta_packed_reader_take_u8(reader);
    column->exponent = (int8_t)qta_packed_reader_take_u8(reader);
    uint64_t number_count = qta_packed_reader_take_varint(reader);
    column->base = qta_packed_reader_take_u64(reader);
    bool is_mantissa = column->exponent_byte != 0;
    bool skips = (column->flags & QTA_COLUMN_SKIP_NULL) != 0;
    bool has_times = column->word == QTA_WORD_TS_EVENT;
    if (column->predictor >= QTA_PREDICTOR_COUNT ||
        (column->predictor == QTA_PREDICT_TS_RECV && !has_times) ||
        (column->flags & ~known_flags) != 0 ||
        (!is_mantissa && (column->flags & ~(unsigned)QTA_COLUMN_ZIGZAG) != 0) ||
        number_count == 0 || number_count > count || (!skips && number_count != count))
        return damaged(err, "a column's head");
    column->previous = column->predictor == QTA_PREDICT_PREVIOUS
                           ? qta_packed_reader_take_u64(reader)
                           : 0;
    if (column->predictor == QTA_PREDICT_SYMBOL) {
        if (!qta_byte_planes_parse(&column->value_planes, symbol_count, reader, needed))
            return damaged(err, "a column's first numbers");
        *needed += symbol_count * sizeof(uint64_t);
    }
    if (!qta_byte_planes_parse(&column->planes, (size_t)number_count, reader, needed))
        return damaged(err, "a column's numbers");
    return QTA_OK;
}

/* Whose column it is, and whether it can be there: NULL for the words of all types. */
static bool place_column(struct qta_block_decoder *decoder, unsigned type, struct column *column,
                         struct slot **owner)
{
    *owner = NULL;
    column->is_wanted = true;
    if (type == QTA_COLUMN_ALL_TYPES) {
        struct column **place = column->word == QTA_WORD_KIND      ? &decoder->kinds
                                : column->word == QTA_WORD_SYMBOL  ? &decoder->symbols
                                : column->word == QTA_WORD_TS_RECV ? &decoder->times
                                                                   : NULL;
        if (!place || *place)
            return false;
        *place = column;
        return column->word == QTA_WORD_TS_RECV || column->form != QTA_COLUMN_NUMBERS;
    }
    unsigned index = decoder->slot_of_type[type];
    if (index == 0 || column->word >= QTA_TICK_WORDS)
        return false;
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    struct slot *slot = &decoder->slots[index - 1];
    bool is_own_word = column->word == QTA_WORD_TS_EVENT || column->word == QTA_WORD_SRC_SEQ ||
                       column->word >= QTA_WORD_BODY;
    if (!is_own_word || layout->forms[column->word] == QTA_WORD_ABSENT ||
        slot->by_word[column->word])
        return false;
    if (layout->forms[column->word] == QTA_WORD_FIELDS && column->form == QTA_COLUMN_NUMBERS)
        return false;
    slot->by_word[column->word] = column;
    column->exponent_byte = layout->exponents[column->word];
    column->is_wanted = slot->is_wanted;
    *owner = slot;
    return true;
}

static enum qta_status parse_column(struct qta_block_decoder *decoder,
                                    struct qta_packed_reader *reader, size_t *needed,
                                    struct qta_error *err)
{
    struct column *column = &decoder->columns[decoder->column_count];
    memset(column, 0, sizeof *column);
    unsigned type = qta_packed_reader_take_u8(reader);
    column->word = qta_packed_reader_take_u8(reader);
    column->form = qta_packed_reader_take_u8(reader);
    struct slot *slot;
    if (reader->is_short || !place_column(decoder, type, column, &slot))
        return damaged(err, "a column");
    decoder->column_count++;
    size_t count = slot ? slot->count : decoder->input.count;
    size_t ignored = 0;
    if (!column->is_wanted)
        needed = &ignored;
    enum qta_status status = QTA_OK;
    if (column->form == QTA_COLUMN_CONSTANT)
        column->base = qta_packed_reader_take_u64(reader);
    else if (column->form == QTA_COLUMN_DICTIONARY)
        status = parse_dictionary(column, count, reader, needed, err);
    else if (column->form == QTA_COLUMN_NUMBERS)
        status = parse_numbers(column, count, decoder->symbol_count, reader, needed, err);
    else
        status = damaged(err, "a column's form");
    if (status == QTA_OK && column == decoder->symbols && column->form == QTA_COLUMN_DICTIONARY)
        decoder->symbol_count = column->value_planes.count;
    return status;
}

static enum qta_status parse_columns(struct qta_block_decoder *decoder,
                                     struct qta_packed_reader *reader, size_t *needed,
                                     struct qta_error *err)
{
    size_t count = qta_packed_reader_take_u16(reader);
    decoder->column_count = 0;
    decoder->kinds = NULL;
    decoder->symbols = NULL;
    decoder->times = NULL;
    decoder->symbol_count = 1;
    if (count > COLUMNS_MAX)
        return damaged(err, "columns");
    for (size_t i = 0; i < count; i++) {
        enum qta_status status = parse_column(decoder, reader, needed, err);
        if (status != QTA_OK)
            return status;
    }
    if (reader->is_short || !decoder->kinds)
        return damaged(err, "columns");
    return QTA_OK;
}

/* ---- unpacking ----------------------------------------------------------------------------- */

static uint64_t index_at(const struct qta_byte_planes *planes, size_t position)
{
    uint64_t number;
    qta_byte_planes_get(planes, position, 1, &number);
    return number;
}

/* The bytes of planes that are numbers below 256 as they lie; NULL when they are more. */
static const uint8_t *single_plane(const struct qta_byte_planes *planes)
{
    bool is_single = planes->plane_count == 1 && planes->shifts[0] == 0 && planes->constant == 0;
    return is_single ? planes->bytes[0] : NULL;
}

/* Whether all indices are below the dictionary's end. */
static bool indices_fit(const struct qta_byte_planes *planes, size_t value_count)
{
    const uint8_t *bytes = single_plane(planes);
    if (bytes) {
        uint8_t most_byte = 0;
        for (size_t i = 0; i < planes->count; i++)
            most_byte = bytes[i] > most_byte ? bytes[i] : most_byte;
        return most_byte < value_count;
    }
    uint64_t numbers[BATCH];
    uint64_t most = 0;
    for (size_t from = 0; from < planes->count; from += BATCH) {
        size_t length = planes->count - from < BATCH ? planes->count - from : BATCH;
        qta_byte_planes_get(planes, from, length, numbers);
        for (size_t i = 0; i < length; i++)
            most = numbers[i] > most ? numbers[i] : most;
    }
    return most < value_count;
}

static enum qta_status unpack_columns(struct qta_block_decoder *decoder, size_t needed,
                                      struct qta_error *err)
{
    if (!make_room(&decoder->memory, &decoder->memory_bytes, needed + sizeof(uint64_t)))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    /* numbers first, so that they are aligned; then bytes */
    uint64_t *words = (uint64_t *)(void *)decoder->memory;
    for (size_t i = 0; i < decoder->column_count; i++)
        if (decoder->columns[i].is_wanted) {
            decoder->columns[i].values = words;
            words += decoder->columns[i].value_planes.count;
        }
    uint8_t *bytes = (uint8_t *)words;
    for (size_t i = 0; i < decoder->column_count; i++) {
        struct column *column = &decoder->columns[i];
        if (!column->is_wanted)
            continue;
        if (!qta_plane_decoder_unpack(decoder->planes, &column->value_planes, &bytes) ||
            !qta_plane_decoder_unpack(decoder->planes, &column->planes, &bytes))
            return damaged(err, "a column does not unpack");
        qta_byte_planes_get(&column->value_planes, 0, column->value_planes.count, column->values);
        if (column->form != QTA_COLUMN_DICTIONARY)
            continue;
        column->is_null = bytes;
        bytes += column->value_planes.count;
        if (!indices_fit(&column->planes, column->value_planes.count))
            return damaged(err, "an index behind the end of its dictionary");
    }
    assert(bytes <= decoder->memory + decoder->memory_bytes);
    return QTA_OK;
}

/* The values of a column of fields: a dictionary, or one constant. */
static size_t field_values(struct column *column, uint64_t **values)
{
    if (column->form == QTA_COLUMN_CONSTANT) {
        *values = &column->base;
        return 1;
    }
    *values = column->values;
    return column->value_planes.count;
}

static uint64_t *values_of(struct column *column)
{
    return column->form == QTA_COLUMN_CONSTANT ? &column->base : column->values;
}

/* Each tick's kind must be one of the block's types, and all types must be as frequent as it says.
 */
static enum qta_status check_kinds(struct qta_block_decoder *decoder, struct qta_error *err)
{
    struct column *kinds = decoder->kinds;
    size_t counts[TYPES_MAX] = {0};
    uint64_t *values;
    size_t value_count = field_values(kinds, &values);
    static uint8_t no_slots;
    decoder->kind_slots = kinds->form == QTA_COLUMN_DICTIONARY ? kinds->is_null : &no_slots;
    for (size_t i = 0; i < value_count; i++) {
        unsigned slot = decoder->slot_of_type[values[i] >> 48 & 0xff];
        if (slot == 0)
            return damaged(err, "a tick of another type");
        if (kinds->form == QTA_COLUMN_DICTIONARY)
            decoder->kind_slots[i] = (uint8_t)(slot - 1);
        else
            counts[slot - 1] = decoder->input.count;
    }
    if (kinds->form == QTA_COLUMN_DICTIONARY)
        for (size_t i = 0; i < decoder->input.count; i++)
            counts[decoder->kind_slots[index_at(&kinds->planes, i)]]++;
    for (size_t i = 0; i < decoder->slot_count; i++)
        if (counts[i] != decoder->slots[i].count)
            return damaged(err, "counts of types");
    return QTA_OK;
}

/* How many ticks of a slot have a mantissa, by the exponents in another column. */
static size_t count_not_null(const struct slot *slot, unsigned exponent_byte)
{
    struct column *fields = slot->by_word[exponent_byte / 8];
    unsigned shift = exponent_byte % 8 * 8;
    const uint8_t null = (uint8_t)(int8_t)QTA_DECIMAL_NULL_EXPONENT;
    if (!fields)
        return ((const uint8_t *)&slot->absent)[exponent_byte] == null ? 0 : slot->count;
    if (fields->form == QTA_COLUMN_CONSTANT)
        return (uint8_t)(fields->base >> shift) == null ? 0 : slot->count;
    for (size_t i = 0; i < fields->value_planes.count; i++)
        fields->is_null[i] = (uint8_t)(fields->values[i] >> shift) == null;
    size_t count = 0;
    uint64_t indices[BATCH];
    for (size_t from = 0; from < slot->count; from += BATCH) {
        size_t length = slot->count - from < BATCH ? slot->count - from : BATCH;
        qta_byte_planes_get(&fields->planes, from, length, indices);
        for (size_t i = 0; i < length; i++)
            count += !fields->is_null[indices[i]];
    }
    return count;
}

static enum qta_status check_nulls(struct qta_block_decoder *decoder, struct qta_error *err)
{
    for (size_t i = 0; i < decoder->slot_count; i++) {
        struct slot *slot = &decoder->slots[i];
        for (size_t word = 0; slot->is_wanted && word < QTA_TICK_WORDS; word++) {
            struct column *column = slot->by_word[word];
            if (column && column->form == QTA_COLUMN_NUMBERS &&
                (column->flags & QTA_COLUMN_SKIP_NULL) != 0 &&
                count_not_null(slot, column->exponent_byte) != column->planes.count)
                return damaged(err, "a column's count");
        }
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

/* The codes and texts in the values of a column of fields. */
static bool translate_fields(struct qta_block_decoder *decoder, unsigned type,
                             struct column *column)
{
    const struct qta_tick_names *names = qta_tick_names_of(type);
    uint64_t *values;
    size_t count = field_values(column, &values);
    for (size_t i = 0; i < names->code_count; i++) {
        if (names->codes[i] / 8 != column->word)
            continue;
        for (size_t k = 0; k < count; k++)
            if (!translate_part(decoder, QTA_NAME_CODE, &values[k], names->codes[i] % 8 * 8, 16))
                return false;
    }
    for (size_t i = 0; i < names->text_count; i++) {
        if (names->texts[i] / 8 != column->word)
            continue;
        for (size_t k = 0; k < count; k++)
            if (!translate_part(decoder, QTA_NAME_TEXT, &values[k], names->texts[i] % 8 * 8, 32))
                return false;
    }
    return true;
}

static bool translate_common(struct qta_block_decoder *decoder)
{
    enum { PROVIDER_SHIFT = 32, PROVIDER_BITS = 16, SYMBOL_BITS = 32 };
    uint64_t *values;
    size_t count = field_values(decoder->kinds, &values);
    for (size_t i = 0; i < count; i++)
        if (!translate_part(decoder, QTA_NAME_PROVIDER, &values[i], PROVIDER_SHIFT, PROVIDER_BITS))
            return false;
    count = decoder->symbols ? field_values(decoder->symbols, &values) : 0;
    for (size_t i = 0; i < count; i++)
        if (!translate_part(decoder, QTA_NAME_SYMBOL, &values[i], 0, SYMBOL_BITS))
            return false;
    return true;
}

static enum qta_status translate_all(struct qta_block_decoder *decoder, struct qta_error *err)
{
    bool is_fine = translate_common(decoder);
    for (size_t i = 0; is_fine && i < decoder->slot_count; i++) {
        struct slot *slot = &decoder->slots[i];
        const struct qta_block_layout *layout = qta_block_layout_of(slot->type);
        for (size_t word = QTA_WORD_BODY; slot->is_wanted && word < QTA_TICK_WORDS; word++)
            if (slot->by_word[word] && layout->forms[word] == QTA_WORD_FIELDS &&
                !translate_fields(decoder, slot->type, slot->by_word[word]))
                is_fine = false;
    }
    return is_fine ? QTA_OK : damaged(err, "a name that is not told");
}

static enum qta_status take_texts(struct qta_block_decoder *decoder,
                                  struct qta_packed_reader *reader, struct qta_error *err)
{
    uint64_t count = qta_packed_reader_take_varint(reader);
    uint64_t length = count > 0 ? qta_packed_reader_take_varint(reader) : 0;
    decoder->text_count = 0;
    if (reader->is_short || count > TEXTS_MAX || length > QTA_BLOCK_TEXT_BYTES_MAX ||
        count > length + (count == 0))
        return damaged(err, "texts");
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
        return damaged(err, "texts do not unpack");
    struct qta_packed_reader inner = qta_packed_reader_make(decoder->text_bytes, (size_t)length);
    for (uint32_t number = 1; number <= count; number++) {
        uint64_t text_length = qta_packed_reader_take_varint(&inner);
        const uint8_t *text = text_length <= QTA_NAME_MAX_BYTES
                                  ? qta_packed_reader_take(&inner, (size_t)text_length)
                                  : NULL;
        if (!text)
            return damaged(err, "texts");
        decoder->texts[number] = decoder->input.intern_text
                                     ? decoder->input.intern_text(decoder->input.user,
                                                                  (const char *)text,
                                                                  (size_t)text_length)
                                     : number;
    }
    decoder->text_count = (size_t)count;
    return inner.position == inner.length ? QTA_OK : damaged(err, "texts");
}

/* ---- begin --------------------------------------------------------------------------------- */

/* What is the same in all ticks of a type goes into its template, the rest into its list: fields
 * first, because numbers ask for exponents. */
static void plan_slots(struct qta_block_decoder *decoder)
{
    for (size_t i = 0; i < decoder->slot_count; i++) {
        struct slot *slot = &decoder->slots[i];
        const struct qta_block_layout *layout = qta_block_layout_of(slot->type);
        slot->column_count = 0;
        for (int form = QTA_WORD_FIELDS; form >= QTA_WORD_NUMBER; form--)
            for (size_t word = 0; word < QTA_TICK_WORDS; word++) {
                struct column *column = slot->by_word[word];
                if (!column || layout->forms[word] != form)
                    continue;
                if (column->form == QTA_COLUMN_CONSTANT)
                    memcpy((uint8_t *)&slot->absent + word * sizeof column->base, &column->base,
                           sizeof column->base);
                else
                    slot->columns[slot->column_count++] = column;
            }
    }
}

enum qta_status qta_block_decoder_begin(struct qta_block_decoder *decoder,
                                        const struct qta_block_input *input, struct qta_error *err)
{
    struct qta_packed_reader reader = qta_packed_reader_make(input->payload, input->length);
    size_t needed = 0;
    decoder->input = *input;
    decoder->position = input->count; /* nothing to read until all is checked */
    if (input->count == 0 || input->count > QTA_BLOCK_TICKS_MAX)
        return damaged(err, "its count");
    enum qta_status status = parse_types(decoder, &reader, err);
    if (status == QTA_OK)
        status = parse_columns(decoder, &reader, &needed, err);
    if (status == QTA_OK)
        status = take_texts(decoder, &reader, err);
    if (status == QTA_OK && (reader.is_short || reader.position != reader.length))
        status = damaged(err, "its length");
    if (status == QTA_OK)
        status = unpack_columns(decoder, needed, err);
    if (status == QTA_OK)
        status = check_kinds(decoder, err);
    if (status == QTA_OK)
        status = check_nulls(decoder, err);
    if (status == QTA_OK)
        status = translate_all(decoder, err);
    if (status != QTA_OK)
        return status;
    plan_slots(decoder);
    decoder->position = 0;
    return QTA_OK;
}

/* ---- next ---------------------------------------------------------------------------------- */

/* What the batch has in common while its columns are put together. */
struct batch {
    struct qta_tick *ticks; /* of the caller, for what is wanted of the batch */
    size_t from;            /* in the block */
    size_t length;
    uint64_t times[BATCH];
    uint16_t symbols[BATCH]; /* indices in the dictionary */
    uint16_t kinds[BATCH];
};

static inline void store_word(struct qta_tick *tick, size_t word, uint64_t value)
{
    memcpy((uint8_t *)tick + word * sizeof value, &value, sizeof value);
}

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

/* What planes hold of a column of numbers, as differences of the right sign. */
static void get_differences(const struct column *column, size_t from, size_t count,
                            uint64_t *numbers)
{
    qta_byte_planes_get(&column->planes, from, count, numbers);
    if (column->flags & QTA_COLUMN_ZIGZAG)
        for (size_t i = 0; i < count; i++)
            numbers[i] = qta_unzigzag(numbers[i]);
    else if (column->base != 0)
        for (size_t i = 0; i < count; i++)
            numbers[i] += column->base;
}

/* Where a column's values go: tick `places[i]` of the batch gets value i, of tick `sources[i]` of
 * the block. Dense: all three numbers are i, which the compiler then knows. */
struct target {
    const uint16_t *places;
    const uint16_t *sources;
    size_t count;
};

static inline size_t place_of(const struct target *target, bool is_dense, size_t i)
{
    return is_dense ? i : target->places[i];
}

static inline size_t source_of(const struct target *target, bool is_dense, size_t i)
{
    return is_dense ? i : target->sources[i];
}

/* Undoes prediction and puts the numbers where they belong. What the loop needs is taken out of the
 * column first: the compiler cannot know that ticks are not columns. */
static inline void put_restored(struct column *column, const struct batch *batch,
                                const struct target *target, const uint64_t *numbers, bool is_dense,
                                bool is_scaled)
{
    const enum qta_predictor predictor = (enum qta_predictor)column->predictor;
    const size_t count = target->count;
    const size_t word = column->word;
    const size_t exponent_byte = column->exponent_byte;
    const int exponent = column->exponent;
    const uint16_t *symbols = batch->symbols;
    const uint64_t *times = batch->times;
    struct qta_tick *ticks = batch->ticks;
    uint64_t *values = column->values;
    uint64_t previous = column->previous;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = numbers[i];
        struct qta_tick *tick = &ticks[place_of(target, is_dense, i)];
        if (predictor == QTA_PREDICT_PREVIOUS)
            number = previous += number;
        else if (predictor == QTA_PREDICT_SYMBOL)
            number = values[symbols[source_of(target, is_dense, i)]] += number;
        else if (predictor == QTA_PREDICT_TS_RECV)
            number += times[source_of(target, is_dense, i)];
        if (is_scaled) {
            int power = (int8_t)((const uint8_t *)tick)[exponent_byte] - exponent;
            if (power != 0)
                number = divide_exactly(number, power);
        }
        store_word(tick, word, number);
    }
    column->previous = previous;
}

static void put_numbers(struct column *column, const struct batch *batch,
                        const struct target *wanted, bool is_dense)
{
    uint64_t numbers[BATCH];
    uint16_t places[BATCH];
    uint16_t sources[BATCH];
    struct target target = *wanted;
    if (column->flags & QTA_COLUMN_SKIP_NULL) {
        target = (struct target){.places = places, .sources = sources};
        for (size_t i = 0; i < wanted->count; i++) {
            size_t place = place_of(wanted, is_dense, i);
            const uint8_t *tick = (const uint8_t *)&batch->ticks[place];
            places[target.count] = (uint16_t)place;
            sources[target.count] = (uint16_t)source_of(wanted, is_dense, i);
            target.count += (int8_t)tick[column->exponent_byte] != QTA_DECIMAL_NULL_EXPONENT;
        }
        is_dense = false;
    }
    get_differences(column, column->position, target.count, numbers);
    column->position += target.count;
    bool is_scaled = (column->flags & QTA_COLUMN_SCALED) != 0;
    if (is_dense && is_scaled)
        put_restored(column, batch, &target, numbers, true, true);
    else if (is_dense)
        put_restored(column, batch, &target, numbers, true, false);
    else
        put_restored(column, batch, &target, numbers, false, is_scaled);
}

static inline void put_fields(struct column *column, const struct batch *batch,
                              const struct target *target, bool is_dense)
{
    const size_t count = target->count;
    const size_t word = column->word;
    const uint64_t *values = column->values;
    const uint8_t *bytes = single_plane(&column->planes);
    struct qta_tick *ticks = batch->ticks;
    if (bytes) {
        bytes += column->position;
        for (size_t i = 0; i < count; i++)
            store_word(&ticks[place_of(target, is_dense, i)], word, values[bytes[i]]);
    } else {
        uint64_t indices[BATCH];
        qta_byte_planes_get(&column->planes, column->position, count, indices);
        for (size_t i = 0; i < count; i++)
            store_word(&ticks[place_of(target, is_dense, i)], word, values[indices[i]]);
    }
    column->position += count;
}

/* The indices that a batch has in a dictionary of all types; all 0 for a constant. */
static void get_indices(const struct column *column, size_t from, size_t length,
                        uint16_t indices[BATCH])
{
    uint64_t numbers[BATCH];
    if (!column || column->form == QTA_COLUMN_CONSTANT) {
        memset(indices, 0, length * sizeof *indices);
        return;
    }
    const uint8_t *bytes = single_plane(&column->planes);
    if (bytes) {
        for (size_t i = 0; i < length; i++)
            indices[i] = bytes[from + i];
        return;
    }
    qta_byte_planes_get(&column->planes, from, length, numbers);
    for (size_t i = 0; i < length; i++)
        indices[i] = (uint16_t)numbers[i];
}

static void get_times(struct column *column, struct batch *batch)
{
    uint64_t numbers[BATCH];
    uint16_t indices[BATCH];
    if (!column || column->form != QTA_COLUMN_NUMBERS) {
        get_indices(column, batch->from, batch->length, indices);
        const uint64_t zero = 0;
        const uint64_t *values = column ? values_of(column) : &zero;
        for (size_t i = 0; i < batch->length; i++)
            batch->times[i] = values[indices[i]];
        return;
    }
    get_differences(column, batch->from, batch->length, numbers);
    for (size_t i = 0; i < batch->length; i++) {
        uint64_t number = numbers[i];
        if (column->predictor == QTA_PREDICT_PREVIOUS)
            number = column->previous += number;
        else if (column->predictor == QTA_PREDICT_SYMBOL)
            number = column->values[batch->symbols[i]] += number;
        batch->times[i] = number;
    }
}

/* Ids that are texts, in words of numbers: fields have been translated in their dictionaries. */
static uint32_t translate_text(void *user, enum qta_name_kind kind, uint32_t id)
{
    (void)kind;
    const struct qta_block_decoder *decoder = user;
    return id <= decoder->text_count ? decoder->texts[id] : QTA_NAME_OTHER;
}

static void translate_text_ids(struct qta_block_decoder *decoder, const struct batch *batch,
                               const struct target *target)
{
    for (size_t i = 0; i < target->count; i++) {
        struct qta_tick *tick = &batch->ticks[target->places[i]];
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            qta_tick_translate_text_ids(tick, translate_text, decoder);
    }
}

static void put_slot(struct qta_block_decoder *decoder, struct slot *slot,
                     const struct batch *batch, bool is_dense)
{
    struct target target = {slot->places, slot->sources, slot->batch_count};
    for (size_t i = 0; i < slot->column_count; i++) {
        struct column *column = slot->columns[i];
        if (column->form == QTA_COLUMN_NUMBERS)
            put_numbers(column, batch, &target, is_dense);
        else if (is_dense)
            put_fields(column, batch, &target, true);
        else
            put_fields(column, batch, &target, false);
    }
    if (decoder->text_count > 0 && qta_tick_names_of(slot->type)->id_count > 0)
        translate_text_ids(decoder, batch, &target);
}

/* The ticks of a block that has one type only, with the words that all types share. */
static void start_dense(struct qta_block_decoder *decoder, const struct batch *batch)
{
    const uint64_t zero = 0;
    const uint64_t *symbols = decoder->symbols ? values_of(decoder->symbols) : &zero;
    const uint64_t *kinds = values_of(decoder->kinds);
    const size_t length = batch->length;
    uint64_t rx_seq = decoder->input.first_seq + batch->from;
    struct qta_tick *ticks = batch->ticks;
    struct qta_tick started = decoder->slots[0].absent;
    for (size_t i = 0; i < length; i++) {
        started.rx_seq = rx_seq++;
        store_word(&started, QTA_WORD_TS_RECV, batch->times[i]);
        store_word(&started, QTA_WORD_SYMBOL, symbols[batch->symbols[i]]);
        store_word(&started, QTA_WORD_KIND, kinds[batch->kinds[i]]);
        ticks[i] = started;
    }
}

/* Makes the wanted ticks of the batch, with the words that all types share; deals them out to their
 * slots. Returns how many there are. */
static size_t start_ticks(struct qta_block_decoder *decoder, const struct batch *batch)
{
    const uint64_t zero = 0;
    const uint64_t *symbols = decoder->symbols ? values_of(decoder->symbols) : &zero;
    const uint64_t *kinds = values_of(decoder->kinds);
    size_t wanted = 0;
    for (size_t i = 0; i < decoder->slot_count; i++)
        decoder->slots[i].batch_count = 0;
    for (size_t i = 0; i < batch->length; i++) {
        struct slot *slot = &decoder->slots[decoder->kind_slots[batch->kinds[i]]];
        struct qta_tick *tick = &batch->ticks[wanted];
        if (!slot->is_wanted)
            continue;
        *tick = slot->absent;
        tick->rx_seq = decoder->input.first_seq + batch->from + i;
        store_word(tick, QTA_WORD_TS_RECV, batch->times[i]);
        store_word(tick, QTA_WORD_SYMBOL, symbols[batch->symbols[i]]);
        store_word(tick, QTA_WORD_KIND, kinds[batch->kinds[i]]);
        slot->places[slot->batch_count] = (uint16_t)wanted++;
        slot->sources[slot->batch_count++] = (uint16_t)i;
    }
    return wanted;
}

/* So that code for places works where all of them are taken. */
static void fill_places(struct slot *slot, size_t length)
{
    slot->batch_count = length;
    for (uint16_t i = 0; i < length; i++) {
        slot->places[i] = i;
        slot->sources[i] = i;
    }
}

/* One batch; returns how many ticks of the wanted types it had. */
static size_t decode_batch(struct qta_block_decoder *decoder, size_t length, struct qta_tick *ticks)
{
    struct batch batch;
    batch.ticks = ticks;
    batch.from = decoder->position;
    batch.length = length;
    get_indices(decoder->kinds, batch.from, length, batch.kinds);
    get_indices(decoder->symbols, batch.from, length, batch.symbols);
    get_times(decoder->times, &batch);
    decoder->position += length;
    if (decoder->slot_count == 1 && decoder->slots[0].is_wanted) {
        start_dense(decoder, &batch);
        fill_places(&decoder->slots[0], length);
        put_slot(decoder, &decoder->slots[0], &batch, true);
        return length;
    }
    size_t wanted = start_ticks(decoder, &batch);
    for (size_t i = 0; i < decoder->slot_count; i++) {
        struct slot *slot = &decoder->slots[i];
        if (slot->batch_count > 0)
            put_slot(decoder, slot, &batch, slot->batch_count == length);
    }
    return wanted;
}

size_t qta_block_decoder_next(struct qta_block_decoder *decoder, struct qta_tick *ticks,
                              size_t capacity)
{
    size_t count = 0;
    while (count < capacity && decoder->position < decoder->input.count) {
        size_t length = decoder->input.count - decoder->position;
        if (length > BATCH)
            length = BATCH;
        if (length > capacity - count)
            length = capacity - count;
        count += decode_batch(decoder, length, ticks + count);
    }
    return count;
}
