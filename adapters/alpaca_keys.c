/* Keys and what is made of them. */
#include "adapters/alpaca_keys.h"

#include <string.h>

#include "core/secret.h"

enum { QUOTED_MAX = 80, MESSAGE_BYTES = 256, ESCAPED_BYTES = 6 /* of one byte, as \u001f */ };

void qta_alpaca_keys_finish(struct qta_alpaca_keys *keys)
{
    qta_secret_free(keys->key);
    qta_secret_free(keys->secret);
    qta_secret_free(keys->bearer);
    *keys = (struct qta_alpaca_keys){0};
}

bool qta_alpaca_keys_replace(struct qta_alpaca_keys *keys, const char *key, const char *secret)
{
    static const char scheme[] = "Bearer ";
    struct qta_alpaca_keys new_keys = {
        .key = qta_secret_copy(key),
        .secret = qta_secret_copy(secret),
        .bearer = key ? qta_secret_create(strlen(scheme) + strlen(key) + 1) : NULL,
    };
    if ((key && (!new_keys.key || !new_keys.bearer)) || (secret && !new_keys.secret)) {
        qta_alpaca_keys_finish(&new_keys);
        return false;
    }
    if (key)
        stpcpy(stpcpy(new_keys.bearer, scheme), key);
    qta_alpaca_keys_finish(keys);
    *keys = new_keys;
    return true;
}

size_t qta_alpaca_keys_room(const struct qta_alpaca_keys *keys)
{
    size_t length = keys->key ? strlen(keys->key) : 0;
    length += keys->secret ? strlen(keys->secret) : 0;
    return MESSAGE_BYTES + ESCAPED_BYTES * length;
}

/* The length of the key or secret that text starts with; 0 for neither. */
static size_t credential_length(const struct qta_alpaca_keys *keys, const char *text, size_t length)
{
    const char *const credentials[] = {keys->key, keys->secret};
    size_t longest = 0;
    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++) {
        size_t own = credentials[i] ? strlen(credentials[i]) : 0;
        if (own > longest && own <= length && memcmp(text, credentials[i], own) == 0)
            longest = own;
    }
    return longest;
}

/* What the venue wrote may hold anything, our keys included: only plain characters and no key go on
 * to a person. */
void qta_alpaca_keys_quote(const struct qta_alpaca_keys *keys, char *out, size_t capacity,
                           const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used + 4 < capacity && used < QUOTED_MAX; i++) {
        size_t credential = credential_length(keys, text + i, length - i);
        if (credential > 0) {
            memcpy(out + used, "***", 3);
            used += 3;
            i += credential - 1;
            continue;
        }
        out[used] = '?';
        if (text[i] >= 0x20 && text[i] < 0x7f && text[i] != '\'')
            out[used] = text[i];
        used++;
    }
    out[used] = '\0';
}
