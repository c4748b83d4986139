/** @file tick.h
 *  The normalized tick: one plain struct of 128 bytes for every kind of record.
 *
 *  Decimals are split into mantissa and exponent to pack them; use QTA_TICK_DECIMAL to read one:
 *
 *      struct qta_decimal price = QTA_TICK_DECIMAL(tick->trade, price);
 *
 *  Every byte of a tick is defined: start from qta_tick_init(), which clears the struct and sets
 *  times and sequence to unknown and all decimals of the body to null. */
#ifndef QTA_TICK_H
#define QTA_TICK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/decimal.h>
#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a record is. Numbers are part of the file format and never change. Readers skip numbers
 *  they do not know. */
enum qta_tick_type {
    QTA_TICK_NONE = 0,
    QTA_TICK_TRADE = 1,
    QTA_TICK_QUOTE = 2,
    QTA_TICK_BAR = 3,
    QTA_TICK_BOOK = 4,
    QTA_TICK_TRADE_CANCEL = 5,
    QTA_TICK_TRADE_CORRECT = 6,
    QTA_TICK_STATUS = 7,
    QTA_TICK_LULD = 8,
    QTA_TICK_IMBALANCE = 9,
    QTA_TICK_MARKET_TYPE_END = 10, /**< types below are the venue's, types from here on are ours */
    QTA_TICK_CONN = 16,
    QTA_TICK_GAP = 17,
    QTA_TICK_DROP = 18,
    QTA_TICK_CLOCK = 19,
    QTA_TICK_MARKER = 20,
    QTA_TICK_TYPE_END = 21,
};

/** A set of tick types as bits, e.g. QTA_TYPE_BIT(QTA_TICK_TRADE). */
#define QTA_TYPE_BIT(type) (UINT32_C(1) << (type))
#define QTA_TYPES_MARKET                                                                           \
    ((QTA_TYPE_BIT(QTA_TICK_MARKET_TYPE_END) - 1) & ~QTA_TYPE_BIT(QTA_TICK_NONE))
#define QTA_TYPES_FEED ((QTA_TYPE_BIT(QTA_TICK_TYPE_END) - 1) & ~(QTA_TYPE_BIT(QTA_TICK_CONN) - 1))
#define QTA_TYPES_ALL (QTA_TYPES_MARKET | QTA_TYPES_FEED)

/** A time that is not known. Times are ns since the Unix epoch, UTC, and may be negative. */
#define QTA_TIME_UNKNOWN INT64_MIN

/** A sequence number, trade id or count that the venue did not send. */
#define QTA_U64_NONE UINT64_MAX

/** Bits of qta_tick.flags. */
enum qta_tick_flag {
    QTA_FLAG_ROUNDED = 1 << 0,        /**< a number had more digits than fit and was rounded */
    QTA_FLAG_FROM_FLOAT = 1 << 1,     /**< a number came as a binary float: shortest decimal */
    QTA_FLAG_ID_IS_TEXT = 1 << 2,     /**< trade ids are QTA_NAME_TEXT ids, not numbers */
    QTA_FLAG_CONDITIONS_CUT = 1 << 3, /**< the venue sent more than four conditions */
    QTA_FLAG_BOOK_SNAPSHOT = 1 << 4,  /**< part of a full snapshot of the book */
    QTA_FLAG_BOOK_FIRST = 1 << 5,     /**< first of its event; with SNAPSHOT: clear the book */
    QTA_FLAG_BOOK_LAST = 1 << 6,      /**< last of its event: the book is consistent again */
    QTA_FLAG_TIME_RAISED = 1 << 7,    /**< ts_recv was raised so that it does not go back */
};

enum { QTA_CONDITIONS_MAX = 4 };

enum qta_side { QTA_SIDE_UNKNOWN = 0, QTA_SIDE_BUY = 1, QTA_SIDE_SELL = 2 };

enum qta_bar_kind { QTA_BAR_MINUTE = 1, QTA_BAR_UPDATED = 2, QTA_BAR_DAILY = 3, QTA_BAR_OTHER = 4 };

/** SET: the level now has this size. DELETE: the level is gone. CLEAR: the whole book is empty. */
enum qta_book_action { QTA_BOOK_SET = 1, QTA_BOOK_DELETE = 2, QTA_BOOK_CLEAR = 3 };

struct qta_trade {
    int64_t price_mantissa;
    int64_t size_mantissa;
    uint64_t id; /**< QTA_U64_NONE when the venue sent none; see QTA_FLAG_ID_IS_TEXT */
    uint16_t conditions[QTA_CONDITIONS_MAX]; /**< code ids, as sent and in order; 0 ends the list */
    uint16_t exchange;                       /**< code id */
    int8_t price_exponent;
    int8_t size_exponent;
    uint8_t side; /**< enum qta_side: the aggressor */
    char tape;    /**< 'A', 'B', 'C', ... as sent; 0 for none */
};

struct qta_quote {
    int64_t bid_price_mantissa;
    int64_t bid_size_mantissa; /**< in the venue's unit, as sent (Alpaca stocks: round lots) */
    int64_t ask_price_mantissa;
    int64_t ask_size_mantissa;
    uint16_t conditions[QTA_CONDITIONS_MAX];
    uint16_t bid_exchange;
    uint16_t ask_exchange;
    int8_t bid_price_exponent;
    int8_t bid_size_exponent;
    int8_t ask_price_exponent;
    int8_t ask_size_exponent;
    char tape;
};

struct qta_bar {
    int64_t open_mantissa;
    int64_t high_mantissa;
    int64_t low_mantissa;
    int64_t close_mantissa;
    int64_t volume_mantissa;
    int64_t vwap_mantissa;
    uint64_t trade_count; /**< QTA_U64_NONE when not sent */
    int64_t interval_ns;  /**< ts_event is the start of the bar */
    int8_t open_exponent;
    int8_t high_exponent;
    int8_t low_exponent;
    int8_t close_exponent;
    int8_t volume_exponent;
    int8_t vwap_exponent;
    uint8_t kind; /**< enum qta_bar_kind */
};

/** One level of an order book. An event of several levels is several ticks, flagged BOOK_FIRST to
 *  BOOK_LAST. An event without levels (an empty snapshot) is one tick with action CLEAR. */
struct qta_book {
    int64_t price_mantissa;
    int64_t size_mantissa; /**< the new size of the level; 0 with DELETE */
    uint64_t order_count;  /**< orders at the level; QTA_U64_NONE when not sent */
    int8_t price_exponent;
    int8_t size_exponent;
    uint8_t side;   /**< enum qta_side: BUY is the bid side */
    uint8_t action; /**< enum qta_book_action */
};

struct qta_trade_cancel {
    int64_t price_mantissa;
    int64_t size_mantissa;
    uint64_t id; /**< of the trade that is cancelled */
    uint16_t exchange;
    uint16_t action; /**< code id, as sent: "C" cancel, "E" error */
    int8_t price_exponent;
    int8_t size_exponent;
    char tape;
};

struct qta_trade_correct {
    uint64_t original_id;
    uint64_t corrected_id;
    int64_t original_price_mantissa;
    int64_t original_size_mantissa;
    int64_t corrected_price_mantissa;
    int64_t corrected_size_mantissa;
    uint16_t original_conditions[QTA_CONDITIONS_MAX];
    uint16_t corrected_conditions[QTA_CONDITIONS_MAX];
    uint16_t exchange;
    int8_t original_price_exponent;
    int8_t original_size_exponent;
    int8_t corrected_price_exponent;
    int8_t corrected_size_exponent;
    char tape;
};

/** Trading status: halts, resumptions. Codes are verbatim: they differ by tape. */
struct qta_trading_status {
    uint32_t status_message; /**< text id */
    uint32_t reason_message; /**< text id */
    uint16_t status_code;    /**< code id */
    uint16_t reason_code;    /**< code id */
    char tape;
};

/** Limit up, limit down price bands. */
struct qta_luld {
    int64_t limit_up_mantissa;
    int64_t limit_down_mantissa;
    uint16_t indicator; /**< code id */
    int8_t limit_up_exponent;
    int8_t limit_down_exponent;
    char tape;
};

struct qta_imbalance {
    int64_t price_mantissa;
    int64_t size_mantissa;        /**< unpaired quantity; null when not sent */
    int64_t paired_size_mantissa; /**< null when not sent */
    int8_t price_exponent;
    int8_t size_exponent;
    int8_t paired_size_exponent;
    uint8_t side; /**< enum qta_side of the imbalance */
    char tape;
};

enum qta_conn_state {
    QTA_CONN_CONNECTING = 1,   /**< an attempt starts */
    QTA_CONN_OPEN = 2,         /**< the transport is open */
    QTA_CONN_READY = 3,        /**< authenticated */
    QTA_CONN_SUBSCRIBED = 4,   /**< everything asked for was acknowledged */
    QTA_CONN_DISCONNECTED = 5, /**< lost or closed; see cause */
    QTA_CONN_BLOCKED = 6,      /**< given up: refused for good, or attempts used up */
    QTA_CONN_STOPPED = 7,      /**< we closed it on purpose */
    QTA_CONN_RUN_STARTED = 8,  /**< a recorder opened the session (provider is none) */
    QTA_CONN_RUN_ENDED = 9,    /**< a recorder closed the session cleanly */
    QTA_CONN_RUN_CUT = 10, /**< the run before ended without a close: written at the next open */
};

enum qta_conn_cause {
    QTA_CAUSE_NONE = 0,
    QTA_CAUSE_STOP = 1,        /**< asked to stop */
    QTA_CAUSE_RESOLVE = 2,     /**< the host name has no address */
    QTA_CAUSE_CONNECT = 3,     /**< TCP refused, unreachable or timed out */
    QTA_CAUSE_TLS = 4,         /**< handshake or certificate */
    QTA_CAUSE_HTTP = 5,        /**< the upgrade was refused; code is the HTTP status */
    QTA_CAUSE_PEER_CLOSED = 6, /**< close frame; code is the WebSocket close code (0: none) */
    QTA_CAUSE_LOST = 7,        /**< the connection ended without a close frame */
    QTA_CAUSE_SILENT = 8,      /**< no answer to pings or handshake in time */
    QTA_CAUSE_PROTOCOL = 9,    /**< the peer broke WebSocket or provider protocol */
    QTA_CAUSE_AUTH = 10,       /**< credentials refused; code is the provider's */
    QTA_CAUSE_PROVIDER = 11,   /**< the provider reported an error; code is its own */
    QTA_CAUSE_CRASH = 12,      /**< the recorder itself ended without closing */
    QTA_CAUSE_SEQUENCE = 13,   /**< the venue's numbers leave some out */
    QTA_CAUSE_MUTE = 14,       /**< connected, but what should have come did not */
};

struct qta_conn {
    uint64_t attempt; /**< consecutive attempts, from 1; 0 for run records */
    uint32_t detail;  /**< text id: one sentence */
    int32_t code;     /**< see enum qta_conn_cause */
    uint8_t state;    /**< enum qta_conn_state */
    uint8_t cause;    /**< enum qta_conn_cause */
};

enum qta_gap_scope { QTA_GAP_SESSION = 1, QTA_GAP_PROVIDER = 2, QTA_GAP_SYMBOL = 3 };

/** What healed a gap. */
enum qta_gap_remedy {
    QTA_REMEDY_NONE = 0, /**< nothing: this record tells the gap itself */
    QTA_REMEDY_LATE = 1, /**< all that was missing came after all, out of order */
    QTA_REMEDY_SNAPSHOT =
        2, /**< the venue sent the symbol's whole order book: that is true again */
    QTA_REMEDY_BACKFILL = 3, /**< what was missing was fetched */
};

/** Data that was missed: everything between two instants, or between two venue sequence numbers.
 *
 *  A gap that is healed is told once more, with resolved_by set: cause and bounds are those of the
 *  gap; scope, symbol and channel say for what it is healed, which may be one symbol's order book
 * of all that a provider's gap took. */
struct qta_gap {
    int64_t last_good_ns;   /**< ts_recv of the last record before; QTA_TIME_UNKNOWN if none */
    int64_t first_good_ns;  /**< ts_recv at which data can flow again */
    uint64_t last_good_seq; /**< venue's number; QTA_U64_NONE where it has none */
    uint64_t first_good_seq;
    uint64_t resolves; /**< rx_seq of the GAP record that is healed; QTA_U64_NONE where resolved_by
                          is not set, or the gap is on record in the session of a day before */
    uint8_t scope;     /**< enum qta_gap_scope */
    uint8_t cause;     /**< enum qta_conn_cause */
    uint8_t resolved_by; /**< enum qta_gap_remedy */
    uint8_t channel;     /**< enum qta_tick_type of what was missed, or is healed; 0: all types */
};

/** Ticks that were recorded but not handed to a subscriber because it was too slow; or, where the
 *  subscriber is "recording", that were handed on but could not be recorded: those had no rx_seq.
 */
struct qta_drop {
    uint64_t count;
    uint64_t first_rx_seq; /**< of the ticks dropped; QTA_U64_NONE where they had none */
    uint64_t last_rx_seq;
    uint32_t subscriber; /**< text id */
};

/** Whether somebody keeps the wall clock right (NTP, PTP), as the kernel sees it. */
enum qta_clock_sync {
    QTA_CLOCK_UNKNOWN = 0,
    QTA_CLOCK_SYNCHRONISED = 1,
    QTA_CLOCK_UNSYNCHRONISED = 2,
};

/** The wall clock was set, or is no longer or again kept right; each run begins with one that says
 *  how well it keeps time, where that is known. */
struct qta_clock {
    int64_t step_ns;   /**< how far it jumped against the monotonic clock; 0: it did not */
    int64_t offset_ns; /**< wall minus monotonic since the run started, after the step */
    int64_t estimated_offset_ns; /**< what the kernel still has to correct; 0 when unknown */
    uint64_t max_error_ns;       /**< the kernel's bound of the error; QTA_U64_NONE when unknown */
    uint8_t sync;                /**< enum qta_clock_sync */
};

struct qta_marker {
    uint32_t note; /**< text id */
};

struct qta_tick {
    uint64_t rx_seq;     /**< +1 per record of the session: the only ordering authority. 0 live: the
                            tick is not in the session, see enum qta_on_full */
    int64_t ts_recv_ns;  /**< when the frame was read; never decreases within a session */
    int64_t ts_event_ns; /**< the venue's; QTA_TIME_UNKNOWN when it sent none */
    uint64_t src_seq;    /**< the venue's sequence number; QTA_U64_NONE when it sent none */
    uint32_t symbol;     /**< symbol id; 0 for none */
    uint32_t conn;       /**< connection epoch: counts connects within a run, from 1; 0 for none */
    uint32_t flags;      /**< enum qta_tick_flag */
    uint16_t provider;   /**< provider id */
    uint8_t type;        /**< enum qta_tick_type */
    uint8_t reserved;    /**< 0 */
    union {
        struct qta_trade trade;
        struct qta_quote quote;
        struct qta_bar bar;
        struct qta_book book;
        struct qta_trade_cancel trade_cancel;
        struct qta_trade_correct trade_correct;
        struct qta_trading_status status;
        struct qta_luld luld;
        struct qta_imbalance imbalance;
        struct qta_conn conn_event;
        struct qta_gap gap;
        struct qta_drop drop;
        struct qta_clock clock;
        struct qta_marker marker;
        uint8_t bytes[80];
    };
};

static_assert(sizeof(struct qta_tick) == 128, "a tick is two cache lines");

/** Reads the decimal `name` of a tick's body, e.g. QTA_TICK_DECIMAL(tick->quote, bid_price). */
#define QTA_TICK_DECIMAL(body, name)                                                               \
    qta_decimal_make((body).name##_mantissa, (body).name##_exponent)

/** Writes the decimal `name` of a tick's body. Evaluates value once. */
#define QTA_TICK_SET_DECIMAL(body, name, value)                                                    \
    do {                                                                                           \
        struct qta_decimal qta_set_value = (value);                                                \
        (body).name##_mantissa = qta_set_value.mantissa;                                           \
        (body).name##_exponent = qta_set_value.exponent;                                           \
    } while (0)

/** Clears the tick and makes it one of this type with everything unknown: times and sequence
 *  unknown, decimals null, ids and counts QTA_U64_NONE. */
QTA_API void qta_tick_init(struct qta_tick *tick, enum qta_tick_type type);

/** True for the venue's own types (trade to imbalance). */
static inline bool qta_tick_is_market(const struct qta_tick *tick)
{
    return tick->type > QTA_TICK_NONE && tick->type < QTA_TICK_MARKET_TYPE_END;
}

/** ts_recv - ts_event in ns; negative where the venue's clock is ahead. False when unknown or when
 *  the difference does not fit; *latency_ns is kept then. */
QTA_API bool qta_tick_latency_ns(const struct qta_tick *tick, int64_t *latency_ns);

/** "trade", "quote", "bar", "book", "trade_cancel", "trade_correct", "status", "luld", "imbalance",
 *  "conn", "gap", "drop", "clock", "marker"; "unknown" for others. Static. */
QTA_API const char *qta_tick_type_name(unsigned type);

/** The type of that name, its plural accepted too ("trades"); QTA_TICK_NONE when there is none. */
QTA_API enum qta_tick_type qta_tick_type_parse(const char *name, size_t length);

/** Names of enum values as they are printed, e.g. "disconnected", "peer_closed". Static. */
QTA_API const char *qta_conn_state_name(unsigned state);
QTA_API const char *qta_conn_cause_name(unsigned cause);
QTA_API const char *qta_side_name(unsigned side);          /**< "buy", "sell", "" */
QTA_API const char *qta_bar_kind_name(unsigned kind);      /**< "minute", ... */
QTA_API const char *qta_book_action_name(unsigned action); /**< "set", "delete", "clear" */
QTA_API const char *qta_gap_scope_name(unsigned scope);    /**< "session", ... */
QTA_API const char *qta_clock_sync_name(unsigned sync);    /**< "synchronised", ...; "" unknown */
QTA_API const char *qta_gap_remedy_name(unsigned remedy);  /**< "late", ...; "" for none */

/** What a body's field holds. */
enum qta_field_kind {
    QTA_FIELD_DECIMAL, /**< int64 at offset, int8 exponent at exponent_offset */
    QTA_FIELD_U64,     /**< uint64; QTA_U64_NONE is absent */
    QTA_FIELD_ID,      /**< uint64, a text id under QTA_FLAG_ID_IS_TEXT; QTA_U64_NONE is absent */
    QTA_FIELD_TIME,    /**< int64 ns; QTA_TIME_UNKNOWN is absent */
    QTA_FIELD_I64,     /**< int64, always present */
    QTA_FIELD_I32,     /**< int32; 0 is absent */
    QTA_FIELD_CODE,    /**< uint16 code id; 0 is absent */
    QTA_FIELD_CONDITIONS, /**< uint16[QTA_CONDITIONS_MAX] code ids; 0 ends it */
    QTA_FIELD_TEXT,       /**< uint32 text id; 0 is absent */
    QTA_FIELD_CHAR,       /**< char; 0 is absent */
    QTA_FIELD_ENUM,       /**< uint8 with names; 0 is absent */
    QTA_FIELD_INTERVAL,   /**< int64 ns, a duration */
    QTA_FIELD_FLAG,       /**< a bit of qta_tick.flags: true or absent */
};

/** One field of a body: what printing, digests, codecs and conversions walk over. */
struct qta_field {
    const char *name; /**< as printed, e.g. "bid_price" */
    enum qta_field_kind kind;
    uint16_t offset;                    /**< in struct qta_tick */
    uint16_t exponent_offset;           /**< QTA_FIELD_DECIMAL only */
    uint32_t flag;                      /**< QTA_FIELD_FLAG only: enum qta_tick_flag */
    const char *(*enum_name)(unsigned); /**< QTA_FIELD_ENUM only */
};

/** The fields of a type's body in the order they are printed. Static. *count is 0 for an unknown
 *  type. */
QTA_API const struct qta_field *qta_tick_fields(unsigned type, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
