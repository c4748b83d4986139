/* The HTTP exchange before a WebSocket: what we ask, and every kind of answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/http_upgrade.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The example of RFC 6455 section 1.3. */
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"

/* 2015-10-21T07:27:00Z */
static const int64_t now_ns = INT64_C(1445412420000000000);

static void the_key_is_the_nonce_in_base64(void **state)
{
    (void)state;
    char text[QTA_HTTP_KEY_BYTES];
    qta_http_make_key((const uint8_t *)"the sample nonce", text);
    assert_string_equal(text, key);
}

static void the_request_says_what_it_must(void **state)
{
    (void)state;
    struct qta_url url;
    assert_int_equal(qta_url_parse(&url, "ws://example.com:8080/chat?x=1", NULL), QTA_OK);
    const struct qta_header headers[] = {{"APCA-API-KEY-ID", "abc"}, {"X-Empty", ""}};
    struct qta_byte_queue out = {0};
    assert_true(qta_http_write_request(&out, &url, headers, COUNT(headers), key, false));
    static const char expected[] = "GET /chat?x=1 HTTP/1.1\r\n"
                                   "Host: example.com:8080\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "APCA-API-KEY-ID: abc\r\n"
                                   "X-Empty: \r\n"
                                   "User-Agent: qta/";
    assert_memory_equal(qta_byte_queue_bytes(&out), expected, sizeof expected - 1);
    assert_memory_equal(qta_byte_queue_bytes(&out) + qta_byte_queue_length(&out) - 4, "\r\n\r\n",
                        4);
    qta_byte_queue_finish(&out);
}

static void headers_that_would_break_the_request_are_refused(void **state)
{
    (void)state;
    static const struct qta_header fine[] = {
        {"Authorization", "Bearer x.y-z"},
        {"Sec-WebSocket-Protocol", "chat"},
        {"X-Tab", "a\tb"},
        {"X-Umlaut", "\xc3\xa4"},
        {"User-Agent", "mine"},
    };
    static const struct qta_header refused[] = {
        {"", "x"},
        {"A B", "x"},
        {"A:", "x"},
        {"A\r\nB", "x"},
        {"\xc3\xa4", "x"},
        {"X", "a\r\nY: b"},
        {"X", "a\nb"},
        {"X", "a\x7f"},
        {"Host", "evil"},
        {"host", "evil"},
        {"Connection", "x"},
        {"upgrade", "x"},
        {"Content-Length", "5"},
        {"Transfer-Encoding", "chunked"},
        {"Sec-WebSocket-Key", "x"},
        {"Sec-WebSocket-Extensions", "permessage-deflate"},
    };
    assert_int_equal(qta_http_check_headers(fine, COUNT(fine), NULL), QTA_OK);
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct qta_error err;
        assert_int_equal(qta_http_check_headers(&refused[i], 1, &err), QTA_ERR_CONFIG);
    }
    static const struct qta_header secret = {"X-Key", "hunter2\n"};
    struct qta_error err;
    assert_int_equal(qta_http_check_headers(&secret, 1, &err), QTA_ERR_CONFIG);
    assert_null(strstr(err.message, "hunter2"));
}

static void answers_mean_the_same_in_any_slices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum qta_http_result result;
        int status;
        int retry_after_s;
        const char *reason; /* a part of it */
    } cases[] = {
        {SWITCH UPGRADE ACCEPT "\r\n", QTA_HTTP_ACCEPTED, 101, 0, ""},
        {SWITCH "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
                "sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  \r\nServer: x\r\n\r\n",
         QTA_HTTP_ACCEPTED, 101, 0, ""},
        {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" SWITCH UPGRADE ACCEPT "\r\n",
         QTA_HTTP_ACCEPTED, 101, 0, ""},
        {SWITCH UPGRADE "\r\n", QTA_HTTP_BROKEN, 0, 0, "does not fit its key"},
        {SWITCH UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n",
         QTA_HTTP_BROKEN, 0, 0, "does not fit its key"},
        {SWITCH "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n", QTA_HTTP_BROKEN, 0, 0,
         "something else"},
        {SWITCH "Upgrade: websocket\r\nConnection: close\r\n" ACCEPT "\r\n", QTA_HTTP_BROKEN, 0, 0,
         "something else"},
        {SWITCH UPGRADE ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         QTA_HTTP_BROKEN, 0, 0, "extension"},
        {"HTTP/1.1 401 Unauthorized\r\n\r\n", QTA_HTTP_REFUSED, 401, 0, "401 Unauthorized"},
        {"HTTP/1.0 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", QTA_HTTP_REFUSED, 403, 0,
         "403 Forbidden"},
        {"HTTP/1.1 404 \r\n\r\n", QTA_HTTP_REFUSED, 404, 0, "refused: 404"},
        {"HTTP/1.1 418\r\n\r\n", QTA_HTTP_REFUSED, 418, 0, "refused: 418"},
        {"HTTP/1.1 200 OK\r\n\r\n", QTA_HTTP_REFUSED, 200, 0, "200 OK"},
        {"HTTP/1.1 302 Found\r\nLocation: wss://elsewhere/\r\n\r\n", QTA_HTTP_REFUSED, 302, 0,
         "redirects are not followed"},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n", QTA_HTTP_REFUSED, 429, 7,
         "429"},
        {"HTTP/1.1 503 x\r\nretry-after:  120 \r\n\r\n", QTA_HTTP_REFUSED, 503, 120, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n", QTA_HTTP_REFUSED,
         503, 60, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: Wed, 21 Oct 2015 07:26:00 GMT\r\n\r\n", QTA_HTTP_REFUSED,
         503, 0, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: Fri, 21 Oct 2095 07:26:00 GMT\r\n\r\n", QTA_HTTP_REFUSED,
         503, 1000000000, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: Wed, 32 Oct 2015 07:28:00 GMT\r\n\r\n", QTA_HTTP_REFUSED,
         503, 0, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: Wed, 21 Okt 2015 07:28:00 GMT\r\n\r\n", QTA_HTTP_REFUSED,
         503, 0, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: 1000000000\r\n\r\n", QTA_HTTP_REFUSED, 503, 1000000000,
         "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999\r\n\r\n", QTA_HTTP_REFUSED, 503,
         1000000000, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: soon\r\n\r\n", QTA_HTTP_REFUSED, 503, 0, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After: -5\r\n\r\n", QTA_HTTP_REFUSED, 503, 0, "503"},
        {"HTTP/1.1 503 x\r\nRetry-After:\r\n\r\n", QTA_HTTP_REFUSED, 503, 0, "503"},
        {"HTTP/1.1 503 \x1b[2J\r\n\r\n", QTA_HTTP_REFUSED, 503, 0, "503 ?[2J"},
        {"SSH-2.0-OpenSSH_9.2\r\n", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"{\"error\":1}", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"HTTP/2 200\r\n\r\n", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"HTTP/1.1 x01 y\r\n\r\n", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"HTTP/1.1 099 y\r\n\r\n", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"HTTP/1.1\r\n\r\n", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"HTTP/1.1 100 Continue\r\n\r\ngarbage", QTA_HTTP_BROKEN, 0, 0, "not HTTP"},
        {"HTTP/1.1 401 Unauthorized\r\nServer: x\r\n", QTA_HTTP_MORE, 0, 0, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t whole = strlen(cases[i].text);
        print_message("case %zu: '%.40s'\n", i, cases[i].text);
        for (size_t step = 1; step <= whole; step++) {
            struct qta_http_progress progress = {0};
            enum qta_http_result result = QTA_HTTP_MORE;
            struct qta_http_answer answer;
            for (size_t length = step; result == QTA_HTTP_MORE; length += step) {
                if (length > whole)
                    length = whole;
                uint8_t *bytes = malloc(length);
                assert_non_null(bytes);
                memcpy(bytes, cases[i].text, length);
                result = qta_http_read_answer(bytes, length, &progress, key, now_ns, &answer);
                free(bytes);
                if (length == whole)
                    break;
            }
            assert_int_equal(result, cases[i].result);
            if (result == QTA_HTTP_REFUSED || result == QTA_HTTP_ACCEPTED)
                assert_int_equal(answer.status, cases[i].status);
            assert_true(answer.retry_after_ns == cases[i].retry_after_s * INT64_C(1000000000));
            assert_non_null(strstr(answer.reason, cases[i].reason));
        }
    }
}

static void compression_is_agreed_on_only_as_it_was_offered(void **state)
{
    (void)state;
    static const struct {
        const char *extensions;
        bool is_offered;
        enum qta_http_result result;
        bool has_deflate;
        bool keeps_context;
    } cases[] = {
        {"", true, QTA_HTTP_ACCEPTED, false, false},
        {"permessage-deflate", true, QTA_HTTP_ACCEPTED, true, true},
        {"Permessage-Deflate ; server_no_context_takeover", true, QTA_HTTP_ACCEPTED, true, false},
        {"permessage-deflate; client_no_context_takeover; server_max_window_bits=9", true,
         QTA_HTTP_ACCEPTED, true, true},
        {"permessage-deflate", false, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate; server_max_window_bits=7", true, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate; server_max_window_bits=16", true, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate; server_max_window_bits=", true, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate; client_max_window_bits=15", true, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate; x", true, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate, permessage-deflate", true, QTA_HTTP_BROKEN, false, false},
        {"permessage-deflate;", true, QTA_HTTP_BROKEN, false, false},
        {"x-webkit-deflate-frame", true, QTA_HTTP_BROKEN, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512];
        struct qta_http_progress progress = {.offers_deflate = cases[i].is_offered};
        struct qta_http_answer answer;
        print_message("case '%s'\n", cases[i].extensions);
        snprintf(text, sizeof text, SWITCH UPGRADE ACCEPT "Sec-WebSocket-Extensions: %s\r\n\r\n",
                 cases[i].extensions);
        assert_int_equal(qta_http_read_answer((const uint8_t *)text, strlen(text), &progress, key,
                                              now_ns, &answer),
                         cases[i].result);
        if (cases[i].result != QTA_HTTP_ACCEPTED)
            continue;
        assert_int_equal(answer.has_deflate, cases[i].has_deflate);
        assert_int_equal(answer.keeps_context, cases[i].keeps_context);
    }
}

static void frames_behind_the_answer_are_left_alone(void **state)
{
    (void)state;
    static const char text[] = SWITCH UPGRADE ACCEPT "\r\n\x81\x02hi\r\n\r\n";
    struct qta_http_progress progress = {0};
    struct qta_http_answer answer;
    assert_int_equal(qta_http_read_answer((const uint8_t *)text, sizeof text - 1, &progress, key,
                                          now_ns, &answer),
                     QTA_HTTP_ACCEPTED);
    assert_string_equal(text + answer.length, "\x81\x02hi\r\n\r\n");
}

static void endless_headers_come_to_an_end(void **state)
{
    (void)state;
    static char text[QTA_HTTP_HEADERS_MAX_BYTES + 100];
    memset(text, 'x', sizeof text);
    text[snprintf(text, 32, "HTTP/1.1 200 OK\r\n")] = 'x';
    struct qta_http_progress progress = {0};
    size_t length = 0;
    struct qta_http_answer answer;
    enum qta_http_result result = QTA_HTTP_MORE;
    while (result == QTA_HTTP_MORE && length < sizeof text)
        result = qta_http_read_answer((const uint8_t *)text, ++length, &progress, key, now_ns,
                                      &answer);
    assert_int_equal(result, QTA_HTTP_BROKEN);
    assert_int_equal(length, QTA_HTTP_HEADERS_MAX_BYTES);
    static const char empty_line[] = {'\r', '\n', '\r', '\n'};
    memcpy(text + sizeof text - 4, empty_line, 4); /* an end that comes in one piece, too late */
    progress = (struct qta_http_progress){0};
    assert_int_equal(
        qta_http_read_answer((const uint8_t *)text, sizeof text, &progress, key, now_ns, &answer),
        QTA_HTTP_BROKEN);
    assert_non_null(strstr(answer.reason, "64 KiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_the_nonce_in_base64),
        cmocka_unit_test(the_request_says_what_it_must),
        cmocka_unit_test(compression_is_agreed_on_only_as_it_was_offered),
        cmocka_unit_test(headers_that_would_break_the_request_are_refused),
        cmocka_unit_test(answers_mean_the_same_in_any_slices),
        cmocka_unit_test(frames_behind_the_answer_are_left_alone),
        cmocka_unit_test(endless_headers_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
