/* The tick's types by name, and the table of fields that everything generic walks over. */
#include <qta/tick.h>

#include <pthread.h>
#include <string.h>

#define BODY(member, field) (uint16_t) offsetof(struct qta_tick, member.field)

#define DECIMAL(label, member, field)                                                              \
    {                                                                                              \
        .name = label, .kind = QTA_FIELD_DECIMAL, .offset = BODY(member, field##_mantissa),        \
        .exponent_offset = BODY(member, field##_exponent)                                          \
    }
#define PLAIN(label, field_kind, member, field)                                                    \
    {                                                                                              \
        .name = label, .kind = field_kind, .offset = BODY(member, field)                           \
    }
#define ENUM(label, member, field, names)                                                          \
    {                                                                                              \
        .name = label, .kind = QTA_FIELD_ENUM, .offset = BODY(member, field), .enum_name = names   \
    }
#define FLAG(label, bit)                                                                           \
    {                                                                                              \
        .name = label, .kind = QTA_FIELD_FLAG,                                                     \
        .offset = (uint16_t)offsetof(struct qta_tick, flags), .flag = bit                          \
    }

static const struct qta_field trade_fields[] = {
    DECIMAL("price", trade, price),
    DECIMAL("size", trade, size),
    PLAIN("id", QTA_FIELD_ID, trade, id),
    PLAIN("exchange", QTA_FIELD_CODE, trade, exchange),
    PLAIN("conditions", QTA_FIELD_CONDITIONS, trade, conditions),
    PLAIN("tape", QTA_FIELD_CHAR, trade, tape),
    ENUM("side", trade, side, qta_side_name),
};

static const struct qta_field quote_fields[] = {
    DECIMAL("bid_price", quote, bid_price),
    DECIMAL("bid_size", quote, bid_size),
    PLAIN("bid_exchange", QTA_FIELD_CODE, quote, bid_exchange),
    DECIMAL("ask_price", quote, ask_price),
    DECIMAL("ask_size", quote, ask_size),
    PLAIN("ask_exchange", QTA_FIELD_CODE, quote, ask_exchange),
    PLAIN("conditions", QTA_FIELD_CONDITIONS, quote, conditions),
    PLAIN("tape", QTA_FIELD_CHAR, quote, tape),
};

static const struct qta_field bar_fields[] = {
    DECIMAL("open", bar, open),
    DECIMAL("high", bar, high),
    DECIMAL("low", bar, low),
    DECIMAL("close", bar, close),
    DECIMAL("volume", bar, volume),
    PLAIN("trades", QTA_FIELD_U64, bar, trade_count),
    DECIMAL("vwap", bar, vwap),
    PLAIN("interval", QTA_FIELD_INTERVAL, bar, interval_ns),
    ENUM("kind", bar, kind, qta_bar_kind_name),
};

static const struct qta_field book_fields[] = {
    ENUM("side", book, side, qta_side_name),
    DECIMAL("price", book, price),
    DECIMAL("size", book, size),
    PLAIN("count", QTA_FIELD_U64, book, order_count),
    ENUM("action", book, action, qta_book_action_name),
    FLAG("snapshot", QTA_FLAG_BOOK_SNAPSHOT),
    FLAG("first", QTA_FLAG_BOOK_FIRST),
    FLAG("last", QTA_FLAG_BOOK_LAST),
};

static const struct qta_field trade_cancel_fields[] = {
    DECIMAL("price", trade_cancel, price),
    DECIMAL("size", trade_cancel, size),
    PLAIN("id", QTA_FIELD_ID, trade_cancel, id),
    PLAIN("exchange", QTA_FIELD_CODE, trade_cancel, exchange),
    PLAIN("action", QTA_FIELD_CODE, trade_cancel, action),
    PLAIN("tape", QTA_FIELD_CHAR, trade_cancel, tape),
};

static const struct qta_field trade_correct_fields[] = {
    PLAIN("original_id", QTA_FIELD_ID, trade_correct, original_id),
    DECIMAL("original_price", trade_correct, original_price),
    DECIMAL("original_size", trade_correct, original_size),
    PLAIN("original_conditions", QTA_FIELD_CONDITIONS, trade_correct, original_conditions),
    PLAIN("corrected_id", QTA_FIELD_ID, trade_correct, corrected_id),
    DECIMAL("corrected_price", trade_correct, corrected_price),
    DECIMAL("corrected_size", trade_correct, corrected_size),
    PLAIN("corrected_conditions", QTA_FIELD_CONDITIONS, trade_correct, corrected_conditions),
    PLAIN("exchange", QTA_FIELD_CODE, trade_correct, exchange),
    PLAIN("tape", QTA_FIELD_CHAR, trade_correct, tape),
};

static const struct qta_field status_fields[] = {
    PLAIN("status_code", QTA_FIELD_CODE, status, status_code),
    PLAIN("status_message", QTA_FIELD_TEXT, status, status_message),
    PLAIN("reason_code", QTA_FIELD_CODE, status, reason_code),
    PLAIN("reason_message", QTA_FIELD_TEXT, status, reason_message),
    PLAIN("tape", QTA_FIELD_CHAR, status, tape),
};

static const struct qta_field luld_fields[] = {
    DECIMAL("limit_up", luld, limit_up),
    DECIMAL("limit_down", luld, limit_down),
    PLAIN("indicator", QTA_FIELD_CODE, luld, indicator),
    PLAIN("tape", QTA_FIELD_CHAR, luld, tape),
};

static const struct qta_field imbalance_fields[] = {
    DECIMAL("price", imbalance, price),
    DECIMAL("size", imbalance, size),
    DECIMAL("paired_size", imbalance, paired_size),
    ENUM("side", imbalance, side, qta_side_name),
    PLAIN("tape", QTA_FIELD_CHAR, imbalance, tape),
};

static const struct qta_field conn_fields[] = {
    ENUM("state", conn_event, state, qta_conn_state_name),
    ENUM("cause", conn_event, cause, qta_conn_cause_name),
    PLAIN("code", QTA_FIELD_I32, conn_event, code),
    PLAIN("attempt", QTA_FIELD_U64, conn_event, attempt),
    PLAIN("detail", QTA_FIELD_TEXT, conn_event, detail),
};

static const char *channel_name(unsigned type)
{
    return type < QTA_TICK_MARKET_TYPE_END && type != QTA_TICK_NONE ? qta_tick_type_name(type) : "";
}

static const struct qta_field gap_fields[] = {
    ENUM("scope", gap, scope, qta_gap_scope_name),
    ENUM("cause", gap, cause, qta_conn_cause_name),
    PLAIN("last_good", QTA_FIELD_TIME, gap, last_good_ns),
    PLAIN("first_good", QTA_FIELD_TIME, gap, first_good_ns),
    PLAIN("last_good_seq", QTA_FIELD_U64, gap, last_good_seq),
    PLAIN("first_good_seq", QTA_FIELD_U64, gap, first_good_seq),
    PLAIN("resolves", QTA_FIELD_U64, gap, resolves),
    ENUM("resolved_by", gap, resolved_by, qta_gap_remedy_name),
    ENUM("channel", gap, channel, channel_name),
};

static const struct qta_field drop_fields[] = {
    PLAIN("count", QTA_FIELD_U64, drop, count),
    PLAIN("first_seq", QTA_FIELD_U64, drop, first_rx_seq),
    PLAIN("last_seq", QTA_FIELD_U64, drop, last_rx_seq),
    PLAIN("subscriber", QTA_FIELD_TEXT, drop, subscriber),
};

static const struct qta_field clock_fields[] = {
    PLAIN("step_ns", QTA_FIELD_I64, clock, step_ns),
    PLAIN("offset_ns", QTA_FIELD_I64, clock, offset_ns),
    PLAIN("estimated_offset_ns", QTA_FIELD_I64, clock, estimated_offset_ns),
    PLAIN("max_error_ns", QTA_FIELD_U64, clock, max_error_ns),
    ENUM("sync", clock, sync, qta_clock_sync_name),
};

static const struct qta_field marker_fields[] = {
    PLAIN("note", QTA_FIELD_TEXT, marker, note),
};

struct type_entry {
    const char *name;
    const struct qta_field *fields;
    size_t field_count;
};

#define TYPE(label, table)                                                                         \
    {                                                                                              \
        .name = label, .fields = table, .field_count = sizeof table / sizeof table[0]              \
    }

static const struct type_entry types[QTA_TICK_TYPE_END] = {
    [QTA_TICK_TRADE] = TYPE("trade", trade_fields),
    [QTA_TICK_QUOTE] = TYPE("quote", quote_fields),
    [QTA_TICK_BAR] = TYPE("bar", bar_fields),
    [QTA_TICK_BOOK] = TYPE("book", book_fields),
    [QTA_TICK_TRADE_CANCEL] = TYPE("trade_cancel", trade_cancel_fields),
    [QTA_TICK_TRADE_CORRECT] = TYPE("trade_correct", trade_correct_fields),
    [QTA_TICK_STATUS] = TYPE("status", status_fields),
    [QTA_TICK_LULD] = TYPE("luld", luld_fields),
    [QTA_TICK_IMBALANCE] = TYPE("imbalance", imbalance_fields),
    [QTA_TICK_CONN] = TYPE("conn", conn_fields),
    [QTA_TICK_GAP] = TYPE("gap", gap_fields),
    [QTA_TICK_DROP] = TYPE("drop", drop_fields),
    [QTA_TICK_CLOCK] = TYPE("clock", clock_fields),
    [QTA_TICK_MARKER] = TYPE("marker", marker_fields),
};

const struct qta_field *qta_tick_fields(unsigned type, size_t *count)
{
    bool is_known = type < QTA_TICK_TYPE_END && types[type].fields;
    *count = is_known ? types[type].field_count : 0;
    return is_known ? types[type].fields : NULL;
}

static void set_absent(struct qta_tick *tick, const struct qta_field *field)
{
    uint8_t *base = (uint8_t *)tick;
    static const uint64_t none = QTA_U64_NONE;
    static const int64_t unknown = QTA_TIME_UNKNOWN;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        base[field->exponent_offset] = (uint8_t)(int8_t)QTA_DECIMAL_NULL_EXPONENT;
        break;
    case QTA_FIELD_U64:
    case QTA_FIELD_ID:
        memcpy(base + field->offset, &none, sizeof none);
        break;
    case QTA_FIELD_TIME:
        memcpy(base + field->offset, &unknown, sizeof unknown);
        break;
    case QTA_FIELD_I64:
    case QTA_FIELD_I32:
    case QTA_FIELD_CODE:
    case QTA_FIELD_CONDITIONS:
    case QTA_FIELD_TEXT:
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
    case QTA_FIELD_INTERVAL:
    case QTA_FIELD_FLAG:
        break;
    }
}

/* A new tick is a copy of its type's template: setting fields one by one would cost more. */
static struct qta_tick templates[QTA_TICK_TYPE_END];
static pthread_once_t templates_once = PTHREAD_ONCE_INIT;

static void fill_template(struct qta_tick *tick, unsigned type)
{
    tick->ts_recv_ns = QTA_TIME_UNKNOWN;
    tick->ts_event_ns = QTA_TIME_UNKNOWN;
    tick->src_seq = QTA_U64_NONE;
    tick->type = (uint8_t)type;
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    for (size_t i = 0; i < count; i++)
        set_absent(tick, &fields[i]);
}

static void fill_templates(void)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        fill_template(&templates[type], type);
}

void qta_tick_init(struct qta_tick *tick, enum qta_tick_type type)
{
    assert((unsigned)type < QTA_TICK_TYPE_END);
    pthread_once(&templates_once, fill_templates);
    *tick = templates[type];
}

bool qta_tick_latency_ns(const struct qta_tick *tick, int64_t *latency_ns)
{
    if (tick->ts_recv_ns == QTA_TIME_UNKNOWN || tick->ts_event_ns == QTA_TIME_UNKNOWN)
        return false;
    int64_t difference_ns;
    if (__builtin_sub_overflow(tick->ts_recv_ns, tick->ts_event_ns, &difference_ns))
        return false;
    *latency_ns = difference_ns;
    return true;
}

const char *qta_tick_type_name(unsigned type)
{
    return type < QTA_TICK_TYPE_END && types[type].name ? types[type].name : "unknown";
}

static bool is_plural_of(const char *name, size_t length, const char *singular)
{
    size_t stem = strlen(singular);
    if (length == stem + 1 && memcmp(name, singular, stem) == 0)
        return name[stem] == 's';
    /* "statuses" */
    return length == stem + 2 && memcmp(name, singular, stem) == 0 &&
           memcmp(name + stem, "es", 2) == 0;
}

enum qta_tick_type qta_tick_type_parse(const char *name, size_t length)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        const char *known = types[type].name;
        if (!known)
            continue;
        if (strlen(known) == length && memcmp(name, known, length) == 0)
            return (enum qta_tick_type)type;
        if (is_plural_of(name, length, known))
            return (enum qta_tick_type)type;
    }
    return QTA_TICK_NONE;
}

static const char *name_in(const char *const *names, size_t count, unsigned value)
{
    return value < count && names[value] ? names[value] : "";
}
#define NAME_IN(names, value) name_in(names, sizeof names / sizeof names[0], value)

const char *qta_conn_state_name(unsigned state)
{
    static const char *const names[] = {
        [QTA_CONN_CONNECTING] = "connecting",
        [QTA_CONN_OPEN] = "open",
        [QTA_CONN_READY] = "ready",
        [QTA_CONN_SUBSCRIBED] = "subscribed",
        [QTA_CONN_DISCONNECTED] = "disconnected",
        [QTA_CONN_BLOCKED] = "blocked",
        [QTA_CONN_STOPPED] = "stopped",
        [QTA_CONN_RUN_STARTED] = "run_started",
        [QTA_CONN_RUN_ENDED] = "run_ended",
        [QTA_CONN_RUN_CUT] = "run_cut",
    };
    return NAME_IN(names, state);
}

const char *qta_conn_cause_name(unsigned cause)
{
    static const char *const names[] = {
        [QTA_CAUSE_NONE] = "",
        [QTA_CAUSE_STOP] = "stop",
        [QTA_CAUSE_RESOLVE] = "resolve",
        [QTA_CAUSE_CONNECT] = "connect",
        [QTA_CAUSE_TLS] = "tls",
        [QTA_CAUSE_HTTP] = "http",
        [QTA_CAUSE_PEER_CLOSED] = "peer_closed",
        [QTA_CAUSE_LOST] = "lost",
        [QTA_CAUSE_SILENT] = "silent",
        [QTA_CAUSE_PROTOCOL] = "protocol",
        [QTA_CAUSE_AUTH] = "auth",
        [QTA_CAUSE_PROVIDER] = "provider",
        [QTA_CAUSE_CRASH] = "crash",
        [QTA_CAUSE_SEQUENCE] = "sequence",
        [QTA_CAUSE_MUTE] = "mute",
    };
    return NAME_IN(names, cause);
}

const char *qta_side_name(unsigned side)
{
    static const char *const names[] = {[QTA_SIDE_BUY] = "buy", [QTA_SIDE_SELL] = "sell"};
    return NAME_IN(names, side);
}

const char *qta_bar_kind_name(unsigned kind)
{
    static const char *const names[] = {
        [QTA_BAR_MINUTE] = "minute",
        [QTA_BAR_UPDATED] = "updated",
        [QTA_BAR_DAILY] = "daily",
        [QTA_BAR_OTHER] = "other",
    };
    return NAME_IN(names, kind);
}

const char *qta_book_action_name(unsigned action)
{
    static const char *const names[] = {
        [QTA_BOOK_SET] = "set",
        [QTA_BOOK_DELETE] = "delete",
        [QTA_BOOK_CLEAR] = "clear",
    };
    return NAME_IN(names, action);
}

const char *qta_gap_scope_name(unsigned scope)
{
    static const char *const names[] = {
        [QTA_GAP_SESSION] = "session",
        [QTA_GAP_PROVIDER] = "provider",
        [QTA_GAP_SYMBOL] = "symbol",
    };
    return NAME_IN(names, scope);
}

const char *qta_clock_sync_name(unsigned sync)
{
    static const char *const names[] = {
        [QTA_CLOCK_UNKNOWN] = "",
        [QTA_CLOCK_SYNCHRONISED] = "synchronised",
        [QTA_CLOCK_UNSYNCHRONISED] = "unsynchronised",
    };
    return NAME_IN(names, sync);
}

const char *qta_gap_remedy_name(unsigned remedy)
{
    static const char *const names[] = {
        [QTA_REMEDY_NONE] = "",
        [QTA_REMEDY_LATE] = "late",
        [QTA_REMEDY_SNAPSHOT] = "snapshot",
        [QTA_REMEDY_BACKFILL] = "backfill",
    };
    return NAME_IN(names, remedy);
}
