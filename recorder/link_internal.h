/** @file link_internal.h
 *  What the two files of a link share: link.c (an open link, its end and its owner) and link_open.c
 *  (the way there). */
#ifndef QTA_RECORDER_LINK_INTERNAL_H
#define QTA_RECORDER_LINK_INTERNAL_H

#include "recorder/link.h"

/* ---- link.c ---- */

int64_t qta_link_now_ns(const struct qta_link *link);

/** There is something to attend to. */
void qta_link_note(struct qta_link *link);

/** Takes what waits in link->in. */
void qta_link_take_waiting(struct qta_link *link);

/* ---- link_open.c ---- */

/** Prepares the request and TLS as the options say, and starts a lookup where one is needed. The
 *  URL has been parsed. Errors as qta_link_create(). */
enum qta_status qta_link_begin(struct qta_link *link, const struct qta_link_options *options,
                               struct qta_error *err);

/** Connects to the next address; the time that is left is shared out among those that are left. */
void qta_link_connect(struct qta_link *link);

/** The socket says that connecting, or the handshake, has gone on. */
void qta_link_continue_connecting(struct qta_link *link);
void qta_link_continue_securing(struct qta_link *link);

/** This address does not work; the next one may. */
void qta_link_try_next(struct qta_link *link, const char *why);

/** Reads more of the upgrade's answer; behind it may be frames already. */
void qta_link_take_answer(struct qta_link *link, const uint8_t *bytes, size_t length,
                          int64_t ts_ns);

/** It has not opened in time. */
void qta_link_on_open_timeout(struct qta_link *link);

#endif
