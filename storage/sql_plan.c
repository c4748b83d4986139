/* A term of a plan is a column and an operator; its value is the argument of the same index. */
#include "storage/sql_plan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

/* ---- planning ------------------------------------------------------------------------------ */

/* Rows that a session is thought to have, and how many of a million a term leaves. */
enum {
    ROWS_GUESSED = 10000000,
    LEFT_BY_EQUAL = 10000,
    LEFT_BY_LIST = 50000,
    LEFT_BY_TYPE = 400000,
    LEFT_BY_RANGE = 250000,
    COST_OF_OPENING = 1000,
};
#define COST_OF_FAILING 1e50

static const char *operator_text(unsigned char operation)
{
    switch (operation) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return "=";
    case SQLITE_INDEX_CONSTRAINT_GT:
        return ">";
    case SQLITE_INDEX_CONSTRAINT_GE:
        return ">=";
    case SQLITE_INDEX_CONSTRAINT_LT:
        return "<";
    case SQLITE_INDEX_CONSTRAINT_LE:
        return "<=";
    default:
        return NULL;
    }
}

/* NULL for the rowid, which is SQLite's own business. */
static const struct qta_sql_column *column_at(const struct qta_sql_table *table, int index)
{
    assert(index < (int)table->column_count);
    return index < 0 ? NULL : &table->columns[index];
}

/* Conditions that are not true of NULL leave only the types that have the column. */
static bool refuses_null(unsigned char operation)
{
    switch (operation) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
    case SQLITE_INDEX_CONSTRAINT_NE:
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
        return true;
    default:
        return false;
    }
}

/* What is planned so far. */
struct plan {
    const struct qta_sql_table *table;
    sqlite3_index_info *info;
    sqlite3_str *text;
    int terms;
    uint32_t types;
    double rows;
    bool has_session;
    bool is_order_refused; /* an argument comes from a table that stands behind this one */
    bool is_one_row;
};

static bool is_name_column(enum qta_sql_column_kind kind)
{
    return kind == QTA_SQL_SYMBOL || kind == QTA_SQL_TYPE || kind == QTA_SQL_PROVIDER;
}

static bool is_range_column(enum qta_sql_column_kind kind)
{
    return kind == QTA_SQL_SEQ || kind == QTA_SQL_RX_SEQ || kind == QTA_SQL_TS_RECV ||
           kind == QTA_SQL_TS_EVENT;
}

static void take_over(struct plan *plan, int index, const char *name, const char *operation)
{
    plan->info->aConstraintUsage[index].argvIndex = ++plan->terms;
    sqlite3_str_appendf(plan->text, "%s%s%s", plan->terms > 1 ? " " : "", name, operation);
}

static void leave(struct plan *plan, int of_a_million)
{
    plan->rows = plan->rows * of_a_million / 1000000;
}

/* Arguments of the function: nothing but equality makes sense, and there is nothing to check. */
static void plan_argument(struct plan *plan, int index, const struct qta_sql_column *column)
{
    const struct sqlite3_index_constraint *constraint = &plan->info->aConstraint[index];
    if (constraint->op != SQLITE_INDEX_CONSTRAINT_EQ)
        return;
    if (!constraint->usable) {
        plan->is_order_refused = true;
        return;
    }
    plan->has_session |= column->kind == QTA_SQL_SESSION;
    take_over(plan, index, column->name, "=");
}

static void plan_name(struct plan *plan, int index, const struct qta_sql_column *column)
{
    sqlite3_index_info *info = plan->info;
    if (info->aConstraint[index].op != SQLITE_INDEX_CONSTRAINT_EQ ||
        sqlite3_stricmp(sqlite3_vtab_collation(info, index), "BINARY") != 0)
        return;
    bool is_list = sqlite3_vtab_in(info, index, 1) != 0;
    take_over(plan, index, column->name, is_list ? " IN" : "=");
    if (column->kind == QTA_SQL_SYMBOL)
        leave(plan, is_list ? LEFT_BY_LIST : LEFT_BY_EQUAL);
    else
        leave(plan, LEFT_BY_TYPE);
}

static void plan_range(struct plan *plan, int index, const struct qta_sql_column *column)
{
    unsigned char operation = plan->info->aConstraint[index].op;
    const char *text = operator_text(operation);
    if (!text)
        return;
    take_over(plan, index, column->name, text);
    bool is_equal = operation == SQLITE_INDEX_CONSTRAINT_EQ;
    leave(plan, is_equal ? 1 : LEFT_BY_RANGE);
    plan->is_one_row |= is_equal && column->kind != QTA_SQL_TS_RECV &&
                        column->kind != QTA_SQL_TS_EVENT;
}

static void plan_constraint(struct plan *plan, int index)
{
    const struct sqlite3_index_constraint *constraint = &plan->info->aConstraint[index];
    if (constraint->op == SQLITE_INDEX_CONSTRAINT_LIMIT ||
        constraint->op == SQLITE_INDEX_CONSTRAINT_OFFSET)
        return; /* SQLite stops asking for rows by itself */
    const struct qta_sql_column *column = column_at(plan->table, constraint->iColumn);
    if (!column)
        return;
    if (column->kind == QTA_SQL_SESSION || column->kind == QTA_SQL_ON_DAMAGE) {
        plan_argument(plan, index, column);
        return;
    }
    if (!constraint->usable)
        return;
    if (refuses_null(constraint->op))
        plan->types &= column->types;
    if (is_name_column(column->kind))
        plan_name(plan, index, column);
    else if (is_range_column(column->kind))
        plan_range(plan, index, column);
}

/* Rows come by rx_seq, and ts_recv never goes back. */
static bool is_ordered_already(const struct plan *plan)
{
    const sqlite3_index_info *info = plan->info;
    for (int i = 0; i < info->nOrderBy; i++) {
        const struct qta_sql_column *column = column_at(plan->table, info->aOrderBy[i].iColumn);
        if (!column || info->aOrderBy[i].desc)
            return false;
        if (column->kind == QTA_SQL_SEQ || column->kind == QTA_SQL_RX_SEQ)
            return true; /* unique: whatever follows has nothing to order */
        if (column->kind != QTA_SQL_TS_RECV)
            return false;
    }
    return info->nOrderBy > 0;
}

static int finish_plan(struct plan *plan)
{
    sqlite3_index_info *info = plan->info;
    if (plan->types != plan->table->types)
        leave(plan, LEFT_BY_TYPE);
    info->idxNum = (int)plan->types;
    if (plan->terms > 0) {
        info->idxStr = sqlite3_str_finish(plan->text);
        info->needToFreeIdxStr = 1;
        if (!info->idxStr)
            return SQLITE_NOMEM;
    } else {
        sqlite3_free(sqlite3_str_finish(plan->text));
    }
    info->orderByConsumed = is_ordered_already(plan);
    info->estimatedRows = plan->is_one_row ? 1 : (sqlite3_int64)plan->rows + 1;
    info->estimatedCost = (double)info->estimatedRows + COST_OF_OPENING;
    if (!plan->has_session) /* only where there is no other way: the query then fails */
        info->estimatedCost = COST_OF_FAILING;
    if (plan->is_one_row)
        info->idxFlags |= SQLITE_INDEX_SCAN_UNIQUE;
    return SQLITE_OK;
}

int qta_sql_plan(const struct qta_sql_table *table, sqlite3_index_info *info)
{
    struct plan plan = {
        .table = table,
        .info = info,
        .text = sqlite3_str_new(NULL),
        .types = table->types,
        .rows = ROWS_GUESSED,
    };
    for (int i = 0; i < info->nConstraint; i++)
        plan_constraint(&plan, i);
    if (!plan.is_order_refused)
        return finish_plan(&plan);
    sqlite3_free(sqlite3_str_finish(plan.text));
    return SQLITE_CONSTRAINT;
}

/* ---- the values of one run ----------------------------------------------------------------- */

struct reading {
    struct qta_sql_query *query;
    const struct qta_sql_table *table;
    struct qta_error *err;
};

static enum qta_status out_of_memory(struct reading *reading)
{
    return qta_error_set(reading->err, QTA_ERR_NOMEM, "out of memory for a query");
}

/* As SQLite compares it with a column of text: numbers by their digits, bytes with no text. */
static const char *name_of(sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    return type == SQLITE_NULL || type == SQLITE_BLOB ? NULL
                                                      : (const char *)sqlite3_value_text(value);
}

static enum qta_status add_name(struct reading *reading, struct qta_sql_names *names,
                                sqlite3_value *value, bool *is_exact)
{
    const char *text = name_of(value);
    if (!text)
        return QTA_OK;
    /* the filter's names end at a NUL, and names that were not kept have none of their own */
    if (strlen(text) != (size_t)sqlite3_value_bytes(value) || strcmp(text, "(other)") == 0) {
        *is_exact = false;
        return QTA_OK;
    }
    char **grown = realloc(names->items, (names->count + 1) * sizeof *grown);
    if (!grown)
        return out_of_memory(reading);
    names->items = grown;
    char *copy = strdup(text);
    if (!copy)
        return out_of_memory(reading);
    names->items[names->count++] = copy;
    return QTA_OK;
}

static void finish_names(struct qta_sql_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct qta_sql_names){0};
}

/* One value or, with IN, all of them. */
static enum qta_status read_names(struct reading *reading, struct qta_sql_names *names,
                                  sqlite3_value *value, bool is_list)
{
    enum qta_status status = QTA_OK;
    bool is_exact = true;
    if (names->is_set) /* a second condition on the column: SQLite itself sees to that */
        return QTA_OK;
    if (is_list) {
        sqlite3_value *item = NULL;
        int code = sqlite3_vtab_in_first(value, &item);
        for (; code == SQLITE_OK && item && status == QTA_OK;
             code = sqlite3_vtab_in_next(value, &item))
            status = add_name(reading, names, item, &is_exact);
        if (status == QTA_OK && code == SQLITE_NOMEM)
            status = out_of_memory(reading);
    } else {
        status = add_name(reading, names, value, &is_exact);
    }
    names->is_set = is_exact;
    if (!is_exact)
        finish_names(names);
    return status;
}

static enum qta_status read_types(struct reading *reading, sqlite3_value *value, bool is_list)
{
    struct qta_sql_names names = {0};
    enum qta_status status = read_names(reading, &names, value, is_list);
    if (status == QTA_OK && names.is_set) {
        uint32_t types = 0;
        for (size_t i = 0; i < names.count; i++) {
            enum qta_tick_type type = qta_tick_type_parse(names.items[i], strlen(names.items[i]));
            if (type != QTA_TICK_NONE)
                types |= QTA_TYPE_BIT(type);
        }
        reading->query->filter.types &= types;
    }
    finish_names(&names);
    return status;
}

static enum qta_status read_argument(struct reading *reading, const struct qta_sql_column *column,
                                     sqlite3_value *value)
{
    struct qta_sql_query *query = reading->query;
    const char *text = name_of(value);
    if (!text || strlen(text) != (size_t)sqlite3_value_bytes(value))
        return qta_error_set(reading->err, QTA_ERR_USAGE, "'%s' is not given as text",
                             column->name);
    if (column->kind == QTA_SQL_SESSION) {
        free(query->session);
        query->session = strdup(text);
        return query->session ? QTA_OK : out_of_memory(reading);
    }
    query->skips_damage = strcmp(text, "skip") == 0;
    if (query->skips_damage || strcmp(text, "stop") == 0)
        return QTA_OK;
    return qta_error_set(reading->err, QTA_ERR_USAGE, "on_damage: '%s' is not one of stop, skip",
                         text);
}

static void narrow(int64_t *first, int64_t *last, int64_t from, int64_t to)
{
    if (from > *first)
        *first = from;
    if (to < *last)
        *last = to;
}

/* The integers that satisfy `column operation value` lie within from and to. */
static void range_of_integer(const char *operation, int64_t value, int64_t *from, int64_t *to)
{
    if (operation[0] == '=' || operation[0] == '>')
        *from = value;
    if (operation[0] == '=' || operation[0] == '<')
        *to = value;
    if (operation[0] == '>' && operation[1] == '\0' && value < INT64_MAX)
        *from = value + 1;
    if (operation[0] == '<' && operation[1] == '\0' && value > INT64_MIN)
        *to = value - 1;
}

static int64_t to_integer(double value)
{
    if (value >= 0x1p63)
        return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

static void range_of_real(const char *operation, double value, int64_t *from, int64_t *to)
{
    if (operation[0] == '=' || operation[0] == '>')
        *from = to_integer(floor(value));
    if (operation[0] == '=' || operation[0] == '<')
        *to = to_integer(ceil(value));
}

static enum qta_status read_range(struct reading *reading, const struct qta_sql_column *column,
                                  const char *operation, sqlite3_value *value)
{
    struct qta_sql_query *query = reading->query;
    int64_t from = INT64_MIN;
    int64_t to = INT64_MAX;
    bool is_time = column->kind == QTA_SQL_TS_RECV || column->kind == QTA_SQL_TS_EVENT;
    switch (sqlite3_value_numeric_type(value)) {
    case SQLITE_INTEGER:
        range_of_integer(operation, sqlite3_value_int64(value), &from, &to);
        break;
    case SQLITE_FLOAT:
        range_of_real(operation, sqlite3_value_double(value), &from, &to);
        break;
    case SQLITE_TEXT: /* any text is greater than any number: never what is meant by a time */
        if (is_time)
            return qta_error_set(reading->err, QTA_ERR_USAGE,
                                 "%s is an integer of ns, compared with the text '%.64s' (write "
                                 "qta_ns('%.64s'))",
                                 column->name, (const char *)sqlite3_value_text(value),
                                 (const char *)sqlite3_value_text(value));
        break;
    case SQLITE_NULL:
        query->is_empty = true;
        break;
    default:
        break;
    }
    if (column->kind == QTA_SQL_TS_RECV)
        narrow(&query->first_recv_ns, &query->last_recv_ns, from, to);
    else if (column->kind == QTA_SQL_TS_EVENT)
        narrow(&query->first_event_ns, &query->last_event_ns, from, to);
    else
        narrow(&query->first_seq, &query->last_seq, from, to);
    return QTA_OK;
}

static const struct qta_sql_column *column_named(const struct qta_sql_table *table,
                                                 const char *name, size_t length)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strlen(table->columns[i].name) == length &&
            memcmp(table->columns[i].name, name, length) == 0)
            return &table->columns[i];
    return NULL;
}

/* "symbol=", "symbol IN", "ts_event>=": returns what follows. */
static const char *read_term(struct reading *reading, const char *term, sqlite3_value *value,
                             enum qta_status *status)
{
    size_t length = strcspn(term, " <>=");
    const struct qta_sql_column *column = column_named(reading->table, term, length);
    assert(column);
    char operation[4] = "";
    bool is_list = strncmp(term + length, " IN", 3) == 0;
    size_t operation_length = is_list ? 3 : strspn(term + length, "<>=");
    assert(operation_length > 0 && operation_length < sizeof operation);
    memcpy(operation, term + length, operation_length);
    if (column->kind == QTA_SQL_SYMBOL)
        *status = read_names(reading, &reading->query->symbols, value, is_list);
    else if (column->kind == QTA_SQL_PROVIDER)
        *status = read_names(reading, &reading->query->providers, value, is_list);
    else if (column->kind == QTA_SQL_TYPE)
        *status = read_types(reading, value, is_list);
    else if (is_range_column(column->kind))
        *status = read_range(reading, column, operation, value);
    else
        *status = read_argument(reading, column, value);
    term += length + operation_length;
    return term + (*term == ' ');
}

static void fill_filter(struct qta_sql_query *query)
{
    struct qta_session_filter *filter = &query->filter;
    query->is_empty |= query->first_seq > query->last_seq || query->last_seq < 1 ||
                       query->first_recv_ns > query->last_recv_ns ||
                       query->first_event_ns > query->last_event_ns || filter->types == 0 ||
                       (query->symbols.is_set && query->symbols.count == 0) ||
                       (query->providers.is_set && query->providers.count == 0);
    if (query->is_empty)
        return;
    filter->from_seq = query->first_seq > 0 ? (uint64_t)query->first_seq : 0;
    filter->from_ns = query->first_recv_ns;
    if (query->last_seq < INT64_MAX)
        filter->until_seq = (uint64_t)query->last_seq + 1;
    if (query->last_recv_ns < INT64_MAX)
        filter->until_ns = query->last_recv_ns + 1;
    filter->event_from_ns = query->first_event_ns;
    if (query->last_event_ns < INT64_MAX)
        filter->event_until_ns = query->last_event_ns + 1;
    if (query->symbols.is_set) {
        filter->symbols = (const char *const *)query->symbols.items;
        filter->symbol_count = query->symbols.count;
    }
    if (query->providers.is_set) {
        filter->providers = (const char *const *)query->providers.items;
        filter->provider_count = query->providers.count;
    }
}

enum qta_status qta_sql_query_init(struct qta_sql_query *query, const struct qta_sql_table *table,
                                   int plan_number, const char *plan_text, int value_count,
                                   sqlite3_value **values, struct qta_error *err)
{
    *query = (struct qta_sql_query){
        .filter = qta_session_filter_default(),
        .first_seq = INT64_MIN,
        .last_seq = INT64_MAX,
        .first_recv_ns = INT64_MIN,
        .last_recv_ns = INT64_MAX,
        .first_event_ns = INT64_MIN,
        .last_event_ns = INT64_MAX,
    };
    query->filter.types = (uint32_t)plan_number & table->types;
    struct reading reading = {.query = query, .table = table, .err = err};
    enum qta_status status = QTA_OK;
    for (int i = 0; i < value_count && status == QTA_OK; i++)
        plan_text = read_term(&reading, plan_text, values[i], &status);
    if (status == QTA_OK && !query->session)
        status = qta_error_set(err, QTA_ERR_USAGE,
                               "no session is given, e.g. "
                               "%s('sessions/2024-05-01')",
                               table->name);
    if (status == QTA_OK)
        fill_filter(query);
    return status;
}

void qta_sql_query_finish(struct qta_sql_query *query)
{
    free(query->session);
    finish_names(&query->symbols);
    finish_names(&query->providers);
    *query = (struct qta_sql_query){0};
}
