/* line.h - one line of the ledger: all that is kept of one request, and the one
 * list of its columns. Strings borrow. No allocation, any thread.
 *
 * A new column is one row at the end of LEDGER_COLUMNS, one member, and the
 * next LEDGER_LINE_VERSION: codec, table, upgrade, checksum, view and export
 * follow. Lines of earlier programs have its default. */
#ifndef LEDGER_LINE_H
#define LEDGER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"
#include "core/tier.h"
#include "ledger/price.h"
#include "store/journal.h"

enum ledger_outcome { LEDGER_COMPLETED, LEDGER_FAILED, LEDGER_CANCELLED, LEDGER_OUTCOMES };
extern const char *const ledger_outcome_names[LEDGER_OUTCOMES + 1]; /* "completed", ...; ends with NULL */

#define LEDGER_ABSENT UINT64_MAX      /* of an optional number: there is none, or nobody knew */
#define LEDGER_NO_TOKEN LEDGER_ABSENT /* in first_token_us: none came */

struct ledger_line {
    struct str request_id; /* unique */
    struct str tenant;
    struct str dialect;   /* of the API: "bedrock" */
    struct str operation; /* "Converse" */
    struct str model_requested; /* as asked for */
    struct str model_invoked;   /* name of the model that answered */
    struct str price, baseline_price; /* names of price rows */
    struct str profile; /* ARN of the application inference profile that was asked for; empty: none... */
    struct str tags;    /* ...and its tags then, with the key's and those of the request that budgets name: a JSON
                        * object of strings; empty: none */
    struct str provider;    /* who answered: LEDGER_PROVIDER_ENGINE, or an upstream's name; empty: not known */
    struct str upstream_id; /* what the upstream calls the request; empty: none */
    struct str router;      /* what chose the model, by its own word; empty: the client did */
    struct str session;     /* the conversation or task that the client counts the request to; empty: it says none */
    struct str key; /* ID of the virtual key that asked; empty: another credential did */
    struct str upstream_model; /* the model that answered, as its upstream calls it; empty: the engine's */
    struct str replica;     /* of several servers behind the upstream the one that answered; empty: there is one */
    struct str usage_note;  /* in a word, why `usage` is not simply what was counted; empty: it is */
    struct str miss_reason; /* why less than all of the prompt came from the cache, in a word; empty: all did */
    uint64_t time_us; /* clock_wall_us() when the request came */
    enum tier tier;   /* that it is priced in */
    enum ledger_outcome outcome;
    struct price_usage usage; /* what the client was given: nothing else is billed */
    uint64_t latency_us;      /* from the request's first byte to the reply's last */
    uint64_t first_token_us;  /* from the request's first byte, or LEDGER_NO_TOKEN */
    uint64_t attempts;        /* times that the request was given to an engine or upstream, or LEDGER_ABSENT */
    uint64_t router_score;    /* what the router gave the chosen model, in millionths, or LEDGER_ABSENT */
    struct price_quote quote; /* its classes LEDGER_ABSENT in lines of earlier programs */
    uint32_t promised; /* the ledger's own, between accept and finish */
};

#define LEDGER_PROVIDER_ENGINE "engine" /* the one in this program */

enum ledger_kind {
    LEDGER_TEXT,
    LEDGER_JSON,     /* text; empty is an object without members */
    LEDGER_TIME,     /* microseconds since 1970 */
    LEDGER_DURATION, /* microseconds; exported in whole milliseconds, as all durations are */
    LEDGER_OPTIONAL_DURATION, /* LEDGER_ABSENT is NULL */
    LEDGER_NUMBER,
    LEDGER_OPTIONAL, /* a number; LEDGER_ABSENT is NULL */
    LEDGER_SIGNED,
    LEDGER_SCORE,    /* millionths; LEDGER_ABSENT is NULL */
    LEDGER_TIER,
    LEDGER_OUTCOME,
};

#define LEDGER_LINE_VERSION 8 /* of lines in journals and results of batch jobs, and of ledger.db */

/* FIRST or NEXT(name in SQL, kind without LEDGER_, version that brought it, member, name in exports or NULL). */
#define LEDGER_COLUMNS(FIRST, NEXT)                                                                             \
    FIRST(request_id, TEXT, 1, request_id, "requestId")                                                         \
    NEXT(time_us, TIME, 1, time_us, "time")                                                                     \
    NEXT(tenant, TEXT, 1, tenant, "tenant")                                                                     \
    NEXT(dialect, TEXT, 1, dialect, "dialect")                                                                  \
    NEXT(operation, TEXT, 1, operation, "operation")                                                            \
    NEXT(model_requested, TEXT, 1, model_requested, "modelRequested")                                           \
    NEXT(model_invoked, TEXT, 1, model_invoked, "modelInvoked")                                                 \
    NEXT(tier, TIER, 1, tier, "tier")                                                                           \
    NEXT(input_tokens, NUMBER, 1, usage.tokens[PRICE_INPUT], "inputTokens")                                     \
    NEXT(cache_read_tokens, NUMBER, 1, usage.tokens[PRICE_CACHE_READ], "cacheReadInputTokens")                  \
    NEXT(cache_write_5m_tokens, NUMBER, 1, usage.tokens[PRICE_CACHE_WRITE_5M], "cacheWriteInputTokens")         \
    NEXT(cache_write_1h_tokens, NUMBER, 1, usage.tokens[PRICE_CACHE_WRITE_1H], "cacheWrite1hInputTokens")       \
    NEXT(output_tokens, NUMBER, 1, usage.tokens[PRICE_OUTPUT], "outputTokens")                                  \
    NEXT(latency_us, DURATION, 1, latency_us, "latencyMs")                                                      \
    NEXT(first_token_us, OPTIONAL_DURATION, 1, first_token_us, "timeToFirstTokenMs")                            \
    NEXT(outcome, OUTCOME, 1, outcome, "outcome")                                                               \
    NEXT(price, TEXT, 1, price, "priceBook")                                                                    \
    NEXT(baseline_price, TEXT, 1, baseline_price, NULL)                                                         \
    NEXT(cost, NUMBER, 1, quote.cost, "costPicodollars")                                                        \
    NEXT(baseline, NUMBER, 1, quote.baseline, "baselinePicodollars")                                            \
    NEXT(saved_route, SIGNED, 1, quote.saved[LEVER_ROUTE], "savedRoute")                                        \
    NEXT(saved_distil, SIGNED, 1, quote.saved[LEVER_DISTIL], "savedDistill")                                    \
    NEXT(saved_cache, SIGNED, 1, quote.saved[LEVER_CACHE], "savedCache")                                        \
    NEXT(saved_tier, SIGNED, 1, quote.saved[LEVER_TIER], "savedTier")                                           \
    NEXT(profile, TEXT, 2, profile, "profile")                                                                  \
    NEXT(tags, JSON, 2, tags, "profileTags")                                                                    \
    NEXT(provider, TEXT, 4, provider, "provider")                                                               \
    NEXT(upstream_id, TEXT, 4, upstream_id, "upstreamRequestId")                                                \
    NEXT(attempts, OPTIONAL, 4, attempts, "attempts")                                                           \
    NEXT(router, TEXT, 4, router, "router")                                                                     \
    NEXT(router_score, SCORE, 4, router_score, "routerScore")                                                   \
    NEXT(session, TEXT, 4, session, "session")                                                                  \
    NEXT(cost_input, OPTIONAL, 4, quote.classes[PRICE_INPUT], "costInputPicodollars")                           \
    NEXT(cost_cache_read, OPTIONAL, 4, quote.classes[PRICE_CACHE_READ], "costCacheReadPicodollars")             \
    NEXT(cost_cache_write_5m, OPTIONAL, 4, quote.classes[PRICE_CACHE_WRITE_5M], "costCacheWritePicodollars")    \
    NEXT(cost_cache_write_1h, OPTIONAL, 4, quote.classes[PRICE_CACHE_WRITE_1H], "costCacheWrite1hPicodollars")  \
    NEXT(cost_output, OPTIONAL, 4, quote.classes[PRICE_OUTPUT], "costOutputPicodollars")                        \
    NEXT(miss_reason, TEXT, 4, miss_reason, "cacheMissReason")                                                  \
    NEXT(saved_shadow, SIGNED, 5, quote.saved[LEVER_SHADOW], "savedShadow")                                     \
    NEXT(api_key, TEXT, 6, key, "keyId")                                                                        \
    NEXT(upstream_model, TEXT, 6, upstream_model, "upstreamModel")                                              \
    NEXT(usage_note, TEXT, 6, usage_note, "usageNote")                                                          \
    NEXT(saved_response, SIGNED, 7, quote.saved[LEVER_RESPONSE], "savedResponse")                               \
    NEXT(replica, TEXT, 8, replica, "replica")

#define LEDGER_COLUMN_ONE(...) +1
enum { LEDGER_COLUMN_COUNT = 0 LEDGER_COLUMNS(LEDGER_COLUMN_ONE, LEDGER_COLUMN_ONE) };

struct ledger_column {
    const char *name, *field; /* in SQL, and in exports; field NULL: it is not exported */
    enum ledger_kind kind;
    uint8_t since;
    size_t offset; /* in struct ledger_line */
};
extern const struct ledger_column ledger_columns[LEDGER_COLUMN_COUNT];

/* The column of a line, by the kind: of a text, of any number (tier and outcome are none). */
struct str *ledger_column_text(struct ledger_line *line, const struct ledger_column *column);
uint64_t *ledger_column_number(struct ledger_line *line, const struct ledger_column *column);
bool ledger_kind_is_text(enum ledger_kind kind);
bool ledger_kind_is_optional(enum ledger_kind kind); /* LEDGER_ABSENT stands for NULL */

/* What a column of a version behind the line's has. */
void ledger_column_clear(struct ledger_line *line, const struct ledger_column *column);

/* As the payload of a journal record. 0: its strings are too long. */
size_t ledger_line_encode(const struct ledger_line *line, uint8_t out[JOURNAL_RECORD_MAX]);

/* Of this version or an earlier one; strings point into the payload. False: no line, or one of a later version. */
bool ledger_line_decode(struct str payload, struct ledger_line *line);
/* The first of lines that follow each other, which *lines then begins behind. */
bool ledger_line_take(struct str *lines, struct ledger_line *line);
unsigned ledger_line_version(struct str payload); /* above LEDGER_LINE_VERSION too; 1 and 2 look the same */

#endif
