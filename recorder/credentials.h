/** @file credentials.h
 *  A provider's key and secret, from the options or the environment, in memory as short as can be.
 */
#ifndef QTA_RECORDER_CREDENTIALS_H
#define QTA_RECORDER_CREDENTIALS_H

#include <stddef.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/error.h>

/** Copies of our own; NULL for what was not found. */
struct qta_credentials {
    char *api_key;
    char *api_secret;
};

/** Each of the two from the first of: the options, <PROVIDER>_API_KEY or _API_SECRET, the adapter's
 *  own variable. An empty one counts as not there. QTA_ERR_CONFIG when the adapter needs them and
 *  auth_method is not none: the message names the variables, never a value. QTA_ERR_NOMEM.
 *  On success qta_credentials_wipe() is due. */
enum qta_status qta_credentials_find(struct qta_credentials *credentials,
                                     const struct qta_provider_options *provider,
                                     const struct qta_adapter_ops *ops, struct qta_error *err);

/** Overwrites and frees. */
void qta_credentials_wipe(struct qta_credentials *credentials);

/** The variable's name, e.g. "FOO_BAR_API_KEY" for provider "foo-bar" and suffix "_API_KEY":
 * letters in upper case, digits as they are, all else '_'. Cut at capacity. */
void qta_credentials_variable(char *text, size_t capacity, const char *provider,
                              const char *suffix);

#endif
