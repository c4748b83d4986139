/* Import options, checked. The body's columns come from the table of tick fields, so that they have
 * the names and the places that printing uses; the few that are not of the body are added here. */
#include "storage/csv_mapping.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/timezone.h"
#include "storage/csv_column.h"

enum { NAMES_TEXT_BYTES = 256 };

/* ---- options ----------------------------------------------------------------------------------
 */

struct qta_import_options qta_import_options_default(void)
{
    return (struct qta_import_options){.time_unit = "rfc3339", .delimiter = ','};
}

/* Calls each for every "name=value" of a list with commas; both are NUL-terminated copies. */
static enum qta_status for_each_pair(const char *list, const char *what,
                                     enum qta_status (*each)(struct qta_csv_mapping *mapping,
                                                             const char *name, const char *value,
                                                             struct qta_error *err),
                                     struct qta_csv_mapping *mapping, struct qta_error *err)
{
    char *copy = strdup(list);
    if (!copy)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    enum qta_status status = QTA_OK;
    char *next = copy;
    while (status == QTA_OK && next) {
        char *name = strsep(&next, ",");
        char *value = strchr(name, '=');
        if (value)
            *value++ = '\0';
        if (!value || *name == '\0' || *value == '\0')
            status = qta_error_set(err, QTA_ERR_USAGE, "%s: '%s' is not of the form name=value",
                                   what, name);
        else
            status = each(mapping, name, value, err);
    }
    free(copy);
    return status;
}

static const struct qta_field *find_field(enum qta_tick_type type, const char *name)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static bool find_target(const struct qta_csv_mapping *mapping, const char *name,
                        struct qta_csv_column *column)
{
    static const struct {
        const char *name;
        enum qta_csv_target target;
    } common[] = {
        {"ts_event", QTA_CSV_TS_EVENT},
        {"ts_recv", QTA_CSV_TS_RECV},
        {"symbol", QTA_CSV_SYMBOL},
        {"src_seq", QTA_CSV_SRC_SEQ},
    };
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        column->target = common[i].target;
        if (strcmp(common[i].name, name) == 0)
            return true;
    }
    column->target = QTA_CSV_QUOTE_EXCHANGE;
    if (mapping->type == QTA_TICK_QUOTE && strcmp(name, "exchange") == 0)
        return true;
    column->target = QTA_CSV_BODY;
    column->field = find_field(mapping->type, name);
    return column->field != NULL;
}

static struct qta_csv_column *find_column(struct qta_csv_mapping *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->column_count; i++) {
        if (strcmp(mapping->columns[i].name, name) == 0)
            return &mapping->columns[i];
    }
    return NULL;
}

/* The names that a column of this type may have, for the error. */
static void list_names(const struct qta_csv_mapping *mapping, char text[NAMES_TEXT_BYTES])
{
    int used = snprintf(text, NAMES_TEXT_BYTES, "ts_event, ts_recv, symbol, src_seq");
    size_t count;
    const struct qta_field *fields = qta_tick_fields(mapping->type, &count);
    for (size_t i = 0; i < count; i++)
        used += snprintf(text + used, NAMES_TEXT_BYTES - (size_t)used, ", %s", fields[i].name);
    if (mapping->type == QTA_TICK_QUOTE)
        used += snprintf(text + used, NAMES_TEXT_BYTES - (size_t)used, ", exchange");
    assert(used < NAMES_TEXT_BYTES);
}

static bool is_number(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static enum qta_status add_column(struct qta_csv_mapping *mapping, const char *name,
                                  const char *value, struct qta_error *err)
{
    if (find_column(mapping, name))
        return qta_error_set(err, QTA_ERR_USAGE, "columns: '%s' is given twice", name);
    assert(mapping->column_count < QTA_CSV_COLUMNS_MAX); /* fewer names exist */
    struct qta_csv_column *column = &mapping->columns[mapping->column_count];
    column->scale_mantissa = 1;
    if (!find_target(mapping, name, column)) {
        char names[NAMES_TEXT_BYTES];
        list_names(mapping, names);
        return qta_error_set(err, QTA_ERR_USAGE, "columns: a %s has no column '%s' (have: %s)",
                             qta_tick_type_name(mapping->type), name, names);
    }
    if (is_number(value)) {
        unsigned long number = strlen(value) < 5 ? strtoul(value, NULL, 10) : 0;
        if (number < 1 || number > QTA_CSV_CELLS_MAX)
            return qta_error_set(err, QTA_ERR_USAGE, "columns: '%s=%s': columns count from 1 to %d",
                                 name, value, QTA_CSV_CELLS_MAX);
        column->index = number - 1;
    } else {
        column->header = strdup(value);
        mapping->has_header = true;
    }
    column->name = strdup(name);
    mapping->column_count++;
    if (!column->name || (!column->header && !is_number(value)))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    return QTA_OK;
}

static bool is_decimal(const struct qta_csv_column *column)
{
    return column->target == QTA_CSV_BODY && column->field->kind == QTA_FIELD_DECIMAL;
}

static enum qta_status add_scale(struct qta_csv_mapping *mapping, const char *name,
                                 const char *value, struct qta_error *err)
{
    struct qta_csv_column *column = find_column(mapping, name);
    if (!column)
        return qta_error_set(err, QTA_ERR_USAGE, "scales: columns have no '%s'", name);
    if (!is_decimal(column))
        return qta_error_set(err, QTA_ERR_USAGE, "scales: '%s' is no price or size", name);
    struct qta_decimal scale;
    bool is_rounded = false;
    if (qta_decimal_parse(value, strlen(value), &scale, &is_rounded) != QTA_OK || is_rounded ||
        scale.mantissa <= 0)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "scales: '%s=%s' is not a positive number like 1e-4 or 0.25", name,
                             value);
    scale = qta_decimal_normalize(scale);
    column->scale_mantissa = scale.mantissa;
    column->scale_exponent = (int)scale.exponent;
    return QTA_OK;
}

static enum qta_status read_type(struct qta_csv_mapping *mapping,
                                 const struct qta_import_options *options, struct qta_error *err)
{
    const char *type = options->type ? options->type : "";
    mapping->type = qta_tick_type_parse(type, strlen(type));
    if (mapping->type == QTA_TICK_TRADE || mapping->type == QTA_TICK_QUOTE)
        return QTA_OK;
    if (*type == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "type: it is missing: trade or quote");
    return qta_error_set(err, QTA_ERR_USAGE, "type: '%s' is neither trade nor quote", type);
}

static enum qta_status read_columns(struct qta_csv_mapping *mapping,
                                    const struct qta_import_options *options, struct qta_error *err)
{
    if (!options->columns || *options->columns == '\0')
        return qta_error_set(err, QTA_ERR_USAGE,
                             "columns: they are missing, e.g. ts_event=1,price=2,size=3");
    enum qta_status status = for_each_pair(options->columns, "columns", add_column, mapping, err);
    if (status == QTA_OK && options->scales)
        status = for_each_pair(options->scales, "scales", add_scale, mapping, err);
    if (status != QTA_OK)
        return status;
    if (!find_column(mapping, "ts_event") && !find_column(mapping, "ts_recv"))
        return qta_error_set(err, QTA_ERR_USAGE, "columns: ts_event or ts_recv is needed");
    if (mapping->type == QTA_TICK_TRADE && !find_column(mapping, "price"))
        return qta_error_set(err, QTA_ERR_USAGE, "columns: a trade needs price");
    if (mapping->type == QTA_TICK_QUOTE && !find_column(mapping, "bid_price") &&
        !find_column(mapping, "ask_price"))
        return qta_error_set(err, QTA_ERR_USAGE, "columns: a quote needs bid_price or ask_price");
    if (find_column(mapping, "exchange") &&
        (find_column(mapping, "bid_exchange") || find_column(mapping, "ask_exchange")))
        return qta_error_set(err, QTA_ERR_USAGE,
                             "columns: exchange is for both sides, so it excludes bid_exchange and "
                             "ask_exchange");
    return QTA_OK;
}

static enum qta_status read_time_unit(struct qta_csv_mapping *mapping,
                                      const struct qta_import_options *options,
                                      struct qta_error *err)
{
    static const struct {
        const char *name;
        int exponent;
    } units[] = {{"s", 9}, {"ms", 6}, {"us", 3}, {"ns", 0}};
    const char *unit = options->time_unit ? options->time_unit : "";
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        mapping->unit_exponent = units[i].exponent;
        if (strcmp(units[i].name, unit) == 0)
            return QTA_OK;
    }
    mapping->is_rfc3339 = true;
    if (strcmp(unit, "rfc3339") == 0)
        return QTA_OK;
    return qta_error_set(err, QTA_ERR_USAGE, "time unit: '%s' is none of s, ms, us, ns, rfc3339",
                         unit);
}

static enum qta_status read_midnight(struct qta_csv_mapping *mapping,
                                     const struct qta_import_options *options,
                                     struct qta_error *err)
{
    if (!options->date && !options->timezone)
        return QTA_OK;
    if (!options->date)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "time zone: it needs a date, whose midnight there "
                             "the times count from");
    if (mapping->is_rfc3339)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "date: rfc3339 times have their own; use it with s, ms, us or ns");
    struct qta_date date;
    if (qta_date_parse(options->date, &date) != QTA_OK)
        return qta_error_set(err, QTA_ERR_USAGE, "date: '%s' is not a day like 2013-10-08",
                             options->date);
    const char *name = options->timezone ? options->timezone : "UTC";
    struct qta_timezone *zone;
    enum qta_status status = qta_timezone_create(&zone, name, err);
    if (status == QTA_ERR_NOMEM)
        return status;
    if (status != QTA_OK)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "time zone: '%s' is not one like America/New_York or UTC", name);
    mapping->midnight_ns = qta_timezone_midnight_ns(zone, date);
    qta_timezone_destroy(zone);
    return QTA_OK;
}

static enum qta_status read_names(struct qta_csv_mapping *mapping,
                                  const struct qta_import_options *options, struct qta_error *err)
{
    bool has_column = find_column(mapping, "symbol") != NULL;
    bool has_symbol = options->symbol && *options->symbol != '\0';
    if (has_symbol == has_column)
        return qta_error_set(err, QTA_ERR_USAGE,
                             has_symbol ? "symbol: it is given, and columns have one, too"
                                        : "symbol: neither it nor a column is given");
    const char *provider = options->provider && *options->provider ? options->provider : "import";
    uint32_t id = qta_dictionary_intern(mapping->names, QTA_NAME_PROVIDER, provider,
                                        strlen(provider));
    if (has_symbol)
        mapping->symbol = qta_dictionary_intern(mapping->names, QTA_NAME_SYMBOL, options->symbol,
                                                strlen(options->symbol));
    if (id == QTA_NAME_OTHER || mapping->symbol == QTA_NAME_OTHER)
        return qta_error_set(err, QTA_ERR_USAGE, "%s: its name is too long",
                             id == QTA_NAME_OTHER ? "provider" : "symbol");
    mapping->provider = (uint16_t)id;
    return QTA_OK;
}

static enum qta_status read_options(struct qta_csv_mapping *mapping,
                                    const struct qta_import_options *options, struct qta_error *err)
{
    mapping->has_header = options->has_header;
    mapping->conditions_separator = options->conditions_separator;
    if (options->null_text) {
        mapping->null_text = strdup(options->null_text);
        mapping->null_length = strlen(options->null_text);
        if (!mapping->null_text)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    }
    enum qta_status status = read_type(mapping, options, err);
    if (status == QTA_OK)
        status = read_columns(mapping, options, err);
    if (status == QTA_OK)
        status = read_time_unit(mapping, options, err);
    if (status == QTA_OK)
        status = read_midnight(mapping, options, err);
    if (status == QTA_OK)
        status = read_names(mapping, options, err);
    return status;
}

enum qta_status qta_csv_mapping_create(struct qta_csv_mapping **out,
                                       const struct qta_import_options *options,
                                       struct qta_dictionary *names, struct qta_error *err)
{
    assert(out);
    assert(options);
    struct qta_csv_mapping *mapping = calloc(1, sizeof *mapping);
    if (!mapping)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    mapping->names = names;
    enum qta_status status = read_options(mapping, options, err);
    if (status != QTA_OK) {
        qta_csv_mapping_destroy(mapping);
        return status;
    }
    *out = mapping;
    return QTA_OK;
}

void qta_csv_mapping_destroy(struct qta_csv_mapping *mapping)
{
    if (!mapping)
        return;
    for (size_t i = 0; i < mapping->column_count; i++) {
        free(mapping->columns[i].name);
        free(mapping->columns[i].header);
    }
    free(mapping->null_text);
    free(mapping);
}

/* ---- the first row ----------------------------------------------------------------------------
 */

bool qta_csv_mapping_has_header(const struct qta_csv_mapping *mapping)
{
    return mapping->has_header;
}

static enum qta_status find_header(struct qta_csv_column *column, const struct qta_csv_row *header,
                                   struct qta_error *err)
{
    size_t found = 0;
    size_t length = strlen(column->header);
    for (size_t i = 0; i < header->count; i++) {
        if (!qta_csv_cell_is(&header->cells[i], column->header, length))
            continue;
        column->index = i;
        found++;
    }
    if (found == 1)
        return QTA_OK;
    char first[QTA_CSV_SHOWN_BYTES];
    return qta_error_set(err, QTA_ERR_FORMAT,
                         found == 0 ? "the header has no column '%s' for %s; it begins with '%s'"
                                    : "the header has several columns '%s' for %s; give its number",
                         column->header, column->name, qta_csv_cell_show(&header->cells[0], first));
}

enum qta_status qta_csv_mapping_begin(struct qta_csv_mapping *mapping,
                                      const struct qta_csv_row *first, struct qta_error *err)
{
    mapping->cell_count = first->count;
    for (size_t i = 0; i < mapping->column_count; i++) {
        struct qta_csv_column *column = &mapping->columns[i];
        if (column->header) {
            enum qta_status status = find_header(column, first, err);
            if (status != QTA_OK)
                return status;
        } else if (column->index >= first->count) {
            return qta_error_set(err, QTA_ERR_FORMAT,
                                 "%s is to be column %zu, but the row has %zu (is the delimiter "
                                 "right?)",
                                 column->name, column->index + 1, first->count);
        }
    }
    return QTA_OK;
}
