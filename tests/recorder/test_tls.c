/* What TLS trusts: files of authorities, read again when they change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recorder/tls.h"

/* A file for one test; written beside and renamed, as a careful administrator does. */
struct fixture {
    struct qta_tls_store store;
    char folder[64];
    char path[96];
};

static FILE *file_begin(const struct fixture *fixture, char beside[112])
{
    snprintf(beside, 112, "%s.new", fixture->path);
    FILE *file = fopen(beside, "we");
    assert_non_null(file);
    return file;
}

static void file_end(const struct fixture *fixture, FILE *file, const char *beside)
{
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, fixture->path), 0);
}

static void write_text(const struct fixture *fixture, const char *text)
{
    char beside[112];
    FILE *file = file_begin(fixture, beside);
    fputs(text, file);
    file_end(fixture, file, beside);
}

/* A certificate that signs itself. */
static void write_certificate(const struct fixture *fixture)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"qta test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    char beside[112];
    FILE *file = file_begin(fixture, beside);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    file_end(fixture, file, beside);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static enum qta_status try(struct fixture *fixture, const char *path, bool is_insecure,
                           struct qta_error *err)
{
    struct qta_tls_context *context = NULL;
    enum qta_status status = qta_tls_context_create(&context, &fixture->store, path, is_insecure,
                                                    err);
    assert_true((status == QTA_OK) == (context != NULL));
    qta_tls_context_destroy(context);
    return status;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/qta-tls-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/ca.pem", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    qta_tls_store_finish(&fixture->store);
    unlink(fixture->path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void a_file_without_authorities_is_a_configuration_error(void **state)
{
    struct fixture *fixture = *state;
    struct qta_error err;
    assert_int_equal(try(fixture, fixture->path, false, &err), QTA_ERR_CONFIG);
    assert_int_equal(err.status, QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "No such file"));
    static const char *const texts[] = {"", "garbage\n",
                                        "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                        "-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text(fixture, texts[i]);
        assert_int_equal(try(fixture, fixture->path, false, &err), QTA_ERR_CONFIG);
        assert_non_null(strstr(err.message, "no certificate authority in"));
    }
    assert_int_equal(try(fixture, fixture->folder, false, &err), QTA_ERR_CONFIG);
    assert_null(fixture->store.first);
}

static void a_file_that_changes_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    write_certificate(fixture);
    assert_int_equal(try(fixture, fixture->path, false, NULL), QTA_OK);
    const struct qta_tls_stored *first = fixture->store.first;
    assert_non_null(first);
    assert_int_equal(try(fixture, fixture->path, false, NULL), QTA_OK);
    assert_ptr_equal(fixture->store.first, first); /* it was not read again for nothing */
    write_text(fixture, "garbage\n");
    assert_int_equal(try(fixture, fixture->path, false, NULL), QTA_ERR_CONFIG);
    write_certificate(fixture);
    assert_int_equal(try(fixture, fixture->path, false, NULL), QTA_OK);
}

static void contexts_outlive_the_store(void **state)
{
    struct fixture *fixture = *state;
    write_certificate(fixture);
    struct qta_tls_context *context;
    struct qta_tls_session *session;
    assert_int_equal(qta_tls_context_create(&context, &fixture->store, fixture->path, false, NULL),
                     QTA_OK);
    qta_tls_store_finish(&fixture->store);
    assert_int_equal(qta_tls_session_create(&session, context, "localhost", true, 0, NULL), QTA_OK);
    qta_tls_context_destroy(context);
    qta_tls_session_destroy(session);
    qta_tls_context_destroy(NULL);
    qta_tls_session_destroy(NULL);
}

static void insecure_needs_no_authorities(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(try(fixture, "/no/such/file", true, NULL), QTA_OK);
    assert_null(fixture->store.first); /* and is never taken for a secure one */
    assert_int_equal(try(fixture, NULL, false, NULL), QTA_OK);
    assert_non_null(fixture->store.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_without_authorities_is_a_configuration_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_changes_is_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(contexts_outlive_the_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(insecure_needs_no_authorities, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
