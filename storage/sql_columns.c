/* Built once from the table of fields, so that a new type of tick needs nothing here. */
#include "storage/sql_columns.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/tick_value.h"

SQLITE_EXTENSION_INIT3

/* one for all types, and one for each type there is */
static struct qta_sql_table tables[1 + QTA_TICK_TYPE_END];
static size_t table_count;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* ---- making the tables --------------------------------------------------------------------- */

static struct qta_sql_column *add_column(struct qta_sql_table *table, const char *name,
                                         enum qta_sql_column_kind kind)
{
    assert(table->column_count < QTA_SQL_COLUMNS_MAX);
    struct qta_sql_column *column = &table->columns[table->column_count++];
    snprintf(column->name, sizeof column->name, "%s", name);
    column->kind = kind;
    column->types = table->types;
    return column;
}

static struct qta_sql_column *field_column(struct qta_sql_table *table, const char *name,
                                           enum qta_sql_column_kind kind)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == kind && strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    struct qta_sql_column *column = add_column(table, name, kind);
    column->types = 0;
    return column;
}

static void add_fields(struct qta_sql_table *table, unsigned type, enum qta_sql_column_kind kind)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    for (size_t i = 0; i < count; i++) {
        char name[QTA_SQL_NAME_BYTES];
        if (kind == QTA_SQL_FIELD_TEXT && fields[i].kind != QTA_FIELD_DECIMAL)
            continue;
        snprintf(name, sizeof name, "%s%s", fields[i].name,
                 kind == QTA_SQL_FIELD_TEXT ? "_text" : "");
        struct qta_sql_column *column = field_column(table, name, kind);
        column->types |= QTA_TYPE_BIT(type);
        column->fields[type] = &fields[i];
    }
}

static void add_table(const char *name, uint32_t types)
{
    static const struct {
        const char *name;
        enum qta_sql_column_kind kind;
    } head[] = {
        {"seq", QTA_SQL_SEQ},         {"type", QTA_SQL_TYPE},       {"provider", QTA_SQL_PROVIDER},
        {"symbol", QTA_SQL_SYMBOL},   {"ts_recv", QTA_SQL_TS_RECV}, {"ts_event", QTA_SQL_TS_EVENT},
        {"src_seq", QTA_SQL_SRC_SEQ}, {"conn", QTA_SQL_CONN},
    };
    struct qta_sql_table *table = &tables[table_count++];
    snprintf(table->name, sizeof table->name, "%s", name);
    table->types = types;
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        add_column(table, head[i].name, head[i].kind);
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        if (types & QTA_TYPE_BIT(type))
            add_fields(table, type, QTA_SQL_FIELD);
    add_column(table, "flags", QTA_SQL_FLAGS);
    add_column(table, "session", QTA_SQL_SESSION); /* the order of a function's arguments */
    add_column(table, "on_damage", QTA_SQL_ON_DAMAGE);
    add_column(table, "rx_seq", QTA_SQL_RX_SEQ);
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        if (types & QTA_TYPE_BIT(type))
            add_fields(table, type, QTA_SQL_FIELD_TEXT);
}

static void make_tables(void)
{
    add_table("qta_ticks", QTA_TYPES_ALL);
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        char name[QTA_SQL_NAME_BYTES];
        const char *singular = qta_tick_type_name(type);
        size_t count;
        if (!qta_tick_fields(type, &count))
            continue;
        bool has_s = singular[strlen(singular) - 1] == 's'; /* "statuses" */
        snprintf(name, sizeof name, "qta_%s%s", singular, has_s ? "es" : "s");
        add_table(name, QTA_TYPE_BIT(type));
    }
}

const struct qta_sql_table *qta_sql_tables(size_t *count)
{
    pthread_once(&tables_once, make_tables);
    *count = table_count;
    return tables;
}

/* ---- declaring them ------------------------------------------------------------------------ */

static const char *declared_type_of_field(const struct qta_field *field)
{
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        return " REAL";
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_I32:
    case QTA_FIELD_INTERVAL:
    case QTA_FIELD_FLAG:
        return " INTEGER";
    case QTA_FIELD_ID: /* an integer or a text: no affinity, so that 27 digits are compared as such
                        */
        return "";
    case QTA_FIELD_CODE:
    case QTA_FIELD_CONDITIONS:
    case QTA_FIELD_TEXT:
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        return " TEXT";
    }
    return "";
}

static const char *declared_type(const struct qta_sql_column *column)
{
    switch (column->kind) {
    case QTA_SQL_SEQ:
    case QTA_SQL_TS_RECV:
    case QTA_SQL_TS_EVENT:
    case QTA_SQL_SRC_SEQ:
    case QTA_SQL_CONN:
        return " INTEGER";
    case QTA_SQL_TYPE:
    case QTA_SQL_PROVIDER:
    case QTA_SQL_SYMBOL:
    case QTA_SQL_FLAGS:
        return " TEXT";
    case QTA_SQL_SESSION:
    case QTA_SQL_ON_DAMAGE:
    case QTA_SQL_FIELD_TEXT:
        return " TEXT HIDDEN";
    case QTA_SQL_RX_SEQ:
        return " INTEGER HIDDEN";
    case QTA_SQL_FIELD:
        break;
    }
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        if (column->fields[type])
            return declared_type_of_field(column->fields[type]);
    return "";
}

char *qta_sql_table_declaration(const struct qta_sql_table *table)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "CREATE TABLE t(");
    for (size_t i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(text, "%s\"%w\"%s", i > 0 ? ", " : "", table->columns[i].name,
                            declared_type(&table->columns[i]));
    sqlite3_str_appendall(text, ")");
    return sqlite3_str_finish(text);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Copied: a name lives as long as its reader, but SQLite may keep the value in a register beyond
 * the reader's life, e.g. while a join goes on to the next session. */
static void result_name(sqlite3_context *context, const char *name, size_t length)
{
    sqlite3_result_text(context, name, (int)length, SQLITE_TRANSIENT);
}

/* SQLite's integers end at 2^63 - 1: what is larger comes with all its digits as text. */
static void result_u64(sqlite3_context *context, uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX)
        sqlite3_result_int64(context, (int64_t)value);
    else
        result_name(context, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, value));
}

static void result_time(sqlite3_context *context, int64_t ts_ns)
{
    if (ts_ns != QTA_TIME_UNKNOWN)
        sqlite3_result_int64(context, ts_ns);
}

static void result_text_id(sqlite3_context *context, const struct qta_dictionary *names,
                           uint32_t id)
{
    size_t length;
    const char *name = qta_dictionary_name(names, QTA_NAME_TEXT, id, &length);
    result_name(context, name, length);
}

/* As in csv: separated by '|'. */
static void result_conditions(sqlite3_context *context, const struct qta_tick *tick,
                              const struct qta_field *field, const struct qta_dictionary *names)
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
    result_name(context, joined, used);
}

static void result_flags(sqlite3_context *context, const struct qta_tick *tick)
{
    char joined[128];
    size_t used = 0;
    for (size_t i = 0; i < QTA_NAMED_FLAG_COUNT; i++)
        if (tick->flags & qta_named_flags[i].flag)
            used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s",
                                     used > 0 ? "|" : "", qta_named_flags[i].name);
    if (used > 0)
        result_name(context, joined, used);
}

static void result_field(sqlite3_context *context, const struct qta_field *field,
                         const struct qta_tick *tick, const struct qta_dictionary *names)
{
    size_t length;
    const char *name;
    char byte;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        sqlite3_result_double(context, qta_decimal_to_double(qta_tick_decimal(tick, field)));
        break;
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            result_text_id(context, names, (uint32_t)qta_tick_word(tick, field));
        else
            result_u64(context, qta_tick_word(tick, field));
        break;
    case QTA_FIELD_U64:
        result_u64(context, qta_tick_word(tick, field));
        break;
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        sqlite3_result_int64(context, (int64_t)qta_tick_word(tick, field));
        break;
    case QTA_FIELD_I32:
        sqlite3_result_int64(context, (int32_t)qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CODE:
        name = qta_code_name(names, qta_tick_code(tick, field, 0), &length);
        result_name(context, name, length);
        break;
    case QTA_FIELD_CONDITIONS:
        result_conditions(context, tick, field, names);
        break;
    case QTA_FIELD_TEXT:
        result_text_id(context, names, qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CHAR:
        byte = (char)qta_tick_byte(tick, field);
        result_name(context, &byte, 1);
        break;
    case QTA_FIELD_ENUM:
        sqlite3_result_text(context, field->enum_name(qta_tick_byte(tick, field)), -1,
                            SQLITE_STATIC);
        break;
    case QTA_FIELD_FLAG:
        sqlite3_result_int(context, 1);
        break;
    }
}

static void result_exactly(sqlite3_context *context, const struct qta_field *field,
                           const struct qta_tick *tick)
{
    char text[QTA_DECIMAL_TEXT_BYTES];
    result_name(context, text, qta_decimal_print(qta_tick_decimal(tick, field), text));
}

void qta_sql_column_result(sqlite3_context *context, const struct qta_sql_column *column,
                           const struct qta_tick *tick, const struct qta_dictionary *names)
{
    const struct qta_field *field = tick->type < QTA_TICK_TYPE_END ? column->fields[tick->type]
                                                                   : NULL;
    size_t length;
    const char *name;
    switch (column->kind) {
    case QTA_SQL_SEQ:
    case QTA_SQL_RX_SEQ:
        result_u64(context, tick->rx_seq);
        break;
    case QTA_SQL_TYPE:
        sqlite3_result_text(context, qta_tick_type_name(tick->type), -1, SQLITE_STATIC);
        break;
    case QTA_SQL_PROVIDER:
        name = qta_provider_name(names, tick->provider, &length);
        if (tick->provider != 0)
            result_name(context, name, length);
        break;
    case QTA_SQL_SYMBOL:
        name = qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, &length);
        if (tick->symbol != 0)
            result_name(context, name, length);
        break;
    case QTA_SQL_TS_RECV:
        result_time(context, tick->ts_recv_ns);
        break;
    case QTA_SQL_TS_EVENT:
        result_time(context, tick->ts_event_ns);
        break;
    case QTA_SQL_SRC_SEQ:
        if (tick->src_seq != QTA_U64_NONE)
            result_u64(context, tick->src_seq);
        break;
    case QTA_SQL_CONN:
        if (tick->conn != 0)
            sqlite3_result_int64(context, tick->conn);
        break;
    case QTA_SQL_FLAGS:
        result_flags(context, tick);
        break;
    case QTA_SQL_FIELD:
        if (field && qta_tick_has(tick, field))
            result_field(context, field, tick, names);
        break;
    case QTA_SQL_FIELD_TEXT:
        if (field && qta_tick_has(tick, field))
            result_exactly(context, field, tick);
        break;
    case QTA_SQL_SESSION:
    case QTA_SQL_ON_DAMAGE:
        break;
    }
}
