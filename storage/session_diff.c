/* Two sessions side by side, record by record. Where two that stand in the same place differ, what
 * follows on both sides is looked at, as far as a window goes: the nearest place from which on both
 * say the same again is where they go on, and what one of them has too much until there, the other
 * lacks. Where there is no such place, records are compared where they stand. */
#include <qta/exchange.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <qta/digest.h>

#include "core/tick_value.h"

enum {
    RECORDS_BETWEEN_REPORTS = 16384,
    WINDOW = 1024, /* records of a side that are looked at for a place to go on */
    SAME_AGAIN = 3 /* records in a row that make such a place; fewer at the end of a session */
};

enum column { SEQ, TYPE, PROVIDER, SYMBOL, TS_RECV, TS_EVENT, SRC_SEQ, CONN, FLAGS };

static const char *const column_names[QTA_DIFF_COLUMNS] = {
    [SEQ] = "seq",         [TYPE] = "type",       [PROVIDER] = "provider",
    [SYMBOL] = "symbol",   [TS_RECV] = "ts_recv", [TS_EVENT] = "ts_event",
    [SRC_SEQ] = "src_seq", [CONN] = "conn",       [FLAGS] = "flags",
};

const char *qta_diff_column_name(size_t place)
{
    assert(place < QTA_DIFF_COLUMNS);
    return column_names[place];
}

/* One session on its way. */
struct side {
    const char *path;
    struct qta_session_reader *reader;
    const struct qta_dictionary *names;
    const struct qta_tick *ticks; /* the rest of a batch */
    size_t count;
    bool is_at_end;
    struct qta_tick window[WINDOW]; /* records before those of the batch */
    uint64_t contents[WINDOW];      /* what they say, as a number */
    size_t window_at;
    size_t window_end;
};

struct diff {
    const struct qta_diff_options *options;
    struct qta_diff_result *result;
    struct side left;
    struct side right;
    uint64_t total;
};

/* ---- values -----------------------------------------------------------------------------------
 */

static bool same_name(const struct diff *diff, enum qta_name_kind kind, uint32_t left,
                      uint32_t right)
{
    size_t left_length;
    size_t right_length;
    const char *left_name = qta_dictionary_name(diff->left.names, kind, left, &left_length);
    const char *right_name = qta_dictionary_name(diff->right.names, kind, right, &right_length);
    return left_length == right_length && memcmp(left_name, right_name, left_length) == 0;
}

static uint32_t widen(uint16_t id)
{
    return id == (uint16_t)QTA_NAME_OTHER ? QTA_NAME_OTHER : id;
}

static bool same_codes(const struct diff *diff, const struct qta_tick *left,
                       const struct qta_tick *right, const struct qta_field *field, size_t count)
{
    bool is_same = true;
    for (size_t i = 0; i < count && is_same; i++)
        is_same = same_name(diff, QTA_NAME_CODE, widen(qta_tick_code(left, field, i)),
                            widen(qta_tick_code(right, field, i)));
    return is_same;
}

static bool same_id(const struct diff *diff, const struct qta_tick *left,
                    const struct qta_tick *right, const struct qta_field *field)
{
    bool is_text = (left->flags & QTA_FLAG_ID_IS_TEXT) != 0;
    if (is_text != ((right->flags & QTA_FLAG_ID_IS_TEXT) != 0))
        return false;
    uint64_t left_word = qta_tick_word(left, field);
    uint64_t right_word = qta_tick_word(right, field);
    return is_text ? same_name(diff, QTA_NAME_TEXT, (uint32_t)left_word, (uint32_t)right_word)
                   : left_word == right_word;
}

static bool same_decimal(const struct diff *diff, struct qta_decimal left, struct qta_decimal right)
{
    if (diff->options->is_full)
        return left.mantissa == right.mantissa && left.exponent == right.exponent;
    return qta_decimal_compare(left, right) == 0;
}

static bool same_field(const struct diff *diff, const struct qta_tick *left,
                       const struct qta_tick *right, const struct qta_field *field)
{
    bool is_there = qta_tick_has(left, field);
    if (is_there != qta_tick_has(right, field))
        return false;
    if (!is_there)
        return true;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        return same_decimal(diff, qta_tick_decimal(left, field), qta_tick_decimal(right, field));
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        return qta_tick_word(left, field) == qta_tick_word(right, field);
    case QTA_FIELD_ID:
        return same_id(diff, left, right, field);
    case QTA_FIELD_I32:
        return qta_tick_u32(left, field) == qta_tick_u32(right, field);
    case QTA_FIELD_TEXT:
        return same_name(diff, QTA_NAME_TEXT, qta_tick_u32(left, field),
                         qta_tick_u32(right, field));
    case QTA_FIELD_CODE:
        return same_codes(diff, left, right, field, 1);
    case QTA_FIELD_CONDITIONS:
        return same_codes(diff, left, right, field, QTA_CONDITIONS_MAX);
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        return qta_tick_byte(left, field) == qta_tick_byte(right, field);
    case QTA_FIELD_FLAG:
        break;
    }
    return true;
}

static bool same_column(const struct diff *diff, const struct qta_tick *left,
                        const struct qta_tick *right, enum column column)
{
    bool is_full = diff->options->is_full;
    switch (column) {
    case SEQ:
        return !is_full || left->rx_seq == right->rx_seq;
    case TYPE:
        return left->type == right->type;
    case PROVIDER:
        return !is_full ||
               same_name(diff, QTA_NAME_PROVIDER, widen(left->provider), widen(right->provider));
    case SYMBOL:
        return same_name(diff, QTA_NAME_SYMBOL, left->symbol, right->symbol);
    case TS_RECV:
        return !is_full || left->ts_recv_ns == right->ts_recv_ns;
    case TS_EVENT:
        return left->ts_event_ns == right->ts_event_ns;
    case SRC_SEQ:
        return left->src_seq == right->src_seq;
    case CONN:
        return !is_full || left->conn == right->conn;
    case FLAGS:
        return !is_full || left->flags == right->flags;
    }
    return true;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static void tell_first(const struct diff *diff, const struct qta_tick *left,
                       const struct qta_tick *right, const char *field)
{
    const struct qta_diff_result *result = diff->result;
    const struct qta_session_difference difference = {
        .place = result->compared + result->only_left + result->only_right,
        .left = left,
        .right = right,
        .left_names = diff->left.names,
        .right_names = diff->right.names,
        .field = field,
    };
    bool is_first = result->different + result->only_left + result->only_right == 1;
    if (is_first && diff->options->on_first)
        diff->options->on_first(diff->options->user, &difference);
}

/* Compares two records, without counting. */
static bool is_equal(const struct diff *diff, const struct qta_tick *left,
                     const struct qta_tick *right)
{
    size_t count;
    bool is_same = left->type == right->type;
    for (int i = 0; is_same && i < QTA_DIFF_COLUMNS; i++)
        is_same = same_column(diff, left, right, (enum column)i);
    const struct qta_field *fields = qta_tick_fields(left->type, &count);
    for (size_t i = 0; is_same && i < count; i++)
        is_same = same_field(diff, left, right, &fields[i]);
    return is_same;
}

/* Counts in what two records differ, if they do. */
static void compare(struct diff *diff, const struct qta_tick *left, const struct qta_tick *right)
{
    struct qta_diff_result *result = diff->result;
    const char *first = NULL;
    result->compared++;
    if (is_equal(diff, left, right))
        return;
    for (int i = 0; i < QTA_DIFF_COLUMNS; i++) {
        bool is_counted = left->type == right->type || i == TYPE;
        if (!is_counted || same_column(diff, left, right, (enum column)i))
            continue;
        result->by_column[left->type][i]++;
        first = first ? first : column_names[i];
    }
    size_t count = 0;
    const struct qta_field *fields = NULL;
    if (left->type == right->type)
        fields = qta_tick_fields(left->type, &count);
    assert(count <= QTA_DIFF_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (same_field(diff, left, right, &fields[i]))
            continue;
        result->by_field[left->type][i]++;
        first = first ? first : fields[i].name;
    }
    result->different++;
    tell_first(diff, left, right, first);
}

/* What one side has and the other has not. */
static void count_alone(struct diff *diff, const struct qta_tick *left,
                        const struct qta_tick *right)
{
    diff->result->only_left += left != NULL;
    diff->result->only_right += right != NULL;
    tell_first(diff, left, right, NULL);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static enum qta_status open_side(const struct diff *diff, struct side *side,
                                 const struct qta_export_source *source, struct qta_error *err)
{
    struct qta_session_filter filter = source->filter;
    if (!diff->options->is_full)
        filter.types &= QTA_TYPES_MARKET;
    side->path = source->path;
    enum qta_status status = qta_session_reader_create(&side->reader, source->path, &filter, err);
    if (status == QTA_OK)
        side->names = qta_session_reader_names(side->reader);
    return status;
}

/* Has the next batch of a side, unless it is at its end. */
static enum qta_status fetch(struct diff *diff, struct side *side, struct qta_error *err)
{
    while (side->count == 0 && !side->is_at_end) {
        struct qta_error problem;
        enum qta_status status = qta_session_reader_next(side->reader, &side->ticks, &side->count,
                                                         &problem);
        if (status == QTA_OK)
            break;
        side->count = 0;
        if (status == QTA_ERR_END) {
            side->is_at_end = true;
            break;
        }
        qta_error_prefix(&problem, status, "%s", side->path);
        if (status != QTA_ERR_DAMAGED) {
            if (err)
                *err = problem;
            return status;
        }
        diff->result->problems++;
        if (diff->options->on_problem)
            diff->options->on_problem(diff->options->user, problem.message);
    }
    return QTA_OK;
}

/* The record at hand of a side; NULL at its end. */
static enum qta_status peek(struct diff *diff, struct side *side, const struct qta_tick **tick,
                            struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    *tick = NULL;
    if (side->window_at < side->window_end) {
        *tick = &side->window[side->window_at];
        return QTA_OK;
    }
    status = fetch(diff, side, err);
    if (status == QTA_OK && side->count > 0)
        *tick = side->ticks;
    return status;
}

/* Goes on to the next one. */
static void pass(struct side *side)
{
    if (side->window_at < side->window_end) {
        side->window_at++;
        return;
    }
    side->ticks++;
    side->count--;
}

/* ---- going on together ------------------------------------------------------------------------
 */

/* What a record says, whatever its number and its time of receipt. */
static uint64_t content_of(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_digest digest;
    struct qta_tick bare = *tick;
    qta_digest_init(&digest);
    if (QTA_TYPE_BIT(tick->type) & QTA_TYPES_MARKET) {
        qta_digest_add(&digest, tick, names);
        return digest.market;
    }
    bare.rx_seq = 0;
    bare.ts_recv_ns = 0;
    qta_digest_add(&digest, &bare, names);
    return digest.full;
}

static enum qta_status fill_window(struct diff *diff, struct side *side, struct qta_error *err)
{
    size_t left = side->window_end - side->window_at;
    memmove(side->window, side->window + side->window_at, left * sizeof *side->window);
    memmove(side->contents, side->contents + side->window_at, left * sizeof *side->contents);
    side->window_at = 0;
    side->window_end = left;
    while (side->window_end < WINDOW) {
        enum qta_status status = fetch(diff, side, err);
        if (status != QTA_OK || side->count == 0)
            return status;
        side->window[side->window_end] = *side->ticks++;
        side->contents[side->window_end] = content_of(&side->window[side->window_end], side->names);
        side->window_end++;
        side->count--;
    }
    return QTA_OK;
}

/* Whether both say the same from these places in their windows on. */
static bool goes_on_from(const struct diff *diff, size_t left, size_t right)
{
    size_t rest = diff->left.window_end - left;
    if (diff->right.window_end - right < rest)
        rest = diff->right.window_end - right;
    bool is_same = rest > 0;
    for (size_t i = 0; is_same && i < SAME_AGAIN && i < rest; i++)
        is_same = diff->left.contents[left + i] == diff->right.contents[right + i];
    return is_same;
}

/* The nearest such places. False when there are none. */
static bool find_place(const struct diff *diff, size_t *left, size_t *right)
{
    size_t left_end = diff->left.window_end;
    size_t right_end = diff->right.window_end;
    for (size_t distance = 0; distance < left_end + right_end; distance++) {
        size_t first = distance < right_end ? 0 : distance - right_end + 1;
        for (size_t i = first; i <= distance && i < left_end; i++)
            if (goes_on_from(diff, i, distance - i)) {
                *left = i;
                *right = distance - i;
                return true;
            }
    }
    return false;
}

/* Behind two records that differ: takes all until both say the same again. */
static enum qta_status go_on_together(struct diff *diff, struct qta_error *err)
{
    struct side *left = &diff->left;
    struct side *right = &diff->right;
    size_t left_count;
    size_t right_count;
    enum qta_status status = fill_window(diff, left, err);
    if (status == QTA_OK)
        status = fill_window(diff, right, err);
    if (status != QTA_OK)
        return status;
    if (!find_place(diff, &left_count, &right_count)) {
        left_count = left->window_end < right->window_end ? left->window_end : right->window_end;
        right_count = left_count;
    }
    for (; left_count > 0 && right_count > 0; left_count--, right_count--)
        compare(diff, &left->window[left->window_at++], &right->window[right->window_at++]);
    for (; left_count > 0; left_count--)
        count_alone(diff, &left->window[left->window_at++], NULL);
    for (; right_count > 0; right_count--)
        count_alone(diff, NULL, &right->window[right->window_at++]);
    return QTA_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

static enum qta_status report(const struct diff *diff, struct qta_error *err)
{
    const struct qta_diff_options *options = diff->options;
    if (options->on_progress)
        options->on_progress(options->user, diff->result->compared + diff->result->only_left,
                             diff->total);
    return options->should_stop && options->should_stop(options->user)
               ? qta_error_set(err, QTA_ERR_STATE, "stopped")
               : QTA_OK;
}

/* Two that say the same stand in the same place, even if one was received at another time. */
static enum qta_status compare_heads(struct diff *diff, const struct qta_tick *left,
                                     const struct qta_tick *right, struct qta_error *err)
{
    if (!is_equal(diff, left, right) &&
        content_of(left, diff->left.names) != content_of(right, diff->right.names))
        return go_on_together(diff, err);
    compare(diff, left, right);
    pass(&diff->left);
    pass(&diff->right);
    return QTA_OK;
}

static enum qta_status compare_all(struct diff *diff, struct qta_error *err)
{
    for (uint64_t steps = 1;; steps++) {
        const struct qta_tick *left;
        const struct qta_tick *right;
        enum qta_status status = peek(diff, &diff->left, &left, err);
        if (status == QTA_OK)
            status = peek(diff, &diff->right, &right, err);
        if (status == QTA_OK && steps % RECORDS_BETWEEN_REPORTS == 0)
            status = report(diff, err);
        if (status != QTA_OK)
            return status;
        if (left && right) {
            status = compare_heads(diff, left, right, err);
            if (status != QTA_OK)
                return status;
        } else if (left || right) {
            count_alone(diff, left, right);
            pass(left ? &diff->left : &diff->right);
        } else {
            return QTA_OK;
        }
    }
}

enum qta_status qta_session_diff(const struct qta_export_source *left,
                                 const struct qta_export_source *right,
                                 const struct qta_diff_options *options,
                                 struct qta_diff_result *result, struct qta_error *err)
{
    assert(left && right && options && result);
    *result = (struct qta_diff_result){0};
    struct diff *diff = calloc(1, sizeof *diff); /* its windows are large */
    if (!diff)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory comparing sessions");
    diff->options = options;
    diff->result = result;
    struct qta_session_info info; /* for the progress alone */
    if (options->on_progress && qta_session_info_read(left->path, &info, NULL) == QTA_OK)
        diff->total = options->is_full ? info.records : info.ticks;
    enum qta_status status = open_side(diff, &diff->left, left, err);
    if (status == QTA_OK)
        status = open_side(diff, &diff->right, right, err);
    if (status == QTA_OK)
        status = compare_all(diff, err);
    qta_session_reader_destroy(diff->left.reader);
    qta_session_reader_destroy(diff->right.reader);
    free(diff);
    return status;
}
