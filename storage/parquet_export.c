/* A tick's columns are those that every type has and the fields of its body, under the names that
 * printing uses. */
#include "storage/parquet_export.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/version.h>

#include "core/tick_value.h"
#include "storage/decimal_survey.h"
#include "storage/output_file.h"
#include "storage/parquet_writer.h"

/* Columns before the body's; flags come last. */
enum common { SEQ, TYPE, PROVIDER, SYMBOL, TS_RECV, TS_EVENT, SRC_SEQ, CONN, COMMON_COUNT };

enum {
    FIELDS_MAX = 16,
    COLUMNS_MAX = COMMON_COUNT + FIELDS_MAX + 1,
    SHORT_DIGITS = 18,
    LONG_DIGITS = 38,
};

/* The file of one type. */
struct type_file {
    uint64_t records;
    struct qta_decimal_survey decimals[FIELDS_MAX];
    bool has_text_ids;
    const struct qta_field *fields;
    size_t field_count;
    char *path;
    struct qta_output_file *file;
    struct qta_parquet_writer *writer; /* NULL: not of this export */
    struct qta_parquet_column *columns[COLUMNS_MAX];
};

struct qta_parquet_export {
    const struct qta_export_options *options;
    const struct qta_export_source *sources;
    size_t source_count;
    bool is_folder_new;
    bool is_finished;
    struct type_file types[QTA_TICK_TYPE_END];
};

enum qta_status qta_parquet_export_create(struct qta_parquet_export **out,
                                          const struct qta_export_options *options,
                                          struct qta_error *err)
{
    assert(out && options);
    struct qta_parquet_export *parquet = calloc(1, sizeof *parquet);
    if (!parquet)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    parquet->options = options;
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        struct type_file *file = &parquet->types[type];
        file->fields = qta_tick_fields(type, &file->field_count);
        assert(file->field_count <= FIELDS_MAX);
    }
    *out = parquet;
    return QTA_OK;
}

void qta_parquet_export_destroy(struct qta_parquet_export *parquet)
{
    if (!parquet)
        return;
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        qta_parquet_writer_destroy(parquet->types[type].writer);
        qta_output_file_destroy(parquet->types[type].file);
        free(parquet->types[type].path);
    }
    if (parquet->is_folder_new && !parquet->is_finished)
        rmdir(parquet->options->output); /* fails where something else has come into it */
    free(parquet);
}

/* ---- the survey -------------------------------------------------------------------------------
 */

void qta_parquet_export_survey(struct qta_parquet_export *parquet, const struct qta_tick *ticks,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct qta_tick *tick = &ticks[i];
        struct type_file *file = &parquet->types[tick->type];
        file->records++;
        file->has_text_ids |= (tick->flags & QTA_FLAG_ID_IS_TEXT) != 0;
        for (size_t k = 0; k < file->field_count; k++) {
            if (file->fields[k].kind == QTA_FIELD_DECIMAL)
                qta_decimal_survey_add(&file->decimals[k],
                                       qta_tick_decimal(tick, &file->fields[k]));
        }
    }
}

/* ---- the schema -------------------------------------------------------------------------------
 */

static const struct qta_parquet_column_spec common_specs[COMMON_COUNT] = {
    [SEQ] = {.name = "seq", .kind = QTA_PARQUET_UINT64, .has_differences = true},
    [TYPE] = {.name = "type", .kind = QTA_PARQUET_STRING, .has_dictionary = true},
    [PROVIDER] = {.name = "provider",
                  .kind = QTA_PARQUET_STRING,
                  .is_optional = true,
                  .has_dictionary = true},
    [SYMBOL] = {.name = "symbol",
                .kind = QTA_PARQUET_STRING,
                .is_optional = true,
                .has_dictionary = true},
    [TS_RECV] = {.name = "ts_recv",
                 .kind = QTA_PARQUET_TIMESTAMP,
                 .is_optional = true,
                 .has_differences = true},
    [TS_EVENT] = {.name = "ts_event",
                  .kind = QTA_PARQUET_TIMESTAMP,
                  .is_optional = true,
                  .has_differences = true},
    [SRC_SEQ] = {.name = "src_seq",
                 .kind = QTA_PARQUET_UINT64,
                 .is_optional = true,
                 .has_differences = true},
    [CONN] = {.name = "conn", .kind = QTA_PARQUET_UINT32, .is_optional = true},
};

static const struct qta_parquet_column_spec flags_spec = {
    .name = "flags", .kind = QTA_PARQUET_STRING, .is_optional = true, .has_dictionary = true};

static enum qta_status choose_decimal(const struct qta_parquet_export *parquet,
                                      const struct type_file *file, size_t place,
                                      struct qta_parquet_column_spec *spec, struct qta_error *err)
{
    int scale;
    if (parquet->options->has_doubles) {
        spec->kind = QTA_PARQUET_DOUBLE;
        return QTA_OK;
    }
    spec->kind = QTA_PARQUET_DECIMAL_18;
    bool is_found = qta_decimal_survey_choose(&file->decimals[place], SHORT_DIGITS, &scale);
    if (!is_found) {
        spec->kind = QTA_PARQUET_DECIMAL_38;
        is_found = qta_decimal_survey_choose(&file->decimals[place], LONG_DIGITS, &scale);
    }
    if (!is_found)
        return qta_error_set(err, QTA_ERR_RANGE,
                             "no DECIMAL of 38 digits holds all values of '%s': export fewer "
                             "symbols, or ask for doubles",
                             spec->name);
    spec->scale = (uint8_t)scale;
    return QTA_OK;
}

static enum qta_status choose_field(const struct qta_parquet_export *parquet,
                                    const struct type_file *file, size_t place,
                                    struct qta_parquet_column_spec *spec, struct qta_error *err)
{
    const struct qta_field *field = &file->fields[place];
    *spec = (struct qta_parquet_column_spec){.is_optional = true};
    snprintf(spec->name, sizeof spec->name, "%s", field->name);
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        return choose_decimal(parquet, file, place, spec, err);
    case QTA_FIELD_U64:
        spec->kind = QTA_PARQUET_UINT64;
        break;
    case QTA_FIELD_ID:
        spec->kind = file->has_text_ids ? QTA_PARQUET_STRING : QTA_PARQUET_UINT64;
        spec->has_differences = true;
        break;
    case QTA_FIELD_TIME:
        spec->kind = QTA_PARQUET_TIMESTAMP;
        spec->has_differences = true;
        break;
    case QTA_FIELD_I64:
        spec->kind = QTA_PARQUET_INT64;
        spec->is_optional = false;
        break;
    case QTA_FIELD_INTERVAL:
        spec->kind = QTA_PARQUET_INT64;
        break;
    case QTA_FIELD_I32:
        spec->kind = QTA_PARQUET_INT32;
        break;
    case QTA_FIELD_CODE:
    case QTA_FIELD_CONDITIONS:
    case QTA_FIELD_TEXT:
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        spec->kind = QTA_PARQUET_STRING;
        spec->has_dictionary = true;
        break;
    case QTA_FIELD_FLAG:
        spec->kind = QTA_PARQUET_BOOL;
        spec->is_optional = false;
        break;
    }
    return QTA_OK;
}

/* ---- files ------------------------------------------------------------------------------------
 */

static enum qta_status choose_path(const struct qta_parquet_export *parquet, struct type_file *file,
                                   unsigned type, struct qta_error *err)
{
    const struct qta_export_options *options = parquet->options;
    if (!options->output)
        return QTA_OK;
    int length = options->is_folder ? asprintf(&file->path, "%s/%s.parquet", options->output,
                                               qta_tick_type_name(type))
                                    : asprintf(&file->path, "%s", options->output);
    if (length >= 0)
        return QTA_OK;
    file->path = NULL;
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
}

static enum qta_status open_type(struct qta_parquet_export *parquet, unsigned type,
                                 struct qta_error *err)
{
    struct type_file *file = &parquet->types[type];
    struct qta_parquet_column_spec specs[COLUMNS_MAX];
    memcpy(specs, common_specs, sizeof common_specs);
    size_t count = COMMON_COUNT;
    enum qta_status status = QTA_OK;
    for (size_t i = 0; status == QTA_OK && i < file->field_count; i++)
        status = choose_field(parquet, file, i, &specs[count++], err);
    specs[count++] = flags_spec;
    if (status == QTA_OK)
        status = choose_path(parquet, file, type, err);
    if (status == QTA_OK)
        status = file->path ? qta_output_file_create(&file->file, file->path, false,
                                                     qta_environment_system(), err)
                            : qta_output_file_create_stream(&file->file, parquet->options->on_bytes,
                                                            parquet->options->user, err);
    if (status == QTA_OK)
        status = qta_parquet_writer_create(&file->writer, file->file, specs, count, true, err);
    for (size_t i = 0; status == QTA_OK && i < count; i++)
        file->columns[i] = qta_parquet_writer_column(file->writer, i);
    return status;
}

/* The one type that a single file is of: what was asked for, or what was there. */
static unsigned find_type(const struct qta_parquet_export *parquet, struct qta_error *err)
{
    uint32_t asked = 0;
    uint32_t seen = 0;
    for (size_t i = 0; i < parquet->source_count; i++)
        asked |= parquet->sources[i].filter.types & QTA_TYPES_ALL;
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        seen |= parquet->types[type].records > 0 ? QTA_TYPE_BIT(type) : 0;
    uint32_t types = __builtin_popcount(asked) == 1 ? asked : seen;
    if (__builtin_popcount(types) == 1)
        return (unsigned)__builtin_ctz(types);
    qta_error_set(err, QTA_ERR_USAGE,
                  types == 0 ? "there are no records: choose one type for an empty file"
                             : "one Parquet file holds records of one type: choose one");
    return QTA_TICK_NONE;
}

static enum qta_status make_folder(struct qta_parquet_export *parquet, struct qta_error *err)
{
    struct stat stat_buffer;
    if (mkdir(parquet->options->output, 0777) == 0) {
        parquet->is_folder_new = true;
        return QTA_OK;
    }
    if (errno != EEXIST)
        return qta_error_set_errno(err, "cannot make folder '%s'", parquet->options->output);
    if (stat(parquet->options->output, &stat_buffer) != 0 || !S_ISDIR(stat_buffer.st_mode))
        return qta_error_set(err, QTA_ERR_IO, "cannot make folder '%s': a file is there",
                             parquet->options->output);
    return QTA_OK;
}

enum qta_status qta_parquet_export_begin(struct qta_parquet_export *parquet,
                                         const struct qta_export_source *sources,
                                         size_t source_count, struct qta_error *err)
{
    parquet->sources = sources;
    parquet->source_count = source_count;
    if (!parquet->options->is_folder) {
        unsigned type = find_type(parquet, err);
        return type == QTA_TICK_NONE ? QTA_ERR_USAGE : open_type(parquet, type, err);
    }
    enum qta_status status = make_folder(parquet, err);
    for (unsigned type = 0; status == QTA_OK && type < QTA_TICK_TYPE_END; type++) {
        if (parquet->types[type].records > 0)
            status = open_type(parquet, type, err);
    }
    return status;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static void put_name(struct qta_parquet_column *column, const struct qta_dictionary *names,
                     enum qta_name_kind kind, uint32_t id)
{
    if (id == 0) {
        qta_parquet_column_put_null(column);
        return;
    }
    if (qta_parquet_column_put_key(column, id))
        return;
    size_t length;
    const char *name = qta_dictionary_name(names, kind, id, &length);
    qta_parquet_column_put_text(column, id, name, length);
}

/* Ids of 16 bits, whose "other" is the low half of QTA_NAME_OTHER. */
static void put_narrow_name(struct qta_parquet_column *column, const struct qta_dictionary *names,
                            enum qta_name_kind kind, uint16_t id)
{
    put_name(column, names, kind, id == (uint16_t)QTA_NAME_OTHER ? QTA_NAME_OTHER : id);
}

static void put_word(struct qta_parquet_column *column, const char *word, uint64_t key)
{
    if (!qta_parquet_column_put_key(column, key))
        qta_parquet_column_put_text(column, key, word, strlen(word));
}

static void put_optional(struct qta_parquet_column *column, bool is_there, int64_t value)
{
    if (is_there)
        qta_parquet_column_put_int(column, value);
    else
        qta_parquet_column_put_null(column);
}

static void put_flags(struct qta_parquet_column *column, uint32_t flags)
{
    char text[128];
    size_t used = 0;
    for (size_t i = 0; i < QTA_CELL_FLAG_COUNT; i++) {
        if (flags & qta_named_flags[i].flag)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? "|" : "",
                                     qta_named_flags[i].name);
    }
    assert(used < sizeof text);
    if (used == 0)
        qta_parquet_column_put_null(column);
    else
        put_word(column, text, flags);
}

static void put_conditions(struct qta_parquet_column *column, const struct qta_tick *tick,
                           const struct qta_field *field, const struct qta_dictionary *names)
{
    uint64_t key = 0;
    char text[QTA_CONDITIONS_MAX * (QTA_NAME_MAX_BYTES + 1)];
    size_t used = 0;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX && qta_tick_code(tick, field, i) != 0; i++)
        key |= (uint64_t)qta_tick_code(tick, field, i) << 16 * i;
    if (qta_parquet_column_put_key(column, key))
        return;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX && qta_tick_code(tick, field, i) != 0; i++) {
        size_t length;
        const char *name = qta_code_name(names, qta_tick_code(tick, field, i), &length);
        if (i > 0)
            text[used++] = '|';
        memcpy(text + used, name, length);
        used += length;
    }
    qta_parquet_column_put_text(column, key, text, used);
}

static void put_id(struct qta_parquet_column *column, const struct qta_tick *tick, uint64_t word,
                   const struct qta_dictionary *names)
{
    char digits[24];
    size_t length;
    if (qta_parquet_column_spec(column)->kind == QTA_PARQUET_UINT64) {
        qta_parquet_column_put_int(column, (int64_t)word);
        return;
    }
    const char *text = digits;
    if (tick->flags & QTA_FLAG_ID_IS_TEXT)
        text = qta_dictionary_name(names, QTA_NAME_TEXT, (uint32_t)word, &length);
    else
        length = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)word);
    qta_parquet_column_put_text(column, 0, text, length);
}

static void put_decimal(struct qta_parquet_column *column, struct qta_decimal value)
{
    const struct qta_parquet_column_spec *spec = qta_parquet_column_spec(column);
    if (spec->kind == QTA_PARQUET_DOUBLE)
        qta_parquet_column_put_double(column, qta_decimal_to_double(value));
    else
        qta_parquet_column_put_decimal(column, qta_decimal_at_scale(value, spec->scale));
}

static void put_field(struct qta_parquet_column *column, const struct qta_tick *tick,
                      const struct qta_field *field, const struct qta_dictionary *names)
{
    if (field->kind == QTA_FIELD_FLAG) {
        qta_parquet_column_put_int(column, (tick->flags & field->flag) != 0);
        return;
    }
    if (!qta_tick_has(tick, field)) {
        qta_parquet_column_put_null(column);
        return;
    }
    uint8_t byte;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        put_decimal(column, qta_tick_decimal(tick, field));
        break;
    case QTA_FIELD_ID:
        put_id(column, tick, qta_tick_word(tick, field), names);
        break;
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        qta_parquet_column_put_int(column, (int64_t)qta_tick_word(tick, field));
        break;
    case QTA_FIELD_I32:
        qta_parquet_column_put_int(column, (int32_t)qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CODE:
        put_narrow_name(column, names, QTA_NAME_CODE, qta_tick_code(tick, field, 0));
        break;
    case QTA_FIELD_CONDITIONS:
        put_conditions(column, tick, field, names);
        break;
    case QTA_FIELD_TEXT:
        put_name(column, names, QTA_NAME_TEXT, qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CHAR:
        byte = qta_tick_byte(tick, field);
        if (!qta_parquet_column_put_key(column, byte))
            qta_parquet_column_put_text(column, byte, (const char *)&byte, 1);
        break;
    case QTA_FIELD_ENUM:
        byte = qta_tick_byte(tick, field);
        put_word(column, field->enum_name(byte), byte);
        break;
    case QTA_FIELD_FLAG:
        break;
    }
}

static enum qta_status put_row(struct type_file *file, const struct qta_tick *tick,
                               const struct qta_dictionary *names, struct qta_error *err)
{
    struct qta_parquet_column **columns = file->columns;
    qta_parquet_column_put_int(columns[SEQ], (int64_t)tick->rx_seq);
    put_word(columns[TYPE], qta_tick_type_name(tick->type), tick->type);
    put_narrow_name(columns[PROVIDER], names, QTA_NAME_PROVIDER, tick->provider);
    put_name(columns[SYMBOL], names, QTA_NAME_SYMBOL, tick->symbol);
    put_optional(columns[TS_RECV], tick->ts_recv_ns != QTA_TIME_UNKNOWN, tick->ts_recv_ns);
    put_optional(columns[TS_EVENT], tick->ts_event_ns != QTA_TIME_UNKNOWN, tick->ts_event_ns);
    put_optional(columns[SRC_SEQ], tick->src_seq != QTA_U64_NONE, (int64_t)tick->src_seq);
    put_optional(columns[CONN], tick->conn != 0, tick->conn);
    for (size_t i = 0; i < file->field_count; i++)
        put_field(columns[COMMON_COUNT + i], tick, &file->fields[i], names);
    put_flags(columns[COMMON_COUNT + file->field_count], tick->flags);
    return qta_parquet_writer_end_row(file->writer, err);
}

enum qta_status qta_parquet_export_add(struct qta_parquet_export *parquet,
                                       const struct qta_tick *ticks, size_t count,
                                       const struct qta_dictionary *names, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; status == QTA_OK && i < count; i++) {
        struct type_file *file = &parquet->types[ticks[i].type];
        assert(file->writer);
        status = put_row(file, &ticks[i], names, err);
        if (status != QTA_OK && file->path)
            return qta_error_prefix(err, status, "%s", file->path);
    }
    return status;
}

enum qta_status qta_parquet_export_end_source(struct qta_parquet_export *parquet,
                                              struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (unsigned type = 0; status == QTA_OK && type < QTA_TICK_TYPE_END; type++) {
        if (parquet->types[type].writer)
            status = qta_parquet_writer_end_group(parquet->types[type].writer, err);
    }
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* The sessions' paths, a line each; freed by the caller. */
static char *list_sources(const struct qta_parquet_export *parquet)
{
    struct qta_packed_writer list = {0};
    for (size_t i = 0; i < parquet->source_count; i++) {
        const char *path = parquet->sources[i].path;
        qta_packed_writer_put(&list, "\n", i > 0);
        qta_packed_writer_put(&list, path, strlen(path));
    }
    qta_packed_writer_put_u8(&list, '\0');
    if (!list.is_out_of_memory)
        return (char *)list.bytes;
    qta_packed_writer_finish(&list);
    return NULL;
}

static enum qta_status write_footers(struct qta_parquet_export *parquet, struct qta_error *err)
{
    char *sources = list_sources(parquet);
    if (!sources)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    enum qta_status status = QTA_OK;
    for (unsigned type = 0; status == QTA_OK && type < QTA_TICK_TYPE_END; type++) {
        const struct qta_parquet_pair pairs[] = {
            {"qta.version", QTA_VERSION_TEXT},
            {"qta.type", qta_tick_type_name(type)},
            {"qta.sessions", sources},
        };
        if (parquet->types[type].writer)
            status = qta_parquet_writer_finish(parquet->types[type].writer, pairs,
                                               sizeof pairs / sizeof pairs[0], err);
    }
    free(sources);
    return status;
}

enum qta_status qta_parquet_export_finish(struct qta_parquet_export *parquet, uint64_t *files,
                                          uint64_t *bytes, struct qta_error *err)
{
    enum qta_status status = write_footers(parquet, err);
    *files = *bytes = 0;
    for (unsigned type = 0; status == QTA_OK && type < QTA_TICK_TYPE_END; type++) {
        struct type_file *file = &parquet->types[type];
        if (!file->writer)
            continue;
        status = qta_output_file_finish(file->file, err);
        *files += 1;
        *bytes += qta_output_file_bytes(file->file);
    }
    parquet->is_finished = status == QTA_OK;
    return status;
}
