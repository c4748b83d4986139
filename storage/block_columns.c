/* Taking a payload apart. Nothing is unpacked here. */
#include "storage/block_columns.h"

#include <string.h>

enum { BY_SYMBOL = 0x80, PART_COUNT_MASK = 0x7f };

enum qta_status qta_block_damaged(struct qta_error *err, const char *what)
{
    return qta_error_set(err, QTA_ERR_DAMAGED, "its content makes no sense (%s)", what);
}

static enum qta_status parse_types(struct qta_block_columns *columns,
                                   struct qta_packed_reader *reader, struct qta_error *err)
{
    size_t total = 0;
    size_t slot_count = qta_packed_reader_take_u8(reader);
    columns->slot_count = 0;
    memset(columns->slot_of_type, 0, sizeof columns->slot_of_type);
    if (slot_count == 0 || slot_count > QTA_BLOCK_TYPES_MAX)
        return qta_block_damaged(err, "types");
    for (size_t i = 0; i < slot_count; i++) {
        struct qta_block_slot *slot = &columns->slots[i];
        memset(slot, 0, sizeof *slot);
        slot->type = qta_packed_reader_take_u8(reader);
        uint64_t count = qta_packed_reader_take_varint(reader);
        if (slot->type == QTA_TICK_NONE || columns->slot_of_type[slot->type] != 0 || count == 0 ||
            count > columns->count - total)
            return qta_block_damaged(err, "types");
        slot->count = (size_t)count;
        total += slot->count;
        columns->slot_of_type[slot->type] = (uint8_t)(i + 1);
        slot->is_wanted = slot->type < QTA_TICK_TYPE_END &&
                          (columns->types & QTA_TYPE_BIT(slot->type)) != 0;
        if (slot->type < QTA_TICK_TYPE_END)
            qta_tick_init(&slot->absent, (enum qta_tick_type)slot->type);
    }
    columns->slot_count = slot_count;
    return total == columns->count ? QTA_OK : qta_block_damaged(err, "counts of types");
}

/* ---- columns ------------------------------------------------------------------------------- */

/* Whose column it is, while it is parsed. */
struct owner {
    struct qta_block_slot *slot; /* NULL for the words of all types */
    size_t count;                /* ticks */
    bool is_fields;              /* the word is one of fields */
};

static bool take_column_of_all(struct qta_block_columns *columns, struct qta_block_column *column)
{
    /* what is by symbol needs to know how many there are */
    bool is_late = columns->times || columns->times_mask.is_there;
    if (columns->has_own_columns || (column->word == QTA_WORD_SYMBOL && is_late))
        return false;
    struct qta_block_column **place = column->word == QTA_WORD_KIND      ? &columns->kinds
                                      : column->word == QTA_WORD_SYMBOL  ? &columns->symbols
                                      : column->word == QTA_WORD_TS_RECV ? &columns->times
                                                                         : NULL;
    if (!place || *place)
        return false;
    *place = column;
    return column->word == QTA_WORD_TS_RECV || column->form != QTA_COLUMN_NUMBERS;
}

static bool take_column(struct qta_block_columns *columns, unsigned type,
                        struct qta_block_column *column, struct owner *owner)
{
    *owner = (struct owner){.count = columns->count};
    column->is_wanted = true;
    if (type == QTA_COLUMN_ALL_TYPES)
        return take_column_of_all(columns, column);
    unsigned index = columns->slot_of_type[type];
    if (index == 0 || column->word >= QTA_TICK_WORDS)
        return false;
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    struct qta_block_slot *slot = &columns->slots[index - 1];
    bool is_own_word = column->word == QTA_WORD_TS_EVENT || column->word == QTA_WORD_SRC_SEQ ||
                       column->word >= QTA_WORD_BODY;
    if (!is_own_word || layout->forms[column->word] == QTA_WORD_ABSENT ||
        slot->by_word[column->word])
        return false;
    columns->has_own_columns = true;
    owner->slot = slot;
    owner->count = slot->count;
    owner->is_fields = layout->forms[column->word] == QTA_WORD_FIELDS;
    if (owner->is_fields && column->form == QTA_COLUMN_NUMBERS)
        return false;
    slot->by_word[column->word] = column;
    column->exponent_byte = layout->exponents[column->word];
    column->is_wanted = slot->is_wanted;
    return true;
}

/* How many values a column has whose ticks keep values by a mask; the mask is checked once it is
 * unpacked. False when there is no such mask. */
static bool take_told(const struct qta_block_columns *columns, const struct owner *owner,
                      uint8_t mask, struct qta_packed_reader *reader, size_t *count)
{
    const struct qta_block_mask *masks = owner->slot ? owner->slot->masks : &columns->times_mask;
    size_t mask_count = owner->slot ? QTA_MASKS_MAX : 1;
    if (mask > mask_count || !masks[mask - 1].is_there)
        return false;
    uint64_t told = qta_packed_reader_take_varint(reader);
    *count = (size_t)told;
    return told > 0 && told <= owner->count;
}

static enum qta_status parse_part(struct qta_block_columns *columns, const struct owner *owner,
                                  struct qta_block_part *part, struct qta_packed_reader *reader,
                                  size_t *needed, struct qta_error *err)
{
    size_t count = owner->count;
    memset(part, 0, sizeof *part);
    part->mask = qta_packed_reader_take_u8(reader);
    if (part->mask != 0 && (!owner->slot || !take_told(columns, owner, part->mask, reader, &count)))
        return qta_block_damaged(err, "a dictionary's mask");
    uint64_t value_count = qta_packed_reader_take_varint(reader);
    if (value_count == 0 || value_count > count ||
        !qta_byte_planes_parse(&part->value_planes, (size_t)value_count, reader, needed) ||
        !qta_byte_planes_parse(&part->planes, count, reader, needed))
        return qta_block_damaged(err, "a dictionary");
    *needed += (size_t)value_count * (sizeof(uint64_t) + sizeof(uint8_t));
    *needed += part->mask ? (count + 1) * sizeof(uint64_t) : 0;
    return QTA_OK;
}

static enum qta_status parse_dictionary(struct qta_block_columns *columns,
                                        const struct owner *owner, struct qta_block_column *column,
                                        struct qta_packed_reader *reader, size_t *needed,
                                        struct qta_error *err)
{
    unsigned head = qta_packed_reader_take_u8(reader);
    size_t part_count = head & PART_COUNT_MASK;
    bool by_symbol = (head & BY_SYMBOL) != 0;
    if (part_count > QTA_PARTS_MAX || part_count + by_symbol == 0 ||
        (!owner->is_fields && head != 1) || part_count > QTA_BLOCK_PARTS_MAX - columns->part_count)
        return qta_block_damaged(err, "a dictionary's parts");
    if (by_symbol) {
        if (!qta_byte_planes_parse(&column->symbol_planes, columns->symbol_count, reader, needed))
            return qta_block_damaged(err, "a dictionary of symbols");
        *needed += columns->symbol_count * sizeof(uint64_t);
    }
    column->parts = columns->parts + columns->part_count;
    column->part_count = (uint8_t)part_count;
    columns->part_count += part_count;
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < part_count && status == QTA_OK; i++)
        status = parse_part(columns, owner, &column->parts[i], reader, needed, err);
    return status;
}

static bool flags_are_fine(const struct qta_block_column *column, const struct owner *owner)
{
    const unsigned known = QTA_COLUMN_ZIGZAG | QTA_COLUMN_SKIP_NULL | QTA_COLUMN_SCALED |
                           QTA_COLUMN_TRIMMED | QTA_COLUMN_KEPT;
    const unsigned any_word = QTA_COLUMN_ZIGZAG | QTA_COLUMN_KEPT;
    const unsigned flags = column->flags;
    const unsigned scales = QTA_COLUMN_SCALED | QTA_COLUMN_TRIMMED;
    const unsigned tells = QTA_COLUMN_SKIP_NULL | QTA_COLUMN_KEPT;
    if ((flags & ~known) != 0 || (column->exponent_byte == 0 && (flags & ~any_word) != 0) ||
        (flags & scales) == scales || (flags & tells) == tells)
        return false;
    if ((flags & QTA_COLUMN_KEPT) == 0)
        return true;
    return column->predictor == QTA_PREDICT_NONE ||
           (!owner->slot && column->predictor == QTA_PREDICT_PREVIOUS);
}

static bool predictor_is_fine(const struct qta_block_column *column, const struct owner *owner)
{
    switch (column->predictor) {
    case QTA_PREDICT_NONE:
    case QTA_PREDICT_PREVIOUS:
    case QTA_PREDICT_SYMBOL:
        return true;
    case QTA_PREDICT_TS_RECV:
        return column->word == QTA_WORD_TS_EVENT;
    case QTA_PREDICT_PAIR:
        return owner->slot != NULL;
    default:
        return false;
    }
}

/* The first column of a pair tells what the last number was at every tick. */
static bool take_companion(const struct owner *owner, struct qta_block_column *column,
                           struct qta_packed_reader *reader)
{
    column->companion = qta_packed_reader_take_u8(reader);
    if (column->companion >= QTA_TICK_WORDS || column->companion == column->word)
        return false;
    struct qta_block_column *other = owner->slot->by_word[column->companion];
    if (!other || other->form != QTA_COLUMN_NUMBERS || other->mask != 0 ||
        (other->predictor != QTA_PREDICT_SYMBOL && other->predictor != QTA_PREDICT_PREVIOUS))
        return false;
    other->is_companion = true;
    return true;
}

static enum qta_status parse_numbers(struct qta_block_columns *columns, const struct owner *owner,
                                     struct qta_block_column *column,
                                     struct qta_packed_reader *reader, size_t *needed,
                                     struct qta_error *err)
{
    column->predictor = qta_packed_reader_take_u8(reader);
    column->flags = qta_packed_reader_take_u8(reader);
    if (!predictor_is_fine(column, owner) || !flags_are_fine(column, owner))
        return qta_block_damaged(err, "a column's head");
    if (column->flags & (QTA_COLUMN_SCALED | QTA_COLUMN_TRIMMED))
        column->exponent = (int8_t)qta_packed_reader_take_u8(reader);
    if (column->flags & QTA_COLUMN_TRIMMED) {
        column->exponent_range = qta_packed_reader_take_u8(reader);
        if (column->exponent == QTA_DECIMAL_NULL_EXPONENT || column->exponent_range > 18 ||
            column->exponent > INT8_MAX - column->exponent_range)
            return qta_block_damaged(err, "a column's exponents");
    }
    size_t count = owner->count;
    if (column->flags & QTA_COLUMN_KEPT) {
        column->mask = qta_packed_reader_take_u8(reader);
        if (column->mask == 0 || !take_told(columns, owner, column->mask, reader, &count))
            return qta_block_damaged(err, "a column's mask");
        *needed += (count + 1) * sizeof(uint64_t);
    } else if (column->flags & QTA_COLUMN_SKIP_NULL) {
        uint64_t told = qta_packed_reader_take_varint(reader);
        if (told == 0 || told > count)
            return qta_block_damaged(err, "a column's count");
        count = (size_t)told;
    }
    if ((column->flags & QTA_COLUMN_ZIGZAG) == 0)
        column->base = qta_packed_reader_take_u64(reader);
    if (column->predictor == QTA_PREDICT_PREVIOUS)
        column->previous = qta_packed_reader_take_u64(reader);
    if (column->predictor == QTA_PREDICT_PAIR && !take_companion(owner, column, reader))
        return qta_block_damaged(err, "a column's companion");
    if (column->predictor == QTA_PREDICT_SYMBOL || column->predictor == QTA_PREDICT_PAIR) {
        if (!qta_byte_planes_parse(&column->symbol_planes, columns->symbol_count, reader, needed))
            return qta_block_damaged(err, "a column's first numbers");
        *needed += columns->symbol_count * sizeof(uint64_t);
    }
    if (!qta_byte_planes_parse(&column->planes, count, reader, needed))
        return qta_block_damaged(err, "a column's numbers");
    return QTA_OK;
}

/* A mask stands where a column could. */
static enum qta_status parse_mask(struct qta_block_columns *columns, unsigned type, unsigned number,
                                  struct qta_packed_reader *reader, struct qta_error *err)
{
    struct qta_block_mask *mask = &columns->times_mask;
    size_t count = columns->count;
    size_t ignored = 0;
    size_t *needed = &columns->needed_bytes;
    if (type != QTA_COLUMN_ALL_TYPES) {
        unsigned index = columns->slot_of_type[type];
        if (index == 0 || number >= QTA_MASKS_MAX)
            return qta_block_damaged(err, "a mask");
        struct qta_block_slot *slot = &columns->slots[index - 1];
        columns->has_own_columns = true;
        mask = &slot->masks[number];
        count = slot->count;
        needed = slot->is_wanted ? needed : &ignored;
    } else if (number != 0) {
        return qta_block_damaged(err, "a mask");
    }
    if (mask->is_there ||
        !qta_byte_planes_parse(&mask->planes, qta_mask_bytes(count), reader, needed) ||
        !qta_byte_planes_are_bytes(&mask->planes))
        return qta_block_damaged(err, "a mask");
    *needed += qta_mask_bytes(count); /* it is spread out where all of it is one byte */
    mask->is_there = true;
    mask->position = 0;
    *needed += columns->symbol_count * sizeof(uint64_t);
    return QTA_OK;
}

static enum qta_status parse_column(struct qta_block_columns *columns,
                                    struct qta_packed_reader *reader, struct qta_error *err)
{
    struct qta_block_column *column = &columns->columns[columns->column_count];
    memset(column, 0, sizeof *column);
    unsigned type = qta_packed_reader_take_u8(reader);
    column->word = qta_packed_reader_take_u8(reader);
    column->form = qta_packed_reader_take_u8(reader);
    if (column->form == QTA_COLUMN_MASK)
        return parse_mask(columns, type, column->word, reader, err);
    struct owner owner;
    if (reader->is_short || !take_column(columns, type, column, &owner))
        return qta_block_damaged(err, "a column");
    columns->column_count++;
    size_t ignored = 0;
    size_t *needed = column->is_wanted ? &columns->needed_bytes : &ignored;
    enum qta_status status = QTA_OK;
    if (column->form == QTA_COLUMN_CONSTANT)
        column->base = qta_packed_reader_take_u64(reader);
    else if (column->form == QTA_COLUMN_DICTIONARY)
        status = parse_dictionary(columns, &owner, column, reader, needed, err);
    else if (column->form == QTA_COLUMN_NUMBERS)
        status = parse_numbers(columns, &owner, column, reader, needed, err);
    else
        status = qta_block_damaged(err, "a column's form");
    if (status == QTA_OK && column == columns->symbols && column->form == QTA_COLUMN_DICTIONARY)
        columns->symbol_count = column->parts[0].value_planes.count;
    return status;
}

enum qta_status qta_block_columns_parse(struct qta_block_columns *columns,
                                        struct qta_packed_reader *reader, struct qta_error *err)
{
    enum qta_status status = parse_types(columns, reader, err);
    if (status != QTA_OK)
        return status;
    size_t count = qta_packed_reader_take_u16(reader);
    columns->column_count = 0;
    columns->part_count = 0;
    columns->kinds = NULL;
    columns->symbols = NULL;
    columns->times = NULL;
    columns->times_mask.is_there = false;
    columns->has_own_columns = false;
    columns->symbol_count = 1;
    columns->needed_bytes = 0;
    if (count > QTA_BLOCK_COLUMNS_MAX)
        return qta_block_damaged(err, "columns");
    for (size_t i = 0; i < count; i++) {
        status = parse_column(columns, reader, err);
        if (status != QTA_OK)
            return status;
    }
    if (reader->is_short || !columns->kinds)
        return qta_block_damaged(err, "columns");
    return QTA_OK;
}
