/* The command line as a table: one walk over argv, one over the table for help. */
#include "tools/option_table.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/export.h>
#include <qta/timestamp.h>
#include <qta/version.h>

#include "tools/program.h"

enum {
    HELP_COLUMNS = 80,
    HELP_TERM_COLUMN = 2,
    HELP_TEXT_COLUMN = 26,
    HELP_STACKED_COLUMN = 8,
    HELP_STATUS_COLUMN = 6,
    NEAREST_WORD_MAX = 64,
};

const struct qta_option_help_row qta_option_exit_statuses[] = {
    {"0", "done"},
    {"1", "tried and failed"},
    {"2", "bad usage or configuration; nothing was done"},
    {"3", "done, but something was lost or is damaged"},
    {NULL, NULL},
};

/* What every program understands; they stand at the end of the table in help and suggestions. */
static const struct qta_option common_options[] = {
    {.name = "help", .help = "show this help and leave (-h)"},
    {.name = "version", .help = "show the version and leave (-V)"},
};
enum { COMMON_OPTION_COUNT = sizeof common_options / sizeof common_options[0] };

/* One walk over argv. */
struct parser {
    const struct qta_option_table *table;
    int argc;
    char **argv;
    void *settings;
    int next;          /* the argument to look at */
    int operand_count; /* moved to argv[1..] so far */
    uint64_t seen;     /* options given, a bit each */
    int exit_code;
};

/* What a step of the walk says: go on with the next argument, or leave with exit_code. */
enum step { STEP_ON, STEP_LEAVE };

static enum step leave(struct parser *parser, int exit_code)
{
    parser->exit_code = exit_code;
    return STEP_LEAVE;
}

/* Says on one line of stderr what is wrong with the command line. */
static enum step refuse(struct parser *parser, const char *format, ...) QTA_PRINTF(2, 3);
static enum step refuse(struct parser *parser, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", parser->table->program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return leave(parser, QTA_EXIT_USAGE);
}

/* ---- the nearest word -------------------------------------------------------------------------
 */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t two = a < b ? a : b;
    return two < c ? two : c;
}

/* Insertions, deletions, replacements and swaps of neighbours between two words. */
static size_t edit_distance(const char *left, size_t left_length, const char *right,
                            size_t right_length)
{
    assert(left_length <= NEAREST_WORD_MAX && right_length <= NEAREST_WORD_MAX);
    size_t rows[3][NEAREST_WORD_MAX + 1];
    for (size_t j = 0; j <= right_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= right_length; j++) {
            size_t cost = left[i - 1] != right[j - 1];
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                row[j] = least(row[j], above_that[j - 2] + 1, SIZE_MAX);
        }
    }
    return rows[left_length % 3][right_length];
}

const char *qta_option_nearest(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    if (length == 0 || length > NEAREST_WORD_MAX)
        return NULL;
    const char *nearest = NULL;
    size_t nearest_distance = (length + 1) / 3 + 1; /* so far, it is another word */
    for (size_t i = 0; i < count; i++) {
        size_t candidate_length = strlen(words[i]);
        if (candidate_length > NEAREST_WORD_MAX)
            continue;
        size_t distance = edit_distance(word, length, words[i], candidate_length);
        if (length >= 2 && strncmp(word, words[i], length) == 0)
            distance = 1; /* the beginning of the word */
        if (distance < nearest_distance) {
            nearest = words[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

/* ---- values -----------------------------------------------------------------------------------
 */

void qta_option_list_finish(struct qta_option_list *list)
{
    free(list->items);
    *list = (struct qta_option_list){0};
}

static bool list_add(struct qta_option_list *list, const char *item)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return false;
    items[list->count++] = item;
    list->items = items;
    return true;
}

static bool read_number(const char *text, uint64_t *number)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return false;
    *number = value;
    return true;
}

static enum step read_list(struct parser *parser, const struct qta_option *option, char *text,
                           struct qta_option_list *list)
{
    for (char *item = text; item;) {
        char *comma = strchr(item, ',');
        if (*item == '\0' || comma == item)
            return refuse(parser, "option '--%s': an item of its list is empty", option->name);
        if (comma)
            *comma++ = '\0';
        if (!list_add(list, item))
            return refuse(parser, "out of memory");
        item = comma;
    }
    return STEP_ON;
}

static enum step refuse_value(struct parser *parser, const struct qta_option *option,
                              const char *text, const char *expected)
{
    return refuse(parser, "option '--%s': '%s' is not %s", option->name, text, expected);
}

static enum step read_number_value(struct parser *parser, const struct qta_option *option,
                                   const char *text, uint64_t *number)
{
    uint64_t maximum = option->maximum ? option->maximum : UINT64_MAX;
    uint64_t value;
    if (read_number(text, &value) && value >= option->minimum && value <= maximum) {
        *number = value;
        return STEP_ON;
    }
    char expected[96];
    if (option->maximum)
        snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64,
                 option->minimum, maximum);
    else
        snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " on", option->minimum);
    return refuse_value(parser, option, text, expected);
}

static enum step read_choice(struct parser *parser, const struct qta_option *option,
                             const char *text, int *choice)
{
    char expected[256] = "one of";
    size_t used = strlen(expected);
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *choice = i;
            return STEP_ON;
        }
        int length = snprintf(expected + used, sizeof expected - used, "%s %s", i ? "," : "",
                              option->choices[i]);
        used += (size_t)length;
        assert(used < sizeof expected);
    }
    return refuse_value(parser, option, text, expected);
}

static enum step read_value(struct parser *parser, const struct qta_option *option, char *text)
{
    void *field = (char *)parser->settings + option->offset;
    switch (option->kind) {
    case QTA_OPTION_TEXT:
        *(const char **)field = text;
        return STEP_ON;
    case QTA_OPTION_LIST:
        return read_list(parser, option, text, field);
    case QTA_OPTION_REPEATED:
        return list_add(field, text) ? STEP_ON : refuse(parser, "out of memory");
    case QTA_OPTION_NUMBER:
        return read_number_value(parser, option, text, field);
    case QTA_OPTION_DURATION: {
        int64_t duration_ns;
        if (qta_duration_parse(text, strlen(text), &duration_ns) != QTA_OK || duration_ns < 0)
            return refuse_value(parser, option, text, "a duration like 90s, 200ms or 1h30m");
        *(int64_t *)field = duration_ns;
        return STEP_ON;
    }
    case QTA_OPTION_CHOICE:
        return read_choice(parser, option, text, field);
    case QTA_OPTION_CUSTOM:
        if (!option->read(text, field))
            return refuse_value(parser, option, text, option->expected);
        return STEP_ON;
    case QTA_OPTION_SWITCH:
        break;
    }
    assert(!"a switch has no value");
    return STEP_ON;
}

/* ---- help -------------------------------------------------------------------------------------
 */

/* Writes words from text, broken at HELP_COLUMNS and indented; "\n" begins a new line. */
static void print_wrapped(const char *text, int indent, int column)
{
    while (*text != '\0') {
        int length = (int)strcspn(text, " \n");
        bool is_first = column <= indent;
        if (!is_first && column + 1 + length > HELP_COLUMNS) {
            printf("\n");
            column = 0;
            is_first = true;
        }
        if (is_first)
            column += printf("%*s", indent - column, "");
        else
            column += printf(" ");
        column += printf("%.*s", length, text);
        text += length;
        if (*text == '\n') {
            printf("\n");
            column = 0;
        }
        text += *text != '\0';
    }
    printf("\n");
}

/* A term of one line or several and, beside it or below it, what it means. */
static void print_row(const char *term, const char *text, int text_column)
{
    int column = 0;
    for (const char *line = term;; line++) {
        int length = (int)strcspn(line, "\n");
        column = printf("%*s%.*s", HELP_TERM_COLUMN, "", length, line);
        line += length;
        if (*line == '\0')
            break;
        printf("\n");
    }
    if (*text == '\0' || column + 2 > text_column) {
        printf("\n");
        column = 0;
    }
    if (*text != '\0')
        print_wrapped(text, text_column, column);
}

static void print_option(const struct qta_option *option)
{
    char term[128];
    if (!option->value_name)
        snprintf(term, sizeof term, "--%s", option->name);
    else if (option->is_value_optional)
        snprintf(term, sizeof term, "--%s [%s]", option->name, option->value_name);
    else
        snprintf(term, sizeof term, "--%s %s", option->name, option->value_name);
    print_row(term, option->help, HELP_TEXT_COLUMN);
}

static void print_rows(const char *title, const struct qta_option_help_row *rows, int text_column)
{
    printf("\n%s:\n", title);
    for (; rows->term; rows++) {
        if (*rows->term == '\0')
            print_wrapped(rows->text, HELP_TERM_COLUMN, 0);
        else
            print_row(rows->term, rows->text, text_column);
    }
}

static void print_help(const struct qta_option_table *table)
{
    printf("Usage: %s %s\n\n", table->program, table->synopsis);
    print_wrapped(table->summary, 0, 0);
    printf("\nOptions:\n");
    for (size_t i = 0; i < table->option_count; i++)
        print_option(&table->options[i]);
    for (size_t i = 0; i < COMMON_OPTION_COUNT; i++)
        print_option(&common_options[i]);
    const struct qta_option_help_section *section = table->sections;
    for (; section && section->title; section++)
        print_rows(section->title, section->rows,
                   section->is_stacked ? HELP_STACKED_COLUMN : HELP_TEXT_COLUMN);
    print_rows("Exit status",
               table->exit_statuses ? table->exit_statuses : qta_option_exit_statuses,
               HELP_STATUS_COLUMN);
}

static enum step show_help(struct parser *parser)
{
    print_help(parser->table);
    return leave(parser, (int)qta_program_finish(QTA_EXIT_DONE));
}

static enum step show_version(struct parser *parser)
{
    /* of "qta-session info" it is the program that has a version */
    int length = (int)strcspn(parser->table->program, " ");
    printf("%.*s %s\n", length, parser->table->program, qta_version());
    return leave(parser, (int)qta_program_finish(QTA_EXIT_DONE));
}

/* ---- the walk ---------------------------------------------------------------------------------
 */

static const struct qta_option *find_option(const struct qta_option_table *table, const char *name,
                                            size_t length)
{
    for (size_t i = 0; i < table->option_count; i++) {
        if (strlen(table->options[i].name) == length &&
            memcmp(table->options[i].name, name, length) == 0)
            return &table->options[i];
    }
    return NULL;
}

static enum step refuse_unknown(struct parser *parser, const char *name, size_t length)
{
    const struct qta_option_table *table = parser->table;
    const char *names[64 + COMMON_OPTION_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < table->option_count; i++)
        names[count++] = table->options[i].name;
    for (size_t i = 0; i < COMMON_OPTION_COUNT; i++)
        names[count++] = common_options[i].name;
    char word[NEAREST_WORD_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)length, name);
    const char *nearest = qta_option_nearest(word, names, count);
    if (nearest)
        return refuse(parser, "unknown option '--%.*s', did you mean '--%s'?", (int)length, name,
                      nearest);
    return refuse(parser, "unknown option '--%.*s' (see '%s --help')", (int)length, name,
                  table->program);
}

/* The value of an option that stands in an argument of its own; NULL when it has none. */
static char *take_next_value(struct parser *parser, const struct qta_option *option)
{
    if (parser->next >= parser->argc)
        return NULL;
    char *text = parser->argv[parser->next];
    uint64_t number;
    if (option->is_value_optional ? !read_number(text, &number) : strncmp(text, "--", 2) == 0)
        return NULL;
    parser->next++;
    return text;
}

static enum step take_option(struct parser *parser, const struct qta_option *option, char *value)
{
    parser->seen |= UINT64_C(1) << (option - parser->table->options);
    char *field = (char *)parser->settings + option->offset;
    if (option->kind == QTA_OPTION_SWITCH) {
        if (value)
            return refuse(parser, "option '--%s' takes no value", option->name);
        *(bool *)field = true;
        return STEP_ON;
    }
    if (!value)
        value = take_next_value(parser, option);
    if (value)
        return read_value(parser, option, value);
    if (!option->is_value_optional)
        return refuse(parser, "option '--%s' needs a value: --%s %s", option->name, option->name,
                      option->value_name);
    assert(option->kind == QTA_OPTION_NUMBER);
    *(uint64_t *)(void *)field = option->without_value;
    return STEP_ON;
}

static enum step take_long(struct parser *parser, char *name)
{
    size_t length = strcspn(name, "=");
    char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct qta_option *option = find_option(parser->table, name, length);
    if (option)
        return take_option(parser, option, value);
    for (size_t i = 0; i < COMMON_OPTION_COUNT; i++) {
        if (strlen(common_options[i].name) != length ||
            memcmp(common_options[i].name, name, length) != 0)
            continue;
        if (value)
            return refuse(parser, "option '--%s' takes no value", common_options[i].name);
        return i == 0 ? show_help(parser) : show_version(parser);
    }
    return refuse_unknown(parser, name, length);
}

static enum step take_argument(struct parser *parser)
{
    char *argument = parser->argv[parser->next++];
    if (strcmp(argument, "-h") == 0)
        return show_help(parser);
    if (strcmp(argument, "-V") == 0)
        return show_version(parser);
    if (strncmp(argument, "--", 2) == 0 && argument[2] != '\0')
        return take_long(parser, argument + 2);
    if (argument[0] == '-' && argument[1] != '\0' && strcmp(argument, "--") != 0)
        return refuse(parser, "unknown option '%s' (see '%s --help')", argument,
                      parser->table->program);
    if (strcmp(argument, "--") != 0) {
        parser->argv[1 + parser->operand_count++] = argument;
        return STEP_ON;
    }
    while (parser->next < parser->argc)
        parser->argv[1 + parser->operand_count++] = parser->argv[parser->next++];
    return STEP_ON;
}

static enum step check_complete(struct parser *parser)
{
    const struct qta_option_table *table = parser->table;
    for (size_t i = 0; i < table->option_count; i++) {
        const struct qta_option *option = &table->options[i];
        if (option->is_required && !(parser->seen >> i & 1))
            return refuse(parser, "option '--%s %s' is missing (see '%s --help')", option->name,
                          option->value_name, table->program);
    }
    size_t count = (size_t)parser->operand_count;
    if (count > table->operand_max)
        return refuse(parser, "unexpected argument '%s' (see '%s --help')",
                      parser->argv[1 + table->operand_max], table->program);
    if (count < table->operand_min)
        return refuse(parser, "%s is missing (see '%s --help')", table->operand_name,
                      table->program);
    return STEP_ON;
}

bool qta_option_table_parse(const struct qta_option_table *table, int argc, char **argv,
                            void *settings, struct qta_option_operands *operands, int *exit_code)
{
    assert(table->option_count <= 64);
    struct parser parser = {
        .table = table, .argc = argc, .argv = argv, .settings = settings, .next = 1};
    enum step step = STEP_ON;
    while (step == STEP_ON && parser.next < argc)
        step = take_argument(&parser);
    if (step == STEP_ON)
        step = check_complete(&parser);
    if (step == STEP_LEAVE) {
        *exit_code = parser.exit_code;
        return false;
    }
    operands->items = (const char *const *)(argv + 1);
    operands->count = (size_t)parser.operand_count;
    return true;
}
