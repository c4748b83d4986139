/** @file url.h
 *  The addresses that a transport can connect to: ws://, wss://, tcp:// and tls://. */
#ifndef QTA_RECORDER_URL_H
#define QTA_RECORDER_URL_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>

enum { QTA_URL_HOST_BYTES = 256, QTA_URL_AUTHORITY_BYTES = 272, QTA_URL_PATH_BYTES = 4096 };

struct qta_url {
    bool is_websocket;                       /**< ws, wss; otherwise tcp, tls */
    bool is_tls;                             /**< wss, tls */
    uint16_t port;                           /**< 80 and 443 where a WebSocket URL has none */
    char host[QTA_URL_HOST_BYTES];           /**< name or address, without brackets */
    char authority[QTA_URL_AUTHORITY_BYTES]; /**< as a Host header wants it */
    char path[QTA_URL_PATH_BYTES];           /**< with the query; "/" where there is none */
};

/** Takes a URL apart. QTA_ERR_CONFIG for one that can never work: another scheme, user names in it
 * (keys belong into headers), fragments, bytes that a URL cannot have, tcp and tls with a path or
 * without a port. No message repeats the query or what stands before an '@': secrets may be there.
 */
enum qta_status qta_url_parse(struct qta_url *url, const char *text, struct qta_error *err);

#endif
