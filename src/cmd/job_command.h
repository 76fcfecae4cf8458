/* job_command.h - what commands about jobs of a running server share: `fulcrum batch` and `fulcrum distill`. */
#ifndef CMD_JOB_COMMAND_H
#define CMD_JOB_COMMAND_H

#include "cmd/api_client.h"
#include "core/json.h"

#define JOB_REPLY_BYTES_MAX ((size_t)64 << 20)
#define JOB_REQUEST_BYTES_MAX (1u << 20)
#define JOB_TARGET_BYTES 4096
#define JOB_POLL_MS 500

struct job_options {
    const char *verb, *job;
    const char *endpoint, *request, *status, *name;
    bool is_json;
};

struct job_command;
struct job_verb {
    const char *name;
    bool takes_job;
    int (*run)(struct job_command *command);
};

/* What differs. */
struct job_kind_words {
    const char *command;  /* "batch" */
    const char *path;     /* of one job, with the slash before its ID: "/model-invocation-job/" */
    const char *create;   /* of the operation that makes one */
    const char *list;     /* ... and lists them, with its first parameter */
    const char *usage;
    const struct job_verb *verbs;
    size_t verb_count;
};

struct job_command {
    const struct job_kind_words *words;
    struct job_options options;
    struct api_client *client;
    struct buf reply;
    yyjson_doc *doc; /* of the reply */
};

/* The whole command; returns its exit status. */
int job_command_main(const struct job_kind_words *words, int argc, char **argv);

/* Asks the server; the reply's document is command->doc, until the next call. */
enum error_code job_call(struct job_command *command, const char *target, struct str body,
                         struct error *error) WARN_UNUSED;
/* About options.job; body data NULL: GET. */
enum error_code job_call_one(struct job_command *command, const char *suffix, struct str body,
                             struct error *error) WARN_UNUSED;
int job_fail(const struct job_command *command, const struct error *error); /* "fulcrum batch show: ..." */

const char *job_member(yyjson_val *job, const char *name); /* "" unless a string */
unsigned long long job_number(yyjson_val *job, const char *name);
const char *job_id_of(yyjson_val *job); /* the end of its jobArn */

/* Verbs that are the same for all. */
int job_print_reply(struct job_command *command);
int job_submit(struct job_command *command);
int job_stop(struct job_command *command);

/* Pages of jobs, each given to `print`. */
int job_list(struct job_command *command, const char *array, const char *header,
             void (*print)(const struct job_command *command, yyjson_val *job));
/* Until one has ended, by the names in `ended` (ends with NULL, the first is the good one). How it is, in one line by
 * `tell`, is rewritten on a terminal, else shown whenever it has changed. */
int job_wait(struct job_command *command, const char *const *ended, const char *reason,
             void (*tell)(yyjson_val *job, bool is_terminal, char *line, size_t cap));

#endif
