/* batches.h - Anthropic's batches of messages: jobs of the batch runner. The requests of one come in a body that may be
 * large, so they are an upload (api/upload.h), which is cut into lines where it lies. */
#ifndef API_ANTHROPIC_BATCHES_H
#define API_ANTHROPIC_BATCHES_H

#include "api/call.h"
#include "batch/form.h"

#define ANTHROPIC_BATCH_PREFIX "msgbatch_" /* of IDs */

extern const struct batch_form anthropic_batch_form;

/* The requests of a body as lines, given one by one to `take` (compact, without a line feed). Each has a custom_id of
 * its
 * own and an object of params; what is wrong is ERROR_INVALID, and names the request. *count gets how many they are. */
struct anthropic_requests {
    enum error_code (*take)(void *ctx, struct str line, struct error *error);
    void *ctx;
    size_t count;
};
enum error_code anthropic_split_requests(struct str body, struct anthropic_requests *requests,
                                         struct error *error) WARN_UNUSED;

void anthropic_create_batch(struct api_call *call);
void anthropic_list_batches(struct api_call *call);
void anthropic_get_batch(struct api_call *call);
void anthropic_delete_batch(struct api_call *call);
void anthropic_cancel_batch(struct api_call *call);
void anthropic_get_results(struct api_call *call);

#endif
