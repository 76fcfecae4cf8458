/* worth.h - what a distillation costs and what it is worth: by the prices of its teacher and its student, and by the
 * requests that the ledger has of late. Waits for the disk: any thread but I/O threads. */
#ifndef CUSTOMIZE_WORTH_H
#define CUSTOMIZE_WORTH_H

#include "customize/customize.h"

#define WORTH_DAYS 30

struct worth {
    uint64_t cost;  /* picodollars, of the teacher's answers at most: what was read from the cache is not known */
    uint64_t seen;  /* requests of the tenant that the teacher answered in the last WORTH_DAYS */
    int64_t saved;  /* by each of them, had the student answered: picodollars, in the mean */
    uint64_t break_even; /* requests after which that is more than the cost; 0: never, or nothing is known */
};

/* The cost alone. */
uint64_t worth_cost(const struct customize_options *options, const struct custom_job *job);
/* All of it; ERROR_NOT_FOUND: its teacher or its base is not served any more. */
enum error_code worth_compute(const struct customize_options *options, const struct custom_job *job,
                              struct worth *worth, struct error *error) WARN_UNUSED;

#endif
