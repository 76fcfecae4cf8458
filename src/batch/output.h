/* output.h - a job's last step: its results become objects,
 * PREFIX/ID/FILE.jsonl.out per input file and PREFIX/ID/manifest.json.out; those
 * of a batch with files become files (batch_output_id).
 * Blocks on disk and network: for a thread of its own. Doing it again, after a
 * crash, puts the same objects. */
#ifndef BATCH_OUTPUT_H
#define BATCH_OUTPUT_H

#include <stdatomic.h>

#include "batch/input.h"
#include "batch/results.h"
#include "batch/setup.h"

/* Records without a result (of a job that was stopped or ran out of time) are
 * left out, or say so where their form has words for it. ERROR_CANCELLED once *is_cancelled is true; ERROR_CONFLICT
 * when the claim is lost, which is asked before each object; ERROR_DENIED where the
 * store refuses, or has no such bucket any more: somebody can set that right. */
struct output_source {
    const struct batch_options *options;
    const struct batch_job *job;
    struct jobs *store;
    const struct job_claim *claim;
    const char *dir; /* of the job's working files */
    struct input *input;
    struct results *results;
    const atomic_bool *is_cancelled;
    enum batch_missing missing; /* why records have no result, where some have none */
};
enum error_code output_put(const struct output_source *source, struct error *error) WARN_UNUSED;

#endif
