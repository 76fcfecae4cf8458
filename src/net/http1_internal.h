/* http1_internal.h - what the two files of HTTP/1.1 share: http1.c has the connection, http1_parser.c what llhttp
 * calls. */
#ifndef NET_HTTP1_INTERNAL_H
#define NET_HTTP1_INTERNAL_H

#include <llhttp.h>

#include "net/exchange.h"
#include "net/http1.h"

#define HTTP1_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

enum http1_state {
    HTTP1_IDLE,    /* between requests */
    HTTP1_HEAD,    /* a request's first byte has come */
    HTTP1_STRANGE, /* it begins with no method that is known: the rest of the line tells what it is */
    HTTP1_BODY,
    HTTP1_RUNNING, /* with the handler */
    HTTP1_CLOSED,  /* input is dropped from here on */
};

enum http1_framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct http1 {
    struct protocol base; /* first */
    llhttp_t parser;
    enum http1_state state;
    struct exchange exchange; /* one at a time */
    bool in_header_name;
    size_t line_bytes, name_matched; /* of a strange line; of the protocol's name in it */
    bool keeps_alive; /* after this reply */
    bool is_draining;
    bool has_ended;   /* the peer sends no more; it may still read */
    uint64_t probe_ms, probe_wait_ms;
    bool is_parsing;  /* a reply given now is followed up by the loop in http1_parse */
    enum http1_framing framing;
    uint64_t length_left;   /* of a streamed reply with a content-length */
    size_t extension_bytes;
    uint64_t deadline_ms;
    struct buf in; /* pipelined bytes, only while RUNNING or while replies wait for the reader */
};

static inline struct http1 *http1_of(struct protocol *base)
{
    return (struct http1 *)base;
}

/* --- http1_parser.c --- */
extern const llhttp_settings_t http1_parser_settings; /* parser->data is the struct http1 */
int http1_message_begin(llhttp_t *parser);
bool http1_version_is_known(const llhttp_t *parser);
/* The handler has refused at the headers: the body that follows is not read. */
bool http1_refuses_body(const struct http1 *http1);

#endif
