/** @file alpaca_decode.h
 *  Alpaca's frames, JSON or MessagePack, as ticks and as the session's own messages.
 *
 *  A frame is a list of maps, each with its type under "T" (one map alone is taken, too). Keys may
 * come in any order, those not known are skipped, of a key that comes twice the last one counts.
 * Type, tick and what is particular:
 *
 *      t  trade           id, exchange, conditions, tape; crypto: side from "tks"
 *      q  quote           a side whose price is 0 is absent: its price is null, its size is null if
 * it is 0, its exchange is none if it is " "; sizes are in the venue's unit b  bar, minute     u:
 * updated minute, d: daily; ts_event is the start of the bar o  book            a tick per level,
 * bids before asks; size 0 is DELETE; a snapshot without levels is one CLEAR, a change without
 * levels is no tick x  trade_cancel    c: trade_correct, s: status, l: luld, i: imbalance
 *
 *  Cannot be missing: the symbol everywhere; price and size of a trade; a price of a quote (0 is
 * one); time and prices of a bar; the id of a cancel; original id, new price and size of a
 * correction; the code of a status; a band of a luld; the price of an imbalance; a side of a book.
 * A null counts as missing. An unknown time is QTA_TIME_UNKNOWN.
 *
 *  Numbers keep the digits of JSON and the values of MessagePack, where floats become their
 * shortest decimal (QTA_FLAG_FROM_FLOAT). Ids that are whole numbers from 0 to 2^64-2 are numbers;
 * any other id is text (QTA_FLAG_ID_IS_TEXT, then both of a correction's). Of more than four
 * conditions the first four are kept (QTA_FLAG_CONDITIONS_CUT); empty ones are left out.
 *
 *  What is wrong costs as little as possible: a message with a missing or bad field is one fault
 * and lost, the others of its frame are not; a tape or side that is not one we can hold is one
 * fault and left out. From where a frame is no JSON, no MessagePack, no UTF-8 or cut off, it is one
 * fault and lost; the whole messages before that place have been delivered. Texts of the venue
 * never appear in a fault's detail. */
#ifndef QTA_ADAPTERS_ALPACA_DECODE_H
#define QTA_ADAPTERS_ALPACA_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/error.h>

#include "adapters/alpaca_channel.h"

/** The session's own messages. Texts are borrowed for the call and not NUL-ended. */
struct qta_alpaca_events {
    /** {"T":"success"} */
    void (*on_success)(void *user, const char *message, size_t length);
    /** {"T":"error"}; message may be empty. */
    void (*on_error)(void *user, int64_t code, const char *message, size_t length);
    /** {"T":"subscription"}: begin, each symbol of each channel, then the end; is_whole is false
     * when the message was no good after all, and is then to be ignored. */
    void (*on_subscription_begin)(void *user);
    void (*on_subscription_symbol)(void *user, enum qta_alpaca_channel channel, const char *symbol,
                                   size_t length);
    void (*on_subscription_end)(void *user, bool is_whole);
};

struct qta_alpaca_decoder;

/** host, events and user are borrowed for the decoder's life. QTA_ERR_NOMEM. */
enum qta_status qta_alpaca_decoder_create(struct qta_alpaca_decoder **out,
                                          struct qta_adapter_host *host,
                                          const struct qta_alpaca_events *events, void *user,
                                          struct qta_error *err);
void qta_alpaca_decoder_destroy(struct qta_alpaca_decoder *decoder);

/** Decodes one frame: ticks and faults go to the host, the rest to the events. Binary frames are
 *  MessagePack, unless they start as only JSON does ('[' or '{'). */
void qta_alpaca_decode(struct qta_alpaca_decoder *decoder, const struct qta_frame *frame);

/** Called from within an event: the rest of the frame is not decoded. */
void qta_alpaca_decoder_stop(struct qta_alpaca_decoder *decoder);

#endif
