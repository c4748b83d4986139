/* Findings are kept as they come and sorted once at the end. */
#include "config/config_findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qta_config_note {
    struct qta_config_place place;
    size_t order; /* of discovery: keeps the sort stable */
    const char *message;
};

enum { MESSAGE_BYTES = QTA_ERROR_MESSAGE_BYTES, QUOTED_BYTES = 60 };

/* Control characters as question marks: neither an escape sequence nor a newline in a value may
 * change what the terminal shows. */
static void make_printable(char *text)
{
    for (unsigned char *byte = (unsigned char *)text; *byte; byte++) {
        if (*byte < 0x20 || *byte == 0x7f)
            *byte = '?';
        else if (*byte == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0)
            *byte = byte[1] = '?'; /* C1 controls */
    }
}

/* Cuts text to at most limit bytes without splitting a character of several bytes. */
static size_t cut_length(const char *text, size_t length, size_t limit)
{
    if (length <= limit)
        return length;
    while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

struct qta_config_quote qta_config_quote(const char *value)
{
    struct qta_config_quote quote;
    size_t length = strlen(value);
    size_t shown = cut_length(value, length, QUOTED_BYTES);
    snprintf(quote.text, sizeof quote.text, "'%.*s%s'", (int)shown, value,
             shown < length ? "..." : "");
    make_printable(quote.text);
    return quote;
}

static size_t print_place(const struct qta_config_findings *findings, struct qta_config_place place,
                          char *text, size_t capacity)
{
    int length;
    if (place.override_key)
        length = snprintf(text, capacity, "override '%.60s': ", place.override_key);
    else if (place.line > 0)
        length = snprintf(text, capacity, "%.300s:%u: ", findings->file, place.line);
    else
        length = snprintf(text, capacity, "%.300s: ", findings->file);
    return length < 0 ? 0 : (size_t)length;
}

/* Whether that has been said: what several providers share is found once for each. */
static bool is_known(const struct qta_config_findings *findings, int kind, const char *message)
{
    size_t count = findings->counts[kind];
    for (size_t i = 0; i < count && i < QTA_CONFIG_FINDINGS_MAX; i++) {
        const char *known = findings->notes[kind][i].message;
        if (known && strcmp(known, message) == 0)
            return true;
    }
    return false;
}

void qta_config_findings_add(struct qta_config_findings *findings, int kind,
                             struct qta_config_place place, const char *format, ...)
{
    size_t index = findings->counts[kind];
    if (index >= QTA_CONFIG_FINDINGS_MAX) {
        findings->counts[kind]++;
        return;
    }
    if (!findings->notes[kind]) {
        findings->notes[kind] = qta_config_arena_alloc_array(
            findings->arena, QTA_CONFIG_FINDINGS_MAX, sizeof(struct qta_config_note));
        if (!findings->notes[kind])
            return;
    }
    char message[MESSAGE_BYTES];
    size_t used = print_place(findings, place, message, sizeof message);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message + used, sizeof message - used, format, arguments);
    va_end(arguments);
    make_printable(message);
    if (is_known(findings, kind, message))
        return;
    findings->counts[kind]++;
    findings->notes[kind][index] = (struct qta_config_note){
        .place = place,
        .order = index,
        .message = qta_config_arena_copy(findings->arena, message, strlen(message)),
    };
}

static int compare_notes(const void *left_item, const void *right_item)
{
    const struct qta_config_note *left = left_item;
    const struct qta_config_note *right = right_item;
    bool left_is_override = left->place.override_key != NULL;
    bool right_is_override = right->place.override_key != NULL;
    if (left_is_override != right_is_override)
        return left_is_override ? 1 : -1;
    if (!left_is_override && left->place.line != right->place.line)
        return left->place.line < right->place.line ? -1 : 1;
    return left->order < right->order ? -1 : 1;
}

/* Appends the findings of one kind in order, and one line for those that were only counted. */
static void append_sorted(struct qta_config_findings *findings, int kind)
{
    size_t count = findings->counts[kind];
    size_t kept = count < QTA_CONFIG_FINDINGS_MAX ? count : QTA_CONFIG_FINDINGS_MAX;
    if (kept == 0 || !findings->notes[kind])
        return;
    qsort(findings->notes[kind], kept, sizeof *findings->notes[kind], compare_notes);
    for (size_t i = 0; i < kept; i++) {
        const char *message = findings->notes[kind][i].message;
        if (message)
            findings->sorted[findings->sorted_count++] = (struct qta_config_finding){
                kind == QTA_CONFIG_ERROR, message};
    }
    if (count > kept) {
        char text[MESSAGE_BYTES];
        int length = snprintf(text, sizeof text, "%.300s: and %zu more %s", findings->file,
                              count - kept, kind == QTA_CONFIG_ERROR ? "errors" : "warnings");
        const char *message = qta_config_arena_copy(findings->arena, text, (size_t)length);
        if (message)
            findings->sorted[findings->sorted_count++] = (struct qta_config_finding){
                kind == QTA_CONFIG_ERROR, message};
    }
}

void qta_config_findings_sort(struct qta_config_findings *findings)
{
    enum { SORTED_MAX = 2 * (QTA_CONFIG_FINDINGS_MAX + 1) };
    findings->sorted_count = 0;
    findings->sorted = qta_config_arena_alloc_array(findings->arena, SORTED_MAX,
                                                    sizeof(struct qta_config_finding));
    if (!findings->sorted)
        return;
    append_sorted(findings, QTA_CONFIG_ERROR);
    append_sorted(findings, QTA_CONFIG_WARNING);
}
