/* UTF-8, by the cases that decoders get wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/utf8.h"

static void only_well_formed_text_is_valid(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"", true},
        {"plain ASCII, long enough for words", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
        {"\xed\x9f\xbf", true},
        {"\xed\xa0\x80", false}, /* surrogate */
        {"\xc0\x80", false},     /* overlong NUL */
        {"\xe0\x80\xaf", false}, /* overlong '/' */
        {"\xf0\x80\x80\xaf", false},
        {"\x80", false}, /* lone continuation */
        {"\xc3", false}, /* cut off */
        {"\xe2\x82", false},
        {"abcdefg\xff", false},
        {"abcdefgh\xe2\x82\xacijklmnop\xc3", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(qta_utf8_is_valid(cases[i].text, strlen(cases[i].text)),
                         cases[i].is_valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_well_formed_text_is_valid),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
