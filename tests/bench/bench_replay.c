/* Replay: ticks/s into a callback at maximum speed, lateness when paced, time to a first tick,
 * memory.
 *
 * Each line: name, value, unit, ratio to the baseline, baseline ('-' where there is none). Speeds
 * are the best of several runs, because others use the machine too. --quick shows only that it
 * works; QTA_BENCH_TICKS (4000000) is how long the session is that is sought and read in, e.g.
 * 100000000 for a day of that many (in TMPDIR: some 10 bytes a tick). */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qta/replay.h>
#include <qta/session.h>

#include "adapters/adapter_defaults.h"
#include "adapters/synthetic.h"
#include "replay/merge.h"
#include "replay/replay_adapter.h"
#include "tests/bench/packed_stream.h"

enum { PATH_BYTES = 128, REPEATS = 5, SEEKS = 101, TICKS_A_RUN = 10000000 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void require(enum qta_status status, const struct qta_error *err)
{
    if (status == QTA_OK)
        return;
    fprintf(stderr, "bench_replay: %s\n", err->message);
    exit(1);
}

static void print_row(const char *name, double value, const char *unit)
{
    printf("%s %.3f %s - -\n", name, value, unit);
    fflush(stdout);
}

static void print_ratio(const char *name, double value, const char *unit, double baseline)
{
    printf("%s %.3f %s %.3f %.3f\n", name, value, unit, value / baseline, baseline);
    fflush(stdout);
}

/* ---- sessions of a synthetic market -----------------------------------------------------------
 */

struct maker {
    struct qta_adapter_host host;
    struct qta_session_writer *writer;
    struct qta_session_writer_options options;
    struct packed_stream *stream; /* NULL when the baseline is not wanted */
    uint64_t count;
    int64_t last_ts_recv_ns;
    bool is_over;
};

static void maker_emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct maker *maker = (struct maker *)host;
    tick->rx_seq = ++maker->count;
    tick->provider = 1;
    tick->conn = 1;
    if (tick->ts_recv_ns < maker->last_ts_recv_ns)
        tick->ts_recv_ns = maker->last_ts_recv_ns;
    maker->last_ts_recv_ns = tick->ts_recv_ns;
    struct qta_error err;
    if (maker->count % TICKS_A_RUN == 0) { /* faster than any market: let it be sealed */
        require(qta_session_writer_close(maker->writer, &err), &err);
        qta_session_writer_destroy(maker->writer);
        require(qta_session_writer_create(&maker->writer, &maker->options, host->names, &err),
                &err);
    }
    require(qta_session_writer_append(maker->writer, tick, &err), &err);
    if (maker->stream)
        packed_stream_add(maker->stream, tick);
}

static uint32_t maker_intern(struct qta_adapter_host *host, enum qta_name_kind kind,
                             const char *name, size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void ignore_finished(struct qta_adapter_host *host)
{
    ((struct maker *)host)->is_over = true;
}

static void ignore_subscribed(struct qta_adapter_host *host,
                              const struct qta_subscription *subscription, bool is_accepted,
                              int code, const char *reason)
{
    (void)host;
    (void)subscription;
    (void)is_accepted;
    (void)code;
    (void)reason;
}

static void ignore_log(struct qta_adapter_host *host, enum qta_log_level level, const char *message)
{
    (void)host;
    (void)level;
    fprintf(stderr, "bench_replay: %s\n", message);
}

static void make_session(const char *path, const char *count, const char *rate,
                         struct packed_stream *stream)
{
    static const struct qta_adapter_host_ops ops = {
        .emit = maker_emit,
        .intern = maker_intern,
        .subscribed = ignore_subscribed,
        .finished = ignore_finished,
        .log = ignore_log,
    };
    struct qta_error err;
    struct maker maker = {.host = {.ops = &ops}, .stream = stream, .last_ts_recv_ns = INT64_MIN};
    require(qta_dictionary_create(&maker.host.names, &err), &err);
    qta_dictionary_intern(maker.host.names, QTA_NAME_PROVIDER, "synthetic", 9);
    maker.options = qta_session_writer_options_default();
    maker.options.path = path;
    maker.options.fsync_interval_ns = -1;
    require(qta_session_writer_create(&maker.writer, &maker.options, maker.host.names, &err), &err);
    const struct qta_setting settings[] = {{"count", count},
                                           {"rate", rate},
                                           {"symbol_count", "200"},
                                           {"start", "2024-05-01T13:30:00Z"}};
    struct qta_adapter_options adapter_options = {
        .provider = "synthetic", .settings = settings, .setting_count = 4};
    struct qta_adapter *adapter;
    require(qta_adapter_create_with(&qta_synthetic_adapter_ops, &adapter_options, &maker.host,
                                    &adapter, &err),
            &err);
    for (int64_t now = 0; !maker.is_over; now++)
        qta_adapter_service(adapter, now, 4096);
    qta_adapter_destroy(adapter);
    require(qta_session_writer_close(maker.writer, &err), &err);
    qta_session_writer_destroy(maker.writer);
    qta_dictionary_destroy(maker.host.names);
    if (stream)
        packed_stream_end(stream);
}

/* ---- speed ------------------------------------------------------------------------------------
 */

static uint64_t sum; /* so that nothing is optimized away */

static void take_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    *(uint64_t *)user += (uint64_t)tick->ts_recv_ns ^ tick->symbol;
}

static void take_packed(void *user, const void *packed, size_t length)
{
    uint64_t word;
    memcpy(&word, (const char *)packed + 16, sizeof word);
    *(uint64_t *)user += word ^ length;
}

static double ticks_per_second(uint64_t ticks, int64_t start_ns)
{
    return (double)ticks * 1e9 / (double)(cpu_ns() - start_ns);
}

static double measure_baseline(struct packed_stream *stream)
{
    int64_t start_ns = cpu_ns();
    return ticks_per_second(packed_stream_read(stream, take_packed, &sum), start_ns);
}

/* Opening included, as a person would measure it. */
static double measure_replay(const char *const *paths, size_t path_count, uint32_t loop_count)
{
    struct qta_error err;
    struct qta_replay_options options = qta_replay_options_default();
    options.speed_milli = QTA_SPEED_MAX;
    options.loop_count = loop_count;
    int64_t start_ns = cpu_ns();
    struct qta_replay *replay;
    require(qta_replay_create(&replay, paths, path_count, &options, &err), &err);
    require(qta_replay_run(replay, take_tick, NULL, &sum, &err), &err);
    struct qta_replay_progress progress;
    qta_replay_progress(replay, &progress);
    double speed = ticks_per_second(progress.ticks, start_ns);
    qta_replay_destroy(replay);
    return speed;
}

static void count_emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct maker *maker = (struct maker *)host;
    maker->count++;
    sum += (uint64_t)tick->ts_recv_ns ^ tick->symbol;
}

static double measure_adapter(const char *path)
{
    static const struct qta_adapter_host_ops ops = {
        .emit = count_emit,
        .intern = maker_intern,
        .finished = ignore_finished,
        .log = ignore_log,
    };
    struct qta_error err;
    struct maker maker = {.host = {.ops = &ops}};
    require(qta_dictionary_create(&maker.host.names, &err), &err);
    const struct qta_setting settings[] = {{"session", path}, {"speed", "max"}};
    struct qta_adapter_options options = {
        .provider = "replay", .settings = settings, .setting_count = 2};
    int64_t start_ns = cpu_ns();
    struct qta_adapter *adapter;
    require(qta_adapter_create_with(&qta_replay_adapter_ops, &options, &maker.host, &adapter, &err),
            &err);
    while (!maker.is_over)
        qta_adapter_service(adapter, 0, 1024);
    double speed = ticks_per_second(maker.count, start_ns);
    qta_adapter_destroy(adapter);
    qta_dictionary_destroy(maker.host.names);
    return speed;
}

/* By the clock on the wall: a helper's time is not the caller's. */
static double measure_reader(const char *path, bool reads_ahead)
{
    struct qta_error err;
    struct qta_session_reader *reader;
    const struct qta_tick *ticks;
    size_t count;
    uint64_t total = 0;
    int64_t start_ns = now_ns();
    require(qta_session_reader_create(&reader, path, NULL, &err), &err);
    qta_session_reader_read_ahead(reader, reads_ahead);
    const struct qta_dictionary *names = qta_session_reader_names(reader);
    while (qta_session_reader_next(reader, &ticks, &count, &err) == QTA_OK) {
        for (size_t i = 0; i < count; i++)
            take_tick(&sum, &ticks[i], names);
        total += count;
    }
    qta_session_reader_destroy(reader);
    return (double)total * 1e9 / (double)(now_ns() - start_ns);
}

static double greater(double left, double right)
{
    return left > right ? left : right;
}

static void measure_speeds(const char *path, struct packed_stream *stream, int repeats)
{
    const char *twice[] = {path, path};
    double baseline = 0;
    double one = 0;
    double translated = 0;
    double merged = 0;
    double adapter = 0;
    double alone = 0;
    double helped = 0;
    for (int i = 0; i < repeats; i++) {
        baseline = greater(baseline, measure_baseline(stream));
        one = greater(one, measure_replay(twice, 1, 1));
        translated = greater(translated, measure_replay(twice, 1, 2));
        merged = greater(merged, measure_replay(twice, 2, 1));
        adapter = greater(adapter, measure_adapter(path));
        alone = greater(alone, measure_reader(path, false));
        helped = greater(helped, measure_reader(path, true));
    }
    print_ratio("replay_max", one / 1e6, "Mticks/s", baseline / 1e6);
    print_ratio("replay_max_translated", translated / 1e6, "Mticks/s", baseline / 1e6);
    print_ratio("replay_max_merged", merged / 1e6, "Mticks/s", baseline / 1e6);
    print_ratio("replay_max_adapter", adapter / 1e6, "Mticks/s", baseline / 1e6);
    print_ratio("reader_one_thread", alone / 1e6, "Mticks/s", baseline / 1e6);
    print_ratio("reader_two_threads", helped / 1e6, "Mticks/s", baseline / 1e6);
}

/* ---- merge ---- */

/* Ticks in memory, handed out again and again: what merging and translating cost by themselves. */
struct memory_source {
    struct qta_tick_source base;
    const struct qta_tick *ticks;
    const struct qta_dictionary *names;
    size_t position;
    size_t rounds_left;
};

enum { MEMORY_TICKS = 1 << 13, MEMORY_SPAN = 1024 };

static enum qta_status memory_open(struct qta_tick_source *base, struct qta_error *err)
{
    (void)base;
    (void)err;
    return QTA_OK;
}

static enum qta_status memory_next(struct qta_tick_source *base, const struct qta_tick **ticks,
                                   size_t *count, struct qta_error *err)
{
    (void)err;
    struct memory_source *source = (struct memory_source *)base;
    if (source->position == MEMORY_TICKS) {
        if (--source->rounds_left == 0)
            return QTA_ERR_END;
        source->position = 0;
    }
    *ticks = source->ticks + source->position;
    *count = MEMORY_SPAN;
    source->position += MEMORY_SPAN;
    return QTA_OK;
}

static const struct qta_dictionary *memory_names(const struct qta_tick_source *base)
{
    return ((const struct memory_source *)base)->names;
}

static void memory_close(struct qta_tick_source *base)
{
    (void)base;
}

static uint32_t intern(void *user, enum qta_name_kind kind, const char *name, size_t length)
{
    return qta_dictionary_intern(user, kind, name, length);
}

static double measure_merge(const struct qta_tick *const *ticks, size_t source_count,
                            const struct qta_dictionary *names, size_t rounds)
{
    static const struct qta_tick_source_ops ops = {
        .open = memory_open, .next = memory_next, .names = memory_names, .close = memory_close};
    struct memory_source arrays[2];
    struct qta_tick_source *sources[2];
    for (size_t i = 0; i < source_count; i++) {
        arrays[i] = (struct memory_source){
            .base = {.ops = &ops}, .ticks = ticks[i], .names = names, .rounds_left = rounds};
        sources[i] = &arrays[i].base;
    }
    struct qta_error err;
    struct qta_dictionary *target;
    require(qta_dictionary_create(&target, &err), &err);
    struct qta_name_sink sink = {intern, target};
    struct qta_merge *merge;
    require(qta_merge_create(&merge, sources, source_count, &sink, &err), &err);
    const struct qta_tick *span;
    size_t count;
    uint64_t total = 0;
    int64_t start_ns = cpu_ns();
    while (qta_merge_next(merge, &span, &count, &err) == QTA_OK) {
        for (size_t i = 0; i < count; i++)
            take_tick(&sum, &span[i], target);
        total += count;
    }
    double speed = ticks_per_second(total, start_ns);
    qta_merge_destroy(merge);
    qta_dictionary_destroy(target);
    return speed;
}

/* The first ticks of the session into two arrays, one tick in the one and the next in the other. */
static void measure_merges(const char *path, int repeats)
{
    struct qta_error err;
    struct qta_session_reader *reader;
    require(qta_session_reader_create(&reader, path, NULL, &err), &err);
    struct qta_tick *arrays[2];
    for (size_t i = 0; i < 2; i++) {
        arrays[i] = calloc(MEMORY_TICKS, sizeof *arrays[i]);
        if (!arrays[i])
            exit(1);
    }
    size_t got = 0;
    const struct qta_tick *ticks;
    size_t count;
    while (got < 2 * MEMORY_TICKS &&
           qta_session_reader_next(reader, &ticks, &count, &err) == QTA_OK)
        for (size_t i = 0; i < count && got < 2 * MEMORY_TICKS; i++, got++)
            arrays[got % 2][got / 2] = ticks[i];
    const struct qta_dictionary *names = qta_session_reader_names(reader);
    double one = 0;
    double two = 0;
    for (int i = 0; i < repeats; i++) {
        const struct qta_tick *const both[] = {arrays[0], arrays[1]};
        one = greater(one, measure_merge(both, 1, names, (size_t)repeats * 80));
        two = greater(two, measure_merge(both, 2, names, (size_t)repeats * 40));
    }
    print_row("merge_one_in_memory", one / 1e6, "Mticks/s");
    print_row("merge_two_in_memory", two / 1e6, "Mticks/s");
    free(arrays[0]);
    free(arrays[1]);
    qta_session_reader_destroy(reader);
}

/* ---- pace -------------------------------------------------------------------------------------
 */

struct lateness {
    uint32_t speed_milli;
    int64_t first_ts_ns;
    int64_t start_ns;
    int64_t *late_ns;
    size_t count;
    size_t capacity;
};

static void note_lateness(void *user, const struct qta_tick *tick,
                          const struct qta_dictionary *names)
{
    (void)names;
    struct lateness *lateness = user;
    int64_t now = now_ns();
    if (lateness->count == 0) {
        lateness->start_ns = now;
        lateness->first_ts_ns = tick->ts_recv_ns;
    }
    int64_t session_ns = tick->ts_recv_ns - lateness->first_ts_ns;
    if (lateness->count < lateness->capacity)
        lateness->late_ns[lateness->count++] = now - lateness->start_ns -
                                               session_ns * 1000 / lateness->speed_milli;
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_us(const int64_t *sorted_ns, size_t count, double part)
{
    return (double)sorted_ns[(size_t)(part * (double)(count - 1))] / 1e3;
}

/* When the clock was started is not known out here; no tick comes early, so the one that comes
 * soonest after its time shows it, to a fraction of a microsecond. */
static void count_from_the_soonest(struct lateness *lateness)
{
    int64_t soonest_ns = INT64_MAX;
    for (size_t i = 0; i < lateness->count; i++) {
        if (lateness->late_ns[i] < soonest_ns)
            soonest_ns = lateness->late_ns[i];
    }
    for (size_t i = 0; i < lateness->count; i++)
        lateness->late_ns[i] -= soonest_ns;
}

/* Half way through and later against before: what would grow if there were a drift. */
static double drift_us(int64_t *late_ns, size_t count)
{
    size_t half = count / 2;
    qsort(late_ns, half, sizeof *late_ns, compare_times);
    qsort(late_ns + half, count - half, sizeof *late_ns, compare_times);
    return percentile_us(late_ns + half, count - half, 0.5) - percentile_us(late_ns, half, 0.5);
}

static void measure_pace(const char *path, const char *name, uint32_t speed_milli)
{
    struct qta_error err;
    struct qta_replay_options options = qta_replay_options_default();
    options.speed_milli = speed_milli;
    struct qta_replay *replay;
    require(qta_replay_create(&replay, &path, 1, &options, &err), &err);
    struct lateness lateness = {.speed_milli = speed_milli, .capacity = 1 << 20};
    lateness.late_ns = calloc(lateness.capacity, sizeof *lateness.late_ns);
    if (!lateness.late_ns)
        exit(1);
    int64_t cpu_before_ns = cpu_ns();
    int64_t start_ns = now_ns();
    require(qta_replay_run(replay, note_lateness, NULL, &lateness, &err), &err);
    double cpu_part = (double)(cpu_ns() - cpu_before_ns) / (double)(now_ns() - start_ns);
    qta_replay_destroy(replay);

    count_from_the_soonest(&lateness);
    char row[64];
    double drift = drift_us(lateness.late_ns, lateness.count);
    qsort(lateness.late_ns, lateness.count, sizeof *lateness.late_ns, compare_times);
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"p50", 0.5}, {"p99", 0.99}, {"max", 1}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(row, sizeof row, "replay_late_%s_%s", name, parts[i].name);
        print_row(row, percentile_us(lateness.late_ns, lateness.count, parts[i].part), "us");
    }
    snprintf(row, sizeof row, "replay_drift_%s", name);
    print_row(row, drift, "us");
    snprintf(row, sizeof row, "replay_cpu_%s", name);
    print_row(row, 100 * cpu_part, "%");
    free(lateness.late_ns);
}

/* ---- seek -------------------------------------------------------------------------------------
 */

static void stop_at_once(void *user, const struct qta_tick *tick,
                         const struct qta_dictionary *names)
{
    (void)names;
    sum += tick->rx_seq;
    qta_replay_stop(*(struct qta_replay **)user);
}

static void measure_seek(const char *path, int seeks)
{
    struct qta_error err;
    struct qta_session_info info;
    require(qta_session_info_read(path, &info, &err), &err);
    int64_t times_ns[SEEKS];
    for (int i = 0; i < seeks; i++) {
        struct qta_replay_options options = qta_replay_options_default();
        options.speed_milli = QTA_SPEED_MAX;
        options.filter.from_ns = info.first_ts_recv_ns +
                                 (info.last_ts_recv_ns - info.first_ts_recv_ns) / seeks *
                                     ((i * 37) % seeks);
        int64_t start_ns = now_ns();
        struct qta_replay *replay;
        require(qta_replay_create(&replay, &path, 1, &options, &err), &err);
        require(qta_replay_run(replay, stop_at_once, NULL, &replay, &err), &err);
        times_ns[i] = now_ns() - start_ns;
        qta_replay_destroy(replay);
    }
    qsort(times_ns, (size_t)seeks, sizeof times_ns[0], compare_times);
    print_row("replay_seek_p50", percentile_us(times_ns, (size_t)seeks, 0.5), "us");
    print_row("replay_seek_max", percentile_us(times_ns, (size_t)seeks, 1), "us");
}

/* Opened already, and once more from the beginning. */
static void measure_reader_seek(const char *path, int seeks)
{
    struct qta_error err;
    struct qta_session_info info;
    struct qta_session_reader *reader;
    require(qta_session_info_read(path, &info, &err), &err);
    require(qta_session_reader_create(&reader, path, NULL, &err), &err);
    int64_t seek_ns[SEEKS];
    int64_t cpu_seek_ns[SEEKS]; /* tells more where others use the machine */
    int64_t open_ns[SEEKS];
    for (int i = 0; i < seeks; i++) {
        const struct qta_tick *ticks;
        size_t count;
        struct qta_session_filter filter = qta_session_filter_default();
        filter.from_ns = info.first_ts_recv_ns + (info.last_ts_recv_ns - info.first_ts_recv_ns) /
                                                     seeks * ((i * 37) % seeks);
        int64_t start_ns = now_ns();
        int64_t cpu_start_ns = cpu_ns();
        require(qta_session_reader_seek_time(reader, filter.from_ns, &err), &err);
        require(qta_session_reader_next(reader, &ticks, &count, &err), &err);
        cpu_seek_ns[i] = cpu_ns() - cpu_start_ns;
        seek_ns[i] = now_ns() - start_ns;
        sum += ticks[0].rx_seq;

        struct qta_session_reader *fresh;
        start_ns = now_ns();
        require(qta_session_reader_create(&fresh, path, &filter, &err), &err);
        require(qta_session_reader_next(fresh, &ticks, &count, &err), &err);
        open_ns[i] = now_ns() - start_ns;
        qta_session_reader_destroy(fresh);
    }
    qta_session_reader_destroy(reader);
    qsort(seek_ns, (size_t)seeks, sizeof seek_ns[0], compare_times);
    qsort(cpu_seek_ns, (size_t)seeks, sizeof cpu_seek_ns[0], compare_times);
    qsort(open_ns, (size_t)seeks, sizeof open_ns[0], compare_times);
    print_row("reader_ticks", (double)info.records / 1e6, "Mticks");
    print_row("reader_segments", (double)info.segments, "segments");
    print_row("reader_seek_p50", percentile_us(seek_ns, (size_t)seeks, 0.5), "us");
    print_row("reader_seek_max", percentile_us(seek_ns, (size_t)seeks, 1), "us");
    print_row("reader_seek_cpu_p50", percentile_us(cpu_seek_ns, (size_t)seeks, 0.5), "us");
    print_row("reader_seek_cpu_max", percentile_us(cpu_seek_ns, (size_t)seeks, 1), "us");
    print_row("reader_open_and_seek_p50", percentile_us(open_ns, (size_t)seeks, 0.5), "us");
    print_row("reader_open_and_seek_max", percentile_us(open_ns, (size_t)seeks, 1), "us");
}

/* ---- memory -----------------------------------------------------------------------------------
 */

/* The most that this process has had since it was started. What getrusage() says would count in the
 * process that started it. */
static double resident_mib_max(void)
{
    char line[128];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kib / 1024;
}

/* What measure_memory() runs: all of a session, and nothing else in the process. */
static int read_whole(const char *path)
{
    struct qta_error err;
    struct qta_session_reader *reader;
    const struct qta_tick *ticks;
    size_t count;
    require(qta_session_reader_create(&reader, path, NULL, &err), &err);
    enum qta_status status;
    while ((status = qta_session_reader_next(reader, &ticks, &count, &err)) == QTA_OK)
        sum += ticks[0].rx_seq;
    qta_session_reader_destroy(reader);
    print_row("reader_rss_max", resident_mib_max(), "MiB");
    return status != QTA_ERR_END;
}

static void measure_memory(const char *program, const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, "--read", path, (char *)NULL);
        _exit(1);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "bench_replay: cannot read '%s' in a process of its own\n", path);
        exit(1);
    }
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--read") == 0)
        return read_whole(argv[2]);
    bool is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    const char *temporary = getenv("TMPDIR");
    const char *tick_count = getenv("QTA_BENCH_TICKS");
    char folder[PATH_BYTES / 2];
    snprintf(folder, sizeof folder, "%s/qta-bench-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        perror("bench_replay: mkdtemp");
        return 1;
    }
    char fast[PATH_BYTES];
    char slow[PATH_BYTES];
    char large[PATH_BYTES];
    snprintf(fast, sizeof fast, "%s/fast", folder);
    snprintf(slow, sizeof slow, "%s/slow", folder);
    snprintf(large, sizeof large, "%s/large", folder);

    struct packed_stream *stream = packed_stream_create();
    make_session(fast, is_quick ? "20000" : "4000000", "100000", stream);
    make_session(slow, is_quick ? "200" : "20000", "2000", NULL);
    measure_speeds(fast, stream, is_quick ? 1 : REPEATS);
    measure_merges(fast, is_quick ? 1 : REPEATS);
    measure_pace(slow, "1x", QTA_SPEED_REAL);
    measure_pace(slow, "10x", 10 * QTA_SPEED_REAL);
    if (tick_count)
        make_session(large, tick_count, "100000", NULL);
    measure_seek(tick_count ? large : fast, is_quick ? 5 : SEEKS);
    measure_reader_seek(tick_count ? large : fast, is_quick ? 5 : SEEKS);
    measure_memory(argv[0], tick_count ? large : fast);
    packed_stream_destroy(stream);

    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return sum == 0;
}
