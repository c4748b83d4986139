/* Every offset is tried. Callers bound the sizes and how often they ask. */
#include "recorder/line_fit.h"

#include <assert.h>

#include "recorder/line_window.h"

/* Contents without a time or a number may come again in the same order, but hardly so many. */
enum { MANY_TICKS = 16 };

static int64_t distance(const struct qta_fit_question *question, int64_t offset)
{
    int64_t news = offset + (int64_t)question->tick_count - (int64_t)question->entry_count;
    int64_t difference = news - question->news_guess;
    return difference < 0 ? -difference : difference;
}

/* How many ticks meet an equal entry; 0 when one meets another. */
static size_t overlap_at(const struct qta_fit_question *question, int64_t offset,
                         uint64_t *compares)
{
    size_t tick = offset < 0 ? (size_t)-offset : 0;
    size_t entry = offset < 0 ? 0 : (size_t)offset;
    size_t overlap = 0;
    for (; tick < question->tick_count && entry < question->entry_count; tick++, entry++) {
        ++*compares;
        if (question->ticks[tick] != question->entries[entry])
            return 0;
        overlap++;
    }
    return overlap;
}

static bool is_evidence(const struct qta_fit_question *question, int64_t offset, size_t overlap)
{
    size_t first = offset < 0 ? 0 : (size_t)offset;
    bool is_varied = false;
    for (size_t i = first; i < first + overlap; i++) {
        if (question->marks[i] & QTA_LINE_UNIQUE)
            return true;
        if (i > first && (question->marks[i] & QTA_LINE_NEW_KEY))
            return true;
        if (i > first && question->entries[i] != question->entries[i - 1])
            is_varied = true;
    }
    return is_varied && overlap >= MANY_TICKS;
}

struct qta_fit qta_fit_find(const struct qta_fit_question *question)
{
    assert(question->tick_count > 0);
    assert(question->offset_max <= question->entry_count);
    struct qta_fit fit = {0};
    size_t overlap = 0;
    int64_t first = question->may_be_early ? 1 - (int64_t)question->tick_count : 0;
    int64_t last = (int64_t)question->offset_max;
    if (question->offset_max == question->entry_count)
        last--;
    for (int64_t offset = first; offset <= last; offset++) {
        size_t met = overlap_at(question, offset, &fit.compares);
        if (met == 0)
            continue;
        fit.count++;
        if (offset + (int64_t)question->tick_count < (int64_t)question->entry_count)
            fit.can_learn = true;
        if (fit.count == 1 || distance(question, offset) <= distance(question, fit.offset)) {
            fit.offset = offset;
            overlap = met;
        }
    }
    if (fit.count > 0)
        fit.has_evidence = is_evidence(question, fit.offset, overlap);
    return fit;
}

bool qta_fit_is_news_nearer(const struct qta_fit_question *question, const struct qta_fit *fit)
{
    int64_t all_new = (int64_t)question->entry_count;
    return fit->count == 0 || distance(question, all_new) <= distance(question, fit->offset);
}
