/* Redundant lines: what it costs to make one stream of two.
 *
 * Each line: name, value, unit, ratio to the baseline, baseline. The value is CPU time for a tick
 * of a line (there are twice as many as come out); the baseline hands one line's ticks on without
 * arbiter, by the same callback. Trades of 200 symbols, a third of them equal to the one before.
 * --quick shows only that it works. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/line_arbiter.h"
#include "tests/bench/bench.h"

enum { TICKS = 100000, SYMBOLS = 200, REPEATS = 9, FRAME = 20 };

static void take(void *user, unsigned line, struct qta_tick *tick)
{
    uint64_t *sum = user;
    *sum += tick->rx_seq + line;
}

static struct qta_tick *make_ticks(void)
{
    struct qta_tick *ticks = calloc(TICKS, sizeof *ticks);
    if (!ticks) {
        fprintf(stderr, "bench_lines: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < TICKS; i++) {
        qta_tick_init(&ticks[i], QTA_TICK_TRADE);
        ticks[i].symbol = (uint32_t)(i % SYMBOLS) + 1;
        ticks[i].ts_event_ns = (int64_t)(i / SYMBOLS / 3) * 1000000;
        ticks[i].trade.price_mantissa = 19000;
        ticks[i].trade.price_exponent = -2;
        ticks[i].trade.size_mantissa = 100;
        ticks[i].trade.size_exponent = 0;
        ticks[i].rx_seq = i + 1;
    }
    return ticks;
}

/* Line 1 is `lag` ticks behind line 0. */
static double run_lines(const struct qta_tick *ticks, unsigned lines, size_t lag, uint64_t *sum)
{
    struct qta_line_arbiter_options options = qta_line_arbiter_options_default();
    struct qta_line_arbiter *arbiter;
    struct qta_error err;
    options.deliver = take;
    options.user = sum;
    if (qta_line_arbiter_create(&arbiter, &options, &err) != QTA_OK) {
        fprintf(stderr, "bench_lines: %s\n", err.message);
        exit(1);
    }
    for (unsigned line = 0; line < lines; line++) {
        qta_line_arbiter_join(arbiter, line, 0);
        qta_line_arbiter_settle(arbiter, line, 0);
    }
    int64_t now_ns = 2 * options.settle_ns;
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < TICKS + lag; i += FRAME) {
        for (unsigned line = 0; line < lines; line++) {
            for (size_t j = 0; j < FRAME; j++) {
                size_t index = line == 0 ? i + j : i + j - lag;
                if (index >= TICKS) /* also before the beginning */
                    continue;
                struct qta_tick tick = ticks[index];
                qta_line_arbiter_offer(arbiter, line, &tick, now_ns);
            }
        }
        now_ns += 1000;
    }
    double ns = (double)(bench_now_ns() - start_ns) / (TICKS * lines);
    qta_line_arbiter_destroy(arbiter);
    return ns;
}

static double run_plain(const struct qta_tick *ticks, uint64_t *sum)
{
    void (*volatile deliver)(void *, unsigned, struct qta_tick *) = take;
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < TICKS; i++) {
        struct qta_tick tick = ticks[i];
        deliver(sum, 0, &tick);
    }
    return (double)(bench_now_ns() - start_ns) / TICKS;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned lines;
        size_t lag;
    } rows[] = {
        {"lines_one", 1, 0},
        {"lines_two_in_step", 2, 0},
        {"lines_two_one_late", 2, 20000}, /* a hundred ticks of every stream */
    };
    int repeats = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 1 : REPEATS;
    struct qta_tick *ticks = make_ticks();
    uint64_t sum = 0;
    double plain_ns = 1e9;
    double best_ns[sizeof rows / sizeof rows[0]] = {1e9, 1e9, 1e9};
    for (int repeat = 0; repeat < repeats; repeat++) { /* in turn: others use the machine too */
        double ns = run_plain(ticks, &sum);
        plain_ns = ns < plain_ns ? ns : plain_ns;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            ns = run_lines(ticks, rows[i].lines, rows[i].lag, &sum);
            best_ns[i] = ns < best_ns[i] ? ns : best_ns[i];
        }
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        bench_print(rows[i].name, best_ns[i], "ns/tick", plain_ns);
    free(ticks);
    return sum == 0;
}
