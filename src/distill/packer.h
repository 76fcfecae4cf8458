/* packer.h - fills the rows of a batch with examples, several to a row.
 *
 * Examples are a few dozen to a few hundred tokens; padding each to a row's
 * length would waste half of every step. The mask keeps neighbours apart.
 * One thread at a time. */
#ifndef DISTILL_PACKER_H
#define DISTILL_PACKER_H

#include "core/error.h"
#include "distill/example.h"
#include "distill/graph.h"

struct packer {
    struct batch batch;
    uint32_t *used;  /* (rows) tokens taken */
    int32_t *tags;   /* (selected) tag of the example each trained token is of */
    uint32_t filled; /* tokens of examples in the batch */
    uint32_t examples;
};

/* `shape.selected` is the most trained tokens a batch may have. */
enum error_code packer_init(struct packer *packer, struct batch_shape shape, struct error *error) WARN_UNUSED;
void packer_deinit(struct packer *packer);
void packer_reset(struct packer *packer);

/* False when no row has room, or there is none for its trained tokens. */
bool packer_add(struct packer *packer, const struct example *example, int32_t tag);

#endif
