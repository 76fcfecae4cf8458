/* HTTP/2 in memory, against a client session of nghttp2 itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"
#include "support_net.h"

#define STREAMS 256

struct upload {
    struct str data;
    size_t sent;
};

struct reply_seen {
    int status;
    size_t headers, length;
    struct buf body;
    bool ended, closed;
    uint32_t close_code;
};

struct client {
    struct peer peer; /* the server */
    nghttp2_session *session;
    struct reply_seen replies[STREAMS]; /* by stream number / 2 */
    struct upload uploads[STREAMS];
    size_t server_taken; /* of peer.sent */
    uint32_t goaway_code;
    int32_t goaway_last;
    unsigned goaways;
    struct rng rng;
    bool cuts; /* everything travels in random pieces */
    bool fails_softly; /* no assertions inside: allocations are failing */
};

static struct reply_seen *reply_of(struct client *client, int32_t stream)
{
    return &client->replies[stream / 2];
}

static int client_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                         const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    (void)session;
    (void)flags;
    struct reply_seen *reply = reply_of(user, frame->hd.stream_id);
    struct str n = {(const char *)name, name_len}, v = {(const char *)value, value_len};
    uint64_t number = 0;
    reply->headers++;
    if (str_eq(n, STR(":status")) && str_to_u64(v, &number))
        reply->status = (int)number;
    if (str_eq(n, STR("content-length")) && str_to_u64(v, &number))
        reply->length = (size_t)number;
    return 0;
}

static int client_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
                       void *user)
{
    (void)session;
    (void)flags;
    buf_append(&reply_of(user, stream)->body, data, len);
    return 0;
}

static int client_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct client *client = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway_code = frame->goaway.error_code;
        client->goaway_last = frame->goaway.last_stream_id;
        client->goaways++;
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
        reply_of(client, frame->hd.stream_id)->ended = true;
    return 0;
}

static int client_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    (void)session;
    reply_of(user, stream)->closed = true;
    reply_of(user, stream)->close_code = code;
    return 0;
}

static ssize_t client_upload(nghttp2_session *session, int32_t stream, uint8_t *to, size_t cap, uint32_t *flags,
                             nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)stream;
    (void)user;
    struct upload *upload = source->ptr;
    size_t len = upload->data.len - upload->sent < cap ? upload->data.len - upload->sent : cap;
    if (len > 0)
        memcpy(to, upload->data.data + upload->sent, len);
    upload->sent += len;
    if (upload->sent == upload->data.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static bool client_try_open(struct client *client, uint32_t window)
{
    nghttp2_session_callbacks *callbacks;
    *client = (struct client){0};
    rng_seed(&client->rng, 11);
    if (!peer_try_open(&client->peer, PROTOCOL_HTTP2))
        return false;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, client_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, client_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, client_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, client_close);
    assert_int_equal(nghttp2_session_client_new(&client->session, callbacks, client), 0);
    nghttp2_session_callbacks_del(callbacks);
    for (size_t i = 0; i < STREAMS; i++)
        client->replies[i].body.max = SIZE_MAX;
    const nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    assert_int_equal(nghttp2_submit_settings(client->session, 0, &entry, 1), 0);
    return true;
}

static void client_open(struct client *client)
{
    assert_true(client_try_open(client, 65535));
}

static void client_free(struct client *client)
{
    nghttp2_session_del(client->session);
    for (size_t i = 0; i < STREAMS; i++)
        buf_deinit(&client->replies[i].body);
    peer_close(&client->peer);
}

static bool to_server(struct client *client)
{
    const uint8_t *data;
    ssize_t len = nghttp2_session_mem_send(client->session, &data);
    assert_true(len >= 0);
    struct str bytes = {(const char *)data, (size_t)len};
    if (client->cuts)
        peer_give_randomly(&client->peer, bytes, &client->rng);
    else if (len > 0)
        peer_give(&client->peer, bytes);
    return len > 0;
}

static bool to_client(struct client *client)
{
    size_t len = client->peer.sent.len - client->server_taken;
    if (len == 0)
        return false;
    if (client->cuts && len > 1)
        len = 1 + (size_t)rng_below(&client->rng, len);
    ssize_t taken = nghttp2_session_mem_recv(client->session,
                                             (const uint8_t *)client->peer.sent.data + client->server_taken, len);
    if (!client->fails_softly)
        assert_int_equal(taken, len);
    client->server_taken += len;
    return true;
}

/* Carries bytes both ways until neither side has any. */
static void run(struct client *client)
{
    peer_pump(&client->peer);
    for (bool busy = true; busy;) {
        busy = to_server(client);
        while (to_client(client))
            busy = true;
    }
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static int32_t ask(struct client *client, const char *method, const char *path, struct str body)
{
    const nghttp2_nv headers[] = {nv(":method", method), nv(":path", path), nv(":scheme", "http"),
                                  nv(":authority", "host:1")};
    int32_t next = (int32_t)nghttp2_session_get_next_stream_id(client->session);
    struct upload *upload = &client->uploads[next / 2];
    *upload = (struct upload){body, 0};
    nghttp2_data_provider provider = {.source.ptr = upload, .read_callback = client_upload};
    return nghttp2_submit_request(client->session, NULL, headers, 4, body.len > 0 ? &provider : NULL, NULL);
}

static void assert_reply(struct client *client, int32_t stream, int status, const char *body)
{
    struct reply_seen *reply = reply_of(client, stream);
    assert_int_equal(reply->status, status);
    assert_true(reply->ended);
    assert_int_equal(reply->body.len, strlen(body));
    assert_memory_equal(buf_str(&reply->body).data, body, strlen(body));
}

static bool log_has(struct client *client, const char *text)
{
    return str_find(buf_str(&client->peer.log), str_of(text), 0) >= 0;
}

static void test_requests_and_replies(void **state)
{
    (void)state;
    for (int cuts = 0; cuts <= 1; cuts++) {
        struct client client;
        client_open(&client);
        client.cuts = cuts;
        int32_t get = ask(&client, "GET", "/a%2F?q=1", STR(""));
        int32_t post = ask(&client, "POST", "/e", STR("hello"));
        int32_t stream = ask(&client, "GET", "/stream", STR(""));
        int32_t head = ask(&client, "HEAD", "/e", STR(""));
        int32_t head_stream = ask(&client, "HEAD", "/stream", STR(""));
        int32_t empty = ask(&client, "GET", "/empty", STR(""));
        run(&client);
        assert_reply(&client, get, 200, "GET /a%2F?q=1");
        assert_reply(&client, post, 200, "hello");
        assert_reply(&client, stream, 200, "one two three");
        assert_reply(&client, head, 200, "");
        assert_int_equal(reply_of(&client, head)->length, 7);
        assert_reply(&client, head_stream, 200, "");
        assert_reply(&client, empty, 204, "");
        assert_true(log_has(&client, "20 GET /a%2F?q=1 path=/a%2F query=q=1 body=0:\n"
                                     "  :authority=host:1\n  host=host:1\n"));
        assert_int_equal(client.peer.closes, 0);
        client_free(&client);
    }
}

static void test_a_large_upload_and_download(void **state)
{
    (void)state;
    struct buf big;
    buf_init(&big, 1 << 24);
    for (size_t i = 0; i < 300000; i++)
        buf_append_be32(&big, (uint32_t)i);
    struct client client;
    client_open(&client);
    int32_t stream = ask(&client, "POST", "/e", buf_str(&big));
    run(&client);
    assert_int_equal(reply_of(&client, stream)->body.len, big.len);
    assert_memory_equal(reply_of(&client, stream)->body.data, big.data, big.len);
    assert_int_equal(client.peer.host.body_bytes, 0);
    client_free(&client);
    buf_deinit(&big);
}

/* A taker that waits gets no more than a stream's window, and the others on the connection go on. */
static void test_a_body_in_pieces(void **state)
{
    (void)state;
    enum { BYTES = 1200000, WINDOW = 262144 };
    struct buf big;
    buf_init(&big, BYTES);
    (void)buf_reserve(&big, BYTES);
    memset(big.data, 'x', BYTES);
    big.len = BYTES;
    struct client client;
    client_open(&client);
    client.peer.pauses = true;
    int32_t stream = ask(&client, "PUT", "/pieces", buf_str(&big));
    run(&client);
    assert_true(client.peer.piece_bytes > 0 && client.peer.piece_bytes <= 2 * WINDOW);
    int32_t other = ask(&client, "GET", "/other", STR(""));
    run(&client);
    assert_true(str_eq(buf_str(&reply_of(&client, other)->body), STR("GET /other")));
    for (int turns = 0; client.peer.piece_bytes < BYTES; turns++) {
        size_t before = client.peer.piece_bytes;
        assert_true(turns < BYTES / 1000);
        http_body_resume(client.peer.taking);
        run(&client);
        assert_true(client.peer.piece_bytes <= before + 2 * WINDOW);
    }
    run(&client);
    assert_true(str_eq(buf_str(&reply_of(&client, stream)->body), STR("1200000 bytes")));
    assert_int_equal(client.peer.host.body_bytes, 0);
    assert_int_equal(client.peer.closes, 0);
    int32_t reset = ask(&client, "PUT", "/pieces", buf_str(&big));
    run(&client);
    (void)nghttp2_submit_rst_stream(client.session, 0, reset, NGHTTP2_CANCEL);
    run(&client);
    assert_int_equal(client.peer.closes, 1);
    client_free(&client);
    assert_int_equal(client.peer.closes, 1);
    buf_deinit(&big);
}

static void test_a_window_of_one_byte(void **state)
{
    (void)state;
    struct client client;
    assert_true(client_try_open(&client, 1));
    int32_t stream = ask(&client, "POST", "/e", STR("one byte at a time"));
    run(&client);
    for (int i = 0; i < 40; i++) { /* nghttp2 sends no update for so small a window by itself */
        (void)nghttp2_submit_window_update(client.session, 0, stream, 1);
        run(&client);
    }
    assert_reply(&client, stream, 200, "one byte at a time");
    client_free(&client);
}

static void test_streaming_defers_and_resumes(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    int32_t stream = ask(&client, "GET", "/hold", STR(""));
    int32_t other = ask(&client, "GET", "/hold/2", STR(""));
    run(&client);
    assert_int_equal(client.peer.held_count, 2);
    struct http_exchange *first = client.peer.held[0];
    http_respond_start(first, 200, NULL, 0);
    run(&client);
    assert_int_equal(reply_of(&client, stream)->status, 200);
    for (int i = 0; i < 3; i++) {
        http_respond_write(first, STR("tick "));
        run(&client);
        assert_int_equal(reply_of(&client, stream)->body.len, (size_t)(i + 1) * 5);
    }
    http_respond(client.peer.held[1], 200, NULL, 0, STR("between"));
    run(&client);
    assert_reply(&client, other, 200, "between");
    assert_false(reply_of(&client, stream)->ended);
    http_respond_write(first, STR("last"));
    http_respond_end(first);
    run(&client);
    assert_reply(&client, stream, 200, "tick tick tick last");
    client_free(&client);
}

static void test_a_reset_closes_the_exchange_once(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    int32_t held = ask(&client, "GET", "/hold", STR(""));
    int32_t streaming = ask(&client, "GET", "/hold/2", STR(""));
    run(&client);
    http_respond_start(client.peer.held[1], 200, NULL, 0);
    run(&client);
    (void)nghttp2_submit_rst_stream(client.session, 0, held, NGHTTP2_CANCEL);
    run(&client);
    assert_int_equal(client.peer.closes, 1);
    (void)nghttp2_submit_rst_stream(client.session, 0, streaming, NGHTTP2_CANCEL);
    run(&client);
    assert_int_equal(client.peer.closes, 2);
    assert_int_equal(client.peer.end, PEER_OPEN);
    int32_t last = ask(&client, "GET", "/hold/3", STR(""));
    run(&client);
    client_free(&client); /* and the connection's end closes what is left */
    (void)last;
    assert_int_equal(client.peer.closes, 3);
}

static void test_a_pinned_exchange_outlives_its_client(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct client client;
        client_open(&client);
        client.peer.pins = true;
        int32_t stream = ask(&client, "POST", "/pin", STR("body"));
        run(&client);
        struct http_exchange *pinned = client.peer.pinned;
        if (i == 0) { /* it stayed */
            http_unpin(pinned);
            http_respond(pinned, 200, NULL, 0, STR("answer"));
            run(&client);
            assert_reply(&client, stream, 200, "answer");
            client_free(&client);
            continue;
        }
        if (i == 1) {
            (void)nghttp2_submit_rst_stream(client.session, 0, stream, NGHTTP2_CANCEL);
            run(&client);
        } else {
            client.peer.protocol->ops->free(client.peer.protocol);
            client.peer.protocol = NULL;
        }
        assert_int_equal(client.peer.closes, 1);
        assert_true(str_eq(pinned->request.body, STR("body")));
        assert_true(client.peer.host.body_bytes > 0);
        http_unpin(pinned);
        assert_int_equal(client.peer.host.body_bytes, 0);
        client_free(&client);
    }
}

static void test_aborted_replies(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    int32_t stream = ask(&client, "GET", "/hold", STR(""));
    run(&client);
    http_respond_start(client.peer.held[0], 200, NULL, 0);
    http_respond_write(client.peer.held[0], STR("half"));
    run(&client);
    http_respond_abort(client.peer.held[0]);
    run(&client);
    assert_true(reply_of(&client, stream)->closed);
    assert_int_equal(reply_of(&client, stream)->close_code, NGHTTP2_INTERNAL_ERROR);
    assert_false(reply_of(&client, stream)->ended);
    assert_int_equal(client.peer.closes, 0);
    client_free(&client);
}

static void test_a_reset_flood_ends_the_connection(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    unsigned sent = 0;
    while (client.goaways == 0 && sent < 2000) {
        int32_t stream = ask(&client, "GET", "/hold", STR(""));
        if (stream < 0 || stream / 2 >= STREAMS - 1)
            break;
        (void)to_server(&client);
        (void)nghttp2_submit_rst_stream(client.session, 0, stream, NGHTTP2_CANCEL);
        run(&client);
        client.peer.held_count = 0;
        sent++;
    }
    assert_int_equal(client.goaways, 1);
    assert_in_range(sent, 190, 260);
    assert_int_equal(client.peer.end, PEER_FINISHED);
    client_free(&client);
}

/* CVE-2025-8671: the client makes the server reset its own streams, here by overflowing their windows. */
static void test_a_flood_of_our_own_resets_ends_the_connection(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    unsigned sent = 0;
    while (client.peer.end == PEER_OPEN && sent < 250) {
        int32_t stream = ask(&client, "GET", "/hold", STR(""));
        run(&client);
        const uint8_t update[] = {0, 0, 4, 8, 0, 0, 0, 0, (uint8_t)stream, 0x7f, 0xff, 0xff, 0xff};
        uint8_t frame[sizeof(update)];
        memcpy(frame, update, sizeof(update));
        frame[7] = (uint8_t)(stream >> 8);
        peer_give(&client.peer, (struct str){(const char *)frame, sizeof(frame)});
        run(&client);
        client.peer.held_count = 0;
        sent++;
    }
    assert_int_equal(client.peer.end, PEER_FINISHED);
    assert_int_equal(client.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_in_range(sent, 190, 210);
    client_free(&client);
}

static void test_too_many_streams_are_refused(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    run(&client);
    for (uint64_t i = 0; i < limit(streams_per_connection) + 5; i++)
        assert_true(ask(&client, "GET", "/hold", STR("")) > 0);
    run(&client);
    assert_int_equal(client.peer.held_count, limit(streams_per_connection)); /* the client keeps the others back */
    client_free(&client);
}

/* Replies that are made at once don't pile up before a client that reads none. */
static void test_whole_replies_wait_for_a_reader(void **state)
{
    (void)state;
    enum { ASKED = 100, BYTES = 100000 };
    struct buf big;
    buf_init(&big, BYTES);
    (void)buf_reserve(&big, BYTES);
    memset(big.data, 'x', BYTES);
    big.len = BYTES;
    struct client client;
    assert_true(client_try_open(&client, 0));
    for (int i = 0; i < ASKED; i++)
        assert_true(ask(&client, "POST", "/e", buf_str(&big)) > 0);
    int32_t last = ask(&client, "GET", "/last", STR(""));
    run(&client);
    assert_in_range(client.peer.host.requests_total, 1, 12);
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20};
    assert_int_equal(nghttp2_submit_settings(client.session, 0, &window, 1), 0);
    assert_int_equal(nghttp2_session_set_local_window_size(client.session, 0, 0, 1 << 24), 0);
    run(&client);
    assert_int_equal(client.peer.host.requests_total, ASKED + 1);
    assert_reply(&client, last, 200, "GET /last");
    for (int32_t stream = 1; stream < last; stream += 2)
        assert_int_equal(reply_of(&client, stream)->body.len, BYTES);
    client_free(&client);
    buf_deinit(&big);
}

/* Headers of a request for "/" on a stream of any number. */
static struct str raw_request(uint8_t frame[32], uint8_t stream)
{
    static const uint8_t block[] = {0x82, 0x84, 0x86, 0x01, 1, 'h'}; /* GET, /, http, :authority h */
    const uint8_t head[9] = {0, 0, sizeof(block), NGHTTP2_HEADERS,
                             NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 0, 0, 0, stream};
    memcpy(frame, head, sizeof(head));
    memcpy(frame + sizeof(head), block, sizeof(block));
    return (struct str){(const char *)frame, sizeof(head) + sizeof(block)};
}

/* The error that the server said goodbye with; -1: it did not. Reads the frames themselves, since nghttp2's client
 * knows nothing of the streams that were made by hand. */
static int goodbye_code(struct str frames)
{
    while (frames.len >= 9) {
        const uint8_t *head = (const uint8_t *)frames.data;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (head[3] == NGHTTP2_GOAWAY)
            return head[9 + 7];
        frames = str_slice(frames, 9 + len, frames.len);
    }
    return -1;
}

static void test_stream_numbers_only_grow(void **state)
{
    (void)state;
    static const struct {
        uint8_t streams[4];
        int code;
    } cases[] = {{{1, 3, 5, 7}, -1},
                 {{1, 9, 11, 13}, -1},
                 {{1, 9, 1, 11}, NGHTTP2_STREAM_CLOSED},
                 {{5, 3}, NGHTTP2_PROTOCOL_ERROR},
                 {{3, 1}, NGHTTP2_PROTOCOL_ERROR},
                 {{1, 9, 5}, NGHTTP2_PROTOCOL_ERROR},
                 {{1, 9, 11, 7}, NGHTTP2_PROTOCOL_ERROR}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client client;
        client_open(&client);
        run(&client);
        for (size_t j = 0; j < 4 && cases[i].streams[j]; j++) {
            uint8_t frame[32];
            peer_give(&client.peer, raw_request(frame, cases[i].streams[j]));
        }
        assert_int_equal(goodbye_code(buf_str(&client.peer.sent)), cases[i].code);
        client_free(&client);
    }
}

static int32_t ask_with(struct client *client, const char *path, const nghttp2_nv *extra, size_t count)
{
    nghttp2_nv headers[600] = {nv(":method", "POST"), nv(":path", path), nv(":scheme", "http"),
                               nv(":authority", "host:1")};
    for (size_t i = 0; i < count; i++)
        headers[4 + i] = extra[i];
    return nghttp2_submit_request(client->session, NULL, headers, 4 + count, NULL, NULL);
}

static void test_header_limits(void **state)
{
    (void)state;
    static char long_text[40000];
    static nghttp2_nv many[500];
    struct client client;
    client_open(&client);
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[0] = '/';
    for (size_t i = 0; i < 500; i++)
        many[i] = nv("a", "b");
    int32_t fits = ask_with(&client, "/", many, limit(header_count) - 1);
    int32_t count = ask_with(&client, "/", many, limit(header_count) + 1);
    const nghttp2_nv big = nv("a", long_text);
    int32_t bytes = ask_with(&client, "/", &big, 1);
    long_text[limit(uri_bytes) + 1] = '\0';
    int32_t target = ask_with(&client, long_text, NULL, 0);
    run(&client);
    assert_int_equal(reply_of(&client, fits)->status, 200);
    assert_int_equal(reply_of(&client, count)->status, 431);
    assert_int_equal(reply_of(&client, bytes)->status, 431);
    assert_int_equal(reply_of(&client, target)->status, 414);
    assert_int_equal(client.peer.host.requests_total, 1);
    assert_int_equal(client.peer.host.protocol_errors_total, 3);
    assert_int_equal(client.peer.end, PEER_OPEN);
    client_free(&client);
}

static void test_a_bomb_of_indexed_headers_is_reset(void **state)
{
    (void)state;
    static char text[3900];
    static nghttp2_nv many[60];
    struct client client;
    client_open(&client);
    memset(text, 'a', sizeof(text) - 1);
    for (size_t i = 0; i < 60; i++)
        many[i] = nv("a", text);
    int32_t bomb = ask_with(&client, "/", many, 60);
    run(&client);
    assert_int_equal(reply_of(&client, bomb)->status, 0);
    assert_true(reply_of(&client, bomb)->closed);
    int32_t next = ask(&client, "GET", "/n", STR(""));
    run(&client);
    assert_reply(&client, next, 200, "GET /n");
    client_free(&client);
}

static void test_methods_and_targets(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    int32_t method = ask(&client, "BREW", "/", STR(""));
    int32_t target = ask(&client, "GET", "*", STR(""));
    int32_t options = ask(&client, "OPTIONS", "*", STR(""));
    run(&client);
    assert_int_equal(reply_of(&client, method)->status, 501);
    assert_int_equal(reply_of(&client, target)->closed, true); /* nghttp2 knows that only OPTIONS may say * */
    assert_int_equal(reply_of(&client, options)->status, 200);
    client_free(&client);
}

static void test_body_limits(void **state)
{
    (void)state;
    static char block[100000];
    uint64_t body_bytes = limit(body_bytes), budget = limit(body_budget_bytes);
    struct client client;
    limits_in_force.body_bytes = 50000;
    client_open(&client);
    int32_t large = ask(&client, "POST", "/e", (struct str){block, sizeof(block)});
    run(&client);
    assert_int_equal(reply_of(&client, large)->status, 413);
    assert_true(reply_of(&client, large)->closed);
    assert_int_equal(reply_of(&client, large)->close_code, NGHTTP2_NO_ERROR);
    limits_in_force.body_bytes = body_bytes;
    limits_in_force.body_budget_bytes = 90000;
    int32_t over = ask(&client, "POST", "/e", (struct str){block, sizeof(block)});
    run(&client);
    assert_int_equal(reply_of(&client, over)->status, 503);
    limits_in_force.body_budget_bytes = budget;
    assert_int_equal(client.peer.host.body_bytes, 0);
    int32_t fine = ask(&client, "POST", "/e", (struct str){block, sizeof(block)});
    run(&client);
    assert_int_equal(reply_of(&client, fine)->body.len, sizeof(block));
    client_free(&client);
}

static void test_a_body_that_is_not_wanted(void **state)
{
    (void)state;
    static char block[1000000];
    struct client client;
    client_open(&client);
    int32_t refused = ask(&client, "POST", "/refuse", (struct str){block, sizeof(block)});
    int32_t other = ask(&client, "POST", "/e", STR("other"));
    run(&client);
    assert_reply(&client, refused, 200, "POST /refuse");
    assert_int_equal(reply_of(&client, refused)->close_code, NGHTTP2_NO_ERROR);
    assert_true(client.uploads[refused / 2].sent < sizeof(block));
    assert_reply(&client, other, 200, "other");
    assert_int_equal(client.peer.host.body_bytes_peak, 256);
    client_free(&client);
}

static void test_a_slow_reader_loses_its_stream(void **state)
{
    (void)state;
    static char block[65536];
    struct client client;
    client_open(&client);
    int32_t stream = ask(&client, "GET", "/hold", STR(""));
    run(&client);
    http_respond_start(client.peer.held[0], 200, NULL, 0);
    size_t written = 0;
    client.peer.takes_nothing = true;
    while (client.peer.held[0] && written < 3 * limit(response_buffer_bytes)) {
        http_respond_write(client.peer.held[0], (struct str){block, sizeof(block)});
        written += sizeof(block);
        peer_pump(&client.peer);
        if (written > limit(response_buffer_bytes) + 200000)
            client.peer.takes_nothing = false;
    }
    assert_int_equal(client.peer.closes, 1);
    run(&client);
    assert_true(reply_of(&client, stream)->closed);
    int32_t next = ask(&client, "GET", "/n", STR(""));
    run(&client);
    assert_reply(&client, next, 200, "GET /n");
    client_free(&client);
}

static void test_drain_event(void **state)
{
    (void)state;
    static char block[65536];
    struct client client;
    client_open(&client);
    int32_t stream = ask(&client, "GET", "/hold", STR(""));
    run(&client);
    struct http_exchange *exchange = client.peer.held[0];
    http_respond_start(exchange, 200, NULL, 0);
    size_t written = 0;
    while (http_exchange_unsent(exchange) < limit(response_buffer_bytes) / 2) {
        http_respond_write(exchange, (struct str){block, sizeof(block)});
        written += sizeof(block);
    }
    assert_int_equal(client.peer.drains, 0);
    run(&client);
    assert_int_equal(client.peer.drains, 1);
    assert_int_equal(reply_of(&client, stream)->body.len, written);
    http_respond_end(exchange);
    run(&client);
    assert_true(reply_of(&client, stream)->ended);
    client_free(&client);
}

static void test_timeouts(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    run(&client);
    peer_pass(&client.peer, limit(idle_timeout_ms));
    run(&client);
    assert_int_equal(client.goaways, 1);
    assert_int_equal(client.goaway_code, NGHTTP2_NO_ERROR);
    assert_int_equal(client.peer.end, PEER_FINISHED);
    client_free(&client);

    client_open(&client); /* an upload that stops */
    const nghttp2_nv headers[] = {nv(":method", "POST"), nv(":path", "/"), nv(":scheme", "http"),
                                  nv(":authority", "h")};
    int32_t stream = nghttp2_submit_headers(client.session, 0, -1, NULL, headers, 4, NULL);
    run(&client);
    peer_pass(&client.peer, limit(body_timeout_ms) - 1);
    assert_int_equal(client.peer.host.protocol_errors_total, 0);
    peer_pass(&client.peer, 1);
    run(&client);
    assert_int_equal(reply_of(&client, stream)->status, 408);
    client_free(&client);

    assert_true(client_try_open(&client, 0)); /* a reader that never opens its window */
    stream = ask(&client, "GET", "/hold", STR(""));
    run(&client);
    http_respond_start(client.peer.held[0], 200, NULL, 0);
    http_respond_write(client.peer.held[0], STR("unwanted"));
    run(&client);
    peer_pass(&client.peer, limit(write_timeout_ms));
    run(&client);
    assert_int_equal(client.peer.closes, 1);
    assert_true(reply_of(&client, stream)->closed);
    client_free(&client);
}

static void test_a_stalled_header_block_ends_the_connection(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    run(&client);
    const char begun[] = {0, 0, 1, 1, 0, 0, 0, 0, 1, (char)0x82}; /* HEADERS without END_HEADERS */
    peer_give(&client.peer, (struct str){begun, sizeof(begun)});
    peer_pass(&client.peer, limit(header_timeout_ms));
    assert_int_equal(client.peer.end, PEER_BROKEN);
    client_free(&client);
}

static void test_drain(void **state)
{
    (void)state;
    struct client client;
    client_open(&client);
    int32_t running = ask(&client, "GET", "/hold", STR(""));
    run(&client);
    client.peer.protocol->ops->drain(client.peer.protocol);
    int32_t crossing = ask(&client, "GET", "/crossing", STR("")); /* sent before the client can know */
    run(&client);
    assert_int_equal(client.goaways, 1);
    assert_reply(&client, crossing, 200, "GET /crossing");
    peer_pass(&client.peer, 1000);
    run(&client);
    assert_int_equal(client.goaways, 2);
    assert_int_equal(client.goaway_last, crossing);
    assert_int_equal(client.peer.end, PEER_OPEN);
    http_respond(client.peer.held[0], 200, NULL, 0, STR("done"));
    run(&client);
    assert_reply(&client, running, 200, "done");
    assert_int_equal(client.peer.end, PEER_FINISHED);
    client_free(&client);
    client_open(&client);
    run(&client);
    client.peer.protocol->ops->drain(client.peer.protocol);
    run(&client);
    assert_int_equal(client.peer.end, PEER_FINISHED);
    client_free(&client);
}

static void test_a_broken_preface_ends_the_connection(void **state)
{
    (void)state;
    struct peer peer;
    peer_open(&peer, PROTOCOL_HTTP2);
    peer_give(&peer, STR("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
    assert_int_equal(peer.end, PEER_BROKEN);
    peer_close(&peer);
    peer_open(&peer, PROTOCOL_HTTP2);
    peer_give(&peer, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert_int_equal(peer.end, PEER_FINISHED); /* with a GOAWAY that says why */
    peer_close(&peer);
}

static void test_detection(void **state)
{
    (void)state;
    struct str preface = STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest");
    for (size_t len = 0; len < PROTOCOL_PREFACE_LEN; len++)
        assert_int_equal(protocol_detect(str_slice(preface, 0, len)), PROTOCOL_UNDECIDED);
    assert_int_equal(protocol_detect(str_slice(preface, 0, PROTOCOL_PREFACE_LEN)), PROTOCOL_HTTP2);
    assert_int_equal(protocol_detect(preface), PROTOCOL_HTTP2);
    assert_int_equal(protocol_detect(STR("G")), PROTOCOL_HTTP1);
    assert_int_equal(protocol_detect(STR("PRI * HTTP/1")), PROTOCOL_HTTP1);
}

/* The n-th allocation of a whole connection fails, for all n. */
static void test_torture(void **state)
{
    (void)state;
    static char block[70000];
    for (uint64_t n = 1;; n++) {
        struct client client;
        mem_fail_at(n);
        bool opened = client_try_open(&client, 65535);
        client.fails_softly = true;
        int32_t held = 0, post = 0;
        if (opened) {
            held = ask(&client, "GET", "/hold", STR(""));
            post = ask(&client, "POST", "/e", (struct str){block, sizeof(block)});
            run(&client);
            if (client.peer.held_count == 1 && client.peer.held[0]) {
                http_respond_start(client.peer.held[0], 200, NULL, 0);
                http_respond_write(client.peer.held[0], STR("held"));
                http_respond_end(client.peer.held[0]);
            }
            run(&client);
        }
        bool untouched = mem_fail_count() < n;
        mem_fail_at(0);
        if (untouched) {
            assert_reply(&client, held, 200, "held");
            assert_int_equal(reply_of(&client, post)->body.len, sizeof(block));
        }
        client_free(&client);
        if (untouched)
            break;
        assert_in_range(n, 1, 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_and_replies),
        cmocka_unit_test(test_a_large_upload_and_download),
        cmocka_unit_test(test_a_body_in_pieces),
        cmocka_unit_test(test_a_window_of_one_byte),
        cmocka_unit_test(test_streaming_defers_and_resumes),
        cmocka_unit_test(test_a_reset_closes_the_exchange_once),
        cmocka_unit_test(test_a_pinned_exchange_outlives_its_client),
        cmocka_unit_test(test_aborted_replies),
        cmocka_unit_test(test_a_reset_flood_ends_the_connection),
        cmocka_unit_test(test_a_flood_of_our_own_resets_ends_the_connection),
        cmocka_unit_test(test_too_many_streams_are_refused),
        cmocka_unit_test(test_whole_replies_wait_for_a_reader),
        cmocka_unit_test(test_stream_numbers_only_grow),
        cmocka_unit_test(test_header_limits),
        cmocka_unit_test(test_a_bomb_of_indexed_headers_is_reset),
        cmocka_unit_test(test_methods_and_targets),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_a_body_that_is_not_wanted),
        cmocka_unit_test(test_a_slow_reader_loses_its_stream),
        cmocka_unit_test(test_drain_event),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_a_stalled_header_block_ends_the_connection),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_a_broken_preface_ends_the_connection),
        cmocka_unit_test(test_detection),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
