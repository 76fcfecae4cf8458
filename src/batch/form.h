/* form.h - how one API's batches are written: the members of a line, the codec of its bodies, the line that comes of
 * it.
 *
 * Each dialect that has batches gives one table (batch_options.forms); Bedrock's is record.c's own. The rest of this
 * room knows records by their form alone. Pure functions, any thread. */
#ifndef BATCH_FORM_H
#define BATCH_FORM_H

#include "batch/job.h"
#include "chat/codec.h"
#include "core/json.h"

/* Why a record has no result. */
enum batch_missing { BATCH_MISSING_EXPIRED, BATCH_MISSING_STOPPED, BATCH_MISSING_FAILED };

/* Bodies that ask for embeddings, and no reply. */
struct batch_embed {
    enum error_code (*parse)(yyjson_val *root, struct chat_request *request, struct error *error);
    bool (*write)(const struct chat_request *request, struct str model_id, const struct embeddings *made,
                  struct buf *out);
};

struct batch_form {
    const char *dialect;                  /* in the ledger: "bedrock" */
    const char *id_member, *input_member; /* of a line: "recordId", "modelInput" */
    bool echoes_input;  /* the line of the output has the input as well */
    bool names_model;   /* the input says which model it is for, by its member `model` */
    bool owns_input;    /* its input is a file that nobody else knows: it goes when the job ends */
    bool splits_errors; /* what did not succeed has a file of its own; else all have one */
    const char *output_purpose, *output_name; /* of files that it makes: NAME_ID_output.jsonl; NULL: it makes objects */

    const char *(*operation)(const struct batch_job *job);        /* in the ledger */
    const struct codec *(*codec)(const struct batch_job *job);    /* NULL: the model's own, or Converse's */
    const struct batch_embed *(*embed)(const struct batch_job *job); /* NULL, or gives NULL: replies are asked for */
    struct str (*api_version)(const struct batch_job *job);       /* for the request; NULL: the body says it */

    /* False: a job that has such a line fails before anything is computed, for the reason in *problem. NULL: a line
     * that is wrong is an error of its own and no more. */
    bool (*check)(yyjson_val *line, const struct batch_job *job, struct batch_problem *problem);

    /* Members of the output's line: what stands before the ID, with its comma (NULL: nothing); what came of it. */
    void (*append_head)(struct buf *out, const char *request_id);
    bool (*append_output)(struct buf *out, struct str body, const char *request_id);
    bool (*append_error)(struct buf *out, const struct error *error, const char *request_id);
    /* Of a record that has no result; NULL: it has no line. */
    bool (*append_missing)(struct buf *out, enum batch_missing why);
};

extern const struct batch_form batch_bedrock_form;

#endif
