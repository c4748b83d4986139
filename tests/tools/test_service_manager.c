/* The test is systemd: it has a socket, and reads what the service tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/service_manager.h"

#define S INT64_C(1000000000)

/* A socket without a file; *name is what NOTIFY_SOCKET says of it. */
static int listen_abstractly(char name[64])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    snprintf(name, 64, "@qta-test-%d", (int)getpid());
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = '\0';
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, bytes), 0);
    return fd;
}

static void set_watchdog(const char *usec, const char *pid)
{
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (usec)
        setenv("WATCHDOG_USEC", usec, 1);
    if (pid)
        setenv("WATCHDOG_PID", pid, 1);
}

static void what_is_told_arrives_as_it_is(void **state)
{
    (void)state;
    char name[64];
    char text[256] = "";
    int fd = listen_abstractly(name);
    setenv("NOTIFY_SOCKET", name, 1);
    struct qta_service_manager manager;
    qta_service_manager_init(&manager);
    assert_true(qta_service_manager_is_there(&manager));
    assert_null(getenv("NOTIFY_SOCKET"));
    qta_service_manager_tell(&manager, "READY=1\nSTATUS=recording");
    ssize_t length = recv(fd, text, sizeof text, 0);
    assert_int_equal(length, strlen("READY=1\nSTATUS=recording"));
    assert_memory_equal(text, "READY=1\nSTATUS=recording", (size_t)length);
    close(fd);
    qta_service_manager_tell(&manager, "STATUS=nobody hears this");
    qta_service_manager_finish(&manager);
    assert_false(qta_service_manager_is_there(&manager));
}

static void a_start_by_anybody_else_tells_nothing(void **state)
{
    (void)state;
    static const char *const places[] = {NULL, "", "@", "relative", "/", "vsock:2:9999"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct qta_service_manager manager;
        unsetenv("NOTIFY_SOCKET");
        if (places[i])
            setenv("NOTIFY_SOCKET", places[i], 1);
        set_watchdog("1000000", NULL);
        qta_service_manager_init(&manager);
        assert_false(qta_service_manager_is_there(&manager));
        qta_service_manager_tell(&manager, "READY=1");
        assert_false(qta_service_manager_is_ping_due(&manager, 100 * S, 100));
        qta_service_manager_finish(&manager);
    }
    char *long_name = calloc(1, 200);
    memset(long_name, 'x', 199);
    long_name[0] = '/';
    setenv("NOTIFY_SOCKET", long_name, 1);
    free(long_name);
    struct qta_service_manager manager;
    qta_service_manager_init(&manager);
    assert_false(qta_service_manager_is_there(&manager));
    qta_service_manager_finish(NULL);
}

static void only_progress_earns_a_ping(void **state)
{
    (void)state;
    char pid[32];
    struct qta_service_manager manager;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("NOTIFY_SOCKET", "/run/nobody", 1);
    set_watchdog("60000000", pid);
    qta_service_manager_init(&manager);
    uint64_t turns = 1;
    int64_t now_ns = 1000 * S;
    assert_true(qta_service_manager_is_ping_due(&manager, now_ns, turns));
    assert_false(qta_service_manager_is_ping_due(&manager, now_ns + 19 * S, ++turns));
    assert_true(qta_service_manager_is_ping_due(&manager, now_ns + 20 * S, turns));
    for (int64_t i = 0; i < 1000; i++) /* it hangs */
        assert_false(qta_service_manager_is_ping_due(&manager, now_ns + (40 + i) * S, turns));
    assert_true(qta_service_manager_is_ping_due(&manager, now_ns + 2000 * S, ++turns));
    qta_service_manager_finish(&manager);
}

static void a_watchdog_of_others_or_of_nonsense_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *usec;
        const char *pid;
    } cases[] = {
        {NULL, NULL}, {"0", NULL},   {"-5", NULL},     {"12x", NULL},
        {"", NULL},   {"1000", "1"}, {"1000", "self"}, {"99999999999999999999999", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_service_manager manager;
        setenv("NOTIFY_SOCKET", "/run/nobody", 1);
        set_watchdog(cases[i].usec, cases[i].pid);
        qta_service_manager_init(&manager);
        assert_true(qta_service_manager_is_there(&manager));
        assert_false(qta_service_manager_is_ping_due(&manager, INT64_MAX / 2, 7));
        qta_service_manager_finish(&manager);
    }
}

static void the_journal_is_known_by_its_inode(void **state)
{
    (void)state;
    char name[64];
    struct stat status;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &status), 0);
    unsetenv("JOURNAL_STREAM");
    assert_false(qta_service_manager_reads(fd));
    snprintf(name, sizeof name, "%" PRIu64 ":%" PRIu64, (uint64_t)status.st_dev,
             (uint64_t)status.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
    assert_true(qta_service_manager_reads(fd));
    setenv("JOURNAL_STREAM", "8:1", 1);
    assert_false(qta_service_manager_reads(fd));
    close(fd);
    setenv("JOURNAL_STREAM", name, 1);
    assert_false(qta_service_manager_reads(fd));
    unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_arrives_as_it_is),
        cmocka_unit_test(a_start_by_anybody_else_tells_nothing),
        cmocka_unit_test(only_progress_earns_a_ping),
        cmocka_unit_test(a_watchdog_of_others_or_of_nonsense_is_none),
        cmocka_unit_test(the_journal_is_known_by_its_inode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
