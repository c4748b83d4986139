/* A fast strategy and a slow writer side by side, each with a queue and a thread of its own.
 *
 *     slow_writer CONFIGURATION.yaml trades.csv
 *
 * The strategy sees every quote on the thread of qta_gateway_run(). The writer puts each trade into
 * a file and waits for the disk, which takes milliseconds: far too long between two ticks. It has a
 * subscriber of its own, so that it costs the strategy nothing. When more trades wait for it than
 * its queue holds it misses the oldest; the session has them all, and says what was missed. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <qta/qta.h>

/* ---- the slow one -----------------------------------------------------------------------------
 */

static void write_trade(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    FILE *file = user;
    char line[512];
    size_t length = qta_print_tick(tick, names, QTA_PRINT_CSV, QTA_TIME_FORMAT_RFC3339, line,
                                   sizeof line);
    if (length >= sizeof line)
        return; /* a name of extreme length */
    fwrite(line, 1, length, file);
    fflush(file);
    fsync(fileno(file));
}

static void *run_writer(void *user)
{
    struct qta_error err;
    if (qta_subscriber_run(user, &err) != QTA_OK)
        fprintf(stderr, "slow_writer: %s\n", err.message);
    return NULL;
}

static enum qta_status open_writer(struct qta_subscriber **writer, struct qta_gateway *gateway,
                                   FILE *file, struct qta_error *err)
{
    struct qta_subscriber_options options = qta_subscriber_options_default();
    options.name = "writer";
    options.buffer_size = 4096;
    options.overflow = QTA_OVERFLOW_DROP_OLDEST;
    enum qta_status status = qta_subscriber_open(writer, gateway, &options, err);
    if (status != QTA_OK)
        return status;
    return qta_subscriber_subscribe(*writer, QTA_TICK_TRADE, NULL, 0, write_trade, file, err);
}

/* ---- the fast one -----------------------------------------------------------------------------
 */

struct strategy {
    uint64_t quotes;
    double spread_sum;
};

static void on_quote(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct strategy *strategy = user;
    struct qta_decimal bid = QTA_TICK_DECIMAL(tick->quote, bid_price);
    struct qta_decimal ask = QTA_TICK_DECIMAL(tick->quote, ask_price);
    if (qta_decimal_is_null(bid) || qta_decimal_is_null(ask))
        return;
    strategy->quotes++;
    strategy->spread_sum += qta_decimal_to_double(ask) - qta_decimal_to_double(bid);
}

/* ---- the program ------------------------------------------------------------------------------
 */

static struct qta_gateway *running; /* for the signal handler */

static void handle_signal(int number)
{
    (void)number;
    qta_gateway_stop(running);
}

static void log_line(void *user, enum qta_log_level level, const char *area, const char *message)
{
    (void)user;
    fprintf(stderr, "%s: %s: %s\n", qta_log_level_name(level), area, message);
}

static void print_report(const struct strategy *strategy, const struct qta_subscriber *writer)
{
    struct qta_subscriber_stats stats;
    qta_subscriber_stats(writer, &stats);
    double mean = strategy->quotes > 0 ? strategy->spread_sum / (double)strategy->quotes : 0;
    printf("strategy  %" PRIu64 " quotes, mean spread %.4f\n", strategy->quotes, mean);
    printf("writer    %" PRIu64 " trades written, %" PRIu64 " missed\n", stats.dispatched,
           stats.dropped);
}

static enum qta_status run(struct qta_gateway *gateway, FILE *file, struct qta_error *err)
{
    struct strategy strategy = {0};
    struct qta_subscriber *writer = NULL;
    pthread_t thread;
    enum qta_status status = qta_gateway_subscribe_to_quotes(gateway, NULL, 0, on_quote, &strategy,
                                                             err);
    if (status == QTA_OK)
        status = open_writer(&writer, gateway, file, err);
    if (status != QTA_OK)
        return status; /* what is open is closed with the gateway */
    if (pthread_create(&thread, NULL, run_writer, writer) != 0)
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot start a thread");
    running = gateway;
    signal(SIGINT, handle_signal);
    signal(SIGTERM, handle_signal);
    status = qta_gateway_run(gateway, err);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_join(thread, NULL); /* it writes what still waits */
    print_report(&strategy, writer);
    qta_subscriber_close(writer);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: slow_writer CONFIGURATION.yaml FILE.csv\n");
        return 2;
    }
    qta_log_set(log_line, NULL, QTA_LOG_WARNING);
    struct qta_error err = {0};
    struct qta_gateway *gateway = NULL;
    if (qta_gateway_open(&gateway, argv[1], &err) != QTA_OK) {
        fprintf(stderr, "slow_writer: %s\n", err.message);
        return err.status == QTA_ERR_CONFIG ? 2 : 1;
    }
    FILE *file = fopen(argv[2], "w");
    if (!file) {
        perror(argv[2]);
        qta_gateway_destroy(gateway);
        return 1;
    }
    fputs(qta_print_csv_header(), file);
    int exit_code = 0;
    if (run(gateway, file, &err) != QTA_OK) {
        fprintf(stderr, "slow_writer: %s\n", err.message);
        exit_code = 1;
    }
    qta_gateway_destroy(gateway);
    if (fclose(file) != 0)
        exit_code = 1;
    return exit_code;
}
