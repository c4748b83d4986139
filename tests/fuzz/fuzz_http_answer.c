/* The answer to an upgrade. The first byte chooses the pieces in which the rest arrives: the result
 * must be the same as of the whole. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/http_upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const int64_t now_ns = INT64_C(1445412420000000000);

static enum qta_http_result read_in_pieces(const uint8_t *bytes, size_t length, size_t piece,
                                           struct qta_http_answer *answer)
{
    struct qta_http_progress progress = {.offers_deflate = true};
    enum qta_http_result result = QTA_HTTP_MORE;
    for (size_t come = piece; result == QTA_HTTP_MORE; come += piece) {
        if (come > length)
            come = length;
        uint8_t *copy = malloc(come); /* exactly as long */
        if (!copy)
            break;
        memcpy(copy, bytes, come);
        result = qta_http_read_answer(copy, come, &progress, key, now_ns, answer);
        free(copy);
        if (come == length)
            break;
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct qta_http_answer whole;
    struct qta_http_answer pieces;
    enum qta_http_result result = read_in_pieces(data + 1, size - 1, size - 1, &whole);
    if (read_in_pieces(data + 1, size - 1, (size_t)data[0] + 1, &pieces) != result)
        abort();
    if (result != QTA_HTTP_MORE && result != QTA_HTTP_BROKEN &&
        (whole.status != pieces.status || whole.length != pieces.length ||
         whole.retry_after_ns != pieces.retry_after_ns ||
         strcmp(whole.reason, pieces.reason) != 0 || whole.length > size - 1))
        abort();
    for (const char *p = whole.reason; *p; p++) {
        if (*p < ' ' || *p > '~')
            abort();
    }
    return 0;
}
