/** @file websocket_url.h
 *  The URLs that a provider can be reached at: ws, wss, tcp and tls. */
#ifndef QTA_CONFIG_WEBSOCKET_URL_H
#define QTA_CONFIG_WEBSOCKET_URL_H

#include <stdbool.h>

struct qta_websocket_url {
    bool is_tcp;       /**< tcp:// or tls:// */
    bool is_encrypted; /**< wss:// or tls:// */
    bool is_loopback;  /**< localhost, 127.0.0.0/8 or ::1 */
};

/** Reads a URL. Returns NULL, or what is wrong with it, for "websocket_url ...". Static; never a
 * part of the URL, which may hold a token. */
const char *qta_websocket_url_read(const char *url, struct qta_websocket_url *parts);

#endif
