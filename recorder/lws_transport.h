/** @file lws_transport.h
 *  The real transport: WebSocket and TCP, plain and TLS, by libwebsockets and OpenSSL.
 *  The library's only door on this side. */
#ifndef QTA_RECORDER_LWS_TRANSPORT_H
#define QTA_RECORDER_LWS_TRANSPORT_H

#include "core/environment.h"
#include "recorder/transport.h"

/** environment gives the receive times; borrowed. */
enum qta_status qta_lws_transport_create(struct qta_transport **out,
                                         struct qta_environment *environment,
                                         struct qta_error *err);

#endif
