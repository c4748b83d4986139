/* Ticks as lines of text, walking the table of fields. */
#include <qta/print.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "core/tick_value.h"
#include "core/utf8.h"

/* Text that may not fit: length goes on counting, so that the caller learns what is needed. */
struct output {
    char *text;
    size_t capacity;
    size_t length;
};

static void put_bytes(struct output *out, const char *bytes, size_t length)
{
    if (out->length + length < out->capacity)
        memcpy(out->text + out->length, bytes, length);
    out->length += length;
}

static void put_char(struct output *out, char c)
{
    put_bytes(out, &c, 1);
}

static void put_string(struct output *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

static void put_i64(struct output *out, int64_t value)
{
    char text[24];
    put_bytes(out, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

static void put_u64(struct output *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    put_bytes(out, digits + at, sizeof digits - at);
}

static void put_decimal(struct output *out, struct qta_decimal value)
{
    char text[QTA_DECIMAL_TEXT_BYTES];
    put_bytes(out, text, qta_decimal_print(value, text));
}

/* Exact, and readable by qta_duration_parse(): whole seconds, otherwise ns. */
static void put_interval(struct output *out, int64_t interval_ns)
{
    bool is_whole = interval_ns % 1000000000 == 0;
    put_i64(out, is_whole ? interval_ns / 1000000000 : interval_ns);
    put_string(out, is_whole ? "s" : "ns");
}

static void put_json_escaped(struct output *out, unsigned char c)
{
    char text[8];
    switch (c) {
    case '"':
        put_string(out, "\\\"");
        break;
    case '\\':
        put_string(out, "\\\\");
        break;
    case '\n':
        put_string(out, "\\n");
        break;
    default:
        snprintf(text, sizeof text, "\\u%04x", c);
        put_string(out, text);
        break;
    }
}

static void put_json_string(struct output *out, const char *name, size_t length)
{
    put_char(out, '"');
    size_t at = 0;
    while (at < length) {
        size_t run = at;
        while (run < length && (unsigned char)name[run] >= 0x20 && name[run] != '"' &&
               name[run] != '\\' && (unsigned char)name[run] < 0x80)
            run++;
        put_bytes(out, name + at, run - at);
        at = run;
        if (at == length)
            break;
        if ((unsigned char)name[at] < 0x80) {
            put_json_escaped(out, (unsigned char)name[at++]);
            continue;
        }
        size_t sequence = qta_utf8_sequence(name + at, length - at);
        if (sequence > 0)
            put_bytes(out, name + at, sequence);
        else
            put_string(out, "\xef\xbf\xbd");
        at += sequence > 0 ? sequence : 1;
    }
    put_char(out, '"');
}

/* RFC 4180: quoted when it has to be. */
static void put_csv_cell(struct output *out, const char *text, size_t length)
{
    bool needs_quotes = length > 0 && (text[0] == ' ' || text[length - 1] == ' ');
    for (size_t i = 0; i < length && !needs_quotes; i++)
        needs_quotes = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!needs_quotes) {
        put_bytes(out, text, length);
        return;
    }
    put_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            put_char(out, '"');
        put_char(out, text[i]);
    }
    put_char(out, '"');
}

/* In text for people control characters must not reach the terminal. */
static void put_plain_name(struct output *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            put_char(out, '?');
        else
            put_char(out, text[i]);
    }
}

/* One name in the given format. */
static void put_name(struct output *out, enum qta_print_format format, const char *name,
                     size_t length)
{
    if (format == QTA_PRINT_NDJSON)
        put_json_string(out, name, length);
    else if (format == QTA_PRINT_CSV)
        put_csv_cell(out, name, length);
    else
        put_plain_name(out, name, length);
}

static void put_time(struct output *out, enum qta_print_format format, enum qta_time_format times,
                     int64_t ts_ns)
{
    if (times == QTA_TIME_FORMAT_NS) {
        put_i64(out, ts_ns);
        return;
    }
    char text[QTA_TIMESTAMP_TEXT_BYTES];
    size_t length = qta_timestamp_print(ts_ns, text);
    put_name(out, format, text, length);
}

static void put_text_id(struct output *out, enum qta_print_format format,
                        const struct qta_dictionary *names, uint32_t id)
{
    size_t length;
    const char *name = qta_dictionary_name(names, QTA_NAME_TEXT, id, &length);
    put_name(out, format, name, length);
}

static void put_conditions_json(struct output *out, const struct qta_tick *tick,
                                const struct qta_field *field, const struct qta_dictionary *names)
{
    put_char(out, '[');
    for (size_t i = 0; i < QTA_CONDITIONS_MAX && qta_tick_code(tick, field, i) != 0; i++) {
        size_t length;
        const char *name = qta_code_name(names, qta_tick_code(tick, field, i), &length);
        if (i > 0)
            put_char(out, ',');
        put_json_string(out, name, length);
    }
    put_char(out, ']');
}

/* In one cell, separated by '|': no venue uses it in a code, and ' ' is a code of its own. */
static void put_conditions_cell(struct output *out, enum qta_print_format format,
                                const struct qta_tick *tick, const struct qta_field *field,
                                const struct qta_dictionary *names)
{
    char joined[QTA_CONDITIONS_MAX * (QTA_NAME_MAX_BYTES + 1)];
    size_t used = 0;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX && qta_tick_code(tick, field, i) != 0; i++) {
        size_t length;
        const char *name = qta_code_name(names, qta_tick_code(tick, field, i), &length);
        if (i > 0)
            joined[used++] = '|';
        memcpy(joined + used, name, length);
        used += length;
    }
    put_name(out, format, joined, used);
}

static void put_value(struct output *out, enum qta_print_format format, enum qta_time_format times,
                      const struct qta_tick *tick, const struct qta_field *field,
                      const struct qta_dictionary *names)
{
    size_t length;
    const char *name;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        put_decimal(out, qta_tick_decimal(tick, field));
        break;
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            put_text_id(out, format, names, (uint32_t)qta_tick_word(tick, field));
        else
            put_u64(out, qta_tick_word(tick, field));
        break;
    case QTA_FIELD_U64:
        put_u64(out, qta_tick_word(tick, field));
        break;
    case QTA_FIELD_TIME:
        put_time(out, format, times, (int64_t)qta_tick_word(tick, field));
        break;
    case QTA_FIELD_I64:
        put_i64(out, (int64_t)qta_tick_word(tick, field));
        break;
    case QTA_FIELD_INTERVAL:
        if (format == QTA_PRINT_NDJSON)
            put_char(out, '"');
        put_interval(out, (int64_t)qta_tick_word(tick, field));
        if (format == QTA_PRINT_NDJSON)
            put_char(out, '"');
        break;
    case QTA_FIELD_I32:
        put_i64(out, (int32_t)qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CODE:
        name = qta_code_name(names, qta_tick_code(tick, field, 0), &length);
        put_name(out, format, name, length);
        break;
    case QTA_FIELD_CONDITIONS:
        if (format == QTA_PRINT_NDJSON)
            put_conditions_json(out, tick, field, names);
        else
            put_conditions_cell(out, format, tick, field, names);
        break;
    case QTA_FIELD_TEXT:
        put_text_id(out, format, names, qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CHAR: {
        char byte = (char)qta_tick_byte(tick, field);
        put_name(out, format, &byte, 1);
        break;
    }
    case QTA_FIELD_ENUM:
        name = field->enum_name(qta_tick_byte(tick, field));
        put_name(out, format, name, strlen(name));
        break;
    case QTA_FIELD_FLAG:
        put_string(out, "true");
        break;
    }
}

static size_t shown_flag_count(enum qta_print_format format)
{
    return format == QTA_PRINT_CSV ? QTA_CELL_FLAG_COUNT : QTA_NAMED_FLAG_COUNT;
}

static bool has_shown_flags(const struct qta_tick *tick, enum qta_print_format format)
{
    uint32_t shown = 0;
    for (size_t i = 0; i < shown_flag_count(format); i++)
        shown |= qta_named_flags[i].flag;
    return (tick->flags & shown) != 0;
}

static void put_flags(struct output *out, enum qta_print_format format, const struct qta_tick *tick)
{
    const char *separator = "";
    if (format == QTA_PRINT_NDJSON)
        put_char(out, '[');
    for (size_t i = 0; i < shown_flag_count(format); i++) {
        if (!(tick->flags & qta_named_flags[i].flag))
            continue;
        put_string(out, separator);
        if (format == QTA_PRINT_NDJSON)
            put_json_string(out, qta_named_flags[i].name, strlen(qta_named_flags[i].name));
        else
            put_string(out, qta_named_flags[i].name);
        separator = format == QTA_PRINT_NDJSON ? "," : "|";
    }
    if (format == QTA_PRINT_NDJSON)
        put_char(out, ']');
}

/* The columns that every type has, before and behind its body. */
enum common { SEQ, TYPE, PROVIDER, SYMBOL, TS_RECV, TS_EVENT, SRC_SEQ, CONN, FLAGS, COMMON_COUNT };
static const char *const common_names[COMMON_COUNT] = {
    [SEQ] = "seq",         [TYPE] = "type",       [PROVIDER] = "provider",
    [SYMBOL] = "symbol",   [TS_RECV] = "ts_recv", [TS_EVENT] = "ts_event",
    [SRC_SEQ] = "src_seq", [CONN] = "conn",       [FLAGS] = "flags",
};

static bool has_common(const struct qta_tick *tick, enum common column)
{
    switch (column) {
    case PROVIDER:
        return tick->provider != 0;
    case SYMBOL:
        return tick->symbol != 0;
    case TS_RECV:
        return tick->ts_recv_ns != QTA_TIME_UNKNOWN;
    case TS_EVENT:
        return tick->ts_event_ns != QTA_TIME_UNKNOWN;
    case SRC_SEQ:
        return tick->src_seq != QTA_U64_NONE;
    case CONN:
        return tick->conn != 0;
    case SEQ:
    case TYPE:
    case FLAGS:
    case COMMON_COUNT:
        break;
    }
    return true;
}

static void put_common(struct output *out, enum qta_print_format format, enum qta_time_format times,
                       const struct qta_tick *tick, const struct qta_dictionary *names,
                       enum common column)
{
    size_t length;
    const char *name;
    switch (column) {
    case SEQ:
        put_u64(out, tick->rx_seq);
        break;
    case TYPE:
        name = qta_tick_type_name(tick->type);
        put_name(out, format, name, strlen(name));
        break;
    case PROVIDER:
        name = qta_provider_name(names, tick->provider, &length);
        put_name(out, format, name, length);
        break;
    case SYMBOL:
        name = qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, &length);
        put_name(out, format, name, length);
        break;
    case TS_RECV:
        put_time(out, format, times, tick->ts_recv_ns);
        break;
    case TS_EVENT:
        put_time(out, format, times, tick->ts_event_ns);
        break;
    case SRC_SEQ:
        put_u64(out, tick->src_seq);
        break;
    case CONN:
        put_u64(out, tick->conn);
        break;
    case FLAGS:
        put_flags(out, format, tick);
        break;
    case COMMON_COUNT:
        break;
    }
}

static void put_key(struct output *out, const char *name)
{
    put_char(out, out->length == 0 ? '{' : ',');
    put_char(out, '"');
    put_string(out, name);
    put_string(out, "\":");
}

static void print_ndjson(struct output *out, enum qta_time_format times,
                         const struct qta_tick *tick, const struct qta_dictionary *names)
{
    for (int column = 0; column < FLAGS; column++) {
        if (!has_common(tick, (enum common)column))
            continue;
        put_key(out, common_names[column]);
        put_common(out, QTA_PRINT_NDJSON, times, tick, names, (enum common)column);
    }
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t i = 0; i < count; i++) {
        if (!qta_tick_has(tick, &fields[i]))
            continue;
        put_key(out, fields[i].name);
        put_value(out, QTA_PRINT_NDJSON, times, tick, &fields[i], names);
    }
    if (has_shown_flags(tick, QTA_PRINT_NDJSON)) {
        put_key(out, common_names[FLAGS]);
        put_flags(out, QTA_PRINT_NDJSON, tick);
    }
    put_string(out, "}\n");
}

/* CSV has one column for each field name of any type. */
enum { CSV_COLUMNS_MAX = 80 };
static struct {
    const char *names[CSV_COLUMNS_MAX];
    size_t count;
    const struct qta_field *fields[QTA_TICK_TYPE_END][CSV_COLUMNS_MAX]; /* NULL: not of this type */
    char header[2048];
} csv;
static pthread_once_t csv_once = PTHREAD_ONCE_INIT;

static size_t csv_column(const char *name)
{
    size_t column = 0;
    while (column < csv.count && strcmp(csv.names[column], name) != 0)
        column++;
    if (column == csv.count) {
        assert(csv.count < CSV_COLUMNS_MAX);
        csv.names[csv.count++] = name;
    }
    return column;
}

static void csv_fill(void)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < count; i++)
            csv.fields[type][csv_column(fields[i].name)] = &fields[i];
    }
    struct output out = {.text = csv.header, .capacity = sizeof csv.header};
    for (int column = 0; column < FLAGS; column++) {
        put_string(&out, common_names[column]);
        put_char(&out, ',');
    }
    for (size_t column = 0; column < csv.count; column++) {
        put_string(&out, csv.names[column]);
        put_char(&out, ',');
    }
    put_string(&out, "flags\n");
    assert(out.length < sizeof csv.header);
    csv.header[out.length] = '\0';
}

const char *qta_print_csv_header(void)
{
    pthread_once(&csv_once, csv_fill);
    return csv.header;
}

static void print_csv(struct output *out, enum qta_time_format times, const struct qta_tick *tick,
                      const struct qta_dictionary *names)
{
    pthread_once(&csv_once, csv_fill);
    for (int column = 0; column < FLAGS; column++) {
        if (has_common(tick, (enum common)column))
            put_common(out, QTA_PRINT_CSV, times, tick, names, (enum common)column);
        put_char(out, ',');
    }
    for (size_t column = 0; column < csv.count && tick->type < QTA_TICK_TYPE_END; column++) {
        const struct qta_field *field = csv.fields[tick->type][column];
        if (field && qta_tick_has(tick, field))
            put_value(out, QTA_PRINT_CSV, times, tick, field, names);
        put_char(out, ',');
    }
    put_flags(out, QTA_PRINT_CSV, tick);
    put_char(out, '\n');
}

static void put_padded(struct output *out, const char *text, size_t length, size_t width)
{
    put_plain_name(out, text, length);
    for (; length < width; length++)
        put_char(out, ' ');
}

static void put_level(struct output *out, struct qta_decimal price, struct qta_decimal size,
                      const struct qta_dictionary *names, uint16_t exchange)
{
    if (qta_decimal_is_null(price)) {
        put_char(out, '-');
        return;
    }
    put_decimal(out, price);
    if (!qta_decimal_is_null(size)) {
        put_string(out, " x ");
        put_decimal(out, size);
    }
    if (exchange != 0) {
        size_t length;
        const char *name = qta_code_name(names, exchange, &length);
        put_char(out, ' ');
        put_plain_name(out, name, length);
    }
}

static void print_trade_text(struct output *out, const struct qta_tick *tick,
                             const struct qta_dictionary *names)
{
    const struct qta_trade *trade = &tick->trade;
    put_level(out, QTA_TICK_DECIMAL(*trade, price), QTA_TICK_DECIMAL(*trade, size), names,
              trade->exchange);
    if (trade->side != QTA_SIDE_UNKNOWN) {
        put_char(out, ' ');
        put_string(out, qta_side_name(trade->side));
    }
}

static void print_quote_text(struct output *out, const struct qta_tick *tick,
                             const struct qta_dictionary *names)
{
    const struct qta_quote *quote = &tick->quote;
    put_level(out, QTA_TICK_DECIMAL(*quote, bid_price), QTA_TICK_DECIMAL(*quote, bid_size), names,
              quote->bid_exchange);
    put_string(out, " | ");
    put_level(out, QTA_TICK_DECIMAL(*quote, ask_price), QTA_TICK_DECIMAL(*quote, ask_size), names,
              quote->ask_exchange);
}

static void print_fields_text(struct output *out, enum qta_time_format times,
                              const struct qta_tick *tick, const struct qta_dictionary *names)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    const char *separator = "";
    for (size_t i = 0; i < count; i++) {
        if (!qta_tick_has(tick, &fields[i]))
            continue;
        put_string(out, separator);
        put_string(out, fields[i].name);
        put_char(out, ' ');
        put_value(out, QTA_PRINT_TEXT, times, tick, &fields[i], names);
        separator = "  ";
    }
}

static void print_text(struct output *out, enum qta_time_format times, const struct qta_tick *tick,
                       const struct qta_dictionary *names)
{
    put_time(out, QTA_PRINT_TEXT, times, tick->ts_recv_ns);
    put_string(out, "  ");
    const char *type = qta_tick_type_name(tick->type);
    put_padded(out, type, strlen(type), 6);
    put_char(out, ' ');
    size_t length;
    const char *symbol = qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, &length);
    if (length == 0)
        symbol = qta_provider_name(names, tick->provider, &length);
    put_padded(out, symbol, length, 8);
    put_string(out, "  ");
    if (tick->type == QTA_TICK_TRADE)
        print_trade_text(out, tick, names);
    else if (tick->type == QTA_TICK_QUOTE)
        print_quote_text(out, tick, names);
    else
        print_fields_text(out, times, tick, names);
    put_char(out, '\n');
}

bool qta_print_format_parse(const char *name, enum qta_print_format *format)
{
    static const char *const names[] = {"none", "ndjson", "csv", "text"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum qta_print_format)i;
            return true;
        }
    return false;
}

size_t qta_print_tick(const struct qta_tick *tick, const struct qta_dictionary *names,
                      enum qta_print_format format, enum qta_time_format times, char *text,
                      size_t capacity)
{
    struct output out = {.text = text, .capacity = capacity};
    switch (format) {
    case QTA_PRINT_NONE:
        break;
    case QTA_PRINT_NDJSON:
        print_ndjson(&out, times, tick, names);
        break;
    case QTA_PRINT_CSV:
        print_csv(&out, times, tick, names);
        break;
    case QTA_PRINT_TEXT:
        print_text(&out, times, tick, names);
        break;
    }
    if (out.length < capacity)
        text[out.length] = '\0';
    return out.length;
}
