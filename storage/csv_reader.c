/* CSV rows: a window over the stream that holds one whole row, scanned by a table of special bytes.
 *
 * A row that the window cuts is scanned again from its start when more was read; each time at least
 * as much is read as was scanned, so that the work stays linear even if the source gives single
 * bytes. Quotes are taken off in place only when the row is complete. */
#include "storage/csv_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 256 * 1024 };

/* What a scan says. */
enum scan { SCAN_ROW, SCAN_MORE, SCAN_BAD };

struct qta_csv_reader {
    char *name;
    char delimiter;
    qta_csv_source source;
    void *user;
    char *window; /* [from..to) is not delivered yet; one more byte for the sentinel */
    size_t window_bytes;
    size_t from;
    size_t to;
    bool is_at_end; /* the source has no more */
    bool has_started;
    uint64_t line;
    const char *problem; /* after SCAN_BAD */
    uint64_t problem_line;
    size_t cell_count;
    bool has_doubled_quotes; /* in the row being scanned */
    bool is_special[256];
    struct qta_csv_cell cells[QTA_CSV_CELLS_MAX];
};

enum qta_status qta_csv_reader_create(struct qta_csv_reader **out, const char *name, char delimiter,
                                      qta_csv_source source, void *user, struct qta_error *err)
{
    assert(out);
    assert(source);
    if (delimiter == '\0' || strchr("\"\r\n", delimiter))
        return qta_error_set(err, QTA_ERR_USAGE,
                             "a quote, a line end or NUL cannot be the delimiter");
    struct qta_csv_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", name);
    reader->name = strdup(name);
    reader->window_bytes = WINDOW_BYTES;
    reader->window = malloc(reader->window_bytes + 1);
    if (!reader->name || !reader->window) {
        qta_csv_reader_destroy(reader);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", name);
    }
    reader->delimiter = delimiter;
    reader->source = source;
    reader->user = user;
    reader->line = 1;
    reader->is_special[(unsigned char)delimiter] = true;
    reader->is_special['"'] = reader->is_special['\r'] = reader->is_special['\n'] = true;
    reader->is_special['\0'] = true;
    *out = reader;
    return QTA_OK;
}

void qta_csv_reader_destroy(struct qta_csv_reader *reader)
{
    if (!reader)
        return;
    free(reader->name);
    free(reader->window);
    free(reader);
}

/* Makes room for more behind the row that begins at from. */
static enum qta_status make_room(struct qta_csv_reader *reader, struct qta_error *err)
{
    memmove(reader->window, reader->window + reader->from, reader->to - reader->from);
    reader->to -= reader->from;
    reader->from = 0;
    if (reader->to <= reader->window_bytes / 2)
        return QTA_OK;
    char *window = realloc(reader->window, reader->window_bytes * 2 + 1);
    if (!window)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", reader->name);
    reader->window = window;
    reader->window_bytes *= 2;
    return QTA_OK;
}

/* Reads at least as much as the window holds, or to the end. */
static enum qta_status read_more(struct qta_csv_reader *reader, struct qta_error *err)
{
    enum qta_status status = make_room(reader, err);
    size_t wanted = reader->to * 2;
    while (status == QTA_OK && !reader->is_at_end && reader->to <= wanted &&
           reader->to < reader->window_bytes) {
        size_t count = 0;
        status = reader->source(reader->user, reader->window + reader->to,
                                reader->window_bytes - reader->to, &count, err);
        if (status == QTA_OK) {
            reader->to += count;
            reader->is_at_end = count == 0;
        }
    }
    reader->window[reader->to] = '\0';
    return status;
}

static enum scan refuse(struct qta_csv_reader *reader, uint64_t line, const char *problem)
{
    reader->problem = problem;
    reader->problem_line = line;
    return SCAN_BAD;
}

static enum scan add_cell(struct qta_csv_reader *reader, const char *start, const char *end)
{
    if (reader->cell_count == QTA_CSV_CELLS_MAX)
        return refuse(reader, reader->line, "the row has more than 4096 cells");
    struct qta_csv_cell *cell = &reader->cells[reader->cell_count++];
    cell->text = start;
    cell->length = (size_t)(end - start);
    return SCAN_ROW;
}

/* Finds the closing quote of a cell whose text begins at *at; *at is then behind the quote. */
static enum scan scan_quoted(struct qta_csv_reader *reader, const char **at, uint64_t *line)
{
    const char *end = reader->window + reader->to;
    const char *p = *at;
    for (;;) {
        while (*p != '"' && *p != '\n' && *p != '\0')
            p++;
        if (p == end)
            return reader->is_at_end ? refuse(reader, reader->line, "a quoted cell has no end")
                                     : SCAN_MORE;
        if (*p == '\0')
            return refuse(reader, *line, "a NUL byte: this is no text file in UTF-8 or ASCII");
        if (*p == '\n') {
            (*line)++;
            p++;
            continue;
        }
        if (p + 1 == end && !reader->is_at_end)
            return SCAN_MORE; /* the quote may be doubled */
        if (p[1] != '"')
            break;
        reader->has_doubled_quotes = true;
        p += 2;
    }
    *at = p + 1;
    return SCAN_ROW;
}

/* What ends a cell at p: *next is behind it, *is_row_end says whether the row ends, too. */
static enum scan scan_separator(struct qta_csv_reader *reader, const char *p, uint64_t line,
                                const char **next, bool *is_row_end)
{
    const char *end = reader->window + reader->to;
    *next = p + 1;
    *is_row_end = true;
    if (p == end) {
        *next = p;
        return reader->is_at_end ? SCAN_ROW : SCAN_MORE;
    }
    if (*p == '\n')
        return SCAN_ROW;
    if (*p == reader->delimiter) {
        *is_row_end = false;
        return SCAN_ROW;
    }
    if (*p == '\0')
        return refuse(reader, line, "a NUL byte: this is no text file in UTF-8 or ASCII");
    if (*p != '\r')
        return refuse(reader, line,
                      p[-1] == '"' ? "text behind the closing quote of a cell"
                                   : "a quote inside a cell: quote the whole cell and double it");
    if (p + 1 == end && !reader->is_at_end)
        return SCAN_MORE;
    *next = p + 2;
    if (p + 1 == end)
        *next = end;
    else if (p[1] != '\n')
        return refuse(reader, line, "a carriage return that does not end the line");
    return SCAN_ROW;
}

/* Scans the row at from. After SCAN_ROW cells are set (quotes still doubled), *next is behind the
 * row and *line on the line there. */
static enum scan scan_row(struct qta_csv_reader *reader, const char **next, uint64_t *line)
{
    const char *p = reader->window + reader->from;
    const bool *is_special = reader->is_special;
    reader->cell_count = 0;
    reader->has_doubled_quotes = false;
    *line = reader->line;
    for (bool is_row_end = false; !is_row_end;) {
        const char *start = p;
        const char *end;
        enum scan scan;
        if (*p == '"') {
            start = ++p;
            scan = scan_quoted(reader, &p, line);
            if (scan != SCAN_ROW)
                return scan;
            end = p - 1;
        } else {
            while (!is_special[(unsigned char)*p])
                p++;
            end = p;
        }
        scan = scan_separator(reader, p, *line, next, &is_row_end);
        if (scan == SCAN_ROW)
            scan = add_cell(reader, start, end);
        if (scan != SCAN_ROW)
            return scan;
        p = *next;
    }
    (*line)++;
    return SCAN_ROW;
}

/* Every quote inside a quoted cell is one of a pair. */
static void undouble_quotes(struct qta_csv_reader *reader)
{
    for (size_t i = 0; i < reader->cell_count; i++) {
        struct qta_csv_cell *cell = &reader->cells[i];
        if (!memchr(cell->text, '"', cell->length))
            continue;
        char *text = reader->window + (cell->text - reader->window);
        size_t length = 0;
        for (size_t k = 0; k < cell->length; k++) {
            text[length++] = text[k];
            k += text[k] == '"';
        }
        cell->length = length;
    }
}

static enum qta_status start(struct qta_csv_reader *reader, struct qta_error *err)
{
    enum { BYTE_ORDER_MARK_BYTES = 3 };
    reader->has_started = true;
    while (reader->to < BYTE_ORDER_MARK_BYTES && !reader->is_at_end) {
        enum qta_status status = read_more(reader, err);
        if (status != QTA_OK)
            return status;
    }
    if (reader->to >= BYTE_ORDER_MARK_BYTES && memcmp(reader->window, "\xef\xbb\xbf", 3) == 0)
        reader->from = BYTE_ORDER_MARK_BYTES;
    if (reader->to >= 2 &&
        (memcmp(reader->window, "\xff\xfe", 2) == 0 || memcmp(reader->window, "\xfe\xff", 2) == 0))
        return qta_error_set(err, QTA_ERR_FORMAT, "%s:1: this is UTF-16: convert it to UTF-8",
                             reader->name);
    return QTA_OK;
}

enum qta_status qta_csv_reader_next(struct qta_csv_reader *reader, struct qta_csv_row *row,
                                    struct qta_error *err)
{
    enum qta_status status = reader->has_started ? QTA_OK : start(reader, err);
    const char *next = NULL;
    uint64_t line = 0;
    enum scan scan = SCAN_MORE;
    while (status == QTA_OK) {
        if (reader->is_at_end && reader->from == reader->to)
            return qta_error_set(err, QTA_ERR_END, "'%s' has no more rows", reader->name);
        scan = reader->from < reader->to ? scan_row(reader, &next, &line) : SCAN_MORE;
        size_t scanned = (scan == SCAN_ROW ? (size_t)(next - reader->window) : reader->to) -
                         reader->from;
        if (scan != SCAN_BAD && scanned > QTA_CSV_ROW_BYTES_MAX)
            scan = refuse(reader, reader->line,
                          "the row is longer than 1 MiB, or its quoted cell has no end");
        if (scan != SCAN_MORE)
            break;
        status = read_more(reader, err);
    }
    if (status != QTA_OK)
        return status;
    if (scan == SCAN_BAD)
        return qta_error_set(err, QTA_ERR_FORMAT, "%s:%" PRIu64 ": %s", reader->name,
                             reader->problem_line, reader->problem);
    row->is_blank = reader->cell_count == 1 && reader->cells[0].length == 0 &&
                    reader->window[reader->from] != '"';
    if (reader->has_doubled_quotes)
        undouble_quotes(reader);
    row->cells = reader->cells;
    row->count = reader->cell_count;
    row->line = reader->line;
    reader->from = (size_t)(next - reader->window);
    reader->line = line;
    return QTA_OK;
}

enum qta_status qta_csv_reader_skip_line(struct qta_csv_reader *reader, struct qta_error *err)
{
    for (;;) {
        const char *start = reader->window + reader->from;
        const char *end = memchr(start, '\n', reader->to - reader->from);
        if (end) {
            reader->from += (size_t)(end - start) + 1;
            reader->line++;
            return QTA_OK;
        }
        reader->from = reader->to;
        if (reader->is_at_end)
            return QTA_OK;
        enum qta_status status = read_more(reader, err);
        if (status != QTA_OK)
            return status;
    }
}
