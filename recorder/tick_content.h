/** @file tick_content.h
 *  What a tick says, apart from when and over which connection it came. Pure. */
#ifndef QTA_RECORDER_TICK_CONTENT_H
#define QTA_RECORDER_TICK_CONTENT_H

#include <stdint.h>

#include <qta/tick.h>

/** A hash of all that the venue said: type, symbol, its time and number, flags and the whole body,
 *  of which every byte must be defined. */
uint64_t qta_tick_content_hash(const struct qta_tick *tick);

/** The number by which the venue tells ticks apart: src_seq, or the id of a trade; QTA_U64_NONE
 *  where there is none. */
uint64_t qta_tick_ident(const struct qta_tick *tick);

#endif
