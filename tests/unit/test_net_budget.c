/* What one I/O thread holds of bodies, how it is shared, and who gives way: several clients on one host, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"
#include "support_net.h"

#define CLIENTS 64
#define BUDGET 1600000

static struct peer peer; /* its host is everybody's */
static struct limits before;

struct client {
    struct protocol *protocol;
    struct buf sent;
};

static void on_wake(void *link)
{
    (void)link;
}

static void host_open(void)
{
    before = limits_in_force;
    limits_in_force.body_budget_bytes = BUDGET;
    peer_open(&peer, PROTOCOL_HTTP1);
}

static void host_close(void)
{
    assert_int_equal(peer.host.body_bytes, 0);
    assert_null(peer.host.receiving);
    for (size_t i = 0; i < SHARE_BUCKETS; i++)
        assert_null(peer.host.shares[i]);
    peer_close(&peer);
    limits_in_force = before;
}

static struct client client_open(const char *address)
{
    struct client client = {.protocol = http1_new(&peer.host, on_wake, NULL)};
    assert_non_null(client.protocol);
    client.protocol->address = share_take(&peer.host, SHARE_ADDRESS, str_of(address));
    buf_init(&client.sent, SIZE_MAX);
    return client;
}

static void client_close(struct client *client)
{
    struct share *address = client->protocol->address;
    client->protocol->ops->free(client->protocol);
    share_give(&peer.host, address);
    buf_deinit(&client->sent);
}

static void pump(struct client *client)
{
    client->protocol->ops->pull(client->protocol);
    buf_append_str(&client->sent, buf_str(&client->protocol->out));
    buf_clear(&client->protocol->out);
    assert_true(peer.host.body_bytes <= BUDGET);
    assert_true(peer.host.body_bytes_peak <= BUDGET);
}

static void give(struct client *client, size_t bytes)
{
    static char block[65536];
    memset(block, 'x', sizeof(block));
    while (bytes > 0 && !client->protocol->is_finished) {
        size_t step = bytes < sizeof(block) ? bytes : sizeof(block);
        client->protocol->ops->receive(client->protocol, (struct str){block, step});
        pump(client);
        bytes -= step;
    }
}

static void begin(struct client *client, const char *path, size_t length)
{
    char head[200];
    (void)snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path, length);
    client->protocol->ops->receive(client->protocol, str_of(head));
    pump(client);
}

/* 0: no answer yet. */
static int status_of(struct client *client)
{
    uint64_t status = 0;
    pump(client);
    return client->sent.len > 12 && str_to_u64(str_slice(buf_str(&client->sent), 9, 12), &status) ? (int)status : 0;
}

/* All of a body but its last byte. */
static struct client hold(const char *address, const char *path, size_t length)
{
    struct client client = client_open(address);
    begin(&client, path, length);
    give(&client, length - 1);
    return client;
}

static void pass(struct client *clients, size_t count, uint64_t ms)
{
    peer.host.now_ms += ms;
    for (size_t i = 0; i < count; i++)
        clients[i].protocol->ops->tick(clients[i].protocol);
}

/* A byte now and then renews nothing; who keeps the pace may take as long as it takes. */
static void test_a_body_has_a_least_rate(void **state)
{
    (void)state;
    host_open();
    struct client clients[2] = {client_open("a"), client_open("a")};
    begin(&clients[0], "/slow", 1000000);
    begin(&clients[1], "/steady", 1000000);
    uint64_t passed = 0;
    while (status_of(&clients[0]) == 0) {
        give(&clients[0], 1);
        give(&clients[1], 4 * limit(body_rate_bytes));
        pass(clients, 2, 4000);
        passed += 4000;
        assert_true(passed <= limit(body_timeout_ms) + 8000);
    }
    assert_int_equal(status_of(&clients[0]), 408);
    assert_true(passed >= limit(body_timeout_ms));
    for (int i = 0; i < 40; i++) {
        give(&clients[1], 4 * limit(body_rate_bytes));
        pass(clients, 2, 4000);
        assert_int_equal(status_of(&clients[1]), 0);
    }
    client_close(&clients[0]);
    client_close(&clients[1]);
    host_close();
}

/* A burst earns no more than the time there is: many bytes at first are no licence for silence after. */
static void test_a_burst_earns_no_silence(void **state)
{
    (void)state;
    host_open();
    struct client client = hold("a", "/burst", 700000);
    pass(&client, 1, limit(body_timeout_ms) - 1);
    assert_int_equal(status_of(&client), 0);
    pass(&client, 1, 1);
    assert_int_equal(status_of(&client), 408);
    client_close(&client);
    host_close();
}

/* Held is what the buffers have, before they have it. */
static void test_what_is_held_is_counted_before_it_grows(void **state)
{
    (void)state;
    host_open();
    struct client client = client_open("a");
    begin(&client, "/e", 300000);
    for (size_t given = 0; given < 299000; given += 1000) {
        give(&client, 1000);
        assert_true(peer.host.body_bytes > given);
        assert_true(peer.host.body_bytes <= 300000); /* not the next power of two */
    }
    client_close(&client);
    struct client chunked = client_open("a");
    chunked.protocol->ops->receive(chunked.protocol,
                                   STR("POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n"));
    give(&chunked, BUDGET + 65536);
    assert_int_equal(status_of(&chunked), 503);
    client_close(&chunked);
    host_close();
}

static void test_the_slowest_gives_way(void **state)
{
    (void)state;
    host_open();
    struct client clients[4] = {hold("a", "/1", 500000), hold("b", "/2", 500000)};
    pass(clients, 2, 400);
    clients[2] = hold("c", "/3", 400000);
    pass(clients, 3, 400);
    clients[3] = client_open("d");
    begin(&clients[3], "/4", 400000);
    give(&clients[3], 400000);
    assert_int_equal(status_of(&clients[3]), 200);
    int first = status_of(&clients[0]), second = status_of(&clients[1]);
    assert_true((first == 503 && second == 0) || (first == 0 && second == 503)); /* one is enough */
    assert_int_equal(status_of(&clients[2]), 0); /* on time */
    for (int i = 0; i < 4; i++)
        client_close(&clients[i]);
    host_close();
}

/* Also when only the end of its last chunk was missing, and comes before it hears of it. */
static void test_a_body_that_gave_way_is_not_taken_for_an_empty_one(void **state)
{
    (void)state;
    host_open();
    struct client chunked = client_open("a"), other = client_open("b");
    chunked.protocol->ops->receive(chunked.protocol, STR("POST /e HTTP/1.1\r\nHost: x\r\n"
                                                         "Transfer-Encoding: chunked\r\n\r\nc3500\r\n"));
    give(&chunked, 0xc3500);
    chunked.protocol->ops->receive(chunked.protocol, STR("\r\n"));
    peer.host.now_ms += 1000;
    begin(&other, "/e", 900000);
    give(&other, 900000);
    assert_int_equal(status_of(&other), 200);
    chunked.protocol->ops->receive(chunked.protocol, STR("0\r\n\r\n"));
    assert_int_equal(status_of(&chunked), 503);
    assert_int_equal(peer.host.requests_total, 1);
    client_close(&chunked);
    client_close(&other);
    host_close();
}

static void test_who_is_on_time_stays(void **state)
{
    (void)state;
    host_open();
    struct client clients[4] = {hold("a", "/1", 500000), hold("b", "/2", 500000), hold("c", "/3", 400000)};
    pass(clients, 3, 400);
    clients[3] = client_open("d");
    begin(&clients[3], "/4", 400000);
    give(&clients[3], 400000);
    assert_int_equal(status_of(&clients[3]), 503);
    for (int i = 0; i < 3; i++) {
        give(&clients[i], 1);
        assert_int_equal(status_of(&clients[i]), 200);
    }
    for (int i = 0; i < 4; i++)
        client_close(&clients[i]);
    host_close();
}

/* Small requests find room whatever large ones hold. */
static void test_large_bodies_leave_a_part_to_small_ones(void **state)
{
    (void)state;
    host_open();
    struct client clients[6];
    for (int i = 0; i < 6; i++) {
        char address[2] = {(char)('a' + i), 0};
        clients[i] = hold(address, "/large", 300000);
    }
    assert_int_equal(status_of(&clients[5]), 503);
    struct client small = client_open("z");
    begin(&small, "/small", 60000);
    give(&small, 60000);
    assert_int_equal(status_of(&small), 200);
    client_close(&small);
    for (int i = 0; i < 6; i++)
        client_close(&clients[i]);
    host_close();
}

/* One owner comes to a half; another, from the same address, finds room, and so do the first one's small requests. */
static void test_an_owner_leaves_room_for_others(void **state)
{
    (void)state;
    host_open();
    struct client clients[CLIENTS];
    size_t count = 0, held = 0;
    while (count < CLIENTS - 3) {
        clients[count++] = hold("a", "/own/greedy", 100000);
        if (status_of(&clients[count - 1]) != 0)
            break;
        held += 100000;
    }
    assert_in_range(held, BUDGET / 2 - 100000, BUDGET / 2);
    clients[count] = client_open("a");
    begin(&clients[count], "/own/modest", 300000);
    give(&clients[count], 300000);
    assert_int_equal(status_of(&clients[count++]), 200);
    clients[count] = client_open("a");
    begin(&clients[count], "/own/greedy", 50000);
    give(&clients[count], 50000);
    assert_int_equal(status_of(&clients[count++]), 200);
    for (size_t i = 0; i < count; i++)
        client_close(&clients[i]);
    host_close();
}

static void test_an_address_leaves_room_for_others(void **state)
{
    (void)state;
    host_open();
    struct client clients[CLIENTS];
    size_t count = 0, held = 0;
    while (count < CLIENTS - 2) {
        char path[20];
        (void)snprintf(path, sizeof(path), "/own/%zu", count);
        clients[count++] = hold("greedy", path, 100000);
        if (status_of(&clients[count - 1]) != 0)
            break;
        held += 100000;
    }
    assert_in_range(held, BUDGET * 3 / 4 - 100000, BUDGET * 3 / 4);
    clients[count] = client_open("modest");
    begin(&clients[count], "/own/other", 250000);
    give(&clients[count], 250000);
    assert_int_equal(status_of(&clients[count++]), 200);
    for (size_t i = 0; i < count; i++)
        client_close(&clients[i]);
    host_close();
}

/* The only body of an owner may take what is free: a limit that no request could keep would be of no use. */
static void test_one_large_body_is_taken(void **state)
{
    (void)state;
    host_open();
    struct client client = client_open("a");
    begin(&client, "/own/one", 1400000);
    give(&client, 1400000);
    assert_int_equal(status_of(&client), 200);
    client_close(&client);
    host_close();
}

/* Bodies that came whole can be worked on, though their owner may begin no more of them. */
static void test_whole_bodies_go_further(void **state)
{
    (void)state;
    host_open();
    struct client clients[4] = {hold("a", "/hold", 300000), hold("a", "/hold", 300000), hold("a", "/hold", 300000)};
    for (int i = 0; i < 3; i++)
        give(&clients[i], 1);
    assert_int_equal(peer.held_count, 3);
    clients[3] = hold("a", "/more", 700000);
    assert_int_equal(status_of(&clients[3]), 503);
    assert_true(http_charge(peer.held[0], 450000));
    assert_false(http_charge(peer.held[1], 450000));
    for (int i = 0; i < 4; i++)
        client_close(&clients[i]);
    host_close();
}

/* What a handler makes of a body counts with it, until the reply. */
static void test_what_is_made_of_a_body_counts(void **state)
{
    (void)state;
    host_open();
    struct client client = client_open("a");
    begin(&client, "/hold", 300000);
    give(&client, 300000);
    assert_true(http_charge(peer.held[0], 900000));
    assert_int_equal(peer.host.body_bytes, 1200000);
    assert_false(http_charge(peer.held[0], 900000));
    assert_int_equal(peer.host.body_bytes, 1200000);
    http_respond(peer.held[0], 200, NULL, 0, STR(""));
    assert_int_equal(peer.host.body_bytes, 0);
    client_close(&client);
    host_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_has_a_least_rate),
        cmocka_unit_test(test_a_burst_earns_no_silence),
        cmocka_unit_test(test_what_is_held_is_counted_before_it_grows),
        cmocka_unit_test(test_the_slowest_gives_way),
        cmocka_unit_test(test_a_body_that_gave_way_is_not_taken_for_an_empty_one),
        cmocka_unit_test(test_who_is_on_time_stays),
        cmocka_unit_test(test_large_bodies_leave_a_part_to_small_ones),
        cmocka_unit_test(test_an_owner_leaves_room_for_others),
        cmocka_unit_test(test_an_address_leaves_room_for_others),
        cmocka_unit_test(test_one_large_body_is_taken),
        cmocka_unit_test(test_whole_bodies_go_further),
        cmocka_unit_test(test_what_is_made_of_a_body_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
