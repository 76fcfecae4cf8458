/* prepare.h - a job's first step: its input is found, copied and put in order.
 * Blocks on disk, network and CPU: for a thread of its own. */
#ifndef BATCH_PREPARE_H
#define BATCH_PREPARE_H

#include <stdatomic.h>

#include "batch/input.h"
#include "batch/setup.h"

/* Makes what input_open reads, unless another claim than the one of this fence
 * has made it meanwhile. What a record's body says is not checked here,
 * only that the files are there and within the limits. ERROR_CANCELLED once
 * *is_cancelled is true. Errors that may pass (batch_may_pass) are worth
 * another call; others are the job's end, and *problems lists what is wrong
 * with lines where its form wants all of them to be right. */
enum error_code prepare_input(const struct batch_options *options, const struct batch_job *job, const char *dir,
                              uint64_t fence, const atomic_bool *is_cancelled, struct batch_problems *problems,
                              struct error *error) WARN_UNUSED;

#endif
