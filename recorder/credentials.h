/** @file credentials.h
 *  A provider's key and secret: where they are looked for, and copies of our own. */
#ifndef QTA_RECORDER_CREDENTIALS_H
#define QTA_RECORDER_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/error.h>

/** In memory as in core/secret.h; NULL for what was not found. */
struct qta_credentials {
    char *api_key;
    char *api_secret;
};

/** Each of the two from the first of these that has it:
 *    1. the options (configuration), where `${NAME}` is a variable of the environment;
 *    2. <PROVIDER>_API_KEY or <PROVIDER>_API_SECRET of the environment;
 *    3. the adapter's own variable;
 *    4. the file api_key_file or api_secret_file;
 *    5. systemd: the file <provider>_api_key or <provider>_api_secret in $CREDENTIALS_DIRECTORY.
 *  A key that token_command prints is not looked for. A variable that is empty counts as not there.
 * A file that is named and cannot be used is an error; a systemd credential may be missing.
 * QTA_ERR_CONFIG: what the way to log in needs is nowhere, or cannot be a key; messages name the
 * sources, never a value. QTA_ERR_IO, QTA_ERR_NOMEM. On success qta_credentials_wipe() is due.
 * Blocks for the disk. */
enum qta_status qta_credentials_find(struct qta_credentials *credentials,
                                     const struct qta_provider_options *provider,
                                     const struct qta_adapter_ops *ops, struct qta_error *err);

/** Copies both. QTA_ERR_NOMEM. */
enum qta_status qta_credentials_copy(struct qta_credentials *copy,
                                     const struct qta_credentials *credentials,
                                     struct qta_error *err);

bool qta_credentials_equal(const struct qta_credentials *left, const struct qta_credentials *right);

/** Overwrites and frees. */
void qta_credentials_wipe(struct qta_credentials *credentials);

/** The variable's name, e.g. "FOO_BAR_API_KEY" for provider "foo-bar" and suffix "_API_KEY":
 * letters in upper case, digits as they are, all else '_'. Cut at capacity. */
void qta_credentials_variable(char *text, size_t capacity, const char *provider,
                              const char *suffix);

#endif
