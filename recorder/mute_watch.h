/** @file mute_watch.h
 *  Finds a connection that is up and mute: as a whole, on one channel, or for a symbol; and says
 * when to connect anew.
 *
 *      qta_mute_watch_step(watch, &look, &news);   // at due_ns, whenever that is
 *
 *  A channel is a type of ticks that flows by itself (trades, quotes, bars, order books); channel 0
 *  is all ticks together. Each learns its cadence (cadence_watch.h). A channel is told as mute
 * while others flow, otherwise the connection is. A symbol is counted as mute, and no more: it may
 * be halted.
 *
 *  The pings of the link find a connection that is dead. One that is found mute here still answers
 *  them, or is not asked: it is given reconnect_after_ns, then made anew. Where that brings nothing
 *  back, it is given twice as long, and so on up to an hour.
 *
 *  Network thread. */
#ifndef QTA_RECORDER_MUTE_WATCH_H
#define QTA_RECORDER_MUTE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "recorder/cadence_watch.h"

#define QTA_MUTE_RECONNECT_NS_MAX INT64_C(3600000000000)

enum { QTA_MUTE_CHANNELS = QTA_TICK_MARKET_TYPE_END };

struct qta_mute_options {
    int64_t silence_max_ns;     /**< of all ticks together; 0: what is learned decides */
    int64_t reconnect_after_ns; /**< 0: never */
    uint32_t symbols_max;       /**< ids up to this one are watched one by one */
};

struct qta_mute_watch {
    struct qta_mute_options options;
    struct qta_cadence channels[QTA_MUTE_CHANNELS]; /**< by tick type; 0: all */
    struct qta_cadence *symbols;                    /**< from id 1 */
    uint32_t mute;         /**< bits of the channels that are told as mute */
    uint32_t mute_symbols; /**< how many */
    uint32_t blamed;       /**< channels that connecting anew was for */
    uint32_t in_vain;      /**< how often it has brought nothing back */
    int64_t since_ns;      /**< when the first of mute was found */
    int64_t due_ns;        /**< of the next step, monotonic */
};

struct qta_mute_look {
    int64_t now_ns;
    int64_t realtime_ns;
    bool is_watched;                       /**< the market is open and the connection subscribed */
    const _Atomic uint64_t *ticks_by_type; /**< QTA_MUTE_CHANNELS of them, only growing */
    const _Atomic uint64_t *ticks_by_symbol; /**< symbols_max + 1 of them; NULL for 0 */
};

/** What is new since the step before, as bits of channels. */
struct qta_mute_news {
    uint32_t fell_silent;
    uint32_t heard;       /**< again, by themselves */
    bool is_to_reconnect; /**< now */
};

/** QTA_ERR_NOMEM. */
enum qta_status qta_mute_watch_init(struct qta_mute_watch *watch,
                                    const struct qta_mute_options *options, struct qta_error *err);
void qta_mute_watch_finish(struct qta_mute_watch *watch);

/** A new connection: what the one before did not bring says nothing about it. */
void qta_mute_watch_restart(struct qta_mute_watch *watch, int64_t now_ns);

/** Before due_ns nothing happens. */
void qta_mute_watch_step(struct qta_mute_watch *watch, const struct qta_mute_look *look,
                         struct qta_mute_news *news);

/** "trade", ...; "all" for channel 0. Static. */
const char *qta_mute_channel_name(unsigned channel);

#endif
