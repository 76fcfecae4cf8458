/* work.h - the whole course of one request below the dialects. Read this first.
 *
 * A dialect, a batch job, whoever wants an answer, parses what it was sent into
 * a chat_request and makes a work of it. What follows is the same for all:
 *
 *   TEXTS   the texts of the request's documents are waited for
 *   ROUTE   which targets may answer, in which order; a router may ask first
 *           how warm they hold the prompt; where the same request was answered
 *           before, that answer is given again, and the work is ENDED
 *   ADMIT   its tier and reservation, the bound of its reply; the prompt is
 *           written; its line in the ledger is opened
 *   RUN     a backend has it; where that fails before the first token, or before a
 *           whole reply of a router is whole, the next target is tried, from ADMIT on
 *   ENDED   its line is closed
 *
 * Embeddings are a work whose answer comes at once, in on_embedded, and has a line.
 * Counting the tokens of a prompt is a work too: one without a reply, a tier or
 * a line; so is the question where a request would go, which ends behind ROUTE.
 * Everything runs on the port's thread, but for work_prepare; a work lies in its
 * request's arena and allocates nothing else but where a reply is collected.
 *
 * Who may do what, inside which handler:
 *
 *   handler         comes                            work_end inside   work_settle
 *   --------------  -------------------------------  ----------------  -----------------------
 *   on_placed       a backend took it; again after   no                no
 *                   each fail-over
 *   on_started      once: the first token is there   yes               no
 *   block_*         between on_started and the end   no                no
 *   on_progress     after some of them               yes               no
 *   on_finished     last: the reply is whole         yes, or later     must, once, before the
 *                                                                      reply's last byte
 *   on_embedded     last: the embeddings are there   yes, or later     must, once, before the
 *                                                                      reply's last byte
 *   on_counted      last, of a count                 yes, or later     no
 *   on_chosen       last, of a choice                yes, or later     no
 *   on_failed       last: there is no reply, or      yes, or later     no: its line is closed
 *                   no more of it
 *   on_billed       inside work_settle, work_end,    no                no
 *                   and right before on_failed;
 *                   twice where a reply was made
 *                   again
 *
 * Nothing comes after work_end, which every work needs once. Before the last
 * handler it cancels what runs. A handler after which the caller's memory may
 * be gone is always the last thing that a work does. */
#ifndef GENERATE_WORK_H
#define GENERATE_WORK_H

#include "chat/codec.h"
#include "generate/charge.h"
#include "generate/target.h"
#include "generate/work_port.h"
#include "recall/recall_key.h"

struct work;

enum work_kind { WORK_REPLY, WORK_EMBED, WORK_COUNT, WORK_CHOICE };

/* Who keeps the line of a reply in the ledger. */
enum work_line {
    WORK_LINE_NONE,    /* of a count or a choice */
    WORK_LINE_LEDGER,  /* the ledger, from admission on: one journal record then, one at the end */
    WORK_LINE_CALLER,  /* the caller's own log: work_line gives it to him once the work has ended */
};

/* Of a request whose answer may have been given before, or may be given again (recall/recall_key.h). */
struct work_recall {
    const struct config_recall *rules;
    uint8_t digest[SHA256_LEN]; /* recall_digest of the request */
    bool reads, keeps;
    uint64_t max_age_us; /* an older answer is not taken */
};

struct work_setup {
    struct work_port *port;
    enum work_kind kind;
    enum work_line line;
    struct chat_request *request;      /* checked; outlives the work, which sets the tier that it is served in */
    const struct catalog_match *match; /* what the model ID means; outlives the work */
    const struct work_router *router; /* that was asked for, and outlives the work; NULL: the port's, if it has one */
    struct charge_subject subject;
    const struct codec *native; /* see chat_reply */
    enum tier tier;             /* where the request asks for none */
    struct backend *instead;    /* has the reply of the upstream that would be asked, and its price is that of `tier`;
                                 * outlives the work. NULL: it is asked */
    const struct work_recall *recall; /* outlives the work; NULL: the request is always answered anew */
    bool is_stream;             /* what was sent of a reply is paid for, also when it breaks off */
    bool collects;              /* the finished reply carries all blocks */
    bool passes_on;             /* takes replies in their provider's own words, where the request is too (codec.h) */
    bool wants_confidence;      /* the finished reply says how sure the model was */
    uint64_t started_us;        /* clock_now_us() of the request's first byte */
    /* Where not NULL: calls work_prepare here or on another thread, and then work_continue here, or work_end. */
    void (*offload)(void *ctx, struct work *work);
};

/* Of a reply's course, for logs and metrics. Microseconds. */
struct work_figures {
    uint64_t first_token_us; /* from the start to the first token */
    uint64_t total_us;
    uint64_t decode_us;      /* from the first token to the end */
};

/* Those of what cannot come, and the block_* of those who collect, may be NULL. */
struct work_handlers {
    void (*on_placed)(void *ctx, const struct placement *placement);
    void (*on_started)(void *ctx, const struct chat_reply *reply); /* with identity and the input side of usage */
    void (*block_start)(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id, struct str tool_name);
    void (*block_delta)(void *ctx, size_t index, enum chat_block_kind kind, struct str text);
    void (*block_stop)(void *ctx, size_t index, enum chat_block_kind kind);
    void (*block_logprobs)(void *ctx, size_t index, const struct token_logprob *tokens, size_t count);
    void (*on_event)(void *ctx, struct str type, yyjson_val *event); /* of a reply that is_verbatim; as block_* */
    void (*on_progress)(void *ctx);
    void (*on_finished)(void *ctx, const struct chat_reply *reply, const struct work_figures *figures);
    void (*on_embedded)(void *ctx, const struct embeddings *embeddings); /* they are valid inside */
    void (*on_counted)(void *ctx, uint32_t tokens);
    void (*on_chosen)(void *ctx, const struct placement *placement); /* `routed` is where it would go */
    void (*on_failed)(void *ctx, const struct error *error);
    /* The line is in the ledger. */
    void (*on_billed)(void *ctx, const struct target *answered, const struct ledger_line *line);
};

/* Chooses among targets: one for all threads, or one of the request's own. */
struct work_router {
    void *ctx;
    /* Fills `targets` in the order in which they are tried and says why in *placement, whose `asked` is set. Returns
     * how many there are; 0: what was asked for is the only one. Any I/O thread, must not block. */
    size_t (*route)(void *ctx, const struct chat_request *request, struct placement *placement,
                    struct target targets[]);
    /* Where not NULL and there are several that can take the request: they are asked how many tokens of its prompt they
     * hold warm, 0 where nobody knows, and this says which one goes first. The others keep their order. */
    size_t (*choose)(void *ctx, const struct chat_request *request, struct placement *placement,
                     const struct target targets[], const uint32_t warm_tokens[], size_t count);
    /* Where not NULL: the reply of some targets may be taken back, and made again by one that has not been tried.
     * Nothing of it is told before that is decided: of a stream when it has `held_tokens` at the latest, 0: streams are
     * told. */
    bool (*may_doubt)(void *ctx, const struct target *answering, const struct target others[], size_t count);
    uint32_t held_tokens;
    /* So sure is the model of its reply (backend.h): which of the others shall answer in its place, why and with which
     * chance in *placement; SIZE_MAX: none, the reply stands. */
    size_t (*doubt)(void *ctx, struct placement *placement, const struct target others[], size_t count,
                    double confidence);
    /* Where not NULL: the request was charged so many picodollars. */
    void (*billed)(void *ctx, const struct placement *placement, uint64_t cost);
};

#define WORK_TARGETS_MAX 8

enum work_state { WORK_TEXTS, WORK_ROUTE, WORK_ADMIT, WORK_RUN, WORK_ENDED };

/* NULL: no memory. Handlers outlive the work. Nothing happens before work_begin, which the request is parsed for. */
struct work *work_new(const struct work_setup *setup, const struct work_handlers *handlers, void *ctx);
void work_begin(struct work *work); /* any handler may come before it returns */

/* For work_setup.offload: the prompt is written (any thread; the request is the work's alone), and then the work goes
 * on, or fails with `refusal` where that is not NULL. */
void work_prepare(void *work);
void work_continue(struct work *work, const struct error *refusal);

/* The reply is written, or with LEDGER_FAILED could not be: the line is closed. ERROR_UNAVAILABLE: it could not be,
 * the reply must not be completed. */
enum error_code work_settle(struct work *work, enum ledger_outcome outcome, struct error *error) WARN_UNUSED;
/* A line that is still open says `outcome`: LEDGER_CANCELLED when nobody waits for the reply any more. Twice is
 * harmless, as is NULL. */
void work_end(struct work *work, enum ledger_outcome outcome);

/* Whoever reads the reply is slow, or no longer: a backend that can fetches no more of it meanwhile. */
void work_hold_back(struct work *work, bool holds);

enum work_state work_reached(const struct work *work); /* before it ended */
struct chat_usage work_usage(const struct work *work); /* so far */
struct chat_cache_use work_cache(const struct work *work); /* final from on_started on, unless it is late */
const struct placement *work_placement(const struct work *work);
const struct ledger_line *work_line(struct work *work); /* of one that has ended; WORK_LINE_CALLER */
/* Likewise, after work_settle: of a reply that was taken back; NULL: none was. Whose it was is in the placement. */
const struct ledger_line *work_doubted_line(const struct work *work);
struct chat_usage work_doubted_usage(const struct work *work);

/* What a model ID means, as a target. */
struct target work_target(const struct work_shared *shared, const struct catalog_match *match);

#endif
