/* The circuit breaker: tables of what happens to it, over virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recorder/circuit_breaker.h"

#define S INT64_C(1000000000)

/* A story, one character a second: 'a' asks for an attempt and gets it, 'n' asks and does not, 'f'
 * an attempt fails, 's' succeeds, 'q' ends without a verdict, 'b' blocks, 'r' resets, '.' nothing.
 */
static void play(struct qta_circuit_breaker *breaker, const char *story, int64_t now_ns)
{
    for (const char *at = story; *at; at++, now_ns += S) {
        if (*at == 'a')
            assert_true(qta_circuit_breaker_allow(breaker, now_ns));
        else if (*at == 'n')
            assert_false(qta_circuit_breaker_allow(breaker, now_ns));
        else if (*at == 'f')
            qta_circuit_breaker_fail(breaker, now_ns);
        else if (*at == 's')
            qta_circuit_breaker_succeed(breaker);
        else if (*at == 'q')
            qta_circuit_breaker_abandon(breaker, now_ns);
        else if (*at == 'b')
            qta_circuit_breaker_block(breaker);
        else if (*at == 'r')
            qta_circuit_breaker_reset(breaker);
    }
}

static void every_story_ends_in_its_state(void **state)
{
    (void)state;
    static const struct {
        uint32_t threshold;
        const char *story; /* with a timeout of 5 s */
        const char *end;
        uint64_t opens;
    } cases[] = {
        {3, "", "closed", 0},
        {3, "afafa", "closed", 0},
        {3, "afafaf", "open", 1},
        {3, "afafafnnnn", "open", 1},                /* it rests */
        {3, "afafaf....a", "half_open", 1},          /* five seconds after the failure: the probe */
        {3, "afafaf....annnnnnnnn", "half_open", 1}, /* and it alone, however long it takes */
        {3, "afafaf....af", "open", 2},              /* the probe fails */
        {3, "afafaf....afnnnna", "half_open", 2},    /* and it rests as long again */
        {3, "afafaf....as", "closed", 1},
        {3, "afafaf....asafaf", "closed", 1}, /* the count begins anew */
        {3, "afafaf....asafafaf", "open", 2},
        {3, "afafasafaf", "closed", 0}, /* in a row */
        {3, "afafaqafq", "open", 1},    /* what is no failure does not end the row either */
        {3, "aqaqaqaqaqaq", "closed", 0},
        {3, "afafaf....aqnnnna", "half_open", 2}, /* a probe without a verdict: another one */
        {3, "afafafffff", "open", 1},             /* those that began before it opened */
        {3, "afafafs", "closed", 1},
        {1, "afnnnna", "half_open", 1},
        {0, "afafafafafafafafafaf", "closed", 0}, /* no breaker */
        {0, "afafbn", "blocked", 0},
        {3, "bnnnnnnnnnnnn", "blocked", 0},
        {3, "abfsqn", "blocked", 0}, /* for good */
        {3, "afafaf....abnnnnnnn", "blocked", 1},
        {3, "bnra", "closed", 0}, /* but for somebody who knows better */
        {3, "afafafnra", "closed", 1},
        {3, "afafrafaf", "closed", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s', threshold %u\n", cases[i].story, cases[i].threshold);
        struct qta_circuit_breaker breaker;
        qta_circuit_breaker_init(&breaker, cases[i].threshold, 5 * S);
        play(&breaker, cases[i].story, 1000 * S);
        assert_string_equal(qta_circuit_state_name(breaker.state), cases[i].end);
        assert_int_equal(breaker.opens, cases[i].opens);
    }
}

static void it_tells_when_to_ask_again(void **state)
{
    (void)state;
    struct qta_circuit_breaker breaker;
    qta_circuit_breaker_init(&breaker, 1, 30 * S);
    assert_true(qta_circuit_breaker_ready_ns(&breaker) == INT64_MIN);
    qta_circuit_breaker_fail(&breaker, 100 * S);
    assert_true(qta_circuit_breaker_ready_ns(&breaker) == 130 * S);
    assert_false(qta_circuit_breaker_allow(&breaker, 130 * S - 1));
    assert_true(qta_circuit_breaker_allow(&breaker, 130 * S));
    assert_true(qta_circuit_breaker_ready_ns(&breaker) == INT64_MAX);
    qta_circuit_breaker_block(&breaker);
    assert_true(qta_circuit_breaker_ready_ns(&breaker) == INT64_MAX);
}

static void odd_timeouts_do_not_overflow(void **state)
{
    (void)state;
    struct qta_circuit_breaker breaker;
    qta_circuit_breaker_init(&breaker, 1, INT64_MAX);
    qta_circuit_breaker_fail(&breaker, 100 * S);
    assert_false(qta_circuit_breaker_allow(&breaker, INT64_MAX - 1));
    qta_circuit_breaker_init(&breaker, 1, -5);
    qta_circuit_breaker_fail(&breaker, 100 * S);
    assert_true(qta_circuit_breaker_allow(&breaker, 100 * S));
    assert_false(qta_circuit_breaker_allow(&breaker, 100 * S)); /* still one at a time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_ends_in_its_state),
        cmocka_unit_test(it_tells_when_to_ask_again),
        cmocka_unit_test(odd_timeouts_do_not_overflow),
    };
    return cmocka_run_group_tests_name("circuit_breaker", tests, NULL, NULL);
}
