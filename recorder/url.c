/* URLs, as far as a transport needs them (RFC 3986, RFC 6455 section 3). */
#include "recorder/url.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HOST_LENGTH_MAX = 253, PORT_MAX = 65535 };

struct scheme {
    const char *prefix;
    bool is_websocket;
    bool is_tls;
    uint16_t port; /* 0: it must be given */
};
static const struct scheme schemes[] = {
    {"ws://", true, false, 80},
    {"wss://", true, true, 443},
    {"tcp://", false, false, 0},
    {"tls://", false, true, 0},
};

static const struct scheme *scheme_find(const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    }
    return NULL;
}

/* Printable ASCII without blanks: so no header can be smuggled in. */
static bool has_only_url_bytes(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

static bool is_host_name(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t length = strlen(host);
    return length > 0 && length <= HOST_LENGTH_MAX && strspn(host, allowed) == length;
}

static bool is_ipv6_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, host, &address) == 1;
}

/* Reads "443" to the end of the text. */
static bool parse_port(const char *text, size_t length, uint16_t *port)
{
    unsigned value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
        if (value > PORT_MAX)
            return false;
    }
    *port = (uint16_t)value;
    return length > 0 && value > 0;
}

/* Reads "host", "host:port", "[address]" or "[address]:port". */
static enum qta_status parse_authority(struct qta_url *url, const struct scheme *scheme,
                                       const char *text, size_t length, struct qta_error *err)
{
    if (memchr(text, '@', length))
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "a URL must not hold a user name or password: use the key settings");
    bool is_bracketed = length > 0 && text[0] == '[';
    const char *host = is_bracketed ? text + 1 : text;
    const char *end = text + length;
    const char *host_end = memchr(host, is_bracketed ? ']' : ':', (size_t)(end - host));
    if (!host_end)
        host_end = end;
    size_t host_length = (size_t)(host_end - host);
    if (host_length > HOST_LENGTH_MAX || (is_bracketed && host_end == end))
        return qta_error_set(err, QTA_ERR_CONFIG, "the URL's host is too long or has no ']'");
    memcpy(url->host, host, host_length);
    url->host[host_length] = '\0';
    if (is_bracketed ? !is_ipv6_address(url->host) : !is_host_name(url->host))
        return qta_error_set(err, QTA_ERR_CONFIG, "the URL's host '%s' is neither name nor address",
                             url->host);
    const char *port = is_bracketed ? host_end + 1 : host_end;
    url->port = scheme->port;
    if (port < end && (*port != ':' || !parse_port(port + 1, (size_t)(end - port - 1), &url->port)))
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "the URL of '%s' has no port from 1 to 65535 behind its ':'",
                             url->host);
    if (url->port == 0)
        return qta_error_set(err, QTA_ERR_CONFIG, "the URL '%s%s' needs a port, like '%s%s:4001'",
                             scheme->prefix, url->host, scheme->prefix, url->host);
    int used = snprintf(url->authority, sizeof url->authority, "%s%s%s", is_bracketed ? "[" : "",
                        url->host, is_bracketed ? "]" : "");
    if (url->port != scheme->port)
        snprintf(url->authority + used, sizeof url->authority - (size_t)used, ":%u", url->port);
    return QTA_OK;
}

enum qta_status qta_url_parse(struct qta_url *url, const char *text, struct qta_error *err)
{
    assert(url);
    assert(text);
    const struct scheme *scheme = scheme_find(text);
    if (!scheme)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "a URL must begin with 'ws://', 'wss://', 'tcp://' or 'tls://'");
    if (!has_only_url_bytes(text))
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "the URL has blanks, control or non-ASCII characters: encode them");
    if (strchr(text, '#'))
        return qta_error_set(err, QTA_ERR_CONFIG, "a URL to connect to has no '#' part");
    url->is_websocket = scheme->is_websocket;
    url->is_tls = scheme->is_tls;
    const char *authority = text + strlen(scheme->prefix);
    size_t length = strcspn(authority, "/?");
    enum qta_status status = parse_authority(url, scheme, authority, length, err);
    if (status != QTA_OK)
        return status;
    const char *path = authority + length;
    if (!url->is_websocket && path[0] != '\0' && strcmp(path, "/") != 0)
        return qta_error_set(err, QTA_ERR_CONFIG, "the URL '%s%s' cannot have a path",
                             scheme->prefix, url->authority);
    /* a query may follow the host directly; the request line wants a slash then */
    int used = snprintf(url->path, sizeof url->path, "%s%s", path[0] == '/' ? "" : "/", path);
    if ((size_t)used >= sizeof url->path)
        return qta_error_set(err, QTA_ERR_CONFIG, "the URL of '%s' is longer than %d bytes",
                             url->host, QTA_URL_PATH_BYTES);
    return QTA_OK;
}
