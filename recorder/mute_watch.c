/* Steps of all channels at once; what each of them says is weighed against what the others do. */
#include "recorder/mute_watch.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "recorder/counters.h"

#define CHANNELS_WATCHED                                                                           \
    (QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_QUOTE) | QTA_TYPE_BIT(QTA_TICK_BAR) |    \
     QTA_TYPE_BIT(QTA_TICK_BOOK))
#define ALL 1U

/* Where many are watched, one false alarm of any of them must be as rare as one of a channel; slow
 * symbols are left alone. */
#define SYMBOL_CAUTION 1.5
#define SYMBOL_PATIENCE_NS_MAX INT64_C(3600000000000)

enum qta_status qta_mute_watch_init(struct qta_mute_watch *watch,
                                    const struct qta_mute_options *options, struct qta_error *err)
{
    *watch = (struct qta_mute_watch){.options = *options, .due_ns = INT64_MIN};
    for (int i = 0; i < QTA_MUTE_CHANNELS; i++)
        qta_cadence_init(&watch->channels[i], 0);
    watch->symbols = calloc((size_t)options->symbols_max + 1, sizeof *watch->symbols);
    if (!watch->symbols)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for cadences");
    for (uint32_t id = 0; id <= options->symbols_max; id++)
        qta_cadence_init(&watch->symbols[id], 0);
    return QTA_OK;
}

void qta_mute_watch_finish(struct qta_mute_watch *watch)
{
    free(watch->symbols);
    watch->symbols = NULL;
}

void qta_mute_watch_restart(struct qta_mute_watch *watch, int64_t now_ns)
{
    watch->mute = 0;
    for (int i = 0; i < QTA_MUTE_CHANNELS; i++)
        qta_cadence_excuse(&watch->channels[i], now_ns);
    for (uint32_t id = 0; id <= watch->options.symbols_max; id++)
        qta_cadence_excuse(&watch->symbols[id], now_ns);
}

const char *qta_mute_channel_name(unsigned channel)
{
    return channel == QTA_TICK_NONE ? "all" : qta_tick_type_name(channel);
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static struct qta_cadence_look cadence_look(const struct qta_mute_look *look)
{
    return (struct qta_cadence_look){
        .now_ns = look->now_ns, .realtime_ns = look->realtime_ns, .is_watched = look->is_watched};
}

static void step_channels(struct qta_mute_watch *watch, const struct qta_mute_look *look)
{
    struct qta_cadence_look all = cadence_look(look);
    for (unsigned i = 1; i < QTA_MUTE_CHANNELS; i++) {
        struct qta_cadence_look own = cadence_look(look);
        own.ticks = qta_counter_read(&look->ticks_by_type[i]);
        all.ticks += own.ticks;
        if (CHANNELS_WATCHED & QTA_TYPE_BIT(i))
            qta_cadence_step(&watch->channels[i], &own);
    }
    all.silence_max_ns = watch->options.silence_max_ns;
    qta_cadence_step(&watch->channels[0], &all);
}

/* It is silent while others of the connection are not. */
static bool is_alone(const struct qta_mute_watch *watch, const struct qta_cadence *cadence)
{
    return watch->channels[0].silence_s < cadence->silence_s / 2;
}

static uint32_t find_mute_channels(const struct qta_mute_watch *watch)
{
    uint32_t mute = 0;
    if (watch->channels[0].is_mute)
        return ALL;
    for (unsigned i = 1; i < QTA_MUTE_CHANNELS; i++)
        if (watch->channels[i].is_mute && is_alone(watch, &watch->channels[i]))
            mute |= QTA_TYPE_BIT(i);
    return mute;
}

static void step_symbols(struct qta_mute_watch *watch, const struct qta_mute_look *look)
{
    uint32_t mute = 0;
    for (uint32_t id = 1; look->ticks_by_symbol && id <= watch->options.symbols_max; id++) {
        struct qta_cadence *cadence = &watch->symbols[id];
        struct qta_cadence_look own = cadence_look(look);
        own.ticks = qta_counter_read(&look->ticks_by_symbol[id]);
        if (own.ticks == 0)
            continue; /* never heard of */
        qta_cadence_step(cadence, &own);
        mute += cadence->is_mute && cadence->expected >= SYMBOL_CAUTION * cadence->bound &&
                watch->mute == 0 && is_alone(watch, cadence) &&
                qta_cadence_patience_ns(cadence) <= SYMBOL_PATIENCE_NS_MAX;
    }
    watch->mute_symbols = mute;
}

/* ---- what follows -----------------------------------------------------------------------------
 */

static bool is_time_to_reconnect(const struct qta_mute_watch *watch, int64_t now_ns)
{
    if (watch->mute == 0 || watch->options.reconnect_after_ns == 0)
        return false;
    int64_t patience_ns = watch->options.reconnect_after_ns;
    for (uint32_t i = 0; i < watch->in_vain && patience_ns < QTA_MUTE_RECONNECT_NS_MAX; i++)
        patience_ns *= 2;
    if (patience_ns > QTA_MUTE_RECONNECT_NS_MAX && patience_ns > watch->options.reconnect_after_ns)
        patience_ns = QTA_MUTE_RECONNECT_NS_MAX;
    return now_ns - watch->since_ns >= patience_ns;
}

/* Channels that connecting anew was for have been heard since. */
static void forgive(struct qta_mute_watch *watch, const struct qta_mute_look *look)
{
    for (unsigned i = 0; i < QTA_MUTE_CHANNELS && look->is_watched; i++) {
        const struct qta_cadence *cadence = &watch->channels[i];
        if ((watch->blamed & QTA_TYPE_BIT(i)) && cadence->was_busy)
            watch->blamed &= ~QTA_TYPE_BIT(i);
    }
    if (watch->blamed == 0)
        watch->in_vain = 0;
}

void qta_mute_watch_step(struct qta_mute_watch *watch, const struct qta_mute_look *look,
                         struct qta_mute_news *news)
{
    *news = (struct qta_mute_news){0};
    if (look->now_ns < watch->due_ns)
        return;
    uint32_t before = watch->mute;
    step_channels(watch, look);
    forgive(watch, look);
    watch->mute = find_mute_channels(watch);
    step_symbols(watch, look);
    watch->due_ns = watch->channels[0].last_due_ns + QTA_CADENCE_STEP_NS;
    news->fell_silent = watch->mute & ~before;
    if (look->is_watched && !(watch->mute & ALL)) /* where all is silent, nothing was heard */
        news->heard = before & ~watch->mute;
    if (before == 0)
        watch->since_ns = look->now_ns;
    if (!is_time_to_reconnect(watch, look->now_ns))
        return;
    news->is_to_reconnect = true;
    watch->blamed |= watch->mute;
    watch->in_vain++;
    watch->since_ns = look->now_ns;
}
