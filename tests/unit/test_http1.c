/* HTTP/1.1 in memory: every request is delivered whole, byte by byte and in
 * random pieces, and must give the same log and the same answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"
#include "support_net.h"

#define HOST "Host: x\r\n"
#define ROUNDS 20

static bool contains(const struct buf *buf, const char *text)
{
    return str_find(buf_str(buf), str_of(text), 0) >= 0;
}

static void assert_same(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(buf_str(a).data, buf_str(b).data, a->len);
}

/* Gives `input` whole to *peer and in pieces to others, and compares. */
static void deliver(struct peer *peer, struct str input)
{
    struct rng rng;
    rng_seed(&rng, 7);
    peer_open(peer, PROTOCOL_HTTP1);
    peer_give(peer, input);
    for (int round = 0; round <= ROUNDS; round++) {
        struct peer other;
        peer_open(&other, PROTOCOL_HTTP1);
        if (round == 0)
            peer_give_bytewise(&other, input);
        else
            peer_give_randomly(&other, input, &rng);
        assert_same(&peer->log, &other.log);
        assert_same(&peer->sent, &other.sent);
        assert_int_equal(peer->end, other.end);
        peer_close(&other);
    }
}

static void expect_exchange(const char *input, const char *log, const char *sent, enum peer_end end)
{
    struct peer peer;
    deliver(&peer, str_of(input));
    buf_append_char(&peer.log, '\0');
    buf_append_char(&peer.sent, '\0');
    assert_string_equal(peer.log.data, log);
    assert_string_equal(peer.sent.data, sent);
    assert_int_equal(peer.end, end);
    peer_close(&peer);
}

static void test_simple_requests(void **state)
{
    (void)state;
    expect_exchange("GET /a%2Fb?x=1&y HTTP/1.1\r\nHost: h\r\nX-Thing:  spaced \t\r\nEmpty:\r\n\r\n",
                    "11 GET /a%2Fb?x=1&y path=/a%2Fb query=x=1&y body=0:\n  host=h\n  x-thing=spaced\n  empty=\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 16\r\n\r\nGET /a%2Fb?x=1&y",
                    PEER_OPEN);
}

static void test_bodies(void **state)
{
    (void)state;
    expect_exchange("POST /e HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
                    "11 POST /e path=/e query= body=5:hello\n  host=x\n  content-length=5\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello", PEER_OPEN);
    expect_exchange("POST /e HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                    "3;ext=\"v\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: dropped\r\n\r\n",
                    "11 POST /e path=/e query= body=13:abc0123456789\n  host=x\n  transfer-encoding=chunked\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nabc0123456789",
                    PEER_OPEN);
    expect_exchange("POST /e HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nok",
                    "11 POST /e path=/e query= body=2:ok\n  host=x\n  content-length=2\n  expect=100-continue\n",
                    "HTTP/1.1 100 Continue\r\n\r\n"
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok",
                    PEER_OPEN);
    expect_exchange("PUT /e HTTP/1.1\r\n" HOST "Content-Length: 0\r\nExpect: 100-Continue\r\n\r\n",
                    "11 PUT /e path=/e query= body=0:\n  host=x\n  content-length=0\n  expect=100-Continue\n",
                    "HTTP/1.1 100 Continue\r\n\r\n"
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nPUT /e",
                    PEER_OPEN);
}

static void test_forms_of_the_target(void **state)
{
    (void)state;
    expect_exchange("GET http://host:80/p?q HTTP/1.1\r\n" HOST "\r\n",
                    "11 GET http://host:80/p?q path=/p query=q body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 22\r\n\r\n"
                    "GET http://host:80/p?q",
                    PEER_OPEN);
    /* More than one blank is taken, as RFC 9112, 3 allows; what was signed is the target, which has none. */
    expect_exchange("GET  /p HTTP/1.1\r\n" HOST "\r\n", "11 GET /p path=/p query= body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nGET /p", PEER_OPEN);
    expect_exchange("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "11 OPTIONS * path=* query= body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nOPTIONS *", PEER_OPEN);
}

static void test_ends_of_replies(void **state)
{
    (void)state;
    expect_exchange("GET /stream HTTP/1.1\r\n" HOST "\r\n", "11 GET /stream path=/stream query= body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
                    "4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n",
                    PEER_OPEN);
    expect_exchange("GET /stream HTTP/1.0\r\n\r\n", "10 GET /stream path=/stream query= body=0:\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\none two three",
                    PEER_FINISHED);
    expect_exchange("HEAD /e HTTP/1.1\r\n" HOST "\r\n", "11 HEAD /e path=/e query= body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\n", PEER_OPEN);
    expect_exchange("HEAD /stream HTTP/1.1\r\n" HOST "\r\n", "11 HEAD /stream path=/stream query= body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n", PEER_OPEN);
    expect_exchange("GET /empty HTTP/1.1\r\n" HOST "\r\n", "11 GET /empty path=/empty query= body=0:\n  host=x\n",
                    "HTTP/1.1 204 No Content\r\n\r\n", PEER_OPEN);
}

static void test_keep_alive(void **state)
{
    (void)state;
    expect_exchange("GET /1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n",
                    "11 GET /1 path=/1 query= body=0:\n  host=x\n  connection=close\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n"
                    "connection: close\r\n\r\nGET /1",
                    PEER_FINISHED);
    expect_exchange("GET /1 HTTP/1.0\r\n\r\n", "10 GET /1 path=/1 query= body=0:\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n"
                    "connection: close\r\n\r\nGET /1",
                    PEER_FINISHED);
    expect_exchange("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                    "10 GET /1 path=/1 query= body=0:\n  connection=keep-alive\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n"
                    "connection: keep-alive\r\n\r\nGET /1",
                    PEER_OPEN);
}

static void test_an_upgrade_is_declined(void **state)
{
    (void)state;
    expect_exchange("GET /1 HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
                    "GET /2 HTTP/1.1\r\n" HOST "\r\n",
                    "11 GET /1 path=/1 query= body=0:\n  host=x\n  connection=Upgrade, HTTP2-Settings\n"
                    "  upgrade=h2c\n11 GET /2 path=/2 query= body=0:\n  host=x\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nGET /1"
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nGET /2",
                    PEER_OPEN);
}

/* Two readers of these bytes could disagree about where a request ends, or
 * they are no HTTP at all. None may reach the handler. */
static const struct {
    const char *input;
    int status;
} refused[] = {
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -4\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x4\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4 4\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b" "chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "X-Abc:\rxTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\n\r\n", 411},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\ng\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na", 400},
    {"GET / HTTP/1.1\n" HOST "\n", 400},
    {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
    {"GET / HTTP/1.1\rHost: x\r\r", 400},
    {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "NoColon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": empty\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "B\xc3\xa4: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Host: y\r\n\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET nothing HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", 505},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"GET / HTTP/0.9\r\n\r\n", 505},
    {"GET /\r\n\r\n", 505}, /* as in HTTP/0.9 */
    {"GET / RTSP/1.0\r\n" HOST "\r\n", 400},
    {"GET / HTTP/11\r\n" HOST "\r\n", 400},
    {"get / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"BREW / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"PROPFIND / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", 501},
    {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505},
    {"\x16\x03\x01\x02\x00\x01", 400},
    {"\x01", 400},
    {"GET / HTTP/1.1\r\n" HOST "Expect: miracles\r\nContent-Length: 1\r\n\r\na", 417},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct peer peer;
        char line[40], log[16];
        deliver(&peer, str_of(refused[i].input));
        (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", refused[i].status);
        (void)snprintf(log, sizeof(log), "error %d ", refused[i].status);
        bool ok = str_starts(buf_str(&peer.sent), str_of(line)) && str_starts(buf_str(&peer.log), str_of(log));
        if (!ok)
            print_error("case %zu: %s\n-> " STR_FMT "\n" STR_FMT "\n", i, refused[i].input,
                        STR_ARG(buf_str(&peer.sent)),
                        STR_ARG(buf_str(&peer.log)));
        assert_true(ok);
        assert_int_equal(peer.end, PEER_FINISHED);
        assert_true(contains(&peer.sent, "connection: close\r\n"));
        assert_int_equal(peer.host.protocol_errors_total, 1);
        assert_int_equal(peer.host.requests_total, 0);
        peer_close(&peer);
    }
}

/* A NUL can't stand in a C string of the table above. */
static void test_a_nul_is_refused(void **state)
{
    (void)state;
    struct peer peer;
    deliver(&peer, STR("GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n"));
    assert_true(contains(&peer.sent, "HTTP/1.1 400 "));
    peer_close(&peer);
}

static void test_the_error_hook_writes_the_body(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer.error_hook_status = 0;
    peer_give(&peer, STR("GET / HTTP/1.1\r\n\r\n"));
    assert_int_equal(peer.error_hook_status, 400);
    assert_true(contains(&peer.sent, "HTTP/1.1 400 Bad Request\r\nx-error: hook\r\ncontent-length: 2\r\n"
                                     "connection: close\r\n\r\n{}"));
    peer_close(&peer);
}

static void give_repeated(struct buf *buf, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_append_text(buf, text);
}

static void expect_status(struct buf *input, int status)
{
    struct peer peer;
    char line[40];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, buf_str(input));
    assert_true(str_starts(buf_str(&peer.sent), str_of(line)));
    assert_int_equal(peer.host.body_bytes, 0);
    peer_close(&peer);
    struct rng rng;
    rng_seed(&rng, 3);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give_randomly(&peer, buf_str(input), &rng);
    assert_true(str_starts(buf_str(&peer.sent), str_of(line)));
    peer_close(&peer);
    buf_clear(input);
}

static void test_limits(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 1 << 26);
    buf_append_text(&input, "GET /");
    give_repeated(&input, "a", limit(uri_bytes) - 1);
    buf_append_text(&input, " HTTP/1.1\r\n" HOST "\r\n");
    expect_status(&input, 200);
    buf_append_text(&input, "GET /");
    give_repeated(&input, "a", limit(uri_bytes));
    expect_status(&input, 414);
    buf_append_text(&input, "GET / HTTP/1.1\r\n" HOST);
    give_repeated(&input, "a: b\r\n", limit(header_count) - 1);
    buf_append_text(&input, "\r\n");
    expect_status(&input, 200);
    buf_append_text(&input, "GET / HTTP/1.1\r\n" HOST);
    give_repeated(&input, "a: b\r\n", limit(header_count));
    buf_append_text(&input, "\r\n");
    expect_status(&input, 431);
    buf_append_text(&input, "GET / HTTP/1.1\r\n" HOST "a: ");
    give_repeated(&input, "0123456789", limit(header_bytes) / 10 + 1);
    expect_status(&input, 431);
    buf_append_text(&input, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;");
    give_repeated(&input, "extension", 1000);
    expect_status(&input, 400);
    buf_append_text(&input, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    give_repeated(&input, "t: v\r\n", limit(header_bytes) / 6 + 1);
    expect_status(&input, 431);
    buf_appendf(&input, "POST / HTTP/1.1\r\n" HOST "Content-Length: %llu\r\n\r\n",
                (unsigned long long)limit(body_bytes) + 1);
    expect_status(&input, 413);
    buf_deinit(&input);
}

static void test_body_limits(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 1 << 20);
    uint64_t body_bytes = limit(body_bytes), budget = limit(body_budget_bytes);
    limits_in_force.body_bytes = 1000;
    buf_append_text(&input, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    give_repeated(&input, "64\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
                          "012345678901234567890123456789\r\n", 11);
    expect_status(&input, 413);
    limits_in_force.body_budget_bytes = 500;
    buf_append_text(&input, "POST / HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n");
    give_repeated(&input, "0123456789", 90);
    expect_status(&input, 503);
    limits_in_force.body_bytes = body_bytes;
    limits_in_force.body_budget_bytes = budget;
    buf_deinit(&input);
}

/* A handler that refuses at the headers answers before the body, which then is not read. */
static void test_a_body_that_is_not_wanted(void **state)
{
    (void)state;
    expect_exchange("POST /refuse HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhelloGET / HT",
                    "11 POST /refuse path=/refuse query= body=0:\n  host=x\n  content-length=5\n"
                    "  expect=100-continue\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12\r\nconnection: close\r\n\r\n"
                    "POST /refuse", PEER_FINISHED);
    expect_exchange("POST /refuse HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
                    "11 POST /refuse path=/refuse query= body=0:\n  host=x\n  transfer-encoding=chunked\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12\r\nconnection: close\r\n\r\n"
                    "POST /refuse", PEER_FINISHED);
    expect_exchange("PUT /refuse HTTP/1.1\r\n" HOST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
                    "11 PUT /refuse path=/refuse query= body=0:\n  host=x\n  content-length=0\n  expect=100-continue\n",
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 11\r\n\r\nPUT /refuse", PEER_OPEN);
}

static void test_a_body_in_pieces(void **state)
{
    (void)state;
    struct peer peer;
    uint64_t body_bytes = limit(body_bytes);
    limits_in_force.body_bytes = 10; /* not asked */
    static const char *const inputs[] = {
        "PUT /pieces HTTP/1.1\r\n" HOST "Content-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz"
        "GET /next HTTP/1.1\r\n" HOST "\r\n",
        "PUT /pieces HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n14\r\nabcdefghijklmnopqrst\r\n6\r\nuvwxyz"
        "\r\n0\r\n\r\nGET /next HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < 2; i++)
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            peer_open(&peer, PROTOCOL_HTTP1);
            (bytewise ? peer_give_bytewise : peer_give)(&peer, str_of(inputs[i]));
            assert_int_equal(peer.piece_bytes, 26);
            assert_int_equal(peer.host.body_bytes, 0);
            assert_true(str_find(buf_str(&peer.sent), STR("26 bytes"), 0) > 0);
            assert_true(str_find(buf_str(&peer.sent), STR("GET /next"), 0) > 0);
            assert_int_equal(peer.closes, 0);
            peer_close(&peer);
        }
    limits_in_force.body_bytes = body_bytes;
}

static void test_a_taker_may_pause(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer.pauses = true;
    peer_give(&peer, STR("PUT /pieces HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nab"));
    assert_true(peer.protocol->is_paused);
    peer_pass(&peer, 2 * limit(body_timeout_ms)); /* it isn't the client who is slow */
    assert_non_null(peer.protocol);
    http_body_resume(peer.taking);
    assert_false(peer.protocol->is_paused);
    peer_give(&peer, STR("c"));
    http_body_resume(peer.taking);
    peer_give(&peer, STR("dGET / HTTP/1.1\r\n" HOST "\r\n")); /* paused by its last piece */
    assert_false(peer.protocol->is_paused);
    assert_true(str_find(buf_str(&peer.sent), STR("4 bytes"), 0) > 0);
    assert_true(str_find(buf_str(&peer.sent), STR("GET /"), 0) > 0);
    peer_close(&peer);
}

/* on_close runs once, whoever ends the body early: the client, a rule of HTTP, or the clock. */
static void test_a_body_that_breaks_off(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct peer peer;
        peer_open(&peer, PROTOCOL_HTTP1);
        peer_give(&peer, STR("PUT /pieces HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"));
        assert_int_equal(peer.closes, 0);
        if (how == 0)
            peer_end(&peer);
        else if (how == 1)
            peer_give(&peer, STR("not hex\r\n"));
        else
            peer_pass(&peer, limit(body_timeout_ms));
        peer_close(&peer);
        assert_int_equal(peer.piece_bytes, 2);
        assert_int_equal(peer.closes, 1);
    }
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("GET /hold/1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
                         "Content-Length: 3\r\n\r\ntwoGET /hold/3 HTTP/1.1\r\n" HOST "\r\nGET /4 HTT"));
    assert_int_equal(peer.held_count, 1);
    assert_int_equal(peer.sent.len, 0);
    peer_give(&peer, STR("P/1.1\r\n" HOST "\r\n"));
    http_respond(peer.held[0], 200, NULL, 0, STR("first"));
    peer_pump(&peer);
    assert_int_equal(peer.held_count, 2);
    http_respond(peer.held[1], 200, NULL, 0, STR("third"));
    peer_pump(&peer);
    buf_append_char(&peer.sent, '\0');
    assert_string_equal(peer.sent.data, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst"
                                        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\ntwo"
                                        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthird"
                                        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\n"
                                        "GET /4");
    peer_close(&peer);
}

static void test_a_pipeliner_is_paused(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    size_t given = 0;
    while (!peer.protocol->is_paused && given < 100000) {
        peer_give(&peer, STR("GET /n HTTP/1.1\r\n" HOST "\r\n"));
        given++;
    }
    assert_in_range(given, 1000, 5000);
    http_respond(peer.held[0], 200, NULL, 0, STR(""));
    peer_pump(&peer);
    assert_false(peer.protocol->is_paused);
    assert_int_equal(peer.host.requests_total, given + 1);
    peer_close(&peer);
}

static size_t bytes_held(const struct peer *peer)
{
    return peer->protocol->out.len + peer->protocol->in_flight;
}

/* Replies that are made at once don't pile up before a client that reads none, whatever makes them. */
static void test_a_pipeliner_that_reads_nothing_is_paused(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /n HTTP/1.1\r\n" HOST "\r\n",
        "GET /stream HTTP/1.1\r\n" HOST "\r\n",
        "POST /e HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    };
    enum { REQUESTS = 20000 };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct peer peer;
        size_t given = 0, most = 0;
        peer_open(&peer, PROTOCOL_HTTP1);
        peer.takes_nothing = true;
        while (!peer.protocol->is_paused && given < REQUESTS) {
            peer_give(&peer, str_of(requests[i]));
            most = bytes_held(&peer) > most ? bytes_held(&peer) : most;
            given++;
        }
        assert_true(given < REQUESTS); /* else nothing paused it */
        assert_in_range(most, 1, 70000);
        assert_true(peer.host.requests_total < given);
        peer.takes_nothing = false;
        peer_pump(&peer);
        assert_false(peer.protocol->is_paused);
        assert_int_equal(peer.host.requests_total, given);
        peer_close(&peer);
    }
}

/* The time-outs are those of a connection whose reader is slow, not of one that asks nothing. */
static void test_a_slow_reader_of_pipelined_replies_gets_them_all(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer.takes_nothing = true;
    for (int i = 0; i < 2000; i++)
        peer_give(&peer, STR("GET /n HTTP/1.1\r\n" HOST "\r\n"));
    for (int i = 0; i < 4; i++)
        peer_pass(&peer, limit(idle_timeout_ms) - 1);
    peer.takes_nothing = false;
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_OPEN);
    assert_int_equal(peer.host.requests_total, 2000);
    peer_close(&peer);
}

static void test_a_client_that_sends_no_more_gets_its_replies(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("POST /1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\noneGET /hold HTTP/1.1\r\n" HOST
                         "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\nGET /not-wh"));
    peer_end(&peer);
    assert_int_equal(peer.end, PEER_OPEN);
    http_respond(peer.held[0], 200, NULL, 0, STR("two"));
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_FINISHED);
    assert_int_equal(peer.closes, 0);
    buf_append_char(&peer.sent, '\0');
    assert_string_equal(peer.sent.data, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\none"
                                        "HTTP/1.1 100 Continue\r\n\r\n" /* is somebody there? */
                                        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo"
                                        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\n"
                                        "GET /3");
    peer_close(&peer);
}

/* Has it left, or does it wait? Only what is sent to it can tell. */
static void test_a_client_that_sends_no_more_is_probed(void **state)
{
    (void)state;
    static const char *const versions[] = {"1.1", "1.0"};
    for (size_t i = 0; i < 2; i++) {
        struct peer peer;
        char request[80];
        peer_open(&peer, PROTOCOL_HTTP1);
        (void)snprintf(request, sizeof(request), "GET /hold HTTP/%s\r\n" HOST "\r\n", versions[i]);
        peer_give(&peer, str_of(request));
        peer_pass(&peer, 10000);
        assert_int_equal(peer.sent.len, 0);
        peer_end(&peer);
        peer_pump(&peer);
        assert_true((peer.sent.len > 0) == (i == 0)); /* 1.0 has no such thing */
        peer_pass(&peer, 10000);
        size_t probe = peer.sent.len;
        assert_true(contains(&peer.sent, "HTTP/1.1 100 Continue\r\n\r\n") == (i == 0));
        http_respond_start(peer.held[0], 200, NULL, 0);
        size_t head = peer.sent.len;
        peer_pass(&peer, 60000);
        assert_true(probe > 0 || i == 1);
        assert_int_equal(head, probe);
        assert_false(contains(&peer.sent, "200 OK\r\nHTTP")); /* none within a reply */
        http_respond_end(peer.held[0]);
        peer_pump(&peer);
        assert_int_equal(peer.end, PEER_FINISHED);
        peer_close(&peer);
    }
}

/* Words that no HTTP could have: nobody is there to read an answer in HTTP. */
static void test_another_protocol_is_not_answered(void **state)
{
    (void)state;
    static const char *const lines[] = {"INVALID CONNECTION PREFACE\r\n\r\n", "EHLO example\r\n", "QUIT\n",
                                        "SSH-2.0-x\r\n", "HTTP HTTP HTTP\r\n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct peer peer;
        deliver(&peer, str_of(lines[i]));
        assert_int_equal(peer.sent.len, 0);
        assert_int_equal(peer.end, PEER_FINISHED);
        peer_close(&peer);
    }
    struct peer endless;
    peer_open(&endless, PROTOCOL_HTTP1);
    for (uint64_t i = 0; i <= limit(uri_bytes) && endless.protocol; i++)
        peer_give(&endless, STR("X"));
    assert_int_equal(endless.end, PEER_FINISHED);
    peer_close(&endless);
}

static void test_a_client_that_leaves_closes_its_exchange_once(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    peer_end(&peer);
    assert_int_equal(peer.closes, 0);
    peer_close(&peer);
    assert_int_equal(peer.closes, 1);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    http_respond_start(peer.held[0], 200, NULL, 0);
    http_respond_write(peer.held[0], STR("begun"));
    peer_close(&peer);
    assert_int_equal(peer.closes, 1);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("POST /x HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc"));
    peer_end(&peer);
    assert_int_equal(peer.end, PEER_FINISHED);
    assert_int_equal(peer.closes, 0);
    assert_int_equal(peer.host.body_bytes, 0);
    peer_close(&peer);
}

/* What a handler has pinned stays when the client leaves, and goes when it is let go. */
static void test_a_pinned_exchange_outlives_its_client(void **state)
{
    (void)state;
    struct peer peer;
    for (int i = 0; i < 2; i++) {
        peer_open(&peer, PROTOCOL_HTTP1);
        peer.pins = true;
        peer_give(&peer, STR("POST /pin HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"));
        struct http_exchange *pinned = peer.pinned;
        char *made = arena_strdup(&pinned->arena, STR("made of it"));
        if (i == 0) { /* it stayed */
            http_unpin(pinned);
            http_respond(pinned, 200, NULL, 0, str_of(made));
            peer_pump(&peer);
            assert_true(contains(&peer.sent, "made of it"));
            assert_int_equal(peer.closes, 0);
        } else {
            peer.protocol->ops->free(peer.protocol);
            peer.protocol = NULL;
            assert_int_equal(peer.closes, 1);
            assert_true(str_eq(pinned->request.body, STR("body")));
            assert_string_equal(made, "made of it");
            assert_true(peer.host.body_bytes > 0);
            http_unpin(pinned);
        }
        assert_int_equal(peer.host.body_bytes, 0);
        peer_close(&peer);
    }
}

static void test_a_slow_reader_is_dropped(void **state)
{
    (void)state;
    static char block[65536];
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer.takes_nothing = true;
    peer_give(&peer, STR("GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    http_respond_start(peer.held[0], 200, NULL, 0);
    size_t written = 0;
    while (peer.held[0] && written < 2 * limit(response_buffer_bytes)) {
        http_respond_write(peer.held[0], (struct str){block, sizeof(block)});
        written += sizeof(block);
        if (peer.protocol->is_broken)
            http_respond_write(peer.held[0], STR("writing on is harmless"));
        peer_pump(&peer);
    }
    assert_int_equal(peer.closes, 1);
    assert_int_equal(peer.end, PEER_BROKEN);
    assert_in_range(written, limit(response_buffer_bytes) - sizeof(block),
                    limit(response_buffer_bytes) + sizeof(block));
    peer_close(&peer);
}

static void test_drain_tells_when_there_is_room_again(void **state)
{
    (void)state;
    static char block[65536];
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer.takes_nothing = true;
    peer_give(&peer, STR("GET /hold HTTP/1.1\r\n" HOST "\r\n"));
    struct http_exchange *exchange = peer.held[0];
    http_respond_start(exchange, 200, NULL, 0);
    while (http_exchange_unsent(exchange) < limit(response_buffer_bytes) / 2)
        http_respond_write(exchange, (struct str){block, sizeof(block)});
    peer_pump(&peer);
    assert_int_equal(peer.drains, 0);
    peer.takes_nothing = false;
    peer_pump(&peer);
    assert_int_equal(peer.drains, 1);
    assert_int_equal(http_exchange_unsent(exchange), 0);
    http_respond_end(exchange);
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_OPEN);
    peer_close(&peer);
}

static void hold_one(struct peer *peer, const char *request)
{
    peer_open(peer, PROTOCOL_HTTP1);
    peer_give(peer, str_of(request));
    assert_int_equal(peer->held_count, 1);
}

static void test_aborted_replies(void **state)
{
    (void)state;
    struct peer peer;
    hold_one(&peer, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    http_respond_start(peer.held[0], 200, NULL, 0);
    http_respond_write(peer.held[0], STR("half"));
    http_respond_abort(peer.held[0]);
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_FINISHED);
    assert_false(contains(&peer.sent, "0\r\n\r\n"));
    peer_close(&peer);
    hold_one(&peer, "GET /hold HTTP/1.0\r\n\r\n");
    http_respond_start(peer.held[0], 200, NULL, 0);
    http_respond_abort(peer.held[0]);
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_BROKEN);
    assert_int_equal(peer.closes, 0);
    peer_close(&peer);
    hold_one(&peer, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    http_respond_abort(peer.held[0]);
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_BROKEN);
    peer_close(&peer);
}

static void test_a_known_length_replaces_chunks(void **state)
{
    (void)state;
    const struct http_header length = {STR("content-length"), STR("6")};
    struct peer peer;
    hold_one(&peer, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    http_respond_start(peer.held[0], 200, &length, 1);
    http_respond_write(peer.held[0], STR("abc"));
    http_respond_write(peer.held[0], STR("def"));
    http_respond_end(peer.held[0]);
    peer_pump(&peer);
    assert_true(contains(&peer.sent, "content-length: 6\r\n\r\nabcdef"));
    assert_int_equal(peer.end, PEER_OPEN);
    peer_close(&peer);
    hold_one(&peer, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    http_respond_start(peer.held[0], 200, &length, 1);
    http_respond_write(peer.held[0], STR("abc"));
    http_respond_end(peer.held[0]);
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_FINISHED); /* too short: only the close can say so */
    peer_close(&peer);
    hold_one(&peer, "HEAD /hold HTTP/1.1\r\n" HOST "\r\n");
    http_respond(peer.held[0], 200, &length, 1, STR(""));
    peer_pump(&peer);
    assert_true(contains(&peer.sent, "content-length: 6\r\n\r\n"));
    assert_int_equal(peer.end, PEER_OPEN);
    peer_close(&peer);
}

static void test_header_values_cannot_split_a_reply(void **state)
{
    (void)state;
    const struct http_header evil[] = {{STR("x-model"), STR("a\r\nset-cookie: b")},
                                       {STR("connection"), STR("keep-alive")},
                                       {STR("transfer-encoding"), STR("chunked")}};
    struct peer peer;
    hold_one(&peer, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    http_respond(peer.held[0], 299, evil, 3, STR("x"));
    peer_pump(&peer);
    buf_append_char(&peer.sent, '\0');
    assert_string_equal(peer.sent.data,
                        "HTTP/1.1 299 Status\r\nx-model: a  set-cookie: b\r\ncontent-length: 1\r\n\r\nx");
    peer_close(&peer);
}

static void test_timeouts(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_pass(&peer, limit(idle_timeout_ms) - 1);
    assert_int_equal(peer.end, PEER_OPEN);
    peer_pass(&peer, 1);
    assert_int_equal(peer.end, PEER_FINISHED);
    assert_int_equal(peer.sent.len, 0);
    peer_close(&peer);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("GET / HTTP/1.1\r\n"));
    peer_pass(&peer, limit(header_timeout_ms) / 2);
    peer_give(&peer, STR("Host: "));
    peer_pass(&peer, limit(header_timeout_ms) / 2);
    assert_true(contains(&peer.sent, "HTTP/1.1 408 "));
    assert_int_equal(peer.end, PEER_FINISHED);
    peer_close(&peer);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n"));
    peer_pass(&peer, limit(body_timeout_ms) - 1);
    peer_give(&peer, STR("a")); /* a byte is no pace */
    assert_int_equal(peer.sent.len, 0);
    peer_pass(&peer, 2);
    assert_true(contains(&peer.sent, "HTTP/1.1 408 "));
    peer_close(&peer);
    hold_one(&peer, "GET /hold HTTP/1.1\r\n" HOST "\r\n"); /* a running request has no time-out here */
    peer_pass(&peer, 1000000000);
    assert_int_equal(peer.end, PEER_OPEN);
    peer_close(&peer);
}

static void test_drain(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    peer.protocol->ops->drain(peer.protocol);
    peer_pump(&peer);
    assert_int_equal(peer.end, PEER_FINISHED);
    peer_close(&peer);
    peer_open(&peer, PROTOCOL_HTTP1);
    peer_give(&peer, STR("GET /hold HTTP/1.1\r\n"));
    peer.protocol->ops->drain(peer.protocol);
    peer_give(&peer, STR(HOST "\r\n"));
    http_respond(peer.held[0], 200, NULL, 0, STR(""));
    peer_pump(&peer);
    assert_true(contains(&peer.sent, "connection: close\r\n"));
    assert_int_equal(peer.end, PEER_FINISHED);
    peer_close(&peer);
}

static void test_objects_are_used_again(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP1);
    struct protocol *first = peer.protocol;
    peer_give(&peer, STR("GET /1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    assert_int_equal(peer.end, PEER_FINISHED);
    uint64_t before = mem_fail_count();
    peer.protocol = http1_new(&peer.host, first->wake, NULL);
    assert_ptr_equal(peer.protocol, first);
    peer_give(&peer, STR("GET /2 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    assert_true(mem_fail_count() - before <= 1); /* at most the log grew: a connection allocates nothing */
    assert_true(contains(&peer.sent, "GET /2"));
    peer_close(&peer);
}

/* The n-th allocation of a whole connection fails, for all n: no crash, no
 * leak, and no request is answered twice or with another's bytes. */
static void test_torture(void **state)
{
    (void)state;
    struct buf big;
    buf_init(&big, 1 << 20);
    buf_append_text(&big, "POST /e HTTP/1.1\r\n" HOST "Content-Length: 70000\r\n\r\n");
    give_repeated(&big, "0123456789", 7000);
    buf_append_text(&big, "GET /hold HTTP/1.1\r\n" HOST "\r\nGET /stream HTTP/1.1\r\n" HOST "\r\n");
    for (uint64_t n = 1;; n++) {
        struct peer peer;
        mem_fail_at(n);
        if (peer_try_open(&peer, PROTOCOL_HTTP1))
            peer_give(&peer, buf_str(&big));
        if (peer.protocol && peer.held_count == 1 && peer.held[0])
            http_respond(peer.held[0], 200, NULL, 0, STR("held"));
        peer_pump(&peer);
        bool untouched = mem_fail_count() < n;
        mem_fail_at(0);
        if (untouched) {
            assert_true(contains(&peer.sent, "held"));
            assert_true(contains(&peer.sent, "three"));
        }
        peer_close(&peer);
        if (untouched)
            break;
        assert_in_range(n, 1, 1000);
    }
    buf_deinit(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_requests),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_forms_of_the_target),
        cmocka_unit_test(test_ends_of_replies),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_an_upgrade_is_declined),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_nul_is_refused),
        cmocka_unit_test(test_the_error_hook_writes_the_body),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_a_body_that_is_not_wanted),
        cmocka_unit_test(test_a_body_in_pieces),
        cmocka_unit_test(test_a_taker_may_pause),
        cmocka_unit_test(test_a_body_that_breaks_off),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_a_pipeliner_is_paused),
        cmocka_unit_test(test_a_pipeliner_that_reads_nothing_is_paused),
        cmocka_unit_test(test_a_slow_reader_of_pipelined_replies_gets_them_all),
        cmocka_unit_test(test_a_client_that_sends_no_more_gets_its_replies),
        cmocka_unit_test(test_a_client_that_sends_no_more_is_probed),
        cmocka_unit_test(test_another_protocol_is_not_answered),
        cmocka_unit_test(test_a_client_that_leaves_closes_its_exchange_once),
        cmocka_unit_test(test_a_pinned_exchange_outlives_its_client),
        cmocka_unit_test(test_a_slow_reader_is_dropped),
        cmocka_unit_test(test_drain_tells_when_there_is_room_again),
        cmocka_unit_test(test_aborted_replies),
        cmocka_unit_test(test_a_known_length_replaces_chunks),
        cmocka_unit_test(test_header_values_cannot_split_a_reply),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_objects_are_used_again),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
