/* figures.h - what the phases of a demo came to, out of the ledger's lines, and each lever's share of what all of them
 * saved together.
 *
 * A phase asks the same requests as all others; a cell is one of them: what its lines cost, whoever answered. Shares
 * are counted request by request, so they add up to the difference of the phases' dollars, to the picodollar. No I/O;
 * one thread. */
#ifndef DEMO_FIGURES_H
#define DEMO_FIGURES_H

#include "core/error.h"
#include "demo/day.h"
#include "ledger/line.h"

enum demo_phase { DEMO_NONE, DEMO_CACHE, DEMO_ROUTE, DEMO_DISTILL, DEMO_BATCH, DEMO_ALL, DEMO_PHASES };
extern const char *const demo_phase_names[DEMO_PHASES];

/* In the ledger's order. */
enum demo_share { SHARE_ROUTE, SHARE_DISTILL, SHARE_CACHE, SHARE_TIER, DEMO_SHARES };
extern const char *const demo_share_names[DEMO_SHARES];

#define DEMO_CELLS (DEMO_TURNS + DEMO_NOTES) /* of a conversation */

struct demo_cell {
    int64_t cost, baseline, saved[DEMO_SHARES]; /* picodollars */
    uint64_t input, read, written;              /* tokens of the prompt */
    uint64_t latency_us;
    bool is_right;
};

struct demo_figures {
    size_t conversations; /* of all days */
    struct demo_cell *cells[DEMO_PHASES]; /* [conversations * DEMO_CELLS]; turns first, then notes */
    double engine_seconds[DEMO_PHASES];
};

enum error_code demo_figures_init(struct demo_figures *figures, size_t conversations, struct error *error) WARN_UNUSED;
void demo_figures_deinit(struct demo_figures *figures); /* zero is legal */

/* A request is told by its session: "PHASE-CONVERSATION-CELL". */
#define DEMO_SESSION_MAX 64
void demo_session(enum demo_phase phase, size_t conversation, size_t cell, char out[DEMO_SESSION_MAX]);
/* Adds a line to its cell; one of another session changes nothing. */
void demo_figures_add(struct demo_figures *figures, const struct ledger_line *line);
/* A lever does not touch these cells, and the phase has not asked them: they are as without levers. */
void demo_figures_same(struct demo_figures *figures, enum demo_phase phase, size_t first_conversation,
                       size_t conversations, size_t first_cell, size_t cells);

struct demo_sum {
    int64_t cost;
    size_t rows, right;
    size_t answers_right, summaries_right, tags_right;
    double hit_rate;       /* tokens read / all of prompts */
    double p50_ms, p99_ms; /* of turns: nobody waits for notes */
};
enum error_code demo_figures_sum(const struct demo_figures *figures, enum demo_phase phase, struct demo_sum *sum,
                                 struct error *error) WARN_UNUSED;

/* Of what all levers saved against none. What answers of another length made cheaper or dearer counts to the lever that
 * chose who answers: to routing for turns, to the student for notes. */
void demo_figures_shares(const struct demo_figures *figures, int64_t shares[DEMO_SHARES]);

#endif
