/* Errors: a status and one sentence that grows in front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include <qta/error.h>

static void each_layer_puts_its_part_in_front(void **state)
{
    (void)state;
    struct qta_error err;
    assert_int_equal(qta_error_set(&err, QTA_ERR_DAMAGED, "block %d fails its checksum", 19),
                     QTA_ERR_DAMAGED);
    assert_int_equal(qta_error_prefix(&err, QTA_ERR_DAMAGED, "cannot read '%s'", "000042.qseg"),
                     QTA_ERR_DAMAGED);
    assert_int_equal(err.status, QTA_ERR_DAMAGED);
    assert_string_equal(err.message, "cannot read '000042.qseg': block 19 fails its checksum");
}

static void errno_becomes_a_status_and_a_text(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum qta_status status;
        const char *message;
    } cases[] = {
        {ENOSPC, QTA_ERR_NO_SPACE, "cannot write: No space left on device"},
        {EDQUOT, QTA_ERR_NO_SPACE, "cannot write: Disk quota exceeded"},
        {ENOENT, QTA_ERR_NOT_FOUND, "cannot write: No such file or directory"},
        {ENOMEM, QTA_ERR_NOMEM, "cannot write: Cannot allocate memory"},
        {EIO, QTA_ERR_IO, "cannot write: Input/output error"},
        {EACCES, QTA_ERR_IO, "cannot write: Permission denied"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_error err;
        errno = cases[i].number;
        assert_int_equal(qta_error_set_errno(&err, "cannot %s", "write"), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_string_equal(err.message, cases[i].message);
        errno = cases[i].number;
        assert_int_equal(qta_error_set_errno(NULL, "cannot write"), cases[i].status);
    }
}

static void no_one_has_to_listen(void **state)
{
    (void)state;
    assert_int_equal(qta_error_set(NULL, QTA_ERR_IO, "unheard"), QTA_ERR_IO);
    assert_int_equal(qta_error_prefix(NULL, QTA_ERR_IO, "unheard"), QTA_ERR_IO);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    static char text[2 * QTA_ERROR_MESSAGE_BYTES];
    memset(text, 'x', sizeof text - 1);
    struct qta_error err;
    qta_error_set(&err, QTA_ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), QTA_ERROR_MESSAGE_BYTES - 1);
    errno = EIO;
    qta_error_set_errno(&err, "%s", text);
    assert_int_equal(strlen(err.message), QTA_ERROR_MESSAGE_BYTES - 1);
    qta_error_prefix(&err, QTA_ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), QTA_ERROR_MESSAGE_BYTES - 1);
    qta_error_prefix(&err, QTA_ERR_IO, "front");
    assert_int_equal(strlen(err.message), QTA_ERROR_MESSAGE_BYTES - 1);
    assert_memory_equal(err.message, "front: xxx", 10);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int status = QTA_OK; status <= QTA_ERR_TOO_SLOW; status++) {
        assert_string_not_equal(qta_status_name((enum qta_status)status), "unknown");
        assert_string_not_equal(qta_status_name((enum qta_status)status), "");
    }
    assert_string_equal(qta_status_name((enum qta_status)(QTA_ERR_TOO_SLOW + 1)), "unknown");
    assert_string_equal(qta_status_name((enum qta_status) - 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_layer_puts_its_part_in_front),
        cmocka_unit_test(errno_becomes_a_status_and_a_text),
        cmocka_unit_test(no_one_has_to_listen),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
