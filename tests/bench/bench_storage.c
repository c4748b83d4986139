/* What the block codec makes of ticks, against the same ticks as packed structs streamed through
 * zstd.
 *
 * Each line: name, value, unit, ratio to the baseline, baseline. Sizes are bytes a tick with all
 * checksums and headers; speeds are ticks/s of one thread, from ticks in memory to bytes in memory
 * and back into a callback. The baseline's structs hold what the field's best known binary format
 * holds, 48 bytes a trade and 80 a quote: less than a tick does. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qta/dictionary.h>
#include <qta/import.h>
#include <qta/session.h>
#include <qta/tick.h>
#include <zstd.h>

#include "core/crc32c.h"
#include "storage/block_decoder.h"
#include "storage/block_encoder.h"

enum { BLOCK_TICKS = 32768, FRAME_HEAD_BYTES = 96, BASELINE_LEVEL = 3 };

struct ticks {
    struct qta_tick *ticks;
    size_t count;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_storage: %s\n", what);
    exit(1);
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory)
        die("out of memory");
    return memory;
}

/* Of this thread: what else runs on the machine does not count. */
static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- ticks as a WebSocket brings them ------------------------------------------------------ */

static uint64_t random_state = 1;

static uint64_t random_word(void)
{
    uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static double random_unit(void)
{
    return ((double)(random_word() >> 11) + 0.5) / 9007199254740992.0;
}

static double random_exponential(double mean)
{
    return -mean * log(random_unit());
}

enum { SYMBOLS = 200 };

struct market {
    int64_t cents[SYMBOLS];
    uint64_t trade_ids[SYMBOLS];
    int64_t bid_sizes[SYMBOLS];
    int64_t ask_sizes[SYMBOLS];
    uint16_t bid_exchanges[SYMBOLS];
    uint16_t ask_exchanges[SYMBOLS];
    int64_t now_ns;
};

/* As venues print numbers: without zeros at the end. */
static void set_cents(int64_t *mantissa, int8_t *exponent, int64_t cents)
{
    int digits = 2;
    for (; digits > 0 && cents % 10 == 0; digits--)
        cents /= 10;
    *mantissa = cents;
    *exponent = (int8_t)-digits;
}

static size_t pick_symbol(void)
{
    /* a few symbols have most of the ticks */
    double place = random_unit() * random_unit() * random_unit();
    return (size_t)(place * SYMBOLS);
}

static int64_t pick_size(void)
{
    double choice = random_unit();
    if (choice < 0.4)
        return 100;
    if (choice < 0.75)
        return 1 + (int64_t)(random_unit() * 99);
    return 100 * (1 + (int64_t)random_exponential(4));
}

static uint16_t pick_exchange(void)
{
    static const char exchanges[] = "VVVVVDDDDDDPPPQQQQQZZKKNNJYAXU";
    return (uint8_t)exchanges[random_word() % (sizeof exchanges - 1)];
}

static void move_price(struct market *market, size_t symbol)
{
    double choice = random_unit();
    if (choice < 0.3)
        market->cents[symbol] += choice < 0.15 ? 1 : -1;
    if (choice > 0.99)
        market->cents[symbol] += choice > 0.995 ? 5 : -5;
    if (market->cents[symbol] < 500)
        market->cents[symbol] = 500;
}

static void fill_trade(struct market *market, size_t symbol, struct qta_tick *tick)
{
    struct qta_trade *trade = &tick->trade;
    move_price(market, symbol);
    set_cents(&trade->price_mantissa, &trade->price_exponent, market->cents[symbol]);
    trade->size_mantissa = pick_size();
    trade->size_exponent = 0;
    trade->id = market->trade_ids[symbol] += 1 + (uint64_t)random_exponential(2);
    trade->exchange = pick_exchange();
    size_t condition = 0;
    trade->conditions[condition++] = symbol % 3 == 0 ? '@' : ' ';
    if (random_unit() < 0.25)
        trade->conditions[condition++] = 'F';
    if (trade->size_mantissa < 100)
        trade->conditions[condition++] = 'I';
    trade->tape = "ABC"[symbol % 3];
}

static void fill_quote(struct market *market, size_t symbol, struct qta_tick *tick)
{
    struct qta_quote *quote = &tick->quote;
    double choice = random_unit();
    move_price(market, symbol);
    if (choice < 0.55) { /* mostly one side changes, sometimes both */
        market->bid_sizes[symbol] = 1 + (int64_t)random_exponential(3);
        market->bid_exchanges[symbol] = pick_exchange();
    }
    if (choice > 0.45) {
        market->ask_sizes[symbol] = 1 + (int64_t)random_exponential(3);
        market->ask_exchanges[symbol] = pick_exchange();
    }
    int64_t spread = 1 + (int64_t)(symbol % 4);
    set_cents(&quote->bid_price_mantissa, &quote->bid_price_exponent, market->cents[symbol]);
    set_cents(&quote->ask_price_mantissa, &quote->ask_price_exponent,
              market->cents[symbol] + spread);
    quote->bid_size_mantissa = market->bid_sizes[symbol];
    quote->ask_size_mantissa = market->ask_sizes[symbol];
    quote->bid_size_exponent = 0;
    quote->ask_size_exponent = 0;
    quote->bid_exchange = market->bid_exchanges[symbol];
    quote->ask_exchange = market->ask_exchanges[symbol];
    quote->conditions[0] = 'R';
    quote->tape = "ABC"[symbol % 3];
}

/* Of one type, or mixed with QTA_TICK_NONE. */
static struct ticks make_market(enum qta_tick_type type, size_t count)
{
    struct ticks made = {.ticks = allocate(count * sizeof *made.ticks), .count = count};
    struct market market = {.now_ns = INT64_C(1700000000123456789)};
    for (size_t i = 0; i < SYMBOLS; i++) {
        market.cents[i] = 1000 + (int64_t)(random_word() % 50000);
        market.trade_ids[i] = 50000000000000 + random_word() % 1000000;
        market.bid_sizes[i] = 1;
        market.ask_sizes[i] = 1;
        market.bid_exchanges[i] = pick_exchange();
        market.ask_exchanges[i] = pick_exchange();
    }
    int64_t ts_recv_ns = 0;
    size_t left = 0; /* of the frame */
    for (size_t i = 0; i < count; i++) {
        struct qta_tick *tick = &made.ticks[i];
        size_t symbol = pick_symbol();
        market.now_ns += (int64_t)random_exponential(20000);
        if (left == 0) {
            left = 1 + (size_t)random_exponential(2);
            double latency_ns = 400000 + random_exponential(60000) + (double)left * 20000;
            ts_recv_ns = market.now_ns + (int64_t)latency_ns;
            if (i > 0 && ts_recv_ns < made.ticks[i - 1].ts_recv_ns)
                ts_recv_ns = made.ticks[i - 1].ts_recv_ns;
        }
        left--;
        /* in a mixed market a trade comes with some nine quotes */
        bool is_quote = type == QTA_TICK_NONE && random_unit() < 0.9;
        qta_tick_init(tick, type != QTA_TICK_NONE ? type
                            : is_quote            ? QTA_TICK_QUOTE
                                                  : QTA_TICK_TRADE);
        tick->rx_seq = i + 1;
        tick->ts_recv_ns = ts_recv_ns;
        tick->ts_event_ns = market.now_ns;
        tick->symbol = (uint32_t)symbol + 1;
        tick->provider = 1;
        tick->conn = 1;
        if (tick->type == QTA_TICK_TRADE)
            fill_trade(&market, symbol, tick);
        else
            fill_quote(&market, symbol, tick);
    }
    return made;
}

/* ---- the baseline -------------------------------------------------------------------------- */

struct packed_trade {
    uint8_t length;
    uint8_t kind;
    uint16_t publisher;
    uint32_t instrument;
    uint64_t ts_event;
    int64_t price_e9;
    uint32_t size;
    char action;
    char side;
    uint8_t flags;
    uint8_t depth;
    uint64_t ts_recv;
    int32_t ts_in_delta;
    uint32_t sequence;
};

struct packed_quote {
    struct packed_trade head;
    int64_t bid_price_e9;
    int64_t ask_price_e9;
    uint32_t bid_size;
    uint32_t ask_size;
    uint32_t bid_exchange;
    uint32_t ask_exchange;
};

static int64_t to_e9(int64_t mantissa, int8_t exponent)
{
    if (exponent == QTA_DECIMAL_NULL_EXPONENT)
        return INT64_MAX;
    for (int i = exponent; i < 0 && i < -9; i++)
        mantissa /= 10;
    for (int i = exponent > -9 ? exponent : -9; i > -9; i--)
        mantissa *= 10;
    return mantissa;
}

static size_t pack(const struct qta_tick *tick, struct packed_quote *packed)
{
    memset(packed, 0, sizeof *packed);
    struct packed_trade *head = &packed->head;
    head->instrument = tick->symbol;
    head->ts_event = (uint64_t)tick->ts_event_ns;
    head->ts_recv = (uint64_t)tick->ts_recv_ns;
    if (tick->type == QTA_TICK_TRADE) {
        const struct qta_trade *trade = &tick->trade;
        head->length = sizeof *head / 4;
        head->publisher = trade->exchange;
        head->price_e9 = to_e9(trade->price_mantissa, trade->price_exponent);
        head->size = (uint32_t)trade->size_mantissa;
        head->action = (char)trade->conditions[0];
        head->side = (char)trade->conditions[1];
        head->flags = (uint8_t)trade->conditions[2];
        head->depth = (uint8_t)trade->tape;
        head->sequence = (uint32_t)trade->id;
        return sizeof *head;
    }
    const struct qta_quote *quote = &tick->quote;
    head->length = sizeof *packed / 4;
    head->kind = 1;
    head->action = (char)quote->conditions[0];
    head->depth = (uint8_t)quote->tape;
    packed->bid_price_e9 = to_e9(quote->bid_price_mantissa, quote->bid_price_exponent);
    packed->ask_price_e9 = to_e9(quote->ask_price_mantissa, quote->ask_price_exponent);
    packed->bid_size = (uint32_t)quote->bid_size_mantissa;
    packed->ask_size = (uint32_t)quote->ask_size_mantissa;
    packed->bid_exchange = quote->bid_exchange;
    packed->ask_exchange = quote->ask_exchange;
    return sizeof *packed;
}

struct result {
    double bytes_a_tick;
    double encoded_a_second;
    double decoded_a_second;
    uint64_t sum; /* so that nothing is optimized away */
};

static struct result run_baseline(const struct ticks *ticks)
{
    enum { BUFFER_BYTES = 1 << 17 };
    struct result result = {0};
    size_t capacity = ZSTD_compressBound(ticks->count * sizeof(struct packed_quote));
    uint8_t *out = allocate(capacity);
    uint8_t *buffer = allocate(BUFFER_BYTES + sizeof(struct packed_quote));
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, BASELINE_LEVEL);
    ZSTD_outBuffer target = {out, capacity, 0};
    double start = now_s();
    size_t filled = 0;
    for (size_t i = 0; i < ticks->count; i++) {
        struct packed_quote packed;
        size_t length = pack(&ticks->ticks[i], &packed);
        memcpy(buffer + filled, &packed, length);
        filled += length;
        bool is_last = i + 1 == ticks->count;
        if (filled < BUFFER_BYTES && !is_last)
            continue;
        ZSTD_inBuffer source = {buffer, filled, 0};
        size_t more;
        do
            more = ZSTD_compressStream2(compressor, &target, &source,
                                        is_last ? ZSTD_e_end : ZSTD_e_continue);
        while (source.pos < source.size || (is_last && more > 0));
        filled = 0;
    }
    result.encoded_a_second = (double)ticks->count / (now_s() - start);
    result.bytes_a_tick = (double)target.pos / (double)ticks->count;

    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    ZSTD_inBuffer source = {out, target.pos, 0};
    size_t have = 0;
    start = now_s();
    for (;;) {
        ZSTD_outBuffer piece = {buffer, BUFFER_BYTES, have};
        size_t more = ZSTD_decompressStream(decompressor, &piece, &source);
        if (ZSTD_isError(more))
            die("the baseline does not decompress");
        size_t used = 0;
        while (used < piece.pos && used + buffer[used] * 4U <= piece.pos) {
            struct packed_trade head;
            memcpy(&head, buffer + used, sizeof head);
            result.sum += head.ts_recv ^ head.instrument;
            used += head.length * 4U;
        }
        have = piece.pos - used;
        memmove(buffer, buffer + used, have);
        if (source.pos == source.size && piece.pos < BUFFER_BYTES)
            break;
    }
    result.decoded_a_second = (double)ticks->count / (now_s() - start);
    ZSTD_freeCCtx(compressor);
    ZSTD_freeDCtx(decompressor);
    free(buffer);
    free(out);
    return result;
}

/* ---- ours ---------------------------------------------------------------------------------- */

static const char *no_text(void *user, uint32_t id, size_t *length)
{
    (void)user;
    (void)id;
    *length = 0;
    return "";
}

struct sink {
    uint64_t sum;
};

static void take_tick(void *user, const struct qta_tick *tick)
{
    struct sink *sink = user;
    sink->sum += (uint64_t)tick->ts_recv_ns ^ tick->symbol;
}

/* Names of a word's fields, where they are few enough to tell. */
static void name_word(unsigned type, size_t word, char *name, size_t capacity)
{
    static const char *const header[] = {"masks",   "ts_recv", "ts_event",
                                         "src_seq", "symbol",  "kind"};
    size_t length = 0;
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    snprintf(name, capacity, "%s", word < 6 ? header[word] : "");
    for (size_t i = 0; word >= 6 && i < count; i++)
        if (fields[i].offset / 8 == word ||
            (fields[i].kind == QTA_FIELD_DECIMAL && fields[i].exponent_offset / 8 == word)) {
            length += (size_t)snprintf(name + length, capacity - length, "%s%s%s",
                                       length > 0 ? "," : "", fields[i].name,
                                       fields[i].offset / 8 == word ? "" : ".exponent");
            if (length >= capacity)
                return;
        }
}

static void print_columns(const char *name, const struct qta_block_encoder *encoder, size_t count)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        for (size_t word = 0; word < QTA_TICK_WORDS; word++) {
            char what[120];
            uint64_t bytes = qta_block_encoder_column_bytes(encoder, type, word);
            if (bytes == 0)
                continue;
            name_word(type, word, what, sizeof what);
            printf("%s_column %.3f bytes/tick %s %s\n", name, (double)bytes / (double)count,
                   type == 0 ? "all" : qta_tick_type_name(type), what);
        }
}

static struct result run_blocks(const char *name, const struct ticks *ticks)
{
    struct result result = {0};
    struct qta_block_encoder *encoder;
    struct qta_block_decoder *decoder;
    if (qta_block_encoder_create(&encoder, 1, NULL) != QTA_OK ||
        qta_block_decoder_create(&decoder, NULL) != QTA_OK)
        die("out of memory");
    size_t block_count = (ticks->count + BLOCK_TICKS - 1) / BLOCK_TICKS;
    size_t *ends = allocate((block_count + 1) * sizeof *ends);
    uint32_t *checksums = allocate(block_count * sizeof *checksums);
    struct qta_packed_writer out = {0};
    struct qta_text_source texts = {.text = no_text};
    ends[0] = 0;
    double start = now_s();
    for (size_t block = 0; block < block_count; block++) {
        size_t first = block * BLOCK_TICKS;
        size_t count = ticks->count - first < BLOCK_TICKS ? ticks->count - first : BLOCK_TICKS;
        if (qta_block_encode(encoder, ticks->ticks + first, count, &texts, &out, NULL) != QTA_OK)
            die("out of memory");
        ends[block + 1] = out.length;
        checksums[block] = qta_crc32c(0, out.bytes + ends[block], ends[block + 1] - ends[block]);
    }
    result.encoded_a_second = (double)ticks->count / (now_s() - start);
    if (name)
        print_columns(name, encoder, ticks->count);
    result.bytes_a_tick = ((double)out.length + (double)(block_count * FRAME_HEAD_BYTES)) /
                          (double)ticks->count;

    enum { BATCH_TICKS = 1024 };
    struct qta_tick *batch = allocate(BATCH_TICKS * sizeof *batch);
    struct sink sink = {0};
    void (*volatile callback)(void *, const struct qta_tick *) = take_tick;
    start = now_s();
    for (size_t block = 0; block < block_count; block++) {
        size_t first = block * BLOCK_TICKS;
        struct qta_block_input input = {
            .payload = out.bytes + ends[block],
            .length = ends[block + 1] - ends[block],
            .count = ticks->count - first < BLOCK_TICKS ? ticks->count - first : BLOCK_TICKS,
            .first_seq = first + 1,
            .types = QTA_TYPES_ALL,
        };
        if (qta_crc32c(0, input.payload, input.length) != checksums[block] ||
            qta_block_decoder_begin(decoder, &input, NULL) != QTA_OK)
            die("a block does not decode");
        size_t got;
        while ((got = qta_block_decoder_next(decoder, batch, BATCH_TICKS)) > 0)
            for (size_t i = 0; i < got; i++)
                callback(&sink, &batch[i]);
    }
    result.decoded_a_second = (double)ticks->count / (now_s() - start);
    result.sum = sink.sum;
    free(batch);
    free(ends);
    free(checksums);
    qta_packed_writer_finish(&out);
    qta_block_encoder_destroy(encoder);
    qta_block_decoder_destroy(decoder);
    return result;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void print_row(const char *name, const char *what, const char *unit, double value,
                      double baseline)
{
    printf("%s_%s %.3f %s %.3f %.3f\n", name, what, value, unit, value / baseline, baseline);
}

static bool shows_columns;

static void measure(const char *name, struct ticks *ticks, int repeats)
{
    struct result base = {0};
    struct result ours = {0};
    for (int i = 0; i < repeats; i++) { /* the best of several: others use the machine too */
        struct result b = run_baseline(ticks);
        struct result o = run_blocks(shows_columns && i == 0 ? name : NULL, ticks);
        if (b.sum != o.sum)
            die("both do not give the same ticks");
        base.bytes_a_tick = b.bytes_a_tick;
        ours.bytes_a_tick = o.bytes_a_tick;
        base.encoded_a_second = fmax(base.encoded_a_second, b.encoded_a_second);
        ours.encoded_a_second = fmax(ours.encoded_a_second, o.encoded_a_second);
        base.decoded_a_second = fmax(base.decoded_a_second, b.decoded_a_second);
        ours.decoded_a_second = fmax(ours.decoded_a_second, o.decoded_a_second);
    }
    print_row(name, "size", "bytes/tick", ours.bytes_a_tick, base.bytes_a_tick);
    print_row(name, "encode", "Mticks/s", ours.encoded_a_second / 1e6, base.encoded_a_second / 1e6);
    print_row(name, "decode", "Mticks/s", ours.decoded_a_second / 1e6, base.decoded_a_second / 1e6);
    fflush(stdout);
    free(ticks->ticks);
}

/* ---- real ticks ---------------------------------------------------------------------------- */

static bool import(const char *file, const char *type, const char *output)
{
    struct qta_import_options options = qta_import_options_default();
    bool is_trade = strcmp(type, "trade") == 0;
    options.type = type;
    options.columns = is_trade ? "ts_event=1,price=2,size=3,exchange=4,conditions=5"
                               : "ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,"
                                 "exchange=6,conditions=7";
    options.scales = is_trade ? "price=1e-4" : "bid_price=1e-4,ask_price=1e-4";
    options.null_text = is_trade ? NULL : "0";
    options.time_unit = "ms";
    options.date = "2013-10-08";
    options.timezone = "America/New_York";
    options.symbol = "X";
    options.provider = "lean";
    struct qta_import_result result;
    struct qta_error err;
    if (qta_import_csv(&file, 1, output, &options, NULL, NULL, &result, &err) == QTA_OK)
        return true;
    fprintf(stderr, "bench_storage: %s\n", err.message);
    return false;
}

static struct ticks load(const char *session)
{
    struct ticks loaded = {0};
    struct qta_session_info info;
    struct qta_session_reader *reader;
    if (qta_session_info_read(session, &info, NULL) != QTA_OK ||
        qta_session_reader_create(&reader, session, NULL, NULL) != QTA_OK)
        die("cannot read the imported session");
    loaded.ticks = allocate((size_t)info.records * sizeof *loaded.ticks);
    const struct qta_tick *ticks;
    size_t count;
    while (qta_session_reader_next(reader, &ticks, &count, NULL) == QTA_OK)
        for (size_t i = 0; i < count; i++)
            if (qta_tick_is_market(&ticks[i])) {
                loaded.ticks[loaded.count] = ticks[i];
                loaded.ticks[loaded.count].rx_seq = loaded.count + 1;
                loaded.count++;
            }
    qta_session_reader_destroy(reader);
    return loaded;
}

static void measure_real(const char *name, const char *file, const char *type, int repeats)
{
    const char *source = getenv("QTA_SOURCE_DIR");
    char path[512];
    char folder[] = "/tmp/qta-bench-XXXXXX";
    char session[64];
    char command[128];
    snprintf(path, sizeof path, "%s/../shared/data/ticks/%s", source ? source : ".", file);
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "%s skipped: no '%s'\n", name, path);
        return;
    }
    if (!mkdtemp(folder))
        die("cannot make a folder");
    snprintf(session, sizeof session, "%s/session", folder);
    if (import(path, type, session)) {
        struct ticks ticks = load(session);
        measure(name, &ticks, repeats);
    }
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "bench_storage: '%s' is left behind\n", folder);
}

int main(int argc, char **argv)
{
    bool is_quick = false;
    for (int i = 1; i < argc; i++) {
        is_quick |= strcmp(argv[i], "--quick") == 0;
        shows_columns |= strcmp(argv[i], "--columns") == 0;
    }
    size_t count = is_quick ? 100000 : 2000000;
    int repeats = is_quick ? 1 : 3;
    struct ticks ticks = make_market(QTA_TICK_TRADE, count);
    measure("trades", &ticks, repeats);
    ticks = make_market(QTA_TICK_QUOTE, count);
    measure("quotes", &ticks, repeats);
    ticks = make_market(QTA_TICK_NONE, count);
    measure("mixed", &ticks, repeats);
    if (is_quick)
        return 0;
    measure_real("spy_trades", "lean_equity_spy_20131008_trade.csv.zst", "trade", repeats);
    measure_real("bac_trades", "lean_equity_bac_20131008_trade.csv.zst", "trade", repeats);
    measure_real("bac_quotes", "lean_equity_bac_20131008_quote.csv.zst", "quote", repeats);
    measure_real("aig_quotes", "lean_equity_aig_20131007_quote.csv.zst", "quote", repeats);
    return 0;
}
