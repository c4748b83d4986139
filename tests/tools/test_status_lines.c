/* The status as lines: nothing is lost, nothing is cut inside a string. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tools/status_lines.h"

struct lines {
    char text[4096];
    int count;
};

static void take_line(void *user, const char *line)
{
    struct lines *lines = user;
    size_t used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%s\n", line);
    lines->count++;
}

static void members_are_lines_and_arrays_of_objects_are_several(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *lines;
    } cases[] = {
        {"{}\n", ""},
        {"{\"version\":\"0.1\",\"ready\":true}\n", "version \"0.1\"\nready true\n"},
        {"{\"a\":[{\"n\":\"x\"},{\"n\":\"y\",\"z\":{\"k\":[1,2]}}],\"b\":[]}\n",
         "a {\"n\":\"x\"}\na {\"n\":\"y\",\"z\":{\"k\":[1,2]}}\nb []\n"},
        {"{\"reasons\":[\"a, b\",\"c\"],\"s\":null}", "reasons [\"a, b\",\"c\"]\ns null\n"},
        {"{\"a\":[{\"n\":\"}],\\\"{\"}],\"b\":1}", "a {\"n\":\"}],\\\"{\"}\nb 1\n"},
        {"", ""},
        {"{\"cut\":[{\"n", "cut {\"n\n"},
        {"{\"cut", "cut \n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lines lines = {0};
        qta_status_lines_tell(cases[i].json, take_line, &lines);
        assert_string_equal(lines.text, cases[i].lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_lines_and_arrays_of_objects_are_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
