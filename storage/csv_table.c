/* The header is looked up once: then a cell's place says its field for every type. */
#include "storage/csv_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/tick_text.h"

enum { COLUMNS_MAX = 128 }; /* more than there are names */

struct column {
    enum qta_tick_column column;
    const struct qta_field *fields[QTA_TICK_TYPE_END]; /* BODY: NULL where the type has none */
    char name[32];
};

struct qta_csv_table {
    struct qta_dictionary *names;
    struct column columns[COLUMNS_MAX];
    size_t column_count;
    size_t type_place;
    size_t flags_place; /* column_count where there is none */
};

enum qta_status qta_csv_table_create(struct qta_csv_table **out, struct qta_dictionary *names,
                                     struct qta_error *err)
{
    assert(out && names);
    struct qta_csv_table *table = calloc(1, sizeof *table);
    if (!table)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    table->names = names;
    *out = table;
    return QTA_OK;
}

void qta_csv_table_destroy(struct qta_csv_table *table)
{
    free(table);
}

static struct qta_tick_text text_of(const struct qta_csv_cell *cell)
{
    return (struct qta_tick_text){cell->text, cell->length};
}

/* ---- the header -------------------------------------------------------------------------------
 */

static enum qta_status add_column(struct qta_csv_table *table, const struct qta_csv_cell *cell,
                                  struct qta_error *err)
{
    const struct qta_tick_text column_text = {"column", 6};
    struct qta_tick_text heading = text_of(cell);
    struct column *column = &table->columns[table->column_count];
    memset(column, 0, sizeof *column);
    column->column = qta_tick_column_find(heading);
    bool is_known = column->column != QTA_COLUMN_BODY;
    for (unsigned type = 0; !is_known && type < QTA_TICK_TYPE_END; type++) {
        size_t place;
        column->fields[type] = qta_tick_text_find_field((enum qta_tick_type)type, heading, &place);
    }
    for (unsigned type = 0; !is_known && type < QTA_TICK_TYPE_END; type++)
        is_known = column->fields[type] != NULL;
    if (!is_known)
        return qta_tick_text_refuse(column_text, heading, "is no field of a tick", err);
    assert(heading.length < sizeof column->name);
    memcpy(column->name, heading.bytes, heading.length);
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, column->name) == 0)
            return qta_tick_text_refuse(column_text, heading, "is there twice", err);
    }
    table->column_count++;
    return QTA_OK;
}

static size_t find_column(const struct qta_csv_table *table, enum qta_tick_column column)
{
    size_t place = 0;
    while (place < table->column_count && table->columns[place].column != column)
        place++;
    return place;
}

enum qta_status qta_csv_table_begin(struct qta_csv_table *table, const struct qta_csv_row *header,
                                    struct qta_error *err)
{
    table->column_count = 0;
    for (size_t i = 0; i < header->count; i++) {
        enum qta_status status = table->column_count < COLUMNS_MAX
                                     ? add_column(table, &header->cells[i], err)
                                     : qta_error_set(err, QTA_ERR_FORMAT, "too many columns");
        if (status != QTA_OK)
            return qta_error_prefix(err, status, "not a header of ours, and no columns are named");
    }
    table->type_place = find_column(table, QTA_COLUMN_TYPE);
    table->flags_place = find_column(table, QTA_COLUMN_FLAGS);
    if (table->type_place == table->column_count)
        return qta_error_set(err, QTA_ERR_FORMAT,
                             "not a header of ours, and no columns are named: no column 'type'");
    return QTA_OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static const char *add_flag(struct qta_csv_table *table, struct qta_tick *tick,
                            const struct qta_field *field, struct qta_tick_text text)
{
    (void)table;
    (void)field;
    return qta_tick_text_add_flag(tick, text);
}

static const char *add_condition(struct qta_csv_table *table, struct qta_tick *tick,
                                 const struct qta_field *field, struct qta_tick_text text)
{
    return qta_tick_text_add_condition(tick, field, text, table->names);
}

/* Calls add for every part of a cell between bars. */
static const char *split(struct qta_csv_table *table, struct qta_tick *tick,
                         const struct qta_field *field, const struct qta_csv_cell *cell,
                         const char *(*add)(struct qta_csv_table *table, struct qta_tick *tick,
                                            const struct qta_field *field,
                                            struct qta_tick_text text))
{
    const char *end = cell->text + cell->length;
    for (const char *start = cell->text; start <= end;) {
        const char *bar = memchr(start, '|', (size_t)(end - start));
        const char *stop = bar ? bar : end;
        const char *problem = add(table, tick, field,
                                  (struct qta_tick_text){start, (size_t)(stop - start)});
        if (problem)
            return problem;
        start = stop + 1;
    }
    return NULL;
}

static const char *read_cell(struct qta_csv_table *table, const struct column *column,
                             const struct qta_csv_cell *cell, struct qta_tick *tick)
{
    if (column->column != QTA_COLUMN_BODY)
        return qta_tick_text_read_column(tick, column->column, text_of(cell), table->names);
    const struct qta_field *field = column->fields[tick->type];
    if (!field)
        return "stands in a column that a tick of this type has not";
    if (field->kind == QTA_FIELD_CONDITIONS)
        return split(table, tick, field, cell, add_condition);
    return qta_tick_text_read_field(tick, field, text_of(cell), table->names);
}

static enum qta_status refuse_cell(const struct column *column, const struct qta_csv_cell *cell,
                                   const char *problem, struct qta_error *err)
{
    return qta_tick_text_refuse((struct qta_tick_text){column->name, strlen(column->name)},
                                text_of(cell), problem, err);
}

enum qta_status qta_csv_table_decode(struct qta_csv_table *table, const struct qta_csv_row *row,
                                     struct qta_tick *tick, struct qta_error *err)
{
    if (row->count != table->column_count)
        return qta_error_set(err, QTA_ERR_FORMAT, "the row has %zu cells, the header has %zu",
                             row->count, table->column_count);
    const struct qta_csv_cell *type = &row->cells[table->type_place];
    enum qta_tick_type number = qta_tick_type_parse(type->text, type->length);
    if (number == QTA_TICK_NONE)
        return refuse_cell(&table->columns[table->type_place], type, "is none of ours", err);
    qta_tick_init(tick, number);
    /* flags come first: they say whether ids are text */
    bool has_flags = table->flags_place < row->count && row->cells[table->flags_place].length > 0;
    const char *problem = NULL;
    if (has_flags)
        problem = split(table, tick, NULL, &row->cells[table->flags_place], add_flag);
    if (problem)
        return refuse_cell(&table->columns[table->flags_place], &row->cells[table->flags_place],
                           problem, err);
    for (size_t i = 0; i < row->count; i++) {
        if (row->cells[i].length == 0 || i == table->type_place || i == table->flags_place)
            continue;
        problem = read_cell(table, &table->columns[i], &row->cells[i], tick);
        if (problem)
            return refuse_cell(&table->columns[i], &row->cells[i], problem, err);
    }
    problem = qta_tick_text_finish(tick);
    return problem ? qta_error_set(err, QTA_ERR_FORMAT, "%s", problem) : QTA_OK;
}
