/* Frames to ticks: our decoder against cJSON, which only parses, over the same frames in the same
 * run.
 *
 * The two take turns, and the best turn of each counts: what else the machine does then hardly
 * shows. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <zstd.h>

#include <qta/timestamp.h>

#include "adapters/alpaca_decode.h"
#include "tests/bench/bench.h"

enum { TURNS = 9, MESSAGES = 100000, MESSAGES_QUICK = 2000, FRAME_BYTES_MAX = 65536 };

static size_t message_limit = MESSAGES;
static int turns = TURNS;

/* ---- the host: takes ticks, and looks at them enough that they have to be made ---- */

struct sink {
    struct qta_adapter_host base;
    struct qta_dictionary *names;
    uint64_t ticks;
    uint64_t sum;
    uint64_t faults;
};

static void sink_emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct sink *sink = (struct sink *)host;
    sink->ticks++;
    sink->sum += (uint64_t)tick->trade.price_mantissa + tick->symbol + (uint64_t)tick->ts_event_ns;
}

static uint32_t sink_intern(struct qta_adapter_host *host, enum qta_name_kind kind,
                            const char *name, size_t length)
{
    return qta_dictionary_intern(((struct sink *)host)->names, kind, name, length);
}

static void sink_fault(struct qta_adapter_host *host, enum qta_fault fault, const char *detail)
{
    (void)fault;
    ((struct sink *)host)->faults++;
    fprintf(stderr, "bench_decode: %s\n", detail);
}

static const struct qta_adapter_host_ops sink_ops = {
    .emit = sink_emit, .intern = sink_intern, .fault = sink_fault};

/* ---- frames ---- */

struct frames {
    char *bytes;
    size_t used;
    size_t capacity;
    size_t *ends; /* of each frame in bytes */
    size_t count;
    size_t messages;
    size_t open; /* messages in the frame that is being written */
};

static void frames_init(struct frames *frames)
{
    *frames = (struct frames){.capacity = (size_t)96 << 20};
    frames->bytes = malloc(frames->capacity);
    frames->ends = malloc(MESSAGES * sizeof frames->ends[0]);
    assert(frames->bytes && frames->ends);
}

static void frames_finish(struct frames *frames)
{
    free(frames->bytes);
    free(frames->ends);
}

static bool has_room(const struct frames *frames)
{
    return frames->messages < message_limit && frames->capacity - frames->used > FRAME_BYTES_MAX;
}

static void add_message(struct frames *frames, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_message(struct frames *frames, const char *format, ...)
{
    va_list arguments;
    frames->bytes[frames->used++] = frames->open == 0 ? '[' : ',';
    va_start(arguments, format);
    int length = vsnprintf(frames->bytes + frames->used, frames->capacity - frames->used, format,
                           arguments);
    va_end(arguments);
    frames->used += (size_t)length;
    frames->open++;
    frames->messages++;
}

static void end_frame(struct frames *frames)
{
    if (frames->open == 0)
        return;
    frames->bytes[frames->used++] = ']';
    frames->ends[frames->count++] = frames->used;
    frames->open = 0;
}

static uint64_t random_state = 1;
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((random_state >> 32) * limit) >> 32);
}

static const char *const symbols[] = {"AAPL",  "MSFT", "SPY", "TSLA", "NVDA", "F",
                                      "GOOGL", "QQQ",  "AMD", "BAC",  "AIG",  "INTC",
                                      "T",     "XOM",  "IWM", "META"};
static const char *const conditions[] = {"[\"@\"]",       "[\"@\",\"I\"]",
                                         "[\"@\",\"F\"]", "[\"@\",\"F\",\"I\"]",
                                         "[\" \"]",       "[\"@\",\"T\",\"I\"]"};

static const char *random_symbol(void)
{
    return symbols[random_below(sizeof symbols / sizeof symbols[0])];
}

/* A price in cents or finer, without trailing zeros, as venues print it. */
static void print_price(uint32_t price_e4, char text[24])
{
    int length = snprintf(text, 24, "%u.%04u", price_e4 / 10000, price_e4 % 10000);
    while (text[length - 1] == '0')
        text[--length] = '\0';
    if (text[length - 1] == '.')
        text[--length] = '\0';
}

static int64_t next_time_ns(void)
{
    static int64_t now_ns = INT64_C(1795106468000000000);
    now_ns += random_below(200000) + 1;
    return now_ns;
}

static void add_trade(struct frames *frames)
{
    static uint32_t id = 52983525;
    char price[24];
    char when[QTA_TIMESTAMP_TEXT_BYTES];
    bool is_odd_cent = random_below(8) == 0;
    uint32_t cents = 1000000 + random_below(20000) * 100 + (is_odd_cent ? random_below(100) : 0);
    print_price(cents, price);
    qta_timestamp_print_short(next_time_ns(), when);
    uint32_t size = random_below(3) ? 1 + random_below(99) : 100 * (1 + random_below(12));
    add_message(frames,
                "{\"T\":\"t\",\"S\":\"%s\",\"i\":%u,\"x\":\"%c\",\"p\":%s,\"s\":%u,\"c\":%s,"
                "\"z\":\"%c\",\"t\":\"%s\"}",
                random_symbol(), id++, "VDQPKNZ"[random_below(7)], price, size,
                conditions[random_below(sizeof conditions / sizeof conditions[0])],
                "ABC"[random_below(3)], when);
}

static void add_quote(struct frames *frames)
{
    char bid[24];
    char ask[24];
    char when[QTA_TIMESTAMP_TEXT_BYTES];
    uint32_t price = 1000000 + random_below(20000) * 100;
    print_price(price, bid);
    print_price(price + 100 * (1 + random_below(5)), ask);
    qta_timestamp_print_short(next_time_ns(), when);
    add_message(frames,
                "{\"T\":\"q\",\"S\":\"%s\",\"bx\":\"%c\",\"bp\":%s,\"bs\":%u,\"ax\":\"%c\","
                "\"ap\":%s,\"as\":%u,\"c\":[\"R\"],\"z\":\"%c\",\"t\":\"%s\"}",
                random_symbol(), "VDQPKNZ"[random_below(7)], bid, 1 + random_below(20),
                "VDQPKNZ"[random_below(7)], ask, 1 + random_below(20), "ABC"[random_below(3)],
                when);
}

static void add_book(struct frames *frames)
{
    char when[QTA_TIMESTAMP_TEXT_BYTES];
    char levels[2][512];
    qta_timestamp_print_short(next_time_ns(), when);
    for (int side = 0; side < 2; side++) {
        size_t used = 0;
        levels[side][0] = '\0';
        for (uint32_t i = random_below(4); i > 0; i--)
            used += (size_t)snprintf(
                levels[side] + used, sizeof levels[side] - used, "%s{\"p\":%u.%u,\"s\":0.%05u}",
                used ? "," : "", 71000 + random_below(500), random_below(10), random_below(100000));
    }
    add_message(frames, "{\"T\":\"o\",\"S\":\"BTC/USD\",\"t\":\"%s\",\"b\":[%s],\"a\":[%s]}", when,
                levels[0], levels[1]);
}

static void add_mixed(struct frames *frames)
{
    if (random_below(4) == 0)
        add_trade(frames);
    else
        add_quote(frames);
}

/* One to `most` messages a frame. */
static void generate(struct frames *frames, void (*add)(struct frames *), uint32_t most)
{
    while (has_room(frames)) {
        for (uint32_t i = 1 + random_below(most); i > 0; i--)
            add(frames);
        end_frame(frames);
    }
}

/* ---- real ticks ---- */

static char *read_compressed(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    enum { FILE_BYTES_MAX = 8 << 20, TEXT_BYTES_MAX = 128 << 20 };
    char *packed = malloc(FILE_BYTES_MAX);
    char *text = malloc(TEXT_BYTES_MAX);
    assert(packed && text);
    size_t packed_length = fread(packed, 1, FILE_BYTES_MAX, file);
    fclose(file);
    size_t result = ZSTD_decompress(text, TEXT_BYTES_MAX, packed, packed_length);
    free(packed);
    if (ZSTD_isError(result)) {
        free(text);
        return NULL;
    }
    *length = result;
    return text;
}

/* Cuts a row of comma-separated cells in place. */
static void cut_cells(char *row, char *cells[8])
{
    for (size_t i = 0; i < 8; i++) {
        cells[i] = row;
        row += strcspn(row, ",");
        if (*row)
            *row++ = '\0';
    }
}

/* The day is 2013-10-08 in New York, four hours behind UTC. */
static void print_row_time(const char *milliseconds, char when[QTA_TIMESTAMP_TEXT_BYTES])
{
    static const int64_t midnight_ns = INT64_C(1381204800000000000);
    qta_timestamp_print_short(midnight_ns + strtoll(milliseconds, NULL, 10) * 1000000, when);
}

static const char *conditions_of(const char *hex)
{
    unsigned long bits = strtoul(hex, NULL, 16);
    return bits == 0 ? "[\"@\"]" : bits & 1 ? "[\"@\",\"F\"]" : "[\"@\",\"I\"]";
}

static void add_trade_row(struct frames *frames, char *cells[8])
{
    char price[24];
    char when[QTA_TIMESTAMP_TEXT_BYTES];
    print_price((uint32_t)strtoul(cells[1], NULL, 10), price);
    print_row_time(cells[0], when);
    add_message(frames,
                "{\"T\":\"t\",\"S\":\"SPY\",\"i\":%zu,\"x\":\"%s\",\"p\":%s,\"s\":%s,\"c\":%s,"
                "\"z\":\"B\",\"t\":\"%s\"}",
                frames->messages + 1, cells[3], price, cells[2], conditions_of(cells[4]), when);
}

static void add_quote_row(struct frames *frames, char *cells[8])
{
    char bid[24];
    char ask[24];
    char when[QTA_TIMESTAMP_TEXT_BYTES];
    bool has_bid = strcmp(cells[1], "0") != 0;
    bool has_ask = strcmp(cells[3], "0") != 0;
    print_price((uint32_t)strtoul(cells[1], NULL, 10), bid);
    print_price((uint32_t)strtoul(cells[3], NULL, 10), ask);
    print_row_time(cells[0], when);
    add_message(frames,
                "{\"T\":\"q\",\"S\":\"AIG\",\"bx\":\"%s\",\"bp\":%s,\"bs\":%s,\"ax\":\"%s\","
                "\"ap\":%s,\"as\":%s,\"c\":[\"R\"],\"z\":\"A\",\"t\":\"%s\"}",
                has_bid ? cells[5] : " ", bid, cells[2], has_ask ? cells[5] : " ", ask, cells[4],
                when);
}

/* Rows of one millisecond come in one frame, as a venue batches them; ten at most. */
static bool load_rows(struct frames *frames, const char *name,
                      void (*add)(struct frames *, char *cells[8]))
{
    char path[512];
    char last[32] = "";
    size_t length;
    const char *source = getenv("QTA_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/../shared/data/ticks/%s", source ? source : ".", name);
    char *text = read_compressed(path, &length);
    if (!text)
        return false;
    for (char *row = text; row < text + length && has_room(frames);) {
        size_t row_length = strcspn(row, "\n");
        char *cells[8];
        row[row_length] = '\0';
        cut_cells(row, cells);
        if (strcmp(last, cells[0]) != 0 || frames->open == 10)
            end_frame(frames);
        snprintf(last, sizeof last, "%s", cells[0]);
        add(frames, cells);
        row += row_length + 1;
    }
    end_frame(frames);
    free(text);
    return true;
}

/* ---- measuring ---- */

static int64_t run_cjson(const struct frames *frames)
{
    size_t begin = 0;
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < frames->count; i++) {
        cJSON *tree = cJSON_ParseWithLength(frames->bytes + begin, frames->ends[i] - begin);
        assert(tree);
        cJSON_Delete(tree);
        begin = frames->ends[i];
    }
    return bench_now_ns() - start_ns;
}

static int64_t run_decoder(const struct frames *frames, struct qta_alpaca_decoder *decoder)
{
    size_t begin = 0;
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < frames->count; i++) {
        struct qta_frame frame = {.bytes = (const uint8_t *)frames->bytes + begin,
                                  .length = frames->ends[i] - begin};
        qta_alpaca_decode(decoder, &frame);
        begin = frames->ends[i];
    }
    return bench_now_ns() - start_ns;
}

static void measure(const char *name, const struct frames *frames)
{
    static const struct qta_alpaca_events no_events = {.on_success = NULL};
    struct sink sink = {.base.ops = &sink_ops};
    struct qta_alpaca_decoder *decoder;
    int64_t best_ns[2] = {INT64_MAX, INT64_MAX};
    if (qta_dictionary_create(&sink.names, NULL) != QTA_OK ||
        qta_alpaca_decoder_create(&decoder, &sink.base, &no_events, NULL, NULL) != QTA_OK)
        abort();
    for (int turn = 0; turn < turns; turn++) {
        int64_t cjson_ns = run_cjson(frames);
        int64_t decoder_ns = run_decoder(frames, decoder);
        best_ns[0] = cjson_ns < best_ns[0] ? cjson_ns : best_ns[0];
        best_ns[1] = decoder_ns < best_ns[1] ? decoder_ns : best_ns[1];
    }
    uint64_t ticks = sink.ticks / (uint64_t)turns;
    assert(sink.faults == 0 && ticks >= frames->messages);
    bench_print(name, (double)ticks * 1e9 / (double)best_ns[1], "ticks/s",
                (double)ticks * 1e9 / (double)best_ns[0]);
    qta_alpaca_decoder_destroy(decoder);
    qta_dictionary_destroy(sink.names);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    if (only && strcmp(only, "--quick") == 0) {
        only = NULL;
        message_limit = MESSAGES_QUICK;
        turns = 1;
    }
    static const struct {
        const char *name;
        void (*add)(struct frames *);
        uint32_t most;
    } generated[] = {
        {"decode_trades_single", add_trade, 1}, {"decode_trades", add_trade, 10},
        {"decode_quotes", add_quote, 10},       {"decode_mixed", add_mixed, 10},
        {"decode_books", add_book, 3},
    };
    static const struct {
        const char *name;
        const char *file;
        void (*add)(struct frames *, char *cells[8]);
    } real[] = {
        {"decode_real_trades", "lean_equity_spy_20131008_trade.csv.zst", add_trade_row},
        {"decode_real_quotes", "lean_equity_aig_20131007_quote.csv.zst", add_quote_row},
    };
    struct frames frames;
    for (size_t i = 0; i < sizeof generated / sizeof generated[0]; i++) {
        if (only && strcmp(only, generated[i].name) != 0)
            continue;
        frames_init(&frames);
        generate(&frames, generated[i].add, generated[i].most);
        measure(generated[i].name, &frames);
        frames_finish(&frames);
    }
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++) {
        if (only && strcmp(only, real[i].name) != 0)
            continue;
        frames_init(&frames);
        if (load_rows(&frames, real[i].file, real[i].add))
            measure(real[i].name, &frames);
        else
            fprintf(stderr, "bench_decode: %s skipped: no '%s'\n", real[i].name, real[i].file);
        frames_finish(&frames);
    }
    return 0;
}
