/* Lookups in threads: results come, and an owner may leave before they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "core/doorbell.h"
#include "recorder/resolver.h"

static void ring(void *user)
{
    qta_doorbell_ring(user);
}

static void addresses_need_no_lookup(void **state)
{
    (void)state;
    struct qta_addresses addresses;
    assert_true(qta_address_parse("127.0.0.1", 8080, &addresses));
    assert_int_equal(addresses.count, 1);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addresses.list[0];
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), 0x7f000001);
    assert_int_equal(ntohs(v4->sin_port), 8080);
    assert_true(qta_address_parse("::1", 443, &addresses));
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addresses.list[0];
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(v6->sin6_addr.s6_addr[15], 1);
    assert_int_equal(ntohs(v6->sin6_port), 443);
    assert_false(qta_address_parse("localhost", 443, &addresses));
    assert_false(qta_address_parse("127.1", 443, &addresses));
    assert_false(qta_address_parse("", 443, &addresses));
}

static void every_lookup_has_one_result(void **state)
{
    (void)state;
    enum { LOOKUPS = 100 };
    struct qta_doorbell bell = {0};
    struct qta_resolver *resolver;
    assert_int_equal(qta_resolver_create(&resolver, ring, &bell, NULL), QTA_OK);
    int results[LOOKUPS + 1] = {0};
    for (int i = 1; i <= LOOKUPS; i++) {
        uint64_t id = 0;
        /* a name that needs no name server to be wrong */
        const char *host = i % 2 ? "localhost" : "no..where";
        assert_int_equal(qta_resolver_start(resolver, host, (uint16_t)i, &id, NULL), QTA_OK);
        assert_int_equal(id, i);
    }
    for (int taken = 0; taken < LOOKUPS;) {
        uint32_t ticket = qta_doorbell_ticket(&bell);
        uint64_t id;
        struct qta_addresses addresses;
        if (!qta_resolver_take(resolver, &id, &addresses)) {
            qta_doorbell_wait(&bell, ticket, -1);
            continue;
        }
        taken++;
        assert_in_range(id, 1, LOOKUPS);
        results[id]++;
        if (id % 2) {
            assert_true(addresses.count > 0);
            const struct sockaddr_storage *address = &addresses.list[0];
            in_port_t port = address->ss_family == AF_INET6
                                 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                 : ((const struct sockaddr_in *)address)->sin_port;
            assert_int_equal(ntohs(port), id);
        } else {
            assert_int_equal(addresses.count, 0);
            assert_string_not_equal(addresses.failure, "");
        }
    }
    for (int i = 1; i <= LOOKUPS; i++)
        assert_int_equal(results[i], 1);
    qta_resolver_destroy(resolver);
}

static void an_owner_may_leave_while_lookups_run(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct qta_doorbell bell = {0};
        struct qta_resolver *resolver;
        uint64_t id;
        assert_int_equal(qta_resolver_create(&resolver, ring, &bell, NULL), QTA_OK);
        for (int i = 0; i < 4; i++)
            assert_int_equal(qta_resolver_start(resolver, "localhost", 1, &id, NULL), QTA_OK);
        qta_resolver_destroy(resolver);
        memset(&bell, 0xff, sizeof bell); /* nobody rings it any more */
    }
    qta_resolver_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_need_no_lookup),
        cmocka_unit_test(every_lookup_has_one_result),
        cmocka_unit_test(an_owner_may_leave_while_lookups_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
