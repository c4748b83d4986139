/* The command line: what is understood, what is refused and in which words, and the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/option_table.h"

struct settings {
    bool quiet;
    const char *output;
    struct qta_option_list symbols;
    struct qta_option_list set;
    uint64_t loop;
    uint64_t ticks;
    int64_t duration_ns;
    int format;
    char speed;
};

static bool read_letter(const char *text, void *field)
{
    if (strlen(text) != 1)
        return false;
    *(char *)field = *text;
    return true;
}

#define AT(field) offsetof(struct settings, field)
static const char *const formats[] = {"ndjson", "csv", "text", NULL};
static const struct qta_option options[] = {
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = AT(output),
     .value_name = "DIR",
     .help = "where to write what was asked for, a folder that is made when it is not there yet"},
    {.name = "quiet", .offset = AT(quiet), .help = "say nothing"},
    {.name = "symbols",
     .kind = QTA_OPTION_LIST,
     .offset = AT(symbols),
     .value_name = "A,B",
     .help = "only these"},
    {.name = "set",
     .kind = QTA_OPTION_REPEATED,
     .offset = AT(set),
     .value_name = "KEY=VALUE",
     .help = "set a key"},
    {.name = "loop",
     .kind = QTA_OPTION_NUMBER,
     .offset = AT(loop),
     .value_name = "N",
     .help = "again and again",
     .is_value_optional = true,
     .without_value = 99},
    {.name = "max-ticks",
     .kind = QTA_OPTION_NUMBER,
     .offset = AT(ticks),
     .value_name = "N",
     .help = "stop there",
     .minimum = 1,
     .maximum = 1000},
    {.name = "duration",
     .kind = QTA_OPTION_DURATION,
     .offset = AT(duration_ns),
     .value_name = "T",
     .help = "how long"},
    {.name = "format",
     .kind = QTA_OPTION_CHOICE,
     .offset = AT(format),
     .value_name = "FORMAT",
     .help = "ndjson, csv or text",
     .choices = formats},
    {.name = "an-option-with-a-long-name",
     .kind = QTA_OPTION_CUSTOM,
     .offset = AT(speed),
     .value_name = "L",
     .help = "a letter",
     .read = read_letter,
     .expected = "a single letter"},
};

static const struct qta_option_help_row examples[] = {
    {"qta-example sessions/a", "the simplest use"},
    {"", "A paragraph that stands between two examples and is long enough to be wrapped once."},
    {"qta-example --symbols SPY,QQQ \\\n    --output /tmp sessions/b", "more"},
    {NULL, NULL},
};
static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = examples, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-example",
    .synopsis = "[OPTION]... SESSION...",
    .summary = "Shows what the table can do. This sentence makes the paragraph so long that it has "
               "to be wrapped.\nA second paragraph.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 0,
    .operand_max = 2,
};

/* One run of the parser: its streams, its outcome, what it understood. */
struct run {
    bool goes_on;
    int exit_code;
    char *out;
    char *err;
    struct settings settings;
    struct qta_option_operands operands;
    char *arguments[32]; /* arguments[0..count) */
    int count;
};

static void start(struct run *run, const struct qta_option_table *rows, const char *line)
{
    *run = (struct run){.exit_code = -1, .count = 1};
    run->arguments[0] = strdup("qta-example");
    char *copy = strdup(line);
    for (char *next = copy; *line != '\0' && next;)
        run->arguments[run->count++] = strdup(strsep(&next, " "));
    free(copy);
    char *argv[32];
    memcpy(argv, run->arguments, sizeof argv);
    size_t length;
    FILE *streams[] = {stdout, stderr};
    stdout = open_memstream(&run->out, &length);
    stderr = open_memstream(&run->err, &length);
    run->goes_on = qta_option_table_parse(rows, run->count, argv, &run->settings, &run->operands,
                                          &run->exit_code);
    fclose(stdout);
    fclose(stderr);
    stdout = streams[0];
    stderr = streams[1];
    /* argv is gone in a moment: what is left is what a test needs */
    static const char *operands[32];
    for (size_t i = 0; run->goes_on && i < run->operands.count; i++)
        operands[i] = run->operands.items[i];
    run->operands.items = operands;
}

static void finish(struct run *run)
{
    for (int i = 0; i < run->count; i++)
        free(run->arguments[i]);
    qta_option_list_finish(&run->settings.symbols);
    qta_option_list_finish(&run->settings.set);
    free(run->out);
    free(run->err);
}

/* The settings that differ from zero, and the operands, as one line. Owned by the caller. */
static char *describe(const struct run *run)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    const struct settings *s = &run->settings;
    if (s->quiet)
        fprintf(out, "quiet ");
    if (s->output)
        fprintf(out, "output=%s ", s->output);
    for (size_t i = 0; i < s->symbols.count; i++)
        fprintf(out, "symbol=%s ", s->symbols.items[i]);
    for (size_t i = 0; i < s->set.count; i++)
        fprintf(out, "set:%s ", s->set.items[i]);
    if (s->loop)
        fprintf(out, "loop=%" PRIu64 " ", s->loop);
    if (s->ticks)
        fprintf(out, "ticks=%" PRIu64 " ", s->ticks);
    if (s->duration_ns)
        fprintf(out, "duration=%" PRId64 " ", s->duration_ns);
    if (s->format)
        fprintf(out, "format=%d ", s->format);
    if (s->speed)
        fprintf(out, "speed=%c ", s->speed);
    for (size_t i = 0; i < run->operands.count; i++)
        fprintf(out, "<%s>", run->operands.items[i]);
    fclose(out);
    return text;
}

static void every_form_is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *expected;
    } cases[] = {
        {"", ""},
        {"a", "<a>"},
        {"--output x a", "output=x <a>"},
        {"a --output=x b", "output=x <a><b>"},
        {"--output= a", "output= <a>"},
        {"--output=a=b", "output=a=b "},
        {"--output -", "output=- "},
        {"--output -x", "output=-x "},
        {"--output x --output y", "output=y "},
        {"--quiet", "quiet "},
        {"-", "<->"},
        {"-- --quiet -x", "<--quiet><-x>"},
        {"--symbols A,B --symbols C", "symbol=A symbol=B symbol=C "},
        {"--set a=1,2 --set=b=3", "set:a=1,2 set:b=3 "},
        {"--loop", "loop=99 "},
        {"--loop a", "loop=99 <a>"},
        {"--loop 5 a", "loop=5 <a>"},
        {"--loop=5 a", "loop=5 <a>"},
        {"--loop --quiet", "quiet loop=99 "},
        {"--max-ticks 1000", "ticks=1000 "},
        {"--duration 1m30s", "duration=90000000000 "},
        {"--format text", "format=2 "},
        {"--an-option-with-a-long-name x", "speed=x "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].line);
        struct run run;
        start(&run, &table, cases[i].line);
        assert_string_equal(run.err, "");
        assert_string_equal(run.out, "");
        assert_true(run.goes_on);
        char *text = describe(&run);
        assert_string_equal(text, cases[i].expected);
        free(text);
        finish(&run);
    }
}

static void what_is_wrong_is_one_line_that_names_it(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *expected;
    } cases[] = {
        {"--quite", "unknown option '--quite', did you mean '--quiet'?"},
        {"--simbols=A", "unknown option '--simbols', did you mean '--symbols'?"},
        {"--dur 5s", "unknown option '--dur', did you mean '--duration'?"},
        {"--hlep", "unknown option '--hlep', did you mean '--help'?"},
        {"--zzzzzz", "unknown option '--zzzzzz' (see 'qta-example --help')"},
        {"--=x", "unknown option '--' (see 'qta-example --help')"},
        {"-x", "unknown option '-x' (see 'qta-example --help')"},
        {"-hV", "unknown option '-hV' (see 'qta-example --help')"},
        {"--quiet=yes", "option '--quiet' takes no value"},
        {"--help=me", "option '--help' takes no value"},
        {"--output", "option '--output' needs a value: --output DIR"},
        {"--output --quiet", "option '--output' needs a value: --output DIR"},
        {"--symbols A,,B", "option '--symbols': an item of its list is empty"},
        {"--symbols A,", "option '--symbols': an item of its list is empty"},
        {"--symbols=", "option '--symbols': an item of its list is empty"},
        {"--max-ticks 0", "option '--max-ticks': '0' is not a whole number from 1 to 1000"},
        {"--max-ticks 1001", "option '--max-ticks': '1001' is not a whole number from 1 to 1000"},
        {"--max-ticks +1", "option '--max-ticks': '+1' is not a whole number from 1 to 1000"},
        {"--max-ticks 1k", "option '--max-ticks': '1k' is not a whole number from 1 to 1000"},
        {"--loop=x", "option '--loop': 'x' is not a whole number from 0 on"},
        {"--loop=18446744073709551616",
         "option '--loop': '18446744073709551616' is not a whole number from 0 on"},
        {"--duration 5", "option '--duration': '5' is not a duration like 90s, 200ms or 1h30m"},
        {"--duration=-5s", "option '--duration': '-5s' is not a duration like 90s, 200ms or 1h30m"},
        {"--format xml", "option '--format': 'xml' is not one of ndjson, csv, text"},
        {"--an-option-with-a-long-name xy",
         "option '--an-option-with-a-long-name': 'xy' is not a single letter"},
        {"a b c", "unexpected argument 'c' (see 'qta-example --help')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].line);
        struct run run;
        start(&run, &table, cases[i].line);
        char expected[256];
        snprintf(expected, sizeof expected, "qta-example: %s\n", cases[i].expected);
        assert_string_equal(run.err, expected);
        assert_string_equal(run.out, "");
        assert_false(run.goes_on);
        assert_int_equal(run.exit_code, 2);
        finish(&run);
    }
}

static void what_is_required_must_be_there(void **state)
{
    (void)state;
    struct qta_option required = options[0];
    required.is_required = true;
    struct qta_option_table rows = table;
    rows.options = &required;
    rows.option_count = 1;
    rows.operand_min = 1;
    struct run run;
    start(&run, &rows, "a");
    assert_string_equal(run.err, "qta-example: option '--output DIR' is missing (see 'qta-example "
                                 "--help')\n");
    assert_int_equal(run.exit_code, 2);
    finish(&run);
    start(&run, &rows, "--output x");
    assert_string_equal(run.err, "qta-example: SESSION is missing (see 'qta-example --help')\n");
    assert_int_equal(run.exit_code, 2);
    finish(&run);
}

static void help_is_made_of_the_table(void **state)
{
    (void)state;
    static const char expected[] =
        "Usage: qta-example [OPTION]... SESSION...\n"
        "\n"
        "Shows what the table can do. This sentence makes the paragraph so long that it\n"
        "has to be wrapped.\n"
        "A second paragraph.\n"
        "\n"
        "Options:\n"
        "  --output DIR            where to write what was asked for, a folder that is\n"
        "                          made when it is not there yet\n"
        "  --quiet                 say nothing\n"
        "  --symbols A,B           only these\n"
        "  --set KEY=VALUE         set a key\n"
        "  --loop [N]              again and again\n"
        "  --max-ticks N           stop there\n"
        "  --duration T            how long\n"
        "  --format FORMAT         ndjson, csv or text\n"
        "  --an-option-with-a-long-name L\n"
        "                          a letter\n"
        "  --help                  show this help and leave (-h)\n"
        "  --version               show the version and leave (-V)\n"
        "\n"
        "Examples:\n"
        "  qta-example sessions/a\n"
        "        the simplest use\n"
        "  A paragraph that stands between two examples and is long enough to be wrapped\n"
        "  once.\n"
        "  qta-example --symbols SPY,QQQ \\\n"
        "      --output /tmp sessions/b\n"
        "        more\n"
        "\n"
        "Exit status:\n"
        "  0   done\n"
        "  1   tried and failed\n"
        "  2   bad usage or configuration; nothing was done\n"
        "  3   done, but something was lost or is damaged\n";
    static const char *const lines[] = {"--help", "-h", "a --quiet --help --unknown"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct run run;
        start(&run, &table, lines[i]);
        assert_string_equal(run.out, expected);
        assert_string_equal(run.err, "");
        assert_false(run.goes_on);
        assert_int_equal(run.exit_code, 0);
        finish(&run);
    }
}

static void the_version_is_the_programs_also_for_its_commands(void **state)
{
    (void)state;
    struct qta_option_table rows = table;
    rows.program = "qta-example command";
    static const char *const lines[] = {"--version", "-V"};
    for (size_t i = 0; i < 2; i++) {
        struct run run;
        start(&run, &rows, lines[i]);
        assert_int_equal(strncmp(run.out, "qta-example 0.", 14), 0);
        assert_int_equal(run.exit_code, 0);
        finish(&run);
    }
}

static void the_nearest_word_is_near(void **state)
{
    (void)state;
    static const char *const words[] = {"info", "verify", "cat", "import"};
    static const struct {
        const char *word;
        const char *nearest;
    } cases[] = {
        {"inof", "info"},
        {"verfy", "verify"},
        {"imp", "import"},
        {"ca", "cat"},
        {"dog", NULL},
        {"", NULL},
        {"x", NULL},
        {"tac", NULL},
        {"INFO", NULL},
        {"verifyy", "verify"},
        {"a word that is far longer than any word that could be meant by whoever wrote it", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].word);
        const char *nearest = qta_option_nearest(cases[i].word, words, 4);
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_understood),
        cmocka_unit_test(what_is_wrong_is_one_line_that_names_it),
        cmocka_unit_test(what_is_required_must_be_there),
        cmocka_unit_test(help_is_made_of_the_table),
        cmocka_unit_test(the_version_is_the_programs_also_for_its_commands),
        cmocka_unit_test(the_nearest_word_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
