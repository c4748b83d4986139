/* Exact spellings only: a key that a venue has encoded in another way is not a key any more that
 * somebody could read out of a session by looking for it, and none is known to do so. */
#include "recorder/secret_mask.h"

#include <stdlib.h>
#include <string.h>

static bool add_spelling(struct qta_secret_mask *mask, char *text)
{
    if (!text)
        return false;
    mask->lengths[mask->count] = strlen(text);
    mask->spellings[mask->count++] = text;
    return true;
}

/* "a/b" as "a\/b". */
static char *escape_slashes(const char *text)
{
    char *escaped = malloc(2 * strlen(text) + 1);
    if (!escaped)
        return NULL;
    char *end = escaped;
    for (; *text; text++) {
        if (*text == '/')
            *end++ = '\\';
        *end++ = *text;
    }
    *end = '\0';
    return escaped;
}

static bool add_secret(struct qta_secret_mask *mask, const char *secret)
{
    if (!secret)
        return true;
    return add_spelling(mask, strdup(secret)) &&
           (!strchr(secret, '/') || add_spelling(mask, escape_slashes(secret)));
}

enum qta_status qta_secret_mask_init(struct qta_secret_mask *mask,
                                     const struct qta_credentials *credentials,
                                     struct qta_error *err)
{
    *mask = (struct qta_secret_mask){0};
    if (add_secret(mask, credentials->api_key) && add_secret(mask, credentials->api_secret))
        return QTA_OK;
    qta_secret_mask_finish(mask);
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the keys of a provider");
}

void qta_secret_mask_finish(struct qta_secret_mask *mask)
{
    for (size_t i = 0; i < mask->count; i++) {
        explicit_bzero(mask->spellings[i], mask->lengths[i]);
        free(mask->spellings[i]);
    }
    mask->count = 0;
}

bool qta_secret_mask_finds(const struct qta_secret_mask *mask, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < mask->count; i++)
        if (memmem(bytes, length, mask->spellings[i], mask->lengths[i]))
            return true;
    return false;
}

void qta_secret_mask_apply(const struct qta_secret_mask *mask, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < mask->count; i++) {
        size_t own = mask->lengths[i];
        uint8_t *place = bytes;
        while ((place = memmem(place, length - (size_t)(place - bytes), mask->spellings[i], own))) {
            memset(place, '*', own);
            place += own;
        }
    }
}
