/* alike.h - how alike the prompts of one kind are, and their answers: few answers to many prompts are what a small
 * model learns. Texts are sketched (customize/similar.h) and gathered around those seen first; of many only a sample
 * is. Memory: some 33 KB for each kind. One thread. */
#ifndef ADVISE_ALIKE_H
#define ADVISE_ALIKE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

struct alike;
struct alike *alike_new(void); /* NULL: no memory */
void alike_free(struct alike *alike); /* NULL is legal */

/* A request of the kind; data NULL: its prompt or answer is not known. */
void alike_add(struct alike *alike, struct str prompt, struct str answer);

struct alike_facts {
    uint64_t requests, answers; /* requests; those that were looked at with their answer */
    double coverage;  /* share of these whose answer is one of those that came again and again */
    double entropy;   /* of the answers, in bits */
    double kinds;     /* of those that came again and again, as many as 2^entropy of theirs */
    double prompts;   /* of prompts, likewise */
};
void alike_facts(const struct alike *alike, struct alike_facts *facts);

#endif
