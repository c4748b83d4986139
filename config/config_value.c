/* One function a form, so that adapters' settings can use the same. */
#include "config/config_value.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <qta/decimal.h>
#include <qta/timestamp.h>

#define NS_PER_S 1e9

/* Reads decimal digits alone. */
static bool read_digits(const char *text, size_t length, uint64_t *value)
{
    if (length == 0)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (__builtin_mul_overflow(sum, 10U, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool qta_config_boolean_read(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on"};
    static const char *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *value = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

bool qta_config_duration_read(const char *text, int64_t *duration_ns)
{
    size_t length = strlen(text);
    char seconds[32];
    if (length > 0 && length < sizeof seconds - 1 && strspn(text, "0123456789.") == length) {
        snprintf(seconds, sizeof seconds, "%ss", text);
        text = seconds;
        length++;
    }
    return qta_duration_parse(text, length, duration_ns) == QTA_OK;
}

bool qta_config_size_read(const char *text, uint64_t *size_bytes)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"", 1},
        {"B", 1},
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
        {"kB", UINT64_C(1000)},
        {"MB", UINT64_C(1000000)},
        {"GB", UINT64_C(1000000000)},
        {"TB", UINT64_C(1000000000000)},
    };
    size_t digits = strspn(text, "0123456789");
    uint64_t count;
    if (!read_digits(text, digits, &count))
        return false;
    const char *unit = text + digits + strspn(text + digits, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) == 0)
            return !__builtin_mul_overflow(count, units[i].bytes, size_bytes);
    }
    return false;
}

bool qta_config_number_read(const char *text, double *value)
{
    struct qta_decimal decimal;
    if (qta_decimal_parse(text, strlen(text), &decimal, NULL) != QTA_OK)
        return false;
    *value = qta_decimal_to_double(decimal);
    return true;
}

bool qta_config_string_is_good(const char *text)
{
    if (text[0] == '\0')
        return false;
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if (*byte < 0x20 || *byte == 0x7f)
            return false;
    }
    return true;
}

static bool is_within(const struct qta_config_key *key, double value)
{
    return value >= key->minimum && value <= key->maximum;
}

static const struct qta_config_word *find_word(const struct qta_config_key *key, const char *text)
{
    for (const struct qta_config_word *word = key->words; word && word->text; word++) {
        if (strcmp(word->text, text) == 0)
            return word;
    }
    return NULL;
}

static bool read_whole(const struct qta_config_key *key, const char *text, void *field)
{
    const struct qta_config_word *word = find_word(key, text);
    uint64_t value = 0;
    if (word)
        value = (uint64_t)word->value;
    else if (!read_digits(text, strlen(text), &value) || !is_within(key, (double)value))
        return false;
    assert(key->maximum <= INT32_MAX);
    uint32_t stored = (uint32_t)value;
    memcpy(field, &stored, sizeof stored);
    return true;
}

static bool read_duration(const struct qta_config_key *key, const char *text, void *field)
{
    const struct qta_config_word *word = find_word(key, text);
    int64_t duration_ns = 0;
    if (word)
        duration_ns = word->value;
    else if (!qta_config_duration_read(text, &duration_ns) ||
             !is_within(key, (double)duration_ns / NS_PER_S))
        return false;
    memcpy(field, &duration_ns, sizeof duration_ns);
    return true;
}

static bool read_size(const struct qta_config_key *key, const char *text, void *field)
{
    uint64_t size_bytes;
    if (!qta_config_size_read(text, &size_bytes) || !is_within(key, (double)size_bytes))
        return false;
    if (key->type == QTA_CONFIG_SIZE_64) {
        memcpy(field, &size_bytes, sizeof size_bytes);
        return true;
    }
    uint32_t stored = (uint32_t)size_bytes;
    memcpy(field, &stored, sizeof stored);
    return true;
}

static bool read_number(const struct qta_config_key *key, const char *text, void *field)
{
    double value;
    if (!qta_config_number_read(text, &value) || !is_within(key, value))
        return false;
    memcpy(field, &value, sizeof value);
    return true;
}

static bool read_word(const struct qta_config_key *key, const char *text, void *field)
{
    const struct qta_config_word *word = find_word(key, text);
    if (!word)
        return false;
    memcpy(field, &word->value, sizeof word->value);
    return true;
}

bool qta_config_value_read(const struct qta_config_key *key, const char *text, void *field)
{
    switch (key->type) {
    case QTA_CONFIG_STRING:
        if (!qta_config_string_is_good(text))
            return false;
        memcpy(field, &text, sizeof text);
        return true;
    case QTA_CONFIG_BOOLEAN:
        return qta_config_boolean_read(text, field);
    case QTA_CONFIG_WHOLE:
        return read_whole(key, text, field);
    case QTA_CONFIG_NUMBER:
        return read_number(key, text, field);
    case QTA_CONFIG_DURATION:
        return read_duration(key, text, field);
    case QTA_CONFIG_SIZE_32:
    case QTA_CONFIG_SIZE_64:
        return read_size(key, text, field);
    case QTA_CONFIG_WORD:
        return read_word(key, text, field);
    case QTA_CONFIG_LIST:
    case QTA_CONFIG_PROVIDERS:
    default:
        assert(!"lists are read item by item");
        return false;
    }
}

/* Bytes in the largest unit that leaves no fraction. */
static void print_size(double size_bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    uint64_t count = (uint64_t)size_bytes;
    size_t unit = 0;
    while (unit < 3 && count >= 1024 && count % 1024 == 0) {
        count /= 1024;
        unit++;
    }
    snprintf(text, 32, "%llu%s", (unsigned long long)count, units[unit]);
}

/* " or 'never'", "one of 'a', 'b'": the words of a key behind what text holds. */
static void append_words(const struct qta_config_key *key, const char *before, char *text,
                         size_t capacity)
{
    for (const struct qta_config_word *word = key->words; word && word->text; word++) {
        size_t used = strlen(text);
        snprintf(text + used, capacity - used, "%s'%s'", before, word->text);
        before = word[1].text && !word[2].text ? " or " : ", ";
    }
}

void qta_config_value_expect(const struct qta_config_key *key,
                             char text[QTA_CONFIG_EXPECTATION_BYTES])
{
    const size_t capacity = QTA_CONFIG_EXPECTATION_BYTES;
    char least[32];
    char most[32];
    text[0] = '\0';
    switch (key->type) {
    case QTA_CONFIG_STRING:
        snprintf(text, capacity, "a text without control characters");
        break;
    case QTA_CONFIG_BOOLEAN:
        snprintf(text, capacity, "true or false");
        break;
    case QTA_CONFIG_WHOLE:
        snprintf(text, capacity, "a whole number from %.0f to %.0f", key->minimum, key->maximum);
        append_words(key, " or ", text, capacity);
        break;
    case QTA_CONFIG_NUMBER:
        snprintf(text, capacity, "a number from %.10g to %.10g", key->minimum, key->maximum);
        break;
    case QTA_CONFIG_DURATION:
        snprintf(text, capacity,
                 "a duration from %.10gs to %.10gs, like 30s, 200ms or 30 (seconds)", key->minimum,
                 key->maximum);
        append_words(key, ", or ", text, capacity);
        break;
    case QTA_CONFIG_SIZE_32:
    case QTA_CONFIG_SIZE_64:
        print_size(key->minimum, least);
        print_size(key->maximum, most);
        snprintf(text, capacity, "a size from %s to %s, like 16MiB", least, most);
        break;
    case QTA_CONFIG_WORD:
        append_words(key, "", text, capacity);
        break;
    case QTA_CONFIG_LIST:
        snprintf(text, capacity, "a list like [a, b]");
        if (key->words) {
            snprintf(text, capacity, "a list of ");
            append_words(key, "", text, capacity);
        }
        break;
    case QTA_CONFIG_PROVIDERS:
    default:
        snprintf(text, capacity, "a list of sections, each with a name");
        break;
    }
}

void qta_config_defaults_apply(const struct qta_config_key *keys, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        const struct qta_config_key *key = &keys[i];
        if (key->offset == QTA_CONFIG_NO_OFFSET || !key->default_text ||
            key->type == QTA_CONFIG_LIST) /* what a list comes to is found later */
            continue;
        bool is_good = qta_config_value_read(key, key->default_text,
                                             (unsigned char *)values + key->offset);
        assert(is_good); /* the table is ours; a test reads every row */
        (void)is_good;
    }
}
