/* intake.h - from a record to a row: what is kept of a request once its texts are gone. Tenants and models become
 * groups, prompts hashes of their blocks; what must be read of the texts is read here: templates, how alike answers
 * are, what the predictor says of a sample. One thread. */
#ifndef ADVISE_INTAKE_H
#define ADVISE_INTAKE_H

#include "advise/alike.h"
#include "advise/prices.h"
#include "advise/record.h"
#include "advise/router.h"
#include "advise/rows.h"
#include "advise/template.h"
#include "route/predictor.h"

#define INTAKE_CLUSTERS (LIMIT_ADVISE_TEMPLATES + LIMIT_ADVISE_GROUPS)

#define INTAKE_SLOTS (4 * LIMIT_ADVISE_GROUPS)

/* A tenant's requests to one model. */
struct group {
    char *tenant, *model; /* as the log has them */
    char *place;
    uint64_t hash, count;
    struct advise_price price;
    uint64_t asked;       /* of the predictor */
};

/* Requests of one template, or of a group's without one. */
struct cluster {
    struct alike *alike; /* NULL: none yet */
    uint64_t verdicts[VERDICT_ROUTED];
    struct {
        double asked, again[CASES]; /* prompts that went to a candidate, and what of their answers is made again */
    } routed[DECIDE_CANDIDATES_MAX];
    uint64_t tool_set, tool_order; /* of the first request: of its tools in any order, and as they stood */
    uint64_t tooled, reordered;    /* requests with tools; with the same ones in another order */
    struct {
        uint64_t hash, heads, bytes; /* of the last head that was counted; all of them */
        double tokens;
        uint32_t last;               /* tokens of the last one */
    } counted;
};

bool cluster_is_reordered(const struct cluster *cluster); /* one request in twenty, at least */

/* Tokens of a text, as a model counts them. */
struct intake_counter {
    uint32_t (*count)(void *ctx, struct str model, struct str text); /* 0: it is not known; NULL: of no model */
    void *ctx;
};

/* Which requests a lever takes: those that have a tag of that name and value, or with the name "model" ask for that
 * ID; with an empty name all. */
struct intake_scope {
    struct str name, value;
};
bool intake_takes(const struct intake_scope *scope, const struct advise_record *record);

struct intake {
    const struct price_book *book;
    const struct catalog *catalog;
    const struct predictor *predictor;
    const struct price_row *small; /* where prompts are routed to; NULL: the cheapest of each family */
    const struct advise_router *router; /* that answers; NULL: none is named */
    struct intake_scope route, student, batch;
    struct intake_counter counter;
    struct str default_model; /* of records that name none; empty: they stay without */
    struct log_rows *rows;
    struct templates *templates;
    struct group *groups; /* [LIMIT_ADVISE_GROUPS] */
    uint32_t group_count;
    uint32_t *slots;      /* [INTAKE_SLOTS] groups by their hash, from 1 on */
    struct cluster *clusters; /* [INTAKE_CLUSTERS] */
    uint64_t read;        /* records */
    uint64_t failed;      /* of them, requests that cost nothing */
    bool has_pairs;       /* there are rows that belong together */
    struct verdict_memo *memo; /* prompts the predictor was asked about */
    struct features *features;
};

enum error_code intake_init(struct intake *intake, const struct price_book *book, const struct catalog *catalog,
                            const struct predictor *predictor, struct error *error) WARN_UNUSED;
void intake_deinit(struct intake *intake);

/* `is_ledger`: a line of our ledger. ERROR_NO_MEMORY, ERROR_IO. */
enum error_code intake_add(struct intake *intake, const struct advise_record *record, bool is_ledger,
                           struct error *error) WARN_UNUSED;

#endif
