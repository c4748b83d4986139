/* JSON Web Tokens are read as far as their claims (RFC 7519): header.claims.signature, each in
 * base64url. */
#include "recorder/token.h"

#include <stddef.h>
#include <string.h>

#include "core/json_reader.h"
#include "core/secret.h"

#define SECOND_NS INT64_C(1000000000)

static const int64_t retry_max_ns = 60 * SECOND_NS;
static const int64_t last_try_ns = 2 * SECOND_NS; /* before the end */

/* ---- expiry -----------------------------------------------------------------------------------
 */

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *place = c ? strchr(digits, c) : NULL;
    return place ? (int)(place - digits) : -1;
}

/* Decodes base64url without padding; out has room for it. False: it is not that. */
static bool decode(const char *text, size_t length, char *out, size_t *out_length)
{
    uint32_t bits = 0;
    int bit_count = 0;
    *out_length = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[(*out_length)++] = (char)(bits >> bit_count & 0xff);
        }
    }
    return true;
}

/* Whole seconds, a fraction cut off. */
static bool read_seconds(struct qta_json_reader *reader, int64_t *seconds)
{
    struct qta_json_text number;
    if (!qta_json_read_number(reader, &number))
        return qta_json_skip(reader) && false;
    const char *point = memchr(number.bytes, '.', number.length);
    if (point)
        number.length = (size_t)(point - number.bytes);
    return qta_json_text_to_i64(number, seconds);
}

static int64_t read_expiry(const char *claims, size_t length)
{
    const int64_t seconds_max = INT64_MAX / SECOND_NS;
    struct qta_json_reader reader;
    struct qta_json_text key;
    int64_t expiry_ns = QTA_TOKEN_NEVER;
    qta_json_reader_init(&reader, claims, length);
    if (!qta_json_enter_object(&reader))
        return QTA_TOKEN_NEVER;
    while (qta_json_next_key(&reader, &key)) {
        int64_t seconds;
        if (!qta_json_text_equals(key, "exp"))
            qta_json_skip(&reader);
        else if (read_seconds(&reader, &seconds) && seconds >= 0 && seconds < seconds_max)
            expiry_ns = seconds * SECOND_NS;
    }
    return qta_json_finish(&reader) ? expiry_ns : QTA_TOKEN_NEVER;
}

int64_t qta_token_expiry_ns(const char *token)
{
    const char *claims = strchr(token, '.');
    const char *end = claims ? strchr(claims + 1, '.') : NULL;
    if (!end || strchr(end + 1, '.'))
        return QTA_TOKEN_NEVER;
    claims++;
    size_t length = (size_t)(end - claims);
    char *decoded = qta_secret_create(length + 1);
    size_t decoded_length;
    int64_t expiry_ns = QTA_TOKEN_NEVER;
    if (decoded && decode(claims, length, decoded, &decoded_length))
        expiry_ns = read_expiry(decoded, decoded_length);
    qta_secret_free(decoded);
    return expiry_ns;
}

/* ---- schedule ---------------------------------------------------------------------------------
 */

/* xorshift64: it only spreads load */
static uint64_t next_random(struct qta_token_schedule *schedule)
{
    uint64_t x = schedule->random ? schedule->random : 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    schedule->random = x;
    return x;
}

void qta_token_schedule_start(struct qta_token_schedule *schedule, int64_t obtained_ns,
                              int64_t expires_ns, uint64_t seed)
{
    *schedule = (struct qta_token_schedule){
        .obtained_ns = obtained_ns,
        .expires_ns = expires_ns,
        .due_ns = QTA_TOKEN_NEVER,
        .random = seed,
    };
    if (expires_ns == QTA_TOKEN_NEVER)
        return;
    int64_t life_ns = expires_ns > obtained_ns ? expires_ns - obtained_ns : 0;
    int64_t percent = 75 + (int64_t)(next_random(schedule) % 11);
    /* one that is over already, or nearly, is no reason to ask without pause */
    int64_t wait_ns = life_ns / 100 * percent;
    schedule->due_ns = obtained_ns + (wait_ns > SECOND_NS ? wait_ns : SECOND_NS);
}

void qta_token_schedule_fail(struct qta_token_schedule *schedule, int64_t now_ns)
{
    int64_t wait_ns = schedule->failures < 6 ? SECOND_NS << schedule->failures : retry_max_ns;
    schedule->failures++;
    wait_ns -= (int64_t)(next_random(schedule) % (uint64_t)(wait_ns / 4));
    schedule->due_ns = now_ns + wait_ns;
    int64_t last_ns = schedule->expires_ns - last_try_ns;
    if (last_ns > now_ns && last_ns < schedule->due_ns)
        schedule->due_ns = last_ns;
}

int64_t qta_token_schedule_due_ns(const struct qta_token_schedule *schedule)
{
    return schedule->due_ns;
}

bool qta_token_schedule_is_over(const struct qta_token_schedule *schedule, int64_t now_ns)
{
    return now_ns >= schedule->expires_ns;
}
