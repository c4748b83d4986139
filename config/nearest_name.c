/* Damerau-Levenshtein distance with three rows (optimal string alignment). */
#include "config/nearest_name.h"

#include <stdint.h>
#include <string.h>

/* longer words are no typing errors of our keys */
enum { WORD_MAX = 64 };

static char fold(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (char)(letter - 'A' + 'a');
    if (letter == '-')
        return '_';
    return letter;
}

static size_t least(size_t left, size_t right)
{
    return left < right ? left : right;
}

static size_t distance_between(const char *left, size_t left_length, const char *right,
                               size_t right_length)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before_last = rows[0];
    size_t *last = rows[1];
    size_t *current = rows[2];
    for (size_t j = 0; j <= right_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= left_length; i++) {
        current[0] = i;
        for (size_t j = 1; j <= right_length; j++) {
            size_t change = fold(left[i - 1]) == fold(right[j - 1]) ? 0 : 1;
            current[j] = least(least(last[j] + 1, current[j - 1] + 1), last[j - 1] + change);
            if (i > 1 && j > 1 && fold(left[i - 1]) == fold(right[j - 2]) &&
                fold(left[i - 2]) == fold(right[j - 1]))
                current[j] = least(current[j], before_last[j - 2] + 1);
        }
        size_t *free_row = before_last;
        before_last = last;
        last = current;
        current = free_row;
    }
    return last[right_length];
}

struct qta_nearest_name qta_nearest_name_start(const char *word)
{
    return (struct qta_nearest_name){
        .word = word, .word_length = strlen(word), .distance = SIZE_MAX};
}

void qta_nearest_name_offer(struct qta_nearest_name *nearest, const char *name, size_t length)
{
    if (nearest->word_length == 0 || nearest->word_length > WORD_MAX || length > WORD_MAX)
        return;
    size_t limit = length / 3 > 1 ? length / 3 : 1;
    size_t distance = distance_between(nearest->word, nearest->word_length, name, length);
    if (distance > limit || distance >= nearest->distance || distance >= length)
        return;
    nearest->name = name;
    nearest->name_length = length;
    nearest->distance = distance;
}
