/* What llhttp calls while it reads a request: callbacks that collect, check what two readers could take differently,
 * and refuse by returning -1. */
#include "net/http1_internal.h"

#include <string.h>

#include "core/limits.h"
#include "core/mem.h"

#define EXTENSION_BYTES ((size_t)4096) /* chunk extensions of one body, ignored */

static int verdict(bool ok)
{
    return ok ? 0 : -1;
}

bool http1_version_is_known(const llhttp_t *parser)
{
    return parser->http_major == 1 && parser->http_minor <= 1;
}

int http1_message_begin(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    exchange_begin(&http1->exchange, &http1->base, 11);
    http1->state = HTTP1_HEAD;
    http1->in_header_name = false;
    http1->extension_bytes = 0;
    http1->deadline_ms = http1->base.host->now_ms + limit(header_timeout_ms);
    return 0;
}

static int on_protocol(llhttp_t *parser, const char *at, size_t len)
{
    /* llhttp also reads RTSP and ICE. The name may come in pieces, all of them parts of "HTTP". */
    struct http1 *http1 = parser->data;
    for (size_t i = 0; i < len; i++)
        if (!strchr("HTP", at[i]))
            return verdict(exchange_refuse(&http1->exchange, 400, "the protocol is not HTTP"));
    return 0;
}

static bool append_head(struct http1 *http1, const char *at, size_t len)
{
    struct exchange *exchange = &http1->exchange;
    if (!exchange_head_count(exchange, len))
        return false;
    return buf_append(&exchange->head.text, at, len) || exchange_refuse(exchange, 503, "out of memory");
}

static int on_method(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http1 = parser->data;
    bool ok = append_head(http1, at, len);
    http1->exchange.head.method.name_len = (uint32_t)http1->exchange.head.text.len;
    return verdict(ok);
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http1 = parser->data;
    struct exchange *exchange = &http1->exchange;
    struct header_span *target = &exchange->head.target;
    if (target->name_len == 0)
        target->name = (uint32_t)exchange->head.text.len;
    if (len > limit(uri_bytes) - target->name_len)
        return verdict(exchange_refuse(exchange, 414, "the request target is too long (limit uri_bytes)"));
    bool ok = append_head(http1, at, len);
    target->name_len += ok ? (uint32_t)len : 0;
    return verdict(ok);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http1 = parser->data;
    struct exchange *exchange = &http1->exchange;
    struct request_head *head = &exchange->head;
    if (http1->state == HTTP1_BODY) /* a trailer: counted, not kept */
        return verdict(exchange_head_count(exchange, len));
    if (!http1->in_header_name) {
        if (head->span_count >= limit(header_count))
            return verdict(exchange_refuse(exchange, 431, "too many headers (limit header_count)"));
        if (!mem_grow((void **)&head->spans, head->span_count, &head->span_cap, sizeof(*head->spans)))
            return verdict(exchange_refuse(exchange, 503, "out of memory"));
        head->spans[head->span_count] = (struct header_span){.name = (uint32_t)head->text.len};
        http1->in_header_name = true;
    }
    return verdict(append_head(http1, at, len));
}

static int on_header_field_complete(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    struct request_head *head = &http1->exchange.head;
    if (http1->state == HTTP1_BODY)
        return 0;
    struct header_span *span = &head->spans[head->span_count];
    span->name_len = (uint32_t)head->text.len - span->name;
    span->value = (uint32_t)head->text.len;
    http1->in_header_name = false;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http1 = parser->data;
    if (http1->state == HTTP1_BODY)
        return verdict(exchange_head_count(&http1->exchange, len));
    return verdict(append_head(http1, at, len));
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    struct request_head *head = &http1->exchange.head;
    if (http1->state != HTTP1_BODY) {
        struct header_span *span = &head->spans[head->span_count++];
        span->value_len = (uint32_t)head->text.len - span->value;
    }
    return verdict(exchange_head_count(&http1->exchange, 4)); /* ": " and the line's end */
}

static size_t count_headers(const struct http_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += str_eq(request->headers[i].name, str_of(name));
    return count;
}

static bool check_framing(struct http1 *http1)
{
    struct exchange *exchange = &http1->exchange;
    const struct http_request *request = &exchange->base.request;
    const llhttp_t *parser = &http1->parser;
    struct str coding = http_header_get(request, "transfer-encoding");
    if (coding.data && (parser->http_minor == 0 || (parser->flags & F_CONTENT_LENGTH)))
        return exchange_refuse(exchange, 400, "transfer-encoding is not allowed here");
    if (coding.data && (!str_eq_nocase(coding, STR("chunked")) || count_headers(request, "transfer-encoding") != 1))
        return exchange_refuse(exchange, 501, "the only transfer coding is chunked");
    if (count_headers(request, "host") != 1 && (parser->http_minor == 1 || count_headers(request, "host") > 1))
        return exchange_refuse(exchange, 400, "exactly one host header is needed");
    bool has_length = parser->flags & F_CONTENT_LENGTH;
    bool wants_length = str_eq(request->method, STR("POST")) || str_eq(request->method, STR("PUT"));
    if (parser->http_minor == 0 && wants_length && !has_length)
        return exchange_refuse(exchange, 411, "a body over HTTP/1.0 needs a content-length");
    return true;
}

/* The handler may want to take the body in pieces, or not at all; else it must be one that can be held. */
static bool offer_head(struct http1 *http1)
{
    const llhttp_t *parser = &http1->parser;
    uint64_t length = parser->flags & F_CONTENT_LENGTH ? parser->content_length : 0;
    return exchange_offer_head(&http1->exchange, length > 0 || (parser->flags & F_CHUNKED), length);
}

bool http1_refuses_body(const struct http1 *http1)
{
    return http1->exchange.base.refuses_body && http1->exchange.base.request.has_body;
}

static bool answer_expectation(struct http1 *http1)
{
    struct exchange *exchange = &http1->exchange;
    struct str expect = http_header_get(&exchange->base.request, "expect");
    if (!expect.data || http1->parser.http_minor == 0 || exchange->base.refuses_body)
        return true;
    if (!str_eq_nocase(expect, STR("100-continue")))
        return exchange_refuse(exchange, 417, "the only expectation is 100-continue");
    /* Also where no body follows: some clients wait for it whatever they send. */
    buf_append_text(&http1->base.out, HTTP1_CONTINUE);
    return true;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    struct exchange *exchange = &http1->exchange;
    if (!http1_version_is_known(parser))
        return verdict(exchange_refuse(exchange, 505, "the version must be HTTP/1.0 or HTTP/1.1"));
    exchange->base.request.version = parser->http_minor == 0 ? 10 : 11;
    /* An upgrade, to h2c for instance, is declined by answering in HTTP/1.1. */
    parser->upgrade = 0;
    http1->keeps_alive = !http1->is_draining && llhttp_should_keep_alive(parser);
    if (!exchange_head_complete(exchange) || !check_framing(http1) || !offer_head(http1) ||
        !answer_expectation(http1) || http1_refuses_body(http1))
        return -1;
    http1->state = HTTP1_BODY;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http1 *http1 = parser->data;
    return verdict(exchange_body_append(&http1->exchange, (struct str){at, len}));
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t len)
{
    (void)at;
    struct http1 *http1 = parser->data;
    http1->extension_bytes += len;
    if (http1->extension_bytes > EXTENSION_BYTES)
        return verdict(exchange_refuse(&http1->exchange, 400, "the chunk extensions are too long"));
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    if (http1->exchange.refuse_status != 0) /* its body gave way in the meantime */
        return -1;
    http1->exchange.state = EXCHANGE_READY;
    return HPE_PAUSED; /* the handler runs outside of the parser */
}

const llhttp_settings_t http1_parser_settings = {
    .on_message_begin = http1_message_begin,
    .on_protocol = on_protocol,
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_message_complete = on_message_complete,
};
