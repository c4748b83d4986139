#include "replay/upgrade_credentials.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Writes what the base64 text stands for and a NUL. False: not base64, too long, or with a NUL. */
static bool decode_base64(const char *text, char *out, size_t capacity)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t length = 0;
    for (; *text != '\0' && *text != '='; text++) {
        int value = base64_value(*text);
        if (value < 0 || length + 1 >= capacity)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        bit_count += 6;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        out[length++] = (char)(bits >> bit_count & 0xff);
    }
    out[length] = '\0';
    return strspn(text, "=") == strlen(text) && strlen(out) == length;
}

/* What follows the scheme's name; NULL when it is another scheme. */
static const char *after_scheme(const char *authorization, const char *scheme)
{
    size_t length = strlen(scheme);
    if (strncasecmp(authorization, scheme, length) != 0 || authorization[length] != ' ')
        return NULL;
    return authorization + length + strspn(authorization + length, " ");
}

static bool read_basic(struct qta_upgrade_credentials *credentials, const char *encoded)
{
    char *key = credentials->key;
    if (!decode_base64(encoded, key, sizeof credentials->key))
        return false;
    char *colon = strchr(key, ':');
    if (!colon)
        return false;
    snprintf(credentials->secret, sizeof credentials->secret, "%s", colon + 1);
    *colon = '\0';
    return true;
}

static bool take_pair(struct qta_upgrade_credentials *credentials, const char *key,
                      const char *secret)
{
    if (strlen(key) >= sizeof credentials->key || strlen(secret) >= sizeof credentials->secret)
        return false;
    memcpy(credentials->key, key, strlen(key) + 1);
    memcpy(credentials->secret, secret, strlen(secret) + 1);
    return true;
}

void qta_upgrade_credentials_read(struct qta_upgrade_credentials *credentials, const char *key_id,
                                  const char *secret_key, const char *authorization)
{
    memset(credentials, 0, sizeof *credentials);
    const char *basic = after_scheme(authorization, "Basic");
    const char *bearer = after_scheme(authorization, "Bearer");
    if (key_id[0] != '\0' && secret_key[0] != '\0')
        credentials->is_given = take_pair(credentials, key_id, secret_key);
    else if (basic)
        credentials->is_given = read_basic(credentials, basic);
    else if (bearer && bearer[0] != '\0')
        credentials->is_given = take_pair(credentials, "oauth", bearer);
}

void qta_upgrade_credentials_wipe(struct qta_upgrade_credentials *credentials)
{
    explicit_bzero(credentials, sizeof *credentials);
}
