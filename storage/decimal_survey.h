/** @file decimal_survey.h
 *  Which DECIMAL(precision, scale) holds a column of decimals: add() all of them, then choose(). */
#ifndef QTA_STORAGE_DECIMAL_SURVEY_H
#define QTA_STORAGE_DECIMAL_SURVEY_H

#include <stdbool.h>

#include <qta/decimal.h>

/** Zeroed it has seen none. */
struct qta_decimal_survey {
    int integer_digits; /* most digits before the point */
    int printed_scale;  /* most digits behind it, as printed */
    int least_scale;    /* likewise without trailing zeros */
};

/** Null is none. */
void qta_decimal_survey_add(struct qta_decimal_survey *survey, struct qta_decimal value);

/** The scale as printed if precision digits are enough for it, else the least one; false when they
 *  are not enough for that either. */
bool qta_decimal_survey_choose(const struct qta_decimal_survey *survey, int precision, int *scale);

/** value * 10^scale, which is whole and fits: the survey has seen value and chosen scale. */
__extension__ __int128 qta_decimal_at_scale(struct qta_decimal value, int scale);

#endif
