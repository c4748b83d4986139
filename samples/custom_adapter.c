/* Adapters of one's own, registered by the program that needs them.
 *
 *     custom_adapter plain ws://127.0.0.1:9000/stream AAPL MSFT
 *     custom_adapter piped ws://127.0.0.1:9000/stream AAPL MSFT
 *
 * `plain` is as small as an adapter can be: a name and the message that subscribes. Its venue sends
 * what the library reads by itself, JSON objects with the names that qta-replay prints:
 *
 *     {"type":"trade","symbol":"AAPL","price":190.50,"size":100,"ts_event":"2024-05-01T13:30:00Z"}
 *
 * `piped` reads a protocol of its own, one tick a message:
 *
 *     T|AAPL|190.50|100|2024-05-01T13:30:00.123Z          a trade: price, size, time
 *     Q|AAPL|190.49|3|190.51|5|2024-05-01T13:30:00.124Z   a quote: bid, its size, ask, its size,
 * time
 *
 * The program prints what comes as JSON, one tick a line, until it is interrupted. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/qta.h>

/* ---- building messages ------------------------------------------------------------------------
 */

/* A text that grows in a buffer of fixed size and counts on when that is full. */
struct message {
    char *text;
    size_t capacity;
    size_t length;
};

static void append_char(struct message *message, char c)
{
    if (message->length < message->capacity)
        message->text[message->length] = c;
    message->length++;
}

static void append(struct message *message, const char *text)
{
    while (*text)
        append_char(message, *text++);
}

/* As a JSON string. Symbols come from a configuration: they may hold anything. */
static void append_quoted(struct message *message, const char *text)
{
    append_char(message, '"');
    for (; *text; text++) {
        char escaped[8];
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*text);
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20)
            append(message, escaped);
        else
            append_char(message, *text);
    }
    append_char(message, '"');
}

/* ---- plain: a name and a subscribe message ----------------------------------------------------
 */

/* {"action":"subscribe","type":"trade","symbols":["AAPL","MSFT"]} */
static size_t plain_build_subscribe_message(struct qta_adapter *adapter, enum qta_tick_type type,
                                            const char *const *symbols, size_t symbol_count,
                                            bool is_added, char *text, size_t capacity)
{
    (void)adapter;
    struct message message = {text, capacity, 0};
    append(&message, is_added ? "{\"action\":\"subscribe\"" : "{\"action\":\"unsubscribe\"");
    append(&message, ",\"type\":");
    append_quoted(&message, qta_tick_type_name(type));
    append(&message, ",\"symbols\":[");
    for (size_t i = 0; i < symbol_count; i++) {
        if (i > 0)
            append_char(&message, ',');
        append_quoted(&message, symbols[i]);
    }
    append(&message, "]}");
    return message.length;
}

static const struct qta_adapter_ops plain_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "plain",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .build_subscribe_message = plain_build_subscribe_message,
    .help = "normalized JSON, as qta-replay prints it",
};

/* ---- piped: a decoder of its own --------------------------------------------------------------
 */

/* SUB|trade|AAPL|MSFT */
static size_t piped_build_subscribe_message(struct qta_adapter *adapter, enum qta_tick_type type,
                                            const char *const *symbols, size_t symbol_count,
                                            bool is_added, char *text, size_t capacity)
{
    (void)adapter;
    struct message message = {text, capacity, 0};
    append(&message, is_added ? "SUB|" : "UNSUB|");
    append(&message, qta_tick_type_name(type));
    for (size_t i = 0; i < symbol_count; i++) {
        append_char(&message, '|');
        append(&message, symbols[i]);
    }
    return message.length;
}

/* The fields of a message, in its own bytes. */
enum { FIELDS_MAX = 8 };
struct fields {
    const char *text[FIELDS_MAX];
    size_t length[FIELDS_MAX];
    size_t count;
};

static void split(struct fields *fields, const char *text, size_t length)
{
    const char *end = text + length;
    fields->count = 0;
    while (fields->count < FIELDS_MAX) {
        const char *bar = memchr(text, '|', (size_t)(end - text));
        fields->text[fields->count] = text;
        fields->length[fields->count] = (size_t)((bar ? bar : end) - text);
        fields->count++;
        if (!bar)
            return;
        text = bar + 1;
    }
}

/* Reads a field as the exact decimal that it shows; an empty one is absent. */
static bool read_decimal(const struct fields *fields, size_t index, struct qta_decimal *value,
                         uint32_t *flags)
{
    *value = qta_decimal_null();
    if (fields->length[index] == 0)
        return true;
    bool is_rounded = false;
    if (qta_decimal_parse(fields->text[index], fields->length[index], value, &is_rounded) != QTA_OK)
        return false;
    if (is_rounded)
        *flags |= QTA_FLAG_ROUNDED;
    return true;
}

static bool decode_trade(const struct fields *fields, struct qta_tick *tick)
{
    struct qta_decimal price;
    struct qta_decimal size;
    qta_tick_init(tick, QTA_TICK_TRADE);
    if (!read_decimal(fields, 2, &price, &tick->flags) ||
        !read_decimal(fields, 3, &size, &tick->flags))
        return false;
    QTA_TICK_SET_DECIMAL(tick->trade, price, price);
    QTA_TICK_SET_DECIMAL(tick->trade, size, size);
    return true;
}

static bool decode_quote(const struct fields *fields, struct qta_tick *tick)
{
    struct qta_decimal values[4];
    qta_tick_init(tick, QTA_TICK_QUOTE);
    for (size_t i = 0; i < 4; i++) {
        if (!read_decimal(fields, i + 2, &values[i], &tick->flags))
            return false;
    }
    QTA_TICK_SET_DECIMAL(tick->quote, bid_price, values[0]);
    QTA_TICK_SET_DECIMAL(tick->quote, bid_size, values[1]);
    QTA_TICK_SET_DECIMAL(tick->quote, ask_price, values[2]);
    QTA_TICK_SET_DECIMAL(tick->quote, ask_size, values[3]);
    return true;
}

/* One message. What cannot be read is reported to the host, which counts it and goes on. */
static size_t piped_on_data(struct qta_adapter *adapter, const struct qta_frame *frame)
{
    struct qta_adapter_host *host = adapter->host;
    struct fields fields;
    split(&fields, (const char *)frame->bytes, frame->length);
    bool is_trade = fields.count == 5 && fields.length[0] == 1 && *fields.text[0] == 'T';
    bool is_quote = fields.count == 7 && fields.length[0] == 1 && *fields.text[0] == 'Q';
    if (!is_trade && !is_quote) {
        host->ops->fault(host, QTA_FAULT_UNKNOWN_TYPE, "neither a T nor a Q message");
        return frame->length;
    }
    struct qta_tick tick;
    size_t last = fields.count - 1;
    if (!(is_trade ? decode_trade(&fields, &tick) : decode_quote(&fields, &tick))) {
        host->ops->fault(host, QTA_FAULT_VALUE, "a price or size is not a number");
        return frame->length;
    }
    if (qta_timestamp_parse(fields.text[last], fields.length[last], &tick.ts_event_ns) != QTA_OK) {
        host->ops->fault(host, QTA_FAULT_VALUE, "the time is not RFC 3339");
        return frame->length;
    }
    tick.symbol = host->ops->intern(host, QTA_NAME_SYMBOL, fields.text[1], fields.length[1]);
    host->ops->emit(host, &tick);
    return frame->length;
}

static const struct qta_adapter_ops piped_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "piped",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_QUOTE),
    .build_subscribe_message = piped_build_subscribe_message,
    .on_data = piped_on_data,
    .help = "fields between bars, one tick a message",
};

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

static void on_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    static char line[1 << 16]; /* names are short here: a longer line is left out */
    size_t length = qta_print_tick(tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, line,
                                   sizeof line);
    if (length < sizeof line) {
        fputs(line, stdout);
        fflush(stdout);
    }
}

/* A gateway of one provider, made without a configuration file. */
static enum qta_status create_gateway(const char *adapter, const char *url, char *const *symbols,
                                      size_t symbol_count, struct qta_error *err)
{
    enum qta_status status = qta_adapter_register(&plain_ops, err);
    if (status == QTA_OK)
        status = qta_adapter_register(&piped_ops, err);
    if (status != QTA_OK)
        return status;
    struct qta_subscription *subscriptions = calloc(2 * symbol_count, sizeof *subscriptions);
    if (!subscriptions)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < symbol_count; i++) {
        subscriptions[2 * i].type = QTA_TICK_TRADE;
        subscriptions[2 * i].symbol = symbols[i];
        subscriptions[2 * i + 1].type = QTA_TICK_QUOTE;
        subscriptions[2 * i + 1].symbol = symbols[i];
    }
    struct qta_provider_options provider = qta_provider_options_default();
    provider.name = adapter;
    provider.websocket_url = url;
    provider.auth_method = QTA_AUTH_NONE;
    provider.subscriptions = subscriptions;
    provider.subscription_count = 2 * symbol_count;
    struct qta_gateway_options options = qta_gateway_options_default();
    options.providers = &provider;
    options.provider_count = 1;
    status = qta_gateway_create(&running, &options, err);
    free(subscriptions);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: custom_adapter plain|piped URL SYMBOL...\n");
        return 2;
    }
    qta_log_set(log_line, NULL, QTA_LOG_WARNING);
    struct qta_error err = {0};
    enum qta_status status = create_gateway(argv[1], argv[2], argv + 3, (size_t)(argc - 3), &err);
    if (status == QTA_OK)
        status = qta_gateway_subscribe_to_all(running, on_tick, NULL, &err);
    if (status == QTA_OK) {
        signal(SIGINT, handle_signal);
        signal(SIGTERM, handle_signal);
        status = qta_gateway_run(running, &err);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
    }
    if (status != QTA_OK)
        fprintf(stderr, "custom_adapter: %s\n", err.message);
    qta_gateway_destroy(running);
    return status == QTA_OK ? 0 : 1;
}
