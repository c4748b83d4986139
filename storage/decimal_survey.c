/* Zeros have digits behind the point only. */
#include "storage/decimal_survey.h"

#include <assert.h>

static int digits_of(int64_t mantissa)
{
    uint64_t magnitude = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
    int digits = 0;
    for (; magnitude > 0; magnitude /= 10)
        digits++;
    return digits;
}

static void raise_to(int *most, int value)
{
    if (value > *most)
        *most = value;
}

void qta_decimal_survey_add(struct qta_decimal_survey *survey, struct qta_decimal value)
{
    if (qta_decimal_is_null(value))
        return;
    raise_to(&survey->printed_scale, -value.exponent);
    if (value.mantissa == 0)
        return;
    raise_to(&survey->integer_digits, digits_of(value.mantissa) + value.exponent);
    if (-value.exponent > survey->least_scale)
        raise_to(&survey->least_scale, -qta_decimal_normalize(value).exponent);
}

bool qta_decimal_survey_choose(const struct qta_decimal_survey *survey, int precision, int *scale)
{
    *scale = survey->printed_scale;
    if (survey->integer_digits + *scale > precision)
        *scale = survey->least_scale;
    return survey->integer_digits + *scale <= precision;
}

__extension__ __int128 qta_decimal_at_scale(struct qta_decimal value, int scale)
{
    __extension__ __int128 number = value.mantissa;
    int steps = scale + value.exponent;
    for (; steps > 0; steps--)
        number *= 10;
    for (; steps < 0 && number != 0; steps++) {
        assert(number % 10 == 0);
        number /= 10;
    }
    return number;
}
