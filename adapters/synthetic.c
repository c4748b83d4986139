#include "adapters/synthetic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/decimal.h>
#include <qta/timestamp.h>

#include "adapters/adapter_defaults.h"
#include "core/xxh64.h"

enum {
    SYMBOL_COUNT_MAX = 1000000,
    PRICE_EXPONENT = -2, /* the grid is one cent */
    CRYPTO_SIZE_EXPONENT = -6,
    IDLE_POLL_NS = 100000000, /* nothing is subscribed: look again after this */
};

/* 2024-05-01T13:30:00Z, the opening bell of an ordinary day */
#define DEFAULT_START_NS INT64_C(1714570200000000000)

/* beyond it a time could overflow; 200 years on */
#define OFFSET_MAX_NS INT64_C(6307200000000000000)

__extension__ typedef unsigned __int128 wide_u128;

/* One symbol's market, in a cache line's worth of bytes. */
struct market {
    int64_t bid_ticks;
    int64_t anchor_ticks; /* where it started; it stays between half and twice of that */
    uint64_t next_trade_id;
    uint32_t symbol;
    int32_t volatility_q8; /* ticks a move, on average */
    int32_t base_volatility_q8;
    uint16_t bid_size;
    uint16_t ask_size;
    char bid_exchange;
    char ask_exchange;
    char tape;
    uint8_t spread_ticks;
    uint8_t subscribed; /* QTA_TYPE_BITs asked for by name */
    uint8_t active;     /* QTA_TYPE_BITs to make */
    bool is_generated;  /* one of those that "*" stands for */
    bool is_crypto;
    bool is_buying; /* side of the last trade: order flow is persistent */
};

static_assert(sizeof(struct market) <= 64, "a tick touches at most two lines of them");

struct synthetic {
    struct qta_adapter base;

    /* settings */
    uint64_t seed;
    uint64_t count; /* 0: endless */
    uint32_t symbol_count;
    uint64_t mean_interval_q16; /* ns */
    uint32_t quote_threshold;   /* of 2^32: below it is a quote */
    int64_t latency_ns;
    int64_t start_ns; /* QTA_TIME_UNKNOWN: real clock, event times are not known */
    bool is_simulated;

    /* symbols */
    struct market *markets;
    uint32_t market_count;
    uint32_t market_capacity;
    uint32_t *slots;  /* hash table: index into markets + 1, twice the capacity */
    uint32_t *active; /* indices of markets that ticks are made for */
    uint32_t active_count;
    uint8_t star; /* QTA_TYPE_BITs asked for with "*" */
    bool has_generated;
    bool has_subscriptions; /* ever */

    /* the stream */
    uint64_t random[4];
    uint32_t log2_q32[257]; /* log2(1 + i/256); the last entry is 2^32 - 1 for 2^32 */
    uint64_t made;
    int64_t offset_ns; /* of the next tick, since the first */
    uint32_t offset_q16;
    int64_t receive_base_ns; /* receive time of the first tick; simulated clock */
    int64_t now_base_ns;     /* monotonic time of the first tick; real clock */
    bool has_now_base;
    bool is_burst;
    bool is_finished;
    uint32_t last_active;
    struct qta_tick trade;
    struct qta_tick quote;
};

static struct synthetic *synthetic_from(struct qta_adapter *adapter)
{
    assert(adapter->ops == &qta_synthetic_adapter_ops);
    return (struct synthetic *)adapter;
}

/* ---- random numbers -------------------------------------------------------------------------- */

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* splitmix64: spreads a seed over a state */
static uint64_t spread_seed(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* xoshiro256++ */
static inline uint64_t next_random(struct synthetic *s)
{
    uint64_t *state = s->random;
    uint64_t result = rotate_left(state[0] + state[3], 23) + state[0];
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

/* log2 digit by digit: squaring a number doubles its logarithm, so each overflow is a one bit. */
static void fill_log2_table(uint32_t table[257])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint64_t x_q31 = (UINT64_C(1) << 31) + ((uint64_t)i << 23);
        uint32_t log2_q32 = 0;
        for (int bit = 31; bit >= 0; bit--) {
            x_q31 = x_q31 * x_q31 >> 31;
            if (x_q31 >> 32) {
                log2_q32 |= UINT32_C(1) << bit;
                x_q31 >>= 1;
            }
        }
        table[i] = log2_q32;
    }
    table[256] = UINT32_MAX;
}

/* An exponential variate of mean 1, in 1/65536: -ln of a uniform number, from the position of its
 * highest bit and a table for the rest. */
static inline uint64_t exponential_q16(const struct synthetic *s, uint64_t uniform)
{
    static const uint64_t ln2_q32 = UINT64_C(2977044472);
    uniform |= 1;
    int zeros = __builtin_clzll(uniform);
    uint64_t mantissa = uniform << zeros; /* the top bit is set */
    uint32_t index = mantissa >> 55 & 0xff;
    uint64_t between = mantissa >> 47 & 0xff;
    uint64_t low = s->log2_q32[index];
    uint64_t fraction = low + ((s->log2_q32[index + 1] - low) * between >> 8);
    uint64_t minus_log2_q32 = ((uint64_t)(zeros + 1) << 32) - fraction;
    return (minus_log2_q32 >> 8) * (ln2_q32 >> 8) >> 32;
}

/* ---- settings -------------------------------------------------------------------------------- */

static const struct qta_setting_spec synthetic_settings[] = {
    {"seed", QTA_SETTING_INTEGER, "1", 0, 9007199254740991.0, "the same seed makes the same ticks"},
    {"symbol_count", QTA_SETTING_INTEGER, "10", 1, SYMBOL_COUNT_MAX,
     "how many symbols '*' stands for"},
    {"rate", QTA_SETTING_NUMBER, "1000", 0.001, 1e9, "ticks per second over all symbols"},
    {"count", QTA_SETTING_INTEGER, "0", 0, 9007199254740991.0,
     "ends after this many ticks; 0 for endless"},
    {"quote_ratio", QTA_SETTING_NUMBER, "0.8", 0, 1, "share of quotes; the rest are trades"},
    {"latency", QTA_SETTING_DURATION, "300us", 0, 0,
     "how long ticks travel, on average (simulated clock)"},
    {"start", QTA_SETTING_TIME, NULL, 0, 0, "time of the first event; implies a simulated clock"},
    {"clock", QTA_SETTING_STRING, NULL, 0, 0,
     "'real' makes ticks when they are due, 'simulated' as fast as it can"},
};
enum { SETTING_COUNT = sizeof synthetic_settings / sizeof synthetic_settings[0] };

/* The value given last, or the default; NULL when there is neither. */
static const char *setting_value(const struct qta_adapter_options *options, const char *name)
{
    for (size_t i = options->setting_count; i-- > 0;) {
        if (strcmp(options->settings[i].name, name) == 0)
            return options->settings[i].value;
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(synthetic_settings[i].name, name) == 0)
            return synthetic_settings[i].default_value;
    }
    assert(!"a setting of the table");
    return NULL;
}

static enum qta_status read_number(const struct qta_adapter_options *options, const char *name,
                                   struct qta_decimal *value, struct qta_error *err)
{
    const char *text = setting_value(options, name);
    const struct qta_setting_spec *spec = synthetic_settings;
    while (strcmp(spec->name, name) != 0)
        spec++;
    if (qta_decimal_parse(text, strlen(text), value, NULL) != QTA_OK ||
        qta_decimal_to_double(*value) < spec->minimum ||
        qta_decimal_to_double(*value) > spec->maximum) {
        return qta_error_set(err, QTA_ERR_CONFIG, "%s '%s' is not a number from %.15g to %.15g",
                             name, text, spec->minimum, spec->maximum);
    }
    return QTA_OK;
}

static enum qta_status read_integer(const struct qta_adapter_options *options, const char *name,
                                    uint64_t *value, struct qta_error *err)
{
    struct qta_decimal number;
    enum qta_status status = read_number(options, name, &number, err);
    if (status != QTA_OK)
        return status;
    int64_t integer = 0;
    if (qta_decimal_rescale(number, 0, &integer) != QTA_OK) {
        return qta_error_set(err, QTA_ERR_CONFIG, "%s '%s' is not a whole number", name,
                             setting_value(options, name));
    }
    *value = (uint64_t)integer;
    return QTA_OK;
}

static enum qta_status read_clock(struct synthetic *s, const struct qta_adapter_options *options,
                                  struct qta_error *err)
{
    const char *start = setting_value(options, "start");
    s->start_ns = QTA_TIME_UNKNOWN;
    if (start && qta_timestamp_parse(start, strlen(start), &s->start_ns) != QTA_OK) {
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "start '%s' is not a time like 2024-05-01T13:30:00Z", start);
    }
    if (s->start_ns > INT64_MAX - OFFSET_MAX_NS)
        return qta_error_set(err, QTA_ERR_CONFIG, "start '%s' is too late", start);

    const char *clock = setting_value(options, "clock");
    if (!clock) {
        s->is_simulated = start != NULL;
    } else if (strcmp(clock, "simulated") == 0 || strcmp(clock, "real") == 0) {
        s->is_simulated = clock[0] == 's';
    } else {
        return qta_error_set(err, QTA_ERR_CONFIG, "clock '%s' is neither 'real' nor 'simulated'",
                             clock);
    }
    if (s->is_simulated && !start)
        s->start_ns = DEFAULT_START_NS;

    const char *latency = setting_value(options, "latency");
    if (qta_duration_parse(latency, strlen(latency), &s->latency_ns) != QTA_OK ||
        s->latency_ns < 0 || s->latency_ns > INT64_C(3600000000000)) {
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "latency '%s' is not a duration of up to 1h like '300us'", latency);
    }
    return QTA_OK;
}

static enum qta_status read_settings(struct synthetic *s, const struct qta_adapter_options *options,
                                     struct qta_error *err)
{
    struct qta_decimal rate;
    struct qta_decimal quote_ratio;
    uint64_t symbol_count = 0;
    enum qta_status status = read_integer(options, "seed", &s->seed, err);
    if (status == QTA_OK)
        status = read_integer(options, "symbol_count", &symbol_count, err);
    if (status == QTA_OK)
        status = read_integer(options, "count", &s->count, err);
    if (status == QTA_OK)
        status = read_number(options, "rate", &rate, err);
    if (status == QTA_OK)
        status = read_number(options, "quote_ratio", &quote_ratio, err);
    if (status == QTA_OK)
        status = read_clock(s, options, err);
    if (status != QTA_OK)
        return status;
    s->symbol_count = (uint32_t)symbol_count;
    /* single operations on doubles are exact on every machine */
    s->mean_interval_q16 = (uint64_t)(65536e9 / qta_decimal_to_double(rate));
    s->quote_threshold = (uint32_t)(qta_decimal_to_double(quote_ratio) * 4294967295.0);
    return QTA_OK;
}

/* ---- symbols --------------------------------------------------------------------------------- */

static char pick_exchange(uint64_t random)
{
    /* by rough share of the volume: Nasdaq, FINRA, NYSE, Arca, Cboe Z, Cboe K, IEX, NYSE American
     */
    static const char exchanges[32] = "QQQQQQQDDDDDDDDNNNNPPPPZZZKKKVVA";
    return exchanges[random & 31];
}

/* A market opens at a price between 1 and 1000 that depends on seed and name only. */
static void open_market(const struct synthetic *s, struct market *market, const char *name,
                        size_t length)
{
    uint64_t state = qta_xxh64(name, length, s->seed);
    market->is_crypto = memchr(name, '/', length) != NULL;
    uint64_t level = spread_seed(&state);
    uint64_t decade = level % 10; /* log-uniform in steps of two */
    uint64_t ticks = (UINT64_C(100) << decade) + (level >> 16) % (UINT64_C(100) << decade);
    if (market->is_crypto)
        ticks *= 64;
    market->bid_ticks = market->anchor_ticks = (int64_t)ticks;
    market->base_volatility_q8 = (int32_t)(ticks >> 8) + 4;
    market->volatility_q8 = market->base_volatility_q8;
    market->spread_ticks = 1;
    market->next_trade_id = market->is_crypto ? spread_seed(&state) >> 2 | UINT64_C(1) << 60
                                              : spread_seed(&state) >> 40;
    market->tape = "AABCCC"[spread_seed(&state) % 6];
    market->bid_exchange = pick_exchange(spread_seed(&state));
    market->ask_exchange = pick_exchange(spread_seed(&state));
    market->bid_size = (uint16_t)(1 + (spread_seed(&state) & 7));
    market->ask_size = (uint16_t)(1 + (spread_seed(&state) & 7));
}

/* Where the market of this symbol is in the slots, or would be put. */
static uint32_t *market_slot(struct synthetic *s, uint32_t symbol)
{
    uint32_t mask = s->market_capacity * 2 - 1;
    uint32_t place = (uint32_t)(symbol * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (s->slots[place] && s->markets[s->slots[place] - 1].symbol != symbol)
        place = (place + 1) & mask;
    return &s->slots[place];
}

static bool grow_markets(struct synthetic *s)
{
    uint32_t capacity = s->market_capacity ? s->market_capacity * 2 : 16;
    struct market *markets = realloc(s->markets, capacity * sizeof *markets);
    if (!markets)
        return false;
    s->markets = markets;
    uint32_t *active = realloc(s->active, capacity * sizeof *active);
    if (!active)
        return false;
    s->active = active;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (!slots)
        return false;
    free(s->slots);
    s->slots = slots;
    s->market_capacity = capacity;
    for (uint32_t i = 0; i < s->market_count; i++)
        *market_slot(s, s->markets[i].symbol) = i + 1;
    return true;
}

/* The market of this symbol, opened if it is new. NULL when out of memory. */
static struct market *find_market(struct synthetic *s, const char *name)
{
    if (s->market_count == s->market_capacity && !grow_markets(s))
        return NULL;
    size_t length = strlen(name);
    struct qta_adapter_host *host = s->base.host;
    uint32_t symbol = host->ops->intern(host, QTA_NAME_SYMBOL, name, length);
    uint32_t *slot = market_slot(s, symbol);
    if (*slot)
        return &s->markets[*slot - 1];
    struct market *market = &s->markets[s->market_count++];
    *slot = s->market_count;
    memset(market, 0, sizeof *market);
    market->symbol = symbol;
    open_market(s, market, name, length);
    return market;
}

static bool make_generated_markets(struct synthetic *s)
{
    if (s->has_generated)
        return true;
    for (uint32_t i = 1; i <= s->symbol_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "SYN%04u", (unsigned)i);
        struct market *market = find_market(s, name);
        if (!market)
            return false;
        market->is_generated = true;
    }
    s->has_generated = true;
    return true;
}

static void refresh_active(struct synthetic *s)
{
    s->active_count = 0;
    for (uint32_t i = 0; i < s->market_count; i++) {
        struct market *market = &s->markets[i];
        market->active = market->subscribed;
        if (market->is_generated)
            market->active |= s->star;
        if (market->active)
            s->active[s->active_count++] = i;
    }
    s->last_active = 0;
}

/* False when out of memory. */
static bool apply_subscription(struct synthetic *s, const struct qta_subscription *subscription,
                               bool is_added)
{
    uint8_t bit = (uint8_t)QTA_TYPE_BIT(subscription->type);
    uint8_t *types = &s->star;
    if (strcmp(subscription->symbol, "*") == 0) {
        if (is_added && !make_generated_markets(s))
            return false;
    } else {
        struct market *market = find_market(s, subscription->symbol);
        if (!market)
            return false;
        types = &market->subscribed;
    }
    *types = is_added ? *types | bit : *types & (uint8_t)~bit;
    return true;
}

static void synthetic_subscribe(struct qta_adapter *adapter,
                                const struct qta_subscription *subscriptions, size_t count,
                                bool is_added, int64_t now_ns)
{
    struct synthetic *s = synthetic_from(adapter);
    struct qta_adapter_host *host = adapter->host;
    (void)now_ns;
    if (!s->has_subscriptions)
        s->star = 0; /* what was made for want of a subscription ends with the first one */
    s->has_subscriptions = true;
    for (size_t i = 0; i < count; i++) {
        if (!qta_adapter_offers(adapter->ops, subscriptions[i].type)) {
            host->ops->subscribed(host, &subscriptions[i], false, 0,
                                  "synthetic markets have trades and quotes only");
        } else if (!apply_subscription(s, &subscriptions[i], is_added)) {
            host->ops->fail(host, QTA_REACTION_RECONNECT, QTA_CAUSE_PROVIDER, 0, 0,
                            "out of memory for another synthetic market");
            return;
        } else if (is_added) {
            host->ops->subscribed(host, &subscriptions[i], true, 0, NULL);
        }
    }
    refresh_active(s);
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* The next pause. In a burst (a quarter of the ticks) pauses are an eighth of the mean, otherwise
 * 31/24 of it, so that the mean stays what was asked for. */
static void advance_clock(struct synthetic *s, uint64_t random)
{
    uint32_t change = random & 0xffff;
    if (change < (s->is_burst ? 2048 : 683))
        s->is_burst = !s->is_burst;
    uint64_t pause_q16 = (uint64_t)((wide_u128)s->mean_interval_q16 *
                                        exponential_q16(s, next_random(s)) >>
                                    16);
    pause_q16 = s->is_burst ? pause_q16 / 8 : pause_q16 / 24 * 31 + pause_q16 % 24 * 31 / 24;
    uint64_t sum = (pause_q16 & 0xffff) + s->offset_q16;
    s->offset_ns += (int64_t)((pause_q16 >> 16) + (sum >> 16));
    s->offset_q16 = (uint32_t)(sum & 0xffff);
}

/* Some symbols trade much more than others, and one that has just ticked often ticks again. */
static struct market *pick_market(struct synthetic *s, uint64_t random)
{
    if (!s->is_burst || (random & 1) || s->last_active >= s->active_count) {
        uint64_t uniform = random >> 32;
        s->last_active = (uint32_t)((uniform * uniform >> 32) * s->active_count >> 32);
    }
    return &s->markets[s->active[s->last_active]];
}

/* Geometric with ratio one half: 0, 1, 2, ... */
static unsigned geometric(uint64_t random)
{
    return (unsigned)__builtin_ctzll(random | UINT64_C(1) << 63);
}

/* One step of the walk: big moves make big moves likely. */
static void move_price(struct synthetic *s, struct market *market, uint64_t random)
{
    uint64_t jump_q24 = (uint64_t)market->volatility_q8 * exponential_q16(s, next_random(s));
    int64_t step = (int64_t)((jump_q24 + (UINT64_C(1) << 23)) >> 24);
    int32_t shock_q8 = (int32_t)(jump_q24 >> 16);
    market->volatility_q8 += (shock_q8 - market->volatility_q8) / 16 +
                             (market->base_volatility_q8 - market->volatility_q8) / 64;
    int32_t highest = market->base_volatility_q8 * 32;
    if (market->volatility_q8 > highest)
        market->volatility_q8 = highest;
    if (market->volatility_q8 < 2)
        market->volatility_q8 = 2;

    /* five times of eight in the direction of the last trade */
    bool is_up = (random & 7) < 5 ? market->is_buying : !market->is_buying;
    if (market->bid_ticks < market->anchor_ticks / 2)
        is_up = true;
    if (market->bid_ticks > market->anchor_ticks * 2)
        is_up = false;
    market->bid_ticks += is_up ? step : -step;
    if (market->bid_ticks < 1)
        market->bid_ticks = 1;
}

/* Half of the quotes only change a size. */
static void change_quote(struct synthetic *s, struct market *market, uint64_t random)
{
    static const uint8_t spreads[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3};
    if (random & 1) {
        move_price(s, market, random >> 1);
        market->spread_ticks = spreads[random >> 4 & 15];
    }
    uint16_t size = (uint16_t)(1 + geometric(random >> 8 | UINT64_C(1) << 40) * 2 +
                               (random >> 50 & 3));
    if (random >> 52 & 1) {
        market->bid_size = size;
        market->bid_exchange = pick_exchange(random >> 53);
    } else {
        market->ask_size = size;
        market->ask_exchange = pick_exchange(random >> 53);
    }
}

/* A fractional size between 0.000001 and about 10, most of them small. */
static int64_t crypto_size(uint64_t random)
{
    uint64_t bits = random >> 24 & 0xffffff;
    return (int64_t)(1 + (bits >> geometric(random)));
}

static void fill_quote(struct synthetic *s, struct market *market, uint64_t random)
{
    change_quote(s, market, random);
    struct qta_quote *quote = &s->quote.quote;
    quote->bid_price_mantissa = market->bid_ticks;
    quote->ask_price_mantissa = market->bid_ticks + market->spread_ticks;
    if (market->is_crypto) {
        quote->bid_size_mantissa = crypto_size(random);
        quote->ask_size_mantissa = crypto_size(random >> 16);
        quote->bid_size_exponent = quote->ask_size_exponent = CRYPTO_SIZE_EXPONENT;
        quote->bid_exchange = quote->ask_exchange = 0;
        quote->conditions[0] = 0;
        quote->tape = 0;
        return;
    }
    quote->bid_size_mantissa = market->bid_size;
    quote->ask_size_mantissa = market->ask_size;
    quote->bid_size_exponent = quote->ask_size_exponent = 0;
    quote->bid_exchange = (uint8_t)market->bid_exchange;
    quote->ask_exchange = (uint8_t)market->ask_exchange;
    quote->conditions[0] = 'R';
    quote->tape = market->tape;
}

/* Whole round lots in five of eight trades, odd lots otherwise. */
static void fill_stock_trade(struct qta_trade *trade, uint64_t random)
{
    size_t count = 0;
    memset(trade->conditions, 0, sizeof trade->conditions);
    trade->conditions[count++] = '@';
    if ((random >> 8 & 31) == 0)
        trade->conditions[count++] = 'F'; /* intermarket sweep */
    if ((random & 7) < 5) {
        trade->size_mantissa = 100 * (int64_t)(1 + geometric(random >> 16 | UINT64_C(1) << 40));
    } else {
        trade->size_mantissa = (int64_t)(1 + (random >> 16) % 99);
        trade->conditions[count] = 'I';
    }
}

static void fill_trade(struct synthetic *s, struct market *market, uint64_t random)
{
    struct qta_trade *trade = &s->trade.trade;
    if ((random & 3) == 0)
        market->is_buying = !market->is_buying;
    trade->price_mantissa = market->bid_ticks + (market->is_buying ? market->spread_ticks : 0);
    trade->side = market->is_buying ? QTA_SIDE_BUY : QTA_SIDE_SELL;
    trade->id = market->next_trade_id++;
    if (market->is_crypto) {
        trade->size_mantissa = crypto_size(random >> 2);
        trade->size_exponent = CRYPTO_SIZE_EXPONENT;
        trade->exchange = 0;
        memset(trade->conditions, 0, sizeof trade->conditions);
        trade->tape = 0;
        return;
    }
    trade->size_exponent = 0;
    fill_stock_trade(trade, random >> 2);
    trade->exchange = (uint8_t)pick_exchange(random >> 58);
    trade->tape = market->tape;
}

/* Venues stamp with clocks of their own, so travel times scatter, and one in 64 looks as if it had
 * arrived before it was sent. */
static int64_t pick_latency(struct synthetic *s, uint64_t random)
{
    int64_t half = s->latency_ns / 2;
    int64_t scatter = (int64_t)((wide_u128)(uint64_t)half * exponential_q16(s, random) >> 16);
    return (random & 63) == 0 ? -scatter / 4 : half + scatter;
}

/* Times of the next tick: receive times follow one another, event times may cross. */
static void stamp(struct synthetic *s, struct qta_tick *tick, uint64_t random)
{
    if (s->start_ns == QTA_TIME_UNKNOWN)
        return;
    if (!s->is_simulated) {
        tick->ts_event_ns = s->start_ns + s->offset_ns;
        return;
    }
    int64_t latency_ns = pick_latency(s, random);
    if (s->made == 0)
        s->receive_base_ns = s->start_ns + latency_ns;
    tick->ts_recv_ns = s->receive_base_ns + s->offset_ns;
    tick->ts_event_ns = tick->ts_recv_ns - latency_ns;
}

static void make_tick(struct synthetic *s)
{
    uint64_t choice = next_random(s);
    struct market *market = pick_market(s, choice);
    bool is_quote = (uint32_t)next_random(s) < s->quote_threshold;
    if (is_quote && !(market->active & QTA_TYPE_BIT(QTA_TICK_QUOTE)))
        is_quote = false;
    else if (!is_quote && !(market->active & QTA_TYPE_BIT(QTA_TICK_TRADE)))
        is_quote = true;
    struct qta_tick *tick = is_quote ? &s->quote : &s->trade;
    uint64_t body = next_random(s);
    if (is_quote)
        fill_quote(s, market, body);
    else
        fill_trade(s, market, body);
    tick->symbol = market->symbol;
    tick->ts_recv_ns = QTA_TIME_UNKNOWN;
    stamp(s, tick, next_random(s));
    s->made++;
    advance_clock(s, choice >> 1);
    /* the host may change what it is given */
    struct qta_tick delivered = *tick;
    s->base.host->ops->emit(s->base.host, &delivered);
}

static bool is_at_end(const struct synthetic *s)
{
    return (s->count && s->made == s->count) || s->offset_ns > OFFSET_MAX_NS;
}

static int64_t synthetic_service(struct qta_adapter *adapter, int64_t now_ns, size_t budget)
{
    struct synthetic *s = synthetic_from(adapter);
    if (s->is_finished)
        return INT64_MAX;
    if (!s->has_subscriptions && !s->has_generated) {
        if (!make_generated_markets(s)) {
            adapter->host->ops->fail(adapter->host, QTA_REACTION_RECONNECT, QTA_CAUSE_PROVIDER, 0,
                                     0, "out of memory for synthetic markets");
            return INT64_MAX;
        }
        s->star = (uint8_t)(QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_QUOTE));
        refresh_active(s);
    }
    if (s->active_count == 0) {
        s->has_now_base = false;
        return now_ns + IDLE_POLL_NS;
    }
    /* while nothing was subscribed no time passed in this market */
    if (!s->has_now_base)
        s->now_base_ns = now_ns - s->offset_ns;
    s->has_now_base = true;
    for (size_t made = 0; made < budget && !is_at_end(s); made++) {
        if (!s->is_simulated && now_ns - s->now_base_ns < s->offset_ns)
            break;
        make_tick(s);
    }
    if (is_at_end(s)) {
        s->is_finished = true;
        adapter->host->ops->finished(adapter->host);
        return INT64_MAX;
    }
    if (s->is_simulated)
        return now_ns;
    int64_t due_ns = s->now_base_ns + s->offset_ns;
    return due_ns > now_ns ? due_ns : now_ns;
}

/* ---- create and destroy ---------------------------------------------------------------------- */

static void synthetic_destroy(struct qta_adapter *adapter)
{
    if (!adapter)
        return;
    struct synthetic *s = synthetic_from(adapter);
    free(s->markets);
    free(s->slots);
    free(s->active);
    free(s);
}

static void init_templates(struct synthetic *s)
{
    qta_tick_init(&s->trade, QTA_TICK_TRADE);
    s->trade.trade.price_exponent = PRICE_EXPONENT;
    qta_tick_init(&s->quote, QTA_TICK_QUOTE);
    s->quote.quote.bid_price_exponent = PRICE_EXPONENT;
    s->quote.quote.ask_price_exponent = PRICE_EXPONENT;
}

static enum qta_status synthetic_create(struct qta_adapter **out,
                                        const struct qta_adapter_options *options,
                                        struct qta_adapter_host *host, struct qta_error *err)
{
    struct synthetic *s = calloc(1, sizeof *s);
    if (!s)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating a synthetic market");
    s->base.ops = &qta_synthetic_adapter_ops;
    s->base.host = host;
    enum qta_status status = read_settings(s, options, err);
    if (status != QTA_OK) {
        synthetic_destroy(&s->base);
        return status;
    }
    uint64_t state = s->seed;
    for (size_t i = 0; i < 4; i++)
        s->random[i] = spread_seed(&state);
    fill_log2_table(s->log2_q32);
    init_templates(s);
    *out = &s->base;
    return QTA_OK;
}

const struct qta_adapter_ops qta_synthetic_adapter_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "synthetic",
    .transport = QTA_TRANSPORT_NONE,
    .traits = QTA_TRAIT_STAMPS_TIME,
    .types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_QUOTE),
    .settings = synthetic_settings,
    .setting_count = SETTING_COUNT,
    .help = "a seeded generator of plausible trades and quotes",
    .create = synthetic_create,
    .destroy = synthetic_destroy,
    .subscribe = synthetic_subscribe,
    .service = synthetic_service,
};
