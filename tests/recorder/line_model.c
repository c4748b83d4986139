/* The whole story of all lines is written first, since it does not depend on the arbiter. */
#include "tests/recorder/line_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorder/counters.h"
#include "recorder/line_arbiter.h"

#define MS INT64_C(1000000)

enum event_kind { JOIN, ANSWER, TICK, LEAVE, SERVICE };

struct event {
    int64_t time_ns;
    uint64_t order;
    enum event_kind kind;
    unsigned line;
    size_t tick;
};

struct model {
    const struct line_model_script *script;
    const struct line_model_options *options;
    uint64_t random;
    struct event *events;
    size_t event_count;
    size_t event_capacity;
    /* by tick */
    uint8_t *handed_on;
    bool *is_excused; /* its first copy came when a later one of its stream had been handed on */
    bool *has_come;
    size_t *last_of; /* by symbol: the last one handed on */
    struct line_model_result result;
};

uint64_t line_model_random(uint64_t *state, uint64_t bound)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return bound > 0 ? (z ^ z >> 31) % bound : 0;
}

static int64_t draw(struct model *model, int64_t most)
{
    return (int64_t)line_model_random(&model->random, (uint64_t)most + 1);
}

static void add(struct model *model, int64_t time_ns, enum event_kind kind, unsigned line,
                size_t tick)
{
    if (model->event_count == model->event_capacity) {
        model->event_capacity = model->event_capacity * 2 + 1024;
        model->events = realloc(model->events, model->event_capacity * sizeof *model->events);
        assert_non_null(model->events);
    }
    model->events[model->event_count] = (struct event){time_ns, model->event_count, kind, line,
                                                       tick};
    model->event_count++;
}

static int by_time(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* One connection of a line: from when it subscribes until it is killed. */
static void write_connection(struct model *model, unsigned line, int64_t join_ns, int64_t kill_ns)
{
    const struct line_model_script *script = model->script;
    int64_t delay_ns = draw(model, model->options->delay_max_ns);
    int64_t jitter_ns = draw(model, 1) ? delay_ns / 4 : 0;
    int64_t subscribed_ns = join_ns + delay_ns;
    int64_t arrival_ns = subscribed_ns + delay_ns;
    add(model, join_ns, JOIN, line, 0);
    if (arrival_ns < kill_ns)
        add(model, arrival_ns, ANSWER, line, 0);
    for (size_t i = 0; i < script->count; i++) {
        if (script->ticks[i].ts_recv_ns < subscribed_ns)
            continue;
        int64_t time_ns = script->ticks[i].ts_recv_ns + delay_ns + draw(model, jitter_ns);
        if (arrival_ns < time_ns)
            arrival_ns = time_ns;
        if (arrival_ns >= kill_ns)
            break;
        add(model, arrival_ns, TICK, line, i);
    }
    add(model, kill_ns + draw(model, 20 * MS), LEAVE, line, 0);
}

static void write_at_random(struct model *model, int64_t begin_ns, int64_t end_ns)
{
    for (unsigned line = 0; line < model->options->lines; line++) {
        int64_t time_ns = begin_ns + draw(model, model->options->backoff_max_ns);
        while (time_ns < end_ns) {
            int64_t kill_ns = time_ns + 1 + draw(model, model->options->life_max_ns);
            write_connection(model, line, time_ns, kill_ns);
            time_ns = kill_ns + 21 * MS + draw(model, model->options->backoff_max_ns);
            model->result.kills++;
        }
    }
}

/* Line after line is killed, one every half life. */
static void write_in_turn(struct model *model, int64_t begin_ns, int64_t end_ns)
{
    int64_t step_ns = model->options->life_max_ns / 2;
    unsigned lines = model->options->lines;
    for (unsigned line = 0; line < lines; line++) {
        int64_t time_ns = begin_ns;
        for (int64_t turn = line + 1; time_ns < end_ns; turn += lines) {
            int64_t kill_ns = begin_ns + turn * step_ns;
            write_connection(model, line, time_ns, kill_ns);
            time_ns = kill_ns + 21 * MS + draw(model, model->options->backoff_max_ns);
            model->result.kills++;
        }
    }
}

static void take(void *user, unsigned line, struct qta_tick *tick)
{
    struct model *model = user;
    (void)line;
    size_t index = (size_t)tick->rx_seq - 1;
    assert_in_range(index, 0, model->script->count - 1);
    model->result.delivered++;
    if (model->handed_on[index]++ > 0)
        model->result.doubles++;
    size_t *last = &model->last_of[tick->symbol];
    if (tick->rx_seq < *last)
        model->result.disorders++;
    if (tick->ts_event_ns != QTA_TIME_UNKNOWN && *last > 0 &&
        tick->ts_event_ns < model->script->ticks[*last - 1].ts_event_ns)
        model->result.regrouped++;
    *last = (size_t)tick->rx_seq;
}

static void play(struct model *model, struct qta_line_arbiter *arbiter)
{
    for (size_t i = 0; i < model->event_count; i++) {
        const struct event *event = &model->events[i];
        switch (event->kind) {
        case JOIN:
            qta_line_arbiter_join(arbiter, event->line, event->time_ns);
            break;
        case ANSWER:
            qta_line_arbiter_settle(arbiter, event->line, event->time_ns);
            break;
        case LEAVE:
            qta_line_arbiter_leave(arbiter, event->line, false, event->time_ns);
            break;
        case SERVICE:
            qta_line_arbiter_service(arbiter, event->time_ns);
            break;
        case TICK: {
            struct qta_tick tick = model->script->ticks[event->tick];
            tick.rx_seq = event->tick + 1;
            if (!model->has_come[event->tick])
                model->is_excused[event->tick] = model->last_of[tick.symbol] > tick.rx_seq;
            model->has_come[event->tick] = true;
            tick.conn = event->line + 1;
            tick.ts_recv_ns = event->time_ns;
            qta_line_arbiter_offer(arbiter, event->line, &tick, event->time_ns);
            break;
        }
        }
    }
}

/* Equal neighbours stand for each other: one of a key that was handed on will do. */
static void look_for_holes(struct model *model)
{
    const struct line_model_script *script = model->script;
    for (size_t i = 0; i < script->count; i++) {
        if (!model->has_come[i] || model->is_excused[i] || model->handed_on[i] > 0)
            continue;
        model->result.missing++;
        bool is_key_there = false;
        for (size_t j = i > 200 ? i - 200 : 0; j < script->count && j < i + 200; j++) {
            if (script->ticks[j].symbol == script->ticks[i].symbol &&
                script->ticks[j].ts_event_ns == script->ticks[i].ts_event_ns &&
                model->handed_on[j] > 0)
                is_key_there = true;
        }
        if (!is_key_there)
            model->result.regrouped++;
    }
}

struct line_model_result line_model_run(const struct line_model_script *script,
                                        const struct line_model_options *options)
{
    struct model model = {.script = script, .options = options, .random = options->seed};
    model.handed_on = calloc(script->count, sizeof *model.handed_on);
    model.is_excused = calloc(script->count, sizeof *model.is_excused);
    model.has_come = calloc(script->count, sizeof *model.has_come);
    model.last_of = calloc(64, sizeof *model.last_of);
    int64_t begin_ns = script->ticks[0].ts_recv_ns - options->delay_max_ns * 4;
    int64_t end_ns = script->ticks[script->count - 1].ts_recv_ns;
    if (options->is_alternating)
        write_in_turn(&model, begin_ns, end_ns);
    else
        write_at_random(&model, begin_ns, end_ns);
    for (int64_t time_ns = begin_ns; time_ns < end_ns + 10000 * MS; time_ns += 50 * MS)
        add(&model, time_ns, SERVICE, 0, 0);
    if (model.events)
        qsort(model.events, model.event_count, sizeof *model.events, by_time);

    struct qta_line_arbiter_options arbiter_options = qta_line_arbiter_options_default();
    arbiter_options.streams_max = options->streams_max;
    arbiter_options.deliver = take;
    arbiter_options.user = &model;
    struct qta_line_arbiter *arbiter = NULL;
    assert_int_equal(qta_line_arbiter_create(&arbiter, &arbiter_options, NULL), QTA_OK);
    play(&model, arbiter);
    look_for_holes(&model);
    for (unsigned line = 0; line < options->lines; line++) {
        const struct qta_line_counters *counters = qta_line_arbiter_counters(arbiter, line);
        model.result.duplicates += (size_t)qta_counter_read(&counters->duplicates);
        model.result.abandoned += qta_counter_read(&counters->abandoned);
        model.result.undecided += qta_counter_read(&counters->undecided);
        model.result.disagreements += qta_counter_read(&counters->disagreements);
        model.result.fallen_behind += qta_counter_read(&counters->fallen_behind);
    }
    model.result.held = qta_line_arbiter_held(arbiter);
    qta_line_arbiter_destroy(arbiter);
    free(model.events);
    free(model.handed_on);
    free(model.is_excused);
    free(model.has_come);
    free(model.last_of);
    return model.result;
}
