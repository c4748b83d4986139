/* The next number in order is one comparison and two stores. All else is rare, and may search. */
#include "recorder/sequence_watch.h"

#include <assert.h>
#include <stdlib.h>

struct stream {
    uint64_t next; /* 0: none was seen yet, or the last one was the highest there is */
    int64_t last_ns;
};

/* Numbers that are missing, both included. */
struct piece {
    uint64_t first;
    uint64_t last;
};

struct hole {
    struct qta_sequence_gap gap;
    struct piece pieces[QTA_SEQUENCE_PIECES_MAX];
    uint32_t stream;
    uint32_t piece_count; /* 0: not in use */
};

struct qta_sequence_watch {
    uint32_t stream_count;
    uint32_t newest; /* hole: the others go round behind it */
    uint64_t counts[QTA_SEQUENCE_NEWS_COUNT];
    uint64_t missing;
    struct hole holes[QTA_SEQUENCE_GAPS_MAX];
    struct stream streams[];
};

enum qta_status qta_sequence_watch_create(struct qta_sequence_watch **out, uint32_t stream_count,
                                          struct qta_error *err)
{
    struct qta_sequence_watch *watch = calloc(1,
                                              sizeof *watch + stream_count * sizeof(struct stream));
    if (!watch)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for watching sequence numbers");
    watch->stream_count = stream_count;
    *out = watch;
    return QTA_OK;
}

void qta_sequence_watch_destroy(struct qta_sequence_watch *watch)
{
    free(watch);
}

/* ---- holes ------------------------------------------------------------------------------------
 */

static void add_hole(struct qta_sequence_watch *watch, uint32_t stream,
                     const struct qta_sequence_gap *gap)
{
    watch->newest = (watch->newest + 1) % QTA_SEQUENCE_GAPS_MAX;
    struct hole *hole = &watch->holes[watch->newest];
    *hole = (struct hole){.gap = *gap, .stream = stream, .piece_count = 1};
    hole->pieces[0] = (struct piece){.first = gap->last_good + 1, .last = gap->first_good - 1};
}

/* The hole that the number is missing in, and its piece, or NULL. */
static struct hole *find_hole(struct qta_sequence_watch *watch, uint32_t stream, uint64_t number,
                              uint32_t *piece)
{
    for (uint32_t i = 0; i < QTA_SEQUENCE_GAPS_MAX; i++) {
        struct hole *hole = &watch->holes[i];
        if (hole->piece_count == 0 || hole->stream != stream)
            continue;
        for (*piece = 0; *piece < hole->piece_count; (*piece)++)
            if (number >= hole->pieces[*piece].first && number <= hole->pieces[*piece].last)
                return hole;
    }
    return NULL;
}

static void forget_holes(struct qta_sequence_watch *watch, uint32_t stream)
{
    for (uint32_t i = 0; i < QTA_SEQUENCE_GAPS_MAX; i++)
        if (watch->holes[i].stream == stream)
            watch->holes[i].piece_count = 0;
}

/* Takes the number out of the piece. A hole that falls into too many pieces is forgotten. */
static void fill(struct hole *hole, uint32_t index, uint64_t number)
{
    struct piece *piece = &hole->pieces[index];
    if (piece->first == piece->last) {
        *piece = hole->pieces[--hole->piece_count];
    } else if (number == piece->first) {
        piece->first++;
    } else if (number == piece->last) {
        piece->last--;
    } else if (hole->piece_count == QTA_SEQUENCE_PIECES_MAX) {
        hole->piece_count = 0;
    } else {
        hole->pieces[hole->piece_count++] = (struct piece){number + 1, piece->last};
        piece->last = number - 1;
    }
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static bool is_restart(uint64_t last, uint64_t number)
{
    if (number > last)
        return number - last > QTA_SEQUENCE_AHEAD_MAX;
    return number < last && (number <= 1 || last - number > QTA_SEQUENCE_BACK_MAX);
}

static enum qta_sequence_news take_lower(struct qta_sequence_watch *watch, uint32_t stream,
                                         uint64_t number, struct qta_sequence_gap *gap)
{
    uint32_t piece;
    struct hole *hole = find_hole(watch, stream, number, &piece);
    if (!hole)
        return QTA_SEQUENCE_BACK;
    bool is_last = hole->piece_count == 1 && hole->pieces[0].first == hole->pieces[0].last;
    fill(hole, piece, number);
    if (!is_last)
        return QTA_SEQUENCE_LATE;
    *gap = hole->gap;
    return QTA_SEQUENCE_RESOLVED;
}

/* Any number but the next one. */
static enum qta_sequence_news take_other(struct qta_sequence_watch *watch, uint32_t index,
                                         uint64_t number, int64_t now_ns,
                                         struct qta_sequence_gap *gap)
{
    struct stream *stream = &watch->streams[index];
    uint64_t last = stream->next - 1;
    bool is_first = stream->next == 0;
    if (!is_first && number == last)
        return QTA_SEQUENCE_REPEATED;
    if (!is_first && number < last && !is_restart(last, number))
        return take_lower(watch, index, number, gap);
    int64_t last_ns = stream->last_ns;
    stream->next = number + 1;
    stream->last_ns = now_ns;
    if (is_first)
        return QTA_SEQUENCE_GOOD;
    if (is_restart(last, number)) {
        forget_holes(watch, index);
        return QTA_SEQUENCE_RESTARTED;
    }
    *gap = (struct qta_sequence_gap){.last_good = last,
                                     .first_good = number,
                                     .last_good_ns = last_ns,
                                     .first_good_ns = now_ns,
                                     .rx_seq = QTA_U64_NONE};
    watch->missing += number - last - 1;
    add_hole(watch, index, gap);
    return QTA_SEQUENCE_MISSING;
}

enum qta_sequence_news qta_sequence_watch_see(struct qta_sequence_watch *watch, uint32_t stream,
                                              uint64_t number, int64_t now_ns,
                                              struct qta_sequence_gap *gap)
{
    if (stream >= watch->stream_count) {
        watch->counts[QTA_SEQUENCE_UNWATCHED]++;
        return QTA_SEQUENCE_UNWATCHED;
    }
    struct stream *seen = &watch->streams[stream];
    if (seen->next == number && number != 0) {
        seen->next++;
        seen->last_ns = now_ns;
        return QTA_SEQUENCE_GOOD;
    }
    enum qta_sequence_news news = take_other(watch, stream, number, now_ns, gap);
    watch->counts[news] += news != QTA_SEQUENCE_GOOD;
    return news;
}

void qta_sequence_watch_recorded(struct qta_sequence_watch *watch, uint64_t rx_seq)
{
    watch->holes[watch->newest].gap.rx_seq = rx_seq;
}

void qta_sequence_watch_turn_page(struct qta_sequence_watch *watch)
{
    for (uint32_t i = 0; i < QTA_SEQUENCE_GAPS_MAX; i++)
        watch->holes[i].gap.rx_seq = QTA_U64_NONE;
}

void qta_sequence_watch_restart(struct qta_sequence_watch *watch, uint32_t stream)
{
    assert(stream < watch->stream_count);
    forget_holes(watch, stream);
    watch->streams[stream] = (struct stream){0};
}

uint64_t qta_sequence_watch_count(const struct qta_sequence_watch *watch,
                                  enum qta_sequence_news news)
{
    return watch->counts[news];
}

uint64_t qta_sequence_watch_missing(const struct qta_sequence_watch *watch)
{
    return watch->missing;
}

const char *qta_sequence_news_name(enum qta_sequence_news news)
{
    static const char *const names[QTA_SEQUENCE_NEWS_COUNT] = {
        "good", "missing", "repeated", "back", "late", "resolved", "restarted", "unwatched"};
    return names[news];
}
