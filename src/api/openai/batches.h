/* batches.h - OpenAI's batches: jobs of the batch runner whose input and output are files (files.h). */
#ifndef API_OPENAI_BATCHES_H
#define API_OPENAI_BATCHES_H

#include "api/call.h"
#include "batch/form.h"

#define OPENAI_BATCH_PREFIX "batch_" /* of IDs */

extern const struct batch_form openai_batch_form;

extern const struct batch_embed openai_batch_embed; /* embeddings.c has it */

bool openai_batch_serves(struct str endpoint); /* whether records for this path can be computed */

void openai_create_batch(struct api_call *call);
void openai_get_batch(struct api_call *call);
void openai_list_batches(struct api_call *call);
void openai_cancel_batch(struct api_call *call);

#endif
