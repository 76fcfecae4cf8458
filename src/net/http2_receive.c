/* What nghttp2 calls while it reads: a stream's headers and body become an exchange. */
#include "net/http2_internal.h"

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"

#define HEAD_FLOOD_FACTOR 4 /* decoded header bytes over this many limits end the stream unanswered */

static struct exchange *find(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

void http2_refuse(struct http2 *http2, struct exchange *exchange)
{
    budget_give_back(exchange);
    buf_deinit(&exchange->body);
    http2_queue(http2, exchange);
}

static bool was_left_out(const struct http2 *http2, int32_t stream)
{
    for (size_t i = 0; i < HTTP2_GAPS && i < http2->gap_count; i++)
        if (stream >= http2->gaps[i].first && stream <= http2->gaps[i].last)
            return true;
    return false;
}

/* A new stream's number is higher than all before (RFC 9113, 5.1.1). nghttp2 ignores headers on a lower one, since they
 * may be the trailer of a stream that was reset meanwhile; on a number that was never used they can't be. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct http2 *http2 = user;
    if (hd->type != NGHTTP2_HEADERS || hd->stream_id % 2 == 0)
        return 0;
    if (hd->stream_id < http2->last_stream) {
        if (was_left_out(http2, hd->stream_id))
            (void)nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    int32_t expected = http2->last_stream == 0 ? 1 : http2->last_stream + 2;
    if (hd->stream_id > expected)
        http2->gaps[http2->gap_count++ % HTTP2_GAPS] = (struct stream_gap){expected, hd->stream_id - 2};
    http2->last_stream = hd->stream_id;
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2 *http2 = user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct exchange *exchange = http2_take_exchange(http2);
    if (!exchange)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    exchange->stream_id = frame->hd.stream_id;
    exchange->waiting_ms = http2->base.host->now_ms;
    if (nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange) != 0) {
        http2_drop_exchange(http2, exchange);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static bool append_text(struct exchange *exchange, struct str text, uint32_t *at, uint32_t *len)
{
    *at = (uint32_t)exchange->head.text.len;
    bool ok = buf_append_str(&exchange->head.text, text);
    *len = ok ? (uint32_t)text.len : 0;
    return ok || exchange_refuse(exchange, 503, "out of memory");
}

static bool take_header(struct exchange *exchange, struct str name, struct str value)
{
    struct request_head *head = &exchange->head;
    if (!exchange_head_count(exchange, name.len + value.len + 4))
        return false;
    if (str_eq(name, STR(":method")))
        return append_text(exchange, value, &head->method.name, &head->method.name_len);
    if (str_eq(name, STR(":path"))) {
        if (value.len > limit(uri_bytes))
            return exchange_refuse(exchange, 414, "the request target is too long (limit uri_bytes)");
        return append_text(exchange, value, &head->target.name, &head->target.name_len);
    }
    if (str_eq(name, STR(":scheme")))
        return true;
    if (head->span_count >= limit(header_count))
        return exchange_refuse(exchange, 431, "too many headers (limit header_count)");
    if (!mem_grow((void **)&head->spans, head->span_count, &head->span_cap, sizeof(*head->spans)))
        return exchange_refuse(exchange, 503, "out of memory");
    struct header_span *span = &head->spans[head->span_count];
    if (!append_text(exchange, name, &span->name, &span->name_len) ||
        !append_text(exchange, value, &span->value, &span->value_len))
        return false;
    head->span_count++;
    return true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    (void)flags;
    (void)user;
    struct exchange *exchange = find(session, frame->hd.stream_id);
    if (!exchange || exchange->state != EXCHANGE_RECEIVING)
        return 0;
    size_t len = name_len + value_len + 4;
    if (exchange->refuse_status != 0 || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        /* Not kept (refused already, or a trailer), but a bomb of compressed headers must end somewhere. */
        exchange->head.bytes += len;
        bool is_flood = exchange->head.bytes > HEAD_FLOOD_FACTOR * limit(header_bytes);
        return is_flood ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
    }
    (void)take_header(exchange, (struct str){(const char *)name, name_len},
                      (struct str){(const char *)value, value_len});
    return 0;
}

/* Code written for HTTP/1.1 looks for `host`, signatures of HTTP/2 clients cover `:authority`: both are there. */
static void derive_host(struct http_request *request)
{
    struct str authority = http_header_get(request, ":authority");
    if (authority.data && !http_header_get(request, "host").data)
        request->headers[request->header_count++] = (struct http_header){STR("host"), authority};
}

static bool check_head(struct http2 *http2, struct exchange *exchange, bool has_body)
{
    if (exchange->refuse_status != 0)
        return false;
    if (!exchange_head_complete(exchange))
        return false;
    const struct http_request *request = &exchange->base.request;
    derive_host(&exchange->base.request);
    struct str length = http_header_get(request, "content-length");
    uint64_t bytes = 0;
    if (length.data && !str_to_u64(length, &bytes))
        bytes = 0; /* nghttp2 refuses what is no number */
    if (!exchange_offer_head(exchange, has_body, bytes))
        return false;
    struct str expect = http_header_get(request, "expect");
    if (expect.data && !exchange->base.refuses_body && str_eq_nocase(expect, STR("100-continue"))) {
        nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"100", 7, 3, NGHTTP2_NV_FLAG_NONE};
        (void)nghttp2_submit_headers(http2->session, NGHTTP2_FLAG_NONE, exchange->stream_id, NULL, &status, 1, NULL);
    }
    return true;
}

static void request_complete(struct http2 *http2, struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_RECEIVING || exchange->refuse_status != 0)
        return;
    exchange->state = EXCHANGE_READY;
    http2_queue(http2, exchange);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http2 *http2 = user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct exchange *exchange = find(session, frame->hd.stream_id);
    if (!exchange)
        return 0;
    bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        exchange->waiting_ms = http2->base.host->now_ms;
        if (!check_head(http2, exchange, !is_end))
            http2_refuse(http2, exchange);
        is_end = is_end || exchange->base.refuses_body;
    }
    if (is_end)
        request_complete(http2, exchange);
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                         void *user)
{
    (void)flags;
    struct http2 *http2 = user;
    struct exchange *exchange = find(session, stream_id);
    bool wanted = exchange && exchange->state == EXCHANGE_RECEIVING && exchange->refuse_status == 0;
    if (wanted && !exchange_body_append(exchange, (struct str){(const char *)data, len})) {
        http2_refuse(http2, exchange);
        wanted = false;
    }
    /* A refused stream gets no more window, only the connection does; a paused one gets it later. */
    bool is_paused = wanted && exchange->is_body_paused;
    if (is_paused)
        exchange->body_owed += len;
    int rv = wanted && !is_paused ? nghttp2_session_consume(session, stream_id, len)
                                  : nghttp2_session_consume_connection(session, len);
    return rv == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *user)
{
    (void)code;
    struct http2 *http2 = user;
    struct exchange *exchange = find(session, stream_id);
    if (!exchange)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    exchange->is_closed = true;
    http2_queue(http2, exchange);
    return 0;
}

void http2_receive_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
