/* schema.h - the tables of ledger.db, and how those of earlier programs become
 * them. For ledger_db.c, summing.c and query.c.
 *
 *   line     one row for each request, never changed, never deleted; in the order in which they were finished
 *   price    the rates of every row that lines name
 *   unsealed below which row lines of an earlier program may have no checksum so far
 *   label    each combination of words that lines can be told apart by
 *   sums     of lines with one label in one minute, hour and day of their time, packed
 *   summed   up to which row lines are in `sums`
 *
 * Nothing in label and sums is known from elsewhere than from lines: they can
 * be emptied, and summed set to 0, at any time. */
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

#include "ledger/line.h"
#include "store/migrate.h"

#define LEDGER_DB_VERSION LEDGER_LINE_VERSION
extern const struct migration ledger_migration;

/* Columns of `line` that a line is made of, in their order. Behind them stands `checksum`, seal() of these. */
#define LEDGER_NAME_FIRST(name, ...) #name
#define LEDGER_NAME_NEXT(name, ...) ", " #name
#define LEDGER_LINE_COLUMNS LEDGER_COLUMNS(LEDGER_NAME_FIRST, LEDGER_NAME_NEXT)

/* SQL: whether a line is not what was written; `row` names its row's number. Those of earlier programs have no checksum
 * until the first start of this one has got to them; `unsealed` says up to where. */
#define LEDGER_LINE_UNSEALED(row) "(checksum IS NULL AND " row " < coalesce((SELECT below FROM main.unsealed), 0))"
#define LEDGER_LINE_DAMAGED(row)                                                                                \
    "(checksum IS NOT seal(" LEDGER_LINE_COLUMNS ") AND NOT " LEDGER_LINE_UNSEALED(row) ")"

/* The columns of `line` by which sums are kept, in the order of `label`. FIRST or NEXT(name). */
#define LEDGER_LABELS(FIRST, NEXT)                                                                              \
    FIRST(tenant) NEXT(model_invoked) NEXT(operation) NEXT(tier) NEXT(outcome) NEXT(miss_reason) NEXT(provider) \
    NEXT(router) NEXT(profile) NEXT(tags) NEXT(api_key)

/* What is summed, in the order of the packed list (store/sql_pack.h); a new sum goes to the end. FIRST or NEXT(name,
 * SQL over a line). */
#define LEDGER_SUMS(FIRST, NEXT)                                                                                \
    FIRST(completed, "line.outcome = 'completed'")                                                              \
    NEXT(failed, "line.outcome = 'failed'")                                                                     \
    NEXT(cancelled, "line.outcome = 'cancelled'")                                                               \
    NEXT(input_tokens, "input_tokens")                                                                          \
    NEXT(cache_read_tokens, "cache_read_tokens")                                                                \
    NEXT(cache_write_5m_tokens, "cache_write_5m_tokens")                                                        \
    NEXT(cache_write_1h_tokens, "cache_write_1h_tokens")                                                        \
    NEXT(output_tokens, "output_tokens")                                                                        \
    NEXT(cost, "cost")                                                                                          \
    NEXT(baseline, "baseline")                                                                                  \
    NEXT(saved_route, "saved_route")                                                                            \
    NEXT(saved_distil, "saved_distil")                                                                          \
    NEXT(saved_cache, "saved_cache")                                                                            \
    NEXT(saved_tier, "saved_tier")                                                                              \
    NEXT(cost_input, "cost_input")                                                                              \
    NEXT(cost_cache_read, "cost_cache_read")                                                                    \
    NEXT(cost_cache_write_5m, "cost_cache_write_5m")                                                            \
    NEXT(cost_cache_write_1h, "cost_cache_write_1h")                                                            \
    NEXT(cost_output, "cost_output")                                                                            \
    NEXT(touched_route, "saved_route <> 0")                                                                     \
    NEXT(touched_distil, "saved_distil <> 0")                                                                   \
    NEXT(touched_cache, "saved_cache <> 0")                                                                     \
    NEXT(touched_tier, "saved_tier <> 0")                                                                       \
    NEXT(cache_hits, "cache_read_tokens > 0")                                                                   \
    NEXT(attempts, "coalesce(attempts, 1)")                                                                     \
    NEXT(latency_us, "latency_us")                                                                              \
    NEXT(first_token_us, "first_token_us")                                                                      \
    NEXT(first_tokens, "first_token_us IS NOT NULL")                                                            \
    NEXT(saved_shadow, "saved_shadow")                                                                          \
    NEXT(touched_shadow, "coalesce(saved_shadow, 0) <> 0")                                                      \
    NEXT(saved_response, "saved_response")                                                                      \
    NEXT(touched_response, "coalesce(saved_response, 0) <> 0")

#define LEDGER_SUM_NAME(name, sql) LEDGER_SUM_##name,
enum { LEDGER_SUMS(LEDGER_SUM_NAME, LEDGER_SUM_NAME) LEDGER_SUM_COUNT };

#define LEDGER_SUM_FIRST(name, sql) sql
#define LEDGER_SUM_NEXT(name, sql) ", " sql
#define LEDGER_PACK "pack(" LEDGER_SUMS(LEDGER_SUM_FIRST, LEDGER_SUM_NEXT) ")" /* over a table called line */

#endif
