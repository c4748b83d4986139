/** @file login.h
 *  What one connection shows of its provider's keys, and what it keeps from being seen.
 *
 *  An adapter with logins of its own (qta_adapter_ops.own_auth_methods) gets the keys; for all
 *  others the library adds headers to the upgrade request, or a first message.
 *
 *      qta_login_init(&login, provider, ops, manager, &err);
 *      if (qta_login_is_stale(&login) && qta_login_renew(&login, &err) == QTA_OK)
 *          tell the adapter
 *      qta_login_add_headers(&login, &request, &err);    // before connecting
 *      message = qta_login_message(&login);              // once connected
 *
 *  Belongs to the network thread. */
#ifndef QTA_RECORDER_LOGIN_H
#define QTA_RECORDER_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/error.h>

#include "recorder/auth_manager.h"
#include "recorder/credentials.h"
#include "recorder/secret_mask.h"

/** Members are for login.c, but for credentials and mask, which may be read. */
struct qta_login {
    struct qta_auth_manager *manager;
    enum qta_auth_method method; /**< that the library carries out; QTA_AUTH_NONE for none */
    char *key_header;
    char *secret_header;
    char *template_text; /**< of the first message, as in core/secret.h */
    struct qta_credentials credentials;
    struct qta_credentials old; /**< those before: the venue may still send them back */
    uint64_t generation;
    char *shown; /**< what the method makes of the keys, as in core/secret.h */
    struct qta_secret_mask mask;
};

/** Copies what it needs; manager is borrowed as long as the login is used. QTA_ERR_NOMEM. On
 *  success qta_login_finish() is due. */
enum qta_status qta_login_init(struct qta_login *login, const struct qta_provider_options *provider,
                               const struct qta_adapter_ops *ops, struct qta_auth_manager *manager,
                               struct qta_error *err);

/** Wipes everything. Zero-initialized is fine. */
void qta_login_finish(struct qta_login *login);

/** Whether the manager has newer keys. Costs a load. */
static inline bool qta_login_is_stale(const struct qta_login *login)
{
    return login->manager && login->generation != qta_auth_manager_generation(login->manager);
}

/** Takes the manager's keys. The old ones stay valid until the next call and masked until then.
 *  QTA_ERR_NOMEM: nothing has changed. */
enum qta_status qta_login_renew(struct qta_login *login, struct qta_error *err);

/** Whether the keys have ended and others are looked for: a venue that refuses them is right, and
 * not for good. */
static inline bool qta_login_is_over(const struct qta_login *login, int64_t realtime_ns)
{
    return qta_auth_manager_figures(login->manager).expires_ns <= realtime_ns;
}

/** Adds the headers of the method, if it has any; their texts stay valid until keys are renewed.
 *  QTA_ERR_CONFIG: the adapter has filled all places. */
enum qta_status qta_login_add_headers(const struct qta_login *login,
                                      struct qta_connect_request *request, struct qta_error *err);

/** The message to send before all others, NULL for none. Valid until keys are renewed. */
const char *qta_login_message(const struct qta_login *login);

#endif
