/* target.h - where a request may go, and where it went.
 *
 * A target is something that answers: a model of the embedded engine, or one
 * behind an upstream. A placement is the course that a request took among them;
 * its bill, its trace and the headers of its reply read it. Plain data. */
#ifndef GENERATE_TARGET_H
#define GENERATE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"
#include "model/resolve.h"

/* Each has a backend of its own (backend.h). */
enum target_kind { TARGET_ENGINE, TARGET_UPSTREAM, TARGET_KINDS };

struct target {
    enum target_kind kind;
    const struct model *model; /* whose settings hold, and whose counters count it */
    const char *name;          /* as the ledger and x-fulcrum-model call it; lives as long as the model */
    const struct price_row *price;
    const struct catalog_match *match; /* of the ID that led to it; NULL: the ID that was asked for */
    struct str listed;      /* as its router calls it, in its list of models; empty: no router does */
    uint32_t prompt_tokens; /* of the prompt as it reads it, once it was asked how much it holds warm; 0: not known */
};

/* Whose backend a model's requests go to. */
static inline enum target_kind target_kind_of(const struct model *model)
{
    return model->kind == MODEL_UPSTREAM ? TARGET_UPSTREAM : TARGET_ENGINE;
}

struct placement {
    struct target asked;    /* what the model ID means */
    struct target routed;   /* the first choice of those that were there: after a fail-over the one that answers */
    struct target answered; /* has the request now; final once the first token is there */
    const char *provider;   /* of `answered`: its upstream, or its backend, by name; NULL: none has been asked yet */
    struct str upstream_id; /* what it calls the request; empty: nothing, or not known yet */
    const struct replica *replica; /* of several servers of the upstream the one that answers; NULL: there is one */
    struct str why;         /* the router's word for its choice; empty: there was none to make */
    double score;           /* likewise */
    uint32_t warm_tokens;   /* of the prompt, at the first choice, where the router wanted to know; else 0 */
    unsigned attempts;      /* targets that were given the request or refused it at once */
    unsigned repeats;       /* times besides that one of them was asked again by its own backend */
    struct target doubted;  /* answered before, and its answer was taken back; name NULL: there was none */
    double doubted_chance;  /* that it was right */
    unsigned doubted_attempts; /* `attempts` then */
    bool is_recalled;         /* nobody was asked: `answered` gave the same request this answer before... */
    uint64_t recalled_age_us; /* ...so long ago */
};

#endif
