/* One row to one tick, cell by cell. Numbers never become binary floats. */
#include "storage/csv_mapping.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <qta/timestamp.h>

#include "core/utf8.h"
#include "storage/csv_column.h"

__extension__ typedef __int128 int128;

const char *qta_csv_cell_show(const struct qta_csv_cell *cell, char text[QTA_CSV_SHOWN_BYTES])
{
    enum { ELLIPSIS_BYTES = 4 };
    size_t used = 0;
    size_t at = 0;
    while (at < cell->length) {
        const char *p = cell->text + at;
        size_t length = qta_utf8_sequence(p, cell->length - at);
        bool is_shown = length > 1 ? memcmp(p, "\xc2\xa0", 2) >= 0
                                   : length == 1 && isprint((unsigned char)*p);
        length = length > 0 ? length : 1;
        if (used + length > QTA_CSV_SHOWN_BYTES - ELLIPSIS_BYTES)
            break;
        memcpy(text + used, is_shown ? p : "?", is_shown ? length : 1);
        used += is_shown ? length : 1;
        at += length;
    }
    snprintf(text + used, QTA_CSV_SHOWN_BYTES - used, "%s", at < cell->length ? "..." : "");
    return text;
}

static enum qta_status refuse_cell(const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, const char *why,
                                   struct qta_error *err)
{
    char text[QTA_CSV_SHOWN_BYTES];
    return qta_error_set(err, QTA_ERR_FORMAT, "column %zu (%s): '%s' %s", column->index + 1,
                         column->name, qta_csv_cell_show(cell, text), why);
}

static enum qta_status refuse_name(const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, struct qta_error *err)
{
    char text[QTA_CSV_SHOWN_BYTES];
    return qta_error_set(err, QTA_ERR_RANGE,
                         "column %zu (%s): '%s' is too long, or the session has no room for one "
                         "more name of its kind",
                         column->index + 1, column->name, qta_csv_cell_show(cell, text));
}

/* At most 18 digits and nothing else: what nearly all numbers are. */
static bool read_digits(const struct qta_csv_cell *cell, int64_t *value)
{
    enum { DIGITS_MAX = 18 };
    if (cell->length == 0 || cell->length > DIGITS_MAX)
        return false;
    int64_t sum = 0;
    for (size_t i = 0; i < cell->length; i++) {
        unsigned digit = (unsigned)(unsigned char)cell->text[i] - '0';
        if (digit > 9)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

static enum qta_status decode_rfc3339(const struct qta_csv_column *column,
                                      const struct qta_csv_cell *cell, int64_t *ts_ns,
                                      struct qta_error *err)
{
    enum { FRACTION_MAX = 9 };
    enum qta_status status = qta_timestamp_parse(cell->text, cell->length, ts_ns);
    if (status == QTA_ERR_RANGE)
        return refuse_cell(column, cell, "is not between the years 1677 and 2262", err);
    if (status != QTA_OK)
        return refuse_cell(column, cell, "is not a time like 2013-10-08T13:30:00.123Z", err);
    const char *point = memchr(cell->text, '.', cell->length);
    if (!point)
        return QTA_OK;
    const char *end = cell->text + cell->length;
    for (const char *p = point + 1 + FRACTION_MAX; p < end && isdigit((unsigned char)*p); p++) {
        if (*p != '0')
            return refuse_cell(column, cell, "is finer than a nanosecond", err);
    }
    return QTA_OK;
}

static enum qta_status decode_time(const struct qta_csv_mapping *mapping,
                                   const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, int64_t *ts_ns,
                                   struct qta_error *err)
{
    static const int64_t powers[] = {1,      10,      100,      1000,      10000,
                                     100000, 1000000, 10000000, 100000000, 1000000000};
    if (cell->length == 0)
        return QTA_OK;
    if (mapping->is_rfc3339)
        return decode_rfc3339(column, cell, ts_ns, err);
    int64_t elapsed_ns;
    bool fits = true;
    if (read_digits(cell, &elapsed_ns)) {
        fits = !__builtin_mul_overflow(elapsed_ns, powers[mapping->unit_exponent], &elapsed_ns);
    } else {
        struct qta_decimal time;
        bool is_rounded = false;
        if (qta_decimal_parse(cell->text, cell->length, &time, &is_rounded) != QTA_OK)
            return refuse_cell(column, cell, "is not a number", err);
        fits = !is_rounded &&
               qta_decimal_rescale(time, -mapping->unit_exponent, &elapsed_ns) == QTA_OK;
    }
    if (!fits || __builtin_add_overflow(elapsed_ns, mapping->midnight_ns, ts_ns) ||
        *ts_ns == QTA_TIME_UNKNOWN)
        return refuse_cell(column, cell, "is finer than a nanosecond or too far from 1970", err);
    return QTA_OK;
}

/* mantissa * 10^exponent with as many digits as fit: to nearest, ties to even. */
static struct qta_decimal round_to_fit(int128 mantissa, int exponent, bool *is_rounded)
{
    bool is_negative = mantissa < 0;
    int128 limit = (int128)INT64_MAX + is_negative;
    int128 magnitude = is_negative ? -mantissa : mantissa;
    int dropped = 0;
    bool dropped_more = false;
    while (magnitude > limit) { /* once more when rounding up made it too large again */
        dropped_more |= dropped != 0;
        dropped = (int)(magnitude % 10);
        magnitude /= 10;
        exponent++;
        *is_rounded |= dropped != 0;
        bool is_up = dropped > 5 || (dropped == 5 && (dropped_more || magnitude % 2 != 0));
        magnitude += magnitude <= limit && is_up;
    }
    return qta_decimal_make((int64_t)(is_negative ? -magnitude : magnitude), exponent);
}

static enum qta_status scale_decimal(const struct qta_csv_column *column,
                                     const struct qta_csv_cell *cell, struct qta_decimal *value,
                                     bool *is_rounded, struct qta_error *err)
{
    int exponent = value->exponent + column->scale_exponent;
    if (column->scale_mantissa != 1) {
        int128 product = (int128)value->mantissa * column->scale_mantissa;
        struct qta_decimal rounded = round_to_fit(product, 0, is_rounded);
        value->mantissa = rounded.mantissa;
        exponent += rounded.exponent;
    }
    if (exponent < -QTA_DECIMAL_EXPONENT_LIMIT || exponent > QTA_DECIMAL_EXPONENT_LIMIT)
        return refuse_cell(column, cell, "times its scale is too large or too small", err);
    value->exponent = (int8_t)exponent;
    return QTA_OK;
}

static enum qta_status decode_decimal(const struct qta_csv_mapping *mapping,
                                      const struct qta_csv_column *column,
                                      const struct qta_csv_cell *cell, struct qta_tick *tick,
                                      struct qta_error *err)
{
    struct qta_decimal value = qta_decimal_null();
    if (!mapping->null_text || !qta_csv_cell_is(cell, mapping->null_text, mapping->null_length)) {
        bool is_rounded = false;
        enum qta_status status = qta_decimal_parse(cell->text, cell->length, &value, &is_rounded);
        if (status == QTA_ERR_RANGE)
            return refuse_cell(column, cell, "is too large or too small", err);
        if (status != QTA_OK)
            return refuse_cell(column, cell, "is not a number, nor the text that means absent",
                               err);
        status = scale_decimal(column, cell, &value, &is_rounded, err);
        if (status != QTA_OK)
            return status;
        if (is_rounded)
            tick->flags |= QTA_FLAG_ROUNDED;
    }
    memcpy((char *)tick + column->field->offset, &value.mantissa, sizeof value.mantissa);
    memcpy((char *)tick + column->field->exponent_offset, &value.exponent, sizeof value.exponent);
    return QTA_OK;
}

/* An unsigned number as it would be printed: no sign, no leading zeros, not the one for "none". */
static bool read_u64(const struct qta_csv_cell *cell, uint64_t *value)
{
    if (cell->length == 0 || (cell->text[0] == '0' && cell->length > 1))
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < cell->length; i++) {
        unsigned digit = (unsigned)(unsigned char)cell->text[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(sum, 10U, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return sum != QTA_U64_NONE;
}

static enum qta_status decode_id(const struct qta_csv_mapping *mapping,
                                 const struct qta_csv_column *column,
                                 const struct qta_csv_cell *cell, struct qta_tick *tick,
                                 struct qta_error *err)
{
    uint64_t id;
    if (!read_u64(cell, &id)) {
        uint32_t text = qta_dictionary_intern(mapping->names, QTA_NAME_TEXT, cell->text,
                                              cell->length);
        if (text == QTA_NAME_OTHER)
            return refuse_name(column, cell, err);
        tick->flags |= QTA_FLAG_ID_IS_TEXT;
        id = text;
    }
    memcpy((char *)tick + column->field->offset, &id, sizeof id);
    return QTA_OK;
}

static enum qta_status decode_code(const struct qta_csv_mapping *mapping,
                                   const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, uint16_t *code,
                                   struct qta_error *err)
{
    uint32_t id = qta_dictionary_intern(mapping->names, QTA_NAME_CODE, cell->text, cell->length);
    if (id == QTA_NAME_OTHER)
        return refuse_name(column, cell, err);
    *code = (uint16_t)id;
    return QTA_OK;
}

static enum qta_status decode_conditions(const struct qta_csv_mapping *mapping,
                                         const struct qta_csv_column *column,
                                         const struct qta_csv_cell *cell, struct qta_tick *tick,
                                         struct qta_error *err)
{
    uint16_t codes[QTA_CONDITIONS_MAX] = {0};
    size_t count = 0;
    const char *end = cell->text + cell->length;
    for (const char *p = cell->text; p < end;) {
        const char *stop = NULL;
        if (mapping->conditions_separator != '\0')
            stop = memchr(p, mapping->conditions_separator, (size_t)(end - p));
        if (!stop)
            stop = end;
        struct qta_csv_cell code = {p, (size_t)(stop - p)};
        p = stop + 1;
        if (code.length == 0)
            continue;
        if (count == QTA_CONDITIONS_MAX) {
            tick->flags |= QTA_FLAG_CONDITIONS_CUT;
            break;
        }
        enum qta_status status = decode_code(mapping, column, &code, &codes[count++], err);
        if (status != QTA_OK)
            return status;
    }
    memcpy((char *)tick + column->field->offset, codes, sizeof codes);
    return QTA_OK;
}

static enum qta_status decode_side(const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, struct qta_tick *tick,
                                   struct qta_error *err)
{
    static const struct {
        const char *name;
        enum qta_side side;
    } names[] = {
        {"buy", QTA_SIDE_BUY}, {"b", QTA_SIDE_BUY}, {"sell", QTA_SIDE_SELL}, {"s", QTA_SIDE_SELL}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (cell->length != strlen(names[i].name) ||
            strncasecmp(cell->text, names[i].name, cell->length) != 0)
            continue;
        ((uint8_t *)tick)[column->field->offset] = (uint8_t)names[i].side;
        return QTA_OK;
    }
    return refuse_cell(column, cell, "is neither buy nor sell", err);
}

static enum qta_status decode_body(const struct qta_csv_mapping *mapping,
                                   const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, struct qta_tick *tick,
                                   struct qta_error *err)
{
    const struct qta_field *field = column->field;
    if (field->kind == QTA_FIELD_DECIMAL)
        return decode_decimal(mapping, column, cell, tick, err);
    if (cell->length == 0)
        return QTA_OK;
    switch ((int)field->kind) {
    case QTA_FIELD_ID:
        return decode_id(mapping, column, cell, tick, err);
    case QTA_FIELD_CODE: {
        uint16_t code = 0;
        enum qta_status status = decode_code(mapping, column, cell, &code, err);
        if (status == QTA_OK)
            memcpy((char *)tick + field->offset, &code, sizeof code);
        return status;
    }
    case QTA_FIELD_CONDITIONS:
        return decode_conditions(mapping, column, cell, tick, err);
    case QTA_FIELD_CHAR:
        if (cell->length != 1)
            return refuse_cell(column, cell, "is more than one character", err);
        ((char *)tick)[field->offset] = cell->text[0];
        return QTA_OK;
    case QTA_FIELD_ENUM:
        return decode_side(column, cell, tick, err);
    default:
        assert(!"a trade or quote has no other kind of field");
        return QTA_OK;
    }
}

static enum qta_status decode_symbol(const struct qta_csv_mapping *mapping,
                                     const struct qta_csv_column *column,
                                     const struct qta_csv_cell *cell, struct qta_tick *tick,
                                     struct qta_error *err)
{
    if (cell->length == 0)
        return refuse_cell(column, cell, "is not a symbol", err);
    tick->symbol = qta_dictionary_intern(mapping->names, QTA_NAME_SYMBOL, cell->text, cell->length);
    return tick->symbol == QTA_NAME_OTHER ? refuse_name(column, cell, err) : QTA_OK;
}

static enum qta_status decode_cell(const struct qta_csv_mapping *mapping,
                                   const struct qta_csv_column *column,
                                   const struct qta_csv_cell *cell, struct qta_tick *tick,
                                   uint16_t *exchange, struct qta_error *err)
{
    switch (column->target) {
    case QTA_CSV_TS_EVENT:
        return decode_time(mapping, column, cell, &tick->ts_event_ns, err);
    case QTA_CSV_TS_RECV:
        return decode_time(mapping, column, cell, &tick->ts_recv_ns, err);
    case QTA_CSV_SYMBOL:
        return decode_symbol(mapping, column, cell, tick, err);
    case QTA_CSV_SRC_SEQ:
        if (cell->length > 0 && !read_u64(cell, &tick->src_seq))
            return refuse_cell(column, cell, "is not a whole number", err);
        return QTA_OK;
    case QTA_CSV_QUOTE_EXCHANGE:
        return cell->length > 0 ? decode_code(mapping, column, cell, exchange, err) : QTA_OK;
    case QTA_CSV_BODY:
        break;
    }
    return decode_body(mapping, column, cell, tick, err);
}

/* The exchange of a row belongs to the sides that are there; where none is, to both, so that it is
 * not lost. */
static void finish_quote(struct qta_quote *quote, uint16_t exchange)
{
    bool has_bid = quote->bid_price_exponent != QTA_DECIMAL_NULL_EXPONENT ||
                   quote->bid_size_exponent != QTA_DECIMAL_NULL_EXPONENT;
    bool has_ask = quote->ask_price_exponent != QTA_DECIMAL_NULL_EXPONENT ||
                   quote->ask_size_exponent != QTA_DECIMAL_NULL_EXPONENT;
    if (exchange != 0 && (has_bid || !has_ask))
        quote->bid_exchange = exchange;
    if (exchange != 0 && (has_ask || !has_bid))
        quote->ask_exchange = exchange;
}

enum qta_status qta_csv_mapping_decode(struct qta_csv_mapping *mapping,
                                       const struct qta_csv_row *row, struct qta_tick *tick,
                                       struct qta_error *err)
{
    if (row->is_blank)
        return qta_error_set(err, QTA_ERR_FORMAT,
                             "an empty line between rows: every line must be a row");
    if (row->count != mapping->cell_count)
        return qta_error_set(err, QTA_ERR_FORMAT, "the row has %zu cells, the first one has %zu",
                             row->count, mapping->cell_count);
    qta_tick_init(tick, mapping->type);
    tick->provider = mapping->provider;
    tick->symbol = mapping->symbol;
    uint16_t exchange = 0;
    for (size_t i = 0; i < mapping->column_count; i++) {
        const struct qta_csv_column *column = &mapping->columns[i];
        enum qta_status status = decode_cell(mapping, column, &row->cells[column->index], tick,
                                             &exchange, err);
        if (status != QTA_OK)
            return status;
    }
    if (mapping->type == QTA_TICK_QUOTE)
        finish_quote(&tick->quote, exchange);
    if (tick->ts_recv_ns == QTA_TIME_UNKNOWN)
        tick->ts_recv_ns = tick->ts_event_ns;
    if (tick->ts_recv_ns == QTA_TIME_UNKNOWN)
        return qta_error_set(err, QTA_ERR_FORMAT, "the row has no time");
    return QTA_OK;
}
