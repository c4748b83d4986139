/* A window over the stream that holds one whole line, and an object read in two passes: one for the
 * type, which may stand anywhere, and one for the values. */
#include "storage/ndjson_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_reader.h"
#include "storage/tick_text.h"

enum {
    /* the longest name, each of its bytes as \u00xx */
    SCRATCH_BYTES = QTA_NAME_MAX_BYTES * 6,
    WINDOW_BYTES = 2 * QTA_NDJSON_LINE_BYTES_MAX,
};

struct qta_ndjson_reader {
    char *name;
    qta_ndjson_source source;
    void *user;
    struct qta_dictionary *names;
    uint64_t line; /* from 1, of the window's start */
    size_t from;   /* window[from..to) is not delivered yet */
    size_t to;
    bool is_at_end; /* the source has no more */
    char scratch[SCRATCH_BYTES];
    char window[WINDOW_BYTES];
};

/* One line on its way to a tick. */
struct object {
    struct qta_json_reader json;
    struct qta_tick *tick;
    struct qta_dictionary *names;
    char *scratch;
    uint64_t columns_seen; /* bits of enum qta_tick_column */
    uint64_t fields_seen;  /* bits of places in the type's body */
    bool has_number_id;
    struct qta_error *err;
};

enum qta_status qta_ndjson_reader_create(struct qta_ndjson_reader **out, const char *name,
                                         qta_ndjson_source source, void *user,
                                         struct qta_dictionary *names, struct qta_error *err)
{
    assert(out && source && names);
    struct qta_ndjson_reader *reader = malloc(sizeof *reader);
    char *copy = strdup(name);
    if (!reader || !copy) {
        free(reader);
        free(copy);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", name);
    }
    reader->name = copy;
    reader->source = source;
    reader->user = user;
    reader->names = names;
    reader->line = 0;
    reader->from = reader->to = 0;
    reader->is_at_end = false;
    *out = reader;
    return QTA_OK;
}

void qta_ndjson_reader_destroy(struct qta_ndjson_reader *reader)
{
    if (!reader)
        return;
    free(reader->name);
    free(reader);
}

/* ---- lines ------------------------------------------------------------------------------------
 */

static enum qta_status read_more(struct qta_ndjson_reader *reader, struct qta_error *err)
{
    if (reader->from > 0) {
        memmove(reader->window, reader->window + reader->from, reader->to - reader->from);
        reader->to -= reader->from;
        reader->from = 0;
    }
    size_t count = 0;
    enum qta_status status = reader->source(reader->user, reader->window + reader->to,
                                            sizeof reader->window - reader->to, &count, err);
    reader->to += count;
    reader->is_at_end = status == QTA_OK && count == 0;
    return status;
}

/* The next line without its end. *is_too_long: what is left of it was thrown away. */
static enum qta_status next_line(struct qta_ndjson_reader *reader, struct qta_tick_text *line,
                                 bool *is_too_long, struct qta_error *err)
{
    size_t scanned = 0; /* of the line: has no newline */
    *is_too_long = false;
    for (;;) {
        const char *start = reader->window + reader->from;
        const char *end = memchr(start + scanned, '\n', reader->to - reader->from - scanned);
        bool is_last = !end && reader->is_at_end;
        if (is_last && reader->from == reader->to && !*is_too_long)
            return qta_error_set(err, QTA_ERR_END, "'%s' has no more lines", reader->name);
        if (end || is_last) {
            end = end ? end : reader->window + reader->to;
            *line = (struct qta_tick_text){start, (size_t)(end - start)};
            reader->from += line->length + (is_last ? 0 : 1);
            reader->line++;
            *is_too_long |= line->length > QTA_NDJSON_LINE_BYTES_MAX;
            if (line->length > 0 && line->bytes[line->length - 1] == '\r')
                line->length--;
            return QTA_OK;
        }
        scanned = reader->to - reader->from;
        if (scanned > QTA_NDJSON_LINE_BYTES_MAX) {
            *is_too_long = true;
            reader->from = reader->to;
            scanned = 0;
        }
        enum qta_status status = read_more(reader, err);
        if (status != QTA_OK)
            return status;
    }
}

/* ---- objects ----------------------------------------------------------------------------------
 */

static enum qta_status refuse(struct object *object, const char *what)
{
    return qta_error_set(object->err, QTA_ERR_FORMAT, "byte %zu: %s",
                         qta_json_offset(&object->json) + 1, what);
}

static enum qta_status refuse_syntax(struct object *object)
{
    return refuse(object,
                  object->json.error == QTA_JSON_CUT ? "the line is cut off" : "this is not JSON");
}

/* A string or number as its text. */
static enum qta_status read_text(struct object *object, struct qta_json_text key,
                                 struct qta_tick_text *text, bool *is_quoted)
{
    struct qta_json_text raw;
    bool is_true;
    *is_quoted = qta_json_read_string(&object->json, &raw);
    if (*is_quoted) {
        if (!qta_json_unescape(raw, object->scratch, SCRATCH_BYTES, &raw))
            return qta_error_set(object->err, QTA_ERR_FORMAT,
                                 "%.*s: a text that is too long or has half a character",
                                 (int)(key.length < 40 ? key.length : 40), key.bytes);
    } else if (qta_json_read_bool(&object->json, &is_true)) {
        raw = (struct qta_json_text){.bytes = is_true ? "true" : "false",
                                     .length = is_true ? 4 : 5};
    } else if (!qta_json_read_number(&object->json, &raw)) {
        return object->json.error != QTA_JSON_OK
                   ? refuse_syntax(object)
                   : refuse(object, "a value that no field of a tick has");
    }
    *text = (struct qta_tick_text){raw.bytes, raw.length};
    return QTA_OK;
}

/* An array of texts, each of which is added. */
static enum qta_status read_list(struct object *object, struct qta_json_text key,
                                 const struct qta_field *field)
{
    if (!qta_json_enter_array(&object->json))
        return object->json.error != QTA_JSON_OK ? refuse_syntax(object)
                                                 : refuse(object, "not an array");
    while (qta_json_next_element(&object->json)) {
        struct qta_tick_text text = {"", 0};
        bool is_quoted = false;
        enum qta_status status = read_text(object, key, &text, &is_quoted);
        if (status != QTA_OK)
            return status;
        const char *problem = field ? qta_tick_text_add_condition(object->tick, field, text,
                                                                  object->names)
                                    : qta_tick_text_add_flag(object->tick, text);
        if (problem)
            return qta_tick_text_refuse((struct qta_tick_text){key.bytes, key.length}, text,
                                        problem, object->err);
    }
    return object->json.error != QTA_JSON_OK ? refuse_syntax(object) : QTA_OK;
}

/* Quotes say that an id is text; both ids of a correction are of one kind. */
static const char *note_id(struct object *object, bool is_quoted)
{
    if (is_quoted ? object->has_number_id : (object->tick->flags & QTA_FLAG_ID_IS_TEXT) != 0)
        return "is text where another id is a number, or the other way";
    if (is_quoted)
        object->tick->flags |= QTA_FLAG_ID_IS_TEXT;
    else
        object->has_number_id = true;
    return NULL;
}

/* Whether it was there before. */
static bool see(uint64_t *seen, size_t place)
{
    bool is_again = (*seen >> place & 1) != 0;
    *seen |= UINT64_C(1) << place;
    return is_again;
}

static enum qta_status read_member(struct object *object, struct qta_json_text key)
{
    struct qta_tick_text name = {key.bytes, key.length};
    enum qta_tick_column column = qta_tick_column_find(name);
    const struct qta_field *field = NULL;
    size_t place = 0;
    if (column == QTA_COLUMN_BODY)
        field = qta_tick_text_find_field((enum qta_tick_type)object->tick->type, name, &place);
    bool is_again = false;
    if (column != QTA_COLUMN_BODY)
        is_again = see(&object->columns_seen, column);
    else if (field)
        is_again = see(&object->fields_seen, place);
    bool is_list = column == QTA_COLUMN_FLAGS || (field && field->kind == QTA_FIELD_CONDITIONS);
    if (is_list && !is_again)
        return read_list(object, key, field);
    struct qta_tick_text text = {"", 0};
    bool is_quoted = false;
    enum qta_status status = read_text(object, key, &text, &is_quoted);
    if (status != QTA_OK || (column == QTA_COLUMN_TYPE && !is_again))
        return status;
    const char *problem = NULL;
    if (is_again)
        problem = "is there for the second time";
    else if (column == QTA_COLUMN_BODY && !field)
        problem = "stands in a tick of a type that has no such field";
    else if (field && field->kind == QTA_FIELD_ID)
        problem = note_id(object, is_quoted);
    if (!problem)
        problem = field ? qta_tick_text_read_field(object->tick, field, text, object->names)
                        : qta_tick_text_read_column(object->tick, column, text, object->names);
    return problem ? qta_tick_text_refuse(name, text, problem, object->err) : QTA_OK;
}

/* The object's type, read ahead on a copy of the reader; NONE with err set. */
static enum qta_tick_type find_type(struct object *object)
{
    struct object ahead = *object;
    struct qta_json_text key;
    while (qta_json_next_key(&ahead.json, &key)) {
        if (!qta_json_text_equals(key, "type")) {
            qta_json_skip(&ahead.json);
            continue;
        }
        struct qta_tick_text text = {"", 0};
        bool is_quoted = false;
        if (read_text(&ahead, key, &text, &is_quoted) != QTA_OK)
            return QTA_TICK_NONE;
        enum qta_tick_type type = qta_tick_type_parse(text.bytes, text.length);
        if (type == QTA_TICK_NONE)
            qta_tick_text_refuse((struct qta_tick_text){"type", 4}, text, "is none of ours",
                                 object->err);
        return type;
    }
    if (ahead.json.error != QTA_JSON_OK)
        refuse_syntax(&ahead);
    else
        qta_error_set(object->err, QTA_ERR_FORMAT, "the type is missing");
    return QTA_TICK_NONE;
}

static enum qta_status read_object(struct object *object, struct qta_tick_text line)
{
    qta_json_reader_init(&object->json, line.bytes, line.length);
    if (!qta_json_enter_object(&object->json))
        return object->json.error != QTA_JSON_OK ? refuse_syntax(object)
                                                 : refuse(object, "not an object");
    enum qta_tick_type type = find_type(object);
    if (type == QTA_TICK_NONE)
        return QTA_ERR_FORMAT;
    qta_tick_init(object->tick, type);
    struct qta_json_text key;
    while (qta_json_next_key(&object->json, &key)) {
        enum qta_status status = read_member(object, key);
        if (status != QTA_OK)
            return status;
    }
    if (!qta_json_finish(&object->json))
        return refuse_syntax(object);
    const char *problem = qta_tick_text_finish(object->tick);
    return problem ? qta_error_set(object->err, QTA_ERR_FORMAT, "%s", problem) : QTA_OK;
}

enum qta_status qta_ndjson_reader_next(struct qta_ndjson_reader *reader, struct qta_tick *tick,
                                       struct qta_error *err)
{
    struct qta_tick_text line = {0};
    bool is_too_long;
    enum qta_status status;
    do
        status = next_line(reader, &line, &is_too_long, err);
    while (status == QTA_OK && line.length == 0 && !is_too_long);
    if (status != QTA_OK)
        return status;
    if (is_too_long)
        return qta_error_set(err, QTA_ERR_FORMAT, "%s:%" PRIu64 ": the line is longer than 1 MiB",
                             reader->name, reader->line);
    struct object object = {
        .tick = tick, .names = reader->names, .scratch = reader->scratch, .err = err};
    status = read_object(&object, line);
    if (status != QTA_OK)
        return qta_error_prefix(err, status, "%s:%" PRIu64, reader->name, reader->line);
    return QTA_OK;
}
