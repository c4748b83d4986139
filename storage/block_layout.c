/* Built once from the table of fields. */
#include "storage/block_layout.h"

#include <pthread.h>

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

static void fill_layouts(void)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        fill_header(&layouts[type]);
        for (size_t i = 0; i < count; i++)
            add_field(&layouts[type], &fields[i]);
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
