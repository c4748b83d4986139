/* The tick: layout, names, the table of fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <qta/tick.h>

static void a_new_tick_has_everything_unknown(void **state)
{
    (void)state;
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        struct qta_tick tick;
        memset(&tick, 0x5a, sizeof tick);
        qta_tick_init(&tick, (enum qta_tick_type)type);
        assert_int_equal(tick.type, type);
        assert_true(tick.ts_recv_ns == QTA_TIME_UNKNOWN);
        assert_true(tick.ts_event_ns == QTA_TIME_UNKNOWN);
        assert_true(tick.src_seq == QTA_U64_NONE);
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *base = (const uint8_t *)&tick;
            if (fields[i].kind == QTA_FIELD_DECIMAL)
                assert_int_equal((int8_t)base[fields[i].exponent_offset],
                                 QTA_DECIMAL_NULL_EXPONENT);
        }
    }
}

static size_t width_of(enum qta_field_kind kind)
{
    switch (kind) {
    case QTA_FIELD_DECIMAL:
    case QTA_FIELD_U64:
    case QTA_FIELD_ID:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        return 8;
    case QTA_FIELD_CONDITIONS:
        return sizeof(uint16_t) * QTA_CONDITIONS_MAX;
    case QTA_FIELD_I32:
    case QTA_FIELD_TEXT:
        return 4;
    case QTA_FIELD_CODE:
        return 2;
    case QTA_FIELD_CHAR:
    case QTA_FIELD_ENUM:
        return 1;
    case QTA_FIELD_FLAG:
    default:
        return 0;
    }
}

static void fields_of_a_type_never_overlap_and_lie_in_the_body(void **state)
{
    (void)state;
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        uint8_t used[sizeof(struct qta_tick)] = {0};
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < count; i++) {
            if (fields[i].kind == QTA_FIELD_FLAG)
                continue;
            size_t width = width_of(fields[i].kind);
            assert_true(fields[i].offset >= offsetof(struct qta_tick, bytes));
            assert_true(fields[i].offset + width <= sizeof(struct qta_tick));
            for (size_t b = 0; b < width; b++)
                assert_int_equal(used[fields[i].offset + b]++, 0);
            if (fields[i].kind == QTA_FIELD_DECIMAL)
                assert_int_equal(used[fields[i].exponent_offset]++, 0);
        }
    }
}

static void every_type_has_a_name_that_reads_back(void **state)
{
    (void)state;
    for (unsigned type = 1; type < QTA_TICK_TYPE_END; type++) {
        size_t count;
        if (!qta_tick_fields(type, &count))
            continue;
        const char *name = qta_tick_type_name(type);
        assert_int_equal(qta_tick_type_parse(name, strlen(name)), type);
    }
    assert_string_equal(qta_tick_type_name(0), "unknown");
    assert_string_equal(qta_tick_type_name(15), "unknown");
    assert_string_equal(qta_tick_type_name(4000), "unknown");
}

static void plural_type_names_are_accepted_and_others_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum qta_tick_type type;
    } cases[] = {
        {"trades", QTA_TICK_TRADE},    {"quotes", QTA_TICK_QUOTE},
        {"statuses", QTA_TICK_STATUS}, {"status", QTA_TICK_STATUS},
        {"lulds", QTA_TICK_LULD},      {"trade_cancels", QTA_TICK_TRADE_CANCEL},
        {"", QTA_TICK_NONE},           {"trad", QTA_TICK_NONE},
        {"tradess", QTA_TICK_NONE},    {"Trade", QTA_TICK_NONE},
        {"s", QTA_TICK_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(qta_tick_type_parse(cases[i].name, strlen(cases[i].name)), cases[i].type);
}

static void market_types_are_the_venues_own(void **state)
{
    (void)state;
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        struct qta_tick tick;
        qta_tick_init(&tick, (enum qta_tick_type)type);
        bool is_market = (QTA_TYPES_MARKET & QTA_TYPE_BIT(type)) != 0;
        assert_int_equal(qta_tick_is_market(&tick), is_market);
        assert_int_equal(is_market, type >= QTA_TICK_TRADE && type <= QTA_TICK_IMBALANCE);
    }
    assert_int_equal(QTA_TYPES_FEED & QTA_TYPES_MARKET, 0);
    assert_true(QTA_TYPES_FEED & QTA_TYPE_BIT(QTA_TICK_CONN));
    assert_true(QTA_TYPES_FEED & QTA_TYPE_BIT(QTA_TICK_MARKER));
}

static void latency_is_signed_and_never_wraps(void **state)
{
    (void)state;
    struct qta_tick tick;
    int64_t latency_ns = 42;
    qta_tick_init(&tick, QTA_TICK_TRADE);
    assert_false(qta_tick_latency_ns(&tick, &latency_ns));
    tick.ts_recv_ns = 1000;
    assert_false(qta_tick_latency_ns(&tick, &latency_ns));
    tick.ts_event_ns = INT64_MAX;
    assert_true(qta_tick_latency_ns(&tick, &latency_ns));
    assert_true(latency_ns == 1000 - INT64_MAX);
    latency_ns = 42;
    tick.ts_event_ns = -INT64_MAX;
    assert_false(qta_tick_latency_ns(&tick, &latency_ns));
    assert_int_equal(latency_ns, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_tick_has_everything_unknown),
        cmocka_unit_test(fields_of_a_type_never_overlap_and_lie_in_the_body),
        cmocka_unit_test(every_type_has_a_name_that_reads_back),
        cmocka_unit_test(plural_type_names_are_accepted_and_others_are_not),
        cmocka_unit_test(market_types_are_the_venues_own),
        cmocka_unit_test(latency_is_signed_and_never_wraps),
    };
    return cmocka_run_group_tests_name("tick", tests, NULL, NULL);
}
