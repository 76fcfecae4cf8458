/* exchange.h - the private side of an exchange, shared by HTTP/1.1 and HTTP/2.
 *
 * Life: receiving -> ready -> handed (to the handler) -> streaming -> done.
 * The handler may touch it while handed or streaming, nobody else's code ever.
 * HTTP/1.1 has one inside its connection object, HTTP/2 one per stream from
 * the host's pool. Owned by the connection's I/O thread. */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include "net/protocol.h"

enum exchange_state {
    EXCHANGE_RECEIVING,
    EXCHANGE_READY,
    EXCHANGE_HANDED,
    EXCHANGE_STREAMING,
    EXCHANGE_DONE,
};

/* A header inside head.text: offsets, because the text moves while it grows. */
struct header_span {
    uint32_t name, name_len, value, value_len;
};

struct request_head {
    struct buf text; /* method, target, then names and values, back to back */
    struct header_span method, target; /* only the name fields are used */
    struct header_span *spans;
    size_t span_count, span_cap;
    size_t bytes; /* as counted against limit(header_bytes) */
};

struct exchange {
    struct http_exchange base; /* first: handlers hold a pointer to it */
    struct protocol *protocol; /* NULL: an orphan's that went; it owns itself then */
    enum exchange_state state;
    struct request_head head;
    struct buf body;
    size_t body_charged; /* of the host's budget: the body, and what the handler makes of it */
    struct share *owner; /* that it is counted for; NULL: not known */
    uint64_t body_deadline_us; /* budget_pace_begin */
    bool is_receiving;         /* in host->receiving */
    struct exchange *receiving_next, *receiving_prev;
    struct protocol_host *host;
    struct share *address;     /* of the client */
    bool is_pinned;            /* work of another thread goes on with it... */
    bool is_orphan;            /* ...although the connection, or the stream, is gone */
    bool is_head_method; /* the reply has no body */
    bool is_body_paused; /* the handler wants no pieces now */
    bool was_high;       /* unsent bytes reached half the limit: on_drain is owed */
    int refuse_status;   /* not 0: answered by the net room itself, with refuse_message */
    const char *refuse_message;

    /* HTTP/2 only. */
    int32_t stream_id;
    struct buf out;  /* reply bytes that no frame has taken yet */
    size_t out_sent; /* of them, already in a frame */
    size_t body_owed;    /* bytes whose window is given back when the handler wants more */
    bool is_deferred;    /* the data provider found nothing and sleeps */
    bool is_ended;       /* the handler has written everything */
    bool is_whole;       /* the reply came in one piece and counts for its connection */
    bool is_closed;      /* the stream is gone; settled after nghttp2 returns */
    bool is_queued;      /* in the connection's queue */
    uint64_t waiting_ms; /* since when the present wait lasts */
    struct exchange *next, *prev, *queue_next;
};

static inline struct exchange *exchange_of(struct http_exchange *base)
{
    return (struct exchange *)base;
}

void exchange_begin(struct exchange *exchange, struct protocol *protocol, int version);
void exchange_release(struct exchange *exchange); /* back to the empty state, small buffers kept */
void exchange_deinit(struct exchange *exchange);
void exchange_let_go(struct exchange *exchange); /* done: request and arena are given back, the reply stays */

static inline bool exchange_is_held(const struct exchange *exchange) /* by the handler */
{
    return exchange->state == EXCHANGE_HANDED || exchange->state == EXCHANGE_STREAMING;
}

/* Collecting the request. False sets refuse_status: a limit was hit, or memory is out. */
bool exchange_refuse(struct exchange *exchange, int status, const char *message); /* always false */
bool exchange_head_count(struct exchange *exchange, size_t len); /* before each append to head.text */
/* Of a request line whose method is unknown, or as much of it as there is: fills target, path and query. */
void exchange_take_strange_line(struct exchange *exchange, struct str line);
bool exchange_head_complete(struct exchange *exchange);          /* makes base.request, checks method and target */
/* Runs on_head. `length`: of the body, 0 where it isn't known. False as above: the body is longer than may be. */
bool exchange_offer_head(struct exchange *exchange, bool has_body, uint64_t length);
static inline bool exchange_streams_body(const struct exchange *exchange)
{
    return exchange->base.on_body != NULL;
}
bool exchange_body_append(struct exchange *exchange, struct str data);

void exchange_hand_over(struct exchange *exchange);   /* runs on_request */
void exchange_answer_refusal(struct exchange *exchange); /* refuse_status becomes a reply */
void exchange_run_close(struct exchange *exchange);   /* on_close, if the handler holds it or takes its body */
void exchange_destroy(struct exchange *exchange);     /* one of the heap: everything, and itself */

/* Bookkeeping of on_drain: after unsent bytes grew, and after they shrank (true: on_drain is due). */
void exchange_note_growth(struct exchange *exchange, size_t unsent);
bool exchange_drain_due(struct exchange *exchange, size_t unsent);

bool http_method_is_known(struct str method);
const char *http_reason(int status);
/* Control characters in a header value become spaces, so that no value can begin a header of its own. */
bool http_append_header_value(struct buf *buf, struct str value);
bool http_header_is_framing(const struct http_header *header); /* the net room writes these itself */
bool http_status_has_body(int status);

#endif
