/* What a client has subscribed to is a dictionary of the names it used, "*" among them, and for
 * each name a set of channels. Messages come with ids of another dictionary, so the channels of
 * each such id are looked up once and remembered until the subscriptions change. */
#include "adapters/alpaca_server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/byte_buffer.h"
#include "adapters/json_writer.h"
#include "adapters/msgpack_reader.h"
#include "adapters/msgpack_writer.h"
#include "core/json_reader.h"

enum {
    CREDENTIAL_BYTES = 512,
    NAMES_MAX = 100000, /* that a client may use in its life */
    SYMBOL_MAX_BYTES = 128,
    BATCH_HEAD_BYTES = 5, /* room for the longest head of a msgpack array */
    CLOSE_POLICY = 1008,
};

/* A set of channels; the top bit marks an id that was looked up. */
typedef uint16_t channel_set;
#define CHANNEL_BIT(channel) ((channel_set)(1U << (channel)))
#define LOOKED_UP ((channel_set)0x8000)
#define MIRRORED (CHANNEL_BIT(QTA_ALPACA_CORRECTIONS) | CHANNEL_BIT(QTA_ALPACA_CANCEL_ERRORS))

/* Which feeds have a channel, and how it is listed in the answer to a subscription. */
static const struct {
    bool is_stock;
    bool is_crypto;
    bool is_hidden_when_empty; /* not in the provider's own list */
} channels[QTA_ALPACA_CHANNEL_COUNT] = {
    [QTA_ALPACA_TRADES] = {true, true, false},
    [QTA_ALPACA_QUOTES] = {true, true, false},
    [QTA_ALPACA_BARS] = {true, true, false},
    [QTA_ALPACA_UPDATED_BARS] = {true, true, false},
    [QTA_ALPACA_DAILY_BARS] = {true, true, false},
    [QTA_ALPACA_STATUSES] = {true, false, false},
    [QTA_ALPACA_LULDS] = {true, false, false},
    [QTA_ALPACA_IMBALANCES] = {true, false, true},
    [QTA_ALPACA_ORDERBOOKS] = {false, true, false},
    [QTA_ALPACA_CORRECTIONS] = {true, false, false},
    [QTA_ALPACA_CANCEL_ERRORS] = {true, false, false},
};

struct qta_alpaca_client {
    const struct qta_alpaca_server_options *options;
    const struct qta_dictionary *names;
    const struct qta_alpaca_client_host *host;
    void *user;
    bool is_msgpack;
    bool is_crypto;
    bool is_over_limit;
    bool has_header_auth;
    bool is_header_auth_good;
    bool is_open;
    bool is_authenticated;
    bool is_closed;
    int64_t auth_deadline_ns;

    struct qta_dictionary *used_names; /* its symbol kind: names that the client has sent */
    channel_set *subscribed;           /* by id in used_names */
    uint32_t subscribed_capacity;
    uint32_t star; /* id of "*" in used_names */
    uint32_t subscription_count;
    channel_set *wanted; /* by symbol id in names: a cache */
    uint32_t wanted_capacity;

    struct qta_byte_buffer batch;
    uint32_t batch_count;
    uint64_t messages;
    struct qta_byte_buffer reply;
};

/* ---- sending --------------------------------------------------------------------------------- */

static void send_reply(struct qta_alpaca_client *client)
{
    /* what was offered before goes out before */
    qta_alpaca_client_flush(client);
    if (!client->is_closed && !client->reply.is_failed)
        client->host->send(client->user, client->reply.bytes, client->reply.length,
                           client->is_msgpack);
}

/* Starts a reply: an array of one map with this many keys, T and its value already written. */
static void begin_reply(struct qta_alpaca_client *client, const char *type, uint32_t key_count)
{
    struct qta_byte_buffer *reply = &client->reply;
    qta_byte_buffer_clear(reply);
    if (client->is_msgpack) {
        qta_msgpack_write_array(reply, 1);
        qta_msgpack_write_map(reply, key_count);
        qta_msgpack_write_string(reply, "T", 1);
        qta_msgpack_write_string(reply, type, strlen(type));
    } else {
        qta_byte_buffer_append(reply, "[{\"T\":", 6);
        qta_json_write_string(reply, type, strlen(type));
    }
}

static void put_reply_key(struct qta_alpaca_client *client, const char *key)
{
    if (client->is_msgpack) {
        qta_msgpack_write_string(&client->reply, key, strlen(key));
        return;
    }
    qta_byte_buffer_append_byte(&client->reply, ',');
    qta_json_write_string(&client->reply, key, strlen(key));
    qta_byte_buffer_append_byte(&client->reply, ':');
}

static void put_reply_string(struct qta_alpaca_client *client, const char *text, size_t length)
{
    if (client->is_msgpack)
        qta_msgpack_write_string(&client->reply, text, length);
    else
        qta_json_write_string(&client->reply, text, length);
}

static void end_reply(struct qta_alpaca_client *client)
{
    if (!client->is_msgpack)
        qta_byte_buffer_append(&client->reply, "}]", 2);
    send_reply(client);
}

static void reply_success(struct qta_alpaca_client *client, const char *message)
{
    begin_reply(client, "success", 2);
    put_reply_key(client, "msg");
    put_reply_string(client, message, strlen(message));
    end_reply(client);
}

static const char *error_message(enum qta_alpaca_server_error error)
{
    switch (error) {
    case QTA_ALPACA_ERROR_SYNTAX:
        return "invalid syntax";
    case QTA_ALPACA_ERROR_NOT_AUTHENTICATED:
        return "not authenticated";
    case QTA_ALPACA_ERROR_AUTH_FAILED:
        return "auth failed";
    case QTA_ALPACA_ERROR_ALREADY_AUTHENTICATED:
        return "already authenticated";
    case QTA_ALPACA_ERROR_AUTH_TIMEOUT:
        return "auth timeout";
    case QTA_ALPACA_ERROR_SYMBOL_LIMIT:
        return "symbol limit exceeded";
    case QTA_ALPACA_ERROR_CONNECTION_LIMIT:
        return "connection limit exceeded";
    case QTA_ALPACA_ERROR_SLOW_CLIENT:
        return "slow client";
    case QTA_ALPACA_ERROR_INVALID_ACTION:
        return "invalid subscribe action for this feed";
    case QTA_ALPACA_ERROR_INTERNAL:
        break;
    }
    return "internal error";
}

static void reply_error(struct qta_alpaca_client *client, enum qta_alpaca_server_error error)
{
    begin_reply(client, "error", 3);
    put_reply_key(client, "code");
    if (client->is_msgpack)
        qta_msgpack_write_u64(&client->reply, error);
    else
        qta_json_write_u64(&client->reply, error);
    const char *message = error_message(error);
    put_reply_key(client, "msg");
    put_reply_string(client, message, strlen(message));
    end_reply(client);
}

void qta_alpaca_client_fail(struct qta_alpaca_client *client, enum qta_alpaca_server_error error)
{
    if (client->is_closed)
        return;
    reply_error(client, error);
    client->is_closed = true;
    client->host->close(client->user, CLOSE_POLICY);
}

/* ---- subscriptions --------------------------------------------------------------------------- */

static bool is_offered(const struct qta_alpaca_client *client, size_t channel)
{
    return client->is_crypto ? channels[channel].is_crypto : channels[channel].is_stock;
}

/* The channels of a used name, those that come with trades included. */
static channel_set channels_of(const struct qta_alpaca_client *client, uint32_t name)
{
    channel_set set = name < client->subscribed_capacity ? client->subscribed[name] : 0;
    if (!client->is_crypto && (set & CHANNEL_BIT(QTA_ALPACA_TRADES)))
        set |= MIRRORED;
    return set;
}

static bool has_any(const struct qta_alpaca_client *client, size_t channel)
{
    for (uint32_t i = 1; i < qta_dictionary_count(client->used_names, QTA_NAME_SYMBOL); i++) {
        if (channels_of(client, i) & CHANNEL_BIT(channel))
            return true;
    }
    return false;
}

static bool is_listed(const struct qta_alpaca_client *client, size_t channel)
{
    return is_offered(client, channel) &&
           (!channels[channel].is_hidden_when_empty || has_any(client, channel));
}

static void put_reply_channel(struct qta_alpaca_client *client, size_t channel)
{
    struct qta_byte_buffer *reply = &client->reply;
    uint32_t name_count = qta_dictionary_count(client->used_names, QTA_NAME_SYMBOL);
    uint32_t count = 0;
    for (uint32_t i = 1; i < name_count; i++)
        count += (channels_of(client, i) & CHANNEL_BIT(channel)) != 0;
    put_reply_key(client, qta_alpaca_channel_name((enum qta_alpaca_channel)channel));
    if (client->is_msgpack)
        qta_msgpack_write_array(reply, count);
    else
        qta_byte_buffer_append_byte(reply, '[');
    bool is_first = true;
    for (uint32_t i = 1; i < name_count; i++) {
        if (!(channels_of(client, i) & CHANNEL_BIT(channel)))
            continue;
        if (!client->is_msgpack && !is_first)
            qta_byte_buffer_append_byte(reply, ',');
        is_first = false;
        size_t length;
        const char *name = qta_dictionary_name(client->used_names, QTA_NAME_SYMBOL, i, &length);
        put_reply_string(client, name, length);
    }
    if (!client->is_msgpack)
        qta_byte_buffer_append_byte(reply, ']');
}

/* The complete set: the only acknowledgement that there is. */
static void reply_subscription(struct qta_alpaca_client *client)
{
    uint32_t listed = 0;
    for (size_t channel = 0; channel < QTA_ALPACA_CHANNEL_COUNT; channel++)
        listed += is_listed(client, channel);
    begin_reply(client, "subscription", 1 + listed);
    for (size_t channel = 0; channel < QTA_ALPACA_CHANNEL_COUNT; channel++) {
        if (is_listed(client, channel))
            put_reply_channel(client, channel);
    }
    end_reply(client);
}

/* Room for every used name. */
static bool grow_subscribed(struct qta_alpaca_client *client)
{
    uint32_t count = qta_dictionary_count(client->used_names, QTA_NAME_SYMBOL);
    if (count <= client->subscribed_capacity)
        return true;
    uint32_t capacity = count < 64 ? 64 : count + count / 2;
    channel_set *subscribed = realloc(client->subscribed, capacity * sizeof *subscribed);
    if (!subscribed)
        return false;
    memset(subscribed + client->subscribed_capacity, 0,
           (capacity - client->subscribed_capacity) * sizeof *subscribed);
    client->subscribed = subscribed;
    client->subscribed_capacity = capacity;
    return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

enum action { ACTION_NONE, ACTION_AUTH, ACTION_SUBSCRIBE, ACTION_UNSUBSCRIBE, ACTION_UNKNOWN };

/* A (channel, name) that a request lists. */
struct item {
    uint32_t name;
    uint8_t channel;
};

struct request {
    enum action action;
    char key[CREDENTIAL_BYTES]; /* NUL-ended */
    char secret[CREDENTIAL_BYTES];
    bool has_key;
    bool has_secret;
    bool is_bad;           /* 400 */
    bool is_not_offered;   /* 410 */
    bool is_over_limit;    /* 405 */
    bool is_out_of_memory; /* 500 */
    struct item *items;
    size_t item_count;
    size_t item_capacity;
};

static void finish_request(struct request *request)
{
    explicit_bzero(request->key, sizeof request->key);
    explicit_bzero(request->secret, sizeof request->secret);
    free(request->items);
}

static enum action action_named(const char *text, size_t length)
{
    static const struct {
        const char *name;
        enum action action;
    } actions[] = {
        {"auth", ACTION_AUTH},
        {"subscribe", ACTION_SUBSCRIBE},
        {"unsubscribe", ACTION_UNSUBSCRIBE},
    };
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strlen(actions[i].name) == length && memcmp(actions[i].name, text, length) == 0)
            return actions[i].action;
    }
    return ACTION_UNKNOWN;
}

static void take_credential(char out[CREDENTIAL_BYTES], bool *has, const char *text, size_t length)
{
    *has = length < CREDENTIAL_BYTES && memchr(text, '\0', length) == NULL;
    if (!*has)
        return;
    memcpy(out, text, length);
    out[length] = '\0';
}

static bool is_symbol(const char *text, size_t length)
{
    if (length == 0 || length > SYMBOL_MAX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return true;
}

/* One symbol under a channel's key. */
static void take_symbol(struct qta_alpaca_client *client, struct request *request, size_t channel,
                        const char *text, size_t length)
{
    if (!is_symbol(text, length)) {
        request->is_bad = true;
        return;
    }
    if (channel == QTA_ALPACA_CHANNEL_COUNT || !is_offered(client, channel)) {
        request->is_not_offered = true;
        return;
    }
    if (qta_dictionary_count(client->used_names, QTA_NAME_SYMBOL) > NAMES_MAX) {
        request->is_over_limit = true;
        return;
    }
    uint32_t name = qta_dictionary_intern(client->used_names, QTA_NAME_SYMBOL, text, length);
    if (request->item_count == request->item_capacity) {
        size_t capacity = request->item_capacity ? request->item_capacity * 2 : 64;
        struct item *items = realloc(request->items, capacity * sizeof *items);
        if (!items) {
            request->is_out_of_memory = true;
            return;
        }
        request->items = items;
        request->item_capacity = capacity;
    }
    if (name == QTA_NAME_OTHER) {
        request->is_out_of_memory = true;
        return;
    }
    request->items[request->item_count].name = name;
    request->items[request->item_count++].channel = (uint8_t)channel;
}

/* A string member: the action or a credential. */
static bool take_string(struct request *request, const char *key, size_t key_length,
                        const char *text, size_t length)
{
    if (key_length == 6 && memcmp(key, "action", 6) == 0)
        request->action = action_named(text, length);
    else if (key_length == 3 && memcmp(key, "key", 3) == 0)
        take_credential(request->key, &request->has_key, text, length);
    else if (key_length == 6 && memcmp(key, "secret", 6) == 0)
        take_credential(request->secret, &request->has_secret, text, length);
    else
        return false;
    return true;
}

/* The unescaped string, in scratch if need be. */
static bool read_json_string(struct qta_json_reader *reader, char *scratch, size_t capacity,
                             struct qta_json_text *text)
{
    struct qta_json_text raw;
    return qta_json_read_string(reader, &raw) && qta_json_unescape(raw, scratch, capacity, text);
}

/* The value behind a key. False: it cannot stand there. */
static bool read_json_member(struct qta_alpaca_client *client, struct request *request,
                             struct qta_json_reader *reader, struct qta_json_text key)
{
    char scratch[2 * CREDENTIAL_BYTES];
    struct qta_json_text text;
    if (qta_json_peek(reader) == QTA_JSON_STRING) {
        bool is_taken = read_json_string(reader, scratch, sizeof scratch, &text) &&
                        take_string(request, key.bytes, key.length, text.bytes, text.length);
        explicit_bzero(scratch, sizeof scratch);
        return is_taken;
    }
    if (!qta_json_enter_array(reader))
        return qta_json_read_null(reader);
    size_t channel = qta_alpaca_channel_find(key.bytes, key.length);
    while (!request->is_bad && qta_json_next_element(reader)) {
        if (!read_json_string(reader, scratch, sizeof scratch, &text))
            return false;
        take_symbol(client, request, channel, text.bytes, text.length);
    }
    return true;
}

static void read_json_request(struct qta_alpaca_client *client, struct request *request,
                              const void *bytes, size_t length)
{
    struct qta_json_reader reader;
    struct qta_json_text key;
    char scratch[64];
    qta_json_reader_init(&reader, bytes, length);
    if (!qta_json_enter_object(&reader)) {
        request->is_bad = true;
        return;
    }
    while (!request->is_bad && qta_json_next_key(&reader, &key)) {
        if (!qta_json_unescape(key, scratch, sizeof scratch, &key) ||
            !read_json_member(client, request, &reader, key))
            request->is_bad = true;
    }
    if (!request->is_bad && !qta_json_finish(&reader))
        request->is_bad = true;
}

static bool read_msgpack_member(struct qta_alpaca_client *client, struct request *request,
                                struct qta_msgpack_reader *reader, struct qta_msgpack_text key)
{
    struct qta_msgpack_text text;
    uint32_t count = 0;
    if (qta_msgpack_read_string(reader, &text))
        return take_string(request, key.bytes, key.length, text.bytes, text.length);
    if (!qta_msgpack_enter_array(reader, &count))
        return qta_msgpack_read_nil(reader);
    size_t channel = qta_alpaca_channel_find(key.bytes, key.length);
    while (!request->is_bad && count-- > 0) {
        if (!qta_msgpack_read_string(reader, &text))
            return false;
        take_symbol(client, request, channel, text.bytes, text.length);
    }
    return true;
}

static void read_msgpack_request(struct qta_alpaca_client *client, struct request *request,
                                 const void *bytes, size_t length)
{
    struct qta_msgpack_reader reader;
    struct qta_msgpack_text key;
    uint32_t pairs = 0;
    qta_msgpack_reader_init(&reader, bytes, length);
    if (!qta_msgpack_enter_map(&reader, &pairs)) {
        request->is_bad = true;
        return;
    }
    while (!request->is_bad && pairs-- > 0) {
        if (!qta_msgpack_read_string(&reader, &key) ||
            !read_msgpack_member(client, request, &reader, key))
            request->is_bad = true;
    }
    if (!request->is_bad && !qta_msgpack_finish(&reader))
        request->is_bad = true;
}

/* ---- what requests do ------------------------------------------------------------------------ */

/* Looks at every byte whatever it finds, so that the time it takes tells nothing. */
static bool is_same_secret(const char *expected, const char *given)
{
    size_t expected_length = strlen(expected);
    size_t given_length = strlen(given);
    unsigned difference = expected_length != given_length;
    for (size_t i = 0; i < given_length; i++)
        difference |= (unsigned char)expected[i % (expected_length + 1)] ^ (unsigned char)given[i];
    return difference == 0;
}

/* Tokens come as secrets, under a word in the key's place. */
static bool are_good_credentials(const struct qta_alpaca_server_options *options, const char *key,
                                 const char *secret)
{
    bool is_token = strcmp(key, "oauth") == 0 || strcmp(key, "access_token") == 0;
    bool is_key_good = !options->api_key || is_token || is_same_secret(options->api_key, key);
    bool is_secret_good = !options->api_secret || is_same_secret(options->api_secret, secret);
    return is_key_good && is_secret_good;
}

static void authenticate(struct qta_alpaca_client *client, bool is_good)
{
    if (client->is_over_limit) {
        qta_alpaca_client_fail(client, QTA_ALPACA_ERROR_CONNECTION_LIMIT);
    } else if (!is_good) {
        qta_alpaca_client_fail(client, QTA_ALPACA_ERROR_AUTH_FAILED);
    } else {
        client->is_authenticated = true;
        reply_success(client, "authenticated");
    }
}

static void do_auth(struct qta_alpaca_client *client, const struct request *request)
{
    if (client->is_authenticated) {
        reply_error(client, QTA_ALPACA_ERROR_ALREADY_AUTHENTICATED);
        return;
    }
    bool is_complete = request->has_key && request->has_secret;
    authenticate(client, is_complete &&
                             are_good_credentials(client->options, request->key, request->secret));
}

/* Corrections and cancels come with trades, asking for them changes nothing. */
static bool is_countable(const struct item *item)
{
    return !(CHANNEL_BIT(item->channel) & MIRRORED);
}

/* The number of subscriptions if these items were added. Marks them, so unmark_items() follows. */
static uint32_t mark_items(struct qta_alpaca_client *client, struct request *request)
{
    uint32_t count = client->subscription_count;
    size_t kept = 0;
    for (size_t i = 0; i < request->item_count; i++) {
        struct item item = request->items[i];
        channel_set *set = &client->subscribed[item.name];
        if (!is_countable(&item) || (*set & CHANNEL_BIT(item.channel)))
            continue;
        *set |= CHANNEL_BIT(item.channel);
        request->items[kept++] = item;
        count++;
    }
    request->item_count = kept;
    return count;
}

static void unmark_items(struct qta_alpaca_client *client, const struct request *request)
{
    for (size_t i = 0; i < request->item_count; i++) {
        client->subscribed[request->items[i].name] &= (channel_set)~CHANNEL_BIT(
            request->items[i].channel);
    }
}

static void do_subscribe(struct qta_alpaca_client *client, struct request *request)
{
    uint32_t count = mark_items(client, request);
    uint32_t count_max = client->options->symbol_max;
    if (request->is_over_limit || (count_max > 0 && count > count_max)) {
        unmark_items(client, request);
        reply_error(client, QTA_ALPACA_ERROR_SYMBOL_LIMIT);
        return;
    }
    client->subscription_count = count;
    reply_subscription(client);
}

static void do_unsubscribe(struct qta_alpaca_client *client, const struct request *request)
{
    for (size_t i = 0; i < request->item_count; i++) {
        channel_set *set = &client->subscribed[request->items[i].name];
        channel_set bit = CHANNEL_BIT(request->items[i].channel);
        client->subscription_count -= (*set & bit) != 0;
        *set &= (channel_set)~bit;
    }
    reply_subscription(client);
}

static void do_change(struct qta_alpaca_client *client, struct request *request)
{
    if (!client->is_authenticated) {
        reply_error(client, QTA_ALPACA_ERROR_NOT_AUTHENTICATED);
        return;
    }
    if (request->is_not_offered) {
        reply_error(client, QTA_ALPACA_ERROR_INVALID_ACTION);
        return;
    }
    if (request->is_out_of_memory || !grow_subscribed(client)) {
        qta_alpaca_client_fail(client, QTA_ALPACA_ERROR_INTERNAL);
        return;
    }
    if (client->wanted)
        memset(client->wanted, 0, client->wanted_capacity * sizeof *client->wanted);
    if (request->action == ACTION_SUBSCRIBE)
        do_subscribe(client, request);
    else
        do_unsubscribe(client, request);
}

void qta_alpaca_client_on_message(struct qta_alpaca_client *client, const void *bytes,
                                  size_t length)
{
    if (client->is_closed || !client->is_open)
        return;
    struct request request = {0};
    if (client->is_msgpack)
        read_msgpack_request(client, &request, bytes, length);
    else
        read_json_request(client, &request, bytes, length);
    if (request.is_bad || request.action == ACTION_NONE || request.action == ACTION_UNKNOWN)
        reply_error(client, QTA_ALPACA_ERROR_SYNTAX);
    else if (request.action == ACTION_AUTH)
        do_auth(client, &request);
    else
        do_change(client, &request);
    finish_request(&request);
}

/* ---- data ------------------------------------------------------------------------------------ */

static bool grow_wanted(struct qta_alpaca_client *client, uint32_t symbol)
{
    uint32_t capacity = symbol < 128 ? 256 : symbol + symbol / 2 + 1;
    if (symbol >= UINT32_MAX / 2)
        return false;
    channel_set *wanted = realloc(client->wanted, capacity * sizeof *wanted);
    if (!wanted)
        return false;
    memset(wanted + client->wanted_capacity, 0,
           (capacity - client->wanted_capacity) * sizeof *wanted);
    client->wanted = wanted;
    client->wanted_capacity = capacity;
    return true;
}

static channel_set look_up(const struct qta_alpaca_client *client, uint32_t symbol)
{
    size_t length;
    const char *name = qta_dictionary_name(client->names, QTA_NAME_SYMBOL, symbol, &length);
    uint32_t used = qta_dictionary_find(client->used_names, QTA_NAME_SYMBOL, name, length);
    return channels_of(client, client->star) | (used ? channels_of(client, used) : 0) | LOOKED_UP;
}

static bool is_wanted(struct qta_alpaca_client *client, const struct qta_alpaca_outgoing *message)
{
    uint32_t symbol = message->symbol;
    if (client->subscription_count == 0)
        return false;
    if (symbol >= client->wanted_capacity && !grow_wanted(client, symbol))
        return look_up(client, symbol) & CHANNEL_BIT(message->channel);
    if (client->wanted[symbol] == 0)
        client->wanted[symbol] = look_up(client, symbol);
    return client->wanted[symbol] & CHANNEL_BIT(message->channel);
}

void qta_alpaca_client_offer(struct qta_alpaca_client *client, struct qta_alpaca_encoder *encoder,
                             const struct qta_alpaca_outgoing *message)
{
    if (client->is_closed || !is_wanted(client, message))
        return;
    size_t length = 0;
    const uint8_t *bytes = qta_alpaca_encoder_bytes(
        encoder, client->is_msgpack ? QTA_ALPACA_MSGPACK : QTA_ALPACA_JSON, &length);
    struct qta_byte_buffer *batch = &client->batch;
    if (client->batch_count > 0 && batch->length + length > client->options->batch_max_bytes)
        qta_alpaca_client_flush(client);
    if (client->batch_count == 0) {
        static const uint8_t head[BATCH_HEAD_BYTES] = "    [";
        qta_byte_buffer_clear(batch);
        qta_byte_buffer_append(batch, head, sizeof head);
    } else if (!client->is_msgpack) {
        qta_byte_buffer_append_byte(batch, ',');
    }
    if (bytes)
        qta_byte_buffer_append(batch, bytes, length);
    if (!bytes || batch->is_failed) {
        /* a message left out in silence would be a lie */
        client->batch_count = 0;
        qta_alpaca_client_fail(client, QTA_ALPACA_ERROR_INTERNAL);
        return;
    }
    client->messages++;
    if (++client->batch_count >= client->options->batch_max)
        qta_alpaca_client_flush(client);
}

/* The head's length depends on the count, so it is put right before the first message. */
static size_t write_msgpack_head(uint8_t *end, uint32_t count)
{
    if (count < 16) {
        end[-1] = (uint8_t)(0x90 | count);
        return 1;
    }
    bool is_short = count <= UINT16_MAX;
    size_t width = is_short ? 2 : 4;
    for (size_t i = 1; i <= width; i++, count >>= 8)
        *(end - i) = (uint8_t)count;
    *(end - width - 1) = is_short ? 0xdc : 0xdd;
    return width + 1;
}

void qta_alpaca_client_flush(struct qta_alpaca_client *client)
{
    if (client->batch_count == 0 || client->is_closed)
        return;
    struct qta_byte_buffer *batch = &client->batch;
    size_t head_bytes = 1;
    if (client->is_msgpack)
        head_bytes = write_msgpack_head(batch->bytes + BATCH_HEAD_BYTES, client->batch_count);
    else
        qta_byte_buffer_append_byte(batch, ']');
    client->batch_count = 0;
    if (batch->is_failed) {
        qta_alpaca_client_fail(client, QTA_ALPACA_ERROR_INTERNAL);
        return;
    }
    size_t start = BATCH_HEAD_BYTES - head_bytes;
    client->host->send(client->user, batch->bytes + start, batch->length - start,
                       client->is_msgpack);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum qta_status qta_alpaca_client_create(struct qta_alpaca_client **out,
                                         const struct qta_alpaca_server_options *options,
                                         const struct qta_dictionary *names,
                                         const struct qta_alpaca_upgrade *request,
                                         const struct qta_alpaca_client_host *host, void *user,
                                         struct qta_error *err)
{
    assert(out);
    assert(options);
    assert(options->batch_max > 0);
    assert(names);
    assert(host);
    struct qta_alpaca_client *client = calloc(1, sizeof *client);
    if (!client)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for another client");
    client->options = options;
    client->names = names;
    client->host = host;
    client->user = user;
    client->is_msgpack = request->is_msgpack;
    client->is_crypto = request->is_crypto;
    client->is_over_limit = request->is_over_limit;
    client->has_header_auth = request->header_key && request->header_secret;
    client->is_header_auth_good = client->has_header_auth &&
                                  are_good_credentials(options, request->header_key,
                                                       request->header_secret);
    enum qta_status status = qta_dictionary_create(&client->used_names, err);
    if (status != QTA_OK) {
        qta_alpaca_client_destroy(client);
        return status;
    }
    client->star = qta_dictionary_intern(client->used_names, QTA_NAME_SYMBOL, "*", 1);
    *out = client;
    return QTA_OK;
}

void qta_alpaca_client_destroy(struct qta_alpaca_client *client)
{
    if (!client)
        return;
    qta_dictionary_destroy(client->used_names);
    free(client->subscribed);
    free(client->wanted);
    qta_byte_buffer_finish(&client->batch);
    qta_byte_buffer_finish(&client->reply);
    free(client);
}

void qta_alpaca_client_open(struct qta_alpaca_client *client, int64_t now_ns)
{
    assert(!client->is_open);
    client->is_open = true;
    client->auth_deadline_ns = now_ns + QTA_ALPACA_AUTH_TIMEOUT_NS;
    reply_success(client, "connected");
    if (client->has_header_auth)
        authenticate(client, client->is_header_auth_good);
}

int64_t qta_alpaca_client_service(struct qta_alpaca_client *client, int64_t now_ns)
{
    if (!client->is_open || client->is_authenticated || client->is_closed)
        return INT64_MAX;
    if (now_ns < client->auth_deadline_ns)
        return client->auth_deadline_ns;
    qta_alpaca_client_fail(client, QTA_ALPACA_ERROR_AUTH_TIMEOUT);
    return INT64_MAX;
}

bool qta_alpaca_client_is_subscribed(const struct qta_alpaca_client *client)
{
    return client->subscription_count > 0;
}

uint64_t qta_alpaca_client_messages(const struct qta_alpaca_client *client)
{
    return client->messages;
}
