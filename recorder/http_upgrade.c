/* The upgrade from HTTP to WebSocket. Redirects are not followed: the request carries keys that
 * belong to one host. An answer that uses an extension which was not offered is refused. */
#include "recorder/http_upgrade.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <qta/version.h>

#include "core/calendar.h"
#include "recorder/printable.h"

static const int64_t second_ns = INT64_C(1000000000);
static const int64_t retry_after_max_s = 1000000000; /* what is believed of it: retry_after.h */

/* ---- request ---- */

static bool is_token_byte(char c)
{
    return c != '\0' && (isalnum((unsigned char)c) || strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (!is_token_byte(*text))
            return false;
    }
    return true;
}

static bool is_header_value(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Headers that write_request() writes, or that would change what the connection is. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

enum qta_status qta_http_check_headers(const struct qta_header *headers, size_t count,
                                       struct qta_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_token(headers[i].name))
            return qta_error_set(err, QTA_ERR_CONFIG, "the name of header %zu is not a word",
                                 i + 1);
        if (is_reserved(headers[i].name))
            return qta_error_set(err, QTA_ERR_CONFIG, "header '%s' belongs to the upgrade itself",
                                 headers[i].name);
        if (!is_header_value(headers[i].value))
            return qta_error_set(err, QTA_ERR_CONFIG,
                                 "the value of header '%s' has control characters",
                                 headers[i].name);
    }
    return QTA_OK;
}

void qta_http_make_key(const uint8_t nonce[QTA_HTTP_NONCE_BYTES], char key[QTA_HTTP_KEY_BYTES])
{
    EVP_EncodeBlock((unsigned char *)key, nonce, QTA_HTTP_NONCE_BYTES);
}

static bool append_text(struct qta_byte_queue *out, const char *text)
{
    return qta_byte_queue_append(out, text, strlen(text));
}

static bool append_header(struct qta_byte_queue *out, const char *name, const char *value)
{
    return append_text(out, name) && append_text(out, ": ") && append_text(out, value) &&
           append_text(out, "\r\n");
}

bool qta_http_write_request(struct qta_byte_queue *out, const struct qta_url *url,
                            const struct qta_header *headers, size_t count, const char *key,
                            bool offers_deflate)
{
    bool has_agent = false;
    bool is_written = append_text(out, "GET ") && append_text(out, url->path) &&
                      append_text(out, " HTTP/1.1\r\n") &&
                      append_header(out, "Host", url->authority) &&
                      append_header(out, "Upgrade", "websocket") &&
                      append_header(out, "Connection", "Upgrade") &&
                      append_header(out, "Sec-WebSocket-Key", key) &&
                      append_header(out, "Sec-WebSocket-Version", "13");
    if (is_written && offers_deflate)
        is_written = append_header(out, "Sec-WebSocket-Extensions", "permessage-deflate");
    for (size_t i = 0; i < count && is_written; i++) {
        has_agent |= strcasecmp(headers[i].name, "User-Agent") == 0;
        is_written = append_header(out, headers[i].name, headers[i].value);
    }
    if (is_written && !has_agent)
        is_written = append_header(out, "User-Agent", "qta/" QTA_VERSION_TEXT);
    return is_written && append_text(out, "\r\n");
}

/* ---- answer ---- */

/* A piece of the answer; not NUL-terminated. */
struct slice {
    const char *start;
    size_t length;
};

static struct slice trim(struct slice slice)
{
    while (slice.length > 0 && (*slice.start == ' ' || *slice.start == '\t')) {
        slice.start++;
        slice.length--;
    }
    while (slice.length > 0 &&
           (slice.start[slice.length - 1] == ' ' || slice.start[slice.length - 1] == '\t'))
        slice.length--;
    return slice;
}

static bool equals_ignoring_case(struct slice slice, const char *text)
{
    return slice.length == strlen(text) && strncasecmp(slice.start, text, slice.length) == 0;
}

/* The value of the first header of that name between the status line and the empty line. */
static bool header_find(struct slice headers, const char *name, struct slice *value)
{
    const char *p = headers.start;
    const char *end = headers.start + headers.length;
    while (p < end) {
        const char *line_end = memmem(p, (size_t)(end - p), "\r\n", 2);
        if (!line_end)
            line_end = end;
        const char *colon = memchr(p, ':', (size_t)(line_end - p));
        if (colon && equals_ignoring_case((struct slice){p, (size_t)(colon - p)}, name)) {
            *value = trim((struct slice){colon + 1, (size_t)(line_end - colon - 1)});
            return true;
        }
        p = line_end < end ? line_end + 2 : end;
    }
    return false;
}

/* Cuts the first item off a list; false at its end. */
static bool list_next(struct slice *list, char separator, struct slice *item)
{
    if (!list->start)
        return false;
    const char *end = memchr(list->start, separator, list->length);
    item->start = list->start;
    item->length = end ? (size_t)(end - list->start) : list->length;
    list->length = end ? list->length - item->length - 1 : 0;
    list->start = end ? end + 1 : NULL;
    *item = trim(*item);
    return true;
}

/* Whether a comma-separated list holds this word. */
static bool list_has(struct slice list, const char *word)
{
    const char *p = list.start;
    const char *end = list.start + list.length;
    for (;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *item_end = comma ? comma : end;
        if (equals_ignoring_case(trim((struct slice){p, (size_t)(item_end - p)}), word))
            return true;
        if (!comma)
            return false;
        p = comma + 1;
    }
}

/* Reads a number of at most 9 digits. */
static bool parse_number(const char *text, size_t length, int64_t *value)
{
    if (length == 0 || length > 9)
        return false;
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

/* Reads "Wed, 21 Oct 2015 07:28:00 GMT" (RFC 9110 section 5.6.7) as seconds since 1970. */
static bool parse_http_date(struct slice text, int64_t *seconds)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    enum { LENGTH = 29 };
    if (text.length != LENGTH || text.start[3] != ',' || text.start[19] != ':' ||
        text.start[22] != ':' || memcmp(text.start + 25, " GMT", 4) != 0)
        return false;
    unsigned month = 1;
    while (month <= 12 && memcmp(months + (size_t)3 * (month - 1), text.start + 8, 3) != 0)
        month++;
    int64_t day, year, hour, minute, second;
    if (month > 12 || !parse_number(text.start + 5, 2, &day) ||
        !parse_number(text.start + 12, 4, &year) || !parse_number(text.start + 17, 2, &hour) ||
        !parse_number(text.start + 20, 2, &minute) || !parse_number(text.start + 23, 2, &second) ||
        day < 1 || day > qta_days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    *seconds = qta_days_from_civil(year, month, (unsigned)day) * QTA_DAY_S + hour * 3600 +
               minute * 60 + second;
    return true;
}

static bool is_all_digits(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.start[i] < '0' || text.start[i] > '9')
            return false;
    }
    return text.length > 0;
}

/* Retry-After in seconds or as a date; 0 for what is neither, or is over. */
static int64_t parse_retry_after_ns(struct slice text, int64_t now_ns)
{
    int64_t seconds = 0;
    int64_t date_s;
    if (is_all_digits(text)) {
        if (!parse_number(text.start, text.length, &seconds))
            seconds = retry_after_max_s; /* more digits than a sane server sends */
    } else if (parse_http_date(text, &date_s)) {
        seconds = date_s - qta_floor_divide(now_ns, second_ns);
    }
    if (seconds < 0)
        seconds = 0;
    return (seconds < retry_after_max_s ? seconds : retry_after_max_s) * second_ns;
}

/* The accept value of RFC 6455 section 4.2.2: 28 characters and a NUL. */
static void make_accept(const char *key, char accept[32])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[QTA_HTTP_KEY_BYTES + sizeof guid];
    int length = snprintf(text, sizeof text, "%s%s", key, guid);
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1((const unsigned char *)text, (size_t)length, digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
}

static enum qta_http_result broken(struct qta_http_answer *answer, const char *why)
{
    snprintf(answer->reason, sizeof answer->reason, "%s", why);
    return QTA_HTTP_BROKEN;
}

/* A server's parameter of permessage-deflate (RFC 7692 section 7.1), as "name" or "name=value".
 * Those that would bind us to a window of our own were not offered. */
static bool accept_parameter(struct slice parameter, struct qta_http_answer *answer)
{
    static const char window[] = "server_max_window_bits=";
    if (equals_ignoring_case(parameter, "server_no_context_takeover")) {
        answer->keeps_context = false;
        return true;
    }
    if (equals_ignoring_case(parameter, "client_no_context_takeover"))
        return true; /* we compress nothing */
    size_t length = sizeof window - 1;
    int64_t bits;
    if (parameter.length <= length || strncasecmp(parameter.start, window, length) != 0)
        return false;
    return parse_number(parameter.start + length, parameter.length - length, &bits) && bits >= 8 &&
           bits <= 15;
}

static bool accept_extension(struct slice value, bool offers_deflate,
                             struct qta_http_answer *answer)
{
    struct slice item;
    if (!offers_deflate || !list_next(&value, ';', &item) ||
        !equals_ignoring_case(item, "permessage-deflate"))
        return false;
    answer->has_deflate = true;
    answer->keeps_context = true;
    while (list_next(&value, ';', &item)) {
        if (!accept_parameter(item, answer))
            return false;
    }
    return true;
}

static enum qta_http_result check_acceptance(struct slice headers, const char *key,
                                             bool offers_deflate, struct qta_http_answer *answer)
{
    struct slice value;
    char accept[32];
    if (!header_find(headers, "Upgrade", &value) || !equals_ignoring_case(value, "websocket") ||
        !header_find(headers, "Connection", &value) || !list_has(value, "upgrade"))
        return broken(answer, "the server switches to something else than WebSocket");
    make_accept(key, accept);
    if (!header_find(headers, "Sec-WebSocket-Accept", &value) || value.length != strlen(accept) ||
        memcmp(value.start, accept, value.length) != 0)
        return broken(answer,
                      "the upgrade's answer does not fit its key: is there a cache between?");
    if (header_find(headers, "Sec-WebSocket-Extensions", &value) && value.length > 0 &&
        !accept_extension(value, offers_deflate, answer))
        return broken(answer, "the server uses a WebSocket extension that was not offered");
    return QTA_HTTP_ACCEPTED;
}

static enum qta_http_result refusal(struct slice phrase, struct slice headers, int64_t now_ns,
                                    struct qta_http_answer *answer)
{
    char text[64];
    struct slice value;
    qta_copy_printable(text, sizeof text, phrase.start, phrase.length);
    bool is_redirect = answer->status >= 300 && answer->status < 400;
    snprintf(answer->reason, sizeof answer->reason, "the upgrade was refused: %d%s%s%s",
             answer->status, phrase.length > 0 ? " " : "", text,
             is_redirect ? " (redirects are not followed: configure the final URL)" : "");
    if (header_find(headers, "Retry-After", &value))
        answer->retry_after_ns = parse_retry_after_ns(value, now_ns);
    return QTA_HTTP_REFUSED;
}

/* Whether the first bytes can still become "HTTP/1.x ". */
static bool may_be_http(const uint8_t *bytes, size_t length)
{
    static const char start[] = "HTTP/1.";
    size_t compared = length < sizeof start - 1 ? length : sizeof start - 1;
    return memcmp(bytes, start, compared) == 0;
}

/* Reads one block of headers; its last line is complete. */
static enum qta_http_result read_block(const char *bytes, size_t length, const char *key,
                                       bool offers_deflate, int64_t now_ns,
                                       struct qta_http_answer *answer)
{
    enum { TO_STATUS = 9, TO_PHRASE = 12 }; /* "HTTP/1.1 101 Switching Protocols" */
    const char *line_end = memmem(bytes, length, "\r\n", 2);
    int64_t status;
    if (line_end - bytes < TO_PHRASE || bytes[TO_STATUS - 1] != ' ' ||
        !parse_number(bytes + TO_STATUS, 3, &status) || status < 100)
        return broken(answer, "the server's answer is not HTTP");
    answer->status = (int)status;
    struct slice phrase = trim(
        (struct slice){bytes + TO_PHRASE, (size_t)(line_end - bytes) - TO_PHRASE});
    struct slice headers = {line_end + 2, length - (size_t)(line_end + 2 - bytes)};
    if (status == 101)
        return check_acceptance(headers, key, offers_deflate, answer);
    if (status < 200)
        return QTA_HTTP_MORE;
    return refusal(phrase, headers, now_ns, answer);
}

enum qta_http_result qta_http_read_answer(const uint8_t *bytes, size_t length,
                                          struct qta_http_progress *progress, const char *key,
                                          int64_t now_ns, struct qta_http_answer *answer)
{
    static const char empty_line[] = "\r\n\r\n";
    enum { EMPTY_LINE_BYTES = sizeof empty_line - 1 };
    *answer = (struct qta_http_answer){0};
    for (;;) { /* answers like 103 Early Hints come before the real one */
        const uint8_t *block = bytes + progress->block;
        if (!may_be_http(block, length - progress->block))
            return broken(answer, "the server's answer is not HTTP");
        const uint8_t *end = memmem(bytes + progress->scanned, length - progress->scanned,
                                    empty_line, EMPTY_LINE_BYTES);
        if (length >= QTA_HTTP_HEADERS_MAX_BYTES &&
            (!end || end - bytes >= QTA_HTTP_HEADERS_MAX_BYTES))
            return broken(answer, "the server's answer has more than 64 KiB of headers");
        if (!end) {
            /* the last three bytes may be the beginning of the empty line */
            if (length - progress->scanned >= EMPTY_LINE_BYTES)
                progress->scanned = length - (EMPTY_LINE_BYTES - 1);
            return QTA_HTTP_MORE;
        }
        answer->length = (size_t)(end - bytes) + EMPTY_LINE_BYTES;
        enum qta_http_result result = read_block((const char *)block, (size_t)(end - block) + 2,
                                                 key, progress->offers_deflate, now_ns, answer);
        if (result != QTA_HTTP_MORE)
            return result;
        progress->block = progress->scanned = answer->length;
    }
}
