/** @file option_table.h
 *  The command line of a program as a table: parsing, its errors and --help come from the same
 * rows.
 *
 *      struct settings {
 *          const char *output;
 *          uint64_t limit;
 *          struct qta_option_list symbols;
 *      };
 *      static const struct qta_option options[] = {
 *          {.name = "output", .kind = QTA_OPTION_TEXT, .value_name = "DIR",
 *           .offset = offsetof(struct settings, output), .help = "where to write"},
 *          ...
 *      };
 *      static const struct qta_option_table table = {
 *          .program = "qta-example", .synopsis = "[OPTION]... SESSION...", .summary = "...",
 *          .options = options, .option_count = 3, .operand_name = "SESSION",
 *          .operand_min = 1, .operand_max = SIZE_MAX};
 *
 *      struct settings settings = {.limit = UINT64_MAX};           // the defaults
 *      struct qta_option_operands operands;
 *      int exit_code;
 *      if (!qta_option_table_parse(&table, argc, argv, &settings, &operands, &exit_code))
 *          return exit_code;                                       // help, version or bad usage
 *
 *  Understood: --name value, --name=value, --switch, -h, -V, and "--" before operands that begin
 *  with '-'. Options and operands may come in any order. An option given twice counts the last
 * time, lists add up. Everything is on the calling thread. */
#ifndef QTA_TOOLS_OPTION_TABLE_H
#define QTA_TOOLS_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What an option's value is, and the type of the settings field at its offset. */
enum qta_option_kind {
    QTA_OPTION_SWITCH = 0, /**< bool: no value, the field becomes true */
    QTA_OPTION_TEXT,       /**< const char *: as given, borrowed from argv */
    QTA_OPTION_LIST,       /**< struct qta_option_list: "A,B"; empty items are refused */
    QTA_OPTION_REPEATED,   /**< struct qta_option_list: one whole value for each use */
    QTA_OPTION_NUMBER,     /**< uint64_t from minimum to maximum */
    QTA_OPTION_DURATION,   /**< int64_t ns, not negative: "90s", "1h30m" */
    QTA_OPTION_CHOICE,     /**< int: index of the word in choices */
    QTA_OPTION_CUSTOM,     /**< whatever read() makes of it */
};

/** Texts borrowed from argv; the array is the list's own. Start from zeroes. */
struct qta_option_list {
    const char **items;
    size_t count;
};

/** Frees the array. A zeroed list is fine. */
void qta_option_list_finish(struct qta_option_list *list);

struct qta_option {
    const char *name; /**< without the dashes */
    enum qta_option_kind kind;
    size_t offset;              /**< of the field in the settings struct */
    const char *value_name;     /**< as help shows it, e.g. "FILE"; NULL for switches */
    const char *help;           /**< lower case, no full stop; wrapped as needed */
    uint64_t minimum;           /**< NUMBER */
    uint64_t maximum;           /**< NUMBER; 0 for no limit */
    const char *const *choices; /**< CHOICE: ends with NULL */
    /** CUSTOM: reads text into *field, false when it is none; settings keep their value then. */
    bool (*read)(const char *text, void *field);
    const char *expected; /**< CUSTOM: ends the error "'x' is not ...", e.g. "a speed like 10x" */
    bool is_required;
    /** NUMBER: the value may be left out and is without_value then. It is taken from the next
     *  argument only if that is a number. */
    bool is_value_optional;
    uint64_t without_value;
};

/** A part of the help after the options, e.g. examples: each row a term and what it means. */
struct qta_option_help_row {
    const char *term; /**< one line or several; "" continues with a paragraph */
    const char *text;
};
struct qta_option_help_section {
    const char *title;
    const struct qta_option_help_row *rows; /**< ends with a row whose term is NULL */
    bool is_stacked; /**< text close to the left, below its term: for long terms like examples */
};

struct qta_option_table {
    const char *program;  /**< name in usage and in errors, e.g. "qta-session info" */
    const char *synopsis; /**< what follows the name in the usage line */
    const char *summary;  /**< whole sentences; "\n" starts a new paragraph */
    const struct qta_option *options;
    size_t option_count;                            /**< at most 64 */
    const struct qta_option_help_section *sections; /**< ends with a NULL title; NULL for none */
    const char *operand_name;                       /**< in errors, e.g. "SESSION" */
    size_t operand_min;
    size_t operand_max;                              /**< SIZE_MAX for any number */
    const struct qta_option_help_row *exit_statuses; /**< NULL for qta_option_exit_statuses */
};

/** What all programs of this package mean by their exit status. Ends with a NULL term. */
extern const struct qta_option_help_row qta_option_exit_statuses[];

/** The arguments that are no options: argv's own strings, in order. */
struct qta_option_operands {
    const char *const *items;
    size_t count;
};

/** Reads argv[1..argc) into *settings. True: go on. False: leave with *exit_code: 0 after --help or
 *  --version on stdout, 2 after one line on stderr that names the argument that is wrong. Moves the
 *  operands to the front of argv and cuts lists in place: argv's strings must be writable, as
 * main's are, and outlive settings. */
bool qta_option_table_parse(const struct qta_option_table *table, int argc, char **argv,
                            void *settings, struct qta_option_operands *operands, int *exit_code);

/** Which of words[0..count) is meant by a misspelt word; NULL when none is near. */
const char *qta_option_nearest(const char *word, const char *const *words, size_t count);

#endif
