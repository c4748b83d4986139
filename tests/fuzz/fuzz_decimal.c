/* Numbers as text: what is read must print and read back as itself, and be as near to the text as
 * the C library finds it. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qta/decimal.h>
#include <qta/timestamp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_number(const char *text, size_t length)
{
    struct qta_decimal value;
    bool is_rounded = false;
    if (qta_decimal_parse(text, length, &value, &is_rounded) != QTA_OK)
        return;
    char printed[QTA_DECIMAL_TEXT_BYTES];
    size_t printed_length = qta_decimal_print(value, printed);
    struct qta_decimal again;
    bool is_rounded_again = true;
    if (printed_length >= sizeof printed ||
        qta_decimal_parse(printed, printed_length, &again, &is_rounded_again) != QTA_OK ||
        qta_decimal_compare(value, again) != 0 || (is_rounded_again && value.exponent <= 0) ||
        qta_decimal_compare(value, qta_decimal_normalize(value)) != 0)
        abort();
    double expected = strtod(text, NULL); /* NUL-terminated by the caller */
    double found = qta_decimal_to_double(value);
    if (!is_rounded && found != expected)
        abort();
    if (is_rounded && isfinite(expected) && fabs(found - expected) > fabs(expected) * 3e-16 &&
        fabs(expected) > 1e-80)
        abort();
    if (qta_decimal_from_double(found, &again) == QTA_OK && qta_decimal_to_double(again) != found)
        abort();
}

static void check_times(const char *text, size_t length)
{
    char printed[QTA_TIMESTAMP_TEXT_BYTES];
    int64_t value;
    int64_t again;
    uint32_t speed_milli;
    if (qta_timestamp_parse(text, length, &value) == QTA_OK) {
        size_t printed_length = qta_timestamp_print(value, printed);
        if (qta_timestamp_parse(printed, printed_length, &again) != QTA_OK || again != value)
            abort();
        printed_length = qta_timestamp_print_short(value, printed);
        if (qta_timestamp_parse(printed, printed_length, &again) != QTA_OK || again != value)
            abort();
    }
    if (qta_duration_parse(text, length, &value) == QTA_OK &&
        (value < 0 || qta_duration_print(value, printed) >= sizeof printed))
        abort();
    if (qta_speed_parse(text, length, &speed_milli) == QTA_OK && speed_milli > 1000000)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_number(text, size);
    check_times(text, size);
    double value;
    struct qta_decimal decimal;
    if (size == sizeof value) {
        memcpy(&value, data, sizeof value);
        if (qta_decimal_from_double(value, &decimal) == QTA_OK &&
            qta_decimal_to_double(decimal) != value)
            abort();
    }
    free(text);
    return 0;
}
