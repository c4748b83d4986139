/* Built once from the table of fields. */
#include "storage/block_layout.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

static struct qta_block_layout layouts[QTA_TICK_TYPE_END];
static struct qta_block_layout unknown_layout;
static pthread_once_t layouts_once = PTHREAD_ONCE_INIT;

static bool is_number(const struct qta_field *field)
{
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
    case QTA_FIELD_U64:
    case QTA_FIELD_ID:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        return true;
    case QTA_FIELD_I32:
    case QTA_FIELD_CODE:
    case QTA_FIELD_CONDITIONS:
    case QTA_FIELD_TEXT:
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
    case QTA_FIELD_FLAG:
        return false;
    }
    return false;
}

static void fill_header(struct qta_block_layout *layout)
{
    layout->forms[QTA_WORD_TS_RECV] = QTA_WORD_NUMBER;
    layout->forms[QTA_WORD_TS_EVENT] = QTA_WORD_NUMBER;
    layout->forms[QTA_WORD_SRC_SEQ] = QTA_WORD_NUMBER;
    layout->forms[QTA_WORD_SYMBOL] = QTA_WORD_FIELDS;
    layout->forms[QTA_WORD_KIND] = QTA_WORD_FIELDS;
}

static void add_field(struct qta_block_layout *layout, const struct qta_field *field)
{
    size_t word = field->offset / sizeof(uint64_t);
    if (!is_number(field)) {
        layout->forms[word] = QTA_WORD_FIELDS;
        return;
    }
    layout->forms[word] = QTA_WORD_NUMBER;
    if (field->kind == QTA_FIELD_DECIMAL) {
        layout->exponents[word] = (uint8_t)field->exponent_offset;
        layout->forms[field->exponent_offset / sizeof(uint64_t)] = QTA_WORD_FIELDS;
    }
}

/* Each side of a quote changes on its own; a price is told better by how far it moves. */
static uint8_t group_of(const struct qta_field *field)
{
    if (strstr(field->name, "price"))
        return 0;
    if (strncmp(field->name, "bid_", 4) == 0)
        return 1;
    return strncmp(field->name, "ask_", 4) == 0 ? 2 : 0;
}

static unsigned field_bytes(const struct qta_field *field)
{
    if (field->kind == QTA_FIELD_I32 || field->kind == QTA_FIELD_TEXT)
        return sizeof(uint32_t);
    if (field->kind == QTA_FIELD_CODE || field->kind == QTA_FIELD_CONDITIONS) /* each of them */
        return sizeof(uint16_t);
    return 1;
}

static void add_unit(struct qta_block_layout *layout, size_t offset, unsigned bytes,
                     enum qta_unit_kind kind, uint8_t group)
{
    size_t word = offset / sizeof(uint64_t);
    uint64_t ones = (UINT64_C(1) << bytes * 8) - 1;
    assert(layout->unit_counts[word] + 1 < QTA_WORD_UNITS_MAX); /* one is for what is left */
    layout->units[word][layout->unit_counts[word]++] = (struct qta_word_unit){
        .mask = ones << offset % sizeof(uint64_t) * 8, .kind = (uint8_t)kind, .group = group};
}

static void add_units(struct qta_block_layout *layout, const struct qta_field *field)
{
    if (field->kind == QTA_FIELD_DECIMAL) {
        layout->groups[field->offset / sizeof(uint64_t)] = group_of(field);
        add_unit(layout, field->exponent_offset, 1, QTA_UNIT_EXPONENT, 0);
    } else if (field->kind == QTA_FIELD_CONDITIONS) {
        for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++)
            add_unit(layout, field->offset + i * sizeof(uint16_t), field_bytes(field),
                     QTA_UNIT_CONDITION, 0);
    } else if (!is_number(field) && field->kind != QTA_FIELD_FLAG) {
        add_unit(layout, field->offset, field_bytes(field), QTA_UNIT_OTHER, group_of(field));
    }
}

/* The bits between fields are zero in ticks of ours, but must come back from any. */
static void add_rest(struct qta_block_layout *layout)
{
    for (size_t word = 0; word < QTA_TICK_WORDS; word++) {
        uint64_t rest = UINT64_MAX;
        for (size_t i = 0; i < layout->unit_counts[word]; i++)
            rest &= ~layout->units[word][i].mask;
        if (rest != 0)
            layout->units[word][layout->unit_counts[word]++] = (struct qta_word_unit){.mask = rest};
    }
}

static void fill_layouts(void)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        fill_header(&layouts[type]);
        for (size_t i = 0; i < count; i++)
            add_field(&layouts[type], &fields[i]);
        for (size_t i = 0; i < count; i++)
            add_units(&layouts[type], &fields[i]);
        add_rest(&layouts[type]);
        /* the header's flags are fields of some bodies too */
        fill_header(&layouts[type]);
        for (size_t word = QTA_WORD_BODY; count == 0 && word < QTA_TICK_WORDS; word++)
            layouts[type].forms[word] = QTA_WORD_FIELDS;
    }
    unknown_layout = layouts[QTA_TICK_NONE];
}

const struct qta_block_layout *qta_block_layout_of(unsigned type)
{
    pthread_once(&layouts_once, fill_layouts);
    return type < QTA_TICK_TYPE_END ? &layouts[type] : &unknown_layout;
}
