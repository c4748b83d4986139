/* The Alpaca adapter: greeting, authentication, subscriptions. What the messages say is read by
 * alpaca_decode.c. */
#include "adapters/alpaca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/alpaca_channel.h"
#include "adapters/alpaca_decode.h"
#include "adapters/alpaca_error.h"
#include "adapters/alpaca_keys.h"
#include "adapters/alpaca_request.h"
#include "adapters/byte_buffer.h"
#include "adapters/json_writer.h"
#include "adapters/msgpack_writer.h"

#define SECOND_NS INT64_C(1000000000)

/* The venue itself gives a client 10 s to authenticate. */
static const int64_t greeting_timeout_ns = 10 * SECOND_NS;
static const int64_t header_timeout_ns = 3 * SECOND_NS;
static const int64_t answer_timeout_ns = 10 * SECOND_NS;
static const int64_t request_timeout_ns = 3 * SECOND_NS;

enum state {
    CLOSED,
    GREETING,       /* open; waiting for "connected" */
    HEADERS,        /* greeted; the keys went with the upgrade request */
    AUTHENTICATING, /* the keys were sent as a message */
    READY,
};

/* Events come without a monotonic clock: a timer is set going by the next service(). */
struct timer {
    bool is_armed;
    bool is_running;
    int64_t after_ns;
    int64_t due_ns;
};

struct alpaca {
    struct qta_adapter base;
    struct qta_alpaca_decoder *decoder;
    char *url;
    struct qta_alpaca_keys keys;
    enum qta_auth_method auth_method;
    bool is_msgpack;

    enum state state;
    bool was_ready; /* the host was told so on this connection */
    bool has_repeated_authentication;
    bool has_said_ahead; /* authenticated before the greeting */
    struct timer timer;
    struct qta_alpaca_request *requests; /* the first one is in flight */
    bool is_in_flight;
    unsigned late_answers; /* answers may still come to requests that were sent twice */
};

static struct alpaca *alpaca_of(struct qta_adapter *adapter)
{
    return (struct alpaca *)adapter;
}

/* ---- small things --------------------------------------------------------------------------- */

static void arm(struct alpaca *alpaca, int64_t after_ns)
{
    alpaca->timer = (struct timer){.is_armed = true, .after_ns = after_ns};
}

static void disarm(struct alpaca *alpaca)
{
    alpaca->timer.is_armed = false;
}

static void say(struct alpaca *alpaca, enum qta_log_level level, const char *sentence)
{
    alpaca->base.host->ops->log(alpaca->base.host, level, sentence);
}

static void fail(struct alpaca *alpaca, enum qta_reaction reaction, enum qta_conn_cause cause,
                 int code, int64_t retry_after_ns, const char *sentence)
{
    alpaca->state = CLOSED;
    disarm(alpaca);
    qta_alpaca_decoder_stop(alpaca->decoder);
    alpaca->base.host->ops->fail(alpaca->base.host, reaction, cause, code, retry_after_ns,
                                 sentence);
}

static void fail_without_memory(struct alpaca *alpaca)
{
    fail(alpaca, QTA_REACTION_RECONNECT, QTA_CAUSE_PROTOCOL, 0, 0, "out of memory");
}

/* Sends what is in the buffer and frees it, wiped: it may hold keys. */
static void send_and_finish(struct alpaca *alpaca, struct qta_byte_buffer *buffer)
{
    if (buffer->is_failed)
        fail_without_memory(alpaca);
    else
        alpaca->base.host->ops->send(alpaca->base.host, buffer->bytes, buffer->length,
                                     alpaca->is_msgpack);
    if (buffer->bytes)
        explicit_bzero(buffer->bytes, buffer->capacity);
    qta_byte_buffer_finish(buffer);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void forget_requests(struct alpaca *alpaca)
{
    while (alpaca->requests) {
        struct qta_alpaca_request *request = alpaca->requests;
        alpaca->requests = request->next;
        free(request);
    }
    alpaca->is_in_flight = false;
}

static void drop_first_request(struct alpaca *alpaca)
{
    struct qta_alpaca_request *request = alpaca->requests;
    alpaca->requests = request->next;
    alpaca->is_in_flight = false;
    free(request);
}

/* Tells the host what became of each part of a request. */
static void answer_request(struct alpaca *alpaca, const struct qta_alpaca_request *request,
                           int code, const char *refusal)
{
    for (size_t i = 0; i < request->count && request->is_added; i++) {
        const struct qta_alpaca_request_item *item = &request->items[i];
        bool is_accepted = !refusal && item->is_confirmed;
        const char *reason = refusal ? refusal : "it is not in the venue's answer";
        alpaca->base.host->ops->subscribed(alpaca->base.host, &item->subscription, is_accepted,
                                           code, is_accepted ? NULL : reason);
    }
}

static void send_request(struct alpaca *alpaca)
{
    struct qta_byte_buffer buffer = {0};
    qta_alpaca_request_write(alpaca->requests, alpaca->is_msgpack, &buffer);
    alpaca->is_in_flight = true;
    arm(alpaca, request_timeout_ns);
    send_and_finish(alpaca, &buffer);
}

/* Sends the next request, if none is in flight. One that asks the venue for nothing (the end of
 * corrections alone, which come with trades) is done at once. */
static void send_next_request(struct alpaca *alpaca)
{
    while (alpaca->requests && !alpaca->is_in_flight && alpaca->state == READY) {
        struct qta_byte_buffer probe = {0};
        bool asks = qta_alpaca_request_write(alpaca->requests, alpaca->is_msgpack, &probe);
        qta_byte_buffer_finish(&probe);
        if (asks)
            send_request(alpaca);
        else
            drop_first_request(alpaca);
    }
}

static void append_request(struct alpaca *alpaca, struct qta_alpaca_request *request)
{
    struct qta_alpaca_request **end = &alpaca->requests;
    while (*end)
        end = &(*end)->next;
    *end = request;
}

static void refuse_request(struct alpaca *alpaca, int code, const char *sentence)
{
    disarm(alpaca);
    answer_request(alpaca, alpaca->requests, code, sentence);
    drop_first_request(alpaca);
}

/* One part of the request in flight is not allowed, and the venue does not say which: ask for two
 * halves, until the one that is refused cannot be cut any more. */
static void split_request(struct alpaca *alpaca, int code, const char *sentence)
{
    struct qta_alpaca_request *request = alpaca->requests;
    size_t cut = qta_alpaca_request_cut(request);
    if (cut == 0) {
        refuse_request(alpaca, code, sentence);
        return;
    }
    struct qta_alpaca_request *first = qta_alpaca_request_part(request, 0, cut);
    struct qta_alpaca_request *second = qta_alpaca_request_part(request, cut, request->count - cut);
    if (!first || !second) {
        free(first);
        free(second);
        fail_without_memory(alpaca);
        return;
    }
    disarm(alpaca);
    second->next = request->next;
    first->next = second;
    alpaca->requests = first;
    alpaca->is_in_flight = false;
    free(request);
}

/* ---- authentication ---------------------------------------------------------------------------
 */

static void write_credential(struct alpaca *alpaca, struct qta_byte_buffer *buffer,
                             const char *name, const char *value)
{
    size_t length = strlen(value);
    if (alpaca->is_msgpack) {
        qta_msgpack_write_string(buffer, name, strlen(name));
        qta_msgpack_write_string(buffer, value, length);
        return;
    }
    qta_byte_buffer_append_byte(buffer, ',');
    qta_json_write_string(buffer, name, strlen(name));
    qta_byte_buffer_append_byte(buffer, ':');
    qta_json_write_string(buffer, value, length);
}

static void send_authentication(struct alpaca *alpaca)
{
    bool is_token = alpaca->auth_method == QTA_AUTH_BEARER;
    struct qta_byte_buffer buffer = {0};
    /* all at once: a buffer that grows leaves copies of keys behind */
    qta_byte_buffer_reserve(&buffer, qta_alpaca_keys_room(&alpaca->keys));
    if (alpaca->is_msgpack) {
        qta_msgpack_write_map(&buffer, 3);
        qta_msgpack_write_string(&buffer, "action", strlen("action"));
        qta_msgpack_write_string(&buffer, "auth", strlen("auth"));
    } else {
        qta_byte_buffer_append(&buffer, "{\"action\":\"auth\"", strlen("{\"action\":\"auth\""));
    }
    write_credential(alpaca, &buffer, "key", is_token ? "oauth" : alpaca->keys.key);
    write_credential(alpaca, &buffer, "secret", is_token ? alpaca->keys.key : alpaca->keys.secret);
    if (!alpaca->is_msgpack)
        qta_byte_buffer_append_byte(&buffer, '}');
    alpaca->state = AUTHENTICATING;
    arm(alpaca, answer_timeout_ns);
    send_and_finish(alpaca, &buffer);
}

static void become_ready(struct alpaca *alpaca)
{
    disarm(alpaca);
    alpaca->state = READY;
    if (!alpaca->was_ready) {
        alpaca->was_ready = true;
        alpaca->base.host->ops->ready(alpaca->base.host);
        return;
    }
    /* authenticated once more: what was in flight was refused for that, so it goes out again */
    alpaca->is_in_flight = false;
    send_next_request(alpaca);
}

static void authenticate_again(struct alpaca *alpaca, const char *sentence)
{
    bool can_repeat = alpaca->keys.key && alpaca->auth_method != QTA_AUTH_NONE &&
                      !alpaca->has_repeated_authentication;
    if (!can_repeat) {
        fail(alpaca, QTA_REACTION_BLOCK, QTA_CAUSE_AUTH, 401, 0, sentence);
        return;
    }
    alpaca->has_repeated_authentication = true;
    say(alpaca, QTA_LOG_WARNING, "the venue wants the keys again");
    send_authentication(alpaca);
}

/* ---- what the decoder found -------------------------------------------------------------------
 */

static bool is_text(const char *text, size_t length, const char *expected)
{
    return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

/* Alpaca's usual way is a message. */
static bool is_by_message(const struct alpaca *alpaca)
{
    return alpaca->auth_method == QTA_AUTH_API_KEY || alpaca->auth_method == QTA_AUTH_MESSAGE;
}

static void greet(struct alpaca *alpaca)
{
    if (alpaca->auth_method == QTA_AUTH_NONE || alpaca->has_said_ahead) {
        become_ready(alpaca);
    } else if (is_by_message(alpaca)) {
        send_authentication(alpaca);
    } else {
        alpaca->state = HEADERS;
        arm(alpaca, header_timeout_ns);
    }
}

static void on_success(void *user, const char *message, size_t length)
{
    struct alpaca *alpaca = user;
    bool is_greeting = is_text(message, length, "connected");
    bool is_authenticated = is_text(message, length, "authenticated");
    if (is_greeting && alpaca->state == GREETING)
        greet(alpaca);
    else if (is_authenticated && alpaca->state == GREETING)
        alpaca->has_said_ahead = true;
    else if (is_authenticated && (alpaca->state == HEADERS || alpaca->state == AUTHENTICATING))
        become_ready(alpaca);
    else if (!is_greeting && !is_authenticated)
        alpaca->base.host->ops->fault(alpaca->base.host, QTA_FAULT_UNEXPECTED,
                                      "a success message unknown to us");
}

static void on_error(void *user, int64_t code, const char *message, size_t length)
{
    struct alpaca *alpaca = user;
    if (alpaca->state == CLOSED)
        return;
    const struct qta_alpaca_error *error = qta_alpaca_error_find(code);
    char venue[96];
    qta_alpaca_keys_quote(&alpaca->keys, venue, sizeof venue, message, length);
    char sentence[256];
    snprintf(sentence, sizeof sentence, "%s (error %lld: '%s')", error->sentence, (long long)code,
             venue);
    int short_code = code >= INT32_MIN && code <= INT32_MAX ? (int)code : 0;
    bool is_about_request = error->reaction == QTA_ALPACA_REFUSE_REQUEST ||
                            error->reaction == QTA_ALPACA_SPLIT_REQUEST;
    if (is_about_request && !alpaca->is_in_flight) {
        say(alpaca, QTA_LOG_WARNING, sentence);
        return;
    }
    switch (error->reaction) {
    case QTA_ALPACA_IGNORE:
        say(alpaca, QTA_LOG_INFO, sentence);
        /* the keys in the headers were enough after all */
        if (alpaca->state == AUTHENTICATING || alpaca->state == HEADERS)
            become_ready(alpaca);
        break;
    case QTA_ALPACA_AUTHENTICATE:
        authenticate_again(alpaca, sentence);
        break;
    case QTA_ALPACA_REFUSE_REQUEST:
        refuse_request(alpaca, short_code, sentence);
        send_next_request(alpaca);
        break;
    case QTA_ALPACA_SPLIT_REQUEST:
        split_request(alpaca, short_code, sentence);
        send_next_request(alpaca);
        break;
    case QTA_ALPACA_RECONNECT:
        if (error->retry_after_ns > 0)
            alpaca->base.host->ops->throttled(alpaca->base.host, QTA_THROTTLE_CONNECTS,
                                              error->retry_after_ns);
        fail(alpaca, QTA_REACTION_RECONNECT, error->cause, short_code, error->retry_after_ns,
             sentence);
        break;
    case QTA_ALPACA_BLOCK:
        fail(alpaca, QTA_REACTION_BLOCK, error->cause, short_code, 0, sentence);
        break;
    }
}

static void on_subscription_begin(void *user)
{
    struct alpaca *alpaca = user;
    if (alpaca->is_in_flight)
        qta_alpaca_request_reset(alpaca->requests);
}

static void on_subscription_symbol(void *user, enum qta_alpaca_channel channel, const char *symbol,
                                   size_t length)
{
    struct alpaca *alpaca = user;
    if (alpaca->is_in_flight)
        qta_alpaca_request_confirm(alpaca->requests, channel, symbol, length);
}

static void on_subscription_end(void *user, bool is_whole)
{
    struct alpaca *alpaca = user;
    if (!alpaca->is_in_flight || !is_whole || alpaca->state != READY)
        return;
    /* Answers come in order. One that does not fit may be the second to an earlier request. */
    if (alpaca->late_answers > 0 && !qta_alpaca_request_is_fulfilled(alpaca->requests)) {
        alpaca->late_answers--;
        return;
    }
    disarm(alpaca);
    if (alpaca->requests->is_repeated)
        alpaca->late_answers++;
    answer_request(alpaca, alpaca->requests, 0, NULL);
    drop_first_request(alpaca);
    send_next_request(alpaca);
}

static const struct qta_alpaca_events decoder_events = {
    .on_success = on_success,
    .on_error = on_error,
    .on_subscription_begin = on_subscription_begin,
    .on_subscription_symbol = on_subscription_symbol,
    .on_subscription_end = on_subscription_end,
};

/* ---- the adapter's table ----------------------------------------------------------------------
 */

static bool copy_text(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

static bool copy_options(struct alpaca *alpaca, const struct qta_adapter_options *options)
{
    alpaca->auth_method = options->auth_method;
    for (size_t i = 0; i < options->setting_count; i++)
        if (strcmp(options->settings[i].name, "encoding") == 0)
            alpaca->is_msgpack = strcmp(options->settings[i].value, "msgpack") == 0;
    return copy_text(&alpaca->url, options->websocket_url) &&
           qta_alpaca_keys_replace(&alpaca->keys, options->api_key, options->api_secret);
}

static void destroy(struct qta_adapter *adapter)
{
    if (!adapter)
        return;
    struct alpaca *alpaca = alpaca_of(adapter);
    forget_requests(alpaca);
    qta_alpaca_decoder_destroy(alpaca->decoder);
    free(alpaca->url);
    qta_alpaca_keys_finish(&alpaca->keys);
    free(alpaca);
}

static enum qta_status set_credentials(struct qta_adapter *adapter, const char *api_key,
                                       const char *api_secret, struct qta_error *err)
{
    if (!qta_alpaca_keys_replace(&alpaca_of(adapter)->keys, api_key, api_secret))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for new keys");
    return QTA_OK;
}

static enum qta_status check_options(const struct qta_adapter_options *options,
                                     struct qta_error *err)
{
    for (size_t i = 0; i < options->setting_count; i++) {
        const struct qta_setting *setting = &options->settings[i];
        if (strcmp(setting->name, "encoding") == 0 && strcmp(setting->value, "json") != 0 &&
            strcmp(setting->value, "msgpack") != 0)
            return qta_error_set(err, QTA_ERR_CONFIG, "unknown encoding '%s' (have: json, msgpack)",
                                 setting->value);
    }
    if (options->auth_method == QTA_AUTH_NONE)
        return QTA_OK;
    if (!options->api_key)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "no key: set ALPACA_API_KEY and ALPACA_API_SECRET");
    if (!options->api_secret && options->auth_method != QTA_AUTH_BEARER)
        return qta_error_set(err, QTA_ERR_CONFIG, "no secret: set ALPACA_API_SECRET");
    return QTA_OK;
}

static enum qta_status create(struct qta_adapter **out, const struct qta_adapter_options *options,
                              struct qta_adapter_host *host, struct qta_error *err)
{
    enum qta_status status = check_options(options, err);
    if (status != QTA_OK)
        return status;
    struct alpaca *alpaca = calloc(1, sizeof *alpaca);
    if (!alpaca)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    alpaca->base = (struct qta_adapter){.ops = &qta_alpaca_adapter_ops, .host = host};
    if (!copy_options(alpaca, options))
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    if (status == QTA_OK)
        status = qta_alpaca_decoder_create(&alpaca->decoder, host, &decoder_events, alpaca, err);
    if (status != QTA_OK) {
        destroy(&alpaca->base);
        return status;
    }
    *out = &alpaca->base;
    return QTA_OK;
}

static void add_header(struct qta_connect_request *request, const char *name, const char *value)
{
    request->headers[request->header_count++] = (struct qta_header){.name = name, .value = value};
}

static enum qta_status describe_connection(struct qta_adapter *adapter,
                                           struct qta_connect_request *request,
                                           struct qta_error *err)
{
    const struct alpaca *alpaca = alpaca_of(adapter);
    if (!alpaca->url)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "no websocket_url, e.g. wss://stream.data.alpaca.markets/v2/iex");
    request->url = alpaca->url;
    if (alpaca->is_msgpack)
        add_header(request, "Content-Type", "application/msgpack");
    if (alpaca->auth_method == QTA_AUTH_HEADERS) {
        add_header(request, "APCA-API-KEY-ID", alpaca->keys.key);
        add_header(request, "APCA-API-SECRET-KEY", alpaca->keys.secret);
    } else if (alpaca->auth_method == QTA_AUTH_BEARER) {
        add_header(request, "Authorization", alpaca->keys.bearer);
    }
    return QTA_OK;
}

static void on_open(struct qta_adapter *adapter, int64_t now_ns)
{
    (void)now_ns;
    struct alpaca *alpaca = alpaca_of(adapter);
    forget_requests(alpaca);
    alpaca->state = GREETING;
    alpaca->was_ready = false;
    alpaca->has_repeated_authentication = false;
    alpaca->has_said_ahead = false;
    alpaca->late_answers = 0;
    arm(alpaca, greeting_timeout_ns);
}

static size_t on_data(struct qta_adapter *adapter, const struct qta_frame *frame)
{
    struct alpaca *alpaca = alpaca_of(adapter);
    if (alpaca->state != CLOSED)
        qta_alpaca_decode(alpaca->decoder, frame);
    return frame->length;
}

static void on_close(struct qta_adapter *adapter)
{
    struct alpaca *alpaca = alpaca_of(adapter);
    alpaca->state = CLOSED;
    forget_requests(alpaca);
    disarm(alpaca);
}

static void subscribe(struct qta_adapter *adapter, const struct qta_subscription *subscriptions,
                      size_t count, bool is_added, int64_t now_ns)
{
    (void)now_ns;
    struct alpaca *alpaca = alpaca_of(adapter);
    struct qta_subscription *known = malloc((count + 1) * sizeof *known);
    if (!known) {
        fail_without_memory(alpaca);
        return;
    }
    size_t known_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (qta_alpaca_channel_of(&subscriptions[i]) != QTA_ALPACA_CHANNEL_COUNT)
            known[known_count++] = subscriptions[i];
        else if (is_added)
            adapter->host->ops->subscribed(adapter->host, &subscriptions[i], false, 0,
                                           "the venue has no such channel");
    }
    struct qta_alpaca_request *request = known_count > 0 ? qta_alpaca_request_create(
                                                               known, known_count, is_added)
                                                         : NULL;
    free(known);
    if (request) {
        append_request(alpaca, request);
        send_next_request(alpaca);
    } else if (known_count > 0) {
        fail_without_memory(alpaca);
    }
}

/* Nothing came in time. */
static void time_out(struct alpaca *alpaca)
{
    disarm(alpaca);
    switch (alpaca->state) {
    case GREETING:
        fail(alpaca, QTA_REACTION_RECONNECT, QTA_CAUSE_SILENT, 0, 0,
             "the venue did not greet us within 10 s");
        break;
    case HEADERS:
        send_authentication(alpaca);
        break;
    case AUTHENTICATING:
        fail(alpaca, QTA_REACTION_RECONNECT, QTA_CAUSE_SILENT, 0, 0,
             "the venue did not answer the authentication within 10 s");
        break;
    case READY:
        if (!alpaca->is_in_flight)
            break;
        if (alpaca->requests->is_repeated) {
            fail(alpaca, QTA_REACTION_RECONNECT, QTA_CAUSE_SILENT, 0, 0,
                 "the venue did not answer a subscription, asked twice");
            break;
        }
        alpaca->requests->is_repeated = true;
        send_request(alpaca);
        break;
    case CLOSED:
        break;
    }
}

static int64_t service(struct qta_adapter *adapter, int64_t now_ns, size_t budget)
{
    (void)budget;
    struct alpaca *alpaca = alpaca_of(adapter);
    struct timer *timer = &alpaca->timer;
    if (timer->is_armed && timer->is_running && now_ns >= timer->due_ns)
        time_out(alpaca);
    if (timer->is_armed && !timer->is_running) {
        timer->is_running = true;
        timer->due_ns = now_ns + timer->after_ns;
    }
    return timer->is_armed ? timer->due_ns : INT64_MAX;
}

static const struct qta_setting_spec settings[] = {
    {
        .name = "encoding",
        .type = QTA_SETTING_STRING,
        .default_value = "json",
        .help = "json: prices keep the digits that the venue prints; msgpack: smaller messages, "
                "prices come as binary floats and take their shortest decimal",
    },
};

const struct qta_adapter_ops qta_alpaca_adapter_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "alpaca",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .traits = QTA_TRAIT_NEEDS_URL,
    .types = QTA_TYPES_MARKET,
    .settings = settings,
    .setting_count = sizeof settings / sizeof settings[0],
    .key_variable = "APCA_API_KEY_ID",
    .secret_variable = "APCA_API_SECRET_KEY",
    .needs_key = true,
    .help = "Alpaca Markets: US stocks and crypto over WebSocket",
    .create = create,
    .destroy = destroy,
    .describe_connection = describe_connection,
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
    .subscribe = subscribe,
    .service = service,
    .own_auth_methods = QTA_AUTH_BIT(QTA_AUTH_API_KEY) | QTA_AUTH_BIT(QTA_AUTH_HEADERS) |
                        QTA_AUTH_BIT(QTA_AUTH_BEARER) | QTA_AUTH_BIT(QTA_AUTH_MESSAGE),
    .set_credentials = set_credentials,
};
