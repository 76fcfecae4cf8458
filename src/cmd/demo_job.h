/* demo_job.h - the night's notes of a demo as a batch job: its file is put into the server's object store, the job is
 * made and waited for, its results are read. One thread. */
#ifndef CMD_DEMO_JOB_H
#define CMD_DEMO_JOB_H

#include "cmd/demo_ask.h"

/* ERROR_MODEL: the job did not complete, or a record has no reply. */
enum error_code demo_job_notes(const struct demo_ask *ask, struct error *error) WARN_UNUSED;

#endif
