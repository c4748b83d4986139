/* Memory that runs out at any allocation: an error, no crash, no leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/fake_adapters.h"

/* The linker sends the library's allocations here (--wrap). */
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static long countdown = -1; /* allocations until they fail; -1: never */

static int fails_now(void)
{
    if (countdown < 0)
        return 0;
    if (countdown > 0) {
        countdown--;
        return 0;
    }
    return 1;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

/* Enough of everything to fill several blocks of memory. */
static char *make_text(void)
{
    enum { CAPACITY = 64 * 1024 };
    char *text = __real_malloc(CAPACITY);
    assert_non_null(text);
    char *end = stpcpy(text, "streaming:\n  foo: 1\n  providers:\n"
                             "    - name: one\n      adapter: venue\n"
                             "      subscriptions: [trades, quotes, bars]\n"
                             "      api_key: ${HOME:-x}\n"
                             "    - {name: two, adapter: synthetic, seed: 3, rate: 5}\n"
                             "    - {name: three, adapter: synthetic, seed: x}\n"
                             "  symbols:\n");
    for (int i = 0; i < 1000; i++)
        end += sprintf(end, "   - SYMBOL%d\n", i % 900);
    strcpy(end, "recording:\n  directory: x\n");
    return text;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const overrides[] = {
        "streaming.buffer_size=5",
        "streaming.providers.two.rate_limit.default_rate=1",
        "recording.enabled?=true",
    };
    char *text = make_text();
    long failures = 0;
    enum qta_status status = QTA_ERR_NOMEM;
    for (; status == QTA_ERR_NOMEM; failures++) {
        assert_true(failures < 1000);
        struct qta_config *config = NULL;
        struct qta_error err;
        countdown = failures;
        status = qta_config_load_text(&config, "f.yaml", text, strlen(text), overrides, 3,
                                      &fake_adapters, &err);
        countdown = -1;
        if (status == QTA_ERR_NOMEM) {
            assert_null(config);
            assert_string_equal(err.message, "out of memory reading 'f.yaml'");
        }
        qta_config_destroy(config);
    }
    assert_int_equal(status, QTA_ERR_CONFIG); /* seed: x */
    assert_true(failures > 10);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
