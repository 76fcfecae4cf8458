/* provider.h - what the batch APIs of providers differ in: paths, the body that makes a batch, what they say of one, a
 * line of its results. Of kinds openai and anthropic. Pure functions, any thread.
 *
 * Records go there under IDs of ours, JOB-NUMBER, whatever the client called them. OpenAI's batches carry the part's
 * key
 * in their metadata; Anthropic's carry nothing, so one that was made and not told of is known by its size, its time and
 * in the end by the IDs in its results. */
#ifndef BATCH_PROVIDER_H
#define BATCH_PROVIDER_H

#include "batch/job.h"
#include "core/buf.h"
#include "core/json.h"
#include "upstream/config.h"

#define PROVIDER_ID_MAX 128
#define PROVIDER_KEY_MAX 32 /* of a part: "JOB-3" */
#define PROVIDER_PATH_MAX 256
#define PROVIDER_BOUNDARY "fulcrum-batch-part"
#define PROVIDER_UPLOAD_TYPE "multipart/form-data; boundary=" PROVIDER_BOUNDARY

bool provider_has_batches(enum upstream_kind kind);
bool provider_uploads(enum upstream_kind kind); /* its batches are made of a file that goes there before */

/* The text that goes there: of a file's upload, or the body that makes the batch. */
void provider_append_begin(enum upstream_kind kind, struct buf *out);
/* One record: `first` of the text, with the body in the provider's words. */
void provider_append_record(enum upstream_kind kind, struct buf *out, bool is_first, const char *job_id,
                            uint64_t number, struct str body);
void provider_append_end(enum upstream_kind kind, struct buf *out);
/* The body that makes a batch of an uploaded file. */
void provider_append_create(struct buf *out, const char *file, const char *key);

enum provider_path { PROVIDER_UPLOAD, PROVIDER_CREATE, PROVIDER_LIST, PROVIDER_GET, PROVIDER_CANCEL, PROVIDER_RESULTS };
/* `id`: of the batch, of a file for OpenAI's results, or where a list goes on ("": at its beginning). */
void provider_path_of(enum upstream_kind kind, enum provider_path which, const char *id, char path[PROVIDER_PATH_MAX]);

/* What it says of a batch; strings are cut where they are too long, which none is. */
struct provider_batch {
    char id[PROVIDER_ID_MAX], key[PROVIDER_KEY_MAX];
    char files[2][PROVIDER_ID_MAX]; /* of OpenAI's results; "": there is none */
    bool has_ended, has_results;
    uint64_t total;     /* records; 0: not said */
    uint64_t created_s; /* 0: not said */
};
/* False: this is no batch. */
bool provider_read_batch(enum upstream_kind kind, yyjson_val *root, struct provider_batch *batch);

/* A line of the results. The body points into the line's document. */
enum provider_fate {
    PROVIDER_SUCCEEDED,
    PROVIDER_REFUSED, /* the record is at fault: asking again is in vain */
    PROVIDER_UNDONE,  /* expired, cancelled, failed */
};
struct provider_result {
    uint64_t number;
    enum provider_fate fate;
    yyjson_val *body;   /* of PROVIDER_SUCCEEDED */
    struct str message; /* of PROVIDER_REFUSED */
};
/* False: it is no line of this job. */
bool provider_read_result(enum upstream_kind kind, yyjson_val *root, const char *job_id,
                          struct provider_result *result);

#endif
