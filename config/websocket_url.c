/* Only as much as a mistake in a configuration needs: the transport reads URLs for itself. */
#include "config/websocket_url.h"

#include <stdlib.h>
#include <string.h>

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Cuts scheme and "://" off; NULL when it is none of ours. */
static const char *read_scheme(const char *url, struct qta_websocket_url *parts)
{
    static const struct {
        const char *text;
        bool is_tcp;
        bool is_encrypted;
    } schemes[] = {
        {"ws://", false, false},
        {"wss://", false, true},
        {"tcp://", true, false},
        {"tls://", true, true},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (begins_with(url, schemes[i].text)) {
            parts->is_tcp = schemes[i].is_tcp;
            parts->is_encrypted = schemes[i].is_encrypted;
            return url + strlen(schemes[i].text);
        }
    }
    return NULL;
}

static bool is_good_port(const char *text, size_t length)
{
    if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
        return false;
    long port = strtol(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

const char *qta_websocket_url_read(const char *url, struct qta_websocket_url *parts)
{
    *parts = (struct qta_websocket_url){0};
    const char *host = read_scheme(url, parts);
    if (!host)
        return "must begin with ws://, wss://, tcp:// or tls://";
    size_t length = strcspn(host, "/?#");
    if (strchr(url, ' ') || strchr(url, '#'))
        return "must not have a blank or '#' in it";
    if (memchr(host, '@', length))
        return "must not hold a user or password; use api_key and api_secret";
    const char *bracket = host[0] == '[' ? memchr(host, ']', length) : NULL;
    size_t host_length = bracket ? (size_t)(bracket + 1 - host) : strcspn(host, ":/?#");
    if (host_length == 0 || (host[0] == '[' && !bracket))
        return "must have a host, like wss://host/path";
    const char *port = host + host_length;
    size_t port_length = length - host_length;
    if (port_length > 0 && (port[0] != ':' || !is_good_port(port + 1, port_length - 1)))
        return "must have a port from 1 to 65535, or none";
    if (parts->is_tcp && port_length == 0)
        return "must have a port, like tls://host:4001";
    parts->is_loopback = begins_with(host, "127.") || begins_with(host, "[::1]") ||
                         (host_length == 9 && begins_with(host, "localhost"));
    return NULL;
}
