/* Rates are kept as distances between busy steps while something comes, and frozen in a silence. */
#include "recorder/cadence_watch.h"

#include <math.h>
#include <string.h>

#include "core/calendar.h"

#define NS_PER_S INT64_C(1000000000)
#define CAUTION 1.5        /* what an estimate may be wrong by */
#define LEARNED_MAX 16     /* bounds, that long silences can teach */
#define FIRST_DAY_FACTOR 8 /* a lull that was not seen yet may bring the rate down to an eighth */

enum {
    DISTANCES = 64, /* that the rate is a mean of */
    PERIOD_STEPS_MIN = 600,
    PERIOD_BUSY_MIN = 32,
    DAY_WATCHED_S = 3 * 3600, /* the least that is a day: a half day of the exchanges is 3.5 h */
    HOUR_S = 3600,
    UNKNOWN = -1,
};

static double chance_bound(void)
{
    return -log(QTA_CADENCE_CHANCE);
}

void qta_cadence_init(struct qta_cadence *cadence, uint64_t ticks)
{
    memset(cadence, 0, sizeof *cadence);
    cadence->seen = ticks;
    cadence->last_due_ns = INT64_MIN;
    for (int i = 0; i < QTA_CADENCE_HOURS; i++)
        cadence->hours[i] = (struct qta_cadence_hour){.before = UNKNOWN, .today = UNKNOWN};
}

static double lower(double a, double b)
{
    return b != UNKNOWN && b < a ? b : a;
}

static unsigned hour_of(int64_t realtime_ns)
{
    int64_t second = qta_floor_divide(realtime_ns, NS_PER_S);
    int64_t second_of_day = second - qta_floor_divide(second, QTA_DAY_S) * QTA_DAY_S;
    return (unsigned)(second_of_day / HOUR_S);
}

/* ---- what is known ----------------------------------------------------------------------------
 */

/* The lowest rate that is plausible now, 0 when nothing is known. */
static double find_rate(const struct qta_cadence *cadence, unsigned hour)
{
    if (!cadence->is_learned || cadence->distance_s <= 0)
        return 0;
    double rate = 1 / cadence->distance_s;
    for (unsigned i = hour + QTA_CADENCE_HOURS - 1; i <= hour + QTA_CADENCE_HOURS + 1; i++) {
        const struct qta_cadence_hour *beside = &cadence->hours[i % QTA_CADENCE_HOURS];
        rate = lower(lower(rate, (double)beside->before), (double)beside->today);
    }
    return rate / CAUTION;
}

static bool is_first_day(const struct qta_cadence *cadence, int64_t realtime_ns)
{
    return realtime_ns - cadence->first_ns < (int64_t)QTA_DAY_S * NS_PER_S ||
           cadence->watched_s < DAY_WATCHED_S;
}

static double find_bound(const struct qta_cadence *cadence, int64_t realtime_ns)
{
    if (!cadence->is_learned)
        return 0;
    double least = chance_bound() * (is_first_day(cadence, realtime_ns) ? FIRST_DAY_FACTOR : 1);
    double longest = fmax(cadence->longest_today, cadence->longest_before);
    return fmax(least, fmin(2 * longest, LEARNED_MAX * chance_bound()));
}

/* ---- learning ---------------------------------------------------------------------------------
 */

/* Hours forget slowly upwards: a day that was busier than usual raises them by a quarter of it. */
static void begin_day(struct qta_cadence *cadence, int64_t day)
{
    cadence->day = day;
    cadence->longest_before = cadence->longest_today;
    cadence->longest_today = 0;
    for (int i = 0; i < QTA_CADENCE_HOURS; i++) {
        struct qta_cadence_hour *hour = &cadence->hours[i];
        if (hour->today == UNKNOWN)
            continue;
        if (hour->before != UNKNOWN && hour->before < hour->today)
            hour->before += (hour->today - hour->before) / 4;
        else
            hour->before = hour->today;
        hour->today = UNKNOWN;
    }
}

static void drop_period(struct qta_cadence *cadence)
{
    cadence->period_steps = 0;
    cadence->period_busy = 0;
    cadence->period_hours = 0;
}

static void end_period(struct qta_cadence *cadence)
{
    float rate = (float)cadence->period_busy / (float)cadence->period_steps;
    for (unsigned i = 0; i < QTA_CADENCE_HOURS; i++) {
        struct qta_cadence_hour *hour = &cadence->hours[i];
        if ((cadence->period_hours & (1U << i)) && (hour->today == UNKNOWN || rate < hour->today))
            hour->today = rate;
    }
    cadence->is_learned = true;
    drop_period(cadence);
}

/* Something came, and so the silence before it was one of those that happen. */
static void learn_distance(struct qta_cadence *cadence)
{
    double distance_s = (double)cadence->silence_s + 1;
    if (cadence->distances < DISTANCES)
        cadence->distances++;
    cadence->distance_s += (distance_s - cadence->distance_s) / cadence->distances;
    cadence->longest_today = fmax(cadence->longest_today, cadence->expected);
}

static void learn_step(struct qta_cadence *cadence, bool is_busy, unsigned hour)
{
    cadence->watched_s++;
    cadence->period_steps++;
    cadence->period_busy += is_busy;
    cadence->period_hours |= 1U << hour;
    /* a period ends with something: its last silence is whole */
    if (is_busy && cadence->period_steps >= PERIOD_STEPS_MIN &&
        cadence->period_busy >= PERIOD_BUSY_MIN)
        end_period(cadence);
}

/* ---- steps ------------------------------------------------------------------------------------
 */

void qta_cadence_excuse(struct qta_cadence *cadence, int64_t now_ns)
{
    cadence->is_mute = false;
    cadence->expected = 0;
    cadence->silence_s = 0;
    cadence->silent_ns = now_ns;
}

static void take_busy_step(struct qta_cadence *cadence, const struct qta_cadence_look *look)
{
    if (cadence->first_ns == 0)
        cadence->first_ns = look->realtime_ns;
    learn_distance(cadence);
    learn_step(cadence, true, hour_of(look->realtime_ns));
    qta_cadence_excuse(cadence, look->now_ns);
}

static void take_empty_step(struct qta_cadence *cadence, const struct qta_cadence_look *look)
{
    cadence->silence_s++;
    cadence->expected += cadence->rate_per_s;
    if (!cadence->is_mute)
        learn_step(cadence, false, hour_of(look->realtime_ns));
    bool is_too_long = look->silence_max_ns > 0 &&
                       look->now_ns - cadence->silent_ns >= look->silence_max_ns;
    bool is_missing = cadence->is_learned && cadence->expected >= cadence->bound;
    if ((is_too_long || is_missing) && !cadence->is_mute) {
        cadence->is_mute = true;
        drop_period(cadence); /* a silence like that is not to be learned from */
    }
}

void qta_cadence_step(struct qta_cadence *cadence, const struct qta_cadence_look *look)
{
    bool is_busy = look->ticks != cadence->seen;
    if (cadence->last_due_ns != INT64_MIN &&
        look->now_ns - cadence->last_due_ns < QTA_CADENCE_STEP_NS)
        return;
    /* steps keep their rhythm where they come in time */
    bool is_late = cadence->last_due_ns == INT64_MIN ||
                   look->now_ns - cadence->last_due_ns >= 2 * QTA_CADENCE_STEP_NS;
    cadence->last_due_ns = is_late ? look->now_ns : cadence->last_due_ns + QTA_CADENCE_STEP_NS;
    cadence->seen = look->ticks;
    cadence->was_busy = false;
    int64_t day = qta_floor_divide(look->realtime_ns, (int64_t)QTA_DAY_S * NS_PER_S);
    if (day != cadence->day)
        begin_day(cadence, day);
    if (!look->is_watched || !cadence->was_watched) {
        cadence->was_watched = look->is_watched;
        drop_period(cadence);
        qta_cadence_excuse(cadence, look->now_ns);
        return;
    }
    cadence->rate_per_s = find_rate(cadence, hour_of(look->realtime_ns));
    cadence->bound = find_bound(cadence, look->realtime_ns);
    cadence->was_busy = is_busy;
    if (is_busy)
        take_busy_step(cadence, look);
    else
        take_empty_step(cadence, look);
}

int64_t qta_cadence_patience_ns(const struct qta_cadence *cadence)
{
    if (cadence->bound <= 0 || cadence->rate_per_s <= 0)
        return 0;
    double seconds = ceil(cadence->bound / cadence->rate_per_s);
    return seconds < 1e9 ? (int64_t)seconds * NS_PER_S : INT64_MAX;
}
