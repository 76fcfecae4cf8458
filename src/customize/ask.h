/* ask.h - asks the teacher: a batch job of the tenant's, whose input and output lie in the job's own output. Batch jobs
 * answer and bill each record once whatever dies, read what prompts have in common from the cache, and are the same one
 * when they are made twice with one token; so nothing is asked twice. The runner's thread. */
#ifndef CUSTOMIZE_ASK_H
#define CUSTOMIZE_ASK_H

#include "customize/content.h"
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

/* What became of a record, by its recordId: the answer, or in its text why there is none. It is the callee's for the
 * call. */
typedef enum error_code answer_taker(void *ctx, struct str record, bool is_there, const struct content *answer,
                                     struct error *error);

/* Records of the file `requests` are asked unless a batch job has been noted already; once that has ended, `take` gets
 * what it has put out. ERROR_NOT_READY: it has not; ERROR_INVALID: it is not Completed. */
enum error_code ask_teacher(struct custom_run *run, const struct ask *ask, const char *requests, answer_taker *take,
                            void *ctx, struct error *error) WARN_UNUSED;

#endif
