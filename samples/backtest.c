/* A moving-average cross, live or replayed: only the configuration differs.
 *
 *     backtest backtest_replay.yaml      # a recorded day, as fast as it can be read
 *     backtest backtest_live.yaml        # the market now
 *
 * When the average of the last trades of a symbol crosses that of more of them upwards, it buys;
 * when it crosses downwards, it sells. An order is filled at the next quote of its symbol: a buy at
 * the ask, a sell at the bid, whole and at once. At the end a report goes to stdout. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <qta/qta.h>

/* Averages over so many trades; shares in an order; shares held at most, long or short. */
enum { FAST_TRADES = 20, SLOW_TRADES = 100, ORDER_SIZE = 100, POSITION_MAX = 300 };

/* ---- one symbol -------------------------------------------------------------------------------
 */

/* The last SLOW_TRADES prices and the two sums that the averages come from. */
struct averages {
    double prices[SLOW_TRADES];
    uint64_t count;
    double fast_sum;
    double slow_sum;
};

struct instrument {
    struct averages averages;
    int trend;         /* 1: fast above slow, -1: below, 0: not known yet */
    int64_t order;     /* shares to buy (or sell, if negative) at the next quote */
    int64_t position;  /* shares held */
    double cash;       /* what was received less what was paid */
    double last_price; /* to value the position with at the end */
};

static void averages_add(struct averages *averages, double price)
{
    size_t place = averages->count % SLOW_TRADES;
    if (averages->count >= SLOW_TRADES)
        averages->slow_sum -= averages->prices[place];
    if (averages->count >= FAST_TRADES)
        averages->fast_sum -= averages->prices[(averages->count - FAST_TRADES) % SLOW_TRADES];
    averages->prices[place] = price;
    averages->slow_sum += price;
    averages->fast_sum += price;
    averages->count++;
}

/* 1 when the fast average is above the slow one, -1 when it is below, else 0. */
static int averages_trend(const struct averages *averages)
{
    if (averages->count < SLOW_TRADES)
        return 0;
    double difference = averages->fast_sum / FAST_TRADES - averages->slow_sum / SLOW_TRADES;
    return (difference > 0) - (difference < 0);
}

/* ---- the strategy -----------------------------------------------------------------------------
 */

struct strategy {
    struct instrument *instruments; /* by symbol id: ids are small and given out in order */
    size_t instrument_count;
    struct qta_gateway *gateway;
    bool is_memory_short;

    uint64_t trades;
    uint64_t quotes;
    uint64_t orders;
    uint64_t fills;
    uint64_t refused_orders;  /* by the position limit */
    struct qta_digest digest; /* of every tick that a callback saw */
};

static struct instrument *instrument_of(struct strategy *strategy, uint32_t symbol)
{
    if (symbol < strategy->instrument_count)
        return &strategy->instruments[symbol];
    size_t count = (size_t)symbol * 2 + 1;
    struct instrument *instruments = realloc(strategy->instruments, count * sizeof *instruments);
    if (!instruments) {
        strategy->is_memory_short = true;
        qta_gateway_stop(strategy->gateway);
        return NULL;
    }
    memset(instruments + strategy->instrument_count, 0,
           (count - strategy->instrument_count) * sizeof *instruments);
    strategy->instruments = instruments;
    strategy->instrument_count = count;
    return &instruments[symbol];
}

static void place_order(struct strategy *strategy, struct instrument *instrument, int64_t size)
{
    int64_t position = instrument->position + instrument->order + size;
    if (position > POSITION_MAX || position < -POSITION_MAX) {
        strategy->refused_orders++;
        return;
    }
    instrument->order += size;
    strategy->orders++;
}

static void on_trade(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct strategy *strategy = user;
    strategy->trades++;
    qta_digest_add(&strategy->digest, tick, names);
    struct qta_decimal price = QTA_TICK_DECIMAL(tick->trade, price);
    struct instrument *instrument = instrument_of(strategy, tick->symbol);
    if (!instrument || qta_decimal_is_null(price))
        return;
    instrument->last_price = qta_decimal_to_double(price);
    averages_add(&instrument->averages, instrument->last_price);
    int trend = averages_trend(&instrument->averages);
    if (trend == 0 || trend == instrument->trend)
        return;
    if (instrument->trend != 0) /* the first trend is no cross */
        place_order(strategy, instrument, trend > 0 ? ORDER_SIZE : -ORDER_SIZE);
    instrument->trend = trend;
}

static void on_quote(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct strategy *strategy = user;
    strategy->quotes++;
    qta_digest_add(&strategy->digest, tick, names);
    struct instrument *instrument = instrument_of(strategy, tick->symbol);
    if (!instrument || instrument->order == 0)
        return;
    struct qta_decimal price = instrument->order > 0 ? QTA_TICK_DECIMAL(tick->quote, ask_price)
                                                     : QTA_TICK_DECIMAL(tick->quote, bid_price);
    /* a side that is missing or zero is no offer: the order waits for the next quote */
    if (qta_decimal_is_null(price) || price.mantissa <= 0)
        return;
    instrument->cash -= (double)instrument->order * qta_decimal_to_double(price);
    instrument->position += instrument->order;
    instrument->order = 0;
    strategy->fills++;
}

/* ---- the report -------------------------------------------------------------------------------
 */

static void print_report(const struct strategy *strategy, double seconds)
{
    const struct qta_dictionary *names = qta_gateway_names(strategy->gateway);
    double total = 0;
    printf("%-16s %10s %14s\n", "symbol", "position", "P&L");
    for (size_t i = 0; i < strategy->instrument_count; i++) {
        const struct instrument *instrument = &strategy->instruments[i];
        if (instrument->averages.count == 0)
            continue;
        double profit = instrument->cash + (double)instrument->position * instrument->last_price;
        printf("%-16s %10" PRId64 " %14.2f\n",
               qta_dictionary_name(names, QTA_NAME_SYMBOL, (uint32_t)i, NULL), instrument->position,
               profit);
        total += profit;
    }
    uint64_t ticks = strategy->trades + strategy->quotes;
    printf("trades    %" PRIu64 "\n", strategy->trades);
    printf("quotes    %" PRIu64 "\n", strategy->quotes);
    printf("orders    %" PRIu64 "\n", strategy->orders);
    printf("fills     %" PRIu64 "\n", strategy->fills);
    printf("refused   %" PRIu64 "\n", strategy->refused_orders);
    printf("P&L       %.2f\n", total);
    printf("ticks/s   %.0f\n", seconds > 0 ? (double)ticks / seconds : 0);
    printf("market    %016" PRIx64 "\n", strategy->digest.market);
}

/* ---- the program ------------------------------------------------------------------------------
 */

static struct qta_gateway *running; /* for the signal handler */

static void handle_signal(int number)
{
    (void)number;
    qta_gateway_stop(running);
}

static void log_line(void *user, enum qta_log_level level, const char *area, const char *message)
{
    (void)user;
    fprintf(stderr, "%s: %s: %s\n", qta_log_level_name(level), area, message);
}

static double now_s(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int fail(const struct qta_error *err)
{
    fprintf(stderr, "backtest: %s\n", err->message);
    return err->status == QTA_ERR_CONFIG ? 2 : 1;
}

/* No symbols named: all that the configuration subscribes to. */
static enum qta_status subscribe(struct strategy *strategy, struct qta_error *err)
{
    struct qta_gateway *gateway = strategy->gateway;
    enum qta_status status = qta_gateway_subscribe_to_trades(gateway, NULL, 0, on_trade, strategy,
                                                             err);
    if (status != QTA_OK)
        return status;
    return qta_gateway_subscribe_to_quotes(gateway, NULL, 0, on_quote, strategy, err);
}

static enum qta_status run(struct strategy *strategy, struct qta_error *err)
{
    enum qta_status status = subscribe(strategy, err);
    if (status != QTA_OK)
        return status;
    running = strategy->gateway;
    signal(SIGINT, handle_signal);
    signal(SIGTERM, handle_signal);
    status = qta_gateway_run(strategy->gateway, err);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (strategy->is_memory_short)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: backtest CONFIGURATION.yaml\n");
        return 2;
    }
    qta_log_set(log_line, NULL, QTA_LOG_WARNING);
    struct qta_error err = {0};
    struct strategy strategy = {0};
    qta_digest_init(&strategy.digest);
    if (qta_gateway_open(&strategy.gateway, argv[1], &err) != QTA_OK)
        return fail(&err);
    double start_s = now_s();
    int exit_code = 0;
    if (run(&strategy, &err) != QTA_OK)
        exit_code = fail(&err);
    print_report(&strategy, now_s() - start_s);
    qta_gateway_destroy(strategy.gateway);
    free(strategy.instruments);
    return exit_code;
}
