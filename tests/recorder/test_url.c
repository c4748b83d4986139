/* What can be connected to, and what is refused before anything is tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/url.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void urls_come_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_websocket;
        bool is_tls;
        const char *host;
        uint16_t port;
        const char *authority;
        const char *path;
    } cases[] = {
        {"ws://localhost", true, false, "localhost", 80, "localhost", "/"},
        {"wss://stream.example.com/v2/iex", true, true, "stream.example.com", 443,
         "stream.example.com", "/v2/iex"},
        {"wss://example.com:443/", true, true, "example.com", 443, "example.com", "/"},
        {"ws://example.com:8080/a?b=c&d=%20", true, false, "example.com", 8080, "example.com:8080",
         "/a?b=c&d=%20"},
        {"ws://example.com?b=c", true, false, "example.com", 80, "example.com", "/?b=c"},
        {"ws://[::1]:9001/x", true, false, "::1", 9001, "[::1]:9001", "/x"},
        {"wss://[2001:db8::1]", true, true, "2001:db8::1", 443, "[2001:db8::1]", "/"},
        {"tcp://127.0.0.1:4001", false, false, "127.0.0.1", 4001, "127.0.0.1:4001", "/"},
        {"tls://gw.example.com:4001/", false, true, "gw.example.com", 4001, "gw.example.com:4001",
         "/"},
        {"ws://a_b-c.d:65535", true, false, "a_b-c.d", 65535, "a_b-c.d:65535", "/"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_url url;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(qta_url_parse(&url, cases[i].text, NULL), QTA_OK);
        assert_int_equal(url.is_websocket, cases[i].is_websocket);
        assert_int_equal(url.is_tls, cases[i].is_tls);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.authority, cases[i].authority);
        assert_string_equal(url.path, cases[i].path);
    }
}

static void urls_that_can_never_work_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "localhost",
        "http://example.com",
        "https://example.com",
        "WS://example.com",
        "ws:/example.com",
        "ws://",
        "ws:///path",
        "ws://:80/",
        "ws://example.com:",
        "ws://example.com:0",
        "ws://example.com:65536",
        "ws://example.com:99999999999999999999",
        "ws://example.com:80x",
        "ws://example.com:-1",
        "ws://example.com/a b",
        "ws://example.com/a\r\nX-Smuggled: 1",
        "ws://exa\tmple.com/",
        "ws://ex\xc3\xa4mple.com/",
        "ws://example.com/#fragment",
        "ws://user:secret@example.com/",
        "ws://user@example.com/",
        "ws://[::1",
        "ws://[::1]x",
        "ws://[nonsense]/",
        "ws://[127.0.0.1]/",
        "ws://::1/",
        "ws://exam%70le.com/",
        "tcp://example.com",
        "tls://example.com/",
        "tcp://example.com:4001/path",
        "tcp://example.com:4001?x",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_url url;
        struct qta_error err = {0};
        print_message("case '%s'\n", cases[i]);
        assert_int_equal(qta_url_parse(&url, cases[i], &err), QTA_ERR_CONFIG);
        assert_string_not_equal(err.message, "");
    }
}

static void messages_do_not_repeat_what_may_be_secret(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "ws://user:hunter2@example.com/",   "http://example.com/?key=hunter2",
        "ws://example.com:x/?key=hunter2",  "ws://example.com/?key=hunter2#",
        "ws://example.com/?key=hunter2 ",   "tcp://example.com/?key=hunter2",
        "tcp://example.com:1/?key=hunter2",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_url url;
        struct qta_error err;
        assert_int_equal(qta_url_parse(&url, cases[i], &err), QTA_ERR_CONFIG);
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void long_parts_are_refused_not_cut(void **state)
{
    (void)state;
    enum { LONG = 2 * QTA_URL_PATH_BYTES };
    char *text = malloc(LONG + 32);
    assert_non_null(text);
    struct qta_url url;
    memcpy(text, "ws://", 5);
    memset(text + 5, 'a', LONG);
    text[5 + 253] = '\0';
    assert_int_equal(qta_url_parse(&url, text, NULL), QTA_OK);
    text[5 + 253] = 'a';
    text[5 + 254] = '\0';
    assert_int_equal(qta_url_parse(&url, text, NULL), QTA_ERR_CONFIG);
    text[5 + 254] = 'a';
    text[10] = '/';
    text[10 + QTA_URL_PATH_BYTES] = '\0';
    assert_int_equal(qta_url_parse(&url, text, NULL), QTA_ERR_CONFIG);
    text[10 + QTA_URL_PATH_BYTES - 1] = '\0';
    assert_int_equal(qta_url_parse(&url, text, NULL), QTA_OK);
    assert_int_equal(strlen(url.path), QTA_URL_PATH_BYTES - 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_come_apart),
        cmocka_unit_test(urls_that_can_never_work_are_refused),
        cmocka_unit_test(messages_do_not_repeat_what_may_be_secret),
        cmocka_unit_test(long_parts_are_refused_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
