/* Families of redundant lines: none of them has a sample where there are no such lines. */
#include "recorder/line_metrics.h"

#include "recorder/counters.h"
#include "recorder/feed.h"
#include "recorder/line_arbiter.h"

typedef const _Atomic uint64_t *(*line_figure)(const struct qta_line_counters *line);

static const _Atomic uint64_t *delivered_of(const struct qta_line_counters *line)
{
    return &line->delivered;
}
static const _Atomic uint64_t *duplicates_of(const struct qta_line_counters *line)
{
    return &line->duplicates;
}
static const _Atomic uint64_t *late_of(const struct qta_line_counters *line)
{
    return &line->late;
}
static const _Atomic uint64_t *abandoned_of(const struct qta_line_counters *line)
{
    return &line->abandoned;
}
static const _Atomic uint64_t *untracked_of(const struct qta_line_counters *line)
{
    return &line->untracked;
}
static const _Atomic uint64_t *disagreements_of(const struct qta_line_counters *line)
{
    return &line->disagreements;
}
static const _Atomic uint64_t *fallen_behind_of(const struct qta_line_counters *line)
{
    return &line->fallen_behind;
}
static const _Atomic uint64_t *undecided_of(const struct qta_line_counters *line)
{
    return &line->undecided;
}

static void write_line_figure(struct qta_exposition *page, const struct qta_gateway_view *view,
                              line_figure figure, const char *what)
{
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        if (feed->is.line && what)
            qta_exposition_sample(page, qta_counter_read(figure(feed->is.line)), "provider",
                                  feed->is.name, "connection", feed->is.label, "outcome", what,
                                  NULL);
        else if (feed->is.line)
            qta_exposition_sample(page, qta_counter_read(figure(feed->is.line)), "provider",
                                  feed->is.name, "connection", feed->is.label, NULL);
    }
}

static bool has_lines(const struct qta_gateway_view *view)
{
    for (size_t i = 0; i < view->connection_count; i++) {
        if (qta_gateway_view_feed(view, i)->is.line)
            return true;
    }
    return false;
}

void qta_line_metrics_write(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    static const struct {
        line_figure figure;
        const char *what;
    } outcomes[] = {
        {delivered_of, "first"},     {duplicates_of, "duplicate"}, {late_of, "late"},
        {abandoned_of, "abandoned"}, {untracked_of, "untracked"},
    };
    if (!has_lines(view))
        return;
    qta_exposition_family(
        page, "qta_line_ticks", QTA_METRIC_COUNTER,
        "market ticks of redundant lines by what came of them; duplicates are no loss");
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        write_line_figure(page, view, outcomes[i].figure, outcomes[i].what);
    qta_exposition_family(page, "qta_line_disagreements", QTA_METRIC_COUNTER,
                          "ticks that did not come in the place that another line gave them");
    write_line_figure(page, view, disagreements_of, NULL);
    qta_exposition_family(page, "qta_line_fallen_behind", QTA_METRIC_COUNTER,
                          "streams in which a line was too far behind to be compared");
    write_line_figure(page, view, fallen_behind_of, NULL);
    qta_exposition_family(
        page, "qta_line_guesses", QTA_METRIC_COUNTER,
        "streams that a line took over where its place among equal ticks was a guess");
    write_line_figure(page, view, undecided_of, NULL);
}
