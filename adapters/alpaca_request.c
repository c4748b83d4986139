/* Requests to Alpaca. The venue sends corrections and cancels along with trades and does not take
 * requests for them: such an item asks for trades, and is confirmed by its own channel's answer. */
#include "adapters/alpaca_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/json_writer.h"
#include "adapters/msgpack_writer.h"

static int compare_text(const char *left, const char *right, size_t right_length)
{
    size_t left_length = strlen(left);
    size_t shorter = left_length < right_length ? left_length : right_length;
    int order = memcmp(left, right, shorter);
    if (order != 0)
        return order;
    return left_length < right_length ? -1 : left_length > right_length;
}

static int compare_items(const void *left, const void *right)
{
    const struct qta_alpaca_request_item *a = left;
    const struct qta_alpaca_request_item *b = right;
    if (a->channel != b->channel)
        return a->channel < b->channel ? -1 : 1;
    const char *symbol = b->subscription.symbol;
    return compare_text(a->subscription.symbol, symbol, strlen(symbol));
}

struct qta_alpaca_request *qta_alpaca_request_create(const struct qta_subscription *subscriptions,
                                                     size_t count, bool is_added)
{
    size_t item_bytes = count * sizeof(struct qta_alpaca_request_item);
    size_t text_bytes = 0;
    for (size_t i = 0; i < count; i++)
        text_bytes += strlen(subscriptions[i].symbol) + 1;
    struct qta_alpaca_request *request = malloc(sizeof *request + item_bytes + text_bytes);
    if (!request)
        return NULL;
    *request = (struct qta_alpaca_request){.is_added = is_added, .count = count};
    char *text = (char *)&request->items[count];
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(subscriptions[i].symbol) + 1;
        memcpy(text, subscriptions[i].symbol, length);
        request->items[i] = (struct qta_alpaca_request_item){
            .subscription = subscriptions[i],
            .channel = qta_alpaca_channel_of(&subscriptions[i]),
        };
        request->items[i].subscription.symbol = text;
        text += length;
    }
    qsort(request->items, count, sizeof request->items[0], compare_items);
    return request;
}

struct qta_alpaca_request *qta_alpaca_request_part(const struct qta_alpaca_request *request,
                                                   size_t first, size_t count)
{
    struct qta_subscription *subscriptions = malloc((count + 1) * sizeof *subscriptions);
    if (!subscriptions)
        return NULL;
    for (size_t i = 0; i < count; i++)
        subscriptions[i] = request->items[first + i].subscription;
    struct qta_alpaca_request *part = qta_alpaca_request_create(subscriptions, count,
                                                                request->is_added);
    free(subscriptions);
    return part;
}

size_t qta_alpaca_request_cut(const struct qta_alpaca_request *request)
{
    for (size_t i = 1; i < request->count; i++)
        if (request->items[i].channel != request->items[0].channel)
            return i;
    return request->count / 2;
}

/* The place of an item, or SIZE_MAX. */
static size_t find(const struct qta_alpaca_request *request, enum qta_alpaca_channel channel,
                   const char *symbol, size_t length)
{
    size_t low = 0;
    size_t high = request->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct qta_alpaca_request_item *item = &request->items[middle];
        int order = item->channel != channel
                        ? (item->channel < channel ? -1 : 1)
                        : compare_text(item->subscription.symbol, symbol, length);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* Whether this item's symbol belongs into the message's list of that channel. */
static bool is_asked(const struct qta_alpaca_request *request,
                     const struct qta_alpaca_request_item *item, enum qta_alpaca_channel channel)
{
    if (item->channel == channel)
        return true;
    if (qta_alpaca_channel_to_ask(item->channel) != channel || !request->is_added)
        return false; /* trades may still be wanted when their corrections are not */
    const char *symbol = item->subscription.symbol;
    size_t length = strlen(symbol);
    bool is_second = item->channel == QTA_ALPACA_CANCEL_ERRORS &&
                     find(request, QTA_ALPACA_CORRECTIONS, symbol, length) != SIZE_MAX;
    return !is_second && find(request, channel, symbol, length) == SIZE_MAX;
}

/* How many symbols the list of that channel has; none for channels that cannot be asked for. */
static size_t count_asked(const struct qta_alpaca_request *request, enum qta_alpaca_channel channel)
{
    size_t count = 0;
    if (qta_alpaca_channel_to_ask(channel) != channel)
        return 0;
    for (size_t i = 0; i < request->count; i++)
        count += is_asked(request, &request->items[i], channel);
    return count;
}

static void write_json_list(const struct qta_alpaca_request *request,
                            enum qta_alpaca_channel channel, struct qta_byte_buffer *buffer)
{
    const char *name = qta_alpaca_channel_name(channel);
    qta_byte_buffer_append_byte(buffer, ',');
    qta_json_write_string(buffer, name, strlen(name));
    qta_byte_buffer_append(buffer, ":[", 2);
    bool is_first = true;
    for (size_t i = 0; i < request->count; i++) {
        if (!is_asked(request, &request->items[i], channel))
            continue;
        if (!is_first)
            qta_byte_buffer_append_byte(buffer, ',');
        is_first = false;
        const char *symbol = request->items[i].subscription.symbol;
        qta_json_write_string(buffer, symbol, strlen(symbol));
    }
    qta_byte_buffer_append_byte(buffer, ']');
}

static void write_msgpack_list(const struct qta_alpaca_request *request,
                               enum qta_alpaca_channel channel, size_t count,
                               struct qta_byte_buffer *buffer)
{
    const char *name = qta_alpaca_channel_name(channel);
    qta_msgpack_write_string(buffer, name, strlen(name));
    qta_msgpack_write_array(buffer, (uint32_t)count);
    for (size_t i = 0; i < request->count; i++) {
        const char *symbol = request->items[i].subscription.symbol;
        if (is_asked(request, &request->items[i], channel))
            qta_msgpack_write_string(buffer, symbol, strlen(symbol));
    }
}

bool qta_alpaca_request_write(const struct qta_alpaca_request *request, bool is_msgpack,
                              struct qta_byte_buffer *buffer)
{
    const char *action = request->is_added ? "subscribe" : "unsubscribe";
    size_t counts[QTA_ALPACA_CHANNEL_COUNT];
    uint32_t lists = 0;
    for (unsigned channel = 0; channel < QTA_ALPACA_CHANNEL_COUNT; channel++) {
        counts[channel] = count_asked(request, (enum qta_alpaca_channel)channel);
        lists += counts[channel] > 0;
    }
    if (lists == 0)
        return false;
    if (is_msgpack) {
        qta_msgpack_write_map(buffer, 1 + lists);
        qta_msgpack_write_string(buffer, "action", strlen("action"));
        qta_msgpack_write_string(buffer, action, strlen(action));
    } else {
        qta_byte_buffer_append(buffer, "{\"action\":", strlen("{\"action\":"));
        qta_json_write_string(buffer, action, strlen(action));
    }
    for (unsigned channel = 0; channel < QTA_ALPACA_CHANNEL_COUNT; channel++) {
        if (counts[channel] == 0)
            continue;
        if (is_msgpack)
            write_msgpack_list(request, (enum qta_alpaca_channel)channel, counts[channel], buffer);
        else
            write_json_list(request, (enum qta_alpaca_channel)channel, buffer);
    }
    if (!is_msgpack)
        qta_byte_buffer_append_byte(buffer, '}');
    return true;
}

void qta_alpaca_request_confirm(struct qta_alpaca_request *request, enum qta_alpaca_channel channel,
                                const char *symbol, size_t length)
{
    size_t place = find(request, channel, symbol, length);
    if (place != SIZE_MAX)
        request->items[place].is_confirmed = true;
}

bool qta_alpaca_request_is_fulfilled(const struct qta_alpaca_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        const struct qta_alpaca_request_item *item = &request->items[i];
        /* what comes with trades may stay when it is not wanted any more */
        bool may_stay = qta_alpaca_channel_to_ask(item->channel) != item->channel;
        if (item->is_confirmed != request->is_added && (request->is_added || !may_stay))
            return false;
    }
    return true;
}

void qta_alpaca_request_reset(struct qta_alpaca_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        request->items[i].is_confirmed = false;
}
