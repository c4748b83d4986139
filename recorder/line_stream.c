/* Cursors in a window. The usual case is two lines in step: the first copy is appended, the second
 * meets it at its cursor, and the window is empty again. */
#include "recorder/line_stream.h"

#include <assert.h>
#include <string.h>

#include "recorder/counters.h"
#include "recorder/line_fit.h"
#include "recorder/tick_content.h"

#define REORDER_NS INT64_C(1000000000)
#define ANSWER_NS INT64_C(30000000000) /* no venue takes longer to answer */

enum {
    REORDER_ENTRIES = 64,  /* a tick that is missing for longer is given up */
    COMPARES_A_TICK = 256, /* that looking for a place may cost on average */
    LAG_SHARE = 8,         /* of a line's lag that each tick renews */
};

static uint8_t bit_of(unsigned line)
{
    return (uint8_t)(1u << line);
}

static bool is_snapshot(const struct qta_tick *tick)
{
    return tick->type == QTA_TICK_BOOK && (tick->flags & QTA_FLAG_BOOK_SNAPSHOT) != 0;
}

/* Notes what the stream's last tick is; says how that differs from the one before. */
static uint8_t note_last(struct qta_line_stream *stream, const struct qta_tick *tick)
{
    uint8_t marks = 0;
    uint64_t ident = qta_tick_ident(tick);
    if (ident != QTA_U64_NONE) {
        if (ident == stream->last_ident)
            stream->do_idents_repeat = true;
        else
            marks |= QTA_LINE_NEW_KEY;
        if (!stream->do_idents_repeat)
            marks |= QTA_LINE_UNIQUE;
        stream->last_ident = ident;
    }
    if (tick->ts_event_ns > stream->last_event_ns) { /* an unknown one is not */
        marks |= QTA_LINE_NEW_KEY;
        stream->last_event_ns = tick->ts_event_ns;
    }
    return marks;
}

/* ---- places -----------------------------------------------------------------------------------
 */

static bool has_standing(const struct qta_line_stream *stream)
{
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        if (stream->places[i].standing == QTA_LINE_STANDING)
            return true;
    }
    return false;
}

static void stand(struct qta_line_place *place, uint64_t next)
{
    place->standing = QTA_LINE_STANDING;
    place->next = next;
    place->top = next;
    place->may_be_early = false;
    place->is_after_break = false;
    place->has_fallen_behind = false;
}

/* Forgets what no line has to bring any more. */
static void trim(struct qta_line_stream *stream, struct qta_line_share *share)
{
    uint64_t least = stream->window.end;
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        const struct qta_line_place *place = &stream->places[i];
        if (place->standing != QTA_LINE_AWAY && place->next < least)
            least = place->next;
    }
    if (least > stream->window.base)
        qta_line_window_trim(&stream->window, &share->pool, least);
}

/* A joining line to which nothing came from when it subscribed until long after the answer: it
 * will bring all that comes from then on. */
static bool is_place_plain(const struct qta_line_stream *stream, const struct qta_line_share *share,
                           unsigned line, int64_t now_ns)
{
    const struct qta_line_place *place = &stream->places[line];
    if (place->standing != QTA_LINE_JOINING || place->held.count > 0 || place->has_fallen_behind ||
        place->is_after_break || !qta_line_share_is_settled(share, line, now_ns))
        return false;
    return place->next == stream->window.end ||
           qta_line_window_at(&stream->window, place->next)->time_ns >
               share->lines[line].settled_ns;
}

static void stand_where_plain(struct qta_line_stream *stream, const struct qta_line_share *share,
                              int64_t now_ns)
{
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        if (is_place_plain(stream, share, i, now_ns))
            stand(&stream->places[i], stream->places[i].next);
    }
}

/* A line's first ticks can be older than all others only where nobody carried the stream before. */
static void join(struct qta_line_stream *stream, unsigned line)
{
    bool has_elder = has_standing(stream);
    stream->places[line] = (struct qta_line_place){
        .standing = QTA_LINE_JOINING,
        .may_be_early = !has_elder,
        .next = stream->window.end,
    };
}

/* The window has forgotten what such a line would bring next. */
static void find_fallen_behind(struct qta_line_stream *stream, struct qta_line_share *share)
{
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        struct qta_line_place *place = &stream->places[i];
        if (place->standing == QTA_LINE_AWAY || place->next >= stream->window.base)
            continue;
        if (place->standing == QTA_LINE_STANDING) {
            qta_counter_add(&share->lines[i].counters.fallen_behind, 1);
            place->lost = place->next;
        } else if (!place->has_fallen_behind) {
            place->lost = stream->window.end; /* nobody knows */
        }
        place->standing = QTA_LINE_JOINING;
        place->next = stream->window.base;
        place->may_be_early = true;
        place->has_fallen_behind = true;
    }
}

/* ---- handing on -------------------------------------------------------------------------------
 */

void qta_line_share_hand_on(struct qta_line_share *share, unsigned line, struct qta_tick *tick)
{
    qta_counter_add(&share->lines[line].counters.delivered, 1);
    share->options.deliver(share->options.user, line, tick);
}

/* A tick that nobody has brought before. A line that had brought all others has brought all. */
static void append(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line,
                   struct qta_tick *tick, uint64_t hash, int64_t now_ns)
{
    struct qta_line_place *place = &stream->places[line];
    struct qta_line_entry entry = {
        .hash = hash,
        .time_ns = now_ns,
        .claims = bit_of(line),
        .marks = note_last(stream, tick),
    };
    bool had_all = place->next == stream->window.end;
    uint64_t base = stream->window.base;
    qta_line_window_append(&stream->window, &share->pool, &entry, QTA_LINE_WINDOW_ENTRIES);
    place->top = stream->window.end;
    if (had_all)
        place->next = stream->window.end;
    if (stream->window.base != base)
        find_fallen_behind(stream, share);
    qta_line_share_hand_on(share, line, tick);
}

static void claim(struct qta_line_entry *entry, struct qta_line_share *share, unsigned line,
                  int64_t now_ns)
{
    struct qta_line *owner = &share->lines[line];
    entry->claims |= bit_of(line);
    owner->lag_ns += (now_ns - entry->time_ns - owner->lag_ns) / LAG_SHARE;
    owner->is_proven = true;
    qta_counter_add(&owner->counters.duplicates, 1);
}

/* ---- a line that stands -----------------------------------------------------------------------
 */

static void pass_claimed(const struct qta_line_stream *stream, struct qta_line_place *place,
                         unsigned line)
{
    while (place->next < stream->window.end &&
           (qta_line_window_at(&stream->window, place->next)->claims & bit_of(line)))
        place->next++;
    if (place->top < place->next)
        place->top = place->next;
}

/* What the line has passed over for long will not come any more. */
static void give_up(const struct qta_line_stream *stream, struct qta_line_place *place,
                    unsigned line, int64_t now_ns)
{
    while (place->next < place->top) {
        const struct qta_line_entry *entry = qta_line_window_at(&stream->window, place->next);
        bool is_claimed = (entry->claims & bit_of(line)) != 0;
        if (!is_claimed && now_ns - entry->time_ns < REORDER_NS &&
            place->top - place->next <= REORDER_ENTRIES)
            return;
        place->next++;
    }
    pass_claimed(stream, place, line);
}

/* The entry that the line has not brought and that is equal, else NULL. */
static struct qta_line_entry *find_unclaimed(const struct qta_line_stream *stream, uint64_t hash,
                                             unsigned line, uint64_t *number)
{
    for (uint64_t i = stream->places[line].next; i < stream->window.end; i++) {
        struct qta_line_entry *entry = qta_line_window_at(&stream->window, i);
        if (entry->hash == hash && !(entry->claims & bit_of(line))) {
            *number = i;
            return entry;
        }
    }
    return NULL;
}

/* The tick is not the one that was to come next of this line, or one was passed over before. */
static void bring_elsewhere(struct qta_line_stream *stream, struct qta_line_share *share,
                            unsigned line, struct qta_tick *tick, uint64_t hash, int64_t now_ns)
{
    struct qta_line_place *place = &stream->places[line];
    struct qta_line_counters *counters = &share->lines[line].counters;
    give_up(stream, place, line, now_ns);
    bool is_behind = place->top < stream->window.end;
    uint64_t number;
    struct qta_line_entry *entry = find_unclaimed(stream, hash, line, &number);
    if (entry) {
        if (number > place->top)
            qta_counter_add(&counters->disagreements, 1);
        claim(entry, share, line, now_ns);
        if (place->top <= number)
            place->top = number + 1;
    } else {
        if (is_behind)
            qta_counter_add(&counters->disagreements, 1);
        if (is_behind && is_snapshot(tick)) { /* of a book that has gone on since */
            qta_counter_add(&counters->late, 1);
            return;
        }
        append(stream, share, line, tick, hash, now_ns);
    }
    if (place->standing == QTA_LINE_STANDING)
        pass_claimed(stream, place, line);
}

static void bring(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line,
                  struct qta_tick *tick, int64_t now_ns)
{
    struct qta_line_place *place = &stream->places[line];
    if (place->next == stream->window.end && share->open_count == 1) {
        note_last(stream, tick); /* nobody to be compared with */
        qta_line_share_hand_on(share, line, tick);
        return;
    }
    uint64_t hash = qta_tick_content_hash(tick);
    if (place->next == stream->window.end) {
        share->lines[line].lag_ns -= share->lines[line].lag_ns / LAG_SHARE;
        append(stream, share, line, tick, hash, now_ns);
    } else {
        struct qta_line_entry *entry = qta_line_window_at(&stream->window, place->next);
        if (entry->hash == hash && place->next == place->top) {
            claim(entry, share, line, now_ns);
            pass_claimed(stream, place, line);
        } else {
            bring_elsewhere(stream, share, line, tick, hash, now_ns);
        }
    }
    trim(stream, share);
}

/* ---- finding a place --------------------------------------------------------------------------
 */

/* The first entry that came after the line was settled: it brings that one, if not one before. A
 * guess may rely on less than settle_ns. */
static size_t last_place(const struct qta_line_stream *stream, const struct qta_line_share *share,
                         unsigned line, size_t entry_count, bool is_guess)
{
    int64_t settled_ns = share->lines[line].settled_ns;
    if (is_guess && settled_ns != INT64_MAX)
        settled_ns -= share->options.settle_ns / 10 * 9;
    const struct qta_line_place *place = &stream->places[line];
    if (place->has_fallen_behind || place->is_after_break)
        return entry_count;
    size_t i = 0;
    while (i < entry_count &&
           qta_line_window_at(&stream->window, place->next + i)->time_ns <= settled_ns)
        i++;
    return i;
}

/* How many held ticks are probably new. While others carry the stream: none, they are up to date.
 * After their end: those that came when theirs could not come any more. */
static int64_t guess_news(const struct qta_line_stream *stream, const struct qta_line_share *share,
                          unsigned line)
{
    if (has_standing(stream))
        return 0;
    int64_t news = 0;
    for (const struct qta_held_tick *held = stream->places[line].held.first; held;
         held = held->next) {
        if (held->time_ns - share->lines[line].lag_ns > stream->cut_ns)
            news++;
    }
    return news;
}

static struct qta_fit_question ask(const struct qta_line_stream *stream,
                                   struct qta_line_share *share, unsigned line, bool is_guess)
{
    const struct qta_line_place *place = &stream->places[line];
    size_t entry_count = (size_t)(stream->window.end - place->next);
    for (size_t i = 0; i < entry_count; i++) {
        const struct qta_line_entry *entry = qta_line_window_at(&stream->window, place->next + i);
        share->entry_hashes[i] = entry->hash;
        share->entry_marks[i] = entry->marks;
    }
    size_t tick_count = 0;
    for (const struct qta_held_tick *held = place->held.first; held; held = held->next)
        share->held_hashes[tick_count++] = held->hash;
    return (struct qta_fit_question){
        .entries = share->entry_hashes,
        .marks = share->entry_marks,
        .entry_count = entry_count,
        .ticks = share->held_hashes,
        .tick_count = tick_count,
        .offset_max = last_place(stream, share, line, entry_count, is_guess),
        .may_be_early = place->may_be_early,
        .news_guess = guess_news(stream, share, line),
    };
}

/* It has met nothing, and what came first over another line is later. */
static bool is_outdated(const struct qta_line_stream *stream, const struct qta_tick *tick)
{
    return tick->ts_event_ns != QTA_TIME_UNKNOWN && tick->ts_event_ns < stream->last_event_ns;
}

/* Its first held tick is at `offset` from place->next: what others have brought too is dropped, the
 * rest is handed on. */
static void take_place(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line,
                       int64_t offset)
{
    struct qta_line_place *place = &stream->places[line];
    struct qta_line_counters *counters = &share->lines[line].counters;
    struct qta_held_list held = place->held;
    bool may_be_early = place->may_be_early;
    uint64_t floor = place->next;
    uint64_t end = stream->window.end;
    int64_t entry_count = (int64_t)(end - floor);
    int64_t after = offset + (int64_t)held.count;
    place->held = (struct qta_held_list){0};
    stand(place, after < entry_count ? floor + (uint64_t)after : end);
    for (struct qta_held_tick *tick = held.first; tick; tick = tick->next, offset++) {
        if (offset < 0 ||
            (offset >= entry_count && may_be_early && is_outdated(stream, &tick->tick)))
            qta_counter_add(&counters->late, 1);
        else if (offset < entry_count)
            claim(qta_line_window_at(&stream->window, floor + (uint64_t)offset), share, line,
                  tick->time_ns);
        else
            append(stream, share, line, &tick->tick, tick->hash, tick->time_ns);
    }
    qta_held_list_clear(&held, &share->held);
    trim(stream, share);
}

static void drop_held(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line)
{
    struct qta_line_place *place = &stream->places[line];
    place->lost += place->held.count;
    qta_counter_add(&share->lines[line].counters.late, place->held.count);
    qta_held_list_clear(&place->held, &share->held);
}

/* Its ticks may be older than all that it can be compared with: it has fallen behind the window,
 * and goes through what others have brought meanwhile, which is so many ticks at most; or it is a
 * moment behind the line that was heard first. */
static bool may_be_old(const struct qta_line_stream *stream, const struct qta_line_share *share,
                       unsigned line)
{
    const struct qta_line_place *place = &stream->places[line];
    const struct qta_line *owner = &share->lines[line];
    int64_t time_ns = place->held.last->time_ns;
    if (place->has_fallen_behind)
        return place->lost + place->held.count <= stream->window.end;
    if (place->is_after_break)
        return time_ns < stream->orphaned_ns + share->options.settle_ns;
    return place->may_be_early && time_ns < owner->settled_ns &&
           time_ns < owner->joined_ns + ANSWER_NS;
}

/* A line goes on without having met what others brought: something can be missing in between. Those
 * that join meet only what comes from here on, and may bring what is missing. */
static void begin_anew(struct qta_line_stream *stream, unsigned line)
{
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        struct qta_line_place *place = &stream->places[i];
        if (i == line || place->standing != QTA_LINE_JOINING)
            continue;
        place->next = stream->window.end;
        place->may_be_early = true;
        place->is_after_break = true;
    }
}

/* The held ticks meet nothing. */
static void take_news(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line)
{
    const struct qta_line_place *place = &stream->places[line];
    if (may_be_old(stream, share, line)) {
        if (is_outdated(stream, &place->held.last->tick)) {
            drop_held(stream, share, line);
            return;
        }
        qta_counter_add(&share->lines[line].counters.undecided, 1);
    }
    if (!has_standing(stream))
        begin_anew(stream, line);
    take_place(stream, share, line, (int64_t)(stream->window.end - place->next));
}

/* They do so for as long as ticks may be held back. Where others go on meanwhile the line is far
 * behind them or far ahead; either way they bring the same. */
static void stop_holding(struct qta_line_stream *stream, struct qta_line_share *share,
                         unsigned line)
{
    uint64_t end = stream->window.end;
    int64_t since_ns = stream->places[line].held.first->time_ns;
    if (end > stream->window.base &&
        qta_line_window_at(&stream->window, end - 1)->time_ns > since_ns)
        drop_held(stream, share, line);
    else
        take_news(stream, share, line);
}

/* Several places fit, and no time is left to learn which one it is. */
static void guess_place(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line)
{
    struct qta_fit_question question = ask(stream, share, line, true);
    struct qta_fit fit = qta_fit_find(&question);
    bool can_be_new = fit.count == 0 || question.offset_max == question.entry_count;
    bool is_new = can_be_new && qta_fit_is_news_nearer(&question, &fit);
    qta_counter_add(&share->lines[line].counters.undecided, 1);
    take_place(stream, share, line, is_new ? (int64_t)question.entry_count : fit.offset);
}

enum urgency {
    WHEN_CERTAIN,  /* takes a place that is certain */
    WHEN_ORPHANED, /* or, where nobody carries the stream, goes on from here */
    NOW,           /* or takes the best one there is */
};

static void find_place(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line,
                       enum urgency urgency)
{
    struct qta_fit_question question = ask(stream, share, line, false);
    struct qta_fit fit = qta_fit_find(&question);
    stream->debt += fit.compares + question.entry_count + question.tick_count;
    bool is_orphan = !has_standing(stream);
    bool can_be_new = question.offset_max == question.entry_count;
    if (fit.count == 0) {
        if (is_orphan && urgency >= WHEN_ORPHANED)
            take_news(stream, share, line);
        else if (!is_orphan && urgency == NOW)
            stop_holding(stream, share, line);
        return;
    }
    bool is_only_one = !can_be_new && !question.may_be_early;
    if (fit.count == 1 && (fit.has_evidence || is_only_one)) {
        take_place(stream, share, line, fit.offset);
        return;
    }
    if (urgency == NOW || (urgency == WHEN_ORPHANED && is_orphan && !fit.can_learn))
        guess_place(stream, share, line);
}

static bool holds_back(const struct qta_line_stream *stream)
{
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        if (stream->places[i].held.count > 0)
            return true;
    }
    return false;
}

/* Perhaps places can be told now. A line that finds its own may bring what tells another's. */
static void find_places(struct qta_line_stream *stream, struct qta_line_share *share)
{
    enum urgency urgency = WHEN_CERTAIN;
    while (urgency <= WHEN_ORPHANED) {
        uint64_t end = stream->window.end;
        for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
            if (stream->places[i].held.count > 0)
                find_place(stream, share, i, urgency);
        }
        urgency = stream->window.end != end ? WHEN_CERTAIN : urgency + 1;
    }
}

static void find_places_when_paid(struct qta_line_stream *stream, struct qta_line_share *share)
{
    if (stream->debt > COMPARES_A_TICK)
        stream->debt -= COMPARES_A_TICK;
    else
        find_places(stream, share);
}

static bool put_held(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line,
                     const struct qta_tick *tick, int64_t now_ns)
{
    struct qta_held_list *held = &stream->places[line].held;
    return held->count < QTA_LINE_HELD_TICKS &&
           qta_held_list_put(held, &share->held, tick, qta_tick_content_hash(tick), now_ns);
}

/* No more room to hold ticks back: decides now. */
static void hold_without_room(struct qta_line_stream *stream, struct qta_line_share *share,
                              unsigned line, struct qta_tick *tick, int64_t now_ns)
{
    struct qta_line_place *place = &stream->places[line];
    if (place->held.count > 0)
        find_place(stream, share, line, NOW);
    if (place->standing == QTA_LINE_JOINING && put_held(stream, share, line, tick, now_ns))
        return;
    if (place->standing == QTA_LINE_JOINING && has_standing(stream)) {
        qta_counter_add(&share->lines[line].counters.late, 1); /* another one brings it */
        return;
    }
    if (place->standing == QTA_LINE_JOINING) {
        begin_anew(stream, line);
        stand(place, stream->window.end);
    }
    bring(stream, share, line, tick, now_ns);
}

/* The line has nothing to be compared with, unless one that has waited for its own place goes on
 * now. */
static bool can_found(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line)
{
    const struct qta_line_place *place = &stream->places[line];
    if (place->held.count > 0 || place->next != stream->window.end)
        return false;
    for (unsigned i = 0; i < QTA_LINES_MAX && !has_standing(stream); i++) {
        if (stream->places[i].held.count > 0)
            find_place(stream, share, i, NOW);
    }
    return !has_standing(stream);
}

/* The tick of a line that does not know its place. */
static void hold(struct qta_line_stream *stream, struct qta_line_share *share, unsigned line,
                 struct qta_tick *tick, int64_t now_ns)
{
    struct qta_line_place *place = &stream->places[line];
    bool is_carried = has_standing(stream);
    if (is_carried && is_snapshot(tick)) {
        qta_counter_add(&share->lines[line].counters.duplicates, 1);
        return;
    }
    if (!is_carried && can_found(stream, share, line)) {
        begin_anew(stream, line);
        stand(place, stream->window.end);
        bring(stream, share, line, tick, now_ns);
        return;
    }
    if (put_held(stream, share, line, tick, now_ns))
        find_places_when_paid(stream, share);
    else
        hold_without_room(stream, share, line, tick, now_ns);
}

/* ---- the calls --------------------------------------------------------------------------------
 */

void qta_line_stream_init(struct qta_line_stream *stream, const struct qta_line_share *share,
                          uint64_t key, int64_t now_ns)
{
    *stream = (struct qta_line_stream){
        .key = key,
        .last_ident = QTA_U64_NONE,
        .last_event_ns = QTA_TIME_UNKNOWN,
        .cut_ns = INT64_MIN,
        .orphaned_ns = INT64_MIN,
    };
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        if (share->lines[i].is_open && qta_line_share_is_settled(share, i, now_ns))
            stand(&stream->places[i], 0);
    }
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        if (share->lines[i].is_open && stream->places[i].standing == QTA_LINE_AWAY)
            join(stream, i);
    }
}

void qta_line_stream_join(struct qta_line_stream *stream, const struct qta_line_share *share,
                          unsigned line, int64_t now_ns)
{
    stand_where_plain(stream, share, now_ns);
    join(stream, line);
}

void qta_line_stream_offer(struct qta_line_stream *stream, struct qta_line_share *share,
                           unsigned line, struct qta_tick *tick, int64_t now_ns)
{
    const struct qta_line_place *place = &stream->places[line];
    if (share->open_count > 1 || place->standing == QTA_LINE_JOINING)
        stand_where_plain(stream, share, now_ns);
    if (place->standing != QTA_LINE_STANDING) {
        hold(stream, share, line, tick, now_ns);
        return;
    }
    uint64_t end = stream->window.end;
    bring(stream, share, line, tick, now_ns);
    if (stream->window.end != end && holds_back(stream))
        find_places_when_paid(stream, share);
}

void qta_line_stream_leave(struct qta_line_stream *stream, struct qta_line_share *share,
                           unsigned line, int64_t now_ns)
{
    struct qta_line_place *place = &stream->places[line];
    if (place->held.count > 0 && !has_standing(stream))
        find_place(stream, share, line, NOW);
    qta_counter_add(&share->lines[line].counters.abandoned, place->held.count);
    qta_held_list_clear(&place->held, &share->held);
    bool was_standing = place->standing == QTA_LINE_STANDING;
    place->standing = QTA_LINE_AWAY;
    if (was_standing && !has_standing(stream)) {
        stream->orphaned_ns = now_ns;
        stream->cut_ns = share->lines[line].cut_ns;
    }
    find_places(stream, share);
    trim(stream, share);
}

void qta_line_stream_service(struct qta_line_stream *stream, struct qta_line_share *share,
                             int64_t now_ns)
{
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        const struct qta_line_place *place = &stream->places[i];
        if (place->held.count > 0 && qta_line_stream_due_ns(stream, share) <= now_ns)
            find_place(stream, share, i, NOW);
    }
    find_places(stream, share);
}

int64_t qta_line_stream_due_ns(const struct qta_line_stream *stream,
                               const struct qta_line_share *share)
{
    bool is_carried = has_standing(stream);
    int64_t due_ns = INT64_MAX;
    for (unsigned i = 0; i < QTA_LINES_MAX; i++) {
        const struct qta_line_place *place = &stream->places[i];
        if (place->held.count == 0)
            continue;
        int64_t since_ns = place->held.first->time_ns;
        if (!is_carried && since_ns < stream->orphaned_ns)
            since_ns = stream->orphaned_ns;
        int64_t deadline_ns = since_ns + (is_carried ? share->options.hold_max_ns
                                                     : share->options.takeover_wait_ns);
        if (deadline_ns < due_ns)
            due_ns = deadline_ns;
    }
    return due_ns;
}
