/* cells.h - what both sides say of one model in one period, found by both. For compare.c, which fills and reads
 * them. One thread. */
#ifndef RECONCILE_CELLS_H
#define RECONCILE_CELLS_H

#include "reconcile/compare.h"

#define CELL_ANY_TIER TIERS_PRICED /* of what a report says of no tier */

struct cell {
    uint64_t period_us;
    struct str key, model; /* report_model_key, and the name that shows */
    unsigned tiered, untiered; /* bit by measure: what the reports say by tier, and what of all */
    unsigned absent;           /* what lines of earlier programs do not say */
    int64_t ours[TIERS_PRICED][REPORT_MEASURES], theirs[TIERS_PRICED + 1][REPORT_MEASURES];
    int64_t rounding[REPORT_MEASURES]; /* picodollars that costs may be off */
    uint64_t lines;
    struct compare_evidence evidence;
    struct str price;
    bool has_prices;
};

struct cells {
    struct arena arena;
    struct cell *items; /* [count]; sorted once all are there */
    size_t count, room;
    uint32_t *table;    /* by hash: the cell's place plus one */
    size_t table_size;
    struct cell_name *names; /* of models, as they came */
    size_t name_count, name_room;
};

void cells_init(struct cells *cells);
void cells_deinit(struct cells *cells);

/* The one of the period and model; made where there is none. ERROR_TOO_LARGE: LIMIT_RECONCILE_CELLS are there. */
enum error_code cells_find(struct cells *cells, uint64_t period_us, struct str model, struct cell **cell,
                           struct error *error) WARN_UNUSED;

/* By model, then by period. What was found before lies elsewhere then. */
void cells_sort(struct cells *cells);

#endif
