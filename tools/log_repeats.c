/* A short table of sentences; sentences of which none was held back make room for others. */
#include "tools/log_repeats.h"

#include <stdio.h>
#include <string.h>

static uint64_t add_to_hash(uint64_t hash, const char *text)
{
    const uint64_t prime = UINT64_C(1099511628211); /* FNV-1a */
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        hash = (hash ^ *p) * prime;
    return hash * prime; /* the end of the text counts: "a" "bc" is not "ab" "c" */
}

static uint64_t hash_of(enum qta_log_level level, const char *area, const char *message)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)level;
    return add_to_hash(add_to_hash(hash, area), message);
}

static bool is_over(const struct qta_log_sentence *sentence, int64_t now_ns)
{
    return now_ns - sentence->began_ns >= QTA_LOG_REPEATS_SPAN_NS;
}

/* The sentence with this hash, else a place for it: a free one, or the oldest that nobody needs to
 * hear of again. NULL when all places count repetitions. */
static struct qta_log_sentence *place_of(struct qta_log_repeats *repeats, uint64_t hash,
                                         int64_t now_ns)
{
    struct qta_log_sentence *place = NULL;
    for (size_t i = 0; i < QTA_LOG_REPEATS_SENTENCES; i++) {
        struct qta_log_sentence *sentence = &repeats->sentences[i];
        if (sentence->shown > 0 && sentence->held_back == 0 && is_over(sentence, now_ns))
            sentence->shown = 0;
        if (sentence->shown > 0 && sentence->hash == hash)
            return sentence;
        if (sentence->shown > 0 && sentence->held_back > 0)
            continue;
        bool is_better = !place || (place->shown > 0 &&
                                    (sentence->shown == 0 || sentence->began_ns < place->began_ns));
        if (is_better)
            place = sentence;
    }
    if (place)
        place->shown = 0;
    return place;
}

bool qta_log_repeats_is_shown(struct qta_log_repeats *repeats, enum qta_log_level level,
                              const char *area, const char *message, int64_t now_ns)
{
    uint64_t hash = hash_of(level, area, message);
    struct qta_log_sentence *sentence = place_of(repeats, hash, now_ns);
    if (!sentence)
        return true;
    if (sentence->shown == 0) {
        sentence->level = level;
        snprintf(sentence->area, sizeof sentence->area, "%s", area);
        snprintf(sentence->text, sizeof sentence->text, "%s", message);
        sentence->hash = hash;
        sentence->began_ns = now_ns;
        sentence->held_back = 0;
    }
    if (sentence->shown == QTA_LOG_REPEATS_SHOWN) {
        sentence->held_back++;
        return false;
    }
    sentence->shown++;
    return true;
}

const struct qta_log_sentence *qta_log_repeats_take_ended(struct qta_log_repeats *repeats,
                                                          int64_t now_ns)
{
    for (size_t i = 0; i < QTA_LOG_REPEATS_SENTENCES; i++) {
        struct qta_log_sentence *sentence = &repeats->sentences[i];
        if (sentence->shown == 0 || sentence->held_back == 0 || !is_over(sentence, now_ns))
            continue;
        sentence->shown = 0;
        return sentence;
    }
    return NULL;
}
