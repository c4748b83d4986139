/* What a connection does with its provider's keys, and how it keeps them to itself. */
#include "recorder/connection_internal.h"

#include <string.h>

#include <qta/log.h>

/* New keys are a person's doing: what the venue refused may be fine now. */
static void try_again(struct qta_connection *connection)
{
    if (connection->state != QTA_CONNECTION_BLOCKED || connection->verdict != QTA_ERR_REFUSED)
        return;
    qta_log(QTA_LOG_INFO, connection->title, "tried again with the new keys");
    connection->verdict = QTA_OK;
    connection->refusals = 0;
    qta_backoff_forget(&connection->backoff);
    qta_circuit_breaker_reset(&connection->breaker);
    connection->state = QTA_CONNECTION_BACKING_OFF;
    connection->deadline_ns = connection->now_ns;
}

static void tell_adapter(struct qta_connection *connection)
{
    const struct qta_adapter_ops *ops = connection->options.ops;
    const struct qta_credentials *credentials = &connection->login.credentials;
    struct qta_error err;
    bool was_behind = connection->is_adapter_behind;
    connection->is_adapter_behind = false;
    if (!ops->set_credentials)
        return;
    qta_connection_enter(connection);
    if (ops->set_credentials(connection->adapter, credentials->api_key, credentials->api_secret,
                             &err) != QTA_OK) {
        connection->is_adapter_behind = true; /* it has the old ones, so they must stay */
        if (!was_behind)
            qta_log(QTA_LOG_WARNING, connection->title, "new keys cannot be used yet: %s",
                    err.message);
    }
    qta_connection_leave(connection);
}

void qta_connection_renew_login(struct qta_connection *connection)
{
    if (connection->is_adapter_behind) {
        tell_adapter(connection);
        return;
    }
    if (!qta_login_is_stale(&connection->login))
        return;
    struct qta_error err;
    if (qta_login_renew(&connection->login, &err) != QTA_OK) {
        qta_log(QTA_LOG_WARNING, connection->title, "new keys cannot be used yet: %s", err.message);
        return;
    }
    tell_adapter(connection);
    try_again(connection);
}

void qta_connection_log_in(struct qta_connection *connection)
{
    const char *message = qta_login_message(&connection->login);
    if (message)
        qta_connection_send(connection, message, strlen(message), false);
}

const char *qta_connection_clean(const struct qta_connection *connection, const char *sentence,
                                 struct qta_clean_text *clean)
{
    const struct qta_secret_mask *mask = &connection->login.mask;
    if (!sentence)
        return NULL;
    size_t length = strlen(sentence);
    if (!qta_secret_mask_taints(mask, sentence, length))
        return sentence;
    if (length >= sizeof clean->text)
        return "what the venue says has our keys in it";
    memcpy(clean->text, sentence, length + 1);
    qta_secret_mask_clean(mask, clean->text, length);
    return clean->text;
}
