/** @file upgrade_credentials.h
 *  Key and secret from the headers of an upgrade request, in the forms that Alpaca takes. */
#ifndef QTA_REPLAY_UPGRADE_CREDENTIALS_H
#define QTA_REPLAY_UPGRADE_CREDENTIALS_H

#include <stdbool.h>

enum { QTA_UPGRADE_CREDENTIAL_BYTES = 1024 };

struct qta_upgrade_credentials {
    bool is_given;
    char key[QTA_UPGRADE_CREDENTIAL_BYTES];
    char secret[QTA_UPGRADE_CREDENTIAL_BYTES];
};

/** From the values of APCA-API-KEY-ID, APCA-API-SECRET-KEY and Authorization, each "" when it was
 *  missing. "Basic" holds key:secret; of "Bearer" the token is the secret and the key is "oauth",
 *  as when it comes in a message. What is malformed is not given. */
void qta_upgrade_credentials_read(struct qta_upgrade_credentials *credentials, const char *key_id,
                                  const char *secret_key, const char *authorization);

void qta_upgrade_credentials_wipe(struct qta_upgrade_credentials *credentials);

#endif
