/* Outages are few: all of them are gathered, then sorted. Only blocks with records of feeds are
 * read.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/archive.h>

#include "storage/segment_reader.h"
#include "storage/session_folder.h"

struct found {
    struct qta_outage outage; /* provider and symbol are filled in when it is told */
    uint32_t provider;
    uint32_t symbol;
    uint32_t detail; /* text id; 0 for none */
    struct qta_gap gap;
    char *message;   /* owned; NULL for none */
    bool is_lasting; /* a connection that is not back yet */
    size_t order;
};

struct search {
    struct found *found;
    size_t count;
    size_t capacity;
    int64_t last_ns; /* received last */
};

const char *qta_outage_kind_name(enum qta_outage_kind kind)
{
    static const char *const names[QTA_OUTAGE_KIND_END] = {"gap", "drop", "connection", "hole",
                                                           "damage"};
    return kind < QTA_OUTAGE_KIND_END ? names[kind] : "unknown";
}

/* ---- gathering ----------------------------------------------------------------------------- */

/* NULL when out of memory. */
static struct found *add(struct search *search, enum qta_outage_kind kind)
{
    if (search->count == search->capacity) {
        size_t capacity = search->capacity ? search->capacity * 2 : 64;
        struct found *grown = realloc(search->found, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        search->found = grown;
        search->capacity = capacity;
    }
    struct found *found = &search->found[search->count];
    memset(found, 0, sizeof *found);
    found->order = search->count++;
    found->outage.kind = kind;
    found->outage.from_ns = QTA_TIME_UNKNOWN;
    found->outage.until_ns = QTA_TIME_UNKNOWN;
    found->outage.scope = "";
    found->outage.cause = "";
    found->outage.channel = "";
    found->outage.resolved_by = "";
    found->outage.resolved_ns = QTA_TIME_UNKNOWN;
    return found;
}

/* The gap that the record says is healed, and not only in part, or NULL. Its number is that of
 * another one where records were numbered anew. */
static struct found *find_gap(struct search *search, const struct qta_tick *tick)
{
    const struct qta_gap *gap = &tick->gap;
    for (size_t i = search->count; i > 0; i--) {
        struct found *found = &search->found[i - 1];
        if (found->outage.kind == QTA_OUTAGE_GAP && found->provider == tick->provider &&
            found->symbol == tick->symbol && found->gap.scope == gap->scope &&
            found->gap.channel == gap->channel && found->gap.cause == gap->cause &&
            found->gap.last_good_ns == gap->last_good_ns &&
            found->gap.first_good_ns == gap->first_good_ns &&
            found->gap.last_good_seq == gap->last_good_seq &&
            found->gap.first_good_seq == gap->first_good_seq)
            return found;
    }
    return NULL;
}

static void take_remedy(struct search *search, const struct qta_tick *tick)
{
    struct found *found = find_gap(search, tick);
    if (!found || found->outage.resolved_ns != QTA_TIME_UNKNOWN)
        return;
    found->outage.resolved_by = qta_gap_remedy_name(tick->gap.resolved_by);
    found->outage.resolved_ns = tick->ts_recv_ns;
}

static bool take_gap(struct search *search, const struct qta_tick *tick)
{
    if (tick->gap.resolved_by != QTA_REMEDY_NONE) {
        take_remedy(search, tick);
        return true;
    }
    struct found *found = add(search, QTA_OUTAGE_GAP);
    if (!found)
        return false;
    const struct qta_gap *gap = &tick->gap;
    found->provider = tick->provider;
    found->symbol = tick->symbol;
    found->gap = *gap;
    found->outage.from_ns = gap->last_good_ns;
    found->outage.until_ns = gap->first_good_ns;
    found->outage.scope = qta_gap_scope_name(gap->scope);
    found->outage.cause = qta_conn_cause_name(gap->cause);
    if (gap->channel != QTA_TICK_NONE)
        found->outage.channel = qta_tick_type_name(gap->channel);
    if (gap->last_good_seq != QTA_U64_NONE && gap->first_good_seq != QTA_U64_NONE &&
        gap->first_good_seq > gap->last_good_seq)
        found->outage.records = gap->first_good_seq - gap->last_good_seq - 1;
    if (found->outage.from_ns == QTA_TIME_UNKNOWN)
        found->outage.from_ns = tick->ts_recv_ns;
    return true;
}

static bool take_drop(struct search *search, const struct qta_tick *tick)
{
    struct found *found = add(search, QTA_OUTAGE_DROP);
    if (!found)
        return false;
    found->outage.from_ns = tick->ts_recv_ns;
    found->outage.until_ns = tick->ts_recv_ns;
    found->outage.records = tick->drop.count;
    found->detail = tick->drop.subscriber;
    return true;
}

/* The outage of a provider's connection that has not ended yet, or NULL. */
static struct found *find_lasting(struct search *search, uint32_t provider)
{
    for (size_t i = search->count; i > 0; i--)
        if (search->found[i - 1].is_lasting && search->found[i - 1].provider == provider)
            return &search->found[i - 1];
    return NULL;
}

static bool take_connection(struct search *search, const struct qta_tick *tick)
{
    const struct qta_conn *conn = &tick->conn_event;
    struct found *lasting = find_lasting(search, tick->provider);
    bool is_back = conn->state == QTA_CONN_READY || conn->state == QTA_CONN_SUBSCRIBED;
    if (lasting && is_back) {
        lasting->is_lasting = false;
        lasting->outage.until_ns = tick->ts_recv_ns;
    }
    if (lasting || (conn->state != QTA_CONN_DISCONNECTED && conn->state != QTA_CONN_BLOCKED))
        return true;
    struct found *found = add(search, QTA_OUTAGE_CONNECTION);
    if (!found)
        return false;
    found->is_lasting = true;
    found->provider = tick->provider;
    found->outage.from_ns = tick->ts_recv_ns;
    found->outage.cause = qta_conn_cause_name(conn->cause);
    found->detail = conn->detail;
    return true;
}

static bool take_tick(struct search *search, const struct qta_tick *tick)
{
    search->last_ns = tick->ts_recv_ns;
    if (tick->type == QTA_TICK_GAP)
        return take_gap(search, tick);
    if (tick->type == QTA_TICK_DROP)
        return take_drop(search, tick);
    return take_connection(search, tick);
}

static bool take_damage(struct search *search, const char *message)
{
    struct found *found = add(search, QTA_OUTAGE_DAMAGE);
    if (!found)
        return false;
    found->outage.from_ns = search->last_ns;
    found->outage.cause = "damage";
    found->message = strdup(message);
    return found->message;
}

static enum qta_status gather_records(struct search *search, struct qta_session_reader *reader,
                                      struct qta_error *err)
{
    struct qta_error cause;
    bool has_memory = true;
    enum qta_status status = QTA_OK;
    while (has_memory && (status == QTA_OK || status == QTA_ERR_DAMAGED)) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, &cause);
        for (size_t i = 0; status == QTA_OK && has_memory && i < count; i++)
            has_memory = take_tick(search, &ticks[i]);
        if (status == QTA_ERR_DAMAGED)
            has_memory = take_damage(search, cause.message);
    }
    if (!has_memory)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for outages");
    if (status != QTA_ERR_END && err)
        *err = cause;
    return status == QTA_ERR_END ? QTA_OK : status;
}

/* ---- known holes --------------------------------------------------------------------------- */

static enum qta_status gather_holes_of(struct search *search,
                                       const struct qta_session_folder *folder, uint32_t number,
                                       struct qta_error *err)
{
    struct qta_segment_reader segment;
    if (qta_segment_reader_open(&segment, folder, number, NULL) != QTA_OK)
        return QTA_OK; /* reading has told it */
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < segment.hole_count && status == QTA_OK; i++) {
        const struct qta_known_hole *hole = &segment.holes[i];
        struct found *found = add(search, QTA_OUTAGE_HOLE);
        if (!found) {
            status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for outages");
            continue;
        }
        found->outage.from_ns = hole->after_ns;
        found->outage.until_ns = hole->until_ns;
        found->outage.records = hole->last_seq - hole->first_seq + 1;
        found->outage.cause = qta_hole_cause_name(hole->cause);
    }
    qta_segment_reader_close(&segment);
    return status;
}

static enum qta_status gather_holes(struct search *search, const char *path, struct qta_error *err)
{
    struct qta_session_folder folder;
    struct qta_file_numbers numbers;
    enum qta_status status = qta_session_folder_open(&folder, path, qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    status = qta_session_folder_list(&folder, QTA_FILE_SEGMENT, &numbers, err);
    for (size_t i = 0; status == QTA_OK && i < numbers.count; i++)
        status = gather_holes_of(search, &folder, numbers.numbers[i], err);
    qta_file_numbers_finish(&numbers);
    qta_session_folder_close(&folder);
    return status;
}

/* ---- telling ------------------------------------------------------------------------------- */

static int compare_found(const void *left, const void *right)
{
    const struct found *a = left;
    const struct found *b = right;
    if (a->outage.from_ns != b->outage.from_ns)
        return a->outage.from_ns < b->outage.from_ns ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static const char *name_of(const struct qta_dictionary *names, enum qta_name_kind kind, uint32_t id)
{
    size_t length;
    const char *name = id == 0 ? NULL : qta_dictionary_name(names, kind, id, &length);
    return name ? name : "";
}

static void tell_all(struct search *search, const struct qta_dictionary *names,
                     qta_outage_callback each, void *user)
{
    if (search->count > 0)
        qsort(search->found, search->count, sizeof search->found[0], compare_found);
    for (size_t i = 0; i < search->count; i++) {
        struct found *found = &search->found[i];
        found->outage.provider = name_of(names, QTA_NAME_PROVIDER, found->provider);
        found->outage.symbol = name_of(names, QTA_NAME_SYMBOL, found->symbol);
        found->outage.detail = found->message ? found->message
                                              : name_of(names, QTA_NAME_TEXT, found->detail);
        each(user, &found->outage);
    }
}

enum qta_status qta_session_outages_read(const char *path, qta_outage_callback each, void *user,
                                         struct qta_error *err)
{
    assert(path && each);
    struct search search = {.last_ns = QTA_TIME_UNKNOWN};
    struct qta_session_filter filter = qta_session_filter_default();
    struct qta_session_reader *reader;
    filter.types = QTA_TYPE_BIT(QTA_TICK_GAP) | QTA_TYPE_BIT(QTA_TICK_DROP) |
                   QTA_TYPE_BIT(QTA_TICK_CONN);
    enum qta_status status = qta_session_reader_create(&reader, path, &filter, err);
    if (status != QTA_OK)
        return status;
    status = gather_records(&search, reader, err);
    if (status == QTA_OK)
        status = gather_holes(&search, path, err);
    if (status == QTA_OK)
        tell_all(&search, qta_session_reader_names(reader), each, user);
    for (size_t i = 0; i < search.count; i++)
        free(search.found[i].message);
    free(search.found);
    qta_session_reader_destroy(reader);
    return status;
}
