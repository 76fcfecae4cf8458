/* ask.h - asks the teacher: a batch job of the tenant's, whose input and output lie in the job's own output. Batch jobs
 * answer and bill each record once whatever dies, read what prompts have in common from the cache, and are the same one
 * when they are made twice with one token; so nothing is asked twice. The runner's thread. */
#ifndef CUSTOMIZE_ASK_H
#define CUSTOMIZE_ASK_H

#include "batch/lines.h"
#include "customize/run.h"

#define ASK_LINE_BYTES_MAX (64u << 20)

struct ask {
    const char *name, *token;    /* of the batch job, before this job's ID */
    const char *input;           /* of the output: FOLDER/NAME.jsonl */
    const char *folder;          /* of the output, with a slash: what the batch job writes is put there */
    struct custom_asked *noted;  /* of the job's progress */
};

/* The teacherModelConfig of the request. */
yyjson_val *ask_teacher_config(const struct custom_run *run);

/* Records of the file `requests` are asked unless a batch job has been noted already; once that has ended, `take` gets
 * the lines of its output. ERROR_NOT_READY: it has not; ERROR_INVALID: it is not Completed. */
enum error_code ask_teacher(struct custom_run *run, const struct ask *ask, const char *requests, line_taker take,
                            void *ctx, struct error *error) WARN_UNUSED;

/* The text of such a line's answer; false: there is none, and `text` says why. */
bool ask_read_answer(yyjson_val *line, struct buf *text);

#endif
