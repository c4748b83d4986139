/** @file nearest_name.h
 *  Which of some names a misspelt one was meant to be.
 *
 *      struct qta_nearest_name nearest = qta_nearest_name_start("bufer_size");
 *      for each name:  qta_nearest_name_offer(&nearest, name, strlen(name));
 *      if (nearest.name) ...
 *
 *  Letter case and '-' against '_' make no difference. A name counts as near when at most a third
 *  of its letters must be changed, added, left out or swapped with their neighbour. */
#ifndef QTA_CONFIG_NEAREST_NAME_H
#define QTA_CONFIG_NEAREST_NAME_H

#include <stddef.h>

struct qta_nearest_name {
    const char *word;
    size_t word_length;
    const char *name; /**< the nearest so far, borrowed from the offer; NULL: none is near */
    size_t name_length;
    size_t distance;
};

/** word is borrowed. */
struct qta_nearest_name qta_nearest_name_start(const char *word);

void qta_nearest_name_offer(struct qta_nearest_name *nearest, const char *name, size_t length);

#endif
