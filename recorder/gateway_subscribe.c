/* Who wants what: the checks that come before a callback or a subscriber is taken in. */
#include <qta/subscriber.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/gateway_internal.h"
#include "recorder/subscriber_set.h"

/* ---- callbacks --------------------------------------------------------------------------------
 */

/* The configured symbols of a type, *count 0 when that means all of them: the type is not named
 * there (then whatever comes of it was not asked for by name) or is named with "*". The caller
 * frees the array. */
static enum qta_status configured_symbols(const struct qta_subscriber_set_options *options,
                                          enum qta_tick_type type, const char ***symbols,
                                          size_t *count, struct qta_error *err)
{
    *count = 0;
    *symbols = malloc((options->configured_count + 1) * sizeof(**symbols));
    if (!*symbols)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a callback");
    for (size_t i = 0; i < options->configured_count; i++) {
        if (options->configured[i].type == type)
            (*symbols)[(*count)++] = options->configured[i].symbol;
    }
    return QTA_OK;
}

enum qta_status qta_gateway_check_symbols(enum qta_tick_type type, const char *const *symbols,
                                          size_t symbol_count, const char *verb,
                                          struct qta_error *err)
{
    if ((unsigned)type >= QTA_TICK_TYPE_END || !(QTA_TYPES_ALL & QTA_TYPE_BIT(type)))
        return qta_error_set(err, QTA_ERR_USAGE, "cannot %s unknown tick type %d", verb, (int)type);
    if (symbol_count > 0 && !symbols)
        return qta_error_set(err, QTA_ERR_USAGE, "cannot %s %zu symbols that are not given", verb,
                             symbol_count);
    for (size_t i = 0; i < symbol_count; i++) {
        size_t length = symbols[i] ? strnlen(symbols[i], QTA_NAME_MAX_BYTES + 1) : 0;
        if (length == 0 || length > QTA_NAME_MAX_BYTES)
            return qta_error_set(err, QTA_ERR_USAGE, "cannot %s symbol %zu: %s", verb, i + 1,
                                 length == 0 ? "it is empty" : "it is longer than 4096 bytes");
    }
    return QTA_OK;
}

static enum qta_status check_subscription(enum qta_tick_type type, const char *const *symbols,
                                          size_t symbol_count, qta_tick_callback callback,
                                          struct qta_error *err)
{
    enum qta_status status = qta_gateway_check_symbols(type, symbols, symbol_count, "subscribe to",
                                                       err);
    if (status == QTA_OK && !callback)
        return qta_error_set(err, QTA_ERR_USAGE, "cannot subscribe to %s without a callback",
                             qta_tick_type_name(type));
    return status;
}

enum qta_status qta_subscriber_subscribe(struct qta_subscriber *subscriber, enum qta_tick_type type,
                                         const char *const *symbols, size_t symbol_count,
                                         qta_tick_callback callback, void *user,
                                         struct qta_error *err)
{
    assert(subscriber);
    struct qta_subscriptions *subscriptions = qta_subscriber_subscriptions(subscriber);
    const struct qta_subscriber_set_options *options = qta_subscriber_set_options(
        qta_subscriber_home(subscriber));
    enum qta_status status = check_subscription(type, symbols, symbol_count, callback, err);
    if (status != QTA_OK)
        return status;
    uint32_t types = QTA_TYPE_BIT(type);
    if (types & QTA_TYPES_FEED)
        return qta_subscriptions_add(subscriptions, types, NULL, 0, callback, user, err);
    if (symbol_count == 0) {
        const char **configured;
        size_t count;
        status = configured_symbols(options, type, &configured, &count, err);
        if (status == QTA_OK)
            status = qta_subscriptions_add(subscriptions, types, configured, count, callback, user,
                                           err);
        free(configured);
        return status;
    }
    status = qta_subscriptions_add(subscriptions, types, symbols, symbol_count, callback, user,
                                   err);
    return status == QTA_OK ? options->ask(options->user, type, symbols, symbol_count, err)
                            : status;
}

enum qta_status qta_subscriber_subscribe_to_all(struct qta_subscriber *subscriber,
                                                qta_tick_callback callback, void *user,
                                                struct qta_error *err)
{
    assert(subscriber);
    if (!callback)
        return qta_error_set(err, QTA_ERR_USAGE, "cannot subscribe without a callback");
    return qta_subscriptions_add(qta_subscriber_subscriptions(subscriber), QTA_TYPES_ALL, NULL, 0,
                                 callback, user, err);
}

enum qta_status qta_subscriber_unsubscribe(struct qta_subscriber *subscriber,
                                           qta_tick_callback callback, void *user,
                                           struct qta_error *err)
{
    assert(subscriber);
    if (!qta_subscriptions_remove(qta_subscriber_subscriptions(subscriber), callback, user))
        return qta_error_set(err, QTA_ERR_NOT_FOUND,
                             "subscriber '%s' has no such callback for that user",
                             qta_subscriber_name(subscriber));
    return QTA_OK;
}

/* ---- subscribers ------------------------------------------------------------------------------
 */

struct qta_subscriber_options qta_subscriber_options_default(void)
{
    return (struct qta_subscriber_options){.buffer_size = 65536,
                                           .overflow = QTA_OVERFLOW_DROP_OLDEST};
}

static enum qta_status check_name(const char *name, struct qta_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-.";
    if (!name || name[0] == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "a subscriber needs a name");
    if (strnlen(name, QTA_SUBSCRIBER_NAME_MAX_BYTES + 1) > QTA_SUBSCRIBER_NAME_MAX_BYTES)
        return qta_error_set(err, QTA_ERR_USAGE, "a subscriber's name has at most %d characters",
                             QTA_SUBSCRIBER_NAME_MAX_BYTES);
    if (name[strspn(name, letters)] != '\0')
        return qta_error_set(err, QTA_ERR_USAGE,
                             "subscriber '%s': a name has letters, digits, '_', '-' and '.' only",
                             name);
    if (strcmp(name, "recording") == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "no subscriber may be named 'recording'");
    return QTA_OK;
}

enum qta_status qta_subscriber_open(struct qta_subscriber **out, struct qta_gateway *gateway,
                                    const struct qta_subscriber_options *options,
                                    struct qta_error *err)
{
    assert(out);
    assert(gateway);
    assert(options);
    enum qta_status status = check_name(options->name, err);
    if (status != QTA_OK)
        return status;
    if (options->buffer_size == 0 || options->buffer_size > QTA_SUBSCRIBER_BUFFER_MAX)
        return qta_error_set(err, QTA_ERR_USAGE, "subscriber '%s': buffer_size must be 1 to %d",
                             options->name, QTA_SUBSCRIBER_BUFFER_MAX);
    if ((unsigned)options->overflow > QTA_OVERFLOW_DISCONNECT)
        return qta_error_set(err, QTA_ERR_USAGE, "subscriber '%s': unknown overflow policy %d",
                             options->name, (int)options->overflow);
    return qta_subscriber_set_open(qta_gateway_subscribers(gateway), out, options, err);
}

void qta_subscriber_close(struct qta_subscriber *subscriber)
{
    if (!subscriber)
        return;
    struct qta_subscriber_set *set = qta_subscriber_home(subscriber);
    if (subscriber == qta_subscriber_set_callbacks(set))
        return;
    qta_subscriber_shut(subscriber);
    qta_subscriber_set_close(set, subscriber);
}

/* ---- the gateway's own ------------------------------------------------------------------------
 */

struct qta_subscriber *qta_gateway_callbacks(struct qta_gateway *gateway)
{
    assert(gateway);
    return qta_subscriber_set_callbacks(qta_gateway_subscribers(gateway));
}

enum qta_status qta_gateway_subscribe(struct qta_gateway *gateway, enum qta_tick_type type,
                                      const char *const *symbols, size_t symbol_count,
                                      qta_tick_callback callback, void *user, struct qta_error *err)
{
    return qta_subscriber_subscribe(qta_gateway_callbacks(gateway), type, symbols, symbol_count,
                                    callback, user, err);
}

enum qta_status qta_gateway_subscribe_to_all(struct qta_gateway *gateway,
                                             qta_tick_callback callback, void *user,
                                             struct qta_error *err)
{
    return qta_subscriber_subscribe_to_all(qta_gateway_callbacks(gateway), callback, user, err);
}
