/* When a field counts as absent, for each kind; what flags are called. */
#include "core/tick_value.h"

const struct qta_named_flag qta_named_flags[QTA_CELL_FLAG_COUNT] = {
    {QTA_FLAG_ROUNDED, "rounded"},
    {QTA_FLAG_FROM_FLOAT, "from_float"},
    {QTA_FLAG_CONDITIONS_CUT, "conditions_cut"},
    {QTA_FLAG_TIME_RAISED, "time_raised"},
    {QTA_FLAG_ID_IS_TEXT, "id_is_text"},
};

bool qta_tick_has(const struct qta_tick *tick, const struct qta_field *field)
{
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        return !qta_decimal_is_null(qta_tick_decimal(tick, field));
    case QTA_FIELD_U64:
    case QTA_FIELD_ID:
        return qta_tick_word(tick, field) != QTA_U64_NONE;
    case QTA_FIELD_TIME:
        return (int64_t)qta_tick_word(tick, field) != QTA_TIME_UNKNOWN;
    case QTA_FIELD_I64:
        return true;
    case QTA_FIELD_INTERVAL:
        return qta_tick_word(tick, field) != 0;
    case QTA_FIELD_I32:
    case QTA_FIELD_TEXT:
        return qta_tick_u32(tick, field) != 0;
    case QTA_FIELD_CODE:
    case QTA_FIELD_CONDITIONS:
        return qta_tick_code(tick, field, 0) != 0;
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        return qta_tick_byte(tick, field) != 0;
    case QTA_FIELD_FLAG:
        return (tick->flags & field->flag) != 0;
    }
    return false;
}
