/* A family's samples follow its HELP and TYPE lines; nothing is looked up or kept. */
#include "recorder/exposition.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

enum { NUMBER_BYTES = 48 };

static void put(struct qta_exposition *page, const char *text)
{
    qta_byte_buffer_append(&page->text, text, strlen(text));
}

void qta_exposition_family(struct qta_exposition *page, const char *name, enum qta_metric_kind kind,
                           const char *help)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    page->family = name;
    page->kind = kind;
    /* OpenMetrics names a counter without, the older format with what its samples end in */
    const char *ending = kind == QTA_METRIC_COUNTER && !page->is_openmetrics ? "_total" : "";
    put(page, "# HELP ");
    put(page, name);
    put(page, ending);
    put(page, " ");
    put(page, help);
    put(page, "\n# TYPE ");
    put(page, name);
    put(page, ending);
    put(page, " ");
    put(page, kinds[kind]);
    put(page, "\n");
}

static void put_label_value(struct qta_exposition *page, const char *value)
{
    size_t length = strlen(value);
    bool is_utf8 = qta_utf8_is_valid(value, length);
    for (size_t i = 0; i < length; i++) {
        char byte = value[i];
        if (byte == '\\' || byte == '"')
            qta_byte_buffer_append_byte(&page->text, '\\');
        if (byte == '\n')
            put(page, "\\n");
        else if (!is_utf8 && (unsigned char)byte >= 0x80)
            put(page, "?"); /* a scraper refuses the whole page for one bad byte */
        else
            qta_byte_buffer_append_byte(&page->text, (uint8_t)byte);
    }
}

/* Without the closing brace, so that a bucket can add its own; returns whether there were any. */
static bool put_labels(struct qta_exposition *page, va_list labels)
{
    bool has_any = false;
    for (const char *name; (name = va_arg(labels, const char *));) {
        const char *value = va_arg(labels, const char *);
        if (value[0] == '\0')
            continue; /* the same as no label */
        put(page, has_any ? "," : "{");
        put(page, name);
        put(page, "=\"");
        put_label_value(page, value);
        put(page, "\"");
        has_any = true;
    }
    return has_any;
}

static void put_sample(struct qta_exposition *page, const char *number, va_list labels)
{
    put(page, page->family);
    if (page->kind == QTA_METRIC_COUNTER)
        put(page, "_total");
    if (put_labels(page, labels))
        put(page, "}");
    put(page, " ");
    put(page, number);
    put(page, "\n");
}

/* Exactly: a double would lose digits of a time. */
static void print_seconds(char text[NUMBER_BYTES], int64_t value_ns)
{
    uint64_t absolute = value_ns < 0 ? -(uint64_t)value_ns : (uint64_t)value_ns;
    snprintf(text, NUMBER_BYTES, "%s%" PRIu64 ".%09" PRIu64, value_ns < 0 ? "-" : "",
             absolute / 1000000000, absolute % 1000000000);
    size_t length = strlen(text);
    while (text[length - 1] == '0' && text[length - 2] != '.')
        text[--length] = '\0';
}

void qta_exposition_sample(struct qta_exposition *page, uint64_t value, ...)
{
    char number[NUMBER_BYTES];
    va_list labels;
    snprintf(number, sizeof number, "%" PRIu64, value);
    va_start(labels, value);
    put_sample(page, number, labels);
    va_end(labels);
}

void qta_exposition_sample_real(struct qta_exposition *page, double value, ...)
{
    char number[NUMBER_BYTES];
    va_list labels;
    if (isfinite(value))
        snprintf(number, sizeof number, "%.9g", value);
    else
        snprintf(number, sizeof number, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    va_start(labels, value);
    put_sample(page, number, labels);
    va_end(labels);
}

void qta_exposition_sample_ns(struct qta_exposition *page, int64_t value_ns, ...)
{
    char number[NUMBER_BYTES];
    va_list labels;
    print_seconds(number, value_ns);
    va_start(labels, value_ns);
    put_sample(page, number, labels);
    va_end(labels);
}

/* One line of a histogram: name_suffix{labels,le="bound"} value */
static void put_part(struct qta_exposition *page, const char *suffix, const char *bound,
                     const char *number, va_list labels)
{
    va_list copy;
    put(page, page->family);
    put(page, suffix);
    va_copy(copy, labels);
    bool has_labels = put_labels(page, copy);
    va_end(copy);
    if (bound) {
        put(page, has_labels ? ",le=\"" : "{le=\"");
        put(page, bound);
        put(page, "\"");
    }
    if (bound || has_labels)
        put(page, "}");
    put(page, " ");
    put(page, number);
    put(page, "\n");
}

void qta_exposition_histogram(struct qta_exposition *page, const struct qta_histogram *histogram,
                              ...)
{
    char bound[NUMBER_BYTES];
    char number[NUMBER_BYTES];
    uint64_t total = 0;
    va_list labels;
    va_start(labels, histogram);
    for (size_t i = 0; i <= histogram->bound_count; i++) {
        total += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        if (i < histogram->bound_count)
            print_seconds(bound, histogram->bounds_ns[i]);
        snprintf(number, sizeof number, "%" PRIu64, total);
        put_part(page, "_bucket", i < histogram->bound_count ? bound : "+Inf", number, labels);
    }
    uint64_t sum_ns = atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
    print_seconds(number, sum_ns > INT64_MAX ? INT64_MAX : (int64_t)sum_ns);
    put_part(page, "_sum", NULL, number, labels);
    snprintf(number, sizeof number, "%" PRIu64, total);
    put_part(page, "_count", NULL, number, labels);
    va_end(labels);
}

void qta_exposition_end(struct qta_exposition *page)
{
    if (page->is_openmetrics)
        put(page, "# EOF\n");
}
