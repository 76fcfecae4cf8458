/* figures.c - see figures.h. */
#include "demo/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const demo_phase_names[DEMO_PHASES] = {"none", "cache", "route", "distill", "batch", "all"};
const char *const demo_share_names[DEMO_SHARES] = {"route", "distill", "cache", "tier"};

#define DOUBTED "doubted" /* the ledger's word for an answer that was made again */

enum error_code demo_figures_init(struct demo_figures *figures, size_t conversations, struct error *error)
{
    *figures = (struct demo_figures){.conversations = conversations};
    for (size_t i = 0; i < DEMO_PHASES; i++) {
        figures->cells[i] = mem_calloc(conversations * DEMO_CELLS, sizeof(struct demo_cell));
        if (!figures->cells[i]) {
            demo_figures_deinit(figures);
            return error_no_memory(error);
        }
    }
    return OK;
}

void demo_figures_deinit(struct demo_figures *figures)
{
    for (size_t i = 0; i < DEMO_PHASES; i++)
        mem_free(figures->cells[i]);
    *figures = (struct demo_figures){0};
}

/* --- which cell ----------------------------------------------------------------------------------------- */

void demo_session(enum demo_phase phase, size_t conversation, size_t cell, char out[DEMO_SESSION_MAX])
{
    (void)snprintf(out, DEMO_SESSION_MAX, "%s-%zu-%zu", demo_phase_names[phase], conversation, cell);
}

static struct demo_cell *cell_of(const struct demo_figures *figures, struct str session)
{
    struct str name, conversation, cell;
    uint64_t number, place;
    if (!str_split(&session, '-', &name) || !str_split(&session, '-', &conversation) ||
        !str_split(&session, '-', &cell) || !str_to_u64(conversation, &number) || !str_to_u64(cell, &place) ||
        number >= figures->conversations || place >= DEMO_CELLS)
        return NULL;
    for (size_t i = 0; i < DEMO_PHASES; i++)
        if (str_eq(name, str_of(demo_phase_names[i])))
            return &figures->cells[i][number * DEMO_CELLS + place];
    return NULL;
}

void demo_figures_add(struct demo_figures *figures, const struct ledger_line *line)
{
    static const enum price_lever levers[DEMO_SHARES] = {LEVER_ROUTE, LEVER_DISTIL, LEVER_CACHE, LEVER_TIER};
    struct demo_cell *cell = cell_of(figures, line->session);
    if (!cell)
        return;
    cell->cost += (int64_t)line->quote.cost;
    cell->baseline += (int64_t)line->quote.baseline;
    for (size_t i = 0; i < DEMO_SHARES; i++)
        cell->saved[i] += line->quote.saved[levers[i]];
    cell->input += line->usage.tokens[PRICE_INPUT];
    cell->read += line->usage.tokens[PRICE_CACHE_READ];
    cell->written += line->usage.tokens[PRICE_CACHE_WRITE_5M] + line->usage.tokens[PRICE_CACHE_WRITE_1H];
    if (!str_eq(line->router, STR(DOUBTED)))
        cell->latency_us = line->latency_us;
}

void demo_figures_same(struct demo_figures *figures, enum demo_phase phase, size_t first_conversation,
                       size_t conversations, size_t first_cell, size_t cells)
{
    for (size_t i = first_conversation; i < first_conversation + conversations; i++)
        for (size_t cell = first_cell; cell < first_cell + cells; cell++)
            figures->cells[phase][i * DEMO_CELLS + cell] = figures->cells[DEMO_NONE][i * DEMO_CELLS + cell];
}

/* --- sums ----------------------------------------------------------------------------------------------- */

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The nearest rank: the least latency that so many percent of the turns do not exceed. */
static double percentile_ms(const uint64_t *sorted, size_t count, unsigned percent)
{
    const size_t rank = (count * percent + 99) / 100;
    return count ? (double)sorted[rank ? rank - 1 : 0] / 1000 : 0;
}

static enum error_code sum_latencies(const struct demo_figures *figures, enum demo_phase phase, struct demo_sum *sum,
                                     struct error *error)
{
    const size_t count = figures->conversations * DEMO_TURNS;
    uint64_t *latencies = mem_calloc(count ? count : 1, sizeof(*latencies));
    if (!latencies)
        return error_no_memory(error);
    for (size_t i = 0; i < count; i++)
        latencies[i] = figures->cells[phase][i / DEMO_TURNS * DEMO_CELLS + i % DEMO_TURNS].latency_us;
    qsort(latencies, count, sizeof(*latencies), compare_u64);
    sum->p50_ms = percentile_ms(latencies, count, 50);
    sum->p99_ms = percentile_ms(latencies, count, 99);
    mem_free(latencies);
    return OK;
}

enum error_code demo_figures_sum(const struct demo_figures *figures, enum demo_phase phase, struct demo_sum *sum,
                                 struct error *error)
{
    uint64_t read = 0, prompt = 0;
    *sum = (struct demo_sum){.rows = figures->conversations * DEMO_CELLS};
    for (size_t i = 0; i < sum->rows; i++) {
        const struct demo_cell *cell = &figures->cells[phase][i];
        const size_t place = i % DEMO_CELLS;
        sum->cost += cell->cost;
        sum->right += cell->is_right;
        sum->answers_right += cell->is_right && place < DEMO_TURNS;
        sum->summaries_right += cell->is_right && place == DEMO_TURNS;
        sum->tags_right += cell->is_right && place == DEMO_TURNS + 1;
        read += cell->read;
        prompt += cell->input + cell->read + cell->written;
    }
    sum->hit_rate = prompt ? (double)read / (double)prompt : 0;
    return sum_latencies(figures, phase, sum, error);
}

void demo_figures_shares(const struct demo_figures *figures, int64_t shares[DEMO_SHARES])
{
    for (size_t i = 0; i < DEMO_SHARES; i++)
        shares[i] = 0;
    for (size_t i = 0; i < figures->conversations * DEMO_CELLS; i++) {
        const struct demo_cell *before = &figures->cells[DEMO_NONE][i], *after = &figures->cells[DEMO_ALL][i];
        int64_t rest = before->cost - after->cost;
        for (size_t lever = 0; lever < DEMO_SHARES; lever++) {
            shares[lever] += after->saved[lever];
            rest -= after->saved[lever];
        }
        shares[i % DEMO_CELLS < DEMO_TURNS ? SHARE_ROUTE : SHARE_DISTILL] += rest;
    }
}
